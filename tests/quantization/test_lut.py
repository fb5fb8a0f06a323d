"""Tables of functions, judged by 50 decimal digits, by LiteRT and by ONNX Runtime."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from support import tflite_builder as tb
from support.litert import requires_litert, run

from sima_mlir.quantization import (
    TABLE_ROUNDINGS,
    Function,
    Quantization,
    Rounding,
    lookup_table,
    prelu_table,
)

PARAMETERS: dict[Function, tuple[float, ...]] = {
    Function.ELU: (1.0,),
    Function.HARD_SIGMOID: (0.2, 0.5),
    Function.LEAKY_RELU: (0.1,),
}
DTYPES = pytest.mark.parametrize("dtype", ["int8", "uint8"])
EVERY_FUNCTION = pytest.mark.parametrize("function", Function)

ONE, TWO, INFINITY = Decimal(1), Decimal(2), Decimal("Infinity")
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")

requires_onnxruntime = pytest.mark.skipif(
    find_spec("onnxruntime") is None, reason="onnxruntime is not installed"
)


def encoding(rng: np.random.Generator, dtype: str, low: float, high: float) -> Quantization:
    info = np.iinfo(dtype)
    scale = float(np.float32(2.0 ** rng.uniform(low, high)))
    return Quantization(scale, int(rng.integers(info.min, info.max + 1)))


def every_code(dtype: str) -> np.ndarray:
    info = np.iinfo(dtype)
    return np.arange(info.min, info.max + 1).astype(dtype)


def erf(x: Decimal) -> Decimal:
    """Sums the series of the error function, with the digits that its terms cancel."""
    if abs(x) > 12:
        return ONE.copy_sign(x)
    with localcontext() as context:
        context.prec = 60 + int(x * x)
        term = total = x
        n = 0
        while abs(term) > Decimal("1e-60"):
            n += 1
            term = -term * x * x / n
            total += term / (2 * n + 1)
        return TWO / PI.sqrt() * total


def sigmoid(x: Decimal) -> Decimal:
    return ONE / (ONE + (-x).exp())


def gelu_tanh(x: Decimal) -> Decimal:
    inner = (TWO / PI).sqrt() * (x + Decimal("0.044715") * x**3)
    return x * sigmoid(2 * inner)


EXACT: dict[Function, Callable[..., Decimal]] = {
    Function.ABS: abs,
    Function.ELU: lambda x, a: x if x >= 0 else a * (x.exp() - 1),
    Function.ERF: erf,
    Function.EXP: lambda x: x.exp(),
    Function.GELU: lambda x: x * (ONE + erf(x / TWO.sqrt())) / 2,
    Function.GELU_TANH: gelu_tanh,
    Function.HARD_SIGMOID: lambda x, a, b: min(max(a * x + b, Decimal(0)), ONE),
    Function.HARD_SWISH: lambda x: x * min(max(x + 3, Decimal(0)), Decimal(6)) / 6,
    Function.LEAKY_RELU: lambda x, a: x if x >= 0 else a * x,
    Function.LOG: lambda x: x.ln() if x > 0 else -INFINITY,
    Function.RECIPROCAL: lambda x: ONE / x if x else INFINITY,
    Function.RSQRT: lambda x: ONE / x.sqrt() if x > 0 else INFINITY,
    Function.SIGMOID: sigmoid,
    Function.SOFTPLUS: lambda x: (ONE + x.exp()).ln(),
    Function.SQRT: lambda x: max(x, Decimal(0)).sqrt(),
    Function.SWISH: lambda x: x * sigmoid(x),
    Function.TANH: lambda x: 2 * sigmoid(2 * x) - 1,
}


def quotients(
    function: Function,
    input_q: Quantization,
    output_q: Quantization,
    dtype: str,
    parameters: Sequence[float],
) -> list[Decimal]:
    """What a function gives for every code, in steps of the output."""
    with localcontext() as context:
        context.prec = 50
        scale, step = Decimal(input_q.scale), Decimal(output_q.scale)
        numbers = [scale * (int(code) - input_q.zero_point) for code in every_code(dtype)]
        given = [Decimal(p) for p in parameters]
        return [EXACT[function](x, *given) / step for x in numbers]


def nearest(values: Sequence[Decimal], zero_point: int, dtype: str) -> np.ndarray:
    """Rounds to nearest, ties away from zero, and saturates."""
    info = np.iinfo(dtype)
    near = [min(max(v, Decimal(-1000)), Decimal(1000)) for v in values]
    codes = [int(v.to_integral_value(ROUND_HALF_UP)) + zero_point for v in near]
    return np.clip(codes, info.min, info.max).astype(dtype)


def distance_to_a_tie(value: Decimal) -> Decimal:
    return abs(value - value.to_integral_value(rounding="ROUND_FLOOR") - Decimal("0.5"))


@DTYPES
@EVERY_FUNCTION
def test_away_is_the_exact_function_rounded_once(function: Function, dtype: str):
    rng, parameters = np.random.default_rng(2), PARAMETERS.get(function, ())
    seen: set[int] = set()
    for _ in range(8):
        input_q, output_q = encoding(rng, dtype, -8, 0), encoding(rng, dtype, -9, -2)
        table = lookup_table(function, input_q, output_q, dtype, Rounding.AWAY, *parameters)
        exact = quotients(function, input_q, output_q, dtype, parameters)
        np.testing.assert_array_equal(table, nearest(exact, output_q.zero_point, dtype))
        assert table.dtype == np.dtype(dtype)
        seen |= set(table.tolist())
    assert len(seen) > 100


TIES = [
    (Function.ABS, 0.5, 1.0, ()),
    (Function.HARD_SIGMOID, 1.0, 0.125, (0.0625, 0.5)),
    (Function.HARD_SWISH, 0.75, 0.1875, ()),
    (Function.LEAKY_RELU, 0.5, 0.25, (0.25,)),
    (Function.LEAKY_RELU, 0.25, 1.5, (0.5,)),
    (Function.RECIPROCAL, 0.25, 0.125, ()),
    (Function.RSQRT, 4.0, 0.125, ()),
    (Function.SIGMOID, 0.5, 1.0, ()),
    (Function.SQRT, 0.25, 1.0, ()),
]


@pytest.mark.parametrize(("function", "input_scale", "output_scale", "parameters"), TIES)
@pytest.mark.parametrize("rounding", [Rounding.AWAY, Rounding.FLOAT32])
def test_ties_go_away_from_zero_or_to_even(
    function: Function,
    input_scale: float,
    output_scale: float,
    parameters: tuple[float, ...],
    rounding: Rounding,
):
    input_q, output_q = Quantization(input_scale, -3), Quantization(output_scale, -1)
    exact = quotients(function, input_q, output_q, "int8", parameters)
    ties = [value.is_finite() and not distance_to_a_tie(value) for value in exact]
    assert any(ties)
    table = lookup_table(function, input_q, output_q, "int8", rounding, *parameters)
    mode = "ROUND_HALF_UP" if rounding is Rounding.AWAY else "ROUND_HALF_EVEN"
    for value, tie, code in zip(exact, ties, table.tolist(), strict=True):
        if tie:
            assert code == min(max(int(value.to_integral_value(mode)) - 1, -128), 127)


@pytest.mark.parametrize(
    ("function", "rounding", "wanted"),
    [
        *((Function.LOG, rounding, -128) for rounding in TABLE_ROUNDINGS),
        *((Function.RSQRT, rounding, 127) for rounding in TABLE_ROUNDINGS),
        *((Function.SQRT, rounding, 5) for rounding in TABLE_ROUNDINGS),
        *((Function.RECIPROCAL, rounding, 127) for rounding in TABLE_ROUNDINGS[:2]),
    ],
)
def test_outside_the_domain_counts_its_nearest_end(
    function: Function, rounding: Rounding, wanted: int
):
    output_q = Quantization(0.05, 5)
    table = lookup_table(function, Quantization(0.1, 20), output_q, "int8", rounding)
    outside = table[148:149] if function is Function.RECIPROCAL else table[:149]
    assert set(outside.tolist()) == {wanted}
    assert table[160] != wanted


FAR = float("inf")
LIMITS: dict[Function, tuple[float, float, float]] = {
    Function.ABS: (FAR, 0, FAR),
    Function.ELU: (-1, 0, FAR),
    Function.ERF: (-1, 0, 1),
    Function.EXP: (0, 1, FAR),
    Function.GELU: (0, 0, FAR),
    Function.GELU_TANH: (0, 0, FAR),
    Function.HARD_SIGMOID: (0, 0.5, 1),
    Function.HARD_SWISH: (0, 0, FAR),
    Function.LEAKY_RELU: (-FAR, 0, FAR),
    Function.LOG: (-FAR, -FAR, FAR),
    Function.RECIPROCAL: (0, FAR, 0),
    Function.RSQRT: (FAR, FAR, 0),
    Function.SIGMOID: (0, 0.5, 1),
    Function.SOFTPLUS: (0, 0.75, FAR),
    Function.SQRT: (0, 0, FAR),
    Function.SWISH: (0, 0, FAR),
    Function.TANH: (-1, 0, 1),
}
"""What functions tend to at minus infinity, at zero from above and at infinity, in eighths."""

IN_FLOAT = {
    Rounding.AWAY: (LIMITS, (1e-300, 1e300)),
    Rounding.FLOAT32: (LIMITS, (1e-37, 1e37)),
    Rounding.TFLITE: (["elu", "exp", "gelu", "gelu_tanh", "log", "sigmoid", "tanh"], (1e-37, 1e37)),
}


@pytest.mark.parametrize(
    ("function", "rounding"),
    [(Function(f), r) for r, (names, _) in IN_FLOAT.items() for f in names],
)
def test_numbers_that_overflow_or_vanish_give_the_limits(function: Function, rounding: Rounding):
    output_q, parameters = Quantization(0.125, -7), PARAMETERS.get(function, ())
    at = [min(max(8 * limit - 7, -128), 127) for limit in LIMITS[function]]
    small, large = IN_FLOAT[rounding][1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        near, far = (
            lookup_table(function, Quantization(s, 0), output_q, "int8", rounding, *parameters)
            for s in (small, large)
        )
    assert set(near[128:].tolist()) == {at[1]}
    assert set(far[:128].tolist()) == {at[0]}
    assert set(far[129:].tolist()) == {at[2]}


@pytest.mark.parametrize("rounding", [Rounding.AWAY, Rounding.FLOAT32])
def test_prelu_is_leaky_relu_with_the_slope_of_its_code(rounding: Rounding):
    encodings = Quantization(0.0625, 3), Quantization(0.04, -8), Quantization(0.03, 5)
    table = prelu_table(-20, *encodings, "int8", rounding)
    slope = 0.0625 * -23
    expected = lookup_table(Function.LEAKY_RELU, *encodings[1:], "int8", rounding, slope)
    np.testing.assert_array_equal(table, expected)


LITERT = {
    "ABS": Function.ABS,
    "ELU": Function.ELU,
    "EXP": Function.EXP,
    "GELU": Function.GELU,
    "HARD_SWISH": Function.HARD_SWISH,
    "LEAKY_RELU": Function.LEAKY_RELU,
    "LOG": Function.LOG,
    "LOGISTIC": Function.SIGMOID,
    "RSQRT": Function.RSQRT,
    "SQRT": Function.SQRT,
    "TANH": Function.TANH,
}
SIGNED_ONLY = {"ABS", "ELU", "EXP", "LOG", "RSQRT", "SQRT"}


def litert_table(operator: str, dtype: str, x_q: Quantization, y_q: Quantization, **more: Any):
    """Every code through LiteRT; only its optimized kernels have ELU, by the same table."""
    x = every_code(dtype)
    pairs = {"x_q": (x_q.scale, x_q.zero_point), "y_q": (y_q.scale, y_q.zero_point)}
    model = tb.function(operator, x.shape, **pairs, dtype=dtype, **more)
    return run(model, [x], "optimized" if operator == "ELU" else "reference")[0]


@requires_litert
@pytest.mark.parametrize(
    ("operator", "dtype"),
    [(o, d) for o in LITERT for d in ("int8", "uint8") if d == "int8" or o not in SIGNED_ONLY],
)
def test_tflite_is_litert_on_every_code(operator: str, dtype: tb.QuantizedType):
    rng, least = np.random.default_rng(11), int(np.iinfo(dtype).min)
    for trial in range(150):
        x_q, y_q = encoding(rng, dtype, -9, 1), encoding(rng, dtype, -9, 1)
        function, parameters, options = LITERT[operator], (), {}
        if operator == "LOGISTIC":
            y_q = Quantization(1 / 256, y_q.zero_point)
        if operator in ("RSQRT", "SQRT"):
            x_q = Quantization(x_q.scale, least)
        if operator == "HARD_SWISH" and x_q.scale >= 128 * y_q.scale:
            continue
        if operator == "GELU" and trial % 2:
            function, options = Function.GELU_TANH, {"approximate": True}
        if operator == "LEAKY_RELU":
            parameters = (float(np.float32(rng.uniform(-1, 1.5))),)
            options = {"alpha": parameters[0]}
        if operator == "ELU":
            parameters = (1.0,)
        table = lookup_table(function, x_q, y_q, dtype, Rounding.TFLITE, *parameters)
        wanted = litert_table(operator, dtype, x_q, y_q, **options)
        np.testing.assert_array_equal(table, wanted, strict=True)


@requires_litert
@DTYPES
def test_tflite_prelu_is_litert_on_every_code(dtype: tb.QuantizedType):
    rng = np.random.default_rng(12)
    for _ in range(150):
        x_q, y_q = encoding(rng, dtype, -9, 1), encoding(rng, dtype, -9, 1)
        slope_q, slope = encoding(rng, dtype, -9, 0), rng.choice(every_code(dtype), 1)
        more = {"slope": slope, "slope_q": (slope_q.scale, slope_q.zero_point)}
        wanted = litert_table("PRELU", dtype, x_q, y_q, **more)
        table = prelu_table(int(slope[0]), slope_q, x_q, y_q, dtype, Rounding.TFLITE)
        np.testing.assert_array_equal(table, wanted, strict=True)


@pytest.mark.parametrize("place", range(3))
def test_tflite_prelu_refuses_scales_that_vanish_in_float32(place: int):
    encodings = [Quantization(1e-60 if i == place else 0.5, 0) for i in range(3)]
    with pytest.raises(ValueError, match="scale must be positive and finite in float32, got 1e-60"):
        prelu_table(3, *encodings, "int8", Rounding.TFLITE)


@pytest.mark.parametrize("rounding", [Rounding.AWAY, Rounding.FLOAT32, Rounding.TFLITE])
@DTYPES
def test_prelu_of_several_slopes_has_the_table_of_each(dtype: str, rounding: Rounding):
    rng = np.random.default_rng(13)
    encodings = [encoding(rng, dtype, -5, 1) for _ in range(3)]
    slopes = rng.choice(every_code(dtype), 7)
    tables = prelu_table(slopes, *encodings, dtype, rounding)
    each = [prelu_table(int(slope), *encodings, dtype, rounding) for slope in slopes]
    np.testing.assert_array_equal(tables, np.stack(each), strict=True)


@requires_litert
@pytest.mark.parametrize("zero_point", [-128, 3, 127])
@pytest.mark.parametrize("operator", ["EXP", "GELU", "LOG", "TANH"])
def test_tflite_saturates_as_litert_does(operator: str, zero_point: int):
    for x_scale, y_scale in [(1e30, 1e-3), (0.5, 1e-20), (1e-30, 1e-30), (1e-3, 1e30)]:
        x_q, y_q = Quantization(float(np.float32(x_scale)), 0), Quantization(y_scale, zero_point)
        table = lookup_table(LITERT[operator], x_q, y_q, "int8", Rounding.TFLITE)
        np.testing.assert_array_equal(table, litert_table(operator, "int8", x_q, y_q))


@requires_litert
@pytest.mark.parametrize("exponent", [-6, -17, -25])
def test_tflite_hard_swish_keeps_the_wrapped_masks_of_large_shifts(exponent: int):
    for x_scale, y_scale in [(2.0**exponent, 0.5), (0.5, 2.0**-exponent), (2.0**20, 2.0**14)]:
        x_q, y_q = Quantization(x_scale, -100), Quantization(y_scale, 3)
        table = lookup_table(Function.HARD_SWISH, x_q, y_q, "int8", Rounding.TFLITE)
        np.testing.assert_array_equal(table, litert_table("HARD_SWISH", "int8", x_q, y_q))


@pytest.mark.parametrize("function", ["erf", "hard_sigmoid", "reciprocal", "softplus", "swish"])
def test_tflite_defines_nothing_that_litert_has_not(function: str):
    q, parameters = Quantization(0.1, 0), PARAMETERS.get(Function(function), ())
    with pytest.raises(ValueError, match=f"^rounding tflite defines no {function}$"):
        lookup_table(Function(function), q, q, "int8", Rounding.TFLITE, *parameters)


ONNX = {
    Function.ABS: ("Abs", 13, {}),
    Function.ELU: ("Elu", 13, {"alpha": 1.0}),
    Function.ERF: ("Erf", 13, {}),
    Function.EXP: ("Exp", 13, {}),
    Function.GELU: ("Gelu", 20, {}),
    Function.GELU_TANH: ("Gelu", 20, {"approximate": "tanh"}),
    Function.HARD_SIGMOID: ("HardSigmoid", 13, {"alpha": 0.2, "beta": 0.5}),
    Function.HARD_SWISH: ("HardSwish", 14, {}),
    Function.LEAKY_RELU: ("LeakyRelu", 16, {"alpha": 0.1}),
    Function.LOG: ("Log", 13, {}),
    Function.RECIPROCAL: ("Reciprocal", 13, {}),
    Function.SIGMOID: ("Sigmoid", 13, {}),
    Function.SOFTPLUS: ("Softplus", 13, {}),
    Function.SQRT: ("Sqrt", 13, {}),
    Function.TANH: ("Tanh", 13, {}),
}


def onnxruntime_table(nodes: Any, dtype: str, version: int) -> np.ndarray:
    import onnx
    import onnxruntime
    from onnx import helper

    kind = {"int8": onnx.TensorProto.INT8, "uint8": onnx.TensorProto.UINT8}[dtype]
    x, y = (helper.make_tensor_value_info(name, kind, [256]) for name in "xy")
    opsets = [helper.make_opsetid("", version), helper.make_opsetid("com.microsoft", 1)]
    constants = [helper.make_node("Constant", [], [n], value=v) for n, v in nodes.pop("constants")]
    graph = helper.make_graph([*constants, *nodes["nodes"]], "g", [x], [y])
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": every_code(dtype)})[0]


def onnx_constants(dtype: str, x_q: Quantization, y_q: Quantization) -> list[tuple[str, Any]]:
    from onnx import numpy_helper

    values = [("xs", x_q.scale, np.float32), ("xz", x_q.zero_point, dtype)]
    values += [("ys", y_q.scale, np.float32), ("yz", y_q.zero_point, dtype)]
    return [(name, numpy_helper.from_array(np.array(v, d), name)) for name, v, d in values]


def assert_near(table: np.ndarray, given: np.ndarray, exact: Callable[[], list[Decimal]]) -> None:
    """A code may differ where float32 cannot tell the number from a tie."""
    differences = np.subtract(table, given, dtype=np.int64)
    for index in np.flatnonzero(differences):
        assert abs(differences[index]) == 1
        assert distance_to_a_tie(exact()[index]) < Decimal("1e-4")


@requires_onnxruntime
@DTYPES
@pytest.mark.parametrize("function", ONNX)
def test_float32_is_onnx_runtime_between_dequantize_and_quantize(function: Function, dtype: str):
    """Equal, but for numbers next to a tie: onnxruntime approximates the functions."""
    from onnx import helper

    rng = np.random.default_rng(13)
    name, version, attributes = ONNX[function]
    parameters = tuple(float(np.float32(p)) for p in PARAMETERS.get(function, ()))
    for _ in range(20):
        x_q, y_q = encoding(rng, dtype, -8, -1), encoding(rng, dtype, -9, -2)
        if function in (Function.LOG, Function.SQRT):
            x_q = Quantization(x_q.scale, int(np.iinfo(dtype).min))
        nodes = [
            helper.make_node("DequantizeLinear", ["x", "xs", "xz"], ["a"]),
            helper.make_node(name, ["a"], ["b"], **attributes),
            helper.make_node("QuantizeLinear", ["b", "ys", "yz"], ["y"]),
        ]
        graph = {"nodes": nodes, "constants": onnx_constants(dtype, x_q, y_q)}
        given = onnxruntime_table(graph, dtype, version)
        table = lookup_table(function, x_q, y_q, dtype, Rounding.FLOAT32, *parameters)
        assert_near(table, given, lambda q=(x_q, y_q): quotients(function, *q, dtype, parameters))


@requires_onnxruntime
@DTYPES
@pytest.mark.parametrize("function", [Function.SIGMOID, Function.LEAKY_RELU])
def test_float32_is_the_quantized_operator_of_onnx_runtime(function: Function, dtype: str):
    from onnx import helper

    rng = np.random.default_rng(14)
    name = {Function.SIGMOID: "QLinearSigmoid", Function.LEAKY_RELU: "QLinearLeakyRelu"}[function]
    attributes = {Function.SIGMOID: {}, Function.LEAKY_RELU: {"alpha": 0.1}}[function]
    parameters = tuple(float(np.float32(p)) for p in PARAMETERS.get(function, ()))
    for _ in range(20):
        x_q, y_q = encoding(rng, dtype, -8, -1), encoding(rng, dtype, -9, -2)
        inputs = ["x", "xs", "xz", "ys", "yz"]
        nodes = [helper.make_node(name, inputs, ["y"], domain="com.microsoft", **attributes)]
        graph = {"nodes": nodes, "constants": onnx_constants(dtype, x_q, y_q)}
        given = onnxruntime_table(graph, dtype, 13)
        table = lookup_table(function, x_q, y_q, dtype, Rounding.FLOAT32, *parameters)
        assert_near(table, given, lambda q=(x_q, y_q): quotients(function, *q, dtype, parameters))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (Function.TANH, 1.0, 1.0, Rounding.UPWARD),
            "rounding must be one of away, float32, tflite, got upward",
        ),
        (
            (Function.TANH, 1e-50, 1.0, Rounding.FLOAT32),
            "scale must be positive and finite in float32, got 1e-50",
        ),
        (
            (Function.TANH, 1.0, 1e40, Rounding.TFLITE),
            "scale must be positive and finite in float32, got 1e+40",
        ),
        (
            (Function.ELU, 1.0, 1.0, Rounding.TFLITE, 2.0),
            "rounding tflite defines elu with alpha 1, got 2.0",
        ),
        (
            (Function.HARD_SWISH, 1.0, 2.0**-7, Rounding.TFLITE),
            "tflite takes an input scale below 128 output scales, got 128",
        ),
        (
            (Function.ABS, 1.0, 2.0**-31, Rounding.TFLITE),
            "multiplier must be less than 2**31, got 2147483648.0",
        ),
    ],
)
def test_what_a_contract_does_not_define_is_refused(arguments: tuple[Any, ...], message: str):
    function, input_scale, output_scale, rounding, *parameters = arguments
    encodings = Quantization(input_scale, 0), Quantization(output_scale, 0)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        lookup_table(function, *encodings, "int8", rounding, *parameters)
