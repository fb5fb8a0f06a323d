"""Emits `qnn` operations for the tensors of an ONNX graph: edges, layouts and encodings.

What the operators of ONNX mean is in `sima_mlir.frontends.onnx`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    DictionaryAttr,
    NameLoc,
    NoneAttr,
    StringAttr,
    f32,
    i8,
    i32,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue

from sima_mlir.dialects import qnn
from sima_mlir.dialects.definitions import dimensions, element_type, shape_of
from sima_mlir.dialects.elements import Array, dense, tensor_type, ui8
from sima_mlir.dialects.qnn import ENCODING_ATTRIBUTE, NAME_ATTRIBUTE, QuantizationAttr
from sima_mlir.frontends import ModelError
from sima_mlir.frontends.onnx_file import MAX_RANK, Port
from sima_mlir.frontends.onnx_values import (
    OFFSETS,
    Accumulated,
    Coded,
    Codes,
    Deferred,
    Floats,
    Layout,
    Real,
    Shape,
    Tensor,
    Weights,
    layout_of,
    signed,
)
from sima_mlir.quantization import Rounding, code_range

_MAX_BROADCAST = 2**26
"""How large broadcast constants may become, so that a small file does not take all memory."""

_TYPES: dict[str, Attribute] = {"FLOAT": f32, "INT8": i8, "UINT8": ui8, "INT32": i32}
"""The element types of inputs and outputs."""

UNKNOWN = QuantizationAttr.of(1.0)
"""What stands for the encoding of codes that nobody states, where an operation has to have one."""

_SIGNS = ((-math.inf, math.inf), (0.0, math.inf))
"""The limits that accumulators can be clamped to, whatever their scale."""


class Builder:
    """The function that is being built, with its constants and what was transposed already."""

    def __init__(self, batch: int, report: Callable[[str], None]):
        self.batch = batch
        self.report = report
        self.block = Block()
        self.location = location_of("")
        self._broadcast = 0
        self._arranged: dict[tuple[SSAValue, Layout, Shape], SSAValue] = {}

    def emit(self, operation: Operation) -> SSAValue:
        """Appends an operation that computes the current tensor, or is on the way to it."""
        operation.location = self.location
        operation.verify()
        self.block.add_op(operation)
        return operation.results[0]

    def constant(self, array: Array, name: str) -> SSAValue:
        """Adds a constant."""
        operation = arith.ConstantOp(dense(array))
        operation.location = location_of(name)
        self.block.add_op(operation)
        return operation.result

    def argument(self, port: Port, encoding: QuantizationAttr | None) -> Tensor:
        """Adds an argument of the function; codes of uint8 are brought to int8."""
        shape, wanted = self._argument_shape(port), _TYPES.get(port.type)
        if wanted is None:
            types = ", ".join(_TYPES)
            raise ModelError(f"input '{port.name}' must have type {types}, got {port.type}")
        self.location = location_of(port.name)
        argument_type = tensor_type(shape, wanted)
        value = self.block.insert_arg(argument_type, len(self.block.args), self.location)
        if port.type == "FLOAT":
            return Real(Floats(value), Layout.plain(shape))
        if port.type == "UINT8":
            stated = encoding or UNKNOWN
            value = self.requantized(value, stated, shifted(stated, -OFFSETS["UINT8"]), i8)
        return Codes(value, Layout.plain(shape), port.type, encoding)

    def _argument_shape(self, port: Port) -> Shape:
        """Returns the shape of an input, with the batch for a first axis without a size."""
        if port.shape is None:
            raise ModelError(f"input '{port.name}' has no shape")
        sizes = list(port.shape)
        if sizes and not isinstance(sizes[0], int):
            named = f" '{sizes[0]}'" if sizes[0] else ""
            self.report(f"axis 0{named} of input '{port.name}' has no size, {self.batch} is taken")
            sizes[0] = self.batch
        if len(sizes) > MAX_RANK:
            most = f"must have at most {MAX_RANK} axes, got {len(sizes)}"
            raise ModelError(f"input '{port.name}' {most}")
        static = tuple(size for size in sizes if isinstance(size, int) and size > 0)
        if len(static) != len(sizes) or not static:
            reason = "must have a shape that is known but for its first axis"
            raise ModelError(f"input '{port.name}' {reason}, got {_shape_text(sizes)}")
        return static

    def result(self, port: Port, tensor: Tensor) -> tuple[SSAValue, DictionaryAttr]:
        """Returns what an output of the function is, in the file's axes and type."""
        self.location = location_of(port.name)
        attributes: dict[str, Attribute] = {NAME_ATTRIBUTE: StringAttr(port.name)}
        match tensor:
            case Codes():
                value = self.arranged(tensor.value, tensor.layout)
                stated = tensor.encoding or UNKNOWN
                if tensor.type == "UINT8":
                    stored = shifted(stated, -tensor.offset)
                    value = self.requantized(value, stored, stated, ui8)
                if tensor.encoding is not None:
                    attributes[ENCODING_ATTRIBUTE] = tensor.encoding
            case Real():
                value = self._floats(port.name, tensor)
            case Weights():
                value = self.constant(tensor.real.astype(np.float32), port.name)
            case _:
                value = self.constant(tensor, port.name)
        self._check_port(port, value)
        return value, DictionaryAttr(attributes)

    def _check_port(self, port: Port, value: SSAValue) -> None:
        shape = shape_of(value)
        if port.shape is not None:
            pairs = zip(port.shape, shape, strict=False)
            fits = all(size == given for size, given in pairs if isinstance(size, int))
            if len(port.shape) != len(shape) or not fits:
                given, computed = _shape_text(port.shape), dimensions(shape)
                raise ModelError(f"output '{port.name}' has shape {given}, computed is {computed}")
        given, computed = _TYPES.get(port.type, port.type), element_type(value)
        if given != computed:
            raise ModelError(f"output '{port.name}' has type {given}, computed is {computed}")

    def _floats(self, name: str, real: Real) -> SSAValue:
        """Turns real numbers into floats, in the order of the tensor's axes."""
        layout = real.layout
        match real.form:
            case Coded():
                value, encoding = self.coded(name, real)
                return self.emit(qnn.DequantizeOp(self.arranged(value, layout), encoding))
            case Accumulated(value, scales) if real.limits in _SIGNS:
                last = layout.keeps_order and layout.shape[-1:] == (len(scales),)
                if len(scales) > 1 and not last:
                    raise ModelError(f"output '{name}' has a scale a channel and must be quantized")
                if real.is_clamped:
                    value = self.emit(qnn.ClipOp(value, 0, code_range(np.int32)[1]))
                encoding = QuantizationAttr.of(scales)
                return self.emit(qnn.DequantizeOp(self.arranged(value, layout), encoding))
            case Floats(value) if not real.is_clamped and layout == Layout.plain(shape_of(value)):
                return value
            case _:
                raise ModelError(f"output '{name}' is not quantized")

    def arranged(
        self, value: SSAValue, layout: Layout, order: Sequence[int] | None = None
    ) -> SSAValue:
        """Returns a value with the tensor's axes in an order, by default its own."""
        order = tuple(range(len(layout.shape)) if order is None else order)
        key = (value, layout, order)
        if key not in self._arranged:
            if layout.is_reshaped and not layout.keeps_order:
                value = self._permuted(value, layout, tuple(range(len(layout.source))))
                layout = Layout.plain(layout.source).reshaped(layout.shape)
            if layout.is_reshaped:
                value, layout = self._reshaped(value, layout.shape), Layout.plain(layout.shape)
            self._arranged[key] = self._permuted(value, layout, order)
        return self._arranged[key]

    def _permuted(self, value: SSAValue, layout: Layout, order: Shape) -> SSAValue:
        if layout.order == order:
            return value
        permutation = [layout.order.index(axis) for axis in order]
        shape = tuple(layout.source[axis] for axis in order)
        if Layout.ordered(shape_of(value), permutation).keeps_order:
            return self._reshaped(value, shape)
        return self.emit(qnn.TransposeOp(value, permutation))

    def _reshaped(self, value: SSAValue, shape: Shape) -> SSAValue:
        return value if shape_of(value) == shape else self.emit(qnn.ReshapeOp(value, shape))

    def quantized(self, real: Real, encoding: QuantizationAttr) -> SSAValue:
        """Returns real numbers as int8 codes of an encoding."""
        match real.form:
            case Floats(value):
                codes = self.emit(qnn.QuantizeOp(value, encoding, Rounding.FLOAT32, i8))
            case Coded(value, given):
                codes = self.requantized(value, given, encoding)
            case Accumulated(value, scales):
                codes = self.requantized(value, QuantizationAttr.of(scales), encoding)
            case Deferred(build):
                codes = build(encoding)
        low, high = (_code(limit, encoding) for limit in real.limits)
        if (low, high) == code_range(np.int8):
            return codes
        return self.emit(qnn.ClipOp(codes, low, high))

    def requantized(
        self,
        value: SSAValue,
        given: QuantizationAttr,
        wanted: QuantizationAttr,
        result_type: Attribute = i8,
    ) -> SSAValue:
        """Brings codes or accumulators to another encoding, unless it is theirs."""
        if given == wanted and element_type(value) == result_type:
            return value
        return self.emit(qnn.RequantizeOp(value, given, wanted, Rounding.FLOAT32, result_type))

    def coded(self, name: str, tensor: Tensor | None) -> tuple[SSAValue, QuantizationAttr]:
        """Returns real numbers as the codes that they are, with their encoding.

        Raises `ValueError` for what is no codes, or is clamped to what no code stands for.
        """
        if not isinstance(tensor, Real) or not isinstance(tensor.form, Coded):
            raise ValueError(f"'{name}' is not quantized")
        value, encoding = tensor.form
        if not tensor.is_clamped:
            return value, encoding
        quantization = encoding.per_tensor()
        for limit in tensor.limits:
            exact = limit / quantization.scale
            if math.isfinite(exact) and abs(exact) < 512 and exact != round(exact):
                raise ValueError(f"'{name}' is clamped to {limit} and must be quantized after that")
        low, high = (_code(limit, encoding) for limit in tensor.limits)
        return self.emit(qnn.ClipOp(value, low, high)), encoding

    def stored(self, name: str, tensor: Tensor | None) -> Codes | Real:
        """Returns a tensor whose axes are those of its value, which holds codes."""
        if isinstance(tensor, Real) and not isinstance(tensor.form, Coded):
            tensor = None
        if not isinstance(tensor, Codes | Real):
            raise ValueError(f"'{name}' is not quantized")
        if not tensor.layout.is_reshaped:
            return tensor
        value = self.arranged(value_of(tensor), tensor.layout)
        return with_value(tensor, value, Layout.plain(tensor.layout.shape))

    def operand(
        self, name: str, tensor: Tensor | None, shape: Shape, order: Shape
    ) -> tuple[SSAValue, QuantizationAttr]:
        """Returns a tensor of real numbers as codes, broadcast to a shape with axes in an order."""
        if isinstance(tensor, np.ndarray) and tensor.dtype == np.float32 and tensor.size == 1:
            tensor = number_as_weights(name, tensor)
        if isinstance(tensor, Weights):
            return self._constant_operand(name, tensor, shape, order)
        value, encoding = self.coded(name, tensor)
        layout = Layout.plain(shape) if tensor is None else layout_of(tensor)
        if missing := len(shape) - len(layout.shape):
            layout = layout.reshaped((1,) * missing + layout.shape)
        value = self.arranged(value, layout, order)
        wanted = tuple(shape[axis] for axis in order)
        if shape_of(value) != wanted:
            value = self.emit(qnn.BroadcastToOp(value, wanted))
        return value, encoding

    def _constant_operand(
        self, name: str, weights: Weights, shape: Shape, order: Shape
    ) -> tuple[SSAValue, QuantizationAttr]:
        if len(weights.scales) != 1:
            raise ValueError(f"'{name}' must have 1 scale, got {len(weights.scales)}")
        self._broadcast += math.prod(shape)
        if self._broadcast > _MAX_BROADCAST:
            most = f"at most {_MAX_BROADCAST} elements"
            raise ValueError(f"constants can be broadcast to {most}, got {self._broadcast}")
        codes, zero_point = signed_codes(name, weights)
        array = np.broadcast_to(codes, shape).transpose(order)
        return self.constant(array, name), QuantizationAttr.of(weights.scales, zero_point)


def value_of(tensor: Codes | Real) -> SSAValue:
    """Returns the value of a tensor that `Builder.stored` gave."""
    if isinstance(tensor, Codes):
        return tensor.value
    if isinstance(tensor.form, Coded):
        return tensor.form.value
    raise TypeError(f"a tensor of codes has no form {type(tensor.form).__name__}")


def with_value(tensor: Codes | Real, value: SSAValue, layout: Layout) -> Codes | Real:
    """Returns a tensor of codes that `Builder.stored` gave with others in place of its own."""
    if isinstance(tensor, Codes):
        return tensor._replace(value=value, layout=layout)
    if isinstance(tensor.form, Coded):
        return tensor._replace(form=tensor.form._replace(value=value), layout=layout)
    raise TypeError(f"a tensor of codes has no form {type(tensor.form).__name__}")


def number_as_weights(name: str, tensor: Array) -> Weights:
    """Returns a number as the code 1, 0 or -1, whose scale is its magnitude."""
    number = tensor.reshape(())
    if not np.isfinite(number):
        raise ValueError(f"'{name}' must be finite, got {number}")
    scale = np.array([abs(number) or 1], np.float32)
    return Weights(np.sign(number).astype(np.int8), scale, np.zeros(1, np.int64), 0)


def signed_codes(name: str, weights: Weights) -> tuple[Array, int]:
    """Returns 8-bit codes as int8 and their only zero point; raises `ValueError`."""
    if weights.codes.dtype.itemsize != 1:
        raise ValueError(f"'{name}' must have type INT8 or UINT8, got {weights.codes.dtype}")
    zero_points: Any = np.unique(weights.zero_points)
    if len(zero_points) != 1:
        given = ", ".join(map(str, zero_points[:4])) + (", …" if len(zero_points) > 4 else "")
        raise ValueError(f"'{name}' must have 1 zero point, got {given}")
    offset = 128 if weights.codes.dtype == np.uint8 else 0
    return signed(weights.codes), int(zero_points[0]) - offset


@lru_cache(1024)
def location_of(name: str) -> NameLoc:
    """Returns the location that stands for a tensor."""
    return NameLoc(StringAttr(name), NoneAttr())


def shifted(encoding: QuantizationAttr, by: int) -> QuantizationAttr:
    """Returns the encoding of codes that are moved by a number."""
    return QuantizationAttr.of(encoding.scale, encoding.zero_point.value.data + by)


def _code(limit: float, encoding: QuantizationAttr) -> int:
    """Returns the int8 code of a limit, with the quotient in float32 and ties to even."""
    scale, zero_point = np.float32(encoding.scale[0]), encoding.zero_point.value.data
    with np.errstate(over="ignore"):
        quotient = np.rint(np.float32(limit) / scale)
    return int(np.clip(np.float64(quotient) + zero_point, *code_range(np.int8)))


def _shape_text(sizes: Sequence[int | str | None]) -> str:
    return "x".join("?" if size is None else str(size) for size in sizes) or "no axes"
