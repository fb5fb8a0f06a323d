"""The operators of ONNX that move elements or compute shapes.

What only renames axes changes a layout; what can be computed now, from constants and from the
shapes of tensors, is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sima_mlir.dialects import qnn
from sima_mlir.dialects.definitions import dimensions, shape_of
from sima_mlir.dialects.elements import Array
from sima_mlir.dialects.qnn import QuantizationAttr
from sima_mlir.frontends.onnx_builder import (
    UNKNOWN,
    Builder,
    location_of,
    shifted,
    value_of,
    with_value,
)
from sima_mlir.frontends.onnx_file import Initializer, Node
from sima_mlir.frontends.onnx_resize import places_of, resized
from sima_mlir.frontends.onnx_values import (
    Coded,
    Codes,
    Deferred,
    Layout,
    Real,
    Shape,
    Tensor,
    Weights,
    channels_last,
    shape_of_tensor,
    signed,
)
from sima_mlir.quantization import Rounding

_MAX_FOLDED = 2**16
"""How many elements a tensor of what computes shapes may have."""

_MAX_ELEMENTS = 2**40
"""How many elements a tensor may have; no network has a larger one."""


class Moves(Builder):
    """Methods named as an operator take what its inputs are and return what its output is."""

    def identity(self, node: Node, data: Tensor, *unused: Tensor | None) -> Tensor:
        """Returns its input, also for a Dropout, which does nothing but in training."""
        del node, unused
        return data

    def transpose(self, node: Node, data: Tensor) -> Tensor:
        """Permutes axes, by default into the reverse order."""
        rank = len(shape_of_tensor(data))
        permutation = node.integers("perm", range(rank)[::-1]) or ()
        if sorted(permutation) != list(range(rank)):
            raise ValueError(f"perm must be a permutation of {rank} axes, got {list(permutation)}")
        match data:
            case Weights():
                codes, axis = data.codes.transpose(permutation), data.axis
                moved = permutation.index(axis) if len(data.scales) > 1 else axis
                return data._replace(codes=codes, axis=moved)
            case Codes() | Real():
                given = self.stored(node.input(0), data) if data.layout.is_reshaped else data
                return given._replace(layout=given.layout.transposed(permutation))
            case _:
                return data.transpose(permutation)

    def reshape(self, node: Node, data: Tensor, shape: Tensor) -> Tensor:
        """Reshapes; 0 is the size that is there, unless `allowzero`, and -1 what is left."""
        given = shape_of_tensor(data)
        sizes = integers_of(node.input(1), shape)
        if not node.integer("allowzero", 0):
            if 0 in sizes[len(given) :]:
                raise ValueError(f"shape must have sizes for all axes, got {list(sizes)}")
            sizes = tuple(size or given[axis] for axis, size in enumerate(sizes))
        if sizes.count(-1) > 1 or min(sizes, default=1) < -1:
            raise ValueError(f"shape must have sizes, one of them -1 at most, got {list(sizes)}")
        known = math.prod(size for size in sizes if size != -1)
        rest = math.prod(given) // known if known else 0
        return reshaped(node, data, tuple(rest if size == -1 else size for size in sizes))

    def flatten(self, node: Node, data: Tensor) -> Tensor:
        """Makes two axes of those before and from an axis."""
        shape = shape_of_tensor(data)
        axis = node.integer("axis", 1)
        axis = axis if axis == len(shape) else checked_axis(axis, len(shape))
        return reshaped(node, data, (math.prod(shape[:axis]), math.prod(shape[axis:])))

    def squeeze(self, node: Node, data: Tensor, axes: Tensor | None = None) -> Tensor:
        """Drops axes of size 1, by default all."""
        shape = shape_of_tensor(data)
        if axes is None:
            return reshaped(node, data, tuple(size for size in shape if size != 1))
        dropped = axes_of(node.input(1), axes, len(shape))
        for axis in dropped:
            if shape[axis] != 1:
                raise ValueError(f"size of axis {axis} must be 1, got {shape[axis]}")
        return reshaped(node, data, tuple(s for i, s in enumerate(shape) if i not in dropped))

    def unsqueeze(self, node: Node, data: Tensor, axes: Tensor) -> Tensor:
        """Adds axes of size 1."""
        rest = iter(shape := shape_of_tensor(data))
        added = axes_of(node.input(1), axes, rank := len(shape) + np.size(constant_of("", axes)))
        return reshaped(node, data, tuple(1 if i in added else next(rest) for i in range(rank)))

    def expand(self, node: Node, data: Tensor, shape: Tensor) -> Tensor:
        """Repeats along axes of size 1."""
        given, sizes = shape_of_tensor(data), integers_of(node.input(1), shape)
        if min(sizes, default=1) < 1:
            raise ValueError(f"shape must have positive sizes, got {list(sizes)}")
        wanted = broadcast_shape(given, sizes)
        if wanted == given:
            return data
        tensor = self.stored(node.input(0), data)
        padded = tensor.layout.reshaped((1,) * (len(wanted) - len(given)) + given)
        value = self.arranged(value_of(tensor), padded)
        value = self.emit(qnn.BroadcastToOp(value, checked_elements(wanted)))
        return with_value(tensor, value, Layout.plain(wanted))

    def slice(self, node: Node, data: Tensor, *bounds: Tensor | None) -> Tensor:
        """Takes elements between bounds along some axes, at regular distances."""
        shape = shape_of_tensor(data)
        starts, ends, axes, steps = (
            None if bound is None else integers_of(node.input(index), bound)
            for index, bound in enumerate((*bounds, None, None)[:4], start=1)
        )
        starts, ends = starts or (), ends or ()
        axes = tuple(range(len(starts))) if axes is None else axes
        steps = (1,) * len(starts) if steps is None else steps
        if not len(starts) == len(ends) == len(axes) == len(steps):
            raise ValueError("starts, ends, axes and steps must have one value for each axis")
        ranges = [range(size) for size in shape]
        for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
            place = checked_axis(axis, len(shape))
            if not step:
                raise ValueError("step must not be 0")
            ranges[place] = range(shape[place])[start:end:step]
        return self.taken(node, data, ranges)

    def split(self, node: Node, data: Tensor, sizes: Tensor | None = None) -> list[Tensor]:
        """Cuts a tensor along an axis, into equal parts unless the sizes are given."""
        shape, parts = shape_of_tensor(data), len(node.outputs)
        axis = checked_axis(node.integer("axis", 0), len(shape))
        each = -(-shape[axis] // max(1, node.integer("num_outputs", parts)))
        given = None if sizes is None else integers_of(node.input(1), sizes)
        ends = np.cumsum(given or (each,) * parts).clip(0, shape[axis]).tolist()
        wrong = given is not None and (min(given, default=0) < 0 or sum(given) != shape[axis])
        if wrong or len(ends) != parts or ends[-1:] != [shape[axis]]:
            raise ValueError(f"{parts} parts must have {shape[axis]} elements, got {given or each}")
        whole = [range(size) for size in shape]
        results: list[Tensor] = []
        for output, start, end in zip(node.outputs, [0, *ends], ends, strict=False):
            self.location = location_of(output)
            taken = [*whole[:axis], range(start, end), *whole[axis + 1 :]]
            results.append(self.taken(node, data, taken))
        return results

    def taken(self, node: Node, data: Tensor, ranges: Sequence[range]) -> Tensor:
        """Takes the elements at regular places along each axis."""
        shape = shape_of_tensor(data)
        if isinstance(data, np.ndarray):
            return data[np.ix_(*ranges)]
        if ranges == [range(size) for size in shape]:
            return data
        sizes = [len(places) for places in ranges]
        if 0 in sizes:
            raise ValueError(f"result must have elements, got {dimensions(sizes)}")
        tensor = self.stored(node.input(0), data)
        layout = tensor.layout
        value = qnn.SliceOp(
            value_of(tensor),
            layout.arranged([places.start for places in ranges]),
            layout.arranged(sizes),
            layout.arranged([places.step for places in ranges]),
        )
        return with_value(tensor, self.emit(value), Layout.ordered(tuple(sizes), layout.order))

    def concat(self, node: Node, *inputs: Tensor | None) -> Tensor:
        """Puts tensors one after the other; codes and real numbers alike."""
        tensors = [tensor for tensor in inputs if tensor is not None]
        rank = len(shape_of_tensor(tensors[0]))
        axis = checked_axis(node.integer("axis", 0), rank)
        if any(isinstance(tensor, Codes) for tensor in tensors):
            return self._concatenated_codes(node, tensors, axis)
        order = common_order(tensors, rank)
        operands = [
            self.operand(node.input(i), tensor, shape_of_tensor(tensor), order)
            for i, tensor in enumerate(tensors)
        ]
        values, encodings = [v for v, _ in operands], [q for _, q in operands]
        place = order.index(axis)

        def build(output_q: QuantizationAttr) -> Any:
            operation = qnn.ConcatenateOp(values, place, encodings, output_q, Rounding.FLOAT32)
            return self.emit(operation)

        return Real(Deferred(build), Layout.ordered(concat_shape(tensors, axis), order))

    def _concatenated_codes(self, node: Node, tensors: Sequence[Tensor], axis: int) -> Tensor:
        order = common_order(tensors, len(shape_of_tensor(tensors[0])))
        first = next(tensor for tensor in tensors if isinstance(tensor, Codes))
        stated = {tensor.encoding for tensor in tensors if isinstance(tensor, Codes)}
        known = first.encoding if len(stated) == 1 else None
        encoding = UNKNOWN if known is None else shifted(known, -first.offset)
        values: list[Any] = []
        for index, tensor in enumerate(tensors):
            name = node.input(index)
            if isinstance(tensor, Codes) and tensor.type == first.type != "INT32":
                values.append(self.arranged(tensor.value, tensor.layout, order))
            elif isinstance(tensor, np.ndarray) and str(tensor.dtype) == first.type.lower():
                values.append(self.constant(signed(tensor).transpose(order), name))
            else:
                raise ValueError(f"'{name}' must be 8-bit codes of the type of the others")
        encodings = [encoding] * len(values)
        operation = qnn.ConcatenateOp(
            values, order.index(axis), encodings, encoding, Rounding.FLOAT32
        )
        layout = Layout.ordered(concat_shape(tensors, axis), order)
        return first._replace(value=self.emit(operation), layout=layout, encoding=known)

    def pad(
        self,
        node: Node,
        data: Tensor,
        pads: Tensor,
        value: Tensor | None = None,
        axes: Tensor | None = None,
    ) -> Tensor:
        """Puts a constant around a tensor, for which there must be a code."""
        if (mode := node.text("mode", "constant")) != "constant":
            raise ValueError(f"mode must be constant, got {mode}")
        rank, widths = len(shape_of_tensor(data)), integers_of(node.input(1), pads)
        places = range(rank) if axes is None else axes_of(node.input(3), axes, rank)
        if len(widths) != 2 * len(places):
            raise ValueError(f"pads must have {2 * len(places)} values, got {len(widths)}")
        before, after = [0] * rank, [0] * rank
        for index, axis in enumerate(places):
            before[axis], after[axis] = widths[index], widths[len(places) + index]
        tensor = self.stored(node.input(0), data)
        number = 0.0 if value is None else float(constant_of(node.input(2), value).item())
        if isinstance(tensor, Codes):
            code = int(number) - tensor.offset
        else:
            codes, encoding = self.coded(node.input(0), tensor)
            tensor = Real(Coded(codes, encoding), tensor.layout)
            code = exact_code(node.input(0), number, encoding)
        layout = tensor.layout
        operation = qnn.PadOp(
            value_of(tensor), [*layout.arranged(before), *layout.arranged(after)], code
        )
        shape = tuple(b + s + a for b, s, a in zip(before, layout.shape, after, strict=True))
        checked_elements(shape)
        return with_value(tensor, self.emit(operation), Layout.ordered(shape, layout.order))

    def depth_to_space(self, node: Node, data: Tensor) -> Tensor:
        """Makes blocks of pixels of channels."""
        mode = node.text("mode", "DCR")
        if mode not in ("DCR", "CRD"):
            raise ValueError(f"mode must be DCR or CRD, got {mode}")
        tensor, value = self.image(node, data)
        size = node.integer("blocksize", 0)
        result = self.emit(qnn.DepthToSpaceOp(value, size, crd=mode == "CRD"))
        return with_value(tensor, result, Layout.channels_last(shape_of(result)))

    def space_to_depth(self, node: Node, data: Tensor) -> Tensor:
        """Makes channels of blocks of pixels."""
        tensor, value = self.image(node, data)
        result = self.emit(qnn.SpaceToDepthOp(value, node.integer("blocksize", 0)))
        return with_value(tensor, result, Layout.channels_last(shape_of(result)))

    def resize(
        self,
        node: Node,
        data: Tensor,
        region: Tensor | None = None,
        scales: Tensor | None = None,
        sizes: Tensor | None = None,
    ) -> Tensor:
        """Takes pixels of an image, the nearest or a mean of those around a place."""
        del region  # belongs to a mode that is not supported
        shape = shape_of_tensor(data)
        axes = tuple(checked_axis(a, len(shape)) for a in node.integers("axes", None) or ())
        factors = () if scales is None else constant_of(node.input(2), scales).ravel().tolist()
        wanted = () if sizes is None else integers_of(node.input(3), sizes)
        changes = resized(shape, axes or range(len(shape)), factors, wanted)
        for axis, change in enumerate(changes[:2]):
            if change.wanted != change.given:
                raise ValueError(f"axis {axis} must keep its size {change.given}")
        tensor, value = self.image(node, data)
        places, linear = places_of(node, changes[2:])
        spatial = checked_elements(tuple(change.wanted for change in changes[2:]))
        operation = qnn.ResizeOp(value, spatial, *zip(*places, strict=True), linear=linear)
        result = self.emit(operation)
        return with_value(tensor, result, Layout.channels_last(shape_of(result)))

    def image(self, node: Node, data: Tensor | None) -> tuple[Codes | Real, Any]:
        """Returns a tensor of codes N, C, spatial… and its value with the channels last."""
        tensor = self.stored(node.input(0), data)
        check_image(node.input(0), tensor.layout)
        order = channels_last(len(tensor.layout.shape))
        return tensor, self.arranged(value_of(tensor), tensor.layout, order)

    def folded(self, node: Node, inputs: Sequence[Tensor | None]) -> Tensor | None:
        """Returns what can be computed now: constants, shapes, and what is computed from them."""
        if node.code == "Constant":
            return _constant(node)
        if node.code == "Shape" and inputs and inputs[0] is not None:
            shape = np.array(shape_of_tensor(inputs[0]), np.int64)
            return shape[node.integer("start", 0) : node.integer("end", len(shape))]
        arrays = [tensor for tensor in inputs if isinstance(tensor, np.ndarray)]
        if node.code not in _FOLDS or len(arrays) != len(inputs) or not arrays:
            return None
        for name, array in zip(node.inputs, arrays, strict=True):
            if array.size > _MAX_FOLDED:
                most = f"at most {_MAX_FOLDED} elements"
                raise ValueError(f"'{name}' can be computed with {most}, got {array.size}")
        try:
            with np.errstate(all="ignore"):
                return np.asarray(_FOLDS[node.code](node, *arrays))
        except (IndexError, TypeError) as error:
            raise ValueError(f"its constants do not fit together: {error}") from None


def check_image(name: str, layout: Layout) -> None:
    """Refuses a tensor without spatial axes."""
    if len(layout.shape) < 3:
        given = dimensions(layout.shape)
        raise ValueError(f"'{name}' must have at least 3 axes, got {given}")


def reshaped(node: Node, data: Tensor, shape: Shape) -> Tensor:
    """Gives a tensor another shape."""
    match data:
        case Codes() | Real():
            return data._replace(layout=data.layout.reshaped(shape))
        case Weights():
            if len(data.scales) > 1:
                raise ValueError(f"'{node.input(0)}' must have 1 scale, got {len(data.scales)}")
            return data._replace(codes=data.codes.reshape(shape))
        case _:
            return data.reshape(shape)


def constant_of(name: str, tensor: Tensor | None) -> Array:
    """Returns the elements of a constant."""
    if isinstance(tensor, Weights):
        return tensor.real
    if not isinstance(tensor, np.ndarray):
        raise ValueError(f"'{name}' must be constant")
    return tensor


def integers_of(name: str, tensor: Tensor | None) -> Shape:
    """Returns the elements of a constant list of integers."""
    array = constant_of(name, tensor)
    if array.dtype.kind not in "iu" or array.ndim > 1 or array.size > 2 * 64:
        raise ValueError(f"'{name}' must be a list of integers")
    return tuple(array.ravel().tolist())


def axes_of(name: str, tensor: Tensor | None, rank: int) -> Shape:
    """Returns the distinct axes that a constant lists, counted from 0."""
    axes = tuple(checked_axis(axis, rank) for axis in integers_of(name, tensor))
    if len(set(axes)) != len(axes):
        raise ValueError(f"axes must be distinct, got {list(axes)}")
    return axes


def checked_axis(axis: int, rank: int) -> int:
    """Returns an axis counted from 0."""
    if not -rank <= axis < rank:
        raise ValueError(f"axis must be in {-rank}..{rank - 1}, got {axis}")
    return axis % rank


def checked_elements(shape: Shape) -> Shape:
    """Refuses a shape of more elements than any network has."""
    if math.prod(shape) > _MAX_ELEMENTS:
        raise ValueError(f"elements must be at most {_MAX_ELEMENTS}, got {math.prod(shape)}")
    return shape


def broadcast_shape(lhs: Sequence[int], rhs: Sequence[int]) -> Shape:
    """Returns the shape that two shapes broadcast to."""
    try:
        return np.broadcast_shapes(tuple(lhs), tuple(rhs))
    except ValueError:
        given = f"{dimensions(lhs)} and {dimensions(rhs)}"
        raise ValueError(f"shapes must broadcast to one, got {given}") from None


def concat_shape(tensors: Sequence[Tensor], axis: int) -> Shape:
    """Returns the shape of tensors one after the other."""
    shapes = [list(shape_of_tensor(tensor)) for tensor in tensors]
    if len({len(shape) for shape in shapes}) != 1:
        given = ", ".join(map(dimensions, shapes[:4]))
        raise ValueError(f"operands must have the same number of axes, got {given}")
    shapes[0][axis] = sum(shape[axis] for shape in shapes)
    return tuple(shapes[0])


def common_order(tensors: Sequence[Tensor | None], rank: int) -> Shape:
    """Returns the order of axes in which tensors need the fewest transpositions."""
    plain = tuple(range(rank))
    orders = [
        tensor.layout.order
        for tensor in tensors
        if isinstance(tensor, Codes | Real)
        and not tensor.layout.is_reshaped
        and len(tensor.layout.shape) == rank
    ]
    return next((order for order in orders if order != plain), plain)


def exact_code(name: str, number: float, encoding: QuantizationAttr) -> int:
    """Returns the code that stands for a number; raises `ValueError` when none does."""
    quantization = encoding.per_tensor()
    code = number / quantization.scale + quantization.zero_point
    if not -128.5 < code < 127.5 or abs(code - round(code)) > 1e-4:
        raise ValueError(f"no code of '{name}' stands for {number}")
    return round(code)


def _constant(node: Node) -> Array:
    for name, value in node.attributes.items():
        match name, value:
            case "value", Initializer():
                return value.array
            case "value_int" | "value_ints", int() | tuple():
                return np.array(value, np.int64)
            case "value_float" | "value_floats", float() | np.ndarray():
                return np.array(value, np.float32)
            case _:
                raise ValueError(f"attribute '{name}' is not supported")
    raise ValueError("it has no value")


def _filled(node: Node, shape: Array) -> Array:
    sizes = integers_of("shape", shape)
    if min(sizes, default=1) < 0 or math.prod(sizes) > _MAX_FOLDED:
        raise ValueError(f"shape must have at most {_MAX_FOLDED} elements, got {list(sizes)}")
    value = node.attributes.get("value")
    element = value.array if isinstance(value, Initializer) else np.zeros(1, np.float32)
    return np.full(sizes, element.ravel()[0] if element.size == 1 else 0, element.dtype)


def _gathered(node: Node, data: Array, indices: Array) -> Array:
    if data.ndim != 1:
        raise ValueError(f"data must have 1 axis, got {data.ndim}")
    checked_axis(node.integer("axis", 0), 1)
    return data[indices]


def _cast(node: Node, data: Array) -> Array:
    types = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64}
    if (to := node.integer("to", 0)) not in types:
        raise ValueError(f"type #{to} is not supported")
    return data.astype(types[to])


def _concatenated(node: Node, *arrays: Array) -> Array:
    return np.concatenate(arrays, checked_axis(node.integer("axis", 0), arrays[0].ndim))


def _binary(function: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    def fold(node: Node, lhs: Array, rhs: Array) -> Array:
        del node
        if math.prod(broadcast_shape(lhs.shape, rhs.shape)) > _MAX_FOLDED:
            raise ValueError(f"result must have at most {_MAX_FOLDED} elements")
        return function(lhs, rhs).astype(lhs.dtype)

    return fold


def _quotient(lhs: Array, rhs: Array) -> Array:
    """Divides, integers towards zero."""
    if lhs.dtype.kind == "f":
        return lhs / rhs
    if not np.all(rhs):
        raise ValueError("division by 0")
    return np.trunc(lhs / rhs)


_FOLDS: dict[str, Callable[..., Array]] = {
    "Add": _binary(np.add),
    "Cast": _cast,
    "Concat": _concatenated,
    "ConstantOfShape": _filled,
    "Div": _binary(_quotient),
    "Gather": _gathered,
    "Mul": _binary(np.multiply),
    "Sub": _binary(np.subtract),
}
