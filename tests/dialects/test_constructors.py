"""What the Python constructors build verifies, and says the same in every spelling."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xdsl.dialects import test
from xdsl.dialects.builtin import IntegerType, ModuleOp, f32, i8, i16, i32, i64
from xdsl.ir import Attribute, Operation, SSAValue

from sima_mlir import make_context, parse
from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.elements import dense, dense_array, dtype_of, tensor_type, ui8
from sima_mlir.dialects.pointwise import PointwiseOperation
from sima_mlir.dialects.qnn import QNN, QuantizationAttr
from sima_mlir.dialects.sima import SIMA, Requantization, RequantizationAttr
from sima_mlir.quantization import (
    ADD_ROUNDINGS,
    TABLE_ROUNDINGS,
    WIDE_ROUNDINGS,
    Quantization,
    Rounding,
    SoftmaxConstants,
)

MLIR_OPT = shutil.which("mlir-opt-22") or shutil.which("mlir-opt", path="/usr/lib/llvm-22/bin")

Draw = Callable[[st.SearchStrategy[Any]], Any]
Shape = tuple[int, ...]

CODES = st.sampled_from([i8, ui8, i16])
ANY_CODES = st.sampled_from([i8, ui8, i16, i32])
ACCUMULATORS = st.sampled_from([i32, i64])
SMALL = st.integers(1, 3)
SCALES = st.floats(min_value=2.0**-20, max_value=2.0**20)
ROUNDINGS = st.sampled_from(Rounding)


def value(type: Attribute) -> SSAValue:
    return test.TestOp(result_types=[type]).results[0]


def code(draw: Draw, type: IntegerType) -> int:
    info = np.iinfo(dtype_of(type))
    return draw(st.integers(int(info.min), int(info.max)))


def shape(draw: Draw, least: int = 0) -> Shape:
    return tuple(draw(st.lists(st.integers(0, 4), min_size=least, max_size=4)))


def encoding(draw: Draw, type: IntegerType) -> QuantizationAttr:
    return QuantizationAttr.of(draw(SCALES), code(draw, type))


def per_channel(draw: Draw, channels: int) -> QuantizationAttr:
    scales = st.lists(SCALES, min_size=max(channels, 1), max_size=max(channels, 1))
    return QuantizationAttr.of(draw(SCALES | scales), draw(st.integers(-(2**31), 2**31 - 1)))


def window(draw: Draw, rank: int, taps: list[int], dilations: list[int] | None, padding: int):
    """Draws strides, padding and spatial sizes that the window fits into."""
    pads = [draw(st.integers(0, padding if padding else t - 1)) for t in [*taps, *taps]]
    steps = dilations or [1] * rank
    reach = [(t - 1) * d + 1 for t, d in zip(taps, steps, strict=True)]
    sizes = [
        max(1, r - before - after) + draw(st.integers(0, 3))
        for r, before, after in zip(reach, pads[:rank], pads[rank:], strict=True)
    ]
    strides = draw(st.none() | st.lists(SMALL, min_size=rank, max_size=rank))
    given = draw(st.booleans()) or any(pads)
    return sizes, {"strides": strides, "padding": pads if given else None}


def conv(draw: Draw) -> tuple[Shape, Shape, dict[str, Any]]:
    rank = draw(SMALL)
    taps, dilations = ([draw(SMALL) for _ in range(rank)] for _ in range(2))
    sizes, keywords = window(draw, rank, taps, dilations, 3)
    inputs, groups, outputs = draw(SMALL), draw(SMALL), draw(SMALL)
    data = (draw(st.integers(0, 2)), *sizes, inputs * groups)
    return data, (*taps, inputs, groups, outputs), keywords | {"dilations": dilations}


def conv_transpose(draw: Draw) -> tuple[Shape, Shape, dict[str, Any]]:
    rank = draw(SMALL)
    inputs, groups, outputs = draw(SMALL), draw(SMALL), draw(SMALL)

    def numbers(least: int, most: int, count: int = rank) -> list[int]:
        return draw(st.lists(st.integers(least, most), min_size=count, max_size=count))

    taps, strides, added = numbers(1, 3), numbers(1, 3), numbers(0, 2)
    padding = numbers(0, 2, 2 * rank)
    sizes = [1 + n for n in numbers(4, 6)]  # no padding leaves less than one element of these
    data = (draw(st.integers(0, 2)), *sizes, inputs * groups)
    keywords = {"strides": strides, "padding": padding, "output_padding": added}
    left_out = draw(st.sets(st.sampled_from(sorted(keywords))))
    kept = {name: None if name in left_out else given for name, given in keywords.items()}
    return data, (*taps, inputs, groups, outputs), kept


def pool(draw: Draw) -> tuple[Shape, list[int], dict[str, Any]]:
    rank = draw(SMALL)
    taps = [draw(SMALL) for _ in range(rank)]
    sizes, keywords = window(draw, rank, taps, None, 0)
    return (draw(st.integers(0, 2)), *sizes, draw(st.integers(0, 3))), taps, keywords


def integers(draw: Draw, shape: Shape, type: IntegerType) -> Any:
    seed = draw(st.integers(0, 2**16))
    info = np.iinfo(dtype_of(type))
    values = np.random.default_rng(seed).integers(info.min, info.max, shape, endpoint=True)
    return dense(values.astype(info.dtype))


def requantization(
    draw: Draw, type: IntegerType, channels: int | None, *, scaled: bool
) -> dict[str, Attribute]:
    """Draws what ends a `sima` operation; `scaled` ones have a scale correction in either mode."""
    tflite = draw(st.booleans())

    def numbers(largest: int) -> Attribute:
        one = st.integers(0, largest)
        if channels is not None and draw(st.booleans()):
            return dense_array(draw(st.lists(one, min_size=channels, max_size=channels)), i32)
        return sima.IntegerAttr(draw(one), i32)

    attributes: dict[str, Attribute] = {"shift": numbers(62 if tflite else 31)}
    largest = 2**15 - 1
    if tflite:
        attributes["requantization"] = RequantizationAttr(Requantization.TFLITE)
        contract = draw(ROUNDINGS)
        attributes["rounding"] = sima.RoundingAttr(contract)
        largest = {Rounding.FLOAT32: 2**24, Rounding.TFLITE16: 2**15 - 1}.get(contract, 2**31 - 1)
        attributes["zero_point_correction"] = sima.IntegerAttr(code(draw, type), i32)
    if tflite or scaled:
        attributes["scale_correction"] = numbers(largest)
    if draw(st.booleans()):
        attributes["clamp"] = dense_array(sorted([code(draw, type), code(draw, type)]), i32)
    return attributes


def bias_and_requantization(
    draw: Draw, source: IntegerType, result: IntegerType, channels: int
) -> tuple[Any, dict[str, Attribute]]:
    """Draws a bias, of 64 bits where data and contract allow that, and what follows it."""
    attributes = requantization(draw, result, channels, scaled=False)
    contract = attributes.get("rounding")
    is_wide = isinstance(contract, sima.RoundingAttr) and contract.data in WIDE_ROUNDINGS
    type = draw(ACCUMULATORS) if source == i16 and is_wide else i32
    return integers(draw, (channels,), type), attributes


def qnn_conv(draw: Draw) -> Operation:
    data, weight, keywords = conv(draw)
    types = draw(CODES), draw(st.sampled_from([i8, ui8]))
    return qnn.ConvOp(
        value(tensor_type(data, types[0])),
        value(tensor_type(weight, types[1])),
        input_zero_point=code(draw, types[0]),
        kernel_zero_point=code(draw, types[1]),
        accumulator=draw(ACCUMULATORS),
        **keywords,
    )


def qnn_conv_transpose(draw: Draw) -> Operation:
    data, weight, keywords = conv_transpose(draw)
    types = draw(CODES), draw(st.sampled_from([i8, ui8]))
    return qnn.ConvTransposeOp(
        value(tensor_type(data, types[0])),
        value(tensor_type(weight, types[1])),
        input_zero_point=code(draw, types[0]),
        kernel_zero_point=code(draw, types[1]),
        accumulator=draw(ACCUMULATORS),
        **keywords,
    )


def qnn_dense(draw: Draw) -> Operation:
    data, outputs, type = shape(draw, 1), draw(st.integers(0, 3)), draw(CODES)
    return qnn.DenseOp(
        value(tensor_type(data, type)),
        value(tensor_type((outputs, data[-1]), i8)),
        input_zero_point=code(draw, type),
        accumulator=draw(ACCUMULATORS),
        kernel_zero_point=code(draw, i8),
    )


def matrices(draw: Draw) -> tuple[Shape, Shape, bool]:
    """Draws shapes whose batch axes broadcast, and whether the second is transposed."""
    batch = shape(draw)[:2]
    m, k, n = (draw(st.integers(0, 4)) for _ in range(3))
    lhs, rhs = (tuple(draw(st.sampled_from([1, size])) for size in batch) for _ in range(2))
    transposed = draw(st.booleans())
    return (*lhs, m, k), (*rhs, *((n, k) if transposed else (k, n))), transposed


def qnn_batch_matmul(draw: Draw) -> Operation:
    lhs, rhs, transposed = matrices(draw)
    types = [draw(st.sampled_from([i8, ui8])) for _ in range(2)]
    return qnn.BatchMatmulOp(
        value(tensor_type(lhs, types[0])),
        value(tensor_type(rhs, types[1])),
        transpose_rhs=transposed,
        lhs_zero_point=code(draw, types[0]),
        rhs_zero_point=code(draw, types[1]),
    )


def sima_batch_matmul(draw: Draw) -> Operation:
    lhs, rhs, transposed = matrices(draw)
    operands = value(tensor_type(lhs, i8)), value(tensor_type(rhs, i8))
    out = qnn.BatchMatmulOp(*operands, transpose_rhs=transposed).result.type.get_shape()
    return sima.BatchMatmulOp(
        *operands,
        (code(draw, i8), code(draw, i8)),
        draw(st.integers(-(2**31), 2**31 - 1)),
        requantization(draw, i8, out[-1], scaled=True),
        tensor_type(out, i8),
        transpose_rhs=transposed,
    )


def qnn_bias_add(draw: Draw) -> Operation:
    data, type = shape(draw, 1), draw(ACCUMULATORS)
    return qnn.BiasAddOp(value(tensor_type(data, type)), value(tensor_type(data[-1:], type)))


def qnn_requantize(draw: Draw) -> Operation:
    data, type, from_type = shape(draw), draw(ANY_CODES), draw(ANY_CODES | ACCUMULATORS)
    source = value(tensor_type(data, from_type))
    input_q = per_channel(draw, data[-1]) if data and data[-1] else encoding(draw, i32)
    rounding = draw(st.sampled_from(WIDE_ROUNDINGS) if from_type == i64 else ROUNDINGS)
    return qnn.RequantizeOp(source, input_q, encoding(draw, type), rounding, type)


def qnn_quantize(draw: Draw) -> Operation:
    source, type = value(tensor_type(shape(draw), f32)), draw(CODES)
    rounding = draw(st.sampled_from([Rounding.AWAY, Rounding.FLOAT32]))
    return qnn.QuantizeOp(source, encoding(draw, type), rounding, type)


def qnn_dequantize(draw: Draw) -> Operation:
    data = shape(draw)
    input_q = per_channel(draw, data[-1]) if data and data[-1] else encoding(draw, i32)
    return qnn.DequantizeOp(value(tensor_type(data, draw(ANY_CODES))), input_q)


def elementwise(draw: Draw, operation: type[qnn.ElementwiseOperation]) -> Operation:
    type = draw(st.sampled_from([i8, ui8]))
    data = tensor_type(shape(draw), type)
    encodings = [encoding(draw, type) for _ in range(3)]
    return operation(value(data), value(data), *encodings, draw(st.sampled_from(ADD_ROUNDINGS)))


def qnn_avg_pool(draw: Draw) -> Operation:
    (data, taps, keywords), type = pool(draw), draw(CODES)
    return qnn.AvgPoolOp(
        value(tensor_type(data, type)),
        taps,
        encoding(draw, type),
        encoding(draw, type),
        draw(ROUNDINGS),
        count_include_pad=draw(st.booleans()),
        **keywords,
    )


def qnn_max_pool(draw: Draw) -> Operation:
    data, taps, keywords = pool(draw)
    return qnn.MaxPoolOp(value(tensor_type(data, draw(CODES))), taps, **keywords)


def axes(draw: Draw) -> tuple[Shape, list[int]]:
    data = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    return tuple(data), draw(st.lists(st.integers(0, len(data) - 1), min_size=1, unique=True))


def qnn_mean(draw: Draw) -> Operation:
    (data, reduced), type = axes(draw), draw(CODES)
    source = value(tensor_type(data, type))
    encodings = encoding(draw, type), encoding(draw, type)
    return qnn.MeanOp(source, reduced, *encodings, draw(ROUNDINGS))


def clip(draw: Draw, dialect: Any) -> Operation:
    type = draw(ANY_CODES)
    low, high = sorted([code(draw, type), code(draw, type)])
    return dialect.ClipOp(value(tensor_type(shape(draw), type)), low, high)


def pad(draw: Draw, dialect: Any) -> Operation:
    data, type = shape(draw, 1), draw(CODES)
    widths = [draw(st.integers(0, 3)) for _ in [*data, *data]]
    return dialect.PadOp(value(tensor_type(data, type)), widths, code(draw, type))


def reshape(draw: Draw, dialect: Any) -> Operation:
    data = shape(draw)
    target = draw(st.permutations([*data, 1]))
    return dialect.ReshapeOp(value(tensor_type(data, draw(ANY_CODES))), target)


def transpose(draw: Draw, dialect: Any) -> Operation:
    data = shape(draw)
    axes = draw(st.permutations(range(len(data))))
    return dialect.TransposeOp(value(tensor_type(data, draw(ANY_CODES))), axes)


def slice_(draw: Draw, dialect: Any) -> Operation:
    data = shape(draw)
    steps = st.integers(1, 5) if dialect is sima else st.integers(-5, 5).filter(bool)
    starts, sizes, strides = [], [], []
    for extent in data:
        start, step = draw(st.integers(0, max(extent - 1, 0))), draw(steps)
        reach = range(extent)[start::step]
        starts.append(start)
        sizes.append(draw(st.integers(0, len(reach))))
        strides.append(step)
    return dialect.SliceOp(value(tensor_type(data, draw(ANY_CODES))), starts, sizes, strides)


def broadcast_to(draw: Draw, dialect: Any) -> Operation:
    result = shape(draw)
    data = tuple(draw(st.sampled_from([1, size])) for size in result)[draw(SMALL) - 1 :]
    return dialect.BroadcastToOp(value(tensor_type(data, draw(ANY_CODES))), result)


def depth_to_space(draw: Draw, dialect: Any) -> Operation:
    block, (n, h, w, c) = draw(SMALL), (draw(st.integers(0, 3)) for _ in range(4))
    data = tensor_type((n, h, w, c * block**2), draw(ANY_CODES))
    return dialect.DepthToSpaceOp(value(data), block, crd=draw(st.booleans()))


def space_to_depth(draw: Draw, dialect: Any) -> Operation:
    block, (n, h, w, c) = draw(SMALL), (draw(st.integers(0, 3)) for _ in range(4))
    data = tensor_type((n, h * block, w * block, c), draw(ANY_CODES))
    return dialect.SpaceToDepthOp(value(data), block, crd=draw(st.booleans()))


def resize(draw: Draw, dialect: Any) -> Operation:
    rank = draw(SMALL)
    spatial, sizes = ([draw(st.integers(low, 4)) for _ in range(rank)] for low in (1, 0))
    data = tensor_type((draw(SMALL), *spatial, draw(SMALL)), draw(CODES))
    steps, offsets = ([draw(st.integers(low, 9)) for _ in range(rank)] for low in (0, -9))
    divisors = [draw(st.integers(1, 9)) for _ in range(rank)]
    linear = draw(st.booleans())
    return dialect.ResizeOp(value(data), sizes, steps, offsets, divisors, linear=linear)


def parts(draw: Draw) -> tuple[list[SSAValue], int, IntegerType]:
    """Draws tensors that differ in one axis, and that axis."""
    data, type = shape(draw, 1), draw(CODES)
    axis = draw(st.integers(0, len(data) - 1))
    widths = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    shapes = [(*data[:axis], width, *data[axis + 1 :]) for width in widths]
    return [value(tensor_type(shape, type)) for shape in shapes], axis, type


def qnn_concatenate(draw: Draw) -> Operation:
    values, axis, type = parts(draw)
    *encodings, output_q = (encoding(draw, type) for _ in range(len(values) + 1))
    return qnn.ConcatenateOp(values, axis, encodings, output_q, draw(ROUNDINGS))


def sima_concat(draw: Draw) -> Operation:
    values, axis, _ = parts(draw)
    return sima.ConcatOp(values, axis)


def pointwise(draw: Draw, operation: type[PointwiseOperation]) -> Operation:
    """Draws scales that LiteRT's HARD_SWISH takes too, and a contract that there is."""
    data, type, number = shape(draw), draw(st.sampled_from([i8, ui8])), st.floats(-1e3, 1e3)
    scales, parameters, rest = st.floats(2.0**-3, 2.0**3), [], {}
    input_q, output_q, slope_q = (
        QuantizationAttr.of(draw(scales), code(draw, type)) for _ in range(3)
    )
    if operation is qnn.PreluOp:
        slopes = [code(draw, type) for _ in range(data[-1])] if data else []
        parameters = [slopes if slopes and draw(st.booleans()) else code(draw, type), slope_q]
    elif operation in (qnn.EluOp, qnn.LeakyReluOp):
        parameters = [draw(number)]
    elif operation is qnn.HardSigmoidOp:
        parameters = [draw(number), draw(number)]
    elif operation is qnn.GeluOp:
        rest = {"approximate": draw(st.booleans())}
    none = (qnn.EluOp, qnn.ErfOp, qnn.HardSigmoidOp, qnn.ReciprocalOp, qnn.SoftplusOp, qnn.SwishOp)
    rounding = draw(st.sampled_from(TABLE_ROUNDINGS[:2] if operation in none else TABLE_ROUNDINGS))
    source = value(tensor_type(data, type))
    return operation(source, *parameters, input_q, output_q, rounding, **rest)


def sima_lut(draw: Draw) -> Operation:
    data = shape(draw)
    table = (*data[-1:], 256) if draw(st.booleans()) else (256,)
    return sima.LutOp(value(tensor_type(data, i8)), integers(draw, table, i8))


def qnn_softmax(draw: Draw) -> Operation:
    type = draw(st.sampled_from([i8, ui8]))
    data = tensor_type((*shape(draw), draw(SMALL)), type)
    output_q = QuantizationAttr.of(1 / 256, -128 if type == i8 else 0)
    return qnn.SoftmaxOp(value(data), encoding(draw, type), output_q, draw(SCALES) * 2**20)


def sima_softmax(draw: Draw) -> Operation:
    data = tensor_type((*shape(draw), draw(SMALL)), draw(st.sampled_from([i8, ui8])))
    scale = draw(st.integers(2**30, 2**31 - 1))
    left_shift = draw(st.integers(0, 31))
    least = -draw(st.integers(0, (2**31 - 1) >> left_shift))
    constants = SoftmaxConstants(scale, left_shift, least)
    return sima.SoftmaxOp(value(data), constants)


def sima_conv(draw: Draw) -> Operation:
    data, weight, keywords = conv(draw)
    source, result = draw(st.sampled_from([i8, i16])), draw(st.sampled_from([i8, i16]))
    channels = weight[-1] * weight[-2]
    out = qnn.ConvOp(value(tensor_type(data, i8)), value(tensor_type(weight, i8)), **keywords)
    return sima.ConvOp(
        value(tensor_type(data, source)),
        integers(draw, weight, i8),
        *bias_and_requantization(draw, source, result, channels),
        tensor_type(out.result.type.get_shape(), result),
        input_zero_point=code(draw, source),
        **keywords,
    )


def sima_conv_transpose(draw: Draw) -> Operation:
    data, weight, keywords = conv_transpose(draw)
    source, result = draw(st.sampled_from([i8, i16])), draw(st.sampled_from([i8, i16]))
    operands = value(tensor_type(data, i8)), value(tensor_type(weight, i8))
    out = qnn.ConvTransposeOp(*operands, **keywords)
    channels = weight[-1] * weight[-2]
    return sima.ConvTransposeOp(
        value(tensor_type(data, source)),
        integers(draw, weight, i8),
        *bias_and_requantization(draw, source, result, channels),
        tensor_type(out.result.type.get_shape(), result),
        input_zero_point=code(draw, source),
        **keywords,
    )


def sima_dense(draw: Draw) -> Operation:
    data, channels = shape(draw, 1), draw(st.integers(0, 3))
    source, result = draw(st.sampled_from([i8, i16])), draw(st.sampled_from([i8, i16]))
    return sima.DenseOp(
        value(tensor_type(data, source)),
        integers(draw, (channels, data[-1]), i8),
        *bias_and_requantization(draw, source, result, channels),
        tensor_type((*data[:-1], channels), result),
    )


def sima_requantize(draw: Draw) -> Operation:
    data, result = shape(draw), draw(ANY_CODES)
    attributes = requantization(draw, result, data[-1] if data else None, scaled=True)
    source = draw(ANY_CODES if "rounding" in attributes else CODES)
    bias = draw(st.integers(-(2**31), 2**31 - 1))
    operand = value(tensor_type(data, source))
    return sima.RequantizeOp(operand, bias, attributes, tensor_type(data, result))


def sima_mean(draw: Draw) -> Operation:
    (data, reduced), result = axes(draw), draw(CODES)
    shape = tuple(1 if i in reduced else size for i, size in enumerate(data))
    return sima.MeanOp(
        value(tensor_type(data, draw(CODES))),
        reduced,
        draw(st.integers(-(2**31), 2**31 - 1)),
        requantization(draw, result, shape[-1], scaled=True),
        tensor_type(shape, result),
    )


def sima_sum(draw: Draw, operation: type[sima.SumOperation]) -> Operation:
    data = tensor_type(shape(draw), i8)
    attributes = requantization(draw, i8, None, scaled=False)
    tflite = "rounding" in attributes
    scale = st.integers(0, 2**31 - 1 if tflite else 2**15 - 1)
    constants = {"lhs_scale": draw(scale), "rhs_scale": draw(scale)}
    if tflite:
        for name, largest in (("left_shift", 23), ("lhs_shift", 62), ("rhs_shift", 62)):
            constants[name] = draw(st.integers(0, largest))
        for name in ("lhs_zero_point", "rhs_zero_point"):
            constants[name] = code(draw, i8)
    return operation(value(data), value(data), constants, attributes, data)


def sima_mul(draw: Draw) -> Operation:
    data = tensor_type(shape(draw), i8)
    attributes = requantization(draw, i8, None, scaled=True)
    constants = {name: code(draw, i8) for name in ("lhs_zero_point", "rhs_zero_point")}
    if "rounding" not in attributes:
        constants["bias"] = draw(st.integers(-(2**31), 2**31 - 1))
    return sima.MulOp(value(data), value(data), constants, attributes, data)


def sima_avg_pool(draw: Draw) -> Operation:
    (data, taps, keywords), type = pool(draw), draw(CODES)
    source = value(tensor_type(data, type))
    return sima.AvgPoolOp(
        source,
        taps,
        qnn.MaxPoolOp(source, taps, **keywords).result.type,
        input_zero_point=code(draw, type),
        **keywords,
    )


def sima_max_pool(draw: Draw) -> Operation:
    data, taps, keywords = pool(draw)
    source = value(tensor_type(data, draw(CODES)))
    return sima.MaxPoolOp(source, taps, **keywords)


def sima_quantize(draw: Draw) -> Operation:
    data, type = shape(draw), draw(CODES)
    encoding = Quantization(draw(SCALES), code(draw, type))
    result = tensor_type(data, type)
    source = value(tensor_type(data, f32))
    return sima.QuantizeOp(source, encoding, result, ties_to_even=draw(st.booleans()))


def sima_dequantize(draw: Draw) -> Operation:
    type = draw(CODES)
    encoding = Quantization(draw(SCALES), code(draw, type))
    return sima.DequantizeOp(value(tensor_type(shape(draw), type)), encoding)


BUILDERS: dict[str, Callable[[Draw], Operation]] = {
    "qnn.add": lambda draw: elementwise(draw, qnn.AddOp),
    "qnn.avg_pool": qnn_avg_pool,
    "qnn.batch_matmul": qnn_batch_matmul,
    "qnn.bias_add": qnn_bias_add,
    "qnn.broadcast_to": lambda draw: broadcast_to(draw, qnn),
    "qnn.clip": lambda draw: clip(draw, qnn),
    "qnn.concatenate": qnn_concatenate,
    "qnn.conv": qnn_conv,
    "qnn.conv_transpose": qnn_conv_transpose,
    "qnn.dense": qnn_dense,
    "qnn.depth_to_space": lambda draw: depth_to_space(draw, qnn),
    "qnn.dequantize": qnn_dequantize,
    "qnn.max_pool": qnn_max_pool,
    "qnn.mean": qnn_mean,
    "qnn.mul": lambda draw: elementwise(draw, qnn.MulOp),
    "qnn.pad": lambda draw: pad(draw, qnn),
    "qnn.quantize": qnn_quantize,
    "qnn.requantize": qnn_requantize,
    "qnn.reshape": lambda draw: reshape(draw, qnn),
    "qnn.resize": lambda draw: resize(draw, qnn),
    "qnn.slice": lambda draw: slice_(draw, qnn),
    "qnn.softmax": qnn_softmax,
    "qnn.space_to_depth": lambda draw: space_to_depth(draw, qnn),
    "qnn.transpose": lambda draw: transpose(draw, qnn),
    "sima.add": lambda draw: sima_sum(draw, sima.AddOp),
    "sima.avg_pool": sima_avg_pool,
    "sima.batch_matmul": sima_batch_matmul,
    "sima.broadcast_to": lambda draw: broadcast_to(draw, sima),
    "sima.clip": lambda draw: clip(draw, sima),
    "sima.concat": sima_concat,
    "sima.conv": sima_conv,
    "sima.conv_transpose": sima_conv_transpose,
    "sima.dense": sima_dense,
    "sima.depth_to_space": lambda draw: depth_to_space(draw, sima),
    "sima.dequantize": sima_dequantize,
    "sima.max_pool": sima_max_pool,
    "sima.mean": sima_mean,
    "sima.mul": sima_mul,
    "sima.pad": lambda draw: pad(draw, sima),
    "sima.quantize": sima_quantize,
    "sima.requantize": sima_requantize,
    "sima.reshape": lambda draw: reshape(draw, sima),
    "sima.resize": lambda draw: resize(draw, sima),
    "sima.slice": lambda draw: slice_(draw, sima),
    "sima.softmax": sima_softmax,
    "sima.space_to_depth": lambda draw: space_to_depth(draw, sima),
    "sima.transpose": lambda draw: transpose(draw, sima),
}


BUILDERS |= {
    op.name: lambda draw, op=op: pointwise(draw, op)
    for op in QNN.operations
    if issubclass(op, PointwiseOperation)
}
BUILDERS |= {
    "qnn.subtract": lambda draw: elementwise(draw, qnn.SubtractOp),
    "sima.lut": sima_lut,
    "sima.subtract": lambda draw: sima_sum(draw, sima.SubtractOp),
}


def with_sources(op: Operation) -> list[Operation]:
    return [*dict.fromkeys(operand.owner for operand in op.operands), op]


def test_every_operation_has_a_builder():
    assert sorted(BUILDERS) == [op.name for d in (QNN, SIMA) for op in d.operations]


@pytest.mark.parametrize("name", BUILDERS)
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_is_built_verifies_and_is_a_fixed_point(
    name: str, data: st.DataObject, assert_fixed_point: Callable[[ModuleOp], None]
):
    module = ModuleOp(with_sources(BUILDERS[name](data.draw)))
    assert module.body.block.last_op.name == name
    module.verify()
    assert_fixed_point(module)


@pytest.mark.skipif(MLIR_OPT is None, reason="mlir-opt-22 is not installed")
@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_mlir_opt_prints_back_what_we_printed(data: st.DataObject, show: Callable[..., str]):
    operations = [build(data.draw) for build in BUILDERS.values()]
    module = ModuleOp([part for op in operations for part in with_sources(op)])
    command = [MLIR_OPT, "--allow-unregistered-dialect", "--mlir-print-op-generic"]
    text = show(module, generic=True)
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert result.stderr == ""
    again = parse(make_context(), result.stdout)
    again.verify()
    assert again.is_structurally_equivalent(module)
