"""16-bit codes: products of 48 bits, and constants for accumulators that hold them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sima_mlir.quantization import (
    WIDE_ROUNDINGS,
    WIDE_TARGET,
    Layer,
    Quantization,
    Rounding,
    check_accumulator,
    fixed_point_constants,
    fixed_point_multiply,
    quantize_multiplier,
)
from sima_mlir.quantization.error_bounds import (
    EmittedLayer,
    InputDistribution,
    layer_error,
    layer_rms,
)

LARGEST = 2**47
INT16_CODES = (-(2**15), 2**15 - 1)
OUTPUT = Quantization(1.0, 0)

numbers = st.integers(-LARGEST + 1, LARGEST - 1) | st.sampled_from(
    [2**32, -(2**32), 2**32 - 1, 2**24, -(2**24), LARGEST - 1, -LARGEST + 1]
)


def half_away(value: Fraction) -> int:
    return int(abs(value) + Fraction(1, 2)) * (1 if value >= 0 else -1)


def wrapped(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


@example(4_294_443_109, 2_147_483_626, 51)  # the half of the last bit leaves 63 bits
@given(numbers, st.integers(0, 2**31 - 1), st.integers(0, 62))
def test_away_is_exact_for_48_bits(value: int, scale: int, shift: int):
    (result,) = fixed_point_multiply(np.array([value]), scale, shift, Rounding.AWAY).tolist()
    assert result == wrapped(half_away(Fraction(value * scale, 2**shift)))


@pytest.mark.parametrize("shift", [24, 25, 26, 40, 62])
def test_away_breaks_wide_ties_away_from_zero(shift: int):
    tie = 2**46 + 2 ** (shift - 1) if shift < 40 else 2**33
    scale = 1 if shift < 40 else 2 ** (shift - 34) * 3
    values = np.array([tie, tie - 1, -tie, 1 - tie])
    result = fixed_point_multiply(values, scale, shift, Rounding.AWAY)
    exact = [wrapped(half_away(Fraction(v * scale, 2**shift))) for v in values.tolist()]
    assert result.tolist() == exact
    assert result[0] > result[1]
    assert result[2] < result[3]


def test_wide_values_are_multiplied_by_the_scale_of_their_channel():
    values = np.array([[2**40, -(2**40)], [1, 2**33]])
    result = fixed_point_multiply(values, [3, 5], [30, 24], Rounding.AWAY)
    exact = [[3 * 2**10, wrapped(-5 * 2**16)], [0, 5 * 2**9]]
    assert result.tolist() == exact


@given(numbers, st.floats(2.0**-45, 0.99))
def test_wide_contracts_are_near_the_product(value: int, multiplier: float):
    product = value * multiplier
    for rounding in WIDE_ROUNDINGS:
        if abs(product) > 2**30:
            continue
        result = fixed_point_multiply(
            np.array([value]), *quantize_multiplier(multiplier, rounding), rounding
        )
        bits = 15 if rounding is Rounding.TFLITE16 else 31
        if rounding is Rounding.AWAY or multiplier > 2.0**-31:  # LiteRT's 16-bit ones vanish
            assert abs(int(result[0]) - product) <= 0.51 + abs(product) * 2.0 ** (1 - bits)


def layer(weight: list[list[int]], bias: list[int]) -> Layer:
    return Layer(
        np.array(weight, np.int8), np.array(bias), 0, np.array([0.25]), np.array([0]), OUTPUT, True
    )


def test_wide_constants_keep_a_bias_of_48_bits():
    constants = fixed_point_constants(*layer([[1]], [LARGEST - 1]), Rounding.AWAY, WIDE_TARGET)
    assert constants.bias.dtype == np.int64
    assert constants.bias.tolist() == [LARGEST - 1]
    narrow = fixed_point_constants(*layer([[1]], [2**31 - 1]), Rounding.AWAY)
    assert narrow.bias.dtype == np.int32


@pytest.mark.parametrize("bias", [LARGEST, -LARGEST - 1])
def test_bias_of_more_than_48_bits_is_refused(bias: int):
    with pytest.raises(ValueError, match=f"bias must fit int48, got {bias}"):
        fixed_point_constants(*layer([[1]], [bias]), Rounding.AWAY, WIDE_TARGET)


def test_bias_that_leaves_48_bits_with_the_zero_points_is_refused():
    source = layer([[1]], [LARGEST - 1])._replace(data_zero_point=-3)
    message = f"bias with the zero points folded in must fit int48, got {LARGEST + 2}"
    with pytest.raises(ValueError, match=message):
        fixed_point_constants(*source, Rounding.AWAY, WIDE_TARGET)


def test_accumulator_is_checked_for_the_largest_code():
    weight, bias = np.full((1, 512), 127, np.int8), np.array([2**31 - 1 - 2**15 * 127 * 512])
    check_accumulator(weight, bias, True, largest_code=2**15)
    check_accumulator(weight, bias + 1, True)
    check_accumulator(weight, bias + 1, True, WIDE_TARGET, 2**15)
    with pytest.raises(ValueError, match=f"accumulator must fit 32 bits, got {2**31}"):
        check_accumulator(weight, bias + 1, True, largest_code=2**15)


def test_accumulator_of_48_bits_has_no_more():
    weight, bias = np.ones((1, 1), np.int8), np.array([LARGEST - 2**15])
    check_accumulator(weight, bias - 1, True, WIDE_TARGET, 2**15)
    with pytest.raises(ValueError, match=f"accumulator must fit 48 bits, got {LARGEST}"):
        check_accumulator(weight, bias, True, WIDE_TARGET, 2**15)


@pytest.mark.parametrize("rounding", WIDE_ROUNDINGS)
def test_same_wide_layer_has_no_error_until_it_leaves_48_bits(rounding: Rounding):
    codes = {"input_codes": INT16_CODES, "output_codes": INT16_CODES}
    for bias, fits in ((2**40, True), (LARGEST - 2**15, True), (LARGEST - 2**15 + 1, False)):
        source = layer([[1]], [bias])
        scale, shift = quantize_multiplier(np.array([0.25]), rounding)
        emitted = EmittedLayer(source.weight, source.bias, scale, shift, 0, rounding)
        (error,) = layer_error(source, rounding, emitted, **codes, target=WIDE_TARGET)
        assert error == (0 if fits else 2**16 - 1)


def test_wide_layer_is_not_certified_for_32_bits():
    source = layer([[127] * 600], [0])
    scale, shift = quantize_multiplier(np.array([0.25]), Rounding.AWAY)
    emitted = EmittedLayer(source.weight, source.bias, scale, shift, 0, Rounding.AWAY)
    codes = {"input_codes": INT16_CODES, "output_codes": INT16_CODES}
    assert layer_error(source, Rounding.AWAY, emitted, **codes).tolist() == [2**16 - 1]


def test_wide_layer_has_an_expected_error():
    source = layer([[1]], [2**40])
    scale, shift = quantize_multiplier(np.array([0.25]), Rounding.AWAY)
    emitted = EmittedLayer(source.weight, source.bias, scale, shift, 0, Rounding.AWAY)
    distribution = InputDistribution(np.array([0.0]), np.array([1.0]))
    assert layer_rms(source, emitted, distribution, target=WIDE_TARGET).tolist() == [0.0]
