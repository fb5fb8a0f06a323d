"""The lowering from quantized operations to those of the accelerator."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, UnregisteredOp, i8, i32
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
)
from xdsl.transforms.dead_code_elimination import is_trivially_dead

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.definitions import dimensions, element_type, shape_of
from sima_mlir.dialects.elements import Array, ElementsAttr, array_values, dense, dense_array
from sima_mlir.dialects.sima import Requantization
from sima_mlir.passes.chains import Chain, absorb_pad, match_chain
from sima_mlir.passes.constants import (
    channel_bias,
    codes_of,
    constant,
    fold_scale,
    multiplication,
    per_channel,
    read,
    refuse_value_errors,
    require_type,
    shifted,
    symmetric_weight,
)
from sima_mlir.passes.diagnostics import LoweringError, Refusal, remark
from sima_mlir.passes.encodings import find_mismatches
from sima_mlir.quantization import (
    FoldedAdd,
    Rounding,
    check_accumulator,
    check_fixed_point_add,
    check_folded_add,
    fixed_point_add,
    fixed_point_constants,
    fold_add,
    fold_requantization,
    mean_multiplier,
    quantize_multiplier,
    scale_ratio,
)

T = TypeVar("T")


@dataclass(frozen=True)
class ConvertQnnToSimaPass(ModulePass):
    """Lowers quantized operations to those of the accelerator, computing their constants.

    A convolution or dense operator with its padding, bias, requantization and clip becomes one
    operation. What has no accelerator form stays in `qnn`, which is an error unless `partial`.
    """

    name = "convert-qnn-to-sima"

    requantization: Literal["sima", "tflite"] = "sima"
    """sima: fold scales into 8-bit weights and a shift; tflite: multiply by an integer, exactly."""

    partial: bool = False
    """Leave what can't be lowered in qnn, with a remark that says why, instead of failing."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrites the module in place.

        Raises `LoweringError` with every qnn operation that is left, unless `partial`.
        """
        lowering = Lowering(ctx, Requantization(self.requantization), find_mismatches(op))
        patterns: list[RewritePattern] = [pattern(lowering) for pattern in PATTERNS]
        applier = GreedyRewritePatternApplier(patterns, dce_enabled=False)
        PatternRewriteWalker(applier, apply_recursively=False).rewrite_module(op)
        remaining = [o for o in op.walk() if is_qnn(o) or o in lowering.misses]
        left = [(o, lowering.reason(o)) for o in remaining]
        if left and not self.partial:
            raise LoweringError([(o, f"cannot be lowered: {reason}") for o, reason in left])
        for o, reason in left:
            remark(ctx, o, f"left in qnn: {reason}" if is_qnn(o) else reason)


@dataclass
class Lowering:
    """What the patterns share: the context, the mode, and why operations were left alone."""

    ctx: Context
    mode: Requantization
    misses: dict[Operation, str] = field(default_factory=dict[Operation, str])

    @property
    def is_tflite(self) -> bool:
        """Whether operations requantize by an integer multiplication."""
        return self.mode is Requantization.TFLITE

    def reason(self, op: Operation) -> str:
        """Returns why an operation was left alone."""
        if op in self.misses:
            return self.misses[op]
        if isinstance(op, qnn.ConvOp | qnn.DenseOp):
            return "its result is not requantized"
        if isinstance(op, qnn.BiasAddOp):
            if isinstance(op.data.owner, qnn.ConvOp | qnn.DenseOp):
                return "its result is not requantized"
            return "its operand is not the result of a convolution or dense operator"
        return "no pattern lowers it"

    def folded(self, op: Operation, fold: Callable[[], T]) -> T | None:
        """Returns folded constants, or `None` where an integer multiplication is to be taken.

        That is so in `tflite` mode, and where the fold does not fit, with a remark that says why.
        """
        if self.is_tflite:
            return None
        try:
            return fold()
        except ValueError as error:
            remark(self.ctx, op, f"does not fold into a shift: {error}")
            return None


@dataclass
class QnnPattern(RewritePattern, ABC):
    """A pattern that replaces operations of one kind, or records why it does not."""

    lowering: Lowering
    root: ClassVar[type[Operation]]

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        """Calls `lower` for the pattern's kind of operation."""
        if not isinstance(op, self.root) or op in self.lowering.misses:
            return
        try:
            self.lower(op, rewriter)
        except Refusal as refusal:
            self.lowering.misses.setdefault(op, str(refusal))

    @abstractmethod
    def lower(self, op: Any, rewriter: PatternRewriter) -> None:
        """Replaces the operation, or raises `Refusal`."""


class LowerRequantize(QnnPattern):
    """Fuses what ends in a requantization.

    [pad →] conv | dense → [bias_add | addi of a constant →] requantize ⇒ sima.conv | sima.dense;
    a requantization of anything else ⇒ sima.requantize.
    """

    root = qnn.RequantizeOp

    def lower(self, op: qnn.RequantizeOp, rewriter: PatternRewriter) -> None:
        """Replaces the requantization and the operations that it fuses with."""
        chain = match_chain(op)
        if chain is None:
            replace(rewriter, op, self._alone(op))
            return
        try:
            new = self._fused(chain)
        except Refusal as refusal:
            self.lowering.misses.setdefault(chain.root, str(refusal))
            reason = f"it ends a '{chain.root.name}' that is not lowered"
            for link in chain.links[1:]:
                self.lowering.misses.setdefault(link, reason)
            raise Refusal(reason) from None
        replace(rewriter, op, new, chain.root)

    def _fused(self, chain: Chain) -> Operation:
        root, result = chain.root, chain.requantize.result
        if root in self.lowering.misses:
            raise Refusal(self.lowering.misses[root])
        for link in chain.links:
            if (users := link.results[0].uses.get_length()) != 1:
                raise Refusal(f"the result of '{link.name}' has {users} users, fusing takes one")
        require_type("its operand", root.data, i8)
        require_type("its requantized result", result, i8)
        if 0 in shape_of(root.weight) + shape_of(result):
            raise Refusal(f"its tensors are empty, its result is {result.type}")
        weight, bias, properties = self._constants(chain)
        if isinstance(root, qnn.DenseOp):
            return sima.DenseOp(root.data, weight, bias, properties, result.type)
        data, padding = absorb_pad(root)
        window = root.conv_window()
        return sima.ConvOp(
            data,
            weight,
            bias,
            properties,
            result.type,
            strides=window.strides,
            padding=padding,
            dilations=window.dilations,
            input_zero_point=root.input_zero_point.value.data,
        )

    def _constants(self, chain: Chain) -> tuple[ElementsAttr, ElementsAttr, dict[str, Attribute]]:
        """Returns weight, bias and the properties of the requantization."""
        root, requantize, ctx = chain.root, chain.requantize, self.lowering.ctx
        source = constant("its weight", root.weight)
        numbers = read(source, ctx)
        weight = symmetric_weight(numbers, root.kernel_zero_point.value.data)
        bias = None if chain.bias is None else channel_bias(chain.bias, ctx)
        arguments = (
            weight,
            bias,
            root.input_zero_point.value.data,
            requantize.input_q.scale,
            np.array([requantize.input_q.zero_point.value.data]),
            requantize.output_q.per_tensor(),
            isinstance(root, qnn.DenseOp),
        )
        folded = self.lowering.folded(root, lambda: fold_requantization(*arguments))
        if folded is not None:
            self._remark_on_zeros(root, weight, folded[0])
            return dense(folded[0]), dense(folded[1]), {"shift": per_channel(folded[2])}
        rounding = requantize.rounding.data
        exact = refuse_value_errors(lambda: fixed_point_constants(*arguments, rounding))
        new_bias = (
            np.zeros(shape_of(root.result)[-1], np.int32) if exact.bias is None else exact.bias
        )
        refuse_value_errors(lambda: check_accumulator(weight, new_bias, arguments[-1]))
        properties = multiplication(
            exact.scale_correction, exact.shift, exact.zero_point_correction, rounding
        )
        return source if weight is numbers else dense(weight), dense(new_bias), properties

    def _remark_on_zeros(self, root: Operation, weight: Array, folded: Array) -> None:
        """Remarks on a fold that leaves nothing of weights which were not all zero."""
        if np.any(weight) and not np.any(folded):
            remark(self.lowering.ctx, root, "every folded weight is 0, its scale is so small")

    def _alone(self, op: qnn.RequantizeOp) -> Operation:
        """A requantization of anything but the result of a convolution or dense operator."""
        output_q, zero_point = op.output_q.per_tensor(), op.input_q.zero_point.value.data

        def fold() -> tuple[int, int, int]:
            if op.input_q.channels > 1 or element_type(op.data) == i32:
                given = f"{op.input_q.channels} of {element_type(op.data)}"
                raise ValueError(
                    f"a shift alone takes one scale of 8- or 16-bit codes, its operand has {given}"
                )
            return fold_scale(op.data, op.result, op.input_q.per_tensor(), output_q, 1)

        folded = self.lowering.folded(op, fold)
        if folded is not None:
            scale, bias, shift = folded
            return sima.RequantizeOp(op.data, bias, shifted(scale, shift), op.result.type)
        if zero_point == -(1 << 31):
            raise Refusal(f"its operand's zero point {zero_point} has no negative in 32 bits")
        ratio = refuse_value_errors(lambda: scale_ratio(op.input_q.scale, output_q.scale))
        constants = refuse_value_errors(lambda: quantize_multiplier(ratio, op.rounding.data))
        properties = multiplication(*constants, output_q.zero_point, op.rounding.data)
        return sima.RequantizeOp(op.data, -zero_point, properties, op.result.type)


class LowerAdd(QnnPattern):
    """qnn.add ⇒ sima.add."""

    root = qnn.AddOp

    def lower(self, op: qnn.AddOp, rewriter: PatternRewriter) -> None:
        """Replaces an addition of int8 codes."""
        require_type("its operand", op.lhs, i8)
        encodings = (op.lhs_q.per_tensor(), op.rhs_q.per_tensor(), op.output_q.per_tensor())

        def fold() -> FoldedAdd:
            constants = fold_add(*encodings)
            check_folded_add(constants, *encodings)
            return constants

        folded = self.lowering.folded(op, fold)
        if folded is not None:
            fields = folded._asdict()
            properties: dict[str, Attribute] = {"shift": IntegerAttr(fields.pop("shift"), i32)}
        else:
            exact = refuse_value_errors(lambda: fixed_point_add(*encodings, op.rounding.data))
            refuse_value_errors(lambda: check_fixed_point_add(exact, *encodings))
            fields = exact._asdict()
            scale, shift = fields.pop("scale"), fields.pop("shift")
            properties = multiplication(
                np.array(scale), np.array(shift), fields.pop("zero_point"), fields.pop("rounding")
            )
        replace(rewriter, op, sima.AddOp(op.lhs, op.rhs, fields, properties, op.result.type))


class LowerMean(QnnPattern):
    """qnn.mean ⇒ sima.mean."""

    root = qnn.MeanOp

    def lower(self, op: qnn.MeanOp, rewriter: PatternRewriter) -> None:
        """Replaces a mean, with the number of elements folded into its constants."""
        input_q, output_q = op.input_q.per_tensor(), op.output_q.per_tensor()
        axes: list[int] = array_values(op.axes).tolist()
        count = math.prod(shape_of(op.data)[axis] for axis in axes)
        folded = self.lowering.folded(
            op, lambda: fold_scale(op.data, op.result, input_q, output_q, count)
        )
        if folded is not None:
            scale, bias, shift = folded
            properties = shifted(scale, shift)
        else:
            least, largest = codes_of(op.data)
            if (largest - least) * count >= 1 << 31:
                raise Refusal(f"the sum of {count} codes does not fit 32 bits")
            bias, rounding = -count * input_q.zero_point, op.rounding.data
            ratio = input_q.scale / output_q.scale
            constants = refuse_value_errors(lambda: mean_multiplier(ratio, count, rounding))
            properties = multiplication(*constants, output_q.zero_point, rounding)
        replace(rewriter, op, sima.MeanOp(op.data, axes, bias, properties, op.result.type))


class LowerAvgPool(QnnPattern):
    """qnn.avg_pool ⇒ sima.avg_pool, for one encoding."""

    root = qnn.AvgPoolOp

    def lower(self, op: qnn.AvgPoolOp, rewriter: PatternRewriter) -> None:
        """Replaces an average whose padding, if any, the accelerator counts too."""
        if op.input_q != op.output_q:
            raise Refusal(f"input_q {op.input_q} and output_q {op.output_q} differ")
        window = op.window(len(op.pool_size))
        if any(window.padding) and op.count_include_pad is None:
            raise Refusal(
                f"padding {dimensions(window.padding)} is left out of the average, and the "
                "accelerator counts it"
            )
        new = sima.AvgPoolOp(
            op.data,
            array_values(op.pool_size).tolist(),
            op.result.type,
            strides=window.strides,
            padding=window.padding,
            input_zero_point=op.output_q.zero_point.value.data,
        )
        replace(rewriter, op, new)


class LowerMaxPool(QnnPattern):
    """qnn.max_pool ⇒ sima.max_pool."""

    root = qnn.MaxPoolOp

    def lower(self, op: qnn.MaxPoolOp, rewriter: PatternRewriter) -> None:
        """Replaces the pool; its window stays as it is."""
        window, sizes = op.window(len(op.pool_size)), array_values(op.pool_size).tolist()
        new = sima.MaxPoolOp(op.data, sizes, strides=window.strides, padding=window.padding)
        replace(rewriter, op, new)


class LowerClip(QnnPattern):
    """[sima.conv | sima.dense | … →] qnn.clip ⇒ the same with a clamp, or sima.clip."""

    root = qnn.ClipOp

    def lower(self, op: qnn.ClipOp, rewriter: PatternRewriter) -> None:
        """Narrows the clamp of the operation before, if nobody else uses its result."""
        low, high = op.min.value.data, op.max.value.data
        producer = op.data.owner
        if not isinstance(producer, sima.RequantizingOperation) or not op.data.has_one_use():
            replace(rewriter, op, sima.ClipOp(op.data, low, high))
            return
        before = producer.clamp_range()
        if before is not None:
            low, high = (max(low, min(limit, high)) for limit in before)
        producer.clamp = dense_array([low, high], i32)
        rewriter.replace(op, [], [op.data])
        rewriter.notify_op_modified(producer)


class LowerPad(QnnPattern):
    """qnn.pad ⇒ sima.pad, which a convolution may absorb later."""

    root = qnn.PadOp

    def lower(self, op: qnn.PadOp, rewriter: PatternRewriter) -> None:
        """Replaces the padding."""
        padding = array_values(op.padding).tolist()
        replace(rewriter, op, sima.PadOp(op.data, padding, op.value.value.data))


class LowerReshape(QnnPattern):
    """qnn.reshape ⇒ sima.reshape."""

    root = qnn.ReshapeOp

    def lower(self, op: qnn.ReshapeOp, rewriter: PatternRewriter) -> None:
        """Replaces the reshape."""
        replace(rewriter, op, sima.ReshapeOp(op.data, shape_of(op.result)))


class LowerSoftmax(QnnPattern):
    """qnn.softmax ⇒ sima.softmax."""

    root = qnn.SoftmaxOp

    def lower(self, op: qnn.SoftmaxOp, rewriter: PatternRewriter) -> None:
        """Replaces the softmax by its integer form."""
        replace(rewriter, op, sima.SoftmaxOp(op.data, op.constants()))


class LowerQuantize(QnnPattern):
    """qnn.quantize ⇒ sima.quantize."""

    root = qnn.QuantizeOp

    def lower(self, op: qnn.QuantizeOp, rewriter: PatternRewriter) -> None:
        """Replaces a quantization at the edge of the network."""
        new = sima.QuantizeOp(
            op.data,
            op.output_q.per_tensor(),
            op.result.type,
            ties_to_even=op.rounding.data is Rounding.FLOAT32,
        )
        replace(rewriter, op, new)


class LowerDequantize(QnnPattern):
    """qnn.dequantize ⇒ sima.dequantize."""

    root = qnn.DequantizeOp

    def lower(self, op: qnn.DequantizeOp, rewriter: PatternRewriter) -> None:
        """Replaces a dequantization at the edge of the network."""
        if op.input_q.channels > 1:
            raise Refusal(f"input_q has {op.input_q.channels} scales, the accelerator takes one")
        if element_type(op.data) == i32:
            raise Refusal("its operand holds i32, the accelerator takes i8, ui8 or i16")
        replace(rewriter, op, sima.DequantizeOp(op.data, op.input_q.per_tensor()))


PATTERNS: tuple[Callable[[Lowering], QnnPattern], ...] = (
    LowerAdd,
    LowerAvgPool,
    LowerClip,
    LowerDequantize,
    LowerMaxPool,
    LowerMean,
    LowerPad,
    LowerQuantize,
    LowerRequantize,
    LowerReshape,
    LowerSoftmax,
)


def is_qnn(op: Operation) -> bool:
    """Whether an operation is of the `qnn` dialect, registered or not."""
    name = op.op_name.data if isinstance(op, UnregisteredOp) else op.name
    return name.startswith("qnn.")


def replace(
    rewriter: PatternRewriter, op: Operation, new: Operation, located: Operation | None = None
) -> None:
    """Replaces an operation by another at the same place, and erases operands left unused."""
    new.location = (located or op).location
    operands = op.operands
    rewriter.replace(op, new)
    for operand in operands:
        erase_unused(rewriter, operand)


def erase_unused(rewriter: PatternRewriter, value: SSAValue) -> None:
    """Erases the producer of a value that nobody uses, and so on for its operands."""
    producer = value.owner
    if not isinstance(producer, Operation) or not is_trivially_dead(producer):
        return
    operands = producer.operands
    rewriter.erase(producer)
    for operand in operands:
        erase_unused(rewriter, operand)
