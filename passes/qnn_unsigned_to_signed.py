"""Unsigned 8-bit codes as signed ones, which are what the accelerator computes with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    IntegerAttr,
    ModuleOp,
    TensorType,
    i8,
    i32,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.irdl import IRDLOperation
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from sima_mlir.dialects import qnn
from sima_mlir.dialects.definitions import element_type, shape_of
from sima_mlir.dialects.elements import (
    array_values,
    dense,
    dense_array,
    elements,
    tensor_type,
    ui8,
)
from sima_mlir.dialects.encoding import QuantizationAttr
from sima_mlir.dialects.moves import MoveOperation
from sima_mlir.passes.commuting import commutes
from sima_mlir.passes.constants import constant as constant_of
from sima_mlir.passes.diagnostics import Finding, Refusal, RemarkKind, passed, remark
from sima_mlir.passes.encodings import known_encodings
from sima_mlir.quantization import Rounding

OFFSET = 128
"""How much more an unsigned code is than the signed one that stands for the same number."""

DESCRIBED: Mapping[str, str] = {
    "input_q": "data",
    "alpha": "data",
    "alpha_q": "data",
    "lhs_q": "lhs",
    "rhs_q": "rhs",
    "output_q": "result",
    "input_zero_point": "data",
    "kernel_zero_point": "weight",
    "lhs_zero_point": "lhs",
    "rhs_zero_point": "rhs",
    "min": "data",
    "max": "data",
    "value": "data",
}
"""The properties that hold codes, and the operand or result whose codes they are."""


@dataclass(frozen=True)
class QnnUnsignedToSignedPass(ModulePass):
    """Lets operations compute with i8 where they have ui8, all codes being 128 less.

    Nothing is approximated: an operation that rounds codes as such, as an average does, keeps ui8.
    So do the arguments and results of functions, with a qnn.requantize behind or before them.
    """

    name = "qnn-unsigned-to-signed"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrites the module in place."""
        conversion = Conversion(ctx, known_encodings(op))
        operations = [o for o in op.walk() if o.dialect_name() == "qnn" and has_unsigned(o)]
        converted = [o for o in operations if conversion.convert(o)]
        for old in reversed(converted):
            conversion.finish(old)


@dataclass
class Conversion:
    """The signed values that stand for unsigned ones."""

    ctx: Context
    encodings: Mapping[SSAValue, QuantizationAttr]
    signed: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])

    def convert(self, op: Operation) -> bool:
        """Puts the signed form of an operation before it, if there is one."""
        if is_edge(op):
            return False
        if (reason := why_not(op) or self._why_not(op)) is not None:
            remark(self.ctx, Finding(RemarkKind.MISSED, op, f"keeps ui8: {reason}"))
            return False
        result = op.results[0]
        is_unsigned = element_type(result) == ui8
        result_type = tensor_type(shape_of(result), i8) if is_unsigned else result.type
        new = type(op).create(
            operands=[self.signed_form(value, op) for value in op.operands],
            properties={name: _shifted(op, name) for name in op.properties},
            result_types=[result_type],
            attributes=op.attributes,
        )
        new.location = op.location
        Rewriter.insert_op(new, InsertPoint.before(op))
        self.signed[result] = new.results[0]
        passed(self.ctx, op, "computed with signed codes")
        return True

    def signed_form(self, value: SSAValue, user: Operation) -> SSAValue:
        """Returns a value that holds the codes of another as i8."""
        if element_type(value) != ui8:
            return value
        if value not in self.signed:
            new = self._signed_source(value)
            new.location = user.location
            owner = value.owner
            is_argument = isinstance(owner, Block)
            Rewriter.insert_op(
                new, InsertPoint.at_start(owner) if is_argument else InsertPoint.after(owner)
            )
            self.signed[value] = new.results[0]
        return self.signed[value]

    def finish(self, op: Operation) -> None:
        """Erases an operation whose signed form has taken its place."""
        result = op.results[0]
        signed = self.signed[result]
        if element_type(result) == ui8 and result.first_use is not None:
            encoding = self._encoding(result)
            back = qnn.RequantizeOp(signed, _less(encoding), encoding, Rounding.UPWARD, ui8)
            back.location = op.location
            Rewriter.insert_op(back, InsertPoint.after(op))
            signed = back.result
        result.replace_all_uses_with(signed)
        constants = [v.owner for v in op.operands if isinstance(v.owner, arith.ConstantOp)]
        Rewriter.erase_op(op)
        for constant in dict.fromkeys(constants):
            if constant.result.first_use is None:
                Rewriter.erase_op(constant)

    def _signed_source(self, value: SSAValue) -> Operation:
        try:
            codes = elements(constant_of("it", value), self.ctx)
        except (Refusal, ValueError):
            encoding = self._encoding(value)
            return qnn.RequantizeOp(value, encoding, _less(encoding), Rounding.UPWARD)
        return arith.ConstantOp(dense((codes.astype(np.int16) - OFFSET).astype(np.int8)))

    def _encoding(self, value: SSAValue) -> QuantizationAttr:
        return self.encodings.get(value) or read_as(value) or QuantizationAttr.of(1.0, 0)

    def _why_not(self, op: Operation) -> str | None:
        for value in (*op.operands, *op.results):
            encoding = self.encodings.get(value)
            if encoding is not None and encoding.channels > 1 and element_type(value) == ui8:
                return f"its codes have {encoding.channels} scales"
        return None


def read_as(value: SSAValue) -> QuantizationAttr | None:
    """Returns the encoding that an operation declares which reads a value, if one does.

    A convolution declares a zero point only, of which the scale is taken to be 1.
    """
    for use in value.uses:
        op = use.operation
        if isinstance(op, MoveOperation):
            found = read_as(op.result)
        elif isinstance(op, qnn.ConcatenateOp):
            found = op.input_qs.data[use.index]
        else:
            found = _declared(op, use.index)
        if found is not None and found.channels == 1:
            return found
    return None


def _declared(op: Operation, index: int) -> QuantizationAttr | None:
    for name, described in DESCRIBED.items():
        attribute = op.properties.get(name)
        if described == "result" or getattr(op, described, None) is not op.operands[index]:
            continue
        if isinstance(attribute, QuantizationAttr):
            return attribute
        if isinstance(attribute, IntegerAttr) and name.endswith("zero_point"):
            return QuantizationAttr.of(1.0, attribute.value.data)
    return None


def has_unsigned(op: Operation) -> bool:
    """Whether an operation of tensors has one of ui8."""
    return any(
        isinstance(value.type, TensorType) and element_type(value) == ui8
        for value in (*op.operands, *op.results)
    )


def is_edge(op: Operation) -> bool:
    """Whether an operation goes from unsigned codes to signed ones, or back."""
    if not isinstance(op, qnn.RequantizeOp):
        return False
    return {element_type(op.data), element_type(op.result)} == {i8, ui8}


def why_not(op: Operation) -> str | None:
    """Returns why an operation does not give the same with signed codes, if so."""
    match op:
        case qnn.AvgPoolOp():
            return "it rounds averages of codes away from code 0"
        case qnn.ResizeOp() if not commutes(op):
            return "it rounds means of codes away from code 0"
        case IRDLOperation():
            return None
        case _:
            return "it is not an operation of the qnn dialect"


def _shifted(op: Operation, name: str) -> Attribute:
    """Returns a property of an operation, as it is with signed codes."""
    attribute = op.properties[name]
    if isinstance(op, qnn.ConcatenateOp) and name == "input_qs":
        return ArrayAttr([_less(encoding) for encoding in op.input_qs])
    described = DESCRIBED.get(name)
    if described is None or element_type(getattr(op, described)) != ui8:
        return attribute
    if isinstance(attribute, QuantizationAttr):
        return _less(attribute)
    if isinstance(attribute, IntegerAttr):
        return IntegerAttr(attribute.value.data - OFFSET, i32)
    if isinstance(attribute, DenseArrayBase):
        return dense_array(array_values(cast("DenseArrayBase", attribute)) - OFFSET, i32)
    return attribute


def _less(encoding: QuantizationAttr) -> QuantizationAttr:
    """Returns the encoding of codes that are 128 less."""
    zero_point = encoding.zero_point.value.data - OFFSET
    return QuantizationAttr(encoding.scales, IntegerAttr(zero_point, i32))
