"""Compares the strategies for rounding weights, on networks and inputs they have not seen.

Usage: python bench/weight_rounding.py [MODEL.tflite ...]

For each network (by default those beside the checkout, in ../shared/models) and each strategy:
the mean and the largest error of its convolution and dense operators, each given the codes that it
has in the source, the mean over operators; how often the whole lowered network has the source's
largest output; and the mean error of its outputs. All errors are in codes.

Inputs are noise whose amplitude falls with its frequency, as in natural images, as strong as the
low-frequency ones in ../shared/golden: of seeds 0, 1, … for calibration and of others for
evaluation. What second-moment makes up by itself is another noise.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation

import sima_mlir
from sima_mlir.dialects.definitions import element_type, shape_of
from sima_mlir.dialects.elements import Array, dtype_of
from sima_mlir.dialects.sima import WeightedOperation
from sima_mlir.execution import find_function
from sima_mlir.interpreters import register_implementations
from sima_mlir.quantization import code_range

MODELS = Path(__file__).parents[2] / "shared/models"
NETWORKS = {
    "mlperf_tiny/pretrainedResnet_quant.tflite": (16, 200),
    "mlperf_tiny/kws_ref_model.tflite": (16, 200),
    "mlperf_tiny/ad01_int8.tflite": (64, 200),
    "mobilenet/tf2_mobilenet_v2_1.0_224_ptq.tflite": (8, 40),
}
"""How many inputs calibrate and evaluate each."""

OTHERS = (16, 100)
"""How many those of a network that is named."""

CONTRAST = 0.2
"""The standard deviation of codes, as part of their range: that of the images recorded there."""

EVALUATION = 10_000
"""The first seed of evaluation."""

STRATEGIES = {
    "nearest": "weight-rounding=nearest",
    "sum-preserving": "weight-rounding=sum-preserving",
    "second-moment, made-up": "weight-rounding=second-moment",
    "second-moment, calibrated": 'weight-rounding=second-moment calibration="{}"',
}


class Result(NamedTuple):
    """What a strategy gives on a network."""

    strategy: str
    mean: float
    largest: int
    agreement: float
    output: float
    seconds: float


class Program(NamedTuple):
    """A network, lowered."""

    ctx: Context
    module: ModuleOp
    seconds: float
    """What that took of the processor."""


def lowered(model: Path, options: str) -> Program:
    """Imports a network and lowers it."""
    ctx = sima_mlir.make_context()
    module = sima_mlir.load(ctx, model)
    start = process_time()
    sima_mlir.run_pipeline(ctx, module, f"convert-qnn-to-sima{{{options}}}")
    return Program(ctx, module, process_time() - start)


def weighted(program: Program) -> list[WeightedOperation]:
    """Returns the convolution and dense operators in order."""
    return [op for op in program.module.walk() if isinstance(op, WeightedOperation)]


def noise(shape: Sequence[int], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Returns noise of unit variance whose amplitude is the inverse of its frequency."""
    frequencies = np.meshgrid(*(np.fft.fftfreq(size) * size for size in shape), indexing="ij")
    radius = np.sqrt(sum(np.square(f) for f in frequencies))
    spectrum = np.fft.fftn(rng.normal(size=shape)) / np.maximum(radius, 1)
    values = np.fft.ifftn(spectrum).real
    return (values - values.mean()) / values.std()


def made_input(shape: Sequence[int], dtype: np.dtype[Any], seed: int) -> Array:
    """Returns an image, whose channels have much in common, or frames of a spectrum."""
    rng = np.random.default_rng(seed)
    low, high = code_range(dtype)
    *places, channels = shape[1:] if len(shape) > 2 else (5, shape[-1] // 5, 1)
    common = noise(places, rng)[..., np.newaxis]
    own = np.stack([noise(places, rng) for _ in range(channels)], axis=-1)
    values = 0.8 * common + 0.6 * own
    middle = (low + high) / 2
    return (
        np.clip(np.rint(middle + values * CONTRAST * (high - low)), low, high)
        .astype(dtype)
        .reshape(shape)
    )


def made_inputs(program: Program, seeds: Sequence[int]) -> list[Array]:
    """Returns inputs of a network with one argument."""
    (argument,) = find_function(program.module).args
    shape, dtype = shape_of(argument), dtype_of(element_type(argument))
    return [made_input(shape, dtype, seed) for seed in seeds]


def measure(name: str, program: Program, exact: Program, inputs: Sequence[Array]) -> Result:
    """Runs a lowered network beside its source, as a whole and operator by operator."""
    interpreter = Interpreter(program.module)
    register_implementations(interpreter, program.ctx)
    pairs = dict(zip(weighted(exact), weighted(program), strict=True))
    sums, sizes, largest = dict.fromkeys(pairs, 0), dict.fromkeys(pairs, 0), 0
    agreements, outputs = list[bool](), list[float]()
    for data in inputs:
        codes: dict[Any, Array] = {}

        def keep(
            op: Operation, results: tuple[Array, ...], codes: dict[Any, Array] = codes
        ) -> None:
            codes.update(zip(op.results, results, strict=True))

        (wanted,) = sima_mlir.interpret(exact.ctx, exact.module, [data], observe=keep)
        codes[find_function(exact.module).args[0]] = data
        for source, op in pairs.items():
            (result,) = interpreter.run_op(op, (codes[source.data],))
            error = np.abs(result.astype(np.int64) - codes[source.result])
            sums[source] += int(error.sum())
            sizes[source] += error.size
            largest = max(largest, int(error.max()))
        (output,) = sima_mlir.interpret(program.ctx, program.module, [data])
        agreements.append(bool(output.argmax() == wanted.argmax()))
        outputs.append(float(np.abs(output.astype(np.float64) - wanted).mean()))
    mean = float(np.mean([sums[op] / sizes[op] for op in pairs]))
    agreement, output_error = float(np.mean(agreements)), float(np.mean(outputs))
    return Result(name, mean, largest, agreement, output_error, program.seconds)


def results(model: Path, counts: tuple[int, int]) -> Iterator[Result]:
    """Yields the result of each strategy on a network."""
    exact = lowered(model, "requantization=tflite")
    calibration = np.concatenate(made_inputs(exact, range(counts[0])))
    evaluation = made_inputs(exact, range(EVALUATION, EVALUATION + counts[1]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calibration.npz"
        np.savez(path, in0=calibration)
        for name, options in STRATEGIES.items():
            yield measure(name, lowered(model, options.format(path)), exact, evaluation)


def table(model: Path, counts: tuple[int, int], rows: Sequence[Result]) -> Table:
    """Returns the results for people; relative to those of nearest, too."""
    titles = ("mean", "of nearest", "max", "top-1 %", "output", "of nearest", "CPU s")
    found = Table(
        Column("strategy", no_wrap=True),
        *(Column(title, justify="right") for title in titles),
        title=f"{model.stem}: {counts[0]} inputs calibrate, {counts[1]} evaluate",
    )
    first = rows[0]
    for row in rows:
        found.add_row(
            row.strategy,
            f"{row.mean:.3f}",
            f"{row.mean / first.mean:.2f}",
            str(row.largest),
            f"{row.agreement:.1%}",
            f"{row.output:.3f}",
            f"{row.output / first.output:.2f}" if first.output else "",
            f"{row.seconds:.2f}",
        )
    return found


def main() -> None:
    """Prints a table for each network."""
    logging.disable(logging.WARNING)
    named = {Path(name): OTHERS for name in sys.argv[1:]}
    at_hand = {MODELS / name: counts for name, counts in NETWORKS.items()}
    console, start = Console(width=100), perf_counter()
    for model, counts in (named or at_hand).items():
        if not model.exists():
            raise SystemExit(f"there is no network '{model}'")
        rows = list(
            track(results(model, counts), model.stem, len(STRATEGIES), console=Console(stderr=True))
        )
        console.print(table(model, counts, rows))
    console.print(f"{perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
