"""Integer-exact array kernels: matrix product, convolution, pooling, padding, rounded division.

Every function is pure NumPy, takes arrays of any integer type and returns exactly the integers that
its formula states, as long as they fit int64. Images are channels-last, `(N, *spatial, C)`, with
any number of spatial axes; a list called `padding` holds all begins, then all ends. At the edge of
a network `quantize` and `dequantize` convert from and to float32.

Speed comes from floating-point BLAS, used only where it cannot round: if max|a| * sum|b| <= 2**p,
every product and every partial sum of a*b, in whatever order, is an integer of at most p bits, and
a float with a p-bit significand holds it exactly.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from sima_mlir.quantization import code_range

__all__ = [
    "average_pool",
    "axes_sum",
    "convolve",
    "convolve_transpose",
    "dense",
    "dequantize",
    "divide_half_away",
    "exact_matmul",
    "max_pool",
    "pad",
    "quantize",
    "window_count",
    "window_sum",
]

Integer = TypeVar("Integer", bound=np.integer[Any])

Integers: TypeAlias = npt.NDArray[np.integer[Any]]
"""An array of any integer type."""

Numbers: TypeAlias = npt.NDArray[Any]
"""An array of integers in the type that computes them fastest without rounding."""

ExactType: TypeAlias = type[np.float32] | type[np.float64] | type[np.int64]

BLOCK_BYTES = 4 * 2**20
"""How much of a patch matrix exists at a time: bounded memory, and small enough for a cache."""


def exact_matmul(a: Integers, b: Integers) -> npt.NDArray[np.int64]:
    """Multiply matrices: `result[..., p, o] = sum over k of a[..., p, k] * b[..., k, o]`.

    Shapes are `(..., P, K)` and `(..., K, O)` to int64 `(..., P, O)`; leading axes broadcast.
    Computed in float32 if max|a| * (largest column sum of |b|) <= 2**24, in float64 if <= 2**53,
    otherwise in int64, where a sum that does not fit wraps around.

    Raises ValueError if an operand has fewer than two axes, or the operands disagree on K.
    """
    _check_matrices(a.shape, b.shape)
    exact = _exact_type(_magnitude(a), b)
    if b.ndim > 2:
        return (a.astype(exact) @ b.astype(exact)).astype(np.int64)
    rows = a.reshape(math.prod(a.shape[:-1]), a.shape[-1])
    product = (rows.astype(exact) @ b.astype(exact)).astype(np.int64)
    return product.reshape(*a.shape[:-1], b.shape[-1])


def dense(data: Integers, weight: Integers) -> npt.NDArray[np.int64]:
    """Multiply features by weights: `result[..., o] = sum over i of data[..., i] * weight[o, i]`.

    Shapes are `(..., I)`, with one axis or more, and `(O, I)` to int64 `(..., O)`; exactness and
    errors are those of `exact_matmul`.
    """
    product = exact_matmul(np.atleast_2d(data), weight.T)
    return product.reshape(*data.shape[:-1], weight.shape[0])


def convolve(
    data: Integers,
    weight: Integers,
    *,
    strides: Sequence[int],
    padding: Sequence[int],
    dilations: Sequence[int],
    pad_value: int = 0,
    zero_point: int = 0,
    dtype: npt.DTypeLike = np.int64,
) -> Integers:
    """Slide kernels over images: one sum of products an output position and output channel.

        result[n, x, g*O + o] = sum over k and i of
            (data[n, x*stride + k*dilation - begin, g*I + i] - zero_point) * weight[k, i, g, o]

    where x and k run over the spatial axes, and a tap outside the image reads `pad_value`.

    `data` is `(N, *spatial, G*I)` and `weight` is `(*kernel, I, G, O)`, both of any integer type;
    the result is `(N, *out, G*O)` of the integer type `dtype`, with
    `out = (spatial + begin + end - ((kernel - 1)*dilation + 1)) // stride + 1`.
    A sum that does not fit int64 or `dtype` wraps around.

    Raises ValueError if the ranks, the channels or the lengths of the lists do not fit together, a
    stride, dilation or kernel size is below 1, a padding is negative, or a kernel spans more than
    the padded image.
    """
    _check_weight(data.shape, weight.shape)
    *kernel, inputs, groups, outputs = weight.shape
    _check_window(data.shape, kernel, strides, padding, dilations)
    columns = weight.reshape(math.prod(kernel) * inputs, groups * outputs)
    exact = _exact_type(max(_range_of(data, zero_point), abs(pad_value - zero_point)), columns)
    depthwise = inputs == 1 and groups > 1
    image = np.repeat(data, outputs, axis=-1) if depthwise and outputs > 1 else data
    centred = _centred(image, zero_point, exact)
    padded = _pad(centred, padding, pad_value - zero_point, exact) if any(padding) else centred
    windows = _windows(padded, kernel, strides, dilations)
    product = _tap_product if depthwise else _patch_product
    return _by_blocks(product, windows, weight.astype(exact), dtype)


def convolve_transpose(
    data: Integers,
    weight: Integers,
    *,
    strides: Sequence[int],
    padding: Sequence[int],
    output_padding: Sequence[int],
) -> npt.NDArray[np.int64]:
    """Spread images over larger ones: every pixel adds its multiple of the kernel.

        result[n, y, g*O + o] = sum over k and i of
            data[n, (y + begin - k) / stride, g*I + i] * weight[k, i, g, o]

    where y and k run over the spatial axes, and a tap counts if it falls on a pixel: the quotient
    is whole and inside the image.

    `data` is `(N, *spatial, G*I)` and `weight` is `(*kernel, I, G, O)`, both of any integer type;
    the result is int64 `(N, *out, G*O)`, with
    `out = (spatial - 1)*stride + kernel - begin - end + output_padding`.
    A sum that does not fit int64 wraps around.

    The pixels of the result that lie a stride apart are a convolution with the taps that do so.

    Raises ValueError if the ranks, the channels or the lengths of the lists do not fit together, a
    stride, kernel or image size is below 1, a padding is negative, or nothing of an axis is left.
    """
    _check_weight(data.shape, weight.shape)
    *kernel, _, groups, outputs = weight.shape
    batch, *spatial, _ = data.shape
    rank = len(kernel)
    _check_list("window", kernel, rank, 1)
    _check_list("image", spatial, rank, 1)
    _check_list("strides", strides, rank, 1)
    _check_list("padding", padding, 2 * rank, 0)
    _check_list("output_padding", output_padding, rank, 0)
    sizes = [(n - 1) * s + k for n, s, k in zip(spatial, strides, kernel, strict=True)]
    ends = [size + more for size, more in zip(sizes, output_padding, strict=True)]
    out = [n - b - e for n, b, e in zip(ends, padding[:rank], padding[rank:], strict=True)]
    _check_list("result", out, rank, 1)
    spread = np.zeros((batch, *ends, groups * outputs), np.int64)
    every = tuple(slice(size) for size in sizes)
    for phase in np.ndindex(*map(min, strides, kernel)):
        places = tuple(slice(r, None, s) for r, s in zip(phase, strides, strict=True))
        taps = weight[places][(slice(None, None, -1),) * rank]
        around = [n - 1 for n in taps.shape[:rank]] * 2
        ones = (1,) * rank
        sums = convolve(data, taps, strides=ones, padding=around, dilations=ones)
        spread[:, *every][:, *places] = sums
    kept = (slice(begin, begin + size) for begin, size in zip(padding, out, strict=False))
    return spread[:, *kept]


def max_pool(
    data: npt.NDArray[Integer],
    *,
    pool_size: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[int],
) -> npt.NDArray[Integer]:
    """Take the maximum: `result[n, x, c] = max over k of data[n, x*stride + k - begin, c]`.

    A tap outside the image is ignored; a window with no tap inside gives the lowest value of the
    type. `(N, *spatial, C)` of any integer type becomes `(N, *out, C)` of the same type, with
    `out = (spatial + begin + end - pool_size) // stride + 1`.

    Raises ValueError if the lengths of the lists do not fit the rank, a size or stride is below 1,
    a padding is negative, or a window spans more than the padded image.
    """
    _check_window(data.shape, pool_size, strides, padding)
    padded = _pad(data, padding, np.iinfo(data.dtype).min, data.dtype)
    return _reduce_windows(np.maximum, padded, pool_size, strides)


def window_sum(
    data: Integers,
    *,
    pool_size: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[int],
) -> npt.NDArray[np.int64]:
    """Sum the window: `result[n, x, c] = sum over k of data[n, x*stride + k - begin, c]`.

    A tap outside the image counts as 0. `(N, *spatial, C)` of any integer type becomes int64
    `(N, *out, C)`, with `out` and the errors of `max_pool`.
    """
    _check_window(data.shape, pool_size, strides, padding)
    return _reduce_windows(np.add, _pad(data, padding, 0, np.int64), pool_size, strides)


def window_count(
    spatial: Sequence[int],
    *,
    pool_size: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[int],
) -> npt.NDArray[np.int64]:
    """Count the taps inside the image: `window_sum` of an image of ones, as int64 `(*out, 1)`.

    `spatial` is the shape of the image without batch and channels; the errors are `max_pool`'s.
    """
    ones = np.ones((1, *spatial, 1), np.int64)
    return window_sum(ones, pool_size=pool_size, strides=strides, padding=padding)[0]


def axes_sum(data: Integers, axes: Sequence[int]) -> tuple[npt.NDArray[np.int64], int]:
    """Sum whole axes, which stay with size 1; return int64 sums and how many elements each has."""
    total = data.sum(tuple(axes), np.int64, keepdims=True)
    return total, math.prod(data.shape[axis] for axis in axes)


def average_pool(
    data: Integers,
    *,
    pool_size: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[int],
    pad_value: int | None = None,
) -> npt.NDArray[np.int64]:
    """Average the window, rounded to nearest, ties away from zero.

    The taps inside the image count; with a `pad_value` all do, and a tap outside reads it.
    `(N, *spatial, C)` of any integer type becomes int64 `(N, *out, C)`, with `out` and the errors
    of `max_pool`. Raises ValueError also if no tap of a window counts.
    """
    total = window_sum(data, pool_size=pool_size, strides=strides, padding=padding)
    count = window_count(data.shape[1:-1], pool_size=pool_size, strides=strides, padding=padding)
    if pad_value is None:
        return divide_half_away(total, count)
    size = math.prod(pool_size)
    return divide_half_away(total + pad_value * (size - count), size)


def pad(data: npt.NDArray[Integer], padding: Sequence[int], value: int) -> npt.NDArray[Integer]:
    """Surround every axis, batch and channels too, with `value`; the type stays.

    Raises ValueError if `padding` does not have two entries an axis, or one is negative.
    """
    widths = np.reshape(np.asarray(padding, np.int64), (2, data.ndim))
    return np.pad(data, tuple(map(tuple, widths.T.tolist())), constant_values=value)


def nearest(
    data: npt.NDArray[Integer],
    places: Sequence[npt.NDArray[np.int64]],
    divisors: Sequence[int],
) -> npt.NDArray[Integer]:
    """Take the pixels of (N, *in, C) at `place / divisor` along each spatial axis, rounded down.

    A place outside the image is that of the first or the last pixel.
    """
    for axis, (place, divisor) in enumerate(zip(places, divisors, strict=True), 1):
        pixels = np.clip(place // divisor, 0, data.shape[axis] - 1)
        data = np.take(data, pixels, axis)
    return data


def interpolate(
    data: npt.NDArray[Integer],
    places: Sequence[npt.NDArray[np.int64]],
    divisors: Sequence[int],
) -> npt.NDArray[Integer]:
    """Interpolate (N, *in, C) linearly at `place / divisor` along each spatial axis.

    A mean is rounded to nearest, ties away from zero. It is exact while the product of the
    divisors is at most 2**40 and the codes have at most 16 bits.
    """
    total = data.astype(np.int64)
    for axis, (place, divisor) in enumerate(zip(places, divisors, strict=True), 1):
        last = data.shape[axis] - 1
        lower, rest = np.divmod(np.clip(place, 0, last * divisor), divisor)
        rest = np.reshape(rest, (-1,) + (1,) * (data.ndim - 1 - axis))
        upper = np.take(total, np.minimum(lower + 1, last), axis)
        total = np.take(total, lower, axis) * (divisor - rest) + upper * rest
    return divide_half_away(total, math.prod(divisors)).astype(data.dtype)


def look_up(data: Integers, table: Integers) -> Integers:
    """Replace codes by what a table has for them; its first entry is for the least code.

    A table with two axes has a row for each channel, the last axis of `data`.
    """
    places = data.astype(np.intp) - code_range(data.dtype)[0]
    return table[places] if table.ndim == 1 else table[np.arange(len(table)), places]


def quantize(
    data: npt.NDArray[np.float32],
    scale: float,
    zero_point: int,
    dtype: npt.DTypeLike,
    *,
    ties_to_even: bool = False,
) -> Integers:
    """Turn real numbers into codes: `saturate(round(data / scale) + zero_point)`.

    The quotient is taken in float32 and rounded to nearest, ties away from zero or to even. An
    infinity saturates.

    Raises ValueError if the scale is not positive and finite as a float32, or `data` holds a NaN.
    """
    if np.isnan(data).any():
        raise ValueError("data must be numbers, got nan")
    with np.errstate(over="ignore"):
        quotient = np.divide(data, _float32_scale(scale), dtype=np.float32).astype(np.float64)
    away = np.copysign(np.floor(np.abs(quotient) + 0.5), quotient)
    codes = (np.rint(quotient) if ties_to_even else away) + zero_point
    return np.clip(codes, *code_range(dtype)).astype(dtype)


def dequantize(data: Integers, scale: npt.ArrayLike, zero_point: int) -> npt.NDArray[np.float32]:
    """Turn codes into real numbers: `float32(scale) * float32(data - zero_point)`.

    `scale` is one, or one a channel along the last axis.

    Raises ValueError if a scale is not positive and finite as a float32.
    """
    with np.errstate(over="ignore"):
        return _float32_scale(scale) * (data.astype(np.int64) - zero_point).astype(np.float32)


def divide_half_away(numerator: Integers, denominator: Integers | int) -> npt.NDArray[np.int64]:
    """Divide and round to nearest, ties away from zero.

    `result = (a + sign(a) * (d // 2)) / d`, truncated towards zero, as TFLite's AVERAGE_POOL does.
    The operands broadcast and the result is int64; no intermediate value overflows.

    Raises ValueError if a denominator is below 1.
    """
    divisor = np.asarray(denominator, np.int64)
    if (least := divisor.min(initial=1)) < 1:
        raise ValueError(f"denominator must be positive, got {least}")
    dividend = numerator.astype(np.int64)
    floor, remainder = np.divmod(dividend, divisor)
    excess = remainder - (divisor - remainder)
    return np.asarray(floor + (excess >= (dividend < 0)), np.int64)


def _float32_scale(scale: npt.ArrayLike) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore", under="ignore"):
        rounded = np.asarray(scale, np.float64).astype(np.float32)
    bad = np.asarray(scale)[~(np.isfinite(rounded) & (rounded > 0))]
    if bad.size:
        raise ValueError(f"scale must be positive and finite in float32, got {bad.flat[0]}")
    return rounded


def _check_matrices(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    if min(len(a), len(b)) < 2:
        raise ValueError(f"a matrix product takes two axes or more, got {len(a)} and {len(b)}")
    if a[-1] != b[-2]:
        raise ValueError(f"a has {a[-1]} columns, b has {b[-2]} rows")


def _spatial_rank(data: tuple[int, ...]) -> int:
    if len(data) < 3:
        raise ValueError(f"data takes rank 3 or more, got {len(data)}")
    return len(data) - 2


def _check_weight(data: tuple[int, ...], weight: tuple[int, ...]) -> None:
    rank = _spatial_rank(data) + 3
    if len(weight) != rank:
        raise ValueError(f"data of rank {len(data)} takes weight of rank {rank}, got {len(weight)}")
    inputs, groups = weight[-3:-1]
    if data[-1] != groups * inputs:
        raise ValueError(f"data has {data[-1]} channels, weight takes {groups} groups of {inputs}")


def _check_window(
    shape: tuple[int, ...],
    window: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[int],
    dilations: Sequence[int] | None = None,
) -> None:
    """Refuse lists that do not describe a window that fits the padded image."""
    rank = _spatial_rank(shape)
    dilations = dilations if dilations is not None else [1] * rank
    _check_list("window", window, rank, 1)
    _check_list("strides", strides, rank, 1)
    _check_list("padding", padding, 2 * rank, 0)
    _check_list("dilations", dilations, rank, 1)
    spans = _spans(window, dilations)
    sizes = _padded_sizes(shape[1:-1], padding)
    for span, size in zip(spans, sizes, strict=True):
        if span > size:
            raise ValueError(f"window spans {span} positions, padded image has {size}")


def _check_list(name: str, values: Sequence[int], length: int, least: int) -> None:
    if len(values) != length:
        raise ValueError(f"{name} takes {length} entries, got {len(values)}")
    if min(values) < least:
        raise ValueError(f"{name} takes entries of at least {least}, got {min(values)}")


def _range_of(codes: Integers, zero_point: int) -> int:
    """Bound |codes - zero_point|, by the type of 8-bit codes and exactly for others."""
    if codes.dtype.itemsize == 1:
        low, high = code_range(codes.dtype)
    else:
        low, high = int(codes.min(initial=zero_point)), int(codes.max(initial=zero_point))
    return max(zero_point - low, high - zero_point)


def _centred(codes: Integers, zero_point: int, exact: ExactType) -> Numbers:
    """Subtract the zero point, in the type that holds the difference, which holds short codes."""
    if codes.dtype.itemsize <= 2:
        return np.subtract(codes, zero_point, dtype=exact)
    return np.subtract(codes, zero_point, dtype=np.int64).astype(exact)


def _magnitude(values: Integers) -> int:
    """Return max|values|, also where the type has no room for it; 0 if there are no values."""
    return max(-int(values.min(initial=0)), int(values.max(initial=0)))


def _column_sum(matrix: Integers) -> int:
    """Bound sum over k of |matrix[..., k, o]| for every o, exactly unless the bound is huge."""
    coarse = _magnitude(matrix) * matrix.shape[-2]
    if coarse >= 2**53:
        return coarse
    return int(np.abs(matrix, dtype=np.int64).sum(axis=-2).max(initial=0))


def _exact_type(magnitude: int, matrix: Integers) -> ExactType:
    """Return the fastest type in which `a @ matrix` is exact for every |a| <= magnitude."""
    if magnitude * _magnitude(matrix) * matrix.shape[-2] <= 2**24:
        return np.float32
    bound = magnitude * _column_sum(matrix)
    if bound <= 2**24:
        return np.float32
    return np.float64 if bound <= 2**53 else np.int64


def _pad(data: Integers, padding: Sequence[int], value: int, dtype: npt.DTypeLike) -> Numbers:
    """Surround the spatial axes with `value`, in a new array of type `dtype`."""
    batch, *spatial, channels = data.shape
    padded: Numbers = np.full((batch, *_padded_sizes(spatial, padding), channels), value, dtype)
    inside = [slice(begin, begin + size) for begin, size in zip(padding, spatial, strict=False)]
    padded[:, *inside] = data
    return padded


def _padded_sizes(spatial: Sequence[int], padding: Sequence[int]) -> tuple[int, ...]:
    """Return the size of each spatial axis with its padding, all begins, then all ends."""
    begins, ends = padding[: len(spatial)], padding[len(spatial) :]
    return tuple(sum(parts) for parts in zip(spatial, begins, ends, strict=True))


def _spans(window: Sequence[int], dilations: Sequence[int]) -> tuple[int, ...]:
    """Return how many positions a dilated window covers along each axis."""
    return tuple((size - 1) * step + 1 for size, step in zip(window, dilations, strict=True))


def _windows(
    padded: Numbers, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Numbers:
    """View `(N, *padded, C)` as `(N, *out, *kernel, C)`, without copying."""
    rank = len(kernel)
    view = sliding_window_view(padded, _spans(kernel, dilations), tuple(range(1, rank + 1)))
    positions, taps = (tuple(slice(None, None, n) for n in steps) for steps in (strides, dilations))
    return np.moveaxis(view[:, *positions, :, *taps], rank + 1, -1)


def _by_blocks(
    product: Callable[[Numbers, Numbers], Numbers],
    windows: Numbers,
    weight: Numbers,
    dtype: npt.DTypeLike,
) -> Integers:
    """Compute `product(windows, weight)` block by block, so that no large patch matrix exists."""
    half = windows.ndim // 2
    positions, patch = windows.shape[:half], windows.shape[half:]
    result = np.empty((*positions, weight.shape[-2] * weight.shape[-1]), dtype)
    for block in _blocks(positions, math.prod(patch) * windows.itemsize):
        part = product(windows[block], weight)
        result[block] = part.astype(np.int64) if windows.dtype == np.float64 else part
    return result


def _blocks(shape: tuple[int, ...], cell_bytes: int) -> Iterator[tuple[slice, ...]]:
    """Cut an array of cells into boxes of at most BLOCK_BYTES, or of one cell if that is larger."""
    axis = 0
    while axis < len(shape) - 1 and math.prod(shape[axis + 1 :]) * cell_bytes > BLOCK_BYTES:
        axis += 1
    step = max(1, BLOCK_BYTES // max(1, math.prod(shape[axis + 1 :]) * cell_bytes))
    for leading in np.ndindex(*shape[:axis]):
        for start in range(0, shape[axis], step):
            yield (*(slice(i, i + 1) for i in leading), slice(start, start + step))


def _patch_product(windows: Numbers, weight: Numbers) -> Numbers:
    """Multiply every patch with the weight of its group: one matrix product a group."""
    *kernel, inputs, groups, outputs = weight.shape
    positions = windows.shape[: windows.ndim // 2]
    depth = math.prod(kernel) * inputs
    split = windows.reshape(*windows.shape[:-1], groups, inputs)
    patches = np.moveaxis(split, -2, 0).reshape(groups, math.prod(positions), depth)
    product = patches @ np.moveaxis(weight.reshape(depth, groups, outputs), 1, 0)
    return np.moveaxis(product, 0, 1).reshape(*positions, groups * outputs)


def _tap_product(windows: Numbers, weight: Numbers) -> Numbers:
    """Multiply every channel with its own kernel: one multiply-accumulate a tap.

    The kernels are repeated along the rows, so that NumPy sees long rows of numbers.
    """
    *kernel, _, groups, outputs = weight.shape
    positions, channels = windows.shape[: windows.ndim // 2], groups * outputs
    factors = np.repeat(weight.reshape(*kernel, 1, channels), positions[-1], axis=-2)
    total: Numbers = np.zeros((*positions, channels), windows.dtype)
    term = np.empty_like(total)
    for tap in np.ndindex(*kernel):
        total += np.multiply(windows[..., *tap, :], factors[tap], out=term)
    return total


def _reduce_windows(
    reduction: np.ufunc, padded: Numbers, window: Sequence[int], strides: Sequence[int]
) -> Numbers:
    """Reduce one axis after the other, since a window's extremum or sum is separable."""
    for axis, (size, stride) in enumerate(zip(window, strides, strict=True), start=1):
        view = np.moveaxis(sliding_window_view(padded, size, axis), axis, 0)[::stride]
        padded = np.moveaxis(reduction.reduce(view, axis=-1), 0, axis)
    return padded
