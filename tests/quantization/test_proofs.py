"""Theorems about the arithmetic, proven by z3 for all integers: nothing is sampled.

The functions under test are not transcribed. NumPy hands every operation on a `Symbol` to it, so
they run unchanged and return the term that they compute, over unbounded integers; that no
intermediate result leaves int64 is a theorem of its own. Beside the theorems stand false ones,
which must be refuted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, reduce
from typing import Any

import numpy as np
import pytest
from numpy.lib.mixins import NDArrayOperatorsMixin

from sima_mlir.interpreters import kernels
from sima_mlir.interpreters.kernels import divide_half_away
from sima_mlir.quantization import (
    MAX_SHIFT,
    Quantization,
    Rounding,
    convolution,
    fixed_point,
    fixed_point_multiply,
    tflite_requantization_constants,
)
from sima_mlir.quantization.target import DEFAULT_TARGET

z3 = pytest.importorskip("z3", reason="z3-solver is not installed")

INT32 = z3.Function("int32", z3.IntSort(), z3.IntSort())
"""The conversion to int32. Proofs seldom need more than that it keeps what fits."""


def term(value: Any) -> Any:
    if isinstance(value, Symbol):
        return value.term
    is_bool = np.asarray(value).dtype == bool
    return z3.BoolVal(bool(value)) if is_bool else z3.IntVal(int(value))


def number(value: Any) -> Any:
    return z3.If(term(value), 1, 0) if z3.is_bool(term(value)) else term(value)


def bitwise_and(a: Any, b: Any) -> Any:
    if z3.is_bool(term(a)):
        return z3.And(term(a), term(b))
    mask = int(b)
    assert mask & (mask + 1) == 0, f"only low bits can be masked, got {mask:#x}"
    return number(a) % (mask + 1)


OPERATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.add: lambda a, b: number(a) + number(b),
    np.subtract: lambda a, b: number(a) - number(b),
    np.multiply: lambda a, b: number(a) * number(b),
    np.divmod: lambda a, b: (number(a) / number(b), number(a) % number(b)),
    np.left_shift: lambda a, b: number(a) * 2 ** int(b),
    np.right_shift: lambda a, b: number(a) / 2 ** int(b),
    np.bitwise_and: bitwise_and,
    np.absolute: lambda a: z3.Abs(number(a)),
    np.less: lambda a, b: number(a) < number(b),
    np.greater_equal: lambda a, b: number(a) >= number(b),
    np.where: lambda c, a, b: z3.If(term(c), number(a), number(b)),
}
"""z3 divides integers by positive ones as NumPy does, towards minus infinity."""


class Symbol(NDArrayOperatorsMixin):
    """Stands for any element of an int64 array, or of an array of bools."""

    itemsize = 8

    def __init__(self, value: Any):
        self.term = value

    def __array_ufunc__(self, function: np.ufunc, _: str, *args: Any, **__: Any) -> Any:
        result = OPERATIONS[function](*args)
        return tuple(map(Symbol, result)) if isinstance(result, tuple) else Symbol(result)

    def __array_function__(self, function: Any, _: Any, args: Any, __: Any) -> Symbol:
        return Symbol(OPERATIONS[function](*args))

    def astype(self, dtype: type) -> Symbol:
        return Symbol({np.int32: INT32, np.int64: lambda v: v}[dtype](number(self)))

    def min(self, initial: int) -> int:
        """Lets a guard pass: what it refuses, the hypotheses of the theorem exclude."""
        return initial

    max = min


class Int8Symbol(Symbol):
    itemsize = 1


class Taps:
    """The symbolic weights of one output channel."""

    def __init__(self, elements: list[Symbol]):
        self.elements = elements

    def __array_ufunc__(self, function: np.ufunc, _: str, taps: Taps) -> Taps:
        return Taps([function(element) for element in taps.elements])

    def sum(self, axis: int) -> Symbol:
        assert axis == 0
        return reduce(np.add, self.elements)


class SymbolicNumpy:
    """NumPy, whose `asarray` lets symbols through: no protocol of NumPy's does that."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def asarray(value: Any, dtype: Any) -> Any:
        return value if isinstance(value, Symbol) else np.asarray(value, dtype)


@pytest.fixture(autouse=True)
def _symbolic_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (convolution, fixed_point, kernels):
        monkeypatch.setattr(module, "np", SymbolicNumpy())


class Refuted(AssertionError):
    """There is a counterexample."""


class Undecided(AssertionError):
    """Nothing is proven."""


def prove(theorem: Any, *given: Any, milliseconds: int = 2_000) -> None:
    """Passes if the theorem holds wherever the hypotheses do, which must be somewhere."""
    assert consistent(*given), "the hypotheses contradict each other"
    conversions = [t for t in subterms(theorem, *given) if t.decl() == INT32]
    facts = [z3.Implies(fits(t.arg(0), 32), t == t.arg(0)) for t in conversions]
    facts += [fits(t, 32) for t in conversions]
    negation = [*given, *facts, z3.Not(theorem)]
    if solution(*negation, milliseconds=milliseconds) is None:
        return
    definitions = [(t - t.arg(0)) % 2**32 == 0 for t in conversions]
    if (counterexample := solution(*negation, *definitions)) is not None:
        raise Refuted(f"{theorem} does not hold at {counterexample}")


def refute(theorem: Any, *given: Any) -> None:
    with pytest.raises(Refuted):
        prove(theorem, *given)


@cache
def consistent(*hypotheses: Any) -> bool:
    return solution(*hypotheses) is not None


def solution(*formulas: Any, milliseconds: int = 2_000) -> Any:
    """Returns values that satisfy all formulas, `None` if there are none.

    Asks again with other seeds: what takes z3 milliseconds may take minutes with an unlucky one.
    """
    for seed in range(4):
        solver = z3.SimpleSolver()
        solver.set("timeout", milliseconds)
        solver.set("random_seed", seed)
        solver.add(*formulas)
        answer = solver.check()
        if answer != z3.unknown:
            return solver.model() if answer == z3.sat else None
    raise Undecided(f"z3 gave up: {solver.reason_unknown()}")


def subterms(*terms: Any) -> list[Any]:
    found: dict[int, Any] = {}
    waiting = list(terms)
    while waiting:
        if (t := waiting.pop()).get_id() not in found:
            found[t.get_id()] = t
            waiting.extend(t.children())
    return list(found.values())


def fits(value: Any, bits: int) -> Any:
    return z3.And(-(2 ** (bits - 1)) <= value, value < 2 ** (bits - 1))


def nothing_leaves_int64(result: Any) -> Any:
    return z3.And([fits(t, 64) for t in subterms(result) if z3.is_int(t)])


def nothing_wraps(*results: Any) -> Any:
    return z3.And([t == t.arg(0) for t in subterms(*results) if t.decl() == INT32])


def half_up(value: Any, shift: int) -> Any:
    """floor(value / 2**shift + 1/2)"""
    return (2 * value + 2**shift) / 2 ** (shift + 1)


def half_away(value: Any, shift: int) -> Any:
    return z3.If(value >= 0, half_up(value, shift), -half_up(-value, shift))


def truncated(a: Any, b: Any) -> Any:
    return z3.If(a >= 0, a / b, -(-a / b))


# What a theorem speaks of: an accumulator `x` and the multiplier `m * 2**-shift`.
x, y, m = z3.Ints("x y m")
INTEGERS = [fits(x, 32), 0 <= m, m < 2**31]
SHIFTS = range(MAX_SHIFT + 1)
CONTRACTS = [Rounding.UPWARD, Rounding.AWAY, Rounding.TFLITE, Rounding.RUY]
WIDE_INTEGERS = [fits(x, 48), 0 <= m, m < 2**15]
"""The operands of `tflite16`, whose accumulator is int64."""


def multiplied(value: Any, shift: int, rounding: Rounding) -> Any:
    return fixed_point_multiply(Symbol(value), Symbol(m), shift, rounding).term


# The judge itself.


def test_what_z3_cannot_decide_is_not_proven():
    a, b, c = z3.Ints("a b c")
    with pytest.raises(Undecided, match="z3 gave up"):
        prove(a * a * a + b * b * b + c * c * c != 42, milliseconds=50)


def test_what_has_a_counterexample_is_refuted():
    with pytest.raises(Refuted, match=r"x != 7 does not hold at \[x = 7\]"):
        prove(x != 7)


def test_nothing_follows_from_a_contradiction():
    with pytest.raises(AssertionError, match="the hypotheses contradict each other"):
        prove(x == y, x < y, y < x)


def test_conversion_to_int32_wraps():
    prove(INT32(x) == x, fits(x, 32))
    refute(INT32(x) == x, fits(x, 33))
    refute(INT32(x) != -(2**31), x == 2**31)
    prove(fits(INT32(x), 32))


def evaluated(formula: Any, **values: int) -> int:
    """Computes a term for given values of its symbols."""
    wrap = (z3.Var(0, z3.IntSort()) + 2**31) % 2**32 - 2**31
    constants = [(z3.Int(name), z3.IntVal(value)) for name, value in values.items()]
    exact = z3.substitute_funs(formula, (INT32, wrap))
    return z3.simplify(z3.substitute(exact, *constants)).as_long()


def operands(bits: int, count: int, rng: np.random.Generator) -> np.ndarray:
    edges = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, -1, 0, 1]
    spread = np.exp2(rng.uniform(0, bits - 1, count - 5)) * rng.choice([-1, 1], count - 5)
    return rng.permutation([*edges, *spread.astype(np.int64).tolist()])


@pytest.mark.parametrize("rounding", CONTRACTS)
def test_symbols_compute_what_numpy_computes(rounding: Rounding):
    rng = np.random.default_rng(1)
    for shift in SHIFTS:
        values, scales = operands(32, 12, rng), np.abs(operands(32, 12, rng)) % 2**31
        expected = fixed_point_multiply(values, scales, shift, rounding).tolist()
        formula = multiplied(x, shift, rounding)
        pairs = zip(values.tolist(), scales.tolist(), strict=True)
        assert [evaluated(formula, x=value, m=scale) for value, scale in pairs] == expected, shift


def test_symbols_fold_and_divide_as_numpy_does():
    rng = np.random.default_rng(2)
    values, small = operands(34, 200, rng), operands(8, 200, rng)
    mantissas = rng.integers(2**52 + 1, 2**53, 200, endpoint=True)
    for bits in (27, 53, 75, 88, 100):
        for function, symbol, array in (
            (convolution._scaled_bias, Symbol(x), values),
            (convolution._scaled_weight, Int8Symbol(x), small.astype(np.int8)),
        ):
            formula = function(symbol, Symbol(m), np.int64(bits)).term
            expected = function(array, mantissas, np.int64(bits)).tolist()
            pairs = zip(array.tolist(), mantissas.tolist(), strict=True)
            assert [evaluated(formula, x=v, m=scale) for v, scale in pairs] == expected, bits
    divisors = rng.integers(1, 5000, 200)
    quotient = divide_half_away(Symbol(x), Symbol(y)).term
    pairs = zip(values.tolist(), divisors.tolist(), strict=True)
    expected = divide_half_away(values, divisors).tolist()
    assert [evaluated(quotient, x=a, y=d) for a, d in pairs] == expected


def test_roundings_are_to_nearest():
    for shift in (0, 1, 2, 31, 62):
        rational = z3.ToReal(x) / 2**shift
        prove(half_up(x, shift) == z3.ToInt(rational + z3.Q(1, 2)))  # the floor
        prove(z3.Abs(2 * (half_away(x, shift) - rational)) <= 1)
        tie = 2 * (half_up(x, shift) - rational) == 1
        down = z3.If(z3.And(tie, x < 0), 1, 0)
        prove(half_away(x, shift) == half_up(x, shift) - down)


# Rounding contracts are their definitions.


def test_upward_is_one_rounding_half_up():
    for shift in SHIFTS:
        definition = INT32(half_up(x * m, shift))
        prove(multiplied(x, shift, Rounding.UPWARD) == definition, *INTEGERS)


def test_tflite16_is_one_rounding_half_up_of_a_wider_accumulator():
    for shift in SHIFTS:
        definition = INT32(half_up(x * m, shift))
        prove(multiplied(x, shift, Rounding.TFLITE16) == definition, *WIDE_INTEGERS)


def test_away_is_one_rounding_half_away_from_zero():
    for shift in SHIFTS:
        definition = INT32(half_away(x * m, shift))
        prove(multiplied(x, shift, Rounding.AWAY) == definition, *INTEGERS)


def test_upward_is_not_away_where_there_are_ties():
    for shift in range(1, MAX_SHIFT + 1):
        tied = m == 2 ** (shift - 1 - shift // 2)
        result = multiplied(x, shift, Rounding.UPWARD)
        definition = half_away(x * m, shift)
        refute(result == definition, *INTEGERS, tied, nothing_wraps(result))


def rounding_doubling_high_mul(a: Any, b: Any) -> Any:
    """gemmlowp's; its one saturating case, two operands of -2**31, needs a negative multiplier."""
    nudge = z3.If(a * b >= 0, 2**30, 1 - 2**30)
    return truncated(a * b + nudge, z3.IntVal(2**31))


def rounding_divide_by_pot(value: Any, exponent: int) -> Any:
    mask = 2**exponent - 1
    remainder, threshold = value % 2**exponent, (mask >> 1) + z3.If(value < 0, 1, 0)
    return value / 2**exponent + z3.If(remainder > threshold, 1, 0)


def rounding_shift_right(value: Any, exponent: int) -> Any:
    return (value + 2**exponent // 2) / 2**exponent


DIVISIONS = {Rounding.TFLITE: rounding_divide_by_pot, Rounding.RUY: rounding_shift_right}


def gemmlowp(shift: int, divide: Callable[[Any, int], Any]) -> Any:
    shifted = INT32(x * 2 ** max(31 - shift, 0))
    return divide(rounding_doubling_high_mul(shifted, m), max(shift - 31, 0))


@pytest.mark.parametrize("rounding", DIVISIONS)
def test_two_roundings_are_gemmlowps(rounding: Rounding):
    for shift in SHIFTS:
        definition = gemmlowp(shift, DIVISIONS[rounding])
        prove(multiplied(x, shift, rounding) == definition, *INTEGERS)


def test_tflite_and_ruy_are_one_up_to_shift_31_and_never_beyond():
    for shift in SHIFTS:
        same = multiplied(x, shift, Rounding.TFLITE) == multiplied(x, shift, Rounding.RUY)
        if shift <= 31:
            prove(same, *INTEGERS)
        else:
            refute(same, *INTEGERS, m == 2**30)


def apply_scale_32(shift: int, double_round: bool) -> Any:
    rounding: Any = 1 << (shift - 1)
    if double_round and shift > 31:
        rounding = rounding + z3.If(x >= 0, 1 << 30, -(1 << 30))
    return (x * m + rounding) / 2**shift


def tosa_requires(shift: int) -> list[Any]:
    return [*INTEGERS, -(1 << (shift - 1)) <= x, x < 1 << (shift - 1)]


TOSA_SHIFTS = range(2, 63)


def test_upward_is_tosas_single_round_wherever_tosa_is_defined():
    for shift in TOSA_SHIFTS:
        single = apply_scale_32(shift, double_round=False)
        prove(multiplied(x, shift, Rounding.UPWARD) == single, *tosa_requires(shift))


def test_tflite_is_tosas_double_round_wherever_tosa_is_defined():
    for shift in TOSA_SHIFTS:
        double = apply_scale_32(shift, double_round=True)
        prove(multiplied(x, shift, Rounding.TFLITE) == double, *tosa_requires(shift))


@pytest.mark.parametrize("rounding", DIVISIONS)
def test_two_roundings_are_tosas_single_round_up_to_shift_31_and_never_beyond(rounding: Rounding):
    for shift in TOSA_SHIFTS:
        same = multiplied(x, shift, rounding) == apply_scale_32(shift, double_round=False)
        if shift <= 31:
            prove(same, *tosa_requires(shift))
        else:
            refute(same, *tosa_requires(shift), m == 2**30)


def test_tflite_is_not_tosas_double_round_where_its_left_shift_wraps():
    for shift in range(2, 31):
        double = INT32(apply_scale_32(shift, double_round=True))
        refute(multiplied(x, shift, Rounding.TFLITE) == double, *INTEGERS, m == 1)


@pytest.mark.parametrize("rounding", CONTRACTS)
def test_multiplication_never_leaves_int64(rounding: Rounding):
    for shift in SHIFTS:
        prove(nothing_leaves_int64(multiplied(x, shift, rounding)), *INTEGERS)


def test_multiplication_of_48_bits_by_15_never_leaves_int64():
    for shift in SHIFTS:
        product = multiplied(x, shift, Rounding.TFLITE16)
        prove(nothing_leaves_int64(product), *WIDE_INTEGERS)


def test_multiplication_of_a_wider_accumulator_leaves_int64():
    product = multiplied(x, 31, Rounding.UPWARD)
    refute(nothing_leaves_int64(product), fits(x, 34), m == 2**31 - 1)


# Contracts are monotone, as the certified bounds need.


@pytest.mark.parametrize("rounding", CONTRACTS)
def test_contract_is_monotone_while_nothing_wraps(rounding: Rounding):
    for shift in SHIFTS:
        below, above = multiplied(x, shift, rounding), multiplied(y, shift, rounding)
        given = (*INTEGERS, fits(y, 32), x <= y, nothing_wraps(below, above))
        prove(below <= above, *given)


def test_tflite16_is_monotone_while_nothing_wraps():
    for shift in SHIFTS:
        below, above = (multiplied(value, shift, Rounding.TFLITE16) for value in (x, y))
        given = (*WIDE_INTEGERS, fits(y, 48), x <= y, nothing_wraps(below, above))
        prove(below <= above, *given)


@pytest.mark.parametrize("rounding", CONTRACTS)
def test_contract_is_not_monotone_where_something_wraps(rounding: Rounding):
    below, above = multiplied(x, 20, rounding), multiplied(y, 20, rounding)
    refute(below <= above, fits(x, 32), fits(y, 32), x <= y, m == 2**30)


@pytest.mark.parametrize("rounding", CONTRACTS)
def test_contract_is_not_strictly_monotone(rounding: Rounding):
    below, above = multiplied(x, 40, rounding), multiplied(y, 40, rounding)
    refute(below < above, fits(x, 32), fits(y, 32), x < y, m == 2**30)


# Zero points fold into the bias, in a 32-bit accumulator that wraps.

TAPS = 9


def words(name: str, count: int) -> list[Any]:
    return [z3.BitVec(f"{name}{index}", 32) for index in range(count)]


def convolved(codes: Any, weights: Any, bias: Any) -> Any:
    return sum((code * weight for code, weight in zip(codes, weights, strict=True)), bias)


def folded_bias(bias: Any, zero_point: Any, weights: Any) -> Any:
    return bias - zero_point * sum(weights)


@pytest.mark.parametrize("padded", range(TAPS + 1))
def test_zero_point_folds_and_a_tap_that_reads_it_adds_nothing(padded: int):
    codes, weights = words("x", TAPS - padded), words("w", TAPS)
    zero_point, bias = z3.BitVecs("z b", 32)
    centred = [code - zero_point for code in codes]
    source = convolved(centred, weights[: len(codes)], bias)
    read = [*codes, *[zero_point] * padded]
    prove(source == convolved(read, weights, folded_bias(bias, zero_point, weights)))


def test_zero_point_folds_by_induction_over_any_number_of_taps():
    source, folded, sums, code, weight, zero_point = z3.BitVecs("source folded s x w z", 32)
    prove(
        source + (code - zero_point) * weight
        == (folded + code * weight) - zero_point * (sums + weight),
        source == folded - zero_point * sums,
    )


def test_padding_that_reads_zero_does_not_fold():
    codes, weights = words("x", 3), words("w", 4)
    zero_point, bias = z3.BitVecs("z b", 32)
    source = convolved([code - zero_point for code in codes], weights[:3], bias)
    refute(source == convolved([*codes, 0], weights, folded_bias(bias, zero_point, weights)))


def test_zero_point_does_not_fold_with_the_other_sign():
    codes, weights = words("x", 2), words("w", 2)
    zero_point, bias = z3.BitVecs("z b", 32)
    source = convolved([code - zero_point for code in codes], weights, bias)
    refute(source == convolved(codes, weights, folded_bias(bias, -zero_point, weights)))


def test_folded_bias_is_the_one_emitted():
    rng = np.random.default_rng(3)
    for _ in range(200):
        weight = rng.integers(-128, 128, (5, TAPS), dtype=np.int8)
        bias = rng.integers(-(2**30), 2**30, 5, dtype=np.int32)
        zero_point = int(rng.integers(-128, 128))
        encodings = Quantization(2.0**-9, 0), Quantization(1.0, 0)
        emitted = tflite_requantization_constants(weight, bias, zero_point, *encodings, True)[0]
        rows = zip(bias.tolist(), weight.tolist(), strict=True)
        assert emitted is not None
        assert emitted.tolist() == [folded_bias(b, zero_point, taps) for b, taps in rows]


# The clamped shift keeps the accumulator in int32.


def misfit(weights: list[Any], bias: Any, shift: int, zero_point: int) -> Any:
    taps = Taps([Symbol(weight) for weight in weights])
    arguments = (taps, Symbol(bias), np.int64(shift), zero_point, DEFAULT_TARGET)
    return convolution._exceeds_accumulator(*arguments).term


def partial_sum(products: list[Any], bias: Any, shift: int) -> Any:
    """Sums any selection, and so every sum that any order of adding passes through."""
    addends = [*products, bias, z3.IntVal((1 << shift) // 2)]
    chosen = [z3.Bool(f"chosen{index}") for index in range(len(addends))]
    return z3.Sum([z3.If(c, a, 0) for c, a in zip(chosen, addends, strict=True)])


CODES = {-128: (-128, 127), 127: (-128, 127), 128: (0, 255), 255: (0, 255)}
"""What the codes of data are, by a zero point among them that tells."""


def products_of(weights: list[Any], low: int, high: int) -> tuple[list[Any], list[Any]]:
    """Returns a symbol for each product, and all that is said of it: how large it can be."""
    products = z3.Ints([f"p{index}" for index in range(len(weights))])
    largest = max(abs(low), abs(high))
    pairs = zip(products, weights, strict=True)
    return products, [z3.Abs(product) <= largest * z3.Abs(weight) for product, weight in pairs]


@pytest.mark.parametrize(("low", "high"), [(-128, 127), (0, 255)])
def test_product_is_at_most_the_largest_code_times_its_weight(low: int, high: int):
    weight = z3.Int("w")
    _, (bound,) = products_of([weight], low, high)
    code_times_weight = z3.substitute(bound, (z3.Int("p0"), x * weight))
    prove(code_times_weight, low <= x, x <= high)


@pytest.mark.parametrize("zero_point", CODES)
@pytest.mark.parametrize("shift", [0, 1, DEFAULT_TARGET.max_shift])
def test_no_partial_sum_of_a_folded_kernel_leaves_int32(shift: int, zero_point: int):
    weights, bias = z3.Ints([f"w{index}" for index in range(6)]), z3.Int("b")
    products, bounds = products_of(weights, *CODES[zero_point])
    given = z3.Not(misfit(weights, bias, shift, zero_point))
    prove(fits(partial_sum(products, bias, shift), 32), given, *bounds)


def test_no_partial_sum_leaves_int32_by_induction_over_any_number_of_taps():
    partial, bound, product, weight = z3.Ints("partial bound product weight")
    given = (z3.Abs(partial) <= bound, z3.Abs(product) <= 128 * z3.Abs(weight))
    wider = bound + 128 * z3.Abs(weight)
    prove(z3.And(z3.Abs(partial + product) <= wider, z3.Abs(partial) <= wider), *given)


def test_a_sum_leaves_int32_if_codes_are_larger_than_the_zero_point_tells():
    weights, bias = z3.Ints("w0 w1"), z3.Int("b")
    products, bounds = products_of(weights, 0, 255)
    refute(fits(partial_sum(products, bias, 1), 32), z3.Not(misfit(weights, bias, 1, 0)), *bounds)


def test_a_sum_leaves_int32_if_the_rounding_constant_is_forgotten():
    weights, bias = z3.Ints("w0 w1"), z3.Int("b")
    products, bounds = products_of(weights, -128, 127)
    refute(fits(partial_sum(products, bias, 22), 32), z3.Not(misfit(weights, bias, 0, 0)), *bounds)


# Scale corrections are multiplied exactly, in parts that int64 holds.

MANTISSA = [2**52 < m, m <= 2**53]
SCALE_SHIFTS = [*range(27, 96), convolution.SCALE_BITS + 1074]
"""The least is that of the largest foldable ratio; the last that of the least float64."""


def scaled_bias(shift: int) -> Any:
    return convolution._scaled_bias(Symbol(x), Symbol(m), np.int64(shift)).term


def scaled_weight(shift: int) -> Any:
    arguments = (Int8Symbol(x), Symbol(m), np.int64(shift))
    return convolution._scaled_weight(*arguments).term


def test_products_with_the_parts_of_a_mantissa_make_up_the_product():
    prove(x * m == x * (m / 2**26) * 2**26 + x * (m % 2**26))
    prove(z3.Abs(x * (m / 2**26)) <= 2**60, fits(x, 34), *MANTISSA)
    prove(z3.Abs(x * (m % 2**26)) < 2**59, fits(x, 34), *MANTISSA)


def test_scaled_bias_is_the_exact_product_rounded_half_up():
    high, low = z3.Ints("high low")
    parts = ((x * (m / 2**26), high), (x * (m % 2**26), low))
    for shift in SCALE_SHIFTS:
        result = z3.substitute(scaled_bias(shift), *parts)
        definition = half_up(high * 2**26 + low, shift)
        prove(result == definition, z3.Abs(high) <= 2**60, z3.Abs(low) < 2**59)


def test_scaled_weight_is_the_exact_product_rounded_half_up():
    for shift in SCALE_SHIFTS:
        definition = half_up(x * m, shift)
        prove(scaled_weight(shift) == definition, fits(x, 8), *MANTISSA)


def test_scaling_never_leaves_int64():
    for shift in SCALE_SHIFTS:
        prove(nothing_leaves_int64(scaled_bias(shift)), fits(x, 34), *MANTISSA)
        prove(nothing_leaves_int64(scaled_weight(shift)), fits(x, 8), *MANTISSA)


def test_scaling_of_wider_values_leaves_int64():
    refute(nothing_leaves_int64(scaled_bias(53)), fits(x, 38), m == 2**53)
    refute(nothing_leaves_int64(scaled_weight(53)), fits(x, 12), m == 2**53)


def test_scaled_bias_needs_the_low_part_of_the_product():
    shift = 27
    high = half_up(x * (m / 2**26), shift - 26)
    refute(scaled_bias(shift) == high, fits(x, 34), m == 2**53 - 1)


# The rounded division of averages.


def test_division_is_tflites_for_every_numerator_and_denominator():
    numerator = x + z3.If(x >= 0, 1, -1) * (y / 2)
    prove(divide_half_away(Symbol(x), Symbol(y)).term == truncated(numerator, y), y >= 1)


def test_division_is_to_nearest():
    quotient = divide_half_away(Symbol(x), Symbol(y)).term
    prove(2 * z3.Abs(quotient * y - x) <= y, y >= 1)
    prove(z3.Abs(quotient * y) > z3.Abs(x), y >= 1, 2 * z3.Abs(quotient * y - x) == y)


def test_division_never_leaves_int64():
    quotient = divide_half_away(Symbol(x), Symbol(y)).term
    prove(nothing_leaves_int64(quotient), fits(x, 64), fits(y, 64), y >= 1)
    refute(nothing_leaves_int64(truncated(x + y / 2, y)), fits(x, 64), fits(y, 64), y >= 1)


def test_division_is_not_half_up_nor_truncated():
    quotient = divide_half_away(Symbol(x), Symbol(y)).term
    refute(quotient == (2 * x + y) / (2 * y), y >= 1)
    refute(quotient == truncated(x, y), y >= 1)
