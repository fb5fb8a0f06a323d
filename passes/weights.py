"""How the lowering rounds weights into which a requantization is folded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from xdsl.ir import Operation

from sima_mlir.dialects import qnn
from sima_mlir.passes.diagnostics import Detail, Steps
from sima_mlir.quantization import Layer, fold_requantization
from sima_mlir.quantization.weight_rounding import (
    Moments,
    Rounded,
    WeightRounding,
    round_second_moment,
    round_sum_preserving,
)


@dataclass
class WeightRounder:
    """A strategy, with what it knows of the data of layers."""

    strategy: WeightRounding
    patches: Mapping[Operation, npt.NDArray[np.int16]] = field(
        default_factory=dict[Operation, "npt.NDArray[np.int16]"]
    )
    """What operations see, for `second-moment`."""
    damping: float = 0.1
    """How little the patches are trusted."""
    missing: str = "it is not in 'main'"
    """Why there are no patches of an operation."""
    steps: Steps | None = None
    """Counts what is rounded."""
    details: dict[Operation, dict[str, Detail]] = field(
        default_factory=dict[Operation, "dict[str, Detail]"]
    )
    """What was done for each operation, for remarks."""
    notes: dict[Operation, str] = field(default_factory=dict[Operation, str])
    """What was done instead of what was asked for."""

    def constants(
        self, op: Operation, layer: Layer
    ) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Returns weight, bias and shift; one shift where there is one scale, if that does.

        Raises `ValueError` where no constants fit.
        """
        if self.strategy is WeightRounding.NEAREST:
            return fold_requantization(*layer)
        if self.strategy is WeightRounding.SECOND_MOMENT:
            rounded = self._by_second_moment(op, layer)
        else:
            rounded = self._keeping_sums(op, layer)
        weight, bias, shift = rounded
        is_one = len(layer.product_scale) == 1 and np.all(shift == shift[:1])
        return weight, bias, shift[:1] if is_one else shift

    def _keeping_sums(self, op: Operation, layer: Layer) -> Rounded:
        self.details[op] = {"weight_rounding": str(WeightRounding.SUM_PRESERVING)}
        return round_sum_preserving(layer)

    def _by_second_moment(self, op: Operation, layer: Layer) -> Rounded:
        if (patches := self.patches.get(op)) is None:
            is_transposed = isinstance(op, qnn.ConvTransposeOp)
            reason = "it is transposed" if is_transposed else self.missing
            self.notes[op] = f"its weights are rounded sum-preserving: {reason}"
            return self._keeping_sums(op, layer)
        if self.steps is not None:
            self.steps.step()
        improved = round_second_moment(layer, Moments.of(patches), self.damping)
        errors = (improved.nearest_error, improved.error)
        before, after = (float(np.sqrt(np.mean(error**2))) for error in errors)
        self.details[op] = {
            "weight_rounding": str(self.strategy),
            "expected_error": after,
            "expected_error_nearest": before,
        }
        if after >= before:
            self.notes[op] = "its weights are rounded to nearest: second moments do not help"
        return improved.constants
