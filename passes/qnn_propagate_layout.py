"""Transposes brought together, where they cancel, and out of the way of what fuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, ModuleOp, i64
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.rewriter import InsertPoint

from sima_mlir.dialects import qnn
from sima_mlir.dialects.definitions import element_type, shape_of
from sima_mlir.dialects.elements import array_values, dense_array, tensor_type
from sima_mlir.dialects.pointwise import PointwiseOperation
from sima_mlir.passes.diagnostics import passed
from sima_mlir.passes.patterns import erase_unused, rewrite

Axes: TypeAlias = tuple[int, ...]

BY_AXIS: Mapping[type[Operation], Sequence[str]] = {
    qnn.PadOp: ("padding",),
    qnn.SliceOp: ("starts", "strides"),
}
"""Operations with numbers for each axis, one after the other or twice over, and their names."""


@dataclass(frozen=True)
class QnnPropagateLayoutPass(ModulePass):
    """Moves transposes down until they meet, where they merge or cancel.

    They pass operations of single elements, concatenations, slices, pads and means. A transpose
    that leaves the elements in order becomes a reshape, and reshapes merge as well. Nothing is
    approximated.
    """

    name = "qnn-propagate-layout"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrites the module in place."""
        rewrite(op, MergeTransposes(ctx), SinkTranspose(ctx))
        rewrite(op, ReshapeInstead(ctx), MergeReshapes(ctx))


@dataclass
class MergeTransposes(RewritePattern):
    """qnn.transpose → qnn.transpose ⇒ one; a transpose that moves nothing ⇒ nothing."""

    ctx: Context

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qnn.TransposeOp, rewriter: PatternRewriter) -> None:
        """Merges a transpose with the one before it, and removes one that moves nothing."""
        axes, before = axes_of(op), op.data.owner
        if list(axes) == sorted(axes):
            passed(self.ctx, op, "removed: it moves nothing")
            rewriter.replace(op, [], [op.data])
            return
        if not isinstance(before, qnn.TransposeOp):
            return
        first = axes_of(before)
        new = qnn.TransposeOp(before.data, [first[axis] for axis in axes])
        new.location = op.location
        passed(self.ctx, op, f"merged with the '{before.name}' before it")
        rewriter.replace(op, new)
        erase_unused(rewriter, before.result)


@dataclass
class ReshapeInstead(RewritePattern):
    """qnn.transpose ⇒ qnn.reshape, where only axes of size 1 change places."""

    ctx: Context

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qnn.TransposeOp, rewriter: PatternRewriter) -> None:
        """Replaces a transpose that leaves the elements in order."""
        if not _keeps_order(axes_of(op), shape_of(op.data)):
            return
        new = qnn.ReshapeOp(op.data, shape_of(op.result))
        new.location = op.location
        passed(self.ctx, op, f"its elements stay in order: it becomes '{new.name}'")
        rewriter.replace(op, new)


@dataclass
class MergeReshapes(RewritePattern):
    """qnn.reshape → qnn.reshape ⇒ one; a reshape to the same shape ⇒ nothing."""

    ctx: Context

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qnn.ReshapeOp, rewriter: PatternRewriter) -> None:
        """Merges a reshape with the one before it, and removes one that changes nothing."""
        before = op.data.owner
        if op.data.type == op.result.type:
            passed(self.ctx, op, "removed: it changes nothing")
            rewriter.replace(op, [], [op.data])
            return
        if not isinstance(before, qnn.ReshapeOp):
            return
        new = qnn.ReshapeOp(before.data, shape_of(op.result))
        new.location = op.location
        passed(self.ctx, op, f"merged with the '{before.name}' before it")
        rewriter.replace(op, new)
        erase_unused(rewriter, before.result)


@dataclass
class SinkTranspose(RewritePattern):
    """qnn.transpose → operation ⇒ operation → qnn.transpose."""

    ctx: Context

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        """Moves the transposes of all operands of an operation behind it."""
        axes = _axes_of_operands(op)
        if axes is None or (properties := _properties_before(op, axes)) is None:
            return
        operands = [self._before(value, axes, op, rewriter) for value in op.operands]
        result = op.results[0]
        shape = inversely(axes, shape_of(result))
        new = type(op).create(
            operands=operands,
            properties=properties,
            result_types=[tensor_type(shape, element_type(result))],
            attributes=op.attributes,
        )
        new.location = op.location
        back = qnn.TransposeOp(new.results[0], axes)
        back.location = _transposes(op)[0].location
        passed(self.ctx, op, "moved before a 'qnn.transpose'")
        old = op.operands
        rewriter.replace(op, [new, back])
        for value in old:
            erase_unused(rewriter, value)

    def _before(
        self, value: SSAValue, axes: Axes, op: Operation, rewriter: PatternRewriter
    ) -> SSAValue:
        """Returns what is transposed, or a constant transposed the other way round."""
        if isinstance(value.owner, qnn.TransposeOp):
            return value.owner.data
        back = qnn.TransposeOp(value, np.argsort(axes).tolist())
        back.location = op.location
        rewriter.insert(back, InsertPoint.before(op))
        return back.result


def axes_of(op: qnn.TransposeOp) -> Axes:
    """Returns the axes of the operand in the order in which the result has them."""
    return tuple(array_values(op.permutation).tolist())


def inversely(axes: Axes, values: Sequence[int]) -> Axes:
    """Returns numbers for each axis of the result as those for each axis of the operand."""
    return tuple(values[axes.index(axis)] for axis in range(len(axes)))


def _keeps_order(axes: Axes, shape: Sequence[int]) -> bool:
    moved = [axis for axis in axes if shape[axis] != 1]
    return moved == sorted(moved)


def _transposes(op: Operation) -> Sequence[qnn.TransposeOp]:
    return [value.owner for value in op.operands if isinstance(value.owner, qnn.TransposeOp)]


def _axes_of_operands(op: Operation) -> Axes | None:
    """Returns the axes by which all operands are transposed for nobody else, constants aside."""
    axes = {axes_of(transpose) for transpose in _transposes(op)}
    for value in op.operands:
        if isinstance(value.owner, qnn.TransposeOp):
            if any(use.operation is not op for use in value.uses):
                return None
        elif not isinstance(value.owner, arith.ConstantOp):
            return None
    return axes.pop() if len(axes) == 1 else None


def _properties_before(op: Operation, axes: Axes) -> dict[str, Attribute] | None:
    """Returns the properties that an operation has before a transpose, if it may stand there."""
    properties = dict(op.properties)
    match op:
        case qnn.PreluOp() if isinstance(op.alpha, DenseArrayBase) and axes[-1] != len(axes) - 1:
            return None
        case qnn.ClipOp() | PointwiseOperation() | qnn.ElementwiseOperation():
            pass
        case qnn.RequantizeOp() if op.input_q.channels == 1 or axes[-1] == len(axes) - 1:
            pass
        case qnn.ConcatenateOp():
            properties["axis"] = IntegerAttr(axes[op.axis.value.data], i64)
        case qnn.MeanOp():
            properties["axes"] = dense_array(np.sort(np.take(axes, array_values(op.axes))), i64)
        case qnn.PadOp() | qnn.SliceOp():
            for name in BY_AXIS[type(op)]:
                if isinstance(given := properties.get(name), DenseArrayBase):
                    properties[name] = _by_axis(cast("DenseArrayBase", given), axes)
        case _:
            return None
    return properties


def _by_axis(given: DenseArrayBase, axes: Axes) -> Attribute:
    """Returns numbers for each axis of the operand, of which there may be several lists."""
    lists = array_values(given).reshape(-1, len(axes))
    return dense_array(lists[:, np.argsort(axes)].ravel(), i64)
