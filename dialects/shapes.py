"""Result shapes of the operations that both dialects have, and the checks that go with them.

Every function takes and returns tuples of ints and raises `ValueError` with a message that
carries both values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Shape = Sequence[int]


class Window(NamedTuple):
    """How a window slides over the spatial axes."""

    strides: tuple[int, ...]
    padding: tuple[int, ...]
    """Taps before each axis, then taps after each axis."""
    dilations: tuple[int, ...]


def make_window(
    rank: int,
    strides: Shape | None = None,
    padding: Shape | None = None,
    dilations: Shape | None = None,
) -> Window:
    """Fills in the defaults of a window over `rank` axes and checks lengths and signs."""
    strides = _checked("strides", (1,) * rank if strides is None else strides, rank, 1)
    dilations = _checked("dilations", (1,) * rank if dilations is None else dilations, rank, 1)
    padding = _checked("padding", (0,) * (2 * rank) if padding is None else padding, 2 * rank, 0)
    return Window(strides, padding, dilations)


def conv_shape(data: Shape, weight: Shape, window: Window) -> tuple[int, ...]:
    """Returns (N, *out, G*O) for data (N, *in, C) and weight (*kernel, I, G, O)."""
    rank = check_conv_ranks(data, weight)
    *kernel, inputs, groups, outputs = weight
    if data[-1] != inputs * groups:
        raise ValueError(f"data has {data[-1]} channels, weight takes {groups} groups of {inputs}")
    out = _slide(data[1 : 1 + rank], kernel, window)
    return (data[0], *out, groups * outputs)


def conv_transpose_shape(
    data: Shape, weight: Shape, window: Window, output_padding: Shape
) -> tuple[int, ...]:
    """Returns (N, *out, G*O) for data (N, *in, C) and weight (*kernel, I, G, O)."""
    rank = check_conv_ranks(data, weight)
    *kernel, inputs, groups, outputs = weight
    if data[-1] != inputs * groups:
        raise ValueError(f"data has {data[-1]} channels, weight takes {groups} groups of {inputs}")
    _checked("spatial size", data[1 : 1 + rank], rank, 1)
    out: list[int] = []
    for axis in range(rank):
        spread = (data[1 + axis] - 1) * window.strides[axis] + kernel[axis] + output_padding[axis]
        size = spread - window.padding[axis] - window.padding[rank + axis]
        if size < 1:
            raise ValueError(
                f"axis {axis + 1} of the result must have at least 1 element, got {size}"
            )
        out.append(size)
    return (data[0], *out, groups * outputs)


def make_output_padding(rank: int, output_padding: Shape | None = None) -> tuple[int, ...]:
    """Fills in the default of what a transposed convolution adds after each spatial axis."""
    return _checked(
        "output_padding", (0,) * rank if output_padding is None else output_padding, rank, 0
    )


def check_conv_ranks(data: Shape, weight: Shape) -> int:
    """Returns the number of spatial axes of a convolution."""
    rank = len(data) - 2
    if rank < 1:
        raise ValueError(f"data must have at least 3 axes (N, spatial, C), got {len(data)}")
    if len(weight) != rank + 3:
        raise ValueError(
            f"weight must have {rank + 3} axes (spatial, I, G, O) for data with {len(data)}, "
            f"got {len(weight)}"
        )
    _checked("kernel", weight[:rank], rank, 1)
    return rank


def dense_shape(data: Shape, weight: Shape) -> tuple[int, ...]:
    """Returns (..., O) for data (..., I) and weight (O, I)."""
    if not data:
        raise ValueError("data must have at least 1 axis, got 0")
    if len(weight) != 2:
        raise ValueError(f"weight must have 2 axes (O, I), got {len(weight)}")
    if data[-1] != weight[1]:
        raise ValueError(f"data has {data[-1]} features, weight takes {weight[1]}")
    return (*data[:-1], weight[0])


def matmul_shape(lhs: Shape, rhs: Shape, *, transpose_rhs: bool) -> tuple[int, ...]:
    """Returns (*batch, M, N) for lhs (*batch, M, K) and rhs (*batch, K, N), or (*batch, N, K).

    The batch axes broadcast as NumPy's do.
    """
    if min(len(lhs), len(rhs)) < 2:
        raise ValueError(f"lhs and rhs must have at least 2 axes, got {len(lhs)} and {len(rhs)}")
    inner, outer = rhs[-2:][::-1] if transpose_rhs else rhs[-2:]
    if lhs[-1] != inner:
        raise ValueError(f"lhs has {lhs[-1]} columns, rhs takes {inner}")
    try:
        batch = np.broadcast_shapes(tuple(lhs[:-2]), tuple(rhs[:-2]))
    except ValueError:
        given = f"{list(lhs[:-2])} and {list(rhs[:-2])}"
        raise ValueError(f"batch axes must broadcast to one shape, got {given}") from None
    return (*batch, lhs[-2], outer)


def pool_shape(data: Shape, pool_size: Shape, window: Window) -> tuple[int, ...]:
    """Returns (N, *out, C) for data (N, *in, C)."""
    out = _slide(data[1:-1], pool_size, window)
    rank = len(pool_size)
    for size, before, after in zip(
        pool_size, window.padding[:rank], window.padding[rank:], strict=True
    ):
        if max(before, after) >= size:
            raise ValueError(f"padding {max(before, after)} must be less than pool size {size}")
    return (data[0], *out, data[-1])


def check_pool(data: Shape, pool_size: Shape) -> int:
    """Returns the number of spatial axes of a pool."""
    rank = len(data) - 2
    if rank < 1:
        raise ValueError(f"data must have at least 3 axes (N, spatial, C), got {len(data)}")
    _checked("pool_size", pool_size, rank, 1)
    _checked("spatial size", data[1:-1], rank, 1)
    return rank


def pad_shape(data: Shape, padding: Shape) -> tuple[int, ...]:
    """Returns the shape of data with `padding` elements before, then after, each axis."""
    rank = len(data)
    if not rank:
        raise ValueError("data must have at least 1 axis, got 0")
    _checked("padding", padding, 2 * rank, 0)
    return tuple(padding[i] + size + padding[rank + i] for i, size in enumerate(data))


def mean_shape(data: Shape, axes: Shape) -> tuple[int, ...]:
    """Returns the shape of data with the reduced axes kept at size 1."""
    for axis in axes:
        if not 0 <= axis < len(data):
            raise ValueError(f"axis must be in 0..{len(data) - 1}, got {axis}")
        if not data[axis]:
            raise ValueError(f"axis {axis} of data must have at least 1 element, got 0")
    if not axes or len(set(axes)) != len(axes):
        raise ValueError(f"axes must be distinct and at least one, got {list(axes)}")
    return tuple(1 if i in axes else size for i, size in enumerate(data))


def transpose_shape(data: Shape, permutation: Shape) -> tuple[int, ...]:
    """Returns the shape of data with axis `permutation[i]` in place i."""
    if sorted(permutation) != list(range(len(data))):
        raise ValueError(
            f"permutation must have each of the {len(data)} axes of data once, "
            f"got {list(permutation)}"
        )
    return tuple(data[axis] for axis in permutation)


def check_slice(data: Shape, starts: Shape, sizes: Shape, strides: Shape) -> None:
    """Checks that every element `starts + i * strides` of a slice lies inside data."""
    for name, values in (("starts", starts), ("result", sizes), ("strides", strides)):
        if len(values) != len(data):
            kind = "axes" if name == "result" else "values"
            raise ValueError(f"{name} must have {len(data)} {kind}, got {len(values)}")
    for axis, (extent, start, size, stride) in enumerate(
        zip(data, starts, sizes, strides, strict=True)
    ):
        if not stride:
            raise ValueError(f"strides must not be 0, got 0 for axis {axis}")
        last = start + max(size - 1, 0) * stride
        if size and not (0 <= start < extent and 0 <= last < extent):
            raise ValueError(f"axis {axis} has {extent} elements, the slice takes {start}..{last}")


def concat_shape(operands: Sequence[Shape], axis: int) -> tuple[int, ...]:
    """Returns the shape of operands put one after the other along an axis."""
    if not operands:
        raise ValueError("inputs must be at least 1, got 0")
    first = operands[0]
    if not 0 <= axis < len(first):
        raise ValueError(f"axis must be in 0..{len(first) - 1}, got {axis}")
    for shape in operands:
        if _without(shape, axis) != _without(first, axis):
            raise ValueError(
                f"inputs must have the same shape but for axis {axis}, "
                f"got {list(first)} and {list(shape)}"
            )
    return (*first[:axis], sum(shape[axis] for shape in operands), *first[axis + 1 :])


def check_broadcast(data: Shape, shape: Shape) -> None:
    """Checks that data broadcasts to a shape: aligned at the last axis, sizes are equal or 1."""
    aligned = (1,) * (len(shape) - len(data)) + tuple(data)
    if len(aligned) != len(shape) or any(
        size not in (1, to) for size, to in zip(aligned, shape, strict=True)
    ):
        raise ValueError(f"data {list(data)} must broadcast to the result, got {list(shape)}")


def depth_to_space_shape(data: Shape, block_size: int) -> tuple[int, ...]:
    """Returns (N, H * block, W * block, C / block**2) for data (N, H, W, C)."""
    batch, height, width, channels = _image(data, block_size)
    if channels % block_size**2:
        raise ValueError(f"channels must be a multiple of {block_size**2}, got {channels}")
    return (batch, height * block_size, width * block_size, channels // block_size**2)


def space_to_depth_shape(data: Shape, block_size: int) -> tuple[int, ...]:
    """Returns (N, H / block, W / block, C * block**2) for data (N, H, W, C)."""
    batch, height, width, channels = _image(data, block_size)
    for size in (height, width):
        if size % block_size:
            raise ValueError(f"spatial size must be a multiple of {block_size}, got {size}")
    return (batch, height // block_size, width // block_size, channels * block_size**2)


def check_resize(data: Shape, result: Shape, steps: Shape, offsets: Shape, divisors: Shape) -> None:
    """Checks that spatial axes alone change, with a position in data for each that is not empty."""
    rank = len(data) - 2
    if rank < 1:
        raise ValueError(f"data must have at least 3 axes (N, spatial, C), got {len(data)}")
    _checked("spatial size", data[1:-1], rank, 1)
    _checked("steps", steps, rank, 0)
    _checked("divisors", divisors, rank, 1)
    if len(offsets) != rank:
        raise ValueError(f"offsets must have {rank} values, got {len(offsets)}")
    if len(result) != rank + 2 or (result[0], result[-1]) != (data[0], data[-1]):
        raise ValueError(
            f"result must have batch {data[0]}, {rank} spatial axes and channels {data[-1]}, "
            f"got {list(result)}"
        )


def _image(data: Shape, block_size: int) -> Shape:
    if len(data) != 4:
        raise ValueError(f"data must have 4 axes (N, H, W, C), got {len(data)}")
    if block_size < 1:
        raise ValueError(f"block_size must be at least 1, got {block_size}")
    return data


def _without(shape: Shape, axis: int) -> list[int]:
    return [*shape[:axis], *shape[axis + 1 :]]


def _checked(name: str, values: Shape, length: int, least: int) -> tuple[int, ...]:
    if len(values) != length:
        raise ValueError(f"{name} must have {length} values, got {len(values)}")
    for value in values:
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")
    return tuple(values)


def _slide(spatial: Shape, kernel: Shape, window: Window) -> list[int]:
    rank = len(spatial)
    out: list[int] = []
    for axis, (size, taps) in enumerate(zip(spatial, kernel, strict=True)):
        padded = size + window.padding[axis] + window.padding[rank + axis]
        reach = (taps - 1) * window.dilations[axis] + 1
        if padded < reach:
            raise ValueError(
                f"window must fit into axis {axis + 1} with its padding, got {reach} in {padded}"
            )
        out.append((padded - reach) // window.strides[axis] + 1)
    return out
