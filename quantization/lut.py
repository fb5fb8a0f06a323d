"""Functions of one 8-bit code as tables: what each gives for every code.

A code `q` stands for the real number `x = scale * (q - zero_point)`, and the table of a function
`f` holds the code nearest to `f(x)`. Three contracts say how it is computed:

* `away`: the real function, in float64, where `x`, `f(x)` and its quotient by the output's scale
  are each rounded once; then to nearest, ties away from zero. Scales that are float32 numbers make
  `x` exact. Relay's `quantize(f(dequantize))` means the same, and approximates it in float32.
* `float32`: `x`, `f(x)` and the quotient are each the nearest float32; then to nearest, ties to
  even. ONNX Runtime, up to the last bits of its own approximations of `f`.
* `tflite`: LiteRT's reference kernels. Most of them make such a table in float32, each step of
  which is the nearest float32 here; some compute in fixed point. Functions that LiteRT does not
  have are not defined.

A number outside the domain of a function counts as its nearest end: the logarithm of what is not
positive is the least code, `1 / 0` and `1 / sqrt(x)` for `x <= 0` the largest, and the square root
of what is negative that of zero. Numbers that no code stands for saturate. LiteRT does the same,
but refuses to run where the operand of `sqrt` or `rsqrt` is negative.

Sources: Apache TVM v0.18 `src/relay/qnn/op/op_common.h`; LiteRT 2.3 (`LUTPopulate`)
`tflite/kernels/internal/common.h`; ONNX Runtime `qlinear_lookup_table.cc`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt

import sima_mlir.quantization.litert as litert
from sima_mlir.quantization.fixed_point import (
    FloatArray,
    Int64Array,
    IntArray,
    Rounding,
    code_range,
    saturate,
)
from sima_mlir.quantization.litert import Single, erfc, nearest_single
from sima_mlir.quantization.parameters import Quantization

TABLE_ROUNDINGS = (Rounding.AWAY, Rounding.FLOAT32, Rounding.TFLITE)
"""The contracts that define a table."""

_FAR = float(1 << 40)
"""Any number beyond this saturates."""


class Function(StrEnum):
    """A real function of one number `x`, and of its parameters."""

    ABS = "abs"
    """`|x|`."""
    ELU = "elu"
    """`x` where it is not negative, `alpha * (exp(x) - 1)` where it is; parameter `alpha`."""
    ERF = "erf"
    """The error function."""
    EXP = "exp"
    """`exp(x)`."""
    GELU = "gelu"
    """`x * (1 + erf(x / sqrt(2))) / 2`."""
    GELU_TANH = "gelu_tanh"
    """`x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2`."""
    HARD_SIGMOID = "hard_sigmoid"
    """`min(max(alpha * x + beta, 0), 1)`; parameters `alpha` and `beta`."""
    HARD_SWISH = "hard_swish"
    """`x * min(max(x + 3, 0), 6) / 6`."""
    LEAKY_RELU = "leaky_relu"
    """`x` where it is not negative, `alpha * x` where it is; parameter `alpha`."""
    LOG = "log"
    """The natural logarithm."""
    RECIPROCAL = "reciprocal"
    """`1 / x`."""
    RSQRT = "rsqrt"
    """`1 / sqrt(x)`."""
    SIGMOID = "sigmoid"
    """`1 / (1 + exp(-x))`."""
    SOFTPLUS = "softplus"
    """`log(1 + exp(x))`."""
    SQRT = "sqrt"
    """The square root."""
    SWISH = "swish"
    """`x / (1 + exp(-x))`, also called SiLU."""
    TANH = "tanh"
    """The hyperbolic tangent."""


def lookup_table(
    function: Function,
    input_q: Quantization,
    output_q: Quantization,
    dtype: npt.DTypeLike,
    rounding: Rounding,
    *parameters: float | FloatArray,
) -> IntArray:
    """Returns what a function gives for each code of an 8-bit type, from the least code on.

    `dtype`, int8 or uint8, is that of the operand's codes, of the results and of the table, which
    has 256 entries. `parameters` are those that `Function` names, in that order.

    Raises `ValueError` for a contract that does not define the function with such parameters or
    scales, and for scales that vanish or overflow in float32 where the contract works in it.
    """
    with np.errstate(all="ignore"):
        codes = _centred_codes(input_q, dtype)
        if rounding is Rounding.AWAY:
            x = np.nan_to_num(codes * input_q.scale)
            return _to_codes(_REAL[function](x, *parameters) / output_q.scale, output_q, dtype)
        _check_float32(input_q, output_q)
        if rounding is Rounding.FLOAT32:
            real, x = _REAL[function], _single_numbers(codes, input_q)
            y = nearest_single(lambda x: real(x, *parameters), x) / np.float32(output_q.scale)
            return _to_codes(np.rint(y), output_q, dtype)
        if rounding is not Rounding.TFLITE:
            names = ", ".join(TABLE_ROUNDINGS)
            raise ValueError(f"rounding must be one of {names}, got {rounding}")
        return _tflite(function, codes, input_q, output_q, dtype, parameters)


def prelu_table(
    alpha: npt.ArrayLike,
    alpha_q: Quantization,
    input_q: Quantization,
    output_q: Quantization,
    dtype: npt.DTypeLike,
    rounding: Rounding,
) -> IntArray:
    """Returns the table of `leaky_relu` with the slope that the code `alpha` stands for.

    For a list of codes there is a row for each. `tflite` multiplies by the code; the other
    contracts take the slope as a real number.

    Raises `ValueError` as `lookup_table` does.
    """
    steps = np.asarray(alpha, np.int64)[..., None] - alpha_q.zero_point
    if rounding is not Rounding.TFLITE:
        slope = np.multiply(steps, alpha_q.scale, dtype=np.float64)
        return lookup_table(Function.LEAKY_RELU, input_q, output_q, dtype, rounding, slope)
    _check_float32(input_q, output_q, alpha_q)
    codes = _centred_codes(input_q, dtype)
    return saturate(litert.prelu(codes, input_q, output_q, steps, alpha_q.scale), dtype)


def _tflite(
    function: Function,
    codes: Int64Array,
    input_q: Quantization,
    output_q: Quantization,
    dtype: npt.DTypeLike,
    parameters: Sequence[float | FloatArray],
) -> IntArray:
    """Returns the table of LiteRT's reference kernel."""
    if (kernel := _LITERT_FIXED.get(function)) is not None:
        return saturate(kernel(codes, input_q, output_q, *parameters), dtype)
    if (compute := _LITERT_SINGLE.get(function)) is None:
        raise ValueError(f"rounding tflite defines no {function}")
    if function is Function.ELU and tuple(parameters) != (1.0,):
        raise ValueError(f"rounding tflite defines elu with alpha 1, got {parameters[0]}")
    inverse = np.float32(1) / np.float32(output_q.scale)
    return _to_codes(compute(_single_numbers(codes, input_q)) * inverse, output_q, dtype)


def _centred_codes(input_q: Quantization, dtype: npt.DTypeLike) -> Int64Array:
    low, high = code_range(dtype)
    return np.arange(low, high + 1, dtype=np.int64) - input_q.zero_point


def _single_numbers(codes: Int64Array, input_q: Quantization) -> Single:
    return np.nan_to_num(codes.astype(np.float32) * np.float32(input_q.scale))


def _to_codes(
    quotients: FloatArray | Single, output_q: Quantization, dtype: npt.DTypeLike
) -> IntArray:
    """Rounds to nearest, ties away from zero, adds the zero point and saturates."""
    near = np.clip(quotients.astype(np.float64), -_FAR, _FAR)
    whole = np.trunc(near)
    rounded = whole + np.where(np.abs(near - whole) >= 0.5, np.sign(near), 0)
    return saturate(rounded.astype(np.int64) + output_q.zero_point, dtype)


def _check_float32(*encodings: Quantization) -> None:
    for encoding in encodings:
        with np.errstate(over="ignore", under="ignore"):
            scale = float(np.float32(encoding.scale))
        if not 0 < scale < math.inf:
            raise ValueError(f"scale must be positive and finite in float32, got {encoding.scale}")


def _elu(x: FloatArray, alpha: float) -> FloatArray:
    return np.where(x < 0, alpha * np.expm1(x), x)


def _erf(x: FloatArray) -> FloatArray:
    return np.array([math.erf(number) for number in x.tolist()])


def _gelu(x: FloatArray) -> FloatArray:
    return x * erfc(x * -math.sqrt(0.5)) / 2


def _gelu_tanh(x: FloatArray) -> FloatArray:
    """The hyperbolic tangent as an exponential, so that nothing cancels where it is near -1."""
    return x * _sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


def _hard_sigmoid(x: FloatArray, alpha: float, beta: float) -> FloatArray:
    return np.clip(alpha * x + beta, 0, 1)


def _hard_swish(x: FloatArray) -> FloatArray:
    return x * np.clip(x + 3, 0, 6) / 6


def _leaky_relu(x: FloatArray, alpha: float) -> FloatArray:
    return np.where(x < 0, alpha * x, x)


def _log(x: FloatArray) -> FloatArray:
    return np.log(np.maximum(x, 0))


def _sigmoid(x: FloatArray) -> FloatArray:
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


def _softplus(x: FloatArray) -> FloatArray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _sqrt(x: FloatArray) -> FloatArray:
    return np.sqrt(np.maximum(x, 0))


def _rsqrt(x: FloatArray) -> FloatArray:
    return 1 / _sqrt(x)


def _swish(x: FloatArray) -> FloatArray:
    return x * _sigmoid(x)


_REAL: dict[Function, Callable[..., FloatArray]] = {
    Function.ABS: np.abs,
    Function.ELU: _elu,
    Function.ERF: _erf,
    Function.EXP: np.exp,
    Function.GELU: _gelu,
    Function.GELU_TANH: _gelu_tanh,
    Function.HARD_SIGMOID: _hard_sigmoid,
    Function.HARD_SWISH: _hard_swish,
    Function.LEAKY_RELU: _leaky_relu,
    Function.LOG: _log,
    Function.RECIPROCAL: np.reciprocal,
    Function.RSQRT: _rsqrt,
    Function.SIGMOID: _sigmoid,
    Function.SOFTPLUS: _softplus,
    Function.SQRT: _sqrt,
    Function.SWISH: _swish,
    Function.TANH: np.tanh,
}

_LITERT_SINGLE: dict[Function, Callable[[Single], Single]] = {
    Function.ELU: litert.elu,
    Function.EXP: litert.exp,
    Function.GELU: litert.gelu,
    Function.GELU_TANH: litert.gelu_tanh,
    Function.LOG: litert.log,
    Function.SIGMOID: litert.sigmoid,
    Function.TANH: litert.tanh,
}

_LITERT_FIXED: dict[Function, Callable[..., Int64Array]] = {
    Function.ABS: litert.absolute,
    Function.HARD_SWISH: litert.hard_swish,
    Function.LEAKY_RELU: litert.leaky_relu,
    Function.RSQRT: litert.rsqrt,
    Function.SQRT: litert.sqrt,
}
