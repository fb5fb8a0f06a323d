"""Multiplication of an integer by a real number, as executors of the world do it.

Each `Rounding` names the contract of an executor and is bit-exact with it. A real multiplier is
held as an integer `scale_correction` and a `shift`: `multiplier ~ scale_correction * 2**-shift`.

Sources: TensorFlow Lite Micro `tensorflow/lite/kernels/internal/common.h`, gemmlowp
`fixedpoint/fixedpoint.h`, Apache TVM v0.18 `src/relay/qnn/utils.cc`, the TOSA specification's
`apply_scale_32`, ONNX Runtime's `MlasRequantizeOutput`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

IntArray: TypeAlias = npt.NDArray[np.integer[Any]]
Int64Array: TypeAlias = npt.NDArray[np.int64]
FloatArray: TypeAlias = npt.NDArray[np.float64]

MAX_SHIFT = 62
"""Largest shift of a fixed-point multiplier; an int32 operand shifted further is zero."""


class Rounding(StrEnum):
    """The contract by which an integer is multiplied by a real number.

    With `x` the operand, `m` the 31-bit significand, `s` the shift and `p = x * m`:
    """

    UPWARD = "upward"
    """`(p + 2**(s-1)) >> s`: TVM's `UPWARD` in int64, TOSA and IREE `SINGLE_ROUND`."""

    AWAY = "away"
    """`p / 2**s` to nearest, ties away from zero: TVM's `TONEAREST` in int64."""

    TFLITE = "tflite"
    """gemmlowp's two roundings: LiteRT's reference kernels, CMSIS-NN, TOSA `DOUBLE_ROUND`."""

    RUY = "ruy"
    """gemmlowp's first rounding, then half up: LiteRT's optimised kernels."""

    FLOAT32 = "float32"
    """`rint(float32(x) * float32(multiplier))`, ties to even: ONNX Runtime, XNNPACK, torch."""

    TFLITE16 = "tflite16"
    """A 16-bit significand and one half-up rounding: LiteRT's int16x8 kernels."""


WIDE_ROUNDINGS = (Rounding.TFLITE16, Rounding.AWAY)
"""The contracts that multiply integers of up to 48 bits."""


def code_range(dtype: npt.DTypeLike) -> tuple[int, int]:
    """Returns the least and the largest number of an integer type."""
    bits = 8 * np.dtype(dtype).itemsize
    if np.issubdtype(dtype, np.unsignedinteger):
        return 0, (1 << bits) - 1
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def saturate(values: IntArray, dtype: npt.DTypeLike) -> IntArray:
    """Clamps to the range of the integer type `dtype` and converts to it."""
    low, high = code_range(dtype)
    return np.clip(values, low, high).astype(dtype)


def wrap_int32(values: IntArray) -> Int64Array:
    """Keeps the low 32 bits as two's complement, in int64, as a C cast to `int32_t` does."""
    return values.astype(np.int64).astype(np.int32).astype(np.int64)


def largest_significand(rounding: Rounding) -> int:
    """Returns the largest `scale_correction` of a contract."""
    return {Rounding.FLOAT32: 1 << 24, Rounding.TFLITE16: 0x7FFF}.get(rounding, (1 << 31) - 1)


def scale_ratio(input_scale: npt.ArrayLike, output_scale: float) -> FloatArray:
    """Returns input scales over an output scale, in float64, one for each input scale.

    Raises `ValueError` when a quotient overflows; one that underflows is 0.
    """
    with np.errstate(over="ignore", under="ignore"):
        ratios = np.atleast_1d(np.asarray(input_scale, dtype=np.float64)) / output_scale
    for ratio in ratios[~np.isfinite(ratios)]:
        raise ValueError(f"quotient of the scales must be positive and finite, got {ratio}")
    return ratios


def quantize_multiplier(
    multiplier: npt.ArrayLike, rounding: Rounding
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Returns `(scale_correction, shift)` of each real multiplier under a contract.

    The significand has 31 bits (rounded half away from zero), 24 bits for `float32`, where it is
    exactly the float32 nearest to the multiplier, and 15 bits for `tflite16`. A multiplier so
    small that its shift would pass 62 becomes zero, as in TFLite; for `away`, whose operands may
    have 48 bits, it keeps the bits that the shift of 62 leaves.

    Raises `ValueError` for a multiplier that is negative, not finite, or needs a left shift.
    """
    value = np.asarray(multiplier, dtype=np.float64)
    if not np.all(np.isfinite(value)) or np.any(value < 0):
        raise ValueError(f"multiplier must be finite and not negative, got {_first_bad(value)}")
    significand, shift = _SIGNIFICANDS[rounding](value)
    vanishes = (shift > MAX_SHIFT) | (significand == 0)
    if np.any(~vanishes & (shift < 0)):
        raise ValueError(_needs_left_shift(value, rounding))
    return (
        np.where(vanishes, 0, significand).astype(np.int32),
        np.where(vanishes, 31, shift).astype(np.int32),
    )


def mean_multiplier(
    ratio: float, count: int, rounding: Rounding
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Returns the `(scale_correction, shift)` that turns a sum of `count` codes into their mean.

    It stands for `ratio / count`. Under `tflite` the significand of `ratio` is divided by `count`
    and truncated, with as many more bits as `count` has and the shift allows (TensorFlow
    `tensorflow/lite/kernels/internal/reference/reduce.h`, `QuantizedMeanOrSum`).

    Raises `ValueError` as `quantize_multiplier` does.
    """
    if rounding is not Rounding.TFLITE:
        return quantize_multiplier(ratio / count, rounding)
    scale, shift = (int(constant) for constant in quantize_multiplier(ratio, rounding))
    bits = min(count.bit_length() - 1, MAX_SHIFT - shift)
    return np.asarray((scale << bits) // count, np.int32), np.asarray(shift + bits, np.int32)


def fixed_point_multiply(
    values: IntArray, scale_correction: npt.ArrayLike, shift: npt.ArrayLike, rounding: Rounding
) -> Int64Array:
    """Multiplies integers by `scale_correction * 2**-shift` under a rounding contract.

    `values` is an int32 array, for `tflite16` and `away` one of up to 48 bits; the constants are
    scalars, or one per channel along its last axis. The result is int64, holding an int32 that
    wraps as the executor does; `float32` does not wrap.
    """
    may_be_wide = rounding is Rounding.AWAY and values.itemsize > 4
    is_wide = may_be_wide and np.abs(values).max(initial=0) >= 1 << 31
    multiply = _multiply_wide if is_wide else _MULTIPLY[rounding]
    significand = np.asarray(scale_correction, dtype=np.int64)
    return multiply(values.astype(np.int64), significand, np.asarray(shift, dtype=np.int64))


def _first_bad(value: FloatArray) -> float:
    return float(value[~(np.isfinite(value) & (value >= 0))].flat[0])


def _needs_left_shift(value: FloatArray, rounding: Rounding) -> str:
    bits = {Rounding.FLOAT32: 24, Rounding.TFLITE16: 15}.get(rounding, 31)
    return f"multiplier must be less than 2**{bits}, got {float(value.max())}"


def _significand31(value: FloatArray) -> tuple[Int64Array, Int64Array]:
    fraction, exponent = np.frexp(value)
    significand = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)
    carry = significand == 1 << 31
    return significand >> carry, 31 - (exponent.astype(np.int64) + carry)


def _gradual31(value: FloatArray) -> tuple[Int64Array, Int64Array]:
    significand, shift = _significand31(value)
    excess = np.clip(shift - MAX_SHIFT, 0, MAX_SHIFT)
    return significand >> excess, shift - excess


def _significand24(value: FloatArray) -> tuple[Int64Array, Int64Array]:
    with np.errstate(over="ignore", under="ignore"):
        fraction, exponent = np.frexp(value.astype(np.float32).astype(np.float64))
    if not np.all(np.isfinite(fraction)):
        raise ValueError(_needs_left_shift(value, Rounding.FLOAT32))
    return (fraction * 2.0**24).astype(np.int64), 24 - exponent.astype(np.int64)


def _significand15(value: FloatArray) -> tuple[Int64Array, Int64Array]:
    significand, shift = _significand31(value)
    reduced = np.where(significand >= 0x7FFF0000, 0x7FFF, (significand + (1 << 15)) >> 16)
    return np.where(shift > MAX_SHIFT, 0, reduced), shift - 16


def _half(shift: Int64Array) -> Int64Array:
    return np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)


def _shift_half_up(values: Int64Array, shift: Int64Array) -> Int64Array:
    return (values + _half(shift)) >> shift


def _multiply_upward(values: Int64Array, scale: Int64Array, shift: Int64Array) -> Int64Array:
    return wrap_int32(_shift_half_up(values * scale, shift))


def _multiply_away(values: Int64Array, scale: Int64Array, shift: Int64Array) -> Int64Array:
    product = values * scale
    below = ((product < 0) & (shift > 0)).astype(np.int64)
    return wrap_int32((product + _half(shift) - below) >> shift)


def _multiply_wide(values: Int64Array, scale: Int64Array, shift: Int64Array) -> Int64Array:
    """As `_multiply_away`, in two parts so that int64 holds the products of 48 bits with 31."""
    size, half = np.abs(values), _half(shift)
    low = (size & 0xFFFFFF) * scale
    high = (size >> 24) * scale + (low >> 24)
    large = (high + (half >> 24)) >> np.maximum(shift - 24, 0)
    small = (high << np.maximum(24 - shift, 0)) + (((low & 0xFFFFFF) + half) >> shift)
    return wrap_int32(np.sign(values) * np.where(shift > 24, large, small))


def _doubling_high_multiply(
    values: Int64Array, scale: Int64Array, shift: Int64Array
) -> tuple[Int64Array, Int64Array]:
    """Returns gemmlowp's `SaturatingRoundingDoublingHighMul` and the right shift that is left."""
    product = wrap_int32(values << np.maximum(31 - shift, 0)) * scale
    product += 1 << 30  # its nudge and division towards zero make this for either sign
    return product >> 31, np.maximum(shift - 31, 0)


def _multiply_tflite(values: Int64Array, scale: Int64Array, shift: Int64Array) -> Int64Array:
    high, right = _doubling_high_multiply(values, scale, shift)
    below = ((high < 0) & (right > 0)).astype(np.int64)
    return (high + _half(right) - below) >> right


def _multiply_ruy(values: Int64Array, scale: Int64Array, shift: Int64Array) -> Int64Array:
    return _shift_half_up(*_doubling_high_multiply(values, scale, shift))


def _multiply_float32(values: Int64Array, scale: Int64Array, shift: Int64Array) -> Int64Array:
    multiplier = np.ldexp(scale.astype(np.float32), -shift)
    return np.rint(values.astype(np.float32) * multiplier).astype(np.int64)


_SIGNIFICANDS: dict[Rounding, Callable[[FloatArray], tuple[Int64Array, Int64Array]]] = {
    Rounding.UPWARD: _significand31,
    Rounding.AWAY: _gradual31,
    Rounding.TFLITE: _significand31,
    Rounding.RUY: _significand31,
    Rounding.FLOAT32: _significand24,
    Rounding.TFLITE16: _significand15,
}

_MULTIPLY: dict[Rounding, Callable[[Int64Array, Int64Array, Int64Array], Int64Array]] = {
    Rounding.UPWARD: _multiply_upward,
    Rounding.AWAY: _multiply_away,
    Rounding.TFLITE: _multiply_tflite,
    Rounding.RUY: _multiply_ruy,
    Rounding.FLOAT32: _multiply_float32,
    Rounding.TFLITE16: _multiply_upward,
}
