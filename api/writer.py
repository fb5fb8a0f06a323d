"""A module to textual IR that mlir-opt reads too."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import IO, Any, cast

from xdsl.context import Context
from xdsl.dialect_interfaces.op_asm import OpAsmDialectInterface
from xdsl.dialects.builtin import (
    AnyFloat,
    BytesAttr,
    DenseIntOrFPElementsAttr,
    ModuleOp,
    TensorType,
)
from xdsl.ir import Attribute, Dialect
from xdsl.printer import Printer

from sima_mlir.diagnostics import SimaError

_LONGEST_LIST = 100
"""Elements that are printed one by one, as xDSL and MLIR do."""


def write(
    ctx: Context,
    module: ModuleOp,
    stream: IO[str],
    *,
    generic: bool = False,
    debuginfo: bool = False,
) -> None:
    """Prints a module, followed by the data of the resources that it uses.

    `generic` prints every operation in the generic form, `debuginfo` every location.

    Raises `SimaError` when the data of a resource is not in `ctx`, because the module was parsed
    in another context.
    """
    printer = ModulePrinter(stream, print_generic_format=generic, print_debuginfo=debuginfo)
    printer.print_op(module)
    printer.print_string("\n")
    printer.print_metadata(ctx.loaded_dialects)


class ModulePrinter(Printer):
    """xDSL's printer, without a Python object per weight and with every resource."""

    def print_attribute(self, attribute: Attribute) -> None:
        """Prints an attribute, one with numbers in bulk from its bytes."""
        if not isinstance(attribute, DenseIntOrFPElementsAttr):
            return super().print_attribute(attribute)
        dense = cast("DenseIntOrFPElementsAttr[Any]", attribute)
        if (shown := _shown(dense)) is None:
            self.print_string(f'dense<"0x{dense.data.data.hex().upper()}">')
        else:
            shown.print_without_type(self)
        self.print_string(" : ")
        self.print_attribute(dense.get_type())

    def print_resource_handle(self, dialect: str, handle: str) -> None:
        """Prints a key, quoted where it must be."""
        self._dialect_resources.setdefault(dialect, set()).add(handle)
        self.print_identifier_or_string_literal(handle)

    def print_metadata(self, dialects: Iterable[Dialect]) -> None:
        """Prints the data of the resources that were referred to, by dialect and key."""
        interfaces = {d.name: d.get_interface(OpAsmDialectInterface) for d in dialects}
        sections = {
            dialect: _blobs(interfaces.get(dialect), keys)
            for dialect, keys in sorted(self._dialect_resources.items())
        }
        sections = {dialect: blobs for dialect, blobs in sections.items() if blobs}
        if not sections:
            return
        self.print_string("\n{-#\n  dialect_resources: {\n")
        self.print_list(sections.items(), lambda item: self._print_section(*item), ",\n")
        self.print_string("\n  }\n#-}\n")

    def _print_section(self, dialect: str, blobs: dict[str, str]) -> None:
        self.print_string(f"    {dialect}: {{\n")
        self.print_list(blobs.items(), lambda item: self._print_blob(*item), ",\n")
        self.print_string("\n    }")

    def _print_blob(self, key: str, blob: str) -> None:
        self.print_string("      ")
        self.print_identifier_or_string_literal(key)
        self.print_string(f': "{blob}"')


def _shown(dense: DenseIntOrFPElementsAttr[Any]) -> DenseIntOrFPElementsAttr[Any] | None:
    """Returns what xDSL may print value by value in place of a constant; None for its bytes.

    That is the constant itself when it is short, one element when all are the same.
    """
    data, element = dense.data.data, dense.type.element_type
    size = element.compile_time_size
    same = data == data[:size] * len(dense)
    if len(dense) <= _LONGEST_LIST:
        # xDSL takes 0.0 and -0.0 for the same number, and would print one of them for all.
        return None if not same and dense.is_splat() else dense
    if not same or _is_not_finite(element, data[:size]):
        return None
    return DenseIntOrFPElementsAttr(TensorType(element, []), BytesAttr(data[:size]))


def _is_not_finite(element: Attribute, data: bytes) -> bool:
    """Whether a float is infinite or not a number, which xDSL prints so that it misreads it."""
    return isinstance(element, AnyFloat) and not math.isfinite(element.unpack(data, 1)[0])


def _blobs(interface: OpAsmDialectInterface | None, keys: Iterable[str]) -> dict[str, str]:
    """Returns the data of each key that has any."""
    blobs: dict[str, str] = {}
    for key in sorted(keys):
        blob = None if interface is None else interface.lookup(key)
        if blob is None:
            raise SimaError.of(f"resource '{key}' is not in this context")
        if blob:
            blobs[key] = blob
    return blobs
