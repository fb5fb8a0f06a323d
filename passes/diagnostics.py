"""What passes tell about operations: remarks, and the failure to lower."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from xdsl.context import Context
from xdsl.ir import Operation
from xdsl.utils.exceptions import PassFailedException

Detail: TypeAlias = "str | int | float | Sequence[int]"


class RemarkKind(StrEnum):
    """What a remark tells of, as in MLIR."""

    PASSED = "Passed"
    """A rewrite that was made."""
    MISSED = "Missed"
    """A rewrite that was not made, and why."""
    FAILURE = "Failure"
    """A rewrite that had to be made and could not be."""
    ANALYSIS = "Analysis"
    """What a pass found out that its user should know."""


@dataclass(frozen=True)
class Finding:
    """A remark on an operation, which may since have been rewritten."""

    kind: RemarkKind
    operation: Operation
    message: str
    details: Mapping[str, Detail] = field(default_factory=dict[str, Detail])
    """The same for programs: numbers and names."""


class LoweringError(PassFailedException):
    """Operations that a pass had to lower and could not, each with its reason."""

    def __init__(self, failures: Sequence[Finding]):
        self.failures = tuple(failures)
        super().__init__("\n".join(f"'{f.operation.name}' op {f.message}" for f in failures))


class Refusal(Exception):
    """A guard that does not hold: the reason, and what would change that, for people."""

    def __init__(self, reason: str, remedy: str):
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@dataclass
class RemarkContext(Context):
    """A context that keeps what the passes remark on."""

    remarks: list[Finding] = field(default_factory=list[Finding])

    wants_passed: bool = False
    """Whether the passes are to remark on what they did, which may cost them time."""

    progress: Callable[[int, int], None] | None = None
    """Is told by a pass that takes long how many of how many pieces are done."""


def wants_passed(ctx: Context) -> bool:
    """Whether someone is there to read what the passes did."""
    return isinstance(ctx, RemarkContext) and ctx.wants_passed


def remark(ctx: Context, finding: Finding) -> None:
    """Keeps a remark in a `RemarkContext`; with any other context, prints it on stderr."""
    if isinstance(ctx, RemarkContext):
        ctx.remarks.append(finding)
    else:
        place = f"'{finding.operation.name}' op {finding.message}"
        print(f"remark: [{finding.kind}] {place}", file=sys.stderr)


def passed(ctx: Context, op: Operation, message: str) -> None:
    """Remarks on what a pass did with an operation, if someone is there to read it."""
    if wants_passed(ctx):
        remark(ctx, Finding(RemarkKind.PASSED, op, message))


@dataclass
class Steps:
    """Counts the pieces of a long work, for who wants to know."""

    ctx: Context
    total: int
    done: int = 0

    def step(self) -> None:
        """Counts one more."""
        self.done += 1
        if isinstance(self.ctx, RemarkContext) and self.ctx.progress is not None:
            self.ctx.progress(self.done, self.total)
