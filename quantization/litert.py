"""Functions of 8-bit codes as LiteRT's reference kernels compute them.

Those on float32 give the numbers from which LiteRT makes a table. Each step is the nearest float32,
which is what a correctly rounded math library gives. Those on centred codes, `q - zero_point`
in int64, give results before the saturation, and are in integers but for the constants.

Sources: LiteRT 2.3 `tflite/kernels/activations.cc`, `elementwise.cc` and
`tflite/kernels/internal/reference/{gelu,hard_swish,leaky_relu,prelu}.h`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sima_mlir.quantization.fixed_point import (
    FloatArray,
    Int64Array,
    Rounding,
    fixed_point_multiply,
    quantize_multiplier,
)
from sima_mlir.quantization.gemmlowp import (
    INT32_MAX,
    divide_by_power_of_two,
    high_multiply,
    multiply_by_power_of_two,
)
from sima_mlir.quantization.parameters import Quantization

Single: TypeAlias = npt.NDArray[np.float32]

_SQRT_HALF = np.float32(math.sqrt(0.5))
_SQRT_2_OVER_PI = np.float32(math.sqrt(2 / math.pi))
_RSQRT_BITS = 20


def nearest_single(function: Callable[[FloatArray], FloatArray], x: Single) -> Single:
    """Returns the float32 nearest to a function that is computed in float64."""
    return function(x.astype(np.float64)).astype(np.float32)


def erfc(x: FloatArray) -> FloatArray:
    """Returns the complementary error function."""
    return np.array([math.erfc(number) for number in x.tolist()])


def sigmoid(x: Single) -> Single:
    """Returns `1 / (1 + exp(-x))`."""
    return np.float32(1) / (np.float32(1) + exp(-x))


def tanh(x: Single) -> Single:
    """Returns the hyperbolic tangent."""
    return nearest_single(np.tanh, x)


def exp(x: Single) -> Single:
    """Returns the exponential."""
    return nearest_single(np.exp, x)


def log(x: Single) -> Single:
    """Returns the logarithm, and of what is not positive minus infinity."""
    return nearest_single(np.log, np.maximum(x, np.float32(0)))


def elu(x: Single) -> Single:
    """Returns `exp(x) - 1` for negative numbers, and `x` itself for others."""
    return np.where(x < 0, nearest_single(np.expm1, x), x)


def gelu(x: Single) -> Single:
    """Returns `0.5 * x * erfc(-x * sqrt(1/2))`."""
    return np.float32(0.5) * x * nearest_single(erfc, x * -_SQRT_HALF)


def gelu_tanh(x: Single) -> Single:
    """Returns `0.5 * x * (1 + tanh(sqrt(2/pi) * (x + 0.044715 * x**3)))`."""
    cubic: Single = x * np.float32(0.044715) * x * x
    inner: Single = (x + cubic) * _SQRT_2_OVER_PI
    outer: Single = tanh(inner) + np.float32(1)
    return x * np.float32(0.5) * outer


def scale_quotient(input_q: Quantization, output_q: Quantization, *factors: float) -> float:
    """Returns the input's scale, times factors, over the output's, each step in float32."""
    with np.errstate(all="ignore"):
        product = np.float32(input_q.scale)
        for factor in factors:
            product = product * np.float32(factor)
        return float(product / np.float32(output_q.scale))


def multiplied(values: Int64Array, multiplier: float) -> Int64Array:
    """Multiplies integers by a positive or negative real number under `tflite`."""
    scale, shift = quantize_multiplier(abs(multiplier), Rounding.TFLITE)
    product = fixed_point_multiply(values, scale, shift, Rounding.TFLITE)
    return product if multiplier >= 0 else -product


def absolute(codes: Int64Array, input_q: Quantization, output_q: Quantization) -> Int64Array:
    """Rescales the magnitude."""
    return multiplied(np.abs(codes), scale_quotient(input_q, output_q)) + output_q.zero_point


def leaky_relu(
    codes: Int64Array, input_q: Quantization, output_q: Quantization, alpha: float
) -> Int64Array:
    """Rescales codes, and with `alpha` those that are negative."""
    positive = multiplied(codes, scale_quotient(input_q, output_q))
    negative = multiplied(codes, scale_quotient(input_q, output_q, alpha))
    return np.where(codes >= 0, positive, negative) + output_q.zero_point


def prelu(
    codes: Int64Array,
    input_q: Quantization,
    output_q: Quantization,
    alpha: Int64Array,
    alpha_scale: float,
) -> Int64Array:
    """Rescales codes, and those that are negative by a slope of `alpha * alpha_scale`."""
    positive = multiplied(codes, scale_quotient(input_q, output_q))
    slope = scale_quotient(input_q, output_q, alpha_scale)
    negative = multiplied(codes * alpha, slope)
    return np.where(codes >= 0, positive, negative) + output_q.zero_point


def sqrt(codes: Int64Array, input_q: Quantization, output_q: Quantization) -> Int64Array:
    """Divides the square root by the output's scale and truncates; below 0 it is that of 0."""
    x = np.float32(input_q.scale) * np.maximum(codes, 0).astype(np.float32)
    quotient = np.sqrt(x) / np.float32(output_q.scale)
    return np.trunc(np.minimum(quotient, INT32_MAX)).astype(np.int64) + output_q.zero_point


def rsqrt(codes: Int64Array, input_q: Quantization, output_q: Quantization) -> Int64Array:
    """Multiplies the reciprocal square root of an integer; at and below 0 it is the largest."""
    root = np.sqrt(np.float32(input_q.scale)) * np.float32(output_q.scale)
    scale, shift = quantize_multiplier(1 / root.astype(np.float64), Rounding.TFLITE)
    inverse, right = _inverse_square_root(np.maximum(codes, 1))
    left = _RSQRT_BITS - right
    data = fixed_point_multiply(np.ones_like(codes), inverse, 31 - left, Rounding.TFLITE)
    result = fixed_point_multiply(data, scale, shift + _RSQRT_BITS, Rounding.TFLITE)
    return np.where(codes > 0, result + output_q.zero_point, INT32_MAX)


def _inverse_square_root(values: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Returns `2**right / sqrt(n)` in Q0.31, and `right`, for integers n in 1..255.

    Five Newton-Raphson steps on a number in Q3.28 (`GetInvSqrtQuantizedMultiplierExp`).
    """
    pairs = (31 - np.frexp(values)[1].astype(np.int64)) // 2 - 1
    half = divide_by_power_of_two((values << (2 * pairs)) >> 1, 1)
    three_halves = np.int64((1 << 28) + (1 << 27))
    x = np.full_like(values, 1 << 28)
    for _ in range(5):
        cube = multiply_by_power_of_two(high_multiply(high_multiply(x, x), x), 6)
        step = high_multiply(x, three_halves) - high_multiply(half, cube)
        x = multiply_by_power_of_two(step, 3)
    right = 11 - pairs
    inverse = high_multiply(x, np.int64(1518500250)) << np.maximum(-right, 0)
    is_one = values == 1
    return np.where(is_one, INT32_MAX, inverse), np.where(is_one, 0, np.maximum(right, 0))


def hard_swish(codes: Int64Array, input_q: Quantization, output_q: Quantization) -> Int64Array:
    """Computes hard swish in int16: `relu6(x + 3) / 6` as a multiplier in 0..1, times `x`.

    Raises `ValueError` for an input scale of 128 output scales or more, which LiteRT refuses.
    """
    fine = np.float32(input_q.scale) * np.float32(1 / 128)
    output_scale, output_exponent = _multiplier16(float(fine / np.float32(output_q.scale)))
    gate_scale, gate_exponent = _multiplier16(float(fine / (np.float32(3) / np.float32(32768))))
    if output_exponent > 0:
        ratio = input_q.scale / output_q.scale
        raise ValueError(f"tflite takes an input scale below 128 output scales, got {ratio:.6g}")
    hires = codes << 7
    gate = hires
    if gate_exponent > 0:
        gate = _saturate16(gate << min(gate_exponent - 1, 31))
    gate = _high_multiply16(gate, gate_scale)
    gate = _saturate16(gate << 1) if gate_exponent > 0 else _divide16(gate, -gate_exponent)
    gate = (gate + (1 << 15)) >> 1
    product = gate * _high_multiply16(hires, output_scale)
    truncated = np.sign(product) * (np.abs(product) >> 15)
    return _divide16(truncated, -output_exponent) + output_q.zero_point


def _multiplier16(multiplier: float) -> tuple[int, int]:
    """Returns a significand of 15 bits and an exponent: `significand * 2**(exponent - 15)`."""
    scale, shift = quantize_multiplier(multiplier, Rounding.TFLITE)
    return min((int(scale) + (1 << 15)) >> 16, 0x7FFF), 31 - int(shift)


def _saturate16(values: Int64Array) -> Int64Array:
    return np.clip(values, -(1 << 15), (1 << 15) - 1)


def _high_multiply16(values: Int64Array, scale: int) -> Int64Array:
    """gemmlowp's `SaturatingRoundingDoublingHighMul` of int16, for a positive scale."""
    product = values * scale
    nudged = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return np.sign(nudged) * (np.abs(nudged) >> 15)


def _divide16(values: Int64Array, right: int) -> Int64Array:
    """gemmlowp's `RoundingDivideByPOT` of int16, whose mask wraps for a shift of 16 and more."""
    mask = ((1 << right) - 1 + (1 << 15)) % (1 << 16) - (1 << 15)
    threshold = (mask >> 1) + (values < 0)
    return (values >> right) + ((values & mask) > threshold)
