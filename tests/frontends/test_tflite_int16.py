"""TFLite's 16-bit activations with 8-bit weights, judged by LiteRT's reference kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import layers
from support import tflite_builder as tb
from support.layers import only
from support.litert import requires_litert, run
from xdsl.dialects.builtin import i32, i64

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.definitions import element_type
from sima_mlir.frontends import ModelError
from sima_mlir.frontends.tflite import import_tflite
from sima_mlir.passes.diagnostics import LoweringError
from sima_mlir.quantization import Rounding

Sample = tuple[bytes, np.ndarray]
BIASES = [np.int64, np.int32, None]


class Random:
    """A model of one operator on random 16-bit codes, whose results fill about half the range."""

    def __init__(self, seed: int, bias_type: type[np.integer] | None):
        self.rng, self.bias_type = np.random.default_rng(seed), bias_type
        self.kernel: tb.Pair = tuple(self.rng.integers(1, 4, 2).tolist())
        self.x = self.rng.integers(-32768, 32768, (2, 6, 7, 4)).astype(np.int16)

    def weight(self, *shape: int) -> np.ndarray:
        return self.rng.integers(-127, 128, shape).astype(np.int8)

    def keywords(self, channels: int, products: int) -> dict[str, Any]:
        data_scale = float(self.rng.uniform(1e-4, 1e-3))
        scales = self.rng.uniform(0.001, 0.01, channels).astype(np.float32)
        result_scale = data_scale * 0.005 * np.sqrt(products) * 73 * 19000 / 8000
        return {
            "x_q": (data_scale, 0),
            "y_q": (float(result_scale), 0),
            "w_scales": scales if self.rng.integers(0, 2) else float(scales[0]),
            "activation": str(self.rng.choice(["NONE", "RELU", "RELU6"])),
            "dtype": "int16",
        }

    def bias(self, channels: int) -> np.ndarray | None:
        if self.bias_type is None:
            return None
        reach = 2**40 if self.bias_type is np.int64 and self.rng.integers(0, 4) == 0 else 300_000
        return self.rng.integers(-reach, reach, channels).astype(self.bias_type)

    def window(self) -> dict[str, Any]:
        strides = tuple(self.rng.integers(1, 3, 2).tolist())
        return {"strides": strides, "padding": str(self.rng.choice(["SAME", "VALID"]))}

    def conv(self, inputs: int = 4) -> Sample:
        weight, options = self.weight(4, *self.kernel, inputs), self.window()
        options |= self.keywords(4, inputs * int(np.prod(self.kernel)))
        return tb.conv_2d(self.x.shape, weight, self.bias(4), **options), self.x

    def grouped(self) -> Sample:
        return self.conv(inputs=2)

    def depthwise(self) -> Sample:
        options = self.window() | self.keywords(8, int(np.prod(self.kernel)))
        weight = self.weight(1, *self.kernel, 8)
        return tb.depthwise_conv_2d(self.x.shape, weight, self.bias(8), **options), self.x

    def transposed(self) -> Sample:
        options = self.window() | self.keywords(3, 4 * int(np.prod(self.kernel)))
        steps, same = options["strides"], options["padding"] == "SAME"
        size = tuple(
            n * s if same else (n - 1) * s + k
            for n, s, k in zip((6, 7), steps, self.kernel, strict=True)
        )
        weight = self.weight(3, *self.kernel, 4)
        model = tb.transpose_conv(self.x.shape, weight, self.bias(3), y_hw=size, **options)
        return model, self.x

    def dense(self) -> Sample:
        weight, options = self.weight(5, 168), self.keywords(5, 168)
        return tb.fully_connected(self.x.shape, weight, self.bias(5), **options), self.x


LAYERS = [
    (make, bias_type)
    for make in (Random.conv, Random.grouped, Random.depthwise, Random.transposed, Random.dense)
    for bias_type in BIASES
    if (make, bias_type) != (Random.depthwise, np.int32)
    and (bias_type or make not in (Random.conv, Random.grouped))
]
"""LiteRT refuses a depthwise convolution with a bias of int32, and others without any."""


@requires_litert
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("make", "bias_type"), LAYERS)
def test_layer_computes_what_litert_does_and_lowers_to_that(
    make: Callable[[Random], Sample], bias_type: type[np.integer] | None, seed: int
):
    model, x = make(Random(seed, bias_type))
    module, (wanted,) = import_tflite(model), run(model, [x])
    module.verify()
    result = layers.run(module, x)
    assert result.dtype == wanted.dtype == np.int16
    np.testing.assert_array_equal(result, wanted)
    lowered = layers.lower(module, requantization="tflite", certify=True)
    certificate = only(lowered, sima.WeightedOperation).certificate
    assert certificate.max_error.value.data == 0
    np.testing.assert_array_equal(layers.run(lowered, x), wanted)


@pytest.mark.parametrize("mode", ["sima", "auto"])
@pytest.mark.parametrize("make", [Random.conv, Random.transposed, Random.dense])
def test_layer_multiplies_where_8_bit_codes_would_fold(
    make: Callable[[Random], Sample], mode: str, capsys: pytest.CaptureFixture[str]
):
    model, x = make(Random(0, np.int64))
    module = import_tflite(model)
    lowered = layers.lower(module, requantization=mode)
    np.testing.assert_array_equal(layers.run(lowered, x), layers.run(module, x))
    reason = "does not fold into a shift: weights of 8 bits are too coarse for results of i16"
    assert reason in capsys.readouterr().err


@requires_litert
def test_fully_connected_is_at_most_one_step_off_next_to_a_tie():
    """LiteRT multiplies in float64; a multiplier of 31 bits shows in one of a million results."""
    rng, count, steps = np.random.default_rng(2), 0, 0
    for seed in range(3):
        x = rng.integers(-32768, 32768, (1000, 2)).astype(np.int16)
        weight = rng.integers(-127, 128, (400, 2)).astype(np.int8)
        scales = rng.uniform(0.5, 1, 400).astype(np.float32) / 64
        q = {"x_q": (2**-7 * 1.1, 0), "w_scales": scales, "y_q": (2**-7 * [1, 1.3, 1.7][seed], 0)}
        model = tb.fully_connected(x.shape, weight, None, **q, dtype="int16", keep_num_dims=True)
        difference = np.subtract(layers.run(import_tflite(model), x), *run(model, [x]), dtype=int)
        count, steps = count + np.count_nonzero(difference), max(steps, np.abs(difference).max())
    assert steps <= 1
    assert count <= 12  # of 1.2 million


@pytest.mark.parametrize(
    ("bias_type", "accumulator", "rounding"),
    [
        (np.int64, i64, Rounding.TFLITE16),
        (np.int32, i32, Rounding.TFLITE),
        (None, i64, Rounding.TFLITE16),
    ],
)
def test_bias_decides_the_accumulator_and_its_rounding(
    bias_type: type[np.integer] | None, accumulator: object, rounding: Rounding
):
    module = import_tflite(Random(0, bias_type).transposed()[0])
    assert element_type(only(module, qnn.ConvTransposeOp).result) == accumulator
    assert only(module, qnn.RequantizeOp).rounding.data is rounding


def test_sum_that_may_leave_32_bits_is_not_lowered():
    x, weight = [1, 1000], np.full((1, 1000), 127, np.int8)
    bias = np.zeros(1, np.int32)
    model = tb.fully_connected(
        x, weight, bias, x_q=(0.5, 0), w_scales=0.5, y_q=(0.5, 0), dtype="int16"
    )
    worst = 32768 * 127 * 1000
    with pytest.raises(LoweringError, match=f"accumulator must fit 32 bits, got {worst}"):
        layers.lower(import_tflite(model))


def codes(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).integers(-32768, 32768, shape).astype(np.int16)


Q16: tb.Quant = (0.0005, 0)
S16: dict[str, Any] = {"q": Q16, "dtype": "int16"}
OTHERS = {
    "average_pool": tb.average_pool_2d([1, 5, 6, 3], (2, 3), x_q=Q16, dtype="int16"),
    "average_pool_same": tb.average_pool_2d(
        [1, 5, 6, 3], (3, 3), x_q=Q16, dtype="int16", padding="SAME", activation="RELU6"
    ),
    "max_pool": tb.max_pool_2d([1, 5, 6, 3], (2, 3), x_q=Q16, dtype="int16", padding="SAME"),
    "mean": tb.mean([1, 5, 6, 3], [1, 2], x_q=Q16, y_q=(0.0003, 0), dtype="int16"),
    "relu": tb.function("RELU", [1, 5, 6, 3], x_q=Q16, y_q=Q16, dtype="int16"),
    "relu6": tb.function("RELU6", [1, 5, 6, 3], x_q=Q16, y_q=Q16, dtype="int16"),
    "pad": tb.pad([1, 5, 6, 3], [(0, 0), (1, 2), (0, 1), (0, 0)], x_q=Q16, dtype="int16"),
    "reshape": tb.reshape([1, 5, 6, 3], [2, -1], x_q=Q16, dtype="int16"),
    "transpose": tb.move("TRANSPOSE", [[1, 5, 6, 3]], [[1, 6, 5, 3]], [[0, 2, 1, 3]], **S16),
    "to_int8": tb.quantize([1, 5, 6, 3], x_q=Q16, y_q=(0.1, 5), x_dtype="int16"),
    "to_int16": tb.quantize([1, 5, 6, 3], x_q=Q16, y_q=(3e-4, 0), x_dtype="int16", y_dtype="int16"),
    "dequantize": tb.dequantize([1, 5, 6, 3], x_q=Q16, dtype="int16"),
}


@requires_litert
@pytest.mark.parametrize("name", OTHERS)
def test_other_operator_computes_what_litert_does(name: str):
    x = codes(1, 5, 6, 3)
    module, (wanted,) = import_tflite(OTHERS[name]), run(OTHERS[name], [x])
    module.verify()
    result = layers.run(module, x)
    assert result.dtype == wanted.dtype
    np.testing.assert_array_equal(result, wanted)


@requires_litert
def test_real_numbers_are_quantized_as_litert_does():
    model = tb.quantize([200], y_q=Q16, y_dtype="int16")
    x = np.random.default_rng(0).normal(0, 10, 200).astype(np.float32)
    np.testing.assert_array_equal(layers.run(import_tflite(model), x), *run(model, [x]))


@requires_litert
@pytest.mark.parametrize("make", [tb.add, tb.sub, tb.mul])
@pytest.mark.parametrize("seed", range(8))
def test_elementwise_operator_computes_what_litert_does(make: Callable[..., bytes], seed: int):
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(-32768, 32768, (2, 3, 50)).astype(np.int16) for _ in range(2))
    encodings = {f"{n}_q": (float(np.exp(rng.uniform(-9, -4))), 0) for n in "aby"}
    model = make(a.shape, b.shape, **encodings, dtype="int16", activation="RELU6")
    module = import_tflite(model)
    module.verify()
    np.testing.assert_array_equal(layers.run(module, a, b), *run(model, [a, b]))


def added(**changed: tb.Quant) -> bytes:
    encodings: dict[str, tb.Quant] = {"a_q": (0.5, 0), "b_q": (0.5, 0), "y_q": (0.3, 0)}
    return tb.add([2], [2], **encodings | changed, dtype="int16")


def dense(bias: np.ndarray | None, **changed: Any) -> bytes:
    keywords = {"x_q": (0.5, 0), "w_scales": 0.5, "y_q": (0.5, 0), "dtype": "int16"} | changed
    return tb.fully_connected([1, 2], np.ones((3, 2), np.int8), bias, **keywords)


def undeclared() -> bytes:
    tensors = [
        tb.Tensor("x", [1, 2], "int16", 0.5),
        tb.Tensor("w", [3, 2], "int8", 0.5, data=np.ones((3, 2), np.int8)),
        tb.Tensor("b", [3], "int32", 0.25, data=np.ones(3, np.int32)),
        tb.Tensor("y", [1, 3], "int16", 0.5),
    ]
    operator = tb.Operator("FULLY_CONNECTED", [0, 1, 2], [3], {}, 5)
    return tb.build_model(tensors, [operator], [0], [3])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            undeclared,
            "bias for INT16 must be INT64, or INT32 with a quantized_bias_type that says so, "
            "got INT32 with FLOAT32",
        ),
        (
            lambda: Random(0, np.int32).depthwise()[0],
            "bias for INT16 must be INT64, or INT32 with a quantized_bias_type that says so, "
            "got INT32 with None",
        ),
        (lambda: added(b_q=(0.5, 3)), "zero point of 'b' must be 0 for INT16, got 3"),
        (
            lambda: added(y_q=(0.25, 0)),
            "scales of INT16 must not all be powers of two, got 0.5, 0.5, 0.25",
        ),
        (lambda: dense(None, x_q=(0.5, 3)), "zero point of 'x' must be 0 for INT16, got 3"),
        (lambda: dense(None, y_q=(0.5, -1)), "zero point of 'y' must be 0 for INT16, got -1"),
        (
            lambda: dense(np.zeros(3, np.int64), dtype="int8"),
            "bias must have element type i32, got i64",
        ),
    ],
)
def test_faulty_layer_is_refused(make: Callable[[], bytes], message: str):
    with pytest.raises(ModelError, match=f"at 'y': .*{message}$"):
        import_tflite(make())


def test_16_bit_operator_without_a_kernel_here_is_refused():
    model = tb.softmax([1, 4], x_q=(0.5, 0), dtype="int16")
    with pytest.raises(ModelError, match="tensor 'x' has type INT16, only INT8, UINT8 are"):
        import_tflite(model)
