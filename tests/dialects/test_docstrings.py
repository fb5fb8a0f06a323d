"""Every operation's docstring carries one example, and the example is true."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.irdl import IRDLOperation

from sima_mlir.dialects.qnn import QNN
from sima_mlir.dialects.sima import SIMA

OPERATIONS = [*QNN.operations, *SIMA.operations]
EVERY_OPERATION = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda op: op.name)


@EVERY_OPERATION
def test_there_is_one_example_and_it_is_the_operation(
    operation: type[IRDLOperation],
    example: Callable[[type[IRDLOperation]], str],
    parse: Callable[[str], ModuleOp],
):
    function = parse(example(operation)).body.block.first_op
    assert [type(op) for op in function.body.block.ops][:-1] == [operation]


@EVERY_OPERATION
def test_the_example_is_a_fixed_point_of_printing(
    operation: type[IRDLOperation],
    example: Callable[[type[IRDLOperation]], str],
    parse: Callable[[str], ModuleOp],
    assert_fixed_point: Callable[[ModuleOp], None],
):
    assert_fixed_point(parse(example(operation)))


@EVERY_OPERATION
def test_the_example_is_written_as_it_is_printed(
    operation: type[IRDLOperation],
    example: Callable[[type[IRDLOperation]], str],
    parse: Callable[[str], ModuleOp],
    show: Callable[..., str],
):
    text = example(operation)
    printed = show(parse(text))
    (line,) = [line.strip() for line in printed.splitlines() if f"{operation.name} " in line]
    assert line in " ".join(text.split())


@EVERY_OPERATION
def test_the_summary_is_one_sentence_of_what_is_computed(operation: type[IRDLOperation]):
    summary = (inspect.getdoc(operation) or "").split("\n\n")[0]
    assert re.fullmatch(r"[A-Z][a-z]+s [^.]*(\.\d[^.]*)*\.", summary.replace("\n", " "))
