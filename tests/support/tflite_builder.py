"""Build small `.tflite` flatbuffers, one tensor and one operator at a time.

`build_model` serializes any graph; the functions after it make complete models of one operator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import flatbuffers
import numpy as np
import tflite
from flatbuffers import number_types

Quant: TypeAlias = tuple[float, int]
"""The scale and the zero point of a per-tensor quantized tensor."""

Scales: TypeAlias = float | Sequence[float] | np.ndarray
"""One scale (per tensor) or one scale per output channel."""

Pair: TypeAlias = tuple[int, int]
"""Height, then width."""

Padding: TypeAlias = Literal["SAME", "VALID"]
Activation: TypeAlias = Literal["NONE", "RELU", "RELU_N1_TO_1", "RELU6"]
QuantizedType: TypeAlias = Literal["int8", "uint8", "int16"]

OPTIONS_TABLE = {
    "ADD": "AddOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "CONCATENATION": "ConcatenationOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "DEQUANTIZE": "DequantizeOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "GELU": "GeluOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "MUL": "MulOptions",
    "PACK": "PackOptions",
    "PAD": "PadOptions",
    "QUANTIZE": "QuantizeOptions",
    "RESHAPE": "ReshapeOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "SOFTMAX": "SoftmaxOptions",
    "SUB": "SubOptions",
    "SPACE_TO_DEPTH": "SpaceToDepthOptions",
    "SPLIT": "SplitOptions",
    "SPLIT_V": "SplitVOptions",
    "SQUEEZE": "SqueezeOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "UNPACK": "UnpackOptions",
}

OPTIONS_ENUM = {
    "padding": tflite.Padding,
    "fused_activation_function": tflite.ActivationFunctionType,
    "weights_format": tflite.FullyConnectedOptionsWeightsFormat,
    "quantized_bias_type": tflite.TensorType,
}


@dataclass
class Tensor:
    """A tensor of the graph; it is a constant if it has `data`."""

    name: str
    shape: Sequence[int]
    dtype: str
    scale: Scales | None = None
    zero_point: int | Sequence[int] = 0
    quantized_dimension: int = 0
    data: np.ndarray | None = None
    signature: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if self.data is None:
            return
        if self.data.dtype != np.dtype(self.dtype) or self.data.shape != tuple(self.shape):
            got = f"{self.data.dtype}{list(self.data.shape)}"
            raise ValueError(f"{self.name}: {got} is not {self.dtype}{list(self.shape)}")


@dataclass
class Operator:
    """A builtin operator; inputs and outputs index the tensors, -1 is an absent input."""

    code_name: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1


def build_model(
    tensors: Sequence[Tensor],
    operators: Sequence[Operator],
    inputs: Sequence[int],
    outputs: Sequence[int],
) -> bytes:
    """Serialize a model of one subgraph; the options have the names of the schema."""
    b = flatbuffers.Builder(1024)
    buffers = [_buffer(b, None)]
    tensor_tables: list[int] = []
    for tensor in tensors:
        index = 0
        if tensor.data is not None:
            index = len(buffers)
            buffers.append(_buffer(b, tensor.data))
        tensor_tables.append(_tensor(b, tensor, index))

    codes = sorted({(op.code_name, op.version) for op in operators})
    code_tables = [_operator_code(b, name, version) for name, version in codes]
    operator_tables = [
        _operator(b, op, codes.index((op.code_name, op.version))) for op in operators
    ]

    tensor_vector = _offsets(b, tensor_tables)
    operator_vector = _offsets(b, operator_tables)
    input_vector, output_vector = _ints(b, inputs), _ints(b, outputs)
    name = b.CreateString("main")
    tflite.SubGraphStart(b)
    tflite.SubGraphAddTensors(b, tensor_vector)
    tflite.SubGraphAddInputs(b, input_vector)
    tflite.SubGraphAddOutputs(b, output_vector)
    tflite.SubGraphAddOperators(b, operator_vector)
    tflite.SubGraphAddName(b, name)
    subgraph_vector = _offsets(b, [tflite.SubGraphEnd(b)])

    code_vector = _offsets(b, code_tables)
    buffer_vector = _offsets(b, buffers)
    description = b.CreateString("sima-mlir test model")
    tflite.ModelStart(b)
    tflite.ModelAddVersion(b, 3)
    tflite.ModelAddOperatorCodes(b, code_vector)
    tflite.ModelAddSubgraphs(b, subgraph_vector)
    tflite.ModelAddDescription(b, description)
    tflite.ModelAddBuffers(b, buffer_vector)
    b.Finish(tflite.ModelEnd(b), file_identifier=b"TFL3")
    return bytes(b.Output())


def _ints(b: flatbuffers.Builder, values: Sequence[int]) -> int:
    return b.CreateNumpyVector(np.asarray(values, np.int32))


def _offsets(b: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    b.StartVector(number_types.UOffsetTFlags.bytewidth, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def _buffer(b: flatbuffers.Builder, data: np.ndarray | None) -> int:
    vector = None
    if data is not None:
        raw = data.astype(data.dtype.newbyteorder("<")).tobytes()
        b.Prep(16, len(raw))  # the schema wants the data aligned to 16 bytes
        vector = b.CreateByteVector(raw)
    tflite.BufferStart(b)
    if vector is not None:
        tflite.BufferAddData(b, vector)
    return tflite.BufferEnd(b)


def _quantization(b: flatbuffers.Builder, tensor: Tensor) -> int | None:
    if tensor.scale is None:
        return None
    scales = np.atleast_1d(np.asarray(tensor.scale, np.float32))
    zero_points = np.broadcast_to(np.asarray(tensor.zero_point, np.int64), scales.shape)
    scale_vector = b.CreateNumpyVector(scales)
    zero_point_vector = b.CreateNumpyVector(zero_points)
    tflite.QuantizationParametersStart(b)
    tflite.QuantizationParametersAddScale(b, scale_vector)
    tflite.QuantizationParametersAddZeroPoint(b, zero_point_vector)
    tflite.QuantizationParametersAddQuantizedDimension(b, tensor.quantized_dimension)
    return tflite.QuantizationParametersEnd(b)


def _tensor(b: flatbuffers.Builder, tensor: Tensor, buffer: int) -> int:
    name = b.CreateString(tensor.name)
    shape = _ints(b, tensor.shape)
    quantization = _quantization(b, tensor)
    signature = None if tensor.signature is None else _ints(b, tensor.signature)
    tflite.TensorStart(b)
    tflite.TensorAddShape(b, shape)
    tflite.TensorAddType(b, getattr(tflite.TensorType, tensor.dtype.upper()))
    tflite.TensorAddBuffer(b, buffer)
    tflite.TensorAddName(b, name)
    if signature is not None:
        tflite.TensorAddShapeSignature(b, signature)
    if quantization is not None:
        tflite.TensorAddQuantization(b, quantization)
    return tflite.TensorEnd(b)


def _operator_code(b: flatbuffers.Builder, name: str, version: int) -> int:
    code = getattr(tflite.BuiltinOperator, name)
    tflite.OperatorCodeStart(b)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(code, 127))
    tflite.OperatorCodeAddVersion(b, version)
    tflite.OperatorCodeAddBuiltinCode(b, code)
    return tflite.OperatorCodeEnd(b)


def _options(b: flatbuffers.Builder, table: str, options: Mapping[str, Any]) -> int:
    values: dict[str, Any] = {}
    for key, value in options.items():
        if isinstance(value, str):
            value = getattr(OPTIONS_ENUM[key], value)
        elif isinstance(value, Sequence):
            value = _ints(b, value)
        values[key.title().replace("_", "")] = value
    getattr(tflite, f"{table}Start")(b)
    for key, value in values.items():
        getattr(tflite, f"{table}Add{key}")(b, value)
    return getattr(tflite, f"{table}End")(b)


def _operator(b: flatbuffers.Builder, op: Operator, code_index: int) -> int:
    table = OPTIONS_TABLE.get(op.code_name)
    if table is None and op.options:
        raise ValueError(f"{op.code_name}: its options are not supported")
    options = None if table is None else _options(b, table, op.options)
    inputs, outputs = _ints(b, op.inputs), _ints(b, op.outputs)
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, code_index)
    tflite.OperatorAddInputs(b, inputs)
    tflite.OperatorAddOutputs(b, outputs)
    if options is not None:
        tflite.OperatorAddBuiltinOptionsType(b, getattr(tflite.BuiltinOptions, str(table)))
        tflite.OperatorAddBuiltinOptions(b, options)
    return tflite.OperatorEnd(b)


def conv_2d(
    x_shape: Sequence[int],
    weight: np.ndarray,
    bias: np.ndarray | None,
    *,
    x_q: Quant,
    w_scales: Scales,
    y_q: Quant,
    strides: Pair = (1, 1),
    dilations: Pair = (1, 1),
    padding: Padding = "SAME",
    activation: Activation = "NONE",
    dtype: QuantizedType = "int8",
    w_zero_point: int = 0,
) -> bytes:
    """Make a CONV_2D of x (N, H, W, C) with weights (O, KH, KW, C).

    LiteRT rejects the model without a bias, and per-channel scales of uint8 weights.
    """
    out_channels, kernel_h, kernel_w, _ = weight.shape
    y_hw = _window_output(x_shape, (kernel_h, kernel_w), strides, dilations, padding)
    return _with_weights(
        Operator("CONV_2D", [], [], _window_options(strides, padding, activation, dilations), 3),
        x_shape,
        [x_shape[0], *y_hw, out_channels],
        _weights(weight, bias, x_q, w_scales, w_zero_point, 0),
        x_q,
        y_q,
        dtype,
    )


def depthwise_conv_2d(
    x_shape: Sequence[int],
    weight: np.ndarray,
    bias: np.ndarray | None,
    *,
    x_q: Quant,
    w_scales: Scales,
    y_q: Quant,
    strides: Pair = (1, 1),
    dilations: Pair = (1, 1),
    padding: Padding = "SAME",
    activation: Activation = "NONE",
    dtype: QuantizedType = "int8",
    w_zero_point: int = 0,
) -> bytes:
    """Make a DEPTHWISE_CONV_2D of x (N, H, W, C) with weights (1, KH, KW, C * multiplier).

    Without a bias, only the reference kernel of LiteRT runs it: the optimized one crashes.
    """
    _, kernel_h, kernel_w, out_channels = weight.shape
    y_hw = _window_output(x_shape, (kernel_h, kernel_w), strides, dilations, padding)
    options = _window_options(strides, padding, activation, dilations)
    options["depth_multiplier"] = out_channels // x_shape[3]
    return _with_weights(
        Operator("DEPTHWISE_CONV_2D", [], [], options, 3),
        x_shape,
        [x_shape[0], *y_hw, out_channels],
        _weights(weight, bias, x_q, w_scales, w_zero_point, 3),
        x_q,
        y_q,
        dtype,
    )


def transpose_conv(
    x_shape: Sequence[int],
    weight: np.ndarray,
    bias: np.ndarray | None,
    *,
    x_q: Quant,
    w_scales: Scales,
    y_q: Quant,
    y_hw: Pair,
    strides: Pair = (1, 1),
    padding: Padding = "SAME",
    activation: Activation = "NONE",
    dtype: QuantizedType = "int8",
    w_zero_point: int = 0,
) -> bytes:
    """Make a TRANSPOSE_CONV of x (N, H, W, C) with weights (O, KH, KW, C) to a height and width."""
    y_shape = [x_shape[0], *y_hw, len(weight)]
    tensors = [
        _constant("shape", np.array(y_shape, np.int32)),
        *_weights(weight, bias, x_q, w_scales, w_zero_point, 0),
        Tensor("x", x_shape, dtype, *x_q),
        Tensor("y", y_shape, dtype, *y_q),
    ]
    x = len(tensors) - 2
    inputs = [0, 1, x, *range(2, x)]
    options = _window_options(strides, padding, activation)
    op = Operator("TRANSPOSE_CONV", inputs, [x + 1], options, 4 if activation != "NONE" else 3)
    _declare_bias(op, bias, dtype)
    return build_model(tensors, [op], [x], [x + 1])


def fully_connected(
    x_shape: Sequence[int],
    weight: np.ndarray,
    bias: np.ndarray | None,
    *,
    x_q: Quant,
    w_scales: Scales,
    y_q: Quant,
    activation: Activation = "NONE",
    keep_num_dims: bool = False,
    dtype: QuantizedType = "int8",
    w_zero_point: int = 0,
) -> bytes:
    """Make a FULLY_CONNECTED of x (..., I) with weights (O, I)."""
    out_channels, in_channels = weight.shape
    batch = x_shape[:-1] if keep_num_dims else [int(np.prod(x_shape)) // in_channels]
    options = {"fused_activation_function": activation, "keep_num_dims": keep_num_dims}
    return _with_weights(
        Operator("FULLY_CONNECTED", [], [], options, 5),
        x_shape,
        [*batch, out_channels],
        _weights(weight, bias, x_q, w_scales, w_zero_point, 0),
        x_q,
        y_q,
        dtype,
    )


def batch_matmul(
    a_shape: Sequence[int],
    b_shape: Sequence[int],
    *,
    a_q: Quant,
    b_q: Quant,
    y_q: Quant,
    adj_x: bool = False,
    adj_y: bool = False,
    b_data: np.ndarray | None = None,
) -> bytes:
    """Make a BATCH_MATMUL of int8; the second operand is a constant if it has data."""
    a, b = np.empty(a_shape, np.int8), np.empty(b_shape, np.int8)
    y = np.matmul(a.swapaxes(-1, -2) if adj_x else a, b.swapaxes(-1, -2) if adj_y else b)
    tensors = [
        Tensor("a", a_shape, "int8", *a_q),
        Tensor("b", b_shape, "int8", *b_q, data=b_data),
        Tensor("y", y.shape, "int8", *y_q),
    ]
    op = Operator("BATCH_MATMUL", [0, 1], [2], {"adj_x": adj_x, "adj_y": adj_y}, 2)
    return build_model(tensors, [op], [0, 1] if b_data is None else [0], [2])


def add(
    a_shape: Sequence[int],
    b_shape: Sequence[int],
    *,
    a_q: Quant,
    b_q: Quant,
    y_q: Quant,
    activation: Activation = "NONE",
    dtype: QuantizedType = "int8",
    b_data: np.ndarray | None = None,
) -> bytes:
    """Make an ADD with broadcasting; the second operand is a constant if it has data."""
    return _elementwise("ADD", a_shape, b_shape, a_q, b_q, y_q, activation, dtype, b_data)


def mul(
    a_shape: Sequence[int],
    b_shape: Sequence[int],
    *,
    a_q: Quant,
    b_q: Quant,
    y_q: Quant,
    activation: Activation = "NONE",
    dtype: QuantizedType = "int8",
    b_data: np.ndarray | None = None,
) -> bytes:
    """Make a MUL with broadcasting; the second operand is a constant if it has data."""
    return _elementwise("MUL", a_shape, b_shape, a_q, b_q, y_q, activation, dtype, b_data)


def sub(
    a_shape: Sequence[int],
    b_shape: Sequence[int],
    *,
    a_q: Quant,
    b_q: Quant,
    y_q: Quant,
    activation: Activation = "NONE",
    dtype: QuantizedType = "int8",
    b_data: np.ndarray | None = None,
) -> bytes:
    """Make a SUB with broadcasting; the second operand is a constant if it has data."""
    return _elementwise("SUB", a_shape, b_shape, a_q, b_q, y_q, activation, dtype, b_data)


def function(
    code_name: str,
    x_shape: Sequence[int],
    *,
    x_q: Quant,
    y_q: Quant,
    dtype: QuantizedType = "int8",
    slope: np.ndarray | None = None,
    slope_q: Quant = (1.0, 0),
    **options: Any,
) -> bytes:
    """Make an operator that puts each number through a function; PRELU has a constant slope."""
    tensors = [Tensor("x", x_shape, dtype, *x_q)]
    if slope is not None:
        tensors.append(Tensor("slope", slope.shape, slope.dtype.name, *slope_q, data=slope))
    inputs = range(len(tensors))
    tensors.append(Tensor("y", x_shape, dtype, *y_q))
    op = Operator(code_name, inputs, [len(inputs)], options)
    return build_model(tensors, [op], [0], [len(inputs)])


def average_pool_2d(
    x_shape: Sequence[int],
    filter_size: Pair,
    *,
    x_q: Quant,
    strides: Pair = (1, 1),
    padding: Padding = "VALID",
    activation: Activation = "NONE",
    dtype: QuantizedType = "int8",
) -> bytes:
    """Make an AVERAGE_POOL_2D; the output has the quantization of the input."""
    return _pool("AVERAGE_POOL_2D", x_shape, filter_size, x_q, strides, padding, activation, dtype)


def max_pool_2d(
    x_shape: Sequence[int],
    filter_size: Pair,
    *,
    x_q: Quant,
    strides: Pair = (1, 1),
    padding: Padding = "VALID",
    activation: Activation = "NONE",
    dtype: QuantizedType = "int8",
) -> bytes:
    """Make a MAX_POOL_2D; the output has the quantization of the input."""
    return _pool("MAX_POOL_2D", x_shape, filter_size, x_q, strides, padding, activation, dtype)


def softmax(
    x_shape: Sequence[int],
    *,
    x_q: Quant,
    y_q: Quant | None = None,
    beta: float = 1.0,
    dtype: QuantizedType = "int8",
) -> bytes:
    """Make a SOFTMAX over the last axis; the output is by default quantized as LiteRT demands."""
    y_q = y_q or (1 / 256, int(np.iinfo(dtype).min))
    x, y = Tensor("x", x_shape, dtype, *x_q), Tensor("y", x_shape, dtype, *y_q)
    return build_model([x, y], [Operator("SOFTMAX", [0], [1], {"beta": beta}, 2)], [0], [1])


def pad(
    x_shape: Sequence[int],
    paddings: Sequence[Pair],
    *,
    x_q: Quant,
    y_q: Quant | None = None,
    dtype: QuantizedType = "int8",
) -> bytes:
    """Make a PAD with the amounts before and after each axis."""
    y_shape = [size + sum(amounts) for size, amounts in zip(x_shape, paddings, strict=True)]
    tensors = [
        Tensor("x", x_shape, dtype, *x_q),
        _constant("paddings", np.asarray(paddings, np.int32)),
        Tensor("y", y_shape, dtype, *(y_q or x_q)),
    ]
    return build_model(tensors, [Operator("PAD", [0, 1], [2], {}, 2)], [0], [2])


def mean(
    x_shape: Sequence[int],
    axes: Sequence[int],
    *,
    x_q: Quant,
    y_q: Quant,
    keep_dims: bool = False,
    dtype: QuantizedType = "int8",
) -> bytes:
    """Make a MEAN over some axes, which may be negative."""
    y_shape = np.empty(x_shape, np.int8).mean(tuple(axes), keepdims=keep_dims).shape
    tensors = [
        Tensor("x", x_shape, dtype, *x_q),
        _constant("axes", np.asarray(axes, np.int32)),
        Tensor("y", y_shape, dtype, *y_q),
    ]
    op = Operator("MEAN", [0, 1], [2], {"keep_dims": keep_dims}, 2)
    return build_model(tensors, [op], [0], [2])


def reshape(
    x_shape: Sequence[int],
    new_shape: Sequence[int],
    *,
    x_q: Quant,
    y_q: Quant | None = None,
    dtype: QuantizedType = "int8",
) -> bytes:
    """Make a RESHAPE; one size of the new shape may be -1."""
    y_shape = np.empty(x_shape, np.int8).reshape(new_shape).shape
    tensors = [
        Tensor("x", x_shape, dtype, *x_q),
        _constant("shape", np.asarray(new_shape, np.int32)),
        Tensor("y", y_shape, dtype, *(y_q or x_q)),
    ]
    op = Operator("RESHAPE", [0, 1], [2], {"new_shape": list(new_shape)})
    return build_model(tensors, [op], [0], [2])


def quantize(
    x_shape: Sequence[int],
    *,
    y_q: Quant,
    x_q: Quant | None = None,
    x_dtype: QuantizedType = "int8",
    y_dtype: QuantizedType = "int8",
) -> bytes:
    """Make a QUANTIZE between quantized types or, without `x_q`, from float32."""
    x = Tensor("x", x_shape, x_dtype, *x_q) if x_q else Tensor("x", x_shape, "float32")
    y = Tensor("y", x_shape, y_dtype, *y_q)
    version = 2 if x_q else 1
    return build_model([x, y], [Operator("QUANTIZE", [0], [1], {}, version)], [0], [1])


def dequantize(x_shape: Sequence[int], *, x_q: Quant, dtype: QuantizedType = "int8") -> bytes:
    """Make a DEQUANTIZE to float32."""
    x, y = Tensor("x", x_shape, dtype, *x_q), Tensor("y", x_shape, "float32")
    return build_model([x, y], [Operator("DEQUANTIZE", [0], [1], {}, 2)], [0], [1])


def move(
    code_name: str,
    x_shapes: Sequence[Sequence[int]],
    y_shapes: Sequence[Sequence[int]],
    constants: Sequence[Any] = (),
    options: Mapping[str, Any] | None = None,
    *,
    constants_first: bool = False,
    q: Quant = (0.5, 3),
    dtype: QuantizedType = "int8",
    version: int = 1,
) -> bytes:
    """Make an operator on tensors and integers, all of whose tensors have one quantization."""
    xs = [Tensor(f"x{i}", shape, dtype, *q) for i, shape in enumerate(x_shapes)]
    arrays = [np.asarray(values, np.int32) for values in constants]
    integers = [_constant(f"c{i}", array) for i, array in enumerate(arrays)]
    ys = [Tensor(f"y{i}", shape, dtype, *q) for i, shape in enumerate(y_shapes)]
    tensors = integers + xs if constants_first else xs + integers
    count, first = len(tensors), len(integers) if constants_first else 0
    outputs = list(range(count, count + len(ys)))
    op = Operator(code_name, list(range(count)), outputs, options or {}, version)
    return build_model([*tensors, *ys], [op], list(range(first, first + len(xs))), outputs)


def concatenation(
    x_shapes: Sequence[Sequence[int]],
    axis: int,
    *,
    x_qs: Sequence[Quant],
    y_q: Quant,
    dtype: QuantizedType = "uint8",
) -> bytes:
    """Make a CONCATENATION; LiteRT takes different quantizations of uint8 only."""
    xs = [
        Tensor(f"x{i}", s, dtype, *q) for i, (s, q) in enumerate(zip(x_shapes, x_qs, strict=True))
    ]
    y_shape = np.concatenate([np.empty(shape, np.int8) for shape in x_shapes], axis).shape
    y, indices = Tensor("y", y_shape, dtype, *y_q), list(range(len(xs)))
    op = Operator("CONCATENATION", indices, [len(xs)], {"axis": axis}, 2)
    return build_model([*xs, y], [op], indices, [len(xs)])


def _constant(name: str, data: np.ndarray) -> Tensor:
    return Tensor(name, data.shape, data.dtype.name, data=data)


def _window_output(
    x_shape: Sequence[int], kernel: Pair, strides: Pair, dilations: Pair, padding: Padding
) -> list[int]:
    """Give the output height and width of a sliding window."""
    sizes: list[int] = []
    for size, k, s, d in zip(x_shape[1:3], kernel, strides, dilations, strict=True):
        reach = 0 if padding == "SAME" else (k - 1) * d
        sizes.append((size - reach + s - 1) // s)
    return sizes


def _window_options(
    strides: Pair, padding: Padding, activation: Activation, dilations: Pair | None = None
) -> dict[str, Any]:
    options: dict[str, Any] = {
        "padding": padding,
        "stride_h": strides[0],
        "stride_w": strides[1],
        "fused_activation_function": activation,
    }
    if dilations is not None:
        options |= {"dilation_h_factor": dilations[0], "dilation_w_factor": dilations[1]}
    return options


def _weights(
    weight: np.ndarray,
    bias: np.ndarray | None,
    x_q: Quant,
    w_scales: Scales,
    w_zero_point: int,
    channel_axis: int,
) -> list[Tensor]:
    """Make the weights and, if any, the bias, whose scale is the product of the two others."""
    scales = np.asarray(w_scales, np.float32)
    dtype, axis = weight.dtype.name, channel_axis if scales.ndim else 0
    tensors = [Tensor("weight", weight.shape, dtype, scales, w_zero_point, axis, weight)]
    if bias is not None:
        bias_scales = np.float32(x_q[0]) * scales
        tensors.append(Tensor("bias", bias.shape, bias.dtype.name, bias_scales, data=bias))
    return tensors


def _declare_bias(op: Operator, bias: np.ndarray | None, dtype: QuantizedType) -> None:
    """Say that a bias of int16 data has 32 bits, which LiteRT would else take for 64."""
    if dtype == "int16" and bias is not None and bias.dtype == np.int32:
        op.options = {**op.options, "quantized_bias_type": "INT32"}


def _with_weights(
    op: Operator,
    x_shape: Sequence[int],
    y_shape: Sequence[int],
    weights: list[Tensor],
    x_q: Quant,
    y_q: Quant,
    dtype: QuantizedType,
) -> bytes:
    x, y = Tensor("x", x_shape, dtype, *x_q), Tensor("y", y_shape, dtype, *y_q)
    tensors = [x, *weights, y]
    y_index = len(tensors) - 1
    op.inputs = list(range(y_index))
    if op.code_name == "FULLY_CONNECTED" and len(weights) == 1:
        op.inputs.append(-1)  # as the converter does; LiteRT rejects it in the convolutions
    op.outputs = [y_index]
    if len(weights) == 2 and op.code_name != "DEPTHWISE_CONV_2D":
        _declare_bias(op, weights[1].data, dtype)
    return build_model(tensors, [op], [0], [y_index])


def _elementwise(
    code_name: str,
    a_shape: Sequence[int],
    b_shape: Sequence[int],
    a_q: Quant,
    b_q: Quant,
    y_q: Quant,
    activation: Activation,
    dtype: QuantizedType,
    b_data: np.ndarray | None,
) -> bytes:
    tensors = [
        Tensor("a", a_shape, dtype, *a_q),
        Tensor("b", b_shape, dtype, *b_q, data=b_data),
        Tensor("y", np.broadcast_shapes(tuple(a_shape), tuple(b_shape)), dtype, *y_q),
    ]
    op = Operator(code_name, [0, 1], [2], {"fused_activation_function": activation}, 2)
    return build_model(tensors, [op], [0, 1] if b_data is None else [0], [2])


def _pool(
    code_name: str,
    x_shape: Sequence[int],
    filter_size: Pair,
    x_q: Quant,
    strides: Pair,
    padding: Padding,
    activation: Activation,
    dtype: QuantizedType,
) -> bytes:
    y_hw = _window_output(x_shape, filter_size, strides, (1, 1), padding)
    options = _window_options(strides, padding, activation)
    options |= {"filter_height": filter_size[0], "filter_width": filter_size[1]}
    x = Tensor("x", x_shape, dtype, *x_q)
    y = Tensor("y", [x_shape[0], *y_hw, x_shape[3]], dtype, *x_q)
    return build_model([x, y], [Operator(code_name, [0], [1], options, 2)], [0], [1])
