"""The operators of TensorFlow Lite that move or select codes.

Every function takes what builds the module and an operator, and returns the values of its results.
It raises `ValueError` for what is wrong with the operator.

Sources: TensorFlow Lite's `schema.fbs`; LiteRT 2.3 `tflite/kernels/*.cc` and
`tflite/kernels/internal/reference/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from xdsl.ir import Operation, SSAValue

from sima_mlir.dialects import qnn, shapes
from sima_mlir.dialects.definitions import dimensions, shape_of
from sima_mlir.dialects.elements import Array
from sima_mlir.dialects.encoding import QuantizationAttr
from sima_mlir.dialects.ranges import codes_of
from sima_mlir.frontends.tflite_file import Operator, Tensor
from sima_mlir.quantization import Rounding, requantize, scale_ratio

Shape = Sequence[int]


class Builder(Protocol):
    """What adds operations to a module."""

    def value(self, tensor: Tensor) -> SSAValue:
        """Returns a tensor that was computed, or is a constant."""
        ...

    def emit(self, operation: Operation) -> SSAValue:
        """Appends an operation and returns its result."""
        ...

    def reshaped(self, value: SSAValue, shape: tuple[int, ...]) -> SSAValue:
        """Gives a value another shape, if it hasn't got it already."""
        ...


def batch_to_space_nd(builder: Builder, operator: Operator) -> SSAValue:
    """Puts the parts of the batch side by side as blocks of pixels, and crops.

    With data of shape (b1 * b2 * N, H, W, C), a pixel is in block (i, j) if its index in the batch
    is (i * b2 + j) * N + n.
    """
    source, blocks, crops = operator.operands
    check_same_encoding(operator, source)
    data, block, (before, after) = builder.value(source), _ints(blocks), _margins(source, crops)
    batch, *spatial, channels = shape_of(data)
    rank, parts = _checked_blocks(spatial, block), int(np.prod(block))
    if batch % parts:
        raise ValueError(f"batch must be a multiple of {parts}, got {batch}")
    split = builder.reshaped(data, (*block, batch // parts, *spatial, channels))
    order = [rank, *(axis for i in range(rank) for axis in (rank + 1 + i, i)), 2 * rank + 1]
    moved = builder.emit(qnn.TransposeOp(split, order))
    sizes = [size * times for size, times in zip(spatial, block, strict=True)]
    whole = builder.reshaped(moved, (batch // parts, *sizes, channels))
    kept = [s - b - a for s, b, a in zip(sizes, before, after, strict=True)]
    starts = [0, *before, 0]
    return _sliced(builder, whole, starts, [batch // parts, *kept, channels])


def space_to_batch_nd(builder: Builder, operator: Operator) -> SSAValue:
    """Pads with the output's zero point, and puts each block of pixels apart into the batch."""
    source, blocks, paddings = operator.operands
    check_same_encoding(operator, source)
    data, block, (before, after) = builder.value(source), _ints(blocks), _margins(source, paddings)
    if any((*before, *after)):
        value = operator.outputs[0].encoding.per_tensor().zero_point
        data = builder.emit(qnn.PadOp(data, [0, *before, 0, 0, *after, 0], value))
    batch, *spatial, channels = shape_of(data)
    rank = _checked_blocks(spatial, block)
    for size, part in zip(spatial, block, strict=True):
        if size % part:
            raise ValueError(f"padded size must be a multiple of {part}, got {size}")
    sizes = [size // part for size, part in zip(spatial, block, strict=True)]
    pairs = [n for pair in zip(sizes, block, strict=True) for n in pair]
    split = builder.reshaped(data, (batch, *pairs, channels))
    order = [*range(2, 2 * rank + 1, 2), 0, *range(1, 2 * rank, 2), 2 * rank + 1]
    moved = builder.emit(qnn.TransposeOp(split, order))
    return builder.reshaped(moved, (batch * int(np.prod(block)), *sizes, channels))


def broadcast_to(builder: Builder, operator: Operator) -> SSAValue:
    """Repeats a tensor along axes of size 1."""
    source, shape = operator.operands
    check_same_encoding(operator, source)
    data, sizes = builder.value(source), tuple(_ints(shape))
    return data if shape_of(data) == sizes else builder.emit(qnn.BroadcastToOp(data, sizes))


def concatenation(builder: Builder, operator: Operator) -> SSAValue:
    """Puts tensors one after the other; those of uint8 may differ in their encodings."""
    if (activation := operator.options["FusedActivationFunction"]) != "NONE":
        raise ValueError(f"activation must be NONE, got {activation}")
    output, values = operator.outputs[0], [builder.value(t) for t in operator.operands]
    axis = _axis(operator.options["Axis"], len(shape_of(values[0])))
    if output.type != "UINT8":
        for tensor in operator.operands:
            check_same_encoding(operator, tensor)
    encodings, rounding = _concatenation_contract(operator)
    operation = qnn.ConcatenateOp(values, axis, encodings, output.encoding, rounding)
    return builder.emit(operation)


def maximum(builder: Builder, operator: Operator) -> SSAValue:
    """Raises codes to that of a constant."""
    data, bound = _bounded(builder, operator)
    return builder.emit(qnn.ClipOp(data, bound, codes_of(data)[1]))


def minimum(builder: Builder, operator: Operator) -> SSAValue:
    """Lowers codes to that of a constant."""
    data, bound = _bounded(builder, operator)
    return builder.emit(qnn.ClipOp(data, codes_of(data)[0], bound))


def _bounded(builder: Builder, operator: Operator) -> tuple[SSAValue, int]:
    """Returns the operand that is computed, and the one code of the other."""
    lhs, rhs = operator.operands
    source, limit = (lhs, rhs) if lhs.data is None else (rhs, lhs)
    if limit.data is None or source.data is not None:
        raise ValueError("one of two operands must be constant")
    check_same_encoding(operator, source)
    check_same_encoding(operator, limit)
    data, codes = builder.value(source), np.unique(limit.constant())
    if len(codes) != 1:
        raise ValueError(f"'{limit.name}' must have one value, got {len(codes)}")
    try:
        shapes.check_broadcast(limit.shape, shape_of(data))
    except ValueError:
        given = f"{dimensions(limit.shape)} and {dimensions(shape_of(data))}"
        raise ValueError(f"'{limit.name}' must broadcast to data, got {given}") from None
    return data, int(codes[0])


def depth_to_space(builder: Builder, operator: Operator) -> SSAValue:
    """Spreads channels over blocks of pixels."""
    (source,) = operator.operands
    check_same_encoding(operator, source)
    return builder.emit(qnn.DepthToSpaceOp(builder.value(source), operator.options["BlockSize"]))


def space_to_depth(builder: Builder, operator: Operator) -> SSAValue:
    """Gathers blocks of pixels into channels."""
    (source,) = operator.operands
    check_same_encoding(operator, source)
    return builder.emit(qnn.SpaceToDepthOp(builder.value(source), operator.options["BlockSize"]))


def pack(builder: Builder, operator: Operator) -> SSAValue:
    """Stacks tensors along a new axis."""
    values = [builder.value(tensor) for tensor in operator.operands]
    for tensor in operator.operands:
        check_same_encoding(operator, tensor)
    shape = shape_of(values[0])
    axis = _axis(operator.options["Axis"], len(shape) + 1)
    rows = [builder.reshaped(v, (*shape_of(v)[:axis], 1, *shape_of(v)[axis:])) for v in values]
    encoding = operator.outputs[0].encoding
    encodings = [encoding] * len(rows)
    return builder.emit(qnn.ConcatenateOp(rows, axis, encodings, encoding, Rounding.AWAY))


def unpack(builder: Builder, operator: Operator) -> Sequence[SSAValue]:
    """Takes a tensor apart along an axis, which disappears."""
    (source,) = operator.operands
    data = builder.value(source)
    axis = _axis(operator.options["Axis"], len(shape_of(data)))
    kept = tuple(size for i, size in enumerate(shape_of(data)) if i != axis)
    parts = _split(builder, operator, source, axis, [1] * shape_of(data)[axis])
    return [builder.reshaped(part, kept) for part in parts]


def split(builder: Builder, operator: Operator) -> Sequence[SSAValue]:
    """Takes a tensor apart into equal parts along an axis."""
    dimension, source = operator.operands
    shape, count = shape_of(builder.value(source)), len(operator.outputs)
    axis = _axis(_single("axis", dimension), len(shape))
    if not count or shape[axis] % count:
        raise ValueError(f"axis {axis} must be a multiple of {count}, got {shape[axis]}")
    return _split(builder, operator, source, axis, [shape[axis] // count] * count)


def split_v(builder: Builder, operator: Operator) -> Sequence[SSAValue]:
    """Takes a tensor apart into parts of given sizes, one of which may be -1 for the rest."""
    source, sizes, dimension = operator.operands
    shape, parts = shape_of(builder.value(source)), _ints(sizes)
    axis = _axis(_single("axis", dimension), len(shape))
    if parts.count(-1) == 1:
        rest = shape[axis] - sum(parts) - 1
        parts = [rest if size == -1 else size for size in parts]
    if sum(parts) != shape[axis] or min(parts, default=0) < 0:
        raise ValueError(f"sizes must be those of {shape[axis]} elements, got {_ints(sizes)}")
    return _split(builder, operator, source, axis, parts)


def _split(
    builder: Builder, operator: Operator, source: Tensor, axis: int, parts: Shape
) -> Sequence[SSAValue]:
    if len(parts) != len(operator.outputs):
        raise ValueError(f"outputs must be {len(parts)}, got {len(operator.outputs)}")
    data = builder.value(source)
    shape, begins = shape_of(data), np.cumsum([0, *parts]).tolist()
    results: list[SSAValue] = []
    for output, begin, size in zip(operator.outputs, begins, parts, strict=False):
        check_same_encoding(operator, source, output)
        starts = [begin if i == axis else 0 for i in range(len(shape))]
        sizes = [size if i == axis else whole for i, whole in enumerate(shape)]
        results.append(_sliced(builder, data, starts, sizes))
    return results


def slice_(builder: Builder, operator: Operator) -> SSAValue:
    """Takes a part of a tensor; a size of -1 takes the rest."""
    source, begin, size = operator.operands
    check_same_encoding(operator, source)
    data = builder.value(source)
    rank, starts, sizes = len(shape_of(data)), _ints(begin), _ints(size)
    _check_length("begin", starts, rank)
    _check_length("size", sizes, rank)
    taken = [
        whole - start if size == -1 else size
        for whole, start, size in zip(shape_of(data), starts, sizes, strict=True)
    ]
    return _sliced(builder, data, starts, taken)


def strided_slice(builder: Builder, operator: Operator) -> SSAValue:
    """Takes elements at regular distances; axes of which one element is chosen disappear."""
    source, begin, end, strides = operator.operands
    check_same_encoding(operator, source)
    for name in ("EllipsisMask", "NewAxisMask", "Offset"):
        if given := operator.options[name]:
            raise ValueError(f"option {name} must be 0, got {int(given)}")
    data = builder.value(source)
    shape = shape_of(data)
    begins, ends, steps = (_ints(tensor) for tensor in (begin, end, strides))
    for name, values in (("begin", begins), ("end", ends), ("strides", steps)):
        _check_length(name, values, len(begins))
    if len(begins) > len(shape):
        raise ValueError(f"begin must have at most {len(shape)} values, got {len(begins)}")
    ranges = [range(size) for size in shape]
    for axis, bounds in enumerate(zip(begins, ends, steps, strict=True)):
        ranges[axis] = _range(shape[axis], axis, bounds, operator.options)
    shrunk = [axis for axis in range(len(begins)) if _bit(operator, "ShrinkAxisMask", axis)]
    taken = _sliced(
        builder,
        data,
        [r.start if len(r) else 0 for r in ranges],
        [len(r) for r in ranges],
        [r.step if len(r) > 1 else 1 for r in ranges],
    )
    kept = (len(r) for axis, r in enumerate(ranges) if axis not in shrunk)
    return builder.reshaped(taken, tuple(kept))


def _range(size: int, axis: int, bounds: tuple[int, int, int], options: dict[str, Any]) -> range:
    """Returns the indices that one axis of a strided slice takes."""
    begin, end, step = bounds
    if not step:
        raise ValueError(f"strides must not be 0, got 0 for axis {axis}")
    if options["ShrinkAxisMask"] >> axis & 1:
        index = begin + size if begin < 0 else begin
        if not 0 <= index < size:
            raise ValueError(f"index of axis {axis} must be in {-size}..{size - 1}, got {begin}")
        return range(index, index + 1)
    first = None if options["BeginMask"] >> axis & 1 else begin
    last = None if options["EndMask"] >> axis & 1 else end
    return range(*slice(first, last, step).indices(size))


def reshape_of_ones(builder: Builder, operator: Operator) -> SSAValue:
    """Adds or takes away axes of size 1."""
    source, output = operator.operands[0], operator.outputs[0]
    check_same_encoding(operator, source)
    data, shape = builder.value(source), output.static_shape
    if [s for s in shape_of(data) if s != 1] != [s for s in shape if s != 1]:
        given = f"{dimensions(shape_of(data))} and {dimensions(shape)}"
        raise ValueError(f"data and result must differ in sizes of 1 only, got {given}")
    return builder.reshaped(data, shape)


def resize_nearest_neighbor(builder: Builder, operator: Operator) -> SSAValue:
    """Takes the nearest pixels, as LiteRT finds them in float32."""
    (source, _), sizes = operator.operands, _image_sizes(operator)
    data = builder.value(source)
    corners, centers = operator.options["AlignCorners"], operator.options["HalfPixelCenters"]
    numbers = [
        _nearest(given, wanted, bool(corners), bool(centers))
        for given, wanted in zip(shape_of(data)[1:3], sizes, strict=True)
    ]
    return builder.emit(qnn.ResizeOp(data, sizes, *zip(*numbers, strict=True)))


def resize_bilinear(builder: Builder, operator: Operator) -> SSAValue:
    """Interpolates between pixels in 10 bits for each axis, as LiteRT does on int8."""
    (source, _), sizes = operator.operands, _image_sizes(operator)
    data = builder.value(source)
    corners, centers = operator.options["AlignCorners"], operator.options["HalfPixelCenters"]
    steps: list[int] = []
    offsets: list[int] = []
    for given, wanted in zip(shape_of(data)[1:3], sizes, strict=True):
        shorter = int(bool(corners) and wanted > 1)
        step = ((given - shorter << 10) + (wanted - shorter) // 2) // (wanted - shorter)
        steps.append(step)
        offsets.append(step // 2 - 512 if centers else 0)
    return builder.emit(qnn.ResizeOp(data, sizes, steps, offsets, [1024, 1024], linear=True))


def transpose(builder: Builder, operator: Operator) -> SSAValue:
    """Puts axes into another order."""
    source, permutation = operator.operands
    check_same_encoding(operator, source)
    data = builder.value(source)
    axes = [_axis(axis, len(shape_of(data))) for axis in _ints(permutation)]
    return builder.emit(qnn.TransposeOp(data, axes))


def check_same_encoding(
    operator: Operator, source: Tensor | None = None, output: Tensor | None = None
) -> None:
    """Refuses an operator that moves codes between tensors of different encodings."""
    given = (output or operator.outputs[0]).encoding
    wanted = (source or operator.operands[0]).encoding
    if not given.matches(wanted):
        raise ValueError(f"output must have quantization {wanted}, got {given}")


def _sliced(
    builder: Builder, data: SSAValue, starts: Shape, sizes: Shape, strides: Shape | None = None
) -> SSAValue:
    """Takes a part of a value, or the value itself where that is all of it."""
    if tuple(sizes) == shape_of(data) and min(strides or [1], default=1) == 1:
        return data
    return builder.emit(qnn.SliceOp(data, starts, sizes, strides))


def _image_sizes(operator: Operator) -> list[int]:
    """Returns height and width of a resized image."""
    source, size = operator.operands
    check_same_encoding(operator, source)
    if len(source.shape) != 4:
        raise ValueError(f"data must have 4 axes, got {dimensions(source.shape)}")
    sizes = _ints(size)
    _check_length("size", sizes, 2)
    if min(sizes) < 1:
        raise ValueError(f"size must be at least 1, got {min(sizes)}")
    return sizes


def _nearest(given: int, wanted: int, corners: bool, centers: bool) -> tuple[int, int, int]:
    """Returns step, offset and divisor that take the pixels which LiteRT takes.

    With exact numbers a pixel is (y + ½) * given / wanted rounded down, without ½ where centers
    are not at half pixels; with aligned corners given and wanted are one less, and it is rounded
    to nearest, ties away from zero.

    Raises `ValueError` where float32 arithmetic takes other pixels.
    """
    shorter = int(corners and wanted > 1)
    step, divisor = 2 * (given - shorter), 2 * (wanted - shorter)
    offset = (step // 2 if centers else 0) + (divisor // 2 if corners else 0)
    ys = np.arange(wanted)
    pixels = np.clip((ys * step + offset) // divisor, 0, given - 1)
    taken = _litert_pixels(given, wanted, corners, centers)
    if not np.array_equal(pixels, taken):
        y = int(np.flatnonzero(pixels != taken)[0])
        raise ValueError(
            f"resizing {given} to {wanted} in float32 takes pixel {taken[y]} for {y}, "
            f"exact numbers take {pixels[y]}"
        )
    common = int(np.gcd.reduce([step, offset, divisor]))
    return step // common, offset // common, divisor // common


def _litert_pixels(given: int, wanted: int, corners: bool, centers: bool) -> npt.NDArray[np.int64]:
    """Returns the pixels that LiteRT takes, computed as it does."""
    shorter = int(corners and wanted > 1)
    scale = np.float32(given - shorter) / np.float32(wanted - shorter)
    places = (np.arange(wanted, dtype=np.float32) + np.float32(0.5 if centers else 0)) * scale
    rounded = np.trunc(places.astype(np.float64) + 0.5) if corners else np.floor(places)
    return np.clip(rounded.astype(np.int64), 0, given - 1)


def _concatenation_contract(operator: Operator) -> tuple[list[QuantizationAttr], Rounding]:
    """Returns encodings and a contract under which operands become what LiteRT makes of them.

    LiteRT requantizes codes by a multiplication and an addition in float32. Where the quotient of
    the scales gives something else, an operand has a scale that gives the float32 quotient, or
    the one before or after it.

    Raises `ValueError` where no contract gives the same for every code.
    """
    output = operator.outputs[0]
    for rounding in (Rounding.AWAY, Rounding.UPWARD, Rounding.TFLITE, Rounding.FLOAT32):
        found = [_concatenated(tensor, output, rounding) for tensor in operator.operands]
        encodings = [encoding for encoding in found if encoding is not None]
        if len(encodings) == len(found):
            return encodings, rounding
    raise ValueError("no rounding contract requantizes its operands as float32 does")


def _concatenated(source: Tensor, output: Tensor, rounding: Rounding) -> QuantizationAttr | None:
    """Returns an encoding with which an operand becomes what LiteRT makes of it, if any."""
    if source.encoding == output.encoding:
        return source.encoding
    quotient, wanted = _litert_quotient(source, output), _litert_requantized(source, output)
    near = [quotient, *np.nextafter(quotient, np.array([0, np.inf], np.float32))]
    scales = np.array(near, np.float64) * output.encoding.per_tensor().scale
    others = [QuantizationAttr.of(scale, source.zero_point) for scale in scales]
    for encoding in (source.encoding, *others):
        if np.array_equal(_requantized(encoding, output, rounding), wanted):
            return encoding
    return None


def _litert_quotient(source: Tensor, output: Tensor) -> np.float32:
    """Divides scales as LiteRT's CONCATENATION does."""
    return source.scale * (np.float32(1) / output.scale)


def _litert_requantized(source: Tensor, output: Tensor) -> npt.NDArray[np.uint8]:
    """Requantizes every code of uint8 as LiteRT's CONCATENATION does."""
    scale = _litert_quotient(source, output)
    bias = np.float32(-source.zero_point) * scale
    values = np.arange(256, dtype=np.float32) * scale + bias
    halves = np.copysign(np.float32(0.5), values)
    rounded = np.trunc(values.astype(np.float64) + halves) + output.zero_point
    return np.clip(rounded, 0, 255).astype(np.uint8)


def _requantized(encoding: QuantizationAttr, output: Tensor, rounding: Rounding) -> Array:
    """Requantizes every code of uint8 under a contract."""
    from_q, to_q = encoding.per_tensor(), output.encoding.per_tensor()
    ratio = scale_ratio(from_q.scale, to_q.scale)[0]
    codes = np.arange(256, dtype=np.uint8)
    return requantize(codes, ratio, from_q.zero_point, to_q.zero_point, rounding, np.uint8)


def _margins(source: Tensor, margins: Tensor) -> tuple[list[int], list[int]]:
    """Returns what is added or taken before and after each spatial axis."""
    array, rank = margins.constant(), len(source.shape) - 2
    if array.shape != (rank, 2):
        raise ValueError(
            f"'{margins.name}' must have shape {rank}x2, got {dimensions(array.shape)}"
        )
    if array.min(initial=0) < 0:
        raise ValueError(f"'{margins.name}' must be at least 0, got {array.min()}")
    before, after = array.T.tolist()
    return before, after


def _checked_blocks(spatial: Shape, block: Shape) -> int:
    _check_length("block shape", block, len(spatial))
    if min(block, default=1) < 1:
        raise ValueError(f"block shape must be at least 1, got {min(block)}")
    return len(spatial)


def _axis(axis: int, rank: int) -> int:
    """Returns an axis counted from the first one."""
    if not -rank <= axis < rank:
        raise ValueError(f"axis must be in {-rank}..{rank - 1}, got {axis}")
    return axis + rank if axis < 0 else axis


def _bit(operator: Operator, option: str, place: int) -> bool:
    return bool(operator.options[option] >> place & 1)


def _single(name: str, tensor: Tensor) -> int:
    _check_length(name, values := _ints(tensor), 1)
    return values[0]


def _check_length(name: str, values: Shape, length: int) -> None:
    if len(values) != length:
        raise ValueError(f"{name} must have {length} values, got {len(values)}")


def _ints(tensor: Tensor) -> list[int]:
    return tensor.constant().ravel().tolist()
