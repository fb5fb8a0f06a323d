"""Which encoding the codes of a value were written with, and who reads them with another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue

from sima_mlir.dialects import qnn
from sima_mlir.dialects.moves import MoveOperation
from sima_mlir.dialects.qnn import ENCODING_ATTRIBUTE, QuantizationAttr

_OPERAND_ENCODINGS = {"data": "input_q", "lhs": "lhs_q", "rhs": "rhs_q"}


def find_mismatches(module: ModuleOp) -> dict[Operation, str]:
    """Returns the operations that read a value with another encoding than it has, and why.

    An encoding is known where a function's argument declares it or an operation writes it, and is
    carried through the operations that only move codes. It is compared with what an operation
    declares of its operands, and a function of its results; a convolution or dense operator states
    only the zero point of its operand, so only that is compared.
    """
    known: dict[SSAValue, QuantizationAttr] = {}
    mismatches: dict[Operation, str] = {}
    for op in module.walk():
        if isinstance(op, FuncOp) and not op.is_declaration:
            known |= dict(_declared(op.args, op.arg_attrs))
        if isinstance(op, ReturnOp):
            reason, written = _return_mismatch(op, known), None
        elif op.dialect_name() == "qnn":
            reason, written = _mismatch(op, known), _written(op, known)
        else:
            continue
        if reason is not None:
            mismatches[op] = reason
        if written is not None:
            known[op.results[0]] = written
    return mismatches


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
    if isinstance(op, qnn.ConvOp | qnn.DenseOp):
        written = known.get(op.data)
        zero_point = op.input_zero_point.value.data
        if written is not None and written.zero_point.value.data != zero_point:
            wrote = written.zero_point.value.data
            return f"its operand has zero point {wrote}, but input_zero_point is {zero_point}"
        return None
    for value, attribute, encoding in _declared_operands(op):
        written = known.get(value)
        if written is not None and not written.matches(encoding):
            return f"its operand is encoded with {written}, but {attribute} is {encoding}"
    return None


def _declared_operands(op: Operation) -> Iterator[tuple[SSAValue, str, QuantizationAttr]]:
    """Yields operands with the property that declares their encoding, and the encoding."""
    if isinstance(op, qnn.ConcatenateOp):
        for i, (value, encoding) in enumerate(zip(op.inputs, op.input_qs, strict=True)):
            yield value, f"input_qs[{i}]", encoding
    for operand, attribute in _OPERAND_ENCODINGS.items():
        encoding = op.properties.get(attribute)
        if isinstance(encoding, QuantizationAttr):
            yield getattr(op, operand), attribute, encoding
