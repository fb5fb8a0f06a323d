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


CERTIFIED = """\
func.func @f(%x: tensor<1x1xi8>) -> tensor<1x1xi8> {{
  %0 = sima.dense %x shift = 0 certificate = <max_error = {claim}, source = {{
    input_q = #qnn.quantization<scale = 1.0>, output_q = #qnn.quantization<scale = 1.0>,
    rounding = #qnn<rounding upward>, input_zero_point = 0 : i32{quoted}}}>
    bias = {bias} : tensor<1xi32> weight = {weight} : tensor<1x1xi8>
    : (tensor<1x1xi8>) -> tensor<1x1xi8>
  func.return %0 : tensor<1x1xi8>
}}
{{-#
  dialect_resources: {{ builtin: {{
    one: "0x0100000001", two: "0x0100000002", short: "0x01000000",
    five: "0x0400000005000000" }} }}
#-}}
"""


def certified(claim=0, weight="dense<1>", bias="dense<0>", quoted=""):
    return CERTIFIED.format(claim=claim, weight=weight, bias=bias, quoted=quoted)


def certificate_faults(text):
    """What is wrong with a module for one who has its resources."""
    ctx = make_context()
    module = parse(ctx, text, "x.mlir")
    verify(module)
    with pytest.raises(SimaError) as caught:
        verify(module, ctx)
    return [str(diagnostic) for diagnostic in caught.value.diagnostics]


BIAS_5 = "bias = dense_resource<five> : tensor<1xi32>"
WEIGHT_1 = "weight = dense_resource<one> : tensor<1x1xi8>"


@pytest.mark.parametrize(
    "constants",
    [
        {"weight": "dense_resource<one>"},
        {"weight": "dense_resource<one>", "bias": "dense_resource<five>", "quoted": f", {BIAS_5}"},
        {"bias": "dense_resource<five>", "quoted": ", bias = dense<5> : tensor<1xi32>"},
        {"weight": "dense_resource<two>", "quoted": ", weight = dense<2> : tensor<1x1xi8>"},
        {"weight": "dense<1>", "quoted": f", {WEIGHT_1}"},
    ],
)
def test_true_certificates_on_resources_verify_with_and_without_them(constants):
    ctx = make_context()
    module = parse(ctx, certified(**constants), "x.mlir")
    verify(module)
    verify(module, ctx)


@pytest.mark.parametrize(
    "constants",
    [
        {"bias": "dense_resource<five>", "quoted": ", bias = dense<3> : tensor<1xi32>"},
        {"bias": "dense<3>", "quoted": f", {BIAS_5}"},
        {"weight": "dense_resource<one>", "bias": "dense<-2>"},
    ],
)
def test_a_false_certificate_on_resources_is_found_by_who_has_them(constants):
    """Whose biases are 2 apart, and nothing else is."""
    assert certificate_faults(certified(1, **constants)) == [
        "x.mlir:2:8: error: 'sima.dense' op certificate must have max_error at least 2, got 1"
    ]
    ctx = make_context()
    verify(parse(ctx, certified(2, **constants)), ctx)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("gone", "resource 'gone' is not defined"),
        ("short", "constant holds 0 bytes, its type tensor<1x1xi8> 1"),
    ],
)
def test_a_certificate_on_a_resource_without_data_cannot_be_checked(key, reason):
    text = certified(255, weight=f"dense_resource<{key}>")
    assert certificate_faults(text) == [
        f"x.mlir:2:8: error: 'sima.dense' op certificate cannot be checked: {reason}"
    ]


def test_a_certificate_of_an_unregistered_operation_is_nobodys_promise():
    text = '"t.x"() <{certificate = #sima.certificate<max_error = 0, source = {}>}> : () -> ()'
    ctx = make_context(allow_unregistered=True)
    verify(parse(ctx, text), ctx)


HALVED = """\
  %{number} = sima.requantize %x scale_correction = 1 shift = 1
    certificate = <max_error = {claim}, source = {{input_q = #qnn.quantization<scale = 0.5>,
      output_q = #qnn.quantization<scale = 1.0>, rounding = #qnn<rounding away>}}>
    : (tensor<1xi8>) -> tensor<1xi8>
"""


def test_every_false_certificate_is_named():
    body = "".join(HALVED.format(number=n, claim=claim) for n, claim in enumerate((0, 1, 0)))
    fault = "error: 'sima.requantize' op certificate must have max_error at least 1, got 0"
    assert faults(f"func.func @f(%x: tensor<1xi8>) {{\n{body}  func.return\n}}") == [
        f"x.mlir:2:8: {fault}",
        f"x.mlir:10:8: {fault}",
    ]
