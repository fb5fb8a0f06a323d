"""How far an emitted operation can be from its source: proven bounds and expected errors.

An error is a difference of codes, in output steps: what the emitted integer arithmetic gives,
less what the source gives under its rounding contract, for the same operands. A bound holds for
all operands within a range of codes; nothing is sampled.

* Where both results are monotone step functions of one integer (a layer whose weights are the
  source's up to a factor, a mean, a requantization), their breakpoints decide where they differ.
* Where weights were rounded, let `d[k]` be an emitted weight in output steps less the real number
  that it stands for, and `e` the same for the bias. Before they are rounded the two results are
  `sum(d[k] * (x[k] - zx)) + e` apart, whose extremes over a box of codes are exact. Rounding both
  to nearest adds at most one step, and what a contract rounds beforehand adds to the distance.

Floating-point sums are widened by more than they can be wrong, so that the bounds are sound.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from statistics import NormalDist
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from sima_mlir.quantization.convolution import (
    Layer,
    channel_bias,
    channel_multipliers,
    taps_by_channel,
)
from sima_mlir.quantization.fixed_point import (
    FloatArray,
    Int64Array,
    IntArray,
    Rounding,
    code_range,
    fixed_point_multiply,
    quantize_multiplier,
)
from sima_mlir.quantization.target import DEFAULT_TARGET, Target

BoolArray: TypeAlias = npt.NDArray[np.bool_]
Codes: TypeAlias = tuple[int, int]
"""The least and the largest code that a value takes."""

INT8_CODES = code_range(np.int8)

_UNIT = 2.0**-52
_FLOAT32_UNIT = 2.0**-23

_EXACT_BITS = 44
"""A number with so many significant bits times an int8 weight is exact in float64."""

_QUANTILES = 128
"""How many numbers stand for a normal distribution."""

_MOST_PIECES = 1 << 20
"""How many pieces of step functions are listed at a time."""

_MOST_WORK = 1 << 23
"""How many are listed for all channels together."""


class EmittedLayer(NamedTuple):
    """What an emitted convolution or dense operator computes.

        clip(mul(sum(x * weight) + bias, scale, shift) + zero_point)

    with `mul` the multiplication of a rounding contract.
    """

    weight: IntArray
    """In the shape of the source's."""
    bias: IntArray
    """One for each output channel."""
    scale: IntArray
    """One, or one for each output channel."""
    shift: IntArray
    """As `scale`."""
    zero_point: int
    rounding: Rounding

    @classmethod
    def folded(cls, weight: IntArray, bias: IntArray, shift: IntArray) -> EmittedLayer:
        """Returns a layer whose scale is folded into its weights: one rounding shift."""
        return cls(weight, bias, np.ones_like(shift), shift, 0, Rounding.UPWARD)


class StepFunction(NamedTuple):
    """`i -> clip(mul(start + step * i, scale, shift) + zero_point)`, per channel.

    The constants are int64 arrays with one value for each channel.
    """

    start: Int64Array
    step: Int64Array
    scale: Int64Array
    shift: Int64Array
    zero_point: int
    rounding: Rounding
    codes: Codes

    @classmethod
    def of(
        cls,
        start: npt.ArrayLike,
        step: npt.ArrayLike,
        scale: npt.ArrayLike,
        shift: npt.ArrayLike,
        zero_point: int,
        rounding: Rounding,
        codes: Codes,
    ) -> StepFunction:
        """Returns a function of as many channels as the longest argument has."""
        arrays = (np.atleast_1d(np.asarray(a, np.int64)) for a in (start, step, scale, shift))
        first, second, third, fourth = np.broadcast_arrays(*arrays)
        return cls(first, second, third, fourth, zero_point, rounding, codes)

    def at(self, index: int | Int64Array) -> Int64Array:
        """Returns the codes at indices whose last axis is the channels'."""
        argument = self.start + self.step * index
        product = fixed_point_multiply(argument, self.scale, self.shift, self.rounding)
        return np.clip(product + self.zero_point, *self.codes)

    def rises(self, count: int | Int64Array) -> BoolArray:
        """Says for each channel that nothing leaves 32 bits at `0 <= i < count`.

        The function is then monotone there.
        """
        last = self.start + self.step * (count - 1)
        reach = np.maximum(np.abs(self.start), np.abs(last)).astype(np.float64)
        product = np.ldexp(reach * self.scale, -self.shift) + 1
        if self.rounding in (Rounding.TFLITE, Rounding.RUY):
            reach = np.ldexp(reach, np.maximum(31 - self.shift, 0))
        return np.maximum(reach, product) < 2.0**31 - 1

    def fits(self, count: int | Int64Array, bits: int = 32) -> BoolArray:
        """Says for each channel that its arguments, with what rounds a shift, have so many bits."""
        last = self.start + self.step * (count - 1)
        shifts = (self.scale == 1) & (self.rounding is Rounding.UPWARD)
        half = np.where(shifts, (np.int64(1) << self.shift) >> 1, 0)
        low, high = np.minimum(self.start, last), np.maximum(self.start, last) + half
        return (low >= -(1 << (bits - 1))) & (high < 1 << (bits - 1))

    def where(self, channels: BoolArray | Int64Array) -> StepFunction:
        """Returns the function of some of the channels."""
        return self._replace(
            start=self.start[channels],
            step=self.step[channels],
            scale=self.scale[channels],
            shift=self.shift[channels],
        )


class Differences(NamedTuple):
    """Runs of indices at which two step functions differ, each by one number.

    A run may follow another with the same number.
    """

    channel: Int64Array
    first: Int64Array
    last: Int64Array
    difference: Int64Array
    """The emitted code less the source's, never 0."""

    def largest(self, channels: int) -> Int64Array:
        """Returns the largest magnitude for each channel, 0 where there is no difference."""
        result = np.zeros(channels, np.int64)
        np.maximum.at(result, self.channel, np.abs(self.difference))
        return result


class InputDistribution(NamedTuple):
    """What is stated of a layer's operand: codes that are independent of one another."""

    mean: FloatArray
    """Mean code: one, or one for each input channel."""
    variance: FloatArray
    """As `mean`."""

    @classmethod
    def uniform(cls, codes: Codes) -> InputDistribution:
        """Returns the distribution in which every code of a range is equally likely."""
        low, high = codes
        return cls(np.array([(low + high) / 2]), np.array([((high - low + 1) ** 2 - 1) / 12]))

    @classmethod
    def measured(cls, data: IntArray) -> InputDistribution:
        """Returns mean and variance of each channel, the last axis, over all others."""
        rows = data.reshape(-1, data.shape[-1])
        return cls(rows.mean(axis=0), rows.var(axis=0))


def differences(source: StepFunction, emitted: StepFunction, count: npt.ArrayLike) -> Differences:
    """Returns all indices `0 <= i < count` at which two step functions differ.

    `count` is one for all channels, or one for each. Both functions must rise there.
    """
    limit = np.broadcast_to(count, source.start.shape)
    points = _pieces(source, emitted, limit)
    after = np.concatenate([points[1:], limit[None]])
    difference = emitted.at(points) - source.at(points)
    channel, run = np.nonzero(((after > points) & (difference != 0)).T)
    where = run, channel
    return Differences(channel, points[where], after[where] - 1, difference[where])


def step_error(source: StepFunction, emitted: StepFunction, count: npt.ArrayLike) -> Int64Array:
    """Returns the largest difference of two step functions over `0 <= i < count`, per channel.

    It is exact where both rise, as long as their pieces are few enough to be listed (always for
    8-bit codes, unless there are thousands of channels); elsewhere it is what the codes of the
    results allow. So it is where the emitted argument can leave 32 bits.
    """
    limit = np.broadcast_to(count, source.start.shape)
    error = np.abs(emitted.at(0) - source.at(0))
    several = (limit > 1) & ~_same(source, emitted)
    decided = several & _is_decidable(source, emitted, limit)
    error[(several & ~decided) | ~emitted.fits(limit)] = _widest(source, emitted)
    for channels, found in _differences_by_block(source, emitted, limit, decided):
        error[channels] = found.largest(len(channels))
    return error


def step_rms(source: StepFunction, emitted: StepFunction, count: npt.ArrayLike) -> FloatArray:
    """Returns the root mean square difference over `0 <= i < count`, all equally likely.

    Where `step_error` is not exact, it is that.
    """
    limit = np.broadcast_to(count, source.start.shape)
    result = step_error(source, emitted, limit).astype(np.float64)
    decided = (result > 0) & _is_decidable(source, emitted, limit)
    for channels, found in _differences_by_block(source, emitted, limit, decided):
        squares = np.zeros(len(channels))
        np.add.at(squares, found.channel, found.difference**2 * (found.last - found.first + 1.0))
        result[channels] = np.sqrt(squares / limit[channels])
    return result


def layer_steps(
    layer: Layer,
    rounding: Rounding,
    emitted: EmittedLayer,
    *,
    input_codes: Codes = INT8_CODES,
    output_codes: Codes = INT8_CODES,
) -> tuple[StepFunction, StepFunction, Int64Array]:
    """Returns source and emitted layer as functions of one index, and how many indices there are.

    The weights of the two must be proportional. Index `i` stands for the accumulators that lie
    `i` steps above the least one, a step being the greatest common divisor of a channel's
    weights. Every reachable accumulator is among them, and no other if some weight's magnitude
    is that divisor.
    """
    pair = _Pair(layer, rounding, emitted, input_codes, output_codes)
    return pair.steps(np.ones(len(pair.ratio), np.bool_))


def layer_error(
    layer: Layer,
    rounding: Rounding,
    emitted: EmittedLayer,
    *,
    input_codes: Codes = INT8_CODES,
    output_codes: Codes = INT8_CODES,
    target: Target = DEFAULT_TARGET,
) -> Int64Array:
    """Returns a proven bound of the error of each output channel, in output steps.

    `rounding` is the contract of the source. The bound is exact over the accumulators of
    `layer_steps` where the weights of the two are proportional, so 0 where both compute the same.
    Taps in the padding read the zero point, which therefore counts among `input_codes`. The
    accumulators of both have the width of the target's.

    Raises `ValueError` as `fold_requantization` does for arguments that do not fit together.
    """
    pair = _Pair(layer, rounding, emitted, input_codes, output_codes, target)
    proportional = np.all(pair.taps == pair.moved, axis=0)
    error = np.zeros(len(pair.ratio), np.int64)
    if not np.all(proportional):
        residual = pair.residual()
        proportional |= pair.is_exact(residual)
        error = np.where(proportional, 0, pair.rounded_error(residual))
    if np.any(compared := proportional & ~_same(pair.source, pair.emitted)):
        error[compared] = step_error(*pair.steps(compared))
    error[pair.wraps()] = _widest(pair.source, pair.emitted)
    return error


def layer_rms(
    layer: Layer,
    emitted: EmittedLayer,
    distribution: InputDistribution,
    *,
    output_codes: Codes = INT8_CODES,
    target: Target = DEFAULT_TARGET,
) -> FloatArray:
    """Returns the expected root mean square error of each output channel, in output steps.

    It is the error against the source rounded once, to nearest, for codes that are independent
    and have the moments of `distribution`, none of them in the padding. The results before they
    are rounded are taken to be normally distributed, and their distance to be independent of
    where between two codes they lie; a result that saturates has no error.

    Raises `ValueError` as `fold_requantization` does for arguments that do not fit together.
    """
    pair = _Pair(layer, Rounding.UPWARD, emitted, INT8_CODES, output_codes, target)
    mean = _by_tap(distribution.mean - layer.data_zero_point, layer)
    variance = _by_tap(distribution.variance, layer)
    distance = _moments(pair.residual(), pair.offset_residual(), mean, variance)
    result = _moments(pair.taps * pair.ratio, pair.offset * pair.ratio, mean, variance)
    low, high = (code - layer.output_q.zero_point for code in pair.source.codes)
    inside = _below(high + 0.5, *result) - _below(low - 0.5, *result)
    return np.sqrt(_squared_steps(*distance) * inside)


class Phase(NamedTuple):
    """What one of every `stride` results along each axis of a transposed convolution computes."""

    layer: Layer
    """The source with the taps that reach these results."""
    emitted: EmittedLayer
    """The emitted layer with them; what its other taps add is in the bias."""
    share: int
    """How many results of a block of strides compute this."""


def phases(layer: Layer, emitted: EmittedLayer, strides: Sequence[int]) -> Iterator[Phase]:
    """Yields the layers that a transposed convolution consists of: one for each place in a stride.

    The taps that do not reach a result read the zero point there. Without strides the layer is not
    transposed, and itself the only phase.

    Raises `ValueError` when the shapes of the weights differ.
    """
    if not strides:
        yield Phase(layer, emitted, 1)
        return
    _check_shapes(layer, emitted)
    kernel, every = layer.weight.shape[: len(strides)], taps_by_channel(emitted.weight, False)
    total = every.sum(axis=0, dtype=np.int64)
    for start in np.ndindex(*(min(k + 1, s) for k, s in zip(kernel, strides, strict=True))):
        taps = tuple(slice(first, None, s) for first, s in zip(start, strides, strict=True))
        moved = emitted.weight[taps]
        others = total - taps_by_channel(moved, False).sum(axis=0, dtype=np.int64)
        bias = emitted.bias + layer.data_zero_point * others
        share = (s - k if k == n else 1 for k, n, s in zip(start, kernel, strides, strict=True))
        yield Phase(
            layer._replace(weight=layer.weight[taps]),
            emitted._replace(weight=moved, bias=bias),
            math.prod(share),
        )


class _Pair:
    """A source layer and an emitted one, over the same centred codes `x - zx`.

    Their accumulators are `sum((x - zx) * taps) + offset`, whose steps are `ratio` output steps,
    and `sum((x - zx) * moved) + moved_offset`, whose steps are `factor` output steps.
    """

    def __init__(
        self,
        layer: Layer,
        rounding: Rounding,
        emitted: EmittedLayer,
        input_codes: Codes,
        output_codes: Codes,
        target: Target = DEFAULT_TARGET,
    ):
        self.target = target
        self.taps = taps_by_channel(layer.weight, layer.is_dense)
        self.moved = taps_by_channel(emitted.weight, layer.is_dense)
        _check_shapes(layer, emitted)
        channels = self.taps.shape[1]
        moved_sum = self.moved.sum(axis=0, dtype=np.int64)
        self.product_zero_point = layer.product_zero_point
        self.offset = channel_bias(layer.bias, channels, target) - layer.product_zero_point
        moved_bias = channel_bias(emitted.bias, channels, target)
        self.moved_offset = moved_bias + layer.data_zero_point * moved_sum
        self.ratio = channel_multipliers(layer)
        factor = np.ldexp(np.asarray(emitted.scale, np.float64), -emitted.shift)
        self.factor = np.broadcast_to(factor, channels)
        scale, shift = quantize_multiplier(self.ratio, rounding)
        self.source = StepFunction.of(
            self.offset, 1, scale, shift, layer.output_q.zero_point, rounding, output_codes
        )
        self.emitted = StepFunction.of(
            self.moved_offset,
            1,
            emitted.scale,
            emitted.shift,
            emitted.zero_point,
            emitted.rounding,
            output_codes,
        )
        self.low = min(input_codes[0] - layer.data_zero_point, 0)
        self.high = max(input_codes[1] - layer.data_zero_point, 0)

    def residual(self) -> FloatArray:
        """Returns what each emitted weight is off, in output steps."""
        residual = self.moved * self.factor
        residual -= self.taps * self.ratio
        return residual

    def offset_residual(self) -> FloatArray:
        """Returns what each emitted bias is off, in output steps, with the zero points in it."""
        moved = self.moved_offset * self.factor + self.emitted.zero_point
        return moved - (self.offset * self.ratio + self.source.zero_point)

    def wraps(self) -> BoolArray:
        """Says for each channel that a sum of products and bias may leave the accumulator."""
        source = self._extremes(self.source, self.taps, self.offset + self.product_zero_point)
        emitted = self._extremes(self.emitted, self.moved, self.moved_offset)
        bits = self.target.accumulator_bits
        return ~(source.fits(2, bits) & emitted.fits(2, bits))

    def is_exact(self, residual: FloatArray) -> BoolArray:
        """Says for each channel that its weights are the source's times the ratio, exactly."""
        bits = np.ldexp(np.frexp(self.ratio)[0], _EXACT_BITS)
        return (bits == np.floor(bits)) & ~np.any(residual != 0, axis=0)

    def steps(self, channels: BoolArray) -> tuple[StepFunction, StepFunction, Int64Array]:
        """Returns both results of some channels as functions of one index, and the indices."""
        source, _ = self._steps(self.source, self.taps, channels)
        emitted, count = self._steps(self.emitted, self.moved, channels)
        return source, emitted, count

    def rounded_error(self, residual: FloatArray) -> Int64Array:
        """Bounds the error of each channel by the residuals of its weights and its bias."""
        source = self._extremes(self.source, self.taps, self.offset)
        emitted = self._extremes(self.emitted, self.moved, self.moved_offset)
        distance = self._distance(residual)
        reach = 2 * (np.max(np.abs(np.subtract(source.codes, source.zero_point))) + 4)
        reach = reach + 2 * (distance + self.ratio)
        slack = self._source_slack(reach, source) + _slack(emitted, reach)
        bound = np.floor(1 + distance + slack).astype(np.int64)
        ends = source.at(0), source.at(1), emitted.at(0), emitted.at(1)
        bound = np.minimum(bound, np.maximum(ends[3] - ends[0], ends[1] - ends[2]))
        decided = source.rises(2) & emitted.rises(2)
        return np.where(decided, bound, _widest(source, emitted))

    def _distance(self, residual: FloatArray) -> FloatArray:
        """Returns how far apart the results of each channel are at most before rounding."""
        size, total = np.abs(residual).sum(axis=0), residual.sum(axis=0)
        above, below, offset = (size + total) / 2, (size - total) / 2, self.offset_residual()
        highest = offset + self.high * above - self.low * below
        lowest = offset + self.low * above - self.high * below
        largest = max(-int(self.taps.min()), int(self.taps.max()))
        parts = (
            (self.high - self.low) * (size + len(self.taps) * largest * self.ratio)
            + np.abs(self.moved_offset) * self.factor
            + np.abs(self.offset) * self.ratio
            + abs(self.emitted.zero_point)
            + abs(self.source.zero_point)
        )
        wrong = (len(self.taps) + 8) * _UNIT * parts
        return np.maximum(np.abs(highest), np.abs(lowest)) + wrong

    def _source_slack(self, reach: FloatArray, extremes: StepFunction) -> FloatArray:
        """Returns how far the source's contract is from the ratio itself, before rounding."""
        kept = np.ldexp(extremes.scale, -extremes.shift) / self.ratio
        last = np.maximum(np.abs(extremes.start), np.abs(extremes.start + extremes.step))
        scaled = np.minimum(reach, last * self.ratio)
        return scaled * (np.abs(kept - 1) + 4 * _UNIT) + _slack(extremes, scaled)

    def _steps(
        self, function: StepFunction, taps: IntArray, channels: BoolArray
    ) -> tuple[StepFunction, Int64Array]:
        """Returns a requantization of some channels as a function of an index, and the indices."""
        function, chosen = function.where(channels), taps[:, channels].astype(np.int64)
        low, high = self._extent(chosen, function.start)
        step = np.gcd.reduce(chosen)
        return function._replace(start=low, step=step), (high - low) // np.maximum(step, 1) + 1

    def _extremes(self, function: StepFunction, taps: IntArray, offset: Int64Array) -> StepFunction:
        """Returns a requantization as a function of the index of the two extreme accumulators."""
        low, high = self._extent(taps, offset)
        return function._replace(start=low, step=high - low)

    def _extent(self, taps: IntArray, offset: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Returns the least and the largest accumulator of each channel."""
        total = taps.sum(axis=0, dtype=np.int64)
        size = np.abs(taps, dtype=np.int64).sum(axis=0)
        above, below = (size + total) // 2, (size - total) // 2
        return (
            offset + self.low * above - self.high * below,
            offset + self.high * above - self.low * below,
        )


def _check_shapes(layer: Layer, emitted: EmittedLayer) -> None:
    if emitted.weight.shape != layer.weight.shape:
        shapes = f"{emitted.weight.shape}, the source's {layer.weight.shape}"
        raise ValueError(f"emitted weight has shape {shapes}")


def _is_decidable(source: StepFunction, emitted: StepFunction, count: Int64Array) -> BoolArray:
    """Says for each channel that the pieces on which two functions are constant can be listed."""
    pieces = np.minimum(count, _code_count(source) + _code_count(emitted))
    few = pieces * len(count) <= _MOST_WORK
    return few & source.rises(count) & emitted.rises(count)


def _differences_by_block(
    source: StepFunction, emitted: StepFunction, count: Int64Array, channels: BoolArray
) -> Iterator[tuple[Int64Array, Differences]]:
    """Yields the differences in some channels, a few at a time so that memory is bounded."""
    chosen = np.flatnonzero(channels)
    pieces = min(_code_count(source) + _code_count(emitted), int(count[chosen].max(initial=1)))
    for block in np.array_split(chosen, -(-len(chosen) * pieces // _MOST_PIECES) or 1):
        if len(block):
            found = differences(source.where(block), emitted.where(block), count[block])
            yield block, found


def _code_count(function: StepFunction) -> int:
    low, high = function.codes
    return high - low + 1


def _same(first: StepFunction, second: StepFunction) -> BoolArray:
    """Says for each channel that two functions have the same constants."""
    if first[4:] != second[4:]:
        return np.zeros(len(first.start), np.bool_)
    return np.all(np.equal(first[:4], second[:4]), axis=0)


def _widest(first: StepFunction, second: StepFunction) -> int:
    """Returns the largest difference that the codes of two functions allow."""
    return max(first.codes[1] - second.codes[0], second.codes[1] - first.codes[0])


def _slack(function: StepFunction, reach: FloatArray) -> FloatArray:
    """Returns how far a contract's result is from the nearest code beyond half a step.

    `reach` is the magnitude of the product in output steps: float32 rounds relatively to it, and
    gemmlowp rounds once before the last time.
    """
    if function.rounding is Rounding.FLOAT32:
        return reach * _FLOAT32_UNIT
    twice = (function.shift > 31) & (function.rounding in (Rounding.TFLITE, Rounding.RUY))
    return np.where(twice, np.ldexp(1.0, 30 - function.shift), 0.0)


def _pieces(source: StepFunction, emitted: StepFunction, count: Int64Array) -> Int64Array:
    """Returns indices from 0 in order, between which both functions are constant."""
    most = int(count.max(initial=1))
    if most <= _code_count(source) + _code_count(emitted):
        return np.minimum(np.arange(most)[:, None], count)
    zero = np.zeros((1, len(count)), np.int64)
    points = [_breakpoints(function, count) for function in (source, emitted)]
    return np.sort(np.concatenate([zero, *points]), axis=0)


def _breakpoints(function: StepFunction, count: Int64Array) -> Int64Array:
    """Returns the first index at which each code is reached, or `count`: (codes, channels).

    Where the straight line through the function would reach a code is tried first.
    """
    low, high = function.codes
    wanted = np.arange(low + 1, high + 1)[:, None]

    def reached(index: Int64Array) -> BoolArray:
        return (index >= count) | (function.at(index) >= wanted)

    guess, margin = _inverse(function, wanted)
    first = np.clip(guess - margin, 0, count).astype(np.int64)
    end = np.clip(guess + margin, 0, count).astype(np.int64)
    first = np.where(reached(first - 1), 0, first)
    end = np.where(reached(end), end, count)
    while np.any(first < end):
        middle = (first + end) // 2
        there = reached(middle)
        first, end = np.where(there, first, middle + 1), np.where(there, middle, end)
    return first


def _inverse(function: StepFunction, codes: IntArray) -> tuple[FloatArray, FloatArray]:
    """Returns about which indices reach codes first, and how much that may be wrong."""
    steps = np.ldexp(np.maximum(function.scale, 1), -function.shift)
    accumulator = (codes - 0.5 - function.zero_point) / steps
    step = np.maximum(function.step, 1)
    return (accumulator - function.start) / step, 2 + np.abs(accumulator) * 2.0**-20 / step


def _by_tap(values: FloatArray, layer: Layer) -> FloatArray:
    """Spreads one value, or one for each input channel, to (products, output channels)."""
    if len(values) == 1:
        return values[None]
    if layer.is_dense:
        return values[:, None]
    inputs, groups, _ = layer.weight.shape[-3:]
    spread = np.broadcast_to(values.reshape(groups, inputs).T[:, :, None], layer.weight.shape)
    return spread.reshape(-1, groups * spread.shape[-1])


def _moments(
    factors: FloatArray, offset: FloatArray, mean: FloatArray, variance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Returns mean and standard deviation of `sum(factors * x) + offset` for each channel."""
    spread = np.sqrt((factors * factors * variance).sum(axis=0))
    return (factors * mean).sum(axis=0) + offset, spread


@cache
def _quantiles() -> FloatArray:
    """Returns numbers that are together distributed as a standard normal variable."""
    normal = NormalDist()
    return np.array([normal.inv_cdf((i + 0.5) / _QUANTILES) for i in range(_QUANTILES)])


def _squared_steps(mean: FloatArray, deviation: FloatArray) -> FloatArray:
    """Returns the mean square of the steps between two results that are normally far apart.

    A distance of `k + f` gives `k` steps, or `k + 1` with probability `f`.
    """
    distance = np.abs(mean + deviation * _quantiles()[:, None])
    steps = np.floor(distance)
    return (steps * steps + (distance - steps) * (2 * steps + 1)).mean(axis=0)


def _below(limit: float, mean: FloatArray, deviation: FloatArray) -> FloatArray:
    """Returns the probability of a normal variable to be at most `limit`."""
    position = (limit - mean) / np.maximum(deviation, _UNIT)
    return np.searchsorted(_quantiles(), position, side="right") / _QUANTILES
