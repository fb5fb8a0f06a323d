"""`Quantization`: what it accepts, and SiMa's reciprocal convention."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest

from sima_mlir.quantization import Quantization


def test_real_is_scale_times_code_minus_zero_point():
    assert dataclasses.astuple(Quantization(0.5, -3)) == (0.5, -3)
    assert [field.name for field in dataclasses.fields(Quantization)] == ["scale", "zero_point"]


@pytest.mark.parametrize(
    ("scale", "shown"), [(0, "0"), (0.0, "0.0"), (-0.5, "-0.5"), (math.inf, "inf"), ("1", "1")]
)
def test_scale_must_be_positive_and_finite(scale, shown):
    with pytest.raises(ValueError, match=f"^scale must be positive and finite, got {shown}$"):
        Quantization(scale, 0)


def test_nan_is_no_scale():
    with pytest.raises(ValueError, match=r"^scale must be positive and finite, got nan$"):
        Quantization(math.nan, 0)


@pytest.mark.parametrize("zero_point", [1.0, np.float32(3), "3", None])
def test_zero_point_must_be_an_integer(zero_point):
    with pytest.raises(ValueError, match=f"^zero point must be an integer, got {zero_point}$"):
        Quantization(1.0, zero_point)


@pytest.mark.parametrize("zero_point", [2**31, -(2**31) - 1, 2**70])
def test_zero_point_must_fit_int32(zero_point: int):
    with pytest.raises(ValueError, match=f"^zero point must fit int32, got {zero_point}$"):
        Quantization(1.0, zero_point)


@pytest.mark.parametrize("zero_point", [2**31 - 1, -(2**31)])
def test_zero_point_may_be_any_int32(zero_point: int):
    assert Quantization(1.0, zero_point).zero_point == zero_point


@pytest.mark.parametrize("scale", [np.float32(0.1), np.float64(0.1), np.int32(2), Fraction(1, 4)])
def test_numbers_become_python_numbers(scale):
    q = Quantization(scale, np.int8(-128))
    assert (type(q.scale), type(q.zero_point)) == (float, int)
    assert (q.scale, q.zero_point) == (float(scale), -128)


def test_float32_scale_is_kept_exactly():
    assert Fraction(Quantization(np.float32(0.1), 0).scale) == Fraction(13421773, 2**27)


def test_is_frozen():
    q = Quantization(1.0, 0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        q.scale = 2.0  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises((AttributeError, TypeError)):
        q.other = 2.0  # pyright: ignore[reportAttributeAccessIssue]
    assert q == Quantization(1.0, 0)
    assert hash(q) == hash(Quantization(1, np.int64(0)))
    assert q != Quantization(1.0, 1)


def test_sima_scale_is_the_reciprocal():
    # The public MPK fixture: 255, -128 maps 0.0 to -128 and 1.0 to 127.
    q = Quantization.from_sima(255.0, -128)
    assert q.scale * (-128 - q.zero_point) == 0.0
    assert q.scale * (127 - q.zero_point) == pytest.approx(1.0, rel=2**-52)
    assert q.to_sima() == (pytest.approx(255.0, rel=2**-52), -128)


def test_sima_round_trip_is_exact_for_powers_of_two():
    assert Quantization.from_sima(256.0, 5) == Quantization(1 / 256, 5)
    assert Quantization(0.125, -7).to_sima() == (8.0, -7)


@pytest.mark.parametrize("scale", [0.0, -255.0, math.inf, math.nan])
def test_sima_scale_must_be_positive_and_finite(scale: float):
    with pytest.raises(ValueError, match=f"^scale must be positive and finite, got {scale}$"):
        Quantization.from_sima(scale, 0)


def test_sima_zero_point_must_be_an_integer():
    with pytest.raises(ValueError, match=r"^zero point must be an integer, got 0\.5$"):
        Quantization.from_sima(1.0, 0.5)  # pyright: ignore[reportArgumentType]
