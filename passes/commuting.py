"""Functions of codes computed before the operations that move these codes, instead of after.

A function that never falls may change places with any operation that moves or clamps codes, except
a linear interpolation; the codes that such an operation itself holds go through the function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.dialects.builtin import IntegerAttr, i32
from xdsl.ir import Attribute, SSAValue

from sima_mlir.dialects.definitions import element_type, shape_of
from sima_mlir.dialects.elements import tensor_type
from sima_mlir.dialects.moves import ClipOperation, MoveOperation, PadOperation
from sima_mlir.dialects.spatial import ResizeOperation


def moves_before(
    value: SSAValue, *, through_clips: bool = True
) -> tuple[SSAValue, Sequence[MoveOperation]]:
    """Returns where a value comes from, and the moves on the way, the last one first.

    All moves commute with functions that never fall, and nobody else uses their results.
    """
    moves: list[MoveOperation] = []
    while isinstance(op := value.owner, MoveOperation) and commutes(op) and value.has_one_use():
        if isinstance(op, ClipOperation) and not through_clips:
            break
        moves.append(op)
        value = op.data
    return value, moves


def commutes(op: MoveOperation) -> bool:
    """Whether an operation gives the same before and after any function that never falls."""
    return not (isinstance(op, ResizeOperation) and op.linear is not None)


def moved(
    data: SSAValue, moves: Sequence[MoveOperation], function: Callable[[int], int]
) -> Sequence[MoveOperation]:
    """Returns moves of codes that have been through a function, the first one first.

    `moves` are those of `moves_before`. The codes that they hold go through the function too.
    """
    new: list[MoveOperation] = []
    for op in reversed(moves):
        properties = dict(op.properties)
        for name in _codes_of(op):
            properties[name] = IntegerAttr(function(_code(properties[name])), i32)
        result_type = tensor_type(shape_of(op.result), element_type(data))
        again = type(op).create(
            operands=[data],
            properties=properties,
            result_types=[result_type],
            attributes=op.attributes,
        )
        again.location = op.location
        new.append(again)
        data = again.result
    return new


def _codes_of(op: MoveOperation) -> Sequence[str]:
    """Returns the names of the properties that hold codes."""
    match op:
        case ClipOperation():
            return "min", "max"
        case PadOperation():
            return ("value",)
        case _:
            return ()


def _code(attribute: Attribute) -> int:
    assert isinstance(attribute, IntegerAttr)
    return attribute.value.data
