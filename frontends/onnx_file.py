"""What an ONNX file says, as tuples: nodes, their attributes, constants and the edges of the graph.

Sources: ONNX's `onnx.proto` and `docs/IR.md`, read with the published package `onnx`;
`docs/ExternalData.md` for tensors that are kept beside the file.
"""

from __future__ import annotations

import importlib
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sima_mlir.dialects.definitions import dimensions
from sima_mlir.dialects.elements import Array
from sima_mlir.frontends import ModelError
from sima_mlir.frontends.onnx_wire import outlined

OLDEST_OPSET = 13

_DEFAULT_DOMAINS = ("", "ai.onnx")

_DTYPES = {
    "FLOAT": np.dtype("<f4"),
    "INT8": np.dtype("<i1"),
    "UINT8": np.dtype("<u1"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
}

_FIELDS = {
    "FLOAT": "float_data",
    "INT8": "int32_data",
    "UINT8": "int32_data",
    "INT32": "int32_data",
    "INT64": "int64_data",
}
"""Where a tensor keeps its elements that has them neither as bytes nor in another file."""

MAX_RANK = 64
"""NumPy has no tensor of more axes."""


class Port(NamedTuple):
    """An input or an output of the graph.

    An axis of `shape` is a size, a name or `None`; there is no shape where the file has none.
    """

    name: str
    type: str
    shape: tuple[int | str | None, ...] | None


class Node(NamedTuple):
    """An operator; `code` is its name, with its domain unless that is ONNX's own.

    An input or output that is left out has an empty name.
    """

    code: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the first output."""
        return self.outputs[0] if self.outputs else ""

    def input(self, index: int) -> str:
        """Returns the name of an input, empty for one that is left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def integer(self, name: str, default: int) -> int:
        """Returns an attribute that is one integer."""
        return self._attribute(name, default, int, "an integer")

    def number(self, name: str, default: float) -> float:
        """Returns an attribute that is one float."""
        return self._attribute(name, default, float, "a number")

    def text(self, name: str, default: str) -> str:
        """Returns an attribute that is a string."""
        return self._attribute(name, default, str, "a string")

    def integers(self, name: str, default: Sequence[int] | None) -> tuple[int, ...] | None:
        """Returns an attribute that is a list of integers."""
        default = None if default is None else tuple(default)
        return self._attribute(name, default, tuple, "a list of integers")

    def _attribute(self, name: str, default: Any, kind: type, wanted: str) -> Any:
        if name not in self.attributes:
            return default
        if not isinstance(value := self.attributes[name], kind):
            raise ValueError(f"attribute '{name}' must be {wanted}")
        return value


class Initializer:
    """A constant of the file, which is read when `array` is asked for."""

    def __init__(self, reader: _Reader, table: Any, data: memoryview | None = None):
        self.name: str = _text(table.name)
        self._reader = reader
        self._table = table
        self._data = data

    @property
    def array(self) -> Array:
        """The elements, as a view of the file where that is possible; raises `ModelError`."""
        try:
            return self._read()
        except (ValueError, OverflowError) as error:
            raise ModelError(f"tensor '{self.name}': {error}") from None

    def _read(self) -> Array:
        type_name = self._reader.type_name(self._table.data_type)
        if type_name not in _DTYPES:
            raise ValueError(f"type must be one of {', '.join(_DTYPES)}, got {type_name}")
        dtype, shape = _DTYPES[type_name], tuple(self._table.dims)
        if len(shape) > MAX_RANK or min(shape, default=0) < 0:
            raise ValueError(f"shape must be one of a tensor, got {dimensions(shape[:MAX_RANK])}")
        size = math.prod(shape) * dtype.itemsize
        if self._table.HasField("segment"):
            raise ValueError("segments are not supported")
        if self._table.data_location == self._reader.external:
            return self._stored_elsewhere(dtype, size).reshape(shape)
        if self._data is not None or self._table.HasField("raw_data"):
            data: memoryview | bytes = self._table.raw_data if self._data is None else self._data
            _check_size(size, len(data))
            return np.frombuffer(data, dtype).reshape(shape)
        return self._listed(dtype, _FIELDS[type_name], math.prod(shape)).reshape(shape)

    def _listed(self, dtype: np.dtype[Any], field: str, count: int) -> Array:
        values = getattr(self._table, field)
        if len(values) != count:
            raise ValueError(f"data must have {count} elements, got {len(values)}")
        wide = np.array(values, np.int64 if dtype.kind in "iu" else dtype)
        narrow = wide.astype(dtype)
        if not np.array_equal(wide, narrow, equal_nan=dtype.kind == "f"):
            raise ValueError(f"elements must fit {dtype}")
        return narrow

    def _stored_elsewhere(self, dtype: np.dtype[Any], size: int) -> Array:
        entries = {_text(e.key): _text(e.value) for e in self._table.external_data}
        location = entries.get("location", "")
        offset = _byte_count("offset", entries.get("offset", "0"))
        length = _byte_count("length", entries.get("length", str(size)))
        _check_size(size, length)
        data = self._reader.neighbour(location)
        if len(data) < offset + size:
            raise ValueError(f"'{location}' must have {offset + size} bytes, got {len(data)}")
        return np.frombuffer(data, dtype, size // dtype.itemsize, offset)


class Graph(NamedTuple):
    """The graph of a model; every name that is read in it is known, and defined before."""

    nodes: tuple[Node, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    constants: dict[str, Initializer]
    domains: set[str]
    """The domains whose operators the model may have."""


def read_graph(data: bytes, folder: Path | None) -> Graph:
    """Returns what the file says, after a check that its names fit together.

    `folder` is where tensors that are kept outside the file are looked for; they are mapped into
    memory, not read.

    Raises `ModelError` when the package `onnx` is not installed, when the bytes are not a model or
    a damaged one, when its opset is older than 13 or newer than the package, and with one line
    for each name that is defined twice or not at all, or is used before it is computed.
    """
    try:
        onnx = importlib.import_module("onnx")
        damage = importlib.import_module("google.protobuf.message").DecodeError
    except ImportError:
        advice = "pip install 'sima-mlir[onnx]'"
        raise ModelError(f"reading ONNX models needs the package 'onnx': {advice}") from None
    model = onnx.ModelProto()
    small, large = outlined(data)
    try:
        model.ParseFromString(small)
        return _Reader(onnx, model, folder, large).graph()
    except ModelError:
        raise
    except (damage, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"the file is no ONNX model, truncated or damaged: {reason}") from None


class _Reader:
    """Turns the messages of the file into tuples."""

    def __init__(self, onnx: Any, model: Any, folder: Path | None, large: dict[int, memoryview]):
        self.large = large
        self.onnx = onnx
        self.model = model
        self.folder = folder
        self.external: int = onnx.TensorProto.EXTERNAL
        self.files: dict[str, Array] = {}

    def graph(self) -> Graph:
        """Reads the graph."""
        self.check_opset()
        if not self.model.HasField("graph"):
            raise ModelError("the file is no ONNX model, truncated or damaged: it has no graph")
        graph = self.model.graph
        constants = [
            Initializer(self, table, self.large.get(place))
            for place, table in enumerate(graph.initializer)
        ]
        given = {constant.name for constant in constants}
        result = Graph(
            tuple(self.node(table) for table in graph.node),
            tuple(self.port(p) for p in graph.input if _text(p.name) not in given),
            tuple(self.port(p) for p in graph.output),
            {constant.name: constant for constant in constants},
            {_text(entry.domain) for entry in self.model.opset_import},
        )
        names = [port.name for port in result.inputs] + [constant.name for constant in constants]
        sparse = [f"sparse tensor '{t.values.name}'" for t in graph.sparse_initializer]
        problems = [f"{name} is not supported" for name in sparse]
        problems += _misnamed(result, names)
        if problems:
            raise ModelError(*problems)
        return result

    def check_opset(self) -> None:
        """Refuses a version of ONNX's own operators that is not known."""
        entries = self.model.opset_import
        versions = [entry.version for entry in entries if entry.domain in _DEFAULT_DOMAINS]
        if not versions:
            reason = "it does not say its opset"
            raise ModelError(f"the file is no ONNX model, truncated or damaged: {reason}")
        newest: int = self.onnx.defs.onnx_opset_version()
        for version in versions:
            if not OLDEST_OPSET <= version <= newest:
                raise ModelError(f"opset must be in {OLDEST_OPSET}..{newest}, got {version}")

    def node(self, table: Any) -> Node:
        """Reads an operator."""
        code, domain = _text(table.op_type), _text(table.domain)
        if domain not in _DEFAULT_DOMAINS:
            code = f"{domain}.{code}"
        attributes = {_text(a.name): self.attribute(a) for a in table.attribute}
        return Node(
            code, tuple(map(_text, table.input)), tuple(map(_text, table.output)), attributes
        )

    def attribute(self, table: Any) -> Any:
        """Reads an attribute; `None` stands for one of a kind that no operator here has."""
        kinds = self.onnx.AttributeProto
        match table.type:
            case kinds.FLOAT:
                return float(table.f)
            case kinds.INT:
                return int(table.i)
            case kinds.STRING:
                return table.s.decode()
            case kinds.TENSOR:
                return Initializer(self, table.t)
            case kinds.INTS:
                return tuple(table.ints)
            case kinds.FLOATS:
                return np.array(table.floats, np.float32)
            case _:
                return None

    def port(self, table: Any) -> Port:
        """Reads an input or an output of the graph."""
        name = _text(table.name)
        if not table.type.HasField("tensor_type"):
            kind = table.type.WhichOneof("value") or "no type"
            raise ModelError(f"'{name}' must be a tensor, got {kind}")
        tensor = table.type.tensor_type
        shape = None
        if tensor.HasField("shape"):
            shape = tuple(_size(axis) for axis in tensor.shape.dim)
        return Port(name, self.type_name(tensor.elem_type), shape)

    def type_name(self, number: int) -> str:
        """Returns the name of an element type."""
        try:
            return self.onnx.TensorProto.DataType.Name(number)
        except ValueError:
            return f"#{number}"

    def neighbour(self, location: str) -> Array:
        """Maps a file of the model's folder into memory; raises `ValueError`."""
        if location not in self.files:
            self.files[location] = self.map_file(location)
        return self.files[location]

    def map_file(self, location: str) -> Array:
        """Maps a file into memory, which has to be in the model's folder."""
        if self.folder is None:
            raise ValueError(f"its data is in '{location}', and the model has no folder")
        try:
            folder = self.folder.resolve()
            path = (folder / location).resolve()
            inside = bool(location) and path.is_relative_to(folder)
            size = path.stat().st_size if inside and path.is_file() else -1
        except (OSError, RuntimeError, ValueError):
            inside, path, size = True, self.folder, -1
        if not inside:
            raise ValueError(f"its data is in '{location}', which is outside the model's folder")
        if size < 0:
            raise ValueError(f"its data is in '{location}', which is no file in the model's folder")
        try:
            return np.memmap(path, np.uint8, "r") if size else np.zeros(0, np.uint8)
        except OSError as error:
            raise ValueError(f"cannot read '{location}': {error.strerror}") from None


def _text(value: str | bytes) -> str:
    """Returns a string of the file, which protobuf gives as bytes if it is not one."""
    if isinstance(value, bytes):
        raise ModelError(f"the file is no ONNX model, truncated or damaged: {value!r} is no text")
    return value


def _size(axis: Any) -> int | str | None:
    kind = axis.WhichOneof("value")
    size = None if kind is None else getattr(axis, kind)
    if isinstance(size, int):
        return None if size < 0 else size
    return None if size is None else _text(size)


def _check_size(wanted: int, given: int) -> None:
    if given != wanted:
        raise ValueError(f"data must have {wanted} bytes, got {given}")


def _byte_count(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ValueError(f"{name} of external data must be a number, got '{text}'")
    return int(text)


def _misnamed(graph: Graph, given: Sequence[str]) -> Iterator[str]:
    """Says of every name that is defined more than once, not at all, or too late."""
    computed = [name for node in graph.nodes for name in node.outputs if name]
    for name, times in Counter([*given, *computed]).items():
        if times > 1:
            yield f"tensor '{name}' is defined {times} times"
    known, later = {*given, ""}, set(computed)
    complained: set[str] = set()
    for node in graph.nodes:
        for name in node.inputs:
            if name in known or name in complained:
                continue
            complained.add(name)
            at = f"operator '{node.code}' at '{node.name}'"
            if name in later:
                fault = "before it is computed: the operators are out of order or form a cycle"
                yield f"tensor '{name}' is used by {at} {fault}"
            else:
                yield f"tensor '{name}' is used by {at}, but does not exist"
        known.update(node.outputs)
    for port in graph.outputs:
        if port.name not in known or not port.name:
            yield f"output '{port.name}' does not exist"
