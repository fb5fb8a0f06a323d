"""gemmlowp's fixed-point arithmetic: int32 numbers, held in int64 arrays.

A number in `Qi.f` has `i` integer and `f = 31 - i` fraction bits. The product of a number in
`Qi` with one in `Qj` is in `Q(i+j)`.

Source: gemmlowp `fixedpoint/fixedpoint.h`.
"""

from __future__ import annotations

import numpy as np

from sima_mlir.quantization.fixed_point import Int64Array, Rounding, fixed_point_multiply

INT32_MAX = (1 << 31) - 1


def high_multiply(a: Int64Array, b: Int64Array | np.int64) -> Int64Array:
    """`SaturatingRoundingDoublingHighMul` for operands that are not both -2**31."""
    product = a * b
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    return (nudged + np.where(nudged < 0, INT32_MAX, 0)) >> 31


def divide_by_power_of_two(values: Int64Array, right: Int64Array | int) -> Int64Array:
    """`RoundingDivideByPOT`: to nearest, ties away from zero."""
    return fixed_point_multiply(values, 1, right, Rounding.AWAY)


def multiply_by_power_of_two(values: Int64Array, left: int) -> Int64Array:
    """`SaturatingRoundingMultiplyByPOT` for a positive exponent."""
    return np.clip(values << left, -INT32_MAX - 1, INT32_MAX)
