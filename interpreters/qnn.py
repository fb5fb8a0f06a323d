"""What the operations of the `qnn` dialect compute: the formulas of their docstrings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from xdsl.interpreter import InterpreterFunctions, register_impls

from sima_mlir.dialects import qnn
from sima_mlir.dialects.definitions import shape_of
from sima_mlir.dialects.elements import Array, array_values
from sima_mlir.interpreters import kernels
from sima_mlir.interpreters.tensor import impl_array, pool_window, result_dtype
from sima_mlir.quantization import (
    Rounding,
    add_fixed_point,
    fixed_point_add,
    fixed_point_multiply,
    mean_multiplier,
    product_ratio,
    requantize,
    saturate,
    scale_ratio,
    softmax,
)


@register_impls
class QnnFunctions(InterpreterFunctions):
    """One function for each operation of the `qnn` dialect."""

    @impl_array(qnn.ConvOp)
    def conv(self, op: qnn.ConvOp, data: Array, weight: Array) -> Array:
        """Convolves codes less their zero point, so that padding reads 0."""
        centred, taps = _centred(op, data, weight)
        return kernels.convolve(centred, taps, **op.conv_window()._asdict()).astype(np.int32)

    @impl_array(qnn.DenseOp)
    def dense(self, op: qnn.DenseOp, data: Array, weight: Array) -> Array:
        """Multiplies codes less their zero points."""
        centred, taps = _centred(op, data, weight)
        return kernels.dense(centred, taps).astype(np.int32)

    @impl_array(qnn.BiasAddOp)
    def bias_add(self, op: qnn.BiasAddOp, data: Array, bias: Array) -> Array:
        """Adds i32 to i32, wrapping."""
        return data + bias

    @impl_array(qnn.RequantizeOp)
    def requantize(self, op: qnn.RequantizeOp, data: Array) -> Array:
        """Brings integers from `input_q` to `output_q`."""
        return _requantized(data, op, result_dtype(op))

    @impl_array(qnn.QuantizeOp)
    def quantize(self, op: qnn.QuantizeOp, data: Array) -> Array:
        """Divides in float32, rounds and saturates."""
        to_even = op.rounding.data is Rounding.FLOAT32
        encoding = op.output_q.per_tensor()
        return kernels.quantize(
            data, encoding.scale, encoding.zero_point, result_dtype(op), ties_to_even=to_even
        )

    @impl_array(qnn.DequantizeOp)
    def dequantize(self, op: qnn.DequantizeOp, data: Array) -> Array:
        """Multiplies in float32."""
        return kernels.dequantize(
            data, np.squeeze(op.input_q.scale), op.input_q.zero_point.value.data
        )

    @impl_array(qnn.ClipOp)
    def clip(self, op: qnn.ClipOp, data: Array) -> Array:
        """Clamps codes."""
        return np.clip(data, op.min.value.data, op.max.value.data)

    @impl_array(qnn.AddOp)
    def add(self, op: qnn.AddOp, lhs: Array, rhs: Array) -> Array:
        """Adds under the contract of `rounding`."""
        constants = fixed_point_add(
            op.lhs_q.per_tensor(),
            op.rhs_q.per_tensor(),
            op.output_q.per_tensor(),
            op.rounding.data,
        )
        return add_fixed_point(lhs, rhs, constants, result_dtype(op))

    @impl_array(qnn.AvgPoolOp)
    def avg_pool(self, op: qnn.AvgPoolOp, data: Array) -> Array:
        """Requantizes where the encodings differ, then averages."""
        codes = data if op.input_q == op.output_q else _requantized(data, op, np.int32)
        zero_point = op.output_q.zero_point.value.data
        average = kernels.average_pool(
            codes,
            **pool_window(op, op.pool_size),
            pad_value=None if op.count_include_pad is None else zero_point,
        )
        return saturate(average, result_dtype(op))

    @impl_array(qnn.MaxPoolOp)
    def max_pool(self, op: qnn.MaxPoolOp, data: Array) -> Array:
        """Takes the largest code inside the data."""
        return kernels.max_pool(data, **pool_window(op, op.pool_size))

    @impl_array(qnn.MeanOp)
    def mean(self, op: qnn.MeanOp, data: Array) -> Array:
        """Sums codes less their zero point and rescales."""
        total, count = kernels.axes_sum(data, array_values(op.axes).tolist())
        centred = total - count * op.input_q.zero_point.value.data
        rounding = op.rounding.data
        constants = mean_multiplier(float(_scale_ratio(op)), count, rounding)
        average = fixed_point_multiply(centred, *constants, rounding)
        return saturate(average + op.output_q.zero_point.value.data, result_dtype(op))

    @impl_array(qnn.MulOp)
    def mul(self, op: qnn.MulOp, lhs: Array, rhs: Array) -> Array:
        """Multiplies codes less their zero points and rescales."""
        lhs_q, rhs_q, output_q = (q.per_tensor() for q in (op.lhs_q, op.rhs_q, op.output_q))
        left = np.subtract(lhs, lhs_q.zero_point, dtype=np.int32)
        right = np.subtract(rhs, rhs_q.zero_point, dtype=np.int32)
        ratio = product_ratio(lhs_q, rhs_q, output_q, op.rounding.data)
        dtype = result_dtype(op)
        return requantize(left * right, ratio, 0, output_q.zero_point, op.rounding.data, dtype)

    @impl_array(qnn.PadOp)
    def pad(self, op: qnn.PadOp, data: Array) -> Array:
        """Puts a code around the tensor."""
        return kernels.pad(data, array_values(op.padding).tolist(), op.value.value.data)

    @impl_array(qnn.ReshapeOp)
    def reshape(self, op: qnn.ReshapeOp, data: Array) -> Array:
        """Keeps the elements in order."""
        return data.reshape(shape_of(op.result))

    @impl_array(qnn.SoftmaxOp)
    def softmax(self, op: qnn.SoftmaxOp, data: Array) -> Array:
        """Computes softmax in 32-bit fixed-point arithmetic."""
        return softmax(data, op.constants(), result_dtype(op))


def _centred(op: qnn.ConvOp | qnn.DenseOp, data: Array, weight: Array) -> tuple[Array, Array]:
    """Subtracts the zero points."""
    return (
        np.subtract(data, op.input_zero_point.value.data, dtype=np.int32),
        np.subtract(weight, op.kernel_zero_point.value.data, dtype=np.int32),
    )


def _scale_ratio(op: qnn.RequantizeOp | qnn.AvgPoolOp | qnn.MeanOp) -> npt.NDArray[np.float64]:
    """Divides the input's scales by the output's, in f64; a scalar where there is one."""
    return np.squeeze(scale_ratio(op.input_q.scale, op.output_q.per_tensor().scale))


def _requantized(data: Array, op: qnn.RequantizeOp | qnn.AvgPoolOp, dtype: npt.DTypeLike) -> Array:
    return requantize(
        data,
        _scale_ratio(op),
        op.input_q.zero_point.value.data,
        op.output_q.zero_point.value.data,
        op.rounding.data,
        dtype,
    )
