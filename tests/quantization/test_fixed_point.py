"""Every rounding contract against scalar references in Python integers.

Each reference follows the text of its definition: gemmlowp `fixedpoint.h`, TFLite
`quantization_util.cc` and `common.h`, TVM v0.18 `requantize.cc`, the TOSA specification.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest

from sima_mlir.quantization import (
    MAX_SHIFT,
    Rounding,
    fixed_point_multiply,
    largest_significand,
    mean_multiplier,
    quantize_multiplier,
    requantize,
    saturate,
    scale_ratio,
    wrap_int32,
)

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
Multiply = Callable[[int, int, int], int]


def wrap(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


def divide_towards_zero(a: int, b: int) -> int:
    return a // b if a >= 0 else -(-a // b)


def round_half_away(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2)) if value >= 0 else -round_half_away(-value)


def saturating_rounding_doubling_high_mul(a: int, b: int) -> int:
    if a == b == INT32_MIN:
        return INT32_MAX
    product = a * b
    return divide_towards_zero(product + (2**30 if product >= 0 else 1 - 2**30), 2**31)


def rounding_divide_by_pot(x: int, exponent: int) -> int:
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (1 if x < 0 else 0)
    return (x >> exponent) + (1 if x & mask > threshold else 0)


def srshl(x: int, right: int) -> int:
    """The NEON shift `vrshl` by a negative amount: half up."""
    return (x + (1 << (right - 1))) >> right if right > 0 else x


def gemmlowp(x: int, significand: int, shift: int, divide: Multiply | Callable[[int, int], int]):
    left, right = max(31 - shift, 0), max(shift - 31, 0)
    high = saturating_rounding_doubling_high_mul(wrap(x << left), significand)
    return divide(high, right)  # pyright: ignore[reportCallIssue]


def tflite(x: int, significand: int, shift: int) -> int:
    return gemmlowp(x, significand, shift, rounding_divide_by_pot)


def ruy(x: int, significand: int, shift: int) -> int:
    return gemmlowp(x, significand, shift, srshl)


def tvm_upward(x: int, significand: int, shift: int) -> int:
    left, right = max(31 - shift, 0), max(shift - 31, 0)
    return wrap(((x << left) * significand + (1 << (31 + right - 1))) >> (31 + right))


def tvm_tonearest(x: int, significand: int, shift: int) -> int:
    left, right = max(31 - shift, 0), max(shift - 31, 0)
    product, total = (x << left) * significand, 31 + right
    return wrap((product + (1 << (total - 1)) - (0 if product >= 0 else 1)) >> total)


def tosa_single_round(x: int, significand: int, shift: int) -> int:
    return wrap((x * significand + (1 << (shift - 1))) >> shift)


def tosa_double_round(x: int, significand: int, shift: int) -> int:
    rounding = 1 << (shift - 1)
    if shift > 31:
        rounding += 2**30 if x >= 0 else -(2**30)
    return wrap((x * significand + rounding) >> shift)


def float32(x: int, significand: int, shift: int) -> int:
    product = np.float32(x) * np.float32(math.ldexp(significand, -shift))
    return round(float(product))  # Python rounds half to even, exactly


def tflite16(x: int, significand: int, shift: int) -> int:
    return wrap((x * significand + (1 << (shift - 1))) >> shift)


REFERENCES: list[tuple[Rounding, Multiply]] = [
    (Rounding.UPWARD, tvm_upward),
    (Rounding.UPWARD, tosa_single_round),
    (Rounding.AWAY, tvm_tonearest),
    (Rounding.TFLITE, tflite),
    (Rounding.RUY, ruy),
    (Rounding.FLOAT32, float32),
]
REFERENCE_IDS = [reference.__name__ for _, reference in REFERENCES]


def tflite_quantize_multiplier(real: float) -> tuple[int, int]:
    """Returns `(significand, exponent)` as TFLite's `QuantizeMultiplier` does."""
    fraction, exponent = math.frexp(real)
    significand = round_half_away(Fraction(fraction) * 2**31)
    if significand == 2**31:
        significand, exponent = significand // 2, exponent + 1
    if exponent < -31:
        return 0, 0
    return significand, exponent


def multipliers(count: int, seed: int) -> list[float]:
    """Random ones in 2**-40..8, powers of two, and ones whose significand rounds up to 2**31."""
    rng = np.random.default_rng(seed)
    powers = [2.0**k for k in range(-40, 4)]
    carries = [p * (1 - 2.0**-33) for p in powers]
    neighbours = [np.nextafter(p, 0.0) for p in powers] + [np.nextafter(p, 9.0) for p in powers]
    return [*powers, *carries, *neighbours, *np.exp2(rng.uniform(-40, 3, count)), 0.75, 0.0625, 3.0]


def accumulators(multiplier: float, rng: np.random.Generator) -> list[int]:
    """Boundaries, small numbers, random ones, and ones whose product is nearly a tie."""
    targets = rng.integers(-300, 300, 12) + 0.5
    ties = np.clip(np.rint(targets / multiplier), INT32_MIN + 2, INT32_MAX - 2).astype(np.int64)
    spread = np.exp2(rng.uniform(0, 31, 12)) * rng.choice([-1, 1], 12)
    edges = [INT32_MIN, INT32_MIN + 1, INT32_MAX - 1, INT32_MAX, -(2**30), 2**30, -3, -2, -1, 0, 1]
    values = [*edges, 2, 3, *(ties - 1), *ties, *(ties + 1), *spread.astype(np.int64)]
    return [int(v) for v in values]


@pytest.mark.parametrize(("rounding", "reference"), REFERENCES, ids=REFERENCE_IDS)
def test_multiply_is_the_definition(rounding: Rounding, reference: Multiply):
    rng = np.random.default_rng(1)
    for multiplier in multipliers(500, 2):
        values = accumulators(multiplier, rng)
        scale, shift = quantize_multiplier(multiplier, rounding)
        got = fixed_point_multiply(np.array(values), scale, shift, rounding)
        expected = [reference(v, int(scale), int(shift)) for v in values]
        assert got.dtype == np.int64
        assert got.tolist() == expected, (multiplier, int(scale), int(shift))


@pytest.mark.parametrize("shift", [31, 32])
@pytest.mark.parametrize(
    ("rounding", "reference"), [(Rounding.TFLITE, tflite), (Rounding.RUY, ruy)]
)
def test_gemmlowp_next_to_the_ties_of_its_first_rounding(
    rounding: Rounding, reference: Multiply, shift: int
):
    # The operands whose product is a given number modulo 2**31, of both signs.
    for significand in (2**30 + 1, 3 * 2**29 + 7, 2**31 - 1):
        inverse = pow(significand, -1, 2**31)
        products = [tie + offset for tie in (0, 2**30) for offset in range(-2, 3)]
        positive = [product * inverse % 2**31 for product in products]
        values = positive + [value - 2**31 for value in positive]
        got = fixed_point_multiply(np.array(values), significand, shift, rounding)
        assert got.tolist() == [reference(v, significand, shift) for v in values]


def test_tflite_is_tosas_double_round_where_its_left_shift_does_not_wrap():
    rng = np.random.default_rng(12)
    for multiplier in multipliers(500, 13):
        scale, shift = quantize_multiplier(multiplier, Rounding.TFLITE)
        left = max(31 - int(shift), 0)
        values = [v for v in accumulators(multiplier, rng) if wrap(v << left) == v << left]
        got = fixed_point_multiply(np.array(values), scale, shift, Rounding.TFLITE)
        expected = [tosa_double_round(v, int(scale), int(shift)) for v in values]
        assert got.tolist() == expected, (multiplier, int(scale), int(shift))


def test_references_differ_from_each_other_on_these_inputs():
    # Otherwise the tests above could not tell one contract from another.
    results: dict[str, list[int]] = {name: [] for name in REFERENCE_IDS}
    rng = np.random.default_rng(3)
    for multiplier in multipliers(200, 4):
        scale, shift = (int(c) for c in quantize_multiplier(multiplier, Rounding.UPWARD))
        for value in accumulators(multiplier, rng):
            for _, reference in REFERENCES:
                results[reference.__name__].append(reference(value, scale, shift))
    assert results["tvm_upward"] == results["tosa_single_round"]
    distinct = ["tvm_upward", "tvm_tonearest", "tflite", "ruy", "float32"]
    for index, first in enumerate(distinct):
        assert all(results[first] != results[second] for second in distinct[index + 1 :])


def test_tflite16_is_the_definition():
    rng = np.random.default_rng(5)
    # The 16-bit significand saturates from 0x7FFF0000 on.
    top = [s / 2**31 for s in (0x7FFEFFFF, 0x7FFF0000, 0x7FFF7FFF, 0x7FFF8000, 0x7FFFFFFF)]
    for multiplier in multipliers(500, 6) + top:
        significand, exponent = tflite_quantize_multiplier(multiplier)
        reduced = 0x7FFF if significand >= 0x7FFF0000 else (significand + 2**15) >> 16
        reach = 47 if exponent <= 0 else 30 - exponent
        values = [*accumulators(multiplier, rng), 2**47 - 1, -(2**47), 2**40 + 1, -(2**40) + 1]
        values = [v for v in values if -(2**reach) <= v < 2**reach]
        scale, shift = quantize_multiplier(multiplier, Rounding.TFLITE16)
        got = fixed_point_multiply(np.array(values), scale, shift, Rounding.TFLITE16)
        assert got.tolist() == [tflite16(v, reduced, 15 - exponent) for v in values], multiplier


def test_away_rounds_the_exact_product_half_away_from_zero():
    rng = np.random.default_rng(7)
    for multiplier in multipliers(100, 8):
        scale, shift = (int(c) for c in quantize_multiplier(multiplier, Rounding.AWAY))
        values = accumulators(multiplier, rng)
        exact = [wrap(round_half_away(v * Fraction(scale, 2**shift))) for v in values]
        assert fixed_point_multiply(np.array(values), scale, shift, Rounding.AWAY).tolist() == exact


@pytest.mark.parametrize(("rounding", "reference"), REFERENCES, ids=REFERENCE_IDS)
def test_multiply_per_channel_follows_the_last_axis(rounding: Rounding, reference: Multiply):
    rng = np.random.default_rng(9)
    ratios = np.exp2(rng.uniform(-20, 2, 5))
    values = rng.integers(-(2**28), 2**28, (3, 4, 5), dtype=np.int32)
    scale, shift = quantize_multiplier(ratios, rounding)
    got = fixed_point_multiply(values, scale, shift, rounding)
    assert got.shape == values.shape
    for index in np.ndindex(values.shape):
        channel = index[-1]
        expected = reference(int(values[index]), int(scale[channel]), int(shift[channel]))
        assert got[index] == expected


@pytest.mark.parametrize(("rounding", "reference"), REFERENCES, ids=REFERENCE_IDS)
def test_constants_may_be_of_any_integer_type(rounding: Rounding, reference: Multiply):
    values, significands, shifts = [-1001, 5, 2**20], [2**23, 2**23 + 1, 2**24 - 1], [20, 31, 40]
    for scale_type, shift_type in (
        (np.uint64, np.uint8),
        (np.int32, np.int8),
        (np.int64, np.int64),
    ):
        scale, shift = np.array(significands, scale_type), np.array(shifts, shift_type)
        got = fixed_point_multiply(np.array(values), scale, shift, rounding)
        assert got.tolist() == list(map(reference, values, significands, shifts))


@pytest.mark.parametrize("shift", [0, 1, 30, 31, 32, 61, 62])
@pytest.mark.parametrize("rounding", [Rounding.UPWARD, Rounding.AWAY])
def test_any_shift_and_any_significand_round_once(rounding: Rounding, shift: int):
    values = [INT32_MIN, -5, -3, -1, 0, 1, 3, 5, INT32_MAX]
    half = Fraction(1, 2)
    for significand in (0, 1, 3, 2**30 - 1, 2**30, 2**31 - 1):
        exact = [v * Fraction(significand, 2**shift) for v in values]
        if rounding is Rounding.UPWARD:
            expected = [wrap(math.floor(e + half)) for e in exact]
        else:
            expected = [wrap(round_half_away(e)) for e in exact]
        assert fixed_point_multiply(np.array(values), significand, shift, rounding).tolist() == (
            expected
        )


@pytest.mark.parametrize(
    "rounding", [Rounding.UPWARD, Rounding.AWAY, Rounding.TFLITE, Rounding.RUY]
)
def test_quantize_multiplier_is_tflites(rounding: Rounding):
    for multiplier in multipliers(2000, 10):
        significand, exponent = tflite_quantize_multiplier(multiplier)
        if rounding is Rounding.AWAY and not significand:
            continue
        scale, shift = quantize_multiplier(multiplier, rounding)
        assert (int(scale), int(shift)) == (significand, 31 - exponent), multiplier


@pytest.mark.parametrize("exponent", [-93, -63, -62, -50, -40, -34, -33, -32, -31])
@pytest.mark.parametrize("fraction", [0.5, 0.7, 1 - 2.0**-31])
def test_away_keeps_what_62_bits_hold_of_a_small_multiplier(exponent: int, fraction: float):
    multiplier = math.ldexp(fraction, exponent)
    scale, shift = (int(n) for n in quantize_multiplier(multiplier, Rounding.AWAY))
    assert shift <= 62
    assert abs(Fraction(multiplier) - Fraction(scale, 2**shift)) < Fraction(1, 2**62)
    smallest = fixed_point_multiply(np.array([-(2**31), 2**31 - 1]), scale, shift, Rounding.AWAY)
    assert smallest.tolist() == [
        round_half_away(n * Fraction(multiplier)) for n in (-(2**31), 2**31 - 1)
    ]


def test_quantize_multiplier_keeps_float32_exactly():
    for multiplier in multipliers(2000, 11):
        if multiplier < 2.0**-38:  # an int32 times that is less than a half
            continue
        scale, shift = quantize_multiplier(multiplier, Rounding.FLOAT32)
        assert Fraction(int(scale), 2 ** int(shift)) == Fraction(float(np.float32(multiplier)))
        assert 2**23 <= scale < 2**24


@pytest.mark.parametrize("rounding", Rounding)
def test_quantize_multiplier_has_the_shape_of_its_input(rounding: Rounding):
    for shape in ((), (1,), (7,)):
        scale, shift = quantize_multiplier(np.full(shape, 0.3), rounding)
        assert scale.dtype == shift.dtype == np.int32
        assert scale.shape == shift.shape == shape


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("number", [np.int8, np.float16, np.float32])
def test_quantize_multiplier_is_exact_for_any_type(rounding: Rounding, number: type[np.number]):
    scale, shift = quantize_multiplier(np.array([3, 96], number), rounding)
    exact = [Fraction(int(s), 2 ** int(n)) for s, n in zip(scale, shift, strict=True)]
    assert exact == [3, 96]


def test_multiplier_that_rounds_up_to_the_next_power_of_two():
    scale, shift = quantize_multiplier(1 - 2.0**-33, Rounding.TFLITE)
    assert (int(scale), int(shift)) == (2**30, 30)
    scale, shift = quantize_multiplier(1 - 2.0**-31, Rounding.TFLITE)
    assert (int(scale), int(shift)) == (2**31 - 1, 31)


@pytest.mark.parametrize("rounding", Rounding)
def test_tiny_multiplier_makes_every_accumulator_zero(rounding: Rounding):
    for multiplier in (0.0, 5e-324, 1e-300, 1e-40, 2.0**-126, 2.0**-64):
        scale, shift = quantize_multiplier(multiplier, rounding)
        assert (int(scale), int(shift)) == (0, 31)
        values = np.array([INT32_MIN, -1, 0, 1, INT32_MAX])
        assert fixed_point_multiply(values, scale, shift, rounding).tolist() == [0] * 5


def test_multiplier_is_flushed_to_zero_where_tflite_flushes_it():
    kept = quantize_multiplier(2.0**-32, Rounding.TFLITE)
    assert (int(kept[0]), int(kept[1])) == (2**30, MAX_SHIFT)
    assert quantize_multiplier(np.nextafter(2.0**-32, 0), Rounding.TFLITE)[0] == 2**30
    assert quantize_multiplier(2.0**-32 * (1 - 2.0**-20), Rounding.TFLITE)[0] == 0


@pytest.mark.parametrize("bad", [-1.0, -1e-300, math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("rounding", Rounding)
def test_multiplier_must_be_finite_and_not_negative(rounding: Rounding, bad: float):
    message = f"^multiplier must be finite and not negative, got {bad}$"
    with pytest.raises(ValueError, match=message):
        quantize_multiplier(bad, rounding)
    with pytest.raises(ValueError, match=message):
        quantize_multiplier([0.0, 0.5, bad, 0.25, -7.0], rounding)


BITS = {Rounding.FLOAT32: 24, Rounding.TFLITE16: 15}


@pytest.mark.parametrize("rounding", Rounding)
def test_multiplier_must_not_need_a_left_shift(rounding: Rounding):
    bits = BITS.get(rounding, 31)
    below = quantize_multiplier(2.0 ** (bits - 1), rounding)
    assert int(below[0]) * Fraction(1, 2 ** int(below[1])) == 2 ** (bits - 1)
    with pytest.raises(
        ValueError, match=rf"^multiplier must be less than 2\*\*{bits}, got {2.0**bits}$"
    ):
        quantize_multiplier([0.5, 2.0**bits], rounding)


def test_multiplier_beyond_float32_is_refused():
    with pytest.raises(ValueError, match=r"^multiplier must be less than 2\*\*24, got 1e\+300$"):
        quantize_multiplier(1e300, Rounding.FLOAT32)


def test_largest_significands():
    # Two types' largest numbers, and the last integer before the first that float32 lacks.
    largest = {rounding: largest_significand(rounding) for rounding in Rounding}
    assert largest.pop(Rounding.TFLITE16) == np.iinfo(np.int16).max
    exact = largest.pop(Rounding.FLOAT32)
    assert [n for n in range(exact - 9, exact + 2) if int(np.float32(n)) != n] == [exact + 1]
    assert set(largest.values()) == {INT32_MAX}


def test_scale_ratio_divides_in_float64():
    scales = np.array([0.1, 3e-5], np.float32)
    expected = [float(np.float32(0.1)) / 0.3, float(np.float32(3e-5)) / 0.3]
    assert scale_ratio(scales, 0.3).tolist() == expected


def test_scale_ratio_has_one_axis():
    assert scale_ratio(0.5, 0.25).tolist() == [2.0]


def test_scale_ratio_that_overflows_is_refused_and_names_it():
    message = "^quotient of the scales must be positive and finite, got inf$"
    with pytest.raises(ValueError, match=message):
        scale_ratio([1.0, 1e300], 1e-300)


def test_vanishing_numbers_do_not_depend_on_the_callers_error_state():
    with np.errstate(all="raise"):
        assert scale_ratio(1e-300, 1e300).tolist() == [0.0]
        assert quantize_multiplier(1e-42, Rounding.FLOAT32)[0] == 0
        assert quantize_multiplier(1e-60, Rounding.FLOAT32)[0] == 0


def test_names_of_the_contracts():
    assert [str(r) for r in Rounding] == ["upward", "away", "tflite", "ruy", "float32", "tflite16"]


def test_wrap_int32_keeps_the_low_bits():
    values = [0, INT32_MAX, INT32_MAX + 1, INT32_MIN, INT32_MIN - 1, 2**32, 2**62 + 5, -(2**62) - 5]
    assert wrap_int32(np.array(values)).tolist() == [wrap(v) for v in values]
    assert wrap_int32(np.array(values)).dtype == np.int64


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32])
def test_saturate_clamps_to_the_type(dtype: type[np.integer]):
    info = np.iinfo(dtype)
    values = np.array([-(2**40), info.min - 1, info.min, 1, info.max, info.max + 1, 2**40])
    got = saturate(values, dtype)
    assert got.dtype == dtype
    assert got.tolist() == [info.min, info.min, info.min, 1, info.max, info.max, info.max]


def half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


@pytest.mark.parametrize(
    ("rounding", "round_"),
    [(Rounding.UPWARD, half_up), (Rounding.AWAY, round_half_away), (Rounding.FLOAT32, round)],
)
@pytest.mark.parametrize("zero_points", [(0, 0), (-128, 7), (3, -128), (100, 127)])
def test_requantize_adds_the_zero_point_after_rounding(
    rounding: Rounding, round_: Callable[[Fraction], int], zero_points: tuple[int, int]
):
    # Ratios of few bits, so that the products are exact and ties are common.
    zi, zo = zero_points
    codes = np.arange(-128, 128, dtype=np.int8)
    for ratio in (Fraction(1, 2), Fraction(3, 4), Fraction(1, 8), Fraction(5, 2), Fraction(1)):
        got = requantize(codes, float(ratio), zi, zo, rounding, np.int8)
        expected = [min(127, max(-128, round_((int(q) - zi) * ratio) + zo)) for q in codes]
        assert got.dtype == np.int8
        assert got.tolist() == expected, ratio


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32])
def test_requantize_per_channel_of_extreme_accumulators(dtype: type[np.integer]):
    info = np.iinfo(dtype)
    data = np.array([[INT32_MIN] * 3, [INT32_MAX] * 3, [0] * 3], dtype=np.int32)
    ratios: Sequence[float] = [2.0**-31, 2.0**-24, 2.0**-8]
    got = requantize(data, ratios, -100, 3, Rounding.UPWARD, dtype)
    for row, column in np.ndindex(3, 3):
        exact = half_up((int(data[row, column]) + 100) * Fraction(ratios[column])) + 3
        assert got[row, column] == min(info.max, max(info.min, exact))


@pytest.mark.parametrize("rounding", [r for r in Rounding if r is not Rounding.TFLITE])
def test_mean_multiplier_divides_the_ratio_by_the_count(rounding: Rounding):
    for count in (1, 2, 49, 3136):
        scale, shift = mean_multiplier(0.75, count, rounding)
        exact = Fraction(3, 4 * count)
        assert abs(Fraction(int(scale), 2 ** int(shift)) / exact - 1) < Fraction(1, 2**14)
        assert (scale, shift) == quantize_multiplier(0.75 / count, rounding)


@pytest.mark.parametrize("count", [1, 2, 3, 49, 3136, 2**24 + 1])
def test_mean_multiplier_of_tflite_is_quantized_mean_or_sums(count: int):
    # `QuantizedMeanOrSum`, in integers. The second ratio leaves a quotient just below an integer.
    below = -pow(2 ** (count.bit_length() - 1), -1, count) % count if count % 2 else 0
    for ratio in (0.75, (below + (2**31 // count - 1) * count) / 2**31, 2.0**-20, 1.5 * 2.0**-31):
        significand, exponent = tflite_quantize_multiplier(ratio)
        bits = min(count.bit_length() - 1, 31 + exponent)
        scale, shift = mean_multiplier(ratio, count, Rounding.TFLITE)
        assert scale.dtype == shift.dtype == np.int32
        assert (scale, shift) == ((significand << bits) // count, 31 - exponent + bits)
