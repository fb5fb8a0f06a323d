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


SIMA_UNIVERSE = Universe(
    all_dialects={"qnn": _get_qnn, "sima": _get_sima},
    all_passes={"convert-qnn-to-sima": _get_convert_qnn_to_sima},
)
