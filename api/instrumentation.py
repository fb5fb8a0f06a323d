"""What can watch a pipeline run: prints of the IR, and the time that each part takes.

Texts are those of mlir-opt, for tools that read them.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from sima_mlir.diagnostics import SimaError
from sima_mlir.loading import reason_of
from sima_mlir.writer import write


class Instrumentation:
    """Is told of each pass; does nothing."""

    def before(self, ctx: Context, module: ModuleOp, module_pass: ModulePass) -> None:
        """A pass is about to run."""

    def ran(self, ctx: Context, module: ModuleOp, module_pass: ModulePass) -> None:
        """A pass has run."""

    def verified(self, ctx: Context, module: ModuleOp, module_pass: ModulePass) -> None:
        """The module that a pass left has been verified."""

    def after(self, ctx: Context, module: ModuleOp, module_pass: ModulePass) -> None:
        """A pass has run, and left a module that is valid as far as is known."""

    def failed(self, ctx: Context, module: ModuleOp, module_pass: ModulePass) -> None:
        """A pass has failed, or left an invalid module."""


@dataclass
class IrPrinter(Instrumentation):
    """Prints the module around passes, as mlir-opt's `--mlir-print-ir-…` do."""

    stream: IO[str]
    names_before: Collection[str] = ()
    """The passes before which to print."""
    names_after: Collection[str] = ()
    on_change: bool = False
    """After passes that changed the module."""
    on_failure: bool = False
    """After a pass that failed."""
    tree: Path | None = None
    """A folder for a file a print, `NUMBER_PASS.mlir`, instead of the stream."""
    generic: bool = False
    debuginfo: bool = False
    number: int = 0
    """How many passes have run."""
    text: str = ""
    """The module before the pass that is running."""

    def before(self, ctx: Context, module: ModuleOp, module_pass: ModulePass) -> None:
        """Prints the module, and keeps it for a comparison."""
        if self.on_change:
            self.text = self._text(ctx, module)
        if module_pass.name in self.names_before:
            self._print("Before", ctx, module, module_pass)

    def after(self, ctx: Context, module: ModuleOp, module_pass: ModulePass) -> None:
        """Prints the module."""
        changed = self.on_change and self.text != self._text(ctx, module)
        if module_pass.name in self.names_after and (changed or not self.on_change):
            self._print("After", ctx, module, module_pass)
        self.number += 1

    def failed(self, ctx: Context, module: ModuleOp, module_pass: ModulePass) -> None:
        """Prints the module in the state in which the pass left it."""
        if self.on_failure:
            self._print("After", ctx, module, module_pass, " Failed")

    def _print(
        self,
        when: str,
        ctx: Context,
        module: ModuleOp,
        module_pass: ModulePass,
        how: str = "",
    ) -> None:
        name = module_pass.name
        title = f"// -----// IR Dump {when} {type(module_pass).__name__}{how} ({name}) //----- //"
        text = f"{title}\n{self._text(ctx, module)}\n\n"
        if self.tree is None:
            self.stream.write(text)
            return
        suffix = "_before" if when == "Before" else ""
        path = self.tree / f"{self.number}_{name}{suffix}.mlir"
        try:
            self.tree.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        except OSError as error:
            raise SimaError.of(f"cannot write '{path}': {reason_of(error)}") from error

    def _text(self, ctx: Context, module: ModuleOp) -> str:
        stream = io.StringIO()
        write(ctx, module, stream, generic=self.generic, debuginfo=self.debuginfo)
        return stream.getvalue()


@dataclass
class Timer(Instrumentation):
    """Measures the parts of a run, by name in their order."""

    clock: Callable[[], float] = time.perf_counter
    parts: dict[str, float] = field(default_factory=dict[str, float])
    started: float = field(init=False)
    """When the part that is running began."""

    def __post_init__(self) -> None:
        self.first = self.started = self.clock()

    def lap(self, name: str) -> None:
        """Ends a part, which began when the one before ended; of one name they add up."""
        now = self.clock()
        self.parts[name] = self.parts.get(name, 0.0) + now - self.started
        self.started = now

    def before(self, ctx: Context, module: ModuleOp, module_pass: ModulePass) -> None:
        """Ends what was between passes."""
        self.lap(REST)

    def ran(self, ctx: Context, module: ModuleOp, module_pass: ModulePass) -> None:
        """Ends a pass."""
        self.lap(type(module_pass).__name__)

    def verified(self, ctx: Context, module: ModuleOp, module_pass: ModulePass) -> None:
        """Ends the verification after a pass."""
        self.lap(f"  (V) after {type(module_pass).__name__}")

    def report(self) -> str:
        """Returns the table that mlir-opt prints for `--mlir-timing`."""
        self.lap(REST)
        rest = self.parts.pop(REST)
        total = self.started - self.first
        rule = f"==={'-' * 73}==="
        rows = [*self.parts.items(), (REST, rest), ("Total", total)]
        share = 100 / total if total else 0.0
        return "\n".join(
            [
                rule,
                f"{'... Execution time report ...':^79}".rstrip(),
                rule,
                f"  Total Execution Time: {total:.4f} seconds",
                "",
                "  ----Wall Time----  ----Name----",
                *(f"  {t:8.4f} ({t * share:5.1f}%)  {name}" for name, t in rows),
                "",
            ]
        )


REST = "Rest"
