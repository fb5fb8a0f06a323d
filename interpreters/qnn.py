"""What the operations of the `qnn` dialect compute: the formulas of their docstrings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from xdsl.interpreter import InterpreterFunctions, register_impls

from sima_mlir.dialects import qnn
from sima_mlir.dialects.elements import Array, array_values
from sima_mlir.dialects.pointwise import PointwiseOperation
from sima_mlir.interpreters import kernels, moves
from sima_mlir.interpreters.tensor import (
    impl_array,
    matrix_product,
    pool_window,
    result_dtype,
    transposed_window,
)
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


def _looked_up(functions: object, op: PointwiseOperation, data: Array) -> Array:
    """Looks codes up in the table of a function."""
    return kernels.look_up(data, op.table())


@register_impls
class QnnFunctions(InterpreterFunctions):
    """One function for each operation of the `qnn` dialect."""

    broadcast_to = impl_array(qnn.BroadcastToOp)(moves.broadcast_to)
    clip = impl_array(qnn.ClipOp)(moves.clip)
    depth_to_space = impl_array(qnn.DepthToSpaceOp)(moves.depth_to_space)
    max_pool = impl_array(qnn.MaxPoolOp)(moves.max_pool)
    pad = impl_array(qnn.PadOp)(moves.pad)
    reshape = impl_array(qnn.ReshapeOp)(moves.reshape)
    resize = impl_array(qnn.ResizeOp)(moves.resize)
    slice_ = impl_array(qnn.SliceOp)(moves.slice_)
    space_to_depth = impl_array(qnn.SpaceToDepthOp)(moves.space_to_depth)
    transpose = impl_array(qnn.TransposeOp)(moves.transpose)

    @impl_array(qnn.ConcatenateOp)
    def concatenate(self, op: qnn.ConcatenateOp, *inputs: Array) -> Array:
        """Requantizes each operand to `output_q` and puts them one after the other."""
        codes = [
            requantize(
                data,
                scale_ratio(input_q.scale, op.output_q.per_tensor().scale)[0],
                input_q.zero_point.value.data,
                op.output_q.zero_point.value.data,
                op.rounding.data,
                result_dtype(op),
            )
            for data, input_q in zip(inputs, op.input_qs, strict=True)
        ]
        return np.concatenate(codes, op.axis.value.data)

    @impl_array(qnn.ConvOp)
    def conv(self, op: qnn.ConvOp, data: Array, weight: Array) -> Array:
        """Convolves codes less their zero point, so that padding reads 0."""
        zero_point, kernel_zero = op.input_zero_point.value.data, op.kernel_zero_point.value.data
        return kernels.convolve(
            data,
            np.subtract(weight, kernel_zero, dtype=np.int32) if kernel_zero else weight,
            **op.conv_window()._asdict(),
            pad_value=zero_point,
            zero_point=zero_point,
            dtype=result_dtype(op),
        )

    @impl_array(qnn.ConvTransposeOp)
    def conv_transpose(self, op: qnn.ConvTransposeOp, data: Array, weight: Array) -> Array:
        """Spreads codes less their zero point, so that what lies between them is 0."""
        centred, taps = _centred(op, data, weight)
        total = kernels.convolve_transpose(centred, taps, **transposed_window(op))
        return total.astype(result_dtype(op))

    @impl_array(qnn.DenseOp)
    def dense(self, op: qnn.DenseOp, data: Array, weight: Array) -> Array:
        """Multiplies codes less their zero points."""
        centred, taps = _centred(op, data, weight)
        return kernels.dense(centred, taps).astype(result_dtype(op))

    @impl_array(qnn.BatchMatmulOp)
    def batch_matmul(self, op: qnn.BatchMatmulOp, lhs: Array, rhs: Array) -> Array:
        """Multiplies matrices of codes less their zero points."""
        return matrix_product(op, lhs, rhs).astype(np.int32)

    @impl_array(qnn.BiasAddOp)
    def bias_add(self, op: qnn.BiasAddOp, data: Array, bias: Array) -> Array:
        """Adds, wrapping."""
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

    @impl_array(qnn.AddOp)
    def add(self, op: qnn.AddOp, lhs: Array, rhs: Array) -> Array:
        """Adds under the contract of `rounding`."""
        return _sum(op, lhs, rhs, 1)

    @impl_array(qnn.SubtractOp)
    def subtract(self, op: qnn.SubtractOp, lhs: Array, rhs: Array) -> Array:
        """Subtracts under the contract of `rounding`."""
        return _sum(op, lhs, rhs, -1)

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

    abs = impl_array(qnn.AbsOp)(_looked_up)
    elu = impl_array(qnn.EluOp)(_looked_up)
    erf = impl_array(qnn.ErfOp)(_looked_up)
    exp = impl_array(qnn.ExpOp)(_looked_up)
    gelu = impl_array(qnn.GeluOp)(_looked_up)
    hard_sigmoid = impl_array(qnn.HardSigmoidOp)(_looked_up)
    hard_swish = impl_array(qnn.HardSwishOp)(_looked_up)
    leaky_relu = impl_array(qnn.LeakyReluOp)(_looked_up)
    log = impl_array(qnn.LogOp)(_looked_up)
    prelu = impl_array(qnn.PreluOp)(_looked_up)
    reciprocal = impl_array(qnn.ReciprocalOp)(_looked_up)
    rsqrt = impl_array(qnn.RsqrtOp)(_looked_up)
    sigmoid = impl_array(qnn.SigmoidOp)(_looked_up)
    softplus = impl_array(qnn.SoftplusOp)(_looked_up)
    sqrt = impl_array(qnn.SqrtOp)(_looked_up)
    swish = impl_array(qnn.SwishOp)(_looked_up)
    tanh = impl_array(qnn.TanhOp)(_looked_up)

    @impl_array(qnn.SoftmaxOp)
    def softmax(self, op: qnn.SoftmaxOp, data: Array) -> Array:
        """Computes softmax in 32-bit fixed-point arithmetic."""
        return softmax(data, op.constants(), result_dtype(op))


def _sum(op: qnn.AddOp | qnn.SubtractOp, lhs: Array, rhs: Array, sign: int) -> Array:
    lhs_q, rhs_q, output_q = (q.per_tensor() for q in (op.lhs_q, op.rhs_q, op.output_q))
    constants = fixed_point_add(lhs_q, rhs_q, output_q, op.rounding.data, result_dtype(op))
    return add_fixed_point(lhs, rhs, constants, result_dtype(op), sign=sign)


def _centred(op: qnn.WeightedOperation, data: Array, weight: Array) -> tuple[Array, Array]:
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
