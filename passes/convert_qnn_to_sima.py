"""The lowering from quantized operations to those of the accelerator."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    IntegerAttr,
    ModuleOp,
    i8,
    i32,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue
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
from sima_mlir.dialects.elements import (
    Array,
    ElementsAttr,
    array_values,
    dense,
    dense_array,
    dtype_of,
    elements,
)
from sima_mlir.dialects.sima import Requantization, RequantizationAttr
from sima_mlir.passes.diagnostics import LoweringError, remark
from sima_mlir.passes.encodings import find_mismatches
from sima_mlir.quantization import (
    Rounding,
    code_range,
    fixed_point_add,
    fixed_point_constants,
    fold_add,
    fold_requantization,
    fold_requantize,
    mean_multiplier,
    quantize_multiplier,
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
        left = [(o, lowering.reason(o)) for o in op.walk() if o.dialect_name() == "qnn"]
        if left and not self.partial:
            raise LoweringError([(o, f"cannot be lowered: {reason}") for o, reason in left])
        for remaining, reason in left:
            remark(ctx, remaining, f"left in qnn: {reason}")


class Refusal(Exception):
    """A guard that does not hold; the message is the reason, for people."""


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
        if isinstance(op, qnn.BiasAddOp) and not isinstance(
            op.data.owner, qnn.ConvOp | qnn.DenseOp
        ):
            return "its operand is not the result of a convolution or dense operator"
        return "its result is not requantized"


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


class Chain(NamedTuple):
    """A convolution or dense operator with what follows it, up to its requantization."""

    root: qnn.ConvOp | qnn.DenseOp
    bias: SSAValue | None
    links: Sequence[Operation]
    """The operations before the requantization, the root first."""
    requantize: qnn.RequantizeOp


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
            for link in chain.links:
                self.lowering.misses.setdefault(link, str(refusal))
            raise
        replace(rewriter, op, new, chain.root)

    def _fused(self, chain: Chain) -> Operation:
        root = chain.root
        if root in self.lowering.misses:
            raise Refusal(self.lowering.misses[root])
        for link in chain.links:
            if (users := link.results[0].uses.get_length()) != 1:
                raise Refusal(f"the result of '{link.name}' has {users} users, fusing takes one")
        require_type("its operand", root.data, i8)
        require_type("its requantized result", chain.requantize.result, i8)
        weight, bias, properties = self._constants(chain)
        result_type = chain.requantize.result.type
        if isinstance(root, qnn.DenseOp):
            return sima.DenseOp(root.data, weight, bias, properties, result_type)
        data, padding = absorb_pad(root)
        return sima.ConvOp(
            data,
            weight,
            bias,
            properties,
            result_type,
            strides=root.conv_window().strides,
            padding=padding,
            dilations=root.conv_window().dilations,
            input_zero_point=root.input_zero_point.value.data,
        )

    def _constants(self, chain: Chain) -> tuple[ElementsAttr, ElementsAttr, dict[str, Attribute]]:
        """Returns weight, bias and the properties of the requantization."""
        root, requantize = chain.root, chain.requantize
        source = constant("its weight", root.weight)
        weight = symmetric_weight(
            read(source, self.lowering.ctx), root.kernel_zero_point.value.data
        )
        bias = None if chain.bias is None else channel_bias(chain.bias, self.lowering.ctx)
        zero_point = root.input_zero_point.value.data
        product_q, output_q = requantize.input_q, requantize.output_q.per_tensor()
        product = product_q.scale, np.array([product_q.zero_point.value.data])
        is_dense = isinstance(root, qnn.DenseOp)
        if not self.lowering.is_tflite:
            folded, new_bias, shift = refuse_value_errors(
                lambda: fold_requantization(weight, bias, zero_point, *product, output_q, is_dense)
            )
            return dense(folded), dense(new_bias), {"shift": per_channel(shift)}
        rounding = requantize.rounding.data
        constants = refuse_value_errors(
            lambda: fixed_point_constants(
                weight, bias, zero_point, *product, output_q, is_dense, rounding
            )
        )
        channels = shape_of(root.result)[-1]
        new_bias = np.zeros(channels, np.int32) if constants.bias is None else constants.bias
        kept = source if root.kernel_zero_point.value.data == 0 else dense(weight)
        return (
            kept,
            dense(new_bias),
            multiplication(
                constants.scale_correction,
                constants.shift,
                constants.zero_point_correction,
                rounding,
            ),
        )

    def _alone(self, op: qnn.RequantizeOp) -> Operation:
        output_q = op.output_q.per_tensor()
        bias = -op.input_q.zero_point.value.data
        if self.lowering.is_tflite or element_type(op.data) == i32 or op.input_q.channels > 1:
            ratio = op.input_q.scale / output_q.scale
            scale, shift = refuse_value_errors(lambda: quantize_multiplier(ratio, op.rounding.data))
            properties = multiplication(scale, shift, output_q.zero_point, op.rounding.data)
        else:
            scale, bias, shift = refuse_value_errors(
                lambda: fold_requantize(
                    op.input_q.per_tensor(), output_q, largest_code=largest_code(op.data)
                )
            )
            properties = shifted(scale, shift)
        return sima.RequantizeOp(op.data, bias, properties, op.result.type)


class LowerAdd(QnnPattern):
    """qnn.add ⇒ sima.add."""

    root = qnn.AddOp

    def lower(self, op: qnn.AddOp, rewriter: PatternRewriter) -> None:
        """Replaces an addition of int8 codes."""
        require_type("its operand", op.lhs, i8)
        encodings = (op.lhs_q.per_tensor(), op.rhs_q.per_tensor(), op.output_q.per_tensor())
        properties: dict[str, Attribute]
        if self.lowering.is_tflite:
            exact = refuse_value_errors(lambda: fixed_point_add(*encodings, op.rounding.data))
            fields = exact._asdict()
            properties = multiplication(
                np.array([fields.pop("scale")]),
                np.array([fields.pop("shift")]),
                fields.pop("zero_point"),
                fields.pop("rounding"),
            )
        else:
            fields = refuse_value_errors(lambda: fold_add(*encodings))._asdict()
            properties = {"shift": IntegerAttr(fields.pop("shift"), i32)}
        replace(rewriter, op, sima.AddOp(op.lhs, op.rhs, fields, properties, op.result.type))


class LowerMean(QnnPattern):
    """qnn.mean ⇒ sima.mean."""

    root = qnn.MeanOp

    def lower(self, op: qnn.MeanOp, rewriter: PatternRewriter) -> None:
        """Replaces a mean, with the number of elements folded into its constants."""
        input_q, output_q = op.input_q.per_tensor(), op.output_q.per_tensor()
        axes: list[int] = array_values(op.axes).tolist()
        count = math.prod(shape_of(op.data)[axis] for axis in axes)
        if self.lowering.is_tflite:
            bias, rounding = -count * input_q.zero_point, op.rounding.data
            ratio = input_q.scale / output_q.scale
            scale, shift = refuse_value_errors(lambda: mean_multiplier(ratio, count, rounding))
            properties = multiplication(
                np.atleast_1d(scale), np.atleast_1d(shift), output_q.zero_point, rounding
            )
        else:
            scale, bias, shift = refuse_value_errors(
                lambda: fold_requantize(
                    input_q, output_q, count=count, largest_code=largest_code(op.data)
                )
            )
            properties = shifted(scale, shift)
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
            count_include_pad=op.count_include_pad is not None,
            input_zero_point=op.output_q.zero_point.value.data,
        )
        replace(rewriter, op, new)


class LowerMaxPool(QnnPattern):
    """qnn.max_pool ⇒ sima.max_pool."""

    root = qnn.MaxPoolOp

    def lower(self, op: qnn.MaxPoolOp, rewriter: PatternRewriter) -> None:
        """Replaces the pool; its window stays as it is."""
        window, sizes = op.window(len(op.pool_size)), array_values(op.pool_size).tolist()
        new = sima.MaxPoolOp(
            op.data, sizes, op.result.type, strides=window.strides, padding=window.padding
        )
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
            low, high = (min(max(limit, before[0]), before[1]) for limit in (low, high))
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


def match_chain(requantize: qnn.RequantizeOp) -> Chain | None:
    """Returns the convolution or dense operator that a requantization ends, if there is one."""
    addition = requantize.data.owner
    if isinstance(addition, qnn.BiasAddOp):
        accumulator, bias = addition.data, addition.bias
    elif isinstance(addition, arith.AddiOp):
        accumulator, bias = addition.lhs, addition.rhs
        if isinstance(accumulator.owner, arith.ConstantOp):
            accumulator, bias = bias, accumulator
    else:
        accumulator, bias = requantize.data, None
    root = accumulator.owner
    if not isinstance(root, qnn.ConvOp | qnn.DenseOp):
        return None
    links = [root] if isinstance(addition, Block) or bias is None else [root, addition]
    return Chain(root, bias, links, requantize)


def absorb_pad(root: qnn.ConvOp) -> tuple[SSAValue, Sequence[int]]:
    """Returns the operand and the padding of a convolution with a pad before it folded in.

    Only a pad of the spatial axes with the input's zero point, the value that the convolution's
    own padding reads.
    """
    padding = root.conv_window().padding
    pad = root.data.owner
    if not isinstance(pad, sima.PadOp) or pad.value.value.data != root.input_zero_point.value.data:
        return root.data, padding
    before, after = np.split(array_values(pad.padding), 2)
    if before[0] or before[-1] or after[0] or after[-1]:
        return root.data, padding
    return pad.data, (np.concatenate([before[1:-1], after[1:-1]]) + padding).tolist()


def constant(what: str, value: SSAValue) -> ElementsAttr:
    """Returns the attribute of a constant tensor; refuses any other value."""
    attribute = value.owner.value if isinstance(value.owner, arith.ConstantOp) else None
    if not isinstance(attribute, DenseIntOrFPElementsAttr | DenseResourceAttr):
        raise Refusal(f"{what} is not a constant")
    return attribute


def read(attribute: ElementsAttr, ctx: Context) -> Array:
    """Returns the numbers of a constant; refuses one whose data is not there."""
    return refuse_value_errors(lambda: elements(attribute, ctx))


def symmetric_weight(weight: Array, zero_point: int) -> npt.NDArray[np.int8]:
    """Subtracts the weight's zero point; refuses what then does not fit int8."""
    if zero_point == 0 and weight.dtype == np.int8:
        return weight
    centred = weight.astype(np.int16) - zero_point
    wide = centred[(centred < -128) | (centred > 127)]
    if wide.size:
        raise Refusal(
            f"its weight minus kernel_zero_point {zero_point} does not fit 8 bits, got {wide[0]}"
        )
    return centred.astype(np.int8)


def channel_bias(value: SSAValue, ctx: Context) -> Array:
    """Returns a constant bias as one number for each channel (the last axis)."""
    bias = read(constant("its bias", value), ctx)
    rows = bias.reshape(-1, bias.shape[-1])
    if not np.array_equal(rows, np.broadcast_to(rows[:1], rows.shape)):
        raise Refusal("its bias is not the same at every position")
    return rows[0]


def require_type(what: str, value: SSAValue, wanted: Attribute) -> None:
    """Refuses a value whose elements the accelerator does not take there."""
    if (given := element_type(value)) != wanted:
        raise Refusal(f"{what} holds {given}, the accelerator takes {wanted}")


def largest_code(value: SSAValue) -> int:
    """Returns the largest magnitude of a code of a value."""
    return max(abs(code) for code in code_range(dtype_of(element_type(value))))


def refuse_value_errors(compute: Callable[[], T]) -> T:
    """Turns what the arithmetic finds wrong with numbers into a refusal."""
    try:
        return compute()
    except ValueError as error:
        raise Refusal(str(error)) from None


def per_channel(values: Array) -> Attribute:
    """Returns an i32 for one value, `array<i32: …>` for one per channel."""
    return IntegerAttr(int(values[0]), i32) if len(values) == 1 else dense_array(values, i32)


def shifted(scale: int, shift: int) -> dict[str, Attribute]:
    """Returns the properties of a `sima` requantization with a scale of its own."""
    return {"scale_correction": IntegerAttr(scale, i32), "shift": IntegerAttr(shift, i32)}


def multiplication(
    scale: Array, shift: Array, zero_point: int, rounding: Rounding
) -> dict[str, Attribute]:
    """Returns the properties of a `tflite` requantization."""
    return {
        "requantization": RequantizationAttr(Requantization.TFLITE),
        "rounding": sima.RoundingAttr(rounding),
        "scale_correction": per_channel(scale),
        "shift": per_channel(shift),
        "zero_point_correction": IntegerAttr(zero_point, i32),
    }


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
