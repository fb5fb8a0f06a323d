"""Every guard of a pass is refused once in `filecheck/passes`, with its reason and its remedy."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECKS = re.findall(
    r"^// [A-Z]+(?:-NEXT)?: (.*left in qnn: .*|.*cannot be lowered: .*|.*' op .*; .*)$",
    "\n".join(p.read_text() for p in sorted((ROOT / "filecheck/passes").glob("*/*.mlir"))),
    re.MULTILINE,
)
REFUSING = {"Refusal": (0, 1), "refuse_value_errors": (None, 1)}
"""The arguments that are a reason, where the pass words it, and a remedy."""


def value_of(name: str, line: int, tree: ast.AST) -> ast.expr | None:
    """What a name was last given before a line."""
    values = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and node.lineno < line
        and [target.id for target in node.targets if isinstance(target, ast.Name)] == [name]
    ]
    return max(values, key=lambda node: node.lineno).value if values else None


def pattern_of(expression: ast.expr | None, tree: ast.AST) -> str | None:
    """The regular expression of a text: each value in it stands for anything."""
    match expression:
        case ast.Constant(value=str(text)):
            return re.escape(text)
        case ast.JoinedStr(values=parts):
            return "".join(pattern_of(part, tree) or ".*" for part in parts)
        case ast.Name(id=name, lineno=line):
            return pattern_of(value_of(name, line, tree), tree)
        case _:
            return None


def guards() -> Iterator[object]:
    for path in sorted((ROOT / "passes").glob("*.py")):
        tree = ast.parse(path.read_text())
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            if call.func.id not in REFUSING or len(call.args) != 2:
                continue
            reason, remedy = (
                ".*" if n is None else pattern_of(call.args[n], tree) or ".*"
                for n in REFUSING[call.func.id]
            )
            if (reason, remedy) != (".*", ".*"):
                yield pytest.param(reason, remedy, id=f"{path.stem}-{call.lineno}")


@pytest.mark.parametrize(("reason", "remedy"), list(guards()))
def test_every_refusal_is_tested_with_its_remedy(reason: str, remedy: str):
    wanted = re.compile(f"{reason}; {remedy}")
    assert any(wanted.search(check) for check in CHECKS)


def test_there_are_guards():
    assert len(list(guards())) > 20
