"""Constants as arrays: their bytes, their shape, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import (
    BytesAttr,
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    IntegerType,
    StringAttr,
    TensorType,
    f16,
    i8,
)
from xdsl.parser import Parser

from sima_mlir import make_context, parse
from sima_mlir.dialects.elements import (
    array_values,
    dense,
    dense_array,
    dtype_of,
    element_type_of,
    elements,
)

DTYPES = ["int8", "uint8", "int16", "int32", "int64", "float32", "float64"]
SHAPES = [(), (0,), (3,), (2, 0, 4), (2, 3, 1, 2)]


def attribute(text: str, ctx: Context | None = None):
    return Parser(ctx or make_context(), text).parse_attribute()


def with_resource(blob: str, type: str) -> tuple[Context, DenseResourceAttr]:
    """Returns a context that holds a blob, and the attribute that refers to it."""
    ctx = make_context()
    resources = f'{{-#\ndialect_resources: {{ builtin: {{ w: "{blob}" }} }}\n#-}}'
    text = f"%r = arith.constant dense_resource<w> : {type}\n{resources}"
    return ctx, parse(ctx, text).body.block.first_op.properties["value"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_array_survives_the_way_into_an_attribute_and_back(dtype: str, shape: tuple[int, ...]):
    array = np.random.default_rng(1).integers(0, 100, shape).astype(dtype)
    back = elements(dense(array))
    assert back.dtype == array.dtype
    assert back.shape == shape
    assert back.tolist() == array.tolist()


@pytest.mark.parametrize("axes", [(3, 4, 2, 0, 1), (1, 0, 4, 2, 3), (4, 3, 2, 1, 0)])
@pytest.mark.parametrize("step", [1, -1])
def test_a_large_array_is_taken_in_its_logical_order(axes: tuple[int, ...], step: int):
    array = np.random.default_rng(0).integers(-128, 128, (1, 150, 130, 3, 5), np.int8)
    view = array.transpose(axes)[::step, :, ::step]
    assert view.nbytes > 1 << 17
    assert dense(view).data.data == bytes(map(int, view.astype(np.uint8).ravel()))


def test_any_layout_of_an_array_is_taken_in_its_logical_order():
    array = np.arange(24, dtype=">i4").reshape(2, 3, 4)
    for view in (array.T, array[::-1, :, ::2], np.asfortranarray(array)):
        assert elements(dense(view)).tolist() == view.tolist()


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("dense<-5> : tensor<2x2xi8>", [[-5, -5], [-5, -5]]),
        ('dense<"0xFB"> : tensor<2x2xi8>', [[-5, -5], [-5, -5]]),
        ('dense<"0xFB017F80"> : tensor<2x2xi8>', [[-5, 1], [127, -128]]),
        ('dense<"0xFEFFFFFF00000080"> : tensor<2xi32>', [-2, -(2**31)]),
        ("dense<255> : tensor<1xui8>", [255]),
        ("dense<7> : tensor<i16>", 7),
        ("dense<> : tensor<0xi8>", []),
        ("dense<[0.5, -2.0]> : tensor<2xf32>", [0.5, -2.0]),
    ],
)
def test_every_spelling_of_a_constant_gives_its_values(text: str, values: object):
    assert elements(attribute(text)).tolist() == values


def test_an_array_shares_the_bytes_of_the_attribute_and_can_not_be_written_to():
    constant = dense(np.arange(6, dtype=np.int8).reshape(2, 3))
    array = elements(constant)
    assert np.shares_memory(array, np.frombuffer(constant.data.data, np.int8))
    assert not array.flags.writeable


def test_a_resource_is_looked_up_in_the_context():
    ctx, constant = with_resource("0x04000000FEFFFFFF01000000", "tensor<2x1xi32>")
    assert elements(constant, ctx).tolist() == [[-2], [1]]


def test_two_contexts_do_not_see_one_anothers_resources():
    first, one = with_resource("0x0100000001", "tensor<1xi8>")
    second, two = with_resource("0x0100000002", "tensor<1xi8>")
    assert one == two
    assert elements(one, first).tolist() == [1]
    assert elements(two, second).tolist() == [2]


@pytest.mark.parametrize("ctx", [None, Context(), make_context()], ids=["none", "empty", "fresh"])
def test_a_resource_that_is_not_there_is_refused(ctx: Context | None):
    constant = DenseResourceAttr(StringAttr("w"), TensorType(i8, [1]))
    with pytest.raises(ValueError, match=r"^resource 'w' is not defined$"):
        elements(constant, ctx)


@pytest.mark.parametrize(
    ("blob", "held"), [("0x01000000", 0), ("0x0100000001", 1), ("0x01000000010203", 3)]
)
def test_a_resource_of_the_wrong_size_is_refused(blob: str, held: int):
    ctx, constant = with_resource(blob, "tensor<2xi8>")
    with pytest.raises(
        ValueError, match=rf"^constant holds {held} bytes, its type tensor<2xi8> 2$"
    ):
        elements(constant, ctx)


def test_a_constant_of_the_wrong_size_is_refused():
    constant = DenseIntOrFPElementsAttr(TensorType(i8, [3]), BytesAttr(b"\x01\x02"))
    with pytest.raises(ValueError, match=r"^constant holds 2 bytes, its type tensor<3xi8> 3$"):
        elements(constant)


def test_sizes_are_counted_without_overflow():
    constant = DenseIntOrFPElementsAttr(TensorType(i8, [2**32, 2**32]), BytesAttr(b""))
    with pytest.raises(ValueError, match=rf"^constant holds 0 bytes, its type .* {2**64}$"):
        elements(constant)


@pytest.mark.parametrize("type", [IntegerType(4), IntegerType(1), f16], ids=str)
def test_an_element_type_without_a_dtype_is_refused(type: object):
    with pytest.raises(ValueError, match=rf"^element type {type} is not supported$"):
        dtype_of(type)


def test_a_dtype_without_an_element_type_is_refused():
    with pytest.raises(ValueError, match=r"^dtype complex64 is not supported$"):
        element_type_of("complex64")


@pytest.mark.parametrize("values", [[], [0], [-(2**31), 2**31 - 1]])
def test_a_list_of_numbers_survives_the_way_into_an_attribute(values: list[int]):
    assert array_values(dense_array(values, IntegerType(32))).tolist() == values


def test_a_number_that_does_not_fit_into_its_list_is_refused():
    with pytest.raises(OverflowError):
        dense_array([2**31], IntegerType(32))
