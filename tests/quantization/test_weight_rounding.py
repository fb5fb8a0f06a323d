"""Weights that are rounded in other ways than each to the nearest integer.

The judges are exact: rational numbers, all integers near a value, accumulators in plain Python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sima_mlir.quantization import Layer, Quantization, requantize_qnn_convolution_dense
from sima_mlir.quantization.convolution import taps_by_channel
from sima_mlir.quantization.weight_rounding import (
    Moments,
    Rounded,
    expected_error,
    round_nearest,
    round_second_moment,
    round_sum_preserving,
)

SHAPES = {
    "dense": (5, 7),
    "conv": (3, 2, 2, 1, 4),
    "depthwise": (3, 3, 1, 6, 1),
    "grouped": (2, 3, 3, 2),
    "one tap": (1, 1, 1, 1, 4),
    "volume": (2, 1, 2, 2, 1, 3),
    "many taps": (3, 150),
}
"""Shapes of weights: HWIGO, or OI."""

MAX_SHIFT = 22


class Problem(NamedTuple):
    layer: Layer
    patches: np.ndarray
    """(N, K, groups), codes less their zero point."""

    @property
    def moments(self) -> Moments:
        return Moments.of(self.patches)


def groups_of(layer: Layer) -> int:
    return 1 if layer.is_dense else layer.weight.shape[-2]


def rows(layer: Layer, weight: np.ndarray) -> list[list[int]]:
    """The weights of each output channel."""
    return taps_by_channel(weight, layer.is_dense).T.tolist()


def make_weight(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    weight = rng.integers(-128, 128, shape)
    match rng.choice(["any", "small", "extreme", "single", "zeros", "dead", "equal"]):
        case "small":
            weight >>= int(rng.integers(3, 8))
        case "extreme":
            weight = rng.choice([-128, 127], shape)
        case "single":
            weight *= np.arange(weight.size).reshape(shape) == rng.integers(weight.size)
        case "zeros":
            weight[:] = 0
        case "dead":
            weight[..., 0] = 0
        case "equal":
            weight[:] = rng.integers(-128, 128)
    return weight.astype(np.int8)


def make_patches(rng: np.random.Generator, taps: int, groups: int, zero_point: int) -> np.ndarray:
    count = int(rng.choice([1, 2, 5, 60, 300]))
    shape = (count, taps, groups)
    codes = rng.integers(-128, 128, shape)
    match rng.choice(["any", "constant", "zero", "same", "dead tap", "extreme", "ramp"]):
        case "constant":
            codes = np.broadcast_to(rng.integers(-128, 128), shape)
        case "zero":
            codes = np.broadcast_to(zero_point, shape)
        case "same":
            codes = np.broadcast_to(rng.integers(-128, 128, (count, 1, 1)), shape)
        case "dead tap":
            codes[:, 0] = zero_point
        case "extreme":
            codes = rng.choice([-128, 127], shape)
        case "ramp":
            codes = (np.arange(count)[:, None, None] + np.arange(taps)[:, None]) % 256 - 128
            codes = np.broadcast_to(codes, shape)
    return (codes - zero_point).astype(np.int16)


def make_problem(seed: int, kind: str) -> Problem:
    """A layer whatever makes its rounding hard, and patches of its data."""
    rng = np.random.default_rng(seed)
    is_dense, shape = kind in ("dense", "many taps"), SHAPES[kind]
    channels, groups = (shape[0], 1) if is_dense else (shape[-2] * shape[-1], shape[-2])
    taps = shape[1] if is_dense else int(np.prod(shape[:-2]))
    count = channels if rng.random() < 0.6 else 1
    low, high = [(-13, -5), (-9, 0), (-45, -20), (-1, 3)][rng.choice(4, p=[0.6, 0.2, 0.1, 0.1])]
    ratio = np.exp2(rng.uniform(low, high, count))
    if rng.random() < 0.3:
        ratio = np.exp2(np.round(np.log2(ratio)))
    reach = rng.choice([0, 200, 1e7]) / ratio
    bias = rng.uniform(-np.minimum(reach, 2**31 - 1), np.minimum(reach, 2**31 - 1), channels)
    zero_point = int(rng.choice([-128, 127, 0, -3]))
    layer = Layer(
        make_weight(rng, shape),
        None if rng.random() < 0.2 else bias.astype(np.int32),
        zero_point,
        ratio * 0.37,
        np.array([rng.choice([0, 0, 77])]),
        Quantization(0.37, int(rng.choice([-128, 127, 0, 5]))),
        is_dense,
    )
    return Problem(layer, make_patches(rng, taps, groups, zero_point))


problems = st.builds(
    make_problem, st.integers(0, 2**32 - 1), st.sampled_from([k for k in SHAPES if "many" not in k])
)


def nearest_or_none(layer: Layer) -> Rounded | None:
    try:
        return round_nearest(layer)
    except ValueError:
        return None


def multipliers(layer: Layer) -> list[Fraction]:
    ratios = layer.product_scale / layer.output_q.scale
    return [Fraction(r) for r in np.broadcast_to(ratios, len(rows(layer, layer.weight))).tolist()]


def centred_bias(layer: Layer) -> list[int]:
    channels = len(rows(layer, layer.weight))
    bias = [0] * channels if layer.bias is None else layer.bias.tolist()
    return [b - int(layer.product_zero_point[0]) for b in bias]


def direct_rms(problem: Problem, rounded: Rounded) -> np.ndarray:
    """The root mean square of what each channel is off for the patches, from rational numbers."""
    layer, patches = problem
    groups, zero_point = groups_of(layer), layer.data_zero_point
    outputs = len(rounded.bias) // groups
    found: list[float] = []
    sources, emitted = rows(layer, layer.weight), rows(layer, rounded.weight)
    scales, biases = multipliers(layer), centred_bias(layer)
    for channel, (source, written) in enumerate(zip(sources, emitted, strict=True)):
        step = Fraction(1, 2 ** int(rounded.shift[channel]))
        total = Fraction(0)
        for x in patches[..., channel // outputs].tolist():
            exact = sum(a * b for a, b in zip(source, x, strict=True)) + biases[channel]
            ours = sum(a * (b + zero_point) for a, b in zip(written, x, strict=True))
            error = (ours + int(rounded.bias[channel])) * step
            error -= exact * scales[channel] + layer.output_q.zero_point
            total += error**2
        found.append(float(total / len(patches)) ** 0.5)
    return np.array(found)


def assert_fits(layer: Layer, rounded: Rounded) -> None:
    """No weight leaves int8, no accumulator int32, whatever the data."""
    assert [a.dtype for a in rounded] == [np.int8, np.int32, np.int32]
    assert rounded.weight.shape == layer.weight.shape
    for taps, bias, shift in zip(
        rows(layer, rounded.weight), rounded.bias.tolist(), rounded.shift.tolist(), strict=True
    ):
        assert 0 <= shift <= MAX_SHIFT
        most = abs(bias) + 128 * sum(abs(tap) for tap in taps) + (2**shift >> 1)
        assert most < 2**31


def turned(values: Sequence[Fraction]) -> list[int]:
    """Rounds to nearest, then what is nearest to the middle the other way, until sums agree."""
    integers = [round(v) for v in values]
    missing = round(sum(values, Fraction(0))) - sum(integers)
    sign = 1 if missing > 0 else -1
    order = sorted(range(len(values)), key=lambda k: ((integers[k] - values[k]) * sign, k))
    free = [k for k in order if -128 <= integers[k] + sign <= 127]
    for k in free[: abs(missing)]:
        integers[k] += sign
    return integers


def largest_remainder_cost(values: Sequence[Fraction]) -> Fraction:
    """What the method of largest remainders leaves: the sum of the absolute differences."""
    floors = [v.numerator // v.denominator for v in values]
    up = round(sum(values, Fraction(0))) - sum(floors)
    fractions = sorted((v - f for v, f in zip(values, floors, strict=True)), reverse=True)
    return sum((1 - f for f in fractions[:up]), Fraction(0)) + sum(fractions[up:], Fraction(0))


def largest_shift(layer: Layer, weight: list[int], multiplier: Fraction, bias: int) -> int:
    magnitude = sum(abs(w) for w in weight)
    reach = (128 + abs(layer.data_zero_point)) * magnitude + abs(bias)
    wide = reach * multiplier + abs(layer.output_q.zero_point) + 1
    largest = max(abs(w) for w in weight) * multiplier
    fitting = (
        n
        for n in range(MAX_SHIFT, 0, -1)
        if largest * 2**n <= Fraction("127.499") and wide * 2**n <= 2**31
    )
    return next(fitting, 0)


def check_sums(layer: Layer) -> int:
    """Compares with rational arithmetic; returns how many channels were not as nearest."""
    assert_fits(layer, rounded := round_sum_preserving(layer))
    sources, written = rows(layer, layer.weight), rows(layer, rounded.weight)
    changed = 0
    for channel, (multiplier, bias) in enumerate(
        zip(multipliers(layer), centred_bias(layer), strict=True)
    ):
        shift = largest_shift(layer, sources[channel], multiplier, bias)
        values = [w * multiplier * 2**shift for w in sources[channel]]
        integers = turned(values)
        assert written[channel] == integers
        assert rounded.shift[channel] == shift
        wanted = bias * multiplier * 2**shift + layer.output_q.zero_point * 2**shift
        zero = layer.data_zero_point * sum(integers)
        assert rounded.bias[channel] == round(wanted) - zero
        if all(abs(i) < 127 for i in integers):
            assert sum(integers) == round(sum(values, Fraction(0)))
            cost = sum((abs(i - v) for i, v in zip(integers, values, strict=True)), Fraction(0))
            assert cost == largest_remainder_cost(values)
        changed += integers != [round(v) for v in values]
    return changed


def dyadic_layer(seed: int, kind: str) -> Layer:
    """Values that float64 holds exactly, whole ties among them."""
    rng = np.random.default_rng(seed)
    shape, is_dense = SHAPES[kind], kind in ("dense", "many taps")
    channels = shape[0] if is_dense else shape[-2] * shape[-1]
    bits = int(rng.integers(1, 6))
    ratio = np.ldexp(rng.integers(1, 2**bits, channels).astype(float), -int(rng.integers(9, 15)))
    weight = make_weight(rng, shape)
    bias = rng.integers(-5000, 5000, channels).astype(np.int32)
    return Layer(weight, bias, -5, ratio, np.array([3]), Quantization(1.0, -7), is_dense)


@pytest.mark.parametrize("kind", SHAPES)
def test_sums_are_preserved_as_rational_arithmetic_has_it(kind: str):
    changed = 0
    for seed in range(60):
        layer = dyadic_layer(seed, kind)
        changed += check_sums(layer)
    assert changed == 0 if kind == "one tap" else changed > 10


def equal_weights(value: int, count: int, ratio: float) -> Layer:
    weight = np.full((1, count), value, np.int8)
    return Layer(weight, None, 0, np.array([ratio]), np.array([0]), Quantization(1.0, 0), True)


@pytest.mark.parametrize(
    ("value", "ratio", "integers"),
    [
        (1, 2**-22 * 0.75, [0, 1, 1, 1]),
        (1, 2**-22 * 0.25, [1, 0, 0, 0]),
        (-1, 2**-22 * 0.25, [-1, 0, 0, 0]),
        (1, 2**-22 * 0.5, [1, 1, 0, 0]),
        (0, 2**-5, [0, 0, 0, 0]),
    ],
)
def test_of_equal_fractions_the_first_are_turned(value: int, ratio: float, integers: list[int]):
    rounded = round_sum_preserving(equal_weights(value, 4, ratio))
    assert rounded.weight[0].tolist() == integers


@pytest.mark.parametrize(("value", "integer"), [(127, 127), (-127, -127)])
def test_what_would_leave_8_bits_stays(value: int, integer: int):
    """127.25 cannot go up to 128, whatever the sum; -127.25 can go down to -128."""
    layer = equal_weights(value, 8, 127.25 / 127 / 16)
    rounded = round_sum_preserving(layer)
    assert rounded.shift.tolist() == [4]
    taps = rounded.weight[0].tolist()
    assert taps == ([127] * 8 if value > 0 else [-128] * 2 + [-127] * 6)
    assert integer in taps


@settings(max_examples=300, deadline=None)
@given(problems)
def test_sums_are_rounded_sums(problem: Problem):
    layer = problem.layer
    assume(nearest_or_none(layer) is not None)
    assert_fits(layer, rounded := round_sum_preserving(layer))
    nearest = round_nearest(layer)
    for channel, multiplier in enumerate(multipliers(layer)):
        taps = rows(layer, rounded.weight)[channel]
        if taps == rows(layer, nearest.weight)[channel] or max(map(abs, taps)) >= 127:
            continue
        total = (
            sum(rows(layer, layer.weight)[channel]) * multiplier * 2 ** int(rounded.shift[channel])
        )
        assert abs(sum(taps) - total) <= Fraction(1, 2) + Fraction(1, 2**30)


@settings(max_examples=200, deadline=None)
@given(problems, st.sampled_from([0.01, 0.1]))
def test_second_moments_are_never_expected_to_do_worse_than_nearest(
    problem: Problem, damping: float
):
    layer, moments = problem.layer, problem.moments
    assume((nearest := nearest_or_none(layer)) is not None)
    improved = round_second_moment(layer, moments, damping)
    assert_fits(layer, improved.constants)
    ours, other = (expected_error(layer, r, moments) for r in (improved.constants, nearest))
    assert np.all(ours <= other)
    np.testing.assert_array_equal(improved.error, ours)
    np.testing.assert_array_equal(improved.nearest_error, other)
    again = round_second_moment(layer, moments, damping)
    for array, same in zip(improved.constants, again.constants, strict=True):
        np.testing.assert_array_equal(array, same)


@settings(max_examples=40, deadline=None)
@given(problems)
def test_the_expected_error_is_that_of_the_patches(problem: Problem):
    layer = problem.layer
    assume(nearest_or_none(layer) is not None)
    small = Problem(layer, problem.patches[:12])
    improved = round_second_moment(layer, small.moments, 0.1)
    for rounded in (round_nearest(layer), round_sum_preserving(layer), improved.constants):
        found = expected_error(layer, rounded, small.moments)
        np.testing.assert_allclose(found, direct_rms(small, rounded), rtol=1e-6, atol=1e-5)


def test_moments_are_those_of_the_patches():
    rng = np.random.default_rng(3)
    patches = rng.integers(-255, 256, (700, 5, 3)).astype(np.int16)
    patches[:300] = 255
    mean, second = Moments.of(patches)
    whole = patches.astype(object)
    for group in range(3):
        for k in range(5):
            assert mean[group, k] == sum(whole[:, k, group]) / 700
            for other in range(5):
                products = whole[:, k, group] * whole[:, other, group]
                assert second[group, k, other] == sum(products) / 700


def metric_of(patches: np.ndarray, damping: float) -> np.ndarray:
    """H as folding.md and the documentation have it, for one group."""
    x = patches[..., 0].astype(np.float64)
    mean, second = x.mean(axis=0), x.T @ x / len(x)
    powers = np.diag(second)
    covariance = second - np.outer(mean, mean)
    damped = damping * powers + 0.01 * powers.mean() + 1e-3
    return (1 - damping) * covariance + np.diag(damped)


def tiny_problem(seed: int) -> Problem:
    rng = np.random.default_rng(seed)
    taps = int(rng.integers(1, 5))
    weight = rng.integers(-127, 128, (1, taps)).astype(np.int8)
    mix = rng.normal(size=(taps, taps)) * 25
    x = np.clip(rng.normal(size=(200, taps)) @ mix + 20, -128, 127)
    ratio = np.array([np.exp2(rng.uniform(-12, -6))])
    layer = Layer(weight, None, 0, ratio, np.array([0]), Quantization(1.0, 3), True)
    return Problem(layer, x.astype(np.int16)[..., np.newaxis])


def test_few_taps_get_nearly_the_best_of_all_integers():
    """Brute force over all integers near the values, of the shift that was chosen."""
    ratios: list[float] = []
    for seed in range(150):
        problem = tiny_problem(seed)
        layer, metric = problem.layer, metric_of(problem.patches, 0.01)
        rounded = round_second_moment(layer, problem.moments, 0.01).constants
        if np.array_equal(rounded.weight, round_nearest(layer).weight):
            continue
        scale = np.ldexp(layer.product_scale[0], int(rounded.shift[0]))
        values = layer.weight[0] * scale
        near = [range(int(np.floor(v)) - 2, int(np.ceil(v)) + 3) for v in values]
        inside = [
            [i for i in r if -128 <= i <= 127] or [127 if v > 0 else -128]
            for r, v in zip(near, values, strict=True)
        ]
        errors = np.array(list(product(*inside))) - values
        costs = np.einsum("nk,kl,nl->n", errors, metric, errors)
        error = rounded.weight[0] - values
        cost = error @ metric @ error
        assert cost >= costs.min() * (1 - 1e-9)
        one_off = np.abs(errors - error).sum(axis=1) < 1.5
        assert cost <= costs[one_off].min() * (1 + 1e-4)
        ratios.append(cost / costs.min())
    assert len(ratios) > 100
    assert np.mean(np.array(ratios) < 1.0001) > 0.85
    assert np.mean(ratios) < 1.1


def correlated_layer(shape: tuple[int, ...], is_dense: bool) -> Problem:
    """Weights of many taps, whose data has a mean and is correlated, as images are."""
    rng = np.random.default_rng(0)
    channels, groups = (shape[0], 1) if is_dense else (shape[-2] * shape[-1], shape[-2])
    taps = shape[1] if is_dense else int(np.prod(shape[:-2]))
    weight = np.clip(rng.normal(size=shape) * 40, -127, 127).astype(np.int8)
    mix = rng.normal(size=(groups, 4, taps))
    common = np.einsum("nf,gfk->nkg", rng.normal(size=(2000, 4)), mix) * 20 + 60
    x = np.clip(common + rng.normal(size=common.shape) * 5, 0, 255).astype(np.int16)
    ratio = np.exp2(rng.uniform(-11, -9, channels))
    bias = rng.integers(-3000, 3000, channels).astype(np.int32)
    q = Quantization(1.0, -128)
    return Problem(Layer(weight, bias, -128, ratio, np.array([0]), q, is_dense), x)


@pytest.mark.parametrize(
    ("shape", "is_dense"),
    [
        ((40, 200), True),
        ((3, 3, 16, 1, 20), False),
        ((3, 3, 1, 30, 1), False),
        ((3, 8, 4, 5), False),
    ],
)
def test_second_moments_help_on_data_that_was_not_seen(shape: tuple[int, ...], is_dense: bool):
    problem = correlated_layer(shape, is_dense)
    layer, seen, unseen = problem.layer, problem.patches[:1000], problem.patches[1000:]
    rounded = round_second_moment(layer, Moments.of(seen), 0.01).constants
    test = Problem(layer, unseen[:40])
    ours, sums, nearest = (
        float(np.mean(direct_rms(test, r)))
        for r in (rounded, round_sum_preserving(layer), round_nearest(layer))
    )
    assert ours < 0.75 * sums
    assert ours < 0.55 * nearest
    assert sums < nearest


def test_data_that_never_varies_is_exact_but_for_the_rounding_of_the_bias():
    """Where inputs are constant, the bias makes good what the weights are off."""
    layer = correlated_layer((40, 200), True).layer
    patches = np.full((5, 200, 1), 61, np.int16)
    improved = round_second_moment(layer, Moments.of(patches), 0.1)
    assert np.all(direct_rms(Problem(layer, patches), improved.constants) <= 0.5 * 2.0**-4)
    assert np.all(improved.error <= improved.nearest_error)


@pytest.mark.parametrize("strategy", ["sum", "second"])
def test_a_channel_that_does_not_fit_is_rounded_to_nearest(strategy: str):
    """A bias of nearly 2**31 steps leaves a shift no room that only an exact count finds."""
    weight = np.array([[127, -90, 3], [127, -90, 3]], np.int8)
    bias = np.array([2**31 - 400 * 128, 0], np.int32)
    layer = Layer(
        weight, bias, 127, np.array([1.0, 0.01]), np.array([0]), Quantization(1.0, 0), True
    )
    nearest = round_nearest(layer)
    patches = np.random.default_rng(0).integers(-255, 1, (50, 3, 1)).astype(np.int16)
    rounded = (
        round_sum_preserving(layer)
        if strategy == "sum"
        else round_second_moment(layer, Moments.of(patches), 0.1).constants
    )
    assert_fits(layer, rounded)
    assert rounded.shift[0] == nearest.shift[0] == 0
    np.testing.assert_array_equal(rounded.weight[0], nearest.weight[0])


@pytest.mark.parametrize(
    "strategy", [round_sum_preserving, lambda layer: round_second_moment(layer, SOME, 0.1)]
)
def test_what_nearest_refuses_is_refused(strategy: Callable[[Layer], object]):
    layer = equal_weights(100, 4, 2.0)
    with pytest.raises(ValueError, match="weight") as nearest:
        round_nearest(layer)
    with pytest.raises(ValueError, match="weight") as ours:
        strategy(layer)
    assert str(ours.value) == str(nearest.value)


SOME = Moments.of(np.ones((3, 4, 1), np.int16))


def test_nearest_is_the_arithmetic_of_the_page():
    layer = dyadic_layer(1, "conv")._replace(product_zero_point=np.array([0]))
    product_q = [Quantization(scale, 0) for scale in layer.product_scale.tolist()]
    constants = requantize_qnn_convolution_dense(
        layer.weight, layer.bias, layer.data_zero_point, product_q, layer.output_q, False
    )
    for array, same in zip(round_nearest(layer), constants, strict=True):
        np.testing.assert_array_equal(array, same)
