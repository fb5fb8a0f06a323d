"""Every command in the README runs, and CI calls the one that runs the tests."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]
TESTS = "make test"
SCRIPTS = str(Path(sys.executable).parent)


def run(command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command with this environment's tools."""
    env = os.environ | {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        command, shell=True, cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


def test_there_are_two_main_commands_and_ci_calls_the_second():
    assert COMMANDS[:2] == ["make demo", TESTS]
    assert (ROOT / ".ci/run").read_text().splitlines()[-1] == TESTS


def test_the_commands_run_in_order(tmp_path: Path):
    for command in COMMANDS[2:]:
        result = run(command.replace(".venv/bin/", "").replace("/tmp/", f"{tmp_path}/"))
        assert result.returncode == 0, f"{command}\n{result.stderr}"
        assert result.stderr == ""


def test_demo_prints_ir_both_accuracies_and_the_agreement():
    # `make demo` itself, with this environment in place of the one that it would set up.
    result = run(f"make --silent --old-file=.venv/installed BIN={SCRIPTS} demo")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("builtin.module {")
    assert "sima.conv" in result.stdout
    shares = re.findall(r"(?:program|two|Runtime): (\d+\.\d+)%$", result.stdout, re.MULTILINE)
    assert len(shares) == 7
    assert all(float(share) > 95 for share in shares)
    qnn, sima, _, runtime = map(float, shares[3:])
    assert max(abs(qnn - runtime), abs(sima - runtime)) <= 0.5


def test_demo_has_a_recorded_accuracy_where_onnx_runtime_is_not(monkeypatch: pytest.MonkeyPatch):
    demo = runpy.run_path(str(ROOT / "examples/digits/demo.py"))
    with np.load(ROOT / "examples/digits/digits_test.npz") as test:
        pixels, labels = (test["in0"].astype(np.float32) + 128) / 255, test["labels"]
    measured = demo["onnx_runtime_accuracy"](pixels.transpose(0, 3, 1, 2), labels)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    recorded = demo["onnx_runtime_accuracy"](pixels, labels)
    assert recorded == f"{measured} (recorded, it is not installed)"


def test_python_example_runs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    assert "sima.conv" in str(names["module"])


def test_links_and_folders_exist():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
    for folder in re.findall(r"^\| `(\w+)/`", README, re.MULTILINE):
        assert (ROOT / folder).is_dir(), folder


def test_examples_hold_the_ir_that_sima_opt_writes():
    digits = ROOT / "examples/digits"
    for source, options, written in (
        ("digits_int8.tflite", "", "digits.qnn.mlir"),
        ("digits.qnn.mlir", "-p convert-qnn-to-sima", "digits.sima.mlir"),
        ("digits_qdq.onnx", "", "digits_qdq.qnn.mlir"),
        ("digits_qdq.qnn.mlir", "-p convert-qnn-to-sima", "digits_qdq.sima.mlir"),
    ):
        result = run(f"sima-opt {digits / source} {options}")
        assert result.returncode == 0, result.stderr
        assert result.stdout == (digits / written).read_text()
