"""Functions on whole arrays, and what a module holds around the operations of the dialects.

A tensor is a NumPy array of the tensor's shape whose dtype is `dtype_of` its element type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict, TypeVar

import numpy as np
import numpy.typing as npt
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    IntegerType,
    TensorType,
)
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    OpImpl,
    PythonValues,
    impl,
    register_impls,
)
from xdsl.ir import Operation
from xdsl.utils.exceptions import InterpretationError

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.definitions import WindowOperation, element_type, shape_of
from sima_mlir.dialects.elements import Array, array_values, dtype_of, elements
from sima_mlir.dialects.matmul import MatmulOperation
from sima_mlir.interpreters.kernels import exact_matmul

OperationT = TypeVar("OperationT", bound=Operation)


def impl_array(
    op_type: type[OperationT],
) -> Callable[[Callable[..., Array]], OpImpl[InterpreterFunctions, OperationT]]:
    """Marks a method `(self, op, *operands)` on arrays as what an operation computes.

    As xDSL's `impl`, for operations with one result. A `ValueError` of the method becomes an
    `InterpretationError` that names the operation.
    """

    def mark(compute: Callable[..., Array]) -> OpImpl[InterpreterFunctions, OperationT]:
        def run(
            functions: InterpreterFunctions,
            interpreter: Interpreter,
            op: OperationT,
            operands: PythonValues,
        ) -> PythonValues:
            try:
                return (np.asarray(compute(functions, op, *operands)),)
            except ValueError as error:
                raise InterpretationError(f"'{op.name}' op {error}") from error

        return impl(op_type)(run)

    return mark


class PoolWindow(TypedDict):
    """The window of a pool, as the kernels take it."""

    pool_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[int, ...]


class TransposedWindow(TypedDict):
    """The window of a transposed convolution, as the kernel takes it."""

    strides: tuple[int, ...]
    padding: tuple[int, ...]
    output_padding: tuple[int, ...]


def transposed_window(op: qnn.ConvTransposeOp | sima.ConvTransposeOp) -> TransposedWindow:
    """Returns the window of a transposed convolution."""
    rank = len(shape_of(op.data)) - 2
    window = op.window(rank)
    return TransposedWindow(
        strides=window.strides, padding=window.padding, output_padding=op.added(rank)
    )


def pool_window(op: WindowOperation, pool_size: DenseArrayBase) -> PoolWindow:
    """Returns the window of a pool."""
    size = tuple(array_values(pool_size).tolist())
    window = op.window(len(size))
    return PoolWindow(pool_size=size, strides=window.strides, padding=window.padding)


def matrix_product(op: MatmulOperation, lhs: Array, rhs: Array) -> npt.NDArray[np.int64]:
    """Multiplies matrices of codes less their zero points."""
    left = np.subtract(lhs, op.lhs_zero_point.value.data, dtype=np.int32)
    right = np.subtract(rhs, op.rhs_zero_point.value.data, dtype=np.int32)
    return exact_matmul(left, right if op.transpose_rhs is None else right.swapaxes(-1, -2))


def result_dtype(op: Operation) -> np.dtype[Any]:
    """Returns the dtype of an operation's only result."""
    return dtype_of(element_type(op.results[0]))


@register_impls
class TensorFunctions(InterpreterFunctions):
    """Constant tensors and their addition; `ctx` holds the blobs of `dense_resource`."""

    def __init__(self, ctx: Context):
        self.ctx = ctx

    @impl_array(arith.ConstantOp)
    def constant(self, op: arith.ConstantOp) -> Array:
        """Returns a read-only array that shares the attribute's bytes."""
        if not isinstance(op.value, DenseIntOrFPElementsAttr | DenseResourceAttr):
            raise ValueError(f"value must be dense or dense_resource, got {op.value}")
        return elements(op.value, self.ctx)

    @impl_array(arith.AddiOp)
    def addi(self, op: arith.AddiOp, lhs: Array, rhs: Array) -> Array:
        """Adds tensors of integers; a sum wraps in their type."""
        tensor = op.result.type
        if not isinstance(tensor, TensorType) or not isinstance(tensor.element_type, IntegerType):
            raise ValueError(f"result must be a tensor of integers, got {tensor}")
        return lhs + rhs
