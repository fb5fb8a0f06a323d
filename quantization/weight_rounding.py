"""Which integers to write for scaled weights: the same operation, with better constants.

Folding a requantization into 8-bit weights rounds each weight, and how that is done decides how
much is lost. Rounding each to the nearest integer, as the API page's
`requantize_qnn_convolution_dense` does, is the worst of the ways here; none of them changes the
operation.

Weights are brought to one block a group: `values[g, o, k] = weight * multiplier * 2**shift`, for
the taps and inputs k of output channel o in group g. With q the integers that are written and
`E = q - values`, the accumulator is off by `Σ over k of E * x`, where x is the code of the data
less its zero point.

Sources: E. Frantar, S. Ashkboos, T. Hoefler, D. Alistarh, "GPTQ: Accurate Post-Training
Quantization for Generative Pre-trained Transformers", ICLR 2023 (error feedback); L. Babai, "On
Lovász' lattice reduction and the nearest lattice point problem", Combinatorica 6, 1986 (the same
on a triangular factor).
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

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

_LARGEST_SCALED = 127.499
"""What the largest weight may become, so that it rounds to 127."""

_BLOCK = 64
"""How many columns are rounded before the others hear of it."""

_TIE = 2.0**-40
"""How much the first of two equal values is preferred, so that a choice is the same everywhere."""

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

        The sums are exact in float64, in whatever order they are taken, up to 2**37 patches of
        8-bit codes.
        """
        columns = np.ascontiguousarray(np.moveaxis(patches, 2, 0), np.float64)
        count = columns.shape[1]
        return cls(columns.sum(axis=1) / count, columns.transpose(0, 2, 1) @ columns / count)


def round_nearest(layer: Layer, target: Target = DEFAULT_TARGET) -> Rounded:
    """Folds as `requantize_qnn_convolution_dense` does, with a shift for each channel.

    Raises `ValueError` as it does.
    """
    weight, bias, shift = fold_requantization(*layer, target)
    return Rounded(weight, bias, np.broadcast_to(shift, bias.shape))


def round_sum_preserving(layer: Layer, target: Target = DEFAULT_TARGET) -> Rounded:
    """Folds with the largest shifts that weights allow, and rounded sums of weights kept.

    Of each output channel, the values with the largest fractional parts are rounded up, as many as
    make the sum of the integers the nearest to the sum of the values. A channel whose constants
    would not fit is rounded to nearest instead.

    Raises `ValueError` where `round_nearest` does.
    """
    nearest = round_nearest(layer, target)
    blocks = _Blocks.of(layer, target)
    shift = blocks.largest_shift
    integers = _keep_sums(blocks.values(shift))
    return _merged(layer, nearest, blocks.constants(integers, shift), target)


def round_second_moment(
    layer: Layer, moments: Moments, damping: float, target: Target = DEFAULT_TARGET
) -> Rounded:
    """Folds so that the accumulator is least off for data with the given moments.

    Per output channel it minimises `E H Eᵀ` over integers, where H is the covariance of the data
    with `damping` (0.01 where the moments are of real data, 0.1 of synthetic) times the second
    moments on the diagonal, and makes good the mean error in the bias: rounding in the order of
    the diagonal, what is left over being handed on to the taps that remain, then coordinate
    descent. Both the largest shift at which no weight is cut off and the next one are tried. A
    channel whose constants would not fit, or are not expected to be nearer than those of
    `round_nearest` for data with these moments, is rounded to nearest.

    Raises `ValueError` where `round_nearest` does.
    """
    nearest = round_nearest(layer, target)
    blocks = _Blocks.of(layer, target)
    metric = _metric(moments, damping)
    low = blocks.largest_shift
    high = np.minimum(low + 1, target.max_shift)
    both = np.concatenate([blocks.values(low), blocks.values(high)], axis=1)
    order = np.argsort(-np.diagonal(metric, axis1=1, axis2=2), axis=1, kind="stable")
    integers = _minimise(both, metric, order)
    cost = _quadratic(integers - both, metric)
    outputs = blocks.outputs
    low_cost, high_cost = cost[:, :outputs], cost[:, outputs:] * 4.0 ** (low - high)
    takes_high = high_cost < _GAIN * low_cost
    shift = np.where(takes_high, high, low)
    chosen = np.where(takes_high[..., np.newaxis], integers[:, outputs:], integers[:, :outputs])
    rounded = blocks.constants(chosen, shift, moments.mean)
    merged = _merged(layer, nearest, rounded, target)
    worse = expected_error(layer, merged, moments) > expected_error(layer, nearest, moments)
    return _replaced(layer, merged, nearest, worse)


def expected_error(layer: Layer, rounded: Rounded, moments: Moments) -> FloatArray:
    """Returns how far results are off for data with the given moments, before they are rounded.

    One root mean square for each output channel, in codes of the output.
    """
    blocks = _Blocks.of(layer, DEFAULT_TARGET)
    shift = rounded.shift.reshape(blocks.shape)
    integers = blocks.by_group(taps_by_channel(rounded.weight, layer.is_dense)).astype(np.float64)
    error = integers - blocks.values(shift)
    wanted = blocks.exact_bias(shift) - layer.data_zero_point * integers.sum(axis=2)
    constant = rounded.bias.reshape(blocks.shape) - wanted
    mean = (error @ moments.mean[..., np.newaxis])[..., 0]
    square = _quadratic(error, moments.second) + 2 * constant * mean + constant**2
    return np.sqrt(np.maximum(square, 0) * 4.0**-shift).ravel()


class _Blocks(NamedTuple):
    """Weights and multipliers of a layer, by group."""

    layer: Layer
    weight: FloatArray
    """(groups, outputs, K)"""
    multiplier: FloatArray
    """(groups, outputs): steps of the output for a step of the accumulator."""
    bias: FloatArray
    """(groups, outputs): that of the source, less the zero point of its accumulator."""
    largest_shift: Int64Array
    """(groups, outputs): the largest at which every weight and the accumulator fit."""

    @classmethod
    def of(cls, layer: Layer, target: Target) -> _Blocks:
        taps = taps_by_channel(layer.weight, layer.is_dense)
        groups = 1 if layer.is_dense else layer.weight.shape[-2]
        shape = groups, taps.shape[1] // groups
        weight = _by_group(taps, groups).astype(np.float64)
        multiplier = channel_multipliers(layer).reshape(shape)
        bias = channel_bias(layer.bias, taps.shape[1]) - np.asarray(layer.product_zero_point)
        centred = np.broadcast_to(bias, taps.shape[1]).reshape(shape).astype(np.float64)
        largest = np.abs(weight).max(axis=2, initial=0) * multiplier
        reach = 128 * np.abs(weight).sum(axis=2) + np.abs(centred)
        reach += abs(layer.data_zero_point) * np.abs(weight).sum(axis=2)
        wide = reach * multiplier + abs(layer.output_q.zero_point) + 1
        limit = 2.0 ** (target.accumulator_bits - 1)
        with np.errstate(divide="ignore"):
            shift = np.minimum(np.log2(_LARGEST_SCALED / largest), np.log2(limit / wide))
        shift = np.floor(np.clip(shift, 0, target.max_shift)).astype(np.int64)
        return cls(layer, weight, multiplier, centred, shift)

    @property
    def shape(self) -> tuple[int, int]:
        """Groups, and output channels of each."""
        return self.weight.shape[0], self.weight.shape[1]

    @property
    def outputs(self) -> int:
        """Output channels of each group."""
        return self.weight.shape[1]

    def by_group(self, taps: IntArray) -> IntArray:
        """Returns weights of shape (K, channels) as (groups, outputs, K)."""
        return _by_group(taps, self.weight.shape[0])

    def values(self, shift: Int64Array) -> FloatArray:
        """Returns what the weights are to be with a shift."""
        return self.weight * np.ldexp(self.multiplier, shift)[..., np.newaxis]

    def exact_bias(self, shift: Int64Array) -> FloatArray:
        """Returns what the bias is to be with a shift, the data's zero point aside."""
        zero_point = self.layer.output_q.zero_point
        return self.bias * np.ldexp(self.multiplier, shift) + np.ldexp(float(zero_point), shift)

    def constants(
        self, integers: FloatArray, shift: Int64Array, mean: FloatArray | None = None
    ) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Returns weights (K, channels), biases and shifts; the bias makes good a mean error."""
        bias = self.exact_bias(shift)
        if mean is not None:
            error = integers - self.values(shift)
            bias = bias - (error @ mean[..., np.newaxis])[..., 0]
        whole = np.rint(bias).astype(np.int64)
        whole -= self.layer.data_zero_point * integers.sum(axis=2).astype(np.int64)
        taps = integers.reshape(-1, integers.shape[2]).T.astype(np.int64)
        return taps, whole.ravel(), shift.ravel()


def _by_group(taps: IntArray, groups: int) -> IntArray:
    return taps.reshape(len(taps), groups, -1).transpose(1, 2, 0)


def _merged(
    layer: Layer,
    nearest: Rounded,
    constants: tuple[Int64Array, Int64Array, Int64Array],
    target: Target,
) -> Rounded:
    """Returns constants, those of `nearest` in the channels where they would not fit."""
    taps, bias, shift = constants
    misfit = (taps < -128).any(axis=0) | (taps > 127).any(axis=0)
    misfit = misfit | overflows(taps, bias, shift, layer.data_zero_point, target)
    taps, bias = np.where(misfit, 0, taps), np.where(misfit, 0, bias)
    rounded = Rounded(
        _in_layout(layer, taps.astype(np.int8)), bias.astype(np.int32), shift.astype(np.int32)
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
    """Rounds along the last axis so that sums are rounded sums; largest fractions go up.

    Only what is nearest to the middle of two integers has to go the other way, as often as the
    sum of what is rounded to nearest is off.
    """
    integers = np.clip(np.rint(values), -128, 127)
    missing = np.rint(values.sum(axis=-1)) - integers.sum(axis=-1)
    most = int(min(np.abs(missing).max(initial=0), values.shape[-1]))
    if not most:
        return integers
    sign = np.sign(missing)[..., np.newaxis]
    cost = 0.5 - sign * (values - integers) + np.arange(values.shape[-1]) * _TIE
    turned = integers + sign
    cost[(turned < -128) | (turned > 127)] = np.inf
    nearest = np.argpartition(cost, most - 1, axis=-1)[..., :most]
    by_cost = np.argsort(np.take_along_axis(cost, nearest, -1), axis=-1, kind="stable")
    chosen = np.take_along_axis(nearest, by_cost, -1)
    turns = np.arange(most) < np.abs(missing)[..., np.newaxis]
    turns &= np.isfinite(np.take_along_axis(cost, chosen, -1))
    new = np.where(
        turns, np.take_along_axis(turned, chosen, -1), np.take_along_axis(integers, chosen, -1)
    )
    np.put_along_axis(integers, chosen, new, -1)
    return integers


def _metric(moments: Moments, damping: float) -> FloatArray:
    """Returns H: the covariance, made positive definite."""
    mean, second = moments
    covariance = second - mean[:, :, np.newaxis] * mean[:, np.newaxis, :]
    powers = np.diagonal(second, axis1=1, axis2=2)
    metric = (1 - damping) * covariance
    diagonal = damping * powers + 0.01 * powers.mean(axis=1, keepdims=True) + 1e-3
    index = np.arange(metric.shape[1])
    metric[:, index, index] += diagonal
    return metric


def _minimise(values: FloatArray, metric: FloatArray, order: Int64Array) -> FloatArray:
    """Returns integers near values, for a small `E H Eᵀ` in each row; taps in the given order."""
    ordered = np.take_along_axis(values, order[:, np.newaxis, :], 2)
    rows = np.take_along_axis(metric, order[:, :, np.newaxis], 1)
    symmetric = np.take_along_axis(rows, order[:, np.newaxis, :], 2)
    integers = _descend(_hand_on(ordered, symmetric), ordered, symmetric)
    result = np.empty_like(integers)
    np.put_along_axis(result, np.broadcast_to(order[:, np.newaxis, :], result.shape), integers, 2)
    return result


def _hand_on(values: FloatArray, metric: FloatArray) -> FloatArray:
    """Rounds one column after the other, handing on what is left over to those that remain.

    With `H = R Rᵀ`, R upper triangular, `E H Eᵀ = Σ over j of (Σ over i <= j of E[i] R[i, j])²`,
    where the term of column j is made small by the choice of its integer.
    """
    reverse = np.linalg.cholesky(metric[:, ::-1, ::-1])
    factor = reverse[:, ::-1, ::-1]
    factor = factor / np.diagonal(factor, axis1=1, axis2=2)[:, np.newaxis, :]
    error = np.zeros_like(values)
    integers = np.empty_like(values)
    count = values.shape[2]
    for start in range(0, count, _BLOCK):
        stop = min(start + _BLOCK, count)
        handed = error[..., :start] @ factor[:, :start, start:stop]
        for j in range(start, stop):
            inside = error[..., start:j] @ factor[:, start:j, j, np.newaxis]
            wanted = values[..., j] - handed[..., j - start] - inside[..., 0]
            integers[..., j] = np.clip(np.rint(wanted), -128, 127)
            error[..., j] = integers[..., j] - values[..., j]
    return integers


def _descend(integers: FloatArray, values: FloatArray, metric: FloatArray) -> FloatArray:
    """Changes one integer after the other while that makes `E H Eᵀ` smaller."""
    diagonal = np.diagonal(metric, axis1=1, axis2=2)[:, np.newaxis, :]
    gradient = (integers - values) @ metric
    count = values.shape[2]
    for _ in range(_SWEEPS):
        changed = False
        for start in range(0, count, _BLOCK):
            stop = min(start + _BLOCK, count)
            near = gradient[..., start:stop]
            change = np.zeros_like(near)
            for j in range(start, stop):
                best = integers[..., j] - near[..., j - start] / diagonal[..., j]
                step = np.clip(np.rint(best), -128, 127) - integers[..., j]
                if not np.any(step):
                    continue
                integers[..., j] += step
                change[..., j - start] = step
                near += step[..., np.newaxis] * metric[:, np.newaxis, j, start:stop]
            if np.any(change):
                changed = True
                for part in (slice(0, start), slice(stop, count)):
                    gradient[..., part] += change @ metric[:, start:stop, part]
        if not changed:
            break
    return integers


def _quadratic(error: FloatArray, metric: FloatArray) -> FloatArray:
    """Returns `E H Eᵀ` of each row."""
    return np.einsum("gok,gok->go", error @ metric, error)
