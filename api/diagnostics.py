"""What is wrong with an input, and where, as values that print as MLIR's diagnostics do."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from xdsl.dialects.builtin import (
    ArrayAttr,
    CallSiteLoc,
    FileLineColLoc,
    FusedLoc,
    IntAttr,
    LocationAttr,
    NameLoc,
    StringAttr,
    UnregisteredOp,
)
from xdsl.ir import Attribute, Operation
from xdsl.utils.exceptions import DiagnosticException

Severity: TypeAlias = Literal["error", "warning", "remark", "note"]

_LONGEST_MESSAGE = 500
"""Characters of a message; one that prints a weight would otherwise have millions."""

_LONGEST_FILE_NAME = 100


@dataclass(frozen=True)
class Diagnostic:
    """One finding; `str` gives `file:line:col: error: message`, as MLIR prints it.

    A location without a file gives `loc("name"): …`, an unknown one `<unknown>:0: …`; without a
    location (the fault lies in no file) the line begins with the severity.
    """

    severity: Severity
    location: LocationAttr | None
    message: str

    def __str__(self) -> str:
        place = "" if self.location is None else f"{_place(self.location)}: "
        return f"{place}{self.severity}: {self.message}"


@dataclass(frozen=True)
class Remark(Diagnostic):
    """What a pass has to say of an operation: a remark, or why it had to fail.

    `str` gives `file:line:col: remark: [Passed] 'qnn.conv' op message`, with the kinds of MLIR:
    `Passed`, `Missed`, `Failure` (which is an error) and `Analysis`.
    """

    kind: str
    pass_name: str
    operation: str
    details: Mapping[str, Any]
    """The same for programs: numbers, names, reason and remedy."""

    def __str__(self) -> str:
        if self.severity == "error":
            return super().__str__()
        place = "" if self.location is None else f"{_place(self.location)}: "
        return f"{place}{self.severity}: [{self.kind}] {self.message}"

    def to_dict(self) -> dict[str, Any]:
        """Returns the remark as JSON has it: kind, pass, operation, place, message, details."""
        record: dict[str, Any] = {"kind": self.kind, "pass": self.pass_name}
        record |= {"operation": self.operation, "message": self.message}
        place = next(_places(self.location), None)
        if place is not None:
            record |= {"file": place.filename.data}
            record |= {"line": place.line.data, "column": place.column.data}
        if self.location is not None and (name := source_name(self.location)) is not None:
            record["name"] = name
        return record | {"details": dict(self.details)}


class SimaError(Exception):
    """An input was refused, for the reasons that its diagnostics give."""

    def __init__(self, diagnostics: Sequence[Diagnostic]):
        super().__init__(diagnostics)
        self.diagnostics = tuple(diagnostics)

    @classmethod
    def of(cls, message: str, location: LocationAttr | None = None) -> SimaError:
        """Returns an error with one diagnostic."""
        return cls([Diagnostic("error", location, message)])

    def __str__(self) -> str:
        return "\n".join(map(str, self.diagnostics))


def file_location(name: str, line: int = 0, column: int = 0) -> FileLineColLoc:
    """Returns a place in a file; line 0 stands for the file as a whole, as in MLIR."""
    return FileLineColLoc(StringAttr(name), IntAttr(line), IntAttr(column))


def on_operation(op: Operation, message: str, severity: Severity = "error") -> Diagnostic:
    """Returns a diagnostic at an operation: `'qnn.conv' op message`."""
    return Diagnostic(severity, op.location, f"'{operation_name(op)}' op {message}")


def operation_name(op: Operation) -> str:
    """Returns the name as written, also of an operation that is not registered."""
    return op.op_name.data if isinstance(op, UnregisteredOp) else op.name


def describe(error: BaseException) -> str:
    """Returns what an exception says, in one line in the style of our own messages.

    The exception's class is named where its text is not meant for users.
    """
    if isinstance(error, RecursionError):
        return "nested too deeply"
    text = tidy(str(error))
    if isinstance(error, DiagnosticException | ValueError | OverflowError | struct.error):
        return text
    return f"{type(error).__name__}: {text}".rstrip(": ")


def tidy(text: str) -> str:
    """Returns a text as one line of bounded size, lower-case, without a full stop."""
    if len(text) > _LONGEST_MESSAGE:
        half = _LONGEST_MESSAGE // 2
        text = f"{text[:half]} … {text[-half:]}"
    text = " ".join(text.split()).rstrip(".!")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _place(location: LocationAttr) -> str:
    for leaf in _places(location):
        name, line = leaf.filename.data, leaf.line.data
        return f"{name}:{line}:{leaf.column.data}" if line else name
    name = source_name(location)
    return "<unknown>:0" if name is None else f'loc("{name}")'


def place_of(location: LocationAttr | None) -> tuple[str | None, int, int]:
    """Returns file, line and column of a location; no file, and 0, where it has none."""
    for leaf in _places(location):
        return leaf.filename.data, leaf.line.data, leaf.column.data
    return None, 0, 0


def _places(location: LocationAttr | None) -> Iterator[FileLineColLoc]:
    """Yields the places of a location, the nearest first."""
    if location is None:
        return
    for leaf in _leaves(location):
        if isinstance(leaf, FileLineColLoc):
            yield leaf


def _leaves(location: Attribute) -> Iterator[FileLineColLoc | NameLoc]:
    """Yields the places and the names of a location, the nearest first."""
    match location:
        case FileLineColLoc():
            yield location
        case NameLoc():
            yield from _leaves(location.location)
            yield location
        case CallSiteLoc():
            yield from _leaves(location.callee)
            yield from _leaves(location.caller)
        case FusedLoc():
            for part in cast(ArrayAttr[Attribute], location.locations):
                yield from _leaves(part)
        case _:
            pass


def source_name(location: Attribute) -> str | None:
    """Returns the name that a location gives, such as that of a tensor in a model, if any."""
    names = [leaf.desc.data for leaf in _leaves(location) if isinstance(leaf, NameLoc)]
    return names[0] if names else None


def label_of(op: Operation) -> str | None:
    """Returns the name that an operation's location gives, or else the place, if it has one."""
    places = (_place(place) for place in _places(op.location) if place.line.data)
    return source_name(op.location) or next(places, None)


def saved_name(op: Operation) -> str:
    """Returns an operation's name in the source, or else its kind, fit for the name of a file."""
    name = source_name(op.location) or op.name
    return re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)[:_LONGEST_FILE_NAME]
