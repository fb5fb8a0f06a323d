"""Fewer requantizations: one instead of two, none instead of one that changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, i8, i16
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    RewritePattern,
    op_type_rewrite_pattern,
)

from sima_mlir.dialects import qnn
from sima_mlir.dialects.definitions import element_type
from sima_mlir.dialects.elements import Array, dtype_of, ui8
from sima_mlir.dialects.encoding import QuantizationAttr
from sima_mlir.passes.commuting import moved, moves_before
from sima_mlir.passes.diagnostics import passed
from sima_mlir.passes.patterns import erase_unused, rewrite
from sima_mlir.quantization import code_range, requantize, scale_ratio


@dataclass(frozen=True)
class QnnMergeRequantizePass(ModulePass):
    """Makes one requantization of two, also of two with moves of codes between them.

    It is done where every code becomes what it became before; with max-error, also where none is
    off by more. A requantization that gives back every code is removed.
    """

    name = "qnn-merge-requantize"

    max_error: int = 0
    """How many codes a result of two requantizations may change by."""

    def __post_init__(self) -> None:
        if self.max_error < 0:
            raise ValueError(f"max-error must not be negative, got {self.max_error}")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrites the module in place."""
        rewrite(op, RemoveRequantize(ctx), MergeRequantizes(ctx, self.max_error))


@dataclass
class RemoveRequantize(RewritePattern):
    """qnn.requantize(x) ⇒ x, where every code stays what it is."""

    ctx: Context

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qnn.RequantizeOp, rewriter: PatternRewriter) -> None:
        """Removes a requantization from one encoding to the same."""
        if op.data.type != op.result.type or not op.input_q.matches(op.output_q):
            return
        if not has_codes(op.data):
            return
        codes = _all_codes(op)
        if not np.array_equal(_requantized(op, codes), np.broadcast_to(codes, (len(codes), 1))):
            return
        passed(self.ctx, op, "removed: it gives back every code")
        rewriter.replace(op, [], [op.data])


@dataclass
class MergeRequantizes(RewritePattern):
    """qnn.requantize → move… → qnn.requantize ⇒ qnn.requantize → move…."""

    ctx: Context
    max_error: int

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qnn.RequantizeOp, rewriter: PatternRewriter) -> None:
        """Merges a requantization with one before it."""
        source, moves = moves_before(op.data)
        first = source.owner
        if not isinstance(first, qnn.RequantizeOp) or not source.has_one_use():
            return
        if op.input_q.channels > 1 or not first.output_q.matches(op.input_q):
            return
        if not has_codes(first.data) and _leaves_i8(first, op):
            return
        merged, error = self._merged(first, op)
        if merged is None:
            return
        merged.location = first.location
        new = [merged, *moved(merged.result, moves, _function(op))]
        exactly = "exactly" if error == 0 else f"codes change by up to {error}"
        passed(self.ctx, op, f"merged with the '{first.name}' before it, {exactly}")
        rewriter.replace(op, new)
        erase_unused(rewriter, moves[0].result if moves else first.result)

    def _merged(
        self, first: qnn.RequantizeOp, op: qnn.RequantizeOp
    ) -> tuple[qnn.RequantizeOp | None, int]:
        """Returns one requantization that does for two, if there is one, and how far it is off."""
        for merged in _candidates(first, op):
            error = _difference(first, op, merged)
            if error is not None and error <= self.max_error:
                return merged, error
            merged.erase()
        return None, 0


def _leaves_i8(first: qnn.RequantizeOp, op: qnn.RequantizeOp) -> bool:
    """Whether accumulators would no longer become i8, which is what the accelerator makes."""
    return element_type(first.result) == i8 != element_type(op.result)


def has_codes(value: SSAValue) -> bool:
    """Whether a value has so few codes that each can be looked at."""
    return element_type(value) in (i8, ui8, i16)


def _candidates(first: qnn.RequantizeOp, op: qnn.RequantizeOp) -> Iterator[qnn.RequantizeOp]:
    """Yields requantizations that may be two in one: under the second's contract, or the first's.

    The first's contract is taken with the second's zero point, where that is all that it changes.
    """
    target = element_type(op.result)
    yield qnn.RequantizeOp(first.data, first.input_q, op.output_q, op.rounding.data, target)
    shifted = QuantizationAttr(first.output_q.scales, op.output_q.zero_point)
    if op.output_q.matches(shifted):
        yield qnn.RequantizeOp(first.data, first.input_q, shifted, first.rounding.data, target)


def _difference(
    first: qnn.RequantizeOp, op: qnn.RequantizeOp, merged: qnn.RequantizeOp
) -> int | None:
    """Returns by how much a result changes at most, or `None` where that is not known."""
    try:
        if not has_codes(first.data):
            return 0 if _only_shifts(op) and _computes_alike(first, merged) else None
        codes = _all_codes(first)
        twice = _requantized(op, _requantized(first, codes))
        once = _requantized(merged, codes)
    except ValueError:
        return None
    return int(np.abs(twice.astype(np.int64) - once).max(initial=0))


def _computes_alike(first: qnn.RequantizeOp, merged: qnn.RequantizeOp) -> bool:
    """Whether two requantizations of the same integers differ in nothing but the zero point."""
    same_scale = merged.output_q.scales == first.output_q.scales
    return same_scale and merged.rounding == first.rounding


def _only_shifts(op: qnn.RequantizeOp) -> bool:
    """Whether codes change by the same number, which makes those of one type those of another."""
    codes = _all_codes(op)
    least, largest = code_range(dtype_of(element_type(op.result)))
    becomes = _requantized(op, codes).ravel().astype(np.int64)
    return np.array_equal(becomes, np.arange(least, largest + 1)) and len(codes) == len(becomes)


def _all_codes(op: qnn.RequantizeOp) -> Array:
    """Returns every code of an operand of 8 or 16 bits, one a row."""
    dtype = dtype_of(element_type(op.data))
    least, largest = code_range(dtype)
    return np.arange(least, largest + 1, dtype=np.int64).astype(dtype)[:, np.newaxis]


def _requantized(op: qnn.RequantizeOp, codes: Array) -> Array:
    """Returns what an operation makes of codes, one column a channel.

    Raises `ValueError` where its constants do not exist.
    """
    return requantize(
        codes,
        scale_ratio(op.input_q.scale, op.output_q.per_tensor().scale),
        op.input_q.zero_point.value.data,
        op.output_q.zero_point.value.data,
        op.rounding.data,
        dtype_of(element_type(op.result)),
    )


def _function(op: qnn.RequantizeOp) -> Callable[[int], int]:
    """Returns what an operation makes of one code."""
    dtype = dtype_of(element_type(op.data))
    return lambda code: int(_requantized(op, np.array([[code]], dtype)).item())
