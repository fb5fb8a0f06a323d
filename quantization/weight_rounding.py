"""Which integers to write for scaled weights: the same operation, with better constants.

Folding a requantization into 8-bit weights rounds each weight, and how that is done decides how
much is lost. Rounding each to the nearest integer, as the API page's
`requantize_qnn_convolution_dense` does, is the worst of the ways here; none of them changes the
operation.

Of an output channel, `values[k] = weight[k] * multiplier * 2**shift` is wanted, for its taps and
inputs k. With q the integers that are written and `E = q - values`, the accumulator is off by
`Σ over k of E[k] * x[k]`, where x is the code of the data less its zero point.

Sources: E. Frantar, S. Ashkboos, T. Hoefler, D. Alistarh, "GPTQ: Accurate Post-Training
Quantization for Generative Pre-trained Transformers", ICLR 2023 (error feedback); L. Babai, "On
Lovász' lattice reduction and the nearest lattice point problem", Combinatorica 6, 1986 (the same
on a triangular factor).
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from sima_mlir.quantization.convolution import (
    Layer,
    channel_bias,
    channel_multipliers,
    fold_requantization,
    overflows,
    taps_by_channel,
)
from sima_mlir.quantization.fixed_point import FloatArray, Int64Array, IntArray
from sima_mlir.quantization.target import DEFAULT_TARGET, Target

Float32Array: TypeAlias = npt.NDArray[np.float32]

_LARGEST_SCALED = 127.499
"""What the largest weight may become, so that it rounds to 127."""

_BLOCK = 64
"""How many taps are rounded before the others hear of it."""

_CACHED = 1 << 15
"""How many values are rounded at a time, so that they stay in the cache."""

_PATCHES = 256
"""How many patches are summed at a time: so many products of 9-bit codes are exact in float32."""

_SWEEPS = 4
"""How often coordinate descent goes through all columns at most."""

_GAIN = 0.95
"""How much smaller an error must be for the largest weights to be cut off for it."""


class WeightRounding(StrEnum):
    """How scaled weights become integers."""

    NEAREST = "nearest"
    """Each to the nearest one: the API page's arithmetic."""
    SUM_PRESERVING = "sum-preserving"
    """So that the sum of each output channel is rounded but once: exact where the data is flat."""
    SECOND_MOMENT = "second-moment"
    """So that the accumulator is least off for data with given second moments."""


class Rounded(NamedTuple):
    """Constants of a convolution or dense operator whose requantization is folded into them."""

    weight: npt.NDArray[np.int8]
    """Shaped as the source's."""
    bias: npt.NDArray[np.int32]
    """One for each output channel."""
    shift: npt.NDArray[np.int32]
    """One for each output channel."""


class Improved(NamedTuple):
    """What `round_second_moment` found."""

    constants: Rounded
    error: FloatArray
    """The `expected_error` of the constants."""
    nearest_error: FloatArray
    """That of what `round_nearest` gives."""


class Moments(NamedTuple):
    """What is known of the data of a layer: codes less their zero point, by group and tap.

    The order of taps is that of the weights: spatial axes first, then the inputs of a group.
    """

    mean: FloatArray
    """(groups, K)"""
    second: FloatArray
    """(groups, K, K): the means of the products of two."""

    @classmethod
    def of(cls, patches: IntArray) -> Moments:
        """Returns the moments of patches of shape (N, K, groups), of which there is at least one.

        They are of 8-bit codes less a zero point of 8 bits, whose sums are then exact.
        """
        count, taps, groups = patches.shape
        total, products = np.zeros((groups, taps)), np.zeros((groups, taps, taps))
        for start in range(0, count, _PATCHES):
            part = np.moveaxis(patches[start : start + _PATCHES], 2, 0).astype(np.float32)
            total += part.sum(axis=1)
            products += part.transpose(0, 2, 1) @ part
        products /= count
        return cls(total / count, products)


def round_nearest(layer: Layer, target: Target = DEFAULT_TARGET) -> Rounded:
    """Folds as `requantize_qnn_convolution_dense` does, with a shift for each channel.

    Raises `ValueError` as it does.
    """
    weight, bias, shift = fold_requantization(*layer, target)
    return Rounded(weight, bias, np.broadcast_to(shift, bias.shape))


def round_sum_preserving(layer: Layer, target: Target = DEFAULT_TARGET) -> Rounded:
    """Folds with the largest shifts that weights allow, and rounded sums of weights kept.

    Of each output channel, the values with the largest fractional parts are rounded up, as many as
    make the sum of the integers the nearest to the sum of the values: each is rounded to nearest,
    ties to even, and then those nearest to the middle of two integers the other way, the first of
    equal ones. What would leave 8 bits stays. A channel whose constants would not fit is rounded
    to nearest instead.

    Raises `ValueError` where `round_nearest` does.
    """
    nearest = round_nearest(layer, target)
    channels = _Channels.of(layer, target)
    shift = channels.largest_shift
    integers = np.empty(channels.weight.shape, np.int8)
    step = max(1, _CACHED // max(1, channels.weight.shape[1]))
    for start in range(0, len(integers), step):
        part = slice(start, start + step)
        integers[part] = _keep_sums(channels.values(shift, part))
    return _fitting(channels, integers, channels.exact_bias(shift), shift, nearest, target)


def round_second_moment(
    layer: Layer, moments: Moments, damping: float, target: Target = DEFAULT_TARGET
) -> Improved:
    """Folds so that the accumulator is least off for data with the given moments.

    Per output channel it minimises `E H Eᵀ` over integers, where H is the covariance of the data
    with `damping` (0.01 where the moments are of real data, 0.1 of synthetic) times the second
    moments on the diagonal, and makes good the mean error in the bias: rounding in the order of
    the diagonal, what is left over being handed on to the taps that remain, then coordinate
    descent. Of the largest shift at which no weight is cut off and the next one, it takes the
    better. A channel whose constants would not fit, or are not expected to be nearer than those of
    `round_nearest` for data with these moments, is rounded to nearest.

    It computes with H in float32; what is expected of the results, in float64.

    Raises `ValueError` where `round_nearest` does.
    """
    nearest = round_nearest(layer, target)
    channels = _Channels.of(layer, target)
    integers, shift = _nearest_points(channels, _metric(moments, damping))
    mean = _mean_error(integers - channels.values(shift), moments)
    bias = channels.exact_bias(shift) - mean
    rounded = _fitting(channels, integers, bias, shift, nearest, target)
    error = _expected_error(channels, rounded, moments)
    nearest_error = _expected_error(channels, nearest, moments)
    constants = _replaced(layer, rounded, nearest, error >= nearest_error)
    return Improved(constants, np.minimum(error, nearest_error), nearest_error)


def expected_error(layer: Layer, rounded: Rounded, moments: Moments) -> FloatArray:
    """Returns how far results are off for data with the given moments, before they are rounded.

    One root mean square for each output channel, in codes of the output.
    """
    return _expected_error(_Channels.of(layer, DEFAULT_TARGET), rounded, moments)


class _Channels(NamedTuple):
    """Weights and multipliers of the output channels of a layer."""

    layer: Layer
    weight: IntArray
    """(channels, K)"""
    multiplier: FloatArray
    """Steps of the output for a step of the accumulator."""
    bias: FloatArray
    """That of the source, less the zero point of its accumulator."""
    largest_shift: Int64Array
    """The largest at which every weight and the accumulator fit."""
    next_shift: Int64Array
    """One more, where the accumulator fits."""

    @classmethod
    def of(cls, layer: Layer, target: Target) -> _Channels:
        """Returns those of a layer that `round_nearest` can fold."""
        weight = np.ascontiguousarray(taps_by_channel(layer.weight, layer.is_dense).T)
        multiplier = channel_multipliers(layer)
        bias = channel_bias(layer.bias, len(weight)) - np.asarray(layer.product_zero_point)
        centred = np.broadcast_to(bias, len(weight)).astype(np.float64)
        magnitude = np.abs(weight, dtype=np.int32)
        reach = (128 + abs(layer.data_zero_point)) * magnitude.sum(axis=1, dtype=np.int64)
        wide = (reach + np.abs(centred)) * multiplier + abs(layer.output_q.zero_point) + 1
        room = np.log2(2.0 ** (target.accumulator_bits - 1) / wide)
        with np.errstate(divide="ignore", over="ignore"):
            whole = np.log2(_LARGEST_SCALED / (magnitude.max(axis=1, initial=0) * multiplier))
        largest, following = (
            np.floor(np.clip(np.minimum(shift, room), 0, target.max_shift)).astype(np.int64)
            for shift in (whole, whole + 1)
        )
        return cls(layer, weight, multiplier, centred, largest, following)

    def values(self, shift: IntArray, part: slice = slice(None)) -> FloatArray:
        """Returns what the weights of some channels are to be with a shift."""
        scale = np.ldexp(self.multiplier, shift)[part, np.newaxis]
        return np.multiply(self.weight[part], scale, dtype=np.float64)

    def exact_bias(self, shift: IntArray) -> FloatArray:
        """Returns what the bias is to be with a shift, the data's zero point aside."""
        zero_point = self.layer.output_q.zero_point
        return self.bias * np.ldexp(self.multiplier, shift) + np.ldexp(float(zero_point), shift)


def _fitting(
    channels: _Channels,
    integers: npt.NDArray[np.int8],
    exact_bias: FloatArray,
    shift: Int64Array,
    nearest: Rounded,
    target: Target,
) -> Rounded:
    """Returns constants, those of `nearest` in the channels where they would not fit."""
    layer = channels.layer
    bias = np.rint(exact_bias).astype(np.int64)
    bias -= layer.data_zero_point * integers.sum(axis=1, dtype=np.int64)
    misfit = overflows(integers.T, bias, shift, layer.data_zero_point, target)
    rounded = Rounded(
        _in_layout(layer, integers.T),
        np.where(misfit, 0, bias).astype(np.int32),
        shift.astype(np.int32),
    )
    return _replaced(layer, rounded, nearest, misfit)


def _replaced(
    layer: Layer, rounded: Rounded, other: Rounded, channels: npt.NDArray[np.bool_]
) -> Rounded:
    """Returns constants, some channels of which are another's."""
    if not np.any(channels):
        return rounded
    taps, others = (taps_by_channel(r.weight, layer.is_dense) for r in (rounded, other))
    return Rounded(
        _in_layout(layer, np.where(channels, others, taps).astype(np.int8)),
        np.where(channels, other.bias, rounded.bias).astype(np.int32),
        np.where(channels, other.shift, rounded.shift).astype(np.int32),
    )


def _in_layout(layer: Layer, taps: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    weight = taps.T if layer.is_dense else taps.reshape(layer.weight.shape)
    return np.ascontiguousarray(weight)


def _keep_sums(values: FloatArray) -> FloatArray:
    """Rounds each row so that its sum is its rounded sum."""
    integers = np.rint(values)
    missing = np.rint(values.sum(axis=1)) - integers.sum(axis=1)
    if not np.any(missing):
        return integers
    sign = np.sign(missing)[:, np.newaxis]
    cost = np.subtract(integers, values)
    cost *= sign
    cost[integers == np.where(sign > 0, 127, -128)] = np.inf
    rows, columns = _least(cost, np.abs(missing).astype(np.int64))
    integers[rows, columns] += sign[rows, 0]
    return integers


def _least(cost: FloatArray, count: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Returns where the smallest finite numbers of each row are, the first of equal ones."""
    most = int(count.max())
    smallest = np.sort(np.partition(cost, most - 1, axis=1)[:, :most], axis=1)
    limit = smallest[np.arange(len(cost)), count - 1]
    wanted = np.isfinite(limit) & (count > 0)
    below = np.nonzero(cost < np.where(count > 0, limit, -np.inf)[:, np.newaxis])
    rest = np.where(wanted, count - np.bincount(below[0], minlength=len(cost)), 0)
    rows, columns = np.nonzero(cost == limit[:, np.newaxis])
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    first = rank < rest[rows]
    return np.append(below[0], rows[first]), np.append(below[1], columns[first])


def _metric(moments: Moments, damping: float) -> FloatArray:
    """Returns H: the covariance, made positive definite."""
    mean, second = moments
    metric = mean[:, :, np.newaxis] * ((damping - 1) * mean)[:, np.newaxis, :]
    metric += (1 - damping) * second
    powers = np.diagonal(second, axis1=1, axis2=2)
    diagonal = damping * powers + 0.01 * powers.mean(axis=1, keepdims=True) + 1e-3
    index = np.arange(metric.shape[1], dtype=np.int64)
    metric[:, index, index] += diagonal
    return metric


def _nearest_points(
    channels: _Channels, metric: FloatArray
) -> tuple[npt.NDArray[np.int8], Int64Array]:
    """Returns integers (channels, K) for a small `E H Eᵀ`, and the shifts that they go with."""
    low, high = channels.largest_shift, channels.next_shift
    order = np.argsort(-np.diagonal(metric, axis1=1, axis2=2), axis=1, kind="stable")
    group = np.arange(len(metric))[:, np.newaxis, np.newaxis]
    metric = metric[group, order[:, :, np.newaxis], order[:, np.newaxis, :]]
    values = [
        np.take_along_axis(
            _by_group(channels.values(shift), len(metric)), order[..., np.newaxis], 1
        )
        for shift in (low, high)
    ]
    errors, cost = _handed_on(np.concatenate(values, axis=2), metric)
    outputs = errors.shape[2] // 2
    scale = np.ldexp(1.0, 2 * (low - high)).reshape(len(metric), outputs)
    takes_high = cost[:, outputs:] * scale < _GAIN * cost[:, :outputs]
    chosen = np.where(takes_high[:, np.newaxis], values[1], values[0])
    error = np.where(takes_high[:, np.newaxis], errors[..., outputs:], errors[..., :outputs])
    _descend(error, chosen, metric.astype(np.float32))
    integers = np.empty(error.shape, np.int8)
    np.put_along_axis(integers, order[..., np.newaxis], np.rint(chosen + error).astype(np.int8), 1)
    by_channel = integers.transpose(0, 2, 1).reshape(channels.weight.shape)
    return by_channel, np.where(takes_high.ravel(), high, low)


def _by_group(values: FloatArray, groups: int) -> Float32Array:
    """Returns values of shape (channels, K) as (groups, K, outputs)."""
    grouped = values.reshape(groups, -1, values.shape[1]).transpose(0, 2, 1)
    return np.ascontiguousarray(grouped, np.float32)


def _handed_on(values: Float32Array, metric: FloatArray) -> tuple[Float32Array, FloatArray]:
    """Rounds one tap after the other, handing on what is left over to those that remain.

    With `H = R Rᵀ`, R upper triangular, `E H Eᵀ = Σ over j of (Σ over i <= j of E[i] R[i, j])²`,
    where the term of tap j is made small by the choice of its integer. Returns E and
    `E H Eᵀ`, (groups, K, outputs) and (groups, outputs).
    """
    reverse = np.linalg.cholesky(metric[:, ::-1, ::-1])
    transposed = reverse[:, ::-1, ::-1].transpose(0, 2, 1)
    pivots = np.diagonal(transposed, axis1=1, axis2=2)[..., np.newaxis]
    factor = np.ascontiguousarray(transposed / pivots, np.float32)
    error, left = np.zeros_like(values), np.empty_like(values)
    for start in range(0, values.shape[1], _BLOCK):
        block = slice(start, start + _BLOCK)
        wanted = values[:, block] - factor[:, block, :start] @ error[:, :start]
        for row, j in enumerate(range(start, start + wanted.shape[1])):
            wanted[:, row] -= _combined(factor[:, j, start:j], error[:, start:j])
            integer = np.clip(np.rint(wanted[:, row]), -128, 127)
            error[:, j] = integer - values[:, j]
            left[:, j] = integer - wanted[:, row]
    return error, (pivots**2 * left.astype(np.float64) ** 2).sum(axis=1)


def _descend(error: Float32Array, values: Float32Array, metric: Float32Array) -> None:
    """Changes one integer after the other while that makes `E H Eᵀ` smaller."""
    active = np.arange(values.shape[2], dtype=np.int64)
    for _ in range(_SWEEPS):
        before = error[..., active]
        after = _swept(before, values[..., active], metric)
        changed = np.any(after != before, axis=(0, 1))
        active = active[changed]
        if not len(active):
            break
        error[..., active] = after[..., changed]


def _swept(error: Float32Array, values: Float32Array, metric: Float32Array) -> Float32Array:
    """Returns the errors after each integer was chosen once, given the others."""
    diagonal = np.diagonal(metric, axis1=1, axis2=2)[..., np.newaxis]
    error = error.copy()
    for start in range(0, values.shape[1], _BLOCK):
        slope = metric[:, start : start + _BLOCK] @ error
        change = np.zeros_like(slope)
        for row, j in enumerate(range(start, start + slope.shape[1])):
            slope[:, row] += _combined(metric[:, j, start:j], change[:, :row])
            best = values[:, j] + error[:, j] - slope[:, row] / diagonal[:, j]
            change[:, row] = np.clip(np.rint(best), -128, 127) - values[:, j] - error[:, j]
            error[:, j] += change[:, row]
    return error


def _combined(factors: Float32Array, rows: Float32Array) -> Float32Array:
    """Returns a sum of rows (groups, k, outputs) with factors (groups, k)."""
    return np.einsum("gk,gko->go", factors, rows)


def _mean_error(error: FloatArray, moments: Moments) -> FloatArray:
    """Returns the mean of `Σ E x` of each channel."""
    grouped = error.reshape(len(moments.mean), -1, error.shape[1])
    return (grouped @ moments.mean[..., np.newaxis]).ravel()


def _expected_error(channels: _Channels, rounded: Rounded, moments: Moments) -> FloatArray:
    shift = rounded.shift
    integers = taps_by_channel(rounded.weight, channels.layer.is_dense).T
    error = integers - channels.values(shift)
    sums = integers.sum(axis=1, dtype=np.int64)
    wanted = channels.exact_bias(shift) - channels.layer.data_zero_point * sums
    constant = rounded.bias - wanted
    grouped = error.reshape(len(moments.mean), -1, error.shape[1])
    square = np.einsum("gok,gok->go", grouped @ moments.second, grouped).ravel()
    square += 2 * constant * _mean_error(error, moments) + constant**2
    return np.ldexp(np.sqrt(np.maximum(square, 0)), -shift)
