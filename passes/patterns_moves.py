"""The lowering of operations that move or select codes, and what the accelerator restricts.

Source: SiMa's guide `supported-operators` of the Model Compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.irdl import IRDLOperation
from xdsl.pattern_rewriter import PatternRewriter
from xdsl.rewriter import InsertPoint

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.definitions import dimensions, shape_of
from sima_mlir.dialects.elements import array_values
from sima_mlir.passes.diagnostics import Refusal
from sima_mlir.passes.encodings import known_encodings
from sima_mlir.passes.patterns import QnnPattern
from sima_mlir.passes.rescaling import Rescaling, requantized_alone

ON_THE_HOST = "leave it to the host"

LARGEST_POOL = 127
"""The largest window of a pool along an axis."""

MOVES: Mapping[type[Operation], type[IRDLOperation]] = {
    qnn.BroadcastToOp: sima.BroadcastToOp,
    qnn.DepthToSpaceOp: sima.DepthToSpaceOp,
    qnn.MaxPoolOp: sima.MaxPoolOp,
    qnn.PadOp: sima.PadOp,
    qnn.ReshapeOp: sima.ReshapeOp,
    qnn.ResizeOp: sima.ResizeOp,
    qnn.SliceOp: sima.SliceOp,
    qnn.SpaceToDepthOp: sima.SpaceToDepthOp,
    qnn.TransposeOp: sima.TransposeOp,
}
"""What each operation becomes, with the operands, properties and result that it has."""


class LowerMove(QnnPattern):
    """qnn.max_pool ⇒ sima.max_pool, qnn.pad ⇒ sima.pad, … as `MOVES` says."""

    root = tuple(MOVES)

    def lower(self, op: IRDLOperation, rewriter: PatternRewriter) -> None:
        """Replaces the operation by the one of the accelerator, if it takes what is moved."""
        if (check := RESTRICTIONS.get(type(op))) is not None:
            check(op)
        new = MOVES[type(op)].create(
            operands=op.operands,
            properties=op.properties,
            result_types=[result.type for result in op.results],
        )
        self.replace(rewriter, op, new)


class LowerConcatenate(QnnPattern):
    """qnn.concatenate ⇒ [sima.requantize of each operand with another encoding →] sima.concat."""

    root = qnn.ConcatenateOp

    def lower(self, op: qnn.ConcatenateOp, rewriter: PatternRewriter) -> None:
        """Replaces a concatenation, after its operands have been brought to one encoding."""
        if op.axis.value.data == 0:
            raise Refusal("it concatenates along the batch, axis 0", ON_THE_HOST)
        parts = self._requantizations(op)
        for part in parts.values():
            part.location = op.location
            self.lowering.record(op, (), part)
        rewriter.insert(list(parts.values()), InsertPoint.before(op))
        values = [parts[i].results[0] if i in parts else value for i, value in enumerate(op.inputs)]
        self.replace(rewriter, op, sima.ConcatOp(values, op.axis.value.data))

    def _requantizations(self, op: qnn.ConcatenateOp) -> dict[int, sima.RequantizingOperation]:
        """Returns the requantizations of the operands that need one; all of them or none."""
        parts: dict[int, sima.RequantizingOperation] = {}
        for i, (value, input_q) in enumerate(zip(op.inputs, op.input_qs, strict=True)):
            if input_q == op.output_q:
                continue
            rescaling = Rescaling(value, input_q, op.output_q, op.rounding, op.result)
            try:
                parts[i] = requantized_alone(self.lowering, op, rescaling)
            except Refusal:
                for part in parts.values():
                    part.erase()
                raise
        return parts


def check_pool(op: qnn.AvgPoolOp | qnn.MaxPoolOp) -> None:
    """Refuses a window that is too large; the largest of a whole image may be of any size."""
    sizes: list[int] = array_values(op.pool_size).tolist()
    is_global = isinstance(op, qnn.MaxPoolOp) and tuple(sizes) == shape_of(op.data)[1:-1]
    if max(sizes) > LARGEST_POOL and not is_global:
        reason = f"its window {dimensions(sizes)} is larger than {LARGEST_POOL} along an axis"
        raise Refusal(reason, "pool twice, over smaller windows")


def nonzero_pads(module: ModuleOp) -> Iterator[tuple[Operation, Refusal]]:
    """Yields pads with what is known not to be the real number zero, and why they are refused."""
    known = known_encodings(module)
    for op in module.walk():
        encoding = known.get(op.data) if isinstance(op, qnn.PadOp) else None
        if encoding is None or not isinstance(op, qnn.PadOp):
            continue
        value, zero = op.value.value.data, encoding.zero_point.value.data
        if value != zero:
            reason = f"it pads with code {value}, the accelerator with the zero point, {zero}"
            yield op, Refusal(reason, ON_THE_HOST)


def _check_pad(op: qnn.PadOp) -> None:
    before, after = np.split(array_values(op.padding), 2)
    widths = before + after
    for name, axis in (("the batch", 0), ("the channels", -1)):
        if widths[axis]:
            reason = f"it pads {name} by {widths[axis]}, the accelerator pads spatial axes"
            raise Refusal(reason, ON_THE_HOST)


def _check_resize(op: qnn.ResizeOp) -> None:
    if op.linear is None:
        return
    numbers = (array_values(n).tolist() for n in (op.steps, op.offsets, op.divisors))
    for step, offset, divisor in zip(*numbers, strict=True):
        if offset != (half := (step - divisor) // 2):
            reason = f"it interpolates at offset {offset}, the accelerator at half pixels, {half}"
            raise Refusal(reason, "resize with half-pixel centers, or to nearest pixels")


def _check_slice(op: qnn.SliceOp) -> None:
    data, result = shape_of(op.data), shape_of(op.result)
    if data[:1] != result[:1]:
        given = f"{dimensions(data)} to {dimensions(result)}"
        raise Refusal(f"it slices the batch, from {given}", ON_THE_HOST)
    if (least := min(op.steps(), default=1)) < 1:
        reason = f"its stride {least} is negative, the accelerator takes positive ones"
        raise Refusal(reason, ON_THE_HOST)


def _check_transpose(op: qnn.TransposeOp) -> None:
    axes = array_values(op.permutation).tolist()
    if axes[:1] not in ([], [0]):
        raise Refusal(f"its permutation {axes} moves the batch, axis 0", ON_THE_HOST)


RESTRICTIONS: Mapping[type[Operation], Callable[[Any], None]] = {
    qnn.MaxPoolOp: check_pool,
    qnn.PadOp: _check_pad,
    qnn.ResizeOp: _check_resize,
    qnn.SliceOp: _check_slice,
    qnn.TransposeOp: _check_transpose,
}
"""What refuses an operation that the accelerator has only in part."""
