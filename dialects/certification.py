"""Whether a certificate is true: its bound, computed anew from an operation and its source.

A source is a dictionary of properties of `qnn` operations. All of them have `output_q` and
`rounding`; `clamp`, where the operation has one, is equal. Beside these,

* `sima.conv`, `sima.conv_transpose` and `sima.dense` have `input_q`, the encoding of the products,
  `input_zero_point` and, where they are not zero, `bias`; `weight`, where it is not the
  operation's own; and `strides`, `padding`, `dilations` and `output_padding`, which are equal to
  the operation's;
* `sima.requantize` and `sima.mean` have `input_q`;
* `sima.batch_matmul` has `input_q`, the encoding of the products, `lhs_zero_point` and
  `rhs_zero_point`;
* `sima.add`, `sima.subtract` and `sima.mul` have `lhs_q` and `rhs_q`.

`input_codes` says which codes the operand is known to have, if not all. What a source states of
the operation itself, and what the two dialects compute in the same way, is not repeated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import (
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    DictionaryAttr,
    IntegerAttr,
    i8,
    i32,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.utils.exceptions import VerifyException

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.definitions import dimensions, element_type, shape_of
from sima_mlir.dialects.elements import (
    Array,
    array_values,
    dtype_of,
    elements,
    elements_type,
)
from sima_mlir.dialects.ranges import reachable_codes
from sima_mlir.quantization import (
    FixedPointAdd,
    FoldedAdd,
    Layer,
    Quantization,
    Rounding,
    add_fixed_point,
    add_folded,
    code_range,
    fixed_point_add,
    fixed_point_multiply,
    mean_multiplier,
    product_ratio,
    product_sum_range,
    quantize_multiplier,
    scale_ratio,
)
from sima_mlir.quantization.error_bounds import (
    Codes,
    EmittedLayer,
    InputDistribution,
    StepFunction,
    layer_error,
    layer_rms,
    phases,
    step_error,
    step_rms,
)

AttributeT = TypeVar("AttributeT", bound=Attribute)

_COMMON = {"output_q", "rounding", "clamp"}
_WEIGHTED = _COMMON | {"input_q", "input_zero_point", "input_codes", "weight", "bias"}
_ENTRIES: dict[str, set[str]] = {
    "sima.add": _COMMON | {"lhs_q", "rhs_q"},
    "sima.batch_matmul": _COMMON | {"input_q", "lhs_zero_point", "rhs_zero_point"},
    "sima.conv": _WEIGHTED | {"strides", "padding", "dilations"},
    "sima.conv_transpose": _WEIGHTED | {"strides", "padding", "output_padding"},
    "sima.dense": _WEIGHTED,
    "sima.mean": _COMMON | {"input_q", "input_codes"},
    "sima.mul": _COMMON | {"lhs_q", "rhs_q"},
    "sima.requantize": _COMMON | {"input_q", "input_codes"},
    "sima.subtract": _COMMON | {"lhs_q", "rhs_q"},
}
"""What the source of each operation may have."""


class Errors(NamedTuple):
    """How far results are from the source's, in codes of the result."""

    bound: Callable[[], int]
    """The largest error that any operand can give."""
    rms: Callable[[], float]
    """The expected root mean square error, for independent codes that are all equally likely.

    For a mean and a product of matrices it is over sums that are all equally likely.
    """


def errors_of(
    op: sima.RequantizingOperation, source: DictionaryAttr, ctx: Context | None = None
) -> Errors:
    """Returns how an operation's results differ from those of its source.

    `ctx` holds the blobs of `dense_resource`.

    Raises `ValueError` when the source is not complete or does not fit the operation, and when
    the data of a resource is not there.
    """
    quoted = _Source(source, ctx)
    _check_entries(op, source)
    match op:
        case sima.WeightedOperation():
            return _layer_errors(op, quoted)
        case sima.SumOperation():
            return _add_errors(op, quoted)
        case sima.MulOp():
            return _mul_errors(op, quoted)
        case sima.MeanOp():
            return _step_errors(*_mean_steps(op, quoted))
        case sima.BatchMatmulOp():
            return _step_errors(*_matmul_steps(op, quoted))
        case sima.RequantizeOp():
            return _step_errors(*_requantize_steps(op, quoted))
        case _:
            raise ValueError(f"'{op.name}' takes no certificate")


def verify_certificate(op: sima.RequantizingOperation, ctx: Context | None = None) -> None:
    """Checks that the bound that an operation promises holds.

    Without `ctx`, one whose constants are in a `dense_resource` is left unchecked.

    Raises `VerifyException` when it does not hold or cannot be told.
    """
    if op.certificate is None or (ctx is None and rests_on_resources(op)):
        return
    try:
        bound = errors_of(op, op.certificate.source, ctx).bound()
    except (ValueError, OverflowError) as error:
        raise VerifyException(f"certificate cannot be checked: {error}") from None
    if bound > (claimed := op.certificate.max_error.value.data):
        raise VerifyException(f"certificate must have max_error at least {bound}, got {claimed}")


def rests_on_resources(op: sima.RequantizingOperation) -> bool:
    """Whether constants that a certificate is checked with are in a `dense_resource`."""
    if op.certificate is None:
        return False
    constants = (*op.properties.values(), *op.certificate.source.data.values())
    return any(isinstance(constant, DenseResourceAttr) for constant in constants)


@dataclass
class _Source:
    """The entries of a source, each of the kind that is wanted."""

    entries: DictionaryAttr
    ctx: Context | None

    def optional(self, name: str, kind: type[AttributeT]) -> AttributeT | None:
        given = self.entries.data.get(name)
        if given is not None and not isinstance(given, kind):
            raise ValueError(f"its source's {name} must be a {kind.name}, got {given}")
        return given

    def required(self, name: str, kind: type[AttributeT]) -> AttributeT:
        if (given := self.optional(name, kind)) is None:
            raise ValueError(f"its source must have {name}, got none")
        return given

    def channels(self, name: str) -> qnn.QuantizationAttr:
        return self.required(name, qnn.QuantizationAttr)

    def encoding(self, name: str, value: SSAValue) -> Quantization:
        """Returns the one encoding of a value, whose zero point is a code of it."""
        given = self.channels(name)
        if given.channels != 1:
            raise ValueError(f"its source's {name} must have 1 scale, got {given.channels}")
        _check_code(f"{name}'s zero point", given.zero_point, value)
        return given.per_tensor()

    @property
    def rounding(self) -> Rounding:
        return self.required("rounding", qnn.RoundingAttr).data

    def array(self, name: str, wanted: Attribute) -> Array | None:
        given = self.entries.data.get(name)
        if given is None:
            return None
        if not isinstance(given, DenseIntOrFPElementsAttr | DenseResourceAttr):
            raise ValueError(f"its source's {name} must be a constant tensor, got {given}")
        constant = cast("DenseResourceAttr", given)
        if elements_type(constant).element_type != wanted:
            kind = elements_type(constant)
            raise ValueError(f"its source's {name} must be a tensor of {wanted}, got {kind}")
        return elements(constant, self.ctx)

    def input_codes(self, data: SSAValue) -> Codes:
        codes = _codes(
            "its source's input_codes", self.optional("input_codes", DenseArrayBase), data
        )
        low, high = reachable_codes(data)
        if not codes[0] <= low <= high <= codes[1]:
            reach = f"must cover the operand's {low}..{high}, got {codes[0]}..{codes[1]}"
            raise ValueError(f"its source's input_codes {reach}")
        return codes


def _check_entries(op: sima.RequantizingOperation, source: DictionaryAttr) -> None:
    """Checks the names of a source's entries, and those that the operation has too."""
    allowed = _ENTRIES.get(op.name, set())
    for name, given in source.data.items():
        if name not in allowed:
            raise ValueError(f"its source must not have {name}, got {given}")
    for name in sima.QUOTED_PROPERTIES:
        given, own = source.data.get(name), op.properties.get(name)
        if given != own and name in allowed:
            raise ValueError(
                f"its source's {name} must be {own or 'absent'}, got {given or 'none'}"
            )


def _codes(what: str, given: DenseArrayBase | None, value: SSAValue) -> Codes:
    """Returns the range that a pair of codes gives, by default that of a value's type."""
    allowed = code_range(dtype_of(element_type(value)))
    if given is None:
        return allowed
    limits: list[int] = array_values(given).tolist() if given.elt_type == i32 else []
    if len(limits) != 2 or not allowed[0] <= limits[0] <= limits[1] <= allowed[1]:
        raise ValueError(f"{what} must be two codes in order, got {given}")
    return limits[0], limits[1]


def _check_code(what: str, given: IntegerAttr[Any], value: SSAValue) -> None:
    """Checks that an i32 of a source is a code of a value."""
    low, high = code_range(dtype_of(element_type(value)))
    if given.type != i32 or not low <= given.value.data <= high:
        raise ValueError(f"its source's {what} must be an i32 in {low}..{high}, got {given}")


def _output_codes(op: sima.RequantizingOperation) -> Codes:
    return _codes("clamp", op.clamp, op.results[0])


def _layer_errors(op: sima.WeightedOperation, source: _Source) -> Errors:
    layer, emitted = _layer(op, source), _emitted(op, source.ctx)
    input_codes, output_codes = source.input_codes(op.data), _output_codes(op)
    strides = ()
    if isinstance(op, sima.ConvTransposeOp):
        strides = op.window(len(shape_of(op.data)) - 2).strides

    def bound() -> int:
        codes = {"input_codes": input_codes, "output_codes": output_codes}
        errors = (
            layer_error(part.layer, source.rounding, part.emitted, **codes, target=op.target)
            for part in phases(layer, emitted, strides)
        )
        return max(int(error.max(initial=0)) for error in errors)

    def rms() -> float:
        uniform = InputDistribution.uniform(input_codes)
        parts = list(phases(layer, emitted, strides))
        given = {"output_codes": output_codes}
        squares = [
            np.mean(layer_rms(part.layer, part.emitted, uniform, **given, target=op.target) ** 2)
            for part in parts
        ]
        return float(np.sqrt(np.average(squares, weights=[part.share for part in parts])))

    return Errors(bound, rms)


def _layer(op: sima.WeightedOperation, source: _Source) -> Layer:
    given = source.required("input_zero_point", IntegerAttr)
    _check_code("input_zero_point", given, op.data)
    zero_point = given.value.data
    own = op.properties.get("input_zero_point")
    if isinstance(own, IntegerAttr) and own != given:
        reason = f"must be {own.value.data}, got {zero_point}"
        raise ValueError(f"its source's input_zero_point {reason}")
    weight, product_q = source.array("weight", i8), source.channels("input_q")
    return Layer(
        elements(op.weight, source.ctx) if weight is None else weight,
        source.array("bias", elements_type(op.bias).element_type),
        zero_point,
        product_q.scale,
        np.array([product_q.zero_point.value.data]),
        source.encoding("output_q", op.result),
        isinstance(op, sima.DenseOp),
    )


def _emitted(op: sima.WeightedOperation, ctx: Context | None) -> EmittedLayer:
    weight, bias = elements(op.weight, ctx), elements(op.bias, ctx)
    if not op.is_tflite:
        return EmittedLayer.folded(weight, bias, array_values(op.shift))
    scale, zero_point, rounding = _multiplication(op)
    return EmittedLayer(weight, bias, scale, array_values(op.shift), zero_point, rounding)


def _multiplication(op: sima.RequantizingOperation) -> tuple[Array, int, Rounding]:
    """Returns scale, zero point and contract of a `tflite` requantization, which R2 says it has."""
    scale = cast("DenseArrayBase", op.scale_correction)
    zero_point = cast("IntegerAttr[Any]", op.zero_point_correction).value.data
    return array_values(scale), zero_point, cast("sima.RoundingAttr", op.rounding).data


def _step_errors(source: StepFunction, emitted: StepFunction, count: int) -> Errors:
    return Errors(
        lambda: int(step_error(source, emitted, count).max(initial=0)),
        lambda: float(np.sqrt(np.mean(step_rms(source, emitted, count) ** 2))),
    )


def _requantize_steps(
    op: sima.RequantizeOp, source: _Source
) -> tuple[StepFunction, StepFunction, int]:
    return _channel_steps(op, source.input_codes(op.data), source)


def _mean_steps(op: sima.MeanOp, source: _Source) -> tuple[StepFunction, StepFunction, int]:
    input_q, output_q, rounding = _encodings(op, source)
    axes: list[int] = array_values(op.axes).tolist()
    count = math.prod(shape_of(op.data)[axis] for axis in axes)
    ratio = float(scale_ratio(input_q.scale, output_q.scale)[0])
    constants = mean_multiplier(ratio, count, rounding)
    low, high = (count * code for code in source.input_codes(op.data))
    zero_point = count * input_q.zero_point.value.data
    return _scaled_steps(op, (low, high), zero_point, constants, source)


def _matmul_steps(
    op: sima.BatchMatmulOp, source: _Source
) -> tuple[StepFunction, StepFunction, int]:
    operands: list[tuple[Codes, int]] = []
    for name, value in (("lhs_zero_point", op.lhs), ("rhs_zero_point", op.rhs)):
        own, given = op.properties[name], source.required(name, IntegerAttr)
        if own != given:
            raise ValueError(f"its source's {name} must be {own}, got {given}")
        codes = code_range(dtype_of(element_type(value)))
        operands.append((codes, given.value.data))
    low, high = product_sum_range(op.inner_size(), *operands)
    if low < -(1 << 31) or high >= 1 << 31:
        raise ValueError(f"its source's sums must fit 32 bits, got {low}..{high}")
    return _channel_steps(op, (low, high), source)


def _channel_steps(
    op: sima.BatchMatmulOp | sima.RequantizeOp, sums: tuple[int, int], source: _Source
) -> tuple[StepFunction, StepFunction, int]:
    """Returns the steps of a requantization that may have a scale for each channel."""
    input_q, output_q, rounding = _encodings(op, source)
    if input_q.channels not in (1, *shape_of(op.result)[-1:]):
        wanted = f"1 or {dimensions(shape_of(op.result)[-1:])} scales"
        raise ValueError(f"its source's input_q must have {wanted}, got {input_q.channels}")
    constants = quantize_multiplier(scale_ratio(input_q.scale, output_q.scale), rounding)
    return _scaled_steps(op, sums, input_q.zero_point.value.data, constants, source)


def _encodings(
    op: sima.BatchMatmulOp | sima.RequantizeOp | sima.MeanOp, source: _Source
) -> tuple[qnn.QuantizationAttr, Quantization, Rounding]:
    input_q = source.channels("input_q")
    return input_q, source.encoding("output_q", op.result), source.rounding


def _scaled_steps(
    op: sima.BatchMatmulOp | sima.RequantizeOp | sima.MeanOp,
    sums: tuple[int, int],
    zero_point: int,
    constants: tuple[Array, Array],
    source: _Source,
) -> tuple[StepFunction, StepFunction, int]:
    """Returns both results as functions of how far a sum, of codes say, is above the least."""
    low, high = sums
    output_q, codes = source.encoding("output_q", op.result), _output_codes(op)
    bias = op.bias.value.data
    shift, scale = array_values(op.shift), array_values(cast("DenseArrayBase", op.scale_correction))
    channels = np.broadcast_shapes((1,), *map(np.shape, (constants[0], shift, scale)))
    least = np.full(channels, low, np.int64)
    first = StepFunction.of(
        least - zero_point, 1, *constants, output_q.zero_point, source.rounding, codes
    )
    if op.is_tflite:
        second = StepFunction.of(least + bias, 1, scale, shift, *_multiplication(op)[1:], codes)
    else:
        start = least * scale + bias
        second = StepFunction.of(start, scale, 1, shift, 0, Rounding.UPWARD, codes)
    return first, second, high - low + 1


def _add_errors(op: sima.SumOperation, source: _Source) -> Errors:
    lhs_q, rhs_q, output_q = _pair_encodings(op, source)
    wanted = fixed_point_add(lhs_q, rhs_q, output_q, source.rounding)
    emitted, dtype = _emitted_add(op), dtype_of(element_type(op.result))

    def error() -> Array:
        if emitted == wanted:
            return np.zeros(1, np.int64)
        pair = _all_pairs(code_range(dtype))
        first = add_fixed_point(*pair, wanted, dtype, sign=op.sign)
        if isinstance(emitted, FoldedAdd):
            second = add_folded(*pair, emitted, dtype, sign=op.sign)
        else:
            second = add_fixed_point(*pair, emitted, dtype, sign=op.sign)
        clamp = _output_codes(op)
        return np.subtract(np.clip(second, *clamp), np.clip(first, *clamp), dtype=np.int64)

    return _listed_errors(error)


def _mul_errors(op: sima.MulOp, source: _Source) -> Errors:
    lhs_q, rhs_q, output_q = _pair_encodings(op, source)
    ratio = product_ratio(lhs_q, rhs_q, output_q, source.rounding)
    constants = quantize_multiplier(ratio, source.rounding)
    scale, shift = _only("scale_correction", op.scale_correction), _only("shift", op.shift)

    def error() -> Array:
        lhs, rhs = _all_pairs(code_range(dtype_of(element_type(op.lhs))))
        products = (lhs - lhs_q.zero_point) * (rhs - rhs_q.zero_point)
        first = fixed_point_multiply(products, *constants, source.rounding) + output_q.zero_point
        own = (lhs - op.lhs_zero_point.value.data) * (rhs - op.rhs_zero_point.value.data)
        if op.is_tflite:
            _, zero_point, rounding = _multiplication(op)
            second = fixed_point_multiply(own, scale, shift, rounding) + zero_point
        else:
            acc = own * scale + op.bias.value.data
            second = fixed_point_multiply(acc, 1, shift, Rounding.UPWARD)
        clamp = _output_codes(op)
        return np.clip(second, *clamp) - np.clip(first, *clamp)

    return _listed_errors(error)


def _pair_encodings(
    op: sima.SumOperation | sima.MulOp, source: _Source
) -> tuple[Quantization, Quantization, Quantization]:
    lhs_q, rhs_q = source.encoding("lhs_q", op.lhs), source.encoding("rhs_q", op.rhs)
    return lhs_q, rhs_q, source.encoding("output_q", op.result)


def _listed_errors(error: Callable[[], Array]) -> Errors:
    """Returns what follows from the errors of all operands, which are equally likely."""
    return Errors(lambda: int(np.abs(error()).max()), lambda: float(np.sqrt(np.mean(error() ** 2))))


def _all_pairs(codes: Codes) -> tuple[Array, Array]:
    """Returns every pair of codes, as two arrays that broadcast."""
    low, high = codes
    values: Array = np.arange(low, high + 1)
    return values[:, None], values


def _only(name: str, values: IntegerAttr[Any] | DenseArrayBase | None) -> int:
    """Returns the only value of what may be a list with one for each channel."""
    numbers = array_values(cast("DenseArrayBase", values))
    if len(numbers) != 1:
        raise ValueError(f"{name} must be one value, got {len(numbers)}")
    return int(numbers[0])


def _emitted_add(op: sima.SumOperation) -> FixedPointAdd | FoldedAdd:
    scales = op.lhs_scale.value.data, op.rhs_scale.value.data
    shift = _only("shift", op.shift)
    if not op.is_tflite:
        return FoldedAdd(*scales, op.bias.value.data, shift)
    names = ("left_shift", "lhs_zero_point", "lhs_shift", "rhs_zero_point", "rhs_shift")
    given = {name: cast("IntegerAttr[Any]", op.properties[name]).value.data for name in names}
    _, zero_point, rounding = _multiplication(op)
    return FixedPointAdd(
        lhs_scale=scales[0],
        rhs_scale=scales[1],
        scale=_only("scale_correction", op.scale_correction),
        shift=shift,
        zero_point=zero_point,
        rounding=rounding,
        **given,
    )
