"""The context that everything else is given: dialects, resources and remarks of one user."""

from __future__ import annotations

from collections.abc import Callable

from xdsl.context import Context
from xdsl.dialect_interfaces.op_asm import OpAsmDialectInterface
from xdsl.dialects import get_all_dialects
from xdsl.dialects.builtin import Builtin
from xdsl.ir import Dialect

from sima_mlir.passes.diagnostics import RemarkContext
from sima_mlir.universe import SIMA_UNIVERSE


def make_context(
    *,
    allow_unregistered: bool = False,
    remarks: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Context:
    """Returns a context that knows xDSL's dialects and ours, each loaded when first needed.

    With `remarks`, passes remark on what they did and how exact it is, not only on what they
    missed. `progress` is told by a pass that takes long how many of how many pieces are done.

    The data of `dense_resource` belongs to the context and is freed with it: xDSL's own builtin
    dialect keeps it in the process, where files that use the same key destroy one another's.
    """
    ctx = RemarkContext(
        allow_unregistered=allow_unregistered, wants_passed=remarks, progress=progress
    )
    ctx.load_dialect(
        Dialect(
            "builtin",
            list(Builtin.operations),
            list(Builtin.attributes),
            [OpAsmDialectInterface()],
        )
    )
    factories = get_all_dialects() | SIMA_UNIVERSE.all_dialects
    del factories["builtin"]
    for name, factory in factories.items():
        ctx.register_dialect(name, factory)
    return ctx


def resources(ctx: Context) -> OpAsmDialectInterface | None:
    """Returns what holds the data of `dense_resource`, if the context has it."""
    return ctx.get_dialect("builtin").get_interface(OpAsmDialectInterface)
