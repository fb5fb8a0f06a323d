"""Brings docs/mutation.md up to date with the mutants that `make mutants` has just run.

Usage: python bench/mutants.py FOLDER

FOLDER is where mutmut ran. A survivor keeps the reason that the report gives for it; where there
is none yet, `TODO` stands in its place and the exit code is 1.
"""

from __future__ import annotations

import ast
import datetime
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

REPORT = Path(__file__).parent.parent / "docs/mutation.md"
HEADING = "## Result\n"
MUTMUT = Path(sys.executable).with_name("mutmut")
KILLED = {"killed", "timeout"}
SURVIVOR = re.compile(r"^- `(\S+?):\d+` (`+ ?.*? ?`+)\n  (.*)$", re.MULTILINE)
TODO = "TODO"


class Mutant(NamedTuple):
    """A mutant by mutmut's name: `sima_mlir.quantization.MODULE.x_FUNCTION__mutmut_NUMBER`."""

    name: str
    status: str

    @property
    def module(self) -> str:
        """Returns the name of its file."""
        return self.name.split(".")[-2] + ".py"

    @property
    def function(self) -> str:
        """Returns `FUNCTION`, or `CLASS.METHOD`."""
        mangled, _, _ = self.name.split(".")[-1].rpartition("__mutmut_")
        return mangled.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")


def mutmut(folder: Path, *arguments: str) -> str:
    command = [MUTMUT, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def mutants(folder: Path) -> list[Mutant]:
    lines = mutmut(folder, "results", "--all", "true").splitlines()
    return [Mutant(*line.strip().split(": ")) for line in lines if "__mutmut_" in line]


def functions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, int]]:
    """Yields functions and methods with their first lines, of which a decorator may be one."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from functions(node.body, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            yield prefix + node.name, min(n.lineno for n in (node, *node.decorator_list))


def mutation(folder: Path, mutant: Mutant) -> tuple[int, str]:
    """Returns the line that was mutated and what became of it."""
    tree = ast.parse((folder / "sima_mlir/quantization" / mutant.module).read_text())
    first = dict(functions(tree.body))[mutant.function]
    _, _, diff = mutmut(folder, "show", mutant.name).partition("@@ -")
    start, *lines = diff.splitlines()
    before = next(i for i, line in enumerate(lines) if line[0] in "-+")
    added = [line[1:].strip() for line in lines if line.startswith("+")]
    line = first + int(re.split(r"\D", start)[0]) - 1 + before
    return line, " ".join(added) or f"without {lines[before][1:].strip()}"


def result(folder: Path, reasons: dict[tuple[str, str], str]) -> str:
    """Returns the generated part of the report."""
    found = mutants(folder)
    statuses = {module: Counter[bool]() for module in sorted({m.module for m in found})}
    for mutant in found:
        statuses[mutant.module][mutant.status in KILLED] += 1
    today = datetime.date.today().isoformat()
    rows = [f"mutmut {version('mutmut')}, {today}.", ""]
    rows += ["| module | mutants | killed | survived |", "|---|---|---|---|"]
    for module, count in statuses.items():
        rows.append(f"| `{module}` | {count.total()} | {count[True]} | {count[False]} |")
    total = sum(statuses.values(), Counter[bool]())
    rows.append(f"| together | {total.total()} | {total[True]} | {total[False]} |")
    rows += ["", "The survivors, each with what became of the line, and why no test can tell:", ""]
    survivors = [(m.module, *mutation(folder, m)) for m in found if m.status not in KILLED]
    for module, line, text in sorted(survivors):
        rows += [f"- `{module}:{line}` `{text}`", f"  {reasons.get((module, f'`{text}`'), TODO)}"]
    return "\n".join(rows) + "\n"


def main() -> bool:
    """Writes the report; says whether a survivor lacks its reason."""
    introduction, _, before = REPORT.read_text().partition(HEADING)
    reasons = {(module, text): reason for module, text, reason in SURVIVOR.findall(before)}
    after = result(Path(sys.argv[1]), reasons)
    REPORT.write_text(f"{introduction}{HEADING}\n{after}")
    print(f"{after.count(TODO)} survivors have no reason yet in {REPORT}")
    return TODO in after


if __name__ == "__main__":
    raise SystemExit(main())
