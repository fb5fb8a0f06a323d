"""Which values of two programs are compared, and what their differences are."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sima_mlir import SavedValues, SimaError, compare, make_context, parse

# x * 3 as an accumulator, then + 1, then halved; and what that lowers to, but for the last line
SOURCE = """\
func.func @main(%x: tensor<1x2xi8>)
    -> (tensor<2xi8> {qnn.quantization = #qnn.quantization<scale = 1.0, zero_point = 1>}) {
  %w = arith.constant dense<[[3, 0], [0, 3]]> : tensor<2x2xi8>
  %b = arith.constant dense<1> : tensor<2xi32>
  %0 = qnn.dense %x, %w : (tensor<1x2xi8>, tensor<2x2xi8>) -> tensor<1x2xi32> loc("layer")
  %1 = qnn.bias_add %0, %b : (tensor<1x2xi32>, tensor<2xi32>) -> tensor<1x2xi32> loc("layer")
  %2 = qnn.requantize %1 input_q = <scale = 0.5> output_q = <scale = 1.0, zero_point = 1>
    : (tensor<1x2xi32>) -> tensor<1x2xi8> loc("layer/requantized")
  %3 = qnn.clip %2 min = -100 max = 100 : (tensor<1x2xi8>) -> tensor<1x2xi8> loc("layer/clip")
  %4 = qnn.reshape %3 : (tensor<1x2xi8>) -> tensor<2xi8> loc("flat")
  func.return %4 : tensor<2xi8>
}
"""

# one more than the source computes, where that is not at an end
LOWERED = """\
func.func @main(%x: tensor<1x2xi8>) -> tensor<2xi8> {
  %0 = sima.dense %x shift = 1 clamp = [-100, 100] bias = dense<5> : tensor<2xi32>
    weight = dense<[[3, 0], [0, 3]]> : tensor<2x2xi8>
    : (tensor<1x2xi8>) -> tensor<1x2xi8> loc("layer")
  %1 = sima.reshape %0 : (tensor<1x2xi8>) -> tensor<2xi8> loc("flat")
  func.return %1 : tensor<2xi8>
}
"""

X = np.array([[0, 10], [4, -6], [100, -100]], np.int8)
# (3x + 1) / 2 rounded half up, plus 1: 2 17, 8 -7, and both ends
Y = np.array([[2, 17], [8, -7], [100, -100]], np.int8)


def program(text: str, name: str = "x.mlir"):
    ctx = make_context()
    return ctx, parse(ctx, text, name)


def run(text: str, reference: str | SavedValues, inputs=(X,), **options):
    ctx, module = program(text)
    if isinstance(reference, SavedValues):
        return compare(ctx, module, reference, list(inputs), **options)
    other_ctx, other = program(reference, "reference.mlir")
    return compare(ctx, module, other, list(inputs), reference_ctx=other_ctx, **options)


def left_out(comparison) -> dict[str, str]:
    return {value.name: value.reason for value in comparison.left_out}


def by_name(comparison):
    return {value.pair.name: value for value in comparison.values}


def test_a_lowered_layer_is_compared_with_the_result_of_its_chain():
    comparison = run(LOWERED, SOURCE)
    assert comparison.batches == 3
    values = by_name(comparison)
    assert list(values) == ["layer", "flat", "out0"]
    for name, shape in (("layer", (1, 2)), ("flat", (2,)), ("out0", (2,))):
        pair, difference = values[name].pair, values[name].difference
        assert (pair.shape, pair.dtype, pair.zero_point) == (shape, np.int8, 1)
        assert (difference.elements, difference.equal, difference.maximum) == (6, 2, 1)
        assert difference.noise == difference.total == 4
        assert difference.signal == ((Y.astype(int) - 1) ** 2).sum()
    assert values["out0"].difference.top_class == 1
    assert left_out(comparison) == {"layer": "a later value has its name"}


def test_the_source_can_be_compared_with_what_it_was_lowered_to():
    comparison = run(SOURCE, LOWERED)
    assert list(by_name(comparison)) == ["layer", "flat", "out0"]
    assert {value.difference.noise for value in comparison.values} == {4}
    assert {value.pair.zero_point for value in comparison.values} == {1}


def test_a_program_equals_itself_in_every_value():
    comparison = run(SOURCE, SOURCE)
    names = ["layer", "layer/requantized", "layer/clip", "flat", "out0"]
    assert list(by_name(comparison)) == names
    assert all(value.difference.noise == 0 for value in comparison.values)
    assert by_name(comparison)["layer"].pair.dtype == np.int32


def test_values_without_names_are_matched_by_place():
    ctx, module = program(SOURCE.replace('loc("flat")', ""))
    comparison = compare(ctx, module, module, [X])
    assert "x.mlir:10:8" in by_name(comparison)


def test_what_one_program_has_alone_is_left_out():
    other = LOWERED.replace('loc("flat")', 'loc("other")')
    reasons = left_out(run(other, SOURCE))
    assert reasons["other"] == "only in the program"
    assert reasons["flat"] == "only in the reference"


def test_a_value_of_no_place_is_left_out():
    comparison = run(LOWERED.replace('loc("flat")', "loc(unknown)"), LOWERED)
    assert left_out(comparison) == {
        "sima.reshape": "its location has neither name nor place",
        "flat": "only in the reference",
    }


def test_values_of_another_shape_or_type_are_left_out():
    other = """func.func @main(%x: tensor<1x2xi8>) -> (tensor<1x2xi8>, tensor<1x2xi8>) {
      %0 = qnn.requantize %x input_q = <scale = 1.0> output_q = <scale = 1.0>
        : (tensor<1x2xi8>) -> tensor<1x2xi16> loc("layer")
      %1 = sima.clip %x min = 0 max = 1 : (tensor<1x2xi8>) -> tensor<1x2xi8> loc("flat")
      func.return %1, %x : tensor<1x2xi8>, tensor<1x2xi8>
    }"""
    comparison = run(LOWERED, other)
    assert comparison.values == ()
    assert left_out(comparison) == {
        "layer": "its type is int8, that of the reference int16",
        "flat": "its shape is 2, that of the reference 1x2",
        "out0": "its shape is 2, that of the reference 1x2",
        "out1": "only in the reference",
    }
    assert left_out(run(other, LOWERED))["out1"] == "only in the program"


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_any_number_of_processes_finds_the_same(jobs: int):
    seen = []
    comparison = run(LOWERED, SOURCE, jobs=jobs, progress=lambda *done: seen.append(done))
    assert comparison.to_dict() == run(LOWERED, SOURCE).to_dict()
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_saved_outputs_and_values():
    outputs = {"out0": Y.ravel(), "out1": Y}
    comparison = run(LOWERED, SavedValues(outputs=outputs))
    (value,) = comparison.values
    assert (value.pair.name, value.difference.noise, value.pair.zero_point) == ("out0", 4, 0)
    only_program = "only in the program"
    expected = {"layer": only_program, "flat": only_program, "out1": "only in the reference"}
    assert left_out(comparison) == expected
    comparison = run(SOURCE, SavedValues(values={"layer_clip": Y, "none": Y, "flat": Y}))
    (value,) = comparison.values
    assert (value.pair.name, value.difference.noise, value.pair.zero_point) == ("layer_clip", 0, 1)
    assert left_out(comparison)["flat"] == "its shape is 6, that of the reference 3x2"
    assert left_out(comparison)["none"] == "only in the reference"


def test_saved_scalars_and_one_batch():
    scalar = """func.func @main(%x: tensor<1xi8>) -> tensor<i8> {
      %0 = sima.reshape %x : (tensor<1xi8>) -> tensor<i8> loc("s")
      func.return %0 : tensor<i8>
    }"""
    x = np.array([3, 4, 5], np.int8)
    for inputs, saved in ((x, x), (x[:1], x[0])):
        comparison = run(scalar, SavedValues({"out0": np.asarray(saved)}), [inputs])
        assert [value.difference.equal for value in comparison.values] == [inputs.size]


def test_numbers_that_are_not_finite_are_null_in_json():
    record = run(SOURCE, SOURCE).to_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    *_, flat, output = record["values"]
    assert (flat["sqnr"], flat["top_class"], output["top_class"]) == (None, None, 1.0)
    assert (output["equal"], output["operation"], output["shape"]) == (1.0, "output", [2])


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("2x2xi8", "the reference must take 4 batches of the inputs, got 2"),
        (
            "3x2xi8",
            "the reference refuses the inputs: input 0 must have shape 3x2, or a multiple of it "
            "along the first axis, got 4x2",
        ),
        ("1x2xui8", "the reference refuses the inputs: input 0 must be uint8, got int8"),
    ],
)
def test_a_reference_that_does_not_take_the_inputs_is_refused(argument: str, message: str):
    other = f"func.func @main(%x: tensor<{argument}>) {{ func.return }}"
    with pytest.raises(SimaError) as error:
        run(LOWERED, other, [np.zeros((4, 2), np.int8)])
    assert str(error.value) == f"error: {message}"


def test_errors_of_both_programs_are_at_their_places():
    bad = """func.func @main(%x: tensor<1x2xi8>) -> tensor<2xi8> {
      %0 = math.absi %x : tensor<1x2xi8>
      %1 = sima.reshape %0 : (tensor<1x2xi8>) -> tensor<2xi8>
      func.return %1 : tensor<2xi8>
    }"""
    for programs, file in (((bad, LOWERED), "x.mlir"), ((LOWERED, bad), "reference.mlir")):
        for jobs in (1, 2):
            with pytest.raises(SimaError) as error:
                run(*programs, jobs=jobs)
            assert str(error.value).startswith(f"{file}:2:12: error: 'math.absi' op ")
    with pytest.raises(SimaError, match=r"^reference.mlir: error: module must have a function"):
        run(LOWERED, "")


def test_a_program_of_scalars_is_refused():
    text = """
    func.func @main(%x: tensor<4xi8>) -> i32 {
      %0 = arith.constant 3 : i32
      func.return %0 : i32
    }"""
    ctx = make_context()
    module = parse(ctx, text, "f.mlir")
    with pytest.raises(SimaError, match="compared must be tensors, got i32"):
        compare(ctx, module, module, [np.zeros(4, np.int8)])
