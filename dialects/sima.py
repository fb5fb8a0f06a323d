"""The integer operations of the SiMa.ai machine-learning accelerator.

Constants are attributes, because the accelerator takes no others: weights, biases, scale
corrections and shifts that a lowering computed. Layouts are those of the `qnn` dialect. An
operation that requantizes does so in one of two ways, named by its `requantization`:

* `sima`: one rounding shift, `(acc + 2**(shift-1)) >> shift`, without the rounding term when the
  shift is 0; the scale is folded into the constants;
* `tflite`: an integer multiplication, `mul(acc, scale_correction, shift) +
  zero_point_correction`, where `mul` is `sima_mlir.quantization.fixed_point_multiply` under the
  contract that `rounding` names; the scale is kept exactly.

`saturate` clamps to the result's type, and to `clamp` where that is given. SiMa publishes neither
the width of the accumulator nor the range of shifts: 32 bits, and 0 to 31 for `sima`, are what
`sima_mlir.quantization.Target` assumes; a convolution or dense operator on 16-bit codes may have
48 bits.

Source: SiMa's public API page `afe.tvm_converter.quantization` and Model Compiler guides.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import StrEnum
from typing import cast

from xdsl.dialects.builtin import (
    I32,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    TensorType,
    UnitAttr,
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
)
from xdsl.ir import Attribute, Dialect, ParametrizedAttribute, SSAValue
from xdsl.irdl import (
    AnyOf,
    BaseAttr,
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from sima_mlir.dialects import shapes
from sima_mlir.dialects.definitions import (
    DILATED_WINDOW_FORMAT,
    PER_CHANNEL,
    TRANSPOSED_WINDOW_FORMAT,
    WINDOW_FORMAT,
    ChoiceAttribute,
    DilatedWindowOperation,
    DistinctProperties,
    PerChannel,
    TransposedWindowOperation,
    WindowOperation,
    dimensions,
    element_type,
    parse_i32,
    shape_of,
    tensor_of,
    transposed_window_properties,
    verify_code,
    verify_float32,
    verify_last_axis,
    verify_per_channel,
    verify_pool,
    verify_range,
    verify_same_type,
    verify_shape,
    window_properties,
)
from sima_mlir.dialects.elements import (
    ElementsAttr,
    array_values,
    dense_array,
    elements_type,
    tensor_type,
    ui8,
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
from sima_mlir.dialects.spatial import (
    DepthToSpaceOperation,
    MaxPoolOperation,
    ResizeOperation,
    SpaceToDepthOperation,
)
from sima_mlir.quantization import (
    DEFAULT_TARGET,
    MAX_SHIFT,
    WIDE_ROUNDINGS,
    WIDE_TARGET,
    Quantization,
    Rounding,
    SoftmaxConstants,
    Target,
    largest_significand,
)

ELEMENTS = AnyOf.get(BaseAttr(DenseIntOrFPElementsAttr), BaseAttr(DenseResourceAttr))

LARGEST_SCALE = (1 << (DEFAULT_TARGET.scale_bits - 1)) - 1
"""Largest scale of an element-wise operation with `requantization = sima`."""


class Requantization(StrEnum):
    """How an operation brings its accumulator to the result's scale."""

    SIMA = "sima"
    TFLITE = "tflite"


@irdl_attr_definition
class RequantizationAttr(ChoiceAttribute[Requantization]):
    """How an operation requantizes: `#sima<requantization tflite>`."""

    name = "sima.requantization"
    choices = Requantization


@irdl_attr_definition
class RoundingAttr(ChoiceAttribute[Rounding]):
    """The contract of an integer multiplication: `#sima<rounding tflite>`."""

    name = "sima.rounding"
    choices = Rounding


HOST_ATTRIBUTE = "sima.host"
"""The attribute of a function that is for the host, not for the accelerator."""

QUOTED_PROPERTIES = ("clamp", "strides", "padding", "dilations", "output_padding")
"""What the source of a certificate has as the operation has it."""


@irdl_attr_definition
class CertificateAttr(ParametrizedAttribute):
    """How far results are at most from those of the operation's source, in codes of the result.

    `source` quotes the properties of the `qnn` operations that the operation stands for, and
    their constants where they are not the operation's own. With it the bound can be checked: it
    holds for all operands, or for those with codes in `input_codes` where `source` has that, as
    far as the operation before does not clamp to fewer.

        #sima.certificate<max_error = 2, source = {
          input_zero_point = 0 : i32, input_q = #qnn.quantization<scale = 0.3, zero_point = 0>,
          output_q = #qnn.quantization<scale = 0.5, zero_point = 0>,
          rounding = #qnn<rounding tflite>, weight = dense<[[127, 3]]> : tensor<1x2xi8>}>
    """

    name = "sima.certificate"

    max_error: IntegerAttr[I32]
    source: DictionaryAttr

    def verify(self) -> None:
        """(C1) max_error is not negative."""
        if (error := self.max_error.value.data) < 0:
            raise VerifyException(f"max_error must not be negative, got {error}")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        """Parses `<max_error = 2, source = {…}>`."""
        with parser.in_angle_brackets():
            parser.parse_keyword("max_error")
            parser.parse_punctuation("=")
            max_error = parse_i32(parser)
            parser.parse_punctuation(",")
            parser.parse_keyword("source")
            parser.parse_punctuation("=")
            source = parser.parse_optional_dictionary_attr_dict()
        return IntegerAttr(max_error, i32), DictionaryAttr(source)

    def print_parameters(self, printer: Printer) -> None:
        """Prints `<max_error = 2, source = {…}>`."""
        with printer.in_angle_brackets():
            printer.print_string(f"max_error = {self.max_error.value.data}, source = ")
            printer.print_attribute(self.source)


class RequantizingOperation(IRDLOperation, ABC):
    """An operation that ends in a requantization.

    (R1) shift is in 0..31 for `requantization = sima`, in 0..62 for `tflite`; one for all
         channels, or a list with one for each.
    (R2) `tflite` has rounding, scale_correction and zero_point_correction; `sima` has neither
         rounding nor zero_point_correction.
    (R3) scale_correction is one for all channels, or a list with one for each; not negative,
         and no larger than the contract has it: 2**31 - 1, 2**24 for `float32`, 2**15 - 1 for
         `tflite16`.
    (R4) zero_point_correction is a code of the result.
    (R5) clamp is two codes of the result in order.
    (R6) certificate, where there is one, is true: its source is complete, and no result can be
         further from it than max_error.
    """

    requantization = prop_def(
        RequantizationAttr, default_value=RequantizationAttr(Requantization.SIMA)
    )
    rounding = opt_prop_def(RoundingAttr)
    scale_correction = opt_prop_def(PER_CHANNEL)
    shift = prop_def(PER_CHANNEL)
    zero_point_correction = opt_prop_def(IntegerAttr.constr(i32))
    clamp = opt_prop_def(DenseArrayBase.constr(i32))
    certificate = opt_prop_def(CertificateAttr)

    custom_directives = (PerChannel,)

    @property
    def is_tflite(self) -> bool:
        """Whether the operation requantizes by an integer multiplication."""
        return self.requantization.data is Requantization.TFLITE

    def clamp_range(self) -> tuple[int, int] | None:
        """Returns the range that the result is clamped to, beside that of its type."""
        if self.clamp is None:
            return None
        low, high = array_values(self.clamp).tolist()
        return low, high

    def verify_requantization(self, result: SSAValue) -> None:
        """Checks R1 to R6."""
        self._verify_presence()
        verify_per_channel("shift", self.shift, result)
        _verify_bounds(
            "shift", self.shift, MAX_SHIFT if self.is_tflite else DEFAULT_TARGET.shift_limit
        )
        if self.scale_correction is not None:
            verify_per_channel("scale_correction", self.scale_correction, result)
            contract = Rounding.UPWARD if self.rounding is None else self.rounding.data
            largest = largest_significand(contract)
            _verify_bounds("scale_correction", self.scale_correction, largest)
        codes = element_type(result)
        if self.zero_point_correction is not None:
            value = self.zero_point_correction.value.data
            verify_code("zero_point_correction", value, codes)
        if self.clamp is not None:
            limits = array_values(self.clamp).tolist()
            if len(limits) != 2:
                raise VerifyException(f"clamp must have 2 values, got {len(limits)}")
            verify_range("clamp", limits[0], limits[1], codes)
        if self.certificate is not None:
            from sima_mlir.dialects.certification import verify_certificate

            verify_certificate(self)

    def _verify_presence(self) -> None:
        mode = self.requantization.data
        for name in ("rounding", "zero_point_correction", "scale_correction"):
            present = name in self.properties
            if self.is_tflite and not present:
                raise VerifyException(f"requantization {mode} needs {name}, got none")
            if not self.is_tflite and present and name != "scale_correction":
                raise VerifyException(f"requantization {mode} takes no {name}, got one")


REQUANTIZATION_FORMAT = (
    "(`requantization` `=` $requantization^)? (`rounding` `=` $rounding^)? "
    "(`scale_correction` `=` custom<PerChannel>($scale_correction)^)? "
    "`shift` `=` custom<PerChannel>($shift) "
    "(`zero_point_correction` `=` $zero_point_correction^)? (`clamp` `=` $clamp^)? "
    "(`certificate` `=` $certificate^)?"
)


class WeightedOperation(RequantizingOperation, ABC):
    """A requantizing operation with a weight and a bias for each channel.

    (W1) weight is a static tensor of i8.
    (W2) bias is a static tensor of i32, one for each channel; or of i64 where data is i16.
    (W3) scale_correction is for `tflite` only.
    (W4) a bias of i64 is for `tflite` with rounding tflite16 or away.

    The accumulator has 32 bits, and 48 with a bias of i64.
    """

    data = operand_def(tensor_of(i8, i16))
    weight = prop_def(ELEMENTS)
    bias = prop_def(ELEMENTS)
    result = result_def(tensor_of(i8, i16))

    def weight_shape(self) -> tuple[int, ...]:
        """Returns the shape of the weight."""
        return elements_type(self.weight).get_shape()

    def verify_elements(self) -> None:
        """Checks the types of weight and bias, before their shapes are read."""
        _verify_elements("weight", self.weight, i8)
        _verify_elements("bias", self.bias, *((i32, i64) if self._is_16_bit() else (i32,)))

    @property
    def target(self) -> Target:
        """What the operation needs of the accelerator: how wide its accumulator is."""
        is_wide = elements_type(self.bias).element_type == i64
        return WIDE_TARGET if is_wide else DEFAULT_TARGET

    def _is_16_bit(self) -> bool:
        return element_type(self.data) == i16

    def verify_weights(self) -> None:
        """Checks W2 to W4 and R1 to R6."""
        if self.target is WIDE_TARGET:
            self._verify_wide()
        channels, bias = shape_of(self.result)[-1:], elements_type(self.bias).get_shape()
        if bias != channels:
            raise VerifyException(
                f"bias must have shape {dimensions(channels)}, got {dimensions(bias)}"
            )
        if not self.is_tflite and self.scale_correction is not None:
            raise VerifyException("requantization sima takes no scale_correction, got one")
        self.verify_requantization(self.result)

    def _verify_wide(self) -> None:
        if not self.is_tflite:
            raise VerifyException("requantization sima takes a bias of i32, got i64")
        if self.rounding is not None and self.rounding.data not in WIDE_ROUNDINGS:
            names = " or ".join(WIDE_ROUNDINGS)
            raise VerifyException(f"a bias of i64 takes rounding {names}, got {self.rounding.data}")


@irdl_op_definition
class ConvOp(DilatedWindowOperation, WeightedOperation):
    """Convolves codes with constant weights, adds a bias and requantizes.

    acc[n, y…, g * O + o] = Σ over taps k… and inputs i of
    data[n, y * stride + k * dilation - before…, g * I + i] * weight[k…, i, g, o]
    + bias[g * O + o], where a tap outside the data reads `input_zero_point`.

    `sima`:   result = saturate((acc + 2**(shift-1)) >> shift)
    `tflite`: result = saturate(mul(acc, scale_correction, shift) + zero_point_correction)

    (C1) data has axes N, spatial…, C and weight spatial…, I, G, O, with C = G * I and at least
         one tap on each axis.
    (C2) strides and dilations have one positive value for each spatial axis; padding has the
         taps before each, then those after each, none negative; the window fits.
    (C3) the result has shape N, out…, G * O with
         out = (in + before + after - ((k - 1) * dilation + 1)) / stride + 1, rounded down.
    (C4) weight, bias and requantization are as W1 to W3 and R1 to R6 say.
    (C5) input_zero_point is a code of data.

    Example:
        %r = sima.conv %x padding = [1, 1] input_zero_point = -128 shift = [9, 8]
          bias = dense<[-441, -4129]> : tensor<2xi32>
          weight = dense<[[[[104, -37]]], [[[-52, 25]]], [[[4, -95]]]]> : tensor<3x1x1x2xi8>
          : (tensor<1x8x1xi8>) -> tensor<1x8x2xi8>
    """

    name = "sima.conv"

    input_zero_point = prop_def(IntegerAttr.constr(i32), default_value=IntegerAttr(0, i32))

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$data "
        + DILATED_WINDOW_FORMAT
        + " (`input_zero_point` `=` $input_zero_point^)? "
        + REQUANTIZATION_FORMAT
        + " `bias` `=` $bias `weight` `=` $weight attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        data: SSAValue,
        weight: ElementsAttr,
        bias: ElementsAttr,
        requantization: dict[str, Attribute],
        result_type: Attribute,
        *,
        strides: Sequence[int] | None = None,
        padding: Sequence[int] | None = None,
        dilations: Sequence[int] | None = None,
        input_zero_point: int = 0,
    ):
        window = shapes.make_window(len(shape_of(data)) - 2, strides, padding, dilations)
        super().__init__(
            operands=[data],
            properties=window_properties(window, dilated=True)
            | {"input_zero_point": IntegerAttr(input_zero_point, i32)}
            | {"weight": weight, "bias": bias}
            | requantization,
            result_types=[result_type],
        )

    def conv_window(self) -> shapes.Window:
        """Returns strides, padding and dilations for each spatial axis."""
        return self.window(len(shape_of(self.data)) - 2)

    def infer_shape(self) -> tuple[int, ...]:
        """Returns the result's shape; raises `ValueError` when C1 or C2 does not hold."""
        data, weight = shape_of(self.data), self.weight_shape()
        return shapes.conv_shape(data, weight, self.window(shapes.check_conv_ranks(data, weight)))

    def verify_(self) -> None:
        """Checks C1 to C5."""
        self.verify_elements()
        verify_shape(self.result, self.infer_shape)
        self.verify_weights()
        verify_code("input_zero_point", self.input_zero_point.value.data, element_type(self.data))


@irdl_op_definition
class ConvTransposeOp(TransposedWindowOperation, WeightedOperation):
    """Spreads codes over a larger tensor as constant weights say, adds a bias and requantizes.

    acc[n, y…, g * O + o] = Σ over taps k… and inputs i of
    q * weight[k…, i, g, o] + bias[g * O + o], where q is data[n, x…, g * I + i] at the position x
    for which y = x * stride + k - before, or `input_zero_point` where there is none inside the
    data: what lies between the codes and around them stands for the real number zero.

    `sima`:   result = saturate((acc + 2**(shift-1)) >> shift)
    `tflite`: result = saturate(mul(acc, scale_correction, shift) + zero_point_correction)

    (C1) data has axes N, spatial…, C and weight spatial…, I, G, O, with C = G * I and at least
         one tap on each axis; no spatial axis of data is empty.
    (C2) strides have one positive value for each spatial axis; padding has how many elements are
         cut off before each, then after each, output_padding how many are added after each, none
         negative.
    (C3) the result has shape N, out…, G * O with
         out = (in - 1) * stride + k - before - after + output_padding, at least 1.
    (C4) weight, bias and requantization are as W1 to W3 and R1 to R6 say.
    (C5) input_zero_point is a code of data.

    Example:
        %r = sima.conv_transpose %x strides = [2] padding = [1, 1] output_padding = [1]
          input_zero_point = -128 shift = [9, 8] bias = dense<[-441, -4129]> : tensor<2xi32>
          weight = dense<[[[[104, -37]]], [[[-52, 25]]], [[[4, -95]]]]> : tensor<3x1x1x2xi8>
          : (tensor<1x4x1xi8>) -> tensor<1x8x2xi8>
    """

    name = "sima.conv_transpose"

    input_zero_point = prop_def(IntegerAttr.constr(i32), default_value=IntegerAttr(0, i32))

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$data "
        + TRANSPOSED_WINDOW_FORMAT
        + " (`input_zero_point` `=` $input_zero_point^)? "
        + REQUANTIZATION_FORMAT
        + " `bias` `=` $bias `weight` `=` $weight attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        data: SSAValue,
        weight: ElementsAttr,
        bias: ElementsAttr,
        requantization: dict[str, Attribute],
        result_type: Attribute,
        *,
        strides: Sequence[int] | None = None,
        padding: Sequence[int] | None = None,
        output_padding: Sequence[int] | None = None,
        input_zero_point: int = 0,
    ):
        rank = len(shape_of(data)) - 2
        window = shapes.make_window(rank, strides, padding)
        added = shapes.make_output_padding(rank, output_padding)
        super().__init__(
            operands=[data],
            properties=transposed_window_properties(window, added)
            | {"input_zero_point": IntegerAttr(input_zero_point, i32)}
            | {"weight": weight, "bias": bias}
            | requantization,
            result_types=[result_type],
        )

    def infer_shape(self) -> tuple[int, ...]:
        """Returns the result's shape; raises `ValueError` when C1 or C2 does not hold."""
        data, weight = shape_of(self.data), self.weight_shape()
        rank = shapes.check_conv_ranks(data, weight)
        return shapes.conv_transpose_shape(data, weight, self.window(rank), self.added(rank))

    def verify_(self) -> None:
        """Checks C1 to C5."""
        self.verify_elements()
        verify_shape(self.result, self.infer_shape)
        self.verify_weights()
        verify_code("input_zero_point", self.input_zero_point.value.data, element_type(self.data))


@irdl_op_definition
class DenseOp(WeightedOperation):
    """Multiplies codes by a constant weight matrix, adds a bias and requantizes.

    acc[…, o] = Σ over i of data[…, i] * weight[o, i] + bias[o]

    `sima`:   result = saturate((acc + 2**(shift-1)) >> shift)
    `tflite`: result = saturate(mul(acc, scale_correction, shift) + zero_point_correction)

    (C1) weight has axes O, I, and the last axis of data has size I.
    (C2) the result has the shape of data with O in place of I.
    (C3) weight, bias and requantization are as W1 to W3 and R1 to R6 say.

    Example:
        %r = sima.dense %x requantization = tflite rounding = tflite
          scale_correction = [1759218604, 1605286977] shift = [40, 39] zero_point_correction = -5
          bias = dense<[2580, -3820]> : tensor<2xi32>
          weight = dense<[[127, -64, 5, 90], [-50, 33, -127, 12]]> : tensor<2x4xi8>
          : (tensor<1x4xi8>) -> tensor<1x2xi8>
    """

    name = "sima.dense"

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$data "
        + REQUANTIZATION_FORMAT
        + " `bias` `=` $bias `weight` `=` $weight attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        data: SSAValue,
        weight: ElementsAttr,
        bias: ElementsAttr,
        requantization: dict[str, Attribute],
        result_type: Attribute,
    ):
        super().__init__(
            operands=[data],
            properties={"weight": weight, "bias": bias} | requantization,
            result_types=[result_type],
        )

    def verify_(self) -> None:
        """Checks C1 to C3."""
        self.verify_elements()
        verify_shape(
            self.result, lambda: shapes.dense_shape(shape_of(self.data), self.weight_shape())
        )
        self.verify_weights()


@irdl_op_definition
class RequantizeOp(RequantizingOperation):
    """Brings codes or accumulators to another scale.

    `sima`:   result = saturate((data * scale_correction + bias + 2**(shift-1)) >> shift)
    `tflite`: result = saturate(mul(data + bias, scale_correction, shift) + zero_point_correction)

    (C1) the result has the shape of data.
    (C2) scale_correction, shift and the rest are as R1 to R6 say; scale_correction is there.
    (C3) `sima` takes 8- and 16-bit data only.

    Example:
        %r = sima.requantize %x scale_correction = 27307 shift = 15 bias = -163842
          : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "sima.requantize"

    data = operand_def(ANY_CODES)
    bias = prop_def(IntegerAttr.constr(i32), default_value=IntegerAttr(0, i32))
    result = result_def(ANY_CODES)

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$data "
        + REQUANTIZATION_FORMAT
        + " (`bias` `=` $bias^)? attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        data: SSAValue,
        bias: int,
        requantization: dict[str, Attribute],
        result_type: Attribute,
    ):
        super().__init__(
            operands=[data],
            properties={"bias": IntegerAttr(bias, i32)} | requantization,
            result_types=[result_type],
        )

    def verify_(self) -> None:
        """Checks C1 to C3."""
        verify_shape(self.result, lambda: shape_of(self.data))
        _verify_scaled(self)
        self.verify_requantization(self.result)
        if not self.is_tflite and element_type(self.data) == i32:
            raise VerifyException("requantization sima needs 8- or 16-bit data, got i32")


@irdl_op_definition
class MeanOp(RequantizingOperation):
    """Averages codes over whole axes, which stay with size 1, and requantizes.

    With acc = Σ data over the axes, and the number of elements in the scale correction:

    `sima`:   result = saturate((acc * scale_correction + bias + 2**(shift-1)) >> shift)
    `tflite`: result = saturate(mul(acc + bias, scale_correction, shift) + zero_point_correction)

    (C1) axes are distinct axes of data, at least one, none of them empty, and the result has
         size 1 for each of them.
    (C2) scale_correction, shift and the rest are as R1 to R6 say; scale_correction is there.

    Example:
        %r = sima.mean %x axes = [1, 2] scale_correction = 21400 shift = 19 bias = -262144
          : (tensor<1x7x7x4xi8>) -> tensor<1x1x1x4xi8>
    """

    name = "sima.mean"

    data = operand_def(CODES)
    axes = prop_def(DenseArrayBase.constr(i64))
    bias = prop_def(IntegerAttr.constr(i32), default_value=IntegerAttr(0, i32))
    result = result_def(CODES)

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$data `axes` `=` $axes "
        + REQUANTIZATION_FORMAT
        + " (`bias` `=` $bias^)? attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        data: SSAValue,
        axes: Sequence[int],
        bias: int,
        requantization: dict[str, Attribute],
        result_type: Attribute,
    ):
        super().__init__(
            operands=[data],
            properties={"axes": dense_array(axes, i64), "bias": IntegerAttr(bias, i32)}
            | requantization,
            result_types=[result_type],
        )

    def verify_(self) -> None:
        """Checks C1 and C2."""
        axes = array_values(self.axes).tolist()
        verify_shape(self.result, lambda: shapes.mean_shape(shape_of(self.data), axes))
        _verify_scaled(self)
        self.verify_requantization(self.result)


MAX_LEFT_SHIFT = 23
"""Largest left shift of a difference of 8-bit codes that stays inside 32 bits."""

_TFLITE_ADD = ("left_shift", "lhs_zero_point", "lhs_shift", "rhs_zero_point", "rhs_shift")


class SumOperation(RequantizingOperation, ABC):
    """A sum or a difference of two tensors of codes."""

    lhs = operand_def(tensor_of(i8))
    rhs = operand_def(tensor_of(i8))
    lhs_scale = prop_def(IntegerAttr.constr(i32))
    rhs_scale = prop_def(IntegerAttr.constr(i32))
    bias = prop_def(IntegerAttr.constr(i32), default_value=IntegerAttr(0, i32))
    left_shift = opt_prop_def(IntegerAttr.constr(i32))
    lhs_zero_point = opt_prop_def(IntegerAttr.constr(i32))
    lhs_shift = opt_prop_def(IntegerAttr.constr(i32))
    rhs_zero_point = opt_prop_def(IntegerAttr.constr(i32))
    rhs_shift = opt_prop_def(IntegerAttr.constr(i32))
    result = result_def(tensor_of(i8))

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$lhs `,` $rhs (`left_shift` `=` $left_shift^)? "
        "(`lhs_zero_point` `=` $lhs_zero_point^)? `lhs_scale` `=` $lhs_scale "
        "(`lhs_shift` `=` $lhs_shift^)? (`rhs_zero_point` `=` $rhs_zero_point^)? "
        "`rhs_scale` `=` $rhs_scale (`rhs_shift` `=` $rhs_shift^)? (`bias` `=` $bias^)? "
        + REQUANTIZATION_FORMAT
        + " attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        constants: dict[str, int],
        requantization: dict[str, Attribute],
        result_type: Attribute,
    ):
        super().__init__(
            operands=[lhs, rhs],
            properties={n: IntegerAttr(v, i32) for n, v in constants.items()} | requantization,
            result_types=[result_type],
        )

    @property
    @abstractmethod
    def sign(self) -> int:
        """1 where rhs is added, -1 where it is subtracted."""

    def verify_(self) -> None:
        """Checks the constraints of the operation."""
        verify_shape(self.rhs, lambda: shape_of(self.lhs), "rhs")
        verify_shape(self.result, lambda: shape_of(self.lhs))
        largest = (1 << 31) - 1 if self.is_tflite else LARGEST_SCALE
        _verify_bounds("lhs_scale", self.lhs_scale, largest)
        _verify_bounds("rhs_scale", self.rhs_scale, largest)
        self._verify_operand_constants()
        if not self.is_tflite and self.scale_correction is not None:
            raise VerifyException("requantization sima takes no scale_correction, got one")
        self.verify_requantization(self.result)

    def _verify_operand_constants(self) -> None:
        mode = self.requantization.data
        for name in _TFLITE_ADD:
            attribute = self.properties.get(name)
            if self.is_tflite and attribute is None:
                raise VerifyException(f"requantization {mode} needs {name}, got none")
            if not self.is_tflite and attribute is not None:
                raise VerifyException(f"requantization {mode} takes no {name}, got one")
            if isinstance(attribute, IntegerAttr):
                self._verify_tflite_constant(name, cast(IntegerAttr, attribute))
        _verify_bias(self)

    def _verify_tflite_constant(self, name: str, attribute: IntegerAttr) -> None:
        if name.endswith("zero_point"):
            verify_code(name, attribute.value.data, element_type(self.lhs))
        else:
            limit = MAX_LEFT_SHIFT if name == "left_shift" else MAX_SHIFT
            _verify_bounds(name, attribute, limit)


@irdl_op_definition
class AddOp(SumOperation):
    """Adds two tensors of codes.

    `sima`:   result = saturate((lhs * lhs_scale + rhs * rhs_scale + bias + 2**(shift-1)) >> shift)
    `tflite`: a = mul((lhs - lhs_zero_point) << left_shift, lhs_scale, lhs_shift)
              b = mul((rhs - rhs_zero_point) << left_shift, rhs_scale, rhs_shift)
              result = saturate(mul(a + b, scale_correction, shift) + zero_point_correction)

    (C1) lhs, rhs and the result have the same shape.
    (C2) the scales are not negative; for `sima` they fit 16 bits.
    (C3) `tflite` has left_shift in 0..23, lhs_zero_point and rhs_zero_point, codes of the
         operands, and lhs_shift and rhs_shift in 0..62, and no bias; `sima` has none of them.
    (C4) scale_correction is for `tflite` only; the rest is as R1 to R6 say.

    Example:
        %r = sima.add %a, %b lhs_scale = 21845 rhs_scale = 10923 bias = -98303 shift = 15
          : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "sima.add"

    @property
    def sign(self) -> int:
        """1: rhs is added."""
        return 1


@irdl_op_definition
class AvgPoolOp(WindowOperation):
    """Averages codes over a window of the spatial axes.

    result = divide(Σ over taps, size), where `divide` rounds to nearest, ties away from zero, and
    `size` is the number of taps of the window. A tap outside the data reads `input_zero_point`
    and counts.

    (C1) data has axes N, spatial…, C, no spatial axis empty; pool_size and strides have
         one positive value for each spatial axis, padding two that are not negative and less than
         the window's size.
    (C2) the window fits into the padded data, and the result has shape N, out…, C with
         out = (in + before + after - size) / stride + 1, rounded down.
    (C3) data and result have the same element type, and input_zero_point is a code of it.

    Example:
        %r = sima.avg_pool %x pool_size = [2, 2] strides = [2, 2]
          : (tensor<1x8x8x4xi8>) -> tensor<1x4x4x4xi8>
    """

    name = "sima.avg_pool"

    data = operand_def(CODES)
    pool_size = prop_def(DenseArrayBase.constr(i64))
    input_zero_point = prop_def(IntegerAttr.constr(i32), default_value=IntegerAttr(0, i32))
    result = result_def(CODES)

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$data `pool_size` `=` $pool_size " + WINDOW_FORMAT + " "
        "(`input_zero_point` `=` $input_zero_point^)? "
        "attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        data: SSAValue,
        pool_size: Sequence[int],
        result_type: Attribute,
        *,
        strides: Sequence[int] | None = None,
        padding: Sequence[int] | None = None,
        input_zero_point: int = 0,
    ):
        window = shapes.make_window(len(pool_size), strides, padding)
        super().__init__(
            operands=[data],
            properties=window_properties(window, dilated=False)
            | {
                "pool_size": dense_array(pool_size, i64),
                "input_zero_point": IntegerAttr(input_zero_point, i32),
            },
            result_types=[result_type],
        )

    def verify_(self) -> None:
        """Checks C1 to C3."""
        verify_pool(self, self.data, self.pool_size, self.result)
        verify_code("input_zero_point", self.input_zero_point.value.data, element_type(self.data))


@irdl_op_definition
class BatchMatmulOp(MatmulOperation, RequantizingOperation):
    """Multiplies matrices of codes, of which neither is constant, and requantizes.

    With acc[…, m, n] = Σ over k of (lhs[…, m, k] - lhs_zero_point)
    * (rhs[…, k, n] - rhs_zero_point), or rhs[…, n, k] with `transpose_rhs`; the axes before the
    last two broadcast:

    `sima`:   result = saturate((acc * scale_correction + bias + 2**(shift-1)) >> shift)
    `tflite`: result = saturate(mul(acc + bias, scale_correction, shift) + zero_point_correction)

    (C1) lhs and rhs have at least two axes, and the same size K; the axes before broadcast to one
         shape, which the result has before M, N.
    (C2) lhs_zero_point and rhs_zero_point are codes of the operands.
    (C3) scale_correction, shift and the rest are as R1 to R6 say; scale_correction is there.

    Example:
        %r = sima.batch_matmul %a, %b transpose_rhs lhs_zero_point = 3 rhs_zero_point = -7
          scale_correction = 257 shift = 17 bias = -131072
          : (tensor<2x4x8xi8>, tensor<2x5x8xi8>) -> tensor<2x4x5xi8>
    """

    name = "sima.batch_matmul"

    lhs = operand_def(tensor_of(i8))
    rhs = operand_def(tensor_of(i8))
    bias = prop_def(IntegerAttr.constr(i32), default_value=IntegerAttr(0, i32))
    result = result_def(tensor_of(i8))

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        MATMUL_FORMAT
        + REQUANTIZATION_FORMAT
        + " (`bias` `=` $bias^)? attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        zero_points: tuple[int, int],
        bias: int,
        requantization: dict[str, Attribute],
        result_type: Attribute,
        *,
        transpose_rhs: bool = False,
    ):
        super().__init__(
            operands=[lhs, rhs],
            properties=matmul_properties(zero_points, transpose_rhs)
            | {"bias": IntegerAttr(bias, i32)}
            | requantization,
            result_types=[result_type],
        )

    def verify_(self) -> None:
        """Checks C1 to C3."""
        self.verify_matmul(self.result)
        _verify_scaled(self)
        self.verify_requantization(self.result)


@irdl_op_definition
class BroadcastToOp(BroadcastToOperation):
    """Repeats a tensor along axes of size 1.

    The axes of data are the last of the result's. result[…, i, …] = data[…, j, …] with j = i, or
    j = 0 where data has size 1; an axis that data has not is of size 1.

    (C1) data has no more axes than the result, and each of its sizes is the result's or 1.
    (C2) data and result have the same element type.

    Example:
        %r = sima.broadcast_to %x : (tensor<1x1x1x4xi8>) -> tensor<1x2x3x4xi8>
    """

    name = "sima.broadcast_to"


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
        %r = sima.depth_to_space %x block_size = 2
          : (tensor<1x2x3x8xi8>) -> tensor<1x4x6x2xi8>
    """

    name = "sima.depth_to_space"


@irdl_op_definition
class LutOp(IRDLOperation):
    """Looks codes up in a table, or in one for each channel (the last axis).

    result[…, c] = table[data[…, c] + 128], or table[c, data[…, c] + 128]: the first entry is for
    the least code, -128, the last for 127.

    (C1) table is a static tensor of i8 with shape 256, or Cx256 for data with C channels.
    (C2) data and result have the same type.

    Example:
        %r = sima.lut %x table = dense<7> : tensor<4x256xi8> : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "sima.lut"

    data = operand_def(tensor_of(i8))
    table = prop_def(ELEMENTS)
    result = result_def(tensor_of(i8))

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = "$data `table` `=` $table attr-dict `:` functional-type(operands, results)"

    def __init__(self, data: SSAValue, table: ElementsAttr):
        super().__init__(operands=[data], properties={"table": table}, result_types=[data.type])

    def verify_(self) -> None:
        """Checks C1 and C2."""
        _verify_elements("table", self.table, i8)
        shape, rows = elements_type(self.table).get_shape(), shape_of(self.data)[-1:]
        if shape not in ((256,), (*rows, 256)):
            allowed = " or ".join(dict.fromkeys(["256", dimensions((*rows, 256))]))
            raise VerifyException(f"table must have shape {allowed}, got {dimensions(shape)}")
        verify_same_type(self.result, self.data)


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
        %r = sima.max_pool %x pool_size = [2, 2] strides = [2, 2]
          : (tensor<1x8x8x4xi8>) -> tensor<1x4x4x4xi8>
    """

    name = "sima.max_pool"


@irdl_op_definition
class ClipOp(ClipOperation):
    """Clamps codes.

    result = max(min, min(data, max))

    (C1) min is at most max.
    (C2) min and max are codes of data.
    (C3) the result has the type of data.

    Example:
        %r = sima.clip %x min = -128 max = 33 : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "sima.clip"


@irdl_op_definition
class ConcatOp(ConcatOperation):
    """Puts tensors one after the other along an axis.

    (C1) there is at least one operand, axis is one of theirs, and their shapes differ in no other.
    (C2) the result has their shape with the sum of their sizes along axis, and all have the same
         element type.

    Example:
        %r = sima.concat %a, %b axis = 1 : (tensor<1x4xi8>, tensor<1x2xi8>) -> tensor<1x6xi8>
    """

    name = "sima.concat"

    assembly_format = "$inputs `axis` `=` $axis attr-dict `:` functional-type(operands, results)"


@irdl_op_definition
class MulOp(RequantizingOperation):
    """Multiplies two tensors of codes and requantizes.

    With acc = (lhs - lhs_zero_point) * (rhs - rhs_zero_point):

    `sima`:   result = saturate((acc * scale_correction + bias + 2**(shift-1)) >> shift)
    `tflite`: result = saturate(mul(acc, scale_correction, shift) + zero_point_correction)

    (C1) lhs, rhs and the result have the same shape.
    (C2) lhs_zero_point and rhs_zero_point are codes of the operands.
    (C3) bias is for `sima` only.
    (C4) scale_correction, shift and the rest are as R1 to R6 say; scale_correction is there.

    Example:
        %r = sima.mul %a, %b lhs_zero_point = 3 rhs_zero_point = -7 scale_correction = 21845
          shift = 17 bias = -131072 : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "sima.mul"

    lhs = operand_def(tensor_of(i8))
    rhs = operand_def(tensor_of(i8))
    lhs_zero_point = prop_def(IntegerAttr.constr(i32), default_value=IntegerAttr(0, i32))
    rhs_zero_point = prop_def(IntegerAttr.constr(i32), default_value=IntegerAttr(0, i32))
    bias = prop_def(IntegerAttr.constr(i32), default_value=IntegerAttr(0, i32))
    result = result_def(tensor_of(i8))

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$lhs `,` $rhs (`lhs_zero_point` `=` $lhs_zero_point^)? "
        "(`rhs_zero_point` `=` $rhs_zero_point^)? "
        + REQUANTIZATION_FORMAT
        + " (`bias` `=` $bias^)? attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        constants: dict[str, int],
        requantization: dict[str, Attribute],
        result_type: Attribute,
    ):
        super().__init__(
            operands=[lhs, rhs],
            properties={n: IntegerAttr(v, i32) for n, v in constants.items()} | requantization,
            result_types=[result_type],
        )

    def verify_(self) -> None:
        """Checks C1 to C4."""
        verify_shape(self.rhs, lambda: shape_of(self.lhs), "rhs")
        verify_shape(self.result, lambda: shape_of(self.lhs))
        verify_code("lhs_zero_point", self.lhs_zero_point.value.data, element_type(self.lhs))
        verify_code("rhs_zero_point", self.rhs_zero_point.value.data, element_type(self.rhs))
        _verify_bias(self)
        _verify_scaled(self)
        self.verify_requantization(self.result)


@irdl_op_definition
class PadOp(PadOperation):
    """Puts a code around a tensor.

    `padding` lists the elements before each axis, then those after each; they hold `value`.

    (C1) data has at least one axis; padding has two values for each, none negative.
    (C2) the result has the padded shape.
    (C3) value is a code of data, and data and result have the same element type.

    Example:
        %r = sima.pad %x padding = [0, 1, 1, 0, 0, 1, 1, 0] value = -128
          : (tensor<1x8x8x3xi8>) -> tensor<1x10x10x3xi8>
    """

    name = "sima.pad"


@irdl_op_definition
class ReshapeOp(ReshapeOperation):
    """Gives a tensor another shape; its elements stay in order.

    (C1) data and result have the same number of elements.
    (C2) data and result have the same element type.

    Example:
        %r = sima.reshape %x : (tensor<1x2x2x8xi8>) -> tensor<1x32xi8>
    """

    name = "sima.reshape"


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
        %r = sima.resize %x steps = [1, 2] offsets = [0, 1] divisors = [2, 3]
          : (tensor<1x2x2x4xi8>) -> tensor<1x4x3x4xi8>
    """

    name = "sima.resize"


@irdl_op_definition
class SliceOp(SliceOperation):
    """Takes elements of a tensor at regular distances.

    result[i…] = data[start + i * stride…], with stride 1 where strides are not given.

    (C1) starts and strides have one value for each axis of data, of which the result has as many.
    (C2) strides are positive, and every element that is taken lies inside data.
    (C3) data and result have the same element type.

    Example:
        %r = sima.slice %x starts = [0, 1, 0] strides = [1, 2, 1]
          : (tensor<1x8x3xi8>) -> tensor<1x4x3xi8>
    """

    name = "sima.slice"

    def verify_(self) -> None:
        """Checks C1 to C3."""
        super().verify_()
        if (least := min(self.steps(), default=1)) < 1:
            raise VerifyException(f"strides must be at least 1, got {least}")


@irdl_op_definition
class SoftmaxOp(IRDLOperation):
    """Computes softmax along the last axis in 32-bit fixed-point arithmetic.

    With d = data - max(data), a code counts where d >= least_difference; then its exponential is
    exp(d * scale * 2**(left_shift - 31)) of a Q5.26 number, and
    result = saturate(round(256 * exponential / Σ exponentials) + least code), each step as
    `sima_mlir.quantization.softmax` says. A code that does not count gives the least code.

    (C1) scale is a 31-bit significand, in 2**30..2**31 - 1; left_shift is in 0..31.
    (C2) least_difference is not positive, and moved left by left_shift it stays inside 32 bits.
    (C3) data and result have the same type, with at least one element on the last axis.

    Example:
        %r = sima.softmax %x scale = 1073741824 left_shift = 24 least_difference = -124
          : (tensor<1x10xi8>) -> tensor<1x10xi8>
    """

    name = "sima.softmax"

    data = operand_def(tensor_of(i8, ui8))
    scale = prop_def(IntegerAttr.constr(i32))
    left_shift = prop_def(IntegerAttr.constr(i32))
    least_difference = prop_def(IntegerAttr.constr(i32))
    result = result_def(tensor_of(i8, ui8))

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$data `scale` `=` $scale `left_shift` `=` $left_shift "
        "`least_difference` `=` $least_difference attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, data: SSAValue, constants: SoftmaxConstants):
        super().__init__(
            operands=[data],
            properties={n: IntegerAttr(v, i32) for n, v in constants._asdict().items()},
            result_types=[data.type],
        )

    def constants(self) -> SoftmaxConstants:
        """Returns the integers that the arithmetic takes."""
        return SoftmaxConstants(
            self.scale.value.data, self.left_shift.value.data, self.least_difference.value.data
        )

    def verify_(self) -> None:
        """Checks C1 to C3."""
        verify_last_axis(self.data)
        scale, left_shift, least = self.constants()
        if not 1 << 30 <= scale < 1 << 31:
            raise VerifyException(f"scale must be in {1 << 30}..{(1 << 31) - 1}, got {scale}")
        _verify_bounds("left_shift", self.left_shift, 31)
        if least > 0:
            raise VerifyException(f"least_difference must be at most 0, got {least}")
        if (moved := -least << left_shift) >= 1 << 31:
            raise VerifyException(f"least_difference << left_shift must fit 32 bits, got {-moved}")
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
        %r = sima.space_to_depth %x block_size = 2
          : (tensor<1x4x6x2xi8>) -> tensor<1x2x3x8xi8>
    """

    name = "sima.space_to_depth"


@irdl_op_definition
class TransposeOp(TransposeOperation):
    """Puts the axes of a tensor into another order.

    Axis i of the result is axis permutation[i] of data.

    (C1) permutation has each axis of data once.
    (C2) the result has the permuted shape.
    (C3) data and result have the same element type.

    Example:
        %r = sima.transpose %x permutation = [0, 2, 3, 1]
          : (tensor<1x3x8x9xi8>) -> tensor<1x8x9x3xi8>
    """

    name = "sima.transpose"


@irdl_op_definition
class QuantizeOp(IRDLOperation):
    """Turns real numbers into codes, at the edge of the accelerator.

    result = saturate(round(data / scale) + zero_point), the quotient in float32, ties away from
    zero, or to even with `ties_to_even`.

    (C1) scale is positive and finite in float32.
    (C2) zero_point is a code of the result.
    (C3) the result has the shape of data.

    Example:
        %r = sima.quantize %x scale = 5.000000e-01 : f64 zero_point = 3
          : (tensor<1x4xf32>) -> tensor<1x4xi8>
    """

    name = "sima.quantize"

    data = operand_def(tensor_of(f32))
    scale = prop_def(FloatAttr.constr(f64))
    zero_point = prop_def(IntegerAttr.constr(i32))
    ties_to_even = opt_prop_def(UnitAttr)
    result = result_def(CODES)

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$data `scale` `=` qualified($scale) `zero_point` `=` $zero_point "
        "(`ties_to_even` $ties_to_even^)? attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        data: SSAValue,
        quantization: Quantization,
        result_type: Attribute,
        *,
        ties_to_even: bool = False,
    ):
        super().__init__(
            operands=[data],
            properties=_quantization_properties(quantization)
            | {"ties_to_even": UnitAttr() if ties_to_even else None},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        """Checks C1 to C3."""
        _verify_quantization(self.scale, self.zero_point, element_type(self.result))
        verify_shape(self.result, lambda: shape_of(self.data))


@irdl_op_definition
class DequantizeOp(IRDLOperation):
    """Turns codes into real numbers, at the edge of the accelerator.

    result = float32(scale) * float32(data - zero_point)

    (C1) scale is positive and finite in float32.
    (C2) zero_point is a code of data.
    (C3) the result has the shape of data.

    Example:
        %r = sima.dequantize %x scale = 5.000000e-01 : f64 zero_point = 3
          : (tensor<1x4xi8>) -> tensor<1x4xf32>
    """

    name = "sima.dequantize"

    data = operand_def(CODES)
    scale = prop_def(FloatAttr.constr(f64))
    zero_point = prop_def(IntegerAttr.constr(i32))
    result = result_def(tensor_of(f32))

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = (
        "$data `scale` `=` qualified($scale) `zero_point` `=` $zero_point "
        "attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, data: SSAValue, quantization: Quantization):
        super().__init__(
            operands=[data],
            properties=_quantization_properties(quantization),
            result_types=[tensor_type(shape_of(data), f32)],
        )

    def verify_(self) -> None:
        """Checks C1 to C3."""
        _verify_quantization(self.scale, self.zero_point, element_type(self.data))
        verify_shape(self.result, lambda: shape_of(self.data))


@irdl_op_definition
class SubtractOp(SumOperation):
    """Subtracts one tensor of codes from another.

    `sima`:   result = saturate((lhs * lhs_scale - rhs * rhs_scale + bias + 2**(shift-1)) >> shift)
    `tflite`: a = mul((lhs - lhs_zero_point) << left_shift, lhs_scale, lhs_shift)
              b = mul((rhs - rhs_zero_point) << left_shift, rhs_scale, rhs_shift)
              result = saturate(mul(a - b, scale_correction, shift) + zero_point_correction)

    (C1) lhs, rhs and the result have the same shape.
    (C2) the scales are not negative; for `sima` they fit 16 bits.
    (C3) `tflite` has left_shift in 0..23, lhs_zero_point and rhs_zero_point, codes of the
         operands, and lhs_shift and rhs_shift in 0..62, and no bias; `sima` has none of them.
    (C4) scale_correction is for `tflite` only; the rest is as R1 to R6 say.

    Example:
        %r = sima.subtract %a, %b lhs_scale = 21845 rhs_scale = 10923 bias = -32768 shift = 15
          : (tensor<1x4xi8>, tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "sima.subtract"

    @property
    def sign(self) -> int:
        """-1: rhs is subtracted."""
        return -1


def _quantization_properties(quantization: Quantization) -> dict[str, Attribute | None]:
    return {
        "scale": FloatAttr(quantization.scale, f64),
        "zero_point": IntegerAttr(quantization.zero_point, i32),
    }


def _verify_quantization(scale: FloatAttr, zero_point: IntegerAttr, codes: Attribute) -> None:
    verify_float32("scale", scale.value.data)
    verify_code("zero_point", zero_point.value.data, codes)


def _verify_elements(name: str, attribute: ElementsAttr, *wanted: Attribute) -> None:
    given = attribute.get_type()
    if not isinstance(given, TensorType) or elements_type(attribute).element_type not in wanted:
        kinds = " or ".join(str(kind) for kind in wanted)
        raise VerifyException(f"{name} must be a tensor of {kinds}, got {given}")
    if not given.has_static_shape():
        raise VerifyException(f"{name} must have a static shape, got {given}")


def _verify_bias(op: SumOperation | MulOp) -> None:
    if op.is_tflite and (bias := op.bias.value.data) != 0:
        raise VerifyException(f"requantization {op.requantization.data} takes no bias, got {bias}")


def _verify_scaled(op: RequantizingOperation) -> None:
    if op.scale_correction is None:
        raise VerifyException("scale_correction must be given, got none")
    if not op.is_tflite:
        _verify_bounds("scale_correction", op.scale_correction, LARGEST_SCALE)


def _verify_bounds(name: str, attribute: IntegerAttr | DenseArrayBase, largest: int) -> None:
    values = array_values(attribute)
    bad = values[(values < 0) | (values > largest)]
    if len(bad):
        raise VerifyException(f"{name} must be in 0..{largest}, got {bad[0]}")


SIMA = Dialect(
    "sima",
    [
        AddOp,
        AvgPoolOp,
        BatchMatmulOp,
        BroadcastToOp,
        ClipOp,
        ConcatOp,
        ConvOp,
        ConvTransposeOp,
        DenseOp,
        DepthToSpaceOp,
        DequantizeOp,
        LutOp,
        MaxPoolOp,
        MeanOp,
        MulOp,
        PadOp,
        QuantizeOp,
        RequantizeOp,
        ReshapeOp,
        ResizeOp,
        SliceOp,
        SoftmaxOp,
        SpaceToDepthOp,
        SubtractOp,
        TransposeOp,
    ],
    [CertificateAttr, RequantizationAttr, RoundingAttr],
)
