"""Pipelines: both spellings, and every way in which one can be wrong."""

from dataclasses import dataclass

import pytest
from xdsl.dialects.builtin import IntegerAttr, i8, i64
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from sima_mlir import SimaError, make_context, parse, parse_pipeline, run_pipeline

FOLDABLE = "func.func @f() -> i32 {\n  %0 = arith.constant 1 : i32\n  func.return %0 : i32\n}"

TWO_USERS = """\
func.func @f(%x: tensor<1x4xi8>) -> (tensor<1x1xi32>, tensor<1x1xi8>) {
  %w = arith.constant dense<1> : tensor<1x4xi8>
  %0 = qnn.dense %x, %w : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0> rounding = tflite
    : (tensor<1x1xi32>) -> tensor<1x1xi8>
  func.return %0, %1 : tensor<1x1xi32>, tensor<1x1xi8>
}
"""


def refusal(pipeline):
    with pytest.raises(SimaError) as caught:
        parse_pipeline(pipeline)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "convert-qnn-to-sima{requantization=tflite partial=true},cse",
        " builtin.module(convert-qnn-to-sima{requantization=tflite partial=true},cse) ",
    ],
)
def test_both_spellings_are_the_same_pipeline(text):
    lowering, cse = parse_pipeline(text)
    assert (lowering.requantization, lowering.partial) == ("tflite", True)
    assert cse.name == "cse"


def test_options_are_written_with_hyphens_or_underscores():
    for text in ("max-error=2 certify=true", "max_error=2 certify=true"):
        (lowering,) = parse_pipeline(f"convert-qnn-to-sima{{{text}}}")
        assert (lowering.max_error, lowering.certify) == (2, True)
    (lowering,) = parse_pipeline("convert-qnn-to-sima")
    assert (lowering.max_error, lowering.certify) == (None, False)


def test_an_empty_pipeline_has_no_passes():
    assert parse_pipeline("") == ()


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        ("no-such", "error: unknown pass 'no-such'"),
        ("canonicalise", "error: unknown pass 'canonicalise', did you mean 'canonicalize'"),
        (
            "convert-qnn-to-sima{foo=1}",
            "error: pass 'convert-qnn-to-sima' has no option 'foo', its options are "
            "requantization, max-error, weight-rounding, calibration, certify, partial",
        ),
        (
            "canonicalize{foo}",
            "error: pass 'canonicalize' has no option 'foo', its options are none",
        ),
        (
            "convert-qnn-to-sima{requantization=float}",
            "error: option 'requantization' of pass 'convert-qnn-to-sima' must be sima or tflite "
            "or auto, got float",
        ),
        (
            "convert-qnn-to-sima{partial=1,2}",
            "error: option 'partial' of pass 'convert-qnn-to-sima' must be bool, got 1,2",
        ),
        (
            "convert-qnn-to-sima{partial}",
            "error: option 'partial' of pass 'convert-qnn-to-sima' must be bool, got nothing",
        ),
        (
            "convert-qnn-to-sima{max-error=-1}",
            "error: pass 'convert-qnn-to-sima': max-error must not be negative, got -1",
        ),
        (
            "convert-qnn-to-sima{max-error=0.5}",
            "error: option 'max-error' of pass 'convert-qnn-to-sima' must be int|None, got 0.5",
        ),
        (
            "convert-qnn-to-sima{max-error=1,2}",
            "error: option 'max-error' of pass 'convert-qnn-to-sima' must be int|None, got 1,2",
        ),
        (
            "convert-qnn-to-sima{max-error=true}",
            "error: option 'max-error' of pass 'convert-qnn-to-sima' must be int|None, got True",
        ),
        (
            "convert-qnn-to-sima{certify=1}",
            "error: option 'certify' of pass 'convert-qnn-to-sima' must be bool, got 1",
        ),
        ("apply-individual-rewrite", 'requires argument "matched_operation_index"'),
        ("cse{", "pass-pipeline:1:5: error: expected argument name here"),
        ("cse{a", "pass-pipeline:1:6: error: expected equals, space or end of arguments here"),
        ("cse{a=", "pass-pipeline:1:7: error: unknown argument value"),
        (",", "pass-pipeline:1:1: error: expected pass name here"),
        ("cse cse", "pass-pipeline:1:4: error: expected a comma or pass arguments here"),
        ("func.func(cse)", "pass-pipeline:1:5: error: unknown token"),
    ],
)
def test_a_wrong_pipeline_is_refused(pipeline, message):
    assert message in refusal(pipeline)


@pytest.mark.parametrize("length", range(1, 40))
def test_no_beginning_of_a_pipeline_ends_in_a_traceback(length):
    pipeline = 'builtin.module(cse,mlir-opt[cse],cse{a="b" c=1,2.5})'
    assert len(refusal(pipeline[:length]).splitlines()) == 1


def test_an_invalid_module_is_refused_before_the_first_pass():
    ctx = make_context()
    module = parse(ctx, "func.func @f() -> i32 {\n  func.return\n}", "x.mlir")
    with pytest.raises(SimaError) as caught:
        run_pipeline(ctx, module, "cse")
    assert str(caught.value).startswith("x.mlir:2:3: error: 'func.return' op ")


@dataclass(frozen=True)
class Break(ModulePass):
    name = "break"

    def apply(self, ctx, op):
        for constant in op.walk():
            if "value" in constant.properties:
                constant.properties["value"] = IntegerAttr(1, i8)


@dataclass(frozen=True)
class Refuse(ModulePass):
    name = "refuse"

    def apply(self, ctx, op):
        raise PassFailedException("Too hard.")


@dataclass(frozen=True)
class Crash(ModulePass):
    name = "crash"

    def apply(self, ctx, op):
        raise KeyError(i64)


def run(module_pass):
    ctx = make_context()
    run_pipeline(ctx, parse(ctx, FOLDABLE, "x.mlir"), [module_pass])


def test_what_a_pass_breaks_is_found_and_the_pass_named():
    with pytest.raises(SimaError) as caught:
        run(Break())
    first, note = caught.value.diagnostics
    assert str(first).startswith("x.mlir:2:8: error: 'arith.constant' op ")
    assert str(note) == "note: the module is invalid after pass 'break'"


def test_a_pass_that_refuses_is_named():
    with pytest.raises(SimaError) as caught:
        run(Refuse())
    assert str(caught.value) == "error: pass 'refuse' failed: too hard"


def test_a_pass_that_crashes_is_named():
    with pytest.raises(KeyError) as caught:
        run(Crash())
    assert caught.value.__notes__ == ["in pass 'crash'"]


def test_what_cannot_be_lowered_is_named_with_its_place_and_the_reason():
    ctx = make_context()
    with pytest.raises(SimaError) as caught:
        run_pipeline(ctx, parse(ctx, TWO_USERS, "x.mlir"), "convert-qnn-to-sima")
    assert [str(d) for d in caught.value.diagnostics] == [
        "x.mlir:3:8: error: 'qnn.dense' op cannot be lowered: the result of 'qnn.dense' has 2 "
        "users, fusing takes one; give each user a copy of it",
        "x.mlir:4:8: error: 'qnn.requantize' op cannot be lowered: it ends a 'qnn.dense' that is "
        "not lowered; see 'qnn.dense'",
    ]


def test_a_partial_lowering_remarks_on_what_is_left():
    ctx = make_context()
    module = parse(ctx, TWO_USERS, "x.mlir")
    remarks = run_pipeline(ctx, module, "convert-qnn-to-sima{partial=true}")
    assert [str(remark).partition(" left in qnn")[0] for remark in remarks] == [
        "x.mlir:3:8: remark: [Missed] 'qnn.dense' op",
        "x.mlir:4:8: remark: [Missed] 'qnn.requantize' op",
    ]
    assert run_pipeline(ctx, module, "cse") == []


@pytest.mark.parametrize("path", ["in.npz", "./a/b-c.npz", "/tmp/x_1.npz", "~/in", "1.npz"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_path_needs_no_quotes(path: str, quote: str):
    options = f"weight-rounding=second-moment calibration={quote}{path}{quote}"
    (given,) = parse_pipeline(f"convert-qnn-to-sima{{ {options} partial=true }}")
    assert (given.calibration, given.partial) == (path, True)
