"""What moves and resizes compute in both dialects, judged by ONNX Runtime and exact arithmetic."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from types import ModuleType

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation
from xdsl.utils.test_value import create_ssa_value

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.elements import element_type_of, tensor_type
from sima_mlir.dialects.qnn import QuantizationAttr
from sima_mlir.interpreters import register_implementations
from sima_mlir.quantization import Rounding

DIALECTS = pytest.mark.parametrize("dialect", [qnn, sima], ids=["qnn", "sima"])


def evaluate(make: Callable[..., Operation], *arrays: np.ndarray) -> np.ndarray:
    """Runs the operation that `make` builds on values with the types of some arrays."""
    types = [tensor_type(a.shape, element_type_of(a.dtype)) for a in arrays]
    op = make(*(create_ssa_value(t) for t in types))
    op.verify()
    interpreter = Interpreter(ModuleOp([]))
    register_implementations(interpreter, Context())
    (result,) = interpreter.run_op(op, arrays)
    return result


def codes(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, shape, np.int8)


def run_onnx(kind: str, data: np.ndarray, **attributes: object) -> np.ndarray:
    """Runs an operator of ONNX on N…C data, which it takes as N, C…."""
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    helper = onnx.helper
    node = helper.make_node(kind, ["x"], ["y"], **attributes)
    value = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in "xy"]
    graph = helper.make_graph([node], "g", value[:1], value[1:])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    session = runtime.InferenceSession(model.SerializeToString())
    (result,) = session.run(None, {"x": np.moveaxis(data, -1, 1).astype(np.float32)})
    return np.moveaxis(result, 1, -1).astype(data.dtype)


@DIALECTS
@pytest.mark.parametrize("block", [1, 2, 3])
@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space_is_onnx_depth_to_space(dialect: ModuleType, block: int, mode: str):
    data = codes((2, 3, 4, 2 * block**2))
    result = evaluate(lambda x: dialect.DepthToSpaceOp(x, block, crd=mode == "CRD"), data)
    expected = run_onnx("DepthToSpace", data, blocksize=block, mode=mode)
    np.testing.assert_array_equal(result, expected, strict=True)


@DIALECTS
@pytest.mark.parametrize("block", [1, 2, 3])
def test_space_to_depth_is_onnx_space_to_depth(dialect: ModuleType, block: int):
    data = codes((2, 2 * block, 3 * block, 4))
    result = evaluate(lambda x: dialect.SpaceToDepthOp(x, block), data)
    expected = run_onnx("SpaceToDepth", data, blocksize=block)
    np.testing.assert_array_equal(result, expected, strict=True)


@DIALECTS
@pytest.mark.parametrize("crd", [False, True])
def test_space_to_depth_undoes_depth_to_space(dialect: ModuleType, crd: bool):
    data = codes((2, 3, 4, 12))
    wide = evaluate(lambda x: dialect.DepthToSpaceOp(x, 2, crd=crd), data)
    deep = evaluate(lambda x: dialect.SpaceToDepthOp(x, 2, crd=crd), wide)
    np.testing.assert_array_equal(deep, data, strict=True)


@DIALECTS
def test_transpose_puts_each_axis_in_its_place(dialect: ModuleType):
    data = codes((2, 3, 4))
    result = evaluate(lambda x: dialect.TransposeOp(x, [2, 0, 1]), data)
    for i, j, k in np.ndindex(2, 3, 4):
        assert result[k, i, j] == data[i, j, k]


@DIALECTS
def test_broadcast_repeats_axes_of_size_one(dialect: ModuleType):
    data = codes((3, 1))
    result = evaluate(lambda x: dialect.BroadcastToOp(x, (2, 3, 4)), data)
    for i, j, k in np.ndindex(2, 3, 4):
        assert result[i, j, k] == data[j, 0]


@DIALECTS
def test_slice_takes_what_lies_apart(dialect: ModuleType):
    data = codes((5, 7))
    result = evaluate(lambda x: dialect.SliceOp(x, [1, 2], [2, 3], [3, 2]), data)
    np.testing.assert_array_equal(result, data[1::3, 2::2], strict=True)


def test_slice_may_go_backwards():
    data = codes((5, 7))
    result = evaluate(lambda x: qnn.SliceOp(x, [4, 6], [5, 4], [-1, -2]), data)
    np.testing.assert_array_equal(result, data[::-1, ::-2], strict=True)


def test_concat_puts_tensors_one_after_the_other():
    left, right = codes((2, 3)), codes((2, 1), 1)
    result = evaluate(lambda *xs: sima.ConcatOp(xs, 1), left, right)
    assert result.tolist() == [[*a, *b] for a, b in zip(left.tolist(), right.tolist(), strict=True)]


def test_concatenate_brings_operands_to_one_encoding():
    left = np.arange(-128, 128, dtype=np.int8)[None]
    encodings = [(0.5, 3), (0.3, -7), (0.7, 11)]
    input_qs, output_q = encodings, (0.5, 3)
    result = evaluate(
        lambda *xs: qnn.ConcatenateOp(
            xs,
            1,
            [QuantizationAttr.of(*q) for q in input_qs],
            QuantizationAttr.of(*output_q),
            Rounding.AWAY,
        ),
        left,
        left,
        left,
    )
    expected: list[int] = []
    for (scale, zero_point), code in itertools.product(input_qs, left[0].tolist()):
        real = (code - zero_point) * Fraction(scale) / Fraction(output_q[0])
        away = int(math.copysign(math.floor(abs(real) + Fraction(1, 2)), real))
        expected.append(max(-128, min(away + output_q[1], 127)))
    assert result[0].tolist() == expected


@DIALECTS
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("linear", [False, True])
def test_resize_is_its_formula(dialect: ModuleType, seed: int, linear: bool):
    rng = np.random.default_rng(seed)
    data = codes((1, *rng.integers(1, 6, 2).tolist(), 2), seed)
    sizes, steps = rng.integers(1, 8, 2).tolist(), rng.integers(0, 12, 2).tolist()
    offsets, divisors = rng.integers(-9, 9, 2).tolist(), rng.integers(1, 9, 2).tolist()
    result = evaluate(
        lambda x: dialect.ResizeOp(x, sizes, steps, offsets, divisors, linear=linear), data
    )
    for y in np.ndindex(*sizes):
        places = [
            max(Fraction(0), min(Fraction(y[k] * steps[k] + offsets[k], divisors[k]), size - 1))
            for k, size in enumerate(data.shape[1:3])
        ]
        for c in range(2):
            wanted = weighted(data[0, :, :, c], places) if linear else nearest(data[0], places, c)
            assert result[0, *y, c] == wanted


def nearest(image: np.ndarray, places: list[Fraction], channel: int) -> int:
    return int(image[math.floor(places[0]), math.floor(places[1]), channel])


def weighted(image: np.ndarray, places: list[Fraction]) -> int:
    """The mean of all pixels, each weighted by how much nearer than 1 it is along both axes."""

    def weight(pixel: tuple[int, ...]) -> Fraction:
        return math.prod(max(1 - abs(p - at), 0) for p, at in zip(places, pixel, strict=True))

    mean = sum(int(image[i]) * weight(i) for i in np.ndindex(*image.shape))
    return int(math.copysign(math.floor(abs(mean) + Fraction(1, 2)), mean))
