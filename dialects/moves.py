"""Operations that move codes or clamp them, which mean the same in both dialects.

Each dialect names and documents its own; what they are made of is here, and in `spatial` for those
that know which axes are spatial.
"""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, i8, i16, i32, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from sima_mlir.dialects import shapes
from sima_mlir.dialects.definitions import (
    DistinctProperties,
    element_type,
    shape_of,
    tensor_of,
    verify_code,
    verify_range,
    verify_same_element_type,
    verify_same_type,
    verify_shape,
)
from sima_mlir.dialects.elements import array_values, dense_array, tensor_type, ui8

CODES = tensor_of(i8, ui8, i16)
ANY_CODES = tensor_of(i8, ui8, i16, i32)


class MoveOperation(IRDLOperation, ABC):
    """An operation that leaves the encoding of `data` as it is: it moves, selects or clamps."""

    data = operand_def(ANY_CODES)
    result = result_def(ANY_CODES)

    traits = traits_def(Pure(), DistinctProperties())


class BroadcastToOperation(MoveOperation, ABC):
    """A tensor repeated along axes of size 1."""

    assembly_format = "$data attr-dict `:` functional-type(operands, results)"

    def __init__(self, data: SSAValue, shape: Sequence[int]):
        super().__init__(
            operands=[data],
            result_types=[tensor_type(tuple(shape), element_type(data))],
        )

    def verify_(self) -> None:
        """Checks the constraints of the operation."""
        try:
            shapes.check_broadcast(shape_of(self.data), shape_of(self.result))
        except ValueError as error:
            raise VerifyException(str(error)) from None
        verify_same_element_type(self.result, self.data)


class ClipOperation(MoveOperation, ABC):
    """Codes clamped to a range."""

    min = prop_def(IntegerAttr.constr(i32))
    max = prop_def(IntegerAttr.constr(i32))

    assembly_format = (
        "$data `min` `=` $min `max` `=` $max attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, data: SSAValue, min: int, max: int):
        super().__init__(
            operands=[data],
            properties={"min": IntegerAttr(min, i32), "max": IntegerAttr(max, i32)},
            result_types=[data.type],
        )

    def verify_(self) -> None:
        """Checks the constraints of the operation."""
        verify_range("clip", self.min.value.data, self.max.value.data, element_type(self.data))
        verify_same_type(self.result, self.data)


class ConcatOperation(IRDLOperation, ABC):
    """Tensors one after the other along an axis."""

    inputs = var_operand_def(CODES)
    axis = prop_def(IntegerAttr.constr(i64))
    result = result_def(CODES)

    traits = traits_def(Pure(), DistinctProperties())

    def __init__(
        self,
        inputs: Sequence[SSAValue],
        axis: int,
        properties: Mapping[str, Attribute] | None = None,
    ):
        shape = shapes.concat_shape([shape_of(value) for value in inputs], axis)
        super().__init__(
            operands=[list(inputs)],
            properties={"axis": IntegerAttr(axis, i64), **(properties or {})},
            result_types=[tensor_type(shape, element_type(inputs[0]))],
        )

    def verify_(self) -> None:
        """Checks the constraints of the operation."""
        given = [shape_of(value) for value in self.inputs]
        verify_shape(self.result, lambda: shapes.concat_shape(given, self.axis.value.data))
        for value in self.inputs:
            verify_same_element_type(self.result, value)


class PadOperation(MoveOperation, ABC):
    """A tensor with a code around it."""

    data = operand_def(CODES)
    padding = prop_def(DenseArrayBase.constr(i64))
    value = prop_def(IntegerAttr.constr(i32))
    result = result_def(CODES)

    assembly_format = (
        "$data `padding` `=` $padding `value` `=` $value "
        "attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, data: SSAValue, padding: Sequence[int], value: int):
        shape = shapes.pad_shape(shape_of(data), padding)
        super().__init__(
            operands=[data],
            properties={
                "padding": dense_array(padding, i64),
                "value": IntegerAttr(value, i32),
            },
            result_types=[tensor_type(shape, element_type(data))],
        )

    def verify_(self) -> None:
        """Checks the constraints of the operation."""
        widths = array_values(self.padding).tolist()
        verify_shape(self.result, lambda: shapes.pad_shape(shape_of(self.data), widths))
        verify_same_element_type(self.result, self.data)
        verify_code("value", self.value.value.data, element_type(self.data))


class ReshapeOperation(MoveOperation, ABC):
    """The elements of a tensor in another shape."""

    assembly_format = "$data attr-dict `:` functional-type(operands, results)"

    def __init__(self, data: SSAValue, shape: Sequence[int]):
        super().__init__(
            operands=[data],
            result_types=[tensor_type(tuple(shape), element_type(data))],
        )

    def verify_(self) -> None:
        """Checks the constraints of the operation."""
        given, wanted = math.prod(shape_of(self.data)), math.prod(shape_of(self.result))
        if given != wanted:
            raise VerifyException(f"result must have {given} elements, got {wanted}")
        verify_same_element_type(self.result, self.data)


class SliceOperation(MoveOperation, ABC):
    """Elements of a tensor at regular distances along each axis."""

    starts = prop_def(DenseArrayBase.constr(i64))
    strides = opt_prop_def(DenseArrayBase.constr(i64))

    assembly_format = (
        "$data `starts` `=` $starts (`strides` `=` $strides^)? "
        "attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        data: SSAValue,
        starts: Sequence[int],
        sizes: Sequence[int],
        strides: Sequence[int] | None = None,
    ):
        steps = (1,) * len(starts) if strides is None else strides
        shapes.check_slice(shape_of(data), starts, sizes, steps)
        apart = None if all(step == 1 for step in steps) else dense_array(steps, i64)
        super().__init__(
            operands=[data],
            properties={"starts": dense_array(starts, i64), "strides": apart},
            result_types=[tensor_type(tuple(sizes), element_type(data))],
        )

    def steps(self) -> tuple[int, ...]:
        """Returns the strides, 1 where they are not given."""
        if self.strides is None:
            return (1,) * len(self.starts)
        return tuple(array_values(self.strides).tolist())

    def verify_(self) -> None:
        """Checks the constraints of the operation."""
        starts: list[int] = array_values(self.starts).tolist()
        data, result = shape_of(self.data), shape_of(self.result)
        try:
            shapes.check_slice(data, starts, result, self.steps())
        except ValueError as error:
            raise VerifyException(str(error)) from None
        verify_same_element_type(self.result, self.data)


class TransposeOperation(MoveOperation, ABC):
    """A tensor with its axes in another order."""

    permutation = prop_def(DenseArrayBase.constr(i64))

    assembly_format = (
        "$data `permutation` `=` $permutation attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, data: SSAValue, permutation: Sequence[int]):
        shape = shapes.transpose_shape(shape_of(data), permutation)
        super().__init__(
            operands=[data],
            properties={"permutation": dense_array(permutation, i64)},
            result_types=[tensor_type(shape, element_type(data))],
        )

    def verify_(self) -> None:
        """Checks the constraints of the operation."""
        axes: list[int] = array_values(self.permutation).tolist()
        verify_shape(self.result, lambda: shapes.transpose_shape(shape_of(self.data), axes))
        verify_same_element_type(self.result, self.data)
