"""What the arithmetic assumes of the accelerator."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """Limits that the constants are computed for.

    SiMa publishes none of these widths; they are this project's assumptions, kept in one place.
    """

    accumulator_bits: int = 32
    """Width of the signed accumulator; no partial sum may leave it."""

    weight_bits: int = 8
    """Width of a signed weight."""

    scale_bits: int = 16
    """Width of the signed integer scales of an element-wise operation."""

    shift_limit: int = 31
    """Largest right shift of an accumulator."""

    max_shift: int = 22
    """Largest right shift of a folded requantization.

    An output zero point of -128 moved up by `n` bits needs `n + 8` bits, so `n` near 24 leaves
    32 bits no room; 22 leaves two bits and costs at most `127.5 * K * 2**-22` of an output step
    for `K` products.
    """


DEFAULT_TARGET = Target()

WIDE_TARGET = Target(accumulator_bits=48)
"""With the accumulators of 16-bit codes: the width that TFLite's int16x8 kernels are made for."""
