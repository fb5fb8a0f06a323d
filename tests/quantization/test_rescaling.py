"""`rescale` is `fixed_point_multiply`, an offset and a clamp, whatever float32 can tell.

`fixed_point_multiply` has its own judges in `test_fixed_point.py`; here it is the formula.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sima_mlir.quantization import (
    Rounding,
    code_range,
    fixed_point_multiply,
    quantize_multiplier,
    rescale,
)

Array = npt.NDArray[Any]
FAST = [r for r in Rounding if r is not Rounding.TFLITE16]


def formula(values, scale, shift, rounding, offset, dtype, clamp=None) -> Array:
    product = fixed_point_multiply(values, scale, shift, rounding) + offset
    return np.clip(product, *(clamp or code_range(dtype))).astype(dtype)


def check(values, scale, shift, rounding, offset, dtype, clamp=None) -> Array:
    result = rescale(values, scale, shift, rounding, offset, dtype, clamp)
    expected = formula(values, scale, shift, rounding, offset, dtype, clamp)
    np.testing.assert_array_equal(result, expected, strict=True)
    return result


@pytest.mark.parametrize("rounding", FAST)
@pytest.mark.parametrize("multiplier", [1.0 - 2**-31, 0.75, 0.5, 0.1, 0.01, 2**-8, 0.0031, 1e-9])
def test_every_accumulator_of_some_multipliers(rounding: Rounding, multiplier: float):
    values = np.arange(-140_000, 140_000, dtype=np.int32)
    constants = quantize_multiplier(multiplier, rounding)
    check(values, *constants, rounding, -3, np.int8)


@pytest.mark.parametrize("rounding", FAST)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_accumulators_next_to_ties(rounding: Rounding, data: st.DataObject):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    channels, rows = data.draw(st.integers(1, 50)), data.draw(st.integers(1, 300))
    multiplier = rng.random(channels) * 2.0 ** -rng.integers(0, 22, channels)
    if data.draw(st.booleans()):
        multiplier = 2.0 ** -rng.integers(1, 12, channels)
    ties = (rng.integers(-400, 400, (rows, channels)) + 0.5) / multiplier
    near = np.rint(ties) + rng.integers(-2, 3, ties.shape)
    values = np.clip(near, -(2**31), 2**31 - 1).astype(data.draw(st.sampled_from(["i4", "i8"])))
    dtype = data.draw(st.sampled_from([np.int8, np.uint8]))
    offset = data.draw(st.integers(-128, 255))
    low, high = code_range(dtype)
    codes = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted).map(tuple)
    clamp = data.draw(st.none() | codes)
    constants = quantize_multiplier(multiplier, rounding)
    check(values, *constants, rounding, offset, dtype, clamp)


@pytest.mark.parametrize("shift", [0, 1, 7, 20, 31, [0, 1, 7, 30]])
def test_a_shift_alone_rounds_half_up(shift):
    values = np.arange(-3000, 3000, dtype=np.int32).reshape(-1, 4)
    result = check(values, 1, shift, Rounding.UPWARD, 0, np.int8)
    by_hand = np.floor(values / 2.0 ** np.asarray(shift) + 0.5)
    np.testing.assert_array_equal(result, np.clip(by_hand, -128, 127))


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32])
def test_the_ends_of_int32(rounding: Rounding, dtype: type):
    values = np.array([-(2**31), 1 - 2**31, -1, 0, 1, 2**31 - 1])
    for multiplier in (0.999, 0.5, 2**-20, 0.0):
        check(values, *quantize_multiplier(multiplier, rounding), rounding, 5, dtype)


@pytest.mark.parametrize("rounding", Rounding)
def test_wrapping_and_left_shifts_are_kept(rounding: Rounding):
    values = np.array([2**31, -(2**40), 2**31 - 1, -(2**31), 12345])
    check(values, *quantize_multiplier(0.25, rounding), rounding, 0, np.int8)
    for multiplier in (3.7, 1000.0, [2.0, 0.5, 1.0, 1.5, 100.0]):
        check(values, *quantize_multiplier(multiplier, rounding), rounding, 0, np.int8)


@pytest.mark.parametrize("channels", [1, 3, 1000, 40_000])
def test_more_elements_than_a_block(channels: int):
    rng = np.random.default_rng(channels)
    values = rng.integers(-(10**6), 10**6, (120_000 // channels, channels)).astype(np.int32)
    constants = quantize_multiplier(rng.random(channels) * 2.0**-12, Rounding.TFLITE)
    result = check(values, *constants, Rounding.TFLITE, 7, np.int8)
    assert len(np.unique(result)) > 200


def test_constants_of_different_rank():
    values = np.arange(-600, 600, dtype=np.int32).reshape(-1, 3)
    check(values, [2**30, 2**29, 2**30 + 1], 33, Rounding.TFLITE, 0, np.int8)
    check(values, 2**30, [33, 34, 35], Rounding.RUY, 0, np.int8)
    check(values, [2**30], [33], Rounding.AWAY, 0, np.int8)


@pytest.mark.parametrize("shape", [(), (0,), (0, 4), (3, 0), (1,), (2, 1, 4)])
def test_any_shape(shape: tuple[int, ...]):
    check(np.full(shape, 1234, np.int32), 2**30, 36, Rounding.TFLITE, 1, np.int8)


def test_a_view_with_strides():
    values = np.arange(-5000, 5000, dtype=np.int32).reshape(4, -1, 5)
    constants = quantize_multiplier([0.1, 0.2, 0.03, 0.04], Rounding.TFLITE)
    check(values.transpose(2, 1, 0), *constants, Rounding.TFLITE, 1, np.int8)
    check(values[:, ::3, ::-1], 2**30, 34, Rounding.TFLITE, 1, np.int8)


def test_one_value_for_many_channels_is_repeated():
    result = check(np.array([[100], [-60]], np.int32), 1, [0, 1, 2], Rounding.UPWARD, 0, np.int8)
    np.testing.assert_array_equal(result, [[100, 50, 25], [-60, -30, -15]])


def test_constants_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match="broadcast"):
        rescale(np.zeros((6, 2), np.int32), 1, [0, 1, 2], Rounding.UPWARD, 0, np.int8)
