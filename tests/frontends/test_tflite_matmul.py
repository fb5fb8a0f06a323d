"""Products of two tensors, and bounds by a constant, judged by LiteRT's reference kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from support import tflite_builder as tb
from support.litert import requires_litert, run
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter

from sima_mlir.dialects import qnn, sima
from sima_mlir.frontends import ModelError
from sima_mlir.frontends.tflite import import_tflite
from sima_mlir.interpreters import register_implementations
from sima_mlir.passes.convert_qnn_to_sima import ConvertQnnToSimaPass

Q = (0.5, 3)


def execute(module: ModuleOp, inputs: Sequence[np.ndarray]) -> np.ndarray:
    interpreter = Interpreter(module)
    register_implementations(interpreter, Context())
    return interpreter.call_op("main", tuple(inputs))[0]


def judged(model: bytes, inputs: Sequence[np.ndarray]) -> ModuleOp:
    """Returns the module, once it has given what LiteRT gives, and lowered by `tflite` too."""
    module = import_tflite(model)
    module.verify()
    wanted = run(model, inputs)[0]
    np.testing.assert_array_equal(execute(module, inputs), wanted, strict=True)
    lowered = module.clone()
    ConvertQnnToSimaPass(requantization="tflite", partial=True).apply(Context(), lowered)
    np.testing.assert_array_equal(execute(lowered, inputs), wanted, strict=True)
    return module


def kinds(module: ModuleOp) -> list[str]:
    return [op.name for op in module.walk() if op.name.startswith("qnn.")]


def codes(rng: np.random.Generator, shape: Sequence[int], dtype: str = "int8") -> np.ndarray:
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, tuple(shape), dtype, endpoint=True)


SHAPES = [
    ((2, 3, 4), (2, 4, 5)),
    ((3, 40), (40, 5)),
    ((2, 1, 3, 4), (1, 3, 4, 2)),
    ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 4, 5)),
]


@requires_litert
@pytest.mark.parametrize("adj_y", [False, True])
@pytest.mark.parametrize("adj_x", [False, True])
@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_product_of_two_tensors(a: tuple[int, ...], b: tuple[int, ...], adj_x: bool, adj_y: bool):
    """Scales at which results do not saturate, and zero points at both ends."""
    rng = np.random.default_rng(len(a) + 4 * adj_x + 2 * adj_y)
    a = (*a[:-2], a[-1], a[-2]) if adj_x else a
    b = (*b[:-2], b[-1], b[-2]) if adj_y else b
    for zero in (-128, -9, 127):
        encodings = {"a_q": (0.05, zero), "b_q": (0.031, -zero // 2), "y_q": (8.0, -3)}
        model = tb.batch_matmul(a, b, adj_x=adj_x, adj_y=adj_y, **encodings)
        module = judged(model, [codes(rng, a), codes(rng, b)])
        (product,) = [op for op in module.walk() if isinstance(op, qnn.BatchMatmulOp)]
        assert (product.transpose_rhs is not None) == adj_y
        assert kinds(module) == ["qnn.transpose"] * adj_x + ["qnn.batch_matmul", "qnn.requantize"]


@requires_litert
@pytest.mark.parametrize(
    ("b", "zero_point", "kind"),
    [
        ((8, 5), 0, "qnn.dense"),
        ((1, 1, 8, 5), 0, "qnn.dense"),
        ((8, 5), 4, "qnn.batch_matmul"),
        ((2, 8, 5), 0, "qnn.batch_matmul"),
    ],
)
@pytest.mark.parametrize("adj_y", [False, True])
def test_product_with_a_constant(b: tuple[int, ...], zero_point: int, kind: str, adj_y: bool):
    rng = np.random.default_rng(3)
    b = (*b[:-2], b[-1], b[-2]) if adj_y else b
    encodings = {"a_q": (0.05, 7), "b_q": (0.031, zero_point), "y_q": (1.0, -3)}
    data = codes(rng, b)
    model = tb.batch_matmul((2, 3, 8), b, adj_y=adj_y, b_data=data, **encodings)
    assert kind in kinds(judged(model, [codes(rng, (2, 3, 8))]))


@requires_litert
@pytest.mark.parametrize("exponent", [1, 6, 11, 14])
def test_sum_next_to_a_tie_is_rounded_as_litert_does(exponent: int):
    """Tells float32 products of the scales from float64 ones and each rounding from every other.

    A sum is 127 * 127 times the count of elements of a row that are 127 (or -127), plus 127 times
    the last but one, plus the last.
    """
    rng = np.random.default_rng(0)
    for a_scale, b_scale in [(0.5, 1.0), (0.1, 0.3), (0.0371, 0.00423), (0.7, 0.0331)]:
        factor = 1.1 if b_scale < 1 else 1
        y_scale = float(np.float32(a_scale * b_scale * 2.0**exponent * factor))
        halves = rng.integers(-100, 100, 4000) + 0.5
        sums = np.rint(halves * y_scale / (a_scale * b_scale)).astype(int)
        sums += rng.integers(-1, 2, 4000)
        sums = sums[np.abs(sums) < 127 * 127 * 130]
        count = np.fix(sums / (127 * 127)).astype(int)
        last = np.rint((sums - 127 * 127 * count) / 127).astype(int)
        rest = sums - 127 * (127 * count + last)
        fill = np.where(np.arange(130) < np.abs(count)[:, None], 127 * np.sign(count)[:, None], 0)
        lhs = np.column_stack([fill, last, rest]).astype(np.int8)
        rhs = np.array([[127]] * 131 + [[1]], np.int8)
        encodings = {"a_q": (a_scale, 0), "b_q": (b_scale, 0), "y_q": (y_scale, 0)}
        judged(tb.batch_matmul(lhs.shape, rhs.shape, **encodings), [lhs, rhs])


@requires_litert
@pytest.mark.parametrize("bias", [False, True])
def test_fully_connected_with_computed_weights(bias: bool):
    rng = np.random.default_rng(5)
    tensors = [
        tb.Tensor("x", (3, 8), "int8", 0.05, -9),
        tb.Tensor("w", (5, 8), "int8", 0.031, 0),
        tb.Tensor("y", (3, 5), "int8", 0.7, -3),
        tb.Tensor("b", (5,), "int32", 0.05 * 0.031, data=rng.integers(-99, 99, 5, np.int32)),
    ]
    op = tb.Operator("FULLY_CONNECTED", [0, 1, 3 if bias else -1], [2], {}, 5)
    model = tb.build_model(tensors, [op], [0, 1], [2])
    module = judged(model, [codes(rng, (3, 8)), codes(rng, (5, 8))])
    added = ["qnn.bias_add"] * bias
    assert kinds(module) == ["qnn.batch_matmul", *added, "qnn.requantize"]


@requires_litert
def test_attention_is_lowered_whole():
    """softmax(q k') v, for two heads of sixteen features and ten places."""
    shape = (1, 2, 10, 16)
    tensors = [tb.Tensor(name, shape, "int8", 0.02, -7) for name in "qkv"]
    tensors += [
        tb.Tensor("scores", (1, 2, 10, 10), "int8", 0.15, 4),
        tb.Tensor("weights", (1, 2, 10, 10), "int8", 1 / 256, -128),
        tb.Tensor("y", shape, "int8", 0.02, -7),
    ]
    operators = [
        tb.Operator("BATCH_MATMUL", [0, 1], [3], {"adj_y": True}, 2),
        tb.Operator("SOFTMAX", [3], [4], {"beta": 1.0}, 2),
        tb.Operator("BATCH_MATMUL", [4, 2], [5], {}, 2),
    ]
    model, rng = tb.build_model(tensors, operators, [0, 1, 2], [5]), np.random.default_rng(8)
    inputs = [codes(rng, shape) for _ in range(3)]
    module = judged(model, inputs)
    for mode in ("sima", "tflite"):
        lowered = module.clone()
        ConvertQnnToSimaPass(requantization=mode, max_error=1).apply(Context(), lowered)
        names = [op.name for op in lowered.walk() if op.name.startswith("sima.")]
        assert names == ["sima.batch_matmul", "sima.softmax", "sima.batch_matmul"]
        products = [op for op in lowered.walk() if isinstance(op, sima.BatchMatmulOp)]
        assert [op.is_tflite for op in products] == [mode == "tflite"] * 2


def test_product_in_the_middle_of_a_network_folds_into_a_shift():
    model = tb.batch_matmul((2, 3, 8), (2, 8, 5), a_q=(0.05, 7), b_q=(0.03, -4), y_q=(1.0, -3))
    module = import_tflite(model)
    ConvertQnnToSimaPass(max_error=1).apply(Context(), module)
    (product,) = [op for op in module.walk() if isinstance(op, sima.BatchMatmulOp)]
    assert not product.is_tflite


def refused(model: bytes, message: str) -> None:
    with pytest.raises(ModelError) as error:
        import_tflite(model)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((4,), (4, 5)), "lhs must have at least 2 axes, got 1"),
        (((3, 4), (4,)), "rhs must have at least 2 axes, got 1"),
        (((3, 4), (5, 6)), "lhs has 4 columns, rhs takes 5"),
        (((2, 3, 4), (3, 4, 6)), "batch axes must broadcast to one shape, got [2] and [3]"),
    ],
)
def test_faulty_product_is_refused(shapes: Any, message: str):
    tensors = [tb.Tensor(n, s, "int8", *Q) for n, s in zip("ab", shapes, strict=True)]
    tensors.append(tb.Tensor("y", (3, 5), "int8", *Q))
    model = tb.build_model(tensors, [tb.Operator("BATCH_MATMUL", [0, 1], [2])], [0, 1], [2])
    refused(model, f"operator 'BATCH_MATMUL' at 'y': {message}")


def bounded(
    operator: str,
    limit: np.ndarray | None,
    *,
    swapped: bool = False,
    dtype: str = "int8",
    limit_q: tb.Quant = Q,
    y_q: tb.Quant = Q,
) -> bytes:
    shape = (2, 8, 16) if limit is None else limit.shape
    tensors = [
        tb.Tensor("x", (2, 8, 16), dtype, *Q),
        tb.Tensor("limit", shape, dtype, *limit_q, data=limit),
        tb.Tensor("y", (2, 8, 16), dtype, *y_q),
    ]
    op = tb.Operator(operator, [1, 0] if swapped else [0, 1], [2], {}, 2)
    return tb.build_model(tensors, [op], [0] if limit is not None else [0, 1], [2])


@requires_litert
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("shape", [(), (1,), (8, 1), (2, 8, 16)])
@pytest.mark.parametrize("operator", ["MAXIMUM", "MINIMUM"])
def test_bound_by_a_constant_is_a_clip(
    operator: str, shape: tuple[int, ...], swapped: bool, dtype: str
):
    limit = np.full(shape, 42, dtype)
    data = np.arange(256).astype(dtype).reshape(2, 8, 16)
    model = bounded(operator, limit, swapped=swapped, dtype=dtype)
    assert kinds(judged(model, [data])) == ["qnn.clip"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limit": None}, "one of two operands must be constant"),
        ({"limit": np.arange(16, dtype=np.int8)}, "'limit' must have one value, got 16"),
        (
            {"limit": np.zeros((3, 2, 8, 16), np.int8)},
            "'limit' must broadcast to data, got 3x2x8x16 and 2x8x16",
        ),
        (
            {"limit": np.zeros((2, 1, 1), np.int8), "limit_q": (0.25, 3)},
            "output must have quantization #qnn.quantization<scale = 0.25, zero_point = 3>, got "
            "#qnn.quantization<scale = 0.5, zero_point = 3>",
        ),
        (
            {"limit": np.zeros((2, 1, 1), np.int8), "y_q": (0.5, 4)},
            "output must have quantization #qnn.quantization<scale = 0.5, zero_point = 3>, got "
            "#qnn.quantization<scale = 0.5, zero_point = 4>",
        ),
    ],
)
def test_bound_that_is_no_clip_is_refused(changes: dict[str, Any], message: str):
    refused(bounded("MAXIMUM", **changes), f"operator 'MAXIMUM' at 'y': {message}")


@pytest.mark.parametrize("operator", ["NEG", "SQUARE"])
def test_operator_without_an_integer_kernel_is_refused(operator: str):
    model = tb.function(operator, (1, 4), x_q=Q, y_q=Q)
    refused(model, f"operator '{operator}' is not supported (1 time, first at 'y')")
