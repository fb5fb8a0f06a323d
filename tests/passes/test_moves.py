"""The lowering of operations that move codes computes what their source computes."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, i8
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation
from xdsl.utils.test_value import create_ssa_value

import sima_mlir
from sima_mlir.dialects import sima
from sima_mlir.dialects.elements import tensor_type
from sima_mlir.dialects.ranges import reachable_codes

CONCATENATION = """
func.func @main(%x: tensor<1x256xi8>, %y: tensor<1x256xi8>, %z: tensor<1x256xi8>)
    -> tensor<1x768xi8> {{
  %0 = qnn.concatenate %x, %y, %z axis = 1 input_qs = [{}] output_q = <{}> rounding = {}
    : (tensor<1x256xi8>, tensor<1x256xi8>, tensor<1x256xi8>) -> tensor<1x768xi8>
  func.return %0 : tensor<1x768xi8>
}}
"""
CODES = np.arange(-128, 128, dtype=np.int8)[None]


def random_concatenation(seed: int) -> str:
    """Two operands of random encodings and one of the result's."""
    rng = np.random.default_rng(seed)
    scales, zero_points = np.exp(rng.uniform(-2, 2, 3)), rng.integers(-128, 128, 3)
    encodings = [f"scale = {s}, zero_point = {z}" for s, z in zip(scales, zero_points, strict=True)]
    operands = ", ".join(f"#qnn.quantization<{encoding}>" for encoding in encodings)
    return CONCATENATION.format(operands, encodings[2], rng.choice(["away", "upward", "tflite"]))


def parse(text: str) -> tuple[Context, ModuleOp]:
    ctx = sima_mlir.make_context(remarks=True)
    return ctx, sima_mlir.parse(ctx, text)


def lowered(text: str, pipeline: str) -> tuple[np.ndarray, int, list[str]]:
    """What a lowered concatenation of all codes gives, the error remarked, and its operations."""
    ctx, module = parse(text)
    remarks = sima_mlir.run_pipeline(ctx, module, pipeline)
    (result,) = sima_mlir.interpret(ctx, module, [CODES] * 3)
    (error,) = (r.details["max_error"] for r in remarks if r.kind == "Passed")
    return result, error, [op.name for op in operations(module)]


def operations(module: ModuleOp) -> list[Operation]:
    (function,) = module.ops
    assert isinstance(function, FuncOp)
    return list(function.body.block.ops)


def source_result(text: str) -> np.ndarray:
    ctx, module = parse(text)
    (result,) = sima_mlir.interpret(ctx, module, [CODES] * 3)
    return result


@pytest.mark.parametrize("seed", range(20))
def test_concatenation_stays_within_the_error_that_is_remarked(seed: int):
    text = random_concatenation(seed)
    expected = source_result(text).astype(int)
    parts = ["sima.requantize"] * 2 + ["sima.concat", "func.return"]
    for mode in ("sima", "tflite", "auto"):
        pipeline = f"convert-qnn-to-sima{{requantization={mode} certify=true}}"
        result, error, names = lowered(text, pipeline)
        assert names == parts
        assert np.abs(result - expected).max() <= error <= (0 if mode == "tflite" else 1)


def test_concatenation_that_is_refused_leaves_nothing_behind():
    encodings = [f"scale = {scale}, zero_point = 0" for scale in (2.0, 0.5, 1.0)]
    operands = ", ".join(f"#qnn.quantization<{encoding}>" for encoding in encodings)
    ctx, module = parse(CONCATENATION.format(operands, encodings[2], "away"))
    before = str(module)
    sima_mlir.run_pipeline(ctx, module, "convert-qnn-to-sima{max-error=0 partial=true}")
    assert str(module) == before
    module.verify()
    assert all(value.has_one_use() for value in operations(module)[0].operands)


def test_range_of_many_moves_is_found():
    value = sima.ClipOp(create_ssa_value(tensor_type((1, 2), i8)), -3, 5).result
    for _ in range(5000):
        value = sima.TransposeOp(value, [0, 1]).result
    assert reachable_codes(value) == (-3, 5)


def test_range_of_a_value_in_many_concatenations_is_found():
    value = sima.ClipOp(create_ssa_value(tensor_type((1, 2), i8)), -3, 5).result
    for _ in range(60):
        halves = [sima.SliceOp(value, [0, i], [1, 1]).result for i in range(2)]
        value = sima.ConcatOp(halves, 1).result
    assert reachable_codes(value) == (-3, 5)


def test_range_of_a_concatenation_is_that_of_all_its_operands():
    data = create_ssa_value(tensor_type((1, 2), i8))
    clips = [sima.ClipOp(data, *limits).result for limits in ((-3, 5), (7, 9))]
    assert reachable_codes(sima.ConcatOp(clips, 1).result) == (-3, 9)
    assert reachable_codes(sima.ConcatOp([*clips, data], 1).result) == (-128, 127)


@pytest.mark.parametrize("padding", [None, [1, 1]])
def test_range_of_a_pool_is_that_of_its_data(padding: list[int] | None):
    clip = sima.ClipOp(create_ssa_value(tensor_type((1, 4, 2), i8)), -3, 5).result
    assert reachable_codes(sima.MaxPoolOp(clip, [2], padding=padding).result) == (-3, 5)
