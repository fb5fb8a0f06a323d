"""Codes brought from one encoding to another by an operation of their own."""

from __future__ import annotations

from typing import NamedTuple

from xdsl.dialects.builtin import i32
from xdsl.ir import Attribute, Operation, SSAValue

from sima_mlir.dialects import sima
from sima_mlir.dialects.definitions import element_type, shape_of
from sima_mlir.dialects.elements import tensor_type
from sima_mlir.dialects.qnn import QuantizationAttr, RoundingAttr
from sima_mlir.passes.constants import (
    fold_scale,
    multiplication,
    quote_range,
    refuse_value_errors,
    shifted,
)
from sima_mlir.passes.diagnostics import Refusal
from sima_mlir.passes.lowering import Form, Lowering
from sima_mlir.quantization import quantize_multiplier, scale_ratio

LARGER_SCALE = "choose a larger output scale"


class Rescaling(NamedTuple):
    """Integers that are to be brought to the encoding of a result, under a contract."""

    data: SSAValue
    input_q: QuantizationAttr
    output_q: QuantizationAttr
    rounding: RoundingAttr
    result: SSAValue
    """What they become, or become a part of."""


def requantized_alone(
    lowering: Lowering, op: Operation, rescaling: Rescaling
) -> sima.RequantizingOperation:
    """Returns the operation that rescales integers, in the form that the lowering chooses.

    `op` is the operation of the source that wants it. Raises `Refusal` when no form is exact
    enough, or the constants of the exact one do not exist.
    """
    data, input_q, target, rounding, result = rescaling
    output_q, zero_point = target.per_tensor(), input_q.zero_point.value.data
    source: dict[str, Attribute] = {"input_q": input_q, "output_q": target, "rounding": rounding}
    source |= quote_range(data)
    result_type = tensor_type(shape_of(data), element_type(result))

    def folded() -> Form:
        if input_q.channels > 1 or element_type(data) == i32:
            given = f"{input_q.channels} of {element_type(data)}"
            raise ValueError(
                f"a shift alone takes one scale of 8- or 16-bit codes, its operand has {given}"
            )
        scale, bias, shift = fold_scale(data, result, input_q.per_tensor(), output_q, 1)
        return Form(sima.RequantizeOp(data, bias, shifted(scale, shift), result_type), source)

    def exact() -> Form:
        if zero_point == -(1 << 31):
            reason = f"its operand's zero point {zero_point} has no negative in 32 bits"
            raise Refusal(reason, "choose another zero point")
        ratio = refuse_value_errors(
            lambda: scale_ratio(input_q.scale, output_q.scale), LARGER_SCALE
        )
        constants = refuse_value_errors(
            lambda: quantize_multiplier(ratio, rounding.data), LARGER_SCALE
        )
        properties = multiplication(*constants, output_q.zero_point, rounding.data)
        return Form(sima.RequantizeOp(data, -zero_point, properties, result_type), source)

    return lowering.choose(op, folded, exact)
