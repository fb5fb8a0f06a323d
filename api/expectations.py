"""Diagnostics that a file says will be made of it: `expected-error {{…}}`, as in mlir-opt.

A comment `expected-error {{text}}` expects an error on its line whose message contains the text;
`expected-warning`, `-remark` and `-note` likewise. `@+2`, `@-1`, `@above` and `@below` move the
line: `@below` is the next line without an expectation, `@above` the last one, `@unknown` nowhere.
In `expected-error-re {{text {{[0-9]+}} text}}` what stands in inner braces is a regular expression.

Source: MLIR, `SourceMgrDiagnosticVerifierHandler`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sima_mlir.diagnostics import Diagnostic, Remark, Severity, SimaError, file_location, place_of

_EXPECTATION = re.compile(
    r"expected-(?P<kind>error|note|remark|warning)(?P<regex>-re)? *"
    r"(?:@(?P<place>[+-]\d+|above|below|unknown))? *\{\{(?P<text>.*)\}\}\s*$"
)
_MOST_DIGITS = 12
"""Of a distance between lines; one that has more leads out of any file all the same."""

_INNER = re.compile(r"\{\{(.*?)\}\}")


@dataclass
class Expectation:
    """A diagnostic that is expected; line 0 is nowhere."""

    written: int
    """The line that it stands on."""
    column: int
    severity: Severity
    line: int
    text: str
    pattern: re.Pattern[str]
    is_met: bool = False


def check_expectations(name: str, text: str, diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Returns an error for each diagnostic that `text` does not expect, and for each that it does.

    `name` is that of the file which the text is read from, with the line numbers of the text.

    Raises `SimaError` where an expectation is no regular expression, or is of a line that is not
    there.
    """
    expectations = list(_expectations(name, text))
    unexpected = [d for d in diagnostics if not _meet(name, expectations, d)]
    errors = [_unexpected(diagnostic, expectations, name) for diagnostic in unexpected]
    for expected in expectations:
        if not expected.is_met:
            place = file_location(name, expected.written, expected.column)
            message = f'expected {expected.severity} "{expected.text}" was not produced'
            errors.append(Diagnostic("error", place, message))
    return errors


def _expectations(name: str, text: str) -> Iterator[Expectation]:
    lines = text.removesuffix("\n").split("\n")
    matches = {n: m for n, line in enumerate(lines, 1) if (m := _EXPECTATION.search(line))}
    for number, match in matches.items():
        place = file_location(name, number, match.start() + 1)
        line = _line(match["place"], number, matches.keys())
        if match["place"] != "unknown" and not 0 < line <= len(lines):
            raise SimaError.of(
                f"expected {match['kind']} is of line {line}, which is not there", place
            )
        try:
            pattern = _pattern(match["text"], is_regex=match["regex"] is not None)
        except (re.error, OverflowError, RecursionError) as error:
            message = f"expected {match['kind']} has no regular expression: {error}"
            raise SimaError.of(message, place) from None
        severity = _SEVERITIES[match["kind"]]
        yield Expectation(number, match.start() + 1, severity, line, match["text"], pattern)


_SEVERITIES: dict[str, Severity] = {
    "error": "error",
    "note": "note",
    "remark": "remark",
    "warning": "warning",
}


def _line(place: str | None, number: int, expecting: Iterable[int]) -> int:
    """Returns the line that an expectation is of, which stands on line `number`."""
    match place:
        case None:
            return number
        case "unknown":
            return 0
        case "above" | "below":
            step = 1 if place == "below" else -1
            taken = set(expecting)
            while number in taken:
                number += step
            return number
        case _:
            return number + int(place[:_MOST_DIGITS])


def _pattern(text: str, *, is_regex: bool) -> re.Pattern[str]:
    if not is_regex:
        return re.compile(re.escape(text))
    parts = _INNER.split(text)
    return re.compile("".join(p if i % 2 else re.escape(p) for i, p in enumerate(parts)))


def _meet(name: str, expectations: Sequence[Expectation], diagnostic: Diagnostic) -> bool:
    """Marks the expectation that a diagnostic meets, if there is one."""
    for expected in _fitting(name, expectations, diagnostic):
        if expected.severity == diagnostic.severity:
            expected.is_met = True
            return True
    return False


def _fitting(
    name: str, expectations: Sequence[Expectation], diagnostic: Diagnostic
) -> Iterator[Expectation]:
    """Yields the expectations of a diagnostic's line that its message meets."""
    file, line, _ = place_of(diagnostic.location)
    if file not in (name, None):
        return
    for expected in expectations:
        if expected.line == line and expected.pattern.search(_message(diagnostic)):
            yield expected


def _unexpected(
    diagnostic: Diagnostic, expectations: Sequence[Expectation], name: str
) -> Diagnostic:
    other = next(_fitting(name, expectations, diagnostic), None)
    message = f"unexpected {diagnostic.severity}: {_message(diagnostic)}"
    if other is not None:
        message = f"{diagnostic.severity} made where {other.severity} was expected: {other.text}"
    return Diagnostic("error", diagnostic.location, message)


def _message(diagnostic: Diagnostic) -> str:
    if isinstance(diagnostic, Remark) and diagnostic.severity != "error":
        return f"[{diagnostic.kind}] {diagnostic.message}"
    return diagnostic.message
