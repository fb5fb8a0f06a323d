"""What `sima-run --compare` reads and prints."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sima_mlir.tools.command import open_text
from sima_mlir.tools.npz import read_npz

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    from xdsl.context import Context
    from xdsl.dialects.builtin import ModuleOp

    from sima_mlir import Comparison, SavedValues
    from sima_mlir.comparison import ValueDifference
    from sima_mlir.matching import LeftOut

    Array = npt.NDArray[Any]

_HEADINGS = ("value", "shape", "type", "equal %", "max", "mean", "rms", "sqnr dB", "top class %")
_LONGEST_NAME = 48
_MOST_NAMES = 3


def read_reference(ctx: Context, path: str) -> ModuleOp | SavedValues:
    """Returns what a program is compared with, by what the path leads to.

    That is a module, the outputs in an `.npz`, or the values in a folder. Raises `SimaError` when
    it cannot be read.
    """
    from sima_mlir import SavedValues, load, verify

    if os.path.isdir(path):
        return SavedValues(values=_read_folder(path))
    if path.lower().endswith(".npz"):
        return SavedValues(outputs=_read_outputs(path))
    module = load(ctx, path)
    verify(module)
    return module


def _read_outputs(path: str) -> Mapping[str, Array]:
    from sima_mlir import SimaError

    def select(given: Sequence[str]) -> Sequence[str]:
        names = [name for name in given if re.fullmatch(r"out\d+", name)]
        if not names:
            has = ", ".join(f"'{name}'" for name in given) or "none"
            message = f"outputs '{path}' must have an array 'out0', its arrays are {has}"
            raise SimaError.of(message)
        return names

    return read_npz(path, "outputs", select)


def _read_folder(path: str) -> Mapping[str, Array]:
    """Returns the arrays of `NUMBER_NAME.npy` files by name, of each name the last."""
    from sima_mlir import SimaError
    from sima_mlir.loading import reason_of

    try:
        found = [re.fullmatch(r"(\d+)_(.*)\.npy", name) for name in os.listdir(path)]
    except OSError as error:
        raise SimaError.of(f"cannot read '{path}': {reason_of(error)}") from error
    files = sorted((int(match[1]), match[2], match[0]) for match in found if match)
    if not files:
        raise SimaError.of(f"folder '{path}' must have files NUMBER_NAME.npy, got none")
    last = {name: file for _, name, file in files}
    return {name: _read_npy(os.path.join(path, file)) for name, file in last.items()}


def _read_npy(path: str) -> Array:
    """Returns an array whose numbers are read when they are needed."""
    import numpy as np

    from sima_mlir import SimaError
    from sima_mlir.diagnostics import describe
    from sima_mlir.loading import reason_of

    try:
        return np.load(path, "r", allow_pickle=False)
    except OSError as error:
        raise SimaError.of(f"cannot read '{path}': {reason_of(error)}") from error
    except Exception as error:
        raise SimaError.of(f"'{path}' is not a readable .npy: {describe(error)}") from error


def write_json(comparison: Comparison, path: str) -> None:
    """Writes a comparison as one JSON object; `-` is stdout."""
    with open_text(path) as stream:
        stream.write(json.dumps(comparison.to_dict(), indent=1) + "\n")


def write_table(comparison: Comparison) -> None:
    """Prints a line a value, and which values were left out and why, on stdout."""
    rows = [_HEADINGS, *map(_cells, comparison.values)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    with open_text(None) as stream:
        for row in rows:
            left = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=False)]
            right = [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
            stream.write("  ".join([*left, *right]).rstrip() + "\n")
        for line in _left_out(comparison.left_out):
            stream.write(line + "\n")


def _cells(value: ValueDifference) -> tuple[str, ...]:
    pair, difference = value.pair, value.difference
    top_class = difference.top_class if pair.is_output else None
    return (
        _shortened(pair.name),
        "x".join(map(str, pair.shape)) or "()",
        str(pair.dtype),
        f"{100 * difference.equal_share:.2f}",
        f"{difference.maximum:.6g}",
        f"{difference.mean:.4g}",
        f"{difference.rms:.4g}",
        f"{difference.sqnr:.2f}",
        "" if top_class is None else f"{100 * top_class:.2f}",
    )


def _shortened(name: str) -> str:
    """Returns the end of a name, or of the first of those that a fused layer of TFLite has."""
    first, _, more = name.partition(";")
    first = first if len(first) <= _LONGEST_NAME else f"…{first[1 - _LONGEST_NAME :]}"
    return f"{first};…" if more else first


def _left_out(left_out: Iterable[LeftOut]) -> Iterable[str]:
    """Yields a line for each reason, with the number of values and the names of the first."""
    by_reason: dict[str, list[str]] = {}
    for value in left_out:
        by_reason.setdefault(value.reason, []).append(_shortened(value.name))
    for reason, names in by_reason.items():
        more = ", …" if len(names) > _MOST_NAMES else ""
        yield f"left out {len(names)}: {reason}: {', '.join(names[:_MOST_NAMES])}{more}"
