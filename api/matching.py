"""Which values of two programs are the same one, and so can be compared.

The values of a function are what its operations compute from others; those of functions that it
calls are not among them. A value has the name that its operation's location gives, or else the
place; where several have one name, the last counts, because a layer's bias and activation carry
the layer's name. Outputs are matched by number.

A lowered operation has the location of the first of those that it was made from. So from an
accumulator, whose match is not one, the bias and the requantization are followed to the result,
and from any value the clips, unless the other program has them too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, TensorType, i32
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, BlockArgument, Operation, OpResult, SSAValue

from sima_mlir.diagnostics import SimaError, label_of, saved_name
from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.definitions import dimensions
from sima_mlir.dialects.elements import dtype_of
from sima_mlir.dialects.moves import ClipOperation, MoveOperation
from sima_mlir.dialects.qnn import ENCODING_ATTRIBUTE, QuantizationAttr
from sima_mlir.execution import Array

Source: TypeAlias = "OpResult | int"
"""Where a run's value comes from: an operation, or the number of an output."""

_OUTPUT = "output"
_SUPERSEDED = "a later value has its name"
_NAMELESS = "its location has neither name nor place"
_ONLY_ACTUAL, _ONLY_REFERENCE = "only in the program", "only in the reference"


@dataclass(frozen=True, eq=False)
class SavedValues:
    """Arrays of an earlier run, with all batches along the first axis, as `sima-run` writes them.

    `outputs` are named `out0`, `out1`, …; `values` as the files of `--all-values` are, without
    number and suffix.
    """

    outputs: Mapping[str, Array] = field(default_factory=dict[str, Array])
    values: Mapping[str, Array] = field(default_factory=dict[str, Array])


@dataclass(frozen=True)
class LeftOut:
    """A value that was not compared, and why."""

    name: str
    reason: str

    def to_dict(self) -> dict[str, str]:
        """Returns what JSON has of it."""
        return {"name": self.name, "reason": self.reason}


@dataclass(frozen=True, eq=False)
class Pair:
    """A value of a program, and the one to compare it with."""

    name: str
    operation: str
    """What computes the value, or `output`."""
    shape: tuple[int, ...]
    """That of one batch."""
    dtype: np.dtype[Any]
    zero_point: int
    """That of the encoding, as far as the programs tell it, else 0."""
    actual: Source
    reference: Source | Array

    @property
    def is_output(self) -> bool:
        """Whether it is an output, whose classes count."""
        return self.operation == _OUTPUT

    def to_dict(self) -> dict[str, Any]:
        """Returns what JSON has of it."""
        head = {"name": self.name, "operation": self.operation, "shape": list(self.shape)}
        return head | {"dtype": str(self.dtype), "zero_point": self.zero_point}


Matches: TypeAlias = tuple[tuple[Pair, ...], tuple[LeftOut, ...]]
_Kind: TypeAlias = tuple[tuple[int, ...], np.dtype[Any]]
_Named: TypeAlias = dict[str, OpResult]


def pair_programs(function: FuncOp, reference: FuncOp) -> Matches:
    """Pairs the values of two functions, and their outputs."""
    (named, left_out), (others, more) = _by_name(function, label_of), _by_name(reference, label_of)
    found: list[Pair | LeftOut] = [*left_out, *more]
    seen: set[OpResult] = set()
    for name in [name for name in named if name in others]:
        actual = _follow(named[name], others[name], others)
        wanted = _follow(others[name], named[name], named)
        seen |= {*actual, *wanted}
        encoding = _encoding(wanted[-1], reference) or _encoding(actual[-1], function)
        kinds = _kind(actual[-1].type), _kind(wanted[-1].type)
        found.append(_pair(name, kinds, encoding, actual[-1], wanted[-1]))
    found += [LeftOut(name, _ONLY_ACTUAL) for name in named if named[name] not in seen]
    found += [LeftOut(name, _ONLY_REFERENCE) for name in others if others[name] not in seen]
    results, other_results = _outputs(function), _outputs(reference)
    for number, (kind, encoding) in results.items():
        if number not in other_results:
            found.append(LeftOut(f"out{number}", _ONLY_ACTUAL))
            continue
        other_kind, other_encoding = other_results[number]
        kinds, encoding = (kind, other_kind), other_encoding or encoding
        found.append(_pair(f"out{number}", kinds, encoding, number, number))
    extra = [number for number in other_results if number not in results]
    found += [LeftOut(f"out{number}", _ONLY_REFERENCE) for number in extra]
    return _sorted(found)


def pair_saved(function: FuncOp, saved: SavedValues, batches: int) -> Matches:
    """Pairs the values and outputs of a function with saved arrays of so many batches."""
    named, left_out = _by_name(function, saved_name)
    found: list[Pair | LeftOut] = [*left_out]
    for name, value in named.items():
        encoding = _encoding(value, function)
        found.append(_pair_saved(name, value, _kind(value.type), encoding, saved.values, batches))
    for number, (kind, encoding) in _outputs(function).items():
        name = f"out{number}"
        found.append(_pair_saved(name, number, kind, encoding, saved.outputs, batches))
    outputs = [f"out{number}" for number in _outputs(function)]
    extra = [*(saved.values.keys() - named.keys()), *(saved.outputs.keys() - set(outputs))]
    return _sorted([*found, *(LeftOut(name, _ONLY_REFERENCE) for name in sorted(extra))])


def _pair_saved(
    name: str,
    actual: Source,
    kind: _Kind,
    encoding: QuantizationAttr | None,
    saved: Mapping[str, Array],
    batches: int,
) -> Pair | LeftOut:
    if name not in saved:
        return LeftOut(name, _ONLY_ACTUAL)
    shape, dtype = kind
    array = saved[name]
    joined = shape if batches == 1 else (batches * (*shape, 1)[0], *shape[1:])
    if (difference := _difference((joined, dtype), (array.shape, array.dtype))) is not None:
        return LeftOut(name, difference)
    return _pair(name, (kind, kind), encoding, actual, array)


def _pair(
    name: str,
    kinds: tuple[_Kind, _Kind],
    encoding: QuantizationAttr | None,
    actual: Source,
    reference: Source | Array,
) -> Pair | LeftOut:
    if (difference := _difference(*kinds)) is not None:
        return LeftOut(name, difference)
    operation = actual.op.name if isinstance(actual, OpResult) else _OUTPUT
    zero_point = 0 if encoding is None else encoding.zero_point.value.data
    return Pair(name, operation, *kinds[0], zero_point, actual, reference)


def _difference(kind: _Kind, reference: _Kind) -> str | None:
    """Returns what keeps two tensors from being compared, if anything does."""
    if kind[0] != reference[0]:
        shapes = dimensions(kind[0]), dimensions(reference[0])
        return f"its shape is {shapes[0]}, that of the reference {shapes[1]}"
    if kind[1] != reference[1]:
        return f"its type is {kind[1]}, that of the reference {reference[1]}"
    return None


def _sorted(found: Sequence[Pair | LeftOut]) -> Matches:
    pairs = tuple(match for match in found if isinstance(match, Pair))
    return pairs, tuple(match for match in found if isinstance(match, LeftOut))


def _by_name(
    function: FuncOp, name_of: Callable[[Operation], str | None]
) -> tuple[_Named, list[LeftOut]]:
    """Returns the last value of each name, and the other values."""
    named: _Named = {}
    left_out: list[LeftOut] = []
    for value in _values(function):
        name = name_of(value.op)
        if name is None:
            left_out.append(LeftOut(value.op.name, _NAMELESS))
            continue
        name = f"{name}#{value.index}" if value.index else name
        if named.pop(name, None) is not None:
            left_out.append(LeftOut(name, _SUPERSEDED))
        named[name] = value
    return named, left_out


def _values(function: FuncOp) -> Iterator[OpResult]:
    for op in function.body.ops:
        if op.operands:
            yield from op.results


def _follow(value: OpResult, other: OpResult, others: _Named) -> list[OpResult]:
    """Returns a value and those that it becomes on the way to what the other value is."""
    way = [value]
    while (link := way[-1].get_user_of_unique_use()) is not None:
        rescales = isinstance(link, qnn.BiasAddOp | qnn.RequantizeOp | sima.RequantizeOp)
        is_open = _element_type(way[-1]) == i32 != _element_type(other)
        is_next = isinstance(link, ClipOperation) or (rescales and is_open)
        if not is_next or link.operands[0] is not way[-1] or label_of(link) in others:
            break
        way.append(link.results[0])
    return way


def _element_type(value: SSAValue) -> Attribute:
    return cast("TensorType[Attribute]", value.type).element_type


def _kind(type: Attribute) -> _Kind:
    """Returns shape and dtype of a tensor type, which a value of a program that runs has."""
    if not isinstance(type, TensorType):
        raise SimaError.of(f"values that are compared must be tensors, got {type}")
    tensor = cast("TensorType[Attribute]", type)
    return tensor.get_shape(), dtype_of(tensor.element_type)


def _outputs(function: FuncOp) -> dict[int, tuple[_Kind, QuantizationAttr | None]]:
    return {
        number: (_kind(type), _declared(function.res_attrs, number))
        for number, type in enumerate(function.function_type.outputs)
    }


def _encoding(value: SSAValue, function: FuncOp) -> QuantizationAttr | None:
    """Returns how the codes of a value are encoded, if the program says it."""
    while isinstance(value, OpResult) and isinstance(value.op, MoveOperation):
        value = value.op.data
    if isinstance(value, OpResult):
        encoding = value.op.properties.get("output_q")
        return encoding if isinstance(encoding, QuantizationAttr) else None
    return _declared(function.arg_attrs, cast("BlockArgument", value).index)


def _declared(attributes: ArrayAttr[DictionaryAttr] | None, number: int) -> QuantizationAttr | None:
    if attributes is None:
        return None
    encoding = attributes.data[number].data.get(ENCODING_ATTRIBUTE)
    return encoding if isinstance(encoding, QuantizationAttr) else None
