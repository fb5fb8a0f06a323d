"""Pieces that the definitions of both dialects are made of: constraints, formats, base classes."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Generic, cast

import numpy as np
from typing_extensions import TypeVar
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    DenseArrayBase,
    IntegerAttr,
    TensorType,
    i32,
    i64,
)
from xdsl.ir import Attribute, Data, Operation, SpacedOpaqueSyntaxAttribute, SSAValue
from xdsl.irdl import (
    AnyOf,
    AttrConstraint,
    IntConstraint,
    IRDLOperation,
    VerificationContext,
    opt_prop_def,
)
from xdsl.irdl.declarative_assembly_format import (
    AttributeVariable,
    CustomDirective,
    ParsingState,
    PrintingState,
    irdl_custom_directive,
)
from xdsl.parser import AttrParser, Parser
from xdsl.printer import Printer
from xdsl.traits import OpTrait
from xdsl.utils.exceptions import VerifyException

from sima_mlir.dialects import shapes
from sima_mlir.dialects.elements import array_values, dense_array, dtype_of
from sima_mlir.dialects.shapes import Window, make_output_padding, make_window
from sima_mlir.quantization import code_range

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)


@dataclass(frozen=True)
class TensorOf(AttrConstraint[TensorType[Any]]):
    """A ranked tensor of static shape with one of a few element types."""

    element_types: tuple[Attribute, ...]

    def verify(self, attr: Attribute, constraint_context: VerificationContext) -> None:
        """Raises `VerifyException` naming the types that would do and the one that is there."""
        if not isinstance(attr, TensorType):
            raise VerifyException(f"must be a tensor of {self.describe()}, got {attr}")
        tensor = cast(TensorType[Attribute], attr)
        if tensor.element_type not in self.element_types:
            raise VerifyException(f"must be a tensor of {self.describe()}, got {tensor}")
        if DYNAMIC_INDEX in tensor.get_shape():
            raise VerifyException(f"must have a static shape, got {tensor}")

    def describe(self) -> str:
        """Lists the element types as a person would."""
        *names, last = (str(t) for t in self.element_types)
        return f"{', '.join(names)} or {last}" if names else last

    def get_bases(self) -> set[type[Attribute]]:
        """Tells xDSL that only tensor types fit."""
        return {TensorType}

    def mapping_type_vars(
        self, type_var_mapping: Mapping[TypeVar, AttrConstraint | IntConstraint]
    ) -> AttrConstraint[TensorType[Any]]:
        """Returns the constraint itself: it has no type variables."""
        return self


def tensor_of(*element_types: Attribute) -> TensorOf:
    """Constrains a value to ranked static tensors of the given element types."""
    return TensorOf(element_types)


class ChoiceAttribute(Data[ChoiceT], SpacedOpaqueSyntaxAttribute, ABC, Generic[ChoiceT]):
    """One of the names of an enumeration, written `#dialect<attribute name>`.

    As xDSL's `EnumAttribute`, for enumerations that know nothing of xDSL.
    """

    choices: ClassVar[type[StrEnum]]

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> ChoiceT:
        """Parses one of the names, or says which there are."""
        position = parser.pos
        text = parser.parse_identifier()
        if text not in list(cls.choices):
            names = ", ".join(cls.choices)
            parser.raise_error(f"expected one of {names}, got {text}", position, parser.pos)
        return cast(ChoiceT, cls.choices(text))

    def print_parameter(self, printer: Printer) -> None:
        """Prints the name."""
        printer.print_string(self.data)


def parse_i32(parser: AttrParser) -> int:
    """Parses an integer, or says that it does not fit into an i32."""
    position = parser.pos
    value = parser.parse_integer(allow_boolean=False)
    low, high = code_range(dtype_of(i32))
    if not low <= value <= high:
        parser.raise_error(f"integer must be in {low}..{high}, got {value}", position, parser.pos)
    return value


class DistinctProperties(OpTrait):
    """No discardable attribute has the name of a property.

    `qnn.conv %x, %w {strides = array<i64: 2, 2>}` would otherwise read as a convolution with
    default strides and a note.
    """

    def verify(self, op: Operation) -> None:
        """Raises `VerifyException` naming the first attribute that hides a property."""
        for name in cast(IRDLOperation, op).get_irdl_definition().properties:
            if name in op.attributes:
                raise VerifyException(f"{name} is a property, got a discardable attribute")


PER_CHANNEL = AnyOf.get(IntegerAttr.constr(i32), DenseArrayBase.constr(i32))
"""An i32 for all channels, or a list with one for each."""


@irdl_custom_directive
class PerChannel(CustomDirective):
    """An i32 that is the same for all channels, or a list with one per channel: `9`, `[9, 8]`."""

    value: AttributeVariable

    def parse(self, parser: Parser, state: ParsingState) -> None:
        """Parses an integer or a list of them."""
        values = parser.parse_optional_comma_separated_list(
            parser.Delimiter.SQUARE, lambda: parse_i32(parser)
        )
        if values is None:
            self.value.set(state, IntegerAttr(parse_i32(parser), i32))
        else:
            self.value.set(state, dense_array(values, i32))

    def print(self, printer: Printer, state: PrintingState, op: IRDLOperation) -> None:
        """Prints an integer or a list of them."""
        attribute = self.value.get(op)
        state.print_whitespace(printer)
        if isinstance(attribute, DenseArrayBase):
            values: list[int] = array_values(cast(DenseArrayBase, attribute)).tolist()
            with printer.in_square_brackets():
                printer.print_list(values, printer.print_int)
        elif isinstance(attribute, IntegerAttr):
            printer.print_int(attribute.value.data)

    def is_present(self, op: IRDLOperation) -> bool:
        """Says whether the attribute is there, for optional groups."""
        return self.value.is_present(op)

    def is_anchorable(self) -> bool:
        """Allows the directive to anchor an optional group."""
        return self.value.is_anchorable()


class WindowOperation(IRDLOperation, ABC):
    """An operation whose window slides over the spatial axes of N…C data.

    `strides` defaults to 1 for each axis; `padding` lists the taps before each axis, then those
    after each, and defaults to 0.
    """

    strides = opt_prop_def(DenseArrayBase.constr(i64))
    padding = opt_prop_def(DenseArrayBase.constr(i64))

    def window(self, rank: int) -> Window:
        """Returns the window with its defaults filled in.

        Raises `ValueError` when a list has the wrong length or a value that is too small.
        """
        return make_window(rank, _ints(self.strides), _ints(self.padding))


class DilatedWindowOperation(WindowOperation, ABC):
    """A window whose taps lie `dilations` apart, 1 by default."""

    dilations = opt_prop_def(DenseArrayBase.constr(i64))

    def window(self, rank: int) -> Window:
        """Returns the window with its defaults filled in.

        Raises `ValueError` when a list has the wrong length or a value that is too small.
        """
        return make_window(rank, _ints(self.strides), _ints(self.padding), _ints(self.dilations))


class TransposedWindowOperation(WindowOperation, ABC):
    """A window that each element of the data is spread over, `strides` apart.

    `padding` lists the elements cut off before each spatial axis of what that gives, then those
    after each; `output_padding` adds elements after each axis, 0 by default.
    """

    output_padding = opt_prop_def(DenseArrayBase.constr(i64))

    def added(self, rank: int) -> tuple[int, ...]:
        """Returns the output padding with its default filled in.

        Raises `ValueError` when it has the wrong length or a negative value.
        """
        return make_output_padding(rank, _ints(self.output_padding))


WINDOW_FORMAT = "(`strides` `=` $strides^)? (`padding` `=` $padding^)?"
DILATED_WINDOW_FORMAT = WINDOW_FORMAT + " (`dilations` `=` $dilations^)?"
TRANSPOSED_WINDOW_FORMAT = WINDOW_FORMAT + " (`output_padding` `=` $output_padding^)?"


def window_properties(window: Window, *, dilated: bool) -> dict[str, Attribute | None]:
    """Returns the properties of a window, leaving out what is the default."""
    properties: dict[str, Attribute | None] = {
        "strides": _unless(window.strides, 1),
        "padding": _unless(window.padding, 0),
    }
    return properties | ({"dilations": _unless(window.dilations, 1)} if dilated else {})


def transposed_window_properties(
    window: Window, output_padding: tuple[int, ...]
) -> dict[str, Attribute | None]:
    """As `window_properties`, for a transposed window."""
    properties = window_properties(window, dilated=False)
    return properties | {"output_padding": _unless(output_padding, 0)}


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """Returns the shape of a tensor value."""
    return cast(TensorType[Attribute], value.type).get_shape()


def element_type(value: SSAValue) -> Attribute:
    """Returns the element type of a tensor value."""
    return cast(TensorType[Attribute], value.type).element_type


def verify_shape(value: SSAValue, infer: Callable[[], Sequence[int]], name: str = "result") -> None:
    """Checks a value's shape against the one that the operands give.

    Raises `VerifyException` with both shapes, or with what `infer` finds wrong.
    """
    try:
        expected = tuple(infer())
    except ValueError as error:
        raise VerifyException(str(error)) from None
    if shape_of(value) != expected:
        raise VerifyException(
            f"{name} must have shape {dimensions(expected)}, got {dimensions(shape_of(value))}"
        )


def verify_pool(
    op: WindowOperation, data: SSAValue, pool_size: DenseArrayBase, result: SSAValue
) -> None:
    """Checks shapes and element types of a pool."""
    sizes = array_values(pool_size).tolist()

    def infer() -> tuple[int, ...]:
        rank = shapes.check_pool(shape_of(data), sizes)
        return shapes.pool_shape(shape_of(data), sizes, op.window(rank))

    verify_shape(result, infer)
    verify_same_element_type(result, data)


def verify_last_axis(data: SSAValue) -> None:
    """Checks that a value has a last axis with something on it."""
    sizes = shape_of(data)[-1:]
    if not sizes:
        raise VerifyException("data must have at least 1 axis, got 0")
    if not sizes[0]:
        raise VerifyException("last axis of data must have at least 1 element, got 0")


def verify_per_channel(name: str, attribute: IntegerAttr | DenseArrayBase, value: SSAValue) -> None:
    """Checks that a list has one number for each channel (the last axis) of a value."""
    channels = shape_of(value)[-1:]
    if isinstance(attribute, DenseArrayBase) and (len(attribute),) != channels:
        raise VerifyException(
            f"{name} must be one value or a list of {dimensions(channels)}, got {len(attribute)}"
        )


def verify_same_type(value: SSAValue, other: SSAValue, name: str = "result") -> None:
    """Checks that two values have the same type."""
    if value.type != other.type:
        raise VerifyException(f"{name} must have type {other.type}, got {value.type}")


def verify_same_element_type(value: SSAValue, other: SSAValue) -> None:
    """Checks that a result's elements are of its operand's type."""
    wanted, given = element_type(other), element_type(value)
    if wanted != given:
        raise VerifyException(f"result must have element type {wanted}, got {given}")


def verify_code(name: str, value: int, integer: Attribute) -> None:
    """Checks that a number is a code of an integer type."""
    low, high = code_range(dtype_of(integer))
    if not low <= value <= high:
        raise VerifyException(f"{name} must be in {low}..{high}, got {value}")


def verify_float32(name: str, value: float) -> None:
    """Checks that a real number that is used in float32 is positive and finite there."""
    with np.errstate(over="ignore", under="ignore"):
        rounded = float(np.float32(value))
    if not 0 < rounded < math.inf:
        raise VerifyException(f"{name} must be positive and finite in float32, got {value}")


def verify_range(name: str, low: int, high: int, integer: Attribute) -> None:
    """Checks that `low..high` is a range of codes of an integer type."""
    if low > high:
        raise VerifyException(f"{name} min must be at most its max, got {low} and {high}")
    verify_code(f"{name} min", low, integer)
    verify_code(f"{name} max", high, integer)


def dimensions(shape: Sequence[int]) -> str:
    """Writes a shape as MLIR does, `1x8x8x3`; a scalar's is `()`."""
    return "x".join(str(size) for size in shape) or "()"


def _ints(attribute: DenseArrayBase | None) -> tuple[int, ...] | None:
    return None if attribute is None else tuple(array_values(attribute).tolist())


def _unless(values: tuple[int, ...], default: int) -> DenseArrayBase | None:
    return None if all(v == default for v in values) else dense_array(values, i64)
