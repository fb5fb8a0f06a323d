"""Times reading and lowering ONNX models beside `onnx.load` and `onnx.checker`, and their memory.

Usage: python bench/onnx_import.py [MODEL.onnx …]

Without a model, ResNet-50 from random weights is quantized by `onnxruntime.quantization`, in both
forms. All steps run in turn, a round each, in this process; the least CPU times and their quotients
by the least time of `onnx` are printed: absolute times are noise. Memory is what the peak of a
process of its own adds to what it has after all modules are imported, as a multiple of the file.
"""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
from rich.console import Console
from rich.table import Table
from xdsl.dialects.builtin import ModuleOp

import sima_mlir

ROUNDS = 9
TESTS = Path(__file__).parent.parent / "tests"

MODES = {
    "tflite": "convert-qnn-to-sima{requantization=tflite}",
    "sima, weights to nearest": "convert-qnn-to-sima{weight-rounding=nearest}",
    "sima": "convert-qnn-to-sima",
}

MEMORY = """
import sys
import onnx, onnx.checker
import sima_mlir
def peak():
    (line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
path, pipeline = sys.argv[1:]
ctx = sima_mlir.make_context()
empty = sima_mlir.read(ctx, b"")
sima_mlir.run_pipeline(ctx, empty, "convert-qnn-to-sima")
import sima_mlir.frontends.onnx
before = peak()
if pipeline == "onnx":
    model = onnx.load(path)
    onnx.checker.check_model(model)
else:
    module = sima_mlir.load(ctx, path)
    sima_mlir.run_pipeline(ctx, module, pipeline)
print(peak() - before)
"""

T = TypeVar("T")


def quantized_networks(folder: Path) -> Iterator[Path]:
    """Yields ResNet-50 in both forms."""
    sys.path.insert(0, str(TESTS))
    from support import networks
    from support import onnx_models as om

    logging.disable(logging.WARNING)
    network, image = networks.resnet50(), networks.image(np.random.default_rng(0), 224)
    for form in ("QDQ", "QOperator"):
        proto = om.quantize(
            network,
            folder,
            form=form,
            per_channel=True,
            activations="int8",
            weights="int8",
            images=[image],
        )
        onnx.save(proto, path := folder / f"resnet50_{form}.onnx")
        yield path


def timed(step: Callable[[], T], times: list[float]) -> T:
    """Takes a step and keeps its CPU time."""
    gc.collect()
    start = time.process_time()
    result = step()
    times.append(time.process_time() - start)
    return result


def by_onnx(path: Path) -> None:
    """Does what `onnx` itself does with a file."""
    onnx.checker.check_model(onnx.load(path))


def round_of(path: Path, times: Mapping[str, list[float]]) -> None:
    """Takes each step once."""
    timed(lambda: by_onnx(path), times["onnx.load + checker"])
    for name, pipeline in MODES.items():
        import_and_lower(path, pipeline, times["import"], times[f"lowering, {name}"])


def import_and_lower(
    path: Path, pipeline: str, importing: list[float], lowering: list[float]
) -> None:
    """Does what `sima-opt` does with a file, but for printing."""
    ctx = sima_mlir.make_context()
    module: ModuleOp = timed(lambda: sima_mlir.load(ctx, path), importing)
    timed(lambda: sima_mlir.run_pipeline(ctx, module, pipeline), lowering)


def memory(path: Path, pipeline: str) -> float:
    """Returns what a process needs, as a multiple of the file."""
    command = [sys.executable, "-c", MEMORY, str(path), pipeline]
    added = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return added / path.stat().st_size


def report(path: Path) -> Table:
    """Measures a model."""
    table = Table("", "CPU time / ms", "quotient", "peak memory / file", title=path.name)
    times: dict[str, list[float]] = {"onnx.load + checker": [], "import": []}
    times |= {f"lowering, {name}": [] for name in MODES}
    for _ in range(ROUNDS):
        round_of(path, times)
    least = {name: min(values) for name, values in times.items()}
    for name in MODES:
        least[f"import and lowering, {name}"] = least["import"] + least[f"lowering, {name}"]
    peaks = {"onnx.load + checker": memory(path, "onnx"), "import": memory(path, "")}
    peaks |= {f"import and lowering, {name}": memory(path, p) for name, p in MODES.items()}
    for name, seconds in least.items():
        quotient = seconds / least["onnx.load + checker"]
        peak = f"{peaks[name]:.2f}" if name in peaks else ""
        table.add_row(name, f"{seconds * 1e3:.0f}", f"{quotient:.2f}", peak)
    return table


def main() -> None:
    """Prints a table for each model."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        for path in map(Path, sys.argv[1:]) if sys.argv[1:] else quantized_networks(Path(folder)):
            console.print(report(path))


if __name__ == "__main__":
    main()
