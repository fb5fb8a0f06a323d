"""Parsing: every operation has its place, no resource is lost, every fault is one located line."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import DenseResourceAttr

from sima_mlir import SimaError, make_context, parse, write
from sima_mlir.dialects.elements import elements

RESOURCE = """\
func.func @main() -> tensor<2xi8> {{
  %0 = arith.constant dense_resource<w0> : tensor<2xi8>
  func.return %0 : tensor<2xi8>
}}
{{-#
  dialect_resources: {{
    builtin: {{
      w0: "0x04000000{data}"
    }}
  }}
#-}}
"""


def printed(ctx, module, **options):
    stream = io.StringIO()
    write(ctx, module, stream, **options)
    return stream.getvalue()


def refusal(text, **context):
    with pytest.raises(SimaError) as caught:
        parse(make_context(**context), text, "x.mlir")
    (diagnostic,) = caught.value.diagnostics
    assert "\n" not in str(diagnostic)
    return str(diagnostic)


def resource_data(ctx, module):
    """Returns the bytes of every dense_resource in order."""
    attributes = [op.properties.get("value") for op in module.walk()]
    resources = [a for a in attributes if isinstance(a, DenseResourceAttr)]
    return [elements(attribute, ctx).tobytes() for attribute in resources]


def places(text, **context):
    module = parse(make_context(**context), text, "x.mlir")
    return [str(op.location) for op in module.walk()]


def test_an_operation_without_location_has_that_of_its_name():
    text = 'func.func @f() {\n\n  %a, %b = "t.x"() : () -> (i1, i1)\n  func.return\n}'
    # The columns are those that mlir-opt 22 gives with --mlir-print-debuginfo.
    assert places(text, allow_unregistered=True) == [
        'loc("x.mlir":0:0)',
        'loc("x.mlir":1:1)',
        'loc("x.mlir":3:12)',
        'loc("x.mlir":4:3)',
    ]


def test_an_operation_after_one_with_regions_has_its_own_place():
    text = "builtin.module {\n builtin.module {\n  builtin.module {}\n }\n builtin.module {}\n}"
    assert places(text)[1:] == [
        'loc("x.mlir":2:2)',
        'loc("x.mlir":3:3)',
        'loc("x.mlir":5:2)',
    ]


@pytest.mark.parametrize("location", ["unknown", '"conv"', '"f":1:2', 'fused["a", "f":1:2]'])
@pytest.mark.parametrize("name", ['"builtin.module"() ({^bb0:}) : () -> ()', "builtin.module {}"])
def test_a_written_location_stays(name, location):
    ctx = make_context()
    module = parse(ctx, f"builtin.module {{ {name} loc({location}) }}")
    assert str(list(module.walk())[1].location) == f"loc({location})"
    text = printed(ctx, module, debuginfo=True)
    assert printed(ctx, parse(ctx, text), debuginfo=True) == text


def test_an_empty_text_is_an_empty_module():
    assert not list(parse(make_context(), "  // nothing\n").ops)


@pytest.mark.parametrize("same_context", [True, False])
def test_a_key_holds_the_data_of_its_own_file(same_context):
    ctx = make_context()
    first = parse(ctx, RESOURCE.format(data="0102"))
    other = ctx if same_context else make_context()
    second = parse(other, RESOURCE.format(data="0304"))
    assert resource_data(ctx, first) == [b"\1\2"]
    assert resource_data(other, second) == [b"\3\4"]
    assert "0x040000000102" in printed(ctx, first)
    assert "0x040000000304" in printed(other, second)


def test_the_same_file_twice_is_stored_once():
    ctx = make_context()
    text = printed(ctx, parse(ctx, RESOURCE.format(data="0102")))
    for _ in range(3):
        assert printed(ctx, parse(ctx, text)) == text


def test_a_resource_may_be_defined_before_its_use():
    text = RESOURCE.format(data="0102")
    start = text.index("{-#")
    ctx = make_context()
    assert resource_data(ctx, parse(ctx, text[start:] + text[:start])) == [b"\1\2"]


def test_a_key_may_be_quoted():
    ctx = make_context()
    text = RESOURCE.format(data="0102").replace("w0", '"w 0"')
    module = parse(ctx, text)
    assert resource_data(ctx, module) == [b"\1\2"]
    assert printed(ctx, parse(ctx, printed(ctx, module))) == printed(ctx, module)


def test_what_looks_like_metadata_in_a_string_or_comment_is_none():
    text = '// {-# nothing\n"t.x"() {a = "{-# nothing"} : () -> ()'
    assert len(list(parse(make_context(allow_unregistered=True), text).ops)) == 1


def test_a_resource_without_data_does_not_take_that_of_another_file():
    ctx = make_context()
    parse(ctx, RESOURCE.format(data="0102"))
    text = RESOURCE.format(data="0102")
    module = parse(ctx, text[: text.index("{-#")])
    assert "dialect_resources" not in printed(ctx, module)
    with pytest.raises(ValueError, match="is not defined"):
        resource_data(ctx, module)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"0x040000000102"', '"zz"', "8:7: error: resource 'w0' must be a hexadecimal string"),
        ('"0x040000000102"', '"0x04 0000000102"', "resource 'w0' must be a hexadecimal string"),
        (
            '"0x040000000102"',
            '"0x0400"',
            "resource 'w0' must begin with 4 bytes of alignment, got 2",
        ),
        (
            '"0x040000000102"',
            '"0x030000000102"',
            "resource 'w0' must be aligned to a power of two, got 3",
        ),
        (
            '"0x040000000102"',
            '"0x0400000001", w0: "0x0400000002"',
            "8:27: error: resource 'w0' is defined twice, with other data",
        ),
        ("dialect_resources", "external_resources", "external resources are not supported"),
        ("builtin:", "nodialect:", "x.mlir:7:16: error: dialect nodialect is not registered"),
        ("}\n{-#", "} {-#", "4:3: error: '{-#' must begin a line"),
        ("#-}", "", "error: "),
    ],
)
def test_wrong_metadata_is_refused(old, new, message):
    text = RESOURCE.format(data="0102")
    assert old in text
    assert message in refusal(text.replace(old, new))


CONSTANT = "func.func @f() {\n  %%0 = arith.constant dense<%s> : %s\n  func.return\n}"


def test_the_bits_of_a_float_are_not_an_integer():
    text = CONSTANT % ("[1.0, 0x7FC00000, 0xFF800000]", "tensor<3xf32>")
    (constant, _) = next(iter(parse(make_context(), text).ops)).body.block.ops
    one, nan, infinity = elements(constant.properties["value"])
    assert (one, infinity) == (1.0, float("-inf"))
    assert nan != nan


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("func.func @f( {", "x.mlir:1:15: error: "),
        ("foo.bar", "x.mlir:1:8: error: operation foo.bar is not registered"),
        (
            'func.func @f() {\n  "func.return"(%a) : (i1) -> ()\n}\n',
            "x.mlir:2:17: error: value %a is used but not defined",
        ),
        (
            "\n#q = #qnn.quantization<scale = -0.5>",
            "x.mlir:2:1: error: scale must be positive and finite, got -0.5",
        ),
        (
            "func.func @f(%x: tensor<1xi32>) {\n"
            "  %r = qnn.requantize %x input_q = <scale = 0.0> output_q = <scale = 1.0>\n"
            "    : (tensor<1xi32>) -> tensor<1xi8>\n  func.return\n}",
            "x.mlir:2:8: error: scale must be positive and finite, got 0.0",
        ),
        (CONSTANT % ("300", "tensor<2xi8>"), "x.mlir:2:28: error: "),
        (CONSTANT % ("1.0e300", "tensor<2xf32>"), "x.mlir:2:8: error: "),
        (CONSTANT % ('"0x00"', "tensor<3xi16>"), "x.mlir:2:52: error: shape mismatch in dense"),
        (CONSTANT % ("[1, 2]", "tensor<3xi8>"), "x.mlir:2:51: error: shape mismatch in dense"),
        ("func.func @f() {\n  func.return // }\n", "x.mlir:3:1: error: "),
        ("func.func @f() {\n  func.return\n\n\n", "x.mlir:2:14: error: "),
        ('"t.x"() {a = 1 : i999999999999} : () -> ()', "x.mlir:1:"),
        ("builtin.module {\n" * 5000, "error: nested too deeply"),
        (b'// \xc3\xa4\n "\xff"', "x.mlir:2:3: error: text must be UTF-8, got byte 0xff"),
        ('"' + "0" * 10**5, "x.mlir:1:1: error: end of file reached before closing string literal"),
        ("\0", "x.mlir:1:1: error: unexpected character"),
    ],
)
def test_what_cannot_be_parsed_is_refused_at_its_place(text, message):
    assert message in refusal(text)


def test_a_message_does_not_print_a_weight():
    message = refusal(CONSTANT % (f'"0x{"00" * 10**6}"', "tensor<3xi8>"))
    assert len(message) < 600


CONTEXT = make_context()


def refusal_if_any(text):
    try:
        parse(CONTEXT, text, "x.mlir")
    except SimaError as error:
        return str(error)
    return "none"


WORDS = st.sampled_from(
    'func.func @f ( ) { } %0 = arith.constant dense < > : tensor<2xi8> 0x 1 -1 1.5 , [ ] " # ! '
    "#qnn.quantization<scale sima.conv qnn.requantize dense_resource<w> {-# #-} loc( -> i8 "
    "array<i64: ^bb0 true unit affine_map< strided< opaque< @ builtin.module \n".split(" ")
)


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=12))
def test_no_text_gets_past_with_a_traceback(words):
    assert refusal_if_any(" ".join(words)).startswith(("x.mlir:", "none"))


def test_one_value_for_all_elements_is_repeated_without_an_object_each():
    module = parse(
        make_context(), "module attributes {a = dense<-2> : tensor<300x1000x1000xi8>} {}"
    )
    assert module.attributes["a"].data.data == b"\xfe" * 300_000_000


@pytest.mark.parametrize(
    ("value", "type", "expected"),
    [
        ("1.5", "2xf32", b"\x00\x00\xc0\x3f" * 2),
        ("0x7FC00000", "2xf32", b"\x00\x00\xc0\x7f" * 2),
        ("-1", "0xi8", b""),
        ("300", "1xi16", b"\x2c\x01"),
    ],
)
def test_one_value_has_the_bytes_of_the_element_type(value: str, type: str, expected: bytes):
    module = parse(
        make_context(), f"module attributes {{a = dense<{value}> : tensor<{type}>}} {{}}"
    )
    assert module.attributes["a"].data.data == expected


def test_a_constant_that_is_too_large_is_an_error():
    with pytest.raises(SimaError) as error:
        parse(
            make_context(), "module attributes {a = dense<1> : tensor<3000000000xi8>} {}", "x.mlir"
        )
    assert str(error.value) == (
        "x.mlir:1:29: error: constant must have a static shape and at most 2147483647 bytes, "
        "got tensor<3000000000xi8>"
    )


@pytest.mark.parametrize(
    "constant", ["dense<300> : tensor<4xi8>", "dense<1> : tensor<4xcomplex<i8>>"]
)
def test_a_value_that_is_no_element_is_located(constant: str):
    with pytest.raises(SimaError, match=r"^x\.mlir:1:29: error: .+"):
        parse(make_context(), f"module attributes {{a = {constant}}} {{}}", "x.mlir")
