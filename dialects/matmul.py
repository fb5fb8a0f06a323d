"""The product of two tensors of codes, which both dialects have."""

from __future__ import annotations

from abc import ABC

from xdsl.dialects.builtin import IntegerAttr, UnitAttr, i8, i32
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation, operand_def, opt_prop_def, prop_def

from sima_mlir.dialects import shapes
from sima_mlir.dialects.definitions import (
    element_type,
    shape_of,
    tensor_of,
    verify_code,
    verify_shape,
)
from sima_mlir.dialects.elements import ui8

MATMUL_FORMAT = (
    "$lhs `,` $rhs (`transpose_rhs` $transpose_rhs^)? (`lhs_zero_point` `=` $lhs_zero_point^)? "
    "(`rhs_zero_point` `=` $rhs_zero_point^)? "
)


class MatmulOperation(IRDLOperation, ABC):
    """Matrices of codes less their zero points, multiplied pair by pair."""

    lhs = operand_def(tensor_of(i8, ui8))
    rhs = operand_def(tensor_of(i8, ui8))
    lhs_zero_point = prop_def(IntegerAttr.constr(i32), default_value=IntegerAttr(0, i32))
    rhs_zero_point = prop_def(IntegerAttr.constr(i32), default_value=IntegerAttr(0, i32))
    transpose_rhs = opt_prop_def(UnitAttr)

    def inner_size(self) -> int:
        """Returns how many products each sum has."""
        return shape_of(self.lhs)[-1]

    def verify_matmul(self, result: SSAValue) -> None:
        """Checks the shapes and the zero points."""
        transposed = self.transpose_rhs is not None
        verify_shape(
            result,
            lambda: shapes.matmul_shape(
                shape_of(self.lhs), shape_of(self.rhs), transpose_rhs=transposed
            ),
        )
        verify_code("lhs_zero_point", self.lhs_zero_point.value.data, element_type(self.lhs))
        verify_code("rhs_zero_point", self.rhs_zero_point.value.data, element_type(self.rhs))


def matmul_properties(
    zero_points: tuple[int, int], transpose_rhs: bool
) -> dict[str, Attribute | None]:
    """Returns what an operation has of the zero points of lhs and rhs, and of their layout."""
    return {
        "lhs_zero_point": IntegerAttr(zero_points[0], i32),
        "rhs_zero_point": IntegerAttr(zero_points[1], i32),
        "transpose_rhs": UnitAttr() if transpose_rhs else None,
    }
