"""`sima-run`: runs the function `main` of a module on arrays.

The inputs are an `.npz` with the arrays `in0`, `in1`, … in the order of the function's arguments,
the outputs one with `out0`, `out1`, … Inputs may hold several batches along the first axis:
450x8x8x1 for an argument of 1x8x8x1 is 450 runs, whose results are put one after another. As many
processes as there are cores share the runs, and a terminal shows how many are done. Files are
written whole or not at all, and only after all runs. With `--compare`, what is computed is
measured against another program or saved arrays, and not written. Exit codes: 0 done, 1 the input
was refused, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sima_mlir.tools.command import (
    DONE,
    add_common_options,
    guard,
    open_text,
    open_whole,
)
from sima_mlir.tools.comparing import read_reference, write_json, write_table
from sima_mlir.tools.npz import read_npz
from sima_mlir.tools.progress import shown_progress

if TYPE_CHECKING:
    import numpy.typing as npt
    from xdsl.context import Context
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.ir import Operation

    Array = npt.NDArray[Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tool on the given arguments, those of the process by default."""
    parser = _make_parser()
    options = parser.parse_args(arguments)
    _check_usage(parser, options)
    if options.jobs > 1 and "numpy" not in sys.modules:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # else each process has a thread a core
    return guard(lambda: _run(options), debug=options.debug)


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sima-run",
        description="Runs the function 'main' of a module on arrays.",
        epilog="Inputs may hold N batches along the first axis; the function then runs N times. "
        "Without --outputs and --compare, shapes and dtypes of the results go to stdout.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("module", help="a .mlir, .tflite or .onnx file")
    add(
        "-f",
        "--format",
        choices=("mlir", "tflite", "onnx"),
        help="what the module is, whatever its name",
    )
    add("--inputs", required=True, metavar="X.npz", help="the arrays in0, in1, ...")
    add("--outputs", metavar="Y.npz", help="where to put the arrays out0, out1, ...")
    add(
        "--all-values",
        metavar="DIR",
        help="put every value but the constants there, as NUMBER_NAME.npy in order of computation",
    )
    add(
        "--compare",
        metavar="B",
        help="print how far the values are from those of B: another module, run on the same "
        "inputs, an .npz that --outputs wrote, or a folder that --all-values wrote",
    )
    add(
        "--compare-output-file",
        metavar="FILE",
        help="write the comparison there, as JSON; - is stdout, in place of the table",
    )
    add(
        "--jobs",
        type=_positive,
        default=_cores(),
        metavar="N",
        help="how many processes share the runs (default: one a core)",
    )
    add_common_options(parser)
    return parser


def _check_usage(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.compare is None and options.compare_output_file is not None:
        parser.error("argument --compare-output-file: needs --compare")
    if options.compare is None:
        return
    for other in ("outputs", "all_values"):
        if getattr(options, other) is not None:
            name = other.replace("_", "-")
            parser.error(f"argument --{name}: not allowed with argument --compare")


def _positive(text: str) -> int:
    """Returns a positive integer; argparse reports the error."""
    if not text.isascii() or not text.isdigit() or not (number := int(text)):
        raise argparse.ArgumentTypeError(f"must be a positive integer, got '{text}'")
    return number


def _cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _run(options: argparse.Namespace) -> int:
    from sima_mlir import load, make_context, verify
    from sima_mlir.execution import argument_types, find_function

    ctx = make_context()
    module = load(ctx, options.module, options.format)
    verify(module)
    count = len(argument_types(find_function(module)))
    inputs = _read_inputs(options.inputs, count)
    if options.compare is None:
        _compute(options, ctx, module, inputs)
    else:
        _compare(options, ctx, module, inputs)
    return DONE


def _compute(
    options: argparse.Namespace, ctx: Context, module: ModuleOp, inputs: list[Array]
) -> None:
    from sima_mlir import interpret_batches

    values = _Values() if options.all_values else None
    with shown_progress("runs") as progress:
        outputs = interpret_batches(
            ctx, module, inputs, observe=values, jobs=options.jobs, progress=progress
        )
    if values is not None:
        values.save(options.all_values)
    named = {f"out{number}": array for number, array in enumerate(outputs)}
    if options.outputs:
        _save_outputs(options.outputs, named)
    else:
        _summarize(named)


def _compare(
    options: argparse.Namespace, ctx: Context, module: ModuleOp, inputs: list[Array]
) -> None:
    from sima_mlir import compare, make_context

    other_ctx = make_context()
    reference = read_reference(other_ctx, options.compare)
    with shown_progress("runs") as progress:
        comparison = compare(
            ctx,
            module,
            reference,
            inputs,
            reference_ctx=other_ctx,
            jobs=options.jobs,
            progress=progress,
        )
    if options.compare_output_file != "-":
        write_table(comparison)
    if options.compare_output_file is not None:
        write_json(comparison, options.compare_output_file)


def _read_inputs(path: str, count: int) -> list[Array]:
    """Returns the arrays `in0`, `in1`, … of an `.npz`; others are left alone.

    Raises `SimaError` for what `read_npz` refuses, and when there is one more.
    """
    names = [f"in{number}" for number in range(count)]
    arrays = read_npz(path, "inputs", lambda given: _input_names(path, names, given))
    return [arrays[name] for name in names]


def _input_names(path: str, wanted: Sequence[str], given: Sequence[str]) -> Sequence[str]:
    from sima_mlir import SimaError

    missing = [name for name in wanted if name not in given]
    if missing:
        has = ", ".join(f"'{name}'" for name in given) or "none"
        raise SimaError.of(
            f"inputs '{path}' must have an array '{missing[0]}', its arrays are {has}"
        )
    if (extra := f"in{len(wanted)}") in given:
        raise SimaError.of(
            f"inputs '{path}' must have {len(wanted)} arrays as the function has arguments, "
            f"got also '{extra}'"
        )
    return wanted


class _Values:
    """Collects what operations compute, from each run, to be saved as files."""

    def __init__(self) -> None:
        self.batches: dict[tuple[Operation, int], list[Array]] = {}

    def __call__(self, op: Operation, results: Sequence[Array]) -> None:
        """Takes the results of an operation, unless it is a constant."""
        if op.operands:
            for number, array in enumerate(results):
                self.batches.setdefault((op, number), []).append(array)

    def save(self, directory: str) -> None:
        """Writes one `.npy` for each value; raises `SimaError` when that is not possible."""
        import numpy as np

        from sima_mlir import SimaError
        from sima_mlir.diagnostics import saved_name
        from sima_mlir.execution import join
        from sima_mlir.loading import reason_of

        try:
            os.makedirs(directory, exist_ok=True)
        except OSError as error:
            raise SimaError.of(f"cannot write '{directory}': {reason_of(error)}") from error
        for number, ((op, _), batches) in enumerate(self.batches.items()):
            name = f"{number:03d}_{saved_name(op)}.npy"
            with open_whole(os.path.join(directory, name)) as file:
                np.save(file, join(batches))


def _save_outputs(path: str, arrays: Mapping[str, Array]) -> None:
    import numpy as np

    with open_whole(path) as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]


def _summarize(arrays: Mapping[str, Array]) -> None:
    with open_text(None) as stream:
        for name, array in arrays.items():
            shape = "x".join(map(str, array.shape)) or "()"
            stream.write(f"{name} {shape} {array.dtype}\n")
