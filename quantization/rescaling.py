"""Requantization of whole tensors: `fixed_point_multiply`, an offset and a clamp, in one go.

It is computed in float32, and then decided in integers where float32 can't tell. With `m` the
multiplier and `v = x * m` the exact product, the float32 product `f` differs from it by at most
three roundings, |v| * 2**-22. What a contract rounds to is the integer nearest to a number at most
`e` from `v`: e = 0 for one rounding, 2**-(r+1) for the second of two that shifts by r bits. So `f`
rounds to the same unless it is within `e + |v| * 2**-22` of a tie, which few products are; beyond
the clamp only the side counts. A product with a power of two is exact: clamped to 2**(23-s), an
accumulator of 24 bits shifted by s, and that with a half added, has no more than 24.
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
    factor, limit = _factors(scale, right, rounding, widest)
    has_channels = factor.size in (1, *values.shape[-1:])
    if widest > _WIDEST or not has_channels or not _is_plain(values, scale, right, rounding):
        product = fixed_point_multiply(values, scale, right, rounding)
        return np.clip(product + offset, low, high).astype(dtype)
    result = np.empty(values.shape, dtype)
    flat, out = values.reshape(-1), result.reshape(-1)
    halves_are_exact = _only_shifts(scale, right, rounding, widest)
    undecided: list[npt.NDArray[np.intp]] = [np.empty(0, np.intp)]
    for part, product, nearest, factors, limits in _blocks(values.size, factor, limit):
        product[:] = flat[part]
        np.multiply(product, factors, out=product)
        np.clip(product, low - offset, high - offset, out=product)
        if halves_are_exact:
            np.floor(np.add(product, 0.5, out=product), out=product)
            out[part] = np.add(product, offset, out=product)
            continue
        np.rint(product, out=nearest)
        np.subtract(product, nearest, out=product)
        out[part] = np.add(nearest, offset, out=nearest)
        if rounding is not Rounding.FLOAT32:
            places = np.flatnonzero(np.abs(product, out=product) >= limits)
            undecided.append(places + part.start)
    places = np.concatenate(undecided)
    scales, shifts = (c.reshape(-1)[places % c.size] for c in (scale, right))
    exact = fixed_point_multiply(flat[places], scales, shifts, rounding)
    out[places] = np.clip(exact + offset, low, high)
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


def _only_shifts(scale: Int64Array, right: Int64Array, rounding: Rounding, widest: int) -> bool:
    """Whether float32 holds every clamped product, and that with a half added."""
    if rounding is not Rounding.UPWARD or (scale != 1).any():
        return False
    return (widest + 1) << int(right.max(initial=0)) <= 1 << 23


def _factors(
    scale: Int64Array, right: Int64Array, rounding: Rounding, widest: int
) -> tuple[Single, Single]:
    """Returns the multipliers, and how far from an integer a product must be to be unsure."""
    factor = np.ldexp(scale.astype(np.float32), -right)
    error = np.full(factor.shape, (widest + 1) * 2.0**-22)
    if rounding in _TWICE:
        error += np.where(right > 31, np.ldexp(1.0, 30 - right), 0.0)
    return factor, (0.5 - error).astype(np.float32)


def _blocks(
    size: int, factor: Single, limit: Single
) -> Iterator[tuple[slice, Single, Single, Single, Single]]:
    """Cuts a row of elements into slices, with room for two results and each one's constants."""
    repeats = max(1, _BLOCK // factor.size)
    step = repeats * factor.size
    factors, limits = (np.tile(constants, repeats) for constants in (factor, limit))
    first, second = np.empty(step, np.float32), np.empty(step, np.float32)
    for start in range(0, size, step):
        part = slice(start, min(start + step, size))
        length = part.stop - start
        yield part, first[:length], second[:length], factors[:length], limits[:length]


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
