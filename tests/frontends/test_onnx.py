"""The importer of ONNX models, judged by ONNX Runtime and by ONNX's own node tests."""

from __future__ import annotations

import logging
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from support import onnx_models as om
from support.onnx_models import encoding, model, node
from xdsl.dialects import func
from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import ModuleOp, NameLoc

import sima_mlir
from sima_mlir.dialects import qnn
from sima_mlir.dialects.elements import elements
from sima_mlir.dialects.qnn import QuantizationAttr
from sima_mlir.frontends import ModelError
from sima_mlir.frontends.onnx import _OPERATORS, import_onnx

SHARED = Path(__file__).parents[3] / "shared"

DTYPES = pytest.mark.parametrize("dtype", ["int8", "uint8"])
SEEDS = pytest.mark.parametrize("seed", range(12))


def imported(proto: onnx.ModelProto, **options: Any) -> ModuleOp:
    module = import_onnx(proto.SerializeToString(), **options)
    module.verify()
    return module


def assert_like_ort(
    proto: onnx.ModelProto, inputs: Sequence[np.ndarray], *, within: int = 0, integers: bool = True
) -> None:
    """Compares codes, of which none may be further away than said."""
    expected = om.run(proto, inputs, integers=integers)
    results = om.execute(imported(proto), inputs)
    for result, wanted in zip(results, expected, strict=True):
        assert (result.dtype, result.shape) == (wanted.dtype, wanted.shape)
        if within:
            distance = np.abs(result.astype(np.int64) - wanted)
            assert distance.max() <= within
            assert distance.mean() < 0.3
        else:
            np.testing.assert_array_equal(result, wanted)


def count(module: ModuleOp, operation: type) -> int:
    return sum(isinstance(op, operation) for op in module.walk())


def main(module: ModuleOp) -> func.FuncOp:
    (function,) = module.ops
    assert isinstance(function, func.FuncOp)
    return function


class Random:
    """Random tensors and encodings."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)

    def pick(self, *values: Any) -> Any:
        return values[self.rng.integers(len(values))]

    def size(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def codes(self, shape: Sequence[int], dtype: str) -> np.ndarray:
        info = np.iinfo(dtype)
        return self.rng.integers(info.min, info.max + 1, shape, dtype)

    def scale(self) -> float:
        return float(np.exp(self.rng.uniform(-4, -2)))

    def zero_point(self, dtype: str) -> int:
        info = np.iinfo(dtype)
        return int(self.rng.integers(info.min, info.max + 1))

    def encoding(self, name: str, dtype: str) -> dict[str, np.ndarray]:
        return encoding(name, self.scale(), self.zero_point(dtype), dtype)

    def weights(self, shape: Sequence[int], channels: int, data: str) -> dict[str, np.ndarray]:
        """Weights w with one scale a channel, or one scale and any zero point.

        ONNX Runtime has unsigned weights for unsigned data only.
        """
        name, dtype = "w", self.pick("int8", data)
        if self.pick(True, False):
            middle = 0 if dtype == "int8" else 128
            scales = np.exp(self.rng.uniform(-6, -4, channels))
            stated = encoding(name, scales, np.full(channels, middle), dtype)
        else:
            stated = self.encoding(name, dtype)
        return {name: self.codes(shape, dtype)} | stated

    def bias(self, channels: int) -> np.ndarray:
        return self.rng.integers(-3000, 3000, channels).astype(np.int32)


def quantized(code: str, operands: str, rng: Random, dtype: str, **attributes: Any) -> list[Any]:
    """DequantizeLinear of each operand, an operator and QuantizeLinear: operators and constants."""
    names = operands.split()
    nodes = [node("DequantizeLinear", f"{n} {n}_s {n}_z", f"{n}_f") for n in names]
    nodes.append(node(code, " ".join(f"{n}_f" for n in names), "y_f", **attributes))
    nodes.append(node("QuantizeLinear", "y_f y_s y_z", "y"))
    constants = rng.encoding("y", dtype)
    for name in names:
        constants |= rng.encoding(name, dtype)
    return [nodes, constants]


# Operators on codes.


@DTYPES
@SEEDS
def test_qlinear_conv_is_exact(dtype: str, seed: int):
    rng = Random(seed)
    groups, inputs, each = rng.pick((1, 3, 4), (2, 2, 3), (4, 1, 2))
    taps = [rng.size(1, 3) for _ in range(rng.pick(1, 2, 2))]
    attributes: dict[str, Any] = {"group": groups, "strides": [rng.size(1, 2) for _ in taps]}
    if rng.pick(True, False):
        attributes["auto_pad"] = rng.pick("SAME_UPPER", "SAME_LOWER", "VALID")
    else:
        attributes["pads"] = [rng.size(0, 2) for _ in taps * 2]
        attributes["dilations"] = [rng.size(1, 2) for _ in taps]
    outputs = groups * each
    x = rng.codes((rng.size(1, 2), groups * inputs, *(rng.size(5, 9) for _ in taps)), dtype)
    constants = rng.weights((outputs, inputs, *taps), outputs, dtype)
    constants |= rng.encoding("x", dtype) | rng.encoding("y", dtype)
    bias = "b" if rng.pick(True, False) else ""
    if bias:
        constants["b"] = rng.bias(outputs)
    conv = node("QLinearConv", f"x x_s x_z w w_s w_z y_s y_z {bias}", "y", **attributes)
    proto = model([conv], [("x", dtype, x.shape)], [("y", dtype, [None] * x.ndim)], constants)
    assert_like_ort(proto, [x])


@DTYPES
@SEEDS
def test_qlinear_matmul_is_exact(dtype: str, seed: int):
    rng = Random(seed)
    x = rng.codes(rng.pick((3, 7), (2, 3, 7)), dtype)
    constants = rng.weights((7, 5), 5, dtype) | rng.encoding("x", dtype) | rng.encoding("y", dtype)
    proto = model(
        [node("QLinearMatMul", "x x_s x_z w w_s w_z y_s y_z", "y")],
        [("x", dtype, x.shape)],
        [("y", dtype, [None] * x.ndim)],
        constants,
    )
    assert_like_ort(proto, [x])


@DTYPES
@SEEDS
def test_qgemm_is_exact(dtype: str, seed: int):
    rng = Random(seed)
    x, transposed = rng.codes((3, 7), dtype), rng.pick(0, 1)
    constants = rng.weights((5, 7) if transposed else (7, 5), 5, dtype)
    constants |= rng.encoding("x", dtype) | rng.encoding("y", dtype) | {"b": rng.bias(5)}
    output = rng.pick("y_s y_z", "")
    gemm = node(
        "com.microsoft.QGemm",
        f"x x_s x_z w w_s w_z {rng.pick('b', '-')} {output}",
        "y",
        transB=transposed,
        alpha=rng.pick(1.0, 0.5),
    )
    proto = model(
        [gemm], [("x", dtype, x.shape)], [("y", dtype if output else "float32", [3, 5])], constants
    )
    assert_like_ort(proto, [x])


def qlinear(code: str, operands: int, rng: Random, dtype: str, shape: Sequence[int]) -> Any:
    """A com.microsoft operator on codes a and b with a result y, and random inputs."""
    names = "ab"[:operands]
    constants = rng.encoding("y", dtype)
    for name in names:
        constants |= rng.encoding(name, dtype)
    read = " ".join(f"{name} {name}_s {name}_z" for name in names)
    inputs = [rng.codes(shape, dtype) for _ in names]
    return f"com.microsoft.{code}", f"{read} y_s y_z", constants, inputs


def codes_model(
    operator: onnx.NodeProto, constants: om.Constants, inputs: Sequence[np.ndarray]
) -> onnx.ModelProto:
    ports = [(name, str(x.dtype), x.shape) for name, x in zip("ab", inputs, strict=False)]
    rank = [None] * (4 if operator.op_type != "Flatten" else 2)
    return model([operator], ports, [("y", str(inputs[0].dtype), rank)], constants)


@pytest.mark.parametrize("code", ["QLinearAdd", "QLinearMul"])
@DTYPES
@SEEDS
def test_qlinear_elementwise_is_within_one_code(code: str, dtype: str, seed: int):
    rng = Random(seed)
    name, read, constants, inputs = qlinear(code, 2, rng, dtype, (1, 3, 4, 5))
    if seed % 3 == 0:
        inputs[1] = rng.codes((3, 1, 1), dtype)
    if seed % 3 == 1:
        constants["b"] = inputs.pop()[0, 0]
    assert_like_ort(codes_model(node(name, read, "y"), constants, inputs), inputs, within=1)


@DTYPES
@SEEDS
def test_qlinear_global_average_pool_is_within_one_code(dtype: str, seed: int):
    rng = Random(seed)
    name, read, constants, inputs = qlinear(
        "QLinearGlobalAveragePool", 1, rng, dtype, (2, 3, rng.size(1, 7), rng.size(1, 7))
    )
    assert_like_ort(codes_model(node(name, read, "y"), constants, inputs), inputs, within=1)


@pytest.mark.parametrize("include", [0, 1])
@DTYPES
@SEEDS
def test_qlinear_average_pool_is_within_one_code(include: int, dtype: str, seed: int):
    rng = Random(seed)
    name, read, constants, inputs = qlinear("QLinearAveragePool", 1, rng, dtype, (1, 3, 7, 8))
    pool = node(
        name,
        read,
        "y",
        kernel_shape=[3, 2],
        strides=[rng.size(1, 2), rng.size(1, 2)],
        pads=[rng.size(0, 2), 0, rng.size(0, 2), 1],
        count_include_pad=include,
    )
    assert_like_ort(codes_model(pool, constants, inputs), inputs, within=1)


@DTYPES
@SEEDS
def test_qlinear_average_pool_of_one_encoding_is_within_one_code(dtype: str, seed: int):
    rng = Random(seed)
    name, read, constants, inputs = qlinear("QLinearAveragePool", 1, rng, dtype, (1, 3, 7, 8))
    constants |= {"y_s": constants["a_s"], "y_z": constants["a_z"]}
    pool = node(name, read, "y", kernel_shape=[2, 3])
    assert_like_ort(codes_model(pool, constants, inputs), inputs, within=1)


@DTYPES
@SEEDS
def test_qlinear_concat_is_exact(dtype: str, seed: int):
    rng = Random(seed)
    _, _, constants, inputs = qlinear("", 2, rng, dtype, (1, 3, 4, 5))
    concat = node("com.microsoft.QLinearConcat", "y_s y_z a a_s a_z b b_s b_z", "y", axis=seed % 4)
    assert_like_ort(codes_model(concat, constants, inputs), inputs)


@pytest.mark.parametrize("code", ["QLinearSigmoid", "QLinearLeakyRelu"])
@DTYPES
def test_qlinear_function_is_within_one_code(code: str, dtype: str):
    name, read, constants, _ = qlinear(code, 1, Random(0), dtype, (1,))
    x = Random(0).codes((2, 4, 8, 4), dtype)
    assert_like_ort(codes_model(node(name, read, "y"), constants, [x]), [x], within=1)


@DTYPES
@SEEDS
def test_integer_products_are_exact(dtype: str, seed: int):
    rng = Random(seed)
    x, dtype = rng.codes((1, 4, 5, 6), dtype), rng.pick("uint8", dtype)
    x = x.astype(dtype, casting="unsafe")
    wide = rng.pick(True, False)
    zeros = {"x_z": np.array(rng.zero_point(dtype), dtype)}
    kernel = "uint8" if dtype == "uint8" and wide else "int8"
    zeros["w_z"] = np.array(rng.zero_point(kernel), kernel)
    conv = node("ConvInteger", "x w x_z w_z", "y", pads=[1, 0, 1, 2], strides=[2, 1])
    port, result = [("x", dtype, x.shape)], [("y", "int32", [None] * 4)]
    if dtype == "uint8":
        constants = zeros | {"w": rng.codes((3, 4, 2, 3), kernel)}
        assert_like_ort(model([conv], port, result, constants), [x])
    constants = zeros | {"w": rng.codes((6, 5), kernel)}
    matmul = node("MatMulInteger", "x w x_z w_z", "y")
    assert_like_ort(model([matmul], port, result, constants), [x])


# Float operators between DequantizeLinear and QuantizeLinear.


def qdq(
    code: str,
    rng: Random,
    x: np.ndarray,
    constants: om.Constants | None = None,
    rest: str = "",
    *,
    same: bool = False,
    rank: int | None = None,
    output: dict[str, np.ndarray] | None = None,
    **attributes: Any,
) -> onnx.ModelProto:
    """An operator on the codes x, with its other inputs constant."""
    dtype = str(x.dtype)
    stated = rng.encoding("x", dtype) | (output or rng.encoding("y", dtype))
    if same:
        stated |= {"y_s": stated["x_s"], "y_z": stated["x_z"]}
    nodes = [
        node("DequantizeLinear", "x x_s x_z", "x_f"),
        node(code, f"x_f {rest}", "y_f", **attributes),
        node("QuantizeLinear", "y_f y_s y_z", "y"),
    ]
    shape = [None] * (x.ndim if rank is None else rank)
    return model(nodes, [("x", dtype, x.shape)], [("y", dtype, shape)], stated | (constants or {}))


IMAGE = (1, 4, 6, 8)


@pytest.mark.parametrize(
    ("code", "attributes"),
    [
        ("MaxPool", {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1]}),
        ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
        ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 3], "auto_pad": "SAME_LOWER"}),
        ("GlobalMaxPool", {}),
        ("Transpose", {"perm": [0, 2, 3, 1]}),
        ("Transpose", {"perm": [3, 1, 0, 2]}),
        ("Transpose", {}),
        ("DepthToSpace", {"blocksize": 2}),
        ("DepthToSpace", {"blocksize": 2, "mode": "CRD"}),
        ("SpaceToDepth", {"blocksize": 2}),
        ("Identity", {}),
        ("Relu", {}),
    ],
)
@DTYPES
def test_moves_between_dq_and_q_are_exact(code: str, attributes: dict[str, Any], dtype: str):
    rng = Random(0)
    x = rng.codes(IMAGE, dtype)
    for same in (True, False):
        assert_like_ort(qdq(code, rng, x, same=same, **attributes), [x])


@pytest.mark.parametrize(
    ("code", "constants", "rest", "rank", "attributes"),
    [
        ("Reshape", {"c": np.array([0, -1, 3])}, "c", 3, {}),
        ("Reshape", {"c": np.array([4, 2, 24])}, "c", 3, {"allowzero": 1}),
        ("Flatten", {}, "", 2, {"axis": -2}),
        ("Flatten", {}, "", 2, {"axis": 4}),
        ("Squeeze", {}, "", 3, {}),
        ("Squeeze", {"c": np.array([0])}, "c", 3, {}),
        ("Unsqueeze", {"c": np.array([0, -1])}, "c", 6, {}),
        ("Expand", {"c": np.array([2, 1, 4, 1, 1])}, "c", 5, {}),
        (
            "Slice",
            {"s": np.array([1, -1]), "e": np.array([3, -100]), "a": np.array([1, -1]),
             "t": np.array([1, -2])},
            "s e a t",
            4,
            {},
        ),
        ("Slice", {"s": np.array([0, 1]), "e": np.array([1, 9])}, "s e", 4, {}),
        ("Pad", {"p": np.array([0, 1, 2, 0, 0, 0, 1, 3])}, "p", 4, {}),
        ("Pad", {"p": np.array([1, 2]), "a": np.array([-1])}, "p - a", 4, {}),
        ("Clip", {"l": np.float32(-0.3), "h": np.float32(0.7)}, "l h", 4, {}),
        ("Clip", {"h": np.float32(0.7)}, "- h", 4, {}),
    ],
)  # fmt: skip
@DTYPES
def test_moves_with_constants_are_exact(
    code: str, constants: om.Constants, rest: str, rank: int, attributes: Any, dtype: str
):
    rng = Random(1)
    x = rng.codes(IMAGE, dtype)
    assert_like_ort(qdq(code, rng, x, constants, rest, rank=rank, **attributes), [x])


@pytest.mark.parametrize("activation", [None, "Relu", "Clip"])
@DTYPES
@SEEDS
def test_convolution_between_dq_and_q(activation: str | None, dtype: str, seed: int):
    rng = Random(seed)
    x, floats = rng.codes((1, 6, 7, 8), dtype), rng.pick(True, False)
    constants = rng.weights((4, 3, 3, 2), 4, dtype) | rng.encoding("x", dtype)
    constants |= rng.encoding("y", dtype)
    scale = constants["x_s"] * constants["w_s"]
    constants |= {"b": rng.bias(4), "b_s": scale, "b_z": np.zeros(scale.shape, np.int32)}
    if floats:
        constants["b_f"] = (constants["b"] * scale).astype(np.float32)
    limits = {"Clip": "l h"}.get(str(activation), "")
    constants |= {"l": np.float32(-0.7), "h": np.float32(0.9)}
    nodes = [
        node("DequantizeLinear", "x x_s x_z", "x_f"),
        node("DequantizeLinear", "w w_s w_z", "w_f", axis=0),
        *([] if floats else [node("DequantizeLinear", "b b_s b_z", "b_f", axis=0)]),
        node("Conv", "x_f w_f b_f", "c_f", group=2),
        *([node(activation, f"c_f {limits}", "a_f")] if activation else []),
        node("QuantizeLinear", "a_f y_s y_z" if activation else "c_f y_s y_z", "y"),
    ]
    proto = model(nodes, [("x", dtype, x.shape)], [("y", dtype, [None] * 4)], constants)
    assert_like_ort(proto, [x], within=1)
    assert_like_ort(proto, [x], within=1, integers=False)


@pytest.mark.parametrize("floats", [True, False])
@DTYPES
def test_matrix_product_between_dq_and_q(floats: bool, dtype: str):
    rng = Random(0)
    x = rng.codes((3, 7), dtype)
    constants = {"w": rng.codes((7, 5), "int8")} | rng.encoding("x", dtype)
    constants |= encoding("w", np.exp(rng.rng.uniform(-6, -4, 5)), [0] * 5, "int8")
    constants |= rng.encoding("y", dtype) | {"b": rng.rng.standard_normal(5).astype(np.float32)}
    nodes = [
        node("DequantizeLinear", "x x_s x_z", "x_f"),
        node("DequantizeLinear", "w w_s w_z", "w_f", axis=1),
        node("MatMul", "x_f w_f", "m_f"),
        node("Add", "b m_f", "a_f"),
        *([] if floats else [node("QuantizeLinear", "a_f y_s y_z", "y")]),
    ]
    result = ("a_f", "float32", [3, 5]) if floats else ("y", dtype, [3, 5])
    proto = model(nodes, [("x", dtype, x.shape)], [result], constants)
    if not floats:
        return assert_like_ort(proto, [x], within=1, integers=False)
    ((wanted,), (given,)) = om.run(proto, [x], integers=False), om.execute(imported(proto), [x])
    half = np.max(constants["x_s"] * constants["w_s"]) / 2
    np.testing.assert_allclose(given, wanted, rtol=1e-5, atol=1.01 * half)


@pytest.mark.parametrize(
    ("code", "rest", "constants", "attributes", "within"),
    [
        ("GlobalAveragePool", "", {}, {}, 1),
        ("AveragePool", "", {}, {"kernel_shape": [3, 3], "strides": [2, 2]}, 1),
        ("AveragePool", "", {}, {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}, 1),
        ("ReduceMean", "a", {"a": np.array([1, -1])}, {"keepdims": 1}, 1),
        ("Sigmoid", "", {}, {}, 1),
        ("Tanh", "", {}, {}, 1),
        ("LeakyRelu", "", {}, {"alpha": 0.2}, 1),
        ("Elu", "", {}, {}, 1),
        ("HardSigmoid", "", {}, {}, 1),
        ("HardSwish", "", {}, {}, 1),
        ("Erf", "", {}, {}, 1),
        ("Gelu", "", {}, {}, 1),
        ("Gelu", "", {}, {"approximate": "tanh"}, 1),
        ("Softplus", "", {}, {}, 1),
        ("Abs", "", {}, {}, 1),
    ],
)
@DTYPES
def test_functions_between_dq_and_q(
    code: str, rest: str, constants: om.Constants, attributes: Any, within: int, dtype: str
):
    rng = Random(2)
    x = rng.codes(IMAGE, dtype)
    assert_like_ort(qdq(code, rng, x, constants, rest, **attributes), [x], within=within)


@DTYPES
@SEEDS
def test_transposed_convolution_between_dq_and_q(dtype: str, seed: int):
    rng = Random(seed)
    groups, inputs, each = rng.pick((1, 3, 4), (2, 2, 3), (4, 1, 2))
    taps = [rng.size(1, 3) for _ in range(rng.pick(1, 2, 2))]
    strides = [rng.size(1, 3) for _ in taps]
    attributes: dict[str, Any] = {"group": groups, "strides": strides}
    x = rng.codes((rng.size(1, 2), groups * inputs, *(rng.size(3, 6) for _ in taps)), dtype)
    match rng.pick("pads", "auto_pad", "output_shape"):
        case "pads":
            attributes["pads"] = [rng.size(0, 1) if size > 1 else 0 for size in taps * 2]
            attributes["output_padding"] = [rng.size(0, stride - 1) for stride in strides]
        case "auto_pad":
            attributes["auto_pad"] = rng.pick("SAME_UPPER", "SAME_LOWER", "VALID")
        case _:
            pairs = zip(x.shape[2:], strides, taps, strict=True)
            attributes["output_shape"] = [(n - 1) * s + k - rng.size(0, k - 1) for n, s, k in pairs]
            attributes["auto_pad"] = rng.pick("SAME_UPPER", "SAME_LOWER", "NOTSET")
    constants = {"w": rng.codes((groups * inputs, each, *taps), "int8")}
    scales = np.exp(rng.rng.uniform(-6, -4, each if rng.pick(True, False) else 1))
    constants |= encoding("w", scales, np.zeros(scales.shape), "int8")
    constants |= {"b": (rng.bias(groups * each) * 1e-3).astype(np.float32)}
    constants |= rng.encoding("x", dtype) | rng.encoding("y", dtype)
    nodes = [
        node("DequantizeLinear", "x x_s x_z", "x_f"),
        node("DequantizeLinear", "w w_s w_z", "w_f", axis=1),
        node("ConvTranspose", f"x_f w_f {rng.pick('b', '')}", "y_f", **attributes),
        node("QuantizeLinear", "y_f y_s y_z", "y"),
    ]
    port = ("y", dtype, [None] * x.ndim)
    proto = model(nodes, [("x", dtype, x.shape)], [port], constants)
    if attributes.get("auto_pad", "")[:4] == "SAME" and "output_shape" not in attributes:
        if any(stride > size for stride, size in zip(strides, taps, strict=True)):
            return refuse(proto, "operator 'ConvTranspose' at 'y_f': " + MORE + str(
                [n * s for n, s in zip(x.shape[2:], strides, strict=True)]))  # fmt: skip
    assert_like_ort(proto, [x], within=1)


MORE = "output_shape must need no more than there is, got "


@pytest.mark.parametrize("form", ["QDQ", "QLinear", "Integer"])
@pytest.mark.parametrize("swapped", [False, True])
@DTYPES
@SEEDS
def test_product_of_two_activations(form: str, swapped: bool, dtype: str, seed: int):
    rng = Random(seed)
    batch = rng.pick((), (2,), (2, 3))
    a = rng.codes((*batch, 4, 6), dtype)
    b = rng.codes((*batch[seed % 2 :], 6, 5), dtype)
    axes = [*range(b.ndim - 2), b.ndim - 1, b.ndim - 2]
    constants = {}
    for name in "aby":
        constants |= rng.encoding(name, dtype)
    nodes = [node("Transpose", "b", "t", perm=axes)] if swapped else []
    given = [a, b.transpose(axes).copy() if swapped else b]
    right, result = "t" if swapped else "b", dtype
    if form == "QDQ":
        nodes = [
            node("DequantizeLinear", "a a_s a_z", "a_f"),
            node("DequantizeLinear", "b b_s b_z", "b_f"),
            *([node("Transpose", "b_f", "t_f", perm=axes)] if swapped else []),
            node("MatMul", f"a_f {right}_f", "y_f"),
            node("QuantizeLinear", "y_f y_s y_z", "y"),
        ]
    elif form == "QLinear":
        nodes.append(node("QLinearMatMul", f"a a_s a_z {right} b_s b_z y_s y_z", "y"))
    else:
        nodes.append(node("MatMulInteger", f"a {right} a_z b_z", "y"))
        result = "int32"
    ports = [("a", dtype, given[0].shape), ("b", dtype, given[1].shape)]
    proto = model(nodes, ports, [("y", result, [None] * a.ndim)], constants)
    if (form, dtype) == ("Integer", "int8"):
        wide = (array.astype(np.int32) for array in (a, b))
        zeros = (constants[f"{name}_z"].astype(np.int32) for name in "ab")
        left, other = (array - zero for array, zero in zip(wide, zeros, strict=True))
        np.testing.assert_array_equal(om.execute(imported(proto), given)[0], left @ other)
        return
    assert_like_ort(proto, given, within=1 if form == "QDQ" else 0)
    module = imported(proto)
    assert count(module, qnn.BatchMatmulOp) == 1
    assert not count(module, qnn.TransposeOp)


@DTYPES
@SEEDS
def test_prelu_between_dq_and_q(dtype: str, seed: int):
    rng = Random(seed)
    x = rng.codes((2, 4, 5, 3), dtype)
    shape = rng.pick((4, 1, 1), (1, 4, 1, 1), (3,), (5, 1), (1,), ())
    constants = {"w": rng.codes(shape, dtype)} | encoding("w", 0.02, rng.zero_point(dtype), dtype)
    constants |= rng.encoding("x", dtype) | rng.encoding("y", dtype)
    nodes = [
        node("DequantizeLinear", "x x_s x_z", "x_f"),
        node("DequantizeLinear", "w w_s w_z", "w_f"),
        node("PRelu", "x_f w_f", "y_f"),
        node("QuantizeLinear", "y_f y_s y_z", "y"),
    ]
    proto = model(nodes, [("x", dtype, x.shape)], [("y", dtype, x.shape)], constants)
    assert_like_ort(proto, [x], within=1)


@pytest.mark.parametrize(
    ("code", "rest", "constants", "within"),
    [
        ("Max", "c", {"c": np.float32(-0.2)}, 0),
        ("Max", "c d", {"c": np.float32(-0.2), "d": np.float32([0.1])}, 0),
        ("Min", "c", {"c": np.float32(0.3)}, 0),
        ("Div", "c", {"c": np.float32(2.7)}, 1),
        ("Div", "c", {"c": np.float32([-0.6])}, 1),
        ("Mul", "c", {"c": np.float32(1.6)}, 1),
        ("Mul", "c", {"c": np.float32(-0.3)}, 1),
        ("Add", "c", {"c": np.float32(0.4)}, 1),
        ("Add", "c", {"c": np.float32(0)}, 1),
        ("Sub", "c", {"c": np.float32([[1.1]])}, 1),
        ("PRelu", "c", {"c": np.float32([0.3])}, 1),
        ("PRelu", "c", {"c": np.float32([-1.4])}, 1),
    ],
)
@DTYPES
def test_operators_with_a_number_between_dq_and_q(
    code: str, rest: str, constants: om.Constants, within: int, dtype: str
):
    rng = Random(5)
    x = rng.codes(IMAGE, dtype)
    assert_like_ort(qdq(code, rng, x, constants, rest), [x], within=within)


RESIZED = [
    {"scales": [2, 2]},
    {"scales": [1.5, 3]},
    {"scales": [0.5, 0.6]},
    {"sizes": [9, 13]},
    {"sizes": [3, 1]},
]

COORDINATES = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"]


def resize(x: np.ndarray, given: dict[str, Any], **attributes: Any) -> onnx.ModelProto:
    if "scales" in given:
        rest, value = "- c", np.float32([1, 1, *given["scales"]])
    else:
        rest, value = "- - c", np.array([*x.shape[:2], *given["sizes"]])
    return qdq("Resize", Random(6), x, {"c": value}, rest, same=True, **attributes)


@pytest.mark.parametrize("given", RESIZED, ids=str)
@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("rounding", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
def test_resize_to_the_nearest_is_exact(given: dict[str, Any], coordinates: str, rounding: str):
    x = Random(7).codes(IMAGE, "uint8")
    proto = resize(x, given, coordinate_transformation_mode=coordinates, nearest_mode=rounding)
    assert_like_ort(proto, [x])


@pytest.mark.parametrize("given", [*RESIZED[:-1], {"sizes": [3, 4]}], ids=str)
@pytest.mark.parametrize("coordinates", COORDINATES)
@DTYPES
def test_resize_between_pixels_is_within_one_code(
    given: dict[str, Any], coordinates: str, dtype: str
):
    x = Random(7).codes(IMAGE, dtype)
    proto = resize(x, given, coordinate_transformation_mode=coordinates, mode="linear")
    assert_like_ort(proto, [x], within=1)


def test_resize_of_some_axes():
    x = Random(7).codes(IMAGE, "uint8")
    proto = qdq("Resize", Random(6), x, {"c": np.array([5])}, "- - c", same=True, axes=[-1])
    assert_like_ort(proto, [x])


@pytest.mark.parametrize(
    ("given", "attributes", "reason"),
    [
        ({}, {"mode": "cubic"}, "mode must be nearest or linear, got cubic"),
        ({}, {"antialias": 1}, "antialias is not supported"),
        ({}, {"nearest_mode": "up"}, "nearest_mode must be round_prefer_floor, round_prefer_ceil, "
         "floor or ceil, got up"),
        ({}, {"coordinate_transformation_mode": "tf_crop_and_resize"},
         "coordinate_transformation_mode must be half_pixel, half_pixel_symmetric, "
         "pytorch_half_pixel, align_corners, asymmetric, got tf_crop_and_resize"),
        ({}, {"keep_aspect_ratio_policy": "not_larger"},
         "keep_aspect_ratio_policy must be stretch, got not_larger"),
        ({"scales": [2, 0]}, {}, "scales and sizes must be positive, got [1.0, 1.0, 2.0, 0.0]"),
        ({"scales": [2, np.nan]}, {}, "scales and sizes must be positive, got "
         "[1.0, 1.0, 2.0, nan]"),
        ({"scales": [2]}, {}, "scales or sizes must have 4 values, got 3 and 0"),
        ({"scales": [2, 2e9]}, {}, "scales must be quotients of numbers of 31 bits, got "
         "8000000000"),
        ({"scales": [2, 0.1]}, {}, "result must have elements, got 1x4x12x0"),
        ({"scales": [2e6, 2e6]}, {}, "elements must be at most 1099511627776, got 192000000000000"),
    ],
)  # fmt: skip
def test_resize_in_other_ways_is_refused(given: Any, attributes: dict[str, Any], reason: str):
    proto = resize(Random(7).codes(IMAGE, "uint8"), given or {"scales": [2, 2]}, **attributes)
    refuse(proto, "operator 'Resize' at 'y_f': " + reason)


@pytest.mark.parametrize("axis", [-1, 1, 2])
@DTYPES
def test_softmax_is_within_two_codes(axis: int, dtype: str):
    rng = Random(3)
    x = rng.codes((1, 5, 4, 6), dtype)
    output = encoding("y", 1 / 255, np.iinfo(dtype).min, dtype)
    assert_like_ort(qdq("Softmax", rng, x, output=output, axis=axis), [x], within=2)


def test_split_and_concat_with_one_encoding_are_exact():
    rng = Random(4)
    x = rng.codes((1, 7, 2, 3), "uint8")
    nodes = [
        node("DequantizeLinear", "x x_s x_z", "x_f"),
        node("Split", "x_f parts", "a_f b_f c_f", axis=1),
        node("Concat", "c_f a_f b_f", "d_f", axis=1),
        node("QuantizeLinear", "d_f x_s x_z", "y"),
    ]
    constants = rng.encoding("x", "uint8") | {"parts": np.array([2, 4, 1])}
    proto = model(nodes, [("x", "uint8", x.shape)], [("y", "uint8", x.shape)], constants)
    assert_like_ort(proto, [x])
    slices = [op for op in imported(proto).walk() if isinstance(op, qnn.SliceOp)]
    assert [op.location.desc.data for op in slices] == ["a_f", "b_f", "c_f"]


@DTYPES
@SEEDS
def test_edges_in_floats_are_exact(dtype: str, seed: int):
    rng = Random(seed)
    x = (rng.rng.standard_normal((2, 3, 4)) * 3).astype(np.float32)
    x[0, 0, :3] = np.inf, -np.inf, 1e30
    nodes = [
        node("QuantizeLinear", "x x_s x_z", "q"),
        node("DequantizeLinear", "q x_s x_z", "y"),
    ]
    port, constants = ("float32", x.shape), rng.encoding("x", dtype)
    assert_like_ort(model(nodes, [("x", *port)], [("y", *port)], constants), [x])


# Whole networks.


@pytest.fixture(autouse=True)
def _quiet_quantizer(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.ERROR)


@pytest.mark.parametrize("types", ["uint8/uint8", "uint8/int8", "int8/int8"])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_network_of_the_quantizer_is_like_ort(
    form: str, per_channel: bool, types: str, tmp_path: Path
):
    activations, weights = types.split("/")
    proto = om.quantize(
        om.small_cnn(),
        tmp_path,
        form=form,
        per_channel=per_channel,
        activations=activations,
        weights=weights,
    )
    if (form, per_channel, weights) == ("QOperator", True, "uint8"):
        with pytest.raises(ModelError, match="'w4_quantized' must have 1 zero point, got"):
            imported(proto)
        return
    module, rng = imported(proto), np.random.default_rng(2)
    assert count(module, qnn.TransposeOp) == 1
    scale = next(c for c in proto.graph.initializer if c.name == "y_scale")
    for _ in range(5):
        x = om.image(rng)
        (wanted,), (given,) = om.run(proto, [x]), om.execute(module, [x])
        codes = np.abs(given - wanted) / numpy_helper.to_array(scale)
        assert codes.max() < 1.01


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
@pytest.mark.parametrize("types", ["uint8/int8", "int8/int8"])
def test_every_layer_of_a_network_is_like_ort(form: str, types: str, tmp_path: Path):
    activations, weights = types.split("/")
    proto = om.quantize(
        om.small_cnn(1),
        tmp_path,
        form=form,
        per_channel=True,
        activations=activations,
        weights=weights,
    )
    layers = [n.output[0] for n in proto.graph.node if "Linear" in n.op_type or "QG" in n.op_type]
    constants = {c.name for c in proto.graph.initializer}
    layers = [
        n.output[0]
        for n in proto.graph.node
        if n.output[0] in layers and n.op_type != "DequantizeLinear" and n.input[0] not in constants
    ]
    for name in layers:
        info = om.port(name, activations, None)
        proto.graph.output.append(info)
    x = om.image(np.random.default_rng(3))
    results, expected = om.execute(imported(proto), [x]), om.run(proto, [x])
    assert len(results) >= 8
    for name, given, wanted in zip(layers, results[1:], expected[1:], strict=True):
        distance = np.abs(given.astype(np.int64) - wanted)
        assert distance.max() <= 1, name
        assert distance.mean() < 0.01, name


@pytest.mark.parametrize(
    ("name", "within"), [("mobilenetv2_qop_u8s8_pc", 0), ("mobilenetv2_qdq_s8s8_pc", 3)]
)
def test_recorded_network(name: str, within: int):
    path, golden = SHARED / f"models/onnx/{name}.onnx", SHARED / f"golden/{name}.npz"
    if not path.exists() or not golden.exists():
        pytest.skip(f"{path.name} and its recorded tensors are not beside this checkout")
    module = imported(onnx.load(path))
    assert count(module, qnn.TransposeOp) == 1
    (scale,) = {op.input_q.per_tensor().scale for op in module.walk() if is_dequantize(op)}
    with np.load(golden) as file:
        for seed in range(2):
            (given,), wanted = om.execute(module, [file[f"s{seed}/in0"]]), file[f"s{seed}/out0"]
            assert np.abs((given - wanted) / scale).max() < within + 0.01
            assert given.argmax() == wanted.argmax()


def is_dequantize(op: Any) -> bool:
    return isinstance(op, qnn.DequantizeOp)


# What the module looks like.


def chain(*operators: onnx.NodeProto, dtype: str = "int8", **constants: Any) -> onnx.ModelProto:
    """Operators from the codes x of an image to the codes y, with weights of 1x1."""
    rng = Random(0)
    stated = {"w": rng.codes((4, 4, 1, 1), "int8")} | encoding("w", 0.1, 0, "int8")
    stated |= rng.encoding("x", dtype) | rng.encoding("y", dtype) | rng.encoding("m", dtype)
    return model(
        operators,
        [("x", dtype, [1, 4, 5, 6])],
        [("y", dtype, None)],
        stated | {name: np.asarray(value) for name, value in constants.items()},
    )


def conv(source: str, target: str) -> onnx.NodeProto:
    read = f"{source} {source}_s {source}_z w w_s w_z {target}_s {target}_z"
    return node("QLinearConv", read, target)


def test_image_is_transposed_at_the_edges_only():
    module = imported(chain(conv("x", "m"), node("Relu", "m", "r"), conv("m", "y")))
    names = [op.name for op in main(module).body.block.ops if not isinstance(op, ConstantOp)]
    assert names == ["qnn.transpose", "qnn.conv", "qnn.requantize", "qnn.clip", "qnn.conv",
                     "qnn.requantize", "qnn.transpose", "func.return"]  # fmt: skip


def test_transpositions_of_the_model_cost_nothing_where_they_bring_channels_last():
    proto = chain(
        node("Transpose", "n", "x", perm=[0, 3, 1, 2]),
        conv("x", "m"),
        node("Transpose", "m", "y", perm=[0, 2, 3, 1]),
    )
    proto.graph.input[0].CopyFrom(om.port("n", "int8", [1, 5, 6, 4]))
    module = imported(proto)
    assert not count(module, qnn.TransposeOp)
    x = Random(1).codes((1, 5, 6, 4), "int8")
    np.testing.assert_array_equal(om.execute(module, [x])[0], om.run(proto, [x])[0])


def test_flattened_image_meets_permuted_weights_and_no_transposition():
    rng = Random(0)
    proto = chain(
        conv("x", "m"),
        node("Flatten", "m", "f"),
        node("QLinearMatMul", "f m_s m_z v w_s w_z y_s y_z", "y"),
        v=rng.codes((4 * 5 * 6, 3), "int8"),
    )
    module, x = imported(proto), rng.codes((1, 4, 5, 6), "int8")
    assert count(module, qnn.TransposeOp) == 1
    np.testing.assert_array_equal(om.execute(module, [x])[0], om.run(proto, [x])[0])


def test_sequence_that_is_cut_out_of_an_image_is_transposed_once():
    rng = Random(0)
    proto = chain(
        conv("x", "m"),
        node("Reshape", "m shape", "r"),
        node("Transpose", "r", "t", perm=[0, 2, 1]),
        node("QLinearMatMul", "t m_s m_z v w_s w_z y_s y_z", "y"),
        v=rng.codes((4, 3), "int8"),
        shape=[1, 4, 30],
    )
    x = rng.codes((1, 4, 5, 6), "int8")
    np.testing.assert_array_equal(om.execute(imported(proto), [x])[0], om.run(proto, [x])[0])


def test_names_encodings_and_types_are_kept():
    module = imported(chain(conv("x", "m"), conv("m", "y"), dtype="uint8"), name="net.onnx")
    function = main(module)
    stated = chain(dtype="uint8").graph.initializer
    values = {c.name: numpy_helper.to_array(c).item() for c in stated if c.name[0] in "xy"}
    for attributes, name in ((function.arg_attrs, "x"), (function.res_attrs, "y")):
        (entry,) = attributes
        assert entry.data["qnn.name"].data == name
        wanted = QuantizationAttr.of(values[f"{name}_s"], values[f"{name}_z"])
        assert entry.data["qnn.quantization"] == wanted
    assert [str(t.element_type) for t in function.function_type.inputs] == ["ui8"]
    assert [str(t.element_type) for t in function.function_type.outputs] == ["ui8"]
    assert str(module.location) == 'loc("net.onnx":0:0)'
    convolutions = [op.location for op in module.walk() if isinstance(op, qnn.ConvOp)]
    assert all(isinstance(location, NameLoc) for location in convolutions)
    assert [location.desc.data for location in convolutions] == ["m", "y"]
    constants = [op.location.desc.data for op in module.walk() if isinstance(op, ConstantOp)]
    assert constants == ["w", "w"]


def test_weights_are_transposed_to_hwigo():
    weight = Random(0).codes((6, 2, 1, 3), "int8")
    proto = chain(node("QLinearConv", "x x_s x_z v w_s w_z y_s y_z", "y", group=2), v=weight)
    (constant,) = (op for op in imported(proto).walk() if isinstance(op, ConstantOp))
    stored = elements(constant.value)
    assert stored.shape == (1, 3, 2, 2, 3)
    for o, i, x in np.ndindex(6, 2, 3):
        assert stored[0, x, i, o // 3, o % 3] == weight[o, i, 0, x]


def test_float_result_of_a_relu_is_clamped():
    proto = chain(
        node("DequantizeLinear", "x x_s x_z", "x_f"),
        node("DequantizeLinear", "w w_s w_z", "w_f"),
        node("Conv", "x_f w_f", "c"),
        node("Relu", "c", "y"),
    )
    proto.graph.output[0].CopyFrom(om.port("y", "float32", [1, 4, 5, 6]))
    x = Random(1).codes((1, 4, 5, 6), "int8")
    (wanted,), (given,) = om.run(proto, [x], integers=False), om.execute(imported(proto), [x])
    np.testing.assert_allclose(given, wanted, rtol=1e-5, atol=1e-5)


def test_shapes_are_computed_while_importing():
    proto = chain(
        conv("x", "m"),
        node("Shape", "m", "s"),
        node("Gather", "s zero", "n", axis=0),
        node("Unsqueeze", "n axes", "n1"),
        node("Constant", "", "rest", value_ints=[-1]),
        node("Concat", "n1 rest", "shape", axis=0),
        node("Reshape", "m shape", "y"),
        zero=np.array(0),
        axes=np.array([0]),
    )
    (result,) = main(imported(proto)).function_type.outputs
    assert result.get_shape() == (1, 4 * 5 * 6)


def test_symbolic_batch_becomes_one_with_a_remark(tmp_path: Path):
    proto = chain(conv("x", "y"))
    proto.graph.input[0].CopyFrom(om.port("x", "int8", ["N", 4, 5, 6]))
    said: list[str] = []
    module = imported(proto, report=said.append)
    assert said == ["axis 0 'N' of input 'x' has no size, 1 is taken"]
    assert main(module).function_type.inputs.data[0].get_shape() == (1, 4, 5, 6)
    module = imported(proto, batch=3)
    assert main(module).function_type.inputs.data[0].get_shape() == (3, 4, 5, 6)
    onnx.save(proto, tmp_path / "m.onnx")
    ctx = sima_mlir.make_context()
    (remark,) = sima_mlir.run_pipeline(ctx, sima_mlir.load(ctx, tmp_path / "m.onnx"), "")
    assert (remark.kind, remark.pass_name) == ("Analysis", "import")
    assert said[0] in str(remark)


@DTYPES
def test_network_is_lowered_whole(dtype: str, tmp_path: Path):
    proto = chain(conv("x", "m"), node("Flatten", "m", "y"), dtype=dtype)
    onnx.save(proto, tmp_path / "m.onnx")
    ctx = sima_mlir.make_context()
    module = sima_mlir.load(ctx, tmp_path / "m.onnx")
    sima_mlir.run_pipeline(ctx, module, "convert-qnn-to-sima{requantization=tflite}")
    x = Random(0).codes((1, 4, 5, 6), dtype)
    (given,), (wanted,) = om.execute(module, [x]), om.run(proto, [x])
    assert given.dtype == wanted.dtype
    assert np.abs(given.astype(int) - wanted).max() <= 1
    assert np.abs(given.astype(int) - wanted).mean() < 0.01


# Ends of a network that are left to the host.


def with_outputs(proto: onnx.ModelProto, *names: str) -> onnx.ModelProto:
    """The model with floats as outputs, and codes where a name is that of codes."""
    del proto.graph.output[:]
    for name in names:
        proto.graph.output.append(om.port(name, "int8" if name in "xm" else "float32", None))
    return proto


def float_ends() -> onnx.ModelProto:
    """A convolution whose codes become floats, and go through a softmax and other operators."""
    proto = chain(
        conv("x", "m"),
        node("DequantizeLinear", "m m_s m_z", "f"),
        node("Reshape", "f shape", "r"),
        node("Softmax", "r", "s", axis=1),
        node("Exp", "s", "e"),
        node("CumSum", "e zero", "c"),
        node("Mul", "c s", "y"),
        shape=[4, 30],
        zero=np.array(0),
    )
    return with_outputs(proto, "m", "y", "f")


def test_float_end_is_left_to_the_host():
    proto, said = float_ends(), list[str]()
    module = imported(proto, partial=True, report=said.append)
    assert said == [
        "operator 'Softmax' at 's' is left to the host: it is not quantized",
        "operator 'Exp' at 'e' is left to the host: 's' is not quantized",
        "operator 'CumSum' at 'c' is left to the host: it is not supported",
        "operator 'Mul' at 'y' is left to the host: it reads what is left there",
    ]
    entries = main(module).res_attrs
    assert entries is not None
    assert [entry.data["qnn.name"].data for entry in entries] == ["m", "f", "r"]
    x = Random(1).codes((1, 4, 5, 6), "int8")
    expected = om.run(with_outputs(float_ends(), "m", "f", "r"), [x])
    for given, wanted in zip(om.execute(module, [x]), expected, strict=True):
        np.testing.assert_array_equal(given, wanted)


def test_remarks_of_a_partial_import_name_what_is_left_out(tmp_path: Path):
    onnx.save(float_ends(), tmp_path / "m.onnx")
    ctx = sima_mlir.make_context()
    module = sima_mlir.load(ctx, tmp_path / "m.onnx", partial=True)
    remarks = sima_mlir.run_pipeline(ctx, module, "convert-qnn-to-sima")
    left = [str(r) for r in remarks if r.pass_name == "import"]
    assert len(left) == 4
    assert left[2].endswith("operator 'CumSum' at 'c' is left to the host: it is not supported")
    assert str(tmp_path / "m.onnx") in left[2]
    with pytest.raises(sima_mlir.SimaError, match="a partial import would leave out 4 of 7"):
        sima_mlir.load(ctx, tmp_path / "m.onnx")


def test_nothing_is_computed_for_what_is_left_to_the_host():
    names = [op.name for op in main(imported(float_ends(), partial=True)).body.block.ops]
    assert names.count("qnn.dequantize") == 2
    assert "qnn.softmax" not in names


def test_float_end_is_refused_unless_partial():
    refuse(
        float_ends(),
        "operator 'CumSum' is not supported (1 time, first at 'c')",
        "operator 'Exp' at 'e': 's' is not quantized",
        partial_import(4, 7),
    )
    proto = chain(
        conv("x", "m"), node("DequantizeLinear", "m m_s m_z", "f"), node("Softmax", "f", "y")
    )
    refuse(with_outputs(proto, "y"), "output 'y' is not quantized", partial_import(1, 3))
    assert count(imported(proto, partial=True), qnn.DequantizeOp) == 1


def test_end_that_writes_codes_is_refused():
    proto = chain(
        node("DequantizeLinear", "x x_s x_z", "f"),
        node("CumSum", "f zero", "c"),
        node("QuantizeLinear", "c m_s m_z", "m"),
        conv("m", "y"),
        zero=np.array(0),
    )
    refuse(proto, "operator 'CumSum' is not supported (1 time, first at 'c')", partial=True)


def test_damaged_file_is_refused_as_a_whole():
    proto = float_ends()
    (weight,) = (c for c in proto.graph.initializer if c.name == "shape")
    weight.raw_data = weight.raw_data[:-1]
    unsupported = "operator 'CumSum' is not supported (1 time, first at 'c')"
    refuse(proto, unsupported, "tensor 'shape': data must have 16 bytes, got 15", partial=True)


def test_output_that_is_not_what_the_file_says_is_refused():
    proto = float_ends()
    proto.graph.output[0].CopyFrom(om.port("m", "int8", [7]))
    unsupported = "operator 'CumSum' is not supported (1 time, first at 'c')"
    exp = "operator 'Exp' at 'e': 's' is not quantized"
    reason = "output 'm' has shape 7, computed is 1x4x5x6"
    refuse(proto, unsupported, exp, reason, partial=True)


def test_input_that_only_the_host_reads_is_a_result():
    proto = float_ends()
    proto.graph.input.append(om.port("z", "float32", [4, 30]))
    proto.graph.node[-1].input[1] = "z"
    module = imported(proto, partial=True)
    x, z = Random(1).codes((1, 4, 5, 6), "int8"), np.ones((4, 30), np.float32)
    np.testing.assert_array_equal(om.execute(module, [x, z])[2], z)


def test_network_without_integers_before_its_end_is_refused():
    proto = chain(node("CumSum", "x zero", "y"), conv("x", "m"), zero=np.array(0))
    with_port(proto, "x", "float32", [2, 4])
    unsupported = "operator 'CumSum' is not supported (1 time, first at 'y')"
    refuse(proto, unsupported, "operator 'QLinearConv' at 'm': 'x' must hold codes", partial=True)


@DTYPES
def test_encoding_of_an_input_is_known_behind_what_moves_codes(dtype: str):
    rng = Random(2)
    proto = chain(
        node("Transpose", "x", "t", perm=[0, 2, 1, 3]),
        node("Concat", "t t", "d", axis=1),
        node("Slice", "d zero four one", "s"),
        node("QLinearConv", "s x_s x_z w w_s w_z y_s y_z", "y"),
        dtype=dtype,
        zero=[0],
        four=[4],
        one=[1],
    )
    with_port(proto, "x", dtype, [1, 6, 4, 5])
    ctx = sima_mlir.make_context()
    module = sima_mlir.read(ctx, proto.SerializeToString(), format="onnx")
    sima_mlir.run_pipeline(ctx, module, "convert-qnn-to-sima{requantization=tflite}")
    x = rng.codes((1, 6, 4, 5), dtype)
    (given,), (wanted,) = om.execute(module, [x]), om.run(proto, [x])
    assert np.abs(given.astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("mode", ["sima", "tflite"])
@pytest.mark.parametrize("code", ["ConvTranspose", "MatMul", "PRelu", "Resize", "Div", "Max"])
@DTYPES
def test_operator_is_lowered(code: str, mode: str, dtype: str):
    rng = Random(1)
    x, attributes, rest = rng.codes((1, 4, 5, 5), dtype), dict[str, Any](), "c"
    constants = {"c": np.array(0.7, np.float32)}
    if code == "ConvTranspose":
        constants = {"w": rng.codes((4, 3, 2, 2), "int8")} | encoding("w", 0.01, 0, "int8")
        attributes, rest = {"strides": [2, 2]}, "w_f"
    elif code == "MatMul":
        rest = "x_f"
    elif code == "Resize":
        constants, rest = {"c": np.array([1, 1, 2, 2], np.float32)}, "- c"
    proto = qdq(code, rng, x, constants, rest, **attributes)
    if rest == "w_f":
        proto.graph.node.insert(0, node("DequantizeLinear", "w w_s w_z", "w_f"))
    ctx = sima_mlir.make_context()
    module = sima_mlir.read(ctx, proto.SerializeToString(), format="onnx")
    sima_mlir.run_pipeline(ctx, module, f"convert-qnn-to-sima{{requantization={mode}}}")
    (given,), (wanted,) = om.execute(module, [x]), om.run(proto, [x])
    distance = np.abs(given.astype(int) - wanted)
    assert distance.max() <= 1 + (mode == "sima")
    assert distance.mean() < 0.3


# Data outside the file.


def external(proto: onnx.ModelProto, folder: Path, location: str = "weights.bin") -> None:
    """Moves the weights out of the model."""
    (weight,) = (c for c in proto.graph.initializer if c.name == "w")
    data = b"\xff" * 5 + weight.raw_data
    (folder / "weights.bin").write_bytes(data)
    onnx.external_data_helper.set_external_data(weight, location, 5, len(data) - 5)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL


def test_external_data_is_read(tmp_path: Path):
    proto = chain(conv("x", "y"))
    inside = imported(proto)
    external(proto, tmp_path)
    assert imported(proto, folder=tmp_path).is_structurally_equivalent(inside)
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    loaded = sima_mlir.load(sima_mlir.make_context(), path)
    assert loaded.is_structurally_equivalent(inside)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("../weights.bin", "which is outside the model's folder"),
        ("a/../../weights.bin", "which is outside the model's folder"),
        ("/etc/passwd", "which is outside the model's folder"),
        ("link.bin", "which is outside the model's folder"),
        ("missing.bin", "which is no file in the model's folder"),
        ("a", "which is no file in the model's folder"),
        (".", "which is no file in the model's folder"),
        ("x" * 5000, "which is no file in the model's folder"),
    ],
)
def test_external_data_stays_in_the_folder(location: str, reason: str, tmp_path: Path):
    (folder := tmp_path / "model").mkdir()
    (folder / "a").mkdir()
    (tmp_path / "weights.bin").write_bytes(bytes(100))
    (folder / "link.bin").symlink_to(tmp_path / "weights.bin")
    proto = chain(conv("x", "y"))
    external(proto, folder, location)
    refuse(proto, f"tensor 'w': its data is in '{location}', {reason}", folder=folder)


def test_faulty_external_data_is_refused(tmp_path: Path):
    proto = chain(conv("x", "y"))
    external(proto, tmp_path)
    refuse(proto, "tensor 'w': its data is in 'weights.bin', and the model has no folder")
    (weight,) = (c for c in proto.graph.initializer if c.name == "w")
    entries = {entry.key: entry for entry in weight.external_data}
    entries["offset"].value = "6"
    refuse(proto, "tensor 'w': 'weights.bin' must have 22 bytes, got 21", folder=tmp_path)
    entries["offset"].value = "-1"
    refuse(proto, "tensor 'w': offset of external data must be a number, got '-1'", folder=tmp_path)
    entries["length"].value = "4000000000"
    entries["offset"].value = "5"
    refuse(proto, "tensor 'w': data must have 16 bytes, got 4000000000", folder=tmp_path)
    (tmp_path / "weights.bin").write_bytes(b"")
    entries["length"].value = "16"
    refuse(proto, "tensor 'w': 'weights.bin' must have 21 bytes, got 0", folder=tmp_path)


# What is refused.


def refuse(proto: onnx.ModelProto, *messages: str, **options: Any) -> None:
    with pytest.raises(ModelError) as error:
        import_onnx(proto.SerializeToString(), **options)
    assert error.value.messages == messages
    assert str(error.value) == "\n".join(messages)


def test_everything_unsupported_is_listed():
    refuse(
        chain(
            node("LSTM", "x", "a"),
            node("NonMaxSuppression", "a", "b"),
            node("LSTM", "x", "c"),
            node("com.acme.Thing", "c", "d"),
            node("DequantizeLinear", "x x_s x_s", "e"),
            node("Relu", "e", "f"),
            node("Transpose", "x", "y", perm=[0, 0, 1, 2]),
        ),
        "operator 'LSTM' is not supported (2 times, first at 'a')",
        "operator 'NonMaxSuppression' is not supported (1 time, first at 'b')",
        "operator 'com.acme.Thing' is not supported (1 time, first at 'd')",
        "operator 'DequantizeLinear' at 'e': zero point 'x_s' must have type INT8, UINT8, INT32, "
        "got float32",
        "operator 'Transpose' at 'y': perm must be a permutation of 4 axes, got [0, 0, 1, 2]",
    )


def test_documentation_has_every_operator():
    page = (Path(__file__).parents[2] / "docs/frontends/onnx.md").read_text()
    table = page.split("## What becomes of each operator")[1].split("## What is refused")[0]
    mentioned = {name for row in re.findall(r"^\| (`.*?) \| ", table, re.MULTILINE)
                 for name in re.findall(r"`(\w+)`", row)} - {"linear"}  # fmt: skip
    assert mentioned == {code.rpartition(".")[2] for code in _OPERATORS}


def test_float_model_is_called_so():
    refuse(
        om.small_cnn(), "the model is not quantized: it has no operator that reads or writes codes"
    )


def change(proto: onnx.ModelProto, **arrays: np.ndarray) -> onnx.ModelProto:
    """Replaces constants."""
    for index, constant in enumerate(proto.graph.initializer):
        if (array := arrays.get(constant.name)) is not None:
            proto.graph.initializer[index].CopyFrom(numpy_helper.from_array(array, constant.name))
    return proto


def convolved(**arrays: Any) -> onnx.ModelProto:
    given = {name: np.asarray(array) for name, array in arrays.items()}
    return change(chain(conv("x", "y")), **given)


def with_port(proto: onnx.ModelProto, *port: Any) -> onnx.ModelProto:
    """Replaces the input."""
    proto.graph.input[0].CopyFrom(om.port(*port))
    return proto


def dynamic_weights() -> onnx.ModelProto:
    proto = chain(node("QLinearConv", "x x_s x_z v w_s w_z y_s y_z", "y"))
    proto.graph.input.append(om.port("v", "int8", [4, 4, 1, 1]))
    return proto


def huge_claim() -> onnx.ModelProto:
    proto = chain(conv("x", "y"))
    (weight,) = (c for c in proto.graph.initializer if c.name == "w")
    del weight.dims[:]
    weight.dims.extend([65536, 65536])
    return proto


def without(name: str) -> onnx.ModelProto:
    proto = chain(conv("x", "y"))
    for constant in [c for c in proto.graph.initializer if c.name == name]:
        proto.graph.initializer.remove(constant)
    return proto


def partial_import(left: int, of: int) -> str:
    return (
        f"a partial import would leave out {left} of {of} operators, all on floats and at the end"
    )


AT = "operator 'QLinearConv' at 'y': "
INT8 = np.int8


@pytest.mark.parametrize(
    ("make", "messages"),
    [
        (dynamic_weights, [AT + "weight 'v' must be constant"]),
        (
            lambda: convolved(x_s=np.ones(4, np.float32), x_z=np.zeros(4, INT8)),
            [AT + "scale 'x_s' of an activation must have 1 value, got 4"],
        ),
        (
            lambda: convolved(w_s=np.ones(4, np.float32), w_z=np.array([1, 2, 0, 0], INT8)),
            [AT + "'w' must have 1 zero point, got 0, 1, 2"],
        ),
        (
            lambda: convolved(w_s=np.ones(3, np.float32)),
            [AT + "'w' must have 1 or 4 scales, got 3"],
        ),
        (
            lambda: convolved(y_s=np.float32(0)),
            [AT + "scale 'y_s' must be positive and finite, got 0.0"],
        ),
        (
            lambda: convolved(w_s=np.float32(np.nan)),
            [AT + "scale 'w_s' must be positive and finite, got nan"],
        ),
        (
            lambda: convolved(w_s=np.float32(1e-38), x_s=np.float32(1e-38)),
            [AT + "product of the scales must be positive and finite, got 0.0"],
        ),
        (lambda: convolved(x_z=np.uint8(1)), [AT + "zero point of 'x' must have type INT8"]),
        (
            lambda: convolved(w=np.zeros((4, 4, 1), INT8)),
            [AT + "data and weight must have the same number of axes, got 1x4x5x6 and 4x4x1"],
        ),
        (
            lambda: convolved(w=np.zeros((4, 3, 1, 1), INT8)),
            [AT + "data has 4 channels, weight takes 1 groups of 3"],
        ),
        (
            lambda: convolved(w=np.zeros((4, 4, 9, 1), INT8)),
            [AT + "window must fit into axis 1 with its padding, got 9 in 5"],
        ),
        (
            lambda: convolved(w=np.zeros((4, 4, 1, 1), np.int32)),
            [AT + "'w' and its zero point must be codes of one type, got int32 and int8"],
        ),
        (
            lambda: convolved(w=np.zeros((4, 4, 1, 1), np.int16)),
            ["tensor 'w': type must be one of FLOAT, INT8, UINT8, INT32, INT64, got INT16"],
        ),
        (huge_claim, ["tensor 'w': data must have 4294967296 bytes, got 16"]),
        (
            lambda: without("w"),
            ["tensor 'w' is used by operator 'QLinearConv' at 'y', but does not exist"],
        ),
        (
            lambda: with_port(chain(conv("x", "y")), "x", "int8", [1, 4, "H", None]),
            ["input 'x' must have a shape that is known but for its first axis, got 1x4xHx?"],
        ),
        (
            lambda: with_port(chain(conv("x", "y")), "x", "int8", None),
            ["input 'x' has no shape"],
        ),
        (
            lambda: with_port(chain(conv("x", "y")), "x", "int64", [1, 4, 5, 6]),
            ["input 'x' must have type FLOAT, INT8, UINT8, INT32, got INT64"],
        ),
        (
            lambda: with_port(chain(conv("x", "y")), "x", "float32", [1, 4, 5, 6]),
            [AT + "'x' must hold codes"],
        ),
        (
            lambda: chain(conv("x", "m"), conv("x", "m"), conv("m", "y"), conv("y", "x")),
            ["tensor 'x' is defined 2 times", "tensor 'm' is defined 2 times"],
        ),
        (
            lambda: chain(conv("m", "y"), conv("y", "m")),
            [
                "tensor 'm' is used by operator 'QLinearConv' at 'y' before it is computed: "
                "the operators are out of order or form a cycle"
            ],
        ),
        (lambda: chain(conv("x", "m")), ["output 'y' does not exist"]),
        (
            lambda: with_port(
                chain(conv("x", "y"), x_z=np.array(-109, np.int8)), "x", "uint8", [1, 4, 5, 6]
            ),
            [AT + "zero point of 'x' must have type UINT8"],
        ),
        (
            lambda: chain(node("QLinearConv", "x x_s x w w_s w_z y_s y_z", "y")),
            [AT + "'x' must be constant"],
        ),
        (lambda: chain(node("QLinearConv", "x", "y")), [AT + "inputs must be at least 8, got 1"]),
        (
            lambda: chain(node("QLinearConv", "x x_s x_z - w_s w_z y_s y_z", "y")),
            [AT + "input 3 must not be left out"],
        ),
        (
            lambda: chain(node("QLinearConv", "x x_s x_z w w_s w_z y_s y_z", "y", strides="1")),
            [AT + "attribute 'strides' must be a list of integers"],
        ),
        (
            lambda: chain(node("QLinearConv", "x x_s x_z w w_s w_z y_s y_z", "y", pads=[-1] * 4)),
            [AT + "padding must be at least 0, got -1"],
        ),
        (
            lambda: chain(node("QLinearConv", "x x_s x_z w w_s w_z y_s y_z b", "y"), b=[1.0, 2.0]),
            ["tensor 'b': type must be one of FLOAT, INT8, UINT8, INT32, INT64, got DOUBLE"],
        ),
        (
            lambda: chain(
                node("QLinearConv", "x x_s x_z w w_s w_z y_s y_z b", "y"), b=np.zeros(3, np.int32)
            ),
            [AT + "bias 'b' must have 4 values, got 3"],
        ),
        (
            lambda: chain(node("DequantizeLinear", "x x_s x_z", "f"), node("Conv", "f w_s", "y")),
            [
                "operator 'Conv' at 'y': weight 'w_s' is not quantized",
                partial_import(1, 2),
            ],
        ),
        (
            lambda: chain(node("DequantizeLinear", "x x_s x_z", "y")),
            ["output 'y' has type i8, computed is f32"],
        ),
        (
            lambda: chain(node("MaxPool", "x", "y i", kernel_shape=[1, 1]), conv("y", "m")),
            ["operator 'MaxPool' at 'y': output 'i' is not supported"],
        ),
    ],
)
def test_faulty_model_is_refused(make: Callable[[], onnx.ModelProto], messages: list[str]):
    refuse(make(), *messages)


def between(code: str, rest: str, *scales: float, **attributes: Any) -> onnx.ModelProto:
    """An operator on floats of an image and on others that rest names, with constants for them."""
    nodes = [
        node("DequantizeLinear", "x x_s x_z", "f"),
        node("DequantizeLinear", "w w_s w_z", "w_f"),
        node("DequantizeLinear", "v v_s v_z", "v_f", axis=0),
        node(code, f"f {rest}", "r", **attributes),
        node("QuantizeLinear", "r y_s y_z", "y"),
    ]
    constants = {"n": np.float32(scales or (1,)), "i": np.array([1, 2, 2, 2])}
    constants |= {"v": np.ones((4, 1, 1), np.int8), "k": np.ones((4, 1, 1), np.float32)}
    constants |= encoding("v", [0.1, 0.2, 0.3, 0.4], [0] * 4, "int8")
    return chain(*nodes, **constants)


NO_NUMBER = "'i' must have 1 value, got 4"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: between("Div", "n", 0), "divisor must be finite and not 0, got 0.0"),
        (lambda: between("Div", "n", np.inf), "divisor must be finite and not 0, got inf"),
        (lambda: between("Div", "i"), NO_NUMBER),
        (lambda: between("Div", "k"), "'k' must have 1 value, got 4"),
        (lambda: between("Div", "f"), "'f' must be constant"),
        (lambda: between("Mul", "n", np.nan), "'n' must be finite, got nan"),
        (lambda: between("Mul", "k"), "'k' is not quantized"),
        (lambda: between("Max", "f"), "inputs must be constant numbers but for 1, computed are "
         "2 of 2"),
        (lambda: between("Min", ""), "inputs must be constant numbers but for 1, computed are "
         "1 of 1"),
        (lambda: between("Max", "n i"), NO_NUMBER),
        (lambda: between("PRelu", "v_f"), "slope 'v_f' must be constant and have 1 scale"),
        (lambda: between("PRelu", "f"), "slope 'f' must have one value for each channel"),
        (lambda: between("PRelu", "w_f"), "slope 'w_f' must have one value for each channel"),
        (lambda: between("PRelu", "zero"), "'zero' must hold real numbers"),
        (lambda: between("MatMul", "v_f"), "'v_f' must have 1 scale, got 4"),
        (lambda: between("MatMul", "f"), "lhs has 6 columns, rhs takes 5"),
        (lambda: between("Swish", "", alpha=2.0), "alpha must be 1, got 2.0"),
        (lambda: between("Resize", "- - i"), "axis 1 must keep its size 4"),
        (lambda: between("ConvTranspose", "w_f", group=3), "input channels must be a multiple of "
         "3, got 4"),
        (lambda: between("ConvTranspose", "v_f"), "data and weight must have the same number of "
         "axes, got 1x4x5x6 and 4x1x1"),
        (lambda: between("ConvTranspose", "w_f", dilations=[1, 2]), "dilations must be 1, got "
         "[1, 2]"),
        (lambda: between("ConvTranspose", "w_f", output_shape=[7]), "output_shape must have 2 "
         "values, got [7]"),
        (lambda: between("ConvTranspose", "w_f", output_shape=[7, 6]), MORE + "[7, 6]"),
        (lambda: between("ConvTranspose", "w_f", auto_pad="SAME"), "auto_pad must be NOTSET, "
         "VALID, SAME_UPPER or SAME_LOWER, got SAME"),
    ],
)  # fmt: skip
def test_faulty_operator_is_refused(make: Callable[[], onnx.ModelProto], reason: str):
    proto = make()
    if "zero" in proto.graph.node[3].input:
        proto.graph.initializer.append(numpy_helper.from_array(np.array(1), "zero"))
    refuse(proto, f"operator '{proto.graph.node[3].op_type}' at 'r': {reason}")


def test_input_of_too_many_axes_is_refused():
    proto = with_port(chain(conv("x", "y")), "x", "int8", [1] * 65)
    refuse(proto, "input 'x' must have at most 64 axes, got 65")


@pytest.mark.parametrize("version", [7, 12, 1000])
def test_other_opsets_are_refused(version: int):
    proto = chain(conv("x", "y"))
    proto.opset_import[0].version = version
    newest = onnx.defs.onnx_opset_version()
    refuse(proto, f"opset must be in 13..{newest}, got {version}")


@pytest.mark.parametrize("version", range(13, onnx.defs.onnx_opset_version() + 1))
def test_every_opset_from_13_on_is_read(version: int):
    proto = chain(conv("x", "y"))
    proto.opset_import[0].version = version
    assert count(imported(proto), qnn.ConvOp) == 1


def test_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModelError) as error:
        import_onnx(b"")
    advice = "pip install 'sima-mlir[onnx]'"
    assert error.value.messages == (f"reading ONNX models needs the package 'onnx': {advice}",)


@pytest.mark.parametrize("data", [b"", b"\x08", b"\xff" * 40, b"PK\3\4" * 20, b'{"ir": 1}'])
def test_other_files_are_not_models(data: bytes):
    with pytest.raises(ModelError, match=re.escape("the file is no ONNX model, truncated or")):
        import_onnx(data)


def every_operator() -> bytes:
    """A small model with operators of both forms."""
    rng = Random(0)
    nodes = [
        conv("x", "m"),
        node("DequantizeLinear", "m m_s m_z", "f"),
        node("MaxPool", "f", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Transpose", "p", "t", perm=[0, 2, 3, 1]),
        node("Reshape", "t shape", "r"),
        node("Softmax", "r", "s"),
        node("QuantizeLinear", "s y_s y_z", "q"),
        node("QLinearMatMul", "q y_s y_z v w_s w_z m_s m_z", "n"),
        node("com.microsoft.QLinearAdd", "n m_s m_z c y_s y_z y_s y_z", "y"),
    ]
    constants = {"shape": np.array([1, 6, 4]), "v": rng.codes((4, 3), "int8"),
                 "c": rng.codes((3,), "int8")}  # fmt: skip
    return chain(*nodes, **constants).SerializeToString()


def complaints(data: bytes) -> Sequence[str]:
    """What is wrong with a model; whatever it is, it is told by a proper `ModelError`."""
    messages: Sequence[str] = ()
    try:
        import_onnx(data).verify()
    except ModelError as error:
        messages = error.messages or ["\n"]
    assert not any("\n" in message or message.endswith(".") for message in messages)
    return messages


def test_truncated_model_is_refused():
    data = every_operator()
    assert not complaints(data)
    whole = [size for size in range(len(data)) if not complaints(data[:size])]
    assert not whole


def test_damaged_model_is_refused_or_read():
    data, rng = every_operator(), np.random.default_rng(0)
    outcomes: Counter[bool] = Counter()
    for _ in range(1500):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), rng.choice([1, 1, 2, 20])):
            damaged[place] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
        outcomes[bool(complaints(bytes(damaged)))] += 1
    assert min(outcomes[True], outcomes[False]) > 50
