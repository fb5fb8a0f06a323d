"""What is installed: one import name, every file, and tools that work outside the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = PROJECT["tool"]["setuptools"]["package-dir"]
API = [path.stem for path in (ROOT / "api").glob("*.py")]
ALLOWED = {
    "quantization": ["quantization"],
    "dialects": ["dialects", "quantization"],
    "interpreters": ["interpreters", "dialects", "quantization"],
    "passes": ["passes", "interpreters", "dialects", "quantization"],
    "frontends": ["frontends", "dialects", "quantization"],
    "api": [*API, "quantization", "dialects", "interpreters", "passes", "frontends"],
    "tools": ["tools", *API],
}

CONV = """\
func.func @main(%x: tensor<1x4xi8>) -> tensor<1x2xi8> {
  %w = arith.constant dense<1> : tensor<2x4xi8>
  %0 = qnn.dense %x, %w : (tensor<1x4xi8>, tensor<2x4xi8>) -> tensor<1x2xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.5> output_q = <scale = 1.0>
    : (tensor<1x2xi32>) -> tensor<1x2xi8>
  func.return %1 : tensor<1x2xi8>
}
"""


def test_packages_are_the_folders_that_hold_python():
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == set(FOLDERS)
    folders = {p.parent.name for p in ROOT.glob("*/__init__.py")}
    assert folders == set(FOLDERS.values())


@pytest.mark.parametrize("folder", ALLOWED)
def test_a_folder_imports_only_folders_above_it(folder: str):
    for path in (ROOT / folder).rglob("*.py"):
        for line in path.read_text().splitlines():
            words = line.split()
            if len(words) > 1 and words[0] in ("from", "import"):
                parts = words[1].split(".")
                if parts[0] == "sima_mlir" and len(parts) > 1:
                    assert parts[1] in ALLOWED[folder], f"{path}: {line}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    shutil.rmtree(ROOT / "build" / "lib", ignore_errors=True)  # setuptools packs what is left there
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(target)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True, text=True)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel, beside the packages that this one has."""
    venv = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin/python"), "install"]
    subprocess.run([*pip, "--quiet", "--no-deps", str(wheel)], check=True, capture_output=True)
    # A path in a .pth file is searched last, and .pth files in it (our editable install) are not.
    (site / "others.pth").write_text(sysconfig.get_paths()["purelib"])
    return venv


def outside(environment: Path, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PATH": path}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_wheel_holds_every_file_under_one_name(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
    expected = {
        name.replace(".", "/") + "/" + path.name
        for name, folder in FOLDERS.items()
        for path in (ROOT / folder).iterdir()
        if path.suffix == ".py" or path.name == "py.typed"
    }
    assert names == expected


def test_sima_opt_and_sima_run_work_from_the_wheel(environment: Path, tmp_path: Path):
    (tmp_path / "in.mlir").write_text(CONV)
    lowered = outside(
        environment, "sima-opt", "in.mlir", "-p", "convert-qnn-to-sima", "-o", "out.mlir",
        cwd=tmp_path,
    )  # fmt: skip
    assert (lowered.returncode, lowered.stderr) == (0, "")
    assert "sima.dense" in (tmp_path / "out.mlir").read_text()
    script = "import numpy as n; n.savez('x.npz', in0=n.full((1, 4), 3, n.int8))"
    assert outside(environment, "python", "-c", script, cwd=tmp_path).returncode == 0
    ran = outside(
        environment, "sima-run", "out.mlir", "--inputs", "x.npz", "--outputs", "y.npz", cwd=tmp_path
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    script = "import numpy as n; assert n.load('y.npz')['out0'].tolist() == [[6, 6]]"
    assert outside(environment, "python", "-c", script, cwd=tmp_path).returncode == 0


def test_plain_xdsl_opt_knows_the_dialects_and_the_pass(environment: Path, tmp_path: Path):
    (tmp_path / "in.mlir").write_text(CONV)
    script = "import sys; from xdsl.tools.xdsl_opt import main; sys.exit(main())"
    result = outside(
        environment, "python", "-c", script, "in.mlir", "-p", "convert-qnn-to-sima", cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    assert "sima.dense" in result.stdout
    where = outside(
        environment, "python", "-c", "import sima_mlir; print(sima_mlir.__file__)", cwd=tmp_path
    )
    assert where.stdout.startswith(str(environment))
