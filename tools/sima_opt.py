"""`sima-opt`: reads a model or IR, runs passes on it, and prints IR.

IR goes to stdout or to the file given by `-o`, which is written whole or not at all; everything
for people goes to stderr. Exit codes: 0 done, 1 the input was refused, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sima_mlir.tools.command import (
    DONE,
    REFUSED,
    WRONG_USAGE,
    add_common_options,
    guard,
    open_text,
    report,
    standard_stream,
)

if TYPE_CHECKING:
    from xdsl.context import Context
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

_SEPARATOR = "// -----"
_STDIN = "-"


class _Parser(argparse.ArgumentParser):
    def format_help(self) -> str:
        from sima_mlir.tools.listing import list_passes

        return f"{super().format_help()}\npasses:\n{list_passes()}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tool on the given arguments, those of the process by default."""
    parser = _make_parser()
    options = parser.parse_args(arguments)
    if options.split_input_file and options.format == "tflite":
        parser.error("argument --split-input-file: not allowed with -f tflite")
    return guard(lambda: _run(options), debug=options.debug)


def _make_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="sima-opt",
        description="Reads a quantized network or IR, runs passes on it, and prints IR.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("input", nargs="?", default=_STDIN, help="a .mlir or .tflite file; - is stdin")
    add("-o", metavar="FILE", dest="output", help="write there instead of to stdout")
    add("-f", "--format", choices=("mlir", "tflite"), help="what the input is, whatever its name")
    pipeline = parser.add_mutually_exclusive_group()
    pipeline.add_argument(
        "-p", "--passes", metavar="PIPELINE", help="as for xdsl-opt: 'canonicalize,cse'"
    )
    pipeline.add_argument(
        "--pass-pipeline", metavar="PIPELINE", help="as for mlir-opt: 'builtin.module(cse)'"
    )
    add("--mlir-print-op-generic", action="store_true", help="print the generic form")
    add("--mlir-print-debuginfo", action="store_true", help="print locations")
    add("--allow-unregistered-dialect", action="store_true", help="read unknown operations too")
    add(
        "--split-input-file",
        action="store_true",
        help=f"process the parts of an mlir input between lines '{_SEPARATOR}' on their own",
    )
    add_common_options(parser)
    return parser


def _run(options: argparse.Namespace) -> int:
    from sima_mlir import SimaError, parse_pipeline, write

    try:
        passes = parse_pipeline(options.passes or options.pass_pipeline or "")
    except SimaError as error:
        report(*error.diagnostics)
        return WRONG_USAGE
    refused = False
    modules: list[tuple[Context, ModuleOp]] = []
    for name, data, format in _read_inputs(options):
        try:
            modules.append(_process(options, passes, name, data, format))
        except SimaError as error:
            report(*error.diagnostics)
            refused = True
    if refused and (options.output is not None or not modules):
        return REFUSED
    with open_text(options.output) as stream:
        for number, (ctx, module) in enumerate(modules):
            if number:
                stream.write(f"\n{_SEPARATOR}\n\n")
            write(
                ctx,
                module,
                stream,
                generic=options.mlir_print_op_generic,
                debuginfo=options.mlir_print_debuginfo,
            )
    return REFUSED if refused else DONE


def _read_inputs(options: argparse.Namespace) -> Iterator[tuple[str, bytes, str]]:
    """Yields name, bytes and format of each input: one, unless it is to be split."""
    from sima_mlir.loading import format_of, read_file

    if options.input == _STDIN:
        name, data, format = "<stdin>", standard_stream("stdin").read(), options.format or "mlir"
    else:
        name, data = options.input, read_file(options.input)
        format = options.format or format_of(options.input)
    if not options.split_input_file:
        yield name, data, format
        return
    for part in _split(data):
        yield name, part, format


def _split(data: bytes) -> Iterator[bytes]:
    """Yields the parts of a text between separators, each with its line numbers kept."""
    lines = 0
    for part in re.split(rb"^// -----[^\n]*$", data, flags=re.MULTILINE):
        yield b"\n" * lines + part
        lines += part.count(b"\n")


def _process(
    options: argparse.Namespace,
    passes: Sequence[ModulePass],
    name: str,
    data: bytes,
    format: str,
) -> tuple[Context, ModuleOp]:
    """Returns the module after the passes, in a context of its own."""
    from sima_mlir import make_context, read, run_pipeline

    ctx = make_context(allow_unregistered=options.allow_unregistered_dialect)
    module = read(ctx, data, name, format)
    report(*run_pipeline(ctx, module, passes))
    return ctx, module
