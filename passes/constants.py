"""Constants between IR and arithmetic: read with a reason for refusing, written as properties."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    IntegerAttr,
    i32,
)
from xdsl.ir import Attribute, Operation, SSAValue

from sima_mlir.dialects import sima
from sima_mlir.dialects.definitions import element_type
from sima_mlir.dialects.elements import Array, ElementsAttr, dense_array, elements
from sima_mlir.dialects.ranges import codes_of, reachable_codes
from sima_mlir.dialects.sima import Requantization, RequantizationAttr
from sima_mlir.passes.diagnostics import Refusal
from sima_mlir.quantization import (
    Quantization,
    Rounding,
    check_folded_scale,
    fold_requantize,
)

T = TypeVar("T")


def constant(what: str, value: SSAValue) -> ElementsAttr:
    """Returns the attribute of a constant tensor; refuses any other value."""
    attribute = value.owner.value if isinstance(value.owner, arith.ConstantOp) else None
    if not isinstance(attribute, DenseIntOrFPElementsAttr | DenseResourceAttr):
        raise Refusal(f"{what} is not a constant", "make it an arith.constant")
    return attribute


def read(attribute: ElementsAttr, ctx: Context) -> Array:
    """Returns the numbers of a constant; refuses one whose data is not there."""
    return refuse_value_errors(lambda: elements(attribute, ctx), "define it in the module")


def symmetric_weight(weight: Array, zero_point: int) -> npt.NDArray[np.int8]:
    """Subtracts the weight's zero point; refuses what then does not fit int8.

    The array itself is returned where nothing is to be done.
    """
    if zero_point == 0 and weight.dtype == np.int8:
        return weight
    centred = weight.astype(np.int16) - zero_point
    wide = centred[(centred < -128) | (centred > 127)]
    if wide.size:
        raise Refusal(
            f"its weight minus kernel_zero_point {zero_point} does not fit 8 bits, got {wide[0]}",
            "quantize the weights symmetrically",
        )
    return centred.astype(np.int8)


def channel_bias(value: SSAValue, ctx: Context) -> Array:
    """Returns a constant bias as one number for each channel (the last axis)."""
    bias = read(constant("its bias", value), ctx)
    rows = bias.reshape(-1, bias.shape[-1])
    if not np.array_equal(rows, np.broadcast_to(rows[:1], rows.shape)):
        reason = "its bias is not the same at every position"
        raise Refusal(reason, "add what differs after the requantization")
    return rows[0]


def require_type(what: str, value: SSAValue, *wanted: Attribute) -> None:
    """Refuses a value whose elements the accelerator does not take there."""
    if (given := element_type(value)) not in wanted:
        reason = f"{what} holds {given}, the accelerator takes {' or '.join(map(str, wanted))}"
        raise Refusal(reason, f"requantize to {wanted[0]}")


def refuse_value_errors(compute: Callable[[], T], remedy: str) -> T:
    """Turns what the arithmetic finds wrong with numbers into a refusal."""
    try:
        return compute()
    except ValueError as error:
        raise Refusal(str(error), remedy) from None


def fold_scale(
    data: SSAValue, result: SSAValue, input_q: Quantization, output_q: Quantization, count: int
) -> tuple[int, int, int]:
    """Returns scale, bias and shift that requantize the mean of `count` codes of `data`.

    Raises `ValueError` where they are not exact enough for the codes of `result`.
    """
    largest = max(abs(code) for code in codes_of(data))
    scale, bias, shift = fold_requantize(input_q, output_q, count=count, largest_code=largest)
    ratio = input_q.scale / output_q.scale / count
    check_folded_scale(scale, shift, ratio, count * largest, codes_of(result))
    return scale, bias, shift


def quote(op: Operation, *names: str) -> dict[str, Attribute]:
    """Returns properties of an operation, as the source of a certificate has them."""
    return {name: op.properties[name] for name in names}


def quote_range(data: SSAValue) -> dict[str, Attribute]:
    """Returns the `input_codes` of an operation whose operand has not all codes of its type."""
    codes = reachable_codes(data)
    return {} if codes == codes_of(data) else {"input_codes": dense_array(codes, i32)}


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
        "scale_correction": per_channel(np.atleast_1d(scale)),
        "shift": per_channel(np.atleast_1d(shift)),
        "zero_point_correction": IntegerAttr(zero_point, i32),
    }
