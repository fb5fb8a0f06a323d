"""The files in `filecheck/dialects` keep up with the operations and their constraints."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdsl.parser import Parser
from xdsl.utils.exceptions import ParseError, VerifyException

from sima_mlir import make_context
from sima_mlir.dialects import pointwise, qnn, sima
from sima_mlir.dialects.qnn import QNN
from sima_mlir.dialects.sima import (
    SIMA,
    CertificateAttr,
    RequantizingOperation,
    WeightedOperation,
)

FILES = Path(__file__).parents[2] / "filecheck" / "dialects"
INVALID = sorted(FILES.glob("*/*-invalid.mlir"))
ROUND_TRIPS = sorted(set(FILES.glob("*/*.mlir")) - set(INVALID))

LABEL = re.compile(r"\(([CPRW]\d+)\)")
FUNCTION = re.compile(r"func\.func @(\w+)")
CHECK = re.compile(r"^// CHECK: (.*)$", re.MULTILINE)

OPERATIONS = [
    pytest.param(dialect.name, op, id=op.name)
    for dialect in (QNN, SIMA)
    for op in dialect.operations
]
LABELLED = [
    *(
        (f"{d.name}/{op.name.removeprefix(f'{d.name}.')}", op)
        for d in (QNN, SIMA)
        for op in d.operations
    ),
    ("qnn/pointwise", pointwise.PointwiseOperation),
    ("qnn/quantization", qnn.QuantizationAttr.verify),
    ("sima/certificate", CertificateAttr.verify),
    ("sima/requantizing", RequantizingOperation),
    ("sima/weighted", WeightedOperation),
]


def cases() -> Iterator[object]:
    for path in INVALID:
        for part in path.read_text().split("// -----\n"):
            (name,), (message,) = FUNCTION.findall(part), CHECK.findall(part)
            yield pytest.param(part, message, id=f"{path.parent.name}-{name}")


@pytest.mark.parametrize(("dialect", "operation"), OPERATIONS)
def test_every_operation_has_a_round_trip(dialect: str, operation: type):
    stem = operation.name.removeprefix(f"{dialect}.")
    text = (FILES / dialect / f"{stem}.mlir").read_text()
    assert f" = {operation.name} " in text
    assert f' = "{operation.name}"(' in text


@pytest.mark.parametrize(("stem", "labelled"), LABELLED, ids=[stem for stem, _ in LABELLED])
def test_every_labelled_constraint_has_a_negative_test(stem: str, labelled: object):
    labels = {label.lower() for label in LABEL.findall(inspect.getdoc(labelled) or "")}
    names = FUNCTION.findall((FILES / f"{stem}-invalid.mlir").read_text())
    prefix = stem.rpartition("/")[2] + "_"
    tested = {name.removeprefix(prefix).split("_")[0] for name in names}
    assert labels
    assert tested == labels


@pytest.mark.parametrize("module", [pointwise, qnn, sima], ids=lambda m: m.__name__)
def test_no_other_class_has_labels(module: object):
    classes = {
        c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == module.__name__
    }
    labelled = {c for c in classes if LABEL.search(c.__doc__ or "")}
    assert labelled <= {value for _, value in LABELLED}


@pytest.mark.parametrize(
    "path", [*INVALID, *ROUND_TRIPS], ids=lambda p: f"{p.parent.name}-{p.stem}"
)
def test_every_file_begins_with_what_it_guards(path: Path):
    comment, run, _ = path.read_text().partition("\n// RUN: ")
    assert re.fullmatch(r"(// .*\n?)+\.", comment)
    assert comment.startswith("// Fails when ")
    assert run


@pytest.mark.parametrize(("text", "message"), list(cases()))
def test_every_negative_test_fails_for_its_reason_alone(text: str, message: str):
    with pytest.raises((ParseError, VerifyException)) as error:
        Parser(make_context(), text).parse_module().verify()
    assert re.search(rf"^\s*{re.escape(message)}$", str(error.value), re.MULTILINE)
