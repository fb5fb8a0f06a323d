"""Run TOSA modules in Arm's reference model, which defines what TOSA operations compute."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

requires_tosa = pytest.mark.skipif(
    find_spec("tosa_reference_model") is None,
    reason="tosa-tools is not installed: pip install 'sima-mlir[judges]'",
)


def tensor_type(shape: Sequence[int], dtype: np.dtype) -> str:
    return f"tensor<{'x'.join(map(str, shape))}xi{8 * dtype.itemsize}>"


def constant(name: str, array: np.ndarray) -> str:
    """Give the operation that defines `%name`."""
    kind = tensor_type(array.shape, array.dtype)
    values = f'dense<"0x{array.tobytes().hex()}"> : {kind}'
    return f'%{name} = "tosa.const"() <{{values = {values}}}> : () -> {kind}'


def run(module: str, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Give the results of `@main`.

    Raises `ValueError` where the specification does not define them.
    """
    from tosa_reference_model import GraphStatus
    from tosa_reference_model import run as run_binary

    results, status = run_binary(_serialize(module), list(inputs))
    if status != GraphStatus.TOSA_VALID:
        raise ValueError(f"results must be defined, got {status.name}")
    return results


def _serialize(module: str) -> bytes:
    package = distribution("tosa-tools")
    opt, schema = (str(package.locate_file(f"bin/{name}")) for name in ("tosa-opt", "tosa.fbs"))
    with TemporaryDirectory() as folder:
        binary = Path(folder, "module.tosa")
        options = [f"--tosa-flatbuffer-schema={schema}", f"--tosa-flatbuffer-filename={binary}"]
        command = [opt, "--tosa-serialize", *options]
        done = subprocess.run(command, input=module, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ValueError(f"tosa-opt must take the module, got {done.stderr}")
        return binary.read_bytes()
