"""Element-wise operations: exact bounds for the folded forms, LiteRT and Relay otherwise."""

from __future__ import annotations

import itertools
import math
import struct
from fractions import Fraction

import numpy as np
import pytest
from support import tflite_builder as tb
from support.litert import requires_litert, run

from sima_mlir.quantization import (
    ADD_ROUNDINGS,
    FoldedAdd,
    Quantization,
    Rounding,
    Target,
    add_fixed_point,
    add_folded,
    check_fixed_point_add,
    check_folded_add,
    check_folded_scale,
    fixed_point_add,
    fold_add,
    fold_requantize,
    product_ratio,
    product_sum_range,
    requantize,
)

CODES = np.arange(-128, 128, dtype=np.int8)
LHS, RHS = CODES[:, None], CODES[None, :]
HALF = Fraction(1, 2)


def random_scale(rng: np.random.Generator) -> float:
    if rng.random() < 0.3:
        return float(2.0 ** rng.integers(-8, 2))
    return float(np.float32(np.exp2(rng.uniform(-8, 2))))


def random_quantization(rng: np.random.Generator) -> Quantization:
    return Quantization(random_scale(rng), int(rng.integers(-128, 128)))


def random_triples(seed: int, count: int) -> list[tuple[Quantization, Quantization, Quantization]]:
    rng = np.random.default_rng(seed)
    triples = [tuple(random_quantization(rng) for _ in range(3)) for _ in range(count)]
    return [(a, b, c) for a, b, c in triples]


def round_half_up(value: Fraction) -> int:
    return math.floor(value + HALF)


def round_half_away(value: Fraction) -> int:
    return round_half_up(value) if value >= 0 else -round_half_up(-value)


def clamp(value: int) -> int:
    return min(127, max(-128, value))


# Fixed-point addition


@requires_litert
@pytest.mark.parametrize("seed", range(20))
def test_tflite_addition_is_litert_on_all_pairs_of_codes(seed: int):
    rng = np.random.default_rng(seed)
    a, b = random_quantization(rng), random_quantization(rng)
    # LiteRT refuses an output scale so small that the last ratio reaches 1.
    c = Quantization(random_scale(rng) * max(a.scale, b.scale), int(rng.integers(-128, 128)))
    c = Quantization(float(np.float32(c.scale)), c.zero_point)
    qs = [(q.scale, q.zero_point) for q in (a, b, c)]
    model = tb.add((256, 256), (256, 256), a_q=qs[0], b_q=qs[1], y_q=qs[2])
    lhs, rhs = np.broadcast_arrays(LHS, RHS)
    (out,) = run(model, [np.ascontiguousarray(lhs), np.ascontiguousarray(rhs)])
    got = add_fixed_point(LHS, RHS, fixed_point_add(a, b, c, Rounding.TFLITE), np.int8)
    assert got.dtype == np.int8
    np.testing.assert_array_equal(got, out)


@requires_litert
def test_tflite_addition_of_uint8_is_litert():
    a, b, c = (0.031, 7), (0.25, 200), (0.3, 128)
    model = tb.add((256, 256), (256, 256), a_q=a, b_q=b, y_q=c, dtype="uint8")
    codes = np.arange(256, dtype=np.uint8)
    lhs, rhs = (np.ascontiguousarray(m) for m in np.broadcast_arrays(codes[:, None], codes[None]))
    (out,) = run(model, [lhs, rhs])
    quantizations = [Quantization(float(np.float32(s)), z) for s, z in (a, b, c)]
    constants = fixed_point_add(*quantizations, Rounding.TFLITE)
    np.testing.assert_array_equal(add_fixed_point(lhs, rhs, constants, np.uint8), out)


@pytest.mark.parametrize("rounding", [Rounding.UPWARD, Rounding.AWAY])
def test_relay_addition_requantizes_each_operand(rounding: Rounding):
    round_ = round_half_up if rounding is Rounding.UPWARD else round_half_away
    for a, b, c in random_triples(1, 60):

        def requantized(code: int, q: Quantization, c=c) -> int:
            fraction, exponent = math.frexp(q.scale / c.scale)
            significand = round_half_up(Fraction(fraction) * 2**31)
            m = significand * Fraction(2) ** (exponent - 31)
            return round_((code - q.zero_point) * m)

        left = [requantized(code, a) for code in range(-128, 128)]
        right = [requantized(code, b) for code in range(-128, 128)]
        expected = [[clamp(x + y + c.zero_point) for y in right] for x in left]
        got = add_fixed_point(LHS, RHS, fixed_point_add(a, b, c, rounding), np.int8)
        assert got.tolist() == expected


def test_tflite_constants_of_addition():
    # Both operands go to twice the larger scale, with 20 bits more.
    c = fixed_point_add(
        Quantization(0.25, 1), Quantization(0.5, -2), Quantization(2.0, 3), Rounding.TFLITE
    )
    assert (c.left_shift, c.lhs_zero_point, c.rhs_zero_point, c.zero_point) == (20, 1, -2, 3)
    ratios = [
        Fraction(scale, 2**shift)
        for scale, shift in [
            (c.lhs_scale, c.lhs_shift),
            (c.rhs_scale, c.rhs_shift),
            (c.scale, c.shift),
        ]
    ]
    assert ratios == [Fraction(1, 4), Fraction(1, 2), Fraction(1, 2**21)]
    assert c.rounding is Rounding.TFLITE


def test_constants_of_addition_are_python_integers():
    for rounding in ADD_ROUNDINGS:
        constants = fixed_point_add(*random_triples(2, 1)[0], rounding)
        assert {type(v) for v in constants[:-1]} == {int}


@pytest.mark.parametrize("rounding", [Rounding.RUY, Rounding.FLOAT32, Rounding.TFLITE16])
def test_contracts_without_an_integer_addition_are_refused(rounding: Rounding):
    q = Quantization(1.0, 0)
    message = f"^rounding must be one of upward, away, tflite, got {rounding}$"
    with pytest.raises(ValueError, match=message):
        fixed_point_add(q, q, q, rounding)


@pytest.mark.parametrize("rounding", ADD_ROUNDINGS)
def test_addition_with_a_vanishing_output_scale_is_refused(rounding: Rounding):
    big, tiny = Quantization(1e30, 0), Quantization(1e-30, 0)
    with pytest.raises(ValueError, match=r"^multiplier must be less than 2\*\*31, got "):
        fixed_point_add(big, big, tiny, rounding)


@pytest.mark.parametrize("rounding", [Rounding.UPWARD, Rounding.AWAY])
def test_operands_at_the_output_scale_must_fit_int32(rounding: Rounding):
    # 255 steps of 2**31 / 255, half of them of each operand.
    half, output = Quantization(2.0**30, -128), Quantization(255.0, 0)
    constants = fixed_point_add(half, half, output, rounding)
    with pytest.raises(
        ValueError, match=r"^its sum does not fit 32 bits, it reaches 2\.14748e\+09$"
    ):
        check_fixed_point_add(constants, half, half, output)
    less = Quantization(2.0**30 * (1 - 2.0**-40), -128)
    check_fixed_point_add(constants, half, less, output)
    check_fixed_point_add(constants, less, half, output)


def test_operands_with_a_left_shift_fit_int32():
    big, output = Quantization(2.0**40, 0), Quantization(2.0**21, 0)
    check_fixed_point_add(fixed_point_add(big, big, output, Rounding.TFLITE), big, big, output)


# Folded addition


@pytest.mark.parametrize("seed", range(3))
def test_folded_addition_is_exact_up_to_the_rounding_of_its_scales(seed: int):
    """|error| <= (|a - za| + |b - zb|) * 2**-(shift + 1) before the last rounding."""
    for a, b, c in random_triples(10 + seed, 300):
        if max(a.scale, b.scale) / c.scale > 1000:
            continue
        folded = fold_add(a, b, c)
        assert {type(v) for v in folded} == {int}
        for scale, q in ((folded.lhs_scale, a), (folded.rhs_scale, b)):
            exact = Fraction(q.scale) / Fraction(c.scale)
            assert abs(Fraction(scale, 2**folded.shift) - exact) <= Fraction(
                1, 2 ** (folded.shift + 1)
            ) + exact * Fraction(1, 2**52)
        # The bias must be exact: where both operands are zero, the output is its zero point.
        zero = folded.lhs_scale * a.zero_point + folded.rhs_scale * b.zero_point + folded.bias
        assert zero == c.zero_point * 2**folded.shift


def test_folded_addition_shifts_as_far_as_its_scales_allow():
    for a, b, c in random_triples(20, 500):
        ratio = max(Fraction(a.scale / c.scale), Fraction(b.scale / c.scale))
        if ratio >= Fraction(65535, 2):
            continue
        fits = [s for s in range(23) if round_half_up(ratio * 2**s) < 2**15]
        folded = fold_add(a, b, c)
        assert folded.shift == max(fits)
        assert max(folded.lhs_scale, folded.rhs_scale) == round_half_up(ratio * 2**folded.shift)


def test_folded_addition_stays_in_int32_for_all_pairs_of_codes():
    for a, b, c in random_triples(30, 60):
        folded = fold_add(a, b, c)
        left, right = LHS.astype(object) * folded.lhs_scale, RHS.astype(object) * folded.rhs_scale
        half = 2 ** (folded.shift - 1) if folded.shift else 0
        partial_sums = [left, right, left + folded.bias, right + folded.bias, left + right]
        partial_sums += [left + right + folded.bias, left + right + folded.bias + half]
        assert all(-(2**31) <= s.min() and s.max() < 2**31 for s in partial_sums)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_folded_addition_computes_its_formula(dtype: type[np.integer]):
    info = np.iinfo(dtype)
    codes = np.arange(info.min, info.max + 1, 17).astype(dtype)
    for a, b, c in random_triples(35, 20):
        f = fold_add(a, b, c)
        got = add_folded(codes[:, None], codes[None], f, dtype)
        assert got.dtype == dtype
        for (i, j), code in np.ndenumerate(got):
            total = int(codes[i]) * f.lhs_scale + int(codes[j]) * f.rhs_scale + f.bias
            exact = round_half_up(Fraction(total, 2**f.shift))
            assert code == min(info.max, max(info.min, exact))


def test_folded_addition_is_nearly_the_real_one_for_all_pairs_of_codes():
    for a, b, c in random_triples(40, 60):
        f = fold_add(a, b, c)
        half = 2 ** (f.shift - 1) if f.shift else 0
        acc = LHS.astype(np.int64) * f.lhs_scale + RHS.astype(np.int64) * f.rhs_scale + f.bias
        out = np.clip((acc + half) >> f.shift, -128, 127)
        real = (LHS - float(a.zero_point)) * a.scale + (RHS - float(b.zero_point)) * b.scale
        exact = np.clip(real / c.scale + c.zero_point, -128, 127)
        assert np.abs(out - exact).max() <= 0.5 + 2 * 255 * 2.0 ** -(f.shift + 1) + 1e-9


def test_folded_addition_of_powers_of_two_is_exact():
    folded = fold_add(Quantization(0.5, 3), Quantization(0.25, -4), Quantization(1.0, 7))
    assert folded.lhs_scale == 2 * folded.rhs_scale == 2 ** (folded.shift - 1)


@pytest.mark.parametrize(
    ("scale", "output_scale", "shown"), [(1.0, 2.0**-15, "32768"), (1e300, 1e-300, "inf")]
)
def test_ratio_of_an_addition_must_fit(scale: float, output_scale: float, shown: str):
    small = Quantization(output_scale, 0)
    message = rf"^ratio of scales must be less than 32767\.5, got {shown}$"
    with pytest.raises(ValueError, match=message):
        fold_add(Quantization(scale, 0), small, small)
    with pytest.raises(ValueError, match=message):
        fold_add(small, Quantization(scale, 0), small)
    with pytest.raises(ValueError, match=message):
        fold_requantize(Quantization(scale, 0), small)


def test_largest_ratio_of_an_addition():
    one = Quantization(1.0, 0)
    assert fold_add(Quantization(16383.75, 0), one, one)[0] == 16384
    with pytest.raises(
        ValueError, match=r"^ratio of scales must be less than 32767\.5, got 32767\.5$"
    ):
        fold_add(Quantization(32767.5, 0), one, one)
    assert fold_add(Quantization(32767.25, 0), one, one)[:2] == (32767, 1)


def test_vanishing_operands_add_nothing():
    tiny, big = Quantization(1e-300, 5), Quantization(1e300, 9)
    assert fold_add(tiny, tiny, big) == (0, 0, 9 << 22, 22)
    assert fold_requantize(tiny, big) == (0, 9 << 22, 22)


def test_folded_addition_obeys_the_target():
    one = Quantization(1.0, 0)
    assert fold_add(one, one, one, Target(max_shift=3)) == (8, 8, 0, 3)
    assert fold_add(one, one, one, Target(scale_bits=8)) == (64, 64, 0, 6)


# Multiplication


def float32(value: float) -> float:
    return struct.unpack("f", struct.pack("f", value))[0]


def test_ratio_of_a_product_is_taken_in_float32_as_far_as_the_contract_does():
    """Products and quotients of float32 numbers that Python rounds twice are right nevertheless."""
    rng = np.random.default_rng(3)
    differences = 0
    for scales in np.exp2(rng.uniform(-30, 30, (2000, 3))).tolist():
        encodings = [Quantization(scale, int(rng.integers(-128, 128))) for scale in scales]
        lhs, rhs, output = (float32(scale) for scale in scales)
        product = float32(lhs * rhs)
        relay, tflite = product / output, float32(product / output)
        assert product_ratio(*encodings, Rounding.UPWARD) == relay
        assert product_ratio(*encodings, Rounding.AWAY) == relay
        assert product_ratio(*encodings, Rounding.TFLITE) == tflite
        differences += tflite not in (relay, float32(lhs * rhs / output))
    assert differences > 100


@requires_litert
def test_tflite_multiplication_is_litert_where_float64_would_not_be():
    qs = [(0.573, 52), (0.168, 100), (6.63, 31)]
    a, b, c = (Quantization(*q) for q in qs)
    model = tb.mul((256, 256), (256, 256), a_q=qs[0], b_q=qs[1], y_q=qs[2])
    lhs, rhs = (np.ascontiguousarray(m) for m in np.broadcast_arrays(LHS, RHS))
    (expected,) = run(model, [lhs, rhs])
    products = (lhs.astype(np.int64) - a.zero_point) * (rhs.astype(np.int64) - b.zero_point)

    def rescaled(ratio: float) -> np.ndarray:
        return requantize(products, ratio, 0, c.zero_point, Rounding.TFLITE, np.int8)

    lhs_scale, rhs_scale, scale = (float32(q.scale) for q in (a, b, c))
    in_float64 = (lhs_scale * rhs_scale / scale, float32(lhs_scale * rhs_scale) / scale)
    assert all(np.count_nonzero(rescaled(ratio) != expected) == 9 for ratio in in_float64)
    ratio = product_ratio(a, b, c, Rounding.TFLITE)
    np.testing.assert_array_equal(rescaled(ratio), expected)


@pytest.mark.parametrize("rounding", ADD_ROUNDINGS)
def test_ratio_of_a_product_is_a_python_number(rounding: Rounding):
    assert type(product_ratio(*random_triples(4, 1)[0], rounding)) is float


@pytest.mark.parametrize("rounding", [Rounding.RUY, Rounding.FLOAT32, Rounding.TFLITE16])
def test_contracts_without_an_integer_multiplication_are_refused(rounding: Rounding):
    q = Quantization(1.0, 0)
    message = f"^rounding must be one of upward, away, tflite, got {rounding}$"
    with pytest.raises(ValueError, match=message):
        product_ratio(q, q, q, rounding)


@pytest.mark.parametrize("rounding", ADD_ROUNDINGS)
@pytest.mark.parametrize(
    ("scales", "shown"),
    [
        ((1e20, 1e20, 1.0), "inf"),
        ((1e39, 1e-30, 1.0), "inf"),
        ((1.0, 1.0, 1e-46), "inf"),
        ((1e39, 1e-46, 1.0), "nan"),
        ((1e-30, 1e-30, 1e-46), "nan"),
    ],
)
def test_ratio_of_a_product_must_be_finite(
    scales: tuple[float, float, float], shown: str, rounding: Rounding
):
    lhs, rhs, output = (Quantization(scale, 0) for scale in scales)
    message = f"^quotient of the scales must be positive and finite, got {shown}$"
    with pytest.raises(ValueError, match=message):
        product_ratio(lhs, rhs, output, rounding)


def test_quotient_that_leaves_float32_is_refused_where_the_contract_divides_in_it():
    large, small = Quantization(1e18, 0), Quantization(1e-30, 0)
    assert product_ratio(large, large, small, Rounding.UPWARD) > 1e65
    with pytest.raises(ValueError, match=r"^quotient of the scales .*, got inf$"):
        product_ratio(large, large, small, Rounding.TFLITE)


@pytest.mark.parametrize("rounding", ADD_ROUNDINGS)
def test_ratio_of_a_product_that_vanishes_is_zero(rounding: Rounding):
    tiny, one = Quantization(1e-30, 0), Quantization(1.0, 0)
    assert product_ratio(tiny, tiny, one, rounding) == 0
    smallest = Quantization(2.0**-149, 0)
    assert product_ratio(smallest, one, one, rounding) == 2.0**-149


def multiplications() -> list[tuple[Quantization, Quantization, Quantization]]:
    """Random ones, and those with the largest ratios and zero points that go through."""
    rng = np.random.default_rng(5)
    triples = [
        (a, b, Quantization(a.scale * b.scale * 2 ** rng.uniform(-14, 24), c.zero_point))
        for a, b, c in random_triples(6, 60)
    ]
    ends = [-128, 127]
    ratios = [32767.4, 32767.0, 16383.5, 1.0, 1 / 128, 2.0**-8, 2.0**-40]
    extremes = [
        (Quantization(ratio, a), Quantization(1.0, b), Quantization(1.0, c))
        for ratio in ratios
        for a, b, c in [(x, y, z) for x in ends for y in ends for z in ends]
    ]
    return triples + extremes


def folded_product(
    a: Quantization, b: Quantization, c: Quantization
) -> tuple[np.ndarray, int, int, int]:
    """The products of all pairs of codes as Python's integers, and what they are folded with."""
    products = (LHS.astype(object) - a.zero_point) * (RHS.astype(object) - b.zero_point)
    product_q = Quantization(a.scale * b.scale, 0)
    return products, *fold_requantize(product_q, c, largest_code=255 * 255)


def test_folded_multiplication_stays_in_int32_for_all_pairs_of_codes():
    for a, b, c in multiplications():
        products, scale, bias, shift = folded_product(a, b, c)
        half = 2 ** (shift - 1) if shift else 0
        assert 0 <= scale < 2**15
        for partial in (products * scale, products * scale + bias, products * scale + bias + half):
            assert -(2**31) <= partial.min()
            assert partial.max() < 2**31


def test_folded_multiplication_is_nearly_exact_for_all_pairs_of_codes():
    """Half a step of the rounding, and 2**-6 of the scale.

    What is not saturated is at most 256 steps, and the scale has 14 bits at least; or the shift
    is 22, and the scale right to 2**-23, for products up to 255**2.
    """
    for a, b, c in multiplications():
        products, scale, bias, shift = folded_product(a, b, c)
        half = 2 ** (shift - 1) if shift else 0
        out = np.clip((products * scale + bias + half) >> shift, -128, 127)
        ratio = Fraction(a.scale) * Fraction(b.scale) / Fraction(c.scale)
        n, d = ratio.numerator, ratio.denominator
        exact = np.clip(products * n, (-128 - c.zero_point) * d, (127 - c.zero_point) * d)
        assert np.abs((out - c.zero_point) * d - exact).max() * 64 <= (32 + 1) * d


@pytest.mark.parametrize("zero_point", [1, -1])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_scale_of_a_folded_addition_may_be_off_by_half_a_step(sign: int, zero_point: int):
    # One scale is off by 2**-8, which a distance of 128 from the zero point makes half a step.
    one, far = Quantization(1.0, 0), Quantization(1.0, zero_point)
    message = r"^its scales must be right to half an output step, got 0\.504$"
    lhs_off, rhs_off = FoldedAdd(256 + sign, 256, 0, 8), FoldedAdd(256, 256 + sign, 0, 8)
    check_folded_add(lhs_off, one, far, one)
    check_folded_add(rhs_off, far, one, one)
    with pytest.raises(ValueError, match=message):
        check_folded_add(lhs_off, far, one, one)
    with pytest.raises(ValueError, match=message):
        check_folded_add(rhs_off, one, far, one)


def test_errors_of_both_scales_of_a_folded_addition_add_up():
    one, far = Quantization(1.0, 0), Quantization(1.0, 1)
    constants = FoldedAdd(513, 511, 0, 9)
    check_folded_add(constants, one, one, one)
    for operands in ((one, far), (far, one)):
        with pytest.raises(ValueError, match=r"got 0\.502$"):
            check_folded_add(constants, *operands, one)


def test_scales_of_a_folded_addition_are_compared_with_the_ratios():
    a, b, c = Quantization(0.75, 0), Quantization(0.5, 0), Quantization(2.0, 0)
    check_folded_add(FoldedAdd(3, 2, 0, 3), a, b, c)
    for wrong in (FoldedAdd(4, 2, 0, 3), FoldedAdd(3, 3, 0, 3), FoldedAdd(3, 2, 0, 4)):
        with pytest.raises(ValueError, match="must be right to half an output step"):
            check_folded_add(wrong, a, b, c)


# Folded requantization


@pytest.mark.parametrize("seed", range(3))
def test_folded_requantization_is_exact_up_to_the_rounding_of_its_scale(seed: int):
    rng = np.random.default_rng(50 + seed)
    for _ in range(500):
        a, c = random_quantization(rng), random_quantization(rng)
        count = int(np.exp2(rng.uniform(0, 16)))
        scale, bias, shift = fold_requantize(a, c, count=count, largest_code=255)
        assert {type(scale), type(bias), type(shift)} == {int}
        exact = Fraction(a.scale) / (Fraction(c.scale) * count)
        error = abs(Fraction(scale, 2**shift) - exact)
        assert error <= Fraction(1, 2 ** (shift + 1)) + exact * Fraction(1, 2**51)
        assert scale * count * a.zero_point + bias == c.zero_point * 2**shift


@pytest.mark.parametrize("largest_code", [128, 255, 32768])
def test_folded_requantization_shifts_as_far_as_the_accumulator_allows(largest_code: int):
    rng = np.random.default_rng(60)
    for _ in range(500):
        a, c = random_quantization(rng), random_quantization(rng)
        count = int(np.exp2(rng.uniform(0, 14)))
        scale, bias, shift = fold_requantize(a, c, count=count, largest_code=largest_code)
        ratio = Fraction(a.scale / (c.scale * count))

        def fits(s: int, a=a, c=c, count=count, ratio=ratio) -> bool:
            scale = round_half_up(ratio * 2**s)
            bias = c.zero_point * 2**s - scale * count * a.zero_point
            half = 2 ** (s - 1) if s else 0
            return scale < 2**15 and count * largest_code * scale + abs(bias) + half < 2**31

        assert shift == max(s for s in range(23) if fits(s))
        assert scale == round_half_up(ratio * 2**shift)
        assert bias == c.zero_point * 2**shift - scale * count * a.zero_point


def test_accumulator_of_a_requantization_holds_the_rounding_constant():
    # 87381 * 24576 is 2**31 - 2**13, and the rounding constant at shift 15 is 2**14.
    ratio = (Quantization(0.75, 0), Quantization(1.0, 0))
    assert fold_requantize(*ratio, largest_code=87380) == (24576, 0, 15)
    assert fold_requantize(*ratio, largest_code=87381) == (12288, 0, 14)
    # (2**17 - 1) * 2**14 and the rounding constant are 2**31.
    ratio = (Quantization(0.5, 0), Quantization(1.0, 0))
    assert fold_requantize(*ratio, largest_code=2**17 - 2) == (2**14, 0, 15)
    assert fold_requantize(*ratio, largest_code=2**17 - 1) == (2**13, 0, 14)


def test_folded_requantization_may_need_shift_zero():
    # 8 codes of up to 2**15 times 8000 is nearly 2**31.
    assert fold_requantize(Quantization(64000.0, 0), Quantization(1.0, 0), count=8) == (8000, 0, 0)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_folded_scale_may_be_off_by_half_a_step(sign: int):
    # It is off by 2**-9, on differences of codes of up to 2 * largest.
    scale = 256 + sign
    check_folded_scale(scale, 9, 0.5, 128, (-128, 127))
    with pytest.raises(
        ValueError,
        match=rf"^scale {scale} \* 2\*\*-9 must be right to half an output step, got 0\.504$",
    ):
        check_folded_scale(scale, 9, 0.5, 129, (-128, 127))


def test_a_folded_scale_matters_up_to_where_the_result_saturates():
    # It is off by 2**-8, and the output has 128 steps of 1, or of 2.
    for codes in ((0, 128), (-128, 0), (-100, 28)):
        check_folded_scale(257, 8, 1.0, 1000, codes)
    with pytest.raises(ValueError, match=r"got 0\.504$"):
        check_folded_scale(257, 8, 1.0, 1000, (0, 129))
    check_folded_scale(513, 8, 2.0, 1000, (0, 256))
    with pytest.raises(ValueError, match=r"got 0\.504$"):
        check_folded_scale(513, 8, 2.0, 1000, (0, 258))


def test_a_ratio_of_zero_never_saturates():
    check_folded_scale(0, 8, 0.0, 2**15, (0, 255))
    check_folded_scale(1, 8, 0.0, 64, (0, 255))
    with pytest.raises(ValueError, match=r"got 0\.508$"):
        check_folded_scale(1, 8, 0.0, 65, (0, 255))


def test_folded_requantization_of_all_codes_is_nearly_exact():
    rng = np.random.default_rng(70)
    for _ in range(200):
        a, c = random_quantization(rng), random_quantization(rng)
        scale, bias, shift = fold_requantize(a, c)
        for code in range(-128, 128, 3):
            acc = code * scale + bias + (2 ** (shift - 1) if shift else 0)
            assert -(2**31) <= acc < 2**31
            exact = Fraction(a.scale) / Fraction(c.scale) * (code - a.zero_point) + c.zero_point
            assert abs((acc >> shift) - exact) <= HALF + Fraction(256, 2 ** (shift + 1))


@pytest.mark.parametrize("count", [49, 3136, 12544, 50176])
def test_mean_of_many_codes_keeps_its_precision(count: int):
    # The windows of a global average over images up to 224 pixels wide.
    q = Quantization(0.1, -128)
    scale, bias, shift = fold_requantize(q, q, count=count, largest_code=255)
    for code in range(-128, 128):
        out = (count * code * scale + bias + (2 ** (shift - 1) if shift else 0)) >> shift
        assert abs(out - code) <= 1


def test_accumulator_of_a_mean_must_fit():
    q = Quantization(1.0, 0)
    with pytest.raises(ValueError, match=r"^accumulator of 65536 codes must fit 32 bits$"):
        fold_requantize(Quantization(65536.0, 0), q, count=65536)


def test_folded_requantization_obeys_the_target():
    one = Quantization(1.0, 0)
    assert fold_requantize(one, one, Target(max_shift=2)) == (4, 0, 2)
    assert fold_requantize(one, one, Target(scale_bits=8)) == (64, 0, 6)
    assert fold_requantize(one, one, Target(accumulator_bits=20), largest_code=128)[2] == 11


@pytest.mark.parametrize(
    ("lhs", "rhs"),
    [
        (((-3, 4), 1), ((-2, 5), -1)),
        (((2, 4), 1), ((-2, 5), 0)),
        (((2, 4), 1), ((3, 5), 1)),
        (((-4, -2), 0), ((-5, -3), 0)),
        (((-4, 2), -3), ((1, 1), 2)),
    ],
)
def test_sums_of_products_lie_in_their_range_and_reach_both_ends(
    lhs: tuple[tuple[int, int], int], rhs: tuple[tuple[int, int], int]
):
    left, right = ([c - zero for c in range(low, high + 1)] for (low, high), zero in (lhs, rhs))
    pairs = [a * b for a in left for b in right]
    for count in range(3):
        totals = [sum(chosen) for chosen in itertools.product(pairs, repeat=count)]
        assert product_sum_range(count, lhs, rhs) == (min(totals), max(totals))
