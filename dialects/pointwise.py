"""The functions of one number of `qnn`: what each code of a tensor stands for, put through it.

Sources: Apache TVM v0.18 `python/tvm/relay/qnn/op/qnn.py`; the contracts, and what their arithmetic
is, are those of `sima_mlir.quantization.lut`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy.typing as npt
from xdsl.dialects.builtin import DenseArrayBase, FloatAttr, IntegerAttr, UnitAttr, f64, i8, i32
from xdsl.ir import Attribute, SSAValue
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

from sima_mlir.dialects.definitions import (
    PER_CHANNEL,
    DistinctProperties,
    PerChannel,
    element_type,
    tensor_of,
    verify_code,
    verify_per_channel,
    verify_same_type,
)
from sima_mlir.dialects.elements import array_values, dense_array, dtype_of, ui8
from sima_mlir.dialects.encoding import QuantizationAttr, RoundingAttr, verify_encoding
from sima_mlir.quantization import Function, Rounding, lookup_table, prelu_table

BYTES = tensor_of(i8, ui8)

_ENCODINGS = (
    "`input_q` `=` $input_q `output_q` `=` $output_q (`rounding` `=` $rounding^)? "
    "attr-dict `:` functional-type(operands, results)"
)


class PointwiseOperation(IRDLOperation, ABC):
    """A function of each 8-bit code of a tensor, which is a table of 256 entries.

    (P1) data and result have the same type.
    (P2) input_q and output_q have one scale and a zero point that is a code.
    (P3) rounding is away, float32 or tflite, and defines the function for these scales and
         parameters.
    """

    data = operand_def(BYTES)
    input_q = prop_def(QuantizationAttr)
    output_q = prop_def(QuantizationAttr)
    rounding = prop_def(RoundingAttr, default_value=RoundingAttr(Rounding.AWAY))
    result = result_def(BYTES)

    traits = traits_def(Pure(), DistinctProperties())

    assembly_format = "$data " + _ENCODINGS

    def __init__(
        self,
        data: SSAValue,
        input_q: QuantizationAttr,
        output_q: QuantizationAttr,
        rounding: Rounding,
        **properties: Attribute | None,
    ):
        super().__init__(
            operands=[data],
            properties={
                "input_q": input_q,
                "output_q": output_q,
                "rounding": RoundingAttr(rounding),
                **properties,
            },
            result_types=[data.type],
        )

    @abstractmethod
    def table(self) -> npt.NDArray[Any]:
        """Returns the result's code for each code of the operand, from the least one on.

        Raises `ValueError` when P3 does not hold.
        """

    def verify_parameters(self) -> None:
        """Checks what an operation has beside its encodings."""

    def verify_(self) -> None:
        """Checks P1 to P3, and the parameters."""
        verify_same_type(self.result, self.data)
        verify_encoding(self.data, "input_q", self.input_q)
        verify_encoding(self.result, "output_q", self.output_q)
        self.verify_parameters()
        try:
            self.table()
        except ValueError as error:
            raise VerifyException(str(error)) from None


class FunctionOperation(PointwiseOperation, ABC):
    """The function that the operation has its name from, with its parameters."""

    def function(self) -> Function:
        """Returns the function."""
        return Function(self.name.removeprefix("qnn."))

    def parameters(self) -> tuple[float, ...]:
        """Returns the parameters in the order in which the function takes them."""
        return ()

    def table(self) -> npt.NDArray[Any]:
        """Returns the result's code for each code of the operand, from the least one on.

        Raises `ValueError` when P3 does not hold.
        """
        return lookup_table(
            self.function(),
            self.input_q.per_tensor(),
            self.output_q.per_tensor(),
            dtype_of(element_type(self.data)),
            self.rounding.data,
            *self.parameters(),
        )


class SlopeOperation(FunctionOperation, ABC):
    """A function with the parameter `alpha`."""

    alpha = prop_def(FloatAttr.constr(f64))

    assembly_format = "$data `alpha` `=` qualified($alpha) " + _ENCODINGS

    def __init__(
        self,
        data: SSAValue,
        alpha: float,
        input_q: QuantizationAttr,
        output_q: QuantizationAttr,
        rounding: Rounding,
    ):
        super().__init__(data, input_q, output_q, rounding, alpha=FloatAttr(alpha, f64))

    def parameters(self) -> tuple[float, ...]:
        """Returns alpha."""
        return (self.alpha.value.data,)

    def verify_parameters(self) -> None:
        """Checks that alpha is finite."""
        _verify_finite("alpha", self.alpha)


@irdl_op_definition
class AbsOp(FunctionOperation):
    """Takes the magnitude of codes.

    result = code of |x|; x is the number that a code of data stands for.

    (C1) data, result, encodings and rounding are as P1 to P3 say.

    Example:
        %r = qnn.abs %x input_q = <scale = 0.05, zero_point = 3>
          output_q = <scale = 0.1, zero_point = -5> rounding = tflite
          : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.abs"


@irdl_op_definition
class EluOp(SlopeOperation):
    """Computes the exponential linear unit of codes.

    result = code of x where x >= 0, alpha * (exp(x) - 1) where x < 0; x is the number that a code
    of data stands for.

    (C1) data, result, encodings and rounding are as P1 to P3 say; tflite takes alpha 1.
    (C2) alpha is finite.

    Example:
        %r = qnn.elu %x alpha = 1.000000e+00 : f64 input_q = <scale = 0.05, zero_point = 3>
          output_q = <scale = 0.1, zero_point = -5>
          : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.elu"


@irdl_op_definition
class ErfOp(FunctionOperation):
    """Computes the error function of codes.

    result = code of erf(x); x is the number that a code of data stands for.

    (C1) data, result, encodings and rounding are as P1 to P3 say; tflite does not define it.

    Example:
        %r = qnn.erf %x input_q = <scale = 0.05, zero_point = 3>
          output_q = <scale = 0.1, zero_point = -5>
          : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.erf"


@irdl_op_definition
class ExpOp(FunctionOperation):
    """Computes the exponential of codes.

    result = code of exp(x); x is the number that a code of data stands for.

    (C1) data, result, encodings and rounding are as P1 to P3 say.

    Example:
        %r = qnn.exp %x input_q = <scale = 0.05, zero_point = 3>
          output_q = <scale = 0.1, zero_point = -5> rounding = tflite
          : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.exp"


@irdl_op_definition
class GeluOp(FunctionOperation):
    """Computes the Gaussian error linear unit of codes.

    result = code of x * (1 + erf(x / sqrt(2))) / 2, or with `approximate`
    x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2, where x is the number that a code of
    data stands for.

    (C1) data, result, encodings and rounding are as P1 to P3 say.

    Example:
        %r = qnn.gelu %x input_q = <scale = 0.05, zero_point = 3>
          output_q = <scale = 0.1, zero_point = -5> rounding = tflite
          : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.gelu"

    approximate = opt_prop_def(UnitAttr)

    assembly_format = "$data (`approximate` $approximate^)? " + _ENCODINGS

    def __init__(
        self,
        data: SSAValue,
        input_q: QuantizationAttr,
        output_q: QuantizationAttr,
        rounding: Rounding,
        *,
        approximate: bool = False,
    ):
        unit = UnitAttr() if approximate else None
        super().__init__(data, input_q, output_q, rounding, approximate=unit)

    def function(self) -> Function:
        """Returns the function in its exact or its approximate form."""
        return Function.GELU if self.approximate is None else Function.GELU_TANH


@irdl_op_definition
class HardSigmoidOp(FunctionOperation):
    """Computes the hard sigmoid of codes.

    result = code of min(max(alpha * x + beta, 0), 1); x is the number that a code of data stands
    for.

    (C1) data, result, encodings and rounding are as P1 to P3 say; tflite does not define it.
    (C2) alpha and beta are finite.

    Example:
        %r = qnn.hard_sigmoid %x alpha = 2.000000e-01 : f64 beta = 5.000000e-01 : f64
          input_q = <scale = 0.05, zero_point = 3>
          output_q = <scale = 0.1, zero_point = -5> rounding = float32
          : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.hard_sigmoid"

    alpha = prop_def(FloatAttr.constr(f64))
    beta = prop_def(FloatAttr.constr(f64))

    assembly_format = (
        "$data `alpha` `=` qualified($alpha) `beta` `=` qualified($beta) " + _ENCODINGS
    )

    def __init__(
        self,
        data: SSAValue,
        alpha: float,
        beta: float,
        input_q: QuantizationAttr,
        output_q: QuantizationAttr,
        rounding: Rounding,
    ):
        parameters = {"alpha": FloatAttr(alpha, f64), "beta": FloatAttr(beta, f64)}
        super().__init__(data, input_q, output_q, rounding, **parameters)

    def parameters(self) -> tuple[float, ...]:
        """Returns alpha and beta."""
        return self.alpha.value.data, self.beta.value.data

    def verify_parameters(self) -> None:
        """Checks C2."""
        _verify_finite("alpha", self.alpha)
        _verify_finite("beta", self.beta)


@irdl_op_definition
class HardSwishOp(FunctionOperation):
    """Computes the hard swish of codes.

    result = code of x * min(max(x + 3, 0), 6) / 6; x is the number that a code of data stands for.

    (C1) data, result, encodings and rounding are as P1 to P3 say.

    Example:
        %r = qnn.hard_swish %x input_q = <scale = 0.05, zero_point = 3>
          output_q = <scale = 0.1, zero_point = -5> rounding = tflite
          : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.hard_swish"


@irdl_op_definition
class LeakyReluOp(SlopeOperation):
    """Multiplies negative numbers by a slope.

    result = code of x where x >= 0, alpha * x where x < 0; x is the number that a code of data
    stands for.

    (C1) data, result, encodings and rounding are as P1 to P3 say.
    (C2) alpha is finite.

    Example:
        %r = qnn.leaky_relu %x alpha = 1.000000e-01 : f64
          input_q = <scale = 0.05, zero_point = 3>
          output_q = <scale = 0.1, zero_point = -5> rounding = tflite
          : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.leaky_relu"


@irdl_op_definition
class LogOp(FunctionOperation):
    """Computes the natural logarithm of codes.

    result = code of log(x), and the least code where x <= 0; x is the number that a code of data
    stands for.

    (C1) data, result, encodings and rounding are as P1 to P3 say.

    Example:
        %r = qnn.log %x input_q = <scale = 0.05, zero_point = 3>
          output_q = <scale = 0.1, zero_point = -5> rounding = tflite
          : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.log"


@irdl_op_definition
class PreluOp(PointwiseOperation):
    """Multiplies negative numbers by a quantized slope.

    result = code of x where x >= 0, alpha_q.scale * (alpha - alpha_q.zero_point) * x where x < 0,
    where x is the number that a code of data stands for. alpha is one for all channels (the last
    axis of data), or a list with one for each.

    (C1) data, result, encodings and rounding are as P1 to P3 say.
    (C2) alpha_q has one scale and a zero point that is a code; each alpha is a code of data's
         type.
    (C3) alpha is one, or as many as data has channels.

    Example:
        %r = qnn.prelu %x alpha = [12, -7, 12, 0] alpha_q = <scale = 0.01, zero_point = 2>
          input_q = <scale = 0.05, zero_point = 3>
          output_q = <scale = 0.1, zero_point = -5> rounding = tflite
          : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.prelu"

    alpha = prop_def(PER_CHANNEL)
    alpha_q = prop_def(QuantizationAttr)

    custom_directives = (PerChannel,)

    assembly_format = (
        "$data `alpha` `=` custom<PerChannel>($alpha) `alpha_q` `=` $alpha_q " + _ENCODINGS
    )

    def __init__(
        self,
        data: SSAValue,
        alpha: int | Sequence[int],
        alpha_q: QuantizationAttr,
        input_q: QuantizationAttr,
        output_q: QuantizationAttr,
        rounding: Rounding,
    ):
        slopes = IntegerAttr(alpha, i32) if isinstance(alpha, int) else dense_array(alpha, i32)
        super().__init__(data, input_q, output_q, rounding, alpha=slopes, alpha_q=alpha_q)

    def table(self) -> npt.NDArray[Any]:
        """Returns the result's code for each code of the operand, from the least one on.

        For a list of slopes it is a row for each channel. Raises `ValueError` when P3 does not
        hold.
        """
        alpha = array_values(self.alpha)
        return prelu_table(
            alpha if isinstance(self.alpha, DenseArrayBase) else alpha[0],
            self.alpha_q.per_tensor(),
            self.input_q.per_tensor(),
            self.output_q.per_tensor(),
            dtype_of(element_type(self.data)),
            self.rounding.data,
        )

    def verify_parameters(self) -> None:
        """Checks C2 and C3."""
        verify_encoding(self.data, "alpha_q", self.alpha_q)
        for value in array_values(self.alpha).tolist():
            verify_code("alpha", value, element_type(self.data))
        verify_per_channel("alpha", self.alpha, self.data)


@irdl_op_definition
class ReciprocalOp(FunctionOperation):
    """Divides one by codes.

    result = code of 1 / x, and the largest code where x = 0; x is the number that a code of data
    stands for.

    (C1) data, result, encodings and rounding are as P1 to P3 say; tflite does not define it.

    Example:
        %r = qnn.reciprocal %x input_q = <scale = 0.05, zero_point = 3>
          output_q = <scale = 0.1, zero_point = -5> rounding = float32
          : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.reciprocal"


@irdl_op_definition
class RsqrtOp(FunctionOperation):
    """Divides one by the square root of codes.

    result = code of 1 / sqrt(x), and the largest code where x <= 0; x is the number that a code of
    data stands for.

    (C1) data, result, encodings and rounding are as P1 to P3 say.

    Example:
        %r = qnn.rsqrt %x input_q = <scale = 0.05, zero_point = 3>
          output_q = <scale = 0.1, zero_point = -5> rounding = tflite
          : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.rsqrt"


@irdl_op_definition
class SigmoidOp(FunctionOperation):
    """Computes the logistic function of codes.

    result = code of 1 / (1 + exp(-x)); x is the number that a code of data stands for.

    (C1) data, result, encodings and rounding are as P1 to P3 say.

    Example:
        %r = qnn.sigmoid %x input_q = <scale = 0.05, zero_point = 3>
          output_q = <scale = 0.00390625, zero_point = -128> rounding = tflite
          : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.sigmoid"


@irdl_op_definition
class SoftplusOp(FunctionOperation):
    """Computes a smooth rectifier of codes.

    result = code of log(1 + exp(x)); x is the number that a code of data stands for.

    (C1) data, result, encodings and rounding are as P1 to P3 say; tflite does not define it.

    Example:
        %r = qnn.softplus %x input_q = <scale = 0.05, zero_point = 3>
          output_q = <scale = 0.1, zero_point = -5>
          : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.softplus"


@irdl_op_definition
class SqrtOp(FunctionOperation):
    """Computes the square root of codes.

    result = code of sqrt(x), and that of 0 where x < 0; x is the number that a code of data stands
    for.

    (C1) data, result, encodings and rounding are as P1 to P3 say.

    Example:
        %r = qnn.sqrt %x input_q = <scale = 0.05, zero_point = 3>
          output_q = <scale = 0.1, zero_point = -5> rounding = tflite
          : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.sqrt"


@irdl_op_definition
class SwishOp(FunctionOperation):
    """Multiplies codes by their logistic function.

    result = code of x / (1 + exp(-x)); x is the number that a code of data stands for.

    (C1) data, result, encodings and rounding are as P1 to P3 say; tflite does not define it.

    Example:
        %r = qnn.swish %x input_q = <scale = 0.05, zero_point = 3>
          output_q = <scale = 0.1, zero_point = -5> rounding = float32
          : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.swish"


@irdl_op_definition
class TanhOp(FunctionOperation):
    """Computes the hyperbolic tangent of codes.

    result = code of tanh(x); x is the number that a code of data stands for.

    (C1) data, result, encodings and rounding are as P1 to P3 say.

    Example:
        %r = qnn.tanh %x input_q = <scale = 0.05, zero_point = 3>
          output_q = <scale = 0.0078125, zero_point = 0> rounding = tflite
          : (tensor<1x4xi8>) -> tensor<1x4xi8>
    """

    name = "qnn.tanh"


def _verify_finite(name: str, attribute: FloatAttr) -> None:
    if not math.isfinite(value := attribute.value.data):
        raise VerifyException(f"{name} must be finite, got {value}")


POINTWISE: tuple[type[PointwiseOperation], ...] = (
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
"""The functions, sorted by name."""
