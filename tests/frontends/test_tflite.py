"""The importer of TFLite models, judged by LiteRT's reference kernels."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
import tflite
from support import tflite_builder as tb
from support.litert import requires_litert, run
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import DictionaryAttr, ModuleOp, NameLoc, StringAttr
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation
from xdsl.parser import Parser
from xdsl.printer import Printer

from sima_mlir import make_context
from sima_mlir.dialects import qnn
from sima_mlir.dialects.definitions import shape_of
from sima_mlir.dialects.elements import elements
from sima_mlir.dialects.qnn import QuantizationAttr
from sima_mlir.frontends import ModelError
from sima_mlir.frontends.tflite import import_tflite
from sima_mlir.interpreters import register_implementations

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
DIGITS = ROOT / "examples" / "digits"

SOLVED = [
    "mlperf_tiny/ad01_int8",
    "mlperf_tiny/kws_ref_model",
    "mlperf_tiny/pretrainedResnet_quant",
    "mobilenet/mobilenet_v1_0.25_128_quant",
    "mobilenet/tf2_mobilenet_v2_1.0_224_ptq",
    "tflite_micro/hello_world_int8",
    "tflite_micro/micro_speech_quantized",
]
ACTIVATIONS: list[tb.Activation] = ["NONE", "RELU", "RELU6", "RELU_N1_TO_1"]
DTYPES = pytest.mark.parametrize("dtype", ["int8", "uint8"])

Q: tb.Quant = (0.5, 3)
Sample = tuple[bytes, list[np.ndarray]]


def execute(model: bytes, inputs: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Runs the imported module."""
    module = import_tflite(model)
    module.verify()
    interpreter = Interpreter(module)
    register_implementations(interpreter, Context())
    return interpreter.call_op("main", tuple(inputs))


def assert_like_litert(model: bytes, inputs: Sequence[np.ndarray]) -> None:
    results, expected = execute(model, inputs), run(model, inputs)
    for result, wanted in zip(results, expected, strict=True):
        assert result.dtype == wanted.dtype
        np.testing.assert_array_equal(result, wanted)


def ops(module: ModuleOp) -> list[Operation]:
    """The operations of the function, without constants and return."""
    return [o for o in main(module).body.block.ops if not isinstance(o, ConstantOp | func.ReturnOp)]


def main(module: ModuleOp) -> func.FuncOp:
    (function,) = module.ops
    assert isinstance(function, func.FuncOp)
    return function


class Random:
    """Random models of one operator, with random inputs."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)

    def pick(self, values: Sequence[Any]) -> Any:
        return values[self.rng.integers(len(values))]

    def sizes(self, low: int, high: int, count: int) -> tuple[int, ...]:
        return tuple(self.rng.integers(low, high + 1, count).tolist())

    def codes(self, shape: Sequence[int], dtype: str) -> np.ndarray:
        info = np.iinfo(dtype)
        return self.rng.integers(info.min, info.max + 1, shape, dtype)

    def quant(self, dtype: str) -> tb.Quant:
        info = np.iinfo(dtype)
        return float(np.exp(self.rng.uniform(-4, -1))), self.pick(range(info.min, info.max + 1))

    def window(self, smallest: tuple[int, ...], high: int) -> tuple[dict[str, Any], list[int]]:
        """Strides, padding and activation, with an image that the window fits into."""
        padding = self.pick(["SAME", "VALID"])
        image = [self.pick(range(s if padding == "VALID" else 1, s + high)) for s in smallest]
        options = {
            "strides": self.sizes(1, 3, 2),
            "padding": padding,
            "activation": self.pick(ACTIVATIONS),
        }
        return options, image

    def weighted(self, dtype: str, channels: int, *, per_channel: bool) -> dict[str, Any]:
        scales = np.exp(self.rng.uniform(-7, -4, channels)).astype(np.float32)
        return {
            "x_q": self.quant(dtype),
            "y_q": self.quant(dtype),
            "w_scales": scales if per_channel else float(scales[0]),
            "dtype": dtype,
        }

    def bias(self, channels: int) -> np.ndarray:
        return self.rng.integers(-3000, 3000, channels).astype(np.int32)

    def conv(self, dtype: str, *, groups: int = 1, per_channel: bool = False) -> Sample:
        kernel, dilations, (inputs, each) = self.sizes(1, 4, 2), self.sizes(1, 3, 2), (3, 2)
        reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True))
        options, image = self.window(reach, 8)
        x = self.codes((self.pick([1, 2]), *image, groups * inputs), dtype)
        weight = self.codes((groups * each, *kernel, inputs), dtype)
        options |= self.weighted(dtype, groups * each, per_channel=per_channel)
        zero_point = 0 if dtype == "int8" else self.pick(range(256))
        bias = self.bias(groups * each)
        options |= {"dilations": dilations, "w_zero_point": zero_point}
        return tb.conv_2d(x.shape, weight, bias, **options), [x]

    def depthwise(self, dtype: str, *, per_channel: bool = False) -> Sample:
        kernel, dilations = self.sizes(1, 4, 2), self.sizes(1, 3, 2)
        channels, multiplier = self.sizes(1, 3, 2)
        reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True))
        options, image = self.window(reach, 8)
        x = self.codes((1, *image, channels), dtype)
        outputs = channels * multiplier
        options |= self.weighted(dtype, outputs, per_channel=per_channel)
        zero_point = 0 if dtype == "int8" else self.pick(range(256))
        options |= {"dilations": dilations, "w_zero_point": zero_point}
        weight, bias = self.codes((1, *kernel, outputs), dtype), self.bias(outputs)
        return tb.depthwise_conv_2d(x.shape, weight, bias, **options), [x]

    def dense(self, dtype: str, *, per_channel: bool = False) -> Sample:
        features, outputs = self.sizes(1, 40, 2)
        keep = self.pick([False, True])
        shapes = [(2, 3, features)] if keep else [(2, features), (features,), (2, 2, features, 1)]
        x = self.codes(self.pick(shapes), dtype)
        options = self.weighted(dtype, outputs, per_channel=per_channel)
        zero_point = 0 if per_channel else self.pick([0, 3])
        options |= {"activation": self.pick(ACTIVATIONS), "keep_num_dims": keep}
        bias = self.bias(outputs) if self.pick([False, True]) else None
        weight = self.codes((outputs, features), dtype)
        return tb.fully_connected(x.shape, weight, bias, w_zero_point=zero_point, **options), [x]

    def elementwise(self, make: Callable[..., bytes], dtype: tb.QuantizedType) -> Sample:
        a, b = self.codes((2, 3, 4), dtype), self.codes((2, 3, 4), dtype)
        a_q, b_q, y_q = (self.quant(dtype) for _ in range(3))
        activation = self.pick(ACTIVATIONS)
        model = make(
            a.shape, b.shape, a_q=a_q, b_q=b_q, y_q=y_q, activation=activation, dtype=dtype
        )
        return model, [a, b]

    def elementwise_constant(self, make: Callable[..., bytes], dtype: tb.QuantizedType) -> Sample:
        a, b = self.codes((2, 3, 4), dtype), self.codes(self.pick([(4,), (3, 1), ()]), dtype)
        a_q, b_q, y_q = (self.quant(dtype) for _ in range(3))
        return make(a.shape, b.shape, a_q=a_q, b_q=b_q, y_q=y_q, dtype=dtype, b_data=b), [a]

    def pool(self, make: Callable[..., bytes], dtype: str) -> Sample:
        size = self.sizes(1, 4, 2)
        options, image = self.window(size, 8)
        x = self.codes((2, *image, 3), dtype)
        return make(x.shape, size, x_q=self.quant(dtype), dtype=dtype, **options), [x]

    def mean(self, dtype: tb.QuantizedType) -> Sample:
        x, axes = self.codes(self.sizes(1, 8, 4), dtype), self.pick([[1, 2], [-1], [0, 3], [2, 1]])
        keep, x_q, y_q = self.pick([False, True]), self.quant(dtype), self.quant(dtype)
        return tb.mean(x.shape, axes, x_q=x_q, y_q=y_q, keep_dims=keep, dtype=dtype), [x]

    def softmax(self, dtype: tb.QuantizedType) -> Sample:
        x = self.codes((2, self.pick(range(1, 30))), dtype)
        beta = self.pick([1.0, 0.5, 2.3])
        return tb.softmax(x.shape, x_q=self.quant(dtype), beta=beta, dtype=dtype), [x]

    def pad(self, dtype: tb.QuantizedType) -> Sample:
        x = self.codes(self.sizes(1, 3, 4), dtype)
        amounts = [self.sizes(0, 2, 2) for _ in x.shape]
        x_q, y_q = self.quant(dtype), self.quant(dtype)
        return tb.pad(x.shape, amounts, x_q=x_q, y_q=y_q, dtype=dtype), [x]

    def reshape(self, dtype: tb.QuantizedType) -> Sample:
        x, shape = self.codes((2, 3, 4), dtype), self.pick([(4, -1), (24,), (1, 2, -1, 6)])
        return tb.reshape(x.shape, shape, x_q=self.quant(dtype), dtype=dtype), [x]

    def quantize(self, dtype: tb.QuantizedType) -> Sample:
        """Quantizes numbers half of which lie between two codes."""
        y_q = self.quant(dtype)
        x = (self.rng.integers(-600, 600, 500) * np.float32(y_q[0]) / 2).astype(np.float32)
        return tb.quantize(x.shape, y_q=y_q, y_dtype=dtype), [x]

    def requantize(self, dtype: tb.QuantizedType) -> Sample:
        x_dtype = self.pick(["int8", "uint8"])
        x, x_q, y_q = self.codes((256,), x_dtype), self.quant(x_dtype), self.quant(dtype)
        return tb.quantize(x.shape, x_q=x_q, y_q=y_q, x_dtype=x_dtype, y_dtype=dtype), [x]

    def dequantize(self, dtype: tb.QuantizedType) -> Sample:
        x = self.codes((256,), dtype)
        return tb.dequantize(x.shape, x_q=self.quant(dtype), dtype=dtype), [x]


@requires_litert
@DTYPES
@pytest.mark.parametrize(
    "make",
    [
        Random.conv,
        Random.depthwise,
        Random.dense,
        Random.mean,
        Random.softmax,
        Random.pad,
        Random.reshape,
        Random.quantize,
        Random.requantize,
        Random.dequantize,
    ],
)
def test_operator_computes_what_litert_does(
    make: Callable[[Random, str], Sample], dtype: tb.QuantizedType
):
    for seed in range(15):
        assert_like_litert(*make(Random(seed), dtype))


@requires_litert
@DTYPES
@pytest.mark.parametrize("sample", [Random.elementwise, Random.elementwise_constant])
@pytest.mark.parametrize("make", [tb.add, tb.mul, tb.sub])
def test_elementwise_operator_computes_what_litert_does(
    make: Callable[..., bytes], sample: Callable[..., Sample], dtype: tb.QuantizedType
):
    for seed in range(15):
        assert_like_litert(*sample(Random(seed), make, dtype))


SIGNED_FUNCTIONS = ["ABS", "EXP", "LOG", "RSQRT", "SQRT"]
FUNCTIONS = ["GELU", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "PRELU", "TANH"]
CLIPS = ["RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1"]


def function(operator: str, dtype: tb.QuantizedType, rng: Random, *, same: bool = False) -> Sample:
    """A function of every code; the square roots are not defined below the zero point."""
    info = np.iinfo(dtype)
    x = np.arange(info.min, info.max + 1).astype(dtype).reshape(1, 16, 16)
    x_q, y_q = rng.quant(dtype), rng.quant(dtype)
    options: dict[str, Any] = {}
    if operator == "LOGISTIC":
        y_q = (1 / 256, y_q[1])
    if operator in ("RSQRT", "SQRT"):
        x_q = (x_q[0], int(info.min))
    if operator == "LEAKY_RELU":
        options = {"alpha": float(rng.rng.uniform(-0.5, 1.5))}
    if operator == "GELU":
        options = {"approximate": bool(rng.pick([False, True]))}
    if operator == "PRELU":
        shape = rng.pick([(1,), (1, 1, 1), (16,), (1, 16)])
        options = {"slope": rng.codes(shape, dtype), "slope_q": y_q}
    return tb.function(
        operator, x.shape, x_q=x_q, y_q=x_q if same else y_q, dtype=dtype, **options
    ), [x]


@requires_litert
@pytest.mark.parametrize(
    ("operator", "dtype"),
    [(name, "int8") for name in SIGNED_FUNCTIONS + FUNCTIONS + CLIPS]
    + [(name, "uint8") for name in FUNCTIONS + CLIPS],
)
def test_function_computes_what_litert_does(operator: str, dtype: tb.QuantizedType):
    for seed in range(20):
        assert_like_litert(*function(operator, dtype, Random(seed)))


@requires_litert
def test_elu_computes_what_the_kernel_of_litert_does():
    """Which is among the optimized kernels alone, and makes a table too."""
    for seed in range(20):
        model, inputs = function("ELU", "int8", Random(seed))
        np.testing.assert_array_equal(execute(model, inputs)[0], run(model, inputs, "optimized")[0])


@requires_litert
@DTYPES
@pytest.mark.parametrize("operator", CLIPS)
def test_clip_in_one_encoding_is_a_clip(operator: str, dtype: tb.QuantizedType):
    for seed in range(5):
        model, inputs = function(operator, dtype, Random(seed), same=True)
        assert {o.name for o in ops(import_tflite(model))} <= {"qnn.clip"}
        assert_like_litert(model, inputs)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            tb.function("PRELU", (1, 2), x_q=Q, y_q=Q, slope=np.zeros(3, np.int8)),
            "operator 'PRELU' at 'y': slope 'slope' must have one element, or one for each of "
            "2 channels, got 3",
        ),
        (
            tb.function("PRELU", (1, 2, 2), x_q=Q, y_q=Q, slope=np.zeros((2, 1), np.int8)),
            "operator 'PRELU' at 'y': slope 'slope' must have one element, or one for each of "
            "2 channels, got 2x1",
        ),
        (
            tb.function("PRELU", (2, 1), x_q=Q, y_q=Q, slope=np.zeros((2, 1), np.int8)),
            "operator 'PRELU' at 'y': slope 'slope' must have one element, or one for each of "
            "1 channels, got 2x1",
        ),
        (
            tb.function("PRELU", (1, 2), x_q=Q, y_q=Q, slope=np.zeros(1, np.uint8)),
            "operator 'PRELU' at 'y': slope must have type INT8, got UINT8",
        ),
        (
            tb.function("HARD_SWISH", (1, 2), x_q=(128.0, 0), y_q=(0.5, 0)),
            "operator 'HARD_SWISH' at 'y': tflite takes an input scale below 128 output scales, "
            "got 256",
        ),
        (
            tb.function("EXP", (1, 2), x_q=(1.0, 0), y_q=(0.5, 0), dtype="uint8"),
            "tensor 'x' has type UINT8, only INT8 is supported here (2 times)",
        ),
    ],
)
def test_function_that_cannot_be_taken_over_is_refused(model: bytes, message: str):
    refuse(model, message)


@requires_litert
@pytest.mark.parametrize("make", [Random.conv, Random.depthwise, Random.dense])
def test_weights_may_have_one_scale_a_channel(make: Callable[..., Sample]):
    for seed in range(15):
        assert_like_litert(*make(Random(seed), "int8", per_channel=True))


@requires_litert
@pytest.mark.parametrize("groups", [2, 3])
def test_convolution_may_be_grouped(groups: int):
    for seed in range(15):
        assert_like_litert(*Random(seed).conv("int8", groups=groups, per_channel=seed % 2 == 0))


@requires_litert
@DTYPES
@pytest.mark.parametrize("make", [tb.average_pool_2d, tb.max_pool_2d])
def test_pool_computes_what_litert_does(make: Callable[..., bytes], dtype: tb.QuantizedType):
    for seed in range(15):
        assert_like_litert(*Random(seed).pool(make, dtype))


def near_ties(multiplier: float, largest: int) -> np.ndarray:
    """Accumulators that the multiplier brings next to the middle between two codes."""
    rng = np.random.default_rng(0)
    halves = rng.integers(-100, 100, 4000) + 0.5
    values = np.rint(halves / multiplier).astype(np.int64) + rng.integers(-1, 2, 4000)
    return values[np.abs(values) <= largest].astype(np.int32)


@requires_litert
@DTYPES
@pytest.mark.parametrize("exponent", [1, 6, 11, 14])
@pytest.mark.parametrize("operator", ["conv", "depthwise", "dense"])
def test_accumulator_next_to_a_tie_is_rounded_as_litert_does(
    operator: str, dtype: tb.QuantizedType, exponent: int
):
    """Tells float32 products from float64 ones and each rounding from every other.

    The bias is the accumulator. A dense one stays below 2**21, where 31 bits of the multiplier are
    enough.
    """
    for x_scale, w_scale in [(0.5, 1.0), (0.1, 0.3), (0.0371, 0.00423), (0.7, 0.0331)]:
        y_scale = float(np.float32(x_scale * w_scale * 2.0**exponent * (1.1 if w_scale < 1 else 1)))
        largest = 2**21 if operator == "dense" else 2**30
        bias = near_ties(x_scale * w_scale / y_scale, largest)
        x_q, y_q = (x_scale, 0), (y_scale, 0 if dtype == "int8" else 128)
        options: dict[str, Any] = {"x_q": x_q, "y_q": y_q, "w_scales": w_scale, "dtype": dtype}
        if operator == "dense":
            weight = np.zeros((len(bias), 1), dtype)
            model = tb.fully_connected((1, 1), weight, bias, **options)
            assert_like_litert(model, [np.zeros((1, 1), dtype)])
            continue
        shape = (len(bias), 1, 1, 1) if operator == "conv" else (1, 1, 1, len(bias))
        make = tb.conv_2d if operator == "conv" else tb.depthwise_conv_2d
        model = make((1, 1, 1, 1), np.zeros(shape, dtype), bias, **options)
        assert_like_litert(model, [np.zeros((1, 1, 1, 1), dtype)])


@requires_litert
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("scale", [1e-7, 0.0234, 6 / 127.5, 0.4, 12.0, 1e7])
def test_fused_activation_clips_as_litert_does(activation: tb.Activation, scale: float):
    x = np.arange(-128, 128, dtype=np.int8).reshape(1, 16, 16, 1)
    for zero_point in (-128, -3, 127):
        x_q = (scale, zero_point)
        assert_like_litert(tb.max_pool_2d(x.shape, (1, 1), x_q=x_q, activation=activation), [x])


def test_no_clip_where_the_activation_spans_the_type():
    for activation, zero_point, count in (("NONE", 0, 1), ("RELU", -128, 1), ("RELU", -127, 2)):
        x_q = (0.5, zero_point)
        model = tb.max_pool_2d((1, 2, 2, 1), (1, 1), x_q=x_q, activation=activation)
        assert len(ops(import_tflite(model))) == count


@requires_litert
def test_digits_end_to_end():
    model = (DIGITS / "digits_int8.tflite").read_bytes()
    with np.load(DIGITS / "digits_test.npz") as file:
        images = file["in0"][:40]
    for image in images:
        assert_like_litert(model, [image[None]])


@pytest.mark.parametrize("name", SOLVED)
def test_network_gives_what_litert_recorded(name: str):
    model, golden = SHARED / f"models/{name}.tflite", SHARED / f"golden/{Path(name).name}.npz"
    if not model.exists() or not golden.exists():
        pytest.skip(f"{model.name} and its recorded tensors are not beside this checkout")
    with np.load(golden) as arrays:
        (result,) = execute(model.read_bytes(), [arrays["s0/in0"]])
        np.testing.assert_array_equal(result, arrays["s0/out0"])


def conv_model(**changes: Any) -> bytes:
    options: dict[str, Any] = {
        "x_shape": (1, 4, 5, 2),
        "weight": np.arange(24, dtype=np.int8).reshape(4, 3, 1, 2),
        "bias": np.arange(4, dtype=np.int32),
        "x_q": (0.5, 3),
        "w_scales": [0.1, 0.2, 0.3, 0.4],
        "y_q": (0.25, -7),
    }
    return tb.conv_2d(**options | changes)


def test_function_carries_names_and_quantization():
    function = main(import_tflite(conv_model()))
    q = {"x": QuantizationAttr.of(0.5, 3), "y": QuantizationAttr.of(0.25, -7)}
    for attributes, name in ((function.arg_attrs, "x"), (function.res_attrs, "y")):
        assert attributes is not None
        (attribute,) = attributes
        expected = {"qnn.name": StringAttr(name), "qnn.quantization": q[name]}
        assert attribute == DictionaryAttr(expected)


def test_real_numbers_have_no_quantization():
    function = main(import_tflite(tb.quantize((4,), y_q=Q)))
    assert function.arg_attrs is not None
    assert list(function.arg_attrs.data[0].data) == ["qnn.name"]


def test_operation_has_the_name_of_its_tensor():
    module = import_tflite(conv_model(activation="RELU6"), "model.tflite")
    assert [op.name for op in ops(module)] == [
        "qnn.conv",
        "qnn.bias_add",
        "qnn.requantize",
        "qnn.clip",
    ]
    names = {o.location.desc.data for o in ops(module) if isinstance(o.location, NameLoc)}
    assert names == {"y"}
    constants = [o.location for o in module.walk() if isinstance(o, ConstantOp)]
    assert [c.desc.data for c in constants if isinstance(c, NameLoc)] == ["weight", "bias"]
    assert 'loc("model.tflite":0:0)' in show(module)


def show(module: ModuleOp) -> str:
    stream = io.StringIO()
    Printer(stream, print_debuginfo=True).print_op(module)
    return stream.getvalue()


@pytest.mark.parametrize("name", ["conv/BiasAdd;conv2", 'a "quoted" \\ name\n', ""])
def test_module_with_locations_is_read_back(name: str):
    tensors = [tb.Tensor(name, [2], "int8", *Q), tb.Tensor(name, [2], "float32")]
    model = tb.build_model(tensors, [tb.Operator("DEQUANTIZE", [0], [1])], [0], [1])
    text = show(import_tflite(model, f"{name}.tflite"))
    assert show(Parser(make_context(), text).parse_module()) == text


def test_weights_are_laid_out_hwigo():
    """Output channel `g * O + o` of the file's O, H, W, I is `[h, w, i, g, o]`."""
    weight = np.arange(4 * 3 * 1 * 2, dtype=np.int8).reshape(4, 3, 1, 2)
    module = import_tflite(conv_model(x_shape=(1, 4, 5, 4), weight=weight, bias=None))
    (constant,) = (o for o in module.walk() if isinstance(o, ConstantOp))
    hwigo = elements(constant.value)
    assert hwigo.shape == (3, 1, 2, 2, 2)
    for c, h, w, i in np.ndindex(weight.shape):
        assert hwigo[h, w, i, c // 2, c % 2] == weight[c, h, w, i]


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation", "before", "after"),
    [
        (5, 3, 1, 1, 1, 1),
        (4, 3, 2, 1, 0, 1),
        (5, 3, 2, 1, 1, 1),
        (7, 3, 1, 2, 2, 2),
        (4, 1, 3, 1, 0, 0),
    ],
)
def test_same_padding_puts_the_odd_tap_behind(
    size: int, kernel: int, stride: int, dilation: int, before: int, after: int
):
    weight = np.ones((4, kernel, 1, 2), np.int8)
    module = import_tflite(
        conv_model(
            x_shape=(1, size, 1, 2), weight=weight, strides=(stride, 1), dilations=(dilation, 1)
        )
    )
    conv = ops(module)[0]
    assert isinstance(conv, qnn.ConvOp)
    assert conv.conv_window().padding == (before, 0, after, 0)


def test_dense_flattens_unless_it_keeps_its_axes():
    weight = np.ones((2, 6), np.int8)
    options: dict[str, Any] = {"x_q": Q, "w_scales": 0.1, "y_q": Q}
    flat = import_tflite(tb.fully_connected((2, 2, 3), weight, None, **options))
    assert [op.name for op in ops(flat)] == ["qnn.reshape", "qnn.dense", "qnn.requantize"]
    kept = import_tflite(tb.fully_connected((2, 2, 6), weight, None, keep_num_dims=True, **options))
    assert [op.name for op in ops(kept)] == ["qnn.dense", "qnn.requantize"]
    assert shape_of(ops(kept)[-1].results[0]) == (2, 2, 2)


def test_quantization_of_the_bias_does_not_matter():
    """Files are about whose biases say that they are quantized along an axis they don't have."""
    x, y = tb.Tensor("x", [1, 1, 1, 1], "int8", *Q), tb.Tensor("y", [1, 1, 1, 2], "int8", *Q)
    weight = tb.Tensor("w", [2, 1, 1, 1], "int8", [0.1, 0.2], data=np.ones((2, 1, 1, 1), np.int8))
    bias = tb.Tensor("b", [2], "int32", [0.1, 0.2, 0.3], 0, 3, np.ones(2, np.int32))
    options = {"stride_h": 1, "stride_w": 1, "dilation_h_factor": 1, "dilation_w_factor": 1}
    conv = tb.Operator("CONV_2D", [0, 1, 2], [3], options)
    module = import_tflite(tb.build_model([x, weight, bias, y], [conv], [0], [3]))
    assert [op.name for op in ops(module)] == ["qnn.conv", "qnn.bias_add", "qnn.requantize"]


def test_constant_may_be_a_result():
    constant = tb.Tensor("c", [2], "int8", *Q, data=np.array([1, 2], np.int8))
    (result,) = execute(tb.build_model([constant], [], [], [0]), [])
    assert result.tolist() == [1, 2]


def refuse(model: bytes, *messages: str) -> None:
    with pytest.raises(ModelError) as error:
        import_tflite(model)
    assert error.value.messages == messages
    assert str(error.value) == "\n".join(messages)


def test_every_unsupported_operator_is_listed():
    tensors = [tb.Tensor(name, [4], "int8", *Q) for name in "xabcd"]
    codes = ["SIN", "COS", "SIN", "FLOOR"]
    operators = [tb.Operator(code, [i], [i + 1]) for i, code in enumerate(codes)]
    refuse(
        tb.build_model(tensors, operators, [0], [4]),
        "operator 'SIN' is not supported (2 times, first at 'a')",
        "operator 'COS' is not supported (1 time, first at 'b')",
        "operator 'FLOOR' is not supported (1 time, first at 'd')",
    )


def test_unsupported_activation_is_listed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tflite.ActivationFunctionType, "NONE", tflite.ActivationFunctionType.TANH)
    model = tb.max_pool_2d((1, 2, 2, 1), (1, 1), x_q=Q)
    monkeypatch.undo()
    refuse(model, "activation 'TANH' is not supported (1 time, first at 'y')")


def test_float_model_is_called_so():
    tensors = [tb.Tensor("x", [4], "float32"), tb.Tensor("y", [4], "float32")]
    model = tb.build_model(tensors, [tb.Operator("SOFTMAX", [0], [1], {"beta": 1.0})], [0], [1])
    refuse(
        model,
        "the model is not quantized: it has no tensor of type INT8 or UINT8",
        "tensor 'x' has type FLOAT32, only INT8, UINT8 are supported here (2 times)",
    )


def test_hybrid_model_is_refused():
    tensors = [
        tb.Tensor("x", [1, 2], "float32"),
        tb.Tensor("w", [1, 2], "int8", 0.1, data=np.ones((1, 2), np.int8)),
        tb.Tensor("b", [1], "float32", data=np.ones(1, np.float32)),
        tb.Tensor("y", [1, 1], "float32"),
    ]
    model = tb.build_model(tensors, [tb.Operator("FULLY_CONNECTED", [0, 1, 2], [3])], [0], [3])
    refuse(
        model,
        "tensor 'x' has type FLOAT32, only INT8, UINT8, INT16 are supported here (2 times)",
        "tensor 'b' has type FLOAT32, only INT32, INT64 are supported here (1 time)",
    )


def conv_of(
    operator: dict[str, Any] | None = None, **tensors: dict[str, Any]
) -> Callable[[], bytes]:
    """A convolution of x, w and b to y with some fields changed."""

    def make() -> bytes:
        all_tensors = [
            tb.Tensor("x", [1, 3, 3, 2], "int8", 0.5, 3),
            tb.Tensor("w", [2, 1, 1, 2], "int8", [0.1, 0.2], data=np.ones((2, 1, 1, 2), np.int8)),
            tb.Tensor("b", [2], "int32", data=np.ones(2, np.int32)),
            tb.Tensor("y", [1, 3, 3, 2], "int8", 0.25, 4),
        ]
        changed = [replace(t, **tensors.get(t.name, {})) for t in all_tensors]
        options = {"stride_h": 1, "stride_w": 1, "dilation_h_factor": 1, "dilation_w_factor": 1}
        conv = replace(tb.Operator("CONV_2D", [0, 1, 2], [3], options), **operator or {})
        return tb.build_model(changed, [conv], [0], [3])

    return make


AT = "operator 'CONV_2D' at 'y': "


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (conv_of(x={"scale": None}), "tensor 'x' has no quantization"),
        (conv_of(y={"scale": None}), "tensor 'y' has no quantization"),
        (conv_of(w={"scale": None}), "tensor 'w' has no quantization"),
        (conv_of(x={"scale": 0.0}), "scale of 'x' must be positive and finite, got 0.0"),
        (conv_of(y={"scale": -1.0}), "scale of 'y' must be positive and finite, got -1.0"),
        (conv_of(w={"scale": [1, np.nan]}), "scale of 'w' must be positive and finite, got nan"),
        (conv_of(w={"scale": [np.inf, 1]}), "scale of 'w' must be positive and finite, got inf"),
        (conv_of(x={"zero_point": 128}), "zero point of 'x' must be in -128..127, got 128"),
        (
            conv_of(x={"scale": [0.1, 0.2], "zero_point": 0}),
            "tensor 'x' must have 1 scale, got 2",
        ),
        (conv_of(w={"scale": [1, 2, 3]}), AT + "weight must have 1 or 2 scales, got 3"),
        (
            conv_of(w={"quantized_dimension": 3}),
            AT + "weight must be quantized along axis 0, got 3",
        ),
        (
            conv_of(w={"zero_point": [0, 2]}),
            "zero point of 'w' with several scales must be 0, got 2",
        ),
        (
            conv_of(w={"scale": 0.1, "zero_point": 2}),
            AT + "zero point of weight must be 0, got 2",
        ),
        (conv_of(x={"shape": []}), "input 'x' has no shape"),
        (
            conv_of(x={"shape": [-1, 3, 3, 2]}),
            "tensor 'x' must have a static shape, got -1x3x3x2",
        ),
        (conv_of(x={"shape": [1] * 9}), "tensor 'x' must have at most 8 axes, got 9"),
        (
            conv_of(x={"shape": [1, 65536, 65536, 2]}),
            "tensor 'x' must have at most 2147483647 elements, got 8589934592",
        ),
        (conv_of(x={"shape": [3, 3, 2]}), AT + "data must have 4 axes, got 3x3x2"),
        (
            conv_of(x={"shape": [1, 3, 3, 3]}),
            AT + "channels of data must be a multiple of 2, got 3",
        ),
        (
            conv_of(y={"shape": [1, 2, 3, 2]}),
            "tensor 'y' has shape 1x2x3x2, computed is 1x3x3x2",
        ),
        (conv_of(y={"dtype": "uint8"}), "tensor 'y' has type ui8, computed is i8"),
        (
            conv_of(w={"shape": [2, 2], "data": np.ones((2, 2), np.int8)}),
            "tensor 'w' must have 4 axes, got 2x2",
        ),
        (
            conv_of(w={"dtype": "uint8", "data": np.ones((2, 1, 1, 2), np.uint8), "scale": 1.0}),
            AT + "weight must have type INT8, got UINT8",
        ),
        (conv_of(w={"data": None}), "tensor 'w' must be constant"),
        (
            conv_of(b={"shape": [3], "data": np.ones(3, np.int32)}),
            AT + "bias must have shape 2, got 3",
        ),
        (conv_of({"inputs": [0]}), AT + "inputs must be 2 or 3, got 1"),
        (conv_of({"inputs": [0, -1, 2]}), AT + "input 1 must not be left out"),
        (conv_of({"inputs": [0, 1, 9]}), "CONV_2D refers to tensor 9, the model has 4"),
        (conv_of({"outputs": [0]}), "tensor 'x' is computed twice"),
        (
            conv_of({"outputs": [3, 2]}),
            "tensor 'b' has type INT32, only INT8, UINT8, INT16 are supported here (1 time)",
        ),
        (conv_of({"inputs": [3, 1, 2]}), "tensor 'y' is used before it is computed"),
        (conv_of({"options": {}}), AT + "strides must be at least 1, got 0"),
    ],
)
def test_faulty_convolution_is_refused(make: Callable[[], bytes], message: str):
    refuse(make(), message)


def elementwise_of(
    code: str, x_shape: Sequence[int], b_shape: Sequence[int], b_type: str = "int8"
) -> bytes:
    """An operator on x and b that says that its result is 2x3."""
    shapes = {"x": x_shape, "b": b_shape, "y": [2, 3]}
    types = {"x": "int8", "b": b_type, "y": "int8"}
    tensors = [tb.Tensor(name, shape, types[name], *Q) for name, shape in shapes.items()]
    return tb.build_model(tensors, [tb.Operator(code, [0, 1], [2])], [0, 1], [2])


@pytest.mark.parametrize(("code", "make"), [("ADD", tb.add), ("MUL", tb.mul)])
def test_faulty_elementwise_operator_is_refused(code: str, make: Callable[..., bytes]):
    at = f"operator '{code}' at 'y': "
    too_large = "is only supported for a constant of at most 67108864 elements"
    refuse(
        make((2, 3), (3,), a_q=Q, b_q=Q, y_q=Q),
        f"{at}broadcasting 'b' from 3 to 2x3 {too_large}",
    )
    refuse(
        make((1 << 29,), (1,), a_q=Q, b_q=Q, y_q=Q, b_data=np.zeros(1, np.int8)),
        f"{at}broadcasting 'b' from 1 to 536870912 {too_large}",
    )
    refuse(
        elementwise_of(code, [2, 3], [3, 2]),
        f"{at}shapes must broadcast to one, got 2x3 and 3x2",
    )
    refuse(
        elementwise_of(code, [3, 2], [3, 2]),
        "tensor 'y' has shape 2x3, computed is 3x2",
    )
    refuse(
        elementwise_of(code, [2, 3], [2, 3], "uint8"),
        f"{at}rhs must have type tensor<2x3xi8>, got tensor<2x3xui8>",
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: tb.conv_2d(
                (1, 1, 1, 1),
                np.ones((2, 1, 1, 1), np.uint8),
                None,
                x_q=Q,
                w_scales=[0.1, 0.2],
                y_q=Q,
                dtype="uint8",
            ),
            AT + "weight must have 1 scale, got 2",
        ),
        (
            lambda: tb.softmax((4,), x_q=Q, y_q=(0.5, -128)),
            "operator 'SOFTMAX' at 'y': output_q must be "
            "#qnn.quantization<scale = 0.00390625, zero_point = -128>, "
            "got #qnn.quantization<scale = 0.5, zero_point = -128>",
        ),
        (
            lambda: tb.build_model(
                [
                    tb.Tensor("x", [1, 2, 2, 1], "int8", *Q),
                    tb.Tensor("y", [1, 2, 2, 1], "int8", 1.0),
                ],
                [tb.Operator("MAX_POOL_2D", [0], [1], {"stride_h": 1, "stride_w": 1})],
                [0],
                [1],
            ),
            "operator 'MAX_POOL_2D' at 'y': output must have quantization "
            "#qnn.quantization<scale = 0.5, zero_point = 3>, "
            "got #qnn.quantization<scale = 1.0, zero_point = 0>",
        ),
        (
            lambda: tb.build_model(
                [
                    tb.Tensor("x", [4], "int8", *Q),
                    tb.Tensor("s", [2], "int32", data=np.array([2, 2], np.int32)),
                    tb.Tensor("y", [4, 1], "int8", *Q),
                ],
                [tb.Operator("RESHAPE", [0, 1], [2])],
                [0],
                [2],
            ),
            "operator 'RESHAPE' at 'y': result must have shape [2, 2], got [4, 1]",
        ),
    ],
)
def test_faulty_operator_is_refused(make: Callable[[], bytes], message: str):
    refuse(make(), message)


def test_several_subgraphs_are_refused():
    b = flatbuffers.Builder(64)
    tflite.SubGraphStart(b)
    graph = tflite.SubGraphEnd(b)
    tflite.ModelStartSubgraphsVector(b, 2)
    b.PrependUOffsetTRelative(graph)
    b.PrependUOffsetTRelative(graph)
    graphs = b.EndVector()
    tflite.ModelStart(b)
    tflite.ModelAddSubgraphs(b, graphs)
    b.Finish(tflite.ModelEnd(b), file_identifier=b"TFL3")
    refuse(bytes(b.Output()), "model must have 1 subgraph, got 2")


def test_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "tflite", None)
    refuse(
        conv_model(),
        "reading TFLite models needs the package 'tflite': pip install 'sima-mlir[tflite]'",
    )


@pytest.mark.parametrize("data", [b"", b"TFL3", b"\x1c\0\0\0TFL2" + bytes(100), b"PK\3\4" * 20])
def test_other_files_are_not_models(data: bytes):
    with pytest.raises(ModelError, match=re.escape(f"must be b'TFL3', got {data[4:8]}")):
        import_tflite(data)


def every_operator() -> bytes:
    """A model with most operators."""
    rng, weight = np.random.default_rng(1), [0.1, 0.2]
    tensors = [
        tb.Tensor("x", [1, 4, 4, 2], "uint8", 0.1, 3),
        tb.Tensor("quantized", [1, 4, 4, 2], "int8", 0.1, -5),
        tb.Tensor(
            "w", [2, 3, 3, 2], "int8", weight, data=rng.integers(-9, 9, (2, 3, 3, 2), np.int8)
        ),
        tb.Tensor("b", [2], "int32", weight, data=np.array([1, 2], np.int32)),
        tb.Tensor("conv", [1, 4, 4, 2], "int8", 0.3, 1),
        tb.Tensor("pool", [1, 2, 2, 2], "int8", 0.3, 1),
        tb.Tensor("shape", [2], "int32", data=np.array([1, 8], np.int32)),
        tb.Tensor("row", [1, 8], "int8", 0.3, 1),
        tb.Tensor("v", [3, 8], "int8", 0.1, data=rng.integers(-9, 9, (3, 8), np.int8)),
        tb.Tensor("dense", [1, 3], "int8", 0.2, 2),
        tb.Tensor("c", [3], "int8", 0.4, 1, data=np.array([1, 2, 3], np.int8)),
        tb.Tensor("sum", [1, 3], "int8", 0.5, 5),
        tb.Tensor("axis", [1], "int32", data=np.array([1], np.int32)),
        tb.Tensor("mean", [1], "int8", 0.5, 5),
        tb.Tensor("widths", [1, 2], "int32", data=np.array([[1, 1]], np.int32)),
        tb.Tensor("padded", [3], "int8", 0.5, 5),
        tb.Tensor("y", [3], "float32"),
    ]
    window = {"stride_h": 1, "stride_w": 1, "fused_activation_function": "RELU6"}
    dilations = {"dilation_h_factor": 1, "dilation_w_factor": 1}
    pool = {"stride_h": 2, "stride_w": 2, "filter_height": 2, "filter_width": 2}
    operators = [
        tb.Operator("QUANTIZE", [0], [1]),
        tb.Operator("CONV_2D", [1, 2, 3], [4], window | dilations),
        tb.Operator("MAX_POOL_2D", [4], [5], pool),
        tb.Operator("RESHAPE", [5, 6], [7], {"new_shape": [1, 8]}),
        tb.Operator("FULLY_CONNECTED", [7, 8, -1], [9]),
        tb.Operator("ADD", [9, 10], [11]),
        tb.Operator("MEAN", [11, 12], [13]),
        tb.Operator("PAD", [13, 14], [15]),
        tb.Operator("DEQUANTIZE", [15], [16]),
    ]
    return tb.build_model(tensors, operators, [0], [16])


def read(data: bytes) -> bool:
    """Says whether bytes are a model; what they raise, if anything, is a proper `ModelError`."""
    messages = complaints(data)
    assert not any("\n" in message or message.endswith(".") for message in messages)
    return not messages


def complaints(data: bytes) -> Sequence[str]:
    try:
        import_tflite(data).verify()
    except ModelError as error:
        return error.messages
    return ()


def test_truncated_model_is_refused():
    model = every_operator()
    assert read(model)
    assert not any(read(model[:length]) for length in range(len(model)))


def test_damaged_model_is_refused_or_read():
    model, rng = every_operator(), np.random.default_rng(0)
    outcomes: set[bool] = set()
    for _ in range(1000):
        damaged = bytearray(model)
        for place in rng.integers(8, len(model), rng.choice([1, 1, 2, 20])):
            damaged[place] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
        outcomes.add(read(bytes(damaged)))
    assert outcomes == {False, True}


def test_random_bytes_are_refused():
    rng = np.random.default_rng(0)
    for length in range(400):
        noise = rng.integers(0, rng.choice([4, 256]), length, np.uint8).tobytes()
        assert not read(noise)
        assert not read(b"\x10\0\0\0TFL3" + noise)
