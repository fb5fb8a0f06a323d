"""`sima-opt`: reads a model or IR, runs passes on it, and prints IR.

IR goes to stdout or to the file given by `-o`, which is written whole or not at all; everything
for people goes to stderr. Exit codes: 0 done, 1 the input was refused, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from sima_mlir.tools.progress import shown_progress
from sima_mlir.tools.watching import (
    Watchers,
    add_watching_options,
    describe_pipeline,
    make_watchers,
)

if TYPE_CHECKING:
    from xdsl.context import Context
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

    from sima_mlir.diagnostics import Diagnostic

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
    if options.verify_diagnostics and options.format not in (None, "mlir"):
        parser.error(f"argument --verify-diagnostics: not allowed with -f {options.format}")
    if options.split_input_file and options.format not in (None, "mlir"):
        parser.error(f"argument --split-input-file: not allowed with -f {options.format}")
    if options.remarks_output_file is not None:
        remarks, output = (_path(p) for p in (options.remarks_output_file, options.output))
        if remarks == output != os.devnull:
            parser.error("argument --remarks-output-file: the IR is written there")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # small products wait longer than they compute
    return guard(lambda: _run(options), debug=options.debug)


def _path(name: str | None) -> str:
    """Returns where an output goes: the path of a file, or `-`."""
    return os.path.realpath(name) if name not in (None, _STDIN) else _STDIN


def _make_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="sima-opt",
        description="Reads a quantized network or IR, runs passes on it, and prints IR.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("input", nargs="?", default=_STDIN, help="a .mlir, .tflite or .onnx file; - is stdin")
    add("-o", metavar="FILE", dest="output", help="write there instead of to stdout")
    add(
        "-f",
        "--format",
        choices=("mlir", "tflite", "onnx"),
        help="what the input is, whatever its name",
    )
    pipeline = parser.add_mutually_exclusive_group()
    pipeline.add_argument(
        "-p", "--passes", metavar="PIPELINE", help="as for xdsl-opt: 'canonicalize,cse'"
    )
    pipeline.add_argument(
        "--pass-pipeline", metavar="PIPELINE", help="as for mlir-opt: 'builtin.module(cse)'"
    )
    add("--mlir-print-op-generic", action="store_true", help="print the generic form")
    add("--mlir-print-debuginfo", action="store_true", help="print locations")
    add_watching_options(add)
    add("--list-passes", action="store_true", help="print the passes and their options, and exit")
    add("--show-dialects", action="store_true", help="print the names of dialects, and exit")
    add("--allow-unregistered-dialect", action="store_true", help="read unknown operations too")
    add(
        "--split-input-file",
        action="store_true",
        help=f"process the parts of an mlir input between lines '{_SEPARATOR}' on their own",
    )
    add(
        "--verify-diagnostics",
        action="store_true",
        help="check that the diagnostics are those of the input's 'expected-error {{...}}'",
    )
    add("--remarks", action="store_true", help="print what the passes did, and how exact it is")
    add(
        "--remarks-filter",
        metavar="REGEX",
        type=_regex,
        help="of the remarks, print those whose text this matches; implies --remarks",
    )
    add(
        "--remarks-output-file",
        metavar="FILE",
        help="write all remarks there, one JSON object a line",
    )
    add_common_options(parser)
    return parser


def _regex(text: str) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings(action="ignore"):
            return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no regular expression: {error}") from None


def _run(options: argparse.Namespace) -> int:
    from sima_mlir import Remark, SimaError, parse_pipeline

    if options.list_passes or options.show_dialects:
        return _list(options)
    try:
        passes = parse_pipeline(options.passes or options.pass_pipeline or "")
        watchers = make_watchers(options, passes)
    except SimaError as error:
        report(*error.diagnostics)
        return WRONG_USAGE
    if options.dump_pass_pipeline:
        print(describe_pipeline(passes), file=sys.stderr)
    refused = False
    modules: list[tuple[Context, ModuleOp]] = []
    remarks: list[dict[str, Any]] = []
    for name, data, format in _read_inputs(options):
        try:
            ctx, module, found = _process(options, passes, watchers, name, data, format)
            modules.append((ctx, module))
        except SimaError as error:
            found = error.diagnostics
            refused = refused or not options.verify_diagnostics
        wanted = [d for d in found if _is_wanted(options, d)]
        if options.verify_diagnostics:
            wanted = _verify(name, data, wanted)
            refused = refused or bool(wanted)
        report(*wanted)
        records = (d.to_dict() for d in found if isinstance(d, Remark))
        remarks += (record | {"file": record.get("file", name)} for record in records)
    if options.remarks_output_file is not None:
        _write_remarks(options.remarks_output_file, remarks)
    if modules and not (refused and options.output is not None):
        _write_modules(options, modules)
        watchers.lap("Output")
    watchers.report()
    return REFUSED if refused else DONE


def _list(options: argparse.Namespace) -> int:
    """Prints what there is of passes or dialects."""
    from sima_mlir import make_context
    from sima_mlir.tools.listing import list_passes

    with open_text(options.output) as stream:
        if options.show_dialects:
            names = sorted(make_context().registered_dialect_names)
            stream.write(f"Available Dialects: {','.join(names)}\n")
        else:
            stream.write(f"Passes:\n{list_passes()}")
    return DONE


def _write_modules(
    options: argparse.Namespace, modules: Sequence[tuple[Context, ModuleOp]]
) -> None:
    from sima_mlir import write

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


def _verify(name: str, data: bytes, diagnostics: Sequence[Diagnostic]) -> Sequence[Diagnostic]:
    """Returns an error for each diagnostic that an input does not expect, or expects in vain."""
    from sima_mlir import SimaError, check_expectations

    try:
        return check_expectations(name, data.decode(errors="replace"), diagnostics)
    except SimaError as error:
        return error.diagnostics


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
    watchers: Watchers,
    name: str,
    data: bytes,
    format: str,
) -> tuple[Context, ModuleOp, Sequence[Diagnostic]]:
    """Returns the module after the passes, in a context of its own, and their remarks."""
    from sima_mlir import make_context

    detailed = _prints_all_remarks(options) or options.remarks_output_file is not None
    with shown_progress("layers") as progress:
        ctx = make_context(
            allow_unregistered=options.allow_unregistered_dialect,
            remarks=detailed,
            progress=progress,
        )
        return _transformed(options, ctx, passes, watchers, name, data, format)


def _transformed(
    options: argparse.Namespace,
    ctx: Context,
    passes: Sequence[ModulePass],
    watchers: Watchers,
    name: str,
    data: bytes,
    format: str,
) -> tuple[Context, ModuleOp, Sequence[Diagnostic]]:
    from sima_mlir import read, run_pipeline

    folder = None if options.input == _STDIN else Path(options.input).parent
    partial = any(getattr(module_pass, "partial", False) for module_pass in passes)
    module = read(ctx, data, name, format, folder, partial=partial)
    watchers.lap("Parser")
    remarks = run_pipeline(
        ctx,
        module,
        passes,
        instrumentation=watchers.all(),
        verify_each=options.verify_each,
    )
    return ctx, module, remarks


def _prints_all_remarks(options: argparse.Namespace) -> bool:
    return options.remarks or options.remarks_filter is not None


def _is_wanted(options: argparse.Namespace, diagnostic: Diagnostic) -> bool:
    """Whether a diagnostic is to be printed: all but the remarks that nobody asked for."""
    from sima_mlir import Remark

    if diagnostic.severity == "error" or not isinstance(diagnostic, Remark):
        return True
    if options.remarks_filter is not None:
        return options.remarks_filter.search(str(diagnostic)) is not None
    return options.remarks or diagnostic.kind != "Passed"


def _write_remarks(path: str, remarks: Sequence[dict[str, Any]]) -> None:
    with open_text(path) as stream:
        for record in remarks:
            stream.write(json.dumps(record) + "\n")
