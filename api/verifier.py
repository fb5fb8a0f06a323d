"""Everything that is wrong with a module, each fault at its place."""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnregisteredOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation
from xdsl.utils.exceptions import VerifyException

from sima_mlir.diagnostics import Diagnostic, SimaError, describe, on_operation

CERTIFICATE = "sima.certificate"


def verify(module: ModuleOp, ctx: Context | None = None) -> None:
    """Checks every operation, and then that functions define a value before they use it.

    With `ctx`, which holds the data of `dense_resource`, certificates that rest on such constants
    are checked too.

    Raises `SimaError` with one diagnostic for each operation that is at fault.
    """
    faults = _verifier_faults(module) or list(_order_faults(module))
    if ctx is not None:
        faults = faults or list(_certificate_faults(module, ctx))
    if faults:
        raise SimaError(faults)


def _verifier_faults(module: ModuleOp) -> list[Diagnostic]:
    try:
        module.verify()
    except Exception as error:
        faults = [fault for op in module.walk() if (fault := _fault_of(op)) is not None]
        return faults or [Diagnostic("error", module.location, describe(error))]
    return []


def _fault_of(op: Operation) -> Diagnostic | None:
    """Returns what is wrong with one operation, apart from those in its regions."""
    try:
        # First, because `verify` would print the whole module on this failure.
        op.verify_()
        op.verify(verify_nested_ops=False)
        for region in op.regions:
            for block in region.blocks:
                if block.is_empty:
                    block.verify()
    except Exception as error:
        message = describe(error).removeprefix(f"operation {op.name} ")
        return on_operation(op, message)
    return None


def _certificate_faults(module: ModuleOp, ctx: Context) -> Iterator[Diagnostic]:
    """Yields the certificates that do not hold, of those that no operation's `verify_` checks."""
    for op in module.walk():
        if isinstance(op, UnregisteredOp) or CERTIFICATE not in _kinds(op):
            continue
        from sima_mlir.dialects.certification import rests_on_resources, verify_certificate
        from sima_mlir.dialects.sima import RequantizingOperation

        if not isinstance(op, RequantizingOperation) or op.certificate is None:
            yield on_operation(op, "takes no certificate, got one")
            continue
        try:
            if rests_on_resources(op):
                verify_certificate(op, ctx)
        except VerifyException as error:
            yield on_operation(op, describe(error))


def _kinds(op: Operation) -> set[str]:
    """Returns of which kinds an operation's properties and attributes are."""
    return {a.name for a in (*op.properties.values(), *op.attributes.values())}


def _order_faults(module: ModuleOp) -> Iterator[Diagnostic]:
    """Yields the uses of values that are defined further down, which xDSL lets pass."""
    for function in module.walk():
        if not isinstance(function, FuncOp):
            continue
        for block in function.body.blocks:
            later = set(block.ops)
            for op in block.ops:
                for number, operand in enumerate(op.operands):
                    if operand.owner in later:
                        yield on_operation(op, f"operand {number} is used before it is defined")
                later.discard(op)
