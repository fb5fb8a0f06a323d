"""Operations on 16-bit codes with accumulators of 64 bits, in exact integers and fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.layers import make_module, run
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerAttr, i16, i32, i64
from xdsl.utils.exceptions import InterpretationError

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.elements import dense, dense_array, tensor_type
from sima_mlir.dialects.qnn import QuantizationAttr
from sima_mlir.quantization import WIDE_ROUNDINGS, Rounding, quantize_multiplier

DATA = np.full((1, 2000), -(2**15), np.int16)
WEIGHT = np.full((1, 2000), 127, np.int8)
SUM = -(2**15) * 127 * 2000


def run_on(data: np.ndarray, build: Any) -> np.ndarray:
    module = make_module(build, data)
    module.verify()
    return run(module, data)


@pytest.mark.parametrize("accumulator", [i32, i64])
def test_sum_wraps_in_32_bits_and_not_in_64(accumulator: Any):
    weight = arith.ConstantOp(dense(WEIGHT))
    taps = arith.ConstantOp(dense(WEIGHT.reshape(1, 2000, 1, 1)))
    wanted = SUM if accumulator == i64 else (SUM + 2**31) % 2**32 - 2**31

    def dense_sum(x: Any) -> list[Any]:
        return [weight, qnn.DenseOp(x, weight.result, accumulator=accumulator)]

    assert run_on(DATA, dense_sum).tolist() == [[wanted]]
    for operation in (qnn.ConvOp, qnn.ConvTransposeOp):
        constant = taps.clone()

        def conv_sum(x: Any, operation: Any = operation, constant: Any = constant) -> list[Any]:
            return [constant, operation(x, constant.result, accumulator=accumulator)]

        assert run_on(DATA.reshape(1, 1, 2000), conv_sum).tolist() == [[[wanted]]]


def test_bias_of_64_bits_is_added_and_wraps():
    bias = arith.ConstantOp(dense(np.array([2**40, 2**63 - 1])))
    data = np.array([[1, 1]], np.int64)
    result = run_on(data, lambda x: [bias, qnn.BiasAddOp(x, bias.result)])
    assert result.tolist() == [[2**40 + 1, -(2**63)]]


def multiplied(value: int, multiplier: float, rounding: Rounding) -> int:
    scale, shift = (int(n) for n in quantize_multiplier(multiplier, rounding))
    product = Fraction(value * scale, 2**shift)
    half = Fraction(1, 2)
    if rounding is Rounding.AWAY and product < 0:
        return -((half - product) // 1)
    return (product + half) // 1


values = st.lists(st.integers(-(2**46), 2**46), min_size=1, max_size=6)


@settings(deadline=None)
@given(values, st.floats(2.0**-33, 2.0**-16), st.sampled_from(WIDE_ROUNDINGS))
def test_requantization_of_64_bits_is_one_rounding(
    codes: list[int], ratio: float, rounding: Rounding
):
    data, output_q = np.array([codes]), QuantizationAttr.of(1.0, 5)
    result = run_on(
        data, lambda x: [qnn.RequantizeOp(x, QuantizationAttr.of(ratio), output_q, rounding, i16)]
    )
    wanted = [min(max(multiplied(v, ratio, rounding) + 5, -(2**15)), 2**15 - 1) for v in codes]
    assert result.tolist() == [wanted]


def emitted(bias: int, rounding: Rounding, ratio: float) -> Any:
    scale, shift = quantize_multiplier(np.array([ratio]), rounding)
    properties = {
        "requantization": sima.RequantizationAttr(sima.Requantization.TFLITE),
        "rounding": sima.RoundingAttr(rounding),
        "scale_correction": dense_array(scale, i32),
        "shift": dense_array(shift, i32),
        "zero_point_correction": IntegerAttr(0, i32),
    }
    constants = dense(WEIGHT), dense(np.array([bias])), properties, tensor_type((1, 1), i16)
    return lambda x: [sima.DenseOp(x, *constants)]


@pytest.mark.parametrize("rounding", WIDE_ROUNDINGS)
@pytest.mark.parametrize("bias", [0, 2**40, -(2**40), 2**47 - 1, -(2**47) - SUM])
def test_dense_with_a_bias_of_64_bits_is_its_formula(bias: int, rounding: Rounding):
    ratio = 0.7 * 2.0**-33
    wanted = multiplied(SUM + bias, ratio, rounding)
    assert -(2**15) < wanted < 2**15
    assert run_on(DATA, emitted(bias, rounding, ratio)).tolist() == [[wanted]]


def test_accumulator_of_more_than_48_bits_is_refused():
    bias = -(2**47) - SUM - 1
    message = f"'sima.dense' op accumulator must stay inside 48 bits, got {-(2**47) - 1}"
    with pytest.raises(InterpretationError, match=message):
        run_on(DATA, emitted(bias, Rounding.AWAY, 2.0**-33))
