"""Expected diagnostics: what is met, what is not, and on which line."""

from __future__ import annotations

import re
import subprocess
from itertools import product
from pathlib import Path

import pytest

from sima_mlir import Diagnostic, SimaError, check_expectations
from sima_mlir.diagnostics import file_location

MLIR_OPT = Path("/usr/lib/llvm-22/bin/mlir-opt")


def diagnostic(line: int, message: str = "it is wrong", severity="error", file: str = "f.mlir"):
    return Diagnostic(severity, file_location(file, line, 3) if line else None, message)


def problems(text: str, *diagnostics: Diagnostic) -> list[str]:
    return [str(d) for d in check_expectations("f.mlir", text, diagnostics)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("op // expected-error {{is wrong}}", 1),
        ("op // expected-error{{it is wrong}}", 1),
        ("// expected-error@+2 {{wrong}}\n\nop", 3),
        ("op\n// expected-error @-1 {{wrong}}", 1),
        ("// expected-error@below {{wrong}}\n// expected-remark@below {{other}}\nop", 3),
        ("op\n// expected-error@above {{wrong}}", 1),
        ("// expected-error@unknown {{wrong}}", 0),
        ("op // expected-error-re {{it {{i[rs]}} wrong}}", 1),
    ],
)
def test_an_expected_diagnostic_is_met(text: str, line: int):
    others = [diagnostic(line, "other", "remark")] if "remark" in text else []
    assert problems(text, diagnostic(line), *others) == []
    found = problems(text, *others)
    assert len(found) == 1
    assert 'error: expected error "' in found[0]
    assert found[0].endswith('" was not produced')


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        ("op", diagnostic(1), "f.mlir:1:3: error: unexpected error: it is wrong"),
        (
            "op",
            diagnostic(1, "left", "remark"),
            "f.mlir:1:3: error: unexpected remark: left",
        ),
        ("op", diagnostic(0), "error: unexpected error: it is wrong"),
        (
            "op // expected-warning {{is wrong}}",
            diagnostic(1),
            "f.mlir:1:3: error: error made where warning was expected: is wrong",
        ),
        (
            "op // expected-error {{is wrong}}",
            diagnostic(1, file="g.mlir"),
            "g.mlir:1:3: error: unexpected error: it is wrong",
        ),
        (
            "op // expected-error {{i. wrong}}",
            diagnostic(1),
            "f.mlir:1:3: error: unexpected error: it is wrong",
        ),
    ],
)
def test_an_unexpected_diagnostic_is_an_error(text: str, given: Diagnostic, expected: str):
    found = problems(text, given)
    assert found[0] == expected
    assert len(found) == 1 + text.count("expected-")


def test_an_expectation_says_where_it_stands():
    assert problems("\nop // expected-note {{here}}") == [
        'f.mlir:2:7: error: expected note "here" was not produced'
    ]


def test_a_form_feed_ends_no_line():
    assert problems("a\fb\nop // expected-error {{wrong}}", diagnostic(2)) == []


TOO_LARGE = [
    "// expected-error-re {{ {{a{99999999999} }} }}",
    f"// expected-error@+{'9' * 5000} {{{{x}}}}",
]


@pytest.mark.parametrize("text", TOO_LARGE, ids=["regex", "line"])
def test_numbers_that_are_too_large_are_refused(text: str):
    with pytest.raises(SimaError, match=r"f\.mlir:1:4: error: expected error (is of line|has no)"):
        check_expectations("f.mlir", text, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "// expected-error@-1 {{x}}",
            "f.mlir:1:4: error: expected error is of line 0, which is not there",
        ),
        (
            "// expected-error@+5 {{x}}",
            "f.mlir:1:4: error: expected error is of line 6, which is not there",
        ),
        (
            "// expected-error@below {{x}}",
            "f.mlir:1:4: error: expected error is of line 2, which is not there",
        ),
        (
            "// expected-error-re {{ {{(}} }}",
            "f.mlir:1:4: error: expected error has no regular expression: "
            "missing ), unterminated subpattern",
        ),
    ],
)
def test_a_wrong_expectation_is_refused(text: str, message: str):
    with pytest.raises(SimaError) as caught:
        check_expectations("f.mlir", text, [])
    assert str(caught.value).startswith(message)


def cases() -> list[list[str]]:
    """Modules of one error, with each way of expecting something in each place."""
    error = '"arith.constant"() : () -> i32'
    modules: list[list[str]] = []
    for kind, place, text, number in product(
        ["error", "warning", "error-re"],
        ["", "@+1 ", "@-1", "@below", " @above", "@unknown", "@+9"],
        ["requires attribute", "{{re[a-z]+}} attribute", "requires x"],
        range(4),
    ):
        lines = ["func.func private @f()", error, "func.func private @g()"]
        expectation = f"// expected-{kind}{place} {{{{{text}}}}}"
        if number == 3:
            lines[1] += f" {expectation}"
        else:
            lines.insert(number, expectation)
        modules.append(lines)
    return modules


@pytest.mark.skipif(not MLIR_OPT.exists(), reason="mlir-opt 22 is not installed")
def test_what_is_met_is_what_mlir_opt_takes(tmp_path: Path):
    modules = cases()
    file = tmp_path / "f.mlir"
    file.write_text("\n// -----\n".join("\n".join(lines) for lines in modules))
    command = [MLIR_OPT, "--verify-diagnostics", "--split-input-file", file]
    judge = subprocess.run(command, capture_output=True, text=True)
    refused = {int(n) for n in re.findall(r"f\.mlir:(\d+):\d+: error", judge.stderr)}
    start = 1
    for lines in modules:
        wrong = not refused.isdisjoint(range(start, start + len(lines)))
        start += len(lines) + 1
        (line,) = (n for n, line in enumerate(lines, 1) if line.startswith('"arith'))
        given = diagnostic(line, "'arith.constant' op requires attribute 'value'")
        try:
            found = problems("\n".join(lines), given)
        except SimaError:
            found = ["refused"]
        assert bool(found) == wrong, "\n".join(lines)
    assert 0 < len(refused) < 2 * len(modules)
