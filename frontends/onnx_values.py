"""What the tensors of an ONNX graph become while it is imported.

ONNX puts channels first and `qnn` last. A `Layout` says how the axes of a tensor lie in the value
that stands for it, so that a transposition or a reshaping in the graph changes the layout only, and
an operation is emitted for it no earlier than someone needs the axes in another order.

A tensor of floats between a DequantizeLinear and a QuantizeLinear is a `Real`: codes, accumulators
or an operation that waits for the encoding of its result. No float arithmetic is left of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from xdsl.ir import SSAValue

from sima_mlir.dialects.definitions import dimensions
from sima_mlir.dialects.elements import Array
from sima_mlir.dialects.qnn import QuantizationAttr
from sima_mlir.frontends.onnx_file import MAX_RANK

Shape: TypeAlias = tuple[int, ...]


class Layout(NamedTuple):
    """Where the axes of a tensor are: axis i of the value is axis `order[i]` of `source`.

    The tensor has `shape`, which is `source` unless it was reshaped since.
    """

    shape: Shape
    source: Shape
    order: Shape

    @staticmethod
    def plain(shape: Shape) -> Layout:
        """Returns the layout of a value that has the axes as the tensor has them."""
        return Layout.ordered(shape, tuple(range(len(shape))))

    @staticmethod
    def ordered(shape: Shape, order: Sequence[int]) -> Layout:
        """Returns the layout of a tensor whose axes lie in an order."""
        return Layout(shape, shape, tuple(order))

    @staticmethod
    def channels_last(value: Shape) -> Layout:
        """Returns the layout of a tensor N, C, spatial… for a value of shape N, spatial…, C."""
        return Layout.ordered((value[0], value[-1], *value[1:-1]), channels_last(len(value)))

    @property
    def keeps_order(self) -> bool:
        """Whether the elements of the value are in the tensor's order."""
        moved = [axis for axis in self.order if self.source[axis] != 1]
        return moved == sorted(moved)

    @property
    def is_reshaped(self) -> bool:
        """Whether the axes of the value are not those of the tensor."""
        return self.shape != self.source

    def transposed(self, permutation: Sequence[int]) -> Layout:
        """Returns the layout of the tensor with its axes permuted; the value stays."""
        order = [permutation.index(axis) for axis in self.order]
        return Layout.ordered(tuple(self.shape[axis] for axis in permutation), order)

    def reshaped(self, shape: Shape) -> Layout:
        """Returns the layout of the tensor in another shape; the value stays."""
        if len(shape) > MAX_RANK:
            raise ValueError(f"shape must have at most {MAX_RANK} axes, got {len(shape)}")
        if math.prod(shape) != math.prod(self.shape):
            given = dimensions(self.shape)
            raise ValueError(f"shape must have the elements of {given}, got {dimensions(shape)}")
        return self._replace(shape=shape)

    def arranged(self, per_axis: Sequence[int]) -> Shape:
        """Brings one number for each axis of the tensor into the order of the value's."""
        return tuple(per_axis[axis] for axis in self.order)


class Codes(NamedTuple):
    """A tensor of integers: UINT8 ones are held less 128, in `i8`.

    `encoding` is what the file says of the codes, if it does.
    """

    value: SSAValue
    layout: Layout
    type: str
    encoding: QuantizationAttr | None

    @property
    def offset(self) -> int:
        """What a code of the file is more than that of the value."""
        return OFFSETS[self.type]


class Weights(NamedTuple):
    """Constant codes, with one scale and zero point or one for each index of an axis."""

    codes: Array
    scales: npt.NDArray[np.float32]
    zero_points: npt.NDArray[np.int64]
    axis: int

    @property
    def real(self) -> npt.NDArray[np.float64]:
        """The real numbers that the codes stand for."""
        shape = [1] * self.codes.ndim
        if len(self.scales) > 1:
            shape[self.axis] = len(self.scales)
        scales, zero_points = self.scales.reshape(shape), self.zero_points.reshape(shape)
        return (self.codes.astype(np.float64) - zero_points) * scales.astype(np.float64)


class Coded(NamedTuple):
    """Real numbers as codes."""

    value: SSAValue
    encoding: QuantizationAttr


class Accumulated(NamedTuple):
    """Real numbers as i32, with one scale or one for each index of the value's last axis."""

    value: SSAValue
    scales: npt.NDArray[np.float32]


class Floats(NamedTuple):
    """Real numbers that come from outside."""

    value: SSAValue


class Deferred(NamedTuple):
    """Real numbers that an operation computes, once the encoding of its result is known."""

    build: Callable[[QuantizationAttr], SSAValue]


Form: TypeAlias = "Coded | Accumulated | Floats | Deferred"


class Real(NamedTuple):
    """A tensor of real numbers, clamped to limits."""

    form: Form
    layout: Layout
    limits: tuple[float, float] = (-math.inf, math.inf)

    def clamped(self, low: float, high: float) -> Real:
        """Clamps to limits in addition."""
        first, last = (min(max(limit, low), high) for limit in self.limits)
        return self._replace(limits=(first, last))

    @property
    def is_clamped(self) -> bool:
        """Whether there are limits."""
        return self.limits != (-math.inf, math.inf)


Tensor: TypeAlias = "Array | Weights | Codes | Real"

OFFSETS = {"INT8": 0, "UINT8": 128, "INT32": 0}
"""By how much codes of each type are moved to become those of `qnn`."""


def channels_last(rank: int) -> Shape:
    """Returns the order that brings N, C, spatial… to N, spatial…, C."""
    return (0, *range(2, rank), 1)


def shape_of_tensor(tensor: Tensor) -> Shape:
    """Returns the shape that a tensor has in the file's graph."""
    match tensor:
        case Codes() | Real():
            return tensor.layout.shape
        case Weights():
            return tensor.codes.shape
        case _:
            return tensor.shape


def layout_of(tensor: Tensor) -> Layout:
    """Returns the layout of a tensor that is computed."""
    if isinstance(tensor, Codes | Real):
        return tensor.layout
    return Layout.plain(shape_of_tensor(tensor))


def signed(codes: Array) -> Array:
    """Returns 8-bit codes as int8, those of uint8 less 128."""
    return codes if codes.dtype == np.int8 else (codes ^ np.uint8(128)).view(np.int8)
