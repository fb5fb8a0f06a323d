"""What the layers of a network see: patches of the data of convolution and dense operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias
from zipfile import is_zipfile

import numpy as np
import numpy.typing as npt
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType, i8
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue
from xdsl.traits import SymbolTable
from xdsl.utils.exceptions import InterpretationError, PassFailedException

from sima_mlir.dialects import qnn
from sima_mlir.dialects.definitions import dimensions, element_type, shape_of
from sima_mlir.dialects.elements import Array, dtype_of
from sima_mlir.dialects.shapes import Window
from sima_mlir.passes.diagnostics import Steps
from sima_mlir.passes.weights import WeightRounder
from sima_mlir.quantization import code_range
from sima_mlir.quantization.weight_rounding import WeightRounding

if TYPE_CHECKING:
    from xdsl.interpreter import PythonValues

POSITIONS = 512
"""How many output positions of a run are looked at, at most."""

PATCHES = 1 << 13
"""How many of all runs, of each operation, which bounds what they take of memory."""

SEED = 0
"""What positions and synthetic inputs are drawn with."""

DAMPING, DAMPING_OF_SYNTHETIC = 0.01, 0.1
"""How little the moments of given and of synthetic inputs are trusted."""

CODES = tuple(np.dtype(code) for code in (np.int8, np.uint8, np.int16))
"""What codes of a quantized network are stored as."""

COARSENESS = 8
"""How many pixels are alike in a synthetic image."""

WHITE = 0.1
"""How much of a synthetic image is white noise."""

Weighted: TypeAlias = qnn.ConvOp | qnn.DenseOp


def calibrate(ctx: Context, module: ModuleOp, path: str | None) -> WeightRounder:
    """Returns a rounder of weights that knows what the layers of `main` see.

    Its arguments are those of an `.npz`, as `sima-run` takes it, or made up.

    Raises `PassFailedException` when they are not the function's, or the network that they are for
    cannot be computed; where they are made up, the rounder says so of each operation.
    """
    strategy = WeightRounding.SECOND_MOMENT
    main = SymbolTable.lookup_symbol(module, "main")
    if not isinstance(main, FuncOp) or main.is_declaration:
        return WeightRounder(strategy, missing="there is no function 'main'")
    runs = synthetic_inputs(main) if path is None else read_inputs(path, main)
    if runs is None:
        return WeightRounder(strategy, missing="no inputs can be made up for its function")
    damping = DAMPING_OF_SYNTHETIC if path is None else DAMPING
    try:
        steps = Steps(ctx, len(runs) + sum(isinstance(op, Weighted) for op in main.walk()))
        patches = observe(ctx, main, module, runs, steps)
        return WeightRounder(strategy, patches, damping, steps=steps)
    except (InterpretationError, RecursionError) as error:
        said = "calls go too deep" if isinstance(error, RecursionError) else error
        reason = f"the network cannot be computed: {said}"
        if path is not None:
            raise PassFailedException(reason) from error
        return WeightRounder(strategy, missing=reason)


def read_inputs(path: str, main: FuncOp) -> list[list[Array]]:
    """Returns the arguments of each run that an `.npz` has, as `in0`, `in1`, ….

    An array holds N arguments one after another along the first axis; N is the same for all.

    Raises `PassFailedException` when the file cannot be read, or the arrays are not the function's.
    """
    arrays = _read_arrays(path, len(main.args))
    counts = [
        _count(f"calibration '{path}'", number, *pair)
        for number, pair in enumerate(zip(main.args, arrays, strict=True))
    ]
    if len(set(counts)) > 1:
        raise PassFailedException(f"calibration '{path}' has inputs for {sorted(set(counts))} runs")
    if not arrays:
        return [[]]
    parts = [np.split(array, counts[0]) for array in arrays]
    return [list(run) for run in zip(*parts, strict=True)]


def _read_arrays(path: str, count: int) -> list[Array]:
    try:
        with open(path, "rb") as file:
            if not is_zipfile(file):
                raise PassFailedException(f"calibration '{path}' must be an .npz")
            file.seek(0)
            archive = np.load(file, allow_pickle=False)
            return [np.asarray(archive[f"in{number}"]) for number in range(count)]
    except PassFailedException:
        raise
    except Exception as error:  # zipfile, zlib and NumPy each have their own for damaged bytes
        reason = error.strerror if isinstance(error, OSError) else error
        raise PassFailedException(f"calibration '{path}' cannot be read: {reason}") from error


def _count(source: str, number: int, argument: SSAValue, array: Array) -> int:
    """Returns how many arguments an array holds."""
    if (wanted := _array_type(argument)) is None:
        raise PassFailedException(
            f"{source} must be for arguments that are arrays, argument {number} is {argument.type}"
        )
    shape, dtype = wanted
    fits = array.dtype == dtype and array.ndim == len(shape) and array.shape[1:] == shape[1:]
    if not fits or 0 in (*shape[:1], len(shape), array.size) or len(array) % shape[0]:
        raise PassFailedException(
            f"{source} must have in{number} of {dimensions(shape)} {dtype}, or N times as much "
            f"along the first axis, got {dimensions(array.shape)} {array.dtype}"
        )
    return len(array) // shape[0]


def observe(
    ctx: Context,
    main: FuncOp,
    module: ModuleOp,
    runs: Sequence[Sequence[Array]],
    steps: Steps | None = None,
) -> dict[Operation, npt.NDArray[np.int16]]:
    """Returns patches of what each convolution and dense operator of a function sees.

    `runs` are the arguments of each run. Patches are codes less their zero point, of shape
    (N, K, groups), with the taps in the order of the weights; a tap in the padding is 0.

    Raises `InterpretationError` when an operation cannot be computed.
    """
    from xdsl.interpreter import Interpreter  # costs start-up time

    from sima_mlir.interpreters import register_implementations

    class Listener(Interpreter.Listener):
        def did_interpret_op(self, op: Operation, results: PythonValues) -> None:
            for value, array in zip(op.results, results, strict=True):
                observer.see(value, array)

    observer = _Observer.of(main, min(POSITIONS, max(1, PATCHES // max(1, len(runs)))))
    interpreter = Interpreter(module, listeners=(Listener(),))
    register_implementations(interpreter, ctx)
    for inputs in runs:
        for value, array in zip(main.args, inputs, strict=True):
            observer.see(value, array)
        interpreter.call_op(main, tuple(inputs))
        if steps is not None:
            steps.step()
    return {op: np.concatenate(parts) for op, parts in observer.patches.items()}


def synthetic_inputs(main: FuncOp) -> list[list[Array]] | None:
    """Returns made-up arguments of a function for some runs; `None` where it is not known how.

    Codes are spread over the whole range of their type: white noise, or for images smooth noise, a
    grid eight times coarser that is upsampled, with a tenth of white noise. A real argument is
    what codes of the `qnn.quantize` that reads it stand for.
    """
    rng = np.random.default_rng(SEED)
    types = [_array_type(value) for value in main.args]
    most = max((prod(known[0]) for known in types if known is not None), default=1)
    count = int(np.clip((1 << 15) // max(1, most), 8, 64))
    runs = [
        [_synthetic(value, known, rng) for value, known in zip(main.args, types, strict=True)]
        for _ in range(count)
    ]
    whole = [[array for array in run if array is not None] for run in runs]
    return whole if all(len(run) == len(main.args) for run in whole) else None


@dataclass
class _Observer:
    """Takes patches of values as they are computed."""

    readers: dict[SSAValue, list[Weighted]]
    positions: int
    rng: np.random.Generator
    patches: dict[Operation, list[npt.NDArray[np.int16]]] = field(
        default_factory=dict[Operation, "list[npt.NDArray[np.int16]]"]
    )

    @classmethod
    def of(cls, main: FuncOp, positions: int) -> _Observer:
        readers: dict[SSAValue, list[Weighted]] = {}
        for op in main.walk():
            if isinstance(op, qnn.ConvOp | qnn.DenseOp) and element_type(op.data) == i8:
                readers.setdefault(op.data, []).append(op)
        return cls(readers, positions, np.random.default_rng(SEED))

    def see(self, value: SSAValue, array: Any) -> None:
        """Takes patches of a value for each operation that reads it."""
        for op in self.readers.get(value, ()):
            self.patches.setdefault(op, []).append(_patches(op, array, self.positions, self.rng))


def _patches(
    op: Weighted, data: Array, positions: int, rng: np.random.Generator
) -> npt.NDArray[np.int16]:
    """Returns what some output positions of an operation see: (N, K, groups)."""
    zero_point = op.input_zero_point.value.data
    if isinstance(op, qnn.DenseOp):
        rows = data.reshape(-1, data.shape[-1])
        chosen = rows[_sample(len(rows), positions, rng)]
        return (chosen.astype(np.int32) - zero_point).astype(np.int16)[..., np.newaxis]
    *kernel, inputs, groups, _ = shape_of(op.weight)
    batch, *out, _ = shape_of(op.result)
    sample = _sample(batch * prod(out), positions, rng)
    places = np.unravel_index(sample, (batch, *out))
    taps = _taps(data, places, kernel, op.conv_window(), zero_point)
    by_group = taps.reshape(len(taps), -1, groups, inputs).swapaxes(2, 3)
    return by_group.reshape(len(taps), -1, groups)


def _taps(
    data: Array,
    places: Sequence[npt.NDArray[Any]],
    kernel: Sequence[int],
    window: Window,
    zero_point: int,
) -> npt.NDArray[np.int16]:
    """Returns the codes under a kernel, less their zero point: (places, *kernel, channels)."""
    sample, *positions = places
    rank = len(kernel)
    index: list[npt.NDArray[Any]] = [sample.reshape(-1, *[1] * rank)]
    inside = np.ones((1,) * (rank + 1), np.bool_)
    for axis, position in enumerate(positions):
        steps = np.arange(kernel[axis]) * window.dilations[axis] - window.padding[axis]
        places_of = position[:, np.newaxis] * window.strides[axis] + steps
        size = data.shape[axis + 1]
        shape = [len(position), *(kernel[axis] if i == axis else 1 for i in range(rank))]
        inside = inside & ((places_of >= 0) & (places_of < size)).reshape(shape)
        index.append(np.clip(places_of, 0, size - 1).reshape(shape))
    codes = data[tuple(index)].astype(np.int32) - zero_point
    return np.where(inside[..., np.newaxis], codes, 0).astype(np.int16)


def _sample(count: int, most: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    if count <= most:
        return np.arange(count)
    return np.sort(rng.choice(count, most, replace=False))


def _array_type(value: SSAValue) -> tuple[tuple[int, ...], np.dtype[Any]] | None:
    """Returns the shape and the dtype of a value, if it is an array of which both are known."""
    if not isinstance(value.type, TensorType) or min(shape_of(value), default=0) < 0:
        return None
    try:
        return shape_of(value), dtype_of(element_type(value))
    except ValueError:
        return None


def _synthetic(
    value: SSAValue, known: tuple[tuple[int, ...], np.dtype[Any]] | None, rng: np.random.Generator
) -> Array | None:
    """Returns made-up numbers for an argument, if its type and its readers say which."""
    if known is None:
        return None
    shape, dtype = known
    if dtype in CODES:
        low, high = code_range(dtype)
        return np.rint(low + _noise(shape, rng) * (high - low)).astype(dtype)
    readers = (use.operation for use in value.uses)
    quantize = next((op for op in readers if isinstance(op, qnn.QuantizeOp)), None)
    if quantize is None:
        return None
    encoding = quantize.output_q.per_tensor()
    low, high = code_range(dtype_of(element_type(quantize.result)))
    codes = low + _noise(shape, rng) * (high - low)
    return (encoding.scale * (codes - encoding.zero_point)).astype(dtype)


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Returns numbers in [0, 1], smooth along the two longest axes of an image."""
    white = rng.random(shape)
    axes = sorted(sorted(range(1, len(shape)), key=lambda axis: shape[axis])[-2:])
    if len(shape) < 4 or min(shape[axis] for axis in axes) < 2 * COARSENESS:
        return white
    coarse = list(shape)
    for axis in axes:
        coarse[axis] = -(-shape[axis] // COARSENESS) + 1
    smooth = rng.random(coarse)
    for axis in axes:
        smooth = _upsampled(smooth, axis, shape[axis])
    return (1 - WHITE) * smooth + WHITE * white


def _upsampled(values: npt.NDArray[np.float64], axis: int, size: int) -> npt.NDArray[np.float64]:
    """Interpolates linearly along an axis."""
    place = np.arange(size) / COARSENESS
    left = place.astype(np.int64)
    weight = (place - left).reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    return np.take(values, left, axis) * (1 - weight) + np.take(values, left + 1, axis) * weight
