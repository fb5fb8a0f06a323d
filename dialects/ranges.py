"""Which codes a value can have."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import DenseIntOrFPElementsAttr
from xdsl.ir import SSAValue

from sima_mlir.dialects import sima
from sima_mlir.dialects.definitions import element_type
from sima_mlir.dialects.elements import dtype_of, elements
from sima_mlir.dialects.moves import (
    ClipOperation,
    MoveOperation,
    PadOperation,
)
from sima_mlir.quantization import code_range


def codes_of(value: SSAValue) -> tuple[int, int]:
    """Returns the least and the largest code that a value's type has."""
    return code_range(dtype_of(element_type(value)))


def reachable_codes(value: SSAValue) -> tuple[int, int]:
    """Returns codes between which a value lies: those of its type, less what is clamped away.

    A clamp is seen through operations that only move codes.
    """
    ranges: list[tuple[int, int]] = []
    pending, seen = [value], {value}
    while pending:
        known, sources = _origins(pending.pop())
        ranges += known
        pending += [source for source in sources if source not in seen]
        seen.update(sources)
    lows, highs = zip(*ranges, strict=True)
    return min(lows), max(highs)


def _origins(value: SSAValue) -> tuple[Sequence[tuple[int, int]], Sequence[SSAValue]]:
    """Returns ranges of codes and other values, of which a value has no other codes."""
    producer = value.owner
    match producer:
        case ClipOperation():
            return [(producer.min.value.data, producer.max.value.data)], []
        case sima.RequantizingOperation():
            return [producer.clamp_range() or codes_of(value)], []
        case sima.LutOp() if isinstance(producer.table, DenseIntOrFPElementsAttr):
            entries = elements(producer.table)
            return [(int(entries.min()), int(entries.max()))], []
        case PadOperation():
            pad = producer.value.value.data
            return [(pad, pad)], [producer.data]
        case MoveOperation():
            return [], [producer.data]
        case sima.ConcatOp():
            return [], producer.inputs
        case _:
            return [codes_of(value)], []
