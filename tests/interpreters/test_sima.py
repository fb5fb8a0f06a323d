"""What the `sima` operations compute, against their formulas in Python's integers."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, IntegerAttr, ModuleOp, i8, i16, i32
from xdsl.dialects.func import Func
from xdsl.interpreter import Interpreter
from xdsl.ir import Attribute, Operation
from xdsl.parser import Parser
from xdsl.utils.exceptions import InterpretationError
from xdsl.utils.test_value import create_ssa_value

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.elements import (
    dense,
    dense_array,
    dtype_of,
    element_type_of,
    tensor_type,
)
from sima_mlir.dialects.sima import Requantization, RequantizationAttr, RoundingAttr
from sima_mlir.interpreters import register_implementations
from sima_mlir.quantization import (
    Quantization,
    Rounding,
    fixed_point_add,
    requantize_qnn_convolution_dense,
    softmax_constants,
    tflite_requantization_constants,
)

SEEDS = pytest.mark.parametrize("seed", range(8))


def evaluate(make: Callable[..., Operation], *arrays: np.ndarray) -> np.ndarray:
    """Runs the operation that `make` builds on values with the types of some arrays."""
    types = [tensor_type(a.shape, element_type_of(a.dtype)) for a in arrays]
    op = make(*(create_ssa_value(t) for t in types))
    op.verify()
    interpreter = Interpreter(ModuleOp([]))
    register_implementations(interpreter, Context())
    (result,) = interpreter.run_op(op, arrays)
    return result


def scalar(value: int) -> IntegerAttr:
    return IntegerAttr(value, i32)


def per_channel(values: Sequence[int]) -> Attribute:
    return dense_array(np.asarray(values), i32)


def multiplied(scale: Attribute, shift: Attribute, zero_point: int) -> dict[str, Attribute]:
    """The properties of `requantization = tflite`."""
    return {
        "requantization": RequantizationAttr(Requantization.TFLITE),
        "rounding": RoundingAttr(Rounding.TFLITE),
        "scale_correction": scale,
        "shift": shift,
        "zero_point_correction": scalar(zero_point),
    }


def codes(rng: np.random.Generator, shape: Sequence[int], dtype: str = "int8") -> np.ndarray:
    info = np.iinfo(dtype)
    values = rng.integers(info.min, info.max + 1, shape)
    values[rng.random(shape) < 0.2] = info.min
    return values.astype(dtype)


def half_away(numerator: int, denominator: int) -> int:
    quotient = Fraction(abs(numerator), denominator)
    return int(math.copysign(math.floor(quotient + Fraction(1, 2)), numerator))


def clamped(value: int, low: int = -128, high: int = 127) -> int:
    return min(max(value, low), high)


def shifted(acc: int, shift: int) -> int:
    """One rounding shift, half up."""
    return math.floor(Fraction(acc, 1 << shift) + (Fraction(1, 2) if shift else 0))


def gemmlowp(acc: int, scale: int, shift: int) -> int:
    """Two roundings: to Q31 half away as gemmlowp nudges it, then half away."""
    product = acc * scale
    nudged = product + ((1 << 30) if product >= 0 else 1 - (1 << 30))
    high = int(Fraction(nudged, 1 << 31))
    return half_away(high, 1 << (shift - 31))


def accumulators(
    x: np.ndarray, w: np.ndarray, bias: np.ndarray, window: dict[str, list[int]], pad: int
) -> np.ndarray:
    """The convolution's formula, one Python integer at a time."""
    rank = x.ndim - 2
    strides, dilations, padding = (window[k] for k in ("strides", "dilations", "padding"))
    *kernel, inputs, groups, outputs = w.shape
    spatial = x.shape[1:-1]
    out = [
        (spatial[a] + padding[a] + padding[rank + a] - (kernel[a] - 1) * dilations[a] - 1)
        // strides[a]
        + 1
        for a in range(rank)
    ]
    result = np.empty((x.shape[0], *out, groups * outputs), object)
    for n, *y, c in np.ndindex(*result.shape):
        g, o = divmod(c, outputs)
        total = int(bias[c])
        for *k, i in itertools.product(*map(range, (*kernel, inputs))):
            place = [y[a] * strides[a] + k[a] * dilations[a] - padding[a] for a in range(rank)]
            inside = all(0 <= p < size for p, size in zip(place, spatial, strict=True))
            code = int(x[n, *place, g * inputs + i]) if inside else pad
            total += code * int(w[*k, i, g, o])
        result[n, *y, c] = total
    return result


def by_channel(function: Callable[[int, int], int], acc: np.ndarray) -> np.ndarray:
    """Maps `function(accumulator, channel)`."""
    result = np.empty(acc.shape, np.int8)
    for index in np.ndindex(*acc.shape):
        result[index] = function(acc[index], index[-1])
    return result


CONVOLUTIONS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, list[int]]]] = {
    "one axis": ((2, 9, 3), (3, 3, 1, 4), {"strides": [2], "padding": [2, 1], "dilations": [2]}),
    "two axes": (
        (1, 5, 6, 4),
        (3, 2, 4, 1, 3),
        {"strides": [1, 2], "padding": [1, 0, 1, 2], "dilations": [1, 1]},
    ),
    "depthwise": (
        (2, 4, 5, 3),
        (3, 3, 1, 3, 2),
        {"strides": [1, 1], "padding": [1, 1, 1, 1], "dilations": [1, 1]},
    ),
    "grouped": (
        (1, 4, 4, 6),
        (2, 2, 3, 2, 2),
        {"strides": [1, 1], "padding": [1, 0, 0, 1], "dilations": [2, 1]},
    ),
    "three axes": (
        (1, 3, 4, 3, 2),
        (2, 3, 2, 2, 1, 2),
        {"strides": [1, 2, 1], "padding": [1, 1, 0, 0, 1, 1], "dilations": [1, 1, 1]},
    ),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_conv_is_its_formula_in_both_modes(name: str):
    rng = np.random.default_rng(len(name))
    x_shape, w_shape, window = CONVOLUTIONS[name]
    x, w = codes(rng, x_shape), codes(rng, w_shape)
    channels = w_shape[-2] * w_shape[-1]
    bias = rng.integers(-50000, 50000, channels).astype(np.int32)
    shifts, pad = [int(s) for s in rng.integers(6, 12, channels)], -77
    scales = [int(s) for s in rng.integers(1 << 30, 1 << 31, channels)]
    acc = accumulators(x, w, bias, window, pad)
    result_type = tensor_type(acc.shape, i8)

    def conv(requantization: dict[str, Attribute]) -> np.ndarray:
        options: dict[str, Any] = {**window, "input_zero_point": pad}
        weight, b = dense(w), dense(bias)
        return evaluate(
            lambda v: sima.ConvOp(v, weight, b, requantization, result_type, **options), x
        )

    clamp = {"clamp": dense_array([-100, 90], i32)}
    np.testing.assert_array_equal(
        conv({"shift": per_channel(shifts)} | clamp),
        by_channel(lambda a, c: clamped(shifted(a, shifts[c]), -100, 90), acc),
    )
    right = [s + 31 for s in shifts]
    np.testing.assert_array_equal(
        conv(multiplied(per_channel(scales), per_channel(right), -9) | clamp),
        by_channel(lambda a, c: clamped(gemmlowp(a, scales[c], right[c]) - 9, -100, 90), acc),
    )


@SEEDS
def test_dense_is_its_formula(seed: int):
    rng = np.random.default_rng(seed)
    x, w = codes(rng, (2, 3, 17)), codes(rng, (5, 17))
    bias = rng.integers(-50000, 50000, 5).astype(np.int32)
    shift = int(rng.integers(0, 12))
    acc = np.einsum("abi,oi->abo", x.astype(object), w.astype(object)) + bias
    result = evaluate(
        lambda v: sima.DenseOp(
            v, dense(w), dense(bias), {"shift": scalar(shift)}, tensor_type(acc.shape, i8)
        ),
        x,
    )
    np.testing.assert_array_equal(result, by_channel(lambda a, _: clamped(shifted(a, shift)), acc))


@pytest.mark.parametrize("mode", list(Requantization))
@pytest.mark.parametrize("zero_point", [-128, 0, 45])
def test_padded_conv_of_real_zeros_is_the_output_zero_point(zero_point: int, mode: Requantization):
    """At borders too: a tap in the padding reads the code of the real number zero."""
    w = np.full((3, 3, 1, 1, 1), 100, np.int8)
    x = np.full((1, 3, 3, 1), zero_point, np.int8)
    product, output = Quantization(0.75 * 2**-10, 0), Quantization(1.0, -128)
    properties: dict[str, Attribute]
    if mode is Requantization.SIMA:
        w, bias, shift = requantize_qnn_convolution_dense(
            w, None, zero_point, product, output, False
        )
        properties = {"shift": scalar(int(shift))}
    else:
        bias, scale, zero, shift = tflite_requantization_constants(
            w, np.zeros(1, np.int32), zero_point, product, output, False
        )
        assert bias is not None
        properties = multiplied(scalar(int(scale)), scalar(int(shift)), zero)
    result = evaluate(
        lambda v: sima.ConvOp(
            v,
            dense(w),
            dense(bias),
            properties,
            tensor_type((1, 3, 3, 1), i8),
            padding=[1, 1, 1, 1],
            input_zero_point=zero_point,
        ),
        x,
    )
    np.testing.assert_array_equal(result, np.full((1, 3, 3, 1), -128, np.int8))


LAST = 2**31 - 1


@pytest.mark.parametrize(
    ("bias", "shift", "fits", "accumulator"),
    [(LAST - 5, 0, 5, LAST + 1), (LAST - 5 - 2**20, 21, 5, LAST + 1), (4 - LAST, 4, -5, -LAST - 2)],
    ids=["sum", "sum with rounding term", "negative sum"],
)
def test_accumulator_must_stay_inside_32_bits(bias: int, shift: int, fits: int, accumulator: int):
    properties: dict[str, Attribute] = {"shift": scalar(shift)}
    weight, biases = dense(np.array([[1]], np.int8)), dense(np.array([bias], np.int32))

    def run(code: int) -> np.ndarray:
        return evaluate(
            lambda v: sima.DenseOp(v, weight, biases, properties, tensor_type((1, 1), i8)),
            np.array([[code]], np.int8),
        )

    assert run(fits).shape == (1, 1)
    message = f"^'sima.dense' op accumulator must stay inside 32 bits, got {accumulator}"
    with pytest.raises(InterpretationError, match=message):
        run(fits + (1 if fits > 0 else -1))


@SEEDS
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
def test_requantize_is_its_formula(dtype: str, seed: int):
    rng = np.random.default_rng(seed)
    x, bias = codes(rng, (4, 9), dtype), int(rng.integers(-(1 << 20), 1 << 20))
    scale, shift = int(rng.integers(1, 1 << 15)), int(rng.integers(0, 23))
    properties = {"scale_correction": scalar(scale), "shift": scalar(shift)}
    result = evaluate(lambda v: sima.RequantizeOp(v, bias, properties, tensor_type(x.shape, i8)), x)
    acc = x.astype(object) * scale + bias
    np.testing.assert_array_equal(result, by_channel(lambda a, _: clamped(shifted(a, shift)), acc))


@SEEDS
def test_requantize_by_multiplication_is_its_formula(seed: int):
    rng = np.random.default_rng(seed)
    x = rng.integers(-(1 << 28), 1 << 28, (4, 9)).astype(np.int32)
    scale, shift, bias = int(rng.integers(1 << 30, 1 << 31)), int(rng.integers(31, 55)), -12345
    properties = multiplied(scalar(scale), scalar(shift), 7)
    result = evaluate(
        lambda v: sima.RequantizeOp(v, bias, properties, tensor_type(x.shape, i16)), x
    )
    for index in np.ndindex(*x.shape):
        value = gemmlowp(int(x[index]) + bias, scale, shift) + 7
        assert result[index] == clamped(value, -32768, 32767)
    assert result.dtype == np.int16


def test_requantize_refuses_an_accumulator_that_is_too_wide():
    properties = multiplied(scalar(1 << 30), scalar(31), 0)
    message = "'sima.requantize' op accumulator must stay inside 32 bits, got -2147483649"
    with pytest.raises(InterpretationError, match=message):
        evaluate(
            lambda v: sima.RequantizeOp(v, -1, properties, tensor_type((2,), i8)),
            np.array([0, -(2**31)], np.int32),
        )


@SEEDS
def test_mean_is_its_formula(seed: int):
    rng = np.random.default_rng(seed)
    x = codes(rng, (2, 5, 3, 4))
    sums = x.astype(object).sum((1, 2), keepdims=True)
    scale, shift = int(rng.integers(1, 1 << 15)), int(rng.integers(10, 20))
    properties = {"scale_correction": scalar(scale), "shift": scalar(shift)}
    result = evaluate(
        lambda v: sima.MeanOp(v, [1, 2], -333, properties, tensor_type(sums.shape, i8)), x
    )
    expected = by_channel(lambda a, _: clamped(shifted(a * scale - 333, shift)), sums)
    np.testing.assert_array_equal(result, expected)


@SEEDS
def test_mean_by_multiplication_is_its_formula(seed: int):
    rng = np.random.default_rng(seed)
    x = codes(rng, (2, 5, 3, 4))
    sums = x.astype(object).sum((1, 2), keepdims=True)
    scale, shift = int(rng.integers(1 << 30, 1 << 31)), int(rng.integers(34, 38))
    properties = multiplied(scalar(scale), scalar(shift), -8)
    result = evaluate(
        lambda v: sima.MeanOp(v, [1, 2], -333, properties, tensor_type(sums.shape, i8)), x
    )
    expected = by_channel(lambda a, _: clamped(gemmlowp(a - 333, scale, shift) - 8), sums)
    np.testing.assert_array_equal(result, expected)


SUMS = pytest.mark.parametrize(("operation", "sign"), [(sima.AddOp, 1), (sima.SubtractOp, -1)])


@SEEDS
@SUMS
def test_sum_is_its_formula(operation: type[sima.SumOperation], sign: int, seed: int):
    rng = np.random.default_rng(seed)
    a, b = codes(rng, (2, 50)), codes(rng, (2, 50))
    left, right = (int(s) for s in rng.integers(0, 1 << 15, 2))
    shift, bias = int(rng.integers(0, 20)), int(rng.integers(-(1 << 20), 1 << 20))
    constants = {"lhs_scale": left, "rhs_scale": right, "bias": bias}
    result = evaluate(
        lambda x, y: operation(x, y, constants, {"shift": scalar(shift)}, tensor_type(a.shape, i8)),
        a,
        b,
    )
    acc = a.astype(object) * left + sign * b.astype(object) * right + bias
    np.testing.assert_array_equal(result, by_channel(lambda v, _: clamped(shifted(v, shift)), acc))


def sum_by_multiplication(
    operation: type[sima.SumOperation],
    a: np.ndarray,
    b: np.ndarray,
    changes: dict[str, int] | None = None,
) -> tuple[np.ndarray, dict[str, int]]:
    encodings = Quantization(0.05, -3), Quantization(0.11, 40), Quantization(0.09, -20)
    constants = fixed_point_add(*encodings, Rounding.TFLITE)._asdict() | (changes or {})
    operands = {k: v for k, v in constants.items() if k.startswith(("lhs", "rhs", "left"))}
    properties = multiplied(
        scalar(constants["scale"]), scalar(constants["shift"]), constants["zero_point"]
    )
    result_type = tensor_type(a.shape, i8)
    result = evaluate(lambda x, y: operation(x, y, operands, properties, result_type), a, b)
    return result, constants


@SUMS
def test_sum_by_multiplication_is_its_formula(operation: type[sima.SumOperation], sign: int):
    a, b = (codes(np.random.default_rng(seed), (3, 90)) for seed in range(2))
    result, c = sum_by_multiplication(operation, a, b)
    for index in np.ndindex(*a.shape):
        left = (int(a[index]) - c["lhs_zero_point"]) << c["left_shift"]
        right = (int(b[index]) - c["rhs_zero_point"]) << c["left_shift"]
        total = gemmlowp(left, c["lhs_scale"], c["lhs_shift"])
        total += sign * gemmlowp(right, c["rhs_scale"], c["rhs_shift"])
        expected = clamped(gemmlowp(total, c["scale"], c["shift"]) + c["zero_point"])
        assert result[index] == expected


def equal_operands(scale: int, shift: int) -> dict[str, int]:
    """Both operands moved up as far as the dialect allows, then multiplied alike."""
    both = {"scale": scale, "shift": shift, "zero_point": 0}
    return {f"{side}_{n}": v for side in ("lhs", "rhs") for n, v in both.items()} | {
        "left_shift": 23
    }


@pytest.mark.parametrize(
    ("code", "changes", "accumulator"),
    [
        (127, equal_operands(1 << 30, 30), None),
        (127, equal_operands(3 << 29, 30), 2 * ((127 << 23) * 3 // 2)),
        (-128, equal_operands(3 << 29, 30), -2 * ((128 << 23) * 3 // 2)),
    ],
    ids=["sum that fits", "sum", "negative sum"],
)
def test_add_by_multiplication_refuses_what_is_too_wide(
    code: int, changes: dict[str, int], accumulator: int | None
):
    a = b = np.full((1, 2), code, np.int8)
    if accumulator is None:
        assert sum_by_multiplication(sima.AddOp, a, b, changes)[0].shape == (1, 2)
        return
    message = f"'sima.add' op accumulator must stay inside 32 bits, got {accumulator}"
    with pytest.raises(InterpretationError, match=message):
        sum_by_multiplication(sima.AddOp, a, b, changes)


def multiply(
    a: np.ndarray, b: np.ndarray, constants: dict[str, int], properties: dict[str, Attribute]
) -> np.ndarray:
    result_type = tensor_type(a.shape, i8)
    return evaluate(lambda x, y: sima.MulOp(x, y, constants, properties, result_type), a, b)


@SEEDS
def test_mul_is_its_formula(seed: int):
    rng = np.random.default_rng(seed)
    a, b = codes(rng, (2, 50)), codes(rng, (2, 50))
    left, right = (int(z) for z in rng.integers(-128, 128, 2))
    scale, bias = int(rng.integers(1, 1 << 15)), int(rng.integers(-(1 << 20), 1 << 20))
    shifts = [int(s) for s in rng.integers(12, 24, 50)]
    constants = {"lhs_zero_point": left, "rhs_zero_point": right, "bias": bias}
    properties = {"scale_correction": scalar(scale), "shift": per_channel(shifts)}
    acc = (a.astype(object) - left) * (b.astype(object) - right) * scale + bias
    np.testing.assert_array_equal(
        multiply(a, b, constants, properties),
        by_channel(lambda v, c: clamped(shifted(v, shifts[c])), acc),
    )


@SEEDS
def test_mul_by_multiplication_is_its_formula(seed: int):
    rng = np.random.default_rng(seed)
    a, b = codes(rng, (2, 50)), codes(rng, (2, 50))
    left, right = (int(z) for z in rng.integers(-128, 128, 2))
    scale, shift = int(rng.integers(1 << 30, 1 << 31)), int(rng.integers(36, 42))
    constants = {"lhs_zero_point": left, "rhs_zero_point": right}
    acc = (a.astype(object) - left) * (b.astype(object) - right)
    np.testing.assert_array_equal(
        multiply(a, b, constants, multiplied(scalar(scale), scalar(shift), -8)),
        by_channel(lambda v, _: clamped(gemmlowp(v, scale, shift) - 8), acc),
    )


def test_mul_has_no_zero_points_by_default():
    a, b = np.array([[-7, 5, 11]], np.int8), np.array([[3, -6, 11]], np.int8)
    properties: dict[str, Attribute] = {"scale_correction": scalar(1), "shift": scalar(0)}
    np.testing.assert_array_equal(multiply(a, b, {}, properties), [[-21, -30, 121]])


@pytest.mark.parametrize(
    ("code", "bias", "accumulator"),
    [(127, LAST - 127 * 127, None), (127, LAST - 127 * 127 + 1, LAST + 1)],
    ids=["product that fits", "product"],
)
def test_mul_refuses_what_is_too_wide(code: int, bias: int, accumulator: int | None):
    a = np.full((1, 2), code, np.int8)
    properties: dict[str, Attribute] = {"scale_correction": scalar(1), "shift": scalar(0)}
    if accumulator is None:
        assert multiply(a, a, {"bias": bias}, properties).tolist() == [[127, 127]]
        return
    message = f"'sima.mul' op accumulator must stay inside 32 bits, got {accumulator}"
    with pytest.raises(InterpretationError, match=message):
        multiply(a, a, {"bias": bias}, properties)


def test_lut_is_its_table():
    table = codes(np.random.default_rng(5), (256,))
    data = np.arange(-128, 128).astype(np.int8).reshape(2, 128)[:, ::-1]
    result = evaluate(lambda x: sima.LutOp(x, dense(table)), data)
    expected = [[table[int(code) + 128] for code in row] for row in data]
    np.testing.assert_array_equal(result, np.array(expected, np.int8), strict=True)


def test_lut_of_channels_is_the_table_of_each():
    tables = codes(np.random.default_rng(6), (3, 256))
    data = codes(np.random.default_rng(7), (2, 40, 3))
    result = evaluate(lambda x: sima.LutOp(x, dense(tables)), data)
    expected = [[[tables[c][int(x) + 128] for c, x in enumerate(p)] for p in row] for row in data]
    np.testing.assert_array_equal(result, np.array(expected, np.int8), strict=True)


def test_avg_pool_is_its_formula():
    x = codes(np.random.default_rng(3), (1, 8, 2))
    expected = np.empty((1, 4, 2), np.int8)
    for y, c in np.ndindex(4, 2):
        places = range(2 * y - 1, 2 * y + 2)
        taps = [int(x[0, p, c]) for p in places if 0 <= p < 8]
        taps += [-55] * (3 - len(taps))
        expected[0, y, c] = half_away(sum(taps), 3)
    result = evaluate(
        lambda v: sima.AvgPoolOp(
            v,
            [3],
            tensor_type((1, 4, 2), i8),
            strides=[2],
            padding=[1, 0],
            input_zero_point=-55,
        ),
        x,
    )
    np.testing.assert_array_equal(result, expected, strict=True)


SHARED: dict[str, tuple[Callable[..., Operation], Callable[..., Operation], str]] = {
    "max_pool": (
        lambda v: sima.MaxPoolOp(v, [2], strides=[2], padding=[1, 1]),
        lambda v: qnn.MaxPoolOp(v, [2], strides=[2], padding=[1, 1]),
        "int8",
    ),
    "clip": (lambda v: sima.ClipOp(v, -4, 9), lambda v: qnn.ClipOp(v, -4, 9), "int8"),
    "pad": (
        lambda v: sima.PadOp(v, [0, 1, 2, 1, 0, 0], -7),
        lambda v: qnn.PadOp(v, [0, 1, 2, 1, 0, 0], -7),
        "int8",
    ),
    "reshape": (
        lambda v: sima.ReshapeOp(v, (4, 9)),
        lambda v: qnn.ReshapeOp(v, (4, 9)),
        "int8",
    ),
    "softmax": (
        lambda v: sima.SoftmaxOp(v, softmax_constants(0.07)),
        lambda v: qnn.SoftmaxOp(
            v, qnn.QuantizationAttr.of(0.07, 5), qnn.QuantizationAttr.of(1 / 256, -128)
        ),
        "int8",
    ),
    "quantize": (
        lambda v: sima.QuantizeOp(v, Quantization(0.3, 4), tensor_type((2, 6, 3), i8)),
        lambda v: qnn.QuantizeOp(v, qnn.QuantizationAttr.of(0.3, 4)),
        "float32",
    ),
    "quantize to even": (
        lambda v: sima.QuantizeOp(
            v, Quantization(0.5, 4), tensor_type((2, 6, 3), i8), ties_to_even=True
        ),
        lambda v: qnn.QuantizeOp(v, qnn.QuantizationAttr.of(0.5, 4), Rounding.FLOAT32),
        "float32",
    ),
    "dequantize": (
        lambda v: sima.DequantizeOp(v, Quantization(0.3, 4)),
        lambda v: qnn.DequantizeOp(v, qnn.QuantizationAttr.of(0.3, 4)),
        "int8",
    ),
}


@pytest.mark.parametrize("name", SHARED)
def test_operation_without_constants_of_its_own_computes_what_its_source_does(name: str):
    """The `qnn` operation is judged by LiteRT in `test_qnn.py`."""
    lowered, source, dtype = SHARED[name]
    rng = np.random.default_rng(9)
    x = codes(rng, (2, 6, 3))
    if dtype == "float32":
        x = (x / np.float32(4)).astype(np.float32)
    np.testing.assert_array_equal(evaluate(lowered, x), evaluate(source, x), strict=True)


def examples() -> list[str]:
    documented = [op.__doc__ or "" for op in sima.SIMA.operations]
    return [text.partition("Example:\n")[2] for text in documented]


@pytest.mark.parametrize("example", examples(), ids=lambda text: text.split()[2])
def test_documented_example_gives_an_array_of_its_type(example: str):
    operands, _, result = example.rpartition(" : (")[2].strip().partition(") -> ")
    names = re.findall(r"%\w+", example.partition("=")[2])
    arguments = ", ".join(f"{n}: {t}" for n, t in zip(names, operands.split(", "), strict=True))
    ctx = Context()
    for dialect in (Builtin, Func, sima.SIMA):
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


def test_weight_may_be_a_resource():
    text = """
    func.func @main(%x: tensor<1x2xi8>) -> tensor<1x2xi8> {
      %r = sima.dense %x shift = 1 bias = dense<[10, -10]> : tensor<2xi32>
        weight = dense_resource<kernel> : tensor<2x2xi8> : (tensor<1x2xi8>) -> tensor<1x2xi8>
      func.return %r : tensor<1x2xi8>
    }
    {-# dialect_resources: { builtin: { kernel: "0x0100000001020304" } } #-}
    """
    ctx = Context()
    for dialect in (Builtin, Func, sima.SIMA):
        ctx.load_dialect(dialect)
    interpreter = Interpreter(Parser(ctx, text).parse_module())
    register_implementations(interpreter, ctx)
    (result,) = interpreter.call_op("main", (np.array([[5, 6]], np.int8),))
    expected = [shifted(5 * 1 + 6 * 2 + 10, 1), shifted(5 * 3 + 6 * 4 - 10, 1)]
    np.testing.assert_array_equal(result, np.array([expected], np.int8))
