"""Reads TensorFlow Lite models: a fully quantized `.tflite` file becomes a `qnn` module.

The module computes what LiteRT's reference kernels compute, bit for bit. They do not multiply by
the quotient of the scales in one way only:

| operator | product of the input's and the weights' scale | rounding |
|---|---|---|
| CONV_2D, DEPTHWISE_CONV_2D on int8 | float64 | `tflite` |
| CONV_2D, DEPTHWISE_CONV_2D on uint8 | float32 | `tflite` |
| FULLY_CONNECTED | float64 | `away` |
| ADD, MEAN, QUANTIZE between integers | | `tflite` |

FULLY_CONNECTED multiplies in float64 and rounds ties away from zero. `away` has 31 bits of the
multiplier instead of 53, which shows in less than one accumulator in ten million.

Sources: TensorFlow Lite's `schema.fbs`; LiteRT 2.3 `tflite/kernels/*.cc` and
`tflite/kernels/internal/reference/`.
"""

from __future__ import annotations

import importlib
import math
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from xdsl.dialects import arith, func
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FileLineColLoc,
    IntAttr,
    ModuleOp,
    NameLoc,
    NoneAttr,
    StringAttr,
    f32,
    i8,
    i32,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.utils.exceptions import VerifyException

from sima_mlir.dialects import qnn, shapes
from sima_mlir.dialects.definitions import dimensions, element_type, shape_of
from sima_mlir.dialects.elements import dense, dtype_of, tensor_type, ui8
from sima_mlir.dialects.qnn import QuantizationAttr
from sima_mlir.frontends import ModelError
from sima_mlir.quantization import Rounding, code_range

Array: TypeAlias = npt.NDArray[Any]
Scales: TypeAlias = npt.NDArray[np.float32]
Types: TypeAlias = tuple[str, ...]

_IDENTIFIER = b"TFL3"

_MAX_ELEMENTS = 2**31 - 1
"""TFLite counts the elements of a tensor in an int32."""

_DAMAGE = (struct.error, IndexError, OverflowError, TypeError, ValueError)
"""What flatbuffers' reader and NumPy raise on bytes that are not what the schema says."""

_ELEMENT_TYPES: dict[str, Attribute] = {
    "INT8": i8,
    "UINT8": ui8,
    "INT32": i32,
    "INT64": i64,
    "FLOAT32": f32,
}

_CODES: Types = ("INT8", "UINT8")
_INT32: Types = ("INT32",)
_FLOAT32: Types = ("FLOAT32",)

_ACTIVATIONS = {
    "NONE": (-math.inf, math.inf),
    "RELU": (0.0, math.inf),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}
"""The real range of each fused activation."""


class _Tensor(NamedTuple):
    name: str
    type: str
    """As in the schema: `INT8`."""
    shape: tuple[int, ...]
    scales: Scales
    zero_points: npt.NDArray[np.int64]
    axis: int
    """The axis that several scales belong to."""
    data: npt.NDArray[np.uint8] | None
    """The bytes of a constant."""


class _Operator(NamedTuple):
    code: str
    """As in the schema: `CONV_2D`."""
    inputs: tuple[int, ...]
    """Indices of tensors; -1 stands for an input that is left out."""
    outputs: tuple[int, ...]
    options: dict[str, Any]
    """The fields that `_Support.fields` lists; empty when the file has no options."""


class _Graph(NamedTuple):
    tensors: tuple[_Tensor, ...]
    operators: tuple[_Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def at(self, operator: _Operator) -> str:
        """Names an operator by its first output."""
        return self.tensors[operator.outputs[0]].name if operator.outputs else ""


def import_tflite(data: bytes, name: str = "<model>") -> ModuleOp:
    """Returns a module whose one function, `@main`, computes the model.

    Arguments and results are tensors of codes (or of f32 in front of a QUANTIZE and behind a
    DEQUANTIZE), in the model's order. They carry `qnn.name` and, if they hold codes,
    `qnn.quantization`. Operations have the name of the tensor that they compute as location; the
    module's location is the file `name`.

    Raises `ModelError` when the package `tflite` is not installed, when the bytes are not a model
    (truncated, damaged), and when the model is not one that can be taken over exactly: operators,
    types or activations that are not supported (all of them are listed), several subgraphs, shapes
    that are not known or do not fit together, weights that are not constant, and quantization that
    is missing or makes no sense.
    """
    graph = _read_model(data)
    if problems := _unsupported(graph):
        raise ModelError(*problems)
    return _Importer(graph).module(name)


def _read_model(data: bytes) -> _Graph:
    schema = _load_schema()
    if data[4:8] != _IDENTIFIER:
        raise ModelError(f"not a TFLite model: bytes 4 to 7 must be {_IDENTIFIER}, got {data[4:8]}")
    try:
        return _Reader(schema, data).graph()
    except ModelError:
        raise
    except _DAMAGE as error:
        raise ModelError(f"the file is truncated or damaged: {error}") from None


def _load_schema() -> Any:
    try:
        return importlib.import_module("tflite")
    except ImportError:
        message = "reading TFLite models needs the package 'tflite': "
        raise ModelError(message + "pip install 'sima-mlir[tflite]'") from None


class _Reader:
    """Turns the tables of the flatbuffer into tuples, and checks every index on the way."""

    def __init__(self, schema: Any, data: bytes):
        self.schema = schema
        self.size = len(data)
        self.model = schema.Model.GetRootAs(data)
        self.types = _names(schema.TensorType)

    def graph(self) -> _Graph:
        """Reads the only subgraph."""
        if (count := self.model.SubgraphsLength()) != 1:
            raise ModelError(f"model must have 1 subgraph, got {count}")
        graph = self.model.Subgraphs(0)
        tensors = tuple(self.tensor(t) for t in self.tables(graph, "Tensors"))
        codes = [self.code(c) for c in self.tables(self.model, "OperatorCodes")]
        return _Graph(
            tensors,
            tuple(self.operator(o, codes, len(tensors)) for o in self.tables(graph, "Operators")),
            self.indices("model input", graph.InputsAsNumpy(), 0, len(tensors)),
            self.indices("model output", graph.OutputsAsNumpy(), 0, len(tensors)),
        )

    def tables(self, owner: Any, field: str) -> list[Any]:
        """Returns the tables of a vector field; each takes at least four bytes of the file."""
        length = getattr(owner, f"{field}Length")()
        if length > self.size // 4:
            raise ModelError(f"the file is truncated or damaged: it has {length} {field.lower()}")
        return [getattr(owner, field)(i) for i in range(length)]

    def tensor(self, table: Any) -> _Tensor:
        """Reads a tensor."""
        name = (table.Name() or b"").decode()
        shape = tuple(_vector(table.ShapeAsNumpy(), np.int32).tolist())
        if math.prod(shape) > _MAX_ELEMENTS:
            raise ModelError(
                f"tensor '{name}' must have at most {_MAX_ELEMENTS} elements, "
                f"got {dimensions(shape)}"
            )
        if table.Sparsity() is not None:
            raise ModelError(f"tensor '{name}' is sparse, only dense constants are supported")
        quantization = table.Quantization()
        return _Tensor(
            name,
            self.types.get(table.Type(), f"#{table.Type()}"),
            shape,
            _vector(quantization and quantization.ScaleAsNumpy(), np.float32),
            _vector(quantization and quantization.ZeroPointAsNumpy(), np.int64),
            quantization.QuantizedDimension() if quantization else 0,
            self.buffer(name, table.Buffer()),
        )

    def buffer(self, name: str, index: int) -> npt.NDArray[np.uint8] | None:
        """Returns the bytes of a buffer, or `None` when it is empty."""
        if index >= self.model.BuffersLength():
            raise ModelError(
                f"tensor '{name}' has buffer {index}, the model {self.model.BuffersLength()}"
            )
        data = _vector(self.model.Buffers(index).DataAsNumpy(), np.uint8)
        return data if len(data) else None

    def code(self, table: Any) -> str:
        """Returns the name of an operator; old files keep its number in a field of one byte."""
        number = max(table.DeprecatedBuiltinCode(), table.BuiltinCode())
        if number == self.schema.BuiltinOperator.CUSTOM:
            return (table.CustomCode() or b"").decode()
        return _names(self.schema.BuiltinOperator).get(number, f"#{number}")

    def operator(self, table: Any, codes: list[str], tensors: int) -> _Operator:
        """Reads an operator."""
        if (index := table.OpcodeIndex()) >= len(codes):
            raise ModelError(f"an operator has code {index}, the model {len(codes)}")
        code = codes[index]
        return _Operator(
            code,
            self.indices(code, table.InputsAsNumpy(), -1, tensors),
            self.indices(code, table.OutputsAsNumpy(), 0, tensors),
            self.options(code, table) if code in _OPERATORS else {},
        )

    def options(self, code: str, table: Any) -> dict[str, Any]:
        """Reads the fields of an operator's options, activations and padding by their names."""
        support = _OPERATORS[code]
        kind = getattr(self.schema.BuiltinOptions, support.options, 0)
        union = table.BuiltinOptions()
        if not kind or table.BuiltinOptionsType() != kind or union is None:
            return {}
        options = getattr(self.schema, support.options)()
        options.Init(union.Bytes, union.Pos)
        values = {field: getattr(options, field)() for field in support.fields}
        for field, enumeration in (
            ("FusedActivationFunction", self.schema.ActivationFunctionType),
            ("Padding", self.schema.Padding),
        ):
            if field in values:
                values[field] = _names(enumeration).get(values[field], f"#{values[field]}")
        return values

    def indices(self, owner: str, vector: Any, least: int, tensors: int) -> tuple[int, ...]:
        """Returns the indices of tensors in a vector."""
        values = _vector(vector, np.int32)
        bad = values[(values < least) | (values >= tensors)]
        if len(bad):
            raise ModelError(f"{owner} refers to tensor {bad[0]}, the model has {tensors}")
        return tuple(values.tolist())


def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _vector(values: Any, dtype: npt.DTypeLike) -> Array:
    """Returns a vector as an array; the reader gives 0 for one that is not there."""
    return values if isinstance(values, np.ndarray) else np.zeros(0, dtype)


def _unsupported(graph: _Graph) -> list[str]:
    """Lists what the model holds that has no place in `qnn`, each with how often it occurs."""
    places: dict[tuple[str, str], list[str]] = {}
    for operator in graph.operators:
        activation = operator.options.get("FusedActivationFunction", "NONE")
        if operator.code not in _OPERATORS:
            places.setdefault(("operator", operator.code), []).append(graph.at(operator))
        elif activation not in _ACTIVATIONS:
            places.setdefault(("activation", activation), []).append(graph.at(operator))
    lines = [
        f"{kind} '{name}' is not supported ({_times(len(at))}, first at '{at[0]}')"
        for (kind, name), at in places.items()
    ]
    lines += _unsupported_types(graph)
    if lines and not any(tensor.type in _CODES for tensor in graph.tensors):
        lines.insert(0, "the model is not quantized: it has no tensor of type INT8 or UINT8")
    return lines


def _unsupported_types(graph: _Graph) -> list[str]:
    wanted: dict[int, Types] = {}
    for operator in graph.operators:
        if (support := _OPERATORS.get(operator.code)) is not None:
            pairs = zip(operator.inputs, support.inputs, strict=False)
            wanted.update((index, types) for index, types in pairs if index >= 0)
            wanted.update((index, support.output) for index in operator.outputs)
    wanted.update(
        (index, _CODES + _FLOAT32) for index in graph.inputs + graph.outputs if index not in wanted
    )
    found: dict[tuple[str, Types], list[str]] = {}
    for index, types in sorted(wanted.items()):
        tensor = graph.tensors[index]
        if tensor.type not in types:
            found.setdefault((tensor.type, types), []).append(tensor.name)
    return [
        f"tensor '{names[0]}' has type {given}, only {' and '.join(types)} "
        f"{'are' if len(types) > 1 else 'is'} supported here ({_times(len(names))})"
        for (given, types), names in found.items()
    ]


def _times(count: int) -> str:
    return "1 time" if count == 1 else f"{count} times"


class _Importer:
    """Builds the function, operator by operator."""

    def __init__(self, graph: _Graph):
        self.graph = graph
        self.block = Block()
        self.values: dict[int, SSAValue] = {}
        self.name = ""
        """The tensor that is being computed."""

    def module(self, name: str) -> ModuleOp:
        """Builds the module."""
        arguments = [self.interface(index) for index in self.graph.inputs]
        for index in self.graph.inputs:
            self.define(index, self.argument(self.graph.tensors[index]))
        for operator in self.graph.operators:
            self.convert(operator)
        outputs = [self.value(index) for index in self.graph.outputs]
        results = [self.interface(index) for index in self.graph.outputs]
        self.block.add_op(func.ReturnOp(*outputs))
        main = func.FuncOp(
            "main",
            (self.block.arg_types, [value.type for value in outputs]),
            Region(self.block),
            arg_attrs=ArrayAttr(arguments),
            res_attrs=ArrayAttr(results),
        )
        module = ModuleOp([main])
        module.location = main.location = FileLineColLoc(StringAttr(name), IntAttr(0), IntAttr(0))
        return module

    def interface(self, index: int) -> DictionaryAttr:
        """Returns the attributes of an argument or a result."""
        tensor = self.graph.tensors[index]
        attributes: dict[str, Attribute] = {"qnn.name": StringAttr(tensor.name)}
        if tensor.type in _CODES:
            attributes["qnn.quantization"] = _encoding(tensor)
        return DictionaryAttr(attributes)

    def argument(self, tensor: _Tensor) -> SSAValue:
        """Adds an argument of the function."""
        if not tensor.shape or min(tensor.shape) < 1:
            shape = dimensions(tensor.shape)
            raise ModelError(f"input '{tensor.name}' must have a static shape, got {shape}")
        argument_type = tensor_type(tensor.shape, _ELEMENT_TYPES[tensor.type])
        location = _location(tensor.name)
        return self.block.insert_arg(argument_type, len(self.block.args), location)

    def convert(self, operator: _Operator) -> None:
        """Adds the operations of an operator."""
        support, self.name = _OPERATORS[operator.code], self.graph.at(operator)
        try:
            _check_operands(operator, support)
            result = support.build(self, operator)
        except ModelError:
            raise
        except (ValueError, VerifyException) as error:
            reason = " ".join(str(error).split())
            raise ModelError(f"operator '{operator.code}' at '{self.name}': {reason}") from None
        self.define(operator.outputs[0], result)

    def define(self, index: int, value: SSAValue) -> None:
        """Makes a value known as the tensor `index`, whose shape and type it must have."""
        tensor = self.graph.tensors[index]
        if index in self.values:
            raise ModelError(f"tensor '{tensor.name}' is computed twice")
        if shape_of(value) != tensor.shape:
            given, computed = dimensions(tensor.shape), dimensions(shape_of(value))
            raise ModelError(f"tensor '{tensor.name}' has shape {given}, computed is {computed}")
        if element_type(value) != _ELEMENT_TYPES[tensor.type]:
            raise ModelError(
                f"tensor '{tensor.name}' has type {_ELEMENT_TYPES[tensor.type]}, "
                f"computed is {element_type(value)}"
            )
        self.values[index] = value

    def emit(self, operation: Operation, name: str | None = None) -> SSAValue:
        """Appends an operation with the name of a tensor, by default the one being computed."""
        operation.location = _location(self.name if name is None else name)
        operation.verify()
        self.block.add_op(operation)
        return operation.results[0]

    def value(self, index: int) -> SSAValue:
        """Returns a tensor that was computed, or is a constant."""
        if index not in self.values:
            tensor = self.graph.tensors[index]
            if tensor.data is None:
                raise ModelError(f"tensor '{tensor.name}' is used before it is computed")
            self.values[index] = self.constant(tensor, _constant(tensor))
        return self.values[index]

    def constant(self, tensor: _Tensor, array: Array) -> SSAValue:
        """Adds a constant that a tensor holds."""
        return self.emit(arith.ConstantOp(dense(array)), tensor.name)

    def tensors(self, operator: _Operator) -> list[_Tensor]:
        """Returns the operands of an operator, those left out excepted."""
        return [self.graph.tensors[index] for index in operator.inputs if index >= 0]

    def output(self, operator: _Operator) -> _Tensor:
        """Returns the tensor that an operator computes."""
        return self.graph.tensors[operator.outputs[0]]

    def add(self, operator: _Operator) -> SSAValue:
        """Adds two tensors, of which one may be a smaller constant."""
        lhs, rhs = self.tensors(operator)
        output = self.output(operator)
        total = qnn.AddOp(
            self.operand(operator.inputs[0], output.shape),
            self.operand(operator.inputs[1], output.shape),
            _encoding(lhs),
            _encoding(rhs),
            _encoding(output),
            Rounding.TFLITE,
        )
        return self.activation(self.emit(total), operator)

    def operand(self, index: int, shape: tuple[int, ...]) -> SSAValue:
        """Returns a tensor in a shape that it broadcasts to, which only a constant can grow to."""
        tensor = self.graph.tensors[index]
        if tensor.shape == shape:
            return self.value(index)
        if index not in self.values and tensor.data is not None:
            return self.constant(tensor, np.broadcast_to(_constant(tensor), shape))
        if math.prod(tensor.shape) == math.prod(shape):
            return self.reshaped(self.value(index), shape)
        raise ValueError(
            f"broadcasting '{tensor.name}' from {dimensions(tensor.shape)} to {dimensions(shape)} "
            "is only supported for a constant"
        )

    def average_pool_2d(self, operator: _Operator) -> SSAValue:
        """Averages over a window."""
        data, encoding = self.value(operator.inputs[0]), self.unchanged_encoding(operator)
        size, strides, padding = _pool_window(operator, data)
        pool = qnn.AvgPoolOp(
            data, size, encoding, encoding, Rounding.TFLITE, strides=strides, padding=padding
        )
        return self.activation(self.emit(pool), operator)

    def max_pool_2d(self, operator: _Operator) -> SSAValue:
        """Takes the largest code of a window."""
        data = self.value(operator.inputs[0])
        self.unchanged_encoding(operator)
        size, strides, padding = _pool_window(operator, data)
        pool = qnn.MaxPoolOp(data, size, strides=strides, padding=padding)
        return self.activation(self.emit(pool), operator)

    def unchanged_encoding(self, operator: _Operator) -> QuantizationAttr:
        """Returns the encoding of an operator that hands codes on, which its output must share."""
        (data,), output = self.tensors(operator), self.output(operator)
        given, wanted = _encoding(output), _encoding(data)
        if given != wanted:
            raise ValueError(f"'{output.name}' must have quantization {wanted}, got {given}")
        return wanted

    def conv_2d(self, operator: _Operator) -> SSAValue:
        """Convolves; the weights are O, H, W, I with the inputs of one group."""
        data, weight = self.value(operator.inputs[0]), self.tensors(operator)[1]
        kernel = _constant(weight, rank=4)
        outputs, height, width, inputs = kernel.shape
        groups = _divided("channels of data", shape_of(data)[-1], inputs)
        each = _divided("output channels", outputs, groups)
        hwigo = kernel.reshape(groups, each, height, width, inputs).transpose(2, 3, 4, 0, 1)
        return self.convolution(operator, data, hwigo, channel_axis=0)

    def depthwise_conv_2d(self, operator: _Operator) -> SSAValue:
        """Convolves each channel by itself; the weights are 1, H, W, C * multiplier."""
        data, weight = self.value(operator.inputs[0]), self.tensors(operator)[1]
        kernel = _constant(weight, rank=4)
        one, height, width, outputs = kernel.shape
        channels = shape_of(data)[-1]
        multiplier = _divided("output channels", outputs, channels)
        if one != 1 or operator.options.get("DepthMultiplier", 0) not in (0, multiplier):
            raise ValueError(
                f"weight must be 1xHxWx{channels}*{operator.options.get('DepthMultiplier')}, "
                f"got {dimensions(kernel.shape)}"
            )
        hwigo = kernel.reshape(height, width, 1, channels, multiplier)
        return self.convolution(operator, data, hwigo, channel_axis=3)

    def convolution(
        self, operator: _Operator, data: SSAValue, hwigo: Array, channel_axis: int
    ) -> SSAValue:
        """Convolves with weights in qnn's layout, then requantizes."""
        source, weight = self.tensors(operator)[:2]
        zero_point = _weight_zero_point(weight)
        if weight.type == "INT8" and zero_point:
            raise ValueError(f"zero point of weight '{weight.name}' must be 0, got {zero_point}")
        strides, padding, dilations = _conv_window(operator, shape_of(data), hwigo.shape)
        accumulator = qnn.ConvOp(
            data,
            self.constant(weight, hwigo),
            strides=strides,
            padding=padding,
            dilations=dilations,
            input_zero_point=_zero_point(source),
            kernel_zero_point=zero_point,
        )
        exact = source.type == "INT8"
        product = _product(source, weight, channel_axis, np.float64 if exact else np.float32)
        return self.requantized(self.emit(accumulator), operator, product, Rounding.TFLITE)

    def fully_connected(self, operator: _Operator) -> SSAValue:
        """Multiplies by weights of axes O, I; the data is made into rows of I."""
        source, weight = self.tensors(operator)[:2]
        if operator.options.get("WeightsFormat", 0):
            raise ValueError("shuffled weights are not supported")
        kernel = _constant(weight, rank=2)
        data = self.value(operator.inputs[0])
        if not operator.options.get("KeepNumDims", False):
            batch = _divided("elements of data", math.prod(shape_of(data)), kernel.shape[1])
            data = self.reshaped(data, (batch, kernel.shape[1]))
        accumulator = qnn.DenseOp(
            data,
            self.constant(weight, kernel),
            input_zero_point=_zero_point(source),
            kernel_zero_point=_weight_zero_point(weight),
        )
        product = _product(source, weight, 0, np.float64)
        return self.requantized(self.emit(accumulator), operator, product, Rounding.AWAY)

    def requantized(
        self,
        accumulator: SSAValue,
        operator: _Operator,
        product: npt.NDArray[np.float64],
        rounding: Rounding,
    ) -> SSAValue:
        """Adds the bias if there is one, requantizes, and clips to the fused activation."""
        source, weight, *biases = self.tensors(operator)
        if weight.type != source.type:
            raise ValueError(f"weight must have type {source.type}, got {weight.type}")
        for bias in biases:
            accumulator = self.emit(
                qnn.BiasAddOp(accumulator, self.constant(bias, _constant(bias)))
            )
        result = qnn.RequantizeOp(
            accumulator,
            QuantizationAttr.of(product),
            _encoding(self.output(operator)),
            rounding,
            _ELEMENT_TYPES[source.type],
        )
        return self.activation(self.emit(result), operator)

    def activation(self, value: SSAValue, operator: _Operator) -> SSAValue:
        """Clips to the range of the fused activation, unless that is the range of the type."""
        limits = _ACTIVATIONS[operator.options.get("FusedActivationFunction", "NONE")]
        low, high = _activation_range(limits, self.output(operator))
        if (low, high) == code_range(dtype_of(element_type(value))):
            return value
        return self.emit(qnn.ClipOp(value, low, high))

    def mean(self, operator: _Operator) -> SSAValue:
        """Averages over axes, which disappear unless the operator keeps them."""
        data, (source, axes) = self.value(operator.inputs[0]), self.tensors(operator)
        rank = len(shape_of(data))
        numbers = {a + rank if a < 0 else a for a in _constant(axes).ravel().tolist()}
        output = self.output(operator)
        average = self.emit(
            qnn.MeanOp(data, sorted(numbers), _encoding(source), _encoding(output), Rounding.TFLITE)
        )
        if operator.options.get("KeepDims", False):
            return average
        kept = (size for axis, size in enumerate(shape_of(data)) if axis not in numbers)
        return self.reshaped(average, tuple(kept))

    def pad(self, operator: _Operator) -> SSAValue:
        """Puts the output's zero point around a tensor."""
        source, widths = self.tensors(operator)
        data, amounts = self.value(operator.inputs[0]), _constant(widths, rank=2)
        if amounts.shape != (len(source.shape), 2):
            wanted, given = f"{len(source.shape)}x2", dimensions(amounts.shape)
            raise ValueError(f"paddings must have shape {wanted}, got {given}")
        value = _zero_point(self.output(operator))
        return self.emit(qnn.PadOp(data, amounts.T.ravel().tolist(), value))

    def reshape(self, operator: _Operator) -> SSAValue:
        """Gives a tensor the shape of the output, which a shape given as operand must agree to."""
        shape = self.output(operator).shape
        for wanted in self.tensors(operator)[1:]:
            sizes = _constant(wanted).ravel().tolist()
            if len(sizes) != len(shape) or any(
                w not in (-1, s) for w, s in zip(sizes, shape, strict=True)
            ):
                raise ValueError(f"result must have shape {sizes}, got {list(shape)}")
        return self.reshaped(self.value(operator.inputs[0]), shape)

    def reshaped(self, value: SSAValue, shape: tuple[int, ...]) -> SSAValue:
        """Gives a value another shape, if it hasn't it already."""
        return value if shape_of(value) == shape else self.emit(qnn.ReshapeOp(value, shape))

    def softmax(self, operator: _Operator) -> SSAValue:
        """Computes softmax along the last axis."""
        (source,), data = self.tensors(operator), self.value(operator.inputs[0])
        beta = float(operator.options.get("Beta", 0.0))
        encoding = _encoding(self.output(operator))
        return self.emit(qnn.SoftmaxOp(data, _encoding(source), encoding, beta))

    def quantize(self, operator: _Operator) -> SSAValue:
        """Turns real numbers into codes, or codes into those of another encoding."""
        (source,), data = self.tensors(operator), self.value(operator.inputs[0])
        output = self.output(operator)
        result_type = _ELEMENT_TYPES[output.type]
        if source.type in _FLOAT32:
            return self.emit(qnn.QuantizeOp(data, _encoding(output), Rounding.AWAY, result_type))
        return self.emit(
            qnn.RequantizeOp(
                data, _encoding(source), _encoding(output), Rounding.TFLITE, result_type
            )
        )

    def dequantize(self, operator: _Operator) -> SSAValue:
        """Turns codes into real numbers."""
        (source,), data = self.tensors(operator), self.value(operator.inputs[0])
        return self.emit(qnn.DequantizeOp(data, _encoding(source)))


class _Support(NamedTuple):
    """How an operator is taken over."""

    build: Callable[[_Importer, _Operator], SSAValue]
    inputs: tuple[Types, ...]
    """The types that each operand may have."""
    output: Types = _CODES
    optional: int = 0
    """How many of the last operands may be left out."""
    options: str = ""
    """The schema's table of options."""
    fields: tuple[str, ...] = ()
    """Those that are read."""


_ACTIVATION = ("FusedActivationFunction",)
_WINDOW = ("Padding", "StrideH", "StrideW", *_ACTIVATION)
_DILATED_WINDOW = (*_WINDOW, "DilationHFactor", "DilationWFactor")
_POOL = ("FilterHeight", "FilterWidth", *_WINDOW)

_WEIGHTED = (_CODES, _CODES, _INT32)

_OPERATORS: dict[str, _Support] = {
    "ADD": _Support(_Importer.add, (_CODES, _CODES), options="AddOptions", fields=_ACTIVATION),
    "AVERAGE_POOL_2D": _Support(
        _Importer.average_pool_2d, (_CODES,), options="Pool2DOptions", fields=_POOL
    ),
    "CONV_2D": _Support(
        _Importer.conv_2d,
        _WEIGHTED,
        optional=1,
        options="Conv2DOptions",
        fields=_DILATED_WINDOW,
    ),
    "DEPTHWISE_CONV_2D": _Support(
        _Importer.depthwise_conv_2d,
        _WEIGHTED,
        optional=1,
        options="DepthwiseConv2DOptions",
        fields=(*_DILATED_WINDOW, "DepthMultiplier"),
    ),
    "DEQUANTIZE": _Support(_Importer.dequantize, (_CODES,), _FLOAT32),
    "FULLY_CONNECTED": _Support(
        _Importer.fully_connected,
        _WEIGHTED,
        optional=1,
        options="FullyConnectedOptions",
        fields=("KeepNumDims", "WeightsFormat", *_ACTIVATION),
    ),
    "MAX_POOL_2D": _Support(
        _Importer.max_pool_2d, (_CODES,), options="Pool2DOptions", fields=_POOL
    ),
    "MEAN": _Support(
        _Importer.mean, (_CODES, _INT32), options="ReducerOptions", fields=("KeepDims",)
    ),
    "PAD": _Support(_Importer.pad, (_CODES, ("INT32", "INT64"))),
    "QUANTIZE": _Support(_Importer.quantize, (_CODES + _FLOAT32,)),
    "RESHAPE": _Support(_Importer.reshape, (_CODES, _INT32), optional=1),
    "SOFTMAX": _Support(_Importer.softmax, (_CODES,), options="SoftmaxOptions", fields=("Beta",)),
}


def _check_operands(operator: _Operator, support: _Support) -> None:
    """Checks how many operands and results there are, and which are left out."""
    most = len(support.inputs)
    least, given = most - support.optional, len(operator.inputs)
    if not least <= given <= most:
        raise ValueError(f"inputs must be {least} to {most}, got {given}")
    if -1 in operator.inputs[:least]:
        raise ValueError(f"input {operator.inputs.index(-1)} must not be left out")
    if len(operator.outputs) != 1:
        raise ValueError(f"outputs must be 1, got {len(operator.outputs)}")


def _location(name: str) -> NameLoc:
    return NameLoc(StringAttr(name), NoneAttr())


def _constant(tensor: _Tensor, rank: int | None = None) -> Array:
    """Returns the elements of a constant, as a view of the file."""
    if tensor.data is None:
        raise ModelError(f"tensor '{tensor.name}' must be constant")
    if rank is not None and len(tensor.shape) != rank:
        raise ModelError(
            f"tensor '{tensor.name}' must have {rank} axes, got {dimensions(tensor.shape)}"
        )
    if min(tensor.shape, default=1) < 1:
        raise ModelError(
            f"tensor '{tensor.name}' must have no empty axis, got {dimensions(tensor.shape)}"
        )
    dtype = dtype_of(_ELEMENT_TYPES[tensor.type])
    size = math.prod(tensor.shape) * dtype.itemsize
    if len(tensor.data) != size:
        raise ModelError(
            f"tensor '{tensor.name}' must have {size} bytes of data, got {len(tensor.data)}"
        )
    return tensor.data.view(dtype).reshape(tensor.shape)


def _scales(tensor: _Tensor) -> Scales:
    """Returns the scales of a tensor after checking them and their zero points."""
    scales, zero_points = tensor.scales, tensor.zero_points
    if not len(scales):
        raise ModelError(f"tensor '{tensor.name}' has no quantization")
    if len(zero_points) != len(scales):
        raise ModelError(
            f"tensor '{tensor.name}' has {len(scales)} scales and {len(zero_points)} zero points"
        )
    bad = scales[~(np.isfinite(scales) & (scales > 0))]
    if len(bad):
        raise ModelError(
            f"scale of tensor '{tensor.name}' must be positive and finite, got {bad[0]}"
        )
    low, high = code_range(dtype_of(_ELEMENT_TYPES[tensor.type]))
    bad = zero_points[(zero_points < low) | (zero_points > high)]
    if len(bad):
        raise ModelError(
            f"zero point of tensor '{tensor.name}' must be in {low}..{high}, got {bad[0]}"
        )
    return scales


def _scale(tensor: _Tensor) -> np.float32:
    """Returns the only scale of a tensor."""
    scales = _scales(tensor)
    if len(scales) != 1:
        raise ModelError(f"tensor '{tensor.name}' must have 1 scale, got {len(scales)}")
    return scales[0]


def _zero_point(tensor: _Tensor) -> int:
    """Returns the only zero point of a tensor."""
    _scale(tensor)
    return int(tensor.zero_points[0])


def _encoding(tensor: _Tensor) -> QuantizationAttr:
    """Returns the encoding of a tensor that has one scale."""
    return QuantizationAttr.of(_scale(tensor), _zero_point(tensor))


def _weight_zero_point(weight: _Tensor) -> int:
    """Returns the zero point of weights, which is 0 if they have several scales."""
    if len(_scales(weight)) == 1:
        return int(weight.zero_points[0])
    if np.any(weight.zero_points):
        raise ModelError(f"weight '{weight.name}' with several scales must have zero points of 0")
    return 0


def _product(
    source: _Tensor, weight: _Tensor, axis: int, dtype: npt.DTypeLike
) -> npt.NDArray[np.float64]:
    """Multiplies the scales of data and weights in a floating-point type, for each channel."""
    scales, channels = _scales(weight), weight.shape[axis]
    if len(scales) != 1 and source.type != "INT8":
        raise ValueError(f"weight '{weight.name}' must have 1 scale, got {len(scales)}")
    if len(scales) not in (1, channels):
        raise ValueError(
            f"weight '{weight.name}' must have 1 or {channels} scales, got {len(scales)}"
        )
    if len(scales) != 1 and weight.axis != axis:
        raise ValueError(
            f"weight '{weight.name}' must be quantized along axis {axis}, got {weight.axis}"
        )
    with np.errstate(over="ignore", under="ignore"):
        product = _scale(source).astype(dtype) * scales.astype(dtype)
    return product.astype(np.float64)


def _divided(name: str, total: int, part: int) -> int:
    if total < part or total % part:
        raise ValueError(f"{name} must be a multiple of {part}, got {total}")
    return total // part


def _conv_window(
    operator: _Operator, data: Sequence[int], hwigo: Sequence[int]
) -> tuple[list[int], list[int], list[int]]:
    """Returns strides, padding and dilations of a convolution."""
    options = operator.options
    dilations = [options.get("DilationHFactor", 0), options.get("DilationWFactor", 0)]
    strides, padding = _window(operator, data, hwigo[:2], dilations)
    return strides, padding, dilations


def _pool_window(operator: _Operator, data: SSAValue) -> tuple[list[int], list[int], list[int]]:
    """Returns size, strides and padding of a pool."""
    size = [operator.options.get("FilterHeight", 0), operator.options.get("FilterWidth", 0)]
    return size, *_window(operator, shape_of(data), size, [1, 1])


def _window(
    operator: _Operator, data: Sequence[int], kernel: Sequence[int], dilations: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Returns strides and padding, after checking what the padding is computed from."""
    strides = [operator.options.get("StrideH", 0), operator.options.get("StrideW", 0)]
    if len(data) != 4:
        raise ValueError(f"data must have 4 axes, got {dimensions(data)}")
    shapes.make_window(2, strides, dilations=dilations)
    mode = operator.options.get("Padding")
    if mode == "VALID":
        return strides, [0, 0, 0, 0]
    if mode != "SAME":
        raise ValueError(f"padding must be SAME or VALID, got {mode}")
    totals = [
        max((math.ceil(size / stride) - 1) * stride + (taps - 1) * dilation + 1 - size, 0)
        for size, taps, stride, dilation in zip(data[1:3], kernel, strides, dilations, strict=True)
    ]
    return strides, [total // 2 for total in totals] + [total - total // 2 for total in totals]


def _activation_range(limits: tuple[float, float], tensor: _Tensor) -> tuple[int, int]:
    """Returns the least and the largest code of a real range, as LiteRT computes them.

    The quotient is taken in float32 and rounded half away from zero.
    """
    least, largest = code_range(dtype_of(_ELEMENT_TYPES[tensor.type]))
    with np.errstate(over="ignore"):
        quotients = (np.float32(limits) / _scale(tensor)).astype(np.float64)
    rounded = np.trunc(quotients + np.copysign(0.5, quotients))
    low, high = np.clip(rounded + _zero_point(tensor), least, largest)
    return int(low), int(high)
