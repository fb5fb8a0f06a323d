"""The three functions of convolution and dense against exact rational arithmetic.

The references use Python integers and `fractions`, one weight at a time, and search for the shift
from the definition instead of computing it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import product as cartesian

import numpy as np
import pytest

from sima_mlir.quantization import (
    DEFAULT_TARGET,
    Quantization,
    Rounding,
    Target,
    channel_multipliers,
    check_accumulator,
    correction_factors,
    fixed_point_constants,
    fold_requantization,
    requantize_qnn_convolution_dense,
    tflite_requantization_constants,
)
from sima_mlir.quantization import Layer as LayerArguments

MAX_SHIFT = 22
HALF = Fraction(1, 2)


@dataclass
class Layer:
    """The arguments of the functions under test, and the weights as lists by channel."""

    weight: np.ndarray
    bias: np.ndarray | None
    data_zero_point: int
    product: Quantization | list[Quantization]
    output: Quantization
    is_dense: bool

    @property
    def arguments(self):
        return (
            self.weight,
            self.bias,
            self.data_zero_point,
            self.product,
            self.output,
            self.is_dense,
        )

    @property
    def rows(self) -> list[list[int]]:
        return by_channel(self.weight, self.is_dense)

    @property
    def biases(self) -> list[int]:
        return [0] * len(self.rows) if self.bias is None else [int(b) for b in self.bias]

    @property
    def products(self) -> list[Quantization]:
        channels = len(self.rows)
        return self.product if isinstance(self.product, list) else [self.product] * channels


def by_channel(weight: np.ndarray, is_dense: bool) -> list[list[int]]:
    """The weights of each output channel; channel g * O + o of HWIGO, row o of OI."""
    if is_dense:
        return [[int(w) for w in row] for row in weight]
    groups, outputs = weight.shape[-2:]
    return [
        [int(w) for w in weight[..., g, o].ravel()]
        for g, o in cartesian(range(groups), range(outputs))
    ]


def ratio(product: Quantization, output: Quantization) -> Fraction:
    """The float64 quotient of the scales, which the contract is about."""
    return Fraction(product.scale / output.scale)


def natural_shift(m: Fraction) -> int:
    """The n with 1/2 < m * 2**n <= 1."""
    n = m.denominator.bit_length() - m.numerator.bit_length()
    while m * Fraction(2) ** n <= HALF:
        n += 1
    while m * Fraction(2) ** n > 1:
        n -= 1
    return n


def round_half_up(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def folded_channel(layer: Layer, c: int, shift: int) -> tuple[list[int], int]:
    q, zo = layer.products[c], layer.output.zero_point
    sc = ratio(q, layer.output) * 2**shift
    weights = [round_half_up(sc * w) for w in layer.rows[c]]
    bias = round_half_up(sc * (layer.biases[c] - q.zero_point) + zo * 2**shift)
    return weights, bias - layer.data_zero_point * sum(weights)


def is_safe(weights: list[int], bias: int, shift: int) -> bool:
    half = 2 ** (shift - 1) if shift > 0 else 0
    worst = abs(bias) + 128 * sum(abs(w) for w in weights) + half
    return all(-128 <= w <= 127 for w in weights) and worst < 2**31


def exact_fold(layer: Layer, max_shift: int = MAX_SHIFT):
    """The folded channels and the shift of each, or None where no shift fits."""
    channels = range(len(layer.rows))
    limits = [min(natural_shift(ratio(q, layer.output)), max_shift) for q in layer.products]

    def largest(group: list[int]) -> int | None:
        for shift in range(max(limits[group[0]], 0), -1, -1):
            if all(is_safe(*folded_channel(layer, c, shift), shift) for c in group):
                return shift
        return None

    if isinstance(layer.product, list):
        shifts = [largest([c]) for c in channels]
    else:
        shifts = [largest(list(channels))] * len(channels)
    if None in shifts:
        return None
    return [
        (*folded_channel(layer, c, s), s)
        for c, s in zip(channels, shifts, strict=True)
        if s is not None
    ]


SHAPES = [
    ((3, 2), True),
    ((1, 1), True),
    ((5, 9), True),
    ((3, 2, 1, 4), False),
    ((2, 3, 2, 2), False),
    ((3, 3, 2, 1, 4), False),
    ((3, 3, 1, 5, 1), False),
    ((2, 3, 1, 3, 2), False),
    ((1, 2, 3, 2, 3), False),
    ((2, 2, 2, 2, 1, 2), False),
    ((1, 2, 2, 1, 3, 2), False),
]
SPECIAL_RATIOS = [
    1.0,
    0.5,
    0.25,
    0.75,
    0.625,
    2.0**-7,
    3 * 2.0**-9,
    5 * 2.0**-12,
    2.0**-22,
    2.0**-23,
    2.0**-36,
    1.5e-11,
    1e-30,
    1 - 2.0**-53,
    0.5 + 2.0**-53,
]


def random_ratio(rng: np.random.Generator, lowest: float = -18) -> float:
    if rng.random() < 0.3:
        return float(rng.choice(SPECIAL_RATIOS))
    return float(np.exp2(rng.uniform(lowest, 0)))


def random_layer(rng: np.random.Generator) -> Layer:
    shape, is_dense = SHAPES[rng.integers(len(SHAPES))]
    largest = int(rng.choice([1, 5, 127, 128]))
    weight = rng.integers(-largest, min(largest, 127) + 1, shape, dtype=np.int8)
    channels = len(by_channel(weight, is_dense))
    bias = None
    if rng.random() < 0.8:
        reach = int(2 ** rng.uniform(1, 31))
        bias = rng.integers(-reach, reach, channels, dtype=np.int64).astype(np.int32)
    zero_point = int(rng.choice([0, 0, 1, -7, 100]))
    output = Quantization(float(rng.choice([1.0, 0.1, 0.037])), int(rng.integers(-128, 128)))
    product: Quantization | list[Quantization]
    if rng.random() < 0.5:
        product = Quantization(random_ratio(rng) * output.scale, zero_point)
    else:
        product = [
            Quantization(random_ratio(rng) * output.scale, zero_point) for _ in range(channels)
        ]
    return Layer(weight, bias, int(rng.integers(-128, 128)), product, output, is_dense)


def general(arguments: tuple) -> tuple:
    """The arguments of a published function, with the encodings as arrays."""
    weight, bias, data_zero_point, product, output, is_dense = arguments
    encodings = product if isinstance(product, list) else [product]
    scales = np.array([q.scale for q in encodings])
    zero_points = np.array([q.zero_point for q in encodings])
    return weight, bias, data_zero_point, scales, zero_points, output, is_dense


def check_fold(layer: Layer) -> bool:
    """Compares one layer with the reference; says whether it could be folded."""
    expected = exact_fold(layer)
    if expected is None:
        with pytest.raises(ValueError, match="does not fit"):
            requantize_qnn_convolution_dense(*layer.arguments)
        return False
    weight, bias, shift = requantize_qnn_convolution_dense(*layer.arguments)
    assert weight.shape == layer.weight.shape
    assert (weight.dtype, bias.dtype) == (np.int8, np.int32)
    assert by_channel(weight, layer.is_dense) == [w for w, _, _ in expected]
    assert bias.tolist() == [b for _, b, _ in expected]
    if isinstance(layer.product, list):
        assert isinstance(shift, np.ndarray)
        assert shift.dtype == np.int32
        assert shift.tolist() == [s for _, _, s in expected]
    else:
        assert type(shift) is int
        assert {shift} == {s for _, _, s in expected}
    return True


@pytest.mark.parametrize("seed", range(4))
def test_fold_is_exact_rational_arithmetic(seed: int):
    rng = np.random.default_rng(seed)
    assert sum(check_fold(random_layer(rng)) for _ in range(750)) > 600


def near_ties(count: int) -> np.ndarray:
    """Scales above 0.5 that bring one of the weights into or near the middle of two integers."""
    rng = np.random.default_rng(7)
    weight = rng.integers(2, 129, count)
    tie = (rng.integers(weight // 2, weight) + 0.5) / weight
    scales = tie * (1 + rng.choice([-1, 1], count) * np.exp2(-rng.uniform(14, 60, count)))
    chosen = np.where(rng.random(count) < 0.2, tie, scales)
    return np.where((chosen > 0.5) & (chosen < 1), chosen, 0.75)


@pytest.mark.parametrize("is_dense", [False, True])
@pytest.mark.parametrize("per_channel", [False, True])
def test_fold_near_ties_is_exact(is_dense: bool, per_channel: bool):
    scales = near_ties(200)
    codes = np.arange(-128, 128, dtype=np.int8)
    for ratio in [scales] if per_channel else scales[:30, np.newaxis]:
        weight = np.repeat(codes[:, np.newaxis], 200, axis=1)
        expected = [[math.floor(Fraction(r) * w + HALF) for w in codes.tolist()] for r in ratio]
        given = np.ascontiguousarray(weight.T) if is_dense else weight[np.newaxis, :, np.newaxis]
        zeros = np.zeros(len(ratio), np.int64)
        arguments = (given, None, 3, ratio / 256, zeros, Quantization(1.0, 0), is_dense)
        folded, bias, shift = fold_requantization(*arguments)
        assert shift.tolist() == [8] * len(ratio)
        rows = folded if is_dense else folded[0, :, 0].T
        np.testing.assert_array_equal(rows, np.broadcast_to(expected, rows.shape))
        np.testing.assert_array_equal(bias, -3 * rows.sum(axis=1, dtype=np.int64))
        assert folded.dtype == np.int8


def test_fold_of_ratios_above_one_is_exact_or_refused():
    rng = np.random.default_rng(10)
    outcomes: set[bool] = set()
    for _ in range(600):
        layer = random_layer(rng)
        scale = layer.output.scale * float(np.exp2(rng.uniform(0, 12)))
        layer.product = Quantization(scale, 0)
        layer.weight = layer.weight >> int(rng.choice([1, 5, 7]))
        if layer.bias is not None:
            layer.bias = layer.bias >> int(rng.integers(0, 31))
        outcomes.add(check_fold(layer))
    assert outcomes == {True, False}


def test_fold_of_integral_ratios_above_one():
    layer = Layer(
        np.array([[42, -42]], np.int8), None, 0, Quantization(3.0, 0), Quantization(1.0, 5), True
    )
    weight, bias, shift = requantize_qnn_convolution_dense(*layer.arguments)
    assert (weight.tolist(), bias.tolist(), shift) == ([[126, -126]], [5], 0)


@pytest.mark.parametrize("exponent", [1, 7, 20, 26, 27, 28, 40, 52, 53, 54, 60, 64, 100, 1000])
@pytest.mark.parametrize("weight", [-128, -1, 1, 127])
def test_fold_refuses_huge_ratios(exponent: int, weight: int):
    product, output = Quantization(2.0**exponent, 0), Quantization(1.0, 0)
    layer = Layer(np.array([[weight]], np.int8), None, 0, product, output, True)
    if -128 <= weight * 2**exponent <= 127:
        assert check_fold(layer)
        return
    with pytest.raises(ValueError, match="does not fit 8 bits") as error:
        requantize_qnn_convolution_dense(*layer.arguments)
    assert f"scale ratio {2.0**exponent:.6g} times weight {abs(weight)}" in str(error.value)


@pytest.mark.parametrize("exponent", [26, 27, 30, 31, 54, 64])
def test_fold_of_a_bias_alone_never_wraps(exponent: int):
    # No weight forbids the ratio here, but the bias leaves int32.
    product, output = Quantization(2.0**exponent, 0), Quantization(1.0, 0)
    zeros = np.zeros((1, 4), np.int8)
    with pytest.raises(ValueError, match=r"does not fit 8 bits|accumulator does not fit 32 bits"):
        requantize_qnn_convolution_dense(zeros, np.array([100]), 0, product, output, True)


@pytest.mark.parametrize(
    "dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]
)
def test_fold_of_other_weight_types_is_exact(dtype: type[np.integer]):
    rng = np.random.default_rng(11)
    info = np.iinfo(dtype)
    outcomes: set[bool] = set()
    for _ in range(150):
        reach = int(2 ** rng.uniform(1, min(info.bits, 31)))
        low, high = max(-reach, int(info.min)), min(reach, int(info.max))
        weight = rng.integers(low, high, (3, 4), dtype, endpoint=True)
        scales = np.exp2(rng.uniform(-44, -4, 3))
        product = [Quantization(float(s), 0) for s in scales]
        bias = rng.integers(-1000, 1000, 3, dtype=np.int64)
        output = Quantization(1.0, int(rng.integers(-128, 128)))
        outcomes.add(check_fold(Layer(weight, bias, -3, product, output, True)))
    assert True in outcomes
    assert info.bits == 8 or False in outcomes


@pytest.mark.parametrize("n", range(23))
def test_power_of_two_ratio_leaves_weights_and_bias_unchanged(n: int):
    rng = np.random.default_rng(n)
    weight = rng.integers(-128, 128, (3, 3, 2, 2, 4), dtype=np.int8)
    bias = rng.integers(-1000, 1000, 8, dtype=np.int32)
    product, output = Quantization(0.1 * 2.0**-n, 0), Quantization(0.1, 0)
    assert correction_factors(product, output) == (1.0, 0.0, n)
    folded, new_bias, shift = requantize_qnn_convolution_dense(
        weight, bias, 0, product, output, False
    )
    assert shift == n
    np.testing.assert_array_equal(folded, weight)
    np.testing.assert_array_equal(new_bias, bias)


def test_weights_and_bias_at_a_half_round_up():
    # 3/4 of 2, -2, 6 and -6 are 1.5, -1.5, 4.5 and -4.5.
    weight, bias, shift = requantize_qnn_convolution_dense(
        np.array([[2, -2], [6, -6]], np.int8),
        np.array([2, -2], np.int32),
        0,
        Quantization(0.75, 0),
        Quantization(1.0, 0),
        True,
    )
    assert (weight.tolist(), bias.tolist(), shift) == ([[2, -1], [5, -4]], [2, -1], 0)


def test_shift_is_clamped_where_the_bias_or_the_sum_is_large():
    # 2**15 products of 127 alone reach 2**29; the bias 2**31 - 1 takes the rest.
    weight = np.full((2, 2**15), 127, np.int8)
    bias = np.array([2**31 - 1, 0], np.int32)
    product = [Quantization(2.0**-20, 0)] * 2
    output = Quantization(1.0, 0)
    layer = Layer(weight, bias, 0, product, output, True)
    folded, new_bias, shift = requantize_qnn_convolution_dense(*layer.arguments)
    rows = by_channel(folded, True)
    assert isinstance(shift, np.ndarray)
    assert shift.tolist() == [19, 20]
    for c, row in enumerate(rows):
        assert is_safe(row, int(new_bias[c]), int(shift[c]))
    assert not is_safe(*folded_channel(layer, 0, 20), 20)


def test_one_quantization_has_one_shift_for_all_channels():
    # Only the first channel needs the smaller shift.
    weight, bias = np.array([[1], [1], [1]], np.int8), np.array([2**31 - 100, 0, 5])
    layer = Layer(weight, bias, 0, Quantization(2.0**-4, 0), Quantization(1.0, 0), True)
    assert check_fold(layer)
    assert requantize_qnn_convolution_dense(*layer.arguments)[2] == 3


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("room", [1, 0])
def test_accumulator_may_fill_int32_to_the_last_bit(room: int, n: int):
    # |bias| + 128 * 1 + 2**(n-1) is 2**31 - room at shift n.
    expected = n if room else n - 1
    for sign in (1, -1):
        bias = np.array([sign * (2**31 - 128 - 2 ** (n - 1) - room)], np.int32)
        product, output = Quantization(2.0**-n, 0), Quantization(1.0, 0)
        for weight in (1, -1):
            result = requantize_qnn_convolution_dense(
                np.array([[weight]], np.int8), bias, 0, product, output, True
            )
            assert result[2] == expected


def test_accumulator_without_a_shift_needs_no_room_for_rounding():
    weight, bias = np.array([[1]], np.int8), np.array([2**31 - 128 - 1])
    one = Quantization(1.0, 0)
    result = requantize_qnn_convolution_dense(weight, bias, 0, one, one, True)
    assert (result[1].tolist(), result[2]) == (bias.tolist(), 0)
    with pytest.raises(ValueError, match="accumulator does not fit 32 bits at shift 0"):
        requantize_qnn_convolution_dense(weight, bias + 1, 0, one, one, True)


@pytest.mark.parametrize(
    ("zero_point", "largest_code"), [(-128, 128), (127, 128), (-129, 255), (128, 255)]
)
def test_largest_code_follows_from_the_zero_point(zero_point: int, largest_code: int):
    # The weights cancel, so that the zero point does not move the bias.
    weight, fits = np.array([[1, -1]], np.int8), 2**31 - 1 - 8 - 2 * largest_code
    product, output = Quantization(2.0**-4, 0), Quantization(1.0, 0)
    for bias, shift in ((fits, 4), (fits + 1, 3)):
        result = requantize_qnn_convolution_dense(
            weight, np.array([bias]), zero_point, product, output, True
        )
        assert result[2] == shift


def test_layer_without_inputs_is_its_bias():
    product, output = [Quantization(0.5, 0), Quantization(1.0, 0)], Quantization(1.0, 3)
    bias = np.array([10, -20])
    for dtype in (np.int8, np.int64):
        weight = np.zeros((2, 0), dtype)
        folded, moved, shift = requantize_qnn_convolution_dense(
            weight, bias, -7, product, output, True
        )
        assert folded.shape == (2, 0)
        assert (moved.tolist(), np.array(shift).tolist()) == ([10 + 6, -20 + 3], [1, 0])
        unmoved = tflite_requantization_constants(weight, bias, -7, product, output, True)[0]
        assert unmoved is not None
        assert unmoved.tolist() == [10, -20]


def test_layer_without_outputs_has_no_constants():
    weight, output = np.zeros((0, 5), np.int8), Quantization(1.0, 3)
    for constant in requantize_qnn_convolution_dense(weight, None, 1, [], output, True):
        assert np.size(constant) == 0


def test_bias_alone_is_folded_up_to_a_ratio_of_2_to_the_26():
    product, output = Quantization(2.0**26, 0), Quantization(1.0, 0)
    _, bias, shift = requantize_qnn_convolution_dense(
        np.zeros((1, 4), np.int8), np.array([-31]), 0, product, output, True
    )
    assert (bias.tolist(), shift) == ([-31 * 2**26], 0)


def test_accumulator_has_room_for_uint8_codes_where_the_zero_point_is_one():
    # A zero point above 127 means codes up to 255: 80000 weights of 64 leave int32 then.
    weight, bias = np.full((1, 80000), 64, np.int8), np.array([0], np.int32)
    product, output = Quantization(2.0**-9, 0), Quantization(1.0, 0)
    folded, bias, shift = requantize_qnn_convolution_dense(weight, bias, 200, product, output, True)
    total = int(folded.astype(np.int64).sum())
    assert abs(int(bias[0])) + 255 * total + 2 ** (int(shift) - 1) < 2**31
    assert int(shift) < 9


def test_dead_channels_among_live_ones():
    rng = np.random.default_rng(12)
    scales = [1e-38, 2.0**-36, 1.5e-11, 2.0**-23, 2.0**-22, 0.003]
    layer = Layer(
        rng.integers(-127, 128, (3, 3, 4, 6, 1), dtype=np.int8),
        rng.integers(-(2**31), 2**31, 6, dtype=np.int64).astype(np.int32),
        -128,
        [Quantization(s, 0) for s in scales],
        Quantization(1.0, -128),
        False,
    )
    assert check_fold(layer)
    _, _, shift = requantize_qnn_convolution_dense(*layer.arguments)
    assert np.max(shift) <= MAX_SHIFT


def test_subnormal_ratio_folds_to_a_constant():
    product, output = Quantization(5e-324, 0), Quantization(1.0, 9)
    weight, bias, shift = requantize_qnn_convolution_dense(
        np.array([[127]], np.int8), np.array([2**31 - 1]), 0, product, output, True
    )
    assert (weight.tolist(), bias.tolist(), shift) == ([[0]], [9 << 22], 22)


def fold_error(layer: Layer, c: int, row: list[int], bias: int, n: int, x: list[int]) -> Fraction:
    """How far the folded accumulator of a channel is from the exact one, in output codes."""
    q, zx = layer.products[c], layer.data_zero_point
    source = sum((v - zx) * w for v, w in zip(x, layer.rows[c], strict=True)) + layer.biases[c]
    exact = ratio(q, layer.output) * (source - q.zero_point) + layer.output.zero_point
    return abs(Fraction(sum(v * w for v, w in zip(x, row, strict=True)) + bias, 2**n) - exact)


@pytest.mark.parametrize("seed", range(2))
def test_folded_output_is_within_the_rounding_of_the_weights(seed: int):
    """|error| <= 2**-n * (sum |x - zx| + 1) / 2 before the last rounding."""
    rng = np.random.default_rng(100 + seed)
    for _ in range(200):
        layer = random_layer(rng)
        if exact_fold(layer) is None:
            continue
        weight, bias, shift = requantize_qnn_convolution_dense(*layer.arguments)
        zeros = [layer.data_zero_point] * len(layer.rows[0])
        x = [int(v) for v in rng.integers(-128, 128, len(zeros))]
        distance = sum(abs(v - z) for v, z in zip(x, zeros, strict=True))
        for c, row in enumerate(by_channel(weight, layer.is_dense)):
            n = int(np.broadcast_to(shift, len(layer.rows))[c])
            channel = (layer, c, row, int(bias[c]), n)
            assert fold_error(*channel, x) <= Fraction(distance + 1, 2 ** (n + 1))
            assert fold_error(*channel, zeros) <= Fraction(1, 2 ** (n + 1))


def test_fold_obeys_the_target():
    rng = np.random.default_rng(13)
    for _ in range(100):
        layer = random_layer(rng)
        layer.bias = None
        expected = exact_fold(layer, max_shift=9)
        assert expected is not None
        weight, bias, shift = fold_requantization(*general(layer.arguments), Target(max_shift=9))
        assert by_channel(weight, layer.is_dense) == [w for w, _, _ in expected]
        assert bias.tolist() == [b for _, b, _ in expected]
        assert np.max(shift) <= 9


def test_fold_of_narrow_weights_obeys_the_target():
    product, output = Quantization(2.0**-10, 0), Quantization(1.0, 0)
    arguments = general((np.array([[127, -128]], np.int8), None, 0, product, output, True))
    weight, _, shift = fold_requantization(*arguments, Target(weight_bits=4))
    assert (weight.tolist(), shift) == ([[4, -4]], 5)


def test_fold_of_one_bit_weights_obeys_the_target():
    one = Quantization(1.0, 0)
    arguments = general((np.array([[-1, 0]], np.int8), None, 0, one, one, True))
    assert fold_requantization(*arguments, Target(weight_bits=1))[0].tolist() == [[-1, 0]]
    arguments = general((np.array([[1, 0]], np.int8), None, 0, one, one, True))
    with pytest.raises(ValueError, match="does not fit 1 bits"):
        fold_requantization(*arguments, Target(weight_bits=1))


def test_documented_defaults_of_the_target():
    assert DEFAULT_TARGET == Target(accumulator_bits=32, weight_bits=8, scale_bits=16, max_shift=22)


# correction_factors


def random_quantization(rng: np.random.Generator) -> Quantization:
    return Quantization(float(np.exp2(rng.uniform(-30, 10))), int(rng.integers(-256, 257)))


def test_correction_factors_are_exact():
    rng = np.random.default_rng(20)
    for _ in range(4000):
        input_q, output_q = random_quantization(rng), random_quantization(rng)
        sc, zc, n = correction_factors(input_q, output_q)
        assert (type(sc), type(zc), type(n)) == (float, float, int)
        m = ratio(input_q, output_q)
        assert HALF < Fraction(sc) <= 1
        assert Fraction(sc) / Fraction(2) ** n == m
        exact = (output_q.zero_point - m * input_q.zero_point) * Fraction(2) ** n
        assert zc == float(exact)  # Fraction to float rounds correctly


@pytest.mark.parametrize("exponent", [-1022, -300, -30, -1, 0, 1, 5, 100, 1000])
def test_correction_factors_of_a_power_of_two_have_scale_one(exponent: int):
    sc, zc, n = correction_factors(Quantization(2.0**exponent, 0), Quantization(1.0, 0))
    assert (sc, zc, n) == (1.0, 0.0, -exponent)


def test_scale_correction_stays_above_a_half():
    above = float(np.nextafter(0.5, 1))
    assert correction_factors(Quantization(above, 0), Quantization(1.0, 0)) == (above, 0.0, 0)
    below = float(np.nextafter(0.5, 0))
    assert correction_factors(Quantization(below, 0), Quantization(1.0, 0)) == (2 * below, 0.0, 1)


def test_zero_point_correction_cancels_without_loss():
    # zo * 2**n - sc * zi is a difference of nearly equal numbers.
    input_q, output_q = Quantization(1 + 2.0**-50, 2**20), Quantization(1.0, 2**20)
    sc, zc, n = correction_factors(input_q, output_q)
    assert Fraction(zc) == 2**20 * Fraction(2) ** n - Fraction(sc) * 2**20 != 0


@pytest.mark.parametrize(
    ("scale", "output_scale", "shown"), [(1e-300, 1e300, r"0\.0"), (1e300, 1e-300, "inf")]
)
def test_quotient_of_the_scales_must_be_a_number(scale: float, output_scale: float, shown: str):
    message = f"^quotient of the scales must be positive and finite, got {shown}$"
    input_q, output_q = Quantization(scale, 0), Quantization(output_scale, 0)
    weight = np.ones((1, 1), np.int8)
    with pytest.raises(ValueError, match=message):
        correction_factors(input_q, output_q)
    with pytest.raises(ValueError, match=message):
        requantize_qnn_convolution_dense(weight, None, 0, input_q, output_q, True)
    with pytest.raises(ValueError, match=message):
        tflite_requantization_constants(weight, None, 0, [input_q], output_q, True)


def test_zero_point_correction_must_be_a_number():
    with pytest.raises(
        ValueError, match=r"^zero point correction must fit float64, got a shift of 1029$"
    ):
        correction_factors(Quantization(1e-310, 0), Quantization(1.0, -128))


# tflite_requantization_constants


def exact_multiplier(m: float) -> tuple[int, int]:
    """TFLite's `QuantizeMultiplier`, as significand and total right shift."""
    fraction, exponent = math.frexp(m)
    significand = round_half_up(Fraction(fraction) * 2**31)
    if significand == 2**31:
        significand, exponent = 2**30, exponent + 1
    return (0, 31) if exponent < -31 else (significand, 31 - exponent)


@pytest.mark.parametrize("seed", range(2))
def test_tflite_constants_are_exact(seed: int):
    rng = np.random.default_rng(200 + seed)
    nones = 0
    for _ in range(1500):
        layer = random_layer(rng)
        if rng.random() < 0.2:
            layer.bias, layer.data_zero_point = None, 0
        expected = [
            b - layer.data_zero_point * sum(row) - q.zero_point
            for b, row, q in zip(layer.biases, layer.rows, layer.products, strict=True)
        ]
        if not all(-(2**31) <= b < 2**31 for b in expected):
            with pytest.raises(ValueError, match="must fit int32"):
                tflite_requantization_constants(*layer.arguments)
            continue
        bias, scale, zero_point, shift = tflite_requantization_constants(*layer.arguments)
        if bias is None:
            nones += 1
            assert layer.bias is None
            assert expected == [0] * len(expected)
        else:
            assert bias.dtype == np.int32
            assert bias.tolist() == expected
        assert type(zero_point) is int
        assert zero_point == layer.output.zero_point
        constants = [exact_multiplier(q.scale / layer.output.scale) for q in layer.products]
        if isinstance(layer.product, list):
            assert isinstance(scale, np.ndarray)
            assert isinstance(shift, np.ndarray)
            assert scale.dtype == shift.dtype == np.int32
            assert list(zip(scale.tolist(), shift.tolist(), strict=True)) == constants
        else:
            assert (type(scale), type(shift)) == (int, int)
            assert {(scale, shift)} == set(constants)
    assert nones > 100


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64])
def test_tflite_constants_of_other_weight_types_are_exact(dtype: type[np.integer]):
    weight = np.array([[200, 100], [255, 0], [7, 90]]).astype(dtype)
    bias, *_ = tflite_requantization_constants(
        weight, np.array([1000, -1000, 0]), -3, Quantization(0.1, 5), Quantization(1.0, 0), True
    )
    assert bias is not None
    assert bias.tolist() == [1000 + 900 - 5, -1000 + 765 - 5, 291 - 5]


@pytest.mark.parametrize(
    ("zero_points", "is_none"), [((0, 0), True), ((1, 0), False), ((0, 1), False)]
)
def test_tflite_bias_is_absent_only_where_it_would_be_zero(zero_points, is_none: bool):
    zx, zp = zero_points
    result = tflite_requantization_constants(
        np.array([[2, -3]], np.int8), None, zx, Quantization(0.1, zp), Quantization(1.0, 0), True
    )
    assert (result[0] is None) == is_none
    assert isinstance(result, tuple)
    assert len(result) == 4


def test_tflite_weights_stay_as_they_are():
    weight = np.arange(-8, 8, dtype=np.int8).reshape(2, 2, 1, 2, 2)
    before = weight.copy()
    product, output = [Quantization(0.01 * (i + 1), 0) for i in range(4)], Quantization(0.1, 3)
    bias = np.arange(4, dtype=np.int32)
    requantize_qnn_convolution_dense(weight, bias, 5, product, output, False)
    tflite_requantization_constants(weight, bias, 5, product, output, False)
    np.testing.assert_array_equal(weight, before)
    assert bias.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("rounding", Rounding)
def test_fixed_point_constants_fold_the_same_bias_in_every_contract(rounding: Rounding):
    weight, bias = np.array([[3, -5], [7, 11]], np.int8), np.array([100, -100], np.int32)
    product = [Quantization(0.25, 4), Quantization(0.5, 4)]
    arguments = general((weight, bias, -9, product, Quantization(1.0, 6), True))
    constants = fixed_point_constants(*arguments, rounding)
    assert constants.bias is not None
    assert constants.bias.tolist() == [100 + 9 * -2 - 4, -100 + 9 * 18 - 4]
    significands = [Fraction(int(s)) for s in constants.scale_correction]
    shifts = [int(s) for s in constants.shift]
    assert [s / 2**n for s, n in zip(significands, shifts, strict=True)] == [
        Fraction(1, 4),
        Fraction(1, 2),
    ]
    assert constants.zero_point_correction == 6


# Layouts


def test_channels_are_group_major():
    # Channel c = g * O + o has weights c + 1 and its own scale, bias and sum.
    groups, outputs = 3, 2
    weight = np.arange(1, 7, dtype=np.int8).reshape(1, 1, 1, groups, outputs)
    product = [Quantization(2.0**-c, 0) for c in range(6)]
    bias = np.arange(0, 600, 100, dtype=np.int32)
    output = Quantization(1.0, 0)
    folded, new_bias, shift = requantize_qnn_convolution_dense(
        weight, bias, 10, product, output, False
    )
    np.testing.assert_array_equal(folded, weight)
    assert new_bias.tolist() == [100 * c - 10 * (c + 1) for c in range(6)]
    assert np.array(shift).tolist() == list(range(6))


@pytest.mark.parametrize("is_dense", [False, True])
def test_list_of_one_quantization_gives_arrays(is_dense: bool):
    weight = np.ones((1, 3) if is_dense else (3, 1, 1, 1), np.int8)
    product, output = [Quantization(0.5, 0)], Quantization(1.0, 0)
    _, bias, shift = requantize_qnn_convolution_dense(weight, None, 0, product, output, is_dense)
    assert isinstance(shift, np.ndarray)
    assert (bias.shape, shift.shape) == ((1,), (1,))
    _, scale, _, shift = tflite_requantization_constants(weight, None, 0, product, output, is_dense)
    assert isinstance(scale, np.ndarray)
    assert isinstance(shift, np.ndarray)


def test_list_equals_scalar_where_all_channels_are_alike():
    rng = np.random.default_rng(30)
    for _ in range(50):
        layer = random_layer(rng)
        q, output = Quantization(2.0**-9 * 1.3, 0), Quantization(1.0, 7)
        bias = None if layer.bias is None else layer.bias >> 8
        scalar = requantize_qnn_convolution_dense(layer.weight, bias, 3, q, output, layer.is_dense)
        per_channel = requantize_qnn_convolution_dense(
            layer.weight, bias, 3, [q] * len(layer.rows), output, layer.is_dense
        )
        for one, other in zip(scalar, per_channel, strict=True):
            np.testing.assert_array_equal(np.broadcast_to(one, np.shape(other)), other)


def test_weights_need_not_be_contiguous():
    rng = np.random.default_rng(31)
    weight = rng.integers(-127, 128, (6, 5, 4, 3, 2), dtype=np.int8).transpose(4, 3, 2, 1, 0)
    layer = Layer(weight, None, -4, Quantization(0.003, 0), Quantization(1.0, 1), False)
    assert check_fold(layer)


@pytest.mark.parametrize("integer", [np.int8, np.int64])
def test_numpy_zero_points_do_not_overflow(integer: type[np.integer]):
    weight = np.full((1, 100), 127, np.int8)
    product, output = Quantization(2.0**-10, 0), Quantization(1.0, 0)
    _, bias, _ = requantize_qnn_convolution_dense(
        weight,
        None,
        integer(-128),
        product,
        output,
        True,  # pyright: ignore[reportArgumentType]
    )
    assert bias.tolist() == [128 * 12700]
    bias, *_ = tflite_requantization_constants(
        weight,
        None,
        integer(-128),
        product,
        output,
        True,  # pyright: ignore[reportArgumentType]
    )
    assert bias is not None
    assert bias.tolist() == [128 * 12700]


@pytest.mark.parametrize("is_dense", [False, True])
def test_multipliers_of_the_channels_are_quotients_of_the_scales(is_dense: bool):
    weight, output = np.ones((3, 5) if is_dense else (2, 2, 5, 3, 1), np.int8), Quantization(0.1, 7)
    one, each = [Quantization(0.3, 0)], [Quantization(s, 0) for s in (0.3, 0.7, 2.0)]
    for product, expected in ((one, [0.3 / 0.1] * 3), (each, [0.3 / 0.1, 0.7 / 0.1, 2.0 / 0.1])):
        layer = LayerArguments(*general((weight, None, 0, product, output, is_dense)))
        assert channel_multipliers(layer).tolist() == expected


# Messages

FUNCTIONS = pytest.mark.parametrize(
    "function", [requantize_qnn_convolution_dense, tflite_requantization_constants]
)
Q = Quantization(0.5, 0)


@FUNCTIONS
@pytest.mark.parametrize("length", [0, 1, 5, 7])
def test_list_must_have_one_quantization_a_channel(function, length: int):
    message = f"^{length} quantizations given for 6 output channels$"
    with pytest.raises(ValueError, match=message):
        function(np.ones((3, 3, 2, 3, 2), np.int8), None, 0, [Q] * length, Q, False)
    with pytest.raises(ValueError, match=message):
        function(np.ones((6, 9), np.int8), None, 0, [Q] * length, Q, True)


@FUNCTIONS
@pytest.mark.parametrize(
    ("shape", "shown"), [((), r"\(\)"), ((1,), r"\(1,\)"), ((5,), r"\(5,\)"), ((6, 1), r"\(6, 1\)")]
)
def test_bias_must_have_one_value_a_channel(function, shape: tuple[int, ...], shown: str):
    bias = np.zeros(shape, np.int32)
    message = f"^bias has shape {shown}, weight has 6 output channels$"
    for product in (Q, [Q] * 6):
        with pytest.raises(ValueError, match=message):
            function(np.ones((2, 3, 2), np.int8)[None], bias, 0, product, Q, False)
        with pytest.raises(ValueError, match=message):
            function(np.ones((6, 2), np.int8), bias, 0, product, Q, True)


@FUNCTIONS
@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_convolution_weight_must_have_four_axes(function, rank: int):
    message = f"^weight must be HWIGO with at least 4 axes, got {rank}$"
    with pytest.raises(ValueError, match=message):
        function(np.ones((1,) * rank, np.int8), None, 0, Q, Q, False)


@FUNCTIONS
@pytest.mark.parametrize("rank", [0, 1, 3, 5])
def test_dense_weight_must_have_two_axes(function, rank: int):
    message = f"^weight must be OI with 2 axes, got {rank}$"
    with pytest.raises(ValueError, match=message):
        function(np.ones((1,) * rank, np.int8), None, 0, Q, Q, True)


@FUNCTIONS
def test_weight_and_bias_must_be_integers(function):
    weight, bias = np.ones((1, 1), np.int8), np.zeros(1, np.int32)
    with pytest.raises(ValueError, match=r"^weight must hold integers, got float32$"):
        function(weight.astype(np.float32), None, 0, Q, Q, True)
    with pytest.raises(ValueError, match=r"^bias must hold integers, got float64$"):
        function(weight, bias + 0.7, 0, Q, Q, True)


@FUNCTIONS
@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 2**62])
def test_weight_and_bias_must_fit_int32(function, value: int):
    one, large = np.ones((1, 1), np.int8), np.array([value])
    with pytest.raises(ValueError, match=f"^bias must fit int32, got {value}$"):
        function(one, large, 0, Q, Q, True)
    with pytest.raises(ValueError, match=f"^weight must fit int32, got {value}$"):
        function(large[None], None, 0, Q, Q, True)


@pytest.mark.parametrize(
    ("bias", "zx", "zp", "shown"),
    [(2**31 - 1, -1, 0, 2**31), (-(2**31), 1, 0, -(2**31) - 1), (-(2**31), 0, 3, -(2**31) - 3)],
)
def test_tflite_bias_with_zero_points_must_fit_int32(bias: int, zx: int, zp: int, shown: int):
    message = f"^bias with the zero points folded in must fit int32, got {shown}$"
    with pytest.raises(ValueError, match=message):
        tflite_requantization_constants(
            np.ones((1, 1), np.int8), np.array([bias]), zx, Quantization(1.0, zp), Q, True
        )


def test_unfoldable_message_names_the_channel():
    weight = np.array([[1, 2], [90, -3], [5, 6]], np.int8)
    product = [Quantization(s, 0) for s in (1.0, 1.5, 1.0)]
    with pytest.raises(ValueError, match="does not fit") as error:
        requantize_qnn_convolution_dense(weight, None, 0, product, Quantization(1.0, 0), True)
    assert str(error.value) == ("scale ratio 1.5 times weight 90 does not fit 8 bits (channel 1)")


def test_unfoldable_message_names_the_channel_of_the_largest_ratio():
    weight = np.array([[1, 2], [3, -4]], np.int8)
    product = [Quantization(1.0, 0), Quantization(2.0**27, 0)]
    with pytest.raises(ValueError, match="does not fit") as error:
        requantize_qnn_convolution_dense(weight, None, 0, product, Quantization(1.0, 0), True)
    assert str(error.value) == (
        "scale ratio 1.34218e+08 times weight 4 does not fit 8 bits (channel 1)"
    )


@pytest.mark.parametrize("inputs", [0, 4])
def test_unfoldable_message_without_a_weight(inputs: int):
    weight, one = np.zeros((1, inputs), np.int8), Quantization(1.0, 0)
    with pytest.raises(ValueError, match="does not fit") as error:
        requantize_qnn_convolution_dense(weight, None, 0, Quantization(2.0**27, 0), one, True)
    assert str(error.value) == (
        "scale ratio 1.34218e+08 times weight 0 does not fit 8 bits (channel 0)"
    )


def test_unfoldable_message_blames_a_weight_before_an_accumulator():
    # At shift 0 the accumulator of channel 0 is too wide, and the weight of channel 1.
    weight, bias = np.array([[1], [90], [1]], np.int8), np.array([2**31 - 1, 0, 0])
    product, one = [Quantization(s, 0) for s in (1.0, 1.5, 1.0)], Quantization(1.0, 0)
    with pytest.raises(ValueError, match="does not fit") as error:
        requantize_qnn_convolution_dense(weight, bias, 0, product, one, True)
    assert str(error.value) == "scale ratio 1.5 times weight 90 does not fit 8 bits (channel 1)"


def test_message_of_an_accumulator_names_the_channel():
    weight, bias = np.array([[1], [1]], np.int8), np.array([0, 2**31 - 1])
    product, one = [Quantization(0.75, 0), Quantization(1.0, 0)], Quantization(1.0, 0)
    with pytest.raises(ValueError, match="does not fit") as error:
        requantize_qnn_convolution_dense(weight, bias, 0, product, one, True)
    assert str(error.value) == (
        "accumulator does not fit 32 bits at shift 0, with scale ratio 1 (channel 1)"
    )


@pytest.mark.parametrize("given", [0, 2, 4])
def test_scales_must_be_one_or_one_a_channel(given: int):
    weight, one = np.ones((3, 5), np.int8), Quantization(1.0, 0)
    arguments = general((weight, None, 0, [one] * given, one, True))
    message = f"^{given} scales given for 3 output channels$"
    with pytest.raises(ValueError, match=message):
        fold_requantization(*arguments)
    with pytest.raises(ValueError, match=message):
        fixed_point_constants(*arguments, Rounding.TFLITE)
    with pytest.raises(ValueError, match=message):
        channel_multipliers(LayerArguments(*arguments))


@pytest.mark.parametrize("is_dense", [True, False])
@pytest.mark.parametrize(("bits", "sign"), [(32, 1), (32, -1), (20, 1)])
def test_accumulator_of_any_int8_data_must_fit(bits: int, sign: int, is_dense: bool):
    # 128 * (3 + 4) of the second channel, whose weights do not cancel in magnitude.
    weight = np.array([[1, 1], [3, -4]], np.int8)
    if not is_dense:
        weight = weight.T.reshape(2, 1, 1, 1, 2)
    target, fits = Target(accumulator_bits=bits), 2 ** (bits - 1) - 1 - 128 * 7
    check_accumulator(weight, np.array([0, sign * fits], np.int32), is_dense, target)
    with pytest.raises(
        ValueError, match=f"^accumulator must fit {bits} bits, got {2 ** (bits - 1)}$"
    ):
        check_accumulator(weight, np.array([0, sign * (fits + 1)], np.int32), is_dense, target)


def test_accumulator_of_zeros_fits_any_target():
    zeros = np.zeros((3, 2), np.int8), np.zeros(3, np.int32)
    check_accumulator(*zeros, True, Target(accumulator_bits=1))


def test_accumulator_is_checked_beyond_int32_and_against_the_default_target():
    weight, bias = np.full((1, 2**18), -128, np.int8), np.array([-(2**31)], np.int32)
    check_accumulator(np.zeros((0, 4), np.int8), np.zeros(0, np.int32), True)
    with pytest.raises(
        ValueError, match=f"^accumulator must fit 32 bits, got {2**31 + 128 * 128 * 2**18}$"
    ):
        check_accumulator(weight, bias, True)


def test_message_of_an_accumulator_that_does_not_fit():
    weight, bias = np.array([[1, 0]], np.int8), np.array([2**31 - 1], np.int32)
    with pytest.raises(ValueError, match="does not fit") as error:
        requantize_qnn_convolution_dense(
            weight, bias, 0, Quantization(1.5, 0), Quantization(1.0, 0), True
        )
    assert str(error.value) == (
        "accumulator does not fit 32 bits at shift 0, with scale ratio 1.5 (channel 0)"
    )


def test_tflite_ratio_must_not_need_a_left_shift():
    with pytest.raises(ValueError, match=r"^multiplier must be less than 2\*\*31, got 2147483648"):
        tflite_requantization_constants(
            np.ones((1, 1), np.int8), None, 0, Quantization(2.0**31, 0), Quantization(1.0, 0), True
        )
