"""Seven worked examples; the expected numbers were computed by hand and by other programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pytest

from sima_mlir.quantization import (
    Quantization,
    Rounding,
    correction_factors,
    fixed_point_multiply,
    requantize_qnn_convolution_dense,
    tflite_requantization_constants,
)


def shifted(accumulator: int, shift: int) -> int:
    """The accelerator's epilogue, in Python integers."""
    half = 1 << (shift - 1) if shift > 0 else 0
    return min(127, max(-128, (accumulator + half) >> shift))


def test_example_1_correction_factors():
    assert correction_factors(Quantization(0.05, 3), Quantization(0.02, -7)) == (0.625, -3.625, -2)
    same = Quantization(0.1, -128)
    assert correction_factors(same, same) == (1.0, 0.0, 0)


def test_example_1_factors_requantize():
    sc, zc, n = correction_factors(Quantization(0.05, 3), Quantization(0.02, -7))
    for code in (-40, 0, 3, 55):
        assert (code * sc + zc) * 2.0**-n == pytest.approx(0.05 / 0.02 * (code - 3) - 7)


class TestExample2:
    """Four products, two channels."""

    weight = np.array([[127, -50], [-64, 33], [5, -127], [90, 12]], np.int8).T  # OI
    bias = np.array([1000, -2500], np.int32)
    product: ClassVar = [Quantization(0.02 * s, 0) for s in (0.004, 0.0073)]
    output = Quantization(0.05, -5)
    rows = ([-10] * 4, [100, -128, 50, 7], [127, -128, 127, 127], [-60, 31, 2, -9])
    accumulators = ([1000, -2500], [24352, -19310], [38966, -28999], [-7824, -159])
    exact = ([-3, -12], [34, -61], [57, -90], [-18, -5])
    folded = ([-3, -12], [34, -61], [57, -90], [-17, -5])

    def test_correction_factors(self):
        factors = [correction_factors(p, self.output) for p in self.product]
        assert [n for _, _, n in factors] == [9, 8]
        assert [sc for sc, _, _ in factors] == pytest.approx([0.8192, 0.74752], rel=1e-15)
        assert [zc for _, zc, _ in factors] == [-2560.0, -1280.0]

    def test_accumulators(self):
        for row, expected in zip(self.rows, self.accumulators, strict=True):
            products = self.weight.astype(int) @ (np.array(row) + 10)
            assert (products + self.bias).tolist() == expected

    def test_folded_constants_and_outputs(self):
        weight, bias, shift = requantize_qnn_convolution_dense(
            self.weight, self.bias, -10, self.product, self.output, True
        )
        assert weight.T.tolist() == [[104, -37], [-52, 25], [4, -95], [74, 9]]
        assert bias.tolist() == [-441, -4129]
        assert np.array(shift).tolist() == [9, 8]
        for row, expected in zip(self.rows, self.folded, strict=True):
            acc = weight.astype(int) @ row + bias
            assert [shifted(int(a), n) for a, n in zip(acc, (9, 8), strict=True)] == expected

    def test_tflite_constants_and_outputs(self):
        bias, scale, zero_point, shift = tflite_requantization_constants(
            self.weight, self.bias, -10, self.product, self.output, True
        )
        assert bias is not None
        assert bias.tolist() == [2580, -3820]
        assert np.array(scale).tolist() == [1759218604, 1605286977]
        assert (np.array(shift).tolist(), zero_point) == ([40, 39], -5)
        for row, expected in zip(self.rows, self.exact, strict=True):
            acc = self.weight.astype(int) @ row + bias
            out = fixed_point_multiply(acc, scale, shift, Rounding.TFLITE) + zero_point
            assert out.tolist() == expected


def test_example_3_power_of_two_ratio_leaves_the_weights():
    weight = np.array([[127, -63, 5, 1, -1]], np.int8)
    x = [100, -100, 50, 127, -128]
    product, output = Quantization(2.0**-7, 0), Quantization(1.0, 0)
    assert correction_factors(product, output) == (1.0, 0.0, 7)
    folded, bias, shift = requantize_qnn_convolution_dense(weight, None, 0, product, output, True)
    assert (folded.tolist(), bias.tolist(), shift) == (weight.tolist(), [0], 7)
    acc = int(folded[0].astype(int) @ x)
    assert acc == 19505
    assert (acc + 64) >> 7 == 152


@pytest.mark.parametrize(
    ("pad", "expected"),
    [
        (-128, [[-128, -128, -128], [-128, -128, -128], [-128, -128, -128]]),
        (0, [[-81, -100, -81], [-100, -128, -100], [-81, -100, -81]]),
    ],
)
def test_example_4_padding_reads_the_zero_point(pad: int, expected: list[list[int]]):
    weight = np.full((3, 3, 1, 1, 1), 100, np.int8)
    product, output = Quantization(0.75 * 2.0**-10, 0), Quantization(1.0, -128)
    assert correction_factors(product, output) == (0.75, -131072.0, 10)
    folded, bias, shift = requantize_qnn_convolution_dense(
        weight, None, -128, product, output, False
    )
    assert folded.shape == weight.shape
    assert (set(folded.flat), bias.tolist(), shift) == ({75}, [-44672], 10)
    image = np.full((5, 5), pad)
    image[1:4, 1:4] = -128
    kernel = folded.reshape(3, 3).astype(int)
    sums = [[int((image[i : i + 3, j : j + 3] * kernel).sum()) for j in range(3)] for i in range(3)]
    assert [[shifted(s + int(bias[0]), 10) for s in row] for row in sums] == expected


def test_example_5_dead_channel_keeps_inside_int32():
    product, output = Quantization(1.5e-11, 0), Quantization(1.0, -128)
    sc, zc, n = correction_factors(product, output)
    assert (round(sc, 4), zc, n) == (0.5154, -4398046511104.0, 35)
    weight, bias, shift = requantize_qnn_convolution_dense(
        np.array([[127, -127]], np.int8), None, -128, product, output, True
    )
    assert (weight.tolist(), bias.tolist(), shift) == ([[0, 0]], [-536870912], 22)
    assert shifted(int(bias[0]), 22) == -128


def test_example_6_ratio_above_one():
    product, output = Quantization(1.5, 0), Quantization(1.0, 0)
    assert correction_factors(product, output) == (0.75, 0.0, -1)
    with pytest.raises(ValueError, match=r"scale ratio 1\.5 times weight 127 does not fit 8 bits"):
        requantize_qnn_convolution_dense(np.array([[127]], np.int8), None, 0, product, output, True)
    _, scale, _, shift = tflite_requantization_constants(
        np.array([[127]], np.int8), None, 0, product, output, True
    )
    assert (scale, shift) == (3 * 2**29, 30)


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.UPWARD, [-1, 0, 1, 2]),
        (Rounding.AWAY, [-2, -1, 1, 2]),
        (Rounding.FLOAT32, [-2, 0, 0, 2]),
        (Rounding.TFLITE, [-1, 0, 1, 2]),
        (Rounding.RUY, [-1, 0, 1, 2]),
    ],
)
def test_example_7_ties(rounding: Rounding, expected: Sequence[int]):
    scale = 2**23 if rounding is Rounding.FLOAT32 else 2**30
    shift = int(math.log2(scale)) + 1
    assert fixed_point_multiply(np.array([-3, -1, 1, 3]), scale, shift, rounding).tolist() == (
        expected
    )
