"""What a module holds around the operations of the dialects: constants, additions, calls."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.arith import Arith
from xdsl.dialects.builtin import Builtin
from xdsl.dialects.func import Func
from xdsl.interpreter import Interpreter
from xdsl.parser import Parser
from xdsl.utils.exceptions import InterpretationError

from sima_mlir.interpreters import register_implementations


def run(text: str, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
    """Calls `main` of a module."""
    ctx = Context()
    for dialect in (Builtin, Func, Arith):
        ctx.load_dialect(dialect)
    interpreter = Interpreter(Parser(ctx, text).parse_module())
    register_implementations(interpreter, ctx)
    return interpreter.call_op("main", inputs)


def constant(attribute: str, result: str) -> str:
    return f"""
    func.func @main() -> {result} {{
      %r = arith.constant {attribute} : {result}
      func.return %r : {result}
    }}
    """


@pytest.mark.parametrize(
    ("attribute", "result", "expected"),
    [
        ("dense<[[1, -2], [3, 127]]>", "tensor<2x2xi8>", np.array([[1, -2], [3, 127]], np.int8)),
        ("dense<[0, 255]>", "tensor<2xui8>", np.array([0, 255], np.uint8)),
        ("dense<-7>", "tensor<3xi32>", np.full(3, -7, np.int32)),
        ("dense<5>", "tensor<i16>", np.array(5, np.int16)),
        ("dense<[0.5, -2.0]>", "tensor<2xf32>", np.array([0.5, -2.0], np.float32)),
        ('dense<"0x0180">', "tensor<2xi8>", np.array([1, -128], np.int8)),
    ],
)
def test_constant_is_a_read_only_array(attribute: str, result: str, expected: np.ndarray):
    (array,) = run(constant(attribute, result))
    np.testing.assert_array_equal(array, expected, strict=True)
    assert not array.flags.writeable


def test_constant_may_be_a_resource():
    blob = '{-# dialect_resources: { builtin: { one: "0x0400000001000000FFFFFFFF" } } #-}'
    (array,) = run(constant("dense_resource<one>", "tensor<2xi32>") + blob)
    np.testing.assert_array_equal(array, np.array([1, -1], np.int32), strict=True)


@pytest.mark.parametrize(
    ("attribute", "result", "message"),
    [
        ("1", "i32", "value must be dense or dense_resource, got 1 : i32"),
        ("dense<1>", "tensor<2xi1>", "element type i1 is not supported"),
        ("dense_resource<nowhere>", "tensor<2xi32>", "resource 'nowhere' is not defined"),
    ],
)
def test_constant_that_is_no_array_names_the_operation(attribute: str, result: str, message: str):
    with pytest.raises(InterpretationError, match=f"^'arith.constant' op {message}"):
        run(constant(attribute, result))


def addition(result: str) -> str:
    return f"""
    func.func @main(%a: {result}, %b: {result}) -> {result} {{
      %r = arith.addi %a, %b : {result}
      func.return %r : {result}
    }}
    """


@pytest.mark.parametrize(("element_type", "dtype"), [("i8", np.int8), ("i32", np.int32)])
def test_addition_wraps(element_type: str, dtype: type[np.integer]):
    info = np.iinfo(dtype)
    a, b = np.array([info.max, info.min, 3], dtype), np.array([1, -1, 4], dtype)
    (array,) = run(addition(f"tensor<3x{element_type}>"), a, b)
    np.testing.assert_array_equal(array, np.array([info.min, info.max, 7], dtype), strict=True)


def test_addition_of_scalar_tensors_wraps():
    a, b = np.array(2**31 - 1, np.int32), np.array(1, np.int32)
    (array,) = run(addition("tensor<i32>"), a, b)
    np.testing.assert_array_equal(array, np.array(-(2**31), np.int32), strict=True)


def test_addition_takes_tensors_only():
    with pytest.raises(InterpretationError, match=r"^'arith.addi' op result must be a tensor"):
        run(addition("i32"), np.array(1), np.array(2))


def test_call_runs_a_function():
    text = """
    func.func @twice(%a: tensor<2xi32>) -> tensor<2xi32> {
      %r = arith.addi %a, %a : tensor<2xi32>
      func.return %r : tensor<2xi32>
    }
    func.func @main(%a: tensor<2xi32>) -> tensor<2xi32> {
      %r = func.call @twice(%a) : (tensor<2xi32>) -> tensor<2xi32>
      func.return %r : tensor<2xi32>
    }
    """
    (array,) = run(text, np.array([3, -4], np.int32))
    np.testing.assert_array_equal(array, np.array([6, -8], np.int32), strict=True)
