"""Constants and arithmetic of quantized element-wise addition, subtraction and multiplication.

A subtraction has the constants of an addition, and `sign` -1: the right operand is subtracted
where it is added otherwise.

Sources: TensorFlow Lite Micro `tensorflow/lite/kernels/internal/reference/add.h` and
`kernels/add.cc`, TensorFlow Lite `tensorflow/lite/kernels/mul.cc`; Apache TVM v0.18
`src/relay/qnn/op/add.cc` and `mul.cc`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sima_mlir.quantization.fixed_point import (
    IntArray,
    Rounding,
    fixed_point_multiply,
    quantize_multiplier,
    saturate,
)
from sima_mlir.quantization.parameters import Quantization
from sima_mlir.quantization.rescaling import rescale
from sima_mlir.quantization.target import DEFAULT_TARGET, Target

ADD_ROUNDINGS = (Rounding.UPWARD, Rounding.AWAY, Rounding.TFLITE)
"""The contracts that define an addition and a multiplication in integers."""

_TFLITE_LEFT_SHIFTS = {1: 20, 2: 15}
"""By how many bits TFLite moves codes of so many bytes up before it scales them."""

_LARGEST_ERROR = 0.5
"""How many output steps an integer scale may be off at most, before the rounding."""


class FixedPointAdd(NamedTuple):
    """Constants of an addition by three fixed-point multiplications.

    With `mul` the multiplication of a rounding contract:

        a = mul((lhs - lhs_zero_point) << left_shift, lhs_scale, lhs_shift)
        b = mul((rhs - rhs_zero_point) << left_shift, rhs_scale, rhs_shift)
        out = saturate(mul(a + b, scale, shift) + zero_point)
    """

    left_shift: int
    lhs_zero_point: int
    lhs_scale: int
    lhs_shift: int
    rhs_zero_point: int
    rhs_scale: int
    rhs_shift: int
    scale: int
    shift: int
    zero_point: int
    rounding: Rounding


class FoldedAdd(NamedTuple):
    """Constants of an addition with one rounding.

    out = saturate((lhs * lhs_scale + rhs * rhs_scale + bias + 2**(shift-1)) >> shift)
    """

    lhs_scale: int
    rhs_scale: int
    bias: int
    shift: int


def fixed_point_add(
    lhs_q: Quantization,
    rhs_q: Quantization,
    output_q: Quantization,
    rounding: Rounding,
    dtype: npt.DTypeLike = np.int8,
) -> FixedPointAdd:
    """Returns the constants of an addition of codes of `dtype` under a rounding contract.

    `tflite` brings both operands to twice the larger scale with 20 more bits, 15 for codes of 16
    bits, adds, and rescales the sum. `upward` and `away` are Relay's: each operand is requantized
    to the output's scale and the results are added.

    Raises `ValueError` for a contract that defines no addition in integers.
    """
    _check_rounding(rounding)
    if rounding is Rounding.TFLITE:
        left_shift = _TFLITE_LEFT_SHIFTS[np.dtype(dtype).itemsize]
        common = 2 * max(lhs_q.scale, rhs_q.scale)
        output = common / ((1 << left_shift) * output_q.scale)
    else:
        left_shift, common, output = 0, output_q.scale, 1.0
    ratios = [lhs_q.scale / common, rhs_q.scale / common, output]
    scales, shifts = quantize_multiplier(ratios, rounding)
    return FixedPointAdd(
        left_shift=left_shift,
        lhs_zero_point=lhs_q.zero_point,
        lhs_scale=int(scales[0]),
        lhs_shift=int(shifts[0]),
        rhs_zero_point=rhs_q.zero_point,
        rhs_scale=int(scales[1]),
        rhs_shift=int(shifts[1]),
        scale=int(scales[2]),
        shift=int(shifts[2]),
        zero_point=output_q.zero_point,
        rounding=rounding,
    )


def add_fixed_point(
    lhs: IntArray,
    rhs: IntArray,
    constants: FixedPointAdd,
    dtype: npt.DTypeLike,
    *,
    sign: int = 1,
) -> IntArray:
    """Adds two integer arrays as `FixedPointAdd` says and saturates to `dtype`."""
    c = constants
    left = (lhs.astype(np.int64) - c.lhs_zero_point) << c.left_shift
    right = (rhs.astype(np.int64) - c.rhs_zero_point) << c.left_shift
    total = fixed_point_multiply(left, c.lhs_scale, c.lhs_shift, c.rounding)
    total = total + sign * fixed_point_multiply(right, c.rhs_scale, c.rhs_shift, c.rounding)
    return rescale(total, c.scale, c.shift, c.rounding, c.zero_point, dtype)


def fold_add(
    lhs_q: Quantization,
    rhs_q: Quantization,
    output_q: Quantization,
    target: Target = DEFAULT_TARGET,
    *,
    sign: int = 1,
) -> FoldedAdd:
    """Returns integer scales, a bias and a shift that add two 8-bit codes with one rounding.

    The shift is the largest, up to `Target.max_shift`, at which both scales fit
    `Target.scale_bits`; it is also the shift at which they are most exact.

    Raises `ValueError` when a ratio of scales is too large for any shift.
    """
    ratios = np.array([lhs_q.scale / output_q.scale, rhs_q.scale / output_q.scale])
    shift = _largest_shift(float(ratios.max()), (1 << (target.scale_bits - 1)) - 1, target)
    lhs_scale, rhs_scale = (int(s) for s in np.floor(np.ldexp(ratios, shift) + 0.5))
    zero = lhs_scale * lhs_q.zero_point + sign * rhs_scale * rhs_q.zero_point
    return FoldedAdd(lhs_scale, rhs_scale, (output_q.zero_point << shift) - zero, shift)


def add_folded(
    lhs: IntArray,
    rhs: IntArray,
    constants: FoldedAdd,
    dtype: npt.DTypeLike,
    *,
    sign: int = 1,
) -> IntArray:
    """Adds two integer arrays as `FoldedAdd` says and saturates to `dtype`."""
    c = constants
    right = sign * rhs.astype(np.int64) * c.rhs_scale
    total = lhs.astype(np.int64) * c.lhs_scale + right + c.bias
    return saturate(fixed_point_multiply(total, 1, c.shift, Rounding.UPWARD), dtype)


def product_ratio(
    lhs_q: Quantization, rhs_q: Quantization, output_q: Quantization, rounding: Rounding
) -> float:
    """Returns the real number by which a rounding contract multiplies a product of codes.

        out = saturate(mul((lhs - lhs_zero_point) * (rhs - rhs_zero_point), ratio) + zero_point)

    with `mul` the multiplication of the contract. It stands for the product of the operands'
    scales over the output's. The executors hold scales in float32: each is rounded to it, and so
    is the product. `tflite` divides in float32 too; `upward` and `away`, Relay's, in float64.

    Raises `ValueError` for a contract that defines no multiplication in integers, and when the
    quotient overflows or the output's scale vanishes in float32; one that underflows is 0.
    """
    _check_rounding(rounding)
    with np.errstate(all="ignore"):
        lhs, rhs, output = np.array([lhs_q.scale, rhs_q.scale, output_q.scale]).astype(np.float32)
        precision = np.float32 if rounding is Rounding.TFLITE else np.float64
        ratio = float(precision(lhs * rhs) / precision(output))
    if not math.isfinite(ratio):
        raise ValueError(f"quotient of the scales must be positive and finite, got {ratio}")
    return ratio


def product_sum_range(count: int, *operands: tuple[tuple[int, int], int]) -> tuple[int, int]:
    """Returns the least and the largest sum of `count` products of two codes.

    An operand is its codes, the least and the largest, and its zero point, which is subtracted
    from each code.
    """
    lhs, rhs = ([code - zero for code in codes] for codes, zero in operands)
    corners = [a * b for a in lhs for b in rhs]
    return count * min(corners), count * max(corners)


def fold_requantize(
    input_q: Quantization,
    output_q: Quantization,
    target: Target = DEFAULT_TARGET,
    *,
    count: int = 1,
    largest_code: int = 1 << 15,
) -> tuple[int, int, int]:
    """Returns `(scale, bias, shift)` that requantize the mean of `count` codes.

        saturate((x * scale + bias + 2**(shift-1)) >> shift)

    with `x` the sum of the codes. The shift is the largest at which the scale fits
    `Target.scale_bits` and, for codes of magnitude up to `largest_code`, the accumulator fits
    `Target.accumulator_bits`.

    Raises `ValueError` when the ratio of scales is too large for any shift, or no accumulator
    fits.
    """
    ratio = input_q.scale / (output_q.scale * count)
    largest = _largest_shift(ratio, (1 << (target.scale_bits - 1)) - 1, target)
    for shift in range(largest, -1, -1):
        scale = int(np.floor(np.ldexp(ratio, shift) + 0.5))
        bias = (output_q.zero_point << shift) - scale * count * input_q.zero_point
        worst = count * largest_code * scale + abs(bias) + (1 << shift >> 1)
        if worst < 1 << (target.accumulator_bits - 1):
            return scale, bias, shift
    raise ValueError(f"accumulator of {count} codes must fit {target.accumulator_bits} bits")


def check_fixed_point_add(
    constants: FixedPointAdd, lhs_q: Quantization, rhs_q: Quantization, output_q: Quantization
) -> None:
    """Checks that the operands of an addition, brought to the output's scale, fit 32 bits.

    Raises `ValueError` when 8-bit codes exist whose sum does not. With a `left_shift` operands
    have a scale of their own, at which they fit.
    """
    reach = 255 * (lhs_q.scale + rhs_q.scale) / output_q.scale
    if constants.left_shift == 0 and reach >= 1 << 31:
        raise ValueError(f"its sum does not fit 32 bits, it reaches {reach:.6g}")


def check_folded_add(
    constants: FoldedAdd, lhs_q: Quantization, rhs_q: Quantization, output_q: Quantization
) -> None:
    """Checks that the integer scales of an addition do for all pairs of 8-bit codes.

    Raises `ValueError` when a sum is off by more than half a step before it is rounded. Two large
    operands may cancel, so that what saturates alone counts too.
    """
    error = 0.0
    for scale, encoding in ((constants.lhs_scale, lhs_q), (constants.rhs_scale, rhs_q)):
        distance = abs(math.ldexp(scale, -constants.shift) - encoding.scale / output_q.scale)
        error += distance * (128 + abs(encoding.zero_point))
    if error > _LARGEST_ERROR:
        raise ValueError(f"its scales must be right to half an output step, got {error:.3g}")


def check_folded_scale(
    scale: int, shift: int, ratio: float, largest: int, output_codes: tuple[int, int]
) -> None:
    """Checks that `scale * 2**-shift` does for `ratio`, on integers of magnitude up to `largest`.

    Raises `ValueError` when a result between the least and the largest of `output_codes` is off
    by more than half a step before it is rounded.
    """
    saturates = (output_codes[1] - output_codes[0]) / ratio if ratio else math.inf
    error = abs(math.ldexp(scale, -shift) - ratio) * min(2 * largest, saturates)
    if error > _LARGEST_ERROR:
        raise ValueError(
            f"scale {scale} * 2**-{shift} must be right to half an output step, got {error:.3g}"
        )


def _check_rounding(rounding: Rounding) -> None:
    if rounding not in ADD_ROUNDINGS:
        raise ValueError(f"rounding must be one of {', '.join(ADD_ROUNDINGS)}, got {rounding}")


def _largest_shift(ratio: float, limit: int, target: Target) -> int:
    """Returns the largest shift at which the rounded ratio is at most `limit`."""
    for shift in range(target.max_shift, -1, -1):
        if ratio < math.ldexp(limit + 0.5, -shift):
            return shift
    raise ValueError(f"ratio of scales must be less than {limit + 0.5}, got {ratio:.6g}")
