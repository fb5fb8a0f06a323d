"""Which codes a value is known to have: no run gives another, and what a clamp says is not lost."""

import io
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sima_mlir import interpret, make_context, parse, run_pipeline, verify, write
from sima_mlir.dialects.ranges import codes_of, reachable_codes

FUNCTION = """\
func.func @main(%0: tensor<{shape}x{type}>) -> tensor<{last}> {{
{body}  func.return %{result} : tensor<{last}>
}}
"""


def returned(text):
    """The context, the module and the value that its function returns."""
    ctx = make_context()
    module = parse(ctx, text)
    verify(module, ctx)
    (value,) = module.body.block.first_op.body.block.last_op.operands
    return ctx, module, value


def codes_after(operations, shape="1x4x2", element="i8", last=None):
    body = "".join(f"  %{n} = {text}\n" for n, text in enumerate(operations, 1))
    text = FUNCTION.format(
        shape=shape,
        type=element,
        body=body.replace("<>", f"<{shape}x{element}>"),
        result=len(operations),
        last=last or f"{shape}x{element}",
    )
    return reachable_codes(returned(text)[2])


CLIP = "{dialect}.clip %{n} min = {low} max = {high} : (tensor<>) -> tensor<>"
RESHAPED = "tensor<1x4x2xi8>) -> tensor<8xi8>"
HALF = "sima.requantize %{n} scale_correction = 1 shift = 1 {clamp}: (tensor<>) -> tensor<>"
POOL = "{dialect}.max_pool %{n} pool_size = [{size}] {padding}: (tensor<>) -> tensor<>"


@pytest.mark.parametrize(
    ("element", "codes"),
    [("i8", (-128, 127)), ("ui8", (0, 255)), ("i16", (-(1 << 15), (1 << 15) - 1))],
)
def test_an_argument_has_all_codes_of_its_type(element, codes):
    assert codes_after([], element=element) == codes


def test_an_accumulator_has_all_codes_of_its_type():
    value = returned(FUNCTION.format(shape="4", type="i32", body="", result=0, last="4xi32"))[2]
    assert reachable_codes(value) == codes_of(value) == (-(1 << 31), (1 << 31) - 1)


@pytest.mark.parametrize("dialect", ["qnn", "sima"])
def test_a_clip_narrows_what_comes_after_it(dialect):
    first = CLIP.format(dialect=dialect, n=0, low=-5, high=6)
    assert codes_after([first]) == (-5, 6)
    assert codes_after([first, CLIP.format(dialect=dialect, n=1, low=0, high=6)]) == (0, 6)


def test_the_clamp_of_an_operation_is_what_it_gives():
    assert codes_after([HALF.format(n=0, clamp="clamp = [-3, 9] ")]) == (-3, 9)
    assert codes_after([HALF.format(n=0, clamp="")]) == (-128, 127)


def test_what_comes_before_an_operation_that_computes_says_nothing():
    clip = CLIP.format(dialect="sima", n=0, low=0, high=1)
    assert codes_after([clip, HALF.format(n=1, clamp="")]) == (-128, 127)


@pytest.mark.parametrize("dialect", ["qnn", "sima"])
def test_a_clamp_is_seen_through_operations_that_move_codes(dialect):
    clip = CLIP.format(dialect=dialect, n=0, low=-5, high=6)
    assert codes_after([clip, POOL.format(dialect=dialect, n=1, size=1, padding="")]) == (-5, 6)
    reshape = f"{dialect}.reshape %1 : ({RESHAPED}"
    assert codes_after([clip, reshape], last="8xi8") == (-5, 6)


@pytest.mark.parametrize(("pad", "codes"), [(0, (-5, 6)), (-9, (-9, 6)), (100, (-5, 100))])
def test_a_pad_adds_its_value(pad, codes):
    clip = CLIP.format(dialect="sima", n=0, low=-5, high=6)
    padded = (
        f"sima.pad %1 padding = [0, 1, 0, 0, 0, 0] value = {pad} : (tensor<>) -> tensor<1x5x2xi8>"
    )
    assert codes_after([clip, padded], last="1x5x2xi8") == codes


@st.composite
def chains(draw):
    """Operations on four codes, each on the result of the one before."""
    text, count = "", draw(st.integers(1, 6))
    for n in range(count):
        low, high = sorted((draw(st.integers(-128, 127)), draw(st.integers(-128, 127))))
        dialect = draw(st.sampled_from(["qnn", "sima"]))
        clamp = draw(st.sampled_from(["", f"clamp = [{low}, {high}] "]))
        operation = draw(
            st.sampled_from(
                [
                    CLIP.format(dialect=dialect, n=n, low=low, high=high),
                    HALF.format(n=n, clamp=clamp),
                    POOL.format(dialect=dialect, n=n, size=1, padding=""),
                    POOL.format(dialect=dialect, n=n, size=2, padding="padding = [0, 1] "),
                    f"{dialect}.reshape %{n} : (tensor<>) -> tensor<>",
                    f"{dialect}.pad %{n} padding = [0, 0, 0, 0, 0, 0] value = {low} "
                    ": (tensor<>) -> tensor<>",
                ]
            )
        )
        text += f"  %{n + 1} = {operation}\n".replace("<>", "<1x256x1xi8>")
    return FUNCTION.format(shape="1x256x1", type="i8", body=text, result=count, last="1x256x1xi8")


@settings(max_examples=150, deadline=None)
@given(chains(), st.integers(0, 2**32 - 1))
def test_no_run_leaves_the_range(text, seed):
    ctx, module, value = returned(text)
    low, high = reachable_codes(value)
    codes = np.random.default_rng(seed).permutation(np.arange(-128, 128)).astype(np.int8)
    (result,) = interpret(ctx, module, [codes.reshape(1, 256, 1)])
    assert low <= result.min()
    assert result.max() <= high


LOWERED = """\
func.func @main(%x: tensor<4xi8>) -> tensor<4xi8> {{
  %0 = qnn.requantize %x input_q = <scale = 0.5> output_q = <scale = 1.0>
    : (tensor<4xi8>) -> tensor<4xi8>
  %1 = qnn.clip %0 min = {low} max = {high} : (tensor<4xi8>) -> tensor<4xi8>
  %2 = qnn.requantize %1 input_q = <scale = 1.0> output_q = <scale = 3.0>
    : (tensor<4xi8>) -> tensor<4xi8>
  func.return %2 : tensor<4xi8>
}}
"""


@pytest.mark.parametrize("limits", list(itertools.combinations((-128, 0, 5, 127), 2)))
def test_what_is_certified_for_a_range_is_of_the_codes_that_arrive(limits):
    """The clip is fused into the first operation, and the second is certified for what is left."""
    low, high = limits
    ctx = make_context()
    module = parse(ctx, LOWERED.format(low=low, high=high))
    run_pipeline(ctx, module, "convert-qnn-to-sima{certify=true}")
    stream = io.StringIO()
    write(ctx, module, stream)
    first, second = (line for line in stream.getvalue().splitlines() if "sima.requantize" in line)
    assert ("clamp = " in first, "clamp = " in second) == (True, False)
    assert ("input_codes" in second) == (limits != (-128, 127))
    if limits != (-128, 127):
        assert f"input_codes = array<i32: {low}, {high}>" in second


def test_a_long_chain_of_moves_is_followed_to_its_end():
    clip = CLIP.format(dialect="sima", n=0, low=-5, high=6)
    moves = [f"sima.reshape %{n} : (tensor<>) -> tensor<>" for n in range(1, 3000)]
    assert codes_after([clip, *moves]) == (-5, 6)
