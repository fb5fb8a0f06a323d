"""`sima-run`: arrays in, arrays out, and one clear line for each refusal."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

from sima_mlir.tools.sima_run import main

# out0 = x + 1 of the second axis, out1 = x, by hand: a reshape and an identity dense layer
MODULE = """\
func.func @main(%x: tensor<1x2xi8>) -> (tensor<1x2xi8>, tensor<2xi8>) {
  %0 = sima.dense %x shift = 0 bias = dense<[0, 1]> : tensor<2xi32>
    weight = dense<[[1, 0], [0, 1]]> : tensor<2x2xi8>
    : (tensor<1x2xi8>) -> tensor<1x2xi8> loc("layer/one:0")
  %c = arith.constant dense<1> : tensor<2xi8>
  %1 = sima.reshape %0 : (tensor<1x2xi8>) -> tensor<2xi8>
  func.return %0, %1 : tensor<1x2xi8>, tensor<2xi8>
}
"""

X = np.array([[1, 2], [3, 4], [5, 6]], np.int8)


@pytest.fixture
def run(capfd, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.mlir").write_text(MODULE)

    def call(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as exit:
            code = exit.code
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return call


def test_results_are_written_in_order(run):
    np.savez("x.npz", in0=X[:1], labels=np.zeros(7))
    assert run("m.mlir", "--inputs", "x.npz", "--outputs", "y.npz") == (0, "", "")
    with np.load("y.npz") as y:
        assert sorted(y.files) == ["out0", "out1"]
        np.testing.assert_array_equal(y["out0"], np.array([[1, 3]], np.int8), strict=True)
        np.testing.assert_array_equal(y["out1"], np.array([1, 3], np.int8), strict=True)


def test_batches_are_put_one_after_another(run):
    np.savez("x.npz", in0=X)
    assert run("m.mlir", "--inputs", "x.npz", "--outputs", "y")[0] == 0
    assert sorted(os.listdir()) == ["m.mlir", "x.npz", "y"]
    with np.load("y") as y:
        np.testing.assert_array_equal(y["out0"], X + np.array([0, 1], np.int8), strict=True)
        np.testing.assert_array_equal(y["out1"], y["out0"].ravel(), strict=True)


def test_without_outputs_there_is_a_summary(run):
    np.savez("x.npz", in0=X)
    code, out, err = run("m.mlir", "--inputs", "x.npz")
    assert (code, err) == (0, "")
    assert out == "out0 3x2 int8\nout1 6 int8\n"


def test_all_values_but_constants_are_written_by_number_and_name(run):
    np.savez("x.npz", in0=X)
    assert run("m.mlir", "--inputs", "x.npz", "--outputs", "y.npz", "--all-values", "a/b")[0] == 0
    assert sorted(os.listdir("a/b")) == ["000_layer_one_0.npy", "001_sima.reshape.npy"]
    np.testing.assert_array_equal(
        np.load("a/b/000_layer_one_0.npy"), X + np.array([0, 1], np.int8), strict=True
    )


def npz(path, **arrays):
    with open(path, "wb") as file:
        np.savez(file, **arrays)


def truncated():
    npz("x.npz", in0=X)
    with open("x.npz", "r+b") as file:
        file.truncate(100)


def damaged():
    npz("x.npz", in0=X)
    with open("x.npz", "r+b") as file:
        file.seek(60)
        file.write(b"x" * 20)


def not_an_array():
    with zipfile.ZipFile("x.npz", "w") as archive:
        archive.writestr("in0", "text")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: None, "cannot read 'x.npz': no such file or directory"),
        (lambda: os.mkdir("x.npz"), "cannot read 'x.npz': is a directory"),
        (lambda: npz("x.npz"), "inputs 'x.npz' must have an array 'in0', its arrays are none"),
        (
            lambda: npz("x.npz", images=X),
            "inputs 'x.npz' must have an array 'in0', its arrays are 'images'",
        ),
        (
            lambda: npz("x.npz", in0=X, in1=X),
            "inputs 'x.npz' must have 1 arrays as the function has arguments, got also 'in1'",
        ),
        (lambda: npz("x.npz", in0=X.astype(np.float32)), "input 0 must be int8, got float32"),
        (
            lambda: npz("x.npz", in0=X.T),
            "input 0 must have shape 1x2, or a multiple of it along the first axis, got 2x3",
        ),
        (
            lambda: npz("x.npz", in0=np.array([object()])),
            "inputs 'x.npz' are not a readable .npz: object arrays cannot be loaded when "
            "allow_pickle=False",
        ),
        (lambda: open("x.npz", "w").close(), "inputs 'x.npz' must be an .npz"),
        (lambda: np.save(open("x.npz", "wb"), X), "inputs 'x.npz' must be an .npz"),
        (truncated, "inputs 'x.npz' must be an .npz"),
        (damaged, "inputs 'x.npz' are not a readable .npz: "),
        (not_an_array, "'in0' of inputs 'x.npz' must be an array, got other bytes"),
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_inputs_that_do_not_fit_are_refused(run, make, message):
    make()
    code, out, err = run("m.mlir", "--inputs", "x.npz", "--outputs", "y.npz", "--all-values", "d")
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1
    assert not os.path.exists("y.npz")
    assert not os.path.exists("d")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("func.func @f() {", "bad.mlir:1:17: error: "),
        ("func.func @main() -> i32 {\n  func.return\n}", "bad.mlir:2:3: error: 'func.return' op "),
        ("", "bad.mlir: error: module must have a function 'main', its functions are none"),
    ],
)
def test_a_module_that_cannot_be_run_is_refused(run, tmp_path, text, message):
    npz("x.npz", in0=X)
    (tmp_path / "bad.mlir").write_text(text)
    code, out, err = run("bad.mlir", "--inputs", "x.npz")
    assert (code, out) == (1, "")
    assert err.startswith(message)
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "path", "reason"),
    [
        ("--outputs", "none/y.npz", "no such file or directory"),
        ("--outputs", ".", "is a directory"),
        ("--all-values", "m.mlir", "file exists"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(run, option, path, reason):
    npz("x.npz", in0=X)
    code, _, err = run("m.mlir", "--inputs", "x.npz", option, path)
    assert (code, err) == (1, f"error: cannot write '{path}': {reason}\n")


def test_wrong_usage_is_2(run):
    code, _, err = run("m.mlir")
    assert code == 2
    assert "the following arguments are required: --inputs" in err


# one more in the second place than MODULE computes, unless that is 127
OTHER = MODULE.replace("[0, 1]>", "[0, 2]>")
SHIFTED = np.array([[1, 2], [3, 4], [5, 127]], np.int8)


@pytest.mark.parametrize("jobs", ["1", "2", "7"])
def test_a_comparison_is_a_table(run, tmp_path, jobs):
    npz("x.npz", in0=SHIFTED)
    (tmp_path / "other.mlir").write_text(OTHER)
    code, out, err = run("m.mlir", "--inputs", "x.npz", "--compare", "other.mlir", "--jobs", jobs)
    assert (code, err) == (0, "")
    # two of six codes differ by one: 1 3, 3 5, 5 127 and 1 4, 3 6, 5 127, so that the signal is
    # 1 + 16 + 9 + 36 + 25 + 127^2 = 16216 and the noise 2; the mean is 2/6, its root 0.57735
    assert out.splitlines() == [
        "value        shape  type  equal %  max    mean     rms  sqnr dB  top class %",
        "layer/one:0  1x2    int8    66.67    1  0.3333  0.5774    39.09",
        "out0         1x2    int8    66.67    1  0.3333  0.5774    39.09       100.00",
        "out1         2      int8    66.67    1  0.3333  0.5774    39.09       100.00",
        "left out 1: only in the program: m.mlir:6:8",
        "left out 1: only in the reference: other.mlir:6:8",
    ]


def test_a_comparison_is_json_too(run):
    npz("x.npz", in0=X)
    arguments = ["m.mlir", "--inputs", "x.npz", "--compare", "m.mlir", "--compare-output-file"]
    code, table, err = run(*arguments, "c.json")
    assert (code, err) == (0, "")
    assert table.startswith("value")
    code, out, err = run(*arguments, "-")
    assert (code, err) == (0, "")
    with open("c.json") as file:
        assert file.read() == out
    comparison = json.loads(out)
    assert comparison["batches"] == 3
    assert comparison["left_out"] == []
    names = [value["name"] for value in comparison["values"]]
    assert names == ["layer/one:0", "m.mlir:6:8", "out0", "out1"]
    assert comparison["values"][2] == {
        "name": "out0",
        "operation": "output",
        "shape": [1, 2],
        "dtype": "int8",
        "zero_point": 0,
        "elements": 6,
        "maximum": 0,
        "mean": 0,
        "rms": 0,
        "sqnr": None,
        "equal": 1,
        "top_class": 1,
    }


def test_saved_outputs_and_values_are_compared(run):
    npz("x.npz", in0=X)
    assert run("m.mlir", "--inputs", "x.npz", "--outputs", "y.npz", "--all-values", "v")[0] == 0
    lines = {}
    for saved in ("y.npz", "v"):
        code, out, err = run("m.mlir", "--inputs", "x.npz", "--compare", saved)
        assert (code, err) == (0, "")
        lines[saved] = [line.split() for line in out.splitlines()[1:]]
    equal = ["100.00", "0", "0", "0", "inf"]
    assert lines["y.npz"] == [
        ["out0", "1x2", "int8", *equal, "100.00"],
        ["out1", "2", "int8", *equal, "100.00"],
        "left out 2: only in the program: layer_one_0, sima.reshape".split(),
    ]
    assert lines["v"] == [
        ["layer_one_0", "1x2", "int8", *equal],
        ["sima.reshape", "2", "int8", *equal],
        "left out 2: only in the program: out0, out1".split(),
    ]


def test_of_values_with_one_name_the_last_was_saved(run):
    npz("x.npz", in0=X)
    os.mkdir("v")
    for number in (2, 10, 9):
        np.save(f"v/{number:03d}_layer_one_0.npy", X + np.array([0, number == 10], np.int8))
    np.save("v/notes.npy", X)
    code, out, _ = run("m.mlir", "--inputs", "x.npz", "--compare", "v")
    assert code == 0
    assert out.splitlines()[1].split() == "layer_one_0 1x2 int8 100.00 0 0 0 inf".split()


def test_long_names_are_cut_and_many_are_counted(run, tmp_path):
    name = "model/" + "block/" * 20 + "last"
    text = MODULE.replace("layer/one:0", f"{name};model/second")
    (tmp_path / "long.mlir").write_text(text)
    npz("x.npz", in0=X)
    _, out, _ = run("long.mlir", "--inputs", "x.npz", "--compare", "long.mlir")
    cut = out.splitlines()[1].split()[0]
    assert cut == "…" + name[-47:] + ";…"
    values = "".join(
        f'  %{n} = sima.clip %x min = 0 max = 1 : (tensor<1xi8>) -> tensor<1xi8> loc("{n}")\n'
        for n in range(5)
    )
    (tmp_path / "many.mlir").write_text(
        f"func.func @main(%x: tensor<1x2xi8>) -> tensor<1x2xi8> {{\n"
        f"{values.replace('1xi8', '1x2xi8')}  func.return %x : tensor<1x2xi8>\n}}"
    )
    _, out, _ = run("many.mlir", "--inputs", "x.npz", "--compare", "m.mlir")
    assert "left out 5: only in the program: 0, 1, 2, …\n" in out


def folder(**files):
    os.mkdir("v")
    for name, data in files.items():
        with open(f"v/{name}.npy", "wb") as file:
            file.write(data)


@pytest.mark.parametrize(
    ("make", "reference", "message"),
    [
        (lambda: None, "none.mlir", "cannot read 'none.mlir': no such file or directory"),
        (lambda: None, "none.npz", "cannot read 'none.npz': no such file or directory"),
        (
            lambda: open("y.txt", "w").close(),
            "y.txt",
            "cannot tell the format of 'y.txt', its suffix is none of .mlir, .tflite, .onnx",
        ),
        (
            lambda: None,
            "x.npz",
            "outputs 'x.npz' must have an array 'out0', its arrays are 'in0'",
        ),
        (
            lambda: npz("y.npz"),
            "y.npz",
            "outputs 'y.npz' must have an array 'out0', its arrays are none",
        ),
        (lambda: open("y.npz", "w").close(), "y.npz", "outputs 'y.npz' must be an .npz"),
        (folder, "v", "folder 'v' must have files NUMBER_NAME.npy, got none"),
        (lambda: folder(**{"000_a": b""}), "v", "'v/000_a.npy' is not a readable .npy: "),
        (lambda: folder(**{"000_a": b"x" * 99}), "v", "'v/000_a.npy' is not a readable .npy"),
        (
            lambda: os.makedirs("v/000_a.npy"),
            "v",
            "cannot read 'v/000_a.npy': is a directory",
        ),
    ],
)
def test_a_reference_that_cannot_be_read_is_refused(run, make, reference, message):
    npz("x.npz", in0=X)
    make()
    code, out, err = run("m.mlir", "--inputs", "x.npz", "--compare", reference)
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


def test_a_reference_is_verified(run, tmp_path):
    npz("x.npz", in0=X)
    (tmp_path / "bad.mlir").write_text(MODULE.replace("shift = 0", "shift = -1"))
    code, _, err = run("m.mlir", "--inputs", "x.npz", "--compare", "bad.mlir")
    assert code == 1
    assert err.startswith("loc(\"layer/one:0\"): error: 'sima.dense' op shift must")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--compare-output-file", "c.json"], "--compare-output-file: needs --compare"),
        (
            ["--compare", "m.mlir", "--outputs", "y.npz"],
            "--outputs: not allowed with argument --compare",
        ),
        (
            ["--compare", "m.mlir", "--all-values", "v"],
            "--all-values: not allowed with argument --compare",
        ),
        (["--jobs", "0"], "--jobs: must be a positive integer, got '0'"),
        (["--jobs", "-1"], "--jobs: must be a positive integer, got '-1'"),
        (["--jobs", "two"], "--jobs: must be a positive integer, got 'two'"),
    ],
)
def test_options_that_make_no_sense_are_wrong_usage(run, arguments, message):
    npz("x.npz", in0=X)
    code, out, err = run("m.mlir", "--inputs", "x.npz", *arguments)
    assert (code, out) == (2, "")
    assert err.endswith(f"sima-run: error: argument {message}\n")


def test_any_number_of_jobs_gives_the_same_files(run):
    npz("x.npz", in0=np.arange(-126, 126, dtype=np.int8).reshape(-1, 2))
    files = {}
    for jobs in (1, 2, 3):
        arguments = ["--outputs", f"y{jobs}.npz", "--all-values", f"v{jobs}", "--jobs", jobs]
        assert run("m.mlir", "--inputs", "x.npz", *arguments) == (0, "", "")
        with np.load(f"y{jobs}.npz") as y:
            values = [np.load(f"v{jobs}/{name}") for name in sorted(os.listdir(f"v{jobs}"))]
            files[jobs] = [array.tolist() for array in (y["out0"], y["out1"], *values)]
    assert files[1] == files[2] == files[3]
    assert len(files[1]) == 4


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_first_batch_that_fails_is_reported(run, tmp_path, jobs):
    (tmp_path / "deep.mlir").write_text(
        """func.func @main(%x: tensor<1x4xi16>) -> tensor<1x1xi8> {
          %0 = sima.dense %x shift = 0 bias = dense<2147483647> : tensor<1xi32>
            weight = dense<1> : tensor<1x4xi8> : (tensor<1x4xi16>) -> tensor<1x1xi8>
          func.return %0 : tensor<1x1xi8>
        }"""
    )
    npz("x.npz", in0=np.array([[-9] * 4, [0, 0, 0, 7], [0, 0, 0, 8], [-9] * 4], np.int16))
    code, out, err = run("deep.mlir", "--inputs", "x.npz", "--jobs", jobs)
    assert (code, out) == (1, "")
    assert err.startswith("deep.mlir:2:16: error: 'sima.dense' op accumulator must stay inside ")
    assert err.endswith("got 2147483654\n")


SCRIPT = """
import sima_mlir.execution as execution
from sima_mlir.tools.sima_run import main

in_order = execution.in_order

def announced(*arguments):
    print("runs", flush=True)
    yield from in_order(*arguments)

execution.in_order = announced
raise SystemExit(main())
"""


def start(*arguments, **streams):
    command = [sys.executable, "-c", SCRIPT, *arguments]
    return subprocess.Popen(command, start_new_session=True, **streams)


def test_a_terminal_shows_how_many_runs_are_done(run):
    pytest.importorskip("rich")
    npz("x.npz", in0=X)
    ours, theirs = pty.openpty()
    streams = {"stdout": subprocess.PIPE, "stderr": theirs}
    with start("m.mlir", "--inputs", "x.npz", **streams) as process:
        os.close(theirs)
        shown = b""
        while chunk := read_terminal(ours):
            shown += chunk
        assert process.stdout.read() == b"runs\nout0 3x2 int8\nout1 6 int8\n"
    os.close(ours)
    assert process.returncode == 0
    assert b"3/3" in shown


def read_terminal(file):
    try:
        return os.read(file, 1000)
    except OSError:  # the other end was closed
        return b""


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_ends_all_processes_without_a_word(run, tmp_path, jobs):
    npz("x.npz", in0=np.zeros((10**5, 2), np.int8))
    arguments = ["m.mlir", "--inputs", "x.npz", "--outputs", "y.npz", "--jobs", jobs]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with start(*arguments, **streams) as process:
        assert process.stdout.readline() == b"runs\n"
        time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"")
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert sorted(os.listdir()) == ["m.mlir", "x.npz"]
