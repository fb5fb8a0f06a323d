"""Constants of convolution and dense operators.

The three functions of SiMa's API page `afe.tvm_converter.quantization`, with its names,
arguments and layouts, and the generalisations that the lowering calls. Weights are HWIGO for a
convolution (spatial axes first, any number of them; output channel `c = g * O + o`) and OI for
dense.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sima_mlir.quantization.fixed_point import (
    FloatArray,
    Int64Array,
    IntArray,
    Rounding,
    quantize_multiplier,
    scale_ratio,
)
from sima_mlir.quantization.parameters import Quantization
from sima_mlir.quantization.target import DEFAULT_TARGET, Target

SCALE_BITS = 53
"""A float64 scale correction is `mantissa * 2**-53` exactly."""

_LOW_BITS = 26

_LARGEST_INT8 = 128
"""The largest magnitude of an int8 code."""

_BLOCK = 1 << 15
"""How many weights are folded at a time, so that they stay in the cache."""


class Layer(NamedTuple):
    """A convolution or dense operator with its requantization, as `fold_requantization` takes it.

    requantize(sum((x - data_zero_point) * weight) + bias), from product to output scale
    """

    weight: IntArray
    """HWIGO, or OI for dense."""
    bias: IntArray | None
    """One for each output channel, `None` for zeros."""
    data_zero_point: int
    product_scale: FloatArray
    """One, or one for each output channel."""
    product_zero_point: IntArray
    """As `product_scale`."""
    output_q: Quantization
    is_dense: bool


class FixedPointConstants(NamedTuple):
    """Constants of the requantization `multiply(x + bias, scale, shift) + zero_point`."""

    bias: IntArray | None
    """int32, one per channel: the source bias with both zero points folded in, `None` for zero."""
    scale_correction: npt.NDArray[np.int32]
    """Integer significands: one, or one per channel."""
    zero_point_correction: int
    """The zero point of the output."""
    shift: npt.NDArray[np.int32]
    """Right shifts, shaped as `scale_correction`."""


def correction_factors(input_q: Quantization, output_q: Quantization) -> tuple[float, float, int]:
    """Returns `(sc, zc, n)` with `output = (input * sc + zc) * 2**-n`, `0.5 < sc <= 1`.

    `sc * 2**-n` is the float64 quotient of the scales, exactly; `zc` is
    `output.zero_point * 2**n - sc * input.zero_point`, correctly rounded to float64. A power-of-two
    ratio gives `sc = 1`, so that folding it into weights loses nothing.

    Raises `ValueError` when the quotient of the scales underflows or overflows float64, or `zc`
    overflows it.
    """
    sc, n = (float(x[0]) for x in _decompose(_multipliers(np.array([input_q.scale]), output_q)))
    shift = int(n)
    exact = Fraction(output_q.zero_point) * Fraction(2) ** shift
    zero_point = exact - Fraction(sc) * input_q.zero_point
    if abs(zero_point) > Fraction(np.finfo(np.float64).max):
        raise ValueError(f"zero point correction must fit float64, got a shift of {shift}")
    return sc, float(zero_point), shift


def requantize_qnn_convolution_dense(
    weight: npt.NDArray[Any],
    bias: npt.NDArray[Any] | None,
    data_zero_point: int,
    product_q: Quantization | list[Quantization],
    output_q: Quantization,
    is_dense: bool,
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], int | npt.NDArray[Any]]:
    """Folds requantization into the constants of a convolution or dense operator.

    The returned int8 `weight`, int32 `bias` (one per channel) and `shift` satisfy, up to the
    rounding of the weights,

        requantize(sum((x - zx) * w) + b) = (sum(x * weight) + bias + 2**(shift-1)) >> shift

    where taps in the padding read `zx`. Per channel, with `(sc, _, n)` the correction factors,
    `weight = floor(sc * w + 1/2)` and
    `bias = floor(sc * (b - zp) + zo * 2**n + 1/2) - zx * sum(weight)`: the sum is over the rounded
    weights, so that the result is exact where every input is `zx`. The arithmetic is exact; `sc`
    is the float64 that `correction_factors` returns.

    `shift` is an int for one `product_q` and an int32 array for a list. It is `n` where that fits,
    else the largest smaller one for which weights fit int8 and, over all int8 inputs,
    `|bias| + 128 * sum|weight| + 2**(shift-1) < 2**31`, at most `Target.max_shift`; `sc` then
    drops below 0.5 with it.

    Raises `ValueError` when no shift of at least 0 fits or a ratio of scales is more than 2**26,
    when the list's length is not the number of channels, when `bias` does not have one value per
    channel, or when weights or bias are not integers that fit int32.
    """
    folded, moved, shift = fold_requantization(
        weight, bias, data_zero_point, *_split(product_q, weight, is_dense), output_q, is_dense
    )
    return folded, moved, int(shift[0]) if isinstance(product_q, Quantization) else shift


def tflite_requantization_constants(
    weight: npt.NDArray[Any],
    bias: npt.NDArray[Any] | None,
    data_zero_point: int,
    input_q: Quantization | list[Quantization],
    output_q: Quantization,
    is_dense: bool,
) -> (
    tuple[npt.NDArray[Any] | None, int, int, int]
    | tuple[npt.NDArray[Any] | None, npt.NDArray[Any], int, npt.NDArray[Any]]
):
    """Returns `(bias, sc, zc, shift)` of TFLite-style requantization; weights stay as they are.

        requantize(sum((x - zx) * w) + b) = multiply(sum(x * w) + bias, sc, shift) + zc

    with `multiply` the `tflite` rounding contract, `sc` 31-bit integers, `shift` total right
    shifts in 0..62 and `zc` the output's zero point. `bias` is `b - zx * sum(w) - zp` in int32,
    and `None` when `bias` is `None` and both zero points are 0. `sc` and `shift` are ints for one
    `input_q` and int32 arrays for a list.

    Raises `ValueError` when a bias given or returned leaves int32, when the list's length is not
    the number of channels, when `bias` does not have one value per channel, or when weights or
    bias are not integers that fit int32.
    """
    constants = fixed_point_constants(
        weight,
        bias,
        data_zero_point,
        *_split(input_q, weight, is_dense),
        output_q,
        is_dense,
        Rounding.TFLITE,
    )
    if isinstance(input_q, Quantization):
        scale, shift = int(constants.scale_correction[0]), int(constants.shift[0])
        return constants.bias, scale, constants.zero_point_correction, shift
    return constants


def fixed_point_constants(
    weight: IntArray,
    bias: IntArray | None,
    data_zero_point: int,
    product_scale: FloatArray,
    product_zero_point: IntArray,
    output_q: Quantization,
    is_dense: bool,
    rounding: Rounding,
    target: Target = DEFAULT_TARGET,
) -> FixedPointConstants:
    """As `tflite_requantization_constants`, for any rounding contract and any target.

    `product_scale` and `product_zero_point` hold one value, or one for each channel. The bias has
    the width of the target's accumulator, in int64 where that is more than 32 bits.
    """
    taps = taps_by_channel(weight, is_dense)
    _check_channels(product_scale, taps.shape[1])
    scale, shift = quantize_multiplier(_multipliers(product_scale, output_q), rounding)
    moved_bias: IntArray | None = None
    if bias is not None or data_zero_point != 0 or np.any(product_zero_point):
        sums = _channel_sums(taps)
        given = channel_bias(bias, len(sums), target)
        moved = given - data_zero_point * sums - product_zero_point
        what = "bias with the zero points folded in"
        dtype = np.int32 if target.accumulator_bits <= 32 else np.int64
        moved_bias = _fitting(what, moved, target.accumulator_bits).astype(dtype)
    return FixedPointConstants(moved_bias, scale, output_q.zero_point, shift)


def fold_requantization(
    weight: IntArray,
    bias: IntArray | None,
    data_zero_point: int,
    product_scale: FloatArray,
    product_zero_point: IntArray,
    output_q: Quantization,
    is_dense: bool,
    target: Target = DEFAULT_TARGET,
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """As `requantize_qnn_convolution_dense`, for any target; `shift` is always an array.

    `product_scale` and `product_zero_point` hold one value, or one for each channel.
    """
    taps = taps_by_channel(weight, is_dense)
    _check_channels(product_scale, taps.shape[1])
    ratios = _multipliers(product_scale, output_q)
    scale, natural = _decompose(ratios)
    if np.any(natural < -_LOW_BITS):
        raise ValueError(_unfoldable(int(np.argmin(natural)), True, ratios, taps, target))
    mantissa = np.ldexp(scale, SCALE_BITS).astype(np.int64)
    centred = channel_bias(bias, taps.shape[1]) - product_zero_point
    shift = np.clip(natural, 0, target.max_shift)
    while True:
        bits = SCALE_BITS + natural - shift
        folded = _folded_weight(taps, mantissa, bits)
        moved = _scaled_bias(centred, mantissa, bits) + (output_q.zero_point << shift)
        moved = moved - data_zero_point * _channel_sums(folded)
        wide = _exceeds_weight(folded, target)
        misfit = wide | overflows(folded, moved, shift, data_zero_point, target)
        if not np.any(misfit):
            break
        if np.any(stuck := misfit & (shift == 0)):
            channel = int(np.argmax(stuck & wide if np.any(stuck & wide) else stuck))
            raise ValueError(_unfoldable(channel, bool(wide[channel]), ratios, taps, target))
        shift = shift - (misfit if len(shift) == len(misfit) else 1)
    new_weight = folded.T if is_dense else folded.reshape(weight.shape)
    return new_weight.astype(np.int8, copy=False), moved.astype(np.int32), shift.astype(np.int32)


def check_accumulator(
    weight: IntArray,
    bias: IntArray,
    is_dense: bool,
    target: Target = DEFAULT_TARGET,
    largest_code: int = _LARGEST_INT8,
) -> None:
    """Raises `ValueError` when data can make `sum(x * weight) + bias` too wide.

    `largest_code` is the largest magnitude of its codes, by default that of int8.
    """
    taps = taps_by_channel(weight, is_dense)
    magnitude = np.abs(bias.astype(np.int64))
    most = largest_code * _largest_sum(taps)
    if taps.itemsize == 1 and int(magnitude.max(initial=0)) + most < _limit(target):
        return
    sums = np.abs(taps, dtype=np.int64).sum(axis=0)
    worst = int((magnitude + largest_code * sums).max(initial=0))
    if worst >= _limit(target):
        raise ValueError(f"accumulator must fit {target.accumulator_bits} bits, got {worst}")


def channel_multipliers(layer: Layer) -> FloatArray:
    """Returns how many output steps a step of the accumulator is, for each output channel.

    Raises `ValueError` when there is not one scale, nor one for each channel, or a quotient of
    scales is not positive and finite.
    """
    channels = taps_by_channel(layer.weight, layer.is_dense).shape[1]
    _check_channels(layer.product_scale, channels)
    return np.broadcast_to(_multipliers(layer.product_scale, layer.output_q), channels)


def taps_by_channel(weight: IntArray, is_dense: bool) -> IntArray:
    """Views weights as a matrix of shape (products, output channels)."""
    weight = _int32("weight", weight)
    rank, least = weight.ndim, 2 if is_dense else 4
    if rank < least or (is_dense and rank > least):
        layout = "OI with 2 axes" if is_dense else "HWIGO with at least 4 axes"
        raise ValueError(f"weight must be {layout}, got {rank}")
    if is_dense:
        return weight.T
    return weight.reshape(-1, weight.shape[-2] * weight.shape[-1])


def _split(
    product_q: Quantization | Sequence[Quantization], weight: IntArray, is_dense: bool
) -> tuple[FloatArray, Int64Array]:
    """Returns the scales and the zero points of one encoding, or of one for each channel."""
    encodings = [product_q] if isinstance(product_q, Quantization) else product_q
    channels = taps_by_channel(weight, is_dense).shape[1]
    if not isinstance(product_q, Quantization) and len(encodings) != channels:
        raise ValueError(f"{len(encodings)} quantizations given for {channels} output channels")
    scales = np.array([q.scale for q in encodings], dtype=np.float64)
    return scales, np.array([q.zero_point for q in encodings], dtype=np.int64)


def _check_channels(product_scale: FloatArray, channels: int) -> None:
    """Raises `ValueError` unless there is one scale, or one for each channel."""
    if len(product_scale) not in (1, channels):
        raise ValueError(f"{len(product_scale)} scales given for {channels} output channels")


def channel_bias(
    bias: IntArray | None, channels: int, target: Target = DEFAULT_TARGET
) -> Int64Array:
    """Returns the bias of each output channel, zeros for `None`."""
    if bias is None:
        return np.zeros(channels, dtype=np.int64)
    if bias.shape != (channels,):
        raise ValueError(f"bias has shape {bias.shape}, weight has {channels} output channels")
    return _fitting("bias", bias, target.accumulator_bits).astype(np.int64)


def _multipliers(product_scale: FloatArray, output_q: Quantization) -> FloatArray:
    ratios = scale_ratio(product_scale, output_q.scale)
    for ratio in ratios[ratios == 0]:
        raise ValueError(f"quotient of the scales must be positive and finite, got {ratio}")
    return ratios


def _decompose(multiplier: FloatArray) -> tuple[FloatArray, Int64Array]:
    """Splits `m = scale * 2**-n` with scale in (0.5, 1]."""
    fraction, exponent = np.frexp(multiplier)
    power_of_two = fraction == 0.5
    scale = np.where(power_of_two, 1.0, fraction)
    return scale, power_of_two - exponent.astype(np.int64)


def _folded_weight(taps: IntArray, mantissa: Int64Array, bits: Int64Array) -> IntArray:
    """As `_scaled_weight`, for int8 weights and scales of at most 1 as int8 and mostly in float32.

    With a scale and a product that are rounded to 24 bits, a result is off by less than 2**-15.
    Only the channels for which that matters, with some weight of 8 bits, are computed exactly.
    """
    if taps.dtype != np.int8 or np.any(bits < SCALE_BITS) or not taps.size:
        return _scaled_weight(taps, mantissa, bits)
    scale = np.ldexp(mantissa.astype(np.float64), -bits).astype(np.float32)
    folded = np.empty_like(taps)
    for block in _blocks(taps):
        product = taps[block].astype(np.float32)
        product *= scale if len(scale) == 1 else scale[block[1]]
        folded[block] = np.rint(product, out=product)
    doubtful = np.flatnonzero(_near_ties(scale))
    if len(scale) == 1 and len(doubtful):
        return _scaled_weight(taps, mantissa, bits).astype(np.int8)
    exact = _scaled_weight(taps[:, doubtful], mantissa[doubtful], bits[doubtful])
    folded[:, doubtful] = exact
    return folded


def _near_ties(scale: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Says for each scale whether it brings some 8-bit weight near the middle of two integers."""
    products = np.arange(1, _LARGEST_INT8 + 1, dtype=np.float32)[:, np.newaxis] * scale
    products -= np.rint(products)
    return np.abs(products, out=products).max(axis=0) >= 0.5 - 2.0**-15


def _blocks(taps: IntArray) -> Iterator[tuple[slice, slice]]:
    """Cuts a matrix, along the axis that its memory has outermost, into parts for the cache."""
    axis = 0 if taps.flags.c_contiguous else 1
    step = max(1, _BLOCK // max(1, taps.shape[1 - axis]))
    for start in range(0, taps.shape[axis], step):
        part, whole = slice(start, start + step), slice(None)
        yield (part, whole) if axis == 0 else (whole, part)


def _channel_sums(taps: IntArray) -> Int64Array:
    """Sums the weights of each output channel."""
    narrow = taps.itemsize == 1 and _largest_sum(taps) < 1 << 31
    return taps.sum(axis=0, dtype=np.int32 if narrow else np.int64).astype(np.int64)


def _largest_sum(taps: IntArray) -> int:
    """Returns how large the sum of the magnitudes of a channel's weights can be, if of 8 bits."""
    return taps.shape[0] << 8


def _limit(target: Target) -> int:
    return 1 << (target.accumulator_bits - 1)


def overflows(
    weight: IntArray, bias: Int64Array, shift: Int64Array, zero_point: int, target: Target
) -> npt.NDArray[np.bool_]:
    """As `_exceeds_accumulator`, which sees all weights only if the largest possible would."""
    most = np.array([[_largest_sum(weight)]])
    if weight.itemsize == 1:
        bounded = _exceeds_accumulator(most, bias, shift, zero_point, target)
        if not np.any(bounded):
            return bounded
    return _exceeds_accumulator(weight.astype(np.int64), bias, shift, zero_point, target)


def _scaled_weight(taps: IntArray, mantissa: Int64Array, bits: Int64Array) -> Int64Array:
    """Computes `floor(w * mantissa * 2**-bits + 1/2)`; beyond 62 bits every int8 weight is 0."""
    if taps.itemsize > 1:
        return _scaled_bias(taps.astype(np.int64), mantissa, bits)
    right = np.minimum(bits, 62)
    product = np.multiply(taps, mantissa, dtype=np.int64)
    product += np.int64(1) << (right - 1)
    product >>= right
    return product


def _scaled_bias(bias: Int64Array, mantissa: Int64Array, bits: Int64Array) -> Int64Array:
    """As `_scaled_weight` for values of up to 34 bits, in two parts so that int64 holds them."""
    right = np.minimum(bits, 62 + _LOW_BITS) - _LOW_BITS
    low = (bias * (mantissa & ((1 << _LOW_BITS) - 1))) >> _LOW_BITS
    return (bias * (mantissa >> _LOW_BITS) + low + (np.int64(1) << (right - 1))) >> right


def _exceeds_weight(weight: IntArray, target: Target) -> npt.NDArray[np.bool_]:
    """Says for each channel whether it has a weight that is too wide."""
    if weight.itemsize == 1 and target.weight_bits >= 8:
        return np.zeros(weight.shape[1:], np.bool_)
    limit = 1 << (target.weight_bits - 1)
    return np.asarray(((weight >= limit) | (weight < -limit)).any(axis=0), np.bool_)


def _exceeds_accumulator(
    weight: Int64Array, bias: Int64Array, shift: Int64Array, zero_point: int, target: Target
) -> npt.NDArray[np.bool_]:
    """Says for each channel whether some input makes the accumulator too wide."""
    largest_code = _LARGEST_INT8 if -128 <= zero_point <= 127 else 255
    half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
    worst = np.abs(bias) + largest_code * np.abs(weight).sum(axis=0) + half
    return worst >= _limit(target)


def _unfoldable(
    channel: int, wide: bool, ratios: FloatArray, taps: IntArray, target: Target
) -> str:
    ratio = ratios[channel if len(ratios) > 1 else 0]
    if wide:
        largest = int(np.abs(taps[:, channel].astype(np.int64)).max(initial=0))
        width = f"scale ratio {ratio:.6g} times weight {largest} does not fit {target.weight_bits}"
        return f"{width} bits (channel {channel})"
    return (
        f"accumulator does not fit {target.accumulator_bits} bits at shift 0, with scale ratio "
        f"{ratio:.6g} (channel {channel})"
    )


def _int32(what: str, values: IntArray) -> IntArray:
    """Returns the values after checking that they are integers that fit int32."""
    return _fitting(what, values, 32)


def _fitting(what: str, values: IntArray, bits: int) -> IntArray:
    """Returns the values after checking that they are integers of so many bits, 32 or more."""
    if values.dtype.kind not in "iu":
        raise ValueError(f"{what} must hold integers, got {values.dtype}")
    if np.can_cast(values.dtype, np.int32):
        return values
    low, high, limit = int(values.min(initial=0)), int(values.max(initial=0)), 1 << (bits - 1)
    if low < -limit or high >= limit:
        raise ValueError(f"{what} must fit int{bits}, got {low if -low > high else high}")
    return values
