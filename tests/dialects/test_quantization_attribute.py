"""Numbers in attributes: what is printed is short and reads back as the same double."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.utils.exceptions import ParseError, VerifyException

from sima_mlir import make_context
from sima_mlir.dialects.qnn import QuantizationAttr
from sima_mlir.quantization import Quantization

POSITIVE = st.floats(min_value=5e-324, allow_infinity=False, allow_nan=False)
ZERO_POINTS = st.integers(-(2**31), 2**31 - 1)


def read(body: str) -> QuantizationAttr:
    return Parser(make_context(), f"#qnn.quantization<{body}>").parse_attribute()


def scale_text(attribute: QuantizationAttr) -> str:
    return str(attribute).removeprefix("#qnn.quantization<scale = ").rpartition(", zero")[0]


@pytest.mark.parametrize(
    ("scale", "text"),
    [
        (1.0, "1.0"),
        (1e-05, "1.0e-05"),
        (1.5e-07, "1.5e-07"),
        (12345678.0, "12345678.0"),
        (1e16, "1.0e+16"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1 / 256, "0.00390625"),
        (5e-324, "5.0e-324"),
        (2.2250738585072014e-308, "2.2250738585072014e-308"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        ([0.5, 1e-05], "[0.5, 1.0e-05]"),
    ],
)
def test_scales_are_printed_as_short_as_they_can_be(scale: float | list[float], text: str):
    assert scale_text(QuantizationAttr.of(scale)) == text


@settings(deadline=None)
@given(st.lists(POSITIVE, min_size=1, max_size=4), ZERO_POINTS)
def test_every_encoding_reads_back_as_it_was(scales: list[float], zero_point: int):
    attribute = QuantizationAttr.of(scales, zero_point)
    again = Parser(make_context(), str(attribute)).parse_attribute()
    assert again == attribute
    assert again.scale.tolist() == scales
    assert str(again) == str(attribute)


@settings(deadline=None)
@given(POSITIVE)
def test_a_scale_is_printed_with_the_point_that_mlir_wants(scale: float):
    mantissa, _, exponent = scale_text(QuantizationAttr.of(scale)).partition("e")
    whole, point, fraction = mantissa.partition(".")
    assert whole.isdigit()
    assert point
    assert fraction.isdigit()
    assert not exponent or exponent[0] in "+-"


@settings(deadline=None)
@given(POSITIVE)
def test_a_hexadecimal_scale_is_the_bits_of_a_double(scale: float):
    (bits,) = struct.unpack("<Q", struct.pack("<d", scale))
    assert read(f"scale = 0x{bits:X}, zero_point = 0").scale.tolist() == [scale]
    assert read(f"scale = [0x{bits:x}, 0x{bits:016X}]").scale.tolist() == [scale, scale]


def test_a_zero_point_that_is_left_out_is_zero():
    assert read("scale = 0.5") == QuantizationAttr.of(0.5, 0)


def test_a_list_of_one_scale_is_one_scale():
    assert read("scale = [0.5], zero_point = 3") == QuantizationAttr.of(0.5, 3)


def test_the_arithmetic_is_given_the_encoding_of_a_tensor():
    assert QuantizationAttr.of(0.5, 3).per_tensor() == Quantization(0.5, 3)


@pytest.mark.parametrize(
    ("scale", "zero_point", "same"),
    [(0.5, 3, True), (0.5 + 9e-7, 3, True), (0.5 + 2e-6, 3, False), (0.5, 4, False)],
)
def test_encodings_match_as_tflite_compares_them(scale: float, zero_point: int, same: bool):
    assert QuantizationAttr.of(0.5, 3).matches(QuantizationAttr.of(scale, zero_point)) == same


def test_small_scales_match_only_if_they_are_nearly_equal():
    assert not QuantizationAttr.of(1e-7, 0).matches(QuantizationAttr.of(5e-7, 0))


@pytest.mark.parametrize(
    "body",
    [
        "scale = 0x1FFFFFFFFFFFFFFFF",
        f"scale = {'9' * 400}",
        "scale = 1e400",
        "scale = 1.0e400",
        "scale = -0x3FF0000000000000",
        "scale = true",
        "scale = nan",
        "scale = 0x",
        "scale = [",
        "scale = [1.0,]",
        "scale = 1.0, zero_point = 1.5",
        "scale = 1.0, zero_point = true",
        "scale = 1.0, zero_point = 4294967296",
        "scale = 1.0, zero_point = 0 : i32",
        "scale = 1.0 zero_point = 0",
        "zero_point = 0",
        "",
    ],
)
def test_what_is_no_encoding_is_refused(body: str):
    with pytest.raises((ParseError, VerifyException)):
        read(body)


@settings(deadline=None)
@given(value=st.floats(min_value=1e-37, max_value=1e38))
def test_beta_and_scale_attributes_read_back_as_they_were(
    value: float,
    parse: Callable[[str], ModuleOp],
    assert_fixed_point: Callable[[ModuleOp], None],
):
    (bits,) = struct.unpack("<Q", struct.pack("<d", value))
    module = parse(f"""
        %x, %y = "test.op"() : () -> (tensor<2xf32>, tensor<2xi8>)
        %0 = sima.quantize %x scale = 0x{bits:X} : f64 zero_point = 0
          : (tensor<2xf32>) -> tensor<2xi8>
        %1 = sima.dequantize %y scale = {value:.16e} : f64 zero_point = 0
          : (tensor<2xi8>) -> tensor<2xf32>
        %2 = qnn.softmax %y beta = {value:.16e} : f64
          input_q = <scale = 1.0e37>
          output_q = <scale = 0.00390625, zero_point = -128> : (tensor<2xi8>) -> tensor<2xi8>
    """)
    _, quantize, dequantize, softmax = module.body.block.ops
    assert quantize.scale.value.data == dequantize.scale.value.data == value
    assert softmax.beta.value.data == value
    assert_fixed_point(module)
