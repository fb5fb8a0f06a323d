"""What the operations of the `sima` dialect compute: the formulas of their docstrings.

An accumulator is exact in 64 bits; where it leaves 32 bits, which the accelerator is taken to
have, the operation raises `InterpretationError`.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr
from xdsl.interpreter import InterpreterFunctions, register_impls
from xdsl.ir import Attribute

from sima_mlir.dialects import sima
from sima_mlir.dialects.elements import Array, array_values, elements
from sima_mlir.interpreters import kernels, moves
from sima_mlir.interpreters.tensor import (
    impl_array,
    matrix_product,
    pool_window,
    result_dtype,
    transposed_window,
)
from sima_mlir.quantization import (
    DEFAULT_TARGET,
    Rounding,
    Target,
    code_range,
    fixed_point_multiply,
    rescale,
    softmax,
)

Int64Array = npt.NDArray[np.int64]
AttributeT = TypeVar("AttributeT", bound=Attribute)


@register_impls
class SimaFunctions(InterpreterFunctions):
    """One function for each operation of the `sima` dialect.

    `ctx` holds the blobs of `dense_resource`.
    """

    def __init__(self, ctx: Context):
        self.ctx = ctx

    broadcast_to = impl_array(sima.BroadcastToOp)(moves.broadcast_to)
    clip = impl_array(sima.ClipOp)(moves.clip)
    concat = impl_array(sima.ConcatOp)(moves.concat)
    depth_to_space = impl_array(sima.DepthToSpaceOp)(moves.depth_to_space)
    max_pool = impl_array(sima.MaxPoolOp)(moves.max_pool)
    pad = impl_array(sima.PadOp)(moves.pad)
    reshape = impl_array(sima.ReshapeOp)(moves.reshape)
    resize = impl_array(sima.ResizeOp)(moves.resize)
    slice_ = impl_array(sima.SliceOp)(moves.slice_)
    space_to_depth = impl_array(sima.SpaceToDepthOp)(moves.space_to_depth)
    transpose = impl_array(sima.TransposeOp)(moves.transpose)

    @impl_array(sima.ConvOp)
    def conv(self, op: sima.ConvOp, data: Array) -> Array:
        """Convolves codes; padding reads `input_zero_point`."""
        weight, bias = elements(op.weight, self.ctx), elements(op.bias, self.ctx)
        acc = kernels.convolve(
            data,
            weight,
            **op.conv_window()._asdict(),
            pad_value=op.input_zero_point.value.data,
            dtype=_accumulator_dtype(op, data, weight, bias),
        )
        acc += bias
        return _requantized(op, acc)

    @impl_array(sima.ConvTransposeOp)
    def conv_transpose(self, op: sima.ConvTransposeOp, data: Array) -> Array:
        """Spreads codes; what lies between them and around reads `input_zero_point`."""
        weight, zero_point = elements(op.weight, self.ctx), op.input_zero_point.value.data
        centred = np.subtract(data, zero_point, dtype=np.int32)
        products = kernels.convolve_transpose(centred, weight, **transposed_window(op))
        sums = weight.sum(axis=tuple(range(weight.ndim - 2)), dtype=np.int64).ravel()
        return _requantized(op, products + zero_point * sums + elements(op.bias, self.ctx))

    @impl_array(sima.DenseOp)
    def dense(self, op: sima.DenseOp, data: Array) -> Array:
        """Multiplies codes by the weight matrix."""
        products = kernels.dense(data, elements(op.weight, self.ctx))
        return _requantized(op, products + elements(op.bias, self.ctx))

    @impl_array(sima.BatchMatmulOp)
    def batch_matmul(self, op: sima.BatchMatmulOp, lhs: Array, rhs: Array) -> Array:
        """Multiplies matrices of codes less their zero points and rescales."""
        return _requantized(op, _scaled(op, matrix_product(op, lhs, rhs)) + op.bias.value.data)

    @impl_array(sima.RequantizeOp)
    def requantize(self, op: sima.RequantizeOp, data: Array) -> Array:
        """Rescales codes or accumulators."""
        return _requantized(op, _scaled(op, data.astype(np.int64)) + op.bias.value.data)

    @impl_array(sima.MeanOp)
    def mean(self, op: sima.MeanOp, data: Array) -> Array:
        """Sums codes and rescales."""
        total, _ = kernels.axes_sum(data, array_values(op.axes).tolist())
        return _requantized(op, _scaled(op, total) + op.bias.value.data)

    @impl_array(sima.AddOp)
    def add(self, op: sima.AddOp, lhs: Array, rhs: Array) -> Array:
        """Rescales both operands and adds."""
        return _sum(op, lhs, rhs)

    @impl_array(sima.SubtractOp)
    def subtract(self, op: sima.SubtractOp, lhs: Array, rhs: Array) -> Array:
        """Rescales both operands and subtracts."""
        return _sum(op, lhs, rhs)

    @impl_array(sima.LutOp)
    def lut(self, op: sima.LutOp, data: Array) -> Array:
        """Looks codes up."""
        return kernels.look_up(data, elements(op.table, self.ctx))

    @impl_array(sima.MulOp)
    def mul(self, op: sima.MulOp, lhs: Array, rhs: Array) -> Array:
        """Multiplies codes less their zero points and rescales."""
        left = lhs.astype(np.int64) - op.lhs_zero_point.value.data
        right = rhs.astype(np.int64) - op.rhs_zero_point.value.data
        return _requantized(op, _scaled(op, left * right) + op.bias.value.data)

    @impl_array(sima.AvgPoolOp)
    def avg_pool(self, op: sima.AvgPoolOp, data: Array) -> Array:
        """Averages codes."""
        average = kernels.average_pool(
            data,
            **pool_window(op, op.pool_size),
            pad_value=op.input_zero_point.value.data,
        )
        return average.astype(result_dtype(op))

    @impl_array(sima.SoftmaxOp)
    def softmax(self, op: sima.SoftmaxOp, data: Array) -> Array:
        """Computes softmax in 32-bit fixed-point arithmetic."""
        return softmax(data, op.constants(), result_dtype(op))

    @impl_array(sima.QuantizeOp)
    def quantize(self, op: sima.QuantizeOp, data: Array) -> Array:
        """Divides in float32, rounds and saturates."""
        return kernels.quantize(
            data,
            op.scale.value.data,
            op.zero_point.value.data,
            result_dtype(op),
            ties_to_even=op.ties_to_even is not None,
        )

    @impl_array(sima.DequantizeOp)
    def dequantize(self, op: sima.DequantizeOp, data: Array) -> Array:
        """Multiplies in float32."""
        return kernels.dequantize(data, op.scale.value.data, op.zero_point.value.data)


def _accumulator_dtype(
    op: sima.ConvOp, data: Array, weight: Array, bias: Array
) -> type[np.int32 | np.int64]:
    """Returns int32 where no accumulator can leave it, with its rounding, whatever the data."""
    if bias.dtype.itemsize > 4:
        return np.int64
    codes = (max(map(abs, code_range(array.dtype))) for array in (data, weight))
    products = math.prod(codes) * math.prod(weight.shape[:-2])
    largest_bias = max(-int(bias.min(initial=0)), int(bias.max(initial=0)))
    rounding = 0 if op.is_tflite else (1 << int(_per_channel(op.shift).max(initial=0))) >> 1
    return np.int32 if products + largest_bias + rounding < 1 << 31 else np.int64


def _requantized(op: sima.RequantizingOperation, acc: Array) -> Array:
    """Brings an accumulator to the scale of the result, clamps and saturates."""
    shift, clamp, dtype = _per_channel(op.shift), op.clamp_range(), result_dtype(op)
    target = op.target if isinstance(op, sima.WeightedOperation) else DEFAULT_TARGET
    if not op.is_tflite:
        _check_width(acc, (1 << shift) >> 1, target)
        return rescale(acc, 1, shift, Rounding.UPWARD, 0, dtype, clamp)
    scale = _per_channel(_given("scale_correction", op.scale_correction))
    rounding = _given("rounding", op.rounding).data
    correction = _given("zero_point_correction", op.zero_point_correction).value.data
    return rescale(_check_width(acc, 0, target), scale, shift, rounding, correction, dtype, clamp)


def _scaled(op: sima.RequantizingOperation, values: Int64Array) -> Int64Array:
    """Multiplies by the scale correction, which `tflite` does after the bias."""
    if op.is_tflite:
        return values
    return values * _per_channel(_given("scale_correction", op.scale_correction))


def _sum(op: sima.SumOperation, lhs: Array, rhs: Array) -> Array:
    """Rescales both operands, adds or subtracts, and requantizes."""
    if op.is_tflite:
        left = _operand(op, lhs, op.lhs_zero_point, op.lhs_scale, op.lhs_shift)
        right = _operand(op, rhs, op.rhs_zero_point, op.rhs_scale, op.rhs_shift)
        return _requantized(op, left + op.sign * right)
    left = lhs.astype(np.int64) * op.lhs_scale.value.data
    right = rhs.astype(np.int64) * op.rhs_scale.value.data
    return _requantized(op, left + op.sign * right + op.bias.value.data)


def _operand(
    op: sima.SumOperation,
    codes: Array,
    zero_point: IntegerAttr | None,
    scale: IntegerAttr,
    shift: IntegerAttr | None,
) -> Int64Array:
    """Brings one operand of a `tflite` addition to the common scale."""
    left = _given("left_shift", op.left_shift).value.data
    centred = codes.astype(np.int64) - _given("zero point", zero_point).value.data
    return fixed_point_multiply(
        _check_width(centred << left),
        scale.value.data,
        _given("shift", shift).value.data,
        _given("rounding", op.rounding).data,
    )


def _check_width(
    acc: Array, rounding: Int64Array | int = 0, target: Target = DEFAULT_TARGET
) -> Array:
    """Returns the accumulator; raises `ValueError` when it is wider than the target's.

    `rounding` is what will be added, one number or one for each channel. Accumulators in int32
    were seen to fit.
    """
    bits = target.accumulator_bits
    if acc.dtype.itemsize * 8 <= bits:
        return acc
    largest = acc.max(axis=tuple(range(acc.ndim - 1)), initial=0) + rounding
    low, high = int(acc.min(initial=0)), int(np.max(largest, initial=0))
    if max(high, -low - 1) >= 1 << (bits - 1):
        worst = high if high > -low - 1 else low
        raise ValueError(f"accumulator must stay inside {bits} bits, got {worst}")
    return acc


def _per_channel(attribute: IntegerAttr | DenseArrayBase) -> Int64Array:
    """Returns the values along the last axis; a scalar where there is one."""
    return np.squeeze(array_values(attribute).astype(np.int64))


def _given(name: str, attribute: AttributeT | None) -> AttributeT:
    if attribute is None:
        raise ValueError(f"{name} must be given, got none")
    return attribute
