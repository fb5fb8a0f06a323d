"""Reads TensorFlow Lite models: a fully quantized `.tflite` file becomes a `qnn` module.

The module computes what LiteRT's reference kernels compute, bit for bit. They bring accumulators
to the output's scale in more than one way:

| operator | product of the scales of the operands | rounding |
|---|---|---|
| CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV on int8 | float64 | `tflite` |
| CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV on uint8 | float32 | `tflite` |
| the three on int16, with a bias of int32 | float64 | `tflite` |
| the three on int16, else | float64 | `tflite16` |
| FULLY_CONNECTED | float64 | `away` |
| BATCH_MATMUL | float32 | `tflite` |
| MUL | float32, and its quotient by the output's scale too | `tflite` |
| LOGISTIC, TANH, EXP, LOG, GELU, ELU | none: the number in float32 | a table in float32 |
| LEAKY_RELU, PRELU, ABS, RELU and its kin | float32, and its quotient too | `tflite` |
| HARD_SWISH, RSQRT | float32, and its quotient too | gemmlowp's, on fewer bits |
| SQRT | none: the number in float32 | towards zero |

FULLY_CONNECTED multiplies in float64 and rounds ties away from zero. `away` has 31 bits of the
multiplier instead of 53, which shows in less than one accumulator in ten million, and on int16 in
about one in a million.

Functions of one code are those of `sima_mlir.quantization.lut`. LiteRT takes `tanhf` and the like
from the C library, which does not always round to the nearest float32, as is done here: about one
code in a million of TANH is off by one. LiteRT refuses to run SQRT and RSQRT on a code below the
zero point; such a code counts as the zero point here. Two operators of the schema are left out:
SQUARE takes no codes in LiteRT, and NEG negates them without a look at their zero points, and
wraps, which no quantized network means.

Sources: TensorFlow Lite's `schema.fbs`; LiteRT 2.3 `tflite/kernels/*.cc` and
`tflite/kernels/internal/reference/`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from xdsl.dialects import arith, func
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FileLineColLoc,
    IntAttr,
    IntegerType,
    ModuleOp,
    NameLoc,
    NoneAttr,
    StringAttr,
    i32,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.utils.exceptions import VerifyException

from sima_mlir.dialects import qnn, shapes
from sima_mlir.dialects.definitions import dimensions, element_type, shape_of
from sima_mlir.dialects.elements import dense, dtype_of, tensor_type
from sima_mlir.dialects.pointwise import PointwiseOperation
from sima_mlir.dialects.qnn import ENCODING_ATTRIBUTE, NAME_ATTRIBUTE, QuantizationAttr
from sima_mlir.frontends import ModelError
from sima_mlir.frontends import tflite_moves as tm
from sima_mlir.frontends.tflite_dilation import EXPLICIT_PADDING, fold_dilations
from sima_mlir.frontends.tflite_file import Graph, Operator, Tensor, read_graph
from sima_mlir.quantization import Rounding, code_range

Array: TypeAlias = npt.NDArray[Any]
Shape: TypeAlias = Sequence[int]
Types: TypeAlias = tuple[str, ...]

_MAX_BROADCAST = 2**26
"""How large a broadcast constant may become, so that a small file does not take all memory."""

_CODES: Types = ("INT8", "UINT8")
_WIDE: Types = (*_CODES, "INT16")
_INT32: Types = ("INT32",)
_FLOAT32: Types = ("FLOAT32",)

_ACTIVATIONS = {
    "NONE": (-math.inf, math.inf),
    "RELU": (0.0, math.inf),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}
"""The real range of each fused activation."""

_CLIPS = {name: _ACTIVATIONS[name] for name in ("RELU", "RELU6", "RELU_N1_TO_1")} | {
    "RELU_0_TO_1": (0.0, 1.0)
}
"""The real range of each operator that clips."""


def import_tflite(data: bytes, name: str = "<model>") -> ModuleOp:
    """Returns a module whose one function, `@main`, computes the model.

    Arguments and results are tensors of codes (or of f32, before a QUANTIZE and after a
    DEQUANTIZE) in the model's order. They carry `qnn.name` and, if they hold codes,
    `qnn.quantization`. An operation's location is the name of the tensor that it computes, the
    module's is the file `name`.

    Raises `ModelError` when the package `tflite` is not installed, when the bytes are not a model
    or a damaged one, and when the model cannot be taken over exactly: operators, types or
    activations that are not supported (each of them is listed), several subgraphs, shapes that are
    not known or do not fit together, weights that are not constant, quantization that is missing
    or makes no sense.
    """
    graph = read_graph(data, {code: (s.options, s.fields) for code, s in _OPERATORS.items()})
    if problems := _unsupported(graph):
        raise ModelError(*problems)
    return _Importer().module(fold_dilations(graph), name)


def _unsupported(graph: Graph) -> list[str]:
    """Lists what has no place in `qnn`, each with the first tensor and how often it occurs."""
    found: dict[tuple[str, str], list[str]] = {}
    for operator in graph.operators:
        activation = operator.options.get("FusedActivationFunction", "NONE")
        if operator.code not in _OPERATORS:
            found.setdefault(("operator", operator.code), []).append(operator.name)
        elif activation not in _ACTIVATIONS:
            found.setdefault(("activation", activation), []).append(operator.name)
    lines = [
        f"{kind} '{name}' is not supported ({_times(len(at))}, first at '{at[0]}')"
        for (kind, name), at in found.items()
    ]
    return lines + _unsupported_types(graph)


def _unsupported_types(graph: Graph) -> list[str]:
    uses = _uses(graph)
    bad = {tensor.number: (tensor, types) for tensor, types in uses if tensor.type not in types}
    found: dict[tuple[str, Types], list[str]] = {}
    for tensor, types in bad.values():
        found.setdefault((tensor.type, types), []).append(tensor.name)
    lines = [
        f"tensor '{names[0]}' has type {given}, only {', '.join(types)} "
        f"{'is' if len(types) == 1 else 'are'} supported here ({_times(len(names))})"
        for (given, types), names in found.items()
    ]
    if lines and not any(tensor.type in _WIDE for tensor, _ in uses):
        lines.insert(0, "the model is not quantized: it has no tensor of type INT8 or UINT8")
    return lines


def _uses(graph: Graph) -> list[tuple[Tensor, Types]]:
    """Returns the tensors of the function and of every operator with the types they may have."""
    uses = [(tensor, _WIDE + _FLOAT32) for tensor in graph.inputs + graph.outputs]
    for operator in graph.operators:
        if (support := _OPERATORS.get(operator.code)) is not None:
            pairs = zip(operator.inputs, support.operand_types(operator), strict=False)
            uses += [(tensor, types) for tensor, types in pairs if tensor is not None]
            uses += [(tensor, support.output) for tensor in operator.outputs]
    return uses


def _times(count: int) -> str:
    return "1 time" if count == 1 else f"{count} times"


class _Importer:
    """Builds the function, operator by operator.

    Methods named as an operator return the value that it computes. They raise `ModelError` for
    what is wrong with a tensor, and `ValueError` or `VerifyException` for what is wrong with the
    operator, to which its name is then added.
    """

    def __init__(self) -> None:
        self.block = Block()
        self.values: dict[int, SSAValue] = {}
        self.location = NameLoc(StringAttr(""), NoneAttr())

    def module(self, graph: Graph, name: str) -> ModuleOp:
        """Builds the module."""
        for tensor in graph.inputs:
            self.define(tensor, self.argument(tensor))
        arguments = self.block.arg_types
        for operator in graph.operators:
            self.convert(operator)
        results = [self.value(tensor) for tensor in graph.outputs]
        self.block.add_op(func.ReturnOp(*results))
        main = func.FuncOp(
            "main",
            (arguments, [value.type for value in results]),
            Region(self.block),
            arg_attrs=ArrayAttr([_interface(tensor) for tensor in graph.inputs]),
            res_attrs=ArrayAttr([_interface(tensor) for tensor in graph.outputs]),
        )
        module = ModuleOp([main])
        module.location = main.location = FileLineColLoc(StringAttr(name), IntAttr(0), IntAttr(0))
        return module

    def argument(self, tensor: Tensor) -> SSAValue:
        """Adds an argument of the function."""
        if not tensor.shape:
            raise ModelError(f"input '{tensor.name}' has no shape")
        argument_type = tensor_type(tensor.static_shape, tensor.element_type)
        return self.block.insert_arg(argument_type, len(self.block.args), _location(tensor))

    def convert(self, operator: Operator) -> None:
        """Adds the operations of an operator."""
        try:
            _check_operands(operator)
            self.location = _location(operator.outputs[0])
            built = _OPERATORS[operator.code].build(self, operator)
        except ModelError:
            raise
        except (ValueError, VerifyException) as error:
            reason = " ".join(str(error).split())
            raise ModelError(f"operator '{operator.code}' at '{operator.name}': {reason}") from None
        results = [built] if isinstance(built, SSAValue) else built
        for tensor, result in zip(operator.outputs, results, strict=True):
            self.define(tensor, result)

    def define(self, tensor: Tensor, value: SSAValue) -> None:
        """Makes a value known as a tensor, whose shape and type it must have."""
        if tensor.number in self.values:
            raise ModelError(f"tensor '{tensor.name}' is computed twice")
        given, computed = dimensions(tensor.shape), dimensions(shape_of(value))
        if not tensor.takes(shape_of(value)):
            raise ModelError(f"tensor '{tensor.name}' has shape {given}, computed is {computed}")
        if element_type(value) != tensor.element_type:
            raise ModelError(
                f"tensor '{tensor.name}' has type {tensor.element_type}, "
                f"computed is {element_type(value)}"
            )
        self.values[tensor.number] = value

    def emit(self, operation: Operation) -> SSAValue:
        """Appends an operation that computes the operator's output, or is on the way to it."""
        operation.location = self.location
        operation.verify()
        self.block.add_op(operation)
        return operation.results[0]

    def value(self, tensor: Tensor) -> SSAValue:
        """Returns a tensor that was computed, or is a constant."""
        if tensor.number not in self.values:
            if tensor.data is None:
                raise ModelError(f"tensor '{tensor.name}' is used before it is computed")
            self.values[tensor.number] = self.constant(tensor, tensor.constant())
        return self.values[tensor.number]

    def constant(self, tensor: Tensor, array: Array) -> SSAValue:
        """Adds a constant that a tensor holds."""
        operation = arith.ConstantOp(dense(array))
        operation.location = _location(tensor)
        self.block.add_op(operation)
        return operation.result

    def add(self, operator: Operator) -> SSAValue:
        """Adds two tensors, of which one may be a smaller constant."""
        return self.sum(operator, qnn.AddOp)

    def mul(self, operator: Operator) -> SSAValue:
        """Multiplies two tensors, of which one may be a smaller constant."""
        return self.elementwise(operator, qnn.MulOp)

    def subtract(self, operator: Operator) -> SSAValue:
        """Subtracts one tensor from another; one of them may be a smaller constant."""
        return self.sum(operator, qnn.SubtractOp)

    def sum(self, operator: Operator, operation: type[qnn.ElementwiseOperation]) -> SSAValue:
        """Adds or subtracts; LiteRT does so in another way where all scales are powers of two."""
        tensors = [*operator.operands, *operator.outputs]
        if operator.outputs[0].type == "INT16" and operator.options["PotScaleInt16"]:
            scales = np.concatenate([tensor.scales for tensor in tensors])
            if np.all(np.frexp(scales)[0] == 0.5):
                given = ", ".join(map(str, scales))
                raise ValueError(f"scales of INT16 must not all be powers of two, got {given}")
        return self.elementwise(operator, operation)

    def function(
        self, operator: Operator, operation: Callable[..., PointwiseOperation], *parameters: object
    ) -> SSAValue:
        """Puts each number through a function."""
        source, output = operator.operands[0], operator.outputs[0]
        encodings = source.encoding, output.encoding
        return self.emit(operation(self.value(source), *parameters, *encodings, Rounding.TFLITE))

    def elu(self, operator: Operator) -> SSAValue:
        """Computes the exponential linear unit."""
        return self.function(operator, qnn.EluOp, 1.0)

    def gelu(self, operator: Operator) -> SSAValue:
        """Computes the Gaussian error linear unit, exactly or by a hyperbolic tangent."""
        approximate = bool(operator.options["Approximate"])
        return self.function(operator, partial(qnn.GeluOp, approximate=approximate))

    def leaky_relu(self, operator: Operator) -> SSAValue:
        """Multiplies what is negative by a slope."""
        return self.function(operator, qnn.LeakyReluOp, float(operator.options["Alpha"]))

    def prelu(self, operator: Operator) -> SSAValue:
        """Multiplies what is negative by a slope, one for all elements or for each channel."""
        source, slope = operator.operands
        codes, channels = np.atleast_1d(slope.constant()), math.prod(source.shape[-1:])
        if codes.size not in (1, codes.shape[-1]) or codes.size not in (1, channels):
            wanted = f"one element, or one for each of {channels} channels"
            shape = dimensions(codes.shape)
            raise ValueError(f"slope '{slope.name}' must have {wanted}, got {shape}")
        if slope.type != source.type:
            raise ValueError(f"slope must have type {source.type}, got {slope.type}")
        alpha = int(codes.item()) if codes.size == 1 else codes.ravel().tolist()
        return self.function(operator, qnn.PreluOp, alpha, slope.encoding)

    def relu(self, operator: Operator) -> SSAValue:
        """Clips to a real range, in the output's encoding."""
        (source,), output = operator.operands, operator.outputs[0]
        same = source.encoding == output.encoding
        data = self.value(source) if same else self.function(operator, qnn.LeakyReluOp, 1.0)
        return self.clipped(data, _CLIPS[operator.code], output)

    def elementwise(
        self, operator: Operator, operation: type[qnn.ElementwiseOperation]
    ) -> SSAValue:
        """Computes an operation on two tensors, and clips to the fused activation."""
        (lhs, rhs), output = operator.operands, operator.outputs[0]
        _check_centred(lhs, rhs, output)
        shape = _broadcast_shape(lhs, rhs)
        result = operation(
            self.broadcast(lhs, shape),
            self.broadcast(rhs, shape),
            lhs.encoding,
            rhs.encoding,
            output.encoding,
            Rounding.TFLITE,
        )
        return self.activation(self.emit(result), operator)

    def broadcast(self, tensor: Tensor, shape: tuple[int, ...]) -> SSAValue:
        """Returns a tensor in a shape that it broadcasts to; only a constant can grow."""
        if math.prod(tensor.shape) == math.prod(shape):
            return self.reshaped(self.value(tensor), shape)
        if tensor.data is not None and math.prod(shape) <= _MAX_BROADCAST:
            return self.constant(tensor, np.broadcast_to(tensor.constant(), shape))
        raise ValueError(
            f"broadcasting '{tensor.name}' from {dimensions(tensor.shape)} to {dimensions(shape)} "
            f"is only supported for a constant of at most {_MAX_BROADCAST} elements"
        )

    def average_pool_2d(self, operator: Operator) -> SSAValue:
        """Averages over a window."""
        data, encoding = self.value(operator.operands[0]), operator.operands[0].encoding
        pool_size, strides, padding = _pool_window(operator, data)
        pool = qnn.AvgPoolOp(
            data, pool_size, encoding, encoding, Rounding.TFLITE, strides=strides, padding=padding
        )
        return self.activation(self.emit(pool), operator)

    def max_pool_2d(self, operator: Operator) -> SSAValue:
        """Takes the largest code of a window."""
        data = self.value(operator.operands[0])
        pool_size, strides, padding = _pool_window(operator, data)
        pool = qnn.MaxPoolOp(data, pool_size, strides=strides, padding=padding)
        return self.activation(self.emit(pool), operator)

    def conv_2d(self, operator: Operator) -> SSAValue:
        """Convolves; the weights are O, H, W, I with the inputs of one group."""
        data, weight = self.value(operator.operands[0]), operator.operands[1]
        kernel = weight.constant(rank=4)
        outputs, height, width, inputs = kernel.shape
        groups = _divided("channels of data", shape_of(data)[-1], inputs)
        each = _divided("output channels", outputs, groups)
        hwigo = kernel.reshape(groups, each, height, width, inputs).transpose(2, 3, 4, 0, 1)
        return self.convolution(operator, data, hwigo, channel_axis=0)

    def depthwise_conv_2d(self, operator: Operator) -> SSAValue:
        """Convolves each channel by itself; the weights are 1, H, W, C * multiplier."""
        data, weight = self.value(operator.operands[0]), operator.operands[1]
        kernel, channels = weight.constant(rank=4), shape_of(data)[-1]
        one, height, width, outputs = kernel.shape
        multiplier = _divided("output channels", outputs, channels)
        given = operator.options["DepthMultiplier"]
        if one != 1:
            raise ValueError(f"first axis of weight '{weight.name}' must be 1, got {one}")
        if given not in (0, multiplier):
            raise ValueError(f"depth multiplier must be {multiplier}, got {given}")
        hwigo = kernel.reshape(height, width, 1, channels, multiplier)
        return self.convolution(operator, data, hwigo, channel_axis=3)

    def convolution(
        self, operator: Operator, data: SSAValue, hwigo: Array, channel_axis: int
    ) -> SSAValue:
        """Convolves with weights in the layout of `qnn`, then requantizes."""
        source, weight = operator.operands[:2]
        _check_symmetric(weight)
        strides, padding, dilations = _conv_window(operator, shape_of(data), hwigo.shape)
        accumulator = qnn.ConvOp(
            data,
            self.constant(weight, hwigo),
            strides=strides,
            padding=padding,
            dilations=dilations,
            input_zero_point=source.zero_point,
            kernel_zero_point=weight.zero_point,
            accumulator=_accumulator(operator),
        )
        return self.convolved(accumulator, operator, channel_axis)

    def transpose_conv(self, operator: Operator) -> SSAValue:
        """Spreads data over a result whose shape is given; the weights are O, H, W, I."""
        shape, weight, source, *biases = operator.operands
        data, kernel = self.value(source), weight.constant(rank=4)
        size, taps = shape.constant(rank=1).tolist(), kernel.shape[1:3]
        _check_symmetric(weight)
        strides, totals = _window(operator, size, taps, [1, 1])
        steps = np.array(size[1:3]) + totals[:2] + totals[2:] - taps
        places, left = (numbers.tolist() for numbers in np.divmod(steps, strides))
        if (given := shape_of(data)[1:-1]) != (wanted := tuple(n + 1 for n in places)):
            to = f"{dimensions(wanted)} for a result of {dimensions(size[1:3])}"
            raise ValueError(f"data must have spatial size {to}, got {dimensions(given)}")
        ordered = operator._replace(inputs=(source, weight, *biases))
        accumulator = qnn.ConvTransposeOp(
            data,
            self.constant(weight, kernel.transpose(1, 2, 3, 0)[:, :, :, None]),
            strides=strides,
            padding=totals,
            output_padding=left,
            input_zero_point=source.zero_point,
            kernel_zero_point=weight.zero_point,
            accumulator=_accumulator(ordered),
        )
        return self.convolved(accumulator, ordered, channel_axis=0)

    def convolved(
        self, accumulator: qnn.WeightedOperation, operator: Operator, channel_axis: int
    ) -> SSAValue:
        """Requantizes the sums of a convolution as LiteRT does."""
        source, weight = operator.operands[:2]
        precision = np.float32 if source.type == "UINT8" else np.float64
        product = _product(source, weight, channel_axis, precision)
        is_wide = element_type(accumulator.result) == i64
        rounding = Rounding.TFLITE16 if is_wide else Rounding.TFLITE
        return self.requantized(self.emit(accumulator), operator, product, rounding)

    def batch_matmul(self, operator: Operator) -> SSAValue:
        """Multiplies matrices; a single constant one with zero point 0 is a weight."""
        lhs, rhs = operator.operands
        for name, tensor in (("lhs", lhs), ("rhs", rhs)):
            if (rank := len(tensor.shape)) < 2:
                raise ValueError(f"{name} must have at least 2 axes, got {rank}")
        left, transposed = self.value(lhs), bool(operator.options["AdjY"])
        if operator.options["AdjX"]:
            *batch, rows, columns = range(len(lhs.shape))
            left = self.emit(qnn.TransposeOp(left, [*batch, columns, rows]))
        if rhs.data is not None and math.prod(rhs.shape[:-2]) == 1 and not rhs.zero_point:
            more = (1,) * (len(rhs.shape) - len(lhs.shape))
            left = self.reshaped(left, (*more, *shape_of(left)))
            kernel = rhs.constant().reshape(rhs.shape[-2:])
            weight = self.constant(rhs, kernel if transposed else kernel.T)
            product = self.dense_product(left, weight, lhs, rhs)
        else:
            product = self.matrix_product(left, self.value(rhs), lhs, rhs, transposed)
        input_q = QuantizationAttr.of(float(lhs.scale * rhs.scale))
        output_q = operator.outputs[0].encoding
        accumulators = self.emit(product)
        return self.emit(qnn.RequantizeOp(accumulators, input_q, output_q, Rounding.TFLITE))

    def fully_connected(self, operator: Operator) -> SSAValue:
        """Multiplies by weights of axes O, I; the data is flattened to rows of I."""
        source, weight = operator.operands[:2]
        if operator.options["WeightsFormat"]:
            raise ValueError("shuffled weights are not supported")
        data = self.value(source)
        if len(weight.shape) != 2:
            shape = dimensions(weight.shape)
            raise ValueError(f"weight '{weight.name}' must have 2 axes, got {shape}")
        if not operator.options["KeepNumDims"]:
            features = weight.shape[1]
            rows = _divided("elements of data", math.prod(shape_of(data)), features)
            data = self.reshaped(data, (rows, features))
        if weight.data is None:
            accumulator = self.matrix_product(data, self.value(weight), source, weight, True)
        else:
            accumulator = qnn.DenseOp(
                data,
                self.constant(weight, weight.constant()),
                input_zero_point=source.zero_point,
                kernel_zero_point=weight.zero_point,
                accumulator=_accumulator(operator),
            )
        product = _product(source, weight, 0, np.float64)
        return self.requantized(self.emit(accumulator), operator, product, Rounding.AWAY)

    def dense_product(
        self, data: SSAValue, kernel: SSAValue, source: Tensor, weight: Tensor
    ) -> Operation:
        """Returns the product of rows with those of a constant weight."""
        return qnn.DenseOp(
            data,
            kernel,
            input_zero_point=source.zero_point,
            kernel_zero_point=weight.zero_point,
        )

    def matrix_product(
        self, left: SSAValue, right: SSAValue, lhs: Tensor, rhs: Tensor, transposed: bool
    ) -> Operation:
        """Returns the product of matrices that are both computed."""
        return qnn.BatchMatmulOp(
            left,
            right,
            transpose_rhs=transposed,
            lhs_zero_point=lhs.zero_point,
            rhs_zero_point=rhs.zero_point,
        )

    def requantized(
        self, accumulator: SSAValue, operator: Operator, product: Array, rounding: Rounding
    ) -> SSAValue:
        """Adds the bias if there is one, requantizes, and clips to the fused activation."""
        source, weight, *biases = operator.operands
        wanted = "INT8" if source.type == "INT16" else source.type
        if weight.type != wanted:
            raise ValueError(f"weight must have type {wanted}, got {weight.type}")
        _check_centred(source, operator.outputs[0])
        for bias in biases:
            constant = self.constant(bias, bias.constant())
            accumulator = self.emit(qnn.BiasAddOp(accumulator, constant))
        input_q, output_q = QuantizationAttr.of(product), operator.outputs[0].encoding
        result = qnn.RequantizeOp(accumulator, input_q, output_q, rounding, source.element_type)
        return self.activation(self.emit(result), operator)

    def activation(self, value: SSAValue, operator: Operator) -> SSAValue:
        """Clips to the range of the fused activation."""
        limits = _ACTIVATIONS[operator.options["FusedActivationFunction"]]
        return self.clipped(value, limits, operator.outputs[0])

    def clipped(self, value: SSAValue, limits: tuple[float, float], tensor: Tensor) -> SSAValue:
        """Clips to a real range, unless that is the range of the type."""
        everything = code_range(dtype_of(element_type(value)))
        low, high = _activation_range(limits, tensor, everything)
        return value if (low, high) == everything else self.emit(qnn.ClipOp(value, low, high))

    def mean(self, operator: Operator) -> SSAValue:
        """Averages over axes, which disappear unless the operator keeps them."""
        (source, axes), output = operator.operands, operator.outputs[0]
        data, rank = self.value(source), len(source.shape)
        averaged = {a + rank if a < 0 else a for a in axes.constant().ravel().tolist()}
        result = self.emit(
            qnn.MeanOp(data, sorted(averaged), source.encoding, output.encoding, Rounding.TFLITE)
        )
        if operator.options["KeepDims"]:
            return result
        kept = (size for axis, size in enumerate(source.shape) if axis not in averaged)
        return self.reshaped(result, tuple(kept))

    def pad(self, operator: Operator) -> SSAValue:
        """Puts the output's zero point around a tensor."""
        source, widths = operator.operands
        amounts, rank = widths.constant(), len(source.shape)
        if amounts.shape != (rank, 2):
            raise ValueError(f"paddings must have shape {rank}x2, got {dimensions(amounts.shape)}")
        value = operator.outputs[0].encoding.per_tensor().zero_point
        return self.emit(qnn.PadOp(self.value(source), amounts.T.ravel().tolist(), value))

    def reshape(self, operator: Operator) -> SSAValue:
        """Gives a tensor the shape of the output, to which a shape among the operands must fit."""
        source, shape = operator.operands[0], operator.outputs[0].static_shape
        tm.check_same_encoding(operator)
        for tensor in operator.operands[1:]:
            sizes = tensor.constant().ravel().tolist()
            fits = all(size in (-1, given) for size, given in zip(sizes, shape, strict=False))
            if len(sizes) != len(shape) or not fits:
                raise ValueError(f"result must have shape {sizes}, got {list(shape)}")
        return self.reshaped(self.value(source), shape)

    def reshaped(self, value: SSAValue, shape: tuple[int, ...]) -> SSAValue:
        """Gives a value another shape, if it hasn't got it already."""
        return value if shape_of(value) == shape else self.emit(qnn.ReshapeOp(value, shape))

    def softmax(self, operator: Operator) -> SSAValue:
        """Computes softmax along the last axis."""
        (source,), output = operator.operands, operator.outputs[0]
        beta = float(operator.options["Beta"])
        return self.emit(qnn.SoftmaxOp(self.value(source), source.encoding, output.encoding, beta))

    def quantize(self, operator: Operator) -> SSAValue:
        """Turns real numbers into codes, or codes into those of another encoding."""
        (source,), output = operator.operands, operator.outputs[0]
        data, to = self.value(source), (output.encoding, output.element_type)
        if source.type in _FLOAT32:
            return self.emit(qnn.QuantizeOp(data, to[0], Rounding.AWAY, to[1]))
        return self.emit(qnn.RequantizeOp(data, source.encoding, to[0], Rounding.TFLITE, to[1]))

    def dequantize(self, operator: Operator) -> SSAValue:
        """Turns codes into real numbers."""
        (source,) = operator.operands
        return self.emit(qnn.DequantizeOp(self.value(source), source.encoding))


class _Support(NamedTuple):
    """How an operator is taken over."""

    build: Callable[[_Importer, Operator], SSAValue | Sequence[SSAValue]]
    inputs: tuple[Types, ...]
    """The types that each operand may have."""
    output: Types = _CODES
    optional: int = 0
    """How many of the last operands may be left out."""
    options: str = ""
    """The schema's table of options."""
    fields: tuple[str, ...] = ()
    """Those of them that are read."""
    variadic: bool = False
    """Whether there may be more operands, as the last one."""
    several: bool = False
    """Whether there may be more results than one."""

    def operand_types(self, operator: Operator) -> tuple[Types, ...]:
        """Returns the types that each operand of an operator may have."""
        more = len(operator.inputs) - len(self.inputs)
        return self.inputs + self.inputs[-1:] * (more if self.variadic else 0)


_ACTIVATION = ("FusedActivationFunction",)
_SUM = (*_ACTIVATION, "PotScaleInt16")
_WINDOW = ("Padding", "StrideH", "StrideW", *_ACTIVATION)
_POOL = ("FilterHeight", "FilterWidth", *_WINDOW)
_DILATED = ("DilationHFactor", "DilationWFactor", *_WINDOW)
_BIAS = ("QuantizedBiasType",)
_CONV = (*_DILATED, *_BIAS)
_DEPTHWISE = ("DepthMultiplier", *_DILATED)
_DENSE = ("KeepNumDims", "WeightsFormat", *_ACTIVATION, *_BIAS)

_INDICES: Types = ("INT32", "INT64")
_WEIGHTED = (_WIDE, _CODES, _INDICES)
_SHAPED = (_WIDE, _INT32)
_PADDED = (_WIDE, _INDICES)
_ANY = (_WIDE + _FLOAT32,)
_AXES = ("Axis",)
_STRIDED = ("BeginMask", "EndMask", "EllipsisMask", "NewAxisMask", "ShrinkAxisMask", "Offset")
_RESIZED = ("AlignCorners", "HalfPixelCenters")

_I = _Importer


def _function(operation: Callable[..., PointwiseOperation], types: Types = _CODES) -> _Support:
    """Returns how an operator is taken over that puts each number through a function."""

    def build(importer: _Importer, operator: Operator) -> SSAValue:
        return importer.function(operator, operation)

    return _Support(build, (types,), types)


_SIGNED: Types = ("INT8",)

_MOVES: dict[str, _Support] = {
    "BATCH_TO_SPACE_ND": _Support(tm.batch_to_space_nd, (_WIDE, _INDICES, _INDICES), _WIDE),
    "BROADCAST_TO": _Support(tm.broadcast_to, (_CODES, _INDICES)),
    "CONCATENATION": _Support(
        tm.concatenation,
        (_WIDE,),
        _WIDE,
        options="ConcatenationOptions",
        fields=("Axis", *_ACTIVATION),
        variadic=True,
    ),
    "DEPTH_TO_SPACE": _Support(
        tm.depth_to_space, (_CODES,), options="DepthToSpaceOptions", fields=("BlockSize",)
    ),
    "EXPAND_DIMS": _Support(tm.reshape_of_ones, (_WIDE, _INDICES), _WIDE),
    "MAXIMUM": _Support(tm.maximum, (_CODES, _CODES)),
    "MINIMUM": _Support(tm.minimum, (_CODES, _CODES)),
    "PACK": _Support(tm.pack, (_WIDE,), _WIDE, options="PackOptions", fields=_AXES, variadic=True),
    "RESIZE_BILINEAR": _Support(
        tm.resize_bilinear,
        (("INT8",), _INT32),
        ("INT8",),
        options="ResizeBilinearOptions",
        fields=_RESIZED,
    ),
    "RESIZE_NEAREST_NEIGHBOR": _Support(
        tm.resize_nearest_neighbor,
        _SHAPED,
        _WIDE,
        options="ResizeNearestNeighborOptions",
        fields=_RESIZED,
    ),
    "SLICE": _Support(tm.slice_, (_WIDE, _INDICES, _INDICES), _WIDE),
    "SPACE_TO_BATCH_ND": _Support(tm.space_to_batch_nd, (_WIDE, _INDICES, _INDICES), _WIDE),
    "SPACE_TO_DEPTH": _Support(
        tm.space_to_depth, (_CODES,), options="SpaceToDepthOptions", fields=("BlockSize",)
    ),
    "SPLIT": _Support(tm.split, (_INT32, _WIDE), _WIDE, several=True),
    "SPLIT_V": _Support(tm.split_v, (_WIDE, _INDICES, _INT32), _WIDE, several=True),
    "SQUEEZE": _Support(tm.reshape_of_ones, (_WIDE,), _WIDE),
    "STRIDED_SLICE": _Support(
        tm.strided_slice,
        (_WIDE, _INDICES, _INDICES, _INDICES),
        _WIDE,
        options="StridedSliceOptions",
        fields=_STRIDED,
    ),
    "TRANSPOSE": _Support(tm.transpose, _SHAPED, _WIDE),
    "UNPACK": _Support(
        tm.unpack, (_WIDE,), _WIDE, options="UnpackOptions", fields=_AXES, several=True
    ),
}
"""The operators that move, select or clamp codes."""

_OPERATORS: dict[str, _Support] = {
    **_MOVES,
    "ABS": _function(qnn.AbsOp, _SIGNED),
    "ADD": _Support(_I.add, (_WIDE, _WIDE), _WIDE, 0, "AddOptions", _SUM),
    "AVERAGE_POOL_2D": _Support(_I.average_pool_2d, (_WIDE,), _WIDE, 0, "Pool2DOptions", _POOL),
    "BATCH_MATMUL": _Support(
        _I.batch_matmul, (_SIGNED, _SIGNED), _SIGNED, 0, "BatchMatMulOptions", ("AdjX", "AdjY")
    ),
    "CONV_2D": _Support(_I.conv_2d, _WEIGHTED, _WIDE, 1, "Conv2DOptions", _CONV),
    "DEPTHWISE_CONV_2D": _Support(
        _I.depthwise_conv_2d, _WEIGHTED, _WIDE, 1, "DepthwiseConv2DOptions", _DEPTHWISE
    ),
    "DEQUANTIZE": _Support(_I.dequantize, (_WIDE,), _FLOAT32),
    "ELU": _Support(_I.elu, (_SIGNED,), _SIGNED),
    "EXP": _function(qnn.ExpOp, _SIGNED),
    "FULLY_CONNECTED": _Support(
        _I.fully_connected, _WEIGHTED, _WIDE, 1, "FullyConnectedOptions", _DENSE
    ),
    "GELU": _Support(_I.gelu, (_CODES,), _CODES, 0, "GeluOptions", ("Approximate",)),
    "HARD_SWISH": _function(qnn.HardSwishOp),
    "LEAKY_RELU": _Support(_I.leaky_relu, (_CODES,), _CODES, 0, "LeakyReluOptions", ("Alpha",)),
    "LOG": _function(qnn.LogOp, _SIGNED),
    "LOGISTIC": _function(qnn.SigmoidOp),
    "MAX_POOL_2D": _Support(_I.max_pool_2d, (_WIDE,), _WIDE, 0, "Pool2DOptions", _POOL),
    "MEAN": _Support(_I.mean, _SHAPED, _WIDE, 0, "ReducerOptions", ("KeepDims",)),
    "MUL": _Support(_I.mul, (_WIDE, _WIDE), _WIDE, 0, "MulOptions", _ACTIVATION),
    "PAD": _Support(_I.pad, _PADDED, _WIDE),
    "PRELU": _Support(_I.prelu, (_CODES, _CODES)),
    "QUANTIZE": _Support(_I.quantize, _ANY, _WIDE),
    **{name: _Support(_I.relu, (_WIDE,), _WIDE) for name in _CLIPS},
    "RESHAPE": _Support(_I.reshape, _SHAPED, _WIDE, 1),
    "RSQRT": _function(qnn.RsqrtOp, _SIGNED),
    "SOFTMAX": _Support(_I.softmax, (_CODES,), _CODES, 0, "SoftmaxOptions", ("Beta",)),
    "SQRT": _function(qnn.SqrtOp, _SIGNED),
    "SUB": _Support(_I.subtract, (_WIDE, _WIDE), _WIDE, 0, "SubOptions", _SUM),
    "TANH": _function(qnn.TanhOp),
    "TRANSPOSE_CONV": _Support(
        _I.transpose_conv,
        (_INT32, _CODES, _WIDE, _INDICES),
        _WIDE,
        1,
        "TransposeConvOptions",
        (*_WINDOW, *_BIAS),
    ),
}


def _check_operands(operator: Operator) -> None:
    """Checks how many operands and results there are, and which are left out."""
    support, given = _OPERATORS[operator.code], len(operator.inputs)
    most = len(support.operand_types(operator))
    least = most - support.optional
    if not least <= given <= most:
        wanted = f"{least} or {most}" if least < most else f"{most}"
        raise ValueError(f"inputs must be {wanted}, got {given}")
    if None in operator.inputs[:least]:
        raise ValueError(f"input {operator.inputs.index(None)} must not be left out")
    if len(operator.outputs) != 1 and not support.several:
        raise ValueError(f"outputs must be 1, got {len(operator.outputs)}")


def _location(tensor: Tensor) -> NameLoc:
    return NameLoc(StringAttr(tensor.name), NoneAttr())


def _interface(tensor: Tensor) -> DictionaryAttr:
    """Returns the attributes of an argument or a result."""
    attributes: dict[str, Attribute] = {NAME_ATTRIBUTE: StringAttr(tensor.name)}
    if tensor.type in _WIDE:
        attributes[ENCODING_ATTRIBUTE] = tensor.encoding
    return DictionaryAttr(attributes)


def _product(source: Tensor, weight: Tensor, axis: int, precision: npt.DTypeLike) -> Array:
    """Multiplies the scales of data and weights in a type; the products, for each channel, as f64.

    Several scales belong to the output channels, which lie along an axis of the weights.
    """
    scales, channels = weight.checked_scales(), weight.shape[axis]
    if len(scales) > 1 and source.type == "UINT8":
        raise ValueError(f"weight must have 1 scale, got {len(scales)}")
    if len(scales) not in (1, channels):
        raise ValueError(f"weight must have 1 or {channels} scales, got {len(scales)}")
    if len(scales) > 1 and weight.axis != axis:
        raise ValueError(f"weight must be quantized along axis {axis}, got {weight.axis}")
    with np.errstate(over="ignore", under="ignore"):
        product = source.scale.astype(precision) * scales.astype(precision)
    return product.astype(np.float64)


def _check_centred(*tensors: Tensor) -> None:
    """Refuses 16-bit codes with a zero point."""
    for tensor in tensors:
        if tensor.type == "INT16" and tensor.zero_point:
            reason = f"must be 0 for INT16, got {tensor.zero_point}"
            raise ValueError(f"zero point of '{tensor.name}' {reason}")


def _broadcast_shape(lhs: Tensor, rhs: Tensor) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(lhs.static_shape, rhs.static_shape)
    except ValueError:
        given = f"{dimensions(lhs.shape)} and {dimensions(rhs.shape)}"
        raise ValueError(f"shapes must broadcast to one, got {given}") from None


def _divided(name: str, total: int, part: int) -> int:
    if total < part or total % part:
        raise ValueError(f"{name} must be a multiple of {part}, got {total}")
    return total // part


def _accumulator(operator: Operator) -> IntegerType:
    """Returns what LiteRT sums products in: 64 bits for int16, unless the bias has 32."""
    source, _, *biases = operator.operands
    if source.type != "INT16" or not biases or biases[0].type != "INT32":
        return i64 if source.type == "INT16" else i32
    if (declared := operator.options.get("QuantizedBiasType")) != "INT32":
        wanted = "INT64, or INT32 with a quantized_bias_type that says so"
        raise ValueError(f"bias for INT16 must be {wanted}, got INT32 with {declared}")
    return i32


def _check_symmetric(weight: Tensor) -> None:
    if weight.type == "INT8" and weight.zero_point:
        raise ValueError(f"zero point of weight must be 0, got {weight.zero_point}")


def _conv_window(operator: Operator, data: Shape, kernel: Shape) -> tuple[Shape, Shape, Shape]:
    """Returns strides, padding and dilations of a convolution."""
    dilations = [operator.options["DilationHFactor"], operator.options["DilationWFactor"]]
    return *_window(operator, data, kernel[:2], dilations), dilations


def _pool_window(operator: Operator, data: SSAValue) -> tuple[Shape, Shape, Shape]:
    """Returns size, strides and padding of a pool, which leaves the encoding as it is."""
    tm.check_same_encoding(operator)
    pool_size = [operator.options["FilterHeight"], operator.options["FilterWidth"]]
    return pool_size, *_window(operator, shape_of(data), pool_size, [1, 1])


def _window(
    operator: Operator, data: Shape, kernel: Shape, dilations: Shape
) -> tuple[list[int], list[int]]:
    """Returns strides and padding for data of a shape; SAME lets every stride begin a window."""
    if len(data) != 4:
        raise ValueError(f"data must have 4 axes, got {dimensions(data)}")
    strides = [operator.options["StrideH"], operator.options["StrideW"]]
    shapes.make_window(2, strides, dilations=dilations)
    if (explicit := operator.options.get(EXPLICIT_PADDING)) is not None:
        return strides, explicit
    mode = operator.options["Padding"]
    if mode not in ("SAME", "VALID"):
        raise ValueError(f"padding must be SAME or VALID, got {mode}")
    totals = [
        max((size - 1) // stride * stride + (taps - 1) * dilation + 1 - size, 0)
        if mode == "SAME"
        else 0
        for size, taps, stride, dilation in zip(data[1:3], kernel, strides, dilations, strict=True)
    ]
    return strides, [total // 2 for total in totals] + [total - total // 2 for total in totals]


def _activation_range(
    limits: tuple[float, float], tensor: Tensor, codes: tuple[int, int]
) -> tuple[int, int]:
    """Returns the least and the largest of the codes that stand for a real range.

    The quotient by the scale is taken in float32 and rounded half away from zero.
    """
    with np.errstate(over="ignore"):
        quotients = (np.array(limits, np.float32) / tensor.scale).astype(np.float64)
    rounded = np.trunc(quotients + np.copysign(0.5, quotients)) + tensor.zero_point
    low, high = np.clip(rounded, *codes)
    return int(low), int(high)
