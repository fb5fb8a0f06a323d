"""What passes tell about operations: remarks, and the failure to lower."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.ir import Operation
from xdsl.utils.exceptions import PassFailedException


class LoweringError(PassFailedException):
    """Operations that a pass had to lower and could not, each with its reason."""

    def __init__(self, failures: Sequence[tuple[Operation, str]]):
        self.failures = tuple(failures)
        super().__init__("\n".join(f"'{op.name}' op {reason}" for op, reason in failures))


class Refusal(Exception):
    """A guard that does not hold; the message is the reason, for people."""


@dataclass
class RemarkContext(Context):
    """A context that keeps what the passes remark on."""

    remarks: list[tuple[Operation, str]] = field(default_factory=list[tuple[Operation, str]])


def remark(ctx: Context, op: Operation, message: str) -> None:
    """Keeps a remark in a `RemarkContext`; with any other context, prints it on stderr."""
    if isinstance(ctx, RemarkContext):
        ctx.remarks.append((op, message))
    else:
        print(f"remark: '{op.name}' op {message}", file=sys.stderr)
