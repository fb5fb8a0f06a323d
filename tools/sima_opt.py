"""`sima-opt`: reads a model or IR, runs passes on it, and prints IR.

IR goes to stdout or to the file given by `-o`, which is written whole or not at all; everything
for people goes to stderr. Exit codes: 0 done, 1 the input was refused, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING

from sima_mlir.tools.command import (
    DONE,
    REFUSED,
    WRONG_USAGE,
    add_common_options,
    guard,
    open_text,
    report,
)

if TYPE_CHECKING:
    from xdsl.passes import ModulePass

_SEPARATOR = "// -----"
_STDIN = "-"


class _Parser(argparse.ArgumentParser):
    def format_help(self) -> str:
        from sima_mlir.tools.listing import list_passes

        return f"{super().format_help()}\npasses:\n{list_passes()}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tool on the given arguments, those of the process by default."""
    options = _make_parser().parse_args(arguments)
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
        help=f"process what stands between lines of '{_SEPARATOR}' on its own",
    )
    add_common_options(parser)
    return parser


def _run(options: argparse.Namespace) -> int:
    from sima_mlir import SimaError, parse_pipeline

    try:
        passes = parse_pipeline(options.passes or options.pass_pipeline or "")
    except SimaError as error:
        report(*error.diagnostics)
        return WRONG_USAGE
    name, data, format = _read_input(options)
    if not options.split_input_file:
        _process(options, passes, name, data, format)
        return DONE
    if format != "mlir":
        report_usage(f"--split-input-file is for mlir, got {format}")
        return WRONG_USAGE
    return DONE
