"""Verifying: every fault of a module, each at its place, and none that prints the module."""

import pytest

from sima_mlir import SimaError, make_context, parse, verify


def faults(text, **context):
    with pytest.raises(SimaError) as caught:
        verify(parse(make_context(**context), text, "x.mlir"))
    lines = [str(diagnostic) for diagnostic in caught.value.diagnostics]
    assert all("\n" not in line and len(line) < 600 for line in lines)
    return lines


def test_every_operation_at_fault_is_named_with_its_place():
    text = """\
func.func @f(%x: tensor<1x4x4x1xi8>, %w: tensor<3x3x1x1x1xi8>, %b: tensor<2xi32>) {
  %0 = qnn.conv %x, %w strides = [1, 1, 1] : (tensor<1x4x4x1xi8>, tensor<3x3x1x1x1xi8>)
    -> tensor<1x2x2x1xi32>
  %1 = qnn.conv %x, %w : (tensor<1x4x4x1xi8>, tensor<3x3x1x1x1xi8>) -> tensor<1x2x2x1xi32>
  %2 = qnn.bias_add %1, %b : (tensor<1x2x2x1xi32>, tensor<2xi32>) -> tensor<1x2x2x1xi32>
  func.return
}
"""
    assert faults(text) == [
        "x.mlir:2:8: error: 'qnn.conv' op strides must have 2 values, got 3",
        "x.mlir:5:8: error: 'qnn.bias_add' op bias must have shape 1, got 2",
    ]


def test_a_message_of_xdsl_is_one_line():
    (line,) = faults('"func.func"() ({}) {sym_name = "f", function_type = i32} : () -> ()')
    assert line.startswith("x.mlir:1:1: error: 'func.func' op ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "func.func @f() {\n  %0 = arith.constant 1 : i32\n}",
            "x.mlir:2:8: error: 'arith.constant' op terminates block in single-block region "
            "but is not a terminator",
        ),
        (
            '"func.func"() ({\n^bb0:\n}) {sym_name = "f", function_type = () -> ()} : () -> ()',
            "x.mlir:1:1: error: 'func.func' op contains empty block in single-block region that "
            "expects at least a terminator",
        ),
        (
            "func.func @f() {\n  func.return\n  func.return\n}",
            "x.mlir:2:3: error: 'func.return' op ",
        ),
        (
            "func.func @f() {\n  %0 = arith.addi %1, %1 : i32\n"
            "  %1 = arith.constant 1 : i32\n  func.return\n}",
            "x.mlir:2:8: error: 'arith.addi' op operand 0 is used before it is defined",
        ),
    ],
)
def test_a_fault_of_structure_is_found_at_its_operation(text, line):
    assert faults(text)[0].startswith(line)


def test_a_module_may_use_values_before_they_are_defined():
    text = '"t.x"(%0) : (i32) -> ()\n%0 = "t.y"() : () -> i32'
    verify(parse(make_context(allow_unregistered=True), text))


def test_an_unregistered_operation_has_its_own_name():
    text = 'func.func @f() {\n  %0 = "t.x"(%0) : (i32) -> i32\n  func.return\n}'
    assert faults(text, allow_unregistered=True) == [
        "x.mlir:2:8: error: 't.x' op operand 0 is used before it is defined"
    ]


def test_a_fault_beside_large_weights_is_short():
    weight = f'dense<"0x{"0001" * 50_000}">'
    text = f"""\
func.func @f(%x: tensor<1x2xi8>) {{
  %0 = sima.dense %x shift = 99 bias = dense<0> : tensor<50000xi32> weight = {weight}
    : tensor<50000x2xi8> : (tensor<1x2xi8>) -> tensor<1x50000xi8>
  func.return
}}"""
    (line,) = faults(text)
    assert line == "x.mlir:2:8: error: 'sima.dense' op shift must be in 0..31, got 99"
