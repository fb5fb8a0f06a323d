"""The lowering from quantized operations to those of the accelerator."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, UnregisteredOp, i8, i16, i32, i64
from xdsl.ir import Attribute, Block, Operation
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
)

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.definitions import dimensions, element_type, shape_of
from sima_mlir.dialects.elements import Array, ElementsAttr, array_values, dense, dense_array
from sima_mlir.dialects.pointwise import PointwiseOperation
from sima_mlir.dialects.ranges import codes_of
from sima_mlir.passes.bases import LoweringOptions
from sima_mlir.passes.chains import (
    Chain,
    absorb_pad,
    check_conv,
    check_conv_transpose,
    match_chain,
)
from sima_mlir.passes.constants import (
    channel_bias,
    constant,
    fold_scale,
    multiplication,
    per_channel,
    quote,
    quote_range,
    read,
    refuse_value_errors,
    require_type,
    shifted,
    symmetric_weight,
)
from sima_mlir.passes.diagnostics import (
    Finding,
    LoweringError,
    Refusal,
    RemarkKind,
    remark,
    wants_passed,
)
from sima_mlir.passes.encodings import find_mismatches
from sima_mlir.passes.lowering import Form, Lowering
from sima_mlir.passes.patterns import QnnPattern
from sima_mlir.passes.patterns_matmul import LowerBatchMatmul
from sima_mlir.passes.patterns_moves import (
    LowerConcatenate,
    LowerMove,
    check_pool,
    nonzero_pads,
)
from sima_mlir.passes.rescaling import LARGER_SCALE, Rescaling, requantized_alone
from sima_mlir.passes.weights import WeightRounder
from sima_mlir.quantization import (
    DEFAULT_TARGET,
    WIDE_TARGET,
    Layer,
    Quantization,
    Rounding,
    check_accumulator,
    check_fixed_point_add,
    check_folded_add,
    fixed_point_add,
    fixed_point_constants,
    fold_add,
    fold_requantize,
    mean_multiplier,
    product_ratio,
    quantize_multiplier,
)
from sima_mlir.quantization.weight_rounding import WeightRounding

LARGEST_PRODUCT = 255 * 255
"""The largest product of two differences of 8-bit codes."""


@dataclass(frozen=True)
class ConvertQnnToSimaPass(LoweringOptions):
    """Lowers quantized operations to those of the accelerator, computing their constants.

    A convolution or dense operator with its padding, bias, requantization and clip becomes one
    operation. What has no accelerator form stays in `qnn`, which is an error unless `partial`.
    """

    name = "convert-qnn-to-sima"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrites the module in place.

        Raises `LoweringError` with every qnn operation that is left, unless `partial`.
        """
        lowering = Lowering(ctx, self.requantization, self._budget(), self._rounder(ctx, op))
        for reader, reason in find_mismatches(op).items():
            lowering.refuse(reader, Refusal(reason, "put a qnn.requantize between the two"))
        for pad, refusal in nonzero_pads(op):
            lowering.refuse(pad, refusal)
        lowering.on_host.update(_on_host(op))
        source = list(op.walk())
        patterns: list[RewritePattern] = [pattern(lowering) for pattern in PATTERNS]
        applier = GreedyRewritePatternApplier(patterns, dce_enabled=False)
        PatternRewriteWalker(applier, apply_recursively=False).rewrite_module(op)
        left = self._left(lowering, op)
        done = list(lowering.findings(source)) if wants_passed(ctx) else []
        remarks = lowering.notes + done
        _remark_in_order(ctx, source, remarks + left if self.partial else remarks)
        if left and not self.partial:
            raise LoweringError(left)
        if self.certify:
            lowering.certify()

    def _budget(self) -> int | None:
        if self.max_error is None and self.requantization == "auto":
            return 1
        return self.max_error

    def _rounder(self, ctx: Context, module: ModuleOp) -> WeightRounder:
        """Returns the strategy for weights, which may have to see what the network computes."""
        strategy = WeightRounding(self.weight_rounding)
        if strategy is not WeightRounding.SECOND_MOMENT or self.requantization == "tflite":
            return WeightRounder(strategy)
        from sima_mlir.passes.calibration import calibrate  # costs start-up time

        return calibrate(ctx, module, self.calibration)

    def _left(self, lowering: Lowering, module: ModuleOp) -> list[Finding]:
        """Returns why each operation that was not lowered is left."""
        kind = RemarkKind.MISSED if self.partial else RemarkKind.FAILURE
        findings: list[Finding] = []
        for op in module.walk():
            if op in lowering.on_host or (not is_qnn(op) and op not in lowering.misses):
                continue
            refusal = lowering.reason(op)
            said = "left in qnn" if self.partial else "cannot be lowered"
            prefix = f"{said}: " if is_qnn(op) or not self.partial else ""
            message = f"{prefix}{refusal.reason}; {refusal.remedy}"
            details = {"reason": refusal.reason, "remedy": refusal.remedy}
            findings.append(Finding(kind, op, message, details))
        return findings


def _on_host(module: ModuleOp) -> Iterator[Operation]:
    """Yields the operations of functions that are for the host."""
    for function in module.ops:
        if sima.HOST_ATTRIBUTE in function.attributes:
            yield from function.walk()


def _remark_in_order(
    ctx: Context, source: Sequence[Operation], findings: Sequence[Finding]
) -> None:
    """Remarks on operations in the order in which the source had them."""
    place = {op: number for number, op in enumerate(source)}
    for finding in sorted(findings, key=lambda finding: place[finding.operation]):
        remark(ctx, finding)


class LowerRequantize(QnnPattern):
    """Fuses what ends in a requantization.

    [pad →] conv | conv_transpose | dense → [bias_add | addi of a constant →] requantize ⇒
    sima.conv | sima.conv_transpose | sima.dense;
    a requantization of anything else ⇒ sima.requantize.
    """

    root = qnn.RequantizeOp

    def lower(self, op: qnn.RequantizeOp, rewriter: PatternRewriter) -> None:
        """Replaces the requantization and the operations that it fuses with."""
        chain = match_chain(op)
        if chain is None:
            if element_type(op.data) == i64:
                reason = (
                    "its operand holds i64, and is not the sum of a convolution or dense operator"
                )
                raise Refusal(reason, "requantize from i32")
            rescaling = Rescaling(op.data, op.input_q, op.output_q, op.rounding, op.result)
            self.replace(rewriter, op, requantized_alone(self.lowering, op, rescaling))
            return
        try:
            new = self._fused(chain)
        except Refusal as refusal:
            self.lowering.refuse(chain.root, refusal)
            remedy = f"see '{chain.root.name}'"
            for link in chain.links[1:]:
                reason = f"it is the bias of a '{chain.root.name}' that is not lowered"
                self.lowering.refuse(link, Refusal(reason, remedy))
            reason = f"it ends a '{chain.root.name}' that is not lowered"
            raise Refusal(reason, remedy) from None
        absorbed = chain.root.data.owner
        self.replace(rewriter, op, new, chain.links)
        if isinstance(absorbed, sima.PadOp) and new.operands[0] is not absorbed.result:
            self.lowering.replaced[absorbed] = new

    def _fused(self, chain: Chain) -> Operation:
        root, result = chain.root, chain.requantize.result
        if root in self.lowering.misses:
            raise self.lowering.misses[root]
        if isinstance(root, qnn.ConvTransposeOp):
            check_conv_transpose(root)
        if isinstance(root, qnn.ConvOp):
            check_conv(root)
        for link in chain.links:
            if (users := link.results[0].uses.get_length()) != 1:
                reason = f"the result of '{link.name}' has {users} users, fusing takes one"
                raise Refusal(reason, "give each user a copy of it")
        require_type("its operand", root.data, i8, i16)
        require_type("its requantized result", result, element_type(root.data))
        if element_type(root.data) == i8 and element_type(root.result) == i64:
            reason = "its accumulators hold i64, the accelerator takes i32 for codes of i8"
            raise Refusal(reason, "accumulate in i32")
        if 0 in shape_of(root.weight) + shape_of(result):
            reason = f"its tensors are empty, its result is {result.type}"
            raise Refusal(reason, "take it out of the network")
        source = constant("its weight", root.weight)
        numbers = read(source, self.lowering.ctx)
        weight = symmetric_weight(numbers, root.kernel_zero_point.value.data)
        written = source if weight is numbers else dense(weight)
        bias = None if chain.bias is None else channel_bias(chain.bias, self.lowering.ctx)
        layer = Layer(
            weight,
            bias,
            root.input_zero_point.value.data,
            chain.requantize.input_q.scale,
            np.array([chain.requantize.input_q.zero_point.value.data]),
            chain.requantize.output_q.per_tensor(),
            isinstance(root, qnn.DenseOp),
        )
        quoted = self._source(chain, bias)

        def folded() -> Form:
            if element_type(root.data) == i16:
                raise ValueError("weights of 8 bits are too coarse for results of i16")
            constants = self.lowering.rounder.constants(root, layer)
            properties: dict[str, Attribute] = {"shift": per_channel(constants[2])}
            new = self._operation(chain, dense(constants[0]), constants[1], properties)
            return Form(new, quoted | {"weight": written})

        def exact() -> Form:
            bias, properties = self._exact(layer, chain)
            return Form(self._operation(chain, written, bias, properties), quoted)

        new = self.lowering.choose(root, folded, exact)
        self._note_rounding(root, weight, new)
        return new

    def _note_rounding(
        self, root: Operation, weight: Array, new: sima.RequantizingOperation
    ) -> None:
        """Remarks on weights rounded in another way, or to 0 although they were not."""
        if not isinstance(new, sima.WeightedOperation) or new.is_tflite:
            return
        if (note := self.lowering.rounder.notes.get(root)) is not None:
            self.lowering.note(root, note)
        if not np.any(read(new.weight, self.lowering.ctx)) and np.any(weight):
            self.lowering.note(root, "every folded weight is 0, its scale is so small")

    def _source(self, chain: Chain, bias: Array | None) -> dict[str, Attribute]:
        """Returns what a certificate quotes of a chain, but for the weight."""
        root, requantize = chain.root, chain.requantize
        source = quote(requantize, "input_q", "output_q", "rounding")
        source |= quote(root, "input_zero_point") | quote_range(root.data)
        return source if bias is None else source | {"bias": dense(bias)}

    def _exact(self, layer: Layer, chain: Chain) -> tuple[Array, dict[str, Attribute]]:
        """Returns bias and properties of a requantization by an integer multiplication."""
        rounding, largest_code = chain.requantize.rounding.data, -codes_of(chain.root.data)[0]
        is_wide = element_type(chain.root.result) == i64
        target = WIDE_TARGET if is_wide else DEFAULT_TARGET
        exact = refuse_value_errors(
            lambda: fixed_point_constants(*layer, rounding, target),
            "take smaller biases or a larger output scale",
        )
        bias = exact.bias
        if bias is None:
            bias = np.zeros(
                len(layer.weight) if layer.is_dense else math.prod(layer.weight.shape[-2:]),
                np.int64 if is_wide else np.int32,
            )
        refuse_value_errors(
            lambda: check_accumulator(layer.weight, bias, layer.is_dense, target, largest_code),
            "split the sum into several operations",
        )
        properties = multiplication(
            exact.scale_correction, exact.shift, exact.zero_point_correction, rounding
        )
        return bias, properties

    def _operation(
        self, chain: Chain, weight: ElementsAttr, bias: Array, properties: dict[str, Attribute]
    ) -> sima.WeightedOperation:
        root = chain.root
        constants = weight, dense(bias), properties, chain.requantize.result.type
        zero_point = root.input_zero_point.value.data
        if isinstance(root, qnn.ConvTransposeOp):
            rank = len(shape_of(root.data)) - 2
            return sima.ConvTransposeOp(
                root.data,
                *constants,
                strides=root.window(rank).strides,
                padding=root.window(rank).padding,
                output_padding=root.added(rank),
                input_zero_point=zero_point,
            )
        if not isinstance(root, qnn.ConvOp):
            return sima.DenseOp(root.data, *constants)
        data, padding = absorb_pad(root)
        window = root.conv_window()
        return sima.ConvOp(
            data,
            *constants,
            strides=window.strides,
            padding=padding,
            dilations=window.dilations,
            input_zero_point=zero_point,
        )


class LowerSum(QnnPattern):
    """qnn.add ⇒ sima.add, qnn.subtract ⇒ sima.subtract."""

    root = (qnn.AddOp, qnn.SubtractOp)

    def lower(self, op: qnn.AddOp | qnn.SubtractOp, rewriter: PatternRewriter) -> None:
        """Replaces a sum or a difference of int8 codes."""
        require_type("its operand", op.lhs, i8)
        is_sum = isinstance(op, qnn.AddOp)
        target, sign = (sima.AddOp, 1) if is_sum else (sima.SubtractOp, -1)
        encodings = (op.lhs_q.per_tensor(), op.rhs_q.per_tensor(), op.output_q.per_tensor())
        source = quote(op, "lhs_q", "rhs_q", "output_q", "rounding")

        def folded() -> Form:
            constants = fold_add(*encodings, sign=sign)
            check_folded_add(constants, *encodings)
            fields = constants._asdict()
            shift: dict[str, Attribute] = {"shift": IntegerAttr(fields.pop("shift"), i32)}
            return Form(target(op.lhs, op.rhs, fields, shift, op.result.type), source)

        def exact() -> Form:
            constants = refuse_value_errors(
                lambda: fixed_point_add(*encodings, op.rounding.data), LARGER_SCALE
            )
            refuse_value_errors(lambda: check_fixed_point_add(constants, *encodings), LARGER_SCALE)
            fields = constants._asdict()
            properties = multiplication(
                np.array(fields.pop("scale")),
                np.array(fields.pop("shift")),
                fields.pop("zero_point"),
                fields.pop("rounding"),
            )
            return Form(target(op.lhs, op.rhs, fields, properties, op.result.type), source)

        self.replace(rewriter, op, self.lowering.choose(op, folded, exact))


class LowerPointwise(QnnPattern):
    """qnn.sigmoid, qnn.tanh, … ⇒ sima.lut of the function's table."""

    root = PointwiseOperation

    def lower(self, op: PointwiseOperation, rewriter: PatternRewriter) -> None:
        """Replaces a function of int8 codes."""
        require_type("its operand", op.data, i8)
        self.replace(rewriter, op, sima.LutOp(op.data, dense(op.table())))


class LowerMean(QnnPattern):
    """qnn.mean ⇒ sima.mean."""

    root = qnn.MeanOp

    def lower(self, op: qnn.MeanOp, rewriter: PatternRewriter) -> None:
        """Replaces a mean, with the number of elements folded into its constants."""
        input_q, output_q = op.input_q.per_tensor(), op.output_q.per_tensor()
        axes: list[int] = array_values(op.axes).tolist()
        count = math.prod(shape_of(op.data)[axis] for axis in axes)
        source = quote(op, "input_q", "output_q", "rounding") | quote_range(op.data)

        def folded() -> Form:
            scale, bias, shift = fold_scale(op.data, op.result, input_q, output_q, count)
            new = sima.MeanOp(op.data, axes, bias, shifted(scale, shift), op.result.type)
            return Form(new, source)

        def exact() -> Form:
            least, largest = codes_of(op.data)
            if (largest - least) * count >= 1 << 31:
                reason = f"the sum of {count} codes does not fit 32 bits"
                raise Refusal(reason, "average over one axis after the other")
            rounding = op.rounding.data
            ratio = input_q.scale / output_q.scale
            constants = refuse_value_errors(
                lambda: mean_multiplier(ratio, count, rounding), LARGER_SCALE
            )
            properties = multiplication(*constants, output_q.zero_point, rounding)
            bias = -count * input_q.zero_point
            return Form(sima.MeanOp(op.data, axes, bias, properties, op.result.type), source)

        self.replace(rewriter, op, self.lowering.choose(op, folded, exact))


class LowerAvgPool(QnnPattern):
    """qnn.avg_pool ⇒ sima.avg_pool, for one encoding."""

    root = qnn.AvgPoolOp

    def lower(self, op: qnn.AvgPoolOp, rewriter: PatternRewriter) -> None:
        """Replaces an average whose padding, if any, the accelerator counts too."""
        check_pool(op)
        if op.input_q != op.output_q:
            reason = f"input_q {op.input_q} and output_q {op.output_q} differ"
            raise Refusal(reason, "average in one encoding, and put a qnn.requantize after it")
        window = op.window(len(op.pool_size))
        if any(window.padding) and op.count_include_pad is None:
            raise Refusal(
                f"padding {dimensions(window.padding)} is left out of the average, and the "
                "accelerator counts it",
                "take count_include_pad, or a window without padding",
            )
        new = sima.AvgPoolOp(
            op.data,
            array_values(op.pool_size).tolist(),
            op.result.type,
            strides=window.strides,
            padding=window.padding,
            input_zero_point=op.output_q.zero_point.value.data,
        )
        self.replace(rewriter, op, new)


class LowerClip(QnnPattern):
    """[sima.conv | sima.dense | … →] qnn.clip ⇒ the same with a clamp, or sima.clip.

    sima.lut → qnn.clip ⇒ sima.lut with a clamped table.
    """

    root = qnn.ClipOp

    def lower(self, op: qnn.ClipOp, rewriter: PatternRewriter) -> None:
        """Narrows the clamp of the operation before, if nobody else uses its result."""
        low, high = op.min.value.data, op.max.value.data
        producer = op.data.owner
        if not op.data.has_one_use() or not self._clamped(producer, low, high):
            self.replace(rewriter, op, sima.ClipOp(op.data, low, high))
            return
        self.lowering.absorb(op, producer)
        rewriter.replace(op, [], [op.data])
        rewriter.notify_op_modified(producer)

    def _clamped(self, producer: Operation | Block, low: int, high: int) -> TypeGuard[Operation]:
        """Clamps the results of an operation that this lowering made, and says if it could."""
        if isinstance(producer, sima.LutOp) and producer in self.lowering.roots:
            table = read(producer.table, self.lowering.ctx)
            producer.table = dense(np.clip(table, low, high))
            return True
        if not isinstance(producer, sima.RequantizingOperation):
            return False
        if producer not in self.lowering.forms:
            return False
        before = producer.clamp_range()
        if before is not None:
            low, high = (max(low, min(limit, high)) for limit in before)
        producer.clamp = dense_array([low, high], i32)
        return True


class LowerMul(QnnPattern):
    """qnn.mul ⇒ sima.mul."""

    root = qnn.MulOp

    def lower(self, op: qnn.MulOp, rewriter: PatternRewriter) -> None:
        """Replaces a multiplication of int8 codes."""
        require_type("its operand", op.lhs, i8)
        lhs_q, rhs_q, output_q = (q.per_tensor() for q in (op.lhs_q, op.rhs_q, op.output_q))
        rounding = op.rounding.data
        ratio = refuse_value_errors(
            lambda: product_ratio(lhs_q, rhs_q, output_q, rounding), LARGER_SCALE
        )
        fields = {"lhs_zero_point": lhs_q.zero_point, "rhs_zero_point": rhs_q.zero_point}
        source = quote(op, "lhs_q", "rhs_q", "output_q", "rounding")

        def form(constants: dict[str, int], properties: dict[str, Attribute]) -> Form:
            new = sima.MulOp(op.lhs, op.rhs, fields | constants, properties, op.result.type)
            return Form(new, source)

        def folded() -> Form:
            to = Quantization(1.0, output_q.zero_point)
            largest = LARGEST_PRODUCT
            scale, bias, shift = fold_requantize(Quantization(ratio, 0), to, largest_code=largest)
            return form({"bias": bias}, shifted(scale, shift))

        def exact() -> Form:
            constants = refuse_value_errors(
                lambda: quantize_multiplier(ratio, rounding), LARGER_SCALE
            )
            return form({}, multiplication(*constants, output_q.zero_point, rounding))

        self.replace(rewriter, op, self.lowering.choose(op, folded, exact))


class LowerSoftmax(QnnPattern):
    """qnn.softmax ⇒ sima.softmax."""

    root = qnn.SoftmaxOp

    def lower(self, op: qnn.SoftmaxOp, rewriter: PatternRewriter) -> None:
        """Replaces the softmax by its integer form."""
        self.replace(rewriter, op, sima.SoftmaxOp(op.data, op.constants()))


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
        self.replace(rewriter, op, new)


class LowerDequantize(QnnPattern):
    """qnn.dequantize ⇒ sima.dequantize."""

    root = qnn.DequantizeOp

    def lower(self, op: qnn.DequantizeOp, rewriter: PatternRewriter) -> None:
        """Replaces a dequantization at the edge of the network."""
        if op.input_q.channels > 1:
            reason = f"input_q has {op.input_q.channels} scales, the accelerator takes one"
            raise Refusal(reason, "requantize to one scale first")
        if element_type(op.data) == i32:
            reason = "its operand holds i32, the accelerator takes i8, ui8 or i16"
            raise Refusal(reason, "requantize to 8 or 16 bits first")
        self.replace(rewriter, op, sima.DequantizeOp(op.data, op.input_q.per_tensor()))


PATTERNS: tuple[Callable[[Lowering], QnnPattern], ...] = (
    LowerAvgPool,
    LowerBatchMatmul,
    LowerClip,
    LowerConcatenate,
    LowerDequantize,
    LowerMean,
    LowerMove,
    LowerMul,
    LowerPointwise,
    LowerQuantize,
    LowerRequantize,
    LowerSoftmax,
    LowerSum,
)


def is_qnn(op: Operation) -> bool:
    """Whether an operation is of the `qnn` dialect, registered or not."""
    name = op.op_name.data if isinstance(op, UnregisteredOp) else op.name
    return name.startswith("qnn.")
