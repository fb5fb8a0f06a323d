"""How integer codes stand for real numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real


@dataclass(frozen=True, slots=True)
class Quantization:
    """An affine encoding: `real = scale * (q - zero_point)`.

    This is the direction of TVM, TFLite, ONNX and MLIR's `quant` dialect. SiMa's own tools write
    the reciprocal, `q = round(real * S) + Z`; `from_sima` and `to_sima` convert.

    Raises `ValueError` when the scale is not a positive finite number or the zero point is not
    an integer that fits int32.
    """

    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        scale, zero_point = self.scale, self.zero_point
        if not isinstance(scale, Real) or not math.isfinite(scale) or scale <= 0:
            raise ValueError(f"scale must be positive and finite, got {scale}")
        if not isinstance(zero_point, Integral):
            raise ValueError(f"zero point must be an integer, got {zero_point}")
        if not -(1 << 31) <= zero_point < 1 << 31:
            raise ValueError(f"zero point must fit int32, got {zero_point}")
        object.__setattr__(self, "scale", float(scale))
        object.__setattr__(self, "zero_point", int(zero_point))

    @classmethod
    def from_sima(cls, scale: float, zero_point: int) -> Quantization:
        """Reads SiMa's convention `q = round(real * scale) + zero_point`.

        The pair is what a `channel_params` entry of an MPK file holds, `[255.0, -128]` say.
        """
        if not math.isfinite(scale) or scale <= 0:
            raise ValueError(f"scale must be positive and finite, got {scale}")
        return cls(1.0 / scale, zero_point)

    def to_sima(self) -> tuple[float, int]:
        """Returns scale and zero point in SiMa's convention (see `from_sima`)."""
        return 1.0 / self.scale, self.zero_point
