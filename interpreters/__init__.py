"""What every operation computes, exactly, on NumPy arrays.

One function an operation, on xDSL's interpreter framework; a tensor is an array of its shape whose
dtype is `sima_mlir.dialects.elements.dtype_of` its element type:

    interpreter = Interpreter(module)
    register_implementations(interpreter, ctx)
    (result,) = interpreter.call_op("main", (data,))
"""

from xdsl.context import Context
from xdsl.interpreter import Interpreter

from sima_mlir.interpreters.qnn import QnnFunctions
from sima_mlir.interpreters.sima import SimaFunctions
from sima_mlir.interpreters.tensor import TensorFunctions

__all__ = ["QnnFunctions", "SimaFunctions", "TensorFunctions", "register_implementations"]


def register_implementations(interpreter: Interpreter, ctx: Context) -> None:
    """Registers functions and calls, constants, and the operations of both dialects.

    `ctx` is the context that the module was parsed in: its builtin dialect holds the blobs of
    `dense_resource`.
    """
    # Imported late: the package loads every interpreter of xDSL, which takes half a second.
    from xdsl.interpreters.func import FuncFunctions

    for functions in (FuncFunctions(), TensorFunctions(ctx), QnnFunctions(), SimaFunctions(ctx)):
        interpreter.register_implementations(functions)
