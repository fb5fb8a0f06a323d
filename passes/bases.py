"""What passes have in common: the options of a lowering, and pipelines of passes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

Mode: TypeAlias = Literal["sima", "tflite", "auto"]
Weights: TypeAlias = Literal["nearest", "sum-preserving", "second-moment"]


@dataclass(frozen=True)
class LoweringOptions(ModulePass, ABC):
    """A pass that lowers to the accelerator."""

    requantization: Mode = "sima"
    """sima: fold scales into 8-bit weights and a shift; tflite: multiply by an integer, exactly;
    auto: fold where no result can be off by more than max-error, or 1, and multiply elsewhere."""

    max_error: int | None = None
    """Refuse what is not proven to give results within so many codes of its source's."""

    weight_rounding: Weights = "sum-preserving"
    """How weights are rounded into which scales are folded. nearest: each on its own, as SiMa's API
    page does; sum-preserving: so that their sums are right; second-moment: so that the sums of
    products are least off for what the network computes of the calibration inputs."""

    calibration: str | None = None
    """An .npz with the arrays in0, in1, ... for second-moment; without it, inputs are made up."""

    certify: bool = False
    """Write the proven bound of the error, and what it is relative to, on each operation."""

    partial: bool = False
    """Leave what can't be lowered in qnn, with a remark that says why, instead of failing."""

    def __post_init__(self) -> None:
        if self.max_error is not None and self.max_error < 0:
            raise ValueError(f"max-error must not be negative, got {self.max_error}")
        if self.calibration is not None and self.weight_rounding != "second-moment":
            raise ValueError(
                f"calibration is for weight-rounding=second-moment, got {self.weight_rounding}"
            )
        if self.calibration is not None and self.requantization == "tflite":
            raise ValueError("calibration is for requantization=sima or auto, got tflite")


class Pipeline(ModulePass, ABC):
    """A pass that stands for others."""

    @abstractmethod
    def passes(self) -> Sequence[ModulePass]:
        """Returns the passes in their order."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Runs the passes one after the other."""
        for module_pass in self.passes():
            module_pass.apply(ctx, op)
