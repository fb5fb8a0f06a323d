"""The embedding API: what a program gets that takes sima-mlir in.

    import sima_mlir

    ctx = sima_mlir.make_context()
    module = sima_mlir.load(ctx, "model.tflite")
    sima_mlir.run_pipeline(ctx, module, "convert-qnn-to-sima{requantization=tflite}")
    sima_mlir.write(ctx, module, sys.stdout)
    (scores,) = sima_mlir.interpret(ctx, module, [image])

Whatever is wrong with an input is raised as a `SimaError`, whose diagnostics say what and where.
Nothing is kept outside the context; threads with a context each do not see one another.

Names are imported when they are first used, so that `import sima_mlir` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sima_mlir.comparison import Comparison, compare
    from sima_mlir.context import make_context
    from sima_mlir.diagnostics import Diagnostic, Remark, SimaError
    from sima_mlir.differences import Difference, measure
    from sima_mlir.execution import interpret, interpret_batches
    from sima_mlir.expectations import check_expectations
    from sima_mlir.loading import load, read
    from sima_mlir.matching import SavedValues
    from sima_mlir.pipeline import parse_pipeline, run_pipeline
    from sima_mlir.reader import parse
    from sima_mlir.verifier import verify
    from sima_mlir.writer import write

__version__ = "0.1.0"

__all__ = [
    "Comparison",
    "Diagnostic",
    "Difference",
    "Remark",
    "SavedValues",
    "SimaError",
    "__version__",
    "check_expectations",
    "compare",
    "interpret",
    "interpret_batches",
    "load",
    "make_context",
    "measure",
    "parse",
    "parse_pipeline",
    "read",
    "run_pipeline",
    "verify",
    "write",
]

_MODULES = {
    "Comparison": "comparison",
    "Diagnostic": "diagnostics",
    "Difference": "differences",
    "Remark": "diagnostics",
    "SavedValues": "matching",
    "SimaError": "diagnostics",
    "check_expectations": "expectations",
    "compare": "comparison",
    "interpret": "execution",
    "interpret_batches": "execution",
    "load": "loading",
    "make_context": "context",
    "measure": "differences",
    "parse": "reader",
    "parse_pipeline": "pipeline",
    "read": "loading",
    "run_pipeline": "pipeline",
    "verify": "verifier",
    "write": "writer",
}


def __getattr__(name: str) -> Any:
    """Imports a public name from its module when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """Lists the public names, imported or not."""
    return sorted({*globals(), *__all__})
