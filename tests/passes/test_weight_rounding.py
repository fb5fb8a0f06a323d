"""What the strategies do in the lowering: constants, remarks, and what they fall back to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sima_mlir
from sima_mlir.dialects import sima
from sima_mlir.dialects.elements import elements
from sima_mlir.passes.diagnostics import RemarkKind

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "examples/digits"
STRATEGIES = ("nearest", "sum-preserving", "second-moment")


def dense(name: str = "main", argument: str = "tensor<1x4xi8>", ratio: float = 0.0117) -> str:
    return f"""
func.func @{name}(%x: tensor<1x4xi8>, %y: {argument}) -> tensor<1x2xi8> {{
  %w = arith.constant dense<[[40, -30, 7, 99], [3, 3, 90, -81]]> : tensor<2x4xi8>
  %0 = qnn.dense %x, %w : (tensor<1x4xi8>, tensor<2x4xi8>) -> tensor<1x2xi32>
  %1 = qnn.requantize %0 input_q = <scale = {ratio}> output_q = <scale = 1.0>
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  func.return %1 : tensor<1x2xi8>
}}
"""


TRANSPOSED = """
func.func @main(%x: tensor<1x4x4x2xi8>) -> tensor<1x8x8x3xi8> {
  %w = arith.constant dense<77> : tensor<2x2x2x1x3xi8>
  %0 = qnn.conv_transpose %x, %w strides = [2, 2]
    : (tensor<1x4x4x2xi8>, tensor<2x2x2x1x3xi8>) -> tensor<1x8x8x3xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.0117> output_q = <scale = 1.0>
    : (tensor<1x8x8x3xi32>) -> tensor<1x8x8x3xi8>
  func.return %1 : tensor<1x8x8x3xi8>
}
"""


def remarks_of(
    text: str, options: str
) -> tuple[list[sima_mlir.Remark], list[sima.WeightedOperation]]:
    ctx = sima_mlir.make_context(remarks=True)
    module = sima_mlir.parse(ctx, text, "dense.mlir")
    remarks = sima_mlir.run_pipeline(ctx, module, f"convert-qnn-to-sima{{{options}}}")
    return remarks, [op for op in module.walk() if isinstance(op, sima.WeightedOperation)]


def notes(text: str, options: str = "weight-rounding=second-moment") -> list[str]:
    remarks, _ = remarks_of(text, options)
    return [
        remark.message.partition("' op ")[2]
        for remark in remarks
        if remark.kind == RemarkKind.ANALYSIS
    ]


def test_second_moment_says_what_it_expects_and_nothing_else():
    remarks, _ = remarks_of(dense(), "weight-rounding=second-moment")
    (details,) = (r.details for r in remarks if "weight_rounding" in r.details)
    assert details["weight_rounding"] == "second-moment"
    assert 0 < details["expected_error"] < details["expected_error_nearest"]
    assert notes(dense()) == []


@pytest.mark.parametrize("strategy", ["nearest", "sum-preserving"])
def test_the_others_expect_nothing(strategy: str):
    remarks, _ = remarks_of(dense(), f"weight-rounding={strategy}")
    (details,) = (r.details for r in remarks if "requantization" in r.details)
    wanted = None if strategy == "nearest" else strategy
    assert details.get("weight_rounding") == wanted
    assert "expected_error" not in details
    assert notes(dense(), f"weight-rounding={strategy}") == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (dense("other"), "there is no function 'main'"),
        (dense(argument="tensor<1xf32>"), "no inputs can be made up for its function"),
        (dense("other") + "func.func private @main()", "there is no function 'main'"),
        (dense("other") + "func.func @main() { func.return }", "it is not in 'main'"),
        (TRANSPOSED, "it is transposed"),
    ],
)
def test_without_data_sums_are_preserved(text: str, reason: str):
    assert notes(text) == [f"its weights are rounded sum-preserving: {reason}"]
    found, wanted = (
        remarks_of(text, f"weight-rounding={strategy}")[1][0]
        for strategy in ("second-moment", "sum-preserving")
    )
    assert found.is_structurally_equivalent(wanted) or str(found) == str(wanted)


def test_a_network_that_cannot_be_computed_for_made_up_inputs():
    text = dense().replace("func.return", '"other.op"() : () -> ()\n  func.return')
    ctx = sima_mlir.make_context(allow_unregistered=True)
    module = sima_mlir.parse(ctx, text, "dense.mlir")
    options = "partial=true weight-rounding=second-moment"
    remarks = sima_mlir.run_pipeline(ctx, module, f"convert-qnn-to-sima{{{options}}}")
    start = "its weights are rounded sum-preserving: the network cannot be computed: "
    assert any(start in remark.message for remark in remarks)


def test_where_second_moments_do_not_help_the_constants_are_those_of_nearest():
    text = dense(ratio=0.0078125)
    assert notes(text) == ["its weights are rounded to nearest: second moments do not help"]
    (found,), (wanted,) = (
        remarks_of(text, f"weight-rounding={strategy}")[1]
        for strategy in ("second-moment", "nearest")
    )
    for name in ("weight", "bias"):
        assert np.array_equal(elements(getattr(found, name)), elements(getattr(wanted, name)))


def test_a_layer_that_multiplies_says_nothing_of_its_weights():
    """Its scale does not fold; what was tried before does not show."""
    remarks, (op,) = remarks_of(dense(ratio=1.5), "weight-rounding=second-moment")
    assert op.is_tflite
    assert all("weight_rounding" not in remark.details for remark in remarks)


@pytest.mark.parametrize("name", ["convert-qnn-to-sima", "qnn-to-sima-pipeline"])
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            'weight-rounding=nearest calibration="x.npz"',
            "calibration is for weight-rounding=second-moment, got nearest",
        ),
        (
            'weight-rounding=second-moment requantization=tflite calibration="x.npz"',
            "calibration is for requantization=sima or auto, got tflite",
        ),
    ],
)
def test_options_that_do_not_go_together(name: str, options: str, reason: str):
    ctx = sima_mlir.make_context()
    module = sima_mlir.parse(ctx, dense(), "dense.mlir")
    with pytest.raises(sima_mlir.SimaError, match=reason):
        sima_mlir.run_pipeline(ctx, module, f"{name}{{{options}}}")


def digits_accuracy(pipeline: str) -> float:
    ctx = sima_mlir.make_context()
    module = sima_mlir.load(ctx, DIGITS / "digits_int8.tflite")
    sima_mlir.run_pipeline(ctx, module, pipeline)
    with np.load(DIGITS / "digits_test.npz") as file:
        images, labels = file["in0"], file["labels"]
    (outputs,) = sima_mlir.interpret_batches(ctx, module, [images])
    return float(np.mean(outputs.argmax(axis=1) == labels))


@pytest.mark.parametrize(
    "pipeline",
    ["convert-qnn-to-sima", "qnn-to-sima-pipeline", "convert-qnn-to-sima{requantization=auto}"],
)
def test_digits_are_read_as_well_as_before(pipeline: str):
    assert digits_accuracy(pipeline) >= digits_accuracy("") - 0.002


def test_a_lowering_is_the_same_again():
    texts: list[str] = []
    for _ in range(2):
        ctx = sima_mlir.make_context()
        module = sima_mlir.load(ctx, DIGITS / "digits_int8.tflite")
        sima_mlir.run_pipeline(ctx, module, "qnn-to-sima-pipeline")
        texts.append(str(module))
    assert texts[0] == texts[1]
