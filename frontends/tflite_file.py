"""What a TFLite file says, as tuples: tensors, operators and their options.

Source: TensorFlow Lite's `schema.fbs`, read with the published package `tflite`.
"""

from __future__ import annotations

import importlib
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import f32, i8, i16, i32, i64
from xdsl.ir import Attribute

from sima_mlir.dialects.definitions import dimensions
from sima_mlir.dialects.elements import Array, dtype_of, ui8
from sima_mlir.dialects.qnn import QuantizationAttr
from sima_mlir.frontends import ModelError
from sima_mlir.quantization import code_range

OptionFields: TypeAlias = tuple[str, Sequence[str]]
"""The schema's table of an operator's options, and those of them that are read."""

_IDENTIFIER = b"TFL3"

_MAX_ELEMENTS = 2**31 - 1
"""TFLite counts the elements of a tensor in an int32."""

_MAX_RANK = 8
"""No operator of TFLite takes more axes."""

_DAMAGE = (struct.error, IndexError, OverflowError, TypeError, ValueError)
"""What flatbuffers' reader and NumPy raise on bytes that are not what the schema says."""

_ELEMENT_TYPES: dict[str, Attribute] = {
    "INT8": i8,
    "UINT8": ui8,
    "INT16": i16,
    "INT32": i32,
    "INT64": i64,
    "FLOAT32": f32,
}


class Tensor(NamedTuple):
    """A tensor of the model; `type` is the schema's name, `data` the bytes of a constant."""

    number: int
    name: str
    type: str
    shape: tuple[int, ...]
    scales: npt.NDArray[np.float32]
    zero_points: npt.NDArray[np.int64]
    axis: int
    data: npt.NDArray[np.uint8] | None
    signature: tuple[int, ...] = ()
    """The shape with -1 for sizes that `shape` only assumes, if the file has that too."""

    @property
    def element_type(self) -> Attribute:
        """The element type in MLIR."""
        return _ELEMENT_TYPES[self.type]

    @property
    def static_shape(self) -> tuple[int, ...]:
        """The shape, where the file is the only one that knows it."""
        if min(self.shape, default=1) < 1:
            shape = dimensions(self.shape)
            raise ModelError(f"tensor '{self.name}' must have a static shape, got {shape}")
        return self.shape

    def takes(self, shape: Sequence[int]) -> bool:
        """Whether a computed shape is the tensor's, but for sizes that the file leaves open."""
        known = self.signature if len(self.signature) == len(self.shape) else self.shape
        return len(shape) == len(self.shape) and all(
            size == given or declared == -1
            for size, given, declared in zip(shape, self.shape, known, strict=True)
        )

    def constant(self, rank: int | None = None) -> Array:
        """Returns the elements of a constant, as a view of the file."""
        if self.data is None:
            raise ModelError(f"tensor '{self.name}' must be constant")
        if rank is not None and len(self.shape) != rank:
            shape = dimensions(self.shape)
            raise ModelError(f"tensor '{self.name}' must have {rank} axes, got {shape}")
        dtype = dtype_of(self.element_type)
        size, given = math.prod(self.static_shape) * dtype.itemsize, len(self.data)
        if given != size:
            raise ModelError(f"tensor '{self.name}' must have {size} bytes of data, got {given}")
        return self.data.view(dtype).reshape(self.shape)

    def checked_scales(self) -> npt.NDArray[np.float32]:
        """Returns the scales, after a look at them and at the zero points."""
        scales, zero_points = len(self.scales), len(self.zero_points)
        if not scales:
            raise ModelError(f"tensor '{self.name}' has no quantization")
        if zero_points != scales:
            raise ModelError(
                f"tensor '{self.name}' has {scales} scales and {zero_points} zero points"
            )
        for scale in self.scales[~(np.isfinite(self.scales) & (self.scales > 0))]:
            raise ModelError(f"scale of '{self.name}' must be positive and finite, got {scale}")
        low, high = code_range(dtype_of(self.element_type))
        for value in self.zero_points[(self.zero_points < low) | (self.zero_points > high)]:
            raise ModelError(f"zero point of '{self.name}' must be in {low}..{high}, got {value}")
        return self.scales

    @property
    def scale(self) -> np.float32:
        """The only scale."""
        scales = self.checked_scales()
        if len(scales) != 1:
            raise ModelError(f"tensor '{self.name}' must have 1 scale, got {len(scales)}")
        return scales[0]

    @property
    def zero_point(self) -> int:
        """The only zero point, or 0 for several scales, which have no other."""
        if len(self.checked_scales()) == 1:
            return int(self.zero_points[0])
        for value in self.zero_points[self.zero_points != 0]:
            raise ModelError(
                f"zero point of '{self.name}' with several scales must be 0, got {value}"
            )
        return 0

    @property
    def encoding(self) -> QuantizationAttr:
        """The encoding of a tensor with one scale."""
        return QuantizationAttr.of(self.scale, self.zero_point)


class Operator(NamedTuple):
    """An operator; `code` is the schema's name, an input that is left out is `None`."""

    code: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: dict[str, Any]

    @property
    def operands(self) -> tuple[Tensor, ...]:
        """The inputs that are there."""
        return tuple(tensor for tensor in self.inputs if tensor is not None)

    @property
    def name(self) -> str:
        """The name of the first output."""
        return self.outputs[0].name if self.outputs else ""


class Graph(NamedTuple):
    """The only subgraph of a model."""

    operators: tuple[Operator, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def read_graph(data: bytes, options: Mapping[str, OptionFields]) -> Graph:
    """Returns what the file says, with every index checked.

    `options` names for each operator the schema's table of its options and those that are read.

    Raises `ModelError` when the package `tflite` is not installed, when the bytes are not a model
    or a damaged one, or when the model has not exactly one subgraph.
    """
    try:
        schema = importlib.import_module("tflite")
    except ImportError:
        advice = "pip install 'sima-mlir[tflite]'"
        raise ModelError(f"reading TFLite models needs the package 'tflite': {advice}") from None
    if data[4:8] != _IDENTIFIER:
        raise ModelError(f"not a TFLite model: bytes 4 to 7 must be {_IDENTIFIER}, got {data[4:8]}")
    try:
        return _Reader(schema, data, options).graph()
    except ModelError:
        raise
    except _DAMAGE as error:
        raise ModelError(f"the file is truncated or damaged: {error}") from None


class _Reader:
    """Turns the tables of the flatbuffer into tuples."""

    def __init__(self, schema: Any, data: bytes, options: Mapping[str, OptionFields]):
        self.schema = schema
        self.option_fields = options
        self.size = len(data)
        self.model = schema.Model.GetRootAs(data)
        self.types = _names(schema.TensorType)
        self.codes = _names(schema.BuiltinOperator)
        self.enumerations = {
            "FusedActivationFunction": _names(schema.ActivationFunctionType),
            "Padding": _names(schema.Padding),
            "QuantizedBiasType": self.types,
        }

    def graph(self) -> Graph:
        """Reads the only subgraph."""
        if (count := self.model.SubgraphsLength()) != 1:
            raise ModelError(f"model must have 1 subgraph, got {count}")
        graph = self.model.Subgraphs(0)
        tensors = [self.tensor(i, t) for i, t in enumerate(self.tables(graph, "Tensors"))]
        codes = [self.code(table) for table in self.tables(self.model, "OperatorCodes")]
        return Graph(
            tuple(self.operator(o, codes, tensors) for o in self.tables(graph, "Operators")),
            _chosen("model", graph.InputsAsNumpy(), tensors),
            _chosen("model", graph.OutputsAsNumpy(), tensors),
        )

    def tables(self, owner: Any, field: str) -> list[Any]:
        """Returns the tables of a vector; each takes at least four bytes of the file."""
        length: int = getattr(owner, f"{field}Length")()
        if length > self.size // 4:
            raise ModelError(f"the file is truncated or damaged: it has {length} {field.lower()}")
        return [getattr(owner, field)(i) for i in range(length)]

    def tensor(self, index: int, table: Any) -> Tensor:
        """Reads a tensor."""
        name = (table.Name() or b"").decode()
        sizes = _vector(table.ShapeAsNumpy(), np.int32)
        if (rank := len(sizes)) > _MAX_RANK:
            raise ModelError(f"tensor '{name}' must have at most {_MAX_RANK} axes, got {rank}")
        shape = tuple(sizes.tolist())
        if (count := math.prod(shape)) > _MAX_ELEMENTS:
            most = f"at most {_MAX_ELEMENTS} elements"
            raise ModelError(f"tensor '{name}' must have {most}, got {count}")
        quantization = table.Quantization()
        return Tensor(
            index,
            name,
            self.types.get(table.Type(), f"#{table.Type()}"),
            shape,
            _vector(quantization and quantization.ScaleAsNumpy(), np.float32),
            _vector(quantization and quantization.ZeroPointAsNumpy(), np.int64),
            quantization.QuantizedDimension() if quantization else 0,
            self.buffer(name, table.Buffer()),
            tuple(_vector(table.ShapeSignatureAsNumpy(), np.int32).tolist()),
        )

    def buffer(self, name: str, index: int) -> npt.NDArray[np.uint8] | None:
        """Returns the bytes of a buffer, or `None` for the empty one of what is no constant."""
        if index >= (count := self.model.BuffersLength()):
            raise ModelError(f"tensor '{name}' has buffer {index}, the model {count}")
        data = _vector(self.model.Buffers(index).DataAsNumpy(), np.uint8)
        return data if len(data) else None

    def code(self, table: Any) -> str:
        """Returns the name of an operator; old files keep its number in a field of one byte."""
        number = max(table.DeprecatedBuiltinCode(), table.BuiltinCode())
        name = self.codes.get(number, f"#{number}")
        custom = (table.CustomCode() or b"").decode()
        return f"CUSTOM {custom}" if name == "CUSTOM" else name

    def operator(self, table: Any, codes: list[str], tensors: list[Tensor]) -> Operator:
        """Reads an operator."""
        index: int = table.OpcodeIndex()
        if index >= len(codes):
            raise ModelError(f"an operator has code {index}, the model {len(codes)}")
        code = codes[index]
        inputs = _vector(table.InputsAsNumpy(), np.int32)
        present = iter(_chosen(code, inputs[inputs != -1], tensors))
        return Operator(
            code,
            tuple(None if index == -1 else next(present) for index in inputs),
            _chosen(code, table.OutputsAsNumpy(), tensors),
            self.options(*self.option_fields.get(code, ("", ())), table),
        )

    def options(self, kind_name: str, fields: Sequence[str], table: Any) -> dict[str, Any]:
        """Reads the options that matter; without options all are zero, as in LiteRT."""
        union = table.BuiltinOptions()
        kind = getattr(self.schema.BuiltinOptions, kind_name, 0)
        values: dict[str, Any] = dict.fromkeys(fields, 0)
        if union is not None and kind and table.BuiltinOptionsType() == kind:
            options = getattr(self.schema, kind_name)()
            options.Init(union.Bytes, union.Pos)
            values = {field: getattr(options, field)() for field in fields}
        for field in values.keys() & self.enumerations.keys():
            values[field] = self.enumerations[field].get(values[field], f"#{values[field]}")
        return values


def _names(enumeration: Any) -> dict[int, str]:
    """Returns the names of an enumeration by their numbers."""
    members = cast("dict[str, Any]", vars(enumeration))
    return {value: name for name, value in members.items() if isinstance(value, int)}


def _vector(values: Any, dtype: npt.DTypeLike) -> Array:
    """Returns a vector, empty for one that is not there, which the reader gives as 0."""
    empty: Array = np.zeros(0, dtype)
    return empty if values is None or isinstance(values, int) else values


def _chosen(owner: str, indices: Any, tensors: list[Tensor]) -> tuple[Tensor, ...]:
    """Returns the tensors that a vector of indices refers to."""
    numbers: list[int] = _vector(indices, np.int32).tolist()
    for number in numbers:
        if not 0 <= number < len(tensors):
            raise ModelError(f"{owner} refers to tensor {number}, the model has {len(tensors)}")
    return tuple(tensors[number] for number in numbers)
