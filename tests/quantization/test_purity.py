"""`quantization/` is pure arithmetic: it imports the standard library, numpy and itself."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from sima_mlir import quantization

FILES = sorted(Path(quantization.__file__).parent.glob("*.py"))


def imported_packages(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            names.add(str(node.module))
    return names


def is_allowed(name: str) -> bool:
    root = name.split(".")[0]
    return (
        root in sys.stdlib_module_names
        or root == "numpy"
        or name.startswith("sima_mlir.quantization.")
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_imports_only_numpy_and_the_standard_library(path: Path):
    assert {name for name in imported_packages(path) if not is_allowed(name)} == set()


def test_there_are_files_to_look_at():
    assert {"__init__.py", "convolution.py", "fixed_point.py"} <= {path.name for path in FILES}


def test_importing_it_loads_no_xdsl():
    # The parent package is imported too, so it must not pull xDSL in either.
    code = "import sys, sima_mlir.quantization; sys.exit('xdsl' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_exists_once():
    names = quantization.__all__
    assert all(hasattr(quantization, name) for name in names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("correction_factors", ["input_q", "output_q"]),
        (
            "requantize_qnn_convolution_dense",
            ["weight", "bias", "data_zero_point", "product_q", "output_q", "is_dense"],
        ),
        (
            "tflite_requantization_constants",
            ["weight", "bias", "data_zero_point", "input_q", "output_q", "is_dense"],
        ),
    ],
)
def test_signature_is_that_of_the_published_interface(name: str, parameters: list[str]):
    signature = inspect.signature(getattr(quantization, name))
    assert list(signature.parameters) == parameters
    assert all(p.default is p.empty for p in signature.parameters.values())
