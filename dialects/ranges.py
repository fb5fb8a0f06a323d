"""Which codes a value can have."""

from __future__ import annotations

from xdsl.ir import SSAValue

from sima_mlir.dialects import sima
from sima_mlir.dialects.definitions import element_type
from sima_mlir.dialects.elements import dtype_of
from sima_mlir.dialects.moves import (
    ClipOperation,
    MaxPoolOperation,
    PadOperation,
    ReshapeOperation,
)
from sima_mlir.quantization import code_range


def codes_of(value: SSAValue) -> tuple[int, int]:
    """Returns the least and the largest code that a value's type has."""
    return code_range(dtype_of(element_type(value)))


def reachable_codes(value: SSAValue) -> tuple[int, int]:
    """Returns codes between which a value lies: those of its type, less what is clamped away.

    A clamp is seen through operations that only move codes.
    """
    pads: list[int] = []
    while True:
        match producer := value.owner:
            case PadOperation():
                pads.append(producer.value.value.data)
                value = producer.data
            case ReshapeOperation():
                value = producer.data
            case MaxPoolOperation() if producer.padding is None:
                value = producer.data
            case _:
                low, high = _written_codes(value)
                return min(low, *pads, high), max(low, *pads, high)


def _written_codes(value: SSAValue) -> tuple[int, int]:
    """Returns between which codes the producer of a value clamps it."""
    match producer := value.owner:
        case ClipOperation():
            return producer.min.value.data, producer.max.value.data
        case sima.RequantizingOperation():
            return producer.clamp_range() or codes_of(value)
        case _:
            return codes_of(value)
