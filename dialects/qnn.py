"""Relay's quantized operations on plain integer tensors.

A tensor holds codes; how they stand for real numbers is written on the operations, as
`#qnn.quantization<scale = …, zero_point = …>` with `real = scale * (code - zero_point)`, and not
in the tensor's type. Activations are N…C (channels last), convolution weights HWIGO (spatial
axes, input channels of a group, groups, output channels of a group; output channel `g * O + o`),
dense weights OI. Constants are `arith.constant`. Convolutions and pools work over any number of
spatial axes.

`rounding` names a contract of `sima_mlir.quantization.Rounding`; `mul(x, m)` below is the product
of the integer `x` with the real number `m` under it, and `saturate` clamps to the result's type.
A tensor's shape is static.

Sources: Apache TVM v0.18 `python/tvm/relay/qnn/op/qnn.py` and `src/relay/qnn/op/`; TensorFlow Lite
Micro `tensorflow/lite/kernels/internal/reference/`; TensorFlow Lite `tensorflow/lite/kernels/`.
"""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Sequence

from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    FloatAttr,
    IntegerAttr,
    UnitAttr,
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
)
from xdsl.ir import (
    Attribute,
    Dialect,
    SSAValue,
)
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from sima_mlir.dialects import shapes
from sima_mlir.dialects.definitions import (
    DILATED_WINDOW_FORMAT,
    TRANSPOSED_WINDOW_FORMAT,
    WINDOW_FORMAT,
    DilatedWindowOperation,
    DistinctProperties,
    TransposedWindowOperation,
    WindowOperation,
    dimensions,
    element_type,
    shape_of,
    tensor_of,
    transposed_window_properties,
    verify_code,
    verify_float32,
    verify_last_axis,
    verify_pool,
    verify_same_element_type,
    verify_same_type,
    verify_shape,
    window_properties,
)
from sima_mlir.dialects.elements import array_values, dense_array, dtype_of, tensor_type, ui8
from sima_mlir.dialects.encoding import (
    QuantizationAttr,
    RoundingAttr,
    verify_encoding,
    verify_rounding,
)
from sima_mlir.dialects.matmul import MATMUL_FORMAT, MatmulOperation, matmul_properties
from sima_mlir.dialects.moves import (
    ANY_CODES,
    CODES,
    BroadcastToOperation,
    ClipOperation,
    ConcatOperation,
    PadOperation,
    ReshapeOperation,
    SliceOperation,
    TransposeOperation,
)
from sima_mlir.dialects.pointwise import (
    AbsOp,
    EluOp,
    ErfOp,
    ExpOp,
    GeluOp,
    HardSigmoidOp,
    HardSwishOp,
    LeakyReluOp,
    LogOp,
    PreluOp,
    ReciprocalOp,
    RsqrtOp,
    SigmoidOp,
    SoftplusOp,
    SqrtOp,
    SwishOp,
    TanhOp,
)
from sima_mlir.dialects.spatial import (
    DepthToSpaceOperation,
    MaxPoolOperation,
    ResizeOperation,
    SpaceToDepthOperation,
)
from sima_mlir.quantization import (
    ADD_ROUNDINGS,
    WIDE_ROUNDINGS,
    Rounding,
    SoftmaxConstants,
    code_range,
    softmax_constants,
)

ACCUMULATORS = tensor_of(i32, i64)
WIDE_CODES = tensor_of(i8, ui8, i16, i32, i64)


NAME_ATTRIBUTE = "qnn.name"
"""The attribute of a function's argument or result that gives its name in the source."""

ENCODING_ATTRIBUTE = "qnn.quantization"
"""The attribute of a function's argument or result that says how its codes are encoded."""


class WeightedOperation(IRDLOperation, ABC):
    """An operation that sums products of codes with weights, for each output channel."""

    data = operand_def(CODES)
    weight = operand_def(tensor_of(i8, ui8))
    input_zero_point = prop_def(IntegerAttr.constr(i32), default_value=IntegerAttr(0, i32))
    kernel_zero_point = prop_def(IntegerAttr.constr(i32), default_value=IntegerAttr(0, i32))
    result = result_def(ACCUMULATORS)

    traits = traits_def(Pure(), DistinctProperties())

    def verify_zero_points(self) -> None:
        """Checks that the zero points are codes of what they belong to."""
        data, weight = element_type(self.data), element_type(self.weight)
        verify_code("input_zero_point", self.input_zero_point.value.data, data)
        verify_code("kernel_zero_point", self.kernel_zero_point.value.data, weight)


@irdl_op_definition
class ConvOp(DilatedWindowOperation, WeightedOperation):
    """Convolves codes with weights into accumulators of 32 or 64 bits.

    result[n, y…, g * O + o] = Σ over taps k… and inputs i of
    (data[n, y * stride + k * dilation - before…, g * I + i] - input_zero_point)
    * (weight[k…, i, g, o] - kernel_zero_point), in the result's integers, which wrap.

    A tap outside the data reads `input_zero_point`, which stands for the real number zero.

    (C1) data has axes N, spatial…, C and weight spatial…, I, G, O, with C = G * I and at least
         one tap on each axis.
    (C2) strides and dilations have one positive value for each spatial axis.
    (C3) padding has the taps before each spatial axis, then those after each; none is negative.
    (C4) the dilated window fits into the padded data.
    (C5) the result has shape N, out…, G * O with
         out = (in + before + after - ((k - 1) * dilation + 1)) / stride + 1, rounded down.
    (C6) input_zero_point is a code of data, kernel_zero_point one of weight.

    Example:
        %r = qnn.conv %x, %w strides = [2, 2] padding = [1, 1, 1, 1] input_zero_point = -128
          : (tensor<1x8x8x3xi8>, tensor<3x3x3x1x4xi8>) -> tensor<1x4x4x4xi32>
    """

    name = "qnn.conv"

    assembly_format = (
        "$data `,` $weight " + DILATED_WINDOW_FORMAT + " "
        "(`input_zero_point` `=` $input_zero_point^)? "
        "(`kernel_zero_point` `=` $kernel_zero_point^)? "
        "attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        data: SSAValue,
        weight: SSAValue,
        *,
        strides: Sequence[int] | None = None,
        padding: Sequence[int] | None = None,
        dilations: Sequence[int] | None = None,
        input_zero_point: int = 0,
        kernel_zero_point: int = 0,
        accumulator: Attribute = i32,
    ):
        rank = shapes.check_conv_ranks(shape_of(data), shape_of(weight))
        window = shapes.make_window(rank, strides, padding, dilations)
        shape = shapes.conv_shape(shape_of(data), shape_of(weight), window)
        super().__init__(
            operands=[data, weight],
            properties=window_properties(window, dilated=True)
            | {
                "input_zero_point": IntegerAttr(input_zero_point, i32),
                "kernel_zero_point": IntegerAttr(kernel_zero_point, i32),
            },
            result_types=[tensor_type(shape, accumulator)],
        )

    def conv_window(self) -> shapes.Window:
        """Returns strides, padding and dilations for each spatial axis."""
        return self.window(len(shape_of(self.data)) - 2)

    def infer_shape(self) -> tuple[int, ...]:
        """Returns the result's shape; raises `ValueError` when C1 to C4 do not hold."""
        data, weight = shape_of(self.data), shape_of(self.weight)
        return shapes.conv_shape(data, weight, self.window(shapes.check_conv_ranks(data, weight)))

    def verify_(self) -> None:
        """Checks C1 to C6."""
        verify_shape(self.result, self.infer_shape)
        self.verify_zero_points()


@irdl_op_definition
class ConvTransposeOp(TransposedWindowOperation, WeightedOperation):
    """Spreads codes over a larger tensor of accumulators of 32 or 64 bits, as weights say.

    result[n, y…, g * O + o] = Σ over taps k… and inputs i of
    (data[n, x…, g * I + i] - input_zero_point) * (weight[k…, i, g, o] - kernel_zero_point),
    in the result's integers, which wrap, with x the position for which
    y = x * stride + k - before. A tap counts where there is such a position inside the data.

    It is the transpose of a convolution: of the Jacobian of one with the same strides, padding and
    weights, I and O exchanged. The weights are not mirrored.

    (C1) data has axes N, spatial…, C and weight spatial…, I, G, O, with C = G * I and at least
         one tap on each axis; no spatial axis of data is empty.
    (C2) strides have one positive value for each spatial axis.
    (C3) padding has how many elements are cut off before each spatial axis, then after each;
         output_padding has how many are added after each; none is negative.
    (C4) the result has shape N, out…, G * O with
         out = (in - 1) * stride + k - before - after + output_padding, at least 1.
    (C5) input_zero_point is a code of data, kernel_zero_point one of weight.

    Example:
        %r = qnn.conv_transpose %x, %w strides = [2, 2] padding = [0, 0, 1, 1]
          input_zero_point = -128
          : (tensor<1x4x4x4xi8>, tensor<3x3x4x1x2xi8>) -> tensor<1x8x8x2xi32>
    """

    name = "qnn.conv_transpose"

    assembly_format = (
        "$data `,` $weight " + TRANSPOSED_WINDOW_FORMAT + " "
        "(`input_zero_point` `=` $input_zero_point^)? "
        "(`kernel_zero_point` `=` $kernel_zero_point^)? "
        "attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        data: SSAValue,
        weight: SSAValue,
        *,
        strides: Sequence[int] | None = None,
        padding: Sequence[int] | None = None,
        output_padding: Sequence[int] | None = None,
        input_zero_point: int = 0,
        kernel_zero_point: int = 0,
        accumulator: Attribute = i32,
    ):
        rank = shapes.check_conv_ranks(shape_of(data), shape_of(weight))
        window = shapes.make_window(rank, strides, padding)
        added = shapes.make_output_padding(rank, output_padding)
        shape = shapes.conv_transpose_shape(shape_of(data), shape_of(weight), window, added)
        super().__init__(
            operands=[data, weight],
            properties=transposed_window_properties(window, added)
            | {
                "input_zero_point": IntegerAttr(input_zero_point, i32),
                "kernel_zero_point": IntegerAttr(kernel_zero_point, i32),
            },
            result_types=[tensor_type(shape, accumulator)],
        )

    def infer_shape(self) -> tuple[int, ...]:
        """Returns the result's shape; raises `ValueError` when C1 to C3 do not hold."""
        data, weight = shape_of(self.data), shape_of(self.weight)
        rank = shapes.check_conv_ranks(data, weight)
        return shapes.conv_transpose_shape(data, weight, self.window(rank), self.added(rank))

    def verify_(self) -> None:
        """Checks C1 to C5."""
        verify_shape(self.result, self.infer_shape)
        self.verify_zero_points()


@irdl_op_definition
class DenseOp(WeightedOperation):
    """Multiplies codes by a weight matrix into accumulators of 32 or 64 bits.

    result[…, o] = Σ over i of (data[…, i] - input_zero_point)
    * (weight[o, i] - kernel_zero_point), in the result's integers, which wrap.

    (C1) weight has axes O, I, and the last axis of data has size I.
    (C2) the result has the shape of data with O in place of I.
    (C3) input_zero_point is a code of data, kernel_zero_point one of weight.

    Example:
        %r = qnn.dense %x, %w input_zero_point = -10
          : (tensor<1x64xi8>, tensor<10x64xi8>) -> tensor<1x10xi32>
    """

    name = "qnn.dense"

    assembly_format = (
        "$data `,` $weight (`input_zero_point` `=` $input_zero_point^)? "
        "(`kernel_zero_point` `=` $kernel_zero_point^)? "
        "attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        data: SSAValue,
        weight: SSAValue,
        *,
        input_zero_point: int = 0,
        kernel_zero_point: int = 0,
        accumulator: Attribute = i32,
    ):
        shape = shapes.dense_shape(shape_of(data), shape_of(weight))
        super().__init__(
            operands=[data, weight],
            properties={
                "input_zero_point": IntegerAttr(input_zero_point, i32),
                "kernel_zero_point": IntegerAttr(kernel_zero_point, i32),
            },
            result_types=[tensor_type(shape, accumulator)],
        )

    def infer_shape(self) -> tuple[int, ...]:
        """Returns the result's shape; raises `ValueError` when C1 does not hold."""
        return shapes.dense_shape(shape_of(self.data), shape_of(self.weight))

    def verify_(self) -> None:
        """Checks C1 to C3."""
        verify_shape(self.result, self.infer_shape)
        self.verify_zero_points()


@irdl_op_definition
class BiasAddOp(IRDLOperation):
    """Adds one integer to each channel of accumulators, wrapping.

    result[…, c] = data[…, c] + bias[c]

    (C1) bias has one axis, of the size of the last axis of data.
    (C2) the result has the type of data, and bias the same element type.

    Example:
        %r = qnn.bias_add %x, %b : (tensor<1x4x4x8xi32>, tensor<8xi32>) -> tensor<1x4x4x8xi32>
    """

    name = "qnn.bias_add"

    data = operand_def(ACCUMULATORS)
    bias = operand_def(ACCUMULATORS)
    result = result_def(ACCUMULATORS)

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = "$data `,` $bias attr-dict `:` functional-type(operands, results)"

    def __init__(self, data: SSAValue, bias: SSAValue):
        super().__init__(operands=[data, bias], result_types=[data.type])

    def verify_(self) -> None:
        """Checks C1 and C2."""
        if not shape_of(self.data):
            raise VerifyException("data must have at least 1 axis, got 0")
        wanted, given = element_type(self.data), element_type(self.bias)
        if given != wanted:
            raise VerifyException(f"bias must have element type {wanted}, got {given}")
        channels, bias = shape_of(self.data)[-1:], shape_of(self.bias)
        if bias != channels:
            raise VerifyException(
                f"bias must have shape {dimensions(channels)}, got {dimensions(bias)}"
            )
        verify_same_type(self.result, self.data)


@irdl_op_definition
class RequantizeOp(IRDLOperation):
    """Brings integers from one encoding to another.

    result = saturate(mul(data - input_q.zero_point, input_q.scale / output_q.scale)
    + output_q.zero_point)

    The quotient of the scales is taken in f64 and then reduced as the contract does.

    (C1) input_q has one scale, or one for each channel (the last axis of data).
    (C2) output_q has one scale, and its zero point is a code of the result.
    (C3) the result has the shape of data.
    (C4) rounding is tflite16 or away for data of i64.

    Example:
        %r = qnn.requantize %x input_q = <scale = [0.5, 0.25], zero_point = 0>
          output_q = <scale = 1.5, zero_point = -5> rounding = tflite
          : (tensor<1x2xi32>) -> tensor<1x2xi8>
    """

    name = "qnn.requantize"

    data = operand_def(WIDE_CODES)
    input_q = prop_def(QuantizationAttr)
    output_q = prop_def(QuantizationAttr)
    rounding = prop_def(RoundingAttr, default_value=RoundingAttr(Rounding.UPWARD))
    result = result_def(ANY_CODES)

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$data `input_q` `=` $input_q `output_q` `=` $output_q (`rounding` `=` $rounding^)? "
        "attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        data: SSAValue,
        input_q: QuantizationAttr,
        output_q: QuantizationAttr,
        rounding: Rounding,
        output_type: Attribute = i8,
    ):
        super().__init__(
            operands=[data],
            properties={
                "input_q": input_q,
                "output_q": output_q,
                "rounding": RoundingAttr(rounding),
            },
            result_types=[tensor_type(shape_of(data), output_type)],
        )

    def verify_(self) -> None:
        """Checks C1 to C4."""
        _verify_channels(self.data, "input_q", self.input_q)
        verify_encoding(self.result, "output_q", self.output_q)
        verify_shape(self.result, lambda: shape_of(self.data))
        if element_type(self.data) == i64:
            verify_rounding(self.rounding, WIDE_ROUNDINGS)


@irdl_op_definition
class QuantizeOp(IRDLOperation):
    """Turns real numbers into codes.

    result = saturate(round(data / output_q.scale) + output_q.zero_point), the quotient in float32.
    `rounding` is `away` (ties away from zero: TFLite, TVM) or `float32` (ties to even: ONNX).

    (C1) output_q has one scale, positive in float32, and its zero point is a code of the result.
    (C2) rounding is away or float32.
    (C3) the result has the shape of data.

    Example:
        %r = qnn.quantize %x output_q = <scale = 0.5, zero_point = 3>
          : (tensor<1x4xf32>) -> tensor<1x4xi8>
    """

    name = "qnn.quantize"

    data = operand_def(tensor_of(f32))
    output_q = prop_def(QuantizationAttr)
    rounding = prop_def(RoundingAttr, default_value=RoundingAttr(Rounding.AWAY))
    result = result_def(CODES)

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$data `output_q` `=` $output_q (`rounding` `=` $rounding^)? "
        "attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        data: SSAValue,
        output_q: QuantizationAttr,
        rounding: Rounding = Rounding.AWAY,
        output_type: Attribute = i8,
    ):
        super().__init__(
            operands=[data],
            properties={"output_q": output_q, "rounding": RoundingAttr(rounding)},
            result_types=[tensor_type(shape_of(data), output_type)],
        )

    def verify_(self) -> None:
        """Checks C1 to C3."""
        verify_encoding(self.result, "output_q", self.output_q)
        verify_float32("scale", float(self.output_q.scale[0]))
        verify_rounding(self.rounding, (Rounding.AWAY, Rounding.FLOAT32))
        verify_shape(self.result, lambda: shape_of(self.data))


@irdl_op_definition
class DequantizeOp(IRDLOperation):
    """Turns codes into real numbers.

    result = float32(input_q.scale) * float32(data - input_q.zero_point)

    (C1) input_q has one scale, or one for each channel (the last axis of data).
    (C2) the result has the shape of data.

    Example:
        %r = qnn.dequantize %x input_q = <scale = 0.5, zero_point = 3>
          : (tensor<1x4xi8>) -> tensor<1x4xf32>
    """

    name = "qnn.dequantize"

    data = operand_def(ANY_CODES)
    input_q = prop_def(QuantizationAttr)
    result = result_def(tensor_of(f32))

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$data `input_q` `=` $input_q attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, data: SSAValue, input_q: QuantizationAttr):
        super().__init__(
            operands=[data],
            properties={"input_q": input_q},
            result_types=[tensor_type(shape_of(data), f32)],
        )

    def verify_(self) -> None:
        """Checks C1 and C2."""
        _verify_channels(self.data, "input_q", self.input_q)
        verify_shape(self.result, lambda: shape_of(self.data))


@irdl_op_definition
class ClipOp(ClipOperation):
    """Clamps codes.

    result = max(min, min(data, max))

    (C1) min is at most max.
    (C2) min and max are codes of data.
    (C3) the result has the type of data.

    Example:
        %r = qnn.clip %x min = -128 max = 33 : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.clip"


@irdl_op_definition
class ConcatenateOp(ConcatOperation):
    """Puts tensors one after the other along an axis, each requantized to one encoding.

    With q the encoding of the operand among input_qs, each code of it becomes

        saturate(mul(code - q.zero_point, q.scale / output_q.scale) + output_q.zero_point)

    which is the code itself where q is output_q.

    (C1) there is at least one operand, axis is one of theirs, and their shapes differ in no other.
    (C2) the result has their shape with the sum of their sizes along axis, and all have the same
         element type.
    (C3) input_qs has one encoding for each operand; they and output_q have one scale and a zero
         point that is a code.

    Example:
        %r = qnn.concatenate %a, %b axis = 1
          input_qs = [#qnn.quantization<scale = 0.5, zero_point = 3>,
          #qnn.quantization<scale = 0.25, zero_point = 0>]
          output_q = <scale = 0.5, zero_point = 3> rounding = away
          : (tensor<1x4xi8>, tensor<1x2xi8>) -> tensor<1x6xi8>
    """

    name = "qnn.concatenate"

    input_qs = prop_def(ArrayAttr.constr(QuantizationAttr))
    output_q = prop_def(QuantizationAttr)
    rounding = prop_def(RoundingAttr, default_value=RoundingAttr(Rounding.UPWARD))

    assembly_format = (
        "$inputs `axis` `=` $axis `input_qs` `=` $input_qs `output_q` `=` $output_q "
        "(`rounding` `=` $rounding^)? attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        inputs: Sequence[SSAValue],
        axis: int,
        input_qs: Sequence[QuantizationAttr],
        output_q: QuantizationAttr,
        rounding: Rounding,
    ):
        encodings = {"input_qs": ArrayAttr(input_qs), "output_q": output_q}
        super().__init__(inputs, axis, encodings | {"rounding": RoundingAttr(rounding)})

    def verify_(self) -> None:
        """Checks C1 to C3."""
        super().verify_()
        if len(self.input_qs) != len(self.inputs):
            raise VerifyException(
                f"input_qs must have {len(self.inputs)} encodings, got {len(self.input_qs)}"
            )
        for value, encoding in zip(self.inputs, self.input_qs, strict=True):
            verify_encoding(value, "input_qs", encoding)
        verify_encoding(self.result, "output_q", self.output_q)


class ElementwiseOperation(IRDLOperation, ABC):
    """An operation on two tensors of codes, element by element."""

    lhs = operand_def(tensor_of(i8, ui8, i16))
    rhs = operand_def(tensor_of(i8, ui8, i16))
    lhs_q = prop_def(QuantizationAttr)
    rhs_q = prop_def(QuantizationAttr)
    output_q = prop_def(QuantizationAttr)
    rounding = prop_def(RoundingAttr, default_value=RoundingAttr(Rounding.UPWARD))
    result = result_def(tensor_of(i8, ui8, i16))

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$lhs `,` $rhs `lhs_q` `=` $lhs_q `rhs_q` `=` $rhs_q `output_q` `=` $output_q "
        "(`rounding` `=` $rounding^)? attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        lhs_q: QuantizationAttr,
        rhs_q: QuantizationAttr,
        output_q: QuantizationAttr,
        rounding: Rounding,
    ):
        super().__init__(
            operands=[lhs, rhs],
            properties={
                "lhs_q": lhs_q,
                "rhs_q": rhs_q,
                "output_q": output_q,
                "rounding": RoundingAttr(rounding),
            },
            result_types=[lhs.type],
        )

    def verify_(self) -> None:
        """Checks the constraints of the operation."""
        verify_same_type(self.rhs, self.lhs, "rhs")
        verify_same_type(self.result, self.lhs)
        verify_encoding(self.lhs, "lhs_q", self.lhs_q)
        verify_encoding(self.rhs, "rhs_q", self.rhs_q)
        verify_encoding(self.result, "output_q", self.output_q)
        verify_rounding(self.rounding, ADD_ROUNDINGS)


@irdl_op_definition
class AddOp(ElementwiseOperation):
    """Adds two tensors of codes.

    With rounding `tflite`, S = 2 * max(lhs_q.scale, rhs_q.scale) and each difference from its zero
    point moved up by 20 bits, for i16 by 15, which then stands for 20 below:

        result = saturate(mul(mul(lhs', lhs_q.scale / S) + mul(rhs', rhs_q.scale / S),
                              S / (2**20 * output_q.scale)) + output_q.zero_point)

    With `upward` and `away`, as in Relay, each operand is requantized before the addition:

        result = saturate(mul(lhs - lhs_q.zero_point, lhs_q.scale / output_q.scale)
                          + mul(rhs - rhs_q.zero_point, rhs_q.scale / output_q.scale)
                          + output_q.zero_point)

    (C1) lhs, rhs and the result have the same type.
    (C2) lhs_q, rhs_q and output_q have one scale and a zero point that is a code.
    (C3) rounding is upward, away or tflite.

    Example:
        %r = qnn.add %a, %b lhs_q = <scale = 0.5, zero_point = 3>
          rhs_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.75, zero_point = -1>
          rounding = tflite : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.add"


@irdl_op_definition
class AvgPoolOp(WindowOperation):
    """Averages codes over a window of the spatial axes.

    result = saturate(divide(Σ over taps of q, count)), where `divide` rounds to nearest, ties away
    from zero; q is data requantized from input_q to output_q, or data itself where they are equal.
    `count` is the number of taps inside the data, or the size of the window with
    `count_include_pad`, where taps outside read output_q's zero point.

    (C1) data has axes N, spatial…, C, no spatial axis empty; pool_size and strides have
         one positive value for each spatial axis, padding two that are not negative and less than
         the window's size.
    (C2) the window fits into the padded data, and the result has shape N, out…, C with
         out = (in + before + after - size) / stride + 1, rounded down.
    (C3) input_q and output_q have one scale and a zero point that is a code.
    (C4) data and result have the same element type.

    Example:
        %r = qnn.avg_pool %x pool_size = [2, 2] strides = [2, 2]
          input_q = <scale = 0.5, zero_point = 3> output_q = <scale = 0.5, zero_point = 3>
          : (tensor<1x8x8x4xi8>) -> tensor<1x4x4x4xi8>
    """

    name = "qnn.avg_pool"

    data = operand_def(CODES)
    pool_size = prop_def(DenseArrayBase.constr(i64))
    count_include_pad = opt_prop_def(UnitAttr)
    input_q = prop_def(QuantizationAttr)
    output_q = prop_def(QuantizationAttr)
    rounding = prop_def(RoundingAttr, default_value=RoundingAttr(Rounding.UPWARD))
    result = result_def(CODES)

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$data `pool_size` `=` $pool_size " + WINDOW_FORMAT + " "
        "(`count_include_pad` $count_include_pad^)? `input_q` `=` $input_q "
        "`output_q` `=` $output_q (`rounding` `=` $rounding^)? "
        "attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        data: SSAValue,
        pool_size: Sequence[int],
        input_q: QuantizationAttr,
        output_q: QuantizationAttr,
        rounding: Rounding,
        *,
        strides: Sequence[int] | None = None,
        padding: Sequence[int] | None = None,
        count_include_pad: bool = False,
    ):
        rank = shapes.check_pool(shape_of(data), pool_size)
        window = shapes.make_window(rank, strides, padding)
        shape = shapes.pool_shape(shape_of(data), pool_size, window)
        super().__init__(
            operands=[data],
            properties=window_properties(window, dilated=False)
            | {
                "pool_size": dense_array(pool_size, i64),
                "count_include_pad": UnitAttr() if count_include_pad else None,
                "input_q": input_q,
                "output_q": output_q,
                "rounding": RoundingAttr(rounding),
            },
            result_types=[tensor_type(shape, element_type(data))],
        )

    def verify_(self) -> None:
        """Checks C1 to C4."""
        verify_pool(self, self.data, self.pool_size, self.result)
        verify_encoding(self.data, "input_q", self.input_q)
        verify_encoding(self.result, "output_q", self.output_q)


@irdl_op_definition
class BatchMatmulOp(MatmulOperation):
    """Multiplies matrices of codes into i32 accumulators.

    result[…, m, n] = Σ over k of (lhs[…, m, k] - lhs_zero_point)
    * (rhs[…, k, n] - rhs_zero_point), in i32 that wraps; with `transpose_rhs`, as in Relay,
    rhs[…, n, k] in place of rhs[…, k, n]. The axes before the last two broadcast.

    (C1) lhs and rhs have at least two axes, and the same size K.
    (C2) the axes before broadcast to one shape, which the result has before M, N.
    (C3) lhs_zero_point is a code of lhs, rhs_zero_point one of rhs.

    Example:
        %r = qnn.batch_matmul %a, %b transpose_rhs lhs_zero_point = -10 rhs_zero_point = 3
          : (tensor<2x4x8xi8>, tensor<2x5x8xi8>) -> tensor<2x4x5xi32>
    """

    name = "qnn.batch_matmul"

    result = result_def(tensor_of(i32))

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = MATMUL_FORMAT + "attr-dict `:` functional-type(operands, results)"

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        *,
        transpose_rhs: bool = False,
        lhs_zero_point: int = 0,
        rhs_zero_point: int = 0,
    ):
        shape = shapes.matmul_shape(shape_of(lhs), shape_of(rhs), transpose_rhs=transpose_rhs)
        super().__init__(
            operands=[lhs, rhs],
            properties=matmul_properties((lhs_zero_point, rhs_zero_point), transpose_rhs),
            result_types=[tensor_type(shape, i32)],
        )

    def verify_(self) -> None:
        """Checks C1 to C3."""
        self.verify_matmul(self.result)


@irdl_op_definition
class BroadcastToOp(BroadcastToOperation):
    """Repeats a tensor along axes of size 1.

    The axes of data are the last of the result's. result[…, i, …] = data[…, j, …] with j = i, or
    j = 0 where data has size 1; an axis that data has not is of size 1.

    (C1) data has no more axes than the result, and each of its sizes is the result's or 1.
    (C2) data and result have the same element type.

    Example:
        %r = qnn.broadcast_to %x : (tensor<1x1x1x4xi8>) -> tensor<1x2x3x4xi8>
    """

    name = "qnn.broadcast_to"


@irdl_op_definition
class DepthToSpaceOp(DepthToSpaceOperation):
    """Spreads channels over blocks of pixels.

    result[n, h * block_size + i, w * block_size + j, c] =
    data[n, h, w, (i * block_size + j) * C + c] with C channels of the result, which is ONNX's mode
    DCR and TFLite's order; with `crd`, ONNX's other mode, channel
    (c * block_size + i) * block_size + j.

    (C1) data has axes N, H, W, C, and block_size is at least 1.
    (C2) the channels are a multiple of block_size**2, and the result has shape
         N, H * block_size, W * block_size, C / block_size**2.
    (C3) data and result have the same element type.

    Example:
        %r = qnn.depth_to_space %x block_size = 2
          : (tensor<1x2x3x8xi8>) -> tensor<1x4x6x2xi8>
    """

    name = "qnn.depth_to_space"


@irdl_op_definition
class MaxPoolOp(MaxPoolOperation):
    """Takes the largest code over a window of the spatial axes.

    result = max over taps inside the data; taps in the padding never win.

    (C1) data has axes N, spatial…, C, no spatial axis empty; pool_size and strides have
         one positive value for each spatial axis, padding two that are not negative and less than
         the window's size.
    (C2) the window fits into the padded data, and the result has shape N, out…, C with
         out = (in + before + after - size) / stride + 1, rounded down.
    (C3) data and result have the same element type.

    Example:
        %r = qnn.max_pool %x pool_size = [2, 2] strides = [2, 2]
          : (tensor<1x8x8x4xi8>) -> tensor<1x4x4x4xi8>
    """

    name = "qnn.max_pool"


@irdl_op_definition
class MeanOp(IRDLOperation):
    """Averages codes over whole axes, which stay with size 1.

    With n the number of elements that are averaged:

        result = saturate(mul(Σ (data - input_q.zero_point),
                              input_q.scale / (n * output_q.scale)) + output_q.zero_point)

    where the multiplier is that of `sima_mlir.quantization.mean_multiplier`: `tflite` divides the
    significand of the quotient of the scales by n and truncates, as LiteRT does.

    (C1) axes are distinct axes of data, at least one, and none of them empty.
    (C2) the result has the shape of data with size 1 for each of the axes.
    (C3) input_q and output_q have one scale and a zero point that is a code.
    (C4) data and result have the same element type.

    Example:
        %r = qnn.mean %x axes = [1, 2] input_q = <scale = 0.5, zero_point = 3>
          output_q = <scale = 0.25, zero_point = 0> rounding = tflite
          : (tensor<1x7x7x4xi8>) -> tensor<1x1x1x4xi8>
    """

    name = "qnn.mean"

    data = operand_def(CODES)
    axes = prop_def(DenseArrayBase.constr(i64))
    input_q = prop_def(QuantizationAttr)
    output_q = prop_def(QuantizationAttr)
    rounding = prop_def(RoundingAttr, default_value=RoundingAttr(Rounding.UPWARD))
    result = result_def(CODES)

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$data `axes` `=` $axes `input_q` `=` $input_q `output_q` `=` $output_q "
        "(`rounding` `=` $rounding^)? attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        data: SSAValue,
        axes: Sequence[int],
        input_q: QuantizationAttr,
        output_q: QuantizationAttr,
        rounding: Rounding,
    ):
        shape = shapes.mean_shape(shape_of(data), axes)
        super().__init__(
            operands=[data],
            properties={
                "axes": dense_array(axes, i64),
                "input_q": input_q,
                "output_q": output_q,
                "rounding": RoundingAttr(rounding),
            },
            result_types=[tensor_type(shape, element_type(data))],
        )

    def verify_(self) -> None:
        """Checks C1 to C4."""
        axes = array_values(self.axes).tolist()
        verify_shape(self.result, lambda: shapes.mean_shape(shape_of(self.data), axes))
        verify_same_element_type(self.result, self.data)
        verify_encoding(self.data, "input_q", self.input_q)
        verify_encoding(self.result, "output_q", self.output_q)


@irdl_op_definition
class MulOp(ElementwiseOperation):
    """Multiplies two tensors of codes.

    result = saturate(mul((lhs - lhs_q.zero_point) * (rhs - rhs_q.zero_point),
                          lhs_q.scale * rhs_q.scale / output_q.scale) + output_q.zero_point)

    where the multiplier is that of `sima_mlir.quantization.product_ratio`: the scales and their
    product are rounded to f32, and so is the quotient with rounding `tflite`.

    (C1) lhs, rhs and the result have the same type.
    (C2) lhs_q, rhs_q and output_q have one scale and a zero point that is a code.
    (C3) rounding is upward, away or tflite.

    Example:
        %r = qnn.mul %a, %b lhs_q = <scale = 0.5, zero_point = 3>
          rhs_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.75, zero_point = -1>
          rounding = tflite : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.mul"


@irdl_op_definition
class PadOp(PadOperation):
    """Puts a code around a tensor.

    `padding` lists the elements before each axis, then those after each; they hold `value`.

    (C1) data has at least one axis; padding has two values for each, none negative.
    (C2) the result has the padded shape.
    (C3) value is a code of data, and data and result have the same element type.

    Example:
        %r = qnn.pad %x padding = [0, 1, 1, 0, 0, 1, 1, 0] value = -128
          : (tensor<1x8x8x3xi8>) -> tensor<1x10x10x3xi8>
    """

    name = "qnn.pad"


@irdl_op_definition
class ReshapeOp(ReshapeOperation):
    """Gives a tensor another shape; its elements stay in order.

    (C1) data and result have the same number of elements.
    (C2) data and result have the same element type.

    Example:
        %r = qnn.reshape %x : (tensor<1x2x2x8xi8>) -> tensor<1x32xi8>
    """

    name = "qnn.reshape"


@irdl_op_definition
class ResizeOp(ResizeOperation):
    """Takes pixels of an image at regular places.

    Along each spatial axis the place of y is p = (y * step + offset) / divisor, no less than 0 and
    no more than the last pixel. The result is the pixel at p rounded down; with `linear` it is the
    mean of the pixels around p, weighted by how near p is to each, rounded to nearest, ties away
    from zero.

    (C1) data has axes N, spatial…, C, no spatial axis empty; the result has the same N and C.
    (C2) steps, offsets and divisors have one value for each spatial axis; no step is negative and
         every divisor is positive.
    (C3) with `linear`, the product of the divisors is at most 2**40.
    (C4) data and result have the same element type.

    Example:
        %r = qnn.resize %x steps = [1, 2] offsets = [0, 1] divisors = [2, 3]
          : (tensor<1x2x2x4xi8>) -> tensor<1x4x3x4xi8>
    """

    name = "qnn.resize"


@irdl_op_definition
class SliceOp(SliceOperation):
    """Takes elements of a tensor at regular distances.

    result[i…] = data[start + i * stride…], with stride 1 where strides are not given.

    (C1) starts and strides have one value for each axis of data, of which the result has as many.
    (C2) no stride is 0, and every element that is taken lies inside data.
    (C3) data and result have the same element type.

    Example:
        %r = qnn.slice %x starts = [0, 1, 0] strides = [1, 2, 1]
          : (tensor<1x8x3xi8>) -> tensor<1x4x3xi8>
    """

    name = "qnn.slice"


@irdl_op_definition
class SoftmaxOp(IRDLOperation):
    """Computes softmax along the last axis, as TFLite's 8-bit kernel does in integers.

    result = saturate(round(256 * exp(b * data) / Σ exp(b * data)) + least code) with
    b = beta * input_q.scale, in the 32-bit fixed-point arithmetic of
    `sima_mlir.quantization.softmax`.

    (C1) input_q has one scale, beta is positive and finite, and beta times the scale is at least
         2**-26.
    (C2) output_q is scale 1/256 with the least code as zero point.
    (C3) data and result have the same type, with at least one element on the last axis.

    Example:
        %r = qnn.softmax %x input_q = <scale = 0.125, zero_point = 4>
          output_q = <scale = 0.00390625, zero_point = -128> : (tensor<1x10xi8>) -> tensor<1x10xi8>
    """

    name = "qnn.softmax"

    data = operand_def(tensor_of(i8, ui8))
    input_q = prop_def(QuantizationAttr)
    output_q = prop_def(QuantizationAttr)
    beta = prop_def(FloatAttr.constr(f64), default_value=FloatAttr(1.0, f64))
    result = result_def(tensor_of(i8, ui8))

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$data (`beta` `=` qualified($beta)^)? `input_q` `=` $input_q `output_q` `=` $output_q "
        "attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        data: SSAValue,
        input_q: QuantizationAttr,
        output_q: QuantizationAttr,
        beta: float = 1.0,
    ):
        super().__init__(
            operands=[data],
            properties={
                "input_q": input_q,
                "output_q": output_q,
                "beta": FloatAttr(beta, f64),
            },
            result_types=[data.type],
        )

    def constants(self) -> SoftmaxConstants:
        """Returns the integers that the arithmetic takes."""
        return softmax_constants(self.input_q.per_tensor().scale, self.beta.value.data)

    def verify_(self) -> None:
        """Checks C1 to C3."""
        verify_last_axis(self.data)
        verify_encoding(self.data, "input_q", self.input_q)
        beta = self.beta.value.data
        if not (math.isfinite(beta) and beta > 0):
            raise VerifyException(f"beta must be positive and finite, got {beta}")
        try:
            self.constants()
        except ValueError as error:
            raise VerifyException(str(error)) from None
        least = code_range(dtype_of(element_type(self.result)))[0]
        expected = QuantizationAttr.of(1 / 256, least)
        if self.output_q != expected:
            raise VerifyException(f"output_q must be {expected}, got {self.output_q}")
        verify_same_type(self.result, self.data)


@irdl_op_definition
class SpaceToDepthOp(SpaceToDepthOperation):
    """Gathers blocks of pixels into channels.

    result[n, h, w, (i * block_size + j) * C + c] =
    data[n, h * block_size + i, w * block_size + j, c] with C channels of data, which is the order
    of ONNX and TFLite; with `crd` it is channel (c * block_size + i) * block_size + j.

    (C1) data has axes N, H, W, C, and block_size is at least 1.
    (C2) H and W are multiples of block_size, and the result has shape
         N, H / block_size, W / block_size, C * block_size**2.
    (C3) data and result have the same element type.

    Example:
        %r = qnn.space_to_depth %x block_size = 2
          : (tensor<1x4x6x2xi8>) -> tensor<1x2x3x8xi8>
    """

    name = "qnn.space_to_depth"


@irdl_op_definition
class TransposeOp(TransposeOperation):
    """Puts the axes of a tensor into another order.

    Axis i of the result is axis permutation[i] of data.

    (C1) permutation has each axis of data once.
    (C2) the result has the permuted shape.
    (C3) data and result have the same element type.

    Example:
        %r = qnn.transpose %x permutation = [0, 2, 3, 1]
          : (tensor<1x3x8x9xi8>) -> tensor<1x8x9x3xi8>
    """

    name = "qnn.transpose"


@irdl_op_definition
class SubtractOp(ElementwiseOperation):
    """Subtracts one tensor of codes from another.

    As `qnn.add`, with rhs subtracted where it is added there: with rounding `tflite`,
    S = 2 * max(lhs_q.scale, rhs_q.scale) and each difference from its zero point moved up by 20
    bits,

        result = saturate(mul(mul(lhs', lhs_q.scale / S) - mul(rhs', rhs_q.scale / S),
                              S / (2**20 * output_q.scale)) + output_q.zero_point)

    and with `upward` and `away`, as in Relay,

        result = saturate(mul(lhs - lhs_q.zero_point, lhs_q.scale / output_q.scale)
                          - mul(rhs - rhs_q.zero_point, rhs_q.scale / output_q.scale)
                          + output_q.zero_point)

    (C1) lhs, rhs and the result have the same type.
    (C2) lhs_q, rhs_q and output_q have one scale and a zero point that is a code.
    (C3) rounding is upward, away or tflite.

    Example:
        %r = qnn.subtract %a, %b lhs_q = <scale = 0.5, zero_point = 3>
          rhs_q = <scale = 0.25, zero_point = 0> output_q = <scale = 0.75, zero_point = -1>
          rounding = tflite : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.subtract"


def _verify_channels(value: SSAValue, name: str, quantization: QuantizationAttr) -> None:
    """One scale, or one for each channel."""
    channels = shape_of(value)[-1] if shape_of(value) else 1
    if quantization.channels not in (1, channels):
        allowed = "1 scale" if channels == 1 else f"1 or {channels} scales"
        raise VerifyException(f"{name} must have {allowed}, got {quantization.channels}")


QNN = Dialect(
    "qnn",
    [
        AbsOp,
        AddOp,
        AvgPoolOp,
        BatchMatmulOp,
        BiasAddOp,
        BroadcastToOp,
        ClipOp,
        ConcatenateOp,
        ConvOp,
        ConvTransposeOp,
        DenseOp,
        DepthToSpaceOp,
        DequantizeOp,
        EluOp,
        ErfOp,
        ExpOp,
        GeluOp,
        HardSigmoidOp,
        HardSwishOp,
        LeakyReluOp,
        LogOp,
        MaxPoolOp,
        MeanOp,
        MulOp,
        PadOp,
        PreluOp,
        QuantizeOp,
        ReciprocalOp,
        RequantizeOp,
        ReshapeOp,
        ResizeOp,
        RsqrtOp,
        SigmoidOp,
        SliceOp,
        SoftmaxOp,
        SoftplusOp,
        SpaceToDepthOp,
        SqrtOp,
        SubtractOp,
        SwishOp,
        TanhOp,
        TransposeOp,
    ],
    [QuantizationAttr, RoundingAttr],
)
