"""Transposed convolution in both dialects is its definition, in exact integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.layers import make_module, run
from support.transposed import spread
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerAttr, i8, i32

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.elements import dense, dense_array, tensor_type
from sima_mlir.interpreters.kernels import convolve_transpose

Window = dict[str, list[int]]
Problem = tuple[np.ndarray, np.ndarray, Window]

PADDED = {"strides": [2], "padding": [1, 0], "output_padding": [1]}


@st.composite
def problems(draw: st.DrawFn, types: tuple[str, ...] = ("int8", "uint8", "int16")) -> Problem:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rank, groups, inputs, outputs = (draw(st.integers(1, 3)) for _ in range(4))
    kernel, strides, spatial = (rng.integers(1, 5 - rank // 2, rank) for _ in range(3))
    padding, added = rng.integers(0, 3, 2 * rank), rng.integers(0, 3, rank)
    spatial += np.maximum(padding[:rank] + padding[rank:] - kernel - added + 1, 0)
    dtype = np.iinfo(draw(st.sampled_from(types)))
    shape = (2, *spatial, groups * inputs)
    data = rng.integers(dtype.min, dtype.max, shape, dtype.dtype, endpoint=True)
    weight = rng.integers(-128, 128, (*kernel, inputs, groups, outputs), np.int8)
    window = {"strides": strides, "padding": padding, "output_padding": added}
    return data, weight, {name: values.tolist() for name, values in window.items()}


def exact(data: np.ndarray, weight: np.ndarray, window: Window) -> np.ndarray:
    return spread(data.astype(object), weight.astype(object), **window)


@settings(deadline=None)
@given(problems())
def test_kernel_is_the_definition(problem: Problem):
    data, weight, window = problem
    result = convolve_transpose(data, weight, **window)
    assert result.dtype == np.int64
    assert result.tolist() == exact(data, weight, window).tolist()


def test_kernel_is_exact_where_floats_are_not():
    data, weight = np.full((1, 2, 2), 2**30 + 1), np.full((3, 2, 1, 1), 2**30 - 1)
    result = convolve_transpose(data, weight, strides=[1], padding=[0, 0], output_padding=[0])
    product = (2**30 + 1) * (2**30 - 1)
    assert result.ravel().tolist() == [2 * product, 4 * product, 4 * product, 2 * product]


def test_kernel_keeps_an_empty_batch():
    data, weight = np.zeros((0, 3, 1), np.int8), np.ones((2, 1, 1, 4), np.int8)
    assert convolve_transpose(data, weight, **PADDED).shape == (0, 6, 4)


@pytest.mark.parametrize(
    ("shape", "changed", "message"),
    [
        ((1, 3, 2), {}, "data has 2 channels, weight takes 1 groups of 1"),
        ((1, 0, 1), {}, "image takes entries of at least 1, got 0"),
        ((1, 3, 1), {"strides": [0]}, "strides takes entries of at least 1, got 0"),
        ((1, 3, 1), {"padding": [1]}, "padding takes 2 entries, got 1"),
        ((1, 3, 1), {"output_padding": [-1]}, "output_padding takes entries of at least 0, got -1"),
        ((1, 3, 1), {"padding": [4, 3]}, "result takes entries of at least 1, got 0"),
    ],
)
def test_kernel_refuses_what_does_not_fit(
    shape: tuple[int, ...], changed: dict[str, Any], message: str
):
    data, weight = np.zeros(shape, np.int8), np.ones((2, 1, 1, 4), np.int8)
    with pytest.raises(ValueError, match=f"^{message}$"):
        convolve_transpose(data, weight, **PADDED | changed)


def accumulate(data: np.ndarray, weight: np.ndarray, **keywords: Any) -> np.ndarray:
    constant = arith.ConstantOp(dense(weight))

    def build(x: Any) -> list[Any]:
        return [constant, qnn.ConvTransposeOp(x, constant.result, **keywords)]

    module = make_module(build, data)
    module.verify()
    return run(module, data)


@settings(max_examples=40, deadline=None)
@given(problems(), st.integers(0, 100), st.integers(-100, 100))
def test_accumulators_are_sums_of_codes_less_their_zero_points(
    problem: Problem, zero_point: int, kernel_zero_point: int
):
    data, weight, window = problem
    points = {"input_zero_point": zero_point, "kernel_zero_point": kernel_zero_point}
    result = accumulate(data, weight, **window, **points)
    centred = data.astype(object) - zero_point, weight.astype(object) - kernel_zero_point
    assert result.dtype == np.int32
    assert result.tolist() == spread(*centred, **window).tolist()


def test_accumulators_wrap():
    data, weight = np.full((1, 1, 2000), -(2**15), np.int16), np.full((1, 2000, 1, 1), 127, np.int8)
    (result,) = accumulate(data, weight).ravel().tolist()
    assert result == (-(2**15) * 127 * 2000 + 2**31) % 2**32 - 2**31


@settings(max_examples=40, deadline=None)
@given(problems(types=("int8",)), st.integers(-128, 127), st.integers(0, 12), st.booleans())
def test_what_lies_between_the_codes_reads_the_zero_point(
    problem: Problem, zero_point: int, shift: int, tflite: bool
):
    data, weight, window = problem
    channels = weight.shape[-1] * weight.shape[-2]
    bias = np.arange(channels, dtype=np.int32) * 1001 - 1500
    properties: dict[str, Any] = {"shift": dense_array([shift] * channels, i32)}
    if tflite:
        properties |= {
            "requantization": sima.RequantizationAttr(sima.Requantization.TFLITE),
            "rounding": sima.RoundingAttr(sima.Rounding.UPWARD),
            "scale_correction": IntegerAttr(1, i32),
            "zero_point_correction": IntegerAttr(7, i32),
        }
    # the same with the zero points written out: a convolution that reads every tap
    everywhere = exact(data.astype(int) - zero_point, weight, window)
    constant = zero_point * weight.reshape(-1, channels).sum(axis=0, dtype=np.int64)
    acc = everywhere + constant + bias
    wanted = np.clip(((acc + ((1 << shift) >> 1)) >> shift) + (7 if tflite else 0), -128, 127)

    constants = dense(weight), dense(bias), properties, tensor_type(everywhere.shape, i8)

    def build(x: Any) -> list[Any]:
        return [sima.ConvTransposeOp(x, *constants, **window, input_zero_point=zero_point)]

    module = make_module(build, data)
    module.verify()
    assert run(module, data).tolist() == wanted.tolist()
