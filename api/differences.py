"""How far an array of codes is from the one that it should be.

Differences are counted in codes, as numbers of the arrays' own type. Sums are taken in float64:
exact while they stay below 2**53, which for 8-bit codes is more than any number of images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True)
class Difference:
    """Counts and sums over the elements of two tensors, which add up over batches.

    Source of the measures: real = scale * (code - zero point), so that the scale cancels in the
    ratio of signal and noise.
    """

    elements: int = 0
    equal: int = 0
    maximum: float = 0.0
    """The largest |actual - reference|."""
    total: float = 0.0
    """The sum of |actual - reference|."""
    noise: float = 0.0
    """The sum of (actual - reference)^2."""
    signal: float = 0.0
    """The sum of (reference - zero point)^2."""
    rows: int = 0
    same_class: int = 0
    """How many rows, along the last axis, have their largest code in the same place."""

    def __add__(self, other: Difference) -> Difference:
        return Difference(
            self.elements + other.elements,
            self.equal + other.equal,
            float(np.maximum(self.maximum, other.maximum)),
            self.total + other.total,
            self.noise + other.noise,
            self.signal + other.signal,
            self.rows + other.rows,
            self.same_class + other.same_class,
        )

    @property
    def mean(self) -> float:
        """The mean of |actual - reference|."""
        return self.total / max(1, self.elements)

    @property
    def rms(self) -> float:
        """The root of the mean of (actual - reference)^2."""
        return math.sqrt(self.noise / max(1, self.elements))

    @property
    def sqnr(self) -> float:
        """The ratio of signal and noise in dB; infinite where nothing differs."""
        if self.noise == 0:
            return math.inf
        with np.errstate(all="ignore"):
            return float(10 * np.log10(np.float64(self.signal) / self.noise))

    @property
    def equal_share(self) -> float:
        """The share of elements that are equal, 1 where there are none."""
        return self.equal / self.elements if self.elements else 1.0

    @property
    def top_class(self) -> float | None:
        """The share of rows whose top class is the same; none where there are no classes."""
        return self.same_class / self.rows if self.rows else None


def measure(actual: Array, reference: Array, zero_point: int = 0) -> Difference:
    """Measures the difference of two arrays of numbers, of one shape and dtype.

    Not-a-number equals itself. Classes are counted along a last axis of two or more; the top one
    of equal codes is the first.

    Raises `ValueError` when shapes or dtypes differ.
    """
    if actual.shape != reference.shape:
        raise ValueError(f"actual must have shape {reference.shape}, got {actual.shape}")
    if actual.dtype != reference.dtype:
        raise ValueError(f"actual must be {reference.dtype}, got {actual.dtype}")
    with np.errstate(all="ignore"):
        difference = np.subtract(actual, reference, dtype=np.float64).ravel()
        if actual.dtype.kind == "f":
            same = (actual == reference) | (np.isnan(actual) & np.isnan(reference))
            difference[same.ravel()] = 0
        signal = np.subtract(reference, zero_point, dtype=np.float64).ravel()
        rows, same_class = _classes(actual, reference)
        return Difference(
            elements=actual.size,
            equal=actual.size - int(np.count_nonzero(difference)),
            noise=float(difference @ difference),
            signal=float(signal @ signal),
            total=float(np.abs(difference, out=difference).sum()),
            maximum=float(difference.max(initial=0)),
            rows=rows,
            same_class=same_class,
        )


def _classes(actual: Array, reference: Array) -> tuple[int, int]:
    if not actual.size or not actual.ndim or actual.shape[-1] < 2:
        return 0, 0
    same = actual.argmax(-1) == reference.argmax(-1)
    return same.size, int(np.count_nonzero(same))
