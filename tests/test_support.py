"""The test support itself: every single-op model runs in LiteRT and gives what it must."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import tflite
from support import tflite_builder as tb
from support.litert import Kernels, requires_litert, run, run_all

Q: tb.Quant = (0.5, 3)
KERNELS = pytest.mark.parametrize("kernels", ["reference", "optimized"])
DTYPES = pytest.mark.parametrize("dtype", ["int8", "uint8"])


def random(shape: Sequence[int], dtype: str = "int8") -> np.ndarray:
    info = np.iinfo(dtype)
    return np.random.default_rng(7).integers(info.min, info.max + 1, shape, dtype)


def saturate(values: np.ndarray, dtype: str = "int8") -> np.ndarray:
    info = np.iinfo(dtype)
    return np.clip(values, info.min, info.max).astype(dtype)


def test_model_holds_what_was_given():
    tensors = [
        tb.Tensor("x", [1, 2], "int8", 0.1, -5),
        tb.Tensor("w", [3, 2], "int8", [0.1, 0.2, 0.3], data=np.ones((3, 2), np.int8)),
        tb.Tensor("y", [1, 3], "int8", 0.7, 9),
    ]
    options = {"fused_activation_function": "RELU6", "keep_num_dims": True}
    op = tb.Operator("FULLY_CONNECTED", [0, 1, -1], [2], options, 5)
    model = tflite.Model.GetRootAs(tb.build_model(tensors, [op], [0], [2]))
    graph = model.Subgraphs(0)
    weight = graph.Tensors(1)
    assert (
        weight.Quantization().ScaleAsNumpy().tolist()
        == np.array([0.1, 0.2, 0.3], np.float32).tolist()
    )
    assert weight.Quantization().ZeroPointAsNumpy().tolist() == [0, 0, 0]
    assert model.Buffers(weight.Buffer()).DataAsNumpy().tolist() == [1] * 6
    assert model.OperatorCodes(0).BuiltinCode() == tflite.BuiltinOperator.FULLY_CONNECTED
    assert model.OperatorCodes(0).Version() == 5
    assert graph.Operators(0).InputsAsNumpy().tolist() == [0, 1, -1]
    table = graph.Operators(0).BuiltinOptions()
    parsed = tflite.FullyConnectedOptions()
    parsed.Init(table.Bytes, table.Pos)
    assert parsed.FusedActivationFunction() == tflite.ActivationFunctionType.RELU6
    assert parsed.KeepNumDims()


def test_constant_must_match_its_tensor():
    with pytest.raises(ValueError, match=r"w: int8\[2\] is not int8\[3\]"):
        tb.Tensor("w", [3], "int8", data=np.ones(2, np.int8))


@requires_litert
@KERNELS
@DTYPES
def test_conv_2d_identity(kernels: Kernels, dtype: tb.QuantizedType):
    x, zero = random((2, 4, 5, 3), dtype), 7 if dtype == "uint8" else 0
    weight = (np.eye(3) + zero).astype(dtype).reshape(3, 1, 1, 3)
    model = tb.conv_2d(
        x.shape,
        weight,
        np.zeros(3, np.int32),
        x_q=Q,
        w_scales=1.0,
        y_q=Q,
        dtype=dtype,
        w_zero_point=zero,
    )
    np.testing.assert_array_equal(run(model, [x], kernels)[0], x)


@requires_litert
@KERNELS
def test_conv_2d_per_channel(kernels: Kernels):
    x, bias = random((1, 7, 9, 3)), np.array([100, -100, 0, 5], np.int32)
    model = tb.conv_2d(
        x.shape,
        random((4, 3, 2, 3)),
        bias,
        x_q=(0.02, -4),
        w_scales=[0.01, 0.02, 0.03, 0.04],
        y_q=(0.1, -128),
        strides=(2, 1),
        dilations=(1, 2),
        padding="VALID",
        activation="RELU6",
    )
    (y,) = run(model, [x], kernels)
    assert (y.shape, y.dtype) == ((1, 3, 7, 4), np.int8)
    assert y.min() >= -128
    assert y.max() <= -128 + 60
    tensors = run_all(model, [x], kernels)
    assert list(tensors) == [0, 1, 2, 3]
    np.testing.assert_array_equal(tensors[2], bias)
    np.testing.assert_array_equal(tensors[3], y)


@requires_litert
@KERNELS
@DTYPES
def test_depthwise_conv_2d_multiplier(kernels: Kernels, dtype: tb.QuantizedType):
    x, zero = random((1, 3, 4, 2), dtype), 7 if dtype == "uint8" else 0
    weight = np.full((1, 1, 1, 4), zero + 1, dtype)
    scales = 1.0 if zero else [1.0, 2.0, 1.0, 2.0]
    model = tb.depthwise_conv_2d(
        x.shape,
        weight,
        np.zeros(4, np.int32),
        x_q=Q,
        w_scales=scales,
        y_q=Q,
        dtype=dtype,
        w_zero_point=zero,
    )
    real = np.repeat(x.astype(np.int32) - 3, 2, axis=3) * np.broadcast_to(scales, 4)
    np.testing.assert_array_equal(run(model, [x], kernels)[0], saturate(real + 3, dtype))


@requires_litert
@KERNELS
@pytest.mark.parametrize("keep_num_dims", [False, True])
@pytest.mark.parametrize("w_scales", [1.0, [1.0, 2.0]])
def test_fully_connected(kernels: Kernels, keep_num_dims: bool, w_scales: float | list[float]):
    x, weight = random((1, 5, 3)), np.array([[1, 0, 0], [0, 0, 1]], np.int8)
    model = tb.fully_connected(
        x.shape,
        weight,
        np.array([2, -1], np.int32),
        x_q=Q,
        w_scales=w_scales,
        y_q=Q,
        keep_num_dims=keep_num_dims,
    )
    real = (x.astype(np.int32)[..., [0, 2]] - 3 + [2, -1]) * np.broadcast_to(w_scales, 2)
    expected = saturate(real + 3).reshape((1, 5, 2) if keep_num_dims else (5, 2))
    np.testing.assert_array_equal(run(model, [x], kernels)[0], expected)


@requires_litert
@KERNELS
def test_fully_connected_uint8(kernels: Kernels):
    x, weight = random((2, 3), "uint8"), (np.eye(3) + 7).astype(np.uint8)
    model = tb.fully_connected(
        x.shape, weight, None, x_q=Q, w_scales=1.0, y_q=Q, dtype="uint8", w_zero_point=7
    )
    np.testing.assert_array_equal(run(model, [x], kernels)[0], x)


@requires_litert
@KERNELS
@DTYPES
def test_add(kernels: Kernels, dtype: tb.QuantizedType):
    a, b = random((1, 2, 3, 4), dtype), random((4,), dtype)
    expected = saturate(a.astype(np.int32) + b - 3, dtype)
    model = tb.add(a.shape, b.shape, a_q=Q, b_q=Q, y_q=Q, dtype=dtype)
    np.testing.assert_array_equal(run(model, [a, b], kernels)[0], expected)
    model = tb.add(a.shape, b.shape, a_q=Q, b_q=Q, y_q=Q, dtype=dtype, b_data=b)
    np.testing.assert_array_equal(run(model, [a], kernels)[0], expected)


@requires_litert
@KERNELS
@DTYPES
def test_mul(kernels: Kernels, dtype: tb.QuantizedType):
    a, b = random((1, 2, 3, 4), dtype), random((4,), dtype)
    encodings = {"a_q": Q, "b_q": Q, "y_q": (0.25, 3), "dtype": dtype}
    expected = saturate((a.astype(np.int32) - 3) * (b.astype(np.int32) - 3) + 3, dtype)
    model = tb.mul(a.shape, b.shape, **encodings)
    np.testing.assert_array_equal(run(model, [a, b], kernels)[0], expected)
    model = tb.mul(a.shape, b.shape, **encodings, b_data=b)
    np.testing.assert_array_equal(run(model, [a], kernels)[0], expected)


@requires_litert
@KERNELS
@DTYPES
def test_pools(kernels: Kernels, dtype: tb.QuantizedType):
    x = np.array([[1, 2, 9], [3, 4, 9]], dtype).reshape(1, 2, 3, 1)
    model = tb.max_pool_2d(x.shape, (2, 2), x_q=Q, dtype=dtype)
    assert run(model, [x], kernels)[0].ravel().tolist() == [4, 9]
    model = tb.average_pool_2d(x.shape, (2, 2), x_q=Q, dtype=dtype, strides=(2, 2), padding="SAME")
    assert run(model, [x], kernels)[0].ravel().tolist() == [3, 9]


@requires_litert
@KERNELS
@DTYPES
def test_softmax(kernels: Kernels, dtype: tb.QuantizedType):
    x = np.full((2, 4), 5, dtype)
    (y,) = run(tb.softmax(x.shape, x_q=Q, dtype=dtype), [x], kernels)
    np.testing.assert_array_equal(y, np.full((2, 4), np.iinfo(dtype).min + 64, dtype))


@requires_litert
@KERNELS
@DTYPES
def test_pad(kernels: Kernels, dtype: tb.QuantizedType):
    x, paddings = random((1, 2, 3, 1), dtype), [(0, 0), (1, 0), (2, 1), (0, 0)]
    (y,) = run(tb.pad(x.shape, paddings, x_q=Q, dtype=dtype), [x], kernels)
    np.testing.assert_array_equal(y, np.pad(x, paddings, constant_values=3))


@requires_litert
@KERNELS
@DTYPES
@pytest.mark.parametrize("keep_dims", [False, True])
def test_mean(kernels: Kernels, dtype: tb.QuantizedType, keep_dims: bool):
    x = np.broadcast_to(np.array([4, 9], dtype), (1, 3, 3, 2)).copy()
    model = tb.mean(x.shape, [1, -2], x_q=Q, y_q=Q, keep_dims=keep_dims, dtype=dtype)
    (y,) = run(model, [x], kernels)
    np.testing.assert_array_equal(y, x.mean((1, 2), keepdims=keep_dims).astype(dtype))


@requires_litert
@KERNELS
@DTYPES
def test_reshape(kernels: Kernels, dtype: tb.QuantizedType):
    x = random((1, 2, 3), dtype)
    (y,) = run(tb.reshape(x.shape, (3, -1), x_q=Q, dtype=dtype), [x], kernels)
    np.testing.assert_array_equal(y, x.reshape(3, 2))


@requires_litert
@KERNELS
def test_quantize_and_dequantize(kernels: Kernels):
    x = np.array([-1.0, 0.0, 0.5, 100.0], np.float32)
    quantized = np.array([1, 3, 4, 127], np.int8)
    (y,) = run(tb.quantize(x.shape, y_q=Q), [x], kernels)
    np.testing.assert_array_equal(y, quantized)
    (y,) = run(tb.dequantize(x.shape, x_q=Q), [quantized], kernels)
    np.testing.assert_array_equal(y, np.array([-1.0, 0.0, 0.5, 62.0], np.float32))


@requires_litert
@KERNELS
@DTYPES
def test_requantize_to_int8(kernels: Kernels, dtype: tb.QuantizedType):
    x = random((9,), dtype)
    model = tb.quantize(x.shape, x_q=(1.0, 1), y_q=Q, x_dtype=dtype)
    expected = saturate((x.astype(np.int32) - 1) * 2 + 3)
    np.testing.assert_array_equal(run(model, [x], kernels)[0], expected)
