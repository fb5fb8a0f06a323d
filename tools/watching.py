"""What `sima-opt` shows of a run: the IR between passes, the time of each part, the pipeline."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from xdsl.passes import ModulePass

    from sima_mlir.instrumentation import Instrumentation, IrPrinter, Timer


class Watchers(NamedTuple):
    """What watches a run."""

    printer: IrPrinter | None
    timer: Timer | None

    def all(self) -> Sequence[Instrumentation]:
        """Returns those that there are."""
        return [watcher for watcher in self if watcher is not None]

    def lap(self, part: str) -> None:
        """Ends a part of the run that is no pass."""
        if self.timer is not None:
            self.timer.lap(part)

    def report(self) -> None:
        """Prints how long everything took."""
        if self.timer is not None:
            print(self.timer.report(), file=sys.stderr)


def add_watching_options(add: Callable[..., object]) -> None:
    """Adds what prints the IR between passes, the time and the pipeline."""
    for when in ("before", "after"):
        add(
            f"--mlir-print-ir-{when}",
            metavar="PASS",
            action="append",
            default=[],
            help=f"print the IR {when} a pass, on stderr",
        )
        add(f"--mlir-print-ir-{when}-all", action="store_true", help=f"... {when} every pass")
    add(
        "--mlir-print-ir-after-change",
        action="store_true",
        help="of the prints after passes, only those of passes that changed something",
    )
    add("--mlir-print-ir-after-failure", action="store_true", help="... after a pass that failed")
    add(
        "--mlir-print-ir-tree-dir",
        metavar="DIR",
        type=Path,
        help="print the IR there, a file for each pass, instead of on stderr",
    )
    add("--mlir-timing", action="store_true", help="print how long each part of the run takes")
    add(
        "--verify-each",
        metavar="BOOL",
        type=_boolean,
        default=True,
        help="verify the module after each pass, not only after the last; true by default",
    )
    add(
        "--dump-pass-pipeline",
        action="store_true",
        help="print the passes of the pipeline with all their options, on stderr",
    )


def make_watchers(options: argparse.Namespace, passes: Sequence[ModulePass]) -> Watchers:
    """Returns what the options ask for.

    Raises `SimaError` where the IR is to be printed before or after a pass that does not run.
    """
    return Watchers(_make_printer(options, passes), _make_timer(options))


def describe_pipeline(passes: Sequence[ModulePass]) -> str:
    """Returns a pipeline as mlir-opt's `--dump-pass-pipeline` prints it, with all options."""
    count = f"{len(passes)} pass{'' if len(passes) == 1 else 'es'}"
    lines = ",\n".join(f"  {_described(module_pass)}" for module_pass in passes)
    return f"Pass Manager with {count}:\nbuiltin.module(\n{lines}\n)\n"


def _make_timer(options: argparse.Namespace) -> Timer | None:
    if not options.mlir_timing:
        return None
    from sima_mlir.instrumentation import Timer  # costs start-up time

    return Timer()


def _make_printer(options: argparse.Namespace, passes: Sequence[ModulePass]) -> IrPrinter | None:
    running = [module_pass.name for module_pass in passes]
    before = _names("before", options.mlir_print_ir_before, running)
    after = _names("after", options.mlir_print_ir_after, running)
    if options.mlir_print_ir_before_all:
        before = running
    if options.mlir_print_ir_after_all or (options.mlir_print_ir_after_change and not after):
        after = running
    if not (before or after or options.mlir_print_ir_after_failure):
        return None
    from sima_mlir.instrumentation import IrPrinter

    return IrPrinter(
        sys.stderr,
        before,
        after,
        options.mlir_print_ir_after_change,
        options.mlir_print_ir_after_failure,
        options.mlir_print_ir_tree_dir,
        options.mlir_print_op_generic,
        options.mlir_print_debuginfo,
    )


def _names(when: str, given: Sequence[str], running: Sequence[str]) -> Sequence[str]:
    from sima_mlir import SimaError

    names = [name for names in given for name in names.split(",")]
    for name in names:
        if name not in running:
            has = ", ".join(running) or "none"
            message = f"--mlir-print-ir-{when}={name}: no such pass runs, the passes are {has}"
            raise SimaError.of(message)
    return names


def _described(module_pass: ModulePass) -> str:
    values = {f.name: getattr(module_pass, f.name) for f in fields(module_pass)}
    options = " ".join(_option(n, v) for n, v in values.items() if v is not None)
    return f"{module_pass.name}{{{options}}}" if options else module_pass.name


def _option(name: str, value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = text if re.fullmatch(r"[\w.,/~+-]+", text) else f'"{text}"'
    return f"{name.replace('_', '-')}={text}"


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"must be true or false, got '{text}'")
    return text == "true"
