"""Requantization of whole tensors: `fixed_point_multiply`, an offset and a clamp, in one go.

It is computed in float32, and then decided in integers where float32 can't tell. With `m` the
multiplier and `v = x * m` the exact product, the float32 product `f` differs from it by at most
three roundings, |v| * 2**-22. What a contract rounds to is the integer nearest to a number at most
`e` from `v`: e = 0 for one rounding, 2**-(r+1) for the second of two that shifts by r bits. So `f`
rounds to the same unless it is within `e + |v| * 2**-22` of a tie, which few products are; beyond
the clamp only the side counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sima_mlir.quantization.fixed_point import (
    Int64Array,
    IntArray,
    Rounding,
    code_range,
    fixed_point_multiply,
    quantize_multiplier,
)

Single: TypeAlias = npt.NDArray[np.float32]

_BLOCK = 1 << 15
"""Elements that are computed at a time, few enough for a cache."""

_WIDEST = 1 << 12
"""The largest clamp, less the offset, in which few products are undecided."""

_TWICE = (Rounding.TFLITE, Rounding.RUY)


def rescale(
    values: IntArray,
    scale_correction: npt.ArrayLike,
    shift: npt.ArrayLike,
    rounding: Rounding,
    offset: int,
    dtype: npt.DTypeLike,
    clamp: tuple[int, int] | None = None,
) -> IntArray:
    """Multiplies as `fixed_point_multiply` does, adds an offset, clamps and saturates.

    The constants are scalars, or one for each channel along the last axis. `clamp` is a range
    inside that of the integer type `dtype`, which is the default.
    """
    low, high = clamp or code_range(dtype)
    scale, right = (np.asarray(c, np.int64) for c in (scale_correction, shift))
    widest = max(abs(low - offset), abs(high - offset))
    factor, unsure = _factors(scale, right, rounding, widest)
    has_channels = factor.size in (1, *values.shape[-1:])
    if widest > _WIDEST or not has_channels or not _is_plain(values, scale, right, rounding):
        product = fixed_point_multiply(values, scale, right, rounding)
        return np.clip(product + offset, low, high).astype(dtype)
    result = np.empty(values.shape, dtype)
    flat, out = values.reshape(-1), result.reshape(-1)
    for part, factors, limits in _blocks(values.size, factor, unsure):
        product: Single = np.multiply(flat[part], factors, dtype=np.float32, casting="unsafe")
        np.clip(product, low - offset, high - offset, out=product)
        nearest = np.rint(product)
        if rounding is not Rounding.FLOAT32:
            product -= nearest
            places = np.flatnonzero(np.abs(product, out=product) >= limits)
            if places.size:
                exact = _exactly(flat[part][places], places, scale, right, rounding)
                nearest[places] = np.clip(exact, low - offset, high - offset)
        nearest += offset
        out[part] = nearest
    return result


def _is_plain(values: IntArray, scale: Int64Array, right: Int64Array, rounding: Rounding) -> bool:
    """Whether no step of a contract overflows or shifts to the left."""
    if rounding is Rounding.TFLITE16:
        return False
    if values.dtype.itemsize > 4 and values.size:
        limits = np.iinfo(np.int32)
        if not limits.min <= values.min() <= values.max() <= limits.max:
            return False
    if rounding is Rounding.FLOAT32:
        return True
    least = 31 if rounding in _TWICE else 0
    if (scale < 0).any() or (scale >> 31).any() or (right < least).any():
        return False
    return bool((scale <= 1 << np.minimum(right, 32)).all())


def _factors(
    scale: Int64Array, right: Int64Array, rounding: Rounding, widest: int
) -> tuple[Single, Single]:
    """Returns the multipliers, and how far from an integer a product must be to be unsure."""
    factor = np.ldexp(scale.astype(np.float32), -right)
    error = np.full(factor.shape, (widest + 1) * 2.0**-22)
    if rounding in _TWICE:
        error += np.where(right > 31, np.ldexp(1.0, 30 - right), 0.0)
    return factor, (0.5 - error).astype(np.float32)


def _blocks(size: int, factor: Single, unsure: Single) -> Iterator[tuple[slice, Single, Single]]:
    """Cuts a row of elements into slices with the constants of each element."""
    if factor.size == 1:
        for start in range(0, size, _BLOCK):
            yield slice(start, start + _BLOCK), factor.reshape(()), unsure.reshape(())
        return
    repeats = max(1, _BLOCK // factor.size)
    factors, limits = (np.tile(constants, repeats) for constants in (factor, unsure))
    for start in range(0, size, factors.size):
        end = min(start + factors.size, size)
        yield slice(start, end), factors[: end - start], limits[: end - start]


def _exactly(
    values: IntArray,
    places: npt.NDArray[np.intp],
    scale: Int64Array,
    right: Int64Array,
    rounding: Rounding,
) -> Int64Array:
    """Multiplies the values at some places of a block, which begins with the first channel."""
    scales, shifts = (
        constants.reshape(-1)[places % constants.size] for constants in (scale, right)
    )
    return fixed_point_multiply(values, scales, shifts, rounding)


def requantize(
    data: IntArray,
    multiplier: npt.ArrayLike,
    input_zero_point: int,
    output_zero_point: int,
    rounding: Rounding,
    dtype: npt.DTypeLike,
) -> IntArray:
    """Brings integers to another scale: `saturate((data - zi) * multiplier + zo)`.

    `multiplier` is the input scale over the output scale, a scalar or one per channel along the
    last axis; the product is rounded as `rounding` says. The zero point is added after rounding.
    """
    constants = quantize_multiplier(multiplier, rounding)
    centred = data.astype(np.int64) - input_zero_point if input_zero_point else data
    return rescale(centred, *constants, rounding, output_zero_point, dtype)
