"""What the accelerator does not take, in functions of its own for the host."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import ModuleOp, TensorType, UnitAttr, UnregisteredOp
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.traits import Pure, SymbolTable

from sima_mlir.dialects.elements import dtype_of
from sima_mlir.dialects.sima import HOST_ATTRIBUTE
from sima_mlir.passes.diagnostics import Detail, Finding, RemarkKind, remark


@dataclass(frozen=True)
class SimaOutlineHostPass(ModulePass):
    """Moves what is not of the accelerator into functions for the host, and calls these.

    There are as few as the order of the operations allows, each marked sima.host. Remarks say what
    is where, and which tensors cross.
    """

    name = "sima-outline-host"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrites the module in place."""
        for function in [o for o in op.ops if isinstance(o, FuncOp)]:
            if function.is_declaration or HOST_ATTRIBUTE in function.attributes:
                continue
            if (reason := _why_not(function)) is not None:
                remark(ctx, Finding(RemarkKind.MISSED, function, f"not divided: {reason}"))
                continue
            _divide(ctx, op, function)


def _divide(ctx: Context, module: ModuleOp, function: FuncOp) -> None:
    """Moves the operations of a function that are for the host into functions of their own."""
    block = function.body.block
    levels = _levels(block)
    groups: dict[int, list[Operation]] = {}
    for op in sorted(levels, key=lambda op: (levels[op], is_for_host(op))):
        if is_for_host(op):
            groups.setdefault(levels[op], []).append(op)
        op.detach()
        Rewriter.insert_op(op, _before_end(block))
    hosts: list[FuncOp] = []
    for number, group in enumerate(groups.values()):
        name = _unused_name(module, f"{function.sym_name.data}_host_{number}")
        hosts.append(_outline(group, name))
        Rewriter.insert_op(hosts[-1], InsertPoint.after(hosts[-2] if number else function))
    if hosts:
        _summarize(ctx, function, sum(op.dialect_name() == "sima" for op in levels), hosts)


def _why_not(function: FuncOp) -> str | None:
    """Returns why a function cannot be divided, if so."""
    blocks = len(function.body.blocks)
    if blocks > 1:
        return f"it has {blocks} blocks, only one can be divided"
    for op in function.body.block.ops:
        if op.regions:
            return f"its '{_name(op)}' has regions"
    if (end := function.body.block.last_op) is not None and not isinstance(end, ReturnOp):
        return f"it ends with '{_name(end)}', not with 'func.return'"
    return None


def _levels(block: Block) -> dict[Operation, int]:
    """Returns after how many turns of the host each operation but constants can be computed.

    Those of the accelerator come first in each level, those of the host second. Operations that
    may have effects, calls among them, stay in their order.
    """
    levels: dict[Operation, int] = {}
    before: Operation | None = None
    for op in block.ops:
        if isinstance(op, arith.ConstantOp | ReturnOp):
            continue
        earlier = [value.owner for value in op.operands]
        if not op.has_trait(Pure, value_if_unregistered=False):
            earlier += [] if before is None else [before]
            before = op
        levels[op] = max((_level(levels, op, producer) for producer in earlier), default=0)
    return levels


def _level(levels: Mapping[Operation, int], op: Operation, earlier: Operation | Block) -> int:
    if not isinstance(earlier, Operation) or earlier not in levels:
        return 0
    return levels[earlier] + (is_for_host(earlier) and not is_for_host(op))


def is_for_host(op: Operation) -> bool:
    """Whether an operation, which is no constant, is one that the accelerator does not have."""
    return op.dialect_name() != "sima" and not isinstance(op, CallOp)


def _before_end(block: Block) -> InsertPoint:
    end = block.last_op
    return InsertPoint.at_end(block) if end is None else InsertPoint.before(end)


def _unused_name(module: ModuleOp, name: str) -> str:
    while SymbolTable.lookup_symbol(module, name) is not None:
        name += "_"
    return name


def _outline(group: Sequence[Operation], name: str) -> FuncOp:
    """Moves operations that stand one after the other into a function, and calls it there."""
    members = set(group)
    outside = [v for op in group for v in op.operands if v.owner not in members]
    constants = [v for v in dict.fromkeys(outside) if isinstance(v.owner, arith.ConstantOp)]
    inputs = [v for v in dict.fromkeys(outside) if not isinstance(v.owner, arith.ConstantOp)]
    results = [result for op in group for result in op.results]
    outputs = [r for r in results if any(use.operation not in members for use in r.uses)]
    call = CallOp(name, inputs, [value.type for value in outputs])
    call.location = group[0].location
    Rewriter.insert_op(call, InsertPoint.before(group[0]))
    for value, result in zip(outputs, call.results, strict=True):
        result.name_hint = value.name_hint
        value.replace_uses_with_if(result, lambda use: use.operation not in members)
    body = Block(arg_types=[value.type for value in inputs])
    for value, argument in zip(inputs, body.args, strict=True):
        argument.name_hint = value.name_hint
        value.replace_uses_with_if(argument, lambda use: use.operation in members)
    for value in constants:
        _sink_constant(value, members, body)
    for op in group:
        op.detach()
        body.add_op(op)
    body.add_op(ReturnOp(*outputs))
    types = [value.type for value in inputs], [value.type for value in outputs]
    host = FuncOp(name, types, Region(body), "private")
    host.attributes[HOST_ATTRIBUTE] = UnitAttr()
    host.location = call.location
    return host


def _sink_constant(value: SSAValue, members: Container[Operation], body: Block) -> None:
    """Gives operations a copy of a constant in a block; the constant goes if nobody else has it."""
    constant = value.owner
    if not isinstance(constant, Operation):
        return
    copy = constant.clone()
    body.add_op(copy)
    value.replace_uses_with_if(copy.results[0], lambda use: use.operation in members)
    if value.first_use is None:
        Rewriter.erase_op(constant)


def _summarize(ctx: Context, function: FuncOp, lowered: int, hosts: Sequence[FuncOp]) -> None:
    """Remarks on where the operations of a function are, and on what crosses."""
    left = sum(len(_kinds(host)) for host in hosts)
    message = (
        f"@{function.sym_name.data}: {_count(lowered, 'operation')} on the accelerator, "
        f"{left} on the host in {_count(len(hosts), 'function')}"
    )
    details: dict[str, Detail] = {"on_accelerator": lowered, "on_host": left}
    remark(ctx, Finding(RemarkKind.ANALYSIS, function, message, details))
    for host in hosts:
        inputs, outputs = host.function_type.inputs.data, host.function_type.outputs.data
        times = sorted(Counter(_kinds(host)).items())
        kinds = ", ".join(f"{name} x{number}" for name, number in times)
        taken, given = (_listed(types) for types in (inputs, outputs))
        bytes_in, bytes_out = (sum(map(_bytes, types)) for types in (inputs, outputs))
        message = (
            f"@{host.sym_name.data}: {kinds}; takes {taken} ({bytes_in} bytes), "
            f"gives {given} ({bytes_out} bytes)"
        )
        details = {"operations": kinds, "bytes_in": bytes_in, "bytes_out": bytes_out}
        remark(ctx, Finding(RemarkKind.ANALYSIS, host, message, details))


def _kinds(host: FuncOp) -> Sequence[str]:
    """Returns the name of each operation of a function, but for constants and the return."""
    ops = host.body.block.ops
    return [_name(op) for op in ops if not isinstance(op, arith.ConstantOp | ReturnOp)]


def _name(op: Operation) -> str:
    return op.op_name.data if isinstance(op, UnregisteredOp) else op.name


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _listed(types: Iterable[Attribute]) -> str:
    return ", ".join(map(str, types)) or "nothing"


def _bytes(value_type: Attribute) -> int:
    """Returns how many bytes a tensor has; 0 where its type does not say."""
    if not isinstance(value_type, TensorType):
        return 0
    tensor = cast("TensorType[Attribute]", value_type)
    try:
        size = dtype_of(tensor.element_type).itemsize
    except ValueError:
        return 0
    return math.prod(tensor.get_shape()) * size if tensor.has_static_shape() else 0
