"""Bounds and expected errors against exhaustion, exact rationals and sampling.

Wherever the inputs can be enumerated they are: every code at every tap. What two layers compute is
then written out with the multiplication that LiteRT and others were compared with, and no code of
the module under test.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product as cartesian
from statistics import NormalDist, fmean, pvariance

import numpy as np
import pytest

from sima_mlir.quantization import (
    Layer,
    Quantization,
    Rounding,
    error_bounds,
    fixed_point_constants,
    fixed_point_multiply,
    fold_requantization,
    fold_requantize,
    mean_multiplier,
    quantize_multiplier,
    wrap_int32,
)
from sima_mlir.quantization.error_bounds import (
    Differences,
    EmittedLayer,
    InputDistribution,
    StepFunction,
    _Pair,
    differences,
    layer_error,
    layer_rms,
    layer_steps,
    phases,
    step_error,
    step_rms,
)
from sima_mlir.quantization.target import WIDE_TARGET

CONTRACTS = list(Rounding)
PAIRS = list(cartesian(CONTRACTS, repeat=2))
INT8 = (-128, 127)
INT16 = (-(1 << 15), (1 << 15) - 1)
ALL_INT32 = (-(1 << 31), (1 << 31) - 1)
HALF = Fraction(1, 2)


def dense_layer(weight, ratio, *, bias=None, zero_point=0, output_zero_point=0) -> Layer:
    """A dense operator whose result has scale 1, so that its product scale is the ratio."""
    return Layer(
        np.array(weight, np.int8),
        None if bias is None else np.array(bias, np.int32),
        zero_point,
        np.atleast_1d(np.asarray(ratio, np.float64)),
        np.array([0]),
        Quantization(1.0, output_zero_point),
        True,
    )


def folded(layer: Layer) -> EmittedLayer:
    return EmittedLayer.folded(*fold_requantization(*layer))


def multiplied(layer: Layer, rounding: Rounding) -> EmittedLayer:
    constants = fixed_point_constants(*layer, rounding)
    bias = constants.bias
    return EmittedLayer(
        layer.weight,
        np.zeros(len(layer.weight), np.int32) if bias is None else bias,
        constants.scale_correction,
        constants.shift,
        constants.zero_point_correction,
        rounding,
    )


def every_input(layer: Layer, codes: tuple[int, int] = INT8) -> np.ndarray:
    """Every code at every tap; the padding reads the zero point, whatever the codes are."""
    choices = sorted({*range(codes[0], codes[1] + 1), layer.data_zero_point})
    taps = layer.weight.shape[1]
    return np.array(choices)[
        np.indices([len(choices)] * taps).reshape(taps, len(choices) ** taps)
    ].T


def source_results(layer: Layer, rounding: Rounding, x: np.ndarray, codes=INT8) -> np.ndarray:
    products = (x - layer.data_zero_point) @ layer.weight.T.astype(np.int64)
    acc = wrap_int32(products + (0 if layer.bias is None else layer.bias.astype(np.int64)))
    constants = quantize_multiplier(layer.product_scale / layer.output_q.scale, rounding)
    scaled = fixed_point_multiply(acc - layer.product_zero_point, *constants, rounding)
    return np.clip(scaled + layer.output_q.zero_point, *codes)


def emitted_results(emitted: EmittedLayer, x: np.ndarray, codes=INT8) -> np.ndarray:
    acc = x @ emitted.weight.T.astype(np.int64) + emitted.bias
    scaled = fixed_point_multiply(acc, emitted.scale, emitted.shift, emitted.rounding)
    return np.clip(scaled + emitted.zero_point, *codes)


def exhausted(
    layer: Layer, rounding: Rounding, emitted: EmittedLayer, input_codes=INT8, output_codes=INT8
) -> np.ndarray:
    """The largest difference of each channel over all inputs."""
    x = every_input(layer, input_codes)
    source = source_results(layer, rounding, x, output_codes)
    return np.abs(emitted_results(emitted, x, output_codes) - source).max(axis=0)


def random_layer(rng: np.random.Generator, taps: int, channels: int = 6) -> Layer:
    """Weights of all sizes, ratios from 2**-40 to 2, some of them powers of two; all fold."""
    weight = rng.integers(-128, 128, (channels, taps)) >> rng.integers(0, 8, (channels, 1))
    exponent = np.where(rng.random(channels) < 0.1, rng.uniform(-40, -12), rng.uniform(-12, 1))
    ratio = 2.0 ** np.where(rng.random(channels) < 0.3, np.floor(exponent), exponent)
    ratio *= rng.choice([1.0, 0.75], channels)
    largest = ratio * np.abs(weight).max(axis=1) / 126
    ratio /= np.exp2(np.ceil(np.log2(np.maximum(largest, 1))))
    bias = np.clip(rng.normal(0, 60, channels) / ratio, -2e8, 2e8).astype(np.int32)
    return dense_layer(
        weight,
        ratio,
        bias=None if rng.random() < 0.2 else bias,
        zero_point=random_code(rng),
        output_zero_point=random_code(rng),
    )


def random_code(rng: np.random.Generator) -> int:
    return int(rng.choice([-128, 127, 0, rng.integers(-128, 128)]))


def random_range(rng: np.random.Generator, chance: float) -> tuple[int, int]:
    """All codes, or with some chance a few of them."""
    if rng.random() >= chance:
        return INT8
    low, high = sorted(rng.integers(-128, 128, 2).tolist())
    return low, high


# Step functions


def random_functions(
    rng: np.random.Generator, roundings: tuple[Rounding, Rounding], channels: int, count: int
) -> tuple[StepFunction, StepFunction]:
    """Two functions that pass through all their codes in `count` indices, and are nearly equal."""
    step = np.exp2(rng.uniform(0, 18, channels)).astype(np.int64)
    start = -step * rng.integers(1, count, channels)
    ratio = rng.uniform(50, 900, channels) / (step * count)
    near = ratio * np.where(rng.random(channels) < 0.5, 1, 1 + rng.normal(0, 1e-3, channels))
    near[rng.random(channels) < 0.1] = 1e-15
    functions = [
        StepFunction.of(
            start + moved,
            step,
            *quantize_multiplier(multiplier, rounding),
            int(rng.integers(-20, 20)) if rng.random() < 0.3 else 5,
            rounding,
            random_range(rng, 0.3),
        )
        for rounding, multiplier, moved in zip(
            roundings, (ratio, near), (0, rng.integers(-3, 4, channels)), strict=True
        )
    ]
    return functions[0], functions[1]


def results_of(function: StepFunction, count: int) -> np.ndarray:
    argument = function.start + function.step * np.arange(count)[:, None]
    product = fixed_point_multiply(argument, function.scale, function.shift, function.rounding)
    return np.clip(product + function.zero_point, *function.codes)


def by_index(found: Differences, shape: tuple[int, int]) -> np.ndarray:
    """Writes out runs of indices, which must not overlap nor be empty."""
    result = np.zeros(shape, np.int64)
    for channel, first, last, difference in zip(*found, strict=True):
        assert 0 <= first <= last < shape[0]
        assert difference != 0
        assert not np.any(result[first : last + 1, channel])
        result[first : last + 1, channel] = difference
    return result


@pytest.mark.parametrize("count", [1, 2, 100, 3000])
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "-".join(pair))
def test_differences_are_those_of_every_index(pair: tuple[Rounding, Rounding], count: int):
    rng = np.random.default_rng(count)
    source, emitted = random_functions(rng, pair, 12, max(count, 2))
    expected = results_of(emitted, count) - results_of(source, count)
    found = differences(source, emitted, count)
    np.testing.assert_array_equal(by_index(found, expected.shape), expected)
    np.testing.assert_array_equal(found.largest(12), np.abs(expected).max(axis=0), strict=True)
    np.testing.assert_array_equal(step_error(source, emitted, count), np.abs(expected).max(axis=0))
    np.testing.assert_allclose(
        step_rms(source, emitted, count), np.sqrt((expected**2).mean(axis=0)), rtol=1e-12
    )


@pytest.mark.parametrize("seed", range(5))
def test_channels_may_have_counts_of_their_own(seed: int):
    rng = np.random.default_rng(seed)
    source, emitted = random_functions(rng, (Rounding.AWAY, Rounding.TFLITE16), 12, 4000)
    counts = rng.choice([1, 7, 900, 4000], 12)
    difference = results_of(emitted, 4000) - results_of(source, 4000)
    difference[np.arange(4000)[:, None] >= counts] = 0
    found = differences(source, emitted, counts)
    np.testing.assert_array_equal(by_index(found, difference.shape), difference)
    np.testing.assert_array_equal(
        step_error(source, emitted, counts), np.abs(difference).max(axis=0)
    )
    mean_square = (difference**2).sum(axis=0) / counts
    np.testing.assert_allclose(step_rms(source, emitted, counts), np.sqrt(mean_square), rtol=1e-12)


@pytest.mark.parametrize("rounding", [Rounding.TFLITE, Rounding.RUY])
@pytest.mark.parametrize("step", [7, *range(290, 300), 1000])
def test_a_scale_of_few_bits_is_decided_too(rounding: Rounding, step: int):
    """gemmlowp rounds to whole numbers first, so its codes change far from where a line would."""
    source, emitted = (
        StepFunction.of(-1_300_000, step, [1 << 20, 3 << 19, 77 << 13], 40, zero, r, INT8)
        for r, zero in ((rounding, 2), (Rounding.UPWARD, 3))
    )
    count = 2_600_000 // step
    expected = results_of(emitted, count) - results_of(source, count)
    assert len(np.unique(expected)) > 1
    found = differences(source, emitted, count)
    np.testing.assert_array_equal(by_index(found, expected.shape), expected)


def test_differences_of_many_channels_are_taken_in_blocks():
    rng = np.random.default_rng(0)
    source, emitted = random_functions(rng, (Rounding.UPWARD, Rounding.FLOAT32), 1600, 700)
    expected = results_of(emitted, 700) - results_of(source, 700)
    assert len(np.unique(np.abs(expected).max(axis=0))) > 2
    np.testing.assert_array_equal(step_error(source, emitted, 700), np.abs(expected).max(axis=0))
    np.testing.assert_allclose(
        step_rms(source, emitted, 700), np.sqrt((expected**2).mean(axis=0)), rtol=1e-12
    )


@pytest.mark.parametrize("rounding", CONTRACTS)
def test_a_function_that_is_said_to_rise_does(rounding: Rounding):
    """Its last arguments are near the ends of 32 bits, where others wrap around."""
    rng = np.random.default_rng(3)
    ends = (1 << 31) + rng.integers(-3, 3, 400)
    step = rng.integers(1, 1 << 22, 400)
    ratio = np.exp2(rng.choice([rng.uniform(-30, 3), -1.0, 0.0, 1e-9, 1.0, 2.0], 400))
    start = np.where(rng.random(400) < 0.5, ends - 999 * step, -ends)
    constants = quantize_multiplier(ratio, rounding)
    function = StepFunction.of(start, step, *constants, 0, rounding, (-(1 << 40), 1 << 40))
    rises = function.rises(1000)
    assert 0.1 < rises.mean() < 0.9
    assert np.all(np.diff(results_of(function, 1000)[:, rises], axis=0) >= 0)


@pytest.mark.parametrize("rounding", CONTRACTS)
@pytest.mark.parametrize(
    ("start", "step", "ratio", "expected"),
    [
        (-(1 << 31) + 2, 1, 0.5, True),
        ((1 << 31) - 1001, 1, 0.5, True),
        (-(1 << 31) - 1, 1, 0.5, False),
        ((1 << 31) - 999, 1, 0.5, False),
        (-(1 << 30) + 1, 1, 1.9, True),
        (-(1 << 30), 1, 2.1, False),
        (0, 1 << 20, 1.9, True),
        (0, 1 << 20, 2.1, False),
        (-(1 << 30) + 1, 1 << 21, 1.5, True),
    ],
)
def test_a_function_rises_as_long_as_nothing_leaves_32_bits(
    start: int, step: int, ratio: float, expected: bool, rounding: Rounding
):
    constants = quantize_multiplier([ratio], rounding)
    function = StepFunction.of(start, step, *constants, 0, rounding, INT8)
    assert function.rises(1000).tolist() == [expected]


@pytest.mark.parametrize(
    ("last", "scale", "expected"),
    [(1_431_655_765, 3 << 29, False), (1_717_986_916, 5 << 28, True)],
    ids=["to-2**31-0.5", "to-2**31-3"],
)
def test_a_function_rises_until_a_product_is_rounded_out_of_32_bits(
    last: int, scale: int, expected: bool
):
    function = StepFunction.of(last - 1, 1, scale, 30, 0, Rounding.UPWARD, ALL_INT32)
    assert function.rises(2).tolist() == [expected]
    assert (function.at(1) > function.at(0)).tolist() == [expected]


@pytest.mark.parametrize(
    ("scale", "rounding", "room"),
    [(1, Rounding.UPWARD, 16), (1, Rounding.AWAY, 0), (1 << 30, Rounding.UPWARD, 0)],
)
def test_only_a_shift_that_rounds_upward_needs_room(scale: int, rounding: Rounding, room: int):
    for last, expected in ((1 << 31) - 1 - room, True), ((1 << 31) - room, False):
        function = StepFunction.of(last - 1, 1, scale, 5, 0, rounding, INT8)
        assert function.fits(2).tolist() == [expected]


def test_constants_of_any_integer_type_become_int64():
    """An argument may need more bits than the constants that make it up."""
    start, step, scale, shift = np.int8([-100, 100]), np.int8(100), np.int16(1), np.uint8(1)
    function = StepFunction.of(start, step, scale, shift, 0, Rounding.UPWARD, INT16)
    assert {array.dtype for array in function[:4]} == {np.dtype(np.int64)}
    assert function.at(100).tolist() == [4950, 5050]


def test_functions_of_no_channels_do_not_differ():
    one, two = (StepFunction.of([], 1, 1, 1, 0, r, INT8) for r in (Rounding.UPWARD, Rounding.AWAY))
    assert all(len(runs) == 0 for runs in differences(one, two, 5))


@pytest.mark.parametrize(
    ("scale", "shift", "step", "zero_point", "rounding"),
    [
        (1, 20, 1, 0, Rounding.UPWARD),
        (3 << 22, 44, 1, 37, Rounding.FLOAT32),
        (3 << 29, 51, 1000, -20, Rounding.AWAY),
    ],
)
def test_codes_are_looked_for_where_a_straight_line_reaches_them(
    scale: int,
    shift: int,
    step: int,
    zero_point: int,
    rounding: Rounding,
    monkeypatch: pytest.MonkeyPatch,
):
    """Two indices about it and what float32 may be off are soon halved, all 2**17 or more not."""
    start, count = -(1 << 27), (3 << 26) // step
    function = StepFunction.of(start, step, scale, shift, zero_point, rounding, INT8)
    calls, at = [], StepFunction.at

    def counted(self: StepFunction, index: int | np.ndarray) -> np.ndarray:
        calls.append(index)
        return at(self, index)

    monkeypatch.setattr(StepFunction, "at", counted)
    found = differences(function, function, count)
    assert not len(found.channel)
    margin = 2 + (128 + abs(zero_point)) / (scale / 2.0**shift) / 2**20 / step
    halvings = math.ceil(math.log2(2 * margin + 2))
    assert len(calls) <= 2 * (1 + 2 + halvings)


def test_codes_may_be_out_of_reach():
    """A line would reach them 2**69 indices away, which no int64 holds."""
    one, two = (
        StepFunction.of(-500, 1, 1, 62, 0, rounding, INT8)
        for rounding in (Rounding.UPWARD, Rounding.AWAY)
    )
    with np.errstate(all="raise"):
        assert not len(differences(one, two, 1000).channel)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch):
    """30 channels of 500 pieces are taken in blocks of about 2000 pieces."""
    sizes: list[int] = []

    def recorded(source: StepFunction, emitted: StepFunction, count: np.ndarray) -> Differences:
        sizes.append(500 * len(source.start))
        return differences(source, emitted, count)

    monkeypatch.setattr(error_bounds, "_MOST_PIECES", 2000)
    monkeypatch.setattr(error_bounds, "differences", recorded)
    one, two = (
        StepFunction.of([-250] * 30, 1, 1 << 30, 31, 0, rounding, INT8)
        for rounding in (Rounding.UPWARD, Rounding.AWAY)
    )
    assert step_error(one, two, 500).tolist() == [1] * 30
    assert sum(sizes) == 30 * 500
    assert max(sizes) < 2000 + 500


def test_functions_that_do_not_rise_may_differ_by_all_codes():
    def function(start: list[int], scale: int, codes: tuple[int, int]) -> StepFunction:
        return StepFunction.of(start, 1, scale, 55, 0, Rounding.UPWARD, codes)

    starts = [(1 << 31) - 500, 0, (1 << 31) - 500]
    source, emitted = function(starts, 1 << 30, (-5, 100)), function(starts, 3 << 29, (-3, 7))
    assert step_error(source, emitted, [1000, 1000, 1]).tolist() == [103, 0, 57]
    assert step_rms(source, emitted, [1000, 1000, 1]).tolist() == [103, 0, 57]
    assert step_error(emitted, source, [1000, 1000, 1]).tolist() == [103, 0, 57]


def test_a_single_result_is_compared_even_where_it_wraps():
    """gemmlowp doubles 2**31 - 10 to -20, and gives -15; the other one is 64."""
    start = (1 << 31) - 10
    source = StepFunction.of(start, 1, 3 << 29, 30, 0, Rounding.TFLITE, INT8)
    emitted = StepFunction.of(start, 1, 1 << 30, 55, 0, Rounding.AWAY, INT8)
    assert step_error(source, emitted, 1).tolist() == [64 + 15]
    assert step_error(source, emitted, 2).tolist() == [255]


def test_functions_with_the_same_constants_are_equal_even_where_they_wrap():
    one, two = (
        StepFunction.of([-(1 << 31), 0], [1 << 12, scale], 1 << 30, 30, 0, Rounding.UPWARD, INT8)
        for scale in (1, 2)
    )
    assert step_error(one, one, 1 << 20).tolist() == [0, 0]
    assert step_error(one, two, 100).tolist() == [0, 63]


@pytest.mark.parametrize(
    "change", [{"zero_point": 1}, {"rounding": Rounding.AWAY}, {"codes": (-128, 20)}]
)
def test_functions_that_are_told_apart_by_one_constant_only(change: dict[str, object]):
    one = StepFunction.of(-50, 1, 1 << 30, 31, 0, Rounding.UPWARD, INT8)
    two = one._replace(**change)
    expected = np.abs(results_of(two, 100) - results_of(one, 100)).max(axis=0)
    assert expected > 0
    np.testing.assert_array_equal(step_error(one, two, 100), expected)


# Requantizations and means of codes


@pytest.mark.parametrize("source_rounding", CONTRACTS)
@pytest.mark.parametrize(
    ("least", "count", "output_codes"),
    [
        (-128, 256, INT8),
        (0, 256, (0, 255)),
        (INT16[0], 1 << 16, INT8),
        (INT16[0], 1 << 16, INT16),
        (-(1 << 30) - 5, 1 << 15, INT16),
    ],
    ids=["i8", "ui8", "i16", "i16-i16", "i32"],
)
def test_requantization_of_all_codes(
    source_rounding: Rounding, least: int, count: int, output_codes: tuple[int, int]
):
    width = output_codes[1] - output_codes[0]
    ratio = width / count * np.array([0.3, 0.5, 1.7])
    zero_point = least + count // 2 if least < INT16[0] else 3
    for rounding in CONTRACTS if count == 256 else (Rounding.AWAY, Rounding.TFLITE16):
        source, emitted = (
            StepFunction.of(
                least - zero_point, 1, *quantize_multiplier(ratio, r), -4, r, output_codes
            )
            for r in (source_rounding, rounding)
        )
        difference = results_of(emitted, count) - results_of(source, count)
        np.testing.assert_array_equal(
            step_error(source, emitted, count), np.abs(difference).max(axis=0)
        )
        np.testing.assert_allclose(
            step_rms(source, emitted, count), np.sqrt((difference**2).mean(axis=0)), rtol=1e-12
        )


@pytest.mark.parametrize("rounding", CONTRACTS)
@pytest.mark.parametrize("size", [1, 4, 49, 1000])
def test_folded_mean_of_many_codes(rounding: Rounding, size: int):
    """A mean is a function of the sum, whatever the codes that make it up."""
    input_q, output_q = Quantization(0.7, 9), Quantization(1.0, -100)
    scale, bias, shift = fold_requantize(input_q, output_q, count=size, largest_code=128)
    count = 255 * size + 1
    constants = mean_multiplier(0.7, size, rounding)
    source = StepFunction.of(-128 * size - 9 * size, 1, *constants, -100, rounding, INT8)
    start = -128 * size * scale + bias
    emitted = StepFunction.of(start, scale, 1, shift, 0, Rounding.UPWARD, INT8)
    sums = np.arange(-128 * size, 127 * size + 1)
    mean = np.clip((sums * scale + bias + (1 << shift >> 1)) >> shift, *INT8)
    wanted = fixed_point_multiply(sums - 9 * size, *constants, rounding) - 100
    difference = mean - np.clip(wanted, *INT8)
    assert step_error(source, emitted, count).tolist() == [np.abs(difference).max()]
    np.testing.assert_allclose(
        step_rms(source, emitted, count), [np.sqrt((difference**2).mean())], rtol=1e-12
    )


def test_wide_codes_of_many_indices_are_not_told_apart():
    """Listing 2**24 indices, of one channel or several, is too much; the codes say the rest."""

    def error(count: int, channels: int) -> list[int]:
        one, two = (
            StepFunction.of([-count // 2] * channels, 1, 1 << 30, 31, 0, rounding, ALL_INT32)
            for rounding in (Rounding.UPWARD, Rounding.AWAY)
        )
        return step_error(one, two, count).tolist()

    assert error(1 << 20, 2) == [1, 1]
    assert error(1 << 24, 1) == [(1 << 32) - 1]
    assert error(1 << 21, 8) == [(1 << 32) - 1] * 8


@pytest.mark.parametrize(("more", "expected"), [(0, 1), (2, (1 << 16) + 1)])
def test_as_many_pieces_as_codes_are_told_apart(more: int, expected: int):
    """64 channels with 2**17 codes in two functions are the 2**23 pieces that can be listed."""
    counts = [1 << 20] + [1] * 63
    one, two = (
        StepFunction.of([-(1 << 19)] * 64, 1, 1 << 30, 34, 0, rounding, codes)
        for rounding, codes in (
            (Rounding.UPWARD, INT16),
            (Rounding.AWAY, (INT16[0] - more, INT16[1])),
        )
    )
    assert step_error(one, two, counts).tolist() == [expected] + [0] * 63


@pytest.mark.parametrize(("bias", "expected"), [((1 << 30) - 128, 0), ((1 << 30) - 127, 255)])
def test_an_emitted_sum_has_to_fit_32_bits_with_what_rounds_it(bias: int, expected: int):
    layer = dense_layer([[1]], 2.0**-31, bias=[bias])
    emitted = EmittedLayer.folded(layer.weight, np.array([bias]), np.array([31]))
    assert exhausted(layer, Rounding.UPWARD, emitted).tolist() == [0]
    assert layer_error(layer, Rounding.UPWARD, emitted).tolist() == [expected]
    unrounded = emitted._replace(scale=np.array([1 << 20]), shift=np.array([51]))
    assert layer_error(layer, Rounding.UPWARD, unrounded).tolist() == [0]


# Layers whose weights are kept


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "-".join(pair))
def test_bound_of_kept_weights_is_the_largest_difference(pair: tuple[Rounding, Rounding]):
    """Every index is reached, because one weight is the divisor of all and no input is left out."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        taps = 1 + seed % 2
        layer = random_layer(rng, taps)
        if taps == 2:
            layer.weight[:, 0] = rng.choice([-3, -1, 1, 2], len(layer.weight))
            layer.weight[:, 1] = layer.weight[:, 0] * rng.integers(-42, 43, len(layer.weight))
        output_codes = random_range(rng, 0.5)
        emitted = multiplied(layer, pair[1])
        expected = exhausted(layer, pair[0], emitted, output_codes=output_codes)
        bound = layer_error(layer, pair[0], emitted, output_codes=output_codes)
        np.testing.assert_array_equal(bound, expected, strict=True)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "-".join(pair))
def test_no_input_exceeds_the_bound_of_kept_weights(pair: tuple[Rounding, Rounding]):
    for seed in range(3):
        rng = np.random.default_rng(100 + seed)
        layer, input_codes = random_layer(rng, 2), random_range(rng, 0.7)
        codes = {"input_codes": input_codes, "output_codes": random_range(rng, 0.5)}
        emitted = multiplied(layer, pair[1])
        assert np.all(
            exhausted(layer, pair[0], emitted, **codes)
            <= layer_error(layer, pair[0], emitted, **codes)
        )


@pytest.mark.parametrize("seed", range(6))
def test_indices_of_a_layer_stand_for_its_accumulators(seed: int):
    rng = np.random.default_rng(seed)
    layer, codes = random_layer(rng, 2), random_range(rng, 0.5)
    pair, output_codes = PAIRS[7 * seed % 36], random_range(rng, 0.5)
    emitted = multiplied(layer, pair[1])
    source_steps, emitted_steps, count = layer_steps(
        layer, pair[0], emitted, input_codes=codes, output_codes=output_codes
    )
    x = every_input(layer, codes)
    acc = (x - layer.data_zero_point) @ layer.weight.T.astype(np.int64)
    acc += 0 if layer.bias is None else layer.bias
    divisor = np.maximum(np.gcd.reduce(layer.weight.astype(int), axis=1), 1)
    index, rest = np.divmod(acc - acc.min(axis=0), divisor)
    assert not np.any(rest)
    np.testing.assert_array_equal(count, index.max(axis=0) + 1, strict=True)
    for array in (*source_steps[:4], *emitted_steps[:4]):
        assert array.dtype == np.int64
    np.testing.assert_array_equal(
        source_steps.at(index), source_results(layer, pair[0], x, output_codes)
    )
    np.testing.assert_array_equal(
        emitted_steps.at(index), emitted_results(emitted, x, output_codes)
    )


@pytest.mark.parametrize("seed", range(4))
def test_three_taps(seed: int):
    rng = np.random.default_rng(seed)
    layer, codes = random_layer(rng, 3), (-11, 20)
    for source, kept in PAIRS[seed::4]:
        for emitted in (folded(layer), multiplied(layer, kept)):
            measured = exhausted(layer, source, emitted, codes)
            assert np.all(measured <= layer_error(layer, source, emitted, input_codes=codes))


@pytest.mark.parametrize("rounding", CONTRACTS)
def test_weights_that_were_tampered_with(rounding: Rounding):
    """What is not proportional is bounded by what its weights are off."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        layer = random_layer(rng, 2)
        weight = np.clip(layer.weight + rng.integers(-1, 2, layer.weight.shape), -128, 127)
        for pair in ((rounding, Rounding.UPWARD), (Rounding.TFLITE, rounding)):
            emitted = multiplied(layer, pair[1])._replace(weight=weight.astype(np.int8))
            assert np.all(
                exhausted(layer, pair[0], emitted) <= layer_error(layer, pair[0], emitted)
            )


@pytest.mark.parametrize("rounding", CONTRACTS)
def test_a_channel_that_computes_the_same_is_exact_beside_one_that_does_not(rounding: Rounding):
    layer = dense_layer([[1, 50], [1, 50], [1, 50]], [0.3, 0.3, 0.02], bias=[1, 2, 3])
    emitted = multiplied(layer, rounding)
    wrong = emitted._replace(weight=np.array([[1, 50], [2, 50], [1, 50]], np.int8))
    assert layer_error(layer, rounding, emitted).tolist() == [0, 0, 0]
    bound = layer_error(layer, rounding, wrong)
    assert bound[[0, 2]].tolist() == [0, 0]
    assert bound[1] >= exhausted(layer, rounding, wrong)[1] > 0


# Layers whose weights were rounded


@pytest.mark.parametrize("rounding", CONTRACTS)
def test_no_input_exceeds_the_bound_of_rounded_weights(rounding: Rounding):
    for seed in range(16):
        rng = np.random.default_rng(seed)
        layer = random_layer(rng, 1 + seed % 2)
        codes = {"input_codes": random_range(rng, 0.4), "output_codes": random_range(rng, 0.5)}
        emitted = folded(layer)
        assert np.all(
            exhausted(layer, rounding, emitted, **codes)
            <= layer_error(layer, rounding, emitted, **codes)
        )


def box(layer: Layer, codes: tuple[int, int]) -> tuple[int, int]:
    """The least and the largest code that a tap can read."""
    return min(codes[0], layer.data_zero_point), max(codes[1], layer.data_zero_point)


def is_proportional(layer: Layer, emitted: EmittedLayer, channel: int) -> bool:
    """Whether the emitted weights are the source's up to a factor."""
    return np.linalg.matrix_rank([layer.weight[channel], emitted.weight[channel]]) < 2


def extreme_inputs(signs: np.ndarray, codes: tuple[int, int]) -> np.ndarray:
    """Of two inputs, the largest code where a sign is positive and the least elsewhere, or not."""
    return np.array([np.where(signs > 0, *codes[::-1]), np.where(signs > 0, *codes)])


def rational(layer: Layer, emitted: EmittedLayer, channel: int) -> tuple[Fraction, Fraction]:
    """How many output steps a step of either accumulator is."""
    scale, shift = int(emitted.scale[channel]), int(emitted.shift[channel])
    return Fraction(float(layer.product_scale[channel])), Fraction(scale, 1 << shift)


def distance(layer: Layer, emitted: EmittedLayer, channel: int, x: np.ndarray) -> Fraction:
    """How far apart the results for one input are before they are rounded."""
    ratio, factor = rational(layer, emitted, channel)
    centred = x.astype(object) - layer.data_zero_point
    acc = int(layer.weight[channel].astype(object) @ centred)
    acc += 0 if layer.bias is None else int(layer.bias[channel])
    moved = int(emitted.weight[channel].astype(object) @ x.astype(object))
    moved += int(emitted.bias[channel])
    return factor * moved + emitted.zero_point - (ratio * acc + layer.output_q.zero_point)


def largest_distance(
    layer: Layer, emitted: EmittedLayer, channel: int, codes: tuple[int, int]
) -> Fraction:
    """The distance at the worst input, that whose codes follow what each weight is off."""
    ratio, factor = rational(layer, emitted, channel)
    off = emitted.weight[channel] * factor - layer.weight[channel] * ratio
    worst = extreme_inputs(off, box(layer, codes))
    return max(abs(distance(layer, emitted, channel, x)) for x in worst)


def largest_spread(
    layer: Layer, rounding: Rounding, emitted: EmittedLayer, channel: int, codes: tuple[int, int]
) -> int:
    """How far a result of one layer can be from any result of the other."""
    ends = box(layer, codes)
    source = source_results(layer, rounding, extreme_inputs(layer.weight[channel], ends), WIDE)
    moved = emitted_results(emitted, extreme_inputs(emitted.weight[channel], ends), WIDE)
    one, two = source[:, channel].tolist(), moved[:, channel].tolist()
    return max(max(one) - min(two), max(two) - min(one))


def beforehand(layer: Layer, rounding: Rounding, channel: int, codes: tuple[int, int]) -> Fraction:
    """How far a contract is from the product at most before its last rounding, by definition."""
    ratio = float(layer.product_scale[channel])
    scale, shift = (int(constant) for constant in quantize_multiplier(ratio, rounding))
    reach = max(abs(code - layer.data_zero_point) for code in box(layer, codes))
    size = reach * int(np.abs(layer.weight[channel].astype(int)).sum())
    size += 0 if layer.bias is None else abs(int(layer.bias[channel]))
    wrong = abs(Fraction(scale, 1 << shift) - Fraction(ratio)) * size
    if rounding is Rounding.FLOAT32:
        wrong += Fraction(ratio) * size / (1 << 23)
    if rounding in (Rounding.TFLITE, Rounding.RUY) and shift > 31:
        wrong += Fraction(1, 1 << (shift - 30))
    return wrong


WIDE = (-(1 << 20), 1 << 20)


@pytest.mark.parametrize("rounding", CONTRACTS)
def test_bound_of_rounded_weights_is_what_the_worst_input_gives(rounding: Rounding):
    """Two results that are `d` apart before rounding are `floor(1 + d)` apart at most after it."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        layer, codes = random_layer(rng, int(rng.integers(2, 20))), random_range(rng, 0.4)
        emitted = folded(layer)
        bound = layer_error(layer, rounding, emitted, input_codes=codes, output_codes=WIDE)
        for channel, found in enumerate(bound.tolist()):
            if is_proportional(layer, emitted, channel):
                continue
            apart = largest_distance(layer, emitted, channel, codes)
            spread = largest_spread(layer, rounding, emitted, channel, codes)
            slack = beforehand(layer, rounding, channel, codes)
            assert found >= min(spread, math.floor(1 + apart))
            assert found <= min(spread, math.floor(1 + apart + slack * Fraction(11, 10)))


@pytest.mark.parametrize(
    ("rounding", "ratios", "bias", "tampered"),
    [
        (Rounding.TFLITE, (0.25, 0.5), 0, False),
        (Rounding.RUY, (0.25, 0.5), 0, True),
        (Rounding.TFLITE16, (0.6, 1), 0, False),
        (Rounding.FLOAT32, (0.6, 1), 1 << 28, False),
    ],
)
def test_what_a_contract_rounds_beforehand_counts(
    rounding: Rounding, ratios: tuple[float, float], bias: int, tampered: bool
):
    """Some results are further apart than correctly rounded ones could be, none beyond the bound.

    gemmlowp rounds twice; the others round the ratio, and a float32 large sums too.
    """
    rng = np.random.default_rng(0)
    weight = rng.integers(-127, 127, (700, 8))
    biases = rng.integers(-bias, bias + 1, 700)
    layer = dense_layer(weight, rng.uniform(*ratios, 700), bias=biases, zero_point=-128)
    emitted = folded(layer)
    if tampered:
        weight = weight + rng.integers(0, 2, weight.shape)
        emitted = multiplied(layer, Rounding.UPWARD)._replace(weight=weight.astype(np.int8))
    codes = (127, 127)
    found = exhausted(layer, rounding, emitted, codes, ALL_INT32)
    bound = layer_error(layer, rounding, emitted, input_codes=codes, output_codes=ALL_INT32)
    assert np.all(found <= bound)
    apart = [largest_distance(layer, emitted, channel, codes) for channel in range(700)]
    assert any(f > math.floor(1 + d) for f, d in zip(found.tolist(), apart, strict=True))


def test_what_saturates_is_not_rounded_beforehand():
    """Large sums are off by whole steps in float32, but not where their results are codes."""
    layer = dense_layer([[101, -77], [55, 63]], [0.9, 0.7], bias=[1 << 28, -(1 << 28)])
    emitted = folded(layer)
    bound = layer_error(layer, Rounding.FLOAT32, emitted, output_codes=INT8)
    wide = layer_error(layer, Rounding.FLOAT32, emitted, output_codes=ALL_INT32)
    for channel in range(2):
        apart = math.floor(1 + largest_distance(layer, emitted, channel, INT8))
        assert bound[channel] == 0
        assert wide[channel] > apart + 8


def test_exact_channels_are_decided_beside_others():
    layer = dense_layer([[1, 77], [1, 77], [3, -50]], [0.25, 0.3, 0.5], bias=[3, 3, -7])
    emitted = folded(layer)
    assert layer_error(layer, Rounding.UPWARD, emitted)[[0, 2]].tolist() == [0, 0]
    assert layer_error(layer, Rounding.UPWARD, emitted)[1] > 0


def test_an_exact_channel_is_decided_beside_one_that_is_not():
    """3/4 of 4 and 8 are whole, of 7 not."""
    layer = dense_layer([[4, 8], [4, 7]], 0.75)
    emitted = folded(layer)
    assert emitted.weight.tolist() == [[3, 6], [3, 5]]
    bound = layer_error(layer, Rounding.UPWARD, emitted)
    assert bound[0] == exhausted(layer, Rounding.UPWARD, emitted)[0] == 0
    assert bound[1] > 0


def magnitude(layer: Layer, emitted: EmittedLayer, channel: int) -> Fraction:
    """The sum of all that is added up for the distance, with the largest weight at each tap."""
    ratio, factor = rational(layer, emitted, channel)
    bias = 0 if layer.bias is None else abs(int(layer.bias[channel]))
    moved = abs(int(emitted.bias[channel])) + 128 * 128 * layer.weight.shape[1]
    products = 255 * 128 * layer.weight.shape[1]
    return ratio * (products + bias) + factor * (products + moved) + 256


@pytest.mark.parametrize("seed", range(12))
def test_float64_does_not_hide_a_distance(seed: int):
    """The distance is never less than the exact one, and at most what 2**-38 of it all adds."""
    rng = np.random.default_rng(seed)
    layer = random_layer(rng, int(rng.integers(1, 30)), 20)
    if seed % 3 == 0:
        layer = layer._replace(weight=np.minimum(layer.weight, -layer.weight - 1))
    if seed % 4 == 1:
        layer = layer._replace(product_scale=layer.product_scale * 2.0**-20, bias=None)
    if seed % 4 == 2:
        bias = rng.integers(-(1 << 30), 1 << 30, 20)
        layer = layer._replace(product_scale=layer.product_scale * 2.0**-20, bias=bias)
    emitted, plain = multiplied(layer, Rounding.AWAY), layer._replace(data_zero_point=0)
    for one, other in (
        (layer, folded(layer)),
        (layer, emitted),
        (plain, multiplied(plain, Rounding.RUY)),
        (plain, emitted._replace(bias=np.zeros(20, np.int64), zero_point=127)),
    ):
        pair = _Pair(one, Rounding.UPWARD, other, INT8, INT8)
        found = pair._distance(pair.residual()).tolist()
        for channel in range(20):
            exact = largest_distance(one, other, channel, INT8)
            assert exact <= Fraction(found[channel])
            assert found[channel] <= exact + magnitude(one, other, channel) / (1 << 38)


@pytest.mark.parametrize("rounding", [Rounding.UPWARD, Rounding.TFLITE16])
def test_float64_does_not_hide_that_a_ratio_is_rounded(rounding: Rounding):
    ratios = [0.25, *np.random.default_rng(0).uniform(0.01, 0.99, 200)]
    layer = dense_layer(np.full((201, 1), 101), ratios)
    pair = _Pair(layer, rounding, multiplied(layer, Rounding.UPWARD), INT8, INT8)
    extremes = pair._extremes(pair.source, pair.taps, pair.offset)
    found = pair._source_slack(np.full(201, 1e6), extremes).tolist()
    constants = zip(ratios, extremes.scale, extremes.shift, found, strict=True)
    for ratio, scale, shift, slack in constants:
        wrong = abs(Fraction(int(scale), 1 << int(shift)) - Fraction(ratio)) * 101 * 128
        assert wrong <= Fraction(slack) <= wrong + Fraction(1, 1 << 35)


@pytest.mark.parametrize(
    ("largest", "ratios", "codes", "tampered"),
    [(127, (0.2, 0.9), INT8, 2), (127, (0.2, 0.9), INT8, 0), (1, (90, 120), (0, 20), 1)],
)
def test_a_rounded_ratio_counts_as_far_as_results_can_be(
    largest: int, ratios: tuple[float, float], codes: tuple[int, int], tampered: int
):
    """What it adds to the distance is less than twice what the largest products are wrong by.

    These are a step of the accumulator and a distance away from the last code at most.
    """
    rng = np.random.default_rng(0)
    weight = rng.integers(-largest, largest + 1, (1500, 4))
    layer = dense_layer(weight, rng.uniform(*ratios, 1500))
    emitted = folded(layer)
    moved = emitted.weight + rng.integers(-tampered, tampered + 1, weight.shape)
    emitted = emitted._replace(weight=np.clip(moved, -128, 127).astype(np.int8))
    bound = layer_error(layer, Rounding.TFLITE16, emitted, input_codes=codes)
    scale, shift = quantize_multiplier(layer.product_scale, Rounding.TFLITE16)
    for channel, found in enumerate(bound.tolist()):
        if is_proportional(layer, emitted, channel):
            continue
        ratio = Fraction(float(layer.product_scale[channel]))
        wrong = abs(Fraction(int(scale[channel]), 1 << int(shift[channel])) / ratio - 1)
        last = max(abs(c) for c in codes) * int(np.abs(layer.weight[channel].astype(int)).sum())
        apart = largest_distance(layer, emitted, channel, codes)
        spread = min(255, largest_spread(layer, Rounding.TFLITE16, emitted, channel, codes))
        reach = 128 + apart + ratio
        assert found >= min(spread, math.floor(1 + apart + wrong * min(reach, ratio * last / 2)))
        assert found <= min(255, math.floor(1 + apart + wrong * 2 * (reach + 5)))


def test_a_source_that_wraps_beside_an_emitted_layer_that_does_not_has_no_bound():
    layer = dense_layer([[1, 50]], 1.5, bias=[(1 << 30) - 50])
    emitted = multiplied(layer, Rounding.AWAY)._replace(weight=np.array([[2, 50]], np.int8))
    assert exhausted(layer, Rounding.TFLITE, emitted).tolist() == [255]
    assert layer_error(layer, Rounding.TFLITE, emitted).tolist() == [255]


def test_results_that_are_just_within_32_bits_have_a_bound():
    layer = dense_layer([[1, 50]], 2.0**-24, bias=[(1 << 31) - 2 - 127 * 52])
    emitted = multiplied(layer, Rounding.AWAY)._replace(weight=np.array([[2, 50]], np.int8))
    assert layer_error(layer, Rounding.AWAY, emitted, output_codes=WIDE) <= 1


@pytest.mark.parametrize("seed", range(4))
def test_the_worst_input_is_the_worst_of_all(seed: int):
    rng = np.random.default_rng(seed)
    layer, codes = random_layer(rng, 2), (-9, 12)
    emitted = folded(layer)
    for channel in range(len(layer.weight)):
        all_distances = [
            abs(distance(layer, emitted, channel, x)) for x in every_input(layer, codes)
        ]
        assert max(all_distances) == largest_distance(layer, emitted, channel, codes)


# Adversarial layers


def check_exhausted(layer: Layer, rounding: Rounding, emitted: EmittedLayer) -> np.ndarray:
    """Returns the bound, which must not be exceeded."""
    bound = layer_error(layer, rounding, emitted)
    assert np.all(exhausted(layer, rounding, emitted) <= bound)
    return bound


@pytest.mark.parametrize("rounding", CONTRACTS)
@pytest.mark.parametrize("zero_point", [-128, 0, 127])
def test_a_ratio_of_1_is_exact(rounding: Rounding, zero_point: int):
    layer = dense_layer([[3, -128], [127, 0]], 1.0, bias=[-7, 900], zero_point=zero_point)
    assert layer_error(layer, rounding, folded(layer)).tolist() == [0, 0]
    assert layer_error(layer, rounding, multiplied(layer, Rounding.RUY)).tolist() == [0, 0]


@pytest.mark.parametrize("rounding", CONTRACTS)
@pytest.mark.parametrize("ratio", [2.0, 4.0, 1.5, 3.3, 7.999])
def test_ratios_above_1(rounding: Rounding, ratio: float):
    layer = dense_layer([[1, -7], [15, 8], [0, -16]], ratio, bias=[1, -5, 40])
    bound = check_exhausted(layer, rounding, folded(layer))
    if ratio in (2.0, 4.0):
        assert bound.tolist() == [0, 0, 0]
    bound = check_exhausted(layer, rounding, multiplied(layer, Rounding.TFLITE))
    np.testing.assert_array_equal(
        bound[0], exhausted(layer, rounding, multiplied(layer, Rounding.TFLITE))[0]
    )


@pytest.mark.parametrize("rounding", CONTRACTS)
@pytest.mark.parametrize("exponent", [1, 2, 5, 9, 15, 22])
def test_powers_of_two_fold_without_loss(rounding: Rounding, exponent: int):
    """What is left is how the contracts round ties: nothing where both round them upward."""
    size = 1 << max(0, exponent - 9)
    layer = dense_layer(
        [[1, -128], [-1, 77], [3, 12]],
        2.0**-exponent,
        bias=[5 * size, -3 * size, 0],
        zero_point=4,
        output_zero_point=-9,
    )
    emitted = folded(layer)
    np.testing.assert_array_equal(emitted.weight, layer.weight)
    expected = exhausted(layer, rounding, emitted)
    np.testing.assert_array_equal(layer_error(layer, rounding, emitted)[:2], expected[:2])
    assert np.all(expected <= layer_error(layer, rounding, emitted))
    if rounding in (Rounding.UPWARD, Rounding.TFLITE16):
        assert expected.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("ratio", "equal"),
    [
        (0.5, {Rounding.UPWARD, Rounding.TFLITE16, Rounding.TFLITE, Rounding.RUY}),
        (0.125, {Rounding.UPWARD, Rounding.TFLITE16}),
    ],
)
def test_powers_of_two_differ_where_contracts_round_ties_otherwise_or_twice(
    ratio: float, equal: set[Rounding]
):
    """gemmlowp rounds to half a step first, and ties upward there: 3/8 is 1 then."""
    layer = dense_layer([[1, 127]], ratio)
    for rounding in CONTRACTS:
        expected = [0] if rounding in equal else [1]
        assert exhausted(layer, rounding, folded(layer)).tolist() == expected
        assert layer_error(layer, rounding, folded(layer)).tolist() == expected


@pytest.mark.parametrize("rounding", CONTRACTS)
def test_a_dead_channel_is_exact(rounding: Rounding):
    """Its results are its output's zero point, in the source as in the emitted layer."""
    layer = dense_layer([[127, -128], [5, 3]], [1e-11, 1e-15], bias=[9, -70], output_zero_point=-3)
    emitted = folded(layer)
    assert not np.any(emitted.weight)
    assert layer_error(layer, rounding, emitted).tolist() == [0, 0]


@pytest.mark.parametrize("rounding", CONTRACTS)
def test_a_dead_channel_whose_bias_is_near_a_tie(rounding: Rounding):
    """A weight that folds to 0 still moves the source across the tie."""
    layer = dense_layer([[1, 0], [-1, 0]], 2.0**-31, bias=[(1 << 30) - 1, -(1 << 30) - 1])
    emitted = folded(layer)
    assert not np.any(emitted.weight)
    expected = exhausted(layer, rounding, emitted)
    assert np.all(expected <= layer_error(layer, rounding, emitted))
    if rounding is Rounding.UPWARD:
        assert layer_error(layer, rounding, emitted).tolist() == [1, 1]


@pytest.mark.parametrize("rounding", CONTRACTS)
@pytest.mark.parametrize("zero_point", [-128, 127])
@pytest.mark.parametrize("output_zero_point", [-128, 127])
def test_zero_points_at_the_ends(rounding: Rounding, zero_point: int, output_zero_point: int):
    layer = dense_layer(
        [[1, -100], [127, -128], [-1, 3]],
        [0.011, 0.003, 0.6],
        bias=[50, -3000, 7],
        zero_point=zero_point,
        output_zero_point=output_zero_point,
    )
    check_exhausted(layer, rounding, folded(layer))
    emitted = multiplied(layer, Rounding.UPWARD)
    np.testing.assert_array_equal(
        layer_error(layer, rounding, emitted), exhausted(layer, rounding, emitted)
    )


@pytest.mark.parametrize("rounding", CONTRACTS)
@pytest.mark.parametrize("sign", [1, -1])
def test_accumulators_at_the_ends_of_32_bits(rounding: Rounding, sign: int):
    """A source that wraps around may give any result; one that just does not is bounded well."""
    last = (1 << 31) - 1 - 128 * 3
    biases = [sign * bias for bias in (last - 10, last - 1, last, last + 2, last + 200)]
    layer = dense_layer([[3]] * 5, 2.0**-24, bias=biases)
    bound = layer_error(layer, rounding, folded(layer))
    assert np.all(exhausted(layer, rounding, folded(layer)) <= bound)
    assert np.all(bound[:2] <= 1)
    assert bound[4] == 255


def test_a_source_that_wraps_around_has_no_bound():
    layer = dense_layer([[1]], 2.0**-24, bias=[(1 << 31) - 50])
    emitted = folded(layer)
    assert exhausted(layer, Rounding.UPWARD, emitted).tolist() == [255]
    assert layer_error(layer, Rounding.UPWARD, emitted).tolist() == [255]
    narrow = {"output_codes": (-3, 20)}
    assert layer_error(layer, Rounding.UPWARD, emitted, **narrow).tolist() == [23]


@pytest.mark.parametrize("rounding", CONTRACTS)
@pytest.mark.parametrize("bias", [(1 << 31) - 50, 49 - (1 << 31)])
def test_a_product_zero_point_does_not_hide_that_the_source_wraps(rounding: Rounding, bias: int):
    """The 32 bits that the sum of products and bias has to fit are those before it is centred."""
    layer = dense_layer([[1]], 1e-3, bias=[bias])
    layer = layer._replace(product_zero_point=np.array([bias]))
    for emitted in (folded(layer), multiplied(layer, rounding)):
        wrapped = exhausted(layer, rounding, emitted)
        assert wrapped >= (0 if rounding in (Rounding.TFLITE, Rounding.RUY) else 127)
        assert wrapped <= layer_error(layer, rounding, emitted)


def test_a_product_zero_point_does_not_make_the_source_wrap():
    layer = dense_layer([[1]], 2.0**-24)
    layer = layer._replace(product_zero_point=np.array([-(1 << 30) - 1000]))
    emitted = folded(layer)
    assert exhausted(layer, Rounding.UPWARD, emitted).tolist() == [0]
    assert layer_error(layer, Rounding.UPWARD, emitted).tolist() == [0]


@pytest.mark.parametrize("rounding", CONTRACTS)
def test_a_product_zero_point_is_part_of_the_bias(rounding: Rounding):
    rng = np.random.default_rng(11)
    layer = random_layer(rng, 2)
    layer = layer._replace(
        bias=np.arange(6, dtype=np.int32), product_zero_point=np.array([7, 0, -90, 1, 2, 400])
    )
    plain = layer._replace(
        bias=(layer.bias - layer.product_zero_point).astype(np.int32),
        product_zero_point=np.array([0]),
    )
    for emitted in (folded(layer), multiplied(layer, Rounding.AWAY)):
        bound = layer_error(layer, rounding, emitted)
        assert np.all(exhausted(layer, rounding, emitted) <= bound)
        np.testing.assert_array_equal(bound, layer_error(plain, rounding, emitted))


@pytest.mark.parametrize("rounding", CONTRACTS)
def test_weights_that_are_all_zero_leave_the_bias(rounding: Rounding):
    """The only result is known, so is the difference: ties and the rounding of the bias."""
    bias = [0, 100, -25, 75, -77, 1 << 20]
    layer = dense_layer([[0, 0]] * 6, [0.02, 0.0123, 0.02, 0.02, 0.5, 1e-4], bias=bias)
    for emitted in (folded(layer), multiplied(layer, Rounding.FLOAT32)):
        expected = exhausted(layer, rounding, emitted)
        np.testing.assert_array_equal(layer_error(layer, rounding, emitted), expected)


@pytest.mark.parametrize("rounding", CONTRACTS)
@pytest.mark.parametrize("weight", [1, -1, 53, 127, -128])
def test_one_weight_that_is_not_zero(rounding: Rounding, weight: int):
    """One factor makes up all weights; the differences are then exact."""
    layer = dense_layer([[0, weight, 0]], 0.375 / 8, bias=[11], zero_point=-128)
    emitted = multiplied(layer, Rounding.AWAY)
    one = dense_layer([[weight]], 0.375 / 8, bias=[11], zero_point=-128)
    expected = exhausted(one, rounding, multiplied(one, Rounding.AWAY))
    np.testing.assert_array_equal(layer_error(layer, rounding, emitted), expected)
    bound = layer_error(layer, rounding, folded(layer))
    assert np.all(exhausted(one, rounding, folded(one)) <= bound)
    assert bound <= math.floor(Fraction(3, 2) + largest_distance(layer, folded(layer), 0, INT8))


@pytest.mark.parametrize("rounding", CONTRACTS)
def test_weights_of_minus_128(rounding: Rounding):
    layer = dense_layer([[-128, -128], [-128, 127]], [0.9, 0.002], bias=[0, 3], zero_point=-5)
    check_exhausted(layer, rounding, folded(layer))
    check_exhausted(layer, rounding, multiplied(layer, Rounding.FLOAT32))
    layer = dense_layer([[-128, -128], [-128, -128]], [0.0037, 0.0029], zero_point=3)
    assert np.any(exhausted(layer, rounding, folded(layer)))
    check_exhausted(layer, rounding, folded(layer))


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.uint16, np.uint32, np.int64])
def test_the_integer_types_of_constants_do_not_matter(dtype: type[np.integer]):
    layer = dense_layer(
        [[3, 100], [120, 7]], [0.3, 0.6 * 2.0**-26], bias=[5, 1 << 29], zero_point=-3
    )
    emitted = folded(layer)
    typed = emitted._replace(
        weight=emitted.weight.astype(dtype),
        scale=emitted.scale.astype(dtype),
        shift=emitted.shift.astype(np.int8),
    )
    for rounding in CONTRACTS:
        np.testing.assert_array_equal(
            layer_error(layer._replace(weight=layer.weight.astype(dtype)), rounding, typed),
            check_exhausted(layer, rounding, emitted),
            strict=True,
        )


@pytest.mark.parametrize("rounding", CONTRACTS)
def test_no_bias_is_a_bias_of_zeros(rounding: Rounding):
    rng = np.random.default_rng(2)
    layer = random_layer(rng, 2)._replace(bias=None)
    zeros = layer._replace(bias=np.zeros(6, np.int32))
    for emitted in (folded(layer), multiplied(layer, Rounding.AWAY)):
        bound = check_exhausted(layer, rounding, emitted)
        np.testing.assert_array_equal(bound, layer_error(zeros, rounding, emitted))


@pytest.mark.parametrize("codes", [(20, 30), (-100, -90), (5, 5), (6, 6)])
def test_the_zero_point_counts_among_narrow_codes(codes: tuple[int, int]):
    """Taps in the padding read it, and it may be the code that is furthest off."""
    rng = np.random.default_rng(4)
    layer = random_layer(rng, 2)._replace(data_zero_point=5)
    for source in CONTRACTS:
        for emitted in (folded(layer), multiplied(layer, Rounding.AWAY)):
            found = layer_error(layer, source, emitted, input_codes=codes)
            assert np.all(exhausted(layer, source, emitted, codes) <= found)


def test_fewer_codes_make_a_smaller_bound():
    layer = dense_layer([[101, -77, 55, 3]], 0.3, zero_point=3)
    emitted = folded(layer)
    bounds = [
        layer_error(layer, Rounding.AWAY, emitted, input_codes=codes, output_codes=WIDE).tolist()
        for codes in ((3, 3), (0, 10), (-60, 60), INT8)
    ]
    assert bounds == sorted(bounds)
    assert len({bound for (bound,) in bounds}) == 4


@pytest.mark.parametrize("clamp", [(-128, -128), (127, 127), (0, 1), (-20, 6), (100, 127)])
@pytest.mark.parametrize("rounding", CONTRACTS)
def test_clamps(rounding: Rounding, clamp: tuple[int, int]):
    """No difference can be wider than the clamp, nor where both results are outside it."""
    layer = dense_layer([[101, -77], [1, -1]], [0.31, 0.1], bias=[40, 7], zero_point=-3)
    for emitted in (folded(layer), multiplied(layer, Rounding.TFLITE16)):
        bound = layer_error(layer, rounding, emitted, output_codes=clamp)
        measured = exhausted(layer, rounding, emitted, output_codes=clamp)
        assert np.all(measured <= bound)
        assert np.all(bound <= clamp[1] - clamp[0])
    assert layer_error(layer, rounding, folded(layer), output_codes=(100, 127))[1] == 0


def test_a_bound_is_at_most_what_the_extreme_results_allow():
    """Weights that are far off, and results that stay among a few codes."""
    layer = dense_layer([[1, 1], [2, -3]], [2.0**-7, 2.0**-8], output_zero_point=1)
    emitted = folded(layer)
    wrong = emitted._replace(weight=np.array([[120, -127], [-99, 101]], np.int8))
    for codes in (INT8, (0, 2), (2, 100)):
        x = every_input(layer)
        source = source_results(layer, Rounding.AWAY, x, codes)
        other = emitted_results(wrong, x, codes)
        spread = np.maximum(
            other.max(axis=0) - source.min(axis=0), source.max(axis=0) - other.min(axis=0)
        )
        apart = [largest_distance(layer, wrong, c, INT8) for c in range(2)]
        assert all(1 + d > s for d, s in zip(apart, spread.tolist(), strict=True))
        found = layer_error(layer, Rounding.AWAY, wrong, output_codes=codes)
        np.testing.assert_array_equal(found, spread, strict=True)


def test_sixteen_bit_data():
    rng = np.random.default_rng(6)
    layer = dense_layer(rng.integers(-128, 128, (9, 1)), rng.uniform(1e-5, 3e-5, 9))
    for rounding in CONTRACTS:
        for emitted in (folded(layer), multiplied(layer, Rounding.AWAY)):
            bound = layer_error(layer, rounding, emitted, input_codes=INT16)
            assert np.all(exhausted(layer, rounding, emitted, INT16) <= bound)


# Layouts


def test_a_grouped_convolution_is_a_matrix_of_its_taps():
    """Taps of the output channel `g * O + o` are `weight[:, :, :, g, o]`."""
    rng = np.random.default_rng(8)
    weight = rng.integers(-128, 128, (2, 1, 3, 2, 4), dtype=np.int8)
    rows = np.stack([weight[:, :, :, g, o].ravel() for g in range(2) for o in range(4)])
    ratio, bias = rng.uniform(0.001, 0.9, 8), rng.integers(-500, 500, 8)
    matrix = dense_layer(rows, ratio, bias=bias, zero_point=-7)
    conv = matrix._replace(weight=weight, is_dense=False)
    for emitted, flat in (
        (folded(conv), folded(matrix)),
        (
            multiplied(conv, Rounding.AWAY)._replace(bias=bias * 0),
            multiplied(matrix, Rounding.AWAY),
        ),
    ):
        flat = flat._replace(bias=emitted.bias)
        for rounding in CONTRACTS:
            np.testing.assert_array_equal(
                layer_error(conv, rounding, emitted), layer_error(matrix, rounding, flat)
            )


def test_one_scale_serves_all_channels():
    layer = dense_layer([[9, -5], [77, 3], [-100, 41]], 0.0371, bias=[3, 4, 5])
    spread = layer._replace(product_scale=np.full(3, 0.0371))
    for one, each in ((folded(layer), folded(spread)),):
        assert one.shift.shape == (1,)
        for rounding in CONTRACTS:
            np.testing.assert_array_equal(
                layer_error(layer, rounding, one), layer_error(spread, rounding, each)
            )


def test_a_layer_without_taps_leaves_the_bias():
    layer = dense_layer(np.zeros((2, 0)), [0.3, 0.02], bias=[10, -33])
    emitted = folded(layer)
    expected = exhausted(layer, Rounding.TFLITE, emitted)
    np.testing.assert_array_equal(layer_error(layer, Rounding.TFLITE, emitted), expected)


# Expected errors


def test_uniform_codes_have_the_moments_of_their_range():
    for codes in (INT8, (0, 255), (-3, 9), (7, 7), INT16):
        values = range(codes[0], codes[1] + 1)
        distribution = InputDistribution.uniform(codes)
        assert distribution.mean.tolist() == [fmean(values)]
        np.testing.assert_allclose(distribution.variance, [pvariance(values)], rtol=1e-12)


def test_measured_codes_have_the_moments_of_each_channel():
    data = np.random.default_rng(0).integers(-128, 128, (2, 3, 4, 5), dtype=np.int8)
    distribution = InputDistribution.measured(data)
    for channel in range(5):
        values = data[..., channel].ravel().tolist()
        assert distribution.mean[channel] == pytest.approx(fmean(values))
        assert distribution.variance[channel] == pytest.approx(pvariance(values))


def constant_inputs(*codes: float) -> InputDistribution:
    return InputDistribution(np.array(codes, np.float64), np.zeros(len(codes)))


def off_by(distance: float) -> tuple[Layer, EmittedLayer]:
    """A layer of one weight, and the same with another bias so that it is off by a constant."""
    layer = dense_layer([[1]], 2.0**-12)
    bias, shift = np.array([round(distance * 4096)]), np.array([12])
    return layer, EmittedLayer.folded(layer.weight, bias, shift)


def two_steps(distance: float) -> float:
    """The root mean square of steps when results are a fixed distance apart."""
    steps, rest = divmod(abs(distance), 1)
    return math.sqrt((1 - rest) * steps**2 + rest * (steps + 1) ** 2)


@pytest.mark.parametrize("distance", [0.0, 0.25, -0.25, 0.5, 1.0, -1.75, 3.5])
def test_a_constant_distance_gives_two_numbers_of_steps(distance: float):
    """At `k + f` steps the codes are `k` apart, or `k + 1` with probability `f`."""
    found = layer_rms(*off_by(distance), constant_inputs(0))
    assert found == pytest.approx([two_steps(distance)])


@pytest.mark.parametrize("mean", [0.0, 0.5, 2.25, -3.0])
@pytest.mark.parametrize("deviation", [1.0, 1.5, 4.0])
def test_a_normal_distance_adds_its_square_and_a_sixth(mean: float, deviation: float):
    """The mean of `(k + f)**2 + f * (1 - f)` where `f` is equally likely anywhere."""
    layer, emitted = off_by(mean)
    emitted = emitted._replace(weight=np.array([[2]], np.int8))
    codes = InputDistribution(np.zeros(1), np.array([(4096 * deviation) ** 2]))
    found = layer_rms(layer, emitted, codes, output_codes=WIDE)
    assert found == pytest.approx([math.sqrt(mean**2 + deviation**2 + 1 / 6)], rel=0.01)


@pytest.mark.parametrize("deviation", [0.002, 0.03])
def test_a_small_normal_distance_is_a_step_as_often_as_it_is_large(deviation: float):
    layer, emitted = off_by(0)
    emitted = emitted._replace(weight=np.array([[0]], np.int8))
    codes = InputDistribution(np.zeros(1), np.array([(4096 * deviation) ** 2]))
    expected = math.sqrt(deviation * math.sqrt(2 / math.pi))
    assert layer_rms(layer, emitted, codes) == pytest.approx([expected], rel=0.01)


@pytest.mark.parametrize("output_zero_point", [-128, -4, 127])
@pytest.mark.parametrize("mean", [0, 60, -150])
@pytest.mark.parametrize("deviation", [2, 70])
@pytest.mark.parametrize("codes", [INT8, (-10, 30)])
def test_results_that_saturate_have_no_error(
    output_zero_point: int, mean: int, deviation: int, codes: tuple[int, int]
):
    """A layer that is off by one step everywhere is so in the share of results that are inside."""
    layer, emitted = off_by(1)
    layer = layer._replace(output_q=Quantization(1.0, output_zero_point))
    emitted = emitted._replace(zero_point=output_zero_point)
    inputs = InputDistribution(np.array([4096.0 * mean]), np.array([(4096.0 * deviation) ** 2]))
    found = layer_rms(layer, emitted, inputs, output_codes=codes)
    results = NormalDist(mean + output_zero_point, deviation)
    inside = results.cdf(codes[1] + 0.5) - results.cdf(codes[0] - 0.5)
    assert found**2 == pytest.approx([inside], abs=1 / 64)


@pytest.mark.parametrize(("mean", "expected"), [(126.9, 1), (128.1, 0), (-127.9, 1), (-129.1, 0)])
def test_a_constant_result_saturates_or_not(mean: float, expected: int):
    assert layer_rms(*off_by(1), constant_inputs(4096 * mean)).tolist() == [expected]


def test_each_input_of_a_matrix_has_its_moments():
    layer = dense_layer([[10, 20, 30], [3, 7, -9]], 2.0**-6, bias=[4, 5], zero_point=-3)
    emitted = folded(layer)
    off = np.array([[1, 0, 2], [-3, 0, 0]])
    emitted = emitted._replace(weight=(layer.weight + off).astype(np.int8))
    means = np.array([0.5, 30.0, -20.0])
    # The folded bias took the zero point off the weights as they were.
    distances = (off @ means) / 64
    found = layer_rms(layer, emitted, constant_inputs(*means), output_codes=WIDE)
    assert found == pytest.approx([two_steps(d) for d in distances])
    variances = np.array([1e6, 1e9, 4e6])
    found = layer_rms(layer, emitted, InputDistribution(means, variances), output_codes=WIDE)
    expected = distances**2 + (off**2 @ variances) / 64**2 + 1 / 6
    assert found == pytest.approx(np.sqrt(expected), rel=0.01)


@pytest.mark.parametrize(
    ("inputs", "groups", "outputs"), [(1, 4, 1), (1, 3, 2), (2, 1, 3), (2, 3, 2)]
)
def test_each_input_of_a_convolution_has_its_moments(inputs: int, groups: int, outputs: int):
    """Output channel `g * O + o` reads the input channels `g * I + i` at every tap."""
    rng = np.random.default_rng(0)
    weight = rng.integers(-20, 21, (3, inputs, groups, outputs), dtype=np.int8)
    off = rng.integers(-3, 4, weight.shape, dtype=np.int8)
    layer = dense_layer([[0]], 2.0**-6, zero_point=9)._replace(weight=weight, is_dense=False)
    emitted = folded(layer)
    emitted = emitted._replace(weight=weight + off)
    means = rng.uniform(-100, 100, inputs * groups)
    variances = rng.uniform(1e5, 1e7, inputs * groups)
    distances, spreads = np.zeros(groups * outputs), np.zeros(groups * outputs)
    for k, i, g, o in np.ndindex(weight.shape):
        distances[g * outputs + o] += int(off[k, i, g, o]) * means[g * inputs + i] / 64
        spreads[g * outputs + o] += int(off[k, i, g, o]) ** 2 * variances[g * inputs + i] / 64**2
    found = layer_rms(layer, emitted, constant_inputs(*means), output_codes=WIDE)
    assert found == pytest.approx([two_steps(d) for d in distances])
    found = layer_rms(layer, emitted, InputDistribution(means, variances), output_codes=WIDE)
    assert found == pytest.approx(np.sqrt(distances**2 + spreads + 1 / 6), rel=0.01)
    alike = InputDistribution(np.full(len(means), -0.5), np.full(len(means), 65535 / 12))
    np.testing.assert_allclose(
        layer_rms(layer, emitted, InputDistribution.uniform(INT8)),
        layer_rms(layer, emitted, alike),
    )


@pytest.mark.parametrize("taps", [30, 200])
@pytest.mark.parametrize("rounding", [Rounding.UPWARD, Rounding.TFLITE, Rounding.FLOAT32])
def test_expected_error_is_that_of_sampled_inputs(rounding: Rounding, taps: int):
    """Sampling is right to 1 %, the normal distribution of few taps to a few more."""
    rng = np.random.default_rng(taps)
    weight = rng.integers(-127, 128, (12, taps))
    ratio = rng.uniform(0.1, 1, 12) * 60 / (74 * 74 * math.sqrt(taps))
    bias = (rng.normal(0, 20, 12) / ratio).astype(int)
    layer = dense_layer(weight, ratio, bias=bias, zero_point=-7, output_zero_point=5)
    emitted = folded(layer)
    x = rng.integers(-128, 128, (20_000, taps))
    difference = emitted_results(emitted, x) - source_results(layer, rounding, x)
    measured = np.sqrt((difference**2).mean(axis=0))
    for distribution in (InputDistribution.uniform(INT8), InputDistribution.measured(x)):
        found = layer_rms(layer, emitted, distribution)
        np.testing.assert_allclose(found, measured, rtol=0.05)


def test_a_wide_accumulator_may_have_a_wide_bias():
    """A bias of 2**40 that stands for one step in both."""
    layer = dense_layer([[1]], 2.0**-40)._replace(bias=np.array([1 << 40]))
    emitted = EmittedLayer.folded(layer.weight, layer.bias, np.array([40]))
    found = layer_rms(layer, emitted, constant_inputs(0), target=WIDE_TARGET)
    assert found.tolist() == [0]


def test_a_scale_and_a_shift_of_8_bits_are_not_lost():
    """A factor of 2**-26, which float16 does not hold, makes 15 codes of 40,000 weights."""
    weight = np.random.default_rng(0).integers(60, 127, (1, 40_000))
    layer = dense_layer(weight, 2.0**-26)
    weight[0, 0] += 1
    one, shift = np.ones(1, np.int8), np.array([26], np.int8)
    emitted = EmittedLayer(
        weight.astype(np.int8), np.zeros(1, np.int32), one, shift, 0, Rounding.UPWARD
    )
    assert largest_distance(layer, emitted, 0, INT8) == Fraction(128, 1 << 26)
    assert layer_error(layer, Rounding.UPWARD, emitted).tolist() == [1]


@pytest.mark.parametrize(("bias", "expected"), [(1 << 36, 0), ((1 << 47) - 127, 255)])
def test_a_wide_accumulator_wraps_where_it_ends(bias: int, expected: int):
    layer = dense_layer([[1]], 2.0**-30)._replace(bias=np.array([bias]))
    scale, shift = np.array([1 << 30]), np.array([60])
    emitted = EmittedLayer(layer.weight, layer.bias, scale, shift, 0, Rounding.AWAY)
    bound = layer_error(layer, Rounding.AWAY, emitted, target=WIDE_TARGET)
    assert bound.tolist() == [expected]


def test_phases_take_unsigned_weights():
    """A stride of two splits three taps; the others read a zero point of -3."""
    weight = np.array([1, 2, 3], np.uint8).reshape(3, 1, 1, 1, 1)
    layer = dense_layer([[0]], 1.0, zero_point=-3)._replace(weight=weight, is_dense=False)
    emitted = EmittedLayer.folded(weight, np.array([100]), np.array([0]))
    biases = [phase.emitted.bias for phase in phases(layer, emitted, [2])]
    assert [bias.dtype for bias in biases] == [np.int64, np.int64]
    assert [bias.tolist() for bias in biases] == [[100 - 3 * 2], [100 - 3 * (1 + 3)]]


# Arguments that do not fit together


LAYER = dense_layer([[1, 2], [3, 4], [5, 6]], 0.1, bias=[1, 2, 3])
EMITTED = folded(LAYER)


@pytest.mark.parametrize(
    ("layer", "emitted", "message"),
    [
        (
            LAYER,
            EMITTED._replace(weight=np.ones((2, 3), np.int8)),
            r"emitted weight has shape \(2, 3\), the source's \(3, 2\)",
        ),
        (
            LAYER._replace(bias=np.zeros(2, np.int32)),
            EMITTED,
            r"bias has shape \(2,\), weight has 3 output channels",
        ),
        (
            LAYER,
            EMITTED._replace(bias=np.zeros(4, np.int32)),
            r"bias has shape \(4,\), weight has 3 output channels",
        ),
        (
            LAYER._replace(product_scale=np.array([0.1, 0.2])),
            EMITTED,
            "2 scales given for 3 output channels",
        ),
        (
            LAYER._replace(product_scale=np.array([1e-320]), output_q=Quantization(1e300, 0)),
            EMITTED,
            "quotient of the scales must be positive and finite, got 0.0",
        ),
        (
            LAYER._replace(weight=np.ones(3, np.int8)),
            EMITTED,
            "weight must be OI with 2 axes, got 1",
        ),
        (
            LAYER._replace(is_dense=False),
            EMITTED,
            "weight must be HWIGO with at least 4 axes, got 2",
        ),
        (
            LAYER._replace(weight=LAYER.weight.astype(np.float32)),
            EMITTED,
            "weight must hold integers, got float32",
        ),
        (
            LAYER._replace(product_scale=np.array([2.0**32])),
            EMITTED,
            r"multiplier must be less than 2\*\*31, got 4294967296",
        ),
    ],
)
def test_arguments_that_do_not_fit_together_are_refused(
    layer: Layer, emitted: EmittedLayer, message: str
):
    with pytest.raises(ValueError, match=message):
        layer_error(layer, Rounding.UPWARD, emitted)
    with pytest.raises(ValueError, match=message):
        layer_steps(layer, Rounding.UPWARD, emitted)
    with pytest.raises(ValueError, match=message):
        layer_rms(layer, emitted, InputDistribution.uniform(INT8))
