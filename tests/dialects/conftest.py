"""Text to module and back, for the tests of both dialects."""

from __future__ import annotations

import inspect
import io
import re
import textwrap
from collections.abc import Callable

import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.irdl import IRDLOperation
from xdsl.parser import Parser
from xdsl.printer import Printer

from sima_mlir import make_context


def example_of(operation: type[IRDLOperation]) -> str:
    """Returns what follows `Example:`, wrapped in a function that takes its operands."""
    docstring = inspect.getdoc(operation) or ""
    _, example = docstring.split("\nExample:\n")
    ir = textwrap.dedent(example).strip()
    _, *operands = re.findall(r"%\w+", ir)
    types = re.findall(r"tensor<[^>]*>", ir.rsplit(": (", 1)[1])
    arguments = ", ".join(f"{o}: {t}" for o, t in zip(operands, types, strict=False))
    return f"func.func @example({arguments}) {{\n{ir}\nreturn\n}}"


def parse_text(text: str) -> ModuleOp:
    module = Parser(make_context(), text).parse_module()
    module.verify()
    return module


def show_module(module: ModuleOp, *, generic: bool = False, attributes: bool = False) -> str:
    stream = io.StringIO()
    printer = Printer(
        stream,
        print_generic_format=generic or attributes,
        print_properties_as_attributes=attributes,
    )
    printer.print_op(module)
    return stream.getvalue()


def check_fixed_point(module: ModuleOp) -> None:
    """Prints and reads a module in the custom form, the generic one, and with `{attr}`.

    What is read from `{attr}` is compared in the custom form: xDSL keeps the order of `<{…}>` but
    not that of `{…}`.
    """
    for generic in (False, True):
        text = show_module(module, generic=generic)
        again = parse_text(text)
        assert show_module(again, generic=generic) == text
        assert again.is_structurally_equivalent(module)
    again = parse_text(show_module(module, attributes=True))
    assert show_module(again) == show_module(module)
    assert again.is_structurally_equivalent(module)


@pytest.fixture(scope="session")
def example() -> Callable[[type[IRDLOperation]], str]:
    return example_of


@pytest.fixture(scope="session")
def parse() -> Callable[[str], ModuleOp]:
    return parse_text


@pytest.fixture(scope="session")
def show() -> Callable[..., str]:
    return show_module


@pytest.fixture(scope="session")
def assert_fixed_point() -> Callable[[ModuleOp], None]:
    return check_fixed_point
