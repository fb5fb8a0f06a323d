"""Softmax: LiteRT's reference kernel bit for bit, and the real function nearly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support import tflite_builder as tb
from support.litert import requires_litert, run

from sima_mlir.quantization import SoftmaxConstants, softmax, softmax_constants

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
