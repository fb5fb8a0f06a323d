"""Which encoding the codes of a value were written with, and who reads them with another."""

from __future__ import annotations

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from sima_mlir.dialects import qnn
from sima_mlir.dialects.qnn import QuantizationAttr

ARGUMENT_ENCODING = "qnn.quantization"
"""The attribute of a function's argument or result that says how its codes are encoded."""

_MOVES = (qnn.ClipOp, qnn.MaxPoolOp, qnn.PadOp, qnn.ReshapeOp)
_OPERAND_ENCODINGS = {"data": "input_q", "lhs": "lhs_q", "rhs": "rhs_q"}


def find_mismatches(module: ModuleOp) -> dict[Operation, str]:
    """Returns the operations that read an operand with another encoding than it has, and why.

    An encoding is known where a function's argument declares it or an operation writes it, and is
    carried through the operations that only move codes. A convolution or dense operator states
    only the zero point of its operand, so only that is compared.
    """
    known: dict[SSAValue, QuantizationAttr] = {}
    mismatches: dict[Operation, str] = {}
    for op in module.walk():
        if isinstance(op, FuncOp):
            known |= _argument_encodings(op)
        elif op.dialect_name() == "qnn":
            reason = _mismatch(op, known)
            if reason is not None:
                mismatches[op] = reason
            written = _written(op, known)
            if written is not None:
                known[op.results[0]] = written
    return mismatches


def _argument_encodings(function: FuncOp) -> dict[SSAValue, QuantizationAttr]:
    attributes = function.arg_attrs or ArrayAttr[DictionaryAttr]([])
    found: dict[SSAValue, QuantizationAttr] = {}
    for argument, declared in zip(function.args, attributes.data, strict=False):
        encoding = declared.data.get(ARGUMENT_ENCODING)
        if isinstance(encoding, QuantizationAttr):
            found[argument] = encoding
    return found


def _written(op: Operation, known: dict[SSAValue, QuantizationAttr]) -> QuantizationAttr | None:
    if isinstance(op, _MOVES):
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
    for operand, attribute in _OPERAND_ENCODINGS.items():
        encoding = op.properties.get(attribute)
        if not isinstance(encoding, QuantizationAttr):
            continue
        written = known.get(getattr(op, operand))
        if written is not None and written != encoding:
            return f"its operand is encoded with {written}, but {attribute} is {encoding}"
    return None
