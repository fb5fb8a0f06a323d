"""The lowering of products of two tensors, of which neither is constant."""

from __future__ import annotations

from xdsl.dialects.builtin import i8
from xdsl.ir import Attribute
from xdsl.pattern_rewriter import PatternRewriter

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.ranges import codes_of
from sima_mlir.passes.constants import (
    multiplication,
    quote,
    refuse_value_errors,
    require_type,
    shifted,
)
from sima_mlir.passes.diagnostics import Refusal
from sima_mlir.passes.lowering import Form
from sima_mlir.passes.patterns import QnnPattern
from sima_mlir.passes.rescaling import LARGER_SCALE
from sima_mlir.quantization import (
    check_folded_scale,
    fold_requantize,
    product_sum_range,
    quantize_multiplier,
    scale_ratio,
)


class LowerBatchMatmul(QnnPattern):
    """qnn.batch_matmul → qnn.requantize ⇒ sima.batch_matmul."""

    root = qnn.RequantizeOp

    def lower(self, op: qnn.RequantizeOp, rewriter: PatternRewriter) -> None:
        """Replaces a requantization of accumulators that a product of two tensors gives."""
        product = op.data.owner
        if not isinstance(product, qnn.BatchMatmulOp):
            return
        try:
            new = self._fused(product, op)
        except Refusal as refusal:
            self.lowering.refuse(product, refusal)
            reason = f"it ends a '{product.name}' that is not lowered"
            raise Refusal(reason, f"see '{product.name}'") from None
        self.replace(rewriter, op, new, [product])

    def _fused(
        self, product: qnn.BatchMatmulOp, requantize: qnn.RequantizeOp
    ) -> sima.RequantizingOperation:
        self._check(product, requantize)
        input_q, output_q = requantize.input_q, requantize.output_q.per_tensor()
        zero_points = product.lhs_zero_point.value.data, product.rhs_zero_point.value.data
        codes = codes_of(product.lhs), codes_of(product.rhs)
        low, high = product_sum_range(product.inner_size(), *zip(codes, zero_points, strict=True))
        if low < -(1 << 31) or high >= 1 << 31:
            reason = f"a sum of {product.inner_size()} products does not fit 32 bits"
            raise Refusal(reason, "split it into several operations")
        quoted = quote(requantize, "input_q", "output_q", "rounding")
        quoted |= quote(product, "lhs_zero_point", "rhs_zero_point")

        def form(bias: int, properties: dict[str, Attribute]) -> Form:
            new = sima.BatchMatmulOp(
                product.lhs,
                product.rhs,
                zero_points,
                bias,
                properties,
                requantize.result.type,
                transpose_rhs=product.transpose_rhs is not None,
            )
            return Form(new, quoted)

        def folded() -> Form:
            if input_q.channels > 1:
                raise ValueError(f"a shift alone takes one scale, it has {input_q.channels}")
            largest = max(high, -low)
            scale, bias, shift = fold_requantize(
                input_q.per_tensor(), output_q, largest_code=largest
            )
            ratio = input_q.per_tensor().scale / output_q.scale
            check_folded_scale(scale, shift, ratio, largest, codes_of(requantize.result))
            return form(bias, shifted(scale, shift))

        def exact() -> Form:
            bias = -input_q.zero_point.value.data
            if low + bias < -(1 << 31) or high + bias >= 1 << 31:
                reason = f"a sum less its zero point {-bias} does not fit 32 bits"
                raise Refusal(reason, "choose a zero point that is nearer to zero")
            ratio = refuse_value_errors(
                lambda: scale_ratio(input_q.scale, output_q.scale), LARGER_SCALE
            )
            rounding = requantize.rounding.data
            constants = refuse_value_errors(
                lambda: quantize_multiplier(ratio, rounding), LARGER_SCALE
            )
            return form(bias, multiplication(*constants, output_q.zero_point, rounding))

        return self.lowering.choose(product, folded, exact)

    def _check(self, product: qnn.BatchMatmulOp, requantize: qnn.RequantizeOp) -> None:
        """Refuses what cannot become one operation on int8 codes."""
        if product in self.lowering.misses:
            raise self.lowering.misses[product]
        if (users := product.result.uses.get_length()) != 1:
            reason = f"the result of '{product.name}' has {users} users, fusing takes one"
            raise Refusal(reason, "give each user a copy of it")
        require_type("its left operand", product.lhs, i8)
        require_type("its right operand", product.rhs, i8)
        require_type("its requantized result", requantize.result, i8)
