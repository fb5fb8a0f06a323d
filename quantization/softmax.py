"""TFLite's 8-bit softmax in 32-bit fixed-point arithmetic.

Sources: TensorFlow Lite Micro `tensorflow/lite/kernels/internal/reference/softmax.h` and
`quantization_util.cc`; gemmlowp `fixedpoint/fixedpoint.h`, whose notation `Qi.f` is used.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sima_mlir.quantization.fixed_point import Int64Array, IntArray, code_range
from sima_mlir.quantization.gemmlowp import (
    INT32_MAX,
    divide_by_power_of_two,
    high_multiply,
    multiply_by_power_of_two,
)

_INPUT_INTEGER_BITS = 5
_SUM_INTEGER_BITS = 12

_EXP_TABLE = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)
"""`(k, exp(-2**k) in Q0.31)`."""


class SoftmaxConstants(NamedTuple):
    """How a difference of codes becomes a `Q5.26` number: `diff * scale * 2**(shift - 31)`."""

    scale: int
    """31-bit significand of `beta * input scale * 2**26`."""
    left_shift: int
    """Left shift that goes with it."""
    least_difference: int
    """A code further than this below the row's largest counts as zero."""


def softmax_constants(input_scale: float, beta: float = 1.0) -> SoftmaxConstants:
    """Returns the integer constants of `softmax` for codes of a given scale.

    Raises `ValueError` when `beta * input_scale` is less than `2**-26`, which TFLite refuses.
    """
    multiplier = min(beta * input_scale * 2.0 ** (31 - _INPUT_INTEGER_BITS), float(INT32_MAX))
    if not multiplier >= 1:
        raise ValueError(f"scale times beta must be at least 2**-26, got {beta * input_scale}")
    fraction, exponent = np.frexp(multiplier)
    significand, left_shift = int(np.floor(fraction * 2.0**31 + 0.5)), int(exponent)
    if significand == 1 << 31:
        significand, left_shift = significand >> 1, left_shift + 1
    radius = ((1 << _INPUT_INTEGER_BITS) - 1) * 2.0 ** (31 - _INPUT_INTEGER_BITS - left_shift)
    return SoftmaxConstants(significand, left_shift, -int(np.floor(radius)))


def softmax(data: IntArray, constants: SoftmaxConstants, dtype: npt.DTypeLike) -> IntArray:
    """Computes softmax along the last axis; the result has scale 1/256 and the least code as 0.

    `data` holds 8-bit codes and `dtype` is int8 or uint8. Every step is 32-bit integer
    arithmetic, bit-exact with LiteRT's reference kernel.
    """
    low, high = code_range(dtype)
    difference = data.astype(np.int64) - data.max(axis=-1, keepdims=True)
    counts = difference >= constants.least_difference
    scaled = high_multiply(difference << constants.left_shift, np.int64(constants.scale))
    exponential = np.where(counts, _exp_of_negative(np.where(counts, scaled, 0)), 0)
    total = divide_by_power_of_two(exponential, _SUM_INTEGER_BITS).sum(axis=-1, keepdims=True)
    reciprocal, bits_over_unit = _reciprocal(total)
    right = bits_over_unit + 31 - 8
    quotient = divide_by_power_of_two(high_multiply(reciprocal, exponential), right)
    return np.where(counts, np.clip(quotient + low, low, high), low).astype(dtype)


def _exp_of_negative(values: Int64Array) -> Int64Array:
    """Returns `exp(x)` in Q0.31 for x <= 0 in Q5.26."""
    fraction_bits = 31 - _INPUT_INTEGER_BITS
    quarter = np.int64(1) << (fraction_bits - 2)
    near_zero = (values & (quarter - 1)) - quarter
    result = _exp_near_zero(multiply_by_power_of_two(near_zero, _INPUT_INTEGER_BITS))
    remainder = near_zero - values
    for exponent, factor in _EXP_TABLE:
        bit = np.int64(1) << (fraction_bits + exponent)
        result = np.where(remainder & bit, high_multiply(result, np.int64(factor)), result)
    return np.where(values == 0, INT32_MAX, result)


def _exp_near_zero(values: Int64Array) -> Int64Array:
    """Returns `exp(x)` for x in [-1/4, 0), both in Q0.31, by a Taylor series around -1/8."""
    exp_of_eighth, third = np.int64(1895147668), np.int64(715827883)
    x = values + (1 << 28)
    x2 = high_multiply(x, x)
    x3 = high_multiply(x2, x)
    quarter_x4 = divide_by_power_of_two(high_multiply(x2, x2), 2)
    tail = divide_by_power_of_two(high_multiply(quarter_x4 + x3, third) + x2, 1)
    return exp_of_eighth + high_multiply(x + tail, exp_of_eighth)


def _reciprocal(total: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Returns `2**k / total` in Q0.31 and `k`, for a positive total in Q12.19."""
    headroom = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    normalised = (total << headroom) - (np.int64(1) << 31)
    return _one_over_one_plus(normalised), _SUM_INTEGER_BITS - headroom


def _one_over_one_plus(values: Int64Array) -> Int64Array:
    """Returns `1 / (1 + x)` for x in [0, 1), both in Q0.31, by three Newton-Raphson steps."""
    forty_eight_over_17, minus_32_over_17 = 1515870810, np.int64(-1010580540)
    half_denominator = (values + INT32_MAX + 1) >> 1
    x = forty_eight_over_17 + high_multiply(half_denominator, minus_32_over_17)
    for _ in range(3):
        rest = (1 << 29) - high_multiply(half_denominator, x)
        x = x + multiply_by_power_of_two(high_multiply(x, rest), 2)
    return multiply_by_power_of_two(x, 1)
