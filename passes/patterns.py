"""What the patterns of the lowering are made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
)
from xdsl.transforms.dead_code_elimination import is_trivially_dead

from sima_mlir.passes.diagnostics import Refusal
from sima_mlir.passes.lowering import Lowering


@dataclass
class QnnPattern(RewritePattern, ABC):
    """A pattern that replaces operations of one kind or more, or records why it does not."""

    lowering: Lowering
    root: ClassVar[type[Operation] | tuple[type[Operation], ...]]

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        """Calls `lower` for the pattern's kinds of operation."""
        if not isinstance(op, self.root):
            return
        if op in self.lowering.on_host or op in self.lowering.misses:
            return
        try:
            self.lower(op, rewriter)
        except Refusal as refusal:
            self.lowering.refuse(op, refusal)

    @abstractmethod
    def lower(self, op: Any, rewriter: PatternRewriter) -> None:
        """Replaces the operation, or raises `Refusal`."""

    def replace(
        self,
        rewriter: PatternRewriter,
        op: Operation,
        new: Operation,
        links: Sequence[Operation] = (),
    ) -> None:
        """Replaces an operation and the links before it, the first of which gives the location.

        What is then left without a user is erased.
        """
        root, *fused = (*links, op)
        new.location = root.location
        self.lowering.record(root, fused, new)
        operands = op.operands
        rewriter.replace(op, new)
        for operand in operands:
            erase_unused(rewriter, operand)


def rewrite(module: ModuleOp, *patterns: RewritePattern) -> None:
    """Applies patterns to a module until none matches."""
    applier = GreedyRewritePatternApplier(list(patterns), dce_enabled=False)
    PatternRewriteWalker(applier).rewrite_module(module)


def erase_unused(rewriter: PatternRewriter, value: SSAValue) -> None:
    """Erases the producer of a value that nobody uses, and so on for its operands."""
    producer = value.owner
    if not isinstance(producer, Operation) or not is_trivially_dead(producer):
        return
    operands = producer.operands
    rewriter.erase(producer)
    for operand in operands:
        erase_unused(rewriter, operand)
