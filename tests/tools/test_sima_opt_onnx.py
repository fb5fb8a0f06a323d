"""`sima-opt model.onnx`: what is on floats at the end fails, unless the lowering is partial."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sima_mlir.tools.sima_opt import main

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'sima-mlir[onnx]'")

LOWERING = "convert-qnn-to-sima"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Codes of x, doubled by an Add of themselves, and their floats summed up."""
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    constants = {"scale": np.float32(0.5), "zero": np.int8(3), "axis": np.int64(1)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["f"]),
        helper.make_node("CumSum", ["f", "axis"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", float32, [1, 4])],
        [helper.make_tensor_value_info("y", float32, [1, 4])],
        [onnx.numpy_helper.from_array(np.array(v), name) for name, v in constants.items()],
    )
    path = tmp_path / "tail.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), path)
    return path


def run(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    return code, out, err


@pytest.mark.parametrize("pipeline", ["", LOWERING, f"{LOWERING}{{partial=false}}"])
def test_a_float_tail_is_refused(model: Path, pipeline: str, capfd: pytest.CaptureFixture[str]):
    code, out, err = run(capfd, model, "-p", pipeline)
    assert (code, out) == (1, "")
    assert f"{model}: error: operator 'CumSum' is not supported" in err


@pytest.mark.parametrize("name", [LOWERING, "qnn-to-sima-pipeline"])
def test_a_float_tail_is_left_out_where_the_lowering_is_partial(
    model: Path, name: str, capfd: pytest.CaptureFixture[str]
):
    code, out, err = run(capfd, model, "-p", f"{name}{{partial=true}}")
    assert code == 0
    assert "sima.quantize" in out
    assert "operator 'CumSum' at 'y' is left to the host: it is not supported" in err
