"""The operators of ONNX that compute, on real numbers that are held as codes.

Each takes what its inputs are and gives a `Real`: an accumulator, or an operation that is emitted
when the encoding of its result is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from xdsl.ir import SSAValue

from sima_mlir.dialects import pointwise, qnn, shapes
from sima_mlir.dialects.definitions import dimensions, shape_of
from sima_mlir.dialects.elements import Array
from sima_mlir.dialects.qnn import QuantizationAttr
from sima_mlir.frontends.onnx_builder import signed_codes, with_value
from sima_mlir.frontends.onnx_file import Node
from sima_mlir.frontends.onnx_moves import (
    Moves,
    axes_of,
    broadcast_shape,
    check_image,
    checked_axis,
    checked_elements,
    common_order,
    constant_of,
    reshaped,
)
from sima_mlir.frontends.onnx_values import (
    Accumulated,
    Coded,
    Codes,
    Deferred,
    Layout,
    Real,
    Shape,
    Tensor,
    Weights,
    channels_last,
    layout_of,
    shape_of_tensor,
)
from sima_mlir.quantization import Rounding, code_range

Scales: TypeAlias = npt.NDArray[np.float32]
Make: TypeAlias = Callable[[QuantizationAttr], Any]
Matrices: TypeAlias = tuple[SSAValue, Layout, int]
"""Codes, how their axes lie, and their zero point."""

_SAME_SCALE = 1e-6
"""How far apart, relatively, scales may be that must be equal."""

_SAME = ("SAME_UPPER", "SAME_LOWER")

_SOFTMAX = QuantizationAttr.of(1 / 256, -128)
"""The encoding of what `qnn.softmax` gives."""


class Arithmetic(Moves):
    """Methods named as an operator take what its inputs are and return what its output is."""

    def conv(self, node: Node, data: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """Convolves; the weights are O, I, spatial… with the inputs of one group."""
        (value, encoding), kernel = self.coded(node.input(0), data), _weights(node, 1, weight)
        product = _product(node, encoding, kernel, axis=0)
        layout, zero_point = layout_of(data), encoding.zero_point.value.data
        accumulator = self.convolution(node, value, layout, zero_point, kernel)
        accumulator = self.biased(accumulator, node.input(2), bias, product)
        layout = Layout.channels_last(shape_of(accumulator))
        return Real(Accumulated(accumulator, product), layout)

    def convolution(
        self, node: Node, value: SSAValue, layout: Layout, zero_point: int, weight: Weights
    ) -> SSAValue:
        """Convolves codes into accumulators with the channels last."""
        name, groups, rank = node.input(1), node.integer("group", 1), len(layout.shape)
        kernel, kernel_zero_point = signed_codes(name, weight)
        if rank < 3 or kernel.ndim != rank:
            given = f"{dimensions(layout.shape)} and {dimensions(kernel.shape)}"
            raise ValueError(f"data and weight must have the same number of axes, got {given}")
        outputs, inputs, *taps = kernel.shape
        if groups < 1 or outputs % groups:
            raise ValueError(f"output channels must be a multiple of {groups}, got {outputs}")
        _check_taps(node, taps)
        strides, padding, dilations = _window(node, layout.shape[2:], taps)
        hwigo = kernel.reshape(groups, outputs // groups, inputs, *taps)
        operation = qnn.ConvOp(
            self.arranged(value, layout, channels_last(rank)),
            self.constant(hwigo.transpose(*range(3, rank + 1), 2, 0, 1), name),
            strides=strides,
            padding=padding,
            dilations=dilations,
            input_zero_point=zero_point,
            kernel_zero_point=kernel_zero_point,
        )
        checked_elements(shape_of(operation.result))
        return self.emit(operation)

    def conv_transpose(
        self, node: Node, data: Tensor, weight: Tensor, bias: Tensor | None = None
    ) -> Tensor:
        """Convolves transposed; the weights are I, O, spatial… with the outputs of one group."""
        (value, encoding), kernel = self.coded(node.input(0), data), _weights(node, 1, weight)
        layout, groups = layout_of(data), node.integer("group", 1)
        codes, kernel_zero_point = signed_codes(node.input(1), kernel)
        rank = len(layout.shape)
        if rank < 3 or codes.ndim != rank:
            given = f"{dimensions(layout.shape)} and {dimensions(codes.shape)}"
            raise ValueError(f"data and weight must have the same number of axes, got {given}")
        inputs, outputs, *taps = codes.shape
        if groups < 1 or inputs % groups:
            raise ValueError(f"input channels must be a multiple of {groups}, got {inputs}")
        window = _transposed_window(node, layout.shape[2:], taps)
        giohw = codes.reshape(groups, inputs // groups, outputs, *taps)
        operation = qnn.ConvTransposeOp(
            self.arranged(value, layout, channels_last(rank)),
            self.constant(giohw.transpose(*range(3, rank + 1), 1, 0, 2), node.input(1)),
            strides=window[0],
            padding=window[1],
            output_padding=window[2],
            input_zero_point=encoding.zero_point.value.data,
            kernel_zero_point=kernel_zero_point,
        )
        checked_elements(shape_of(operation.result))
        scales = _product(node, encoding, kernel, axis=1)
        scales = np.tile(scales, groups) if len(scales) > 1 else scales
        accumulator = self.biased(self.emit(operation), node.input(2), bias, scales)
        layout = Layout.channels_last(shape_of(accumulator))
        return Real(Accumulated(accumulator, scales), layout)

    def gemm(self, node: Node, data: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """Multiplies by a matrix I, O, or O, I with `transB`."""
        if node.integer("transA", 0):
            raise ValueError("transA is not supported")
        if len(shape_of_tensor(data)) != 2:
            raise ValueError(f"data must have 2 axes, got {dimensions(shape_of_tensor(data))}")
        matrix = _weights(node, 1, weight)
        rows = matrix if node.integer("transB", 0) else _transposed(node, matrix)
        alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
        return self.product(node, data, rows, bias if beta else None, alpha, beta)

    def matmul(self, node: Node, lhs: Tensor, rhs: Tensor) -> Tensor:
        """Multiplies by a constant matrix I, O, or two tensors of matrices."""
        if _is_matrix(lhs, rhs):
            return self.product(node, lhs, _transposed(node, _weights(node, 1, rhs)))
        left, right = self.matrices(node, 0, lhs), self.matrices(node, 1, rhs)
        scale = np.float32(left.encoding.scale[0]) * np.float32(right.encoding.scale[0])
        scales = _checked_product(np.atleast_1d(scale))
        result = self.matrix_product(
            (left.value, layout_of(lhs), left.encoding.zero_point.value.data),
            (right.value, layout_of(rhs), right.encoding.zero_point.value.data),
        )
        return Real(Accumulated(result, scales), Layout.plain(shape_of(result)))

    def matrices(self, node: Node, place: int, tensor: Tensor) -> Coded:
        """Returns codes to multiply, which may be constant."""
        name = node.input(place)
        if not isinstance(tensor, Weights):
            return Coded(*self.coded(name, tensor))
        if len(tensor.scales) != 1:
            raise ValueError(f"'{name}' must have 1 scale, got {len(tensor.scales)}")
        codes, zero_point = signed_codes(name, tensor)
        encoding = QuantizationAttr.of(tensor.scales, zero_point)
        return Coded(self.constant(codes, name), encoding)

    def matrix_product(self, lhs: Matrices, rhs: Matrices) -> SSAValue:
        """Multiplies codes by codes into accumulators, less their zero points."""
        (left, left_layout, left_zero), (right, right_layout, right_zero) = lhs, rhs
        rank = len(right_layout.shape)
        swapped = (*range(rank - 2), rank - 1, rank - 2)
        is_swapped = rank > 1 and not right_layout.is_reshaped and right_layout.order == swapped
        operation = qnn.BatchMatmulOp(
            self.arranged(left, left_layout),
            self.arranged(right, right_layout, swapped if is_swapped else None),
            transpose_rhs=is_swapped,
            lhs_zero_point=left_zero,
            rhs_zero_point=right_zero,
        )
        checked_elements(shape_of(operation.result))
        return self.emit(operation)

    def product(
        self,
        node: Node,
        data: Tensor,
        weight: Weights,
        bias: Tensor | None = None,
        alpha: float = 1.0,
        beta: float = 1.0,
    ) -> Tensor:
        """Multiplies by weights O, I, times alpha, and adds the bias, times beta."""
        value, encoding = self.coded(node.input(0), data)
        if not (math.isfinite(alpha) and alpha > 0):
            raise ValueError(f"alpha must be positive and finite, got {alpha}")
        scaled = QuantizationAttr.of(np.float32(alpha) * np.float32(encoding.scale))
        scales = _product(node, scaled, weight, axis=0)
        zero_point = encoding.zero_point.value.data
        accumulator = self.multiplied(node, value, layout_of(data), zero_point, weight)
        accumulator = self.biased(accumulator, node.input(2), bias, scales, beta)
        return Real(Accumulated(accumulator, scales), Layout.plain(shape_of(accumulator)))

    def multiplied(
        self, node: Node, value: SSAValue, layout: Layout, zero_point: int, weight: Weights
    ) -> SSAValue:
        """Multiplies codes by weights O, I into accumulators.

        Where an image was flattened, the weights are permuted and not the image.
        """
        codes, kernel_zero_point = signed_codes(node.input(1), weight)
        flat = _flattened_axes(layout)
        if flat is not None and codes.shape[1] == layout.shape[1]:
            order = [axis - flat + 1 for axis in layout.order[flat:]]
            image = codes.reshape(-1, *layout.source[flat:])
            codes = image.transpose(0, *order).reshape(codes.shape)
            layout = Layout.plain(tuple(layout.source[axis] for axis in layout.order)).reshaped(
                layout.shape
            )
        operation = qnn.DenseOp(
            self.arranged(value, layout),
            self.constant(codes, node.input(1)),
            input_zero_point=zero_point,
            kernel_zero_point=kernel_zero_point,
        )
        return self.emit(operation)

    def biased(
        self,
        accumulator: SSAValue,
        name: str,
        bias: Tensor | None,
        scales: Scales,
        factor: float = 1.0,
    ) -> SSAValue:
        """Adds a constant to each channel: i32, or real numbers that become such."""
        if bias is None:
            return accumulator
        channels = shape_of(accumulator)[-1]
        shape = shape_of_tensor(bias)
        if math.prod(shape[:-1]) != 1 or (shape[-1:] or (1,))[0] not in (1, channels):
            raise ValueError(f"bias '{name}' must have {channels} values, got {dimensions(shape)}")
        row = np.broadcast_to(_bias_codes(name, bias, scales, factor), channels)
        return self.emit(qnn.BiasAddOp(accumulator, self.constant(row, name)))

    def conv_integer(
        self,
        node: Node,
        data: Tensor,
        weight: Tensor,
        data_zero: Tensor | None = None,
        weight_zero: Tensor | None = None,
    ) -> Tensor:
        """Convolves codes into i32."""
        codes, zero_point = _integers(node, 0, data, data_zero)
        kernel = _raw_weights(node, weight, weight_zero, axis=0)
        result = self.convolution(node, codes.value, codes.layout, zero_point, kernel)
        return Codes(result, Layout.channels_last(shape_of(result)), "INT32", None)

    def matmul_integer(
        self,
        node: Node,
        data: Tensor,
        weight: Tensor,
        data_zero: Tensor | None = None,
        weight_zero: Tensor | None = None,
    ) -> Tensor:
        """Multiplies codes by a constant matrix I, O, or by codes, into i32."""
        codes, zero_point = _integers(node, 0, data, data_zero)
        if isinstance(weight, Codes):
            other, other_zero_point = _integers(node, 1, weight, weight_zero)
            result = self.matrix_product(
                (codes.value, codes.layout, zero_point),
                (other.value, other.layout, other_zero_point),
            )
            return Codes(result, Layout.plain(shape_of(result)), "INT32", None)
        matrix = _transposed(node, _raw_weights(node, weight, weight_zero, axis=-1))
        result = self.multiplied(node, codes.value, codes.layout, zero_point, matrix)
        return Codes(result, Layout.plain(shape_of(result)), "INT32", None)

    def add(self, node: Node, lhs: Tensor, rhs: Tensor) -> Tensor:
        """Adds; a constant that is added to an accumulator becomes its bias."""
        for index, (data, bias) in enumerate(((lhs, rhs), (rhs, lhs))):
            if isinstance(data, Real) and isinstance(data.form, Accumulated):
                return self._with_bias(node.input(1 - index), data, data.form, bias)
        return self.elementwise(node, lhs, rhs, qnn.AddOp, Rounding.TFLITE)

    def _with_bias(self, name: str, data: Real, form: Accumulated, bias: Tensor) -> Tensor:
        layout, shape = data.layout, shape_of_tensor(bias)
        rank = len(layout.shape)
        if data.is_clamped or layout.is_reshaped or len(shape) > rank:
            raise ValueError("an operand is not quantized")
        padded = (1,) * (rank - len(shape)) + shape
        last = layout.order[-1]
        if any(size != 1 for axis, size in enumerate(padded) if axis != last):
            raise ValueError(f"bias '{name}' must have one value for each channel")
        row = bias if isinstance(bias, Codes | Real) else _reshaped_constant(bias, (padded[last],))
        value = self.biased(form.value, name, row, form.scales)
        return data._replace(form=form._replace(value=value))

    def mul(self, node: Node, lhs: Tensor, rhs: Tensor) -> Tensor:
        """Multiplies."""
        return self.elementwise(node, lhs, rhs, qnn.MulOp, Rounding.AWAY)

    def div(self, node: Node, lhs: Tensor, rhs: Tensor) -> Tensor:
        """Divides by a constant number."""
        divisor = _number(node, 1, rhs)
        if not math.isfinite(divisor) or not divisor:
            raise ValueError(f"divisor must be finite and not 0, got {divisor}")
        with np.errstate(over="ignore"):
            return self.mul(node, lhs, np.array(1 / divisor, np.float32))

    def sub(self, node: Node, lhs: Tensor, rhs: Tensor) -> Tensor:
        """Subtracts."""
        return self.elementwise(node, lhs, rhs, qnn.SubtractOp, Rounding.TFLITE)

    def elementwise(
        self,
        node: Node,
        lhs: Tensor,
        rhs: Tensor,
        operation: type[qnn.ElementwiseOperation],
        rounding: Rounding,
    ) -> Tensor:
        """Computes an operation on two tensors, which are broadcast to one shape."""
        shape = broadcast_shape(shape_of_tensor(lhs), shape_of_tensor(rhs))
        order = common_order([lhs, rhs], len(shape))
        left, left_q = self.operand(node.input(0), lhs, shape, order)
        right, right_q = self.operand(node.input(1), rhs, shape, order)
        return self.deferred(
            lambda q: operation(left, right, left_q, right_q, q, rounding),
            Layout.ordered(shape, order),
        )

    def deferred(self, make: Make, layout: Layout) -> Real:
        """Returns what an operation gives, once the encoding of its result is known."""

        def build(output_q: QuantizationAttr) -> SSAValue:
            return self.emit(make(output_q))

        return Real(Deferred(build), layout)

    def relu(self, node: Node, data: Tensor) -> Tensor:
        """Clamps to 0 from below."""
        return self._clamped(node, data, 0, math.inf)

    def clip(
        self, node: Node, data: Tensor, low: Tensor | None = None, high: Tensor | None = None
    ) -> Tensor:
        """Clamps to constant limits."""
        limits = [
            default if limit is None else _scalar(node, index, limit)
            for index, limit, default in ((1, low, -math.inf), (2, high, math.inf))
        ]
        return self._clamped(node, data, limits[0], limits[1])

    def minimum(self, node: Node, *inputs: Tensor | None) -> Tensor:
        """Clamps to constant numbers from above."""
        place, limits = _computed_and_numbers(node, inputs)
        return self._clamped(_only(node, place), inputs[place], -math.inf, min(limits))

    def maximum(self, node: Node, *inputs: Tensor | None) -> Tensor:
        """Clamps to constant numbers from below."""
        place, limits = _computed_and_numbers(node, inputs)
        return self._clamped(_only(node, place), inputs[place], max(limits), math.inf)

    def _clamped(self, node: Node, data: Tensor | None, low: float, high: float) -> Tensor:
        if not low <= high:
            raise ValueError(f"limits must be ordered, got {low} and {high}")
        if isinstance(data, Real):
            return data.clamped(low, high)
        if not isinstance(data, Codes) or data.type == "INT32":
            raise ValueError(f"'{node.input(0)}' is not quantized")
        least, most = code_range(np.int8)
        bounds = [int(min(max(limit - data.offset, least), most)) for limit in (low, high)]
        return data._replace(value=self.emit(qnn.ClipOp(data.value, bounds[0], bounds[1])))

    def max_pool(self, node: Node, data: Tensor) -> Tensor:
        """Takes the largest code of a window."""
        if node.integer("storage_order", 0):
            raise ValueError("storage_order is not supported")
        tensor, value = self.image(node, data)
        size, strides, padding = _pool_window(node, shape_of(value)[1:-1])
        result = self.emit(qnn.MaxPoolOp(value, size, strides=strides, padding=padding))
        return with_value(tensor, result, Layout.channels_last(shape_of(result)))

    def global_max_pool(self, node: Node, data: Tensor) -> Tensor:
        """Takes the largest code of an image."""
        tensor, value = self.image(node, data)
        result = self.emit(qnn.MaxPoolOp(value, shape_of(value)[1:-1]))
        return with_value(tensor, result, Layout.channels_last(shape_of(result)))

    def average_pool(self, node: Node, data: Tensor) -> Tensor:
        """Averages over a window."""
        value, encoding = self.coded(node.input(0), data)
        layout = layout_of(data)
        check_image(node.input(0), layout)
        image = self.arranged(value, layout, channels_last(len(layout.shape)))
        size, strides, padding = _pool_window(node, shape_of(image)[1:-1])
        make = partial(
            qnn.AvgPoolOp,
            image,
            size,
            encoding,
            rounding=Rounding.FLOAT32,
            strides=strides,
            padding=padding,
            count_include_pad=bool(node.integer("count_include_pad", 0)),
        )
        shape = shapes.pool_shape(
            shape_of(image), size, shapes.make_window(len(size), strides, padding)
        )
        return self.deferred(make, Layout.channels_last(shape))

    def global_average_pool(self, node: Node, data: Tensor) -> Tensor:
        """Averages over an image."""
        if node.integer("channels_last", 0):
            raise ValueError("channels_last is not supported")
        rank = len(shape_of_tensor(data))
        if rank < 3:
            raise ValueError(f"data must have at least 3 axes, got {rank}")
        return self.mean(node, data, range(2, rank))

    def reduce_mean(self, node: Node, data: Tensor, axes: Tensor | None = None) -> Tensor:
        """Averages over axes, by default all."""
        rank = len(shape_of_tensor(data))
        given = node.integers("axes", None)
        if axes is not None:
            given = axes_of(node.input(1), axes, rank)
        if not given and node.integer("noop_with_empty_axes", 0):
            return data
        averaged = sorted(checked_axis(axis, rank) for axis in given or range(rank))
        result = self.mean(node, data, averaged)
        if node.integer("keepdims", 1):
            return result
        kept = [size for axis, size in enumerate(shape_of_tensor(data)) if axis not in averaged]
        return reshaped(node, result, tuple(kept))

    def mean(self, node: Node, data: Tensor, axes: Sequence[int]) -> Tensor:
        """Averages over axes, which stay with size 1."""
        tensor = self.stored(node.input(0), data)
        value, encoding = self.coded(node.input(0), tensor)
        layout = tensor.layout
        places = sorted(layout.order.index(axis) for axis in axes)
        shapes.mean_shape(shape_of(value), places)
        shape = tuple(1 if axis in axes else size for axis, size in enumerate(layout.shape))
        return self.deferred(
            lambda q: qnn.MeanOp(value, places, encoding, q, Rounding.FLOAT32),
            Layout.ordered(shape, layout.order),
        )

    def softmax(self, node: Node, data: Tensor) -> Tensor:
        """Computes softmax along an axis."""
        tensor = self.stored(node.input(0), data)
        value, encoding = self.coded(node.input(0), tensor)
        layout = tensor.layout
        rank = len(layout.shape)
        axis = checked_axis(node.integer("axis", -1), rank)
        order = _with_last(layout.order, axis)
        image = self.arranged(value, layout, order)

        def build(output_q: QuantizationAttr) -> SSAValue:
            codes = self.emit(qnn.SoftmaxOp(image, encoding, _SOFTMAX))
            return self.requantized(codes, _SOFTMAX, output_q)

        return Real(Deferred(build), Layout.ordered(layout.shape, order))

    def pointwise(
        self,
        node: Node,
        data: Tensor,
        operation: Callable[..., pointwise.PointwiseOperation],
        *parameters: float,
        **options: bool,
    ) -> Tensor:
        """Computes a function of each element."""
        value, encoding = self.coded(node.input(0), data)
        return self.deferred(
            lambda q: operation(value, *parameters, encoding, q, Rounding.FLOAT32, **options),
            layout_of(data),
        )

    def leaky_relu(self, node: Node, data: Tensor) -> Tensor:
        """Multiplies what is negative by alpha."""
        return self.pointwise(node, data, pointwise.LeakyReluOp, node.number("alpha", 0.01))

    def prelu(self, node: Node, data: Tensor, slope: Tensor) -> Tensor:
        """Multiplies what is negative by a slope, which may be one for each index of an axis."""
        if isinstance(slope, np.ndarray):
            return self.pointwise(node, data, pointwise.LeakyReluOp, _number(node, 1, slope))
        tensor = self.stored(node.input(0), data)
        value, encoding = self.coded(node.input(0), tensor)
        layout, axis = tensor.layout, _slope_axis(node, slope, len(tensor.layout.shape))
        codes, slope_q = _coded_slopes(node, slope)
        order = layout.order if axis is None else _with_last(layout.order, axis)
        operand = self.arranged(value, layout, order)
        return self.deferred(
            lambda q: pointwise.PreluOp(
                operand,
                codes if axis is not None else codes[0],
                slope_q,
                encoding,
                q,
                Rounding.FLOAT32,
            ),
            Layout.ordered(layout.shape, order),
        )

    def swish(self, node: Node, data: Tensor) -> Tensor:
        """Multiplies by the sigmoid."""
        if (alpha := node.number("alpha", 1.0)) != 1:
            raise ValueError(f"alpha must be 1, got {alpha}")
        return self.pointwise(node, data, pointwise.SwishOp)

    def elu(self, node: Node, data: Tensor) -> Tensor:
        """Computes the exponential linear unit."""
        return self.pointwise(node, data, pointwise.EluOp, node.number("alpha", 1.0))

    def hard_sigmoid(self, node: Node, data: Tensor) -> Tensor:
        """Computes the hard sigmoid."""
        alpha, beta = node.number("alpha", 0.2), node.number("beta", 0.5)
        return self.pointwise(node, data, pointwise.HardSigmoidOp, alpha, beta)

    def gelu(self, node: Node, data: Tensor) -> Tensor:
        """Computes the Gaussian error linear unit, or its approximation."""
        mode = node.text("approximate", "none")
        if mode not in ("none", "tanh"):
            raise ValueError(f"approximate must be none or tanh, got {mode}")
        return self.pointwise(node, data, pointwise.GeluOp, approximate=mode == "tanh")


def _weights(node: Node, place: int, tensor: Tensor) -> Weights:
    name = node.input(place)
    match tensor:
        case Weights():
            return tensor
        case Codes() | Real():
            raise ValueError(f"weight '{name}' must be constant")
        case _:
            raise ValueError(f"weight '{name}' is not quantized")


def _transposed(node: Node, matrix: Weights) -> Weights:
    """Returns weights I, O as O, I; axes of size 1 may stand before."""
    shape = matrix.codes.shape
    if len(shape) < 2 or math.prod(shape[:-2]) != 1:
        raise ValueError(f"weight '{node.input(1)}' must have 2 axes, got {dimensions(shape)}")
    axis = {len(shape) - 1: 0, len(shape) - 2: 1}.get(matrix.axis % len(shape), -1)
    return matrix._replace(codes=matrix.codes.reshape(shape[-2:]).T, axis=axis)


def _product(node: Node, encoding: QuantizationAttr, weight: Weights, axis: int) -> Scales:
    """Multiplies the scales of data and weights in float32; several belong to an axis."""
    if len(weight.scales) > 1 and weight.axis != axis:
        name = node.input(1)
        raise ValueError(f"weight '{name}' must have scales along its output channels")
    with np.errstate(over="ignore", under="ignore"):
        product = np.float32(encoding.scale[0]) * weight.scales
    return _checked_product(product)


def _checked_product(product: Scales) -> Scales:
    for scale in product[~(np.isfinite(product) & (product > 0))]:
        raise ValueError(f"product of the scales must be positive and finite, got {scale}")
    return product


def _is_matrix(data: Tensor, weight: Tensor) -> bool:
    """Whether something is multiplied by one matrix for all, or by what can't be multiplied."""
    if isinstance(data, Weights) or isinstance(weight, Codes | Real):
        return False
    shape = shape_of_tensor(weight)
    return math.prod(shape[:-2]) == 1 and len(shape) <= max(2, len(shape_of_tensor(data)))


def _bias_codes(name: str, bias: Tensor, scales: Scales, factor: float) -> Array:
    """Returns a bias as i32 of given scales; real numbers are rounded, ties to even."""
    if isinstance(bias, np.ndarray) and bias.dtype == np.int32 and factor == 1:
        return bias.ravel()
    if isinstance(bias, Weights) and bias.codes.dtype == np.int32 and factor == 1:
        same = np.allclose(bias.scales, scales, rtol=_SAME_SCALE, atol=0)
        if same and not np.any(bias.zero_points):
            return bias.codes.ravel()
    if isinstance(bias, Codes | Real):
        raise ValueError(f"bias '{name}' must be constant")
    real = bias.real if isinstance(bias, Weights) else bias
    with np.errstate(over="ignore", invalid="ignore"):
        codes = np.rint(real.astype(np.float64).ravel() * factor / scales)
    if not np.all(np.abs(codes) < 2**31):
        raise ValueError(f"bias '{name}' must fit 32 bits")
    return codes.astype(np.int32)


def _reshaped_constant(tensor: Array | Weights, shape: Shape) -> Array:
    return (tensor.real if isinstance(tensor, Weights) else tensor).reshape(shape)


def _integers(node: Node, place: int, data: Tensor, zero: Tensor | None) -> tuple[Codes, int]:
    """Returns codes and their zero point, as they are held."""
    name = node.input(place)
    if not isinstance(data, Codes) or data.type == "INT32":
        raise ValueError(f"'{name}' must be codes of 8 bits")
    zero_point = 0 if zero is None else int(_scalar(node, place + 2, zero))
    return data, zero_point - data.offset


def _raw_weights(node: Node, weight: Tensor, zero: Tensor | None, axis: int) -> Weights:
    name = node.input(1)
    if not isinstance(weight, np.ndarray):
        raise ValueError(f"weight '{name}' must be constant")
    if not weight.ndim or str(weight.dtype) not in ("int8", "uint8"):
        raise ValueError(f"weight '{name}' must have codes of 8 bits")
    zeros = np.zeros(1, weight.dtype) if zero is None else constant_of(node.input(3), zero)
    if zeros.dtype != weight.dtype or zeros.size not in (1, weight.shape[axis]):
        raise ValueError(f"zero point '{node.input(3)}' must have the type of '{name}' and 1 value")
    return Weights(weight, np.ones(1, np.float32), zeros.ravel().astype(np.int64), axis)


def _scalar(node: Node, place: int, tensor: Tensor) -> float:
    name = node.input(place)
    array = constant_of(name, tensor)
    if array.size != 1:
        raise ValueError(f"'{name}' must have 1 value, got {array.size}")
    return float(array.ravel()[0])


def _number(node: Node, place: int, tensor: Tensor) -> float:
    """Returns a constant that is one real number."""
    number = _scalar(node, place, tensor)
    if not isinstance(tensor, Weights) and constant_of("", tensor).dtype != np.float32:
        raise ValueError(f"'{node.input(place)}' must hold real numbers")
    return number


def _coded_slopes(node: Node, slope: Tensor) -> tuple[list[int], QuantizationAttr]:
    name = node.input(1)
    if not isinstance(slope, Weights) or len(slope.scales) != 1:
        raise ValueError(f"slope '{name}' must be constant and have 1 scale")
    codes, zero_point = signed_codes(name, slope)
    return codes.ravel().tolist(), QuantizationAttr.of(slope.scales, zero_point)


def _slope_axis(node: Node, slope: Tensor, rank: int) -> int | None:
    """Returns the axis that slopes belong to, none for one slope."""
    shape = shape_of_tensor(slope)
    several = [axis for axis, size in enumerate(shape, rank - len(shape)) if size != 1]
    if len(shape) > rank or len(several) > 1:
        raise ValueError(f"slope '{node.input(1)}' must have one value for each channel")
    return several[0] if several else None


def _with_last(order: Shape, axis: int) -> Shape:
    """Returns an order of axes with one of them last."""
    return order if order[-1] == axis else (*sorted({*order} - {axis}), axis)


def _computed_and_numbers(
    node: Node, inputs: Sequence[Tensor | None]
) -> tuple[int, Sequence[float]]:
    """Returns the place of the only input that is computed, and the others, which are constant."""
    computed = [i for i, tensor in enumerate(inputs) if isinstance(tensor, Codes | Real)]
    if len(computed) != 1 or len(inputs) < 2:
        given = f"{len(computed)} of {len(inputs)}"
        raise ValueError(f"inputs must be constant numbers but for 1, computed are {given}")
    constants = [(i, tensor) for i, tensor in enumerate(inputs) if i != computed[0]]
    return computed[0], [_scalar(node, i, tensor) for i, tensor in constants if tensor is not None]


def _only(node: Node, place: int) -> Node:
    """Returns the operator with only one of its inputs."""
    return node._replace(inputs=(node.input(place),))


def _flattened_axes(layout: Layout) -> int | None:
    """Returns how many axes became the first of two where the others need a transposition."""
    if not layout.is_reshaped or layout.keeps_order or len(layout.shape) != 2:
        return None
    for count in range(len(layout.source) + 1):
        fits = math.prod(layout.source[:count]) == layout.shape[0]
        if fits and layout.order[:count] == tuple(range(count)):
            return count
    return None


def _check_taps(node: Node, taps: Sequence[int]) -> None:
    stated = node.integers("kernel_shape", taps)
    if stated != tuple(taps):
        raise ValueError(f"kernel_shape must be {list(taps)}, got {list(stated or ())}")


def _stated_window(node: Node, rank: int) -> tuple[str, shapes.Window]:
    """Returns the mode of padding, and strides, padding (none but for NOTSET) and dilations."""
    mode, modes = node.text("auto_pad", "NOTSET"), ("NOTSET", "VALID", *_SAME)
    if mode not in modes:
        raise ValueError(f"auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, got {mode}")
    strides = node.integers("strides", (1,) * rank) or ()
    dilations = node.integers("dilations", (1,) * rank) or ()
    padding = node.integers("pads", None) if mode == "NOTSET" else None
    return mode, shapes.make_window(rank, strides, padding, dilations)


def _divided(totals: Sequence[int], mode: str) -> Shape:
    """Divides padding between begins and ends, which have the more with SAME_UPPER."""
    less, more = [total // 2 for total in totals], [total - total // 2 for total in totals]
    return (*less, *more) if mode == "SAME_UPPER" else (*more, *less)


def _window(node: Node, spatial: Sequence[int], taps: Sequence[int]) -> tuple[Shape, Shape, Shape]:
    """Returns strides, padding and dilations."""
    mode, (strides, padding, dilations) = _stated_window(node, len(taps))
    if mode in _SAME:
        totals = [
            max((size - 1) // stride * stride + (count - 1) * dilation + 1 - size, 0)
            for size, count, stride, dilation in zip(spatial, taps, strides, dilations, strict=True)
        ]
        padding = _divided(totals, mode)
    return strides, padding, dilations


def _transposed_window(
    node: Node, spatial: Sequence[int], taps: Sequence[int]
) -> tuple[Shape, Shape, Shape]:
    """Returns strides, padding and output padding of a transposed convolution."""
    rank = len(taps)
    _check_taps(node, taps)
    mode, (strides, padding, dilations) = _stated_window(node, rank)
    if any(dilation != 1 for dilation in dilations):
        raise ValueError(f"dilations must be 1, got {list(dilations)}")
    added = shapes.make_output_padding(rank, node.integers("output_padding", None))
    wanted = node.integers("output_shape", None)
    if wanted is None and mode in _SAME:
        wanted = tuple(size * stride for size, stride in zip(spatial, strides, strict=True))
    if wanted is None:
        return strides, padding, added
    if len(wanted) != rank:
        raise ValueError(f"output_shape must have {rank} values, got {list(wanted)}")
    axes = zip(spatial, strides, added, taps, wanted, strict=True)
    totals = [(size - 1) * stride + more + count - out for size, stride, more, count, out in axes]
    if min(totals) < 0:
        raise ValueError(f"output_shape must need no more than there is, got {list(wanted)}")
    return strides, _divided(totals, mode), added


def _pool_window(node: Node, spatial: Sequence[int]) -> tuple[Shape, Shape, Shape]:
    """Returns size, strides and padding; a window that is cut at the end is padded there."""
    size = node.integers("kernel_shape", None)
    if size is None or len(size) != len(spatial):
        raise ValueError(f"kernel_shape must have {len(spatial)} values, got {list(size or ())}")
    strides, padding, dilations = _window(node, spatial, size)
    if any(dilation != 1 for dilation in dilations):
        raise ValueError(f"dilations must be 1, got {list(dilations)}")
    if not node.integer("ceil_mode", 0):
        return size, strides, padding
    rank, added = len(size), list(padding)
    for axis, (length, taps, stride) in enumerate(zip(spatial, size, strides, strict=True)):
        before, after = padding[axis], padding[rank + axis]
        steps = -(-(length + before + after - taps) // stride)
        if steps * stride >= length + before:
            steps -= 1
        added[rank + axis] += max(steps * stride + taps - (length + before + after), 0)
    if tuple(added) != padding and node.integer("count_include_pad", 0):
        raise ValueError("ceil_mode with count_include_pad is not supported")
    return size, strides, tuple(added)
