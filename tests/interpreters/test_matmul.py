"""The product of two tensors is its definition in both dialects, in Python's integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i8, i32
from xdsl.interpreter import Interpreter
from xdsl.ir import Attribute, Operation
from xdsl.utils.exceptions import InterpretationError
from xdsl.utils.test_value import create_ssa_value

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.elements import element_type_of, tensor_type
from sima_mlir.dialects.sima import Requantization, RequantizationAttr, RoundingAttr
from sima_mlir.interpreters import register_implementations
from sima_mlir.quantization import Rounding

SHAPES = [
    ((3, 4), (4, 5), (3, 5)),
    ((2, 3, 4), (2, 4, 5), (2, 3, 5)),
    ((2, 1, 3, 4), (1, 5, 4, 2), (2, 5, 3, 2)),
    ((2, 3, 4), (4, 2), (2, 3, 2)),
    ((3, 4), (2, 4, 2), (2, 3, 2)),
    ((2, 3, 0), (2, 0, 5), (2, 3, 5)),
]


def evaluate(make: Callable[..., Operation], *arrays: np.ndarray) -> np.ndarray:
    """Runs the operation that `make` builds on values with the types of some arrays."""
    types = [tensor_type(a.shape, element_type_of(a.dtype)) for a in arrays]
    op = make(*(create_ssa_value(t) for t in types))
    op.verify()
    interpreter = Interpreter(ModuleOp([]))
    register_implementations(interpreter, Context())
    return interpreter.run_op(op, arrays)[0]


def sums(
    lhs: np.ndarray, rhs: np.ndarray, zero_points: tuple[int, int], shape: Sequence[int]
) -> np.ndarray:
    """Σ over k, one Python integer at a time."""
    result = np.zeros(shape, object)
    for *batch, m, n in np.ndindex(*shape):
        left, right = (
            a[tuple(0 if size == 1 else i for i, size in zip(at, a.shape[:-2], strict=True))]
            for a, at in ((a, batch[len(batch) - a.ndim + 2 :]) for a in (lhs, rhs))
        )
        pairs = zip(left[m].tolist(), right[:, n].tolist(), strict=True)
        result[*batch, m, n] = sum((a - zero_points[0]) * (b - zero_points[1]) for a, b in pairs)
    return result


def operands(
    a: Sequence[int], b: Sequence[int], dtypes: Sequence[str] = ("int8", "int8")
) -> list[np.ndarray]:
    rng = np.random.default_rng(len(a) + len(b))
    ranges = [np.iinfo(d) for d in dtypes]
    pairs = zip((a, b), ranges, strict=True)
    return [rng.integers(r.min, r.max, tuple(s), r.dtype, endpoint=True) for s, r in pairs]


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("a", "b", "shape"), SHAPES)
def test_accumulators_are_sums_of_products(
    a: tuple[int, ...], b: tuple[int, ...], shape: tuple[int, ...], transposed: bool
):
    lhs, rhs = operands(a, b, ("uint8", "int8"))
    given = rhs.swapaxes(-1, -2) if transposed else rhs

    def make(x, y):
        return qnn.BatchMatmulOp(
            x, y, transpose_rhs=transposed, lhs_zero_point=131, rhs_zero_point=-7
        )

    expected = sums(lhs, rhs, (131, -7), shape).astype(np.int32)
    np.testing.assert_array_equal(evaluate(make, lhs, given), expected, strict=True)


def test_accumulators_wrap():
    """The low 32 bits are left of 33026 products of 255 * 255."""
    count = 33026
    lhs, rhs = np.full((1, count), 127, np.int8), np.full((count, 1), 127, np.int8)

    def make(x, y):
        return qnn.BatchMatmulOp(x, y, lhs_zero_point=-128, rhs_zero_point=-128)

    total = count * 255 * 255
    assert total >= 1 << 31
    assert evaluate(make, lhs, rhs).tolist() == [[total - (1 << 32)]]


def requantized(
    lhs: np.ndarray,
    rhs: np.ndarray,
    bias: int,
    properties: dict[str, Attribute],
    shape: Sequence[int],
) -> np.ndarray:
    result = tensor_type(tuple(shape), i8)
    return evaluate(
        lambda x, y: sima.BatchMatmulOp(
            x, y, (3, -7), bias, properties, result, transpose_rhs=True
        ),
        lhs,
        rhs.swapaxes(-1, -2),
    )


@pytest.mark.parametrize(("a", "b", "shape"), SHAPES)
def test_shift_is_one_rounding_of_the_scaled_sum(
    a: tuple[int, ...], b: tuple[int, ...], shape: tuple[int, ...]
):
    lhs, rhs = operands(a, b)
    properties = {"scale_correction": IntegerAttr(1234, i32), "shift": IntegerAttr(19, i32)}
    exact = sums(lhs, rhs, (3, -7), shape) * 1234 - 100_000
    expected = np.clip((exact + 2**18) // 2**19, -128, 127).astype(np.int8)
    result = requantized(lhs, rhs, -100_000, properties, shape)
    np.testing.assert_array_equal(result, expected, strict=True)


@pytest.mark.parametrize(("a", "b", "shape"), SHAPES)
def test_multiplication_is_one_rounding_of_the_sum_and_its_bias(
    a: tuple[int, ...], b: tuple[int, ...], shape: tuple[int, ...]
):
    lhs, rhs = operands(a, b)
    properties: dict[str, Attribute] = {
        "requantization": RequantizationAttr(Requantization.TFLITE),
        "rounding": RoundingAttr(Rounding.UPWARD),
        "scale_correction": IntegerAttr(1_234_567_890, i32),
        "shift": IntegerAttr(39, i32),
        "zero_point_correction": IntegerAttr(-5, i32),
    }
    exact = (sums(lhs, rhs, (3, -7), shape) + 777) * 1_234_567_890
    expected = np.clip((exact + 2**38) // 2**39 - 5, -128, 127).astype(np.int8)
    result = requantized(lhs, rhs, 777, properties, shape)
    np.testing.assert_array_equal(result, expected, strict=True)


def test_accumulator_of_the_accelerator_must_stay_inside_32_bits():
    lhs = np.full((1, 2), 127, np.int8)
    properties = {"scale_correction": IntegerAttr(30_000, i32), "shift": IntegerAttr(0, i32)}
    total = 2 * (127 - 3) * (127 + 7) * 30_000
    assert requantized(lhs, lhs.T, (1 << 31) - 1 - total, properties, (1, 1)).tolist() == [[127]]
    message = f"'sima.batch_matmul' op accumulator must stay inside 32 bits, got {1 << 31}"
    with pytest.raises(InterpretationError, match=message):
        requantized(lhs, lhs.T, (1 << 31) - total, properties, (1, 1))
