"""Pieces that the definitions of both dialects are made of: constraints, formats, base classes."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    DenseArrayBase,
    IntegerAttr,
    TensorType,
    i32,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import AttrConstraint, IRDLOperation, VerificationContext, opt_prop_def
from xdsl.irdl.declarative_assembly_format import (
    AttributeVariable,
    CustomDirective,
    ParsingState,
    PrintingState,
    irdl_custom_directive,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from sima_mlir.dialects.elements import array_values, dense_array
from sima_mlir.dialects.shapes import Window, make_window


@dataclass(frozen=True)
class TensorOf(AttrConstraint[TensorType[Any]]):
    """A ranked tensor of static shape with one of a few element types."""

    element_types: tuple[Attribute, ...]

    def verify(self, attr: Attribute, constraint_context: VerificationContext) -> None:
        """Raises `VerifyException` naming the types that would do and the one that is there."""
        if not isinstance(attr, TensorType):
            raise VerifyException(f"must be a tensor of {self.describe()}, got {attr}")
        tensor: TensorType[Attribute] = attr
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


def tensor_of(*element_types: Attribute) -> TensorOf:
    """Constrains a value to ranked static tensors of the given element types."""
    return TensorOf(element_types)


@irdl_custom_directive
class PerChannel(CustomDirective):
    """An i32 that is the same for all channels, or a list with one per channel: `9`, `[9, 8]`."""

    value: AttributeVariable

    def parse(self, parser: Parser, state: ParsingState) -> None:
        """Parses an integer or a list of them."""
        values = parser.parse_optional_comma_separated_list(
            parser.Delimiter.SQUARE, parser.parse_integer
        )
        if values is None:
            self.value.set(state, IntegerAttr(parser.parse_integer(), i32))
        else:
            self.value.set(state, dense_array(values, i32))

    def print(self, printer: Printer, state: PrintingState, op: IRDLOperation) -> None:
        """Prints an integer or a list of them."""
        attribute = self.value.get(op)
        state.print_whitespace(printer)
        if isinstance(attribute, DenseArrayBase):
            with printer.in_square_brackets():
                printer.print_list(array_values(attribute).tolist(), printer.print_int)
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


WINDOW_FORMAT = "(`strides` `=` $strides^)? (`padding` `=` $padding^)?"
DILATED_WINDOW_FORMAT = WINDOW_FORMAT + " (`dilations` `=` $dilations^)?"


def window_properties(window: Window, *, dilated: bool) -> dict[str, Attribute | None]:
    """Returns the properties of a window, leaving out what is the default."""
    properties: dict[str, Attribute | None] = {
        "strides": _unless(window.strides, 1),
        "padding": _unless(window.padding, 0),
    }
    return properties | ({"dilations": _unless(window.dilations, 1)} if dilated else {})


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """Returns the shape of a tensor value."""
    assert isinstance(value.type, TensorType)
    return value.type.get_shape()


def element_type(value: SSAValue) -> Attribute:
    """Returns the element type of a tensor value."""
    assert isinstance(value.type, TensorType)
    tensor: TensorType[Attribute] = value.type
    return tensor.element_type


def verify_shape(result: SSAValue, infer: Callable[[], Sequence[int]]) -> None:
    """Checks a result's shape against the one that its operands give.

    Raises `VerifyException` with both shapes, or with what `infer` finds wrong.
    """
    try:
        expected = tuple(infer())
    except ValueError as error:
        raise VerifyException(str(error)) from None
    if shape_of(result) != expected:
        raise VerifyException(
            f"result must have shape {dimensions(expected)}, got {dimensions(shape_of(result))}"
        )


def dimensions(shape: Sequence[int]) -> str:
    """Writes a shape as MLIR does, `1x8x8x3`; a scalar's is `()`."""
    return "x".join(str(size) for size in shape) or "()"


def _ints(attribute: DenseArrayBase | None) -> tuple[int, ...] | None:
    return None if attribute is None else tuple(array_values(attribute).tolist())


def _unless(values: tuple[int, ...], default: int) -> DenseArrayBase | None:
    return None if all(v == default for v in values) else dense_array(values, i64)
