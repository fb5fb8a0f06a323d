"""Operations that select codes along the spatial axes, which mean the same in both dialects."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, UnitAttr, i32, i64
from xdsl.ir import SSAValue
from xdsl.irdl import operand_def, opt_prop_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from sima_mlir.dialects import shapes
from sima_mlir.dialects.definitions import (
    WINDOW_FORMAT,
    WindowOperation,
    element_type,
    shape_of,
    verify_pool,
    verify_same_element_type,
    verify_shape,
    window_properties,
)
from sima_mlir.dialects.elements import array_values, dense_array, tensor_type
from sima_mlir.dialects.moves import ANY_CODES, CODES, MoveOperation


class MaxPoolOperation(WindowOperation, MoveOperation, ABC):
    """The largest code over a window of the spatial axes."""

    data = operand_def(CODES)
    pool_size = prop_def(DenseArrayBase.constr(i64))
    result = result_def(CODES)

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


class DepthSpaceOperation(MoveOperation, ABC):
    """Blocks of pixels and channels for one another."""

    data = operand_def(ANY_CODES)
    block_size = prop_def(IntegerAttr.constr(i64))
    crd = opt_prop_def(UnitAttr)
    result = result_def(ANY_CODES)

    assembly_format = (
        "$data `block_size` `=` $block_size (`crd` $crd^)? "
        "attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, data: SSAValue, block_size: int, *, crd: bool = False):
        super().__init__(
            operands=[data],
            properties={
                "block_size": IntegerAttr(block_size, i64),
                "crd": UnitAttr() if crd else None,
            },
            result_types=[
                tensor_type(self.infer_shape(shape_of(data), block_size), element_type(data))
            ],
        )

    @staticmethod
    def infer_shape(data: Sequence[int], block_size: int) -> tuple[int, ...]:
        """Returns the result's shape; raises `ValueError` when the block does not fit."""
        raise NotImplementedError

    def verify_(self) -> None:
        """Checks the constraints of the operation."""
        size = self.block_size.value.data
        verify_shape(self.result, lambda: self.infer_shape(shape_of(self.data), size))
        verify_same_element_type(self.result, self.data)


class DepthToSpaceOperation(DepthSpaceOperation, ABC):
    """Channels as blocks of pixels."""

    @staticmethod
    def infer_shape(data: Sequence[int], block_size: int) -> tuple[int, ...]:
        """Returns the result's shape; raises `ValueError` when the block does not fit."""
        return shapes.depth_to_space_shape(data, block_size)


class SpaceToDepthOperation(DepthSpaceOperation, ABC):
    """Blocks of pixels as channels."""

    @staticmethod
    def infer_shape(data: Sequence[int], block_size: int) -> tuple[int, ...]:
        """Returns the result's shape; raises `ValueError` when the block does not fit."""
        return shapes.space_to_depth_shape(data, block_size)


class ResizeOperation(MoveOperation, ABC):
    """An image of another size, by the nearest pixels or between the four around a place."""

    data = operand_def(CODES)
    steps = prop_def(DenseArrayBase.constr(i32))
    offsets = prop_def(DenseArrayBase.constr(i32))
    divisors = prop_def(DenseArrayBase.constr(i32))
    linear = opt_prop_def(UnitAttr)
    result = result_def(CODES)

    assembly_format = (
        "$data `steps` `=` $steps `offsets` `=` $offsets `divisors` `=` $divisors "
        "(`linear` $linear^)? attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        data: SSAValue,
        sizes: Sequence[int],
        steps: Sequence[int],
        offsets: Sequence[int],
        divisors: Sequence[int],
        *,
        linear: bool = False,
    ):
        shape = (shape_of(data)[0], *sizes, shape_of(data)[-1])
        super().__init__(
            operands=[data],
            properties={
                "steps": dense_array(steps, i32),
                "offsets": dense_array(offsets, i32),
                "divisors": dense_array(divisors, i32),
                "linear": UnitAttr() if linear else None,
            },
            result_types=[tensor_type(shape, element_type(data))],
        )

    def verify_(self) -> None:
        """Checks the constraints of the operation."""
        numbers = (self.steps, self.offsets, self.divisors)
        steps, offsets, divisors = (array_values(n).tolist() for n in numbers)
        data, result = shape_of(self.data), shape_of(self.result)
        try:
            shapes.check_resize(data, result, steps, offsets, divisors)
            if self.linear is not None:
                check_divisors(divisors)
        except ValueError as error:
            raise VerifyException(str(error)) from None
        verify_same_element_type(self.result, self.data)


LARGEST_DIVISOR = 1 << 40
"""How large a sum of weights may be, so that its products with codes are exact in 64 bits."""


def check_divisors(divisors: Sequence[int]) -> None:
    """Raises `ValueError` when weights of so many parts can't be multiplied exactly."""
    if (parts := math.prod(divisors)) > LARGEST_DIVISOR:
        raise ValueError(f"product of divisors must be at most {LARGEST_DIVISOR}, got {parts}")
