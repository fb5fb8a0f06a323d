"""The passes as `sima-opt --help` lists them."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from xdsl.passes import ModulePass

from sima_mlir.pipeline import available_passes, stands_for
from sima_mlir.universe import SIMA_UNIVERSE

_WIDTH = 100


def list_passes() -> str:
    """Returns a text with every pass and its summary, and its options with theirs; ours first."""
    lines: list[str] = []
    passes = available_passes()
    for name in sorted(passes, key=lambda name: (name not in SIMA_UNIVERSE.all_passes, name)):
        pass_type = passes[name]()
        lines += _entry(f"  {name}", _summary(pass_type))
        lines += _entries_of_options(pass_type)
    return "\n".join(lines) + "\n"


def _entries_of_options(pass_type: type[ModulePass]) -> Iterator[str]:
    options = fields(pass_type)
    documentation = _documentation_of_fields(pass_type) if options else {}
    for option in options:
        yield from _entry(f"    {_option(option)}", documentation.get(option.name, ""))


def _entry(head: str, text: str) -> Iterator[str]:
    """Yields a head, and the text beside it or, where the head is long, below it."""
    yield head
    indent = " " * 8
    yield from textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _summary(pass_type: type[ModulePass]) -> str:
    """Returns the first sentence of a pass's docstring, not of one that dataclasses made up."""
    text = pass_type.__doc__ or ""
    if text.startswith(f"{pass_type.__name__}("):
        return ""
    summary = " ".join(inspect.cleandoc(text).partition("\n\n")[0].split())
    names = ", ".join(stands_for(pass_type))
    return f"{summary} Stands for {names}." if names else summary


def _option(field: Field[Any]) -> str:
    name = field.name.replace("_", "-")
    if field.default is MISSING:
        return f"{name}=<value>"
    default = field.default
    return f"{name}={str(default).lower() if isinstance(default, bool) else default}"


def _documentation_of_fields(pass_type: type[ModulePass]) -> dict[str, str]:
    """Returns the strings that stand below the fields of a class, which Python forgets."""
    documentation: dict[str, str] = {}
    for owner in pass_type.__mro__:
        if "__annotations__" in vars(owner) and is_dataclass(owner):
            documentation = _strings_below_fields(owner) | documentation
    return documentation


def _strings_below_fields(owner: type) -> dict[str, str]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    assert isinstance(definition, ast.ClassDef)
    documentation: dict[str, str] = {}
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                documentation[name] = " ".join(text.split())
            case _:
                pass
    return documentation
