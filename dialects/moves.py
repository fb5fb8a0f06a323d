"""Operations that move or select codes, which mean the same in both dialects.

Each dialect names and documents its own; what they are made of is here.
"""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, i8, i16, i32, i64
from xdsl.ir import SSAValue
from xdsl.irdl import IRDLOperation, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from sima_mlir.dialects import shapes
from sima_mlir.dialects.definitions import (
    WINDOW_FORMAT,
    DistinctProperties,
    WindowOperation,
    element_type,
    shape_of,
    tensor_of,
    verify_code,
    verify_pool,
    verify_range,
    verify_same_element_type,
    verify_same_type,
    verify_shape,
    window_properties,
)
from sima_mlir.dialects.elements import array_values, dense_array, tensor_type, ui8

CODES = tensor_of(i8, ui8, i16)
ANY_CODES = tensor_of(i8, ui8, i16, i32)


class MaxPoolOperation(WindowOperation, ABC):
    """The largest code over a window of the spatial axes."""

    data = operand_def(CODES)
    pool_size = prop_def(DenseArrayBase.constr(i64))
    result = result_def(CODES)

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$data `pool_size` `=` $pool_size " + WINDOW_FORMAT + " "
        "attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        data: SSAValue,
        pool_size: Sequence[int],
        *,
        strides: Sequence[int] | None = None,
        padding: Sequence[int] | None = None,
    ):
        rank = shapes.check_pool(shape_of(data), pool_size)
        window = shapes.make_window(rank, strides, padding)
        shape = shapes.pool_shape(shape_of(data), pool_size, window)
        super().__init__(
            operands=[data],
            properties=window_properties(window, dilated=False)
            | {"pool_size": dense_array(pool_size, i64)},
            result_types=[tensor_type(shape, element_type(data))],
        )

    def verify_(self) -> None:
        """Checks the constraints of the operation."""
        verify_pool(self, self.data, self.pool_size, self.result)


class ClipOperation(IRDLOperation, ABC):
    """Codes clamped to a range."""

    data = operand_def(ANY_CODES)
    min = prop_def(IntegerAttr.constr(i32))
    max = prop_def(IntegerAttr.constr(i32))
    result = result_def(ANY_CODES)

    traits = traits_def(Pure(), DistinctProperties())

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


class PadOperation(IRDLOperation, ABC):
    """A tensor with a code around it."""

    data = operand_def(CODES)
    padding = prop_def(DenseArrayBase.constr(i64))
    value = prop_def(IntegerAttr.constr(i32))
    result = result_def(CODES)

    traits = traits_def(Pure(), DistinctProperties())

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


class ReshapeOperation(IRDLOperation, ABC):
    """The elements of a tensor in another shape."""

    data = operand_def(ANY_CODES)
    result = result_def(ANY_CODES)

    traits = traits_def(Pure(), DistinctProperties())

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
