"""Textual IR to a module whose operations know where they were written."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from itertools import chain, count
from typing import Any, TypeAlias, cast

from xdsl.context import Context
from xdsl.dialect_interfaces.op_asm import OpAsmDialectInterface
from xdsl.dialects.builtin import (
    UNKNOWN_LOC,
    AnyFloat,
    BytesAttr,
    ComplexType,
    DenseIntOrFPElementsAttr,
    FileLineColLoc,
    IndexType,
    IntAttr,
    IntegerType,
    ModuleOp,
    RankedStructure,
    StringAttr,
    TensorType,
)
from xdsl.ir import AttributeInvT, Operation, SSAValue
from xdsl.parser import (
    AttrParser,
    ForwardDeclaredValue,
    Parser,
    ParserState,
    Position,
    Span,
    UnresolvedOperand,
)
from xdsl.utils.exceptions import ParseError, VerifyException
from xdsl.utils.lexer import Input
from xdsl.utils.mlir_lexer import MLIRLexer, MLIRTokenKind

from sima_mlir.diagnostics import SimaError, describe, file_location, tidy

DenseElement: TypeAlias = AnyFloat | IntegerType | IndexType | ComplexType[Any]

_SPLAT = re.compile(r"<\s*[-+.\w]+\s*>", re.ASCII)
"""A `dense<…>` with one value for all elements, which is neither a list nor a string."""

_LARGEST_CONSTANT = 2**31 - 1
"""How many bytes one value may be repeated to."""

_ALIGNMENT_BYTES = 4
"""A blob begins with its alignment, a little-endian u32."""


def parse(ctx: Context, text: str | bytes, name: str = "<stdin>") -> ModuleOp:
    """Parses textual IR, which `name` stands for in locations; does not verify it.

    An operation without a location gets the place of its name, counted in characters from 1. The
    data of `dense_resource` is put into `ctx`, under another key where the key is taken by other
    data. As in MLIR, a resource may lack its data (printers can leave it out).

    Raises `SimaError` with the place of the first error.
    """
    source = text if isinstance(text, str) else _decode(text, name)
    try:
        return LocatingParser(ctx, source, name).parse_module()
    except ParseError as error:
        place = error.span.get_location()
        location = file_location(place.file, place.line, place.col)
        raise SimaError.of(tidy(error.msg), location) from error


def _decode(text: bytes, name: str) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        before = text[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode()) + 1
        location = file_location(name, before.count(b"\n") + 1, column)
        byte = text[error.start]
        raise SimaError.of(f"text must be UTF-8, got byte 0x{byte:02x}", location) from None


class _Lexer(MLIRLexer):
    """xDSL's lexer, but for the time that it takes to refuse a string without an end.

    That doubles with each character; with possessive quantifiers it is linear.
    """

    _unescaped_characters_regex = re.compile(r'"(?:[^"\\\n\v\f]++|\\(?:["nt\\]|[0-9A-Fa-f]{2}))*+"')


class LocatingParser(Parser):
    """xDSL's parser, with locations, with resources of the context, and without tracebacks."""

    def __init__(self, ctx: Context, text: str, name: str):
        super().__init__(ctx, "", name)
        self._parser_state = ParserState(_Lexer(Input(text, name)))
        self._file = StringAttr(name)
        self._lines = [0, *(newline.end() for newline in re.finditer("\n", text))]
        self._open: list[Position] = []
        """Where the operations begin that are being parsed, the innermost last."""
        self._forward_uses: dict[SSAValue, Span[str]] = {}
        self._blobs: dict[tuple[str, str], str] = {}
        """The data that the text gives, by dialect and key."""
        self._keys: dict[tuple[str, str], str] = {}
        """The key in the context of each that the text uses."""
        self._metadata: dict[Position, Position] = {}
        """Where each `{-# … #-}` begins and where it ends."""

    def parse_module(self, allow_implicit_module: bool = True) -> ModuleOp:
        """Parses the whole text; as for MLIR, an empty one is an empty module.

        Raises `ParseError`, whatever went wrong.
        """
        try:
            self._parse_metadata_ahead()
            empty = self._current_token.kind is MLIRTokenKind.EOF
            module = ModuleOp([]) if empty else super().parse_module(allow_implicit_module)
        except ParseError as error:
            raise self._relocate(error) from error
        except Exception as error:
            position = self._open[-1] if self._open else self.pos
            span = Span(position, position, self.lexer.input)
            raise ParseError(span, describe(error)) from error
        if module.location is UNKNOWN_LOC:
            module.location = file_location(self._file.data)
        return module

    def _relocate(self, error: ParseError) -> ParseError:
        """Moves an error to where it belongs, if xDSL puts it at the token that comes next."""
        if error.span is not self._current_token.span:
            return error
        if error.msg.startswith("values used but not defined"):
            name, values = next(iter(self.forward_ssa_references.items()))
            span = self._forward_uses[next(iter(values.values()))]
            return ParseError(span, f"value %{name} is used but not defined")
        end = self._end_of_previous_line(error.span.start)
        return ParseError(Span(end, end, self.lexer.input), error.msg)

    def _end_of_previous_line(self, position: Position) -> Position:
        """Returns, for the first token of a line, where the text before it ends; as MLIR does."""
        text = self.lexer.input.content[:position]
        end = len(text.rstrip())
        comment = "//" in text[text.rfind("\n", 0, end) + 1 : end]
        return end if end and "\n" in text[end:] and not comment else position

    def parse_operation(self) -> Operation:
        """Parses an operation and gives it its place, unless it says another."""
        depth = len(self._open)
        op = super().parse_operation()
        # xDSL's default is this very object, which a written `loc(unknown)` is not.
        if op.location is UNKNOWN_LOC:
            op.location = self._location(self._open[depth])
        del self._open[depth:]
        return op

    def _parse_op_result_list(self) -> list[tuple[Span[str], int]]:
        results = super()._parse_op_result_list()
        self._open.append(self.pos)
        return results

    def _parse_alias_def(self) -> None:
        self._open.append(self.pos)
        super()._parse_alias_def()
        self._open.pop()

    def _location(self, position: Position) -> FileLineColLoc:
        line = bisect_right(self._lines, position)
        column = position - self._lines[line - 1] + 1
        return FileLineColLoc(self._file, IntAttr(line), IntAttr(column))

    def resolve_operand(
        self, operand: UnresolvedOperand, type: AttributeInvT
    ) -> SSAValue[AttributeInvT]:
        """Resolves an operand, remembering the first use of one that is not defined yet."""
        value = super().resolve_operand(operand, type)
        if isinstance(value, ForwardDeclaredValue):
            self._forward_uses.setdefault(value, operand.span)
        return value

    class _TensorLiteralElement(AttrParser._TensorLiteralElement):  # pyright: ignore[reportPrivateUsage]
        """An element of `dense<[…]>`; xDSL takes the bits of a float for an integer's value."""

        def to_type(self, parser: AttrParser, type: DenseElement) -> Any:
            """Converts the element; a hexadecimal one is the bits of a float, as in MLIR."""
            if not isinstance(type, AnyFloat) or not self.span.text.startswith("0x"):
                return super().to_type(parser, type)
            bits = cast(int, self.value).to_bytes(type.compile_time_size, "little")
            return type.unpack(bits, 1)[0]

    def parse_dense_int_or_fp_elements_attr(
        self, type: RankedStructure[Any] | None
    ) -> DenseIntOrFPElementsAttr[Any]:
        """Parses `dense<…>`; one value for all elements is repeated as bytes, not as objects."""
        if _SPLAT.match(self.lexer.input.content, self.pos) is None:
            return super().parse_dense_int_or_fp_elements_attr(type)
        position = self.pos
        self.parse_punctuation("<")
        element = self._parse_tensor_literal_element()
        self.parse_punctuation(">")
        if type is None:
            self.parse_punctuation(":")
            type = self._parse_dense_literal_type()
        count, one = math.prod(type.get_shape()), TensorType(type.element_type, [])
        try:
            value = cast(Any, element.to_type(self, type.element_type))
            data = DenseIntOrFPElementsAttr.from_list(one, [value]).data.data
        except ParseError as error:
            self.raise_error(error.msg, position, self.pos)
        except ValueError as error:
            self.raise_error(describe(error), position, self.pos)
        except (AssertionError, NotImplementedError, VerifyException):
            self.raise_error(f"value is not an element of {type}", position, self.pos)
        if not 0 <= count * len(data) <= _LARGEST_CONSTANT:
            most = f"a static shape and at most {_LARGEST_CONSTANT} bytes"
            self.raise_error(f"constant must have {most}, got {type}", position, self.pos)
        return DenseIntOrFPElementsAttr(type, BytesAttr(data * count))

    def _parse_metadata_ahead(self) -> None:
        """Parses every `{-# … #-}` before all else.

        Whether a key is taken by other data is then known where it is first used.
        """
        text = self.lexer.input.content
        begin, start = self.pos, text.find("{-#")
        while start >= 0:
            if not text[text.rfind("\n", 0, start) + 1 : start].strip():
                self._resume_from(start)
                super()._parse_file_metadata_dictionary()
                self._metadata[start] = self.pos
            start = text.find("{-#", max(self._metadata.get(start, 0), start + 1))
        if self._metadata:
            self._resume_from(begin)

    def _parse_file_metadata_dictionary(self) -> None:
        if self.pos not in self._metadata:
            self.raise_error("'{-#' must begin a line")
        self._resume_from(self._metadata[self.pos])

    def _parse_dialect_resource_handle(
        self, dialect_name: str, interface: OpAsmDialectInterface
    ) -> str:
        handle = dialect_name, self.parse_identifier_or_str_literal(" for resource handle")
        if handle not in self._keys:
            blob = self._blobs.get(handle)
            self._keys[handle] = _store(interface, handle[1], blob)
        return self._keys[handle]

    def _parse_resource(self, dialect_name: str, interface: OpAsmDialectInterface) -> None:
        start = self._current_token.span
        key = self.parse_identifier_or_str_literal(" for resource handle")
        self.parse_punctuation(":")
        blob = self.parse_str_literal()
        if (fault := _fault_of_blob(blob)) is not None:
            self.raise_error(f"resource '{key}' {fault}", start)
        if self._blobs.setdefault((dialect_name, key), blob) != blob:
            self.raise_error(f"resource '{key}' is defined twice, with other data", start)

    def _parse_external_resources(self) -> None:
        self.raise_error("external resources are not supported")


def _store(interface: OpAsmDialectInterface, key: str, blob: str | None) -> str:
    """Puts data under a key, or a numbered one if the key is taken; returns the key.

    The same data is stored once. A resource without data gets a key of its own.
    """
    for candidate in chain([key], (f"{key}_{number}" for number in count())):
        held = interface.lookup(candidate)
        if held is None:
            interface.declare_resource(candidate)
            if blob is not None:
                interface.parse_resource(candidate, blob)
            return candidate
        if held == blob:
            return candidate
    raise AssertionError("unreachable")


def _fault_of_blob(blob: str) -> str | None:
    """Returns what is wrong with the text of a resource's data, if anything."""
    digits = blob[2:]
    if not blob.startswith("0x") or len(digits) % 2 or not _is_hexadecimal(digits):
        return f"must be a hexadecimal string, got {tidy(repr(blob[:20]))}"
    header = bytes.fromhex(digits[: 2 * _ALIGNMENT_BYTES])
    if len(header) < _ALIGNMENT_BYTES:
        return f"must begin with {_ALIGNMENT_BYTES} bytes of alignment, got {len(header)}"
    alignment = int.from_bytes(header, "little")
    if alignment & (alignment - 1):
        return f"must be aligned to a power of two, got {alignment}"
    return None


def _is_hexadecimal(digits: str) -> bool:
    try:
        # `fromhex` skips spaces, which then are missing from the length.
        return 2 * len(bytes.fromhex(digits)) == len(digits)
    except ValueError:
        return False
