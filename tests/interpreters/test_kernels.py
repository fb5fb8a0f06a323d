import itertools
import math
import tracemalloc
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sima_mlir.interpreters import kernels
from sima_mlir.interpreters.kernels import (
    convolve,
    divide_half_away,
    exact_matmul,
    max_pool,
    window_count,
    window_sum,
)

Integers = npt.NDArray[np.integer[Any]]


def integers(dtype: npt.DTypeLike, shape: tuple[int, ...]) -> st.SearchStrategy[Integers]:
    """Arrays rich in the extremes of their type."""
    info = np.iinfo(dtype)
    low, high = int(info.min), int(info.max)
    return arrays(dtype, shape, elements=st.sampled_from([low, high]) | st.integers(low, high))


def wrap(value: int) -> int:
    return (value + 2**63) % 2**64 - 2**63


@dataclass
class Window:
    """A window drawn so that it fits an image of `spatial` positions."""

    spatial: tuple[int, ...]
    size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[int, ...]
    dilations: tuple[int, ...]

    @property
    def out(self) -> tuple[int, ...]:
        rank = len(self.spatial)
        begins, ends = self.padding[:rank], self.padding[rank:]
        return tuple(
            (n + b + e - ((k - 1) * d + 1)) // s + 1
            for n, b, e, k, d, s in zip(
                self.spatial, begins, ends, self.size, self.dilations, self.strides, strict=True
            )
        )

    def taps(self, position: tuple[int, ...]):
        """Yield each tap with the place that it reads, None outside the image."""
        for tap in itertools.product(*map(range, self.size)):
            place = tuple(
                x * s + k * d - b
                for x, s, k, d, b in zip(
                    position, self.strides, tap, self.dilations, self.padding, strict=False
                )
            )
            inside = all(0 <= p < n for p, n in zip(place, self.spatial, strict=True))
            yield tap, place if inside else None


@st.composite
def windows(draw: st.DrawFn, *, dilated: bool = True) -> Window:
    rank = draw(st.integers(1, 3))
    small = st.tuples(*[st.integers(1, 3 if rank < 3 else 2)] * rank)
    size, strides = draw(small), draw(small)
    dilations = draw(small) if dilated else (1,) * rank
    padding = draw(st.tuples(*[st.integers(0, 2)] * (2 * rank)))
    spans = [(k - 1) * d + 1 for k, d in zip(size, dilations, strict=True)]
    spatial = tuple(
        max(draw(st.integers(1, 4)), span - begin - end)
        for span, begin, end in zip(spans, padding, padding[rank:], strict=False)
    )
    return Window(spatial, size, strides, padding, dilations)


@dataclass
class Convolution:
    window: Window
    data: Integers
    weight: Integers
    pad_value: int

    def run(self) -> Integers:
        return convolve(
            self.data,
            self.weight,
            strides=self.window.strides,
            padding=self.window.padding,
            dilations=self.window.dilations,
            pad_value=self.pad_value,
        )

    def naive(self) -> Integers:
        *_, inputs, groups, outputs = self.weight.shape
        shape = (len(self.data), *self.window.out, groups * outputs)
        result = np.zeros(shape, np.int64)
        for n, *position, channel in np.ndindex(*shape):
            group, output = divmod(channel, outputs)
            total = 0
            for tap, place in self.window.taps(tuple(position)):
                for i in range(inputs):
                    x = self.pad_value
                    if place is not None:
                        x = int(self.data[n, *place, group * inputs + i])
                    total += x * int(self.weight[*tap, i, group, output])
            result[n, *position, channel] = wrap(total)
        return result


@st.composite
def convolutions(draw: st.DrawFn) -> Convolution:
    window = draw(windows())
    batch, groups, inputs, outputs = draw(st.tuples(*[st.integers(1, 3)] * 4))
    data_type = draw(st.sampled_from([np.int8, np.uint8, np.int16, np.int32]))
    weight_type = draw(st.sampled_from([np.int8, np.uint8, np.int16, np.int32]))
    data = draw(integers(data_type, (batch, *window.spatial, groups * inputs)))
    weight = draw(integers(weight_type, (*window.size, inputs, groups, outputs)))
    pad_value = draw(st.sampled_from([0, 1, -128, 255]) | st.integers(-(2**31), 2**31))
    return Convolution(window, data, weight, pad_value)


@settings(deadline=None)
@given(convolutions())
def test_convolve_is_its_formula(convolution: Convolution):
    result = convolution.run()
    assert result.dtype == np.int64
    np.testing.assert_array_equal(result, convolution.naive(), strict=True)


@settings(deadline=None)
@given(convolutions(), st.sampled_from([1, 32, 256]))
def test_convolve_is_the_same_in_blocks(convolution: Convolution, block_bytes: int):
    whole = convolution.run()
    with mock.patch.object(kernels, "BLOCK_BYTES", block_bytes):
        np.testing.assert_array_equal(convolution.run(), whole, strict=True)


def test_convolve_orders_output_channels_by_group():
    data = np.array([[[1, 10]]], np.int8)
    weight = np.array([[[[1, 2, 3], [4, 5, 6]]]], np.int8)
    result = convolve(data, weight, strides=[1], padding=[0, 0], dilations=[1])
    assert result.tolist() == [[[1, 2, 3, 40, 50, 60]]]


def test_convolve_pads_begins_then_ends():
    data = np.ones((1, 1, 1, 1), np.int8)
    weight = np.ones((1, 1, 1, 1, 1), np.int8)
    result = convolve(
        data, weight, strides=[1, 1], padding=[1, 0, 0, 2], dilations=[1, 1], pad_value=7
    )
    assert result[0, :, :, 0].tolist() == [[7, 7, 7], [1, 7, 7]]


@pytest.mark.parametrize("inputs", [1, 2])
@pytest.mark.parametrize(
    ("data_type", "weight_type"), [(np.int8, np.int8), (np.int16, np.int8), (np.int32, np.int16)]
)
def test_convolve_adds_extremes_exactly(
    data_type: type[np.signedinteger[Any]], weight_type: type[np.signedinteger[Any]], inputs: int
):
    low, weight_low = np.iinfo(data_type).min, np.iinfo(weight_type).min
    data = np.full((1, 1200, 2 * inputs), low, data_type)
    weight = np.full((1200, inputs, 2, 1), weight_low, weight_type)
    data[0, 0] = weight[0] = 1
    result = convolve(data, weight, strides=[1], padding=[0, 0], dilations=[1])
    assert result.tolist() == [[[inputs * (1199 * low * weight_low + 1)] * 2]]


def test_convolve_of_no_images_is_empty():
    data, weight = np.zeros((0, 4, 4, 2), np.int8), np.zeros((3, 3, 2, 1, 5), np.int8)
    result = convolve(data, weight, strides=[1, 1], padding=[1, 1, 1, 1], dilations=[1, 1])
    assert result.shape == (0, 4, 4, 5)


def peak_bytes(data: Integers, weight: Integers, padding: int) -> int:
    tracemalloc.start()
    try:
        convolve(data, weight, strides=[1, 1], padding=[padding] * 4, dilations=[1, 1])
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("batch", [1, 16])
def test_convolve_never_holds_the_whole_patch_matrix(batch: int):
    data = np.ones((batch, 256 // batch, 16, 16), np.int8)
    weight = np.ones((5, 5, 16, 1, 1), np.int8)
    patch_bytes = data.size * 25 * 4
    with mock.patch.object(kernels, "BLOCK_BYTES", 2**16):
        assert peak_bytes(data, weight, 2) < patch_bytes / 5


def test_pointwise_convolve_copies_no_patches():
    data, weight = np.ones((1, 64, 64, 64), np.int8), np.ones((1, 1, 64, 1, 1), np.int8)
    assert peak_bytes(data, weight, 0) < 1.5 * data.size * 4


@pytest.mark.parametrize("one", [1, -1])
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([2**12, 1], [2**12, 1]),
        ([2**24 - 1, 1], [1, 2]),
        ([2**24 + 1], [1]),
        ([1], [2**24 + 1]),
        ([2**26, 1], [2**27, 1]),
        ([2**53 - 1, 1], [1, 2]),
        ([2**53 + 1], [1]),
        ([1], [2**53 + 1]),
        ([-(2**63)], [1]),
        ([1], [-(2**63)]),
        ([0], [2**63 - 1]),
        ([1, 1], [8 - 2**63, 8]),
        ([2**62, 2**62 - 1], [1, 1]),
        ([-128] * 1024 + [1], [-128] * 1024 + [1]),
    ],
)
def test_exact_matmul_keeps_the_last_bit(a: list[int], b: list[int], one: int):
    # the sign of the last term moves the sum to either side of the boundary
    rows, columns = np.array([a]), np.array([b]).T
    if len(b) > 1:
        columns[-1] *= one
    expected = sum(int(x) * int(y) for x, y in zip(rows[0], columns[:, 0], strict=True))
    assert exact_matmul(rows, columns).tolist() == [[expected]]


def near_powers_of_two(bits: int) -> st.SearchStrategy[int]:
    power = st.integers(0, bits).map(lambda n: 2**n)
    return st.tuples(power, st.sampled_from([-1, 0, 1]), st.sampled_from([-1, 1])).map(
        lambda t: (t[0] + t[1]) * t[2]
    )


@given(st.data())
def test_exact_matmul_is_its_formula(data: st.DataObject):
    p, k, o = data.draw(st.tuples(*[st.integers(0, 3)] * 3))
    bits = data.draw(st.sampled_from([(11, 11), (12, 12), (20, 30), (26, 26), (30, 30), (50, 3)]))
    a, b = (
        data.draw(arrays(np.int64, shape, elements=near_powers_of_two(n)))
        for shape, n in zip([(p, k), (k, o)], bits, strict=True)
    )
    expected = [
        [sum(x * y for x, y in zip(r, c, strict=True)) for c in b.T.tolist()] for r in a.tolist()
    ]
    assert exact_matmul(a, b).tolist() == expected


@pytest.mark.parametrize(
    ("a", "b", "shape"),
    [
        ((2, 3, 4, 5), (5, 6), (2, 3, 4, 6)),
        ((2, 1, 4, 5), (3, 5, 6), (2, 3, 4, 6)),
        ((4, 5), (2, 5, 6), (2, 4, 6)),
        ((2, 0, 5), (5, 6), (2, 0, 6)),
        ((2, 4, 0), (0, 6), (2, 4, 6)),
    ],
)
def test_exact_matmul_broadcasts(a: tuple[int, ...], b: tuple[int, ...], shape: tuple[int, ...]):
    left = (np.arange(math.prod(a)) % 251 - 125).astype(np.int8).reshape(a)
    right = (np.arange(math.prod(b)) % 239).astype(np.uint8).reshape(b)
    result = exact_matmul(left, right)
    assert result.shape == shape
    expected = left.astype(np.int64) @ right.astype(np.int64)
    np.testing.assert_array_equal(result, expected, strict=True)


@st.composite
def pools(draw: st.DrawFn) -> tuple[Window, Integers]:
    window = draw(windows(dilated=False))
    batch, channels = draw(st.tuples(st.integers(0, 2), st.integers(1, 3)))
    dtype = draw(st.sampled_from([np.int8, np.uint8, np.int16, np.int32]))
    return window, draw(integers(dtype, (batch, *window.spatial, channels)))


def taken(window: Window, data: Integers):
    """Yield each index of a pooled image with the values that its window holds."""
    for n, *position, c in np.ndindex(len(data), *window.out, data.shape[-1]):
        places = (place for _, place in window.taps(tuple(position)))
        yield (n, *position, c), [int(data[n, *p, c]) for p in places if p is not None]


@settings(deadline=None)
@given(pools())
def test_max_pool_ignores_what_is_outside(pool: tuple[Window, Integers]):
    window, data = pool
    result = max_pool(data, pool_size=window.size, strides=window.strides, padding=window.padding)
    assert (result.dtype, result.shape[1:-1]) == (data.dtype, window.out)
    lowest = int(np.iinfo(data.dtype).min)
    for index, values in taken(window, data):
        assert result[index] == max(values, default=lowest)


@settings(deadline=None)
@given(pools())
def test_window_sum_counts_outside_as_zero(pool: tuple[Window, Integers]):
    window, data = pool
    result = window_sum(data, pool_size=window.size, strides=window.strides, padding=window.padding)
    assert (result.dtype, result.shape[1:-1]) == (np.int64, window.out)
    for index, values in taken(window, data):
        assert result[index] == sum(values)


@given(windows(dilated=False))
def test_window_count_counts_taps_inside(window: Window):
    result = window_count(
        window.spatial, pool_size=window.size, strides=window.strides, padding=window.padding
    )
    assert (result.dtype, result.shape) == (np.int64, (*window.out, 1))
    for position in np.ndindex(*window.out):
        inside = [place for _, place in window.taps(position) if place is not None]
        assert result[position] == len(inside)


def truncated_quotient(a: int, d: int) -> int:
    sign = (a > 0) - (a < 0)
    shifted = a + sign * (d // 2)
    return abs(shifted) // d * sign


@pytest.mark.parametrize("divisor", range(1, 12))
def test_divide_half_away_is_tflites_division(divisor: int):
    numerators = np.arange(-40, 41, dtype=np.int32)
    expected = [truncated_quotient(a, divisor) for a in numerators.tolist()]
    assert divide_half_away(numerators, divisor).tolist() == expected


@given(
    arrays(np.int64, 4, elements=st.integers(-(2**63), 2**63 - 1)),
    arrays(np.int64, (3, 1), elements=st.integers(1, 2**63 - 1)),
)
def test_divide_half_away_broadcasts_without_overflow(numerator: Integers, denominator: Integers):
    expected = [
        [truncated_quotient(a, d) for a in numerator.tolist()] for d in denominator[:, 0].tolist()
    ]
    assert divide_half_away(numerator, denominator).tolist() == expected


@pytest.mark.parametrize("denominator", [0, -3])
def test_divide_half_away_refuses_a_denominator_below_one(denominator: int):
    with pytest.raises(ValueError, match=f"^denominator must be positive, got {denominator}$"):
        divide_half_away(np.array([1]), np.array([5, denominator]))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((2, 3), (4, 5), "a has 3 columns, b has 4 rows"),
        ((3,), (3, 5), "a matrix product takes two axes or more, got 1 and 2"),
    ],
)
def test_exact_matmul_refuses(a: tuple[int, ...], b: tuple[int, ...], message: str):
    with pytest.raises(ValueError, match=f"^{message}$"):
        exact_matmul(np.zeros(a, np.int8), np.zeros(b, np.int8))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": (1, 4, 4, 8)}, "data has 8 channels, weight takes 2 groups of 3"),
        ({"data": (1, 4, 6)}, "data of rank 3 takes weight of rank 4, got 5"),
        ({"data": (1, 6), "weight": (3, 2, 4)}, "data takes rank 3 or more, got 2"),
        ({"data": (6,), "weight": (3, 2)}, "data takes rank 3 or more, got 1"),
        ({"weight": (0, 3, 3, 2, 4)}, "window takes entries of at least 1, got 0"),
        ({"strides": [1]}, "strides takes 2 entries, got 1"),
        ({"strides": [1, 0]}, "strides takes entries of at least 1, got 0"),
        ({"padding": [1, 1]}, "padding takes 4 entries, got 2"),
        ({"padding": [0, 0, 0, -1]}, "padding takes entries of at least 0, got -1"),
        ({"dilations": [1, 1, 1]}, "dilations takes 2 entries, got 3"),
        ({"dilations": [-1, 1]}, "dilations takes entries of at least 1, got -1"),
        (
            {"dilations": [1, 3], "padding": [0, 1, 0, 1]},
            "window spans 7 positions, padded image has 6",
        ),
    ],
)
def test_convolve_refuses(change: dict[str, Any], message: str):
    arguments: dict[str, Any] = {
        "data": (1, 4, 4, 6),
        "weight": (3, 3, 3, 2, 4),
        "strides": [1, 1],
        "padding": [0] * 4,
        "dilations": [1, 1],
    }
    arguments |= change
    data, weight = (np.zeros(arguments.pop(name), np.int8) for name in ("data", "weight"))
    with pytest.raises(ValueError, match=f"^{message}$"):
        convolve(data, weight, **arguments)


@pytest.mark.parametrize("pool", [max_pool, window_sum])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pool_size": [2]}, "window takes 2 entries, got 1"),
        ({"pool_size": [2, 5]}, "window spans 5 positions, padded image has 4"),
        ({"strides": [0, 1]}, "strides takes entries of at least 1, got 0"),
        ({"padding": [0, 0]}, "padding takes 4 entries, got 2"),
    ],
)
def test_pools_refuse(pool: Any, change: dict[str, list[int]], message: str):
    arguments = {"pool_size": [2, 2], "strides": [1, 1], "padding": [0] * 4} | change
    with pytest.raises(ValueError, match=f"^{message}$"):
        pool(np.zeros((1, 4, 4, 1), np.int8), **arguments)
