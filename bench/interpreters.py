"""Times the interpreters beside LiteRT and ONNX Runtime, one thread each, on MobileNetV2.

Usage: python bench/interpreters.py [MODEL.tflite | MODEL.onnx ...]

Without models, those of MobileNetV2 beside the checkout are taken, which is said if there are none.
Everything runs in turn, a round each, in this process; the medians of the time per image are
printed, and the medians of the ratios in a round to the executors' times. The second table has the
runs of a network shared by processes.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is loaded

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import sima_mlir
from sima_mlir.dialects.elements import dtype_of
from sima_mlir.execution import argument_types, find_function

ROUNDS, IMAGES = 7, 4
ROOT = Path(__file__).parent.parent
MODELS = ["mobilenet/tf2_mobilenet_v2*.tflite", "onnx/mobilenetv2*.onnx"]
Runs = dict[str, Callable[[], object]]


def find_models() -> list[Path]:
    """Returns the models that are asked for, or at hand."""
    if len(sys.argv) > 1:
        return [Path(name) for name in sys.argv[1:]]
    shared = ROOT.parent / "shared/models"
    return sorted(path for pattern in MODELS for path in shared.glob(pattern))


def images(types: list[Any]) -> list[np.ndarray]:
    """Returns seeded inputs, uniform codes or normal numbers."""
    rng = np.random.default_rng(0)
    arrays: list[np.ndarray] = []
    for argument in types:
        dtype, (first, *rest) = dtype_of(argument.element_type), argument.get_shape()
        shape = (IMAGES * first, *rest)
        codes = dtype.kind in "iu"
        limits = np.iinfo(dtype) if codes else None
        arrays.append(
            rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
            if limits
            else rng.standard_normal(shape).astype(dtype)
        )
    return arrays


PIPELINES = {
    "qnn": None,
    "sima, folded": "convert-qnn-to-sima{partial=true}",
    "sima, tflite": "convert-qnn-to-sima{requantization=tflite partial=true}",
}


def programs(model: Path) -> tuple[Runs, list[np.ndarray]]:
    """Returns functions that run our programs of a model, and their inputs."""
    runs: Runs = {}
    inputs: list[np.ndarray] = []
    for name, pipeline in PIPELINES.items():
        ctx = sima_mlir.make_context()
        module = sima_mlir.load(ctx, model)
        if pipeline is not None:
            sima_mlir.run_pipeline(ctx, module, pipeline)
        inputs = images(argument_types(find_function(module)))
        runs[name] = lambda c=ctx, m=module, i=inputs: sima_mlir.interpret_batches(c, m, i)
    return runs, inputs


def litert(model: Path, inputs: list[np.ndarray]) -> Runs:
    """Returns functions that run a TFLite model in LiteRT, by the kernels that it is run with."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kernels = {
        "LiteRT (XNNPACK)": OpResolverType.AUTO,
        "LiteRT (own kernels)": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        "LiteRT (reference)": OpResolverType.BUILTIN_REF,
    }
    runs: Runs = {}
    for name, resolver in kernels.items():
        interpreter = Interpreter(
            model_path=str(model), num_threads=1, experimental_op_resolver_type=resolver
        )
        interpreter.allocate_tensors()
        runs[name] = lambda i=interpreter: [run_litert(i, image) for image in split(inputs)]
    return runs


def run_litert(interpreter: Any, image: list[np.ndarray]) -> None:
    for detail, array in zip(interpreter.get_input_details(), image, strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()


def onnx_runtime(model: Path, inputs: list[np.ndarray]) -> Runs:
    """Returns a function that runs an ONNX model in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, ["CPUExecutionProvider"])
    names = [argument.name for argument in session.get_inputs()]

    def run() -> None:
        for image in split(inputs):
            session.run(None, dict(zip(names, image, strict=True)))

    return {"ONNX Runtime": run}


def split(inputs: list[np.ndarray]) -> list[list[np.ndarray]]:
    """Cuts inputs into images."""
    return [list(parts) for parts in zip(*(np.split(a, IMAGES) for a in inputs), strict=True)]


def executors(model: Path, inputs: list[np.ndarray], console: Console) -> Runs:
    """Returns what runs a model beside ours, and says what is not installed."""
    start = litert if model.suffix == ".tflite" else onnx_runtime
    try:
        return start(model, inputs)
    except ImportError as error:
        console.print(f"skipped: {error}")
        return {}


def timed(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - start) / IMAGES


def beside_others(model: Path, console: Console) -> None:
    """Prints the time per image of our programs and the executors, and the ratios."""
    ours, inputs = programs(model)
    others = executors(model, inputs, console)
    rounds = [{n: timed(r) for n, r in (ours | others).items()} for _ in range(ROUNDS + 1)][1:]
    table = Table("one thread", "median ms an image", *(f"of {n}" for n in others))
    for name in rounds[0]:
        ratios = [statistics.median(r[name] / r[other] for r in rounds) for other in others]
        median = statistics.median(r[name] for r in rounds)
        table.add_row(name, f"{median:.1f}", *(f"{ratio:.1f}" for ratio in ratios))
    table.title = model.name
    console.print(table)


def shared_by_processes(model: Path, repeats: int, console: Console) -> None:
    """Prints how the time falls when processes share the runs."""
    ctx = sima_mlir.make_context()
    module = sima_mlir.load(ctx, model)
    inputs = [np.concatenate([a] * repeats) for a in images(argument_types(find_function(module)))]
    table = Table("jobs", "median ms an image", "of one job's time", title=model.name)
    jobs = sorted({1, 2, len(os.sched_getaffinity(0))})
    runs = {n: lambda n=n: sima_mlir.interpret_batches(ctx, module, inputs, jobs=n) for n in jobs}
    rounds = [{n: timed(run) / repeats for n, run in runs.items()} for _ in range(4)][1:]
    for n in jobs:
        ratio = statistics.median(r[n] / r[1] for r in rounds)
        table.add_row(f"{n}", f"{statistics.median(r[n] for r in rounds):.1f}", f"{ratio:.2f}")
    console.print(table)


def main() -> None:
    """Prints the tables."""
    console = Console()
    models = find_models()
    if not models:
        console.print("skipped: no model of MobileNetV2 is at hand")
    for model in models:
        beside_others(model, console)
    for model in models[:1]:
        shared_by_processes(model, 4, console)
    shared_by_processes(ROOT / "examples/digits/digits_int8.tflite", 100, console)


if __name__ == "__main__":
    main()
