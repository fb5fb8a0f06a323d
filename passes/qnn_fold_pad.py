"""Pads folded into the pads and pools that follow them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnitAttr, i64
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    RewritePattern,
    op_type_rewrite_pattern,
)

from sima_mlir.dialects import qnn
from sima_mlir.dialects.elements import array_values, dense_array
from sima_mlir.dialects.ranges import reachable_codes
from sima_mlir.passes.diagnostics import passed
from sima_mlir.passes.patterns import erase_unused, rewrite


@dataclass(frozen=True)
class QnnFoldPadPass(ModulePass):
    """Folds pads into the pads and pools that follow them, and removes those of no elements.

    Nothing is approximated. The pad of a convolution is folded by convert-qnn-to-sima.
    """

    name = "qnn-fold-pad"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrites the module in place."""
        rewrite(op, RemovePad(ctx), MergePads(ctx), FoldIntoMaxPool(ctx), FoldIntoAvgPool(ctx))


@dataclass
class RemovePad(RewritePattern):
    """qnn.pad(x) ⇒ x, where nothing is added."""

    ctx: Context

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qnn.PadOp, rewriter: PatternRewriter) -> None:
        """Removes a pad of no elements."""
        if op.data.type != op.result.type:
            return
        passed(self.ctx, op, "removed: it adds nothing")
        rewriter.replace(op, [], [op.data])


@dataclass
class MergePads(RewritePattern):
    """qnn.pad → qnn.pad ⇒ one, where both add the same code."""

    ctx: Context

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qnn.PadOp, rewriter: PatternRewriter) -> None:
        """Merges a pad with the one before it."""
        before = op.data.owner
        if not isinstance(before, qnn.PadOp) or before.value != op.value:
            return
        widths = array_values(before.padding) + array_values(op.padding)
        new = qnn.PadOp(before.data, widths.tolist(), op.value.value.data)
        new.location = before.location
        passed(self.ctx, op, f"merged with the '{before.name}' before it")
        rewriter.replace(op, new)
        erase_unused(rewriter, before.result)


@dataclass
class FoldIntoMaxPool(RewritePattern):
    """qnn.pad → qnn.max_pool ⇒ qnn.max_pool with padding, where the pad's code never wins."""

    ctx: Context

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qnn.MaxPoolOp, rewriter: PatternRewriter) -> None:
        """Folds a pad with a code that no other code is less than."""
        pad = op.data.owner
        if not isinstance(pad, qnn.PadOp):
            return
        if pad.value.value.data > reachable_codes(pad.data)[0]:
            return
        fold_pad(self.ctx, pad, op, rewriter)


@dataclass
class FoldIntoAvgPool(RewritePattern):
    """qnn.pad → qnn.avg_pool ⇒ qnn.avg_pool with padding that counts."""

    ctx: Context

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qnn.AvgPoolOp, rewriter: PatternRewriter) -> None:
        """Folds a pad with the code that the pool's own padding reads."""
        pad = op.data.owner
        if not isinstance(pad, qnn.PadOp) or op.input_q != op.output_q:
            return
        if pad.value.value.data != op.output_q.zero_point.value.data:
            return
        if any(op.window(len(op.pool_size)).padding) and op.count_include_pad is None:
            return
        fold_pad(self.ctx, pad, op, rewriter)


def fold_pad(
    ctx: Context,
    pad: qnn.PadOp,
    op: qnn.MaxPoolOp | qnn.AvgPoolOp,
    rewriter: PatternRewriter,
) -> None:
    """Gives a pool the padding of a pad of spatial axes, if that is less than the pool's window."""
    size = array_values(op.pool_size)
    before, after = np.split(array_values(pad.padding), 2)
    padding = np.concatenate([before[1:-1], after[1:-1]]) + op.window(len(size)).padding
    if before[0] or before[-1] or after[0] or after[-1] or np.any(padding >= np.tile(size, 2)):
        return
    properties = op.properties | {"padding": dense_array(padding, i64)}
    if isinstance(op, qnn.AvgPoolOp):
        properties["count_include_pad"] = UnitAttr()
    new: Operation = type(op).create(
        operands=[pad.data],
        properties=properties,
        result_types=[op.result.type],
        attributes=op.attributes,
    )
    new.location = op.location
    passed(ctx, pad, f"folded into '{op.name}'")
    rewriter.replace(op, new)
    erase_unused(rewriter, pad.result)
