"""Where ONNX's Resize takes its pixels from, as the rational numbers that `qnn.resize` has.

Source: ONNX's `docs/Operators.md`, Resize.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple, TypeAlias

import numpy as np

from sima_mlir.dialects.definitions import dimensions
from sima_mlir.frontends.onnx_file import Node
from sima_mlir.quantization import code_range

_LARGEST = code_range("int32")[1]


class Axis(NamedTuple):
    """An axis that is resized: its sizes, and by how much it grows."""

    given: int
    wanted: int
    scale: Fraction


class Places(NamedTuple):
    """Pixel y comes from place (y * step + offset) / divisor."""

    step: int
    offset: int
    divisor: int

    @staticmethod
    def line(slope: Fraction, start: Fraction) -> Places:
        """Returns the places y * slope + start."""
        divisor = math.lcm(slope.denominator, start.denominator)
        step, offset = slope * divisor, start * divisor
        return Places(step.numerator, offset.numerator, divisor)


_Coordinates: TypeAlias = Callable[[Axis], tuple[Fraction, Fraction]]

_HALF = Fraction(1, 2)


def _half_pixel(axis: Axis) -> tuple[Fraction, Fraction]:
    slope = 1 / axis.scale
    return slope, slope / 2 - _HALF


def _half_pixel_symmetric(axis: Axis) -> tuple[Fraction, Fraction]:
    slope, start = _half_pixel(axis)
    adjustment = axis.wanted / (axis.given * axis.scale)
    return slope, start + Fraction(axis.given, 2) * (1 - adjustment)


def _pytorch_half_pixel(axis: Axis) -> tuple[Fraction, Fraction]:
    return _half_pixel(axis) if axis.wanted > 1 else (Fraction(0), Fraction(0))


def _align_corners(axis: Axis) -> tuple[Fraction, Fraction]:
    if axis.wanted == 1:
        return Fraction(0), Fraction(0)
    return Fraction(axis.given - 1, axis.wanted - 1), Fraction(0)


def _asymmetric(axis: Axis) -> tuple[Fraction, Fraction]:
    return 1 / axis.scale, Fraction(0)


_COORDINATES: dict[str, _Coordinates] = {
    "half_pixel": _half_pixel,
    "half_pixel_symmetric": _half_pixel_symmetric,
    "pytorch_half_pixel": _pytorch_half_pixel,
    "align_corners": _align_corners,
    "asymmetric": _asymmetric,
}


def resized(
    shape: Sequence[int], axes: Sequence[int], scales: Sequence[float], sizes: Sequence[int]
) -> list[Axis]:
    """Returns what becomes of each axis of a tensor, from `scales` or `sizes` for some of them.

    Raises `ValueError` unless there is one of the two, positive, for each of the axes.
    """
    given = scales or sizes
    if bool(scales) == bool(sizes) or len(given) != len(axes):
        counts = f"{len(scales)} and {len(sizes)}"
        raise ValueError(f"scales or sizes must have {len(axes)} values, got {counts}")
    if not all(0 < value <= _LARGEST for value in given):
        raise ValueError(f"scales and sizes must be positive, got {list(given)}")
    result = [Axis(size, size, Fraction(1)) for size in shape]
    for place, value in zip(axes, given, strict=True):
        size = shape[place]
        scale = _quotient(value) if scales else Fraction(int(value), size)
        result[place] = Axis(size, int(size * scale), scale)
    wanted = [axis.wanted for axis in result]
    if 0 in wanted:
        raise ValueError(f"result must have elements, got {dimensions(wanted)}")
    return result


def _quotient(scale: float) -> Fraction:
    """Returns the simplest quotient that is the scale in float32: 3 / 5 for 0.6."""
    exact = Fraction(scale)
    simpler = (exact.limit_denominator(1 << bits) for bits in range(25))
    return next((q for q in simpler if np.float32(q) == np.float32(scale)), exact)


def places_of(node: Node, axes: Sequence[Axis]) -> tuple[list[Places], bool]:
    """Returns where the pixels of spatial axes come from, and whether between them.

    Raises `ValueError` for modes that `qnn.resize` does not have, or sizes that are too large.
    """
    mode = node.text("mode", "nearest")
    if mode not in ("nearest", "linear"):
        raise ValueError(f"mode must be nearest or linear, got {mode}")
    coordinates = node.text("coordinate_transformation_mode", "half_pixel")
    if coordinates not in _COORDINATES:
        known = ", ".join(_COORDINATES)
        raise ValueError(f"coordinate_transformation_mode must be {known}, got {coordinates}")
    if node.integer("antialias", 0):
        raise ValueError("antialias is not supported")
    if (policy := node.text("keep_aspect_ratio_policy", "stretch")) != "stretch":
        raise ValueError(f"keep_aspect_ratio_policy must be stretch, got {policy}")
    lines = [Places.line(*_COORDINATES[coordinates](axis)) for axis in axes]
    if mode == "nearest":
        lines = [_rounded(node, line) for line in lines]
    for number in (abs(number) for line in lines for number in line):
        if number > _LARGEST:
            raise ValueError(f"scales must be quotients of numbers of 31 bits, got {number}")
    return lines, mode == "linear"


def _rounded(node: Node, line: Places) -> Places:
    """Moves places so that rounding down gives the pixel that `nearest_mode` says."""
    step, offset, divisor = line
    match mode := node.text("nearest_mode", "round_prefer_floor"):
        case "floor":
            return line
        case "ceil":
            return Places(step, offset + divisor - 1, divisor)
        case "round_prefer_floor":
            return Places(2 * step, 2 * offset + divisor - 1, 2 * divisor)
        case "round_prefer_ceil":
            return Places(2 * step, 2 * offset + divisor, 2 * divisor)
        case _:
            modes = "round_prefer_floor, round_prefer_ceil, floor or ceil"
            raise ValueError(f"nearest_mode must be {modes}, got {mode}")
