"""Diagnostics print as MLIR's do, in one line of bounded size."""

import struct

import pytest
from xdsl.dialects.builtin import (
    CallSiteLoc,
    FusedLoc,
    NameLoc,
    NoneAttr,
    StringAttr,
    UnknownLoc,
)
from xdsl.utils.exceptions import VerifyException

from sima_mlir.diagnostics import Diagnostic, SimaError, describe, file_location, source_name, tidy

FILE = file_location("f.mlir", 3, 4)
NAME = NameLoc(StringAttr("conv"), NoneAttr())


# What mlir-opt 22 prints for the same locations, except for a name without a file.
@pytest.mark.parametrize(
    ("location", "place"),
    [
        (FILE, "f.mlir:3:4: "),
        (NameLoc(StringAttr("conv"), FILE), "f.mlir:3:4: "),
        (CallSiteLoc(FILE, NAME), "f.mlir:3:4: "),
        (FusedLoc((NAME, FILE), NoneAttr()), "f.mlir:3:4: "),
        (UnknownLoc(), "<unknown>:0: "),
        (NAME, 'loc("conv"): '),
        (file_location("f.mlir"), "f.mlir: "),
        (None, ""),
    ],
)
def test_a_location_prints_as_its_nearest_place(location, place):
    assert str(Diagnostic("error", location, "no")) == f"{place}error: no"


def test_an_error_prints_all_its_diagnostics():
    error = SimaError([Diagnostic("error", FILE, "no"), Diagnostic("note", None, "why")])
    assert str(error) == "f.mlir:3:4: error: no\nnote: why"


def test_the_source_name_is_the_innermost():
    inner = NameLoc(StringAttr("inner"), FILE)
    assert source_name(NameLoc(StringAttr("outer"), inner)) == "inner"
    assert source_name(FILE) is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Expected a number.", "expected a number"),
        ("does not verify:\n  got 3", "does not verify: got 3"),
        ("SSA value!", "SSA value"),
        ("", ""),
    ],
)
def test_a_message_is_one_line_in_our_style(text, line):
    assert tidy(text) == line


def test_a_message_that_prints_a_weight_is_cut_in_the_middle():
    message = tidy("begin " + "0" * 10**7 + " end")
    assert len(message) < 600
    assert message.startswith("begin 0")
    assert message.endswith("0 end")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (VerifyException("Bad"), "bad"),
        (struct.error("byte format"), "byte format"),
        (RecursionError("maximum recursion depth exceeded"), "nested too deeply"),
        (KeyError("x"), "KeyError: 'x'"),
        (AssertionError(), "AssertionError"),
    ],
)
def test_an_exception_not_meant_for_users_is_named(error, text):
    assert describe(error) == text
