"""What watches a pipeline: the order of what it is told, and what it makes of that."""

from __future__ import annotations

import io

import pytest

from sima_mlir import SimaError, make_context, parse, parse_pipeline, run_pipeline
from sima_mlir.instrumentation import Instrumentation, IrPrinter, Timer
from sima_mlir.tools.watching import describe_pipeline

LEFT = """
func.func @main(%x: tensor<4xi8>) -> tensor<4xi8> {
  %0 = qnn.slice %x starts = [3] strides = [-1] : (tensor<4xi8>) -> tensor<4xi8>
  func.return %0 : tensor<4xi8>
}"""


class Recorder(Instrumentation):
    def __init__(self):
        self.told: list[str] = []

    def before(self, ctx, module, module_pass):
        self.told.append(f"before {module_pass.name}")

    def ran(self, ctx, module, module_pass):
        self.told.append("ran")

    def verified(self, ctx, module, module_pass):
        self.told.append("verified")

    def after(self, ctx, module, module_pass):
        self.told.append("after")

    def failed(self, ctx, module, module_pass):
        self.told.append(f"failed {module_pass.name}")


def run(pipeline: str, watcher: Instrumentation, *, verify_each: bool = True) -> None:
    ctx = make_context()
    module = parse(ctx, LEFT, "f.mlir")
    run_pipeline(ctx, module, pipeline, instrumentation=[watcher], verify_each=verify_each)


def test_a_watcher_is_told_of_each_step():
    recorder = Recorder()
    run("cse,dce", recorder)
    steps = ["ran", "verified", "after"]
    assert recorder.told == ["before cse", *steps, "before dce", *steps]


def test_without_verify_each_only_the_last_pass_is_verified():
    recorder = Recorder()
    run("cse,dce", recorder, verify_each=False)
    assert recorder.told == ["before cse", "ran", "after", "before dce", "ran", "verified", "after"]


def test_a_watcher_is_told_of_a_failure():
    recorder = Recorder()
    with pytest.raises(SimaError):
        run("cse,convert-qnn-to-sima,dce", recorder)
    assert recorder.told[-2:] == ["before convert-qnn-to-sima", "failed convert-qnn-to-sima"]


def test_a_pass_that_changes_nothing_is_not_printed_after_a_change():
    stream = io.StringIO()
    run("cse", IrPrinter(stream, names_after=["cse"], on_change=True))
    assert stream.getvalue() == ""
    run("cse", IrPrinter(stream, names_after=["cse"]))
    assert stream.getvalue().startswith("// -----// IR Dump After CommonSubexpressionElimination")


def test_times_add_up():
    ticks = iter([0.0, 1.0, 3.0, 6.0, 10.0, 15.0])
    timer = Timer(lambda: next(ticks))
    timer.lap("Parser")
    run("cse", timer)
    report = timer.report().splitlines()
    assert report[3] == "  Total Execution Time: 15.0000 seconds"
    assert report[6:] == [
        "    1.0000 (  6.7%)  Parser",
        "    3.0000 ( 20.0%)  CommonSubexpressionElimination",
        "    4.0000 ( 26.7%)    (V) after CommonSubexpressionElimination",
        "    7.0000 ( 46.7%)  Rest",
        "   15.0000 (100.0%)  Total",
    ]


@pytest.mark.parametrize(
    "pipeline",
    [
        "cse,dce",
        "convert-qnn-to-sima{requantization=auto max-error=2 certify=true}",
        "qnn-to-sima-pipeline{partial=true}",
        'convert-qnn-to-sima{weight-rounding=second-moment calibration="sp ace.npz"}',
        "qnn-merge-requantize{max-error=1},qnn-fold-constants{max-growth=5}",
    ],
)
def test_a_pipeline_that_is_shown_is_read_again(pipeline: str):
    passes = parse_pipeline(pipeline)
    _, _, shown = describe_pipeline(passes).partition(":\n")
    assert parse_pipeline(shown) == passes
