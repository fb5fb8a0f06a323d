"""Which encoding the codes of a value were written with, and who reads them with another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerAttr, ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue

from sima_mlir.dialects import qnn
from sima_mlir.dialects.moves import MoveOperation
from sima_mlir.dialects.qnn import ENCODING_ATTRIBUTE, QuantizationAttr

_OPERAND_ENCODINGS = {"data": "input_q", "lhs": "lhs_q", "rhs": "rhs_q"}


def find_mismatches(module: ModuleOp) -> dict[Operation, str]:
    """Returns the operations that read a value with another encoding than it has, and why.

    A value's encoding, where it is known, is compared with what an operation declares of its
    operands, and a function of its results; a convolution or dense operator states only the zero
    point of its operand, so only that is compared.
    """
    known = known_encodings(module)
    mismatches: dict[Operation, str] = {}
    for op in module.walk():
        if isinstance(op, ReturnOp):
            reason = _return_mismatch(op, known)
        elif op.dialect_name() == "qnn":
            reason = _mismatch(op, known)
        else:
            continue
        if reason is not None:
            mismatches[op] = reason
    return mismatches


def known_encodings(module: ModuleOp) -> dict[SSAValue, QuantizationAttr]:
    """Returns the encodings of the values whose codes have one that is known.

    It is known where a function's argument declares it or an operation writes it, and is carried
    through the operations that only move codes.
    """
    known: dict[SSAValue, QuantizationAttr] = {}
    for op in module.walk():
        if isinstance(op, FuncOp) and not op.is_declaration:
            known |= dict(_declared(op.args, op.arg_attrs))
        elif op.dialect_name() == "qnn" and (written := _written(op, known)) is not None:
            known[op.results[0]] = written
    return known


def _declared(
    values: Sequence[SSAValue], attributes: ArrayAttr[DictionaryAttr] | None
) -> Iterator[tuple[SSAValue, QuantizationAttr]]:
    """Pairs values with the encodings that a function declares of them."""
    for value, declared in zip(values, attributes or (), strict=False):
        encoding = declared.data.get(ENCODING_ATTRIBUTE)
        if isinstance(encoding, QuantizationAttr):
            yield value, encoding


def _return_mismatch(op: ReturnOp, known: dict[SSAValue, QuantizationAttr]) -> str | None:
    function = op.parent_op()
    if not isinstance(function, FuncOp):
        return None
    for value, declared in _declared(op.arguments, function.res_attrs):
        written = known.get(value)
        if written is not None and not written.matches(declared):
            return f"a result is encoded with {written}, but declared with {declared}"
    return None


def _written(op: Operation, known: dict[SSAValue, QuantizationAttr]) -> QuantizationAttr | None:
    if isinstance(op, MoveOperation):
        return known.get(op.data)
    encoding = op.properties.get("output_q")
    return encoding if isinstance(encoding, QuantizationAttr) else None


def _mismatch(op: Operation, known: dict[SSAValue, QuantizationAttr]) -> str | None:
    if isinstance(op, qnn.WeightedOperation):
        return _zero_point_mismatch(known, op.data, "input_zero_point", op.input_zero_point)
    if isinstance(op, qnn.BatchMatmulOp):
        return _zero_point_mismatch(
            known, op.lhs, "lhs_zero_point", op.lhs_zero_point
        ) or _zero_point_mismatch(known, op.rhs, "rhs_zero_point", op.rhs_zero_point)
    for value, attribute, encoding in _declared_operands(op):
        written = known.get(value)
        if written is not None and not written.matches(encoding):
            return f"its operand is encoded with {written}, but {attribute} is {encoding}"
    return None


def _zero_point_mismatch(
    known: dict[SSAValue, QuantizationAttr], value: SSAValue, name: str, given: IntegerAttr
) -> str | None:
    """Compares the zero point that an operation states of an operand with the one it has."""
    written = known.get(value)
    if written is None or written.zero_point.value.data == given.value.data:
        return None
    wrote = written.zero_point.value.data
    return f"its operand has zero point {wrote}, but {name} is {given.value.data}"


def _declared_operands(op: Operation) -> Iterator[tuple[SSAValue, str, QuantizationAttr]]:
    """Yields operands with the property that declares their encoding, and the encoding."""
    if isinstance(op, qnn.ConcatenateOp):
        for i, (value, encoding) in enumerate(zip(op.inputs, op.input_qs, strict=True)):
            yield value, f"input_qs[{i}]", encoding
    for operand, attribute in _OPERAND_ENCODINGS.items():
        encoding = op.properties.get(attribute)
        if isinstance(encoding, QuantizationAttr):
            yield getattr(op, operand), attribute, encoding
