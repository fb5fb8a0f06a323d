"""Measures of arrays whose differences are known by hand, or counted in Python integers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sima_mlir import Difference, measure


def int8(*values):
    return np.array(values, np.int8)


def test_measures_by_hand():
    d = measure(int8(1, 10, -12, 127), int8(0, 10, -10, 127))
    assert (d.elements, d.equal, d.maximum) == (4, 2, 2)
    assert d.mean == 3 / 4
    assert d.rms == math.sqrt(5 / 4)
    assert d.equal_share == 0.5
    # the signal is 0 + 100 + 100 + 127^2, the noise 1 + 0 + 4 + 0
    assert d.sqnr == pytest.approx(10 * math.log10(16329 / 5), rel=1e-12)


@pytest.mark.parametrize(
    ("level", "zero_point", "decibels"), [(10, 0, 20), (100, 0, 40), (0, -100, 40), (11, 1, 20)]
)
def test_a_constant_level_off_by_one_has_a_known_sqnr(level, zero_point, decibels):
    reference = np.full((3, 7), level, np.int8)
    assert measure(reference + np.int8(1), reference, zero_point).sqnr == pytest.approx(decibels)


def test_what_is_equal_has_no_noise_and_what_has_no_signal_only_noise():
    same, zeros = int8(5, 6), int8(0, 0)
    assert measure(same, same).sqnr == math.inf
    assert measure(zeros, zeros).sqnr == math.inf
    assert measure(same, zeros).sqnr == -math.inf


CODES = st.sampled_from([np.int8, np.uint8, np.int16, np.int32])


@given(st.data())
def test_integers_are_counted_exactly_and_batches_add_up(data: st.DataObject):
    dtype, shape = data.draw(CODES), (4, data.draw(st.integers(0, 5)))
    a, b = data.draw(arrays(dtype, shape)), data.draw(arrays(dtype, shape))
    zero_point = data.draw(st.integers(-128, 255))
    pairs = list(zip(a.ravel().tolist(), b.ravel().tolist(), strict=True))
    whole = measure(a, b, zero_point)
    assert whole.elements == len(pairs)
    assert whole.equal == sum(x == y for x, y in pairs)
    assert whole.maximum == max((abs(x - y) for x, y in pairs), default=0)
    assert whole.total == sum(abs(x - y) for x, y in pairs)
    assert whole.noise == pytest.approx(sum((x - y) ** 2 for x, y in pairs), rel=1e-14)
    assert whole.signal == pytest.approx(sum((y - zero_point) ** 2 for _, y in pairs), rel=1e-14)
    parts = [measure(x, y, zero_point) for x, y in zip(a, b, strict=True)]
    total = sum(parts, Difference())
    assert (total.elements, total.equal, total.maximum) == (
        whole.elements,
        whole.equal,
        whole.maximum,
    )
    assert (total.total, total.rows, total.same_class) == (
        whole.total,
        whole.rows,
        whole.same_class,
    )
    assert total.noise == pytest.approx(whole.noise, rel=1e-14)


def test_the_ends_of_int32():
    d = measure(np.array([2**31 - 1], np.int32), np.array([-(2**31)], np.int32))
    assert (d.maximum, d.mean, d.noise) == (2**32 - 1, 2**32 - 1, float((2**32 - 1) ** 2))


def test_the_top_class_is_the_first_largest_code_of_a_row():
    reference = int8([1, 5, 2], [7, 7, 0], [0, 0, 9], [3, 2, 1])
    actual = int8([0, 9, 9], [6, 7, 0], [0, 0, 1], [3, 3, 1])
    d = measure(actual, reference)
    assert (d.rows, d.same_class, d.top_class) == (4, 3, 0.75)


@pytest.mark.parametrize("shape", [(), (3, 1), (0,), (0, 4), (4, 0)])
def test_without_classes_there_is_no_top_class(shape):
    d = measure(np.zeros(shape, np.int8), np.zeros(shape, np.int8))
    assert d.top_class is None
    assert (d.mean, d.rms, d.equal_share) == (0, 0, 1)


def test_not_a_number_and_infinity_equal_themselves():
    nan, inf = math.nan, math.inf
    reference = np.array([nan, inf, -inf, 1.5], np.float32)
    assert measure(reference, reference).equal == 4
    d = measure(np.array([nan, inf, -inf, 1.0], np.float32), reference)
    assert (d.equal, d.maximum, d.total) == (3, 0.5, 0.5)
    d = measure(np.array([0, 0, 0, 0], np.float32), reference)
    assert d.equal == 0
    assert math.isnan(d.mean)


def test_arrays_must_be_alike():
    with pytest.raises(ValueError, match=r"^actual must have shape \(2, 1\), got \(2,\)$"):
        measure(int8(1, 2), int8([1], [2]))
    with pytest.raises(ValueError, match=r"^actual must be uint8, got int8$"):
        measure(int8(1, 2), int8(1, 2).astype(np.uint8))
