"""The passes that bring a quantized network to the accelerator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from xdsl.passes import ModulePass
from xdsl.transforms.dead_code_elimination import DeadCodeElimination

from sima_mlir.passes.bases import LoweringOptions, Pipeline, Weights
from sima_mlir.passes.convert_qnn_to_sima import ConvertQnnToSimaPass
from sima_mlir.passes.qnn_fold_constants import QnnFoldConstantsPass
from sima_mlir.passes.qnn_fold_pad import QnnFoldPadPass
from sima_mlir.passes.qnn_merge_clip import QnnMergeClipPass
from sima_mlir.passes.qnn_merge_requantize import QnnMergeRequantizePass
from sima_mlir.passes.qnn_propagate_layout import QnnPropagateLayoutPass
from sima_mlir.passes.qnn_unsigned_to_signed import QnnUnsignedToSignedPass
from sima_mlir.passes.sima_outline_host import SimaOutlineHostPass


@dataclass(frozen=True)
class QnnToSimaPipelinePass(LoweringOptions, Pipeline):
    """Simplifies a quantized network without changing a result, and lowers it.

    It runs dce, qnn-unsigned-to-signed, qnn-propagate-layout, qnn-fold-constants,
    qnn-merge-requantize, qnn-merge-clip, qnn-fold-pad and convert-qnn-to-sima, which takes the
    options; with partial, then sima-outline-host.
    """

    name = "qnn-to-sima-pipeline"

    weight_rounding: Weights = "second-moment"
    """As for convert-qnn-to-sima, by default with what is best without data: second-moment with
    inputs that are made up."""

    def passes(self) -> Sequence[ModulePass]:
        """Returns the passes in their order."""
        lowering = (
            DeadCodeElimination(),
            QnnUnsignedToSignedPass(),
            QnnPropagateLayoutPass(),
            QnnFoldConstantsPass(),
            QnnMergeRequantizePass(),
            QnnMergeClipPass(),
            QnnFoldPadPass(),
            ConvertQnnToSimaPass(**asdict(self)),
        )
        return (*lowering, SimaOutlineHostPass()) if self.partial else lowering
