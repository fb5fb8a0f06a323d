"""What the lowering writes computes what its source computes: equally, or within a proven bound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.layers import Layer, lower, only, run
from xdsl.context import Context
from xdsl.dialect_interfaces.op_asm import OpAsmDialectInterface
from xdsl.dialects import arith, func
from xdsl.dialects.builtin import (
    Builtin,
    DenseResourceAttr,
    FileLineColLoc,
    IntAttr,
    ModuleOp,
    StringAttr,
    i16,
    i32,
)
from xdsl.ir import Attribute, Block, Region

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.elements import array_values, element_type_of, elements, tensor_type
from sima_mlir.dialects.qnn import QNN, QuantizationAttr
from sima_mlir.dialects.sima import SIMA
from sima_mlir.interpreters.kernels import convolve
from sima_mlir.passes.convert_qnn_to_sima import ConvertQnnToSimaPass
from sima_mlir.passes.diagnostics import LoweringError, RemarkContext, RemarkKind
from sima_mlir.quantization import Rounding

ROUNDINGS = [Rounding.UPWARD, Rounding.AWAY, Rounding.TFLITE, Rounding.RUY, Rounding.FLOAT32]


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rank = draw(st.sampled_from([0, 1, 2, 2, 3]))
    groups, inputs, outputs = (draw(st.integers(1, 3)) for _ in range(3))
    channels = groups * outputs
    window, pad = None, 0
    if rank:
        kernel = [draw(st.integers(1, 3)) for _ in range(rank)]
        window = {
            "strides": [draw(st.integers(1, 2)) for _ in range(rank)],
            "padding": [draw(st.integers(0, 2)) for _ in range(2 * rank)],
            "dilations": [draw(st.integers(1, 2)) for _ in range(rank)],
        }
        pad = draw(st.sampled_from([0, 0, 1]))
        data_shape = (1, *(draw(st.integers(5, 7)) for _ in range(rank)), groups * inputs)
        weight_shape = (*kernel, inputs, groups, outputs)
    else:
        features = draw(st.integers(1, 40))
        data_shape, weight_shape, channels = (2, features), (outputs, features), outputs
    low, high = sorted(draw(st.tuples(st.integers(-128, 127), st.integers(-128, 127))))
    per_channel = draw(st.booleans())
    return Layer(
        data=rng.integers(-128, 128, data_shape, dtype=np.int8),
        weight=rng.integers(-127, 128, weight_shape, dtype=np.int8),
        bias=rng.integers(-5000, 5000, channels, dtype=np.int32) if draw(st.booleans()) else None,
        product_scale=np.exp(rng.uniform(-9, -1, channels if per_channel else 1)),
        output_scale=float(np.exp(rng.uniform(-1, 3))),
        zero_point=draw(st.sampled_from([-128, 0, 127, -3])),
        output_zero_point=draw(st.sampled_from([-128, 0, 127, 9])),
        rounding=draw(st.sampled_from(ROUNDINGS)),
        window=window,
        clip=(low, high) if draw(st.booleans()) else None,
        pad=pad,
    )


@settings(max_examples=150, deadline=None)
@given(layers())
def test_tflite_mode_equals_its_source(layer: Layer):
    module = layer.module()
    lowered = lower(module, requantization="tflite")
    np.testing.assert_array_equal(run(lowered, layer.data), run(module, layer.data))


@settings(max_examples=150, deadline=None)
@given(layers())
def test_sima_mode_is_within_its_bound(layer: Layer):
    """Each rounded to nearest, weights are off by 1/2, as are the bias and the final rounding.

    Against the exact quotient the distance before rounding is therefore at most
    2**-(n+1) * (Σ|x - zx| + 1); the roundings add at most one output step.
    """
    module = layer.module()
    lowered = lower(module, weight_rounding="nearest")
    op = only(lowered, sima.DenseOp if layer.window is None else sima.ConvOp)
    sums = reach(layer)
    bound = np.ceil(np.ldexp(sums + 1.0, -(array_values(op.shift).astype(np.int64) + 1))) + 1
    distance = np.abs(run(lowered, layer.data).astype(int) - run(module, layer.data))
    assert np.all(distance <= bound)


def reach(layer: Layer) -> np.ndarray:
    """Σ|x - zx| over the taps of each output."""
    distance = np.abs(layer.data.astype(np.int64) - layer.zero_point)
    ones = np.ones(layer.weight.shape, dtype=np.int64)
    if layer.window is None:
        return distance @ ones.T
    window = layer.window | {"padding": [layer.pad + taps for taps in layer.window["padding"]]}
    return convolve(distance, ones, **window)


@pytest.mark.parametrize("mode", ["sima", "tflite"])
@pytest.mark.parametrize("zero_point", [-128, 5, 127])
def test_padding_is_exact_at_the_borders(mode: str, zero_point: int):
    """Data that is real zero everywhere gives the bias alone, in the corners too."""
    layer = Layer(
        data=np.full((1, 3, 3, 2), zero_point, dtype=np.int8),
        weight=np.random.default_rng(0).integers(-127, 128, (3, 3, 2, 1, 4), dtype=np.int8),
        bias=np.array([100, -200, 300, 0], dtype=np.int32),
        product_scale=np.array([0.03, 0.002, 0.0007, 0.01]),
        output_scale=0.5,
        zero_point=zero_point,
        output_zero_point=-7,
        rounding=Rounding.TFLITE,
        window={"padding": [1, 2, 2, 1]},
    )
    result = run(lower(layer.module(), requantization=mode), layer.data)
    # 100*.03/.5 = 6, -200*.002/.5 = -.8, 300*.0007/.5 = .42, 0; then rounded, minus 7
    np.testing.assert_array_equal(result, np.broadcast_to([-1, -8, -7, -7], result.shape))


def test_power_of_two_ratio_loses_nothing():
    rng = np.random.default_rng(1)
    layer = Layer(
        data=rng.integers(-128, 128, (16, 32), dtype=np.int8),
        weight=rng.integers(-127, 128, (8, 32), dtype=np.int8),
        bias=rng.integers(-9999, 9999, 8, dtype=np.int32),
        product_scale=2.0 ** -np.arange(5, 13),
        output_scale=1.0,
        zero_point=-11,
        output_zero_point=3,
        rounding=Rounding.UPWARD,
        window=None,
    )
    module = layer.module()
    np.testing.assert_array_equal(run(lower(module), layer.data), run(module, layer.data))


@pytest.mark.parametrize(
    ("dtype", "count", "scale"), [(np.int8, 49, 0.7), (np.uint8, 4, 1.9), (np.int16, 9, 0.01)]
)
def test_mean_and_requantize_round_once(dtype: type, count: int, scale: float):
    """In `sima` mode the distance is half an output step, and what rounding the scale adds."""
    info = np.iinfo(dtype)
    rng = np.random.default_rng(2)
    data = rng.integers(info.min, info.max, (8, count, 16), dtype=dtype, endpoint=True)
    input_q, output_q = QuantizationAttr.of(scale, 7), QuantizationAttr.of(1.0, -2)
    block = Block(arg_types=[tensor_type(data.shape, element_type_of(dtype))])
    mean = qnn.MeanOp(block.args[0], [1], input_q, output_q, Rounding.TFLITE)
    block.add_ops([mean, func.ReturnOp(mean.result)])
    module = ModuleOp(
        [func.FuncOp("main", ((block.args[0].type,), (mean.result.type,)), Region(block))]
    )
    exact = (data.astype(float) - 7).mean(axis=1, keepdims=True) * scale - 2
    lowered = lower(module)
    distance = np.abs(run(lowered, data) - np.clip(exact, info.min, info.max))
    relative = 0.5 / array_values(only(lowered, sima.MeanOp).scale_correction)[0]
    assert np.all(distance <= 0.5 + np.abs(exact + 2) * relative + 1e-9)


def test_lowering_twice_changes_nothing():
    layer = layers_with(clip=(-5, 90))
    once = lower(layer.module())
    assert str(lower(once)) == str(once)


def layers_with(**fields: object) -> Layer:
    rng = np.random.default_rng(3)
    plain = {
        "data": rng.integers(-128, 128, (2, 4), dtype=np.int8),
        "weight": rng.integers(-127, 128, (3, 4), dtype=np.int8),
        "bias": np.arange(3, dtype=np.int32),
        "product_scale": np.array([0.01]),
        "output_scale": 0.5,
        "zero_point": 0,
        "output_zero_point": 0,
        "rounding": Rounding.TFLITE,
        "window": None,
    }
    return Layer(**plain | fields)


def test_location_of_the_convolution_is_kept():
    module = layers_with(ops=[]).module()
    place = FileLineColLoc(StringAttr("net.mlir"), IntAttr(3), IntAttr(7))
    only(module, qnn.DenseOp).location = place
    assert only(lower(module), sima.DenseOp).location == place


def test_weight_stays_a_resource_in_tflite_mode_and_is_read_in_sima_mode():
    ctx = Context()
    for dialect in (Builtin, func.Func, arith.Arith, QNN, SIMA):
        ctx.load_dialect(dialect)
    module = layers_with(ops=[]).module()
    constant = only(module, qnn.DenseOp).weight.owner
    weight = elements(constant.value)
    interface = ctx.get_dialect("builtin").get_interface(OpAsmDialectInterface)
    key = interface.declare_resource("weight_of_this_test")
    interface.parse_resource(key, "0x01000000" + weight.tobytes().hex())
    constant.properties["value"] = DenseResourceAttr.from_params(key, constant.result.type)
    kept, folded = module.clone(), module.clone()
    ConvertQnnToSimaPass(requantization="tflite").apply(ctx, kept)
    ConvertQnnToSimaPass(weight_rounding="nearest").apply(ctx, folded)
    assert isinstance(only(kept, sima.DenseOp).weight, DenseResourceAttr)
    # 0.01 / 0.5 = 0.64 * 2**-5
    expected = np.floor(weight * 0.64 + 0.5)
    np.testing.assert_array_equal(elements(only(folded, sima.DenseOp).weight), expected)


def test_missing_resource_is_a_reason():
    module = layers_with(ops=[]).module()
    constant = only(module, qnn.DenseOp).weight.owner
    constant.properties["value"] = DenseResourceAttr.from_params("gone", constant.result.type)
    with pytest.raises(LoweringError, match="resource 'gone' is not defined"):
        ConvertQnnToSimaPass().apply(Context(), module)


def test_partial_lowering_remarks_on_what_is_left():
    module = layers_with(ops=[]).module()
    place = module.body.block.first_op.body.block
    constant = only(module, qnn.DenseOp).weight
    constant.replace_all_uses_with(place.insert_arg(constant.type, 1))
    ctx = RemarkContext()
    ConvertQnnToSimaPass(partial=True).apply(ctx, module)
    assert [(found.kind, found.operation.name, found.message) for found in ctx.remarks] == [
        (
            RemarkKind.MISSED,
            "qnn.dense",
            "left in qnn: its weight is not a constant; make it an arith.constant",
        ),
        (
            RemarkKind.MISSED,
            "qnn.bias_add",
            "left in qnn: it is the bias of a 'qnn.dense' that is not lowered; see 'qnn.dense'",
        ),
        (
            RemarkKind.MISSED,
            "qnn.requantize",
            "left in qnn: it ends a 'qnn.dense' that is not lowered; see 'qnn.dense'",
        ),
    ]


def test_a_fold_that_does_not_fit_becomes_a_multiplication_with_a_remark():
    module = layers_with(ops=[], output_scale=1e-5).module()
    lowered, ctx = module.clone(), RemarkContext()
    ConvertQnnToSimaPass().apply(ctx, lowered)
    assert only(lowered, sima.DenseOp).is_tflite
    data = layers_with().data
    np.testing.assert_array_equal(run(lowered, data), run(module, data))
    (found,) = ctx.remarks
    assert found.kind is RemarkKind.MISSED
    assert found.message.startswith("does not fold into a shift: scale ratio 1000 times weight")


def test_weights_that_fold_to_zero_are_remarked_on():
    ctx = RemarkContext()
    ConvertQnnToSimaPass().apply(ctx, layers_with(ops=[], product_scale=np.array([1e-12])).module())
    assert [(found.kind, found.message) for found in ctx.remarks] == [
        (RemarkKind.ANALYSIS, "every folded weight is 0, its scale is so small")
    ]


def test_clips_that_do_not_overlap_compose():
    layer = layers_with(ops=[], clip=(0, 10))
    module = layer.module()
    last = only(module, func.ReturnOp)
    clip = qnn.ClipOp(last.operands[0], 20, 30)
    last.parent.insert_op_before(clip, last)
    last.operands[0] = clip.result
    assert set(run(module, layer.data).ravel()) == {20}
    np.testing.assert_array_equal(run(lower(module), layer.data), run(module, layer.data))


def test_unsigned_weight_without_zero_point_is_brought_to_int8():
    layer = layers_with(ops=[], weight=np.full((3, 4), 100, dtype=np.uint8))
    module = layer.module()
    lowered = lower(module, requantization="tflite")
    np.testing.assert_array_equal(run(lowered, layer.data), run(module, layer.data))


def test_accumulator_that_can_overflow_is_refused():
    module = layers_with(
        ops=[],
        data=np.zeros((1, 200_000), np.int8),
        weight=np.full((1, 200_000), 127, np.int8),
        bias=None,
    ).module()
    with pytest.raises(LoweringError, match="accumulator must fit 32 bits, got 3251200000"):
        ConvertQnnToSimaPass(requantization="tflite").apply(Context(), module)


@pytest.mark.parametrize("output_type", [i32, i16])
def test_wide_results_are_off_by_a_step_at_most(output_type: Attribute):
    """Where a 15-bit scale is not right to half a step, the lowering multiplies instead."""
    data = np.arange(-30000, 30001, 7, dtype=np.int16)[None]
    block = Block(arg_types=[tensor_type(data.shape, i16)])
    encodings = QuantizationAttr.of(0.7, 5), QuantizationAttr.of(0.9, -3)
    op = qnn.RequantizeOp(block.args[0], *encodings, Rounding.UPWARD, output_type)
    block.add_ops([op, func.ReturnOp(op.result)])
    module = ModuleOp(
        [func.FuncOp("main", ((block.args[0].type,), (op.result.type,)), Region(block))]
    )
    distance = run(lower(module), data).astype(np.int64) - run(module, data)
    assert np.abs(distance).max() <= 1


@pytest.mark.parametrize("shape", [(0, 4), (2, 0)])
def test_empty_tensors_are_refused(shape: tuple[int, int]):
    layer = layers_with(ops=[], data=np.zeros(shape, np.int8), bias=None)
    layer.weight = np.ones((3, shape[1]), np.int8)
    with pytest.raises(LoweringError, match="its tensors are empty"):
        ConvertQnnToSimaPass().apply(Context(), layer.module())


@pytest.mark.parametrize(
    ("scales", "zero_points", "codes", "expected"),
    [
        ((1000.015, 999.986), (0, 0), (127, -127), 4),
        ((130.0036, 129.9964), (-128, 127), (127, -128), 2),
    ],
)
def test_large_operands_that_cancel_are_added_exactly(
    scales: tuple[float, float],
    zero_points: tuple[int, int],
    codes: tuple[int, int],
    expected: int,
):
    type = tensor_type((1,), element_type_of(np.int8))
    block = Block(arg_types=[type, type])
    encodings = [QuantizationAttr.of(s, z) for s, z in zip(scales, zero_points, strict=True)]
    op = qnn.AddOp(*block.args, *encodings, QuantizationAttr.of(1.0, 0), Rounding.TFLITE)
    block.add_ops([op, func.ReturnOp(op.result)])
    module = ModuleOp([func.FuncOp("main", ((type, type), (type,)), Region(block))])
    data = [np.array([code], np.int8) for code in codes]
    assert run(module, *data) == run(lower(module), *data) == [expected]


def test_dead_operations_are_lowered_too():
    block = Block(arg_types=[tensor_type((1, 4), element_type_of(np.int8))])
    dead = qnn.ReshapeOp(block.args[0], (4,))
    block.add_ops([dead, func.ReturnOp(block.args[0])])
    module = ModuleOp(
        [func.FuncOp("main", ((block.args[0].type,), (block.args[0].type,)), Region(block))]
    )
    assert only(lower(module), sima.ReshapeOp).result.type == dead.result.type
