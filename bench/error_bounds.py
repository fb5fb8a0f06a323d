"""Compares the proven and the expected error of every layer of networks with the measured one.

Usage: python bench/error_bounds.py [MODEL.tflite INPUTS.npz]

The inputs are named in0, in1, …, each with as many batches as wanted. Without arguments, the
networks beside the checkout are taken with their recorded inputs, else the digits example with its
test images. Every convolution and dense operator is folded, weights rounded to nearest, and given
the codes that it has in the network; its results are compared with those of its source, all errors
in codes of the result. The expected error is computed from mean and variance of each input channel.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Column, Table
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.ir import SSAValue

import sima_mlir
from sima_mlir.dialects.definitions import dimensions
from sima_mlir.dialects.elements import Array, array_values, elements
from sima_mlir.dialects.sima import DenseOp, WeightedOperation
from sima_mlir.interpreters import register_implementations
from sima_mlir.quantization import Layer, code_range
from sima_mlir.quantization.error_bounds import EmittedLayer, InputDistribution, layer_rms

ROOT = Path(__file__).parent.parent
NEAR = 0.25
"""How far an expected error may be from the measured one to count as near, relatively."""


class Row(NamedTuple):
    """What is known of a layer, and what was measured."""

    name: str
    channels: int
    shifts: tuple[int, int]
    bound: int
    expected: float
    measured: float
    largest: int

    @property
    def is_near(self) -> bool:
        """Whether the expected error is near the measured one."""
        return abs(self.expected - self.measured) <= NEAR * self.measured


def networks() -> Iterator[tuple[Path, list[list[Array]]]]:
    """Yields models that can be lowered, each with the inputs of some runs."""
    if len(sys.argv) > 1:
        model, inputs = map(Path, sys.argv[1:])
        yield model, batches(inputs)
        return
    models = sorted(ROOT.parent.glob("shared/models/*/*.tflite"))
    inputs = [ROOT.parent / f"shared/golden/{model.stem}.npz" for model in models]
    at_hand = [
        pair for pair in zip(models, inputs, strict=True) if pair[1].exists() and lowers(pair[0])
    ]
    for model, inputs in at_hand:
        yield model, recorded(inputs)
    if not at_hand:
        digits = ROOT / "examples/digits"
        yield digits / "digits_int8.tflite", batches(digits / "digits_test.npz")


def lowers(model: Path) -> bool:
    """Says whether a network can be imported and lowered."""
    try:
        lower(model, "sima")
    except sima_mlir.SimaError:
        return False
    return True


def recorded(path: Path) -> list[list[Array]]:
    """Reads runs of one input each, named s0/in0, s1/in0 and so on."""
    with np.load(path) as file:
        return [[file[name]] for name in file.files if name.endswith("/in0")]


def batches(path: Path) -> list[list[Array]]:
    """Reads inputs named in0, in1, …, whose first axis counts the runs."""
    with np.load(path) as file:
        inputs = [file[f"in{i}"] for i in range(len(file.files)) if f"in{i}" in file]
    return [[array[i : i + 1] for array in inputs] for i in range(len(inputs[0]))]


def lower(model: Path, requantization: str) -> tuple[Context, ModuleOp]:
    """Imports a model and lowers it with certificates."""
    ctx = sima_mlir.make_context()
    module = sima_mlir.load(ctx, model)
    options = f"requantization={requantization} weight-rounding=nearest certify=true"
    sima_mlir.run_pipeline(ctx, module, f"convert-qnn-to-sima{{{options}}}")
    return ctx, module


def measure(model: Path, runs: list[list[Array]]) -> list[Row]:
    """Returns a row for each convolution and dense operator of a network.

    The same network, lowered exactly, gives the codes that its source has.
    """
    (exact_ctx, exact), (ctx, folded) = lower(model, "tflite"), lower(model, "sima")
    codes: defaultdict[SSAValue, list[Array]] = defaultdict(list)

    def keep(values: Sequence[SSAValue], arrays: Sequence[Array]) -> None:
        for value, array in zip(values, arrays, strict=True):
            codes[value].append(array)

    for inputs in runs:
        keep(exact.body.block.first_op.body.block.args, inputs)
        sima_mlir.interpret(
            exact_ctx, exact, inputs, observe=lambda op, results: keep(op.results, results)
        )
    interpreter = Interpreter(folded)
    register_implementations(interpreter, ctx)
    rows: list[Row] = []
    for op, source in zip(weighted(folded), weighted(exact), strict=True):
        assert source.certificate.max_error.value.data == 0
        results = [interpreter.run_op(op, (data,))[0] for data in codes[source.data]]
        error = np.subtract(results, codes[source.result], dtype=np.int64)
        rows.append(describe(op, ctx, np.concatenate(codes[source.data]), error))
    return rows


def weighted(module: ModuleOp) -> list[WeightedOperation]:
    """Returns the convolution and dense operators of a module in order."""
    return [op for op in module.walk() if isinstance(op, WeightedOperation)]


def describe(op: WeightedOperation, ctx: Context, data: Array, error: Array) -> Row:
    """Returns the row of an operator that was off by `error` for the codes in `data`."""
    layer, emitted = layers_of(op, ctx)
    codes = op.clamp_range() or code_range(np.int8)
    expected = layer_rms(layer, emitted, InputDistribution.measured(data), output_codes=codes)
    return Row(
        f"{op.name.removeprefix('sima.')} {dimensions(layer.weight.shape)}",
        error.shape[-1],
        (int(emitted.shift.min()), int(emitted.shift.max())),
        op.certificate.max_error.value.data,
        float(np.sqrt(np.mean(expected**2))),
        float(np.sqrt(np.mean(error**2))),
        int(np.abs(error).max()),
    )


def layers_of(op: WeightedOperation, ctx: Context) -> tuple[Layer, EmittedLayer]:
    """Returns what an operator stands for, as its certificate has it, and what it computes."""
    source = op.certificate.source.data
    weight, bias = elements(op.weight, ctx), elements(op.bias, ctx)
    layer = Layer(
        elements(source["weight"], ctx) if "weight" in source else weight,
        elements(source["bias"], ctx) if "bias" in source else None,
        source["input_zero_point"].value.data,
        source["input_q"].scale,
        np.array([source["input_q"].zero_point.value.data]),
        source["output_q"].per_tensor(),
        isinstance(op, DenseOp),
    )
    shift = array_values(op.shift)
    if not op.is_tflite:
        return layer, EmittedLayer.folded(weight, bias, shift)
    scale, zero_point = array_values(op.scale_correction), op.zero_point_correction.value.data
    return layer, EmittedLayer(weight, bias, scale, shift, zero_point, op.rounding.data)


def table(title: str, rows: list[Row]) -> Table:
    """Returns the rows for people."""
    near = sum(row.is_near for row in rows)
    exceeded = sum(row.largest > row.bound for row in rows)
    numbers = ("channels", "shift", "bound", "expected RMS", "measured RMS", "measured max")
    result = Table(
        Column("layer", no_wrap=True),
        *(Column(name, justify="right") for name in numbers),
        title=title,
        caption=f"{near} of {len(rows)} within {NEAR:.0%} of the measured RMS, "
        f"{exceeded} bounds exceeded",
    )
    for row in rows:
        low, high = row.shifts
        result.add_row(
            row.name,
            str(row.channels),
            str(low) if low == high else f"{low}..{high}",
            str(row.bound),
            f"{row.expected:.3f}",
            f"{row.measured:.3f}",
            str(row.largest),
        )
    return result


def main() -> None:
    """Prints a table for each network, and how many layers of all are near."""
    if len(sys.argv) not in (1, 3):
        raise SystemExit("usage: python bench/error_bounds.py [MODEL.tflite INPUTS.npz]")
    console, rows = Console(), list[Row]()
    for model, runs in networks():
        measured = measure(model, runs)
        rows += measured
        console.print(table(f"{model.stem}, {len(runs)} runs", measured))
    share = sum(row.is_near for row in rows) / len(rows)
    console.print(f"{len(rows)} layers, {share:.1%} within {NEAR:.0%} of the measured RMS")


if __name__ == "__main__":
    main()
