"""Softmax: LiteRT's reference kernel bit for bit, and the real function nearly."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from support import tflite_builder as tb
from support.litert import requires_litert, run

from sima_mlir.quantization import SoftmaxConstants, gemmlowp, softmax, softmax_constants
from sima_mlir.quantization.softmax import _exp_of_negative, _one_over_one_plus

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1

SCALES = [2.0**-10, 0.0035, 2.0**-6, 0.0471, 0.1, 2.0**-3, 0.31, 1.0, 3.7, 25.0]


def rows(seed: int, width: int, dtype: str) -> np.ndarray:
    """Random rows, narrow ones, constant ones, and single peaks."""
    rng = np.random.default_rng(seed)
    info = np.iinfo(dtype)
    spread = rng.integers(info.min, info.max, (40, width), dtype, endpoint=True)
    middle = (info.max + info.min + 1) // 2
    narrow = rng.integers(middle - 5, middle + 5, (40, width)).astype(dtype)
    constant = np.repeat(rng.integers(info.min, info.max, (10, 1), dtype, endpoint=True), width, 1)
    peaks = np.full((width, width), info.min, dtype)
    np.fill_diagonal(peaks, info.max)
    return np.concatenate([spread, narrow, constant, peaks])


@requires_litert
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("width", [1, 2, 10, 100])
def test_softmax_is_litert(scale: float, dtype: tb.QuantizedType, width: int):
    data = rows(width, width, dtype)
    model = tb.softmax(data.shape, x_q=(scale, 3), dtype=dtype)
    (out,) = run(model, [data])
    constants = softmax_constants(float(np.float32(scale)))
    got = softmax(data, constants, dtype)
    assert got.dtype == data.dtype
    np.testing.assert_array_equal(got, out)


@requires_litert
@pytest.mark.parametrize("beta", [0.125, 0.7, 2.0, 9.5])
def test_softmax_with_beta_is_litert(beta: float):
    data = rows(5, 12, "int8")
    (out,) = run(tb.softmax(data.shape, x_q=(0.05, 0), beta=beta), [data])
    constants = softmax_constants(float(np.float32(0.05)), float(np.float32(beta)))
    np.testing.assert_array_equal(softmax(data, constants, np.int8), out)


@requires_litert
@pytest.mark.parametrize(("width", "scale"), [(450, 0.0001), (4000, 0.08)])
def test_softmax_of_a_long_row_is_litert(width: int, scale: float):
    # LiteRT aborts where the exponentials of a row add up to 512.
    data = np.random.default_rng(6).integers(-128, 127, (3, width), np.int8, endpoint=True)
    (out,) = run(tb.softmax(data.shape, x_q=(scale, 0)), [data])
    got = softmax(data, softmax_constants(float(np.float32(scale))), np.int8)
    np.testing.assert_array_equal(got, out)


@requires_litert
@pytest.mark.parametrize("exponent", range(-25, 6))
def test_softmax_at_every_magnitude_of_the_scale_is_litert(exponent: int):
    data = rows(exponent + 100, 7, "int8")
    for scale in (2.0**exponent, 2.0**exponent * 1.37):
        (out,) = run(tb.softmax(data.shape, x_q=(scale, 0)), [data])
        got = softmax(data, softmax_constants(float(np.float32(scale))), np.int8)
        np.testing.assert_array_equal(got, out)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("shape", [(7,), (5, 7), (2, 3, 5, 7)])
def test_softmax_is_nearly_the_real_one_along_the_last_axis(scale: float, shape: tuple[int, ...]):
    data = np.random.default_rng(7).integers(-128, 127, shape, np.int8, endpoint=True)
    got = softmax(data, softmax_constants(scale), np.int8)
    exponential = np.exp((data - data.max(-1, keepdims=True).astype(float)) * scale)
    real = exponential / exponential.sum(-1, keepdims=True)
    expected = np.clip(256 * real - 128, -128, 127)
    assert got.shape == shape
    assert np.abs(got - expected).max() <= 1


def test_softmax_does_not_change_its_input():
    data = rows(8, 5, "int8")
    before = data.copy()
    softmax(data, softmax_constants(0.1), np.int8)
    np.testing.assert_array_equal(data, before)


def test_constants_of_a_scale():
    # 2**-4 * 2**26 = 2**22 = (2**30 / 2**31) * 2**23; 31 * 2**26 / 2**23 = 248 codes count.
    assert softmax_constants(2.0**-4) == SoftmaxConstants(2**30, 23, -248)
    assert softmax_constants(2.0**-5, 2.0) == softmax_constants(2.0**-4)


def test_constants_of_a_scale_that_rounds_up_to_the_next_power_of_two():
    assert softmax_constants(2.0**-4 * (1 - 2.0**-33)) == softmax_constants(2.0**-4)


def test_large_scales_saturate():
    assert softmax_constants(32.0) == softmax_constants(1e30) == SoftmaxConstants(2**31 - 1, 31, 0)


def test_least_scale():
    assert softmax_constants(2.0**-26).left_shift == 1


@pytest.mark.parametrize(
    ("scale", "beta"),
    [
        (1e-9, 1.0),
        (0.75 * 2.0**-26, 1.0),
        (float(np.nextafter(2.0**-26, 0)), 1.0),
        (0.1, 1e-9),
        (0.0, 1.0),
        (-0.1, 1.0),
        (0.1, -1.0),
        (math.nan, 1.0),
        (0.1, math.nan),
    ],
)
def test_scale_times_beta_must_be_large_enough(scale: float, beta: float):
    message = rf"^scale times beta must be at least 2\*\*-26, got {beta * scale}$"
    with pytest.raises(ValueError, match=message):
        softmax_constants(scale, beta)


# The steps before the last, whose low bits 8-bit results do not show, as gemmlowp's text has them.


def high_multiply(a: int, b: int) -> int:
    """`SaturatingRoundingDoublingHighMul`, whose division is C's, towards zero."""
    total = a * b + (2**30 if a * b >= 0 else 1 - 2**30)
    return total // 2**31 if total >= 0 else -(-total // 2**31)


def divide(x: int, exponent: int) -> int:
    """`RoundingDivideByPOT`: half away from zero."""
    magnitude = math.floor(Fraction(abs(x), 2**exponent) + Fraction(1, 2))
    return magnitude if x >= 0 else -magnitude


def multiply(x: int, exponent: int) -> int:
    """`SaturatingRoundingMultiplyByPOT`."""
    return min(max(x * 2**exponent, INT32_MIN), INT32_MAX)


def q(value: float, integer_bits: int = 0) -> int:
    """The int32 nearest to a real number in `Q(integer_bits).(31 - integer_bits)`."""
    return min(round(value * 2 ** (31 - integer_bits)), INT32_MAX)


def exp_near_zero(a: int) -> int:
    """`exp_on_interval_between_negative_one_quarter_and_0_excl`."""
    constant = q(math.exp(-1 / 8))
    x = a + q(1 / 8)
    x2 = high_multiply(x, x)
    x3, x4_over_4 = high_multiply(x2, x), divide(high_multiply(x2, x2), 2)
    tail = divide(high_multiply(x4_over_4 + x3, q(1 / 3)) + x2, 1)
    return constant + high_multiply(constant, x + tail)


def exp_of_negative(a: int) -> int:
    """`exp_on_negative_values` for five integer bits."""
    if a == 0:
        return INT32_MAX
    quarter = q(1 / 4, 5)
    near_zero = a % quarter - quarter
    result = exp_near_zero(multiply(near_zero, 5))
    for exponent in range(-2, 5):
        if (near_zero - a) & q(2.0**exponent, 5):
            result = high_multiply(result, q(math.exp(-(2.0**exponent))))
    return result


def one_over_one_plus(a: int) -> int:
    """`one_over_one_plus_x_for_x_in_0_1`."""
    half_denominator = (a + INT32_MAX + 1) // 2
    x = q(48 / 17, 2) + high_multiply(half_denominator, q(-32 / 17, 2))
    for _ in range(3):
        rest = q(1, 2) - high_multiply(half_denominator, x)
        x += multiply(high_multiply(x, rest), 2)
    return multiply(x, 1)


@pytest.mark.parametrize("significand", [3**19, 2**31 - 1, -(3**19), -1010580541])
def test_high_multiplication_is_gemmlowps_next_to_its_ties(significand: int):
    # The operands whose product is a given number modulo 2**31, of both signs.
    inverse = pow(significand, -1, 2**31)
    products = [tie + offset for tie in (0, 2**30) for offset in range(-2, 3)]
    values = [p * inverse % 2**31 - high for p in products for high in (0, 2**31)]
    expected = [high_multiply(v, significand) for v in values]
    assert gemmlowp.high_multiply(np.array(values), np.int64(significand)).tolist() == expected


def test_multiplication_by_a_power_of_two_saturates():
    values = [INT32_MIN, -(2**29) - 1, -(2**29), -1, 0, 1, 2**29 - 1, 2**29, INT32_MAX]
    for left in (1, 2, 5):
        expected = [multiply(v, left) for v in values]
        scaled = gemmlowp.multiply_by_power_of_two(np.array(values), left)
        assert scaled.tolist() == expected


@pytest.mark.parametrize(
    ("function", "reference", "low"),
    [(_exp_of_negative, exp_of_negative, INT32_MIN), (_one_over_one_plus, one_over_one_plus, 0)],
)
def test_functions_are_gemmlowps_in_every_bit(
    function: Callable[[np.ndarray], np.ndarray], reference: Callable[[int], int], low: int
):
    rng = np.random.default_rng(9)
    high = INT32_MAX if low == 0 else 0
    edges = [low + k for k in range(6)] + [high - k for k in range(6)]
    powers = [low + (high - low) // 2**k + offset for k in range(1, 30) for offset in (-1, 0, 1)]
    values = [*edges, *powers, *rng.integers(low, high, 2000).tolist()]
    assert function(np.array(values)).tolist() == [reference(v) for v in values]
