"""`sima-opt`: exit codes, streams, files that are whole, and one clear line for each refusal."""

import io
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sima_mlir.tools import command
from sima_mlir.tools.sima_opt import main

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "examples" / "digits" / "digits_int8.tflite"
TOOL = Path(sys.executable).parent / "sima-opt"

GOOD = "func.func @f() {\n  func.return\n}\n"
PRINTED = "builtin.module {\n  func.func @f() {\n    func.return\n  }\n}\n"
BAD = "func.func @f() -> i32 {\n  func.return\n}\n"


@pytest.fixture
def run(capfd, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as exit:
            code = exit.code
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return call


@pytest.fixture
def good(tmp_path):
    (tmp_path / "x.mlir").write_text(GOOD)
    return "x.mlir"


def test_ir_goes_to_stdout(run, good):
    assert run(good) == (0, PRINTED, "")


@pytest.mark.parametrize("arguments", [[], ["-"], ["-", "-o", "-"]])
def test_stdin_is_the_input_that_is_not_named(run, arguments):
    assert run(*arguments, stdin=GOOD.encode()) == (0, PRINTED, "")


def test_a_model_is_read_from_stdin(run):
    code, out, err = run("-f", "tflite", stdin=DIGITS.read_bytes())
    assert (code, err) == (0, "")
    assert "qnn.conv" in out


@pytest.mark.parametrize(
    "pipeline",
    [
        ["-p", "convert-qnn-to-sima{requantization=tflite},canonicalize"],
        ["--passes", "convert-qnn-to-sima"],
        ["--pass-pipeline=builtin.module(convert-qnn-to-sima,cse)"],
    ],
)
def test_passes_are_run(run, pipeline):
    code, out, err = run(DIGITS, *pipeline)
    assert (code, err) == (0, "")
    assert "sima.conv" in out
    assert "qnn.conv" not in out


def test_the_output_is_a_file(run, good, tmp_path):
    assert run(good, "-o", "y.mlir") == (0, "", "")
    assert (tmp_path / "y.mlir").read_text() == PRINTED
    assert sorted(os.listdir(tmp_path)) == ["x.mlir", "y.mlir"]


def test_a_new_file_has_the_permissions_of_any_other(run, good, tmp_path):
    run(good, "-o", "y.mlir")
    mode = stat.S_IMODE((tmp_path / "y.mlir").stat().st_mode)
    assert mode == stat.S_IMODE((tmp_path / "x.mlir").stat().st_mode)


def test_an_old_file_keeps_its_permissions_and_its_links(run, good, tmp_path):
    (tmp_path / "y.mlir").touch(0o600)
    (tmp_path / "link.mlir").symlink_to("y.mlir")
    run(good, "-o", "link.mlir")
    assert (tmp_path / "link.mlir").is_symlink()
    assert (tmp_path / "y.mlir").read_text() == PRINTED
    assert stat.S_IMODE((tmp_path / "y.mlir").stat().st_mode) == 0o600


def test_the_output_may_be_the_input(run, good, tmp_path):
    assert run(good, "-o", good)[0] == 0
    assert (tmp_path / good).read_text() == PRINTED


def test_a_device_is_not_replaced(run, good):
    assert run(good, "-o", "/dev/null") == (0, "", "")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_refused_input_leaves_the_output_as_it_was(run, tmp_path):
    (tmp_path / "bad.mlir").write_text(BAD)
    (tmp_path / "y.mlir").write_text("before")
    code, out, err = run("bad.mlir", "-o", "y.mlir")
    assert (code, out) == (1, "")
    assert err.startswith("bad.mlir:2:3: error: 'func.return' op ")
    assert err.count("\n") == 1
    assert (tmp_path / "y.mlir").read_text() == "before"
    assert sorted(os.listdir(tmp_path)) == ["bad.mlir", "y.mlir"]


def test_a_fault_while_writing_leaves_the_output_as_it_was(run, good, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    (tmp_path / "y.mlir").write_text("before")
    monkeypatch.setattr(command.os, "replace", full)
    code, _, err = run(good, "-o", "y.mlir")
    assert (code, err) == (1, "error: cannot write 'y.mlir': no space left on device\n")
    assert (tmp_path / "y.mlir").read_text() == "before"
    assert sorted(os.listdir(tmp_path)) == ["x.mlir", "y.mlir"]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("none/y.mlir", "no such file or directory"),
        (".", "is a directory"),
        ("x.mlir/y.mlir", "not a directory"),
        ("/dev/full", "no space left on device"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(run, good, output, reason):
    assert run(good, "-o", output) == (1, "", f"error: cannot write '{output}': {reason}\n")


def test_the_generic_form_and_locations_are_printed_on_demand(run, good):
    _, out, _ = run(good, "--mlir-print-op-generic", "--mlir-print-debuginfo")
    assert '"func.return"() : () -> () loc("x.mlir":2:3)' in out


def test_unknown_operations_are_read_on_demand(run):
    text = b'"t.x"() : () -> ()\n'
    assert run(stdin=text)[0] == 1
    assert run("--allow-unregistered-dialect", stdin=text)[0] == 0


SPLIT = f"{GOOD}// -----\n{BAD}// ----- comment\n{GOOD}"


def test_each_part_of_a_split_input_is_refused_on_its_own(run):
    code, out, err = run("--split-input-file", stdin=SPLIT.encode())
    assert code == 1
    assert out == f"{PRINTED}\n// -----\n\n{PRINTED}"
    assert err.startswith("<stdin>:6:3: error: 'func.return' op ")


def test_a_split_output_is_written_whole_or_not_at_all(run, tmp_path):
    assert run("--split-input-file", "-o", "y.mlir", stdin=SPLIT.encode())[0] == 1
    assert not (tmp_path / "y.mlir").exists()


def test_what_was_split_is_split_again(run):
    text = f"{GOOD}// -----\n{GOOD}"
    _, out, _ = run("--split-input-file", stdin=text.encode())
    assert run("--split-input-file", stdin=out.encode()) == (0, out, "")


def test_parts_of_a_split_input_do_not_share_resources(run):
    part = (
        "func.func @f() {{\n  %0 = arith.constant dense_resource<w> : tensor<1xi8>\n"
        "  func.return\n}}\n{{-#\n  dialect_resources: {{ builtin: {{ "
        'w: "0x04000000{:02x}" }} }}\n#-}}\n'
    )
    _, out, _ = run(
        "--split-input-file", stdin=f"{part.format(1)}// -----\n{part.format(2)}".encode()
    )
    assert out.count("dense_resource<w>") == 2
    assert 'w: "0x0400000001"' in out
    assert 'w: "0x0400000002"' in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nonsense"], "sima-opt: error: unrecognized arguments: --nonsense"),
        (["-f", "pb"], "argument -f/--format: invalid choice: 'pb'"),
        (["-p"], "argument -p/--passes: expected one argument"),
        (["-p", "cse", "--pass-pipeline", "cse"], "not allowed with argument"),
        (["-p", "no-such"], "error: unknown pass 'no-such'"),
        (["-p", "cse{a=1}"], "error: pass 'cse' has no option 'a', its options are none"),
        (["-p", "cse{"], "pass-pipeline:1:5: error: "),
        (["-f", "tflite", "--split-input-file"], "--split-input-file: not allowed with -f tflite"),
        (["--remarks-filter"], "argument --remarks-filter: expected one argument"),
        (["--remarks-filter=["], "argument --remarks-filter: '[' is no regular expression: "),
        (["--remarks-filter=a(?i)"], "'a(?i)' is no regular expression: global flags not at"),
        (["--remarks-filter=a{9999999999}"], "'a{9999999999}' is no regular expression: "),
        (["--remarks-filter=" + "(" * 2000 + ")" * 2000], " is no regular expression: "),
        (["--remarks-output-file"], "argument --remarks-output-file: expected one argument"),
        (["--remarks=all"], "argument --remarks: ignored explicit argument 'all'"),
        (["--remarks-output-file=-"], "--remarks-output-file: the IR is written there"),
        (["--remarks-output-file=-", "-o", "-"], "the IR is written there"),
        (["--remarks-output-file=./y", "-o", "y"], "the IR is written there"),
    ],
)
def test_wrong_usage_is_2(run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_a_missing_input_is_refused(run):
    assert run("none.mlir") == (
        1,
        "",
        "error: cannot read 'none.mlir': no such file or directory\n",
    )


def test_a_directory_is_refused(run, tmp_path):
    assert run(tmp_path) == (1, "", f"error: cannot read '{tmp_path}': is a directory\n")


def test_a_truncated_model_is_refused_wherever_it_ends(run, tmp_path):
    data = DIGITS.read_bytes()
    for size in np.linspace(0, len(data) - 1, 40).astype(int):
        (tmp_path / "cut.tflite").write_bytes(data[:size])
        code, out, err = run("cut.tflite", "-o", "y.mlir")
        assert (code, out) == (1, ""), size
        assert err.startswith("cut.tflite: error: "), size
        assert not (tmp_path / "y.mlir").exists()


@pytest.mark.parametrize("suffix", ["tflite", "mlir"])
def test_random_bytes_are_refused(run, tmp_path, suffix):
    name = f"random.{suffix}"
    for seed in range(20):
        data = bytearray(np.random.default_rng(seed).bytes(500))
        data[4:8] = b"TFL3"
        (tmp_path / name).write_bytes(data)
        code, out, err = run(name)
        assert (code, out) == (1, "")
        assert err.startswith(f"{name}:")
        assert err.count("\n") == 1


SCALE = (
    "func.func @f(%x: tensor<1xi32>) -> tensor<1xi8> {{\n"
    "  %r = qnn.requantize %x input_q = <scale = {}> output_q = <scale = 1.0> rounding = tflite\n"
    "    : (tensor<1xi32>) -> tensor<1xi8>\n  func.return %r : tensor<1xi8>\n}}\n"
)
SHIFT = (
    "func.func @f(%x: tensor<1x2xi8>) -> tensor<1x2xi8> {{\n"
    "  %r = sima.dense %x shift = {} bias = dense<0> : tensor<2xi32>\n"
    "    weight = dense<1> : tensor<2x2xi8> : (tensor<1x2xi8>) -> tensor<1x2xi8>\n"
    "  func.return %r : tensor<1x2xi8>\n}}\n"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SCALE.format("0.0"), "2:8: error: scale must be positive and finite, got 0.0"),
        (SCALE.format("-0.5"), "2:8: error: scale must be positive and finite, got -0.5"),
        (
            SCALE.format("0x7FF8000000000000"),
            "2:8: error: scale must be positive and finite, got nan",
        ),
        (
            SCALE.format("0x7FF0000000000000"),
            "2:8: error: scale must be positive and finite, got inf",
        ),
        (
            SCALE.format("[0.5, 0.25]"),
            "2:8: error: 'qnn.requantize' op input_q must have 1 scale, got 2",
        ),
        (SHIFT.format(-1), "2:8: error: 'sima.dense' op shift must be in 0..31, got -1"),
        (SHIFT.format(32), "2:8: error: 'sima.dense' op shift must be in 0..31, got 32"),
        (
            SHIFT.format("[1, 2, 3]"),
            "2:8: error: 'sima.dense' op shift must be one value or a list of 2, got 3",
        ),
    ],
)
def test_numbers_that_make_no_sense_are_refused(run, text, message):
    code, out, err = run(stdin=text.encode())
    assert (code, out, err) == (1, "", f"<stdin>:{message}\n")


def test_very_many_errors_are_counted(run):
    body = "  func.return\n}\n"
    text = "".join(f"func.func @f{i}() -> i32 {{\n{body}" for i in range(150))
    code, _, err = run(stdin=text.encode())
    assert code == 1
    assert len(err.splitlines()) == 101
    assert err.endswith("note: there are 50 more\n")


def crash(*_, **__):
    raise KeyError("inside")


def test_a_fault_of_ours_is_one_sentence(run, good, monkeypatch):
    monkeypatch.setattr("sima_mlir.writer.ModulePrinter.print_op", crash)
    assert run(good) == (1, "", "internal error: KeyError: 'inside'; --debug shows where\n")


def test_debug_shows_where_an_error_was_raised(capfd, monkeypatch, tmp_path):
    monkeypatch.setattr("sima_mlir.loading.read_file", crash)
    assert main([str(tmp_path), "--debug"]) == 1
    assert "Traceback (most recent call last):" in capfd.readouterr().err


def test_help_lists_every_pass_with_its_options(run):
    code, out, _ = run("--help")
    assert code == 0
    assert "\n  canonicalize\n" in out
    entry = out[out.index("\n  convert-qnn-to-sima\n") :]
    assert "\n    requantization=sima\n" in entry
    assert "\n    partial=false\n        Leave what can't be lowered in qnn" in entry


def tool(*arguments, **options):
    return subprocess.run([TOOL, *arguments], capture_output=True, text=True, **options)


def test_the_version_is_printed():
    process = tool("--version")
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.startswith("sima-opt ")


def test_a_reader_that_stops_early_is_not_an_error():
    command = f"'{TOOL}' '{DIGITS}' | head -c 20; exit ${{PIPESTATUS[0]}}"
    process = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (process.returncode, process.stdout, process.stderr) == (0, "builtin.module {\n  f", "")


def test_a_full_disk_behind_stdout_is_an_error():
    command = f"'{TOOL}' '{DIGITS}' > /dev/full"
    process = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert process.returncode == 1
    assert process.stderr == "error: cannot write '<stdout>': no space left on device\n"


def test_text_is_utf8_whatever_the_locale():
    text = '"t.x"() {a = #t.a<"\u00e4">} : () -> ()\n'
    process = subprocess.run(
        [TOOL, "--allow-unregistered-dialect"],
        input=text.encode(),
        capture_output=True,
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )
    assert process.stderr == b""
    assert '#t.a<"\u00e4">'.encode() in process.stdout


@pytest.mark.parametrize(
    ("closed", "message"), [(">&-", "error: '<stdout>' is closed"), ("<&-", "'<stdin>' is closed")]
)
def test_a_closed_stream_is_an_error(good, tmp_path, closed: str, message: str):
    source = good if closed == ">&-" else "-"
    result = subprocess.run(
        f"{TOOL} {source} {closed}", shell=True, cwd=tmp_path, capture_output=True, text=True
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert message in result.stderr


def test_without_stderr_an_error_does_not_go_to_stdout(tmp_path):
    result = subprocess.run(
        f"{TOOL} gone.mlir 2>&-", shell=True, cwd=tmp_path, capture_output=True, text=True
    )
    assert (result.returncode, result.stdout) == (1, "")


def test_help_is_ascii_and_lists_our_passes_first(run):
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert out.isascii()
    assert out.partition("\npasses:\n")[2].startswith("  convert-qnn-to-sima\n")


def test_an_operation_without_its_region_is_an_error(run):
    code, out, err = run(stdin=b'"func.func"() : () -> ()\n')
    assert (code, out) == (1, "")
    assert err == "<stdin>:1:1: error: 'func.func' op expected 1 region, but got 0\n"


HALVES = """\
func.func @{name}(%x: tensor<1x2xi8>, %y: tensor<1x4x1xi8>) -> (tensor<1x2xi8>, tensor<1x4x1xi8>) {{
  %0 = qnn.avg_pool %y pool_size = [3] {pad} input_q = <scale = 0.5> output_q = <scale = 0.5>
    : (tensor<1x4x1xi8>) -> tensor<1x4x1xi8>
  %1 = qnn.requantize %x input_q = <scale = 0.5> output_q = <scale = 1.0> rounding = away
    : (tensor<1x2xi8>) -> tensor<1x2xi8>
  func.return %1, %0 : tensor<1x2xi8>, tensor<1x4x1xi8>
}}
"""
COUNTED = HALVES.format(name="f", pad="padding = [1, 1] count_include_pad")
LEFT_OUT = HALVES.format(name="g", pad="padding = [1, 1]")
LOWER = ["-p", "convert-qnn-to-sima"]
PARTLY = ["-p", "convert-qnn-to-sima{partial=true}"]
AVERAGED = "remark: [Passed] 'qnn.avg_pool' op lowered to 'sima.avg_pool': max_error = 0"
HALVED = (
    "remark: [Passed] 'qnn.requantize' op lowered to 'sima.requantize': requantization = sima, "
    "scale_correction = 16384, shift = 15, max_error = 1, rms_error = 0.5"
)
WHY = (
    "padding 1x1 is left out of the average, and the accelerator counts it; take "
    "count_include_pad, or a window without padding"
)


def records(path):
    """The remarks in a file, each line of which must be JSON as the standard has it."""

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    text = path.read_text(encoding="utf-8")
    assert not text or text.endswith("\n")
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def test_remarks_go_to_stderr_and_leave_the_ir_alone(run):
    source = COUNTED.encode()
    code, out, err = run(*LOWER, stdin=source)
    assert (code, err) == (0, "")
    assert run(*LOWER, "--remarks", stdin=source) == (
        0,
        out,
        f"<stdin>:2:8: {AVERAGED}\n<stdin>:4:8: {HALVED}\n",
    )


@pytest.mark.parametrize(
    ("pattern", "lines"),
    [
        ("avg_pool", [f"<stdin>:2:8: {AVERAGED}"]),
        (":4:", [f"<stdin>:4:8: {HALVED}"]),
        (r"\[Passed\]", [f"<stdin>:2:8: {AVERAGED}", f"<stdin>:4:8: {HALVED}"]),
        ("max_error = [1-9]", [f"<stdin>:4:8: {HALVED}"]),
        ("", [f"<stdin>:2:8: {AVERAGED}", f"<stdin>:4:8: {HALVED}"]),
        ("nothing of the kind", []),
    ],
)
def test_a_filter_chooses_among_all_remarks(run, pattern, lines):
    code, _, err = run(*LOWER, f"--remarks-filter={pattern}", stdin=COUNTED.encode())
    assert (code, err.splitlines()) == (0, lines)


def test_a_filter_warns_of_nothing(run):
    assert run("--remarks-filter=[[a]", stdin=GOOD.encode()) == (0, PRINTED, "")


def test_what_was_missed_is_printed_unasked_unless_it_is_filtered(run):
    missed = f"<stdin>:2:8: remark: [Missed] 'qnn.avg_pool' op left in qnn: {WHY}\n"
    assert run(*PARTLY, stdin=LEFT_OUT.encode())[::2] == (0, missed)
    assert run(*PARTLY, "--remarks-filter=Passed", stdin=LEFT_OUT.encode())[2].count("Missed") == 0


@pytest.mark.parametrize("flags", [[], ["--remarks"], ["--remarks-filter=nothing"]])
def test_errors_are_printed_whatever_is_asked(run, flags):
    code, out, err = run(*LOWER, *flags, stdin=LEFT_OUT.encode())
    assert (code, out) == (1, "")
    error = f"<stdin>:2:8: error: 'qnn.avg_pool' op cannot be lowered: {WHY}\n"
    assert error in err
    assert err.count("Passed") == (flags == ["--remarks"])


def test_an_error_is_not_lost_behind_many_remarks(run):
    reshapes = "".join(
        f"  %r{i} = qnn.clip %x min = 0 max = {i % 9}\n    : (tensor<1x2xi8>) -> tensor<1x2xi8>\n"
        for i in range(150)
    )
    text = LEFT_OUT.replace(") {\n", f") {{\n{reshapes}", 1)
    code, _, err = run(*LOWER, "--remarks", stdin=text.encode())
    assert code == 1
    assert f"error: 'qnn.avg_pool' op cannot be lowered: {WHY}\n" in err


def test_all_remarks_are_written_whatever_is_printed(run, tmp_path):
    for flags in ([], ["--remarks"], ["--remarks-filter=nothing"]):
        code, _, err = run(*LOWER, *flags, "--remarks-output-file=r.jsonl", stdin=COUNTED.encode())
        assert (code, err.count("remark: ")) == (0, 2 * (flags == ["--remarks"]))
        averaged, halved = records(tmp_path / "r.jsonl")
        assert averaged == {
            "kind": "Passed",
            "pass": "convert-qnn-to-sima",
            "operation": "qnn.avg_pool",
            "message": AVERAGED.removeprefix("remark: [Passed] "),
            "file": "<stdin>",
            "line": 2,
            "column": 8,
            "details": {"into": "sima.avg_pool", "max_error": 0},
        }
        assert halved["details"] == {
            "into": "sima.requantize",
            "requantization": "sima",
            "scale_correction": [16384, 16384],
            "shift": [15, 15],
            "max_error": 1,
            "rms_error": 0.5,
        }


def test_remarks_are_written_in_the_order_of_the_source(run, tmp_path):
    run(*PARTLY, "--remarks-output-file=r.jsonl", stdin=LEFT_OUT.encode())
    missed, passed = records(tmp_path / "r.jsonl")
    assert (missed["kind"], missed["line"]) == ("Missed", 2)
    assert (passed["kind"], passed["line"]) == ("Passed", 4)


def test_remarks_are_written_when_the_run_fails(run, tmp_path):
    (tmp_path / "y.mlir").write_text("before")
    flags = ["--remarks-output-file=r.jsonl", "-o", "y.mlir"]
    assert run(*LOWER, *flags, stdin=LEFT_OUT.encode())[:2] == (1, "")
    failure, passed = sorted(records(tmp_path / "r.jsonl"), key=lambda r: r["line"])
    assert (failure["kind"], failure["operation"]) == ("Failure", "qnn.avg_pool")
    assert "; ".join(failure["details"].values()) == WHY
    assert passed["kind"] == "Passed"
    assert (tmp_path / "y.mlir").read_text() == "before"


def test_errors_without_an_operation_are_no_remarks(run, tmp_path):
    code, _, err = run("--remarks-output-file=r.jsonl", stdin=b'"t.x"() : () -> ()')
    assert (code, err.count("\n")) == (1, 1)
    assert records(tmp_path / "r.jsonl") == []


def test_a_file_of_remarks_is_replaced(run, tmp_path):
    (tmp_path / "r.jsonl").write_text("before")
    run(*LOWER, "--remarks-output-file=r.jsonl", stdin=COUNTED.encode())
    assert len(records(tmp_path / "r.jsonl")) == 2


def test_remarks_may_be_written_to_stdout(run):
    out = run(*LOWER, "--remarks-output-file=-", "-o", "y.mlir", stdin=COUNTED.encode())[1]
    assert [json.loads(line)["line"] for line in out.splitlines()] == [2, 4]


def test_remarks_and_ir_may_both_be_thrown_away(run):
    flags = ["--remarks-output-file=/dev/null", "-o", "/dev/null"]
    assert run(*LOWER, *flags, stdin=COUNTED.encode()) == (0, "", "")


def test_each_part_of_a_split_input_has_its_remarks_at_its_place(run, tmp_path):
    text = f"{COUNTED}// -----\n{LEFT_OUT}// -----\n{BAD}// -----\n{COUNTED}"
    flags = ["--split-input-file", "--remarks", "--remarks-output-file=r.jsonl"]
    code, out, err = run(*LOWER, *flags, stdin=text.encode())
    first, second, third, fourth = (text[:m].count("\n") + 1 for m in starts(text))
    assert code == 1
    assert out.count("builtin.module") == 2
    written = [(r["kind"], r["line"]) for r in records(tmp_path / "r.jsonl")]
    assert sorted(written, key=lambda r: r[1]) == [
        ("Passed", first + 1),
        ("Passed", first + 3),
        ("Failure", second + 1),
        ("Passed", second + 3),
        ("Passed", fourth + 1),
        ("Passed", fourth + 3),
    ]
    assert f"<stdin>:{third + 1}:3: error: 'func.return' op " in err
    assert err.count("remark: [Passed]") == 5


def starts(text):
    """Where each part of a split input begins."""
    return [0, *(i + len("// -----\n") for i in range(len(text)) if text.startswith("// -----", i))]


def test_a_split_output_in_a_file_has_its_remarks_beside_it(run, tmp_path):
    text = f"{COUNTED}// -----\n{COUNTED}"
    flags = ["--split-input-file", "--remarks-output-file=r.jsonl", "-o", "y.mlir"]
    assert run(*LOWER, *flags, stdin=text.encode()) == (0, "", "")
    assert (tmp_path / "y.mlir").read_text().count("sima.avg_pool") == 2
    assert len(records(tmp_path / "r.jsonl")) == 4


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("none/r.jsonl", "no such file or directory"),
        (".", "is a directory"),
        ("x.mlir/r.jsonl", "not a directory"),
        ("/dev/full", "no space left on device"),
    ],
)
def test_remarks_that_cannot_be_written_are_an_error(run, good, path, reason):
    code, out, err = run(good, f"--remarks-output-file={path}", *LOWER)
    if path == "/dev/full":  # which has room for nothing
        assert (code, out, err) == (0, PRINTED, "")
        code, out, err = run(*LOWER, f"--remarks-output-file={path}", stdin=COUNTED.encode())
    assert (code, out, err) == (1, "", f"error: cannot write '{path}': {reason}\n")


def test_remarks_tell_the_names_of_a_model(run, tmp_path):
    code, _, err = run(DIGITS, *LOWER, "--remarks-output-file=r.jsonl", "-o", "y.mlir")
    assert (code, err) == (0, "")
    found = records(tmp_path / "r.jsonl")
    assert {record["file"] for record in found if "file" in record} <= {str(DIGITS)}
    assert all(record["name"] for record in found if record["operation"] == "qnn.conv")


def test_a_file_name_that_is_no_text_is_written(run, tmp_path):
    name = os.fsdecode(b"\xff.mlir")
    (tmp_path / name).write_text(COUNTED)
    code, _, err = run(name, *LOWER, "--remarks", "--remarks-output-file=r.jsonl", "-o", "y.mlir")
    assert code == 0
    assert err.count("[Passed]") == 2
    assert len(records(tmp_path / "r.jsonl")) == 2


@pytest.mark.parametrize("mode", ["sima", "tflite", "auto"])
def test_a_certified_model_is_read_again(run, mode):
    pipeline = f"convert-qnn-to-sima{{certify=true requantization={mode}}}"
    code, out, err = run(DIGITS, "-p", pipeline)
    assert (code, err) == (0, "")
    assert out.count("certificate = <max_error = ") == len(OPERATION.findall(out)) > 0
    assert run(stdin=out.encode()) == (0, out, "")
    other_source = re.sub(r"(output_q = #qnn.quantization<scale = )", r"\g<1>9", out, count=1)
    code, _, err = run(stdin=other_source.encode())
    assert (code, err.count("\n")) == (1, 1)
    assert " op certificate must have max_error at least " in err


OPERATION = re.compile(r"= sima\.(?:add|conv|dense|mean|mul|requantize) ")


@pytest.mark.parametrize(
    "certificate",
    [
        "",
        "<>",
        "<max_error = 1>",
        "<max_error = 1, source>",
        "<max_error = 1, source = 3 : i32>",
        "<max_error = 1, source = {}",
        "<max_error = 1, source = {a = }>",
        "<max_error = 1, source = {1 = 2}>",
        "<max_error = 1, source = {a = 1 : i32, a = 2 : i32}>",
        "<max_error = 1, source = {}, more = 1>",
        "<source = {}, max_error = 1>",
        "<max_error = 1.0, source = {}>",
        "<max_error = true, source = {}>",
        "<max_error = 99999999999999999999999999, source = {}>",
        '"no"',
        "#sima.nothing<max_error = 1, source = {}>",
        "{max_error = 1 : i32, source = {}}",
    ],
)
def test_what_is_no_certificate_is_one_line(run, certificate):
    text = (
        "func.func @f(%x: tensor<1xi8>) {\n"
        f"  %r = sima.requantize %x scale_correction = 1 shift = 0 certificate = {certificate}\n"
        "    : (tensor<1xi8>) -> tensor<1xi8>\n  func.return\n}\n"
    )
    code, out, err = run(stdin=text.encode())
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert re.match(r"<stdin>:\d+:\d+: error: ", err)
    assert "Error" not in err
