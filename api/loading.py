"""Files to modules, by format."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from sima_mlir.diagnostics import Diagnostic, SimaError, file_location
from sima_mlir.reader import parse

FORMATS = ("mlir", "tflite", "onnx")
"""The formats that can be read; a file's suffix says which it has."""


def load(
    ctx: Context, path: str | PathLike[str], format: str | None = None, *, partial: bool = False
) -> ModuleOp:
    """Reads a file, whose suffix gives its format unless `format` does; does not verify it.

    `partial` is that of `read`.

    Raises `SimaError` when there is no such file, when it cannot be read, when its format is not
    known, and for what `read` refuses.
    """
    data = read_file(path)
    folder = Path(path).parent
    return read(ctx, data, str(path), format or format_of(path), folder, partial=partial)


def read_file(path: str | PathLike[str]) -> bytes:
    """Returns the bytes of a file; raises `SimaError` when it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SimaError.of(f"cannot read '{path}': {reason_of(error)}") from error


def read(
    ctx: Context,
    data: bytes,
    name: str = "<stdin>",
    format: str = "mlir",
    folder: Path | None = None,
    *,
    partial: bool = False,
) -> ModuleOp:
    """Returns the module that the bytes of a file hold, which `name` stands for in locations.

    `folder` is where an ONNX model may keep data outside its file. With `partial`, the operators on
    floats at its end that have no form in integers are left out, and what they read is returned.
    What was assumed about a model, or left out, is a remark of the context, of kind `Analysis`.

    Raises `SimaError` when the format is not known or the bytes are not of it.
    """
    match format:
        case "mlir":
            return parse(ctx, data, name)
        case "tflite":
            return _read_tflite(data, name)
        case "onnx":
            return _read_onnx(ctx, data, name, folder, partial)
        case _:
            raise SimaError.of(f"format must be one of {', '.join(FORMATS)}, got '{format}'")


def format_of(path: str | PathLike[str]) -> str:
    """Returns the format that a file's suffix stands for; raises `SimaError` for another."""
    format = Path(path).suffix.removeprefix(".").lower()
    if format not in FORMATS:
        suffixes = ", ".join(f".{known}" for known in FORMATS)
        raise SimaError.of(f"cannot tell the format of '{path}', its suffix is none of {suffixes}")
    return format


def reason_of(error: OSError) -> str:
    """Returns why the operating system refused, as `no such file or directory`."""
    return (error.strerror or str(error)).lower()


def _read_tflite(data: bytes, name: str) -> ModuleOp:
    from sima_mlir.frontends.tflite import import_tflite

    return _imported(lambda: import_tflite(data, name), name)


def _read_onnx(
    ctx: Context, data: bytes, name: str, folder: Path | None, partial: bool
) -> ModuleOp:
    from sima_mlir.frontends.onnx import import_onnx
    from sima_mlir.passes.diagnostics import Finding, RemarkKind, remark

    assumptions: list[str] = []
    report = assumptions.append
    module = _imported(
        lambda: import_onnx(data, name, folder, partial=partial, report=report), name
    )
    for assumption in assumptions:
        remark(ctx, Finding(RemarkKind.ANALYSIS, module, assumption))
    return module


def _imported(convert: Callable[[], ModuleOp], name: str) -> ModuleOp:
    """Returns a converted model; what is wrong with it becomes a `SimaError` at the file."""
    from sima_mlir.frontends import ModelError

    try:
        return convert()
    except ModelError as error:
        location = file_location(name)
        raise SimaError([Diagnostic("error", location, m) for m in error.messages]) from error
