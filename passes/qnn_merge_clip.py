"""Fewer clips, as near to what computes their codes as they can be."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    RewritePattern,
    op_type_rewrite_pattern,
)

from sima_mlir.dialects import qnn
from sima_mlir.dialects.pointwise import PointwiseOperation
from sima_mlir.dialects.ranges import reachable_codes
from sima_mlir.passes.commuting import moved, moves_before
from sima_mlir.passes.diagnostics import passed
from sima_mlir.passes.patterns import erase_unused, rewrite

CLAMPING = (
    qnn.ClipOp,
    qnn.ElementwiseOperation,
    qnn.MeanOp,
    qnn.RequantizeOp,
    PointwiseOperation,
)
"""The operations that a clip may become a part of."""


@dataclass(frozen=True)
class QnnMergeClipPass(ModulePass):
    """Merges clips, moves them up to what computes their codes, and removes those without effect.

    Nothing is approximated.
    """

    name = "qnn-merge-clip"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrites the module in place."""
        rewrite(op, RemoveClip(ctx), MergeClips(ctx), HoistClip(ctx))


@dataclass
class RemoveClip(RewritePattern):
    """qnn.clip(x) ⇒ x, where x has no code outside."""

    ctx: Context

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qnn.ClipOp, rewriter: PatternRewriter) -> None:
        """Removes a clip of codes that are in its range."""
        least, largest = reachable_codes(op.data)
        if op.min.value.data > least or op.max.value.data < largest:
            return
        passed(self.ctx, op, f"removed: its operand has codes {least}..{largest}")
        rewriter.replace(op, [], [op.data])


@dataclass
class MergeClips(RewritePattern):
    """qnn.clip → qnn.clip ⇒ one."""

    ctx: Context

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qnn.ClipOp, rewriter: PatternRewriter) -> None:
        """Merges a clip with the one before it."""
        before = op.data.owner
        if not isinstance(before, qnn.ClipOp):
            return
        low, high = (_clamp(op, limit.value.data) for limit in (before.min, before.max))
        new = qnn.ClipOp(before.data, low, high)
        new.location = before.location
        passed(self.ctx, op, f"merged with a '{before.name}' to codes {low}..{high}")
        rewriter.replace(op, new)
        erase_unused(rewriter, before.result)


@dataclass
class HoistClip(RewritePattern):
    """producer → move… → qnn.clip ⇒ producer → qnn.clip → move…."""

    ctx: Context

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qnn.ClipOp, rewriter: PatternRewriter) -> None:
        """Moves a clip up to the operation that computes its codes."""
        source, moves = moves_before(op.data, through_clips=False)
        if not moves or not isinstance(source.owner, CLAMPING) or not source.has_one_use():
            return
        hoisted = qnn.ClipOp(source, op.min.value.data, op.max.value.data)
        hoisted.location = op.location
        new = [hoisted, *moved(hoisted.result, moves, lambda code: _clamp(op, code))]
        passed(self.ctx, op, f"moved before a '{moves[-1].name}'")
        rewriter.replace(op, new)
        erase_unused(rewriter, moves[0].result)


def _clamp(op: qnn.ClipOp, code: int) -> int:
    return max(op.min.value.data, min(code, op.max.value.data))
