"""Files: each format by suffix or by name, and every reason not to read one."""

import os
from pathlib import Path

import pytest

from sima_mlir import SimaError, load, make_context, read

DIGITS = Path(__file__).parents[2] / "examples" / "digits" / "digits_int8.tflite"


def refusal(path, **options):
    with pytest.raises(SimaError) as caught:
        load(make_context(), path, **options)
    return str(caught.value)


def test_the_suffix_gives_the_format(tmp_path):
    text = tmp_path / "x.MLIR"
    text.write_text("builtin.module {}")
    assert load(make_context(), text).name == "builtin.module"
    assert any(op.name == "qnn.conv" for op in load(make_context(), DIGITS).walk())


def test_a_format_goes_before_the_suffix(tmp_path):
    model = tmp_path / "model.bin"
    model.write_bytes(DIGITS.read_bytes())
    assert any(op.name == "qnn.conv" for op in load(make_context(), model, "tflite").walk())


def test_a_missing_file_is_refused(tmp_path):
    path = tmp_path / "x.mlir"
    assert refusal(path) == f"error: cannot read '{path}': no such file or directory"


def test_a_directory_is_refused(tmp_path):
    assert refusal(tmp_path) == f"error: cannot read '{tmp_path}': is a directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file_is_refused(tmp_path):
    path = tmp_path / "x.mlir"
    path.touch(0o000)
    assert refusal(path) == f"error: cannot read '{path}': permission denied"


def test_an_unknown_suffix_is_refused(tmp_path):
    path = tmp_path / "x.pb"
    path.touch()
    assert refusal(path) == (
        f"error: cannot tell the format of '{path}', its suffix is none of .mlir, .tflite, .onnx"
    )


def test_an_unknown_format_is_refused():
    with pytest.raises(
        SimaError, match=r"^error: format must be one of mlir, tflite, onnx, got 'pb'$"
    ):
        read(make_context(), b"", format="pb")


@pytest.mark.parametrize("data", [b"", os.urandom(4096), DIGITS.read_bytes()[:3000]])
def test_what_is_no_model_is_refused_with_the_file(data):
    with pytest.raises(SimaError) as caught:
        read(make_context(), data, "m.tflite", "tflite")
    for diagnostic in caught.value.diagnostics:
        assert str(diagnostic).startswith("m.tflite: error: ")
        assert "\n" not in str(diagnostic)
