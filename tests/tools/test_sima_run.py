"""`sima-run`: arrays in, arrays out, and one clear line for each refusal."""

import os
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
