"""A certificate that is not true does not verify, whatever was changed; one that is true does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.layers import Layer, lower, make_module, only, run
from xdsl.dialects.builtin import (
    DenseResourceAttr,
    DictionaryAttr,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    TensorType,
    UnitAttr,
    i8,
    i16,
    i32,
    i64,
)
from xdsl.ir import Attribute, Operation
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.test_value import create_ssa_value

import sima_mlir
from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.certification import errors_of
from sima_mlir.dialects.elements import array_values, dense, dense_array, elements, tensor_type
from sima_mlir.dialects.qnn import QuantizationAttr
from sima_mlir.quantization import Rounding

CODES = np.arange(-128, 128, dtype=np.int8)
LHS, RHS = (np.ascontiguousarray(m) for m in np.meshgrid(CODES, CODES))
PAIRS = [m.reshape(-1, 1, 1) for m in (LHS, RHS)]
ENCODINGS = [QuantizationAttr.of(s, z) for s, z in ((0.3, 7), (0.17, -20), (0.4, 3))]


def layer(window: dict[str, list[int]] | None, clip: tuple[int, int] | None = (-100, 90)) -> Layer:
    """A layer whose ratio is a power of two, so that either form of it is exact."""
    rng = np.random.default_rng(5)
    return Layer(
        data=rng.integers(-128, 128, (50, 3, 3, 2) if window else (50, 6), dtype=np.int8),
        weight=rng.integers(-40, 41, (2, 2, 2, 1, 3) if window else (3, 6), dtype=np.int8),
        bias=np.array([4000, -90, 777], np.int32),
        product_scale=2.0 ** np.array([-6, -5, -7]),
        output_scale=1.0,
        zero_point=-5,
        output_zero_point=11,
        rounding=Rounding.UPWARD,
        window=window,
        clip=clip,
    )


def conv() -> ModuleOp:
    """Of one window, which other strides, dilations and paddings leave alone."""
    return layer({"strides": [3, 3], "padding": [0, 0, 0, 0], "dilations": [1, 1]}).module()


def matrix() -> ModuleOp:
    return layer(None).module()


def requantize() -> ModuleOp:
    scales = QuantizationAttr.of(0.5, 7), QuantizationAttr.of(1.0, -4)
    return make_module(
        lambda x: [op := qnn.RequantizeOp(x, *scales, Rounding.UPWARD), clip_of(op)], CODES[:, None]
    )


def mean() -> ModuleOp:
    scales = QuantizationAttr.of(0.5, 7), QuantizationAttr.of(1.0, -4)
    data = np.stack([CODES, CODES[::-1], CODES // 2, CODES], axis=1)
    return make_module(
        lambda x: [op := qnn.MeanOp(x, [1], *scales, Rounding.UPWARD), clip_of(op)], data
    )


def add() -> ModuleOp:
    q = [QuantizationAttr.of(s, z) for s, z in ((1.0, 7), (2.0, -20), (4.0, 3))]
    return make_module(
        lambda a, b: [op := qnn.AddOp(a, b, *q, Rounding.TFLITE), clip_of(op)], LHS, RHS
    )


def mul() -> ModuleOp:
    q = [QuantizationAttr.of(s, z) for s, z in ((0.5, 7), (0.25, -20), (4.0, 3))]
    return make_module(
        lambda a, b: [op := qnn.MulOp(a, b, *q, Rounding.UPWARD), clip_of(op)], LHS, RHS
    )


def product() -> ModuleOp:
    """Of matrices of one code."""
    zero_points = {"lhs_zero_point": 7, "rhs_zero_point": -20}
    scales = QuantizationAttr.of(0.125, 6), QuantizationAttr.of(4.0, 3)
    return make_module(
        lambda a, b: [
            acc := qnn.BatchMatmulOp(a, b, **zero_points),
            op := qnn.RequantizeOp(acc.result, *scales, Rounding.UPWARD),
            clip_of(op),
        ],
        *PAIRS,
    )


def clip_of(op: Operation) -> Operation:
    return qnn.ClipOp(op.results[0], -100, 90)


def inexact(rounding: Rounding = Rounding.AWAY) -> ModuleOp:
    """A matrix that a fold leaves no more than near to its source."""
    plain = layer(None)
    plain.product_scale, plain.rounding = np.array([0.0123, 0.05, 0.031]), rounding
    return plain.module()


def certified(
    build: Callable[[], ModuleOp], mode: str
) -> tuple[ModuleOp, sima.RequantizingOperation]:
    module = lower(build(), requantization=mode, certify=True, weight_rounding="nearest")
    return module, only(module, sima.RequantizingOperation)


def claim(op: sima.RequantizingOperation, error: int) -> None:
    op.certificate = sima.CertificateAttr(IntegerAttr(error, i32), op.certificate.source)


def quote(op: sima.RequantizingOperation, **entries: Attribute | None) -> None:
    """Replaces entries of the source, or removes them where there is `None`."""
    source = {n: a for n, a in (op.certificate.source.data | entries).items() if a is not None}
    op.certificate = sima.CertificateAttr(op.certificate.max_error, DictionaryAttr(source))


def plus(amount: int) -> Callable[[Attribute], Attribute]:
    """Adds to the first number of a constant."""

    def change(attribute: Attribute) -> Attribute:
        if isinstance(attribute, IntegerAttr):
            return IntegerAttr(attribute.value.data + amount, i32)
        if attribute.name == "array":
            values = array_values(attribute).copy()
            values[0] += amount
            return dense_array(values, i32)
        values = elements(attribute).copy()
        values.flat[0] += amount
        return dense(values)

    return change


def to(attribute: Attribute | None) -> Callable[[Attribute], Attribute | None]:
    return lambda _: attribute


ALL = [conv, matrix, requantize, mean, add, mul, product]

EDITS = [
    *[(f, m, "shift", plus(1)) for f in ALL for m in ("sima", "tflite") if (f, m) != (add, "sima")],
    (add, "sima", "shift", plus(-1)),
    (conv, "sima", "bias", plus(1)),
    (conv, "tflite", "bias", plus(-1)),
    (matrix, "sima", "bias", plus(-1)),
    (matrix, "tflite", "bias", plus(1)),
    (requantize, "sima", "bias", plus(-1)),
    (requantize, "tflite", "bias", plus(1)),
    (mean, "sima", "bias", plus(-1)),
    (mean, "tflite", "bias", plus(-1)),
    (mul, "sima", "bias", plus(-1)),
    (product, "sima", "bias", plus(-1)),
    (product, "tflite", "bias", plus(1)),
    (conv, "sima", "weight", plus(1)),
    (conv, "tflite", "weight", plus(1)),
    (matrix, "sima", "weight", plus(-1)),
    (matrix, "tflite", "weight", plus(-1)),
    *[(f, "sima", "scale_correction", plus(1)) for f in (requantize, mean, mul, product)],
    *[(f, "tflite", "scale_correction", plus(-1 << 16)) for f in (*ALL[:2], *ALL[3:])],
    (requantize, "tflite", "scale_correction", plus(-1)),
    *[(f, "tflite", "zero_point_correction", plus(1)) for f in ALL],
    *[
        (f, "tflite", "rounding", to(sima.RoundingAttr(Rounding.AWAY)))
        for f in (conv, matrix, requantize, mean, mul, product)
    ],
    *[(add, "sima", name, plus(400)) for name in ("lhs_scale", "rhs_scale")],
    (add, "tflite", "left_shift", plus(1)),
    *[(add, "tflite", f"{side}_scale", plus(-1 << 20)) for side in ("lhs", "rhs")],
    *[(add, "tflite", f"{side}_shift", plus(-1)) for side in ("lhs", "rhs")],
    *[(add, "tflite", f"{side}_zero_point", plus(1)) for side in ("lhs", "rhs")],
    *[(mul, m, f"{s}_zero_point", plus(1)) for m in ("sima", "tflite") for s in ("lhs", "rhs")],
]


@pytest.mark.parametrize(("build", "mode", "name", "change"), EDITS)
def test_no_constant_can_be_edited(
    build: Callable[[], ModuleOp],
    mode: str,
    name: str,
    change: Callable[[Attribute], Attribute],
):
    module, op = certified(build, mode)
    before = op.certificate.max_error.value.data
    op.properties[name] = change(op.properties[name])
    with pytest.raises(VerifyException, match=f"max_error at least [1-9][0-9]*, got {before}\n"):
        module.verify()


@pytest.mark.parametrize("mode", ["sima", "tflite"])
@pytest.mark.parametrize(("side", "value"), [("lhs", 7), ("rhs", -20)])
def test_the_zero_points_of_a_product_cannot_be_edited(side: str, value: int, mode: str):
    module, op = certified(product, mode)
    name = f"{side}_zero_point"
    op.properties[name] = plus(1)(op.properties[name])
    message = f"its source's {name} must be {value + 1} : i32, got {value} : i32"
    with pytest.raises(VerifyException, match=f"certificate cannot be checked: {message}"):
        module.verify()


WINDOW_EDITS = [
    ("strides", dense_array([2, 2], i64), "array<i64: 2, 2>, got array<i64: 3, 3>"),
    ("padding", dense_array([0, 0, 1, 0], i64), "array<i64: 0, 0, 1, 0>, got none"),
    ("dilations", dense_array([2, 1], i64), "array<i64: 2, 1>, got none"),
    ("clamp", dense_array([-99, 90], i32), "array<i32: -99, 90>, got array<i32: -100, 90>"),
    ("clamp", None, "absent, got array<i32: -100, 90>"),
    ("input_zero_point", IntegerAttr(-6, i32), "-6, got -5"),
]


@pytest.mark.parametrize("mode", ["sima", "tflite"])
@pytest.mark.parametrize(("name", "value", "message"), WINDOW_EDITS)
def test_neither_window_nor_clamp_can_be_edited(
    mode: str, name: str, value: Attribute | None, message: str
):
    module, op = certified(conv, mode)
    if value is None:
        del op.properties[name]
    else:
        op.properties[name] = value
    with pytest.raises(VerifyException) as caught:
        module.verify()
    wanted = f"certificate cannot be checked: its source's {name} must be {message}"
    assert wanted in str(caught.value)


@pytest.mark.parametrize("build", [inexact, add])
def test_a_bound_may_be_larger_than_it_has_to_be_but_not_smaller(build: Callable[[], ModuleOp]):
    module, op = certified(build, "sima")
    bound = op.certificate.max_error.value.data
    assert bound > 0
    for larger in (bound, bound + 1, 255, (1 << 31) - 1):
        claim(op, larger)
        module.verify()
    for smaller in range(bound):
        claim(op, smaller)
        message = f"certificate must have max_error at least {bound}, got {smaller}\n"
        with pytest.raises(VerifyException, match=message):
            module.verify()
    with pytest.raises(VerifyException, match="max_error must not be negative, got -1"):
        claim(op, -1)


@pytest.mark.parametrize("mode", ["sima", "tflite"])
@pytest.mark.parametrize(
    ("build", "names"),
    [
        (matrix, ("input_q", "output_q", "rounding", "input_zero_point")),
        (requantize, ("input_q", "output_q", "rounding")),
        (mean, ("input_q", "output_q", "rounding")),
        (add, ("lhs_q", "rhs_q", "output_q", "rounding")),
        (mul, ("lhs_q", "rhs_q", "output_q", "rounding")),
        (
            product,
            ("input_q", "output_q", "rounding", "lhs_zero_point", "rhs_zero_point"),
        ),
    ],
)
def test_no_entry_of_the_source_may_be_missing_or_of_another_kind(
    build: Callable[[], ModuleOp], names: tuple[str, ...], mode: str
):
    module, op = certified(build, mode)
    complete = op.certificate
    for name in names:
        for wrong, message in (
            (None, f"its source must have {name}, got none"),
            (StringAttr("text"), rf"its source's {name} must be an? [a-z.]+, got \"text\""),
        ):
            op.certificate = complete
            quote(op, **{name: wrong})
            with pytest.raises(VerifyException, match=f"certificate cannot be checked: {message}"):
                module.verify()


TWO = QuantizationAttr.of([0.1, 0.2], 0)


@pytest.mark.parametrize(
    ("build", "entries", "message"),
    [
        (conv, {"strides": None}, "strides must be array<i64: 3, 3>, got none"),
        (conv, {"padding": dense_array([0] * 4, i64)}, "padding must be absent, got array<i64: 0"),
        (conv, {"clamp": None}, "clamp must be array<i32: -100, 90>, got none"),
        (conv, {"input_zero_point": IntegerAttr(4, i32)}, "input_zero_point must be -5, got 4"),
        (
            matrix,
            {"clamp": dense_array([1, 2], i32)},
            "clamp must be array<i32: -100, 90>, got arr",
        ),
        (matrix, {"input_codes": dense_array([1, 2, 3], i32)}, "input_codes must be two codes in"),
        (matrix, {"input_codes": dense_array([3, 1], i32)}, "input_codes must be two codes in ord"),
        (matrix, {"input_codes": dense_array([-129, 1], i32)}, "input_codes must be two codes in"),
        (matrix, {"input_codes": dense_array([1, 128], i32)}, "input_codes must be two codes in "),
        (matrix, {"input_codes": StringAttr("all")}, 'input_codes must be an? array, got "all"'),
        (matrix, {"bias": StringAttr("none")}, 'bias must be a constant tensor, got "none"'),
        (matrix, {"output_q": TWO}, "output_q must have 1 scale, got 2"),
        (matrix, {"input_q": TWO}, "2 scales given for 3 output channels"),
        (matrix, {"bias": dense(np.ones(2, np.int32))}, "bias has shape .2,., weight has 3 output"),
        (
            matrix,
            {"bias": dense(np.ones(3, np.float32))},
            "bias must be a tensor of i32, got tensor",
        ),
        (
            matrix,
            {"weight": dense(np.ones((3, 5), np.int8))},
            "emitted weight has shape .3, 6., th",
        ),
        (matrix, {"weight": dense(np.ones(6, np.int8))}, "weight must be OI with 2 axes, got 1"),
        (matrix, {"input_q": QuantizationAttr.of(1e10)}, "multiplier must be less than 2..31, got"),
        (mean, {"output_q": TWO}, "output_q must have 1 scale, got 2"),
        (product, {"input_q": TWO}, "input_q must have 1 or 1 scales, got 2"),
        (product, {"lhs_q": TWO}, "source must not have lhs_q, got"),
        (add, {"lhs_q": TWO}, "lhs_q must have 1 scale, got 2"),
        (
            add,
            {"rounding": qnn.RoundingAttr(Rounding.RUY)},
            "rounding must be one of upward, away,",
        ),
        (
            mul,
            {"rounding": qnn.RoundingAttr(Rounding.RUY)},
            "rounding must be one of upward, away,",
        ),
        (
            mul,
            {"output_q": QuantizationAttr.of(1e-60)},
            "quotient of the scales must be positive and finite, got inf",
        ),
    ],
)
def test_a_source_that_does_not_fit_is_a_reason(
    build: Callable[[], ModuleOp], entries: dict[str, Attribute | None], message: str
):
    module, op = certified(build, "sima")
    quote(op, **entries)
    with pytest.raises(VerifyException, match=f"certificate cannot be checked: .*{message}"):
        module.verify()


@pytest.mark.parametrize("build", ALL)
def test_a_source_with_other_numbers_needs_another_bound(build: Callable[[], ModuleOp]):
    for mode in ("sima", "tflite"):
        module, op = certified(build, mode)
        encoding = op.certificate.source.data["output_q"]
        zero_point = encoding.zero_point.value.data
        for other in (
            QuantizationAttr.of(encoding.scale * 1.5, zero_point),
            QuantizationAttr.of(encoding.scale, zero_point + 20),
        ):
            quote(op, output_q=other)
            with pytest.raises(VerifyException, match="certificate must have max_error at least"):
                module.verify()


def test_a_product_whose_sums_wrap_is_not_certified():
    """`input_q` takes off what makes the source leave 32 bits, but after it has left them."""
    count = (1 << 31) // (255 * 255) + 1
    data = np.zeros((1, count), np.int8)
    operands = [create_ssa_value(tensor_type(s, i8)) for s in (data.shape, data.T.shape)]
    source = DictionaryAttr(
        {
            "input_q": QuantizationAttr.of(1e-5, 1 << 30),
            "output_q": QuantizationAttr.of(1.0),
            "rounding": qnn.RoundingAttr(Rounding.UPWARD),
            "lhs_zero_point": IntegerAttr(-128, i32),
            "rhs_zero_point": IntegerAttr(-128, i32),
        }
    )
    requantization = {"scale_correction": IntegerAttr(0, i32), "shift": IntegerAttr(0, i32)}
    certificate = sima.CertificateAttr(IntegerAttr(255, i32), source)
    properties = requantization | {"certificate": certificate}
    op = sima.BatchMatmulOp(*operands, (-128, -128), 0, properties, tensor_type((1, 1), i8))
    message = f"its source's sums must fit 32 bits, got 0..{count * 255 * 255}"
    with pytest.raises(VerifyException, match=message):
        op.verify()


def test_bias_and_weight_of_a_source_are_those_that_it_quotes():
    module, op = certified(inexact, "sima")
    source = op.certificate.source.data
    for name, value in (
        ("bias", None),
        ("bias", plus(800)(source["bias"])),
        ("weight", None),
        ("weight", plus(9)(source["weight"])),
    ):
        quote(op, **source | {name: value})
        with pytest.raises(VerifyException, match="certificate must have max_error at least"):
            module.verify()
    quote(op, **source)
    module.verify()


# Random edits


NUMBERS = st.one_of(
    st.integers(-3, 3), st.sampled_from([-(1 << 31), -128, 127, 1 << 20, (1 << 31) - 1])
)
SCALES = st.sampled_from([5e-324, 1e-30, 0.01, 0.3, 1.0, 1e8, 1e300])
ATTRIBUTES = st.one_of(
    st.builds(IntegerAttr, NUMBERS, st.sampled_from([i32, i64])),
    st.builds(lambda v: dense_array(v, i32), st.lists(NUMBERS, max_size=4)),
    st.builds(lambda v: dense_array(v, i64), st.lists(NUMBERS, max_size=4)),
    st.builds(
        lambda shape, dtype: dense(np.ones(shape, dtype)),
        st.lists(st.integers(0, 3), max_size=5),
        st.sampled_from([np.int8, np.uint8, np.int16, np.int32, np.int64, np.float32]),
    ),
    st.builds(lambda t: DenseResourceAttr.from_params("gone", t), st.just(TensorType(i8, [3, 6]))),
    st.builds(QuantizationAttr.of, st.lists(SCALES, min_size=1, max_size=3), NUMBERS),
    st.builds(QuantizationAttr.of, SCALES, NUMBERS),
    st.builds(qnn.RoundingAttr, st.sampled_from(Rounding)),
    st.builds(sima.RoundingAttr, st.sampled_from(Rounding)),
    st.just(UnitAttr()),
    st.just(StringAttr("text")),
    st.just(i16),
)
ENTRIES = [
    *("input_q", "output_q", "lhs_q", "rhs_q", "rounding", "input_zero_point", "bias", "weight"),
    *("clamp", "strides", "padding", "dilations", "input_codes", "other"),
    *("lhs_zero_point", "rhs_zero_point"),
]


def verifies(module: ModuleOp) -> bool:
    try:
        module.verify()
    except VerifyException:
        return False
    return True


@pytest.mark.parametrize("mode", ["sima", "tflite"])
@pytest.mark.parametrize("build", ALL)
@settings(deadline=None, max_examples=60)
@given(
    entries=st.dictionaries(
        st.sampled_from(ENTRIES), st.none() | ATTRIBUTES, min_size=1, max_size=3
    )
)
def test_whatever_stands_in_a_source_it_verifies_or_is_refused(
    build: Callable[[], ModuleOp], mode: str, entries: dict[str, Attribute | None]
):
    module = emitted(build, mode).clone()
    quote(only(module, sima.RequantizingOperation), **entries)
    verifies(module)


@pytest.mark.parametrize("mode", ["sima", "tflite"])
@pytest.mark.parametrize("build", [*ALL, inexact])
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_what_still_verifies_after_edits_is_still_true(
    build: Callable[[], ModuleOp], mode: str, data: st.DataObject
):
    """Some edits change nothing, or less than is claimed; no other may pass."""
    module, source = emitted(build, mode).clone(), build()
    op = only(module, sima.RequantizingOperation)
    claim(op, data.draw(st.sampled_from([0, 1, 3])))
    names = [n for n in NUMERIC if n in op.properties and (mode == "sima" or n != "weight")]
    for name in data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=2)):
        amount = data.draw(st.sampled_from([-1, 1, -2, 5, -40, 1000]))
        with suppress(OverflowError):
            op.properties[name] = plus(amount)(op.properties[name])
    if verifies(module):
        difference = run(module, *INPUTS[build]).astype(int) - run(source, *INPUTS[build])
        assert np.abs(difference).max() <= op.certificate.max_error.value.data


NUMERIC = [
    *("weight", "bias", "shift", "scale_correction", "zero_point_correction", "lhs_scale"),
    *("rhs_scale", "left_shift", "lhs_zero_point", "rhs_zero_point", "lhs_shift", "rhs_shift"),
]
INPUTS = {
    conv: [layer({"strides": [3, 3]}).data],
    matrix: [layer(None).data],
    inexact: [layer(None).data],
    requantize: [CODES[:, None]],
    mean: [np.stack([CODES, CODES[::-1], CODES // 2, CODES], axis=1)],
    add: [LHS, RHS],
    mul: [LHS, RHS],
    product: PAIRS,
}


@cache
def emitted(build: Callable[[], ModuleOp], mode: str) -> ModuleOp:
    """What others clone before they edit it."""
    return certified(build, mode)[0]


# Expected errors


@pytest.mark.parametrize("build", [requantize, add, mul])
def test_expected_error_is_the_root_mean_square_of_all_operands(build: Callable[[], ModuleOp]):
    """All codes, or all pairs of them, are among the inputs."""
    module, op = certified(build, "sima")
    encoding = QuantizationAttr.of(0.37 * op.certificate.source.data["output_q"].scale[0], 5)
    source = build()
    inner = only(source, qnn.RequantizeOp | qnn.AddOp | qnn.MulOp)
    inner.properties["output_q"] = encoding
    quote(op, output_q=encoding)
    errors = errors_of(op, op.certificate.source)
    difference = run(module, *INPUTS[build]).astype(int) - run(source, *INPUTS[build])
    assert errors.bound() == np.abs(difference).max() > 1
    assert errors.rms() == pytest.approx(np.sqrt((difference**2).mean()))


def test_expected_error_of_a_layer_is_that_of_random_codes():
    """Over all channels, within the 25 % that a normal distribution of 6 products is off."""
    module, op = certified(inexact, "sima")
    data = np.random.default_rng(0).integers(-128, 128, (50, 6), dtype=np.int8)
    squares = []
    for seed in range(40):
        data = np.random.default_rng(seed).integers(-128, 128, (50, 6), dtype=np.int8)
        squares.append((run(module, data).astype(int) - run(inexact(), data)) ** 2)
    measured = np.sqrt(np.mean(squares))
    errors = errors_of(op, op.certificate.source)
    assert 0.75 * measured < errors.rms() < 1.25 * measured
    assert errors.bound() == op.certificate.max_error.value.data


def test_an_incomplete_source_is_an_error():
    _, op = certified(requantize, "sima")
    with pytest.raises(ValueError, match="its source must have input_q, got none"):
        errors_of(op, DictionaryAttr({"clamp": op.clamp}))


# Constants in resources


RESOURCES = """
func.func @main(%x: tensor<1x4xi8>) -> tensor<1x2xi8> {
  %w = arith.constant dense_resource<w> : tensor<2x4xi8>
  %0 = qnn.dense %x, %w input_zero_point = 3 : (tensor<1x4xi8>, tensor<2x4xi8>) -> tensor<1x2xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.02, zero_point = 0>
    output_q = <scale = 1.0, zero_point = 0> : (tensor<1x2xi32>) -> tensor<1x2xi8>
  func.return %1 : tensor<1x2xi8>
}
{-# dialect_resources: { builtin: { w: "0x0100000001f07f8102030405" } } #-}
"""


@pytest.mark.parametrize("mode", ["sima", "tflite"])
def test_constants_in_resources_are_checked_by_who_can_read_them(mode: str):
    ctx = sima_mlir.make_context()
    module = sima_mlir.parse(ctx, RESOURCES, "x.mlir")
    pipeline = f"convert-qnn-to-sima{{requantization={mode} certify=true weight-rounding=nearest}}"
    sima_mlir.run_pipeline(ctx, module, pipeline)
    sima_mlir.verify(module, ctx)
    op = only(module, sima.DenseOp)
    assert "dense_resource" in str(op)
    op.properties["bias"] = plus(1000)(op.bias)
    module.verify()
    sima_mlir.verify(module)
    message = "'sima.dense' op certificate must have max_error at least [1-9]"
    with pytest.raises(sima_mlir.SimaError, match=message) as caught:
        sima_mlir.verify(module, ctx)
    (diagnostic,) = caught.value.diagnostics
    assert "\n" not in str(diagnostic)


def test_a_resource_that_is_not_there_is_a_reason():
    ctx = sima_mlir.make_context()
    module = sima_mlir.parse(ctx, RESOURCES, "x.mlir")
    sima_mlir.run_pipeline(ctx, module, "convert-qnn-to-sima{certify=true weight-rounding=nearest}")
    sima_mlir.verify(module)
    message = "certificate cannot be checked: resource 'w' is not defined"
    with pytest.raises(sima_mlir.SimaError, match=message):
        sima_mlir.verify(module, sima_mlir.make_context())
