"""Modules as functions on NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.dialects.func import FuncOp
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.traits import SymbolTable
from xdsl.utils.exceptions import InterpretationError

from sima_mlir.diagnostics import Diagnostic, SimaError, describe, on_operation
from sima_mlir.dialects.definitions import dimensions
from sima_mlir.dialects.elements import dtype_of
from sima_mlir.interpreters import register_implementations
from sima_mlir.workers import in_order

Array: TypeAlias = npt.NDArray[Any]
Observer: TypeAlias = Callable[[Operation, tuple[Array, ...]], None]
Progress: TypeAlias = Callable[[int, int], None]
"""Is called with how many batches are done and how many there are."""


def interpret(
    ctx: Context,
    module: ModuleOp,
    inputs: Sequence[Array],
    function: str = "main",
    observe: Observer | None = None,
) -> list[Array]:
    """Runs a function of a verified module, which was read in `ctx`; returns its results.

    `inputs` are one array for each argument, of its shape and of the dtype that stores its element
    type (signless integers are signed). `observe` is called with each operation that was computed,
    in order, and its results.

    Raises `SimaError` when there is no such function, when number, shape or dtype of the inputs
    are not the function's, and when an operation cannot be computed.
    """
    main = find_function(module, function)
    arguments = argument_types(main)
    _check_number(function, len(arguments), len(inputs))
    for number, (argument, array) in enumerate(zip(arguments, inputs, strict=True)):
        _check_dtype(f"input {number}", argument, array)
        if array.shape != argument.get_shape():
            wanted, given = dimensions(argument.get_shape()), dimensions(array.shape)
            raise SimaError.of(f"input {number} must have shape {wanted}, got {given}")
    return Runner(ctx, module, main)(inputs, observe)


def interpret_batches(
    ctx: Context,
    module: ModuleOp,
    inputs: Sequence[Array],
    function: str = "main",
    observe: Observer | None = None,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
) -> list[Array]:
    """Runs a function as often as the inputs hold its batch; returns the results one after another.

    The first axis of every input may be N times that of the argument, with the same N for all:
    450x8x8x1 for an argument of 1x8x8x1 is 450 runs, whose results of 1x10 come back as 450x10.

    `jobs` processes share the runs, with the same results; `sima_mlir.workers` says where. Then
    `observe`, which is called in this process, sees a run after it was done.

    Raises `SimaError` as `interpret` does, for the first run that fails.
    """
    main = find_function(module, function)
    batches = split(main, inputs)
    runs: list[list[Array]] = []
    for results in _each_run(ctx, module, main, batches, observe, jobs):
        runs.append(results)
        if progress is not None:
            progress(len(runs), len(batches))
    return [join(results) for results in zip(*runs, strict=True)]


def join(batches: Sequence[Array]) -> Array:
    """Puts the arrays of several runs one after another along the first axis."""
    if len(batches) == 1:
        return batches[0]
    return np.concatenate([np.atleast_1d(batch) for batch in batches])


def find_function(module: ModuleOp, name: str = "main") -> FuncOp:
    """Returns a function with a body; raises `SimaError` when there is none of that name."""
    op = SymbolTable.lookup_symbol(module, name)
    if not isinstance(op, FuncOp):
        others = [f"'{o.sym_name.data}'" for o in module.ops if isinstance(o, FuncOp)]
        has = ", ".join(others) or "none"
        message = f"module must have a function '{name}', its functions are {has}"
        raise SimaError.of(message, module.location)
    if op.is_declaration:
        raise SimaError([on_operation(op, f"'{name}' must have a body")])
    return op


def argument_types(function: FuncOp) -> list[TensorType[Attribute]]:
    """Returns the types of a function's arguments.

    Raises `SimaError` when one of them is not a static tensor of a type that an array can hold.
    """
    types: list[TensorType[Attribute]] = []
    for number, argument in enumerate(function.function_type.inputs):
        tensor = cast("TensorType[Attribute]", argument)
        if not isinstance(argument, TensorType) or not tensor.has_static_shape():
            message = f"argument {number} must be a tensor of static shape, got {argument}"
            raise SimaError([on_operation(function, message)])
        try:
            dtype_of(tensor.element_type)
        except ValueError as error:
            raise SimaError([on_operation(function, f"argument {number}: {error}")]) from error
        types.append(tensor)
    return types


def _check_number(function: str, wanted: int, given: int) -> None:
    if wanted != given:
        raise SimaError.of(f"function '{function}' must have {wanted} inputs, got {given}")


def _check_dtype(name: str, argument: TensorType[Attribute], array: Array) -> None:
    wanted = dtype_of(argument.element_type)
    if array.dtype != wanted:
        raise SimaError.of(f"{name} must be {wanted}, got {array.dtype}")


def _count_batches(arguments: Sequence[TensorType[Attribute]], inputs: Sequence[Array]) -> int:
    """Returns how many times the inputs hold the arguments; all as often as the first."""
    counts = [
        _times(a.get_shape(), array.shape) for a, array in zip(arguments, inputs, strict=True)
    ]
    for number, (times, argument, array) in enumerate(zip(counts, arguments, inputs, strict=True)):
        wanted, given = dimensions(argument.get_shape()), dimensions(array.shape)
        if not times:
            raise SimaError.of(
                f"input {number} must have shape {wanted}, or a multiple of it along the first "
                f"axis, got {given}"
            )
        if times != counts[0]:
            raise SimaError.of(
                f"input {number} must hold {counts[0]} times {wanted} as input 0 does, got {given}"
            )
    return counts[0] if counts else 1


def _times(wanted: tuple[int, ...], given: tuple[int, ...]) -> int:
    """Returns how many arrays of one shape another holds along the first axis; 0 if it doesn't."""
    if wanted == given:
        return 1
    if not wanted or not wanted[0] or len(given) != len(wanted) or given[1:] != wanted[1:]:
        return 0
    times, rest = divmod(given[0], wanted[0])
    return 0 if rest else times


@dataclass(frozen=True)
class Batches:
    """The inputs of each run, which share the memory of the inputs of all."""

    inputs: Sequence[Array]
    runs: int

    def __len__(self) -> int:
        return self.runs

    def __getitem__(self, number: int) -> list[Array]:
        """Returns the inputs of a run; raises `IndexError` where there is none."""
        if not 0 <= number < self.runs:
            raise IndexError(number)
        return [part(array, number, self.runs) for array in self.inputs]


def part(array: Array, number: int, count: int) -> Array:
    """Returns one of `count` equal parts along the first axis, the whole if there is one."""
    if count == 1:
        return array
    size = len(array) // count
    return array[number * size : (number + 1) * size]


def split(function: FuncOp, inputs: Sequence[Array]) -> Batches:
    """Cuts inputs into as many batches of a function's arguments as they hold.

    Raises `SimaError` when number, dtype or shape of the inputs do not fit the arguments.
    """
    arguments = argument_types(function)
    _check_number(function.sym_name.data, len(arguments), len(inputs))
    for number, (argument, array) in enumerate(zip(arguments, inputs, strict=True)):
        _check_dtype(f"input {number}", argument, array)
    return Batches(inputs, _count_batches(arguments, inputs))


class _Trace(Interpreter.Listener):
    """Knows which operation is being computed, tells an observer what came out, and forgets.

    A value that no operation will read is forgotten: its memory is the next one's.
    """

    def __init__(self, module: ModuleOp):
        self.op: Operation = module
        self.observe: Observer | None = None
        self.interpreter = Interpreter(module, listeners=(self,))
        self._read_last = _last_reads(module)

    def will_interpret_op(self, op: Operation, args: PythonValues) -> None:
        self.op = op

    def did_interpret_op(self, op: Operation, results: PythonValues) -> None:
        if self.observe is not None:
            self.observe(op, results)
        self.interpreter.set_values((value, None) for value in self._read_last.get(op, ()))


def _last_reads(module: ModuleOp) -> dict[Operation, list[SSAValue]]:
    """Returns the values that each operation is the last to read, all in one block."""
    last = {value: op for op in module.walk() for value in op.operands}
    reads: dict[Operation, list[SSAValue]] = {}
    for value, op in last.items():
        block = value.owner if isinstance(value.owner, Block) else value.owner.parent
        if all(use.operation.parent is block for use in value.uses):
            reads.setdefault(op, []).append(value)
    return reads


class Runner:
    """Runs a function of a module on the inputs of one batch after another."""

    def __init__(self, ctx: Context, module: ModuleOp, function: FuncOp):
        self.function = function
        self.trace = _Trace(module)
        register_implementations(self.trace.interpreter, ctx)

    def __call__(self, inputs: Sequence[Array], observe: Observer | None = None) -> list[Array]:
        """Returns the results; raises `SimaError` when an operation cannot be computed."""
        trace = self.trace
        trace.observe, trace.op = observe, self.function
        try:
            return list(trace.interpreter.call_op(self.function, tuple(inputs)))
        except InterpretationError as error:
            raise SimaError([_at(trace.op, error)]) from error
        except RecursionError:
            raise SimaError([on_operation(trace.op, "calls go too deep")]) from None


def _each_run(
    ctx: Context,
    module: ModuleOp,
    function: FuncOp,
    batches: Batches,
    observe: Observer | None,
    jobs: int,
) -> Iterator[list[Array]]:
    """Yields the results of each run in order, after the observer saw its operations."""
    run = Runner(ctx, module, function)
    if observe is None or min(jobs, len(batches)) == 1:
        with closing(in_order(lambda n: run(batches[n], observe), len(batches), jobs)) as runs:
            yield from runs
        return
    operations = list(module.walk())
    numbers = {op: number for number, op in enumerate(operations)}

    def recorded(batch: int) -> tuple[list[Array], list[tuple[int, tuple[Array, ...]]]]:
        seen: list[tuple[int, tuple[Array, ...]]] = []
        results = run(batches[batch], lambda op, values: seen.append((numbers[op], values)))
        return results, seen

    with closing(in_order(recorded, len(batches), jobs)) as records:
        for results, seen in records:
            for number, values in seen:
                observe(operations[number], values)
            yield results


def _at(op: Operation, error: InterpretationError) -> Diagnostic:
    """Returns what was wrong with an operation, whose name the message may hold already."""
    message = describe(error)
    return on_operation(op, message.removeprefix(f"'{op.name}' op "))
