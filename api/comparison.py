"""How far what a program computes is from what another one computes, value by value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, OpResult

from sima_mlir.diagnostics import SimaError
from sima_mlir.differences import Difference, measure
from sima_mlir.execution import Array, Batches, Progress, Runner, find_function, part, split
from sima_mlir.matching import LeftOut, Pair, SavedValues, Source, pair_programs, pair_saved
from sima_mlir.workers import in_order


@dataclass(frozen=True)
class ValueDifference:
    """The difference of one value, over all batches."""

    pair: Pair
    difference: Difference

    def to_dict(self) -> dict[str, Any]:
        """Returns what JSON has of it; numbers that are not finite are null."""
        difference = self.difference
        measures = {
            "maximum": difference.maximum,
            "mean": difference.mean,
            "rms": difference.rms,
            "sqnr": difference.sqnr,
            "equal": difference.equal_share,
            "top_class": difference.top_class if self.pair.is_output else None,
        }
        head = self.pair.to_dict() | {"elements": difference.elements}
        return head | {name: _finite(number) for name, number in measures.items()}


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


@dataclass(frozen=True)
class Comparison:
    """The differences of two programs' values, in order of computation, the outputs last."""

    batches: int
    values: tuple[ValueDifference, ...]
    left_out: tuple[LeftOut, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns what JSON has of it."""
        return {
            "batches": self.batches,
            "values": [value.to_dict() for value in self.values],
            "left_out": [value.to_dict() for value in self.left_out],
        }


def compare(
    ctx: Context,
    module: ModuleOp,
    reference: ModuleOp | SavedValues,
    inputs: Sequence[Array],
    function: str = "main",
    *,
    reference_ctx: Context | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Comparison:
    """Runs two programs on the same inputs, or one beside saved arrays, and measures each value.

    Inputs hold one or more batches; `jobs` and `progress` are those of `interpret_batches`. Which
    values are compared is said in `sima_mlir.matching`. Only one batch's values exist at a time,
    in each process.

    `reference_ctx` is what a reference was read in, if not in `ctx`.

    Raises `SimaError` as `interpret_batches` does, for both programs.
    """
    main = find_function(module, function)
    batches = split(main, inputs)
    if isinstance(reference, SavedValues):
        pairs, left_out = pair_saved(main, reference, len(batches))
        expected = _saved(pairs, len(batches))
    else:
        other = find_function(reference, function)
        _check_batches(other, inputs, len(batches))
        pairs, left_out = pair_programs(main, other)
        run = Runner(reference_ctx or ctx, reference, other)
        expected = _computed(run, batches, [cast("Source", pair.reference) for pair in pairs])
    actual = _computed(Runner(ctx, module, main), batches, [pair.actual for pair in pairs])

    def differences(batch: int) -> list[Difference]:
        values = zip(pairs, expected(batch), actual(batch), strict=True)
        return [measure(value, wanted, pair.zero_point) for pair, wanted, value in values]

    sums = [Difference()] * len(pairs)
    with closing(in_order(differences, len(batches), jobs)) as parts:
        for done, added in enumerate(parts, 1):
            sums = [old + new for old, new in zip(sums, added, strict=True)]
            if progress is not None:
                progress(done, len(batches))
    rows = tuple(ValueDifference(pair, sum) for pair, sum in zip(pairs, sums, strict=True))
    return Comparison(len(batches), rows, left_out)


def _check_batches(reference: FuncOp, inputs: Sequence[Array], count: int) -> None:
    """Checks that the reference takes the inputs, as so many batches."""
    try:
        others = len(split(reference, inputs))
    except SimaError as error:
        messages = (f"the reference refuses the inputs: {d.message}" for d in error.diagnostics)
        raise SimaError.of("; ".join(messages), error.diagnostics[0].location) from error
    if others != count:
        raise SimaError.of(f"the reference must take {count} batches of the inputs, got {others}")


def _computed(
    run: Runner, batches: Batches, sources: Sequence[Source]
) -> Callable[[int], list[Array]]:
    """Returns a function that runs a batch and returns the values of some sources."""
    wanted = {source.op for source in sources if isinstance(source, OpResult)}

    def values(batch: int) -> list[Array]:
        results: dict[Operation, tuple[Array, ...]] = {}

        def keep(op: Operation, computed: tuple[Array, ...]) -> None:
            if op in wanted:
                results[op] = computed

        outputs = run(batches[batch], keep)
        return [
            results[source.op][source.index] if isinstance(source, OpResult) else outputs[source]
            for source in sources
        ]

    return values


def _saved(pairs: Sequence[Pair], count: int) -> Callable[[int], list[Array]]:
    """Returns a function that returns a batch of saved arrays."""

    def values(batch: int) -> list[Array]:
        arrays = [cast("Array", pair.reference) for pair in pairs]
        parts = [part(array, batch, count) for array in arrays]
        return [array.reshape(pair.shape) for array, pair in zip(parts, pairs, strict=True)]

    return values
