"""Times `sima-opt` beside `xdsl-opt` on one network, and the lowering with and without proofs.

Usage: python bench/sima_opt.py [MODEL.tflite]

Without a model, the largest TFLite network found beside the checkout is taken, else the digits
example. Whole processes run in turn, a round each, and the medians and the medians of the ratios
in a round are printed: absolute times are noise. Memory is the peak resident set.
"""

from __future__ import annotations

import math
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table
from xdsl.dialects.builtin import ModuleOp

import sima_mlir
from sima_mlir.dialects.sima import WeightedOperation

ROUNDS = 9
ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def largest_model() -> Path:
    """Returns the largest int8 network that is at hand."""
    found = ROOT.parent.glob("shared/models/mobilenet/*ptq.tflite")
    return max(
        found, key=lambda p: p.stat().st_size, default=ROOT / "examples/digits/digits_int8.tflite"
    )


def run(command: list[str]) -> tuple[float, float]:
    """Runs a process; returns wall time in seconds and peak memory in MiB."""
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=QUIET)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed with status {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


QUIET = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]


def processes(model: Path, qnn: Path) -> Table:
    """Times reading, printing and lowering as whole processes."""
    sima = str(BIN / "sima-opt")
    xdsl = [str(BIN / "python"), "-c", "from xdsl.tools.xdsl_opt import main; main()"]
    commands = {
        "xdsl-opt: parse and print": [*xdsl, str(qnn)],
        "sima-opt: parse and print": [sima, str(qnn)],
        "sima-opt: parse, lower and print": [sima, str(qnn), "-p", "convert-qnn-to-sima"],
        "sima-opt: import, lower and print": [sima, str(model), "-p", "convert-qnn-to-sima"],
    }
    rounds = [{name: run(c) for name, c in commands.items()} for _ in range(ROUNDS + 1)][1:]
    table = Table("process", "median s", "peak MiB", "of xdsl-opt's time", title=model.name)
    base = next(iter(commands))
    for name in commands:
        seconds, memory = (statistics.median(r[name][i] for r in rounds) for i in (0, 1))
        ratio = statistics.median(r[name][0] / r[base][0] for r in rounds)
        table.add_row(name, f"{seconds:.3f}", f"{memory:.0f}", f"{ratio:.2f}")
    return table


PIPELINES = {
    "convert-qnn-to-sima": False,
    "convert-qnn-to-sima{requantization=tflite}": False,
    "convert-qnn-to-sima{certify=true}": False,
    "convert-qnn-to-sima{requantization=tflite certify=true}": False,
    "convert-qnn-to-sima{requantization=auto}": False,
    "convert-qnn-to-sima ": True,
}
"""Pipelines, and whether all remarks are wanted, which asks for the expected errors too."""


def lowering(model: Path) -> Table:
    """Times the pass alone, in turn with and without certificates and remarks."""
    source = sima_mlir.load(sima_mlir.make_context(), model)
    times: dict[str, list[float]] = {pipeline: [] for pipeline in PIPELINES}
    module = source
    for _ in range(ROUNDS + 1):
        for pipeline, remarks in PIPELINES.items():
            ctx, module = sima_mlir.make_context(remarks=remarks), source.clone()
            (lower,) = sima_mlir.parse_pipeline(pipeline)
            start = time.perf_counter()
            lower.apply(ctx, module)
            times[pipeline].append(1e3 * (time.perf_counter() - start))
    table = Table("pass", "median ms", "ms per million weights", "of the lowering's time")
    weights, base = millions_of_weights(module), times[next(iter(PIPELINES))]
    for pipeline, remarks in PIPELINES.items():
        median = statistics.median(times[pipeline][1:])
        ratios = [t / b for t, b in zip(times[pipeline][1:], base[1:], strict=True)]
        name = pipeline.strip() + (" --remarks" if remarks else "")
        ratio = f"{statistics.median(ratios):.2f}"
        table.add_row(name, f"{median:.1f}", f"{median / weights:.1f}", ratio)
    return table


def millions_of_weights(module: ModuleOp) -> float:
    """Returns how many weights a lowered network has."""
    weighted = [op for op in module.walk() if isinstance(op, WeightedOperation)]
    return sum(math.prod(op.weight_shape()) for op in weighted) / 1e6


def main() -> None:
    """Prints both tables."""
    model = Path(sys.argv[1]) if len(sys.argv) > 1 else largest_model()
    with tempfile.TemporaryDirectory() as folder:
        qnn = Path(folder) / "qnn.mlir"
        run([str(BIN / "sima-opt"), str(model), "-o", str(qnn)])
        console = Console()
        console.print(processes(model, qnn))
        console.print(lowering(model))


if __name__ == "__main__":
    main()
