"""What sima-mlir adds to xDSL; the entry point by which plain `xdsl-opt` finds it.

A dialect or a pass is imported when it is first asked for.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module

from xdsl.ir import Dialect
from xdsl.passes import ModulePass
from xdsl.universe import Universe


def _get_qnn() -> Dialect:
    from sima_mlir.dialects.qnn import QNN

    return QNN


def _get_sima() -> Dialect:
    from sima_mlir.dialects.sima import SIMA

    return SIMA


def _get_pass(name: str) -> type[ModulePass]:
    """Returns the class `SomeNamePass` of `passes/some_name.py` for the pass `some-name`."""
    words = name.split("-")
    module = import_module(f"sima_mlir.passes.{'_'.join(words)}")
    return getattr(module, f"{''.join(map(str.capitalize, words))}Pass")


_PASSES = (
    "convert-qnn-to-sima",
    "qnn-fold-constants",
    "qnn-fold-pad",
    "qnn-merge-clip",
    "qnn-merge-requantize",
    "qnn-propagate-layout",
    "qnn-to-sima-pipeline",
    "qnn-unsigned-to-signed",
    "sima-outline-host",
)

SIMA_UNIVERSE = Universe(
    all_dialects={"qnn": _get_qnn, "sima": _get_sima},
    all_passes={name: partial(_get_pass, name) for name in _PASSES},
)
