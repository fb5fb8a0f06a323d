"""Reads quantized ONNX models: an `.onnx` file becomes a `qnn` module of integer operations.

Both forms are read: QDQ, where a float operator stands between DequantizeLinear and
QuantizeLinear, and QOperator, whose operators take and give codes (QLinearConv …, and those of the
domain `com.microsoft`). They become the same: a QLinear operator is its float operator between the
two. What is computed is this, with ONNX Runtime (CPU, x86-64) beside it:

| operator | contract | difference from ONNX Runtime |
|---|---|---|
| QLinearConv, QLinearMatMul, QGemm, QDQ Conv, Gemm, MatMul | `float32` | none where it computes \
in integers; 1 code where it computes in float (QDQ Conv on int8) |
| Relu, Clip before QuantizeLinear | clamp of codes | none |
| Add | `tflite` | 1 code |
| Mul | `away` | 1 code |
| GlobalAveragePool, ReduceMean | `float32` | 1 code, where the quotient of scales rounds |
| AveragePool | codes, then their mean, ties away | 1 code |
| Softmax | TFLite's integer kernel, then `float32` | 1/256 and 1 code |
| QuantizeLinear, DequantizeLinear, MaxPool, Concat, what moves codes | `float32` | none |

The product of the scales of data and weights is taken in float32, as its quotient by the output's.
`float32` is `rint(float32(accumulator) * float32(scale))`. A float Conv rounds each partial sum to
24 bits, so that it differs where a result lies that near to the middle of two codes.

Codes of uint8 are brought to int8 by subtracting 128 from them and from their zero points, which
is exact; inputs and outputs keep their type behind a requantization with equal scales. Images are
brought to channels last where the first operator needs it and stay so: a transposition is emitted
where an operator or an output needs another order, and not for what only changes how axes are
named.

Sources: ONNX's `docs/Operators.md`; ONNX Runtime 1.32 `docs/ContribOperators.md` and
`onnxruntime/core/mlas/lib/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from xdsl.dialects import func
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FileLineColLoc,
    IntAttr,
    ModuleOp,
    StringAttr,
)
from xdsl.ir import Attribute, Region, SSAValue
from xdsl.utils.exceptions import VerifyException

from sima_mlir.dialects import pointwise
from sima_mlir.dialects.definitions import dimensions
from sima_mlir.dialects.elements import Array
from sima_mlir.dialects.qnn import ENCODING_ATTRIBUTE, NAME_ATTRIBUTE, QuantizationAttr
from sima_mlir.frontends import ModelError
from sima_mlir.frontends.onnx_arithmetic import Arithmetic
from sima_mlir.frontends.onnx_builder import location_of, shifted
from sima_mlir.frontends.onnx_file import Graph, Node, Port, read_graph
from sima_mlir.frontends.onnx_moves import checked_axis, constant_of
from sima_mlir.frontends.onnx_tail import find_tail, is_coded
from sima_mlir.frontends.onnx_values import (
    OFFSETS,
    Accumulated,
    Coded,
    Codes,
    Real,
    Tensor,
    Weights,
)
from sima_mlir.quantization import code_range

Scales: TypeAlias = npt.NDArray[np.float32]

_MICROSOFT = "com.microsoft."

_MAX_KEPT = 2**12
"""How many elements a constant may have that is kept for the next who reads it."""

_FAULTS = (ValueError, VerifyException, OverflowError)
"""What is raised for an operator that makes no sense."""


def import_onnx(
    data: bytes,
    name: str = "<model>",
    folder: Path | None = None,
    *,
    batch: int = 1,
    partial: bool = False,
    report: Callable[[str], None] = lambda message: None,
) -> ModuleOp:
    """Returns a module whose one function, `@main`, computes the model.

    Arguments and results are tensors in the model's order, axes and types (f32, i8, ui8 or i32).
    They carry `qnn.name` and, if they hold codes whose encoding the file states,
    `qnn.quantization`. An operation's location is the name of the tensor that it computes or is on
    the way to, the module's is the file `name`. Data outside the file is looked for in `folder`.
    A first axis without a fixed size becomes `batch`, which `report` is told.

    With `partial`, operators on floats at the end of the graph that have no form in integers are
    left out, each of which `report` is told with the reason. The function then returns, after the
    outputs that it does compute, the tensors that those operators read, by their names: as codes,
    or as floats where the file has floats.

    Raises `ModelError` when the package `onnx` is not installed, when the bytes are not a model or
    a damaged one, and with a line for each operator that cannot be taken over: one that is not
    supported, that works on floats, whose weights are not constant, are not there or have several
    zero points, whose data has several scales, or whose shapes or types do not fit together.
    """
    try:
        importer = _Importer(read_graph(data, folder), batch, report)
        return importer.module(name, partial=partial)
    except ModelError as error:
        raise ModelError(*map(_printable, error.messages)) from None


def _printable(message: str) -> str:
    """Returns a message as one line, without what names may hold to control a terminal."""
    line = " ".join(message.split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


class _Unavailable(Exception):
    """A tensor that an operator was to compute which is already complained of."""


class _Importer(Arithmetic):
    """Builds the function, operator by operator.

    Methods named as an operator take what its inputs are, `None` for one that is left out, and
    return what its output is. They raise `ModelError` for what is wrong with a constant, and one
    of `_FAULTS` for what is wrong with the operator, to which its name is then added.
    """

    def __init__(self, graph: Graph, batch: int, report: Callable[[str], None]):
        super().__init__(batch, report)
        self.graph = graph
        self.tensors: dict[str, Tensor | None] = {}
        self.problems: dict[str, None] = {}
        """The lines for what is wrong, each once."""
        self.failed: set[int] = set()
        """The places of the operators that could not be taken over."""
        self.is_damaged = False
        """Whether something is wrong with the file, and not with an operator."""
        self.encodings: dict[tuple[str, str, int], QuantizationAttr] = {}
        """What two inputs state of codes less an offset."""

    def module(self, name: str, *, partial: bool) -> ModuleOp:
        """Builds the module; raises `ModelError` with all that is wrong."""
        self.problems |= dict.fromkeys(_undeclared(self.graph))
        self.is_damaged = bool(self.problems)
        self.problems |= dict.fromkeys(_unsupported(self.graph))
        arguments = self.arguments()
        for place, node in enumerate(self.graph.nodes):
            self.tensors |= dict.fromkeys(node.outputs)
            results = self.attempt(lambda node=node: self.convert(node), _place(node))
            self.tensors |= results or {}
            if results is None:
                self.failed.add(place)
        found = [
            self.attempt(lambda port=port: self.output(port), f"output '{port.name}'")
            for port in self.graph.outputs
        ]
        if self.problems:
            found = self.without_tail(found, partial=partial)
        return self.finished(name, arguments, found)

    def arguments(self) -> list[DictionaryAttr]:
        """Adds the arguments and returns their attributes."""
        readers = _readers(self.graph)
        attributes: list[DictionaryAttr] = []
        for port in self.graph.inputs:
            encoding = self.declared_encoding(port, readers)
            add = partial(self.argument, port, encoding)
            self.tensors[port.name] = tensor = self.attempt(add, f"input '{port.name}'")
            self.is_damaged |= tensor is None
            attributes.append(_attributes(port, encoding))
        return attributes

    def without_tail(self, found: Sequence[_Result | None], *, partial: bool) -> list[_Result]:
        """Returns the results of what is before the operators that could not be taken over.

        Raises `ModelError` with all that is wrong if that is more, or not `partial`.
        """
        crossing: dict[str, _Result] = {}
        tail = find_tail(self.graph, self.failed, lambda name: self.crosses(name, crossing))
        absent = {name for node in tail.nodes for name in node.outputs} if tail else set[str]()
        outputs = [*zip(self.graph.outputs, found, strict=True)]
        is_wrong = any(result is None and port.name not in absent for port, result in outputs)
        if self.is_damaged or is_wrong or tail is None or not tail.crossing:
            raise ModelError(*self.problems)
        if not partial:
            left = f"{len(tail.nodes)} of {len(self.graph.nodes)} operators"
            remedy = f"a partial import would leave out {left}, all on floats and at the end"
            raise ModelError(*self.problems, remedy)
        for node in tail.nodes:
            at = _place(node)
            self.report(f"{at} is left to the host: {self.reason(node, at, absent)}")
        kept = {port.name: result for port, result in outputs if result is not None}
        kept |= {name: crossing[name] for name in tail.crossing if name not in kept}
        self.erase_unused(kept.values())
        return list(kept.values())

    def reason(self, node: Node, at: str, absent: set[str]) -> str:
        """Returns why an operator is left out with others that compute what is `absent`."""
        if node.code not in _OPERATORS:
            return "it is not supported"
        own = (line.removeprefix(f"{at}: ") for line in self.problems if line.startswith(f"{at}: "))
        late = "it reads what is left there" if absent & {*node.inputs} else "it is not quantized"
        return next(own, late)

    def crosses(self, name: str, crossing: dict[str, _Result]) -> bool:
        """Whether a tensor can be a result, which is then added."""
        tensor = self.tensors.get(name)
        if tensor is None:
            return False
        port = Port(name, tensor.type if isinstance(tensor, Codes) else "FLOAT", None)
        try:
            crossing[name] = self.result(port, tensor)
        except (ModelError, *_FAULTS):
            return False
        return True

    def erase_unused(self, results: Iterable[_Result]) -> None:
        """Erases what only operators would use that are left out."""
        returned = {value for value, _ in results}
        for operation in reversed(list(self.block.ops)):
            if not returned.intersection(operation.results) and not any(
                result.uses.get_length() for result in operation.results
            ):
                operation.detach()
                operation.erase()

    def finished(
        self, name: str, arguments: Sequence[DictionaryAttr], found: Sequence[_Result]
    ) -> ModuleOp:
        """Returns the module of what was built, without what nobody uses."""
        self.block.add_op(func.ReturnOp(*(value for value, _ in found)))
        main = func.FuncOp(
            "main",
            (self.block.arg_types, [value.type for value, _ in found]),
            Region(self.block),
            arg_attrs=ArrayAttr(arguments),
            res_attrs=ArrayAttr([attributes for _, attributes in found]),
        )
        self.tensors.clear()  # deferred operations refer to self, and would keep all constants
        module = ModuleOp([main])
        module.location = main.location = FileLineColLoc(StringAttr(name), IntAttr(0), IntAttr(0))
        return module

    def attempt(self, step: Callable[[], Any], place: str) -> Any:
        """Takes a step at a place, and keeps what is wrong with it for the end."""
        messages: Sequence[str] = ()
        try:
            return step()
        except _Unavailable:
            pass
        except ModelError as error:
            messages = error.messages
            self.is_damaged |= not place.startswith("output ")
        except _FAULTS as error:
            messages = [f"{place}: {error}"]
        self.problems |= dict.fromkeys(messages)
        return None

    def output(self, port: Port) -> _Result:
        """Returns an output of the function."""
        return self.result(port, self.tensor(port.name))

    def tensor(self, name: str) -> Tensor:
        """Returns a tensor by its name."""
        if not name:
            raise ValueError("an input is left out that must be there")
        if name not in self.tensors:
            array = self.graph.constants[name].array
            if array.size > _MAX_KEPT:
                return array
            self.tensors[name] = array
        if (tensor := self.tensors[name]) is None:
            raise _Unavailable
        return tensor

    def convert(self, node: Node) -> dict[str, Tensor]:
        """Adds the operations of an operator and returns its outputs by their names."""
        if (support := _OPERATORS.get(node.code)) is None:
            raise _Unavailable
        _check_inputs(node, support)
        inputs = [self.tensor(name) if name else None for name in node.inputs]
        self.location = location_of(node.name)
        result = self.folded(node, inputs)
        if result is None:
            result = support.build(self, node, *inputs)
        results = result if isinstance(result, list) else [result]
        for name in filter(None, node.outputs[len(results) :]):
            raise ValueError(f"output '{name}' is not supported")
        return dict(zip(node.outputs, results, strict=False))

    def constants_only(self, node: Node, *inputs: Tensor | None) -> Tensor:
        """Refuses an operator that is not computed now."""
        del node, inputs
        raise ValueError("it is supported on constants only")

    def declared_encoding(
        self, port: Port, readers: Mapping[str, tuple[Node, int]]
    ) -> QuantizationAttr | None:
        """Returns the encoding of an input of codes, which the first to read it states."""
        if port.type not in ("INT8", "UINT8") or port.name not in readers:
            return None
        node, place = readers[port.name]
        return self.attempt(partial(self.stated_encoding, port, node, place), _place(node))

    def stated_encoding(self, port: Port, node: Node, place: int) -> QuantizationAttr | None:
        """Returns the encoding that an operator states of an input, if it is one of its type."""
        zero_points = self.zero_points(node, place + 2, port.type.lower())
        if str(zero_points.dtype).upper() != port.type:
            return None
        return self.encoding(node, place + 1)

    def scales(self, node: Node, place: int) -> Scales:
        """Returns the scales that an input holds."""
        name = node.input(place)
        array = constant_of(name, self.tensor(name))
        if array.dtype != np.float32:
            raise ValueError(f"scale '{name}' must have type FLOAT, got {array.dtype}")
        if array.ndim > 1 or not array.size:
            raise ValueError(f"scale '{name}' must have values, got {dimensions(array.shape)}")
        for scale in array[~(np.isfinite(array) & (array > 0))].ravel():
            raise ValueError(f"scale '{name}' must be positive and finite, got {scale}")
        return array.ravel()

    def zero_points(self, node: Node, place: int, default: npt.DTypeLike) -> Array:
        """Returns the zero points that an input holds, zero if it is left out."""
        if not (name := node.input(place)):
            return np.zeros(1, default)
        array = constant_of(name, self.tensor(name))
        if str(array.dtype).upper() not in OFFSETS:
            types = ", ".join(OFFSETS)
            raise ValueError(f"zero point '{name}' must have type {types}, got {array.dtype}")
        if array.ndim > 1 or not array.size:
            raise ValueError(f"zero point '{name}' must have values, got {dimensions(array.shape)}")
        return array.ravel()

    def encoding(self, node: Node, place: int, offset: int = 0) -> QuantizationAttr:
        """Returns the encoding that two inputs state, of codes less an offset."""
        key = (node.input(place), node.input(place + 1), offset)
        if key not in self.encodings:
            self.encodings[key] = self._encoding(node, place, offset)
        return self.encodings[key]

    def _encoding(self, node: Node, place: int, offset: int) -> QuantizationAttr:
        scales, zero_points = self.scales(node, place), self.zero_points(node, place + 1, np.uint8)
        if (given := max(len(scales), len(zero_points))) > 1:
            name = node.input(place)
            raise ValueError(f"scale '{name}' of an activation must have 1 value, got {given}")
        return QuantizationAttr.of(scales, int(zero_points[0]) - offset)

    def dequantized(self, node: Node, place: int, axis: int = 1) -> Real | Weights:
        """Returns what three inputs stand for: codes, their scale and their zero point.

        Constant codes may have several scales, along an axis.
        """
        name = node.input(place)
        codes = self.tensor(name)
        if isinstance(codes, np.ndarray):
            return self.weights(node, place, codes, axis)
        if not isinstance(codes, Codes):
            raise ValueError(f"'{name}' must hold codes")
        given = self.zero_points(node, place + 2, codes.type.lower())
        if str(given.dtype).upper() != codes.type:
            raise ValueError(f"zero point of '{name}' must have type {codes.type}")
        if codes.type == "INT32":
            return self.accumulated(node, place, codes, axis)
        encoding = self.encoding(node, place + 1, codes.offset)
        return Real(Coded(codes.value, encoding), codes.layout)

    def accumulated(self, node: Node, place: int, codes: Codes, axis: int) -> Real:
        """Returns what i32 stands for, with one scale or one for each channel."""
        name, scales, layout = node.input(place), self.scales(node, place + 1), codes.layout
        if np.any(self.zero_points(node, place + 2, np.int32)):
            raise ValueError(f"zero point of '{name}' must be 0")
        if len(scales) > 1:
            channels = checked_axis(axis, len(layout.shape))
            last = -1 if layout.is_reshaped else layout.order[-1]
            if last != channels or layout.shape[last] != len(scales):
                raise ValueError(f"scales of '{name}' must belong to its channels")
        return Real(Accumulated(codes.value, scales), layout)

    def weights(self, node: Node, place: int, codes: Array, axis: int) -> Weights:
        """Returns constant codes with their scales and zero points."""
        name, scales = node.input(place), self.scales(node, place + 1)
        zero_points = self.zero_points(node, place + 2, codes.dtype)
        if zero_points.dtype != codes.dtype or str(codes.dtype).upper() not in OFFSETS:
            given = f"{codes.dtype} and {zero_points.dtype}"
            raise ValueError(f"'{name}' and its zero point must be codes of one type, got {given}")
        if not codes.size:
            raise ValueError(f"'{name}' must have elements")
        if max(len(scales), len(zero_points)) > 1:
            axis = checked_axis(axis, codes.ndim)
            for what, values in (("scales", scales), ("zero points", zero_points)):
                if len(values) not in (1, most := codes.shape[axis]):
                    raise ValueError(f"'{name}' must have 1 or {most} {what}, got {len(values)}")
            scales = np.broadcast_to(scales, codes.shape[axis])
        zero_points = np.broadcast_to(zero_points, len(scales)).astype(np.int64)
        return Weights(codes, scales, zero_points, axis)

    def dequantize_linear(self, node: Node, *inputs: Tensor | None) -> Tensor:
        """Takes codes as real numbers."""
        del inputs
        if node.integer("block_size", 0):
            raise ValueError("blocks are not supported")
        return self.dequantized(node, 0, node.integer("axis", 1))

    def quantize_linear(self, node: Node, data: Tensor, *inputs: Tensor | None) -> Tensor:
        """Takes real numbers as codes."""
        del inputs
        if node.integer("block_size", 0):
            raise ValueError("blocks are not supported")
        if isinstance(data, np.ndarray):
            return self.quantized_constant(node, data)
        return self.written(node, data, 1)

    def quantized_constant(self, node: Node, data: Array) -> Array:
        """Quantizes floats, which may have several scales along an axis."""
        if data.dtype != np.float32:
            raise ValueError(f"'{node.input(0)}' must have type FLOAT, got {data.dtype}")
        dtype = self.code_type(node, 2, "UINT8").lower()
        scales, zero_points = self.scales(node, 1), self.zero_points(node, 2, dtype)
        shape = [1] * data.ndim
        if max(len(scales), len(zero_points)) > 1:
            shape[checked_axis(node.integer("axis", 1), data.ndim)] = -1
        with np.errstate(over="ignore", invalid="ignore"):
            codes = np.rint(data / scales.reshape(shape)).astype(np.float64)
            codes += zero_points.astype(np.float64).reshape(shape)
        if np.isnan(codes).any():
            raise ValueError(f"'{node.input(0)}' must be numbers, got nan")
        return np.clip(codes, *code_range(dtype)).astype(dtype)

    def code_type(self, node: Node, place: int, default: str) -> str:
        """Returns the type of the codes that an operator writes, which is its zero point's."""
        numbers = {0: default, 2: "UINT8", 3: "INT8"}
        number = node.integer("output_dtype", 0)
        name = numbers.get(number, f"#{number}")
        if node.input(place):
            name = str(self.zero_points(node, place, np.uint8).dtype).upper()
        if name not in ("INT8", "UINT8"):
            raise ValueError(f"codes must have type INT8 or UINT8, got {name}")
        return name

    def written(self, node: Node, data: Tensor, place: int, default: str = "UINT8") -> Tensor:
        """Returns real numbers as codes, whose scale and zero point two inputs hold."""
        if not isinstance(data, Real):
            raise ValueError(f"'{node.input(0)}' must hold real numbers")
        code_type = self.code_type(node, place + 1, default)
        stored = self.encoding(node, place, OFFSETS[code_type])
        value = self.quantized(data, stored)
        return Codes(value, data.layout, code_type, shifted(stored, OFFSETS[code_type]))

    def qlinear(
        self, node: Node, operator: _Function, places: Sequence[int], output: int
    ) -> Tensor:
        """Computes an operator on real numbers between those that are read and written as codes."""
        operands = [self.dequantized(node, place) for place in places]
        inner = node._replace(inputs=tuple(node.input(place) for place in places))
        read = [self.tensor(name) for name in inner.inputs]
        types = [tensor.type for tensor in read if isinstance(tensor, Codes)]
        default = types[0] if types else "UINT8"
        return self.written(node, operator(self, inner, *operands), output, default)

    def qlinear_concat(self, node: Node, *inputs: Tensor | None) -> Tensor:
        """Concatenates codes of different encodings."""
        if len(inputs) % 3 != 2:
            raise ValueError(f"inputs must be 2 and 3 for each operand, got {len(inputs)}")
        return self.qlinear(node, Arithmetic.concat, range(2, len(inputs), 3), 0)

    def qlinear_conv(self, node: Node, *inputs: Tensor | None) -> Tensor:
        """Convolves codes; the bias has the scale of the accumulator."""
        inner = node._replace(inputs=(node.input(0), node.input(3), node.input(8)))
        bias = inputs[8] if len(inputs) > 8 else None
        data, weight = self.dequantized(node, 0), self.dequantized(node, 3, 0)
        return self.written(node, self.conv(inner, data, weight, bias), 6)

    def qlinear_matmul(self, node: Node, *inputs: Tensor | None) -> Tensor:
        """Multiplies codes by a matrix I, O."""
        del inputs
        inner = node._replace(inputs=(node.input(0), node.input(3)))
        data, weight = self.dequantized(node, 0), self.dequantized(node, 3, -1)
        return self.written(node, self.matmul(inner, data, weight), 6)

    def qgemm(self, node: Node, *inputs: Tensor | None) -> Tensor:
        """Multiplies codes by a matrix; the result is real without an encoding for it."""
        inner = node._replace(inputs=(node.input(0), node.input(3), node.input(6)))
        bias = inputs[6] if len(inputs) > 6 else None
        axis = 0 if node.integer("transB", 0) else 1
        data, weight = self.dequantized(node, 0), self.dequantized(node, 3, axis)
        result = self.gemm(inner, data, weight, bias)
        return self.written(node, result, 7) if node.input(7) else result


_Result: TypeAlias = tuple[SSAValue, DictionaryAttr]
"""A result of the function, with its attributes."""

_Function: TypeAlias = Callable[..., Tensor]

_Build: TypeAlias = Callable[..., "Tensor | list[Tensor]"]


class _Support(NamedTuple):
    """How an operator is taken over."""

    build: _Build
    inputs: int = 1
    """How many inputs it has."""
    optional: int = 0
    """How many more may be left out; -1 for any number."""
    coded: int = 0
    """How many of its operands are three inputs: codes, scale and zero point."""


def _check_inputs(node: Node, support: _Support) -> None:
    """Checks how many inputs and outputs there are, and which are left out."""
    given, least = len(node.inputs), support.inputs
    most = least + support.optional if support.optional >= 0 else given
    if not least <= given <= most:
        wanted = f"{least}" if most == least else f"at least {least}"
        raise ValueError(f"inputs must be {wanted}, got {given}")
    if "" in node.inputs[:least]:
        raise ValueError(f"input {node.inputs.index('')} must not be left out")
    if not node.outputs:
        raise ValueError("outputs must be at least 1, got 0")


def _qlinear(operator: _Function, operands: int = 1) -> _Support:
    """Returns an operator that reads and writes codes; its last zero point may be left out."""
    places = range(0, 3 * operands, 3)

    def build(importer: _Importer, node: Node, *inputs: Tensor | None) -> Tensor:
        del inputs
        return importer.qlinear(node, operator, places, 3 * operands)

    return _Support(build, 3 * operands + 1, 1, operands)


def _pointwise(operation: Callable[..., pointwise.PointwiseOperation]) -> _Function:
    def build(importer: _Importer, node: Node, data: Tensor) -> Tensor:
        return importer.pointwise(node, data, operation)

    return build


_I = _Importer

_OPERATORS: dict[str, _Support] = {
    "Abs": _Support(_pointwise(pointwise.AbsOp)),
    "Add": _Support(_I.add, 2),
    "AveragePool": _Support(_I.average_pool),
    "Cast": _Support(_I.constants_only),
    "Clip": _Support(_I.clip, 1, 2),
    "Concat": _Support(_I.concat, 1, -1),
    "Constant": _Support(_I.constants_only, 0),
    "ConstantOfShape": _Support(_I.constants_only),
    "Conv": _Support(_I.conv, 2, 1),
    "ConvTranspose": _Support(_I.conv_transpose, 2, 1),
    "ConvInteger": _Support(_I.conv_integer, 2, 2),
    "DepthToSpace": _Support(_I.depth_to_space),
    "DequantizeLinear": _Support(_I.dequantize_linear, 2, 1, 1),
    "Div": _Support(_I.div, 2),
    "Dropout": _Support(_I.identity, 1, 2),
    "Elu": _Support(_I.elu),
    "Erf": _Support(_pointwise(pointwise.ErfOp)),
    "Exp": _Support(_pointwise(pointwise.ExpOp)),
    "Expand": _Support(_I.expand, 2),
    "Flatten": _Support(_I.flatten),
    "Gather": _Support(_I.constants_only, 2),
    "Gelu": _Support(_I.gelu),
    "Gemm": _Support(_I.gemm, 2, 1),
    "GlobalAveragePool": _Support(_I.global_average_pool),
    "GlobalMaxPool": _Support(_I.global_max_pool),
    "HardSigmoid": _Support(_I.hard_sigmoid),
    "HardSwish": _Support(_pointwise(pointwise.HardSwishOp)),
    "Identity": _Support(_I.identity),
    "LeakyRelu": _Support(_I.leaky_relu),
    "Log": _Support(_pointwise(pointwise.LogOp)),
    "MatMul": _Support(_I.matmul, 2),
    "MatMulInteger": _Support(_I.matmul_integer, 2, 2),
    "Max": _Support(_I.maximum, 1, -1),
    "MaxPool": _Support(_I.max_pool),
    "Min": _Support(_I.minimum, 1, -1),
    "Mul": _Support(_I.mul, 2),
    "PRelu": _Support(_I.prelu, 2),
    "Pad": _Support(_I.pad, 2, 2),
    "QLinearConv": _Support(_I.qlinear_conv, 8, 1, 1),
    "QLinearMatMul": _Support(_I.qlinear_matmul, 8, 0, 2),
    "QuantizeLinear": _Support(_I.quantize_linear, 2, 1),
    "Reciprocal": _Support(_pointwise(pointwise.ReciprocalOp)),
    "ReduceMean": _Support(_I.reduce_mean, 1, 1),
    "Relu": _Support(_I.relu),
    "Reshape": _Support(_I.reshape, 2),
    "Resize": _Support(_I.resize, 1, 3),
    "Shape": _Support(_I.constants_only),
    "Sigmoid": _Support(_pointwise(pointwise.SigmoidOp)),
    "Slice": _Support(_I.slice, 3, 2),
    "Softmax": _Support(_I.softmax),
    "Softplus": _Support(_pointwise(pointwise.SoftplusOp)),
    "SpaceToDepth": _Support(_I.space_to_depth),
    "Split": _Support(_I.split, 1, 1),
    "Sqrt": _Support(_pointwise(pointwise.SqrtOp)),
    "Squeeze": _Support(_I.squeeze, 1, 1),
    "Sub": _Support(_I.sub, 2),
    "Swish": _Support(_I.swish),
    "Tanh": _Support(_pointwise(pointwise.TanhOp)),
    "Transpose": _Support(_I.transpose),
    "Unsqueeze": _Support(_I.unsqueeze, 2),
    _MICROSOFT + "DequantizeLinear": _Support(_I.dequantize_linear, 2, 1, 1),
    _MICROSOFT + "QGemm": _Support(_I.qgemm, 6, 3, 1),
    _MICROSOFT + "QLinearAdd": _qlinear(_I.add, 2),
    _MICROSOFT + "QLinearAveragePool": _qlinear(_I.average_pool),
    _MICROSOFT + "QLinearConcat": _Support(_I.qlinear_concat, 5, -1),
    _MICROSOFT + "QLinearGlobalAveragePool": _qlinear(_I.global_average_pool),
    _MICROSOFT + "QLinearLeakyRelu": _qlinear(_I.leaky_relu),
    _MICROSOFT + "QLinearMul": _qlinear(_I.mul, 2),
    _MICROSOFT + "QLinearReduceMean": _qlinear(_I.reduce_mean),
    _MICROSOFT + "QLinearSigmoid": _qlinear(_pointwise(pointwise.SigmoidOp)),
    _MICROSOFT + "QLinearSoftmax": _qlinear(_I.softmax),
    _MICROSOFT + "QuantizeLinear": _Support(_I.quantize_linear, 2, 1),
}


_MOVES = {
    "Concat",
    "DepthToSpace",
    "Expand",
    "Flatten",
    "Identity",
    "MaxPool",
    "Pad",
    "Reshape",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
}
"""The operators whose results have the encoding of what they move."""


def _unsupported(graph: Graph) -> list[str]:
    """Lists the operators that have no place in `qnn`, each with the first and how many they are.

    Raises `ModelError` with that when no operator at all reads or writes codes.
    """
    found: dict[str, list[str]] = {}
    for node in graph.nodes:
        if node.code not in _OPERATORS:
            found.setdefault(node.code, []).append(node.name)
    lines = [
        f"operator '{code}' is not supported ({_times(len(at))}, first at '{at[0]}')"
        for code, at in found.items()
    ]
    if not any(map(is_coded, graph.nodes)):
        first = "the model is not quantized: it has no operator that reads or writes codes"
        raise ModelError(first, *lines)
    return lines


def _undeclared(graph: Graph) -> list[str]:
    """Lists the domains of supported operators that the model does not say it has."""
    used = {node.code.rpartition(".")[0] for node in graph.nodes if node.code in _OPERATORS}
    return [f"the model has no opset of domain '{d}'" for d in used - graph.domains - {""}]


def _readers(graph: Graph) -> dict[str, tuple[Node, int]]:
    """Returns who is the first to state the encoding of each tensor, and at which input.

    What only moves or selects codes hands on the encoding that is stated of its result.
    """
    readers: dict[str, tuple[Node, int]] = {}
    for node in reversed(graph.nodes):
        for place in _coded_places(node):
            stated = {node.input(place + 1), node.input(place + 2) or node.input(place + 1)}
            if stated <= graph.constants.keys():
                readers[node.input(place)] = (node, place)
        if node.code in _MOVES and node.name in readers:
            moved = node.inputs if node.code == "Concat" else node.inputs[:1]
            readers |= dict.fromkeys(moved, readers[node.name])
    return readers


def _coded_places(node: Node) -> range:
    """Returns the places of the codes that an operator reads with their scales."""
    if node.code == _MICROSOFT + "QLinearConcat":
        return range(2, len(node.inputs), 3)
    support = _OPERATORS.get(node.code)
    return range(0, 3 * support.coded if support else 0, 3)


def _place(node: Node) -> str:
    return f"operator '{node.code}' at '{node.name}'"


def _times(count: int) -> str:
    return "1 time" if count == 1 else f"{count} times"


def _attributes(port: Port, encoding: QuantizationAttr | None) -> DictionaryAttr:
    """Returns the attributes of an argument."""
    attributes: dict[str, Attribute] = {NAME_ATTRIBUTE: StringAttr(port.name)}
    if encoding is not None:
        attributes[ENCODING_ATTRIBUTE] = encoding
    return DictionaryAttr(attributes)
