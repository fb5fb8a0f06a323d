"""What the operations that move or select codes compute, in both dialects.

Functions take the interpreter's functions, the operation and arrays, as `impl_array` wants them.
"""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase
from xdsl.interpreter import InterpreterFunctions

from sima_mlir.dialects import moves, spatial
from sima_mlir.dialects.definitions import shape_of
from sima_mlir.dialects.elements import Array, array_values
from sima_mlir.interpreters import kernels
from sima_mlir.interpreters.tensor import pool_window


def broadcast_to(_: InterpreterFunctions, op: moves.BroadcastToOperation, data: Array) -> Array:
    """Repeats the tensor along axes of size 1."""
    return np.broadcast_to(data, shape_of(op.result))


def clip(_: InterpreterFunctions, op: moves.ClipOperation, data: Array) -> Array:
    """Clamps codes."""
    return np.clip(data, op.min.value.data, op.max.value.data)


def concat(_: InterpreterFunctions, op: moves.ConcatOperation, *inputs: Array) -> Array:
    """Puts tensors one after the other."""
    return np.concatenate(inputs, op.axis.value.data)


def depth_to_space(
    _: InterpreterFunctions, op: spatial.DepthToSpaceOperation, data: Array
) -> Array:
    """Spreads channels over blocks of pixels."""
    batch, height, width, channels = data.shape
    size = op.block_size.value.data
    parts = (channels // size**2, size, size) if op.crd else (size, size, channels // size**2)
    axes = (0, 1, 4, 2, 5, 3) if op.crd else (0, 1, 3, 2, 4, 5)
    blocks = data.reshape(batch, height, width, *parts)
    return blocks.transpose(axes).reshape(shape_of(op.result))


def max_pool(_: InterpreterFunctions, op: spatial.MaxPoolOperation, data: Array) -> Array:
    """Takes the largest code inside the data."""
    return kernels.max_pool(data, **pool_window(op, op.pool_size))


def pad(_: InterpreterFunctions, op: moves.PadOperation, data: Array) -> Array:
    """Puts a code around the tensor."""
    return kernels.pad(data, array_values(op.padding).tolist(), op.value.value.data)


def reshape(_: InterpreterFunctions, op: moves.ReshapeOperation, data: Array) -> Array:
    """Keeps the elements in order."""
    return data.reshape(shape_of(op.result))


def resize(_: InterpreterFunctions, op: spatial.ResizeOperation, data: Array) -> Array:
    """Takes the pixels at regular places, or means of those around them."""
    steps, offsets, divisors = (_ints(n) for n in (op.steps, op.offsets, op.divisors))
    sizes = shape_of(op.result)[1:-1]
    places = [
        np.arange(size, dtype=np.int64) * step + offset
        for size, step, offset in zip(sizes, steps, offsets, strict=True)
    ]
    if op.linear is None:
        return kernels.nearest(data, places, divisors)
    return kernels.interpolate(data, places, divisors)


def slice_(_: InterpreterFunctions, op: moves.SliceOperation, data: Array) -> Array:
    """Takes elements at regular distances."""
    places = [
        start + step * np.arange(size)
        for start, step, size in zip(_ints(op.starts), op.steps(), shape_of(op.result), strict=True)
    ]
    return data[np.ix_(*places)]


def space_to_depth(
    _: InterpreterFunctions, op: spatial.SpaceToDepthOperation, data: Array
) -> Array:
    """Gathers blocks of pixels into channels."""
    batch, height, width, channels = data.shape
    size = op.block_size.value.data
    axes = (0, 1, 3, 5, 2, 4) if op.crd else (0, 1, 3, 2, 4, 5)
    blocks = data.reshape(batch, height // size, size, width // size, size, channels)
    return blocks.transpose(axes).reshape(shape_of(op.result))


def transpose(_: InterpreterFunctions, op: moves.TransposeOperation, data: Array) -> Array:
    """Puts the axes into another order."""
    return data.transpose(_ints(op.permutation))


def _ints(attribute: DenseArrayBase) -> list[int]:
    return array_values(attribute).tolist()
