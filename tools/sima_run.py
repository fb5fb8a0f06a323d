"""`sima-run`: runs the function `main` of a module on arrays.

The inputs are an `.npz` with the arrays `in0`, `in1`, … in the order of the function's arguments,
the outputs one with `out0`, `out1`, … Inputs may hold several batches along the first axis:
450x8x8x1 for an argument of 1x8x8x1 is 450 runs, whose results are put one after another. Files
are written whole or not at all, and only after all runs. Exit codes: 0 done, 1 the input was
refused, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from sima_mlir.tools.command import DONE, add_common_options, guard, open_text, open_whole

if TYPE_CHECKING:
    import numpy.typing as npt
    from xdsl.ir import Operation

    Array = npt.NDArray[Any]

_LONGEST_NAME = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tool on the given arguments, those of the process by default."""
    options = _make_parser().parse_args(arguments)
    return guard(lambda: _run(options), debug=options.debug)


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sima-run",
        description="Runs the function 'main' of a module on arrays.",
        epilog="Inputs may hold N batches along the first axis; the function then runs N times. "
        "Without --outputs, shapes and dtypes of the results go to stdout.",
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
    add_common_options(parser)
    return parser


def _run(options: argparse.Namespace) -> int:
    from sima_mlir import interpret_batches, load, make_context, verify
    from sima_mlir.execution import argument_types, find_function

    ctx = make_context()
    module = load(ctx, options.module, options.format)
    verify(module)
    count = len(argument_types(find_function(module)))
    inputs = _read_inputs(options.inputs, count)
    values = _Values() if options.all_values else None
    outputs = interpret_batches(ctx, module, inputs, observe=values)
    if values is not None:
        values.save(options.all_values)
    named = {f"out{number}": array for number, array in enumerate(outputs)}
    if options.outputs:
        _save_outputs(options.outputs, named)
    else:
        _summarize(named)
    return DONE


def _read_inputs(path: str, count: int) -> list[Array]:
    """Returns the arrays `in0`, `in1`, … of an `.npz`; others are left alone.

    Raises `SimaError` when the file is not an `.npz`, when one of the arrays is not there or is
    pickled, and when there is one more.
    """
    from zipfile import is_zipfile

    import numpy as np

    from sima_mlir import SimaError
    from sima_mlir.diagnostics import describe
    from sima_mlir.loading import reason_of

    names = [f"in{number}" for number in range(count)]
    try:
        with open(path, "rb") as file:
            if not is_zipfile(file):
                raise SimaError.of(f"inputs '{path}' must be an .npz")
            file.seek(0)
            archive = np.load(file, allow_pickle=False)
            _check_names(path, names, archive.files)
            return [_array(path, name, archive[name]) for name in names]
    except SimaError:
        raise
    except OSError as error:
        raise SimaError.of(f"cannot read '{path}': {reason_of(error)}") from error
    except Exception as error:  # zipfile, zlib and NumPy each have their own for damaged bytes
        raise SimaError.of(f"inputs '{path}' are not a readable .npz: {describe(error)}") from error


def _check_names(path: str, wanted: Sequence[str], given: Sequence[str]) -> None:
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


def _array(path: str, name: str, value: Any) -> Array:
    import numpy as np

    from sima_mlir import SimaError

    if not isinstance(value, np.ndarray):
        raise SimaError.of(f"'{name}' of inputs '{path}' must be an array, got other bytes")
    return cast("Array", value)


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
        from sima_mlir.execution import join
        from sima_mlir.loading import reason_of

        try:
            os.makedirs(directory, exist_ok=True)
        except OSError as error:
            raise SimaError.of(f"cannot write '{directory}': {reason_of(error)}") from error
        for number, ((op, _), batches) in enumerate(self.batches.items()):
            name = f"{number:03d}_{_file_name(op)}.npy"
            with open_whole(os.path.join(directory, name)) as file:
                np.save(file, join(batches))


def _file_name(op: Operation) -> str:
    """Returns an operation's name in the source, or else its kind, fit for the name of a file."""
    from sima_mlir.diagnostics import source_name

    name = source_name(op.location) or op.name
    return re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)[:_LONGEST_NAME]


def _save_outputs(path: str, arrays: Mapping[str, Array]) -> None:
    import numpy as np

    with open_whole(path) as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]


def _summarize(arrays: Mapping[str, Array]) -> None:
    with open_text(None) as stream:
        for name, array in arrays.items():
            shape = "x".join(map(str, array.shape)) or "()"
            stream.write(f"{name} {shape} {array.dtype}\n")
