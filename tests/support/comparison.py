"""Compares what each operation of a program computes with what another executor recorded."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from itertools import accumulate, permutations
from operator import mul
from typing import Any, NamedTuple

import numpy as np
from xdsl.context import Context
from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import ModuleOp, NameLoc
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation, SSAValue
from xdsl.traits import SymbolTable

from sima_mlir.interpreters import register_implementations

Array = np.ndarray[Any, Any]


class Difference(NamedTuple):
    """How far the result of an operation is from a recorded tensor, element by element."""

    operation: Operation
    tensor: str
    error: Array

    @property
    def largest(self) -> float:
        return float(np.abs(self.error).max(initial=0))


def differences(
    ctx: Context,
    module: ModuleOp,
    inputs: Sequence[Array],
    recorded: Mapping[str, Array],
    codes: Mapping[str, str] | None = None,
) -> Iterator[Difference]:
    """Runs `@main` and compares with every recorded tensor that an operation is located at.

    After each comparison the recorded tensor goes on in place of the result, so that every
    operation is given what the other executor's was, and its error is its own.

    Where a tensor of floats is quantized at once, `codes` has the name of its codes: an operation
    may be located at either.
    """
    comparison = _Comparison(ctx, module, recorded, codes or {})
    yield from comparison.run(comparison.function("main"), inputs)


class _Comparison:
    def __init__(
        self,
        ctx: Context,
        module: ModuleOp,
        recorded: Mapping[str, Array],
        codes: Mapping[str, str],
    ):
        self.interpreter = Interpreter(module)
        register_implementations(self.interpreter, ctx)
        self.module, self.recorded, self.codes = module, recorded, codes
        self.last = {name_of(op): op for op in self.in_order(self.function("main"))}

    def function(self, name: str) -> FuncOp:
        function = SymbolTable.lookup_symbol(self.module, name)
        assert isinstance(function, FuncOp)
        return function

    def in_order(self, function: FuncOp) -> Iterator[Operation]:
        for op in function.body.block.ops:
            if isinstance(op, CallOp):
                yield from self.in_order(self.function(op.callee.string_value()))
            else:
                yield op

    def run(
        self, function: FuncOp, inputs: Sequence[Array]
    ) -> Generator[Difference, None, Sequence[Array]]:
        """Runs a function and those that it calls; returns its results."""
        values: dict[SSAValue, Array] = dict(zip(function.body.block.args, inputs, strict=True))
        for op in function.body.block.ops:
            operands = [values[operand] for operand in op.operands]
            match op:
                case ReturnOp():
                    return operands
                case CallOp():
                    callee = self.function(op.callee.string_value())
                    results = yield from self.run(callee, operands)
                case _:
                    results = yield from self.compared(op, tuple(operands))
            values |= dict(zip(op.results, results, strict=True))
        raise ValueError("a function must end with a return")

    def compared(
        self, op: Operation, operands: tuple[Array, ...]
    ) -> Generator[Difference, None, Sequence[Array]]:
        """Computes an operation; returns what was recorded, or what came out if nothing was."""
        name, results = name_of(op), self.interpreter.run_op(op, operands)
        if op is not self.last[name] or isinstance(op, ConstantOp):
            return results
        quantized = self.codes.get(name, "")
        if quantized in self.recorded and quantized not in self.last:
            name = quantized
        if name not in self.recorded or not are_comparable(results[0], self.recorded[name]):
            return results
        wanted = nearest_layout(results[0], as_held(self.recorded[name], results[0].dtype))
        yield Difference(op, name, results[0].astype(wide(wanted.dtype)) - wanted)
        return [wanted]


def are_comparable(result: Array, recorded: Array) -> bool:
    """Whether both hold codes of one width, or both real numbers."""
    kinds = [tensor.dtype.kind.replace("u", "i") for tensor in (result, recorded)]
    sizes = [(tensor.dtype.itemsize, tensor.size) for tensor in (result, recorded)]
    return kinds[0] == kinds[1] and sizes[0] == sizes[1]


def name_of(op: Operation) -> str:
    """The name of the tensor that an operation computes or is on the way to."""
    return op.location.desc.data if isinstance(op.location, NameLoc) else ""


def as_held(recorded: Array, dtype: np.dtype[Any]) -> Array:
    """Codes of uint8 as the int8 that programs hold them as."""
    if recorded.dtype == np.uint8 and dtype == np.int8:
        return (recorded ^ np.uint8(128)).view(np.int8)
    return recorded


def wide(dtype: np.dtype[Any]) -> type:
    return np.float64 if dtype.kind == "f" else np.int64


def nearest_layout(result: Array, recorded: Array) -> Array:
    """The recorded tensor with its axes in the order of the result's.

    Of the orders that give the shape it is the one with the smallest error: only one of them gives
    a small one. Axes may have become one, or several.
    """
    tensor = recorded.squeeze()
    fitting = [
        tensor.transpose(order).reshape(result.shape)
        for order in permutations(range(tensor.ndim))
        if are_regrouped([tensor.shape[axis] for axis in order], result.shape)
    ]
    kind = wide(result.dtype)
    return min(fitting, key=lambda other: float(np.abs(other.astype(kind) - result).sum()))


def are_regrouped(shape: Sequence[int], other: Sequence[int]) -> bool:
    """Whether some axes of one shape are several of the other each, in the same order."""
    ends, other_ends = (set(accumulate(sizes, mul)) for sizes in (shape, other))
    return ends <= other_ends or other_ends <= ends | {1}
