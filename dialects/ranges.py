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
    producer = value.owner
    match producer:
        case ClipOperation():
            return producer.min.value.data, producer.max.value.data
        case sima.RequantizingOperation():
            return producer.clamp_range() or codes_of(value)
        case ReshapeOperation():
            return reachable_codes(producer.data)
        case MaxPoolOperation() if producer.padding is None:
            return reachable_codes(producer.data)
        case PadOperation():
            low, high = reachable_codes(producer.data)
            pad = producer.value.value.data
            return min(low, pad), max(high, pad)
        case _:
            return codes_of(value)
