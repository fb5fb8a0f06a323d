"""Operations on constants, computed once and for all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern
from xdsl.utils.exceptions import InterpretationError

from sima_mlir.dialects.definitions import element_type, shape_of
from sima_mlir.dialects.elements import Array, dense, dtype_of
from sima_mlir.passes.diagnostics import Finding, RemarkKind, passed, remark
from sima_mlir.passes.patterns import erase_unused, rewrite

if TYPE_CHECKING:
    from xdsl.interpreter import Interpreter


@dataclass(frozen=True)
class QnnFoldConstantsPass(ModulePass):
    """Computes the operations of qnn whose operands are all constants."""

    name = "qnn-fold-constants"

    max_growth: int = 1 << 20
    """How many bytes more than its operands a result may have."""

    def __post_init__(self) -> None:
        if self.max_growth < 0:
            raise ValueError(f"max-growth must not be negative, got {self.max_growth}")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrites the module in place."""
        rewrite(op, FoldConstants(ctx, op, self.max_growth))


class FoldConstants(RewritePattern):
    """qnn operation of constants ⇒ arith.constant."""

    def __init__(self, ctx: Context, module: ModuleOp, max_growth: int):
        self.ctx = ctx
        self.module = module
        self.max_growth = max_growth
        self.interpreter: Interpreter | None = None

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        """Replaces an operation by what it computes."""
        constants = [value.owner for value in op.operands]
        if op.dialect_name() != "qnn" or not constants:
            return
        if not all(isinstance(constant, arith.ConstantOp) for constant in constants):
            return
        growth = _bytes(op.results[0]) - sum(map(_bytes, op.operands))
        if growth > self.max_growth:
            self._missed(op, f"it grows by {growth} bytes, max-growth is {self.max_growth}")
            return
        try:
            operands = [self._run(cast("Operation", constant)) for constant in constants]
            result = self._run(op, *operands)
        except InterpretationError as error:
            self._missed(op, str(error).removeprefix(f"'{op.name}' op "))
            return
        new = arith.ConstantOp(dense(result))
        new.location = op.location
        passed(self.ctx, op, "folded into a constant")
        operands_of = op.operands
        rewriter.replace(op, new)
        for value in operands_of:
            erase_unused(rewriter, value)

    def _missed(self, op: Operation, reason: str) -> None:
        remark(self.ctx, Finding(RemarkKind.MISSED, op, f"not folded: {reason}"))

    def _run(self, op: Operation, *operands: Array) -> Array:
        if self.interpreter is None:
            from xdsl.interpreter import Interpreter  # costs start-up time

            from sima_mlir.interpreters import register_implementations

            self.interpreter = Interpreter(self.module)
            register_implementations(self.interpreter, self.ctx)
        (result,) = self.interpreter.run_op(op, operands)
        return cast("Array", result)


def _bytes(value: SSAValue) -> int:
    return math.prod(shape_of(value)) * dtype_of(element_type(value)).itemsize
