"""The `qnn` interpreter computes, bit for bit, what six executors of the world computed."""

from __future__ import annotations

import io
import json
import lzma
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Block, Operation, Region, SSAValue

from sima_mlir.dialects import qnn
from sima_mlir.dialects.elements import dense, element_type_of, tensor_type
from sima_mlir.dialects.qnn import QuantizationAttr
from sima_mlir.interpreters import register_implementations
from sima_mlir.quantization import Rounding

DATA = Path(__file__).parent.parent / "cases"
LAYERS: list[dict[str, Any]] = json.loads((DATA / "layers.json").read_text())
with np.load(io.BytesIO(lzma.decompress((DATA / "layers.npz.xz").read_bytes()))) as file:
    ARRAYS: dict[str, np.ndarray] = {name: file[name] for name in file.files}

EXECUTORS = {
    "tvm_UPWARD_int64": Rounding.UPWARD,
    "tvm_TONEAREST_int64": Rounding.AWAY,
    "iree_SINGLE_ROUND": Rounding.UPWARD,
    "iree_DOUBLE_ROUND": Rounding.TFLITE,
    "litert_ref": Rounding.TFLITE,
    "ort_qop": Rounding.FLOAT32,
}
ACCEPTED = [(e, i) for e in EXECUTORS for i in range(len(LAYERS)) if f"{i}/{e}" in ARRAYS]


@dataclass
class Contract:
    """What of a layer's meaning is up to the executor."""

    weight: np.ndarray
    weight_zero_point: int
    rounding: Rounding
    double_product: bool = False
    """Whether the scales of data and weight are multiplied in double, not in float32."""


def contract(executor: str, layer: dict[str, Any]) -> Contract:
    weight, zero_point = ARRAYS[f"{layer['i']}/w"], layer["wzp"]
    if executor != "litert_ref":
        return Contract(weight, zero_point, EXECUTORS[executor])
    if layer["x"] == "uint8":  # the uint8 kernels know uint8 weights only, and read any bytes so
        weight = weight.view(np.uint8)
    if layer["kind"] == "dense":
        return Contract(weight, zero_point, Rounding.FLOAT32)
    if layer["kind"] == "dw" and layer["x"] == "int8":  # this kernel has no weight zero point
        zero_point = 0
    return Contract(weight, zero_point, Rounding.TFLITE, double_product=layer["x"] == "int8")


def accumulator(layer: dict[str, Any], data: SSAValue, c: Contract) -> list[Operation]:
    """Constants, conv or dense, and the addition of the bias."""
    zero_points = {"input_zero_point": layer["xzp"], "kernel_zero_point": c.weight_zero_point}
    bias = ConstantOp(dense(ARRAYS[f"{layer['i']}/b"]))
    if layer["kind"] == "dense":
        weight = ConstantOp(dense(c.weight))
        product = qnn.DenseOp(data, weight.result, **zero_points)
    else:
        *kernel, inputs, outputs = c.weight.shape
        groups = layer["g"]
        weight = ConstantOp(dense(c.weight.reshape(*kernel, inputs, groups, outputs // groups)))
        window = {"strides": layer["st"], "padding": layer["pad"], "dilations": layer["dil"]}
        product = qnn.ConvOp(data, weight.result, **window, **zero_points)
    return [weight, bias, product, qnn.BiasAddOp(product.result, bias.result)]


def requantization(
    layer: dict[str, Any], data: SSAValue, c: Contract, dtype: np.dtype[Any]
) -> qnn.RequantizeOp:
    sx, sw, sy = (ARRAYS[f"{layer['i']}/{name}"] for name in ("sx", "sw", "sy"))
    product = sx.astype(np.float64) * sw if c.double_product else sx * sw
    return qnn.RequantizeOp(
        data,
        QuantizationAttr.of(product),
        QuantizationAttr.of(sy, layer["yzp"]),
        c.rounding,
        element_type_of(dtype),
    )


def module_of(layer: dict[str, Any], c: Contract, dtype: np.dtype[Any] | None) -> ModuleOp:
    """A module whose `main` computes a layer, or for no dtype its accumulators."""
    x = ARRAYS[f"{layer['i']}/x"]
    block = Block(arg_types=[tensor_type(x.shape, element_type_of(x.dtype))])
    ops = accumulator(layer, block.args[0], c)
    if dtype is not None:
        ops.append(requantization(layer, ops[-1].results[0], c, dtype))
    result = ops[-1].results[0]
    block.add_ops([*ops, ReturnOp(result)])
    types = ([block.args[0].type], [result.type])
    module = ModuleOp([FuncOp("main", types, Region(block))])
    module.verify()
    return module


def run(module: ModuleOp, x: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(module)
    register_implementations(interpreter, Context())
    (result,) = interpreter.call_op("main", (x,))
    return result


def test_data_is_complete():
    assert [layer["i"] for layer in LAYERS] == list(range(200))
    assert Counter(executor for executor, _ in ACCEPTED) == {
        "tvm_UPWARD_int64": 198,
        "tvm_TONEAREST_int64": 198,
        "iree_SINGLE_ROUND": 94,
        "iree_DOUBLE_ROUND": 60,
        "litert_ref": 114,
        "ort_qop": 200,
    }


@pytest.mark.parametrize("number", range(len(LAYERS)))
def test_accumulators(number: int):
    layer = LAYERS[number]
    c = Contract(ARRAYS[f"{number}/w"], layer["wzp"], Rounding.UPWARD)
    result = run(module_of(layer, c, None), ARRAYS[f"{number}/x"])
    assert result.dtype == np.int32
    assert zlib.crc32(result.astype("<i4").tobytes()) == layer["acc_crc32"]


@pytest.mark.parametrize(("executor", "number"), ACCEPTED)
def test_output_is_the_executors(executor: str, number: int):
    layer, expected = LAYERS[number], ARRAYS[f"{number}/{executor}"]
    module = module_of(layer, contract(executor, layer), expected.dtype)
    result = run(module, ARRAYS[f"{number}/x"])
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)
