"""What sima-mlir adds to xDSL; the entry point by which plain `xdsl-opt` finds it.

A dialect or a pass is imported when it is first asked for.
"""

from __future__ import annotations

from xdsl.ir import Dialect
from xdsl.passes import ModulePass
from xdsl.universe import Universe


def _get_qnn() -> Dialect:
    from sima_mlir.dialects.qnn import QNN

    return QNN


def _get_sima() -> Dialect:
    from sima_mlir.dialects.sima import SIMA

    return SIMA


def _get_convert_qnn_to_sima() -> type[ModulePass]:
    from sima_mlir.passes.convert_qnn_to_sima import ConvertQnnToSimaPass

    return ConvertQnnToSimaPass


def _get_qnn_fold_constants() -> type[ModulePass]:
    from sima_mlir.passes.qnn_fold_constants import QnnFoldConstantsPass

    return QnnFoldConstantsPass


def _get_qnn_fold_pad() -> type[ModulePass]:
    from sima_mlir.passes.qnn_fold_pad import QnnFoldPadPass

    return QnnFoldPadPass


def _get_qnn_merge_clip() -> type[ModulePass]:
    from sima_mlir.passes.qnn_merge_clip import QnnMergeClipPass

    return QnnMergeClipPass


def _get_qnn_merge_requantize() -> type[ModulePass]:
    from sima_mlir.passes.qnn_merge_requantize import QnnMergeRequantizePass

    return QnnMergeRequantizePass


def _get_qnn_propagate_layout() -> type[ModulePass]:
    from sima_mlir.passes.qnn_propagate_layout import QnnPropagateLayoutPass

    return QnnPropagateLayoutPass


def _get_qnn_to_sima_pipeline() -> type[ModulePass]:
    from sima_mlir.passes.qnn_to_sima_pipeline import QnnToSimaPipelinePass

    return QnnToSimaPipelinePass


def _get_qnn_unsigned_to_signed() -> type[ModulePass]:
    from sima_mlir.passes.qnn_unsigned_to_signed import QnnUnsignedToSignedPass

    return QnnUnsignedToSignedPass


def _get_sima_outline_host() -> type[ModulePass]:
    from sima_mlir.passes.sima_outline_host import SimaOutlineHostPass

    return SimaOutlineHostPass


SIMA_UNIVERSE = Universe(
    all_dialects={"qnn": _get_qnn, "sima": _get_sima},
    all_passes={
        "convert-qnn-to-sima": _get_convert_qnn_to_sima,
        "qnn-fold-constants": _get_qnn_fold_constants,
        "qnn-fold-pad": _get_qnn_fold_pad,
        "qnn-merge-clip": _get_qnn_merge_clip,
        "qnn-merge-requantize": _get_qnn_merge_requantize,
        "qnn-propagate-layout": _get_qnn_propagate_layout,
        "qnn-to-sima-pipeline": _get_qnn_to_sima_pipeline,
        "qnn-unsigned-to-signed": _get_qnn_unsigned_to_signed,
        "sima-outline-host": _get_sima_outline_host,
    },
)
