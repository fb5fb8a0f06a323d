"""Remarks: what they say to people and to programs, from whom, and in which order."""

import json
from dataclasses import dataclass

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, NameLoc, StringAttr, UnknownLoc, i8
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from sima_mlir import Remark, SimaError, make_context, parse, run_pipeline
from sima_mlir.diagnostics import file_location
from sima_mlir.passes.diagnostics import Finding, LoweringError, RemarkKind, remark

PLACE = file_location("f.mlir", 3, 4)
DETAILS = {"into": "sima.dense", "shift": (7, 9), "max_error": 1, "rms_error": 0.25}

HALVES = """\
func.func @main(%x: tensor<1x2xi8>, %y: tensor<1x4x1xi8>) -> (tensor<1x1xi8>, tensor<1x4x1xi8>) {
  %w = arith.constant dense<[[1, -3]]> : tensor<1x2xi8>
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<1x2xi8>) -> tensor<1x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0> rounding = away
    : (tensor<1x1xi32>) -> tensor<1x1xi8>
  %2 = qnn.avg_pool %y pool_size = [3] padding = [1, 1] input_q = <scale = 0.5>
    output_q = <scale = 0.5> : (tensor<1x4x1xi8>) -> tensor<1x4x1xi8>
  func.return %1, %2 : tensor<1x1xi8>, tensor<1x4x1xi8>
}
"""

RANGE = """\
func.func @main(%x: tensor<1x2xi8>) -> tensor<1x1xi8> {
  %w = arith.constant dense<[[1, 2], [3, -4]]> : tensor<2x2xi8>
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<2x2xi8>) -> tensor<1x2xi32>
  %1 = qnn.requantize %0 input_q = <scale = [0.5, 0.25]> output_q = <scale = 1.0>
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  %2 = qnn.mean %1 axes = [1] input_q = <scale = 1.0> output_q = <scale = 1.0>
    : (tensor<1x2xi8>) -> tensor<1x1xi8>
  func.return %2 : tensor<1x1xi8>
}
"""

CONSTANT = "func.func @f() -> i32 {\n  %0 = arith.constant 1 : i32\n  func.return %0 : i32\n}"


def make(location=PLACE, severity="remark", kind="Passed", details=DETAILS):
    message = "'qnn.dense' op lowered"
    return Remark(severity, location, message, kind, "the-pass", "qnn.dense", details)


@pytest.mark.parametrize("kind", ["Passed", "Missed", "Analysis"])
@pytest.mark.parametrize(
    ("location", "place"),
    [
        (PLACE, "f.mlir:3:4: "),
        (file_location("f.mlir"), "f.mlir: "),
        (NameLoc(StringAttr("conv"), PLACE), "f.mlir:3:4: "),
        (NameLoc(StringAttr("conv"), UnknownLoc()), 'loc("conv"): '),
        (UnknownLoc(), "<unknown>:0: "),
        (None, ""),
    ],
)
def test_a_remark_prints_its_place_and_kind(kind, location, place):
    assert str(make(location, kind=kind)) == f"{place}remark: [{kind}] 'qnn.dense' op lowered"


def test_a_failure_prints_as_an_error():
    assert (
        str(make(severity="error", kind="Failure")) == "f.mlir:3:4: error: 'qnn.dense' op lowered"
    )


def test_a_record_has_everything_that_is_known():
    assert make(NameLoc(StringAttr("conv"), PLACE)).to_dict() == {
        "kind": "Passed",
        "pass": "the-pass",
        "operation": "qnn.dense",
        "message": "'qnn.dense' op lowered",
        "file": "f.mlir",
        "line": 3,
        "column": 4,
        "name": "conv",
        "details": DETAILS,
    }


@pytest.mark.parametrize(
    ("location", "known"),
    [
        (PLACE, {"file", "line", "column"}),
        (file_location("f.mlir"), {"file", "line", "column"}),
        (NameLoc(StringAttr("conv"), UnknownLoc()), {"name"}),
        (UnknownLoc(), set()),
        (None, set()),
    ],
)
def test_a_record_leaves_out_what_is_not_known(location, known):
    record = make(location).to_dict()
    assert record.keys() == {"kind", "pass", "operation", "message", "details"} | known


def lower(text=HALVES, options="partial=true", *, remarks=True):
    ctx = make_context(remarks=remarks)
    return run_pipeline(ctx, parse(ctx, text, "x.mlir"), f"convert-qnn-to-sima{{{options}}}")


def test_a_context_decides_whether_passes_say_what_they_did():
    assert [r.kind for r in lower(remarks=False)] == ["Missed"]
    assert {(r.kind, r.operation) for r in lower()} == {
        ("Passed", "qnn.dense"),
        ("Passed", "qnn.requantize"),
        ("Missed", "qnn.avg_pool"),
    }


def test_remarks_are_in_the_order_of_the_source():
    head, *layer, _, _, end, brace = lines = HALVES.splitlines()
    pool = lines[5:7]
    for module in (HALVES, "\n".join([head, *pool, *layer, end, brace])):
        lines = [r.to_dict()["line"] for r in lower(module)]
        assert len(lines) == 3
        assert lines == sorted(lines)


def test_what_was_lowered_is_told_with_its_numbers():
    dense, requantize = (r for r in lower() if r.kind == "Passed")
    assert dense.details["into"] == requantize.details["into"] == "sima.dense"
    assert dense.details["requantization"] == "sima"
    assert dense.details["max_error"] == 1  # -1/2 is rounded away from zero, or up
    assert "max_error" not in requantize.details


def test_numbers_of_several_channels_are_a_range():
    dense, _, mean = lower(RANGE, "requantization=tflite")
    assert tuple(dense.details["shift"]) == (31, 32)  # 2^30 * 2^-31 and 2^30 * 2^-32
    assert tuple(dense.details["scale_correction"]) == (1 << 30, 1 << 30)
    assert dense.details["rounding"] == mean.details["rounding"] == "upward"
    assert (dense.details["max_error"], dense.details["rms_error"]) == (0, 0)


@pytest.mark.parametrize(
    "options", ["", "requantization=tflite", "requantization=auto max-error=0"]
)
def test_details_are_json(options):
    remarks = lower(options=f"partial=true {options}") + lower(RANGE, options)
    for found in remarks:
        for value in found.details.values():
            assert type(value) in (str, int, float, tuple, list)
        assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["pass"] == found.pass_name


def test_what_auto_did_not_fold_tells_what_folding_would_have_cost():
    dense, _, _ = lower(options="requantization=auto max-error=0 partial=true")
    assert dense.details["requantization"] == "tflite"
    assert (dense.details["max_error"], dense.details["folded_max_error"]) == (0, 1)


def test_a_missed_rewrite_tells_reason_and_remedy():
    (missed,) = lower(remarks=False)
    reason, remedy = missed.details["reason"], missed.details["remedy"]
    assert missed.message == f"'qnn.avg_pool' op left in qnn: {reason}; {remedy}"


def test_a_failure_carries_what_was_done_and_what_was_not():
    with pytest.raises(SimaError) as caught:
        lower(options="")
    kinds = [(r.severity, r.kind, r.operation) for r in caught.value.diagnostics]
    assert set(kinds) == {
        ("remark", "Passed", "qnn.dense"),
        ("remark", "Passed", "qnn.requantize"),
        ("error", "Failure", "qnn.avg_pool"),
    }
    failure = caught.value.diagnostics[kinds.index(("error", "Failure", "qnn.avg_pool"))]
    reason, remedy = failure.details["reason"], failure.details["remedy"]
    assert failure.message == f"'qnn.avg_pool' op cannot be lowered: {reason}; {remedy}"


@dataclass(frozen=True)
class Say(ModulePass):
    name = "say"
    text: str = "here"
    then: Exception | None = None

    def apply(self, ctx, op):
        constant = next(o for o in op.walk() if o.name == "arith.constant")
        remark(ctx, Finding(RemarkKind.ANALYSIS, constant, self.text, {"text": self.text}))
        if self.then is not None:
            raise self.then


@dataclass(frozen=True)
class Break(ModulePass):
    name = "break"

    def apply(self, ctx, op):
        Say("before breaking").apply(ctx, op)
        constant = next(o for o in op.walk() if o.name == "arith.constant")
        constant.properties["value"] = IntegerAttr(1, i8)


def run(*passes, ctx=None):
    ctx = make_context() if ctx is None else ctx
    return run_pipeline(ctx, parse(ctx, CONSTANT, "x.mlir"), passes)


def test_several_passes_remark_in_their_order():
    remarks = run(Say("first"), Say("second"))
    assert [str(r) for r in remarks] == [
        "x.mlir:2:8: remark: [Analysis] 'arith.constant' op first",
        "x.mlir:2:8: remark: [Analysis] 'arith.constant' op second",
    ]
    assert [(r.pass_name, r.details) for r in remarks] == [
        ("say", {"text": "first"}),
        ("say", {"text": "second"}),
    ]


@pytest.mark.parametrize(
    ("last", "messages"),
    [
        (Say("last", PassFailedException("Too hard.")), ["pass 'say' failed: too hard"]),
        (Say("last", LoweringError([])), []),
    ],
)
def test_a_pass_that_fails_does_not_swallow_remarks(last, messages):
    with pytest.raises(SimaError) as caught:
        run(Say("first"), last, Say("never"))
    said = [d.message for d in caught.value.diagnostics]
    assert said == ["'arith.constant' op first", "'arith.constant' op last", *messages]


def test_a_pass_that_breaks_the_module_does_not_swallow_remarks():
    with pytest.raises(SimaError) as caught:
        run(Say("first"), Break())
    first, second, *_, note = caught.value.diagnostics
    assert [first.message, second.message] == [
        "'arith.constant' op first",
        "'arith.constant' op before breaking",
    ]
    assert str(note) == "note: the module is invalid after pass 'break'"


def test_remarks_are_told_once():
    ctx = make_context(remarks=True)
    assert len(run(Say(), ctx=ctx)) == 1
    assert len(run(Say(), ctx=ctx)) == 1
    with pytest.raises(KeyError):
        run(Say("of a crash", KeyError("inside")), ctx=ctx)
    assert [r.message for r in run(Say(), ctx=ctx)] == ["'arith.constant' op here"]


def test_a_plain_context_has_remarks_on_stderr(capfd):
    ctx = make_context()
    Say("aside").apply(Context(), parse(ctx, CONSTANT))
    assert capfd.readouterr() == ("", "remark: [Analysis] 'arith.constant' op aside\n")
