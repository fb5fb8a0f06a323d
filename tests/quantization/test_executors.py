"""Every rounding contract against programs of others: LiteRT, ONNX Runtime, TVM, IREE.

The layers here are 1x1 convolutions and dense layers, so that the accumulators need nothing of
this project: a matrix product of int64.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import tflite_builder as tb
from support.litert import Kernels, requires_litert, run

from sima_mlir.quantization import (
    Quantization,
    Rounding,
    fixed_point_multiply,
    mean_multiplier,
    requantize,
    saturate,
    tflite_requantization_constants,
)

SHARED = Path(__file__).resolve().parents[3] / "shared"
SEEDS = pytest.mark.parametrize("seed", range(6))


def requires(path: Path) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not path.exists(), reason=f"{path.name} of ../shared is absent")


class Pointwise:
    """A random 1x1 convolution whose scales are powers of two on even seeds, so that it has ties.

    Half of its channels have ratios that suit their weights; the others have large biases, up to
    the ends of int32, and ratios that bring these to the middle of the output's range.
    """

    def __init__(self, seed: int, dtype: str = "int8"):
        rng = np.random.default_rng(seed)
        info = np.iinfo(dtype)
        self.dtype = dtype
        self.x = rng.integers(info.min, info.max, (1, 16, 16, 6), dtype, endpoint=True)
        magnitude = rng.integers(0, 7, 24)
        self.weight = rng.integers(-(2**magnitude), 2**magnitude, (6, 24), endpoint=True).T
        self.weight = self.weight.astype(np.int8)
        bits = np.where(np.arange(24) % 2, magnitude + 9, rng.integers(14, 31, 24))
        self.bias = (rng.choice([-1, 1], 24) * 2.0**bits * rng.uniform(0.1, 0.9, 24)).astype("i4")
        self.bias[:4], bits[:4] = [2**31 - 200000, -(2**31) + 200000, 0, 1], [30, 30, 12, 2]
        zero_point = int(rng.integers(info.min, info.max))
        self.x_q = (0.5, zero_point) if seed % 2 == 0 else (float(rng.uniform(0.01, 1)), zero_point)
        self.y_q = (0.25, 3) if seed % 2 == 0 else (float(rng.uniform(0.01, 1)), -5)
        if dtype == "uint8":
            self.y_q = (self.y_q[0], 130)
        ratios = 2.0 ** (6 - bits) if seed % 2 == 0 else 2.0 ** (6 - bits) * rng.uniform(0.6, 1, 24)
        self.w_scales = (ratios * self.y_q[0] / self.x_q[0]).astype(np.float32)

    @property
    def accumulators(self) -> np.ndarray:
        centred = self.x.reshape(-1, 6).astype(np.int64) - self.x_q[1]
        return centred @ self.weight.T.astype(np.int64) + self.bias

    @property
    def ratios(self) -> np.ndarray:
        """The product of float32 scales in float64, as TFLite's convolutions take it."""
        x_scale, y_scale = (float(np.float32(q[0])) for q in (self.x_q, self.y_q))
        return x_scale * self.w_scales.astype(np.float64) / y_scale

    def expected(self, rounding: Rounding) -> np.ndarray:
        return requantize(
            self.accumulators, self.ratios, 0, self.y_q[1], rounding, np.dtype(self.dtype)
        )

    def conv_model(self) -> bytes:
        weight = self.weight.reshape(24, 1, 1, 6)
        return tb.conv_2d(
            self.x.shape, weight, self.bias, x_q=self.x_q, w_scales=self.w_scales, y_q=self.y_q
        )


def differing(first: np.ndarray, second: np.ndarray) -> int:
    return int(np.count_nonzero(first != second))


@requires_litert
@SEEDS
@pytest.mark.parametrize(
    ("kernels", "rounding"), [("reference", Rounding.TFLITE), ("optimized", Rounding.RUY)]
)
def test_litert_convolution(kernels: Kernels, rounding: Rounding, seed: int):
    layer = Pointwise(seed)
    (out,) = run(layer.conv_model(), [layer.x], kernels)
    np.testing.assert_array_equal(out.reshape(-1, 24), layer.expected(rounding))


@requires_litert
def test_litert_tells_the_contracts_of_its_kernels_apart():
    # On powers of two; the other contract must differ, or the test above shows nothing.
    layer = Pointwise(0)
    outputs = {k: run(layer.conv_model(), [layer.x], k)[0].reshape(-1, 24) for k in KERNELS}
    assert differing(outputs["reference"], layer.expected(Rounding.RUY)) > 0
    assert differing(outputs["optimized"], layer.expected(Rounding.TFLITE)) > 0
    assert differing(outputs["optimized"], layer.expected(Rounding.UPWARD)) > 0


KERNELS: tuple[Kernels, ...] = ("reference", "optimized")


@requires_litert
@SEEDS
def test_tflite_constants_run_as_litert_does(seed: int):
    layer = Pointwise(seed)
    product = [Quantization(r, 0) for r in layer.ratios]
    output = Quantization(1.0, layer.y_q[1])
    bias, scale, zero_point, shift = tflite_requantization_constants(
        layer.weight, layer.bias, layer.x_q[1], product, output, True
    )
    assert bias is not None
    acc = layer.x.reshape(-1, 6).astype(np.int64) @ layer.weight.T.astype(np.int64) + bias
    got = saturate(fixed_point_multiply(acc, scale, shift, Rounding.TFLITE) + zero_point, np.int8)
    (out,) = run(layer.conv_model(), [layer.x])
    np.testing.assert_array_equal(got, out.reshape(-1, 24))


BOUNDARY_BIASES = [-(2**31), 2**31 - 1, -(2**30), 2**30, 2**30 + 5, -(2**30) - 7, 2**29 + 3, 3, -3]


@requires_litert
@pytest.mark.parametrize("ratio", [0.25, 0.5, 0.999, 1.0, 1.5, 2.0, 3.0, 4.0, 7.99])
@pytest.mark.parametrize(
    ("kernels", "rounding"), [("reference", Rounding.TFLITE), ("optimized", Rounding.RUY)]
)
def test_ratio_above_one_wraps_as_litert_does(kernels: Kernels, rounding: Rounding, ratio: float):
    bias = np.array(BOUNDARY_BIASES, np.int32)
    weight = np.zeros((len(bias), 1, 1, 1), np.int8)
    model = tb.conv_2d(
        (1, 1, 1, 1), weight, bias, x_q=(1.0, 0), w_scales=[ratio] * len(bias), y_q=(1.0, 0)
    )
    (out,) = run(model, [np.zeros((1, 1, 1, 1), np.int8)], kernels)
    expected = requantize(bias, float(np.float32(ratio)), 0, 0, rounding, np.int8)
    assert out.ravel().tolist() == expected.tolist()


@requires_litert
@pytest.mark.parametrize("scale", [0.25, 0.5, 0.37, 1.7])
@pytest.mark.parametrize("zero_points", [(0, 0), (-128, 100), (17, -3)])
def test_litert_requantizes_codes(scale: float, zero_points: tuple[int, int]):
    codes = np.arange(-128, 128, dtype=np.int8)
    zi, zo = zero_points
    model = tb.quantize(codes.shape, x_q=(scale, zi), y_q=(0.5, zo))
    (out,) = run(model, [codes])
    ratio = float(np.float32(scale)) / 0.5
    np.testing.assert_array_equal(out, requantize(codes, ratio, zi, zo, Rounding.TFLITE, np.int8))


def dense_layer(seed: int, bits: int) -> tuple[np.ndarray, tb.Quant, float, tb.Quant]:
    """Biases that are the accumulators themselves, and scales; powers of two on even seeds."""
    rng = np.random.default_rng(seed)
    bias = rng.integers(-(2**bits), 2**bits, 4096).astype(np.int32)
    if seed % 2 == 0:
        return bias, (0.5, 0), 2.0 ** -(bits - 7) * 0.5, (0.25, int(rng.integers(-128, 128)))
    x_scale, y_scale = rng.uniform(0.01, 1, 2).astype(np.float32)
    w_scale = float(np.float32(200 / 2.0**bits * y_scale / x_scale))
    return bias, (float(x_scale), 0), w_scale, (float(y_scale), int(rng.integers(-128, 128)))


@requires_litert
@SEEDS
@pytest.mark.parametrize("bits", [12, 16, 24])
def test_litert_reference_fully_connected_rounds_ties_away(seed: int, bits: int):
    # It multiplies in float64, so that ties are exact, and not as `float32` does.
    bias, x_q, w_scale, y_q = dense_layer(seed, bits)
    weight = np.zeros((len(bias), 1), np.int8)
    model = tb.fully_connected((1, 1), weight, bias, x_q=x_q, w_scales=w_scale, y_q=y_q)
    (out,) = run(model, [np.zeros((1, 1), np.int8)])
    ratio = x_q[0] * w_scale / y_q[0]
    expected = requantize(bias, ratio, 0, y_q[1], Rounding.AWAY, np.int8)
    np.testing.assert_array_equal(out.ravel(), expected)
    if seed % 2 == 0 and bits < 20:
        assert differing(expected, requantize(bias, ratio, 0, y_q[1], Rounding.FLOAT32, np.int8))


@requires_litert
@SEEDS
def test_litert_int16_convolution(seed: int):
    rng = np.random.default_rng(seed)
    x = rng.integers(-32768, 32767, (1, 8, 8, 5), np.int16, endpoint=True)
    weight = rng.integers(-127, 127, (9, 1, 1, 5), np.int8, endpoint=True)
    bias = (rng.choice([-1, 1], 9) * 2.0 ** rng.uniform(10, 36, 9)).astype(np.int64)
    scales = (2.0 ** -rng.integers(5, 24, 9)).astype(np.float32)
    if seed % 2:
        scales = (scales * rng.uniform(0.5, 1, 9)).astype(np.float32)
    tensors = [
        tb.Tensor("x", x.shape, "int16", 0.5),
        tb.Tensor("weight", weight.shape, "int8", scales, data=weight),
        tb.Tensor("bias", bias.shape, "int64", np.float32(0.5) * scales, data=bias),
        tb.Tensor("y", (1, 8, 8, 9), "int16", 0.25),
    ]
    options = {"padding": "VALID", "stride_h": 1, "stride_w": 1}
    options |= {"dilation_h_factor": 1, "dilation_w_factor": 1}
    model = tb.build_model(tensors, [tb.Operator("CONV_2D", [0, 1, 2], [3], options, 4)], [0], [3])
    (out,) = run(model, [x])
    acc = x.reshape(-1, 5).astype(np.int64) @ weight.reshape(9, 5).T.astype(np.int64) + bias
    ratios = 0.5 * scales.astype(np.float64) / 0.25
    expected = requantize(acc, ratios, 0, 0, Rounding.TFLITE16, np.int16)
    np.testing.assert_array_equal(out.reshape(-1, 9), expected)
    fraction = np.count_nonzero(np.abs(expected.astype(int)) < 32767) / expected.size
    assert fraction > 0.1


SEANET = SHARED / "models" / "seanet_16x8"


def constant(model: Any, tensor: Any) -> np.ndarray:
    dtypes = {"INT8": np.int8, "INT32": np.int32, "INT64": np.int64}
    import tflite

    names = {v: k for k, v in vars(tflite.TensorType).items() if isinstance(v, int)}
    raw = model.Buffers(tensor.Buffer()).DataAsNumpy()
    return np.frombuffer(raw.tobytes(), dtypes[names[tensor.Type()]]).reshape(tensor.ShapeAsNumpy())


def scales(tensor: Any) -> np.ndarray:
    return tensor.Quantization().ScaleAsNumpy().astype(np.float64)


@requires(SEANET)
@pytest.mark.parametrize("name", [f"conv{i}" for i in range(6)])
def test_litert_int16_convolution_of_a_real_network(name: str):
    tflite = pytest.importorskip("tflite")
    model = tflite.Model.GetRootAs((SEANET / f"{name}.tflite").read_bytes())
    graph = model.Subgraphs(0)
    (operator,) = (graph.Operators(i) for i in range(graph.OperatorsLength()))
    options = tflite.Conv2DOptions()
    table = operator.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    assert options.Padding() == tflite.Padding.VALID
    source, kernel, bias, result = (
        graph.Tensors(int(i)) for i in [*operator.InputsAsNumpy(), operator.Outputs(0)]
    )
    weight = constant(model, kernel).astype(np.int64)
    height, width = weight.shape[1:3]
    golden = np.load(SHARED / "golden" / f"{name}.npz")
    for seed in range(4):
        x, expected = golden[f"s{seed}/in0"].astype(np.int64), golden[f"s{seed}/out0"]
        reach_h = (height - 1) * options.DilationHFactor() + 1
        reach_w = (width - 1) * options.DilationWFactor() + 1
        windows = np.lib.stride_tricks.sliding_window_view(x, (reach_h, reach_w), axis=(1, 2))
        windows = windows[:, :: options.StrideH(), :: options.StrideW()]
        taps = windows[..., :: options.DilationHFactor(), :: options.DilationWFactor()]
        acc = np.tensordot(taps, weight, ([3, 4, 5], [3, 1, 2])) + constant(model, bias)
        ratios = scales(source) * scales(kernel) / scales(result)
        got = requantize(acc, ratios, 0, 0, Rounding.TFLITE16, np.int16)
        low = 0 if options.FusedActivationFunction() == tflite.ActivationFunctionType.RELU else None
        np.testing.assert_array_equal(np.clip(got, low, None), expected)


@SEEDS
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_onnx_runtime_qlinear_conv(seed: int, dtype: str):
    onnx = pytest.importorskip("onnx")
    ort = pytest.importorskip("onnxruntime")
    layer = Pointwise(seed, dtype)
    x_scale, y_scale = np.float32(layer.x_q[0]), np.float32(layer.y_q[0])
    code = np.dtype(dtype)
    arrays = {
        "xs": x_scale,
        "xz": np.array(layer.x_q[1], code),
        "w": layer.weight.reshape(24, 6, 1, 1),
        "ws": layer.w_scales,
        "wz": np.zeros(24, np.int8),
        "ys": y_scale,
        "yz": np.array(layer.y_q[1], code),
        "b": layer.bias,
    }
    kind = onnx.helper.np_dtype_to_tensor_dtype(code)
    values = [onnx.numpy_helper.from_array(np.asarray(a), n) for n, a in arrays.items()]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("QLinearConv", ["x", *arrays], ["y"])],
        "layer",
        [onnx.helper.make_tensor_value_info("x", kind, [1, 6, 16, 16])],
        [onnx.helper.make_tensor_value_info("y", kind, [1, 24, 16, 16])],
        values,
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (out,) = session.run(None, {"x": np.ascontiguousarray(layer.x.transpose(0, 3, 1, 2))})
    ratios = (x_scale * layer.w_scales / y_scale).astype(np.float64)
    expected = requantize(layer.accumulators, ratios, 0, layer.y_q[1], Rounding.FLOAT32, code)
    np.testing.assert_array_equal(out.transpose(0, 2, 3, 1).reshape(-1, 24), expected)


CASES = SHARED / "cases"


def float64_ratio(x: np.ndarray, w: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x.astype(np.float64) * w.astype(np.float64) / y.astype(np.float64)


def float32_product_ratio(x: np.ndarray, w: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x * w).astype(np.float64) / y.astype(np.float64)


def float32_ratio(x: np.ndarray, w: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x * w / y).astype(np.float64)


def differing_outputs(
    executor: str,
    rounding: Rounding,
    ratio: Callable[..., np.ndarray],
    accepts: Callable[[dict[str, Any]], bool],
) -> tuple[int, int]:
    """Returns how many cases ran and how many outputs differ from the executor's."""
    data, outputs = np.load(CASES / "cases.npz"), np.load(CASES / f"{executor}.npz")
    count = wrong = 0
    for case in json.loads((CASES / "cases.json").read_text()):
        key = str(case["i"])
        if key not in outputs or not accepts(case):
            continue
        m = ratio(data[f"{key}/sx"], data[f"{key}/sw"], data[f"{key}/sy"])
        m = m.reshape(()) if m.size == 1 else m
        got = requantize(data[f"{key}/acc"], m, 0, case["yzp"], rounding, outputs[key].dtype)
        count, wrong = count + 1, wrong + differing(got, outputs[key])
    return count, wrong


def anything(case: dict[str, Any]) -> bool:
    return True


def int8_convolution(case: dict[str, Any]) -> bool:
    legal = case["x"] == case["w"] == "int8" and case["wzp"] == 0
    return legal and case["kind"] != "dense"


def uint8_convolution(case: dict[str, Any]) -> bool:
    return case["x"] == case["w"] == "uint8" and case["kind"] != "dense"


def int8_dense(case: dict[str, Any]) -> bool:
    return case["x"] == case["w"] == "int8" and case["kind"] == "dense"


@requires(CASES)
@pytest.mark.parametrize(
    ("executor", "rounding", "ratio", "accepts"),
    [
        ("tvm_UPWARD_int64", Rounding.UPWARD, float32_product_ratio, anything),
        ("tvm_TONEAREST_int64", Rounding.AWAY, float32_product_ratio, anything),
        ("iree_SINGLE_ROUND", Rounding.UPWARD, float32_product_ratio, anything),
        ("iree_DOUBLE_ROUND", Rounding.TFLITE, float32_product_ratio, anything),
        ("ort_qop", Rounding.FLOAT32, float32_ratio, anything),
        ("litert_ref", Rounding.TFLITE, float64_ratio, int8_convolution),
        ("litert_ref", Rounding.TFLITE, float32_product_ratio, uint8_convolution),
        ("litert_ref", Rounding.AWAY, float64_ratio, int8_dense),
    ],
)
def test_recorded_outputs(executor: str, rounding: Rounding, ratio: Any, accepts: Any):
    count, wrong = differing_outputs(executor, rounding, ratio, accepts)
    assert count > 5
    assert wrong == 0


@requires_litert
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (7, 7), (8, 8), (5, 40), (31, 33), (56, 56)])
@pytest.mark.parametrize("ratio", [0.25, 0.5, 0.37, 1.0, 1.9, 2.0**-20])
def test_litert_mean(shape: tuple[int, int], ratio: float):
    rng = np.random.default_rng(shape[1])
    count, zi, zo = shape[0] * shape[1], -7, 11
    x = rng.integers(-128, 127, (1, *shape, 200), np.int8, endpoint=True)
    x[..., 100:] = np.clip(x[..., 100:] // 8 + 90, -128, 127)
    model = tb.mean(x.shape, [1, 2], x_q=(ratio, zi), y_q=(1.0, zo))
    (out,) = run(model, [x])
    constants = mean_multiplier(float(np.float32(ratio)), count, Rounding.TFLITE)
    total = x.sum((1, 2), dtype=np.int64) - count * zi
    got = saturate(fixed_point_multiply(total, *constants, Rounding.TFLITE) + zo, np.int8)
    np.testing.assert_array_equal(out, got)
