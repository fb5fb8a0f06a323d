"""What the `qnn` operations compute, judged by LiteRT's reference kernels and exact arithmetic."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from support import tflite_builder as tb
from support.litert import requires_litert, run
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation
from xdsl.parser import Parser
from xdsl.utils.exceptions import InterpretationError, VerifyException
from xdsl.utils.test_value import create_ssa_value

from sima_mlir.dialects import qnn
from sima_mlir.dialects.elements import dtype_of, element_type_of, tensor_type
from sima_mlir.dialects.qnn import QuantizationAttr
from sima_mlir.interpreters import register_implementations
from sima_mlir.quantization import Rounding

DTYPES = pytest.mark.parametrize("dtype", ["int8", "uint8"])
SEEDS = pytest.mark.parametrize("seed", range(12))


def evaluate(make: Callable[..., Operation], *arrays: np.ndarray) -> np.ndarray:
    """Runs the operation that `make` builds on values with the types of some arrays."""
    types = [tensor_type(a.shape, element_type_of(a.dtype)) for a in arrays]
    op = make(*(create_ssa_value(t) for t in types))
    op.verify()
    interpreter = Interpreter(ModuleOp([]))
    register_implementations(interpreter, Context())
    (result,) = interpreter.run_op(op, arrays)
    assert isinstance(result, np.ndarray)
    return result


def codes(rng: np.random.Generator, shape: Sequence[int], dtype: str) -> np.ndarray:
    """Random codes, a fifth of them the extremes."""
    info = np.iinfo(dtype)
    values = rng.integers(info.min, info.max + 1, shape)
    values[rng.random(shape) < 0.1] = info.min
    values[rng.random(shape) < 0.1] = info.max
    return values.astype(dtype)


def encoding(rng: np.random.Generator, dtype: str, bits: tuple[float, float] = (-6, 2)) -> tb.Quant:
    """A float32 scale, one in four a power of two, and any zero point."""
    info = np.iinfo(dtype)
    power = rng.uniform(*bits)
    scale = 2.0 ** (math.floor(power) if rng.random() < 0.25 else power)
    return float(np.float32(scale)), int(rng.integers(info.min, info.max + 1))


def shape(rng: np.random.Generator, rank: int = 4) -> tuple[int, ...]:
    return tuple(int(size) for size in rng.integers(1, 10, rank))


def half_away(value: Fraction) -> int:
    return int(math.copysign(math.floor(abs(value) + Fraction(1, 2)), value))


def same(result: np.ndarray, expected: np.ndarray) -> None:
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected, strict=True)


def examples() -> list[str]:
    documented = [op.__doc__ or "" for op in qnn.QNN.operations]
    return [text.partition("Example:\n")[2] for text in documented]


@pytest.mark.parametrize("example", examples(), ids=lambda text: text.split()[2])
def test_documented_example_gives_an_array_of_its_type(example: str):
    names = re.findall(r"%\w+", example.partition("=")[2])
    operands, _, result = example.rpartition(" : (")[2].strip().partition(") -> ")
    arguments = ", ".join(f"{n}: {t}" for n, t in zip(names, operands.split(", "), strict=True))
    ctx = Context()
    for dialect in (Builtin, Func, qnn.QNN):
        ctx.load_dialect(dialect)
    text = f"func.func @main({arguments}) -> {result} {{ {example} func.return %r : {result} }}"
    module = Parser(ctx, text).parse_module()
    module.verify()
    interpreter = Interpreter(module)
    register_implementations(interpreter, ctx)
    (function,) = module.ops
    types = (v.type for v in function.body.block.args)
    inputs = tuple(np.ones(t.get_shape(), dtype_of(t.element_type)) for t in types)
    (array,) = interpreter.call_op("main", inputs)
    assert f"tensor<{'x'.join(map(str, array.shape))}x{element_type_of(array.dtype)}>" == result


def test_conv_of_one_axis_is_conv_with_a_unit_axis():
    rng = np.random.default_rng(0)
    x, w = codes(rng, (2, 9, 6), "uint8"), codes(rng, (3, 3, 2, 4), "int8")
    zero_points = {"input_zero_point": 77, "kernel_zero_point": -9}
    window = {"strides": [2], "padding": [1, 2], "dilations": [3]}
    flat = {"strides": [1, 2], "padding": [0, 1, 0, 2], "dilations": [1, 3]}
    line = evaluate(lambda a, b: qnn.ConvOp(a, b, **window, **zero_points), x, w)
    plane = evaluate(lambda a, b: qnn.ConvOp(a, b, **flat, **zero_points), x[:, None], w[None, :])
    same(line[:, None], plane)


def test_conv_of_three_axes_is_a_sum_of_convs_of_two():
    rng = np.random.default_rng(1)
    x, w = codes(rng, (1, 4, 5, 6, 2), "int8"), codes(rng, (2, 3, 2, 2, 1, 3), "int8")
    volume = evaluate(lambda a, b: qnn.ConvOp(a, b, input_zero_point=-5), x, w)
    for depth in range(3):
        planes = [
            evaluate(lambda a, b: qnn.ConvOp(a, b, input_zero_point=-5), x[:, depth + k], w[k])
            for k in range(2)
        ]
        same(volume[:, depth], planes[0] + planes[1])


def test_dense_wraps_in_int32():
    x, w = np.full((2, 1000), -32768, np.int16), np.full((1, 1000), 127, np.int8)
    total = (-32768 - 32767) * 1000 * (127 + 128)
    wrapped = (total + 2**31) % 2**32 - 2**31
    result = evaluate(
        lambda a, b: qnn.DenseOp(a, b, input_zero_point=32767, kernel_zero_point=-128), x, w
    )
    same(result, np.full((2, 1), wrapped, np.int32))


def test_dense_takes_any_number_of_leading_axes():
    rng = np.random.default_rng(2)
    x, w = codes(rng, (2, 3, 5), "int8"), codes(rng, (4, 5), "int8")
    expected = np.einsum("abi,oi->abo", x.astype(np.int32), w.astype(np.int32))
    same(evaluate(qnn.DenseOp, x, w), expected)
    same(evaluate(qnn.DenseOp, x[0, 0], w), expected[0, 0])


def test_bias_add_wraps():
    data = np.array([[2**31 - 1, -(2**31)], [5, 6]], np.int32)
    bias = np.array([1, -1], np.int32)
    expected = np.array([[-(2**31), 2**31 - 1], [6, 5]], np.int32)
    same(evaluate(qnn.BiasAddOp, data, bias), expected)


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.UPWARD, [-1, 0, 1, 2]),
        (Rounding.AWAY, [-2, -1, 1, 2]),
        (Rounding.FLOAT32, [-2, 0, 0, 2]),
        (Rounding.TFLITE, [-1, 0, 1, 2]),
        (Rounding.RUY, [-1, 0, 1, 2]),
        (Rounding.TFLITE16, [-1, 0, 1, 2]),
    ],
)
def test_requantize_rounds_ties_as_its_contract_does(rounding: Rounding, expected: list[int]):
    data = np.array([-3, -1, 1, 3], np.int32)
    one, half = QuantizationAttr.of(1.0), QuantizationAttr.of(0.5)
    result = evaluate(lambda x: qnn.RequantizeOp(x, half, one, rounding), data)
    same(result, np.array(expected, np.int8))


def test_requantize_of_a_layer_with_two_channels():
    acc = np.array([[1000, -2500], [24352, -19310], [38966, -28999], [-7824, -159]], np.int32)
    product, output = QuantizationAttr.of([8e-5, 1.46e-4]), QuantizationAttr.of(0.05, -5)
    expected = np.array([[-3, -12], [34, -61], [57, -90], [-18, -5]], np.int8)
    for rounding in (Rounding.TFLITE, Rounding.UPWARD, Rounding.FLOAT32):
        same(evaluate(lambda x, r=rounding: qnn.RequantizeOp(x, product, output, r), acc), expected)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32"])
def test_requantize_saturates(dtype: str):
    info = np.iinfo(dtype)
    data = np.array([-(2**31), 2**31 - 1], np.int32)
    q = QuantizationAttr.of(1.0)
    result = evaluate(
        lambda x: qnn.RequantizeOp(x, q, q, Rounding.UPWARD, element_type_of(dtype)), data
    )
    same(result, np.array([info.min, info.max], dtype))


def test_requantize_of_a_scalar_is_a_scalar():
    q = QuantizationAttr.of(1.0, 3)
    result = evaluate(lambda x: qnn.RequantizeOp(x, q, q, Rounding.TFLITE), np.array(7, np.int8))
    same(result, np.array(7, np.int8))


def test_requantize_with_too_large_a_ratio_names_the_operation():
    large, small = QuantizationAttr.of(1e300), QuantizationAttr.of(1e-300)
    message = r"^'qnn.requantize' op quotient of the scales must be positive and finite, got inf"
    with pytest.raises(InterpretationError, match=message):
        evaluate(
            lambda x: qnn.RequantizeOp(x, large, small, Rounding.UPWARD), np.zeros(3, np.int32)
        )


@requires_litert
@SEEDS
@pytest.mark.parametrize("to", ["int8", "uint8"])
@DTYPES
def test_requantize_is_litert_quantize(dtype: tb.QuantizedType, to: tb.QuantizedType, seed: int):
    rng = np.random.default_rng(seed)
    x, x_q, y_q = codes(rng, (500,), dtype), encoding(rng, dtype), encoding(rng, to)
    (expected,) = run(tb.quantize(x.shape, x_q=x_q, y_q=y_q, x_dtype=dtype, y_dtype=to), [x])
    result = evaluate(
        lambda a: qnn.RequantizeOp(
            a,
            QuantizationAttr.of(*x_q),
            QuantizationAttr.of(*y_q),
            Rounding.TFLITE,
            element_type_of(to),
        ),
        x,
    )
    same(result, expected)


@requires_litert
@SEEDS
@DTYPES
def test_quantize_is_litert_quantize(dtype: tb.QuantizedType, seed: int):
    rng = np.random.default_rng(seed)
    scale, zero_point = encoding(rng, dtype)
    ties = (rng.integers(-300, 300, 200) + 0.5) * scale
    x = np.concatenate([rng.normal(0, 100 * scale, 300), ties]).astype(np.float32)
    (expected,) = run(tb.quantize(x.shape, y_q=(scale, zero_point), y_dtype=dtype), [x])
    output = QuantizationAttr.of(scale, zero_point)
    result = evaluate(lambda a: qnn.QuantizeOp(a, output, Rounding.AWAY, element_type_of(dtype)), x)
    same(result, expected)


def test_quantize_under_float32_rounds_ties_to_even():
    x = np.arange(-40, 40, dtype=np.float32) / 4
    expected = np.array([round(Fraction(float(v)) * 2) + 3 for v in x], np.int8)
    output = QuantizationAttr.of(0.5, 3)
    same(evaluate(lambda a: qnn.QuantizeOp(a, output, Rounding.FLOAT32), x), expected)


def test_quantize_saturates_infinity_and_refuses_nan():
    output = QuantizationAttr.of(1e-30, 3)
    x = np.array([np.inf, -np.inf, 3e38, 0.0], np.float32)
    same(evaluate(lambda a: qnn.QuantizeOp(a, output), x), np.array([127, -128, 127, 3], np.int8))
    with pytest.raises(InterpretationError, match=r"^'qnn.quantize' op data must be numbers"):
        evaluate(lambda a: qnn.QuantizeOp(a, output), np.array([np.nan], np.float32))


@pytest.mark.parametrize("scale", [1e-60, 1e60])
def test_quantize_refuses_a_scale_that_float32_cannot_hold(scale: float):
    output = QuantizationAttr.of(scale)
    message = f"scale must be positive and finite in float32, got {scale}"
    with pytest.raises(VerifyException, match=re.escape(message)):
        evaluate(lambda a: qnn.QuantizeOp(a, output), np.zeros(1, np.float32))


@requires_litert
@SEEDS
@DTYPES
def test_dequantize_is_litert_dequantize(dtype: tb.QuantizedType, seed: int):
    rng = np.random.default_rng(seed)
    x, x_q = codes(rng, (300,), dtype), encoding(rng, dtype)
    (expected,) = run(tb.dequantize(x.shape, x_q=x_q, dtype=dtype), [x])
    same(evaluate(lambda a: qnn.DequantizeOp(a, QuantizationAttr.of(*x_q)), x), expected)


def test_dequantize_has_one_scale_a_channel():
    data = np.array([[1, -2, 2**31 - 1]], np.int32)
    result = evaluate(
        lambda a: qnn.DequantizeOp(a, QuantizationAttr.of([0.5, 0.25, 2.0], -1)), data
    )
    same(result, np.array([[1.0, -0.25, 2.0**32]], np.float32))


def test_clip_clamps_and_keeps_the_type():
    x = np.array([-128, -5, 0, 4, 127], np.int8)
    result = evaluate(lambda a: qnn.ClipOp(a, -4, 3), x)
    same(result, np.array([-4, -4, 0, 3, 3], np.int8))


@requires_litert
@SEEDS
@DTYPES
@pytest.mark.parametrize(("make", "operation"), [(tb.add, qnn.AddOp), (tb.sub, qnn.SubtractOp)])
def test_sum_is_litert_sum(
    make: Callable[..., bytes],
    operation: type[qnn.ElementwiseOperation],
    dtype: tb.QuantizedType,
    seed: int,
):
    rng = np.random.default_rng(seed)
    a, b = (codes(rng, (4, 9, 9, 3), dtype) for _ in range(2))
    a_q, b_q, y_q = (encoding(rng, dtype) for _ in range(3))
    (expected,) = run(make(a.shape, b.shape, a_q=a_q, b_q=b_q, y_q=y_q, dtype=dtype), [a, b])
    encodings = [QuantizationAttr.of(*q) for q in (a_q, b_q, y_q)]
    same(evaluate(lambda x, y: operation(x, y, *encodings, Rounding.TFLITE), a, b), expected)


@pytest.mark.parametrize(
    ("operation", "rounding", "expected"),
    [
        (qnn.AddOp, "upward", [1, 0, 2]),
        (qnn.AddOp, "away", [1, -2, 2]),
        (qnn.SubtractOp, "upward", [1, 0, 0]),
        (qnn.SubtractOp, "away", [1, 0, 0]),
    ],
)
def test_sum_of_relay_rounds_each_operand(
    operation: type[qnn.ElementwiseOperation], rounding: str, expected: list[int]
):
    """Halves of 1, -1 and 1, and of 0, -1 and 1, are rounded before they meet."""
    one, half = QuantizationAttr.of(1.0), QuantizationAttr.of(0.5)
    lhs, rhs = np.array([1, -1, 1], np.int8), np.array([0, -1, 1], np.int8)
    result = evaluate(lambda x, y: operation(x, y, half, half, one, Rounding(rounding)), lhs, rhs)
    same(result, np.array(expected, np.int8))


def all_pairs(dtype: str) -> list[np.ndarray]:
    info = np.iinfo(dtype)
    every = np.arange(info.min, info.max + 1, dtype=dtype)
    return [np.ascontiguousarray(m) for m in np.meshgrid(every, every, indexing="ij")]


def product_encoding(
    rng: np.random.Generator, dtype: str, a_q: tb.Quant, b_q: tb.Quant, bits: tuple[float, float]
) -> tb.Quant:
    """An encoding that the products of two others are brought to by a factor of some bits."""
    factor, zero_point = encoding(rng, dtype, bits)
    return float(np.float32(a_q[0] * b_q[0] / factor)), zero_point


@requires_litert
@SEEDS
@DTYPES
def test_mul_is_litert_mul_on_all_pairs_of_codes(dtype: tb.QuantizedType, seed: int):
    rng = np.random.default_rng(seed)
    a, b = all_pairs(dtype)
    for bits in [(-10.0, -5.0)] * 8 + [(-40.0, -10.0), (0.0, 15.0)]:
        a_q, b_q = encoding(rng, dtype), encoding(rng, dtype)
        y_q = product_encoding(rng, dtype, a_q, b_q, bits)
        (expected,) = run(tb.mul(a.shape, b.shape, a_q=a_q, b_q=b_q, y_q=y_q, dtype=dtype), [a, b])
        encodings = [QuantizationAttr.of(*q) for q in (a_q, b_q, y_q)]
        result = evaluate(lambda x, y, e=encodings: qnn.MulOp(x, y, *e, Rounding.TFLITE), a, b)
        same(result, expected)


@pytest.mark.parametrize(
    ("rounding", "round_"),
    [
        (Rounding.UPWARD, lambda v: math.floor(v + Fraction(1, 2))),
        (Rounding.AWAY, half_away),
    ],
)
@DTYPES
def test_mul_of_relay_rounds_the_product_once(
    dtype: str, rounding: Rounding, round_: Callable[[Fraction], int]
):
    info, rng = np.iinfo(dtype), np.random.default_rng(7)
    a, b = codes(rng, (3000,), dtype), codes(rng, (3000,), dtype)
    a_q, b_q, y_q = (0.375, int(a[0])), (2.0**-5, int(b[0])), (0.75, info.max - 90)
    encodings = [QuantizationAttr.of(*q) for q in (a_q, b_q, y_q)]
    result = evaluate(lambda x, y: qnn.MulOp(x, y, *encodings, rounding), a, b)
    products = [(int(x) - a_q[1]) * (int(y) - b_q[1]) for x, y in zip(a, b, strict=True)]
    assert any(product < 0 and product % 64 == 32 for product in products)
    exact = [round_(Fraction(product, 64)) + y_q[1] for product in products]
    same(result, np.array([min(max(v, info.min), info.max) for v in exact], dtype))


def test_mul_with_too_large_a_ratio_names_the_operation():
    large, small = QuantizationAttr.of(1e30), QuantizationAttr.of(1e-30)
    message = r"^'qnn.mul' op quotient of the scales must be positive and finite, got inf"
    x = np.zeros(3, np.int8)
    with pytest.raises(InterpretationError, match=message):
        evaluate(lambda a, b: qnn.MulOp(a, b, large, large, small, Rounding.UPWARD), x, x)


def same_padding(spatial: Sequence[int], size: Sequence[int], strides: Sequence[int]) -> list[int]:
    """TFLite's SAME: the larger half at the end."""
    totals = [
        max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(spatial, size, strides, strict=True)
    ]
    return [t // 2 for t in totals] + [t - t // 2 for t in totals]


@requires_litert
@SEEDS
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@DTYPES
def test_pools_are_litert_pools(dtype: tb.QuantizedType, padding: tb.Padding, seed: int):
    rng = np.random.default_rng(seed)
    x, q = codes(rng, shape(rng), dtype), encoding(rng, dtype)
    size = (min(3, x.shape[1]), min(4, x.shape[2]))
    strides = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    pads = same_padding(x.shape[1:3], size, strides) if padding == "SAME" else [0] * 4
    options: dict[str, Any] = {"x_q": q, "strides": strides, "padding": padding, "dtype": dtype}
    window = {"strides": strides, "padding": pads}
    (expected,) = run(tb.max_pool_2d(x.shape, size, **options), [x])
    same(evaluate(lambda a: qnn.MaxPoolOp(a, size, **window), x), expected)
    (expected,) = run(tb.average_pool_2d(x.shape, size, **options), [x])
    e = QuantizationAttr.of(*q)
    result = evaluate(lambda a: qnn.AvgPoolOp(a, size, e, e, Rounding.TFLITE, **window), x)
    same(result, expected)


@pytest.mark.parametrize("ratio", [Fraction(1, 2), Fraction(2)])
@pytest.mark.parametrize("count_include_pad", [False, True])
def test_avg_pool_requantizes_without_saturation_then_averages(
    count_include_pad: bool, ratio: Fraction
):
    x = codes(np.random.default_rng(3), (1, 7, 1), "int8")
    fine, coarse = QuantizationAttr.of(float(ratio), 11), QuantizationAttr.of(1.0, -20)
    moved = [math.floor((int(v) - 11) * ratio + Fraction(1, 2)) - 20 for v in x.flat]
    expected = []
    for start in range(-1, 7, 2):
        taps = [moved[i] if 0 <= i < 7 else None for i in range(start, start + 3)]
        inside = [t for t in taps if t is not None]
        outside = [-20] * (len(taps) - len(inside)) if count_include_pad else []
        average = half_away(Fraction(sum(inside + outside), len(inside + outside)))
        expected.append(min(max(average, -128), 127))
    result = evaluate(
        lambda a: qnn.AvgPoolOp(
            a,
            [3],
            fine,
            coarse,
            Rounding.UPWARD,
            strides=[2],
            padding=[1, 1],
            count_include_pad=count_include_pad,
        ),
        x,
    )
    same(result.reshape(-1), np.array(expected, np.int8))


def test_mean_rescales_the_sum_with_one_rounding():
    x = codes(np.random.default_rng(4), (3, 4, 8, 2), "int8")
    input_q, output_q = QuantizationAttr.of(0.5, 9), QuantizationAttr.of(1.0, -4)
    result = evaluate(lambda a: qnn.MeanOp(a, [1, 2], input_q, output_q, Rounding.UPWARD), x)
    for n, c in np.ndindex(3, 2):
        total = sum(int(v) - 9 for v in x[n, :, :, c].flat)
        assert result[n, 0, 0, c] == math.floor(Fraction(total, 64) + Fraction(1, 2)) - 4
    assert (result.shape, result.dtype) == ((3, 1, 1, 2), np.int8)


def mean_by_both(
    seed: int, dtype: tb.QuantizedType, axes: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Our mean of random codes, and LiteRT's."""
    rng = np.random.default_rng(seed)
    x, x_q, y_q = codes(rng, shape(rng), dtype), encoding(rng, dtype), encoding(rng, dtype)
    (expected,) = run(tb.mean(x.shape, axes, x_q=x_q, y_q=y_q, keep_dims=True, dtype=dtype), [x])
    encodings = [QuantizationAttr.of(*q) for q in (x_q, y_q)]
    return evaluate(lambda a: qnn.MeanOp(a, axes, *encodings, Rounding.TFLITE), x), expected


@requires_litert
@pytest.mark.parametrize("axes", [[1, 2], [2], [3]])
@DTYPES
def test_mean_is_litert_mean(dtype: tb.QuantizedType, axes: list[int]):
    for seed in range(30):
        same(*mean_by_both(seed, dtype, axes))


@requires_litert
@SEEDS
@DTYPES
def test_softmax_is_litert_softmax(dtype: tb.QuantizedType, seed: int):
    rng = np.random.default_rng(seed)
    x = codes(rng, (6, int(rng.integers(1, 200))), dtype)
    x[:3] = x[:3] // int(rng.integers(2, 30))
    q, beta = encoding(rng, dtype, (-12, 4)), float(rng.choice([0.5, 1.0, 2.0]))
    (expected,) = run(tb.softmax(x.shape, x_q=q, beta=beta, dtype=dtype), [x])
    output = QuantizationAttr.of(1 / 256, int(np.iinfo(dtype).min))
    same(evaluate(lambda a: qnn.SoftmaxOp(a, QuantizationAttr.of(*q), output, beta), x), expected)


@requires_litert
@DTYPES
def test_pad_is_litert_pad(dtype: tb.QuantizedType):
    x = codes(np.random.default_rng(5), (2, 3, 4, 5), dtype)
    paddings = [(0, 1), (2, 0), (1, 3), (0, 0)]
    (expected,) = run(tb.pad(x.shape, paddings, x_q=(0.5, 3), dtype=dtype), [x])
    flat = [before for before, _ in paddings] + [after for _, after in paddings]
    same(evaluate(lambda a: qnn.PadOp(a, flat, 3), x), expected)


@requires_litert
@DTYPES
def test_reshape_is_litert_reshape(dtype: tb.QuantizedType):
    x = codes(np.random.default_rng(6), (2, 3, 4), dtype)
    (expected,) = run(tb.reshape(x.shape, (4, 6), x_q=(0.5, 3), dtype=dtype), [x])
    same(evaluate(lambda a: qnn.ReshapeOp(a, (4, 6)), x), expected)
