"""No input makes what the lowering writes differ from its source by more than is certified.

The operands are random, and the worst that there are: codes that follow the signs of what each
weight is off, and those that give the extreme accumulators.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from support.layers import Layer, lower, make_module, only, run
from xdsl.dialects.builtin import ModuleOp, i8, i16, i32
from xdsl.ir import Attribute, Operation, SSAValue

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.elements import array_values, dtype_of, elements, ui8
from sima_mlir.dialects.qnn import QuantizationAttr
from sima_mlir.passes.diagnostics import LoweringError
from sima_mlir.quantization import ADD_ROUNDINGS, Rounding, code_range
from sima_mlir.quantization.weight_rounding import WeightRounding

CONTRACTS = list(Rounding)
RUNS = 8
CODES = np.arange(-128, 128, dtype=np.int8)
ZERO_POINTS = st.sampled_from([-128, 0, 127, -3])


def choose_ratios(rng: np.random.Generator, channels: int) -> np.ndarray:
    """Ratios of one size, some of them powers of two, and dead channels among them."""
    low, high = [(-12, -4), (-9, 0), (-2, 3), (-40, -12)][rng.choice(4, p=[0.5, 0.3, 0.1, 0.1])]
    exponent = rng.uniform(low, high, channels)
    ratio = np.exp2(np.floor(exponent) if rng.random() < 0.2 else exponent)
    ratio[rng.random(channels) < rng.choice([0, 0, 0.4])] = 1e-11
    return ratio[:1] if rng.random() < 0.3 else ratio


def choose_weight(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    weight = rng.integers(-128, 128, shape)
    match rng.choice(["any", "small", "extreme", "single", "zeros"], p=[0.5, 0.2, 0.1, 0.1, 0.1]):
        case "small":
            weight >>= int(rng.integers(3, 8))
        case "extreme":
            weight = rng.choice([-128, 127], shape)
        case "single":
            weight *= np.arange(weight.size).reshape(shape) == rng.integers(weight.size)
        case "zeros":
            weight[:] = 0
    return weight.astype(np.int8)


def choose_bias(rng: np.random.Generator, ratio: np.ndarray, channels: int) -> np.ndarray | None:
    """Biases of a hundred output steps or so, now and then as large as 32 bits allow."""
    reach = rng.choice([0, 100, 300, 1e6], p=[0.1, 0.6, 0.2, 0.1])
    bias = rng.uniform(-reach, reach, channels) / ratio
    bias = np.clip(bias, -(2**31) + 1, 2**31 - 1).astype(np.int32)
    return None if rng.random() < 0.2 else bias


def choose_clip(rng: np.random.Generator) -> tuple[int, int] | None:
    low, high = sorted(rng.integers(-128, 128, 2).tolist())
    return (low, high) if rng.random() < 0.3 else None


@st.composite
def problems(draw: st.DrawFn) -> Layer:
    """Layers of all ranks, ratios from 2**-40 to 8, and whatever else makes a fold hard."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rank = draw(st.sampled_from([0, 1, 2, 2, 3]))
    groups, inputs, outputs = (draw(st.integers(1, 3)) for _ in range(3))
    window, pad, channels = None, 0, groups * outputs
    if rank:
        kernel = [draw(st.integers(1, 3)) for _ in range(rank)]
        window = {
            "strides": [draw(st.integers(1, 2)) for _ in range(rank)],
            "padding": [draw(st.integers(0, 2)) for _ in range(2 * rank)],
            "dilations": [draw(st.integers(1, 2)) for _ in range(rank)],
        }
        pad = draw(st.sampled_from([0, 0, 1]))
        data_shape = (RUNS, *(draw(st.integers(5, 6)) for _ in range(rank)), groups * inputs)
        weight_shape = (*kernel, inputs, groups, outputs)
    else:
        features = draw(st.integers(1, 40))
        data_shape, weight_shape, channels = (RUNS, features), (outputs, features), outputs
    ratio, output_scale = choose_ratios(rng, channels), float(rng.choice([1, 0.37, 2**-9]))
    return Layer(
        data=rng.integers(-128, 128, data_shape, dtype=np.int8),
        weight=choose_weight(rng, weight_shape),
        bias=choose_bias(rng, ratio, channels),
        product_scale=ratio * output_scale,
        output_scale=output_scale,
        zero_point=draw(ZERO_POINTS),
        output_zero_point=draw(ZERO_POINTS),
        rounding=draw(st.sampled_from(CONTRACTS)),
        window=window,
        clip=choose_clip(rng),
        pad=pad,
        input_clip=choose_clip(rng),
        product_zero_point=int(rng.choice([0, 0, rng.integers(-500, 500)])),
    )


def by_channel(layer: Layer, weight: np.ndarray) -> np.ndarray:
    """Returns weights as a matrix of shape (output channels, products)."""
    return weight if layer.window is None else weight.reshape(-1, layer.channels).T


def worst_data(layer: Layer, slopes: np.ndarray) -> np.ndarray:
    """Inputs that make the sum of `slopes * x` extreme, least and largest in turn.

    In each run it is one output that is extreme, of the channels in the order of how large their
    slopes are; all else is random.
    """
    data = np.random.default_rng(0).integers(-128, 128, layer.data.shape, dtype=np.int8)
    order = np.argsort(-np.abs(slopes).sum(axis=1))
    for number, x in enumerate(data):
        channel = order[number // 2 % len(order)]
        codes = np.where((slopes[channel] > 0) == number % 2, 127, -128)
        if layer.window is None:
            x[:] = codes
            continue
        *kernel, inputs, _, outputs = layer.weight.shape
        first = channel // outputs * inputs
        for tap, read in zip(np.ndindex(*kernel), codes.reshape(-1, inputs), strict=True):
            place = place_of(tap, layer)
            if all(index < size for index, size in zip(place, x.shape, strict=False)):
                x[place][first : first + inputs] = read
    return data


def place_of(tap: tuple[int, ...], layer: Layer) -> tuple[int, ...]:
    """Where a tap reads for the first output whose window does not begin in the padding."""
    place: list[int] = []
    for axis, index in enumerate(tap):
        before = layer.window["padding"][axis] + layer.pad
        stride, dilation = layer.window["strides"][axis], layer.window["dilations"][axis]
        place.append(-(-before // stride) * stride - before + index * dilation)
    return tuple(place)


def residual(layer: Layer, op: sima.WeightedOperation) -> np.ndarray:
    """What each emitted weight is off, in output steps: (output channels, products)."""
    scale = 1.0 if op.scale_correction is None else array_values(op.scale_correction).astype(float)
    factor = np.ldexp(scale, -array_values(op.shift).astype(int)).reshape(-1, 1)
    ratio = (layer.product_scale / layer.output_scale).reshape(-1, 1)
    emitted, source = by_channel(layer, elements(op.weight)), by_channel(layer, layer.weight)
    return emitted * factor - source * ratio


def largest_difference(one: ModuleOp, two: ModuleOp, *inputs: np.ndarray) -> int:
    return int(np.abs(run(one, *inputs).astype(np.int64) - run(two, *inputs)).max())


def certified(module: ModuleOp) -> int:
    return only(module, sima.RequantizingOperation).certificate.max_error.value.data


WIDTHS = (
    "accumulator must fit 32 bits",
    "must fit int32",
    "does not fit 32 bits",
    "multiplier must be less than",
)
"""What the reasons say of operations for which no constants do."""


def try_to_lower(
    module: ModuleOp, mode: str, max_error: int | None = None, strategy: str = "sum-preserving"
) -> tuple[ModuleOp | None, str]:
    """Returns the lowered module, or else the reason why there is none."""
    options = {"requantization": mode, "weight_rounding": strategy, "max_error": max_error}
    try:
        return lower(module, **options, certify=True), ""
    except LoweringError as error:
        return None, str(error)


@pytest.mark.parametrize("mode", ["sima", "tflite", "auto"])
@settings(max_examples=120, deadline=None)
@given(
    layer=problems(),
    max_error=st.sampled_from([None, None, 0, 1, 20]),
    strategy=st.sampled_from(WeightRounding),
)
def test_no_input_is_further_off_than_certified(
    mode: str, layer: Layer, max_error: int | None, strategy: WeightRounding
):
    module = layer.module()
    lowered, reason = try_to_lower(module, mode, max_error, strategy)
    if "max-error allows" in reason:
        assert mode == "sima"
        lowered, reason = try_to_lower(module, mode, None, strategy)
        assert lowered is None or layer.clip or certified(lowered) > max_error
    elif lowered is not None and (max_error is not None or mode == "auto"):
        assert certified(lowered) <= (1 if max_error is None else max_error)
    if lowered is None:
        assert any(limit in reason for limit in WIDTHS)
        reject()
    op, bound = only(lowered, sima.WeightedOperation), certified(lowered)
    slopes = [residual(layer, op), by_channel(layer, layer.weight).astype(int)]
    for data in (layer.data, *(worst_data(layer, slope) for slope in slopes)):
        assert largest_difference(lowered, module, data) <= bound


def random_encoding(rng: np.random.Generator, element_type: Attribute = i8) -> QuantizationAttr:
    low, high = code_range(dtype_of(element_type))
    zero_point = int(rng.choice([low, high, rng.integers(low, high + 1)]))
    scale = np.exp2(rng.uniform(-9, 1) if rng.random() < 0.7 else rng.integers(-9, 2))
    return QuantizationAttr.of(float(scale), zero_point)


def clipped(op: Operation, clip: tuple[int, int] | None) -> list[Operation]:
    return [op] if clip is None else [op, qnn.ClipOp(op.results[0], *clip)]


def check_certificate(module: ModuleOp, mode: str, *inputs: np.ndarray) -> int | None:
    """Returns what is certified, if that is what the inputs show to be the largest difference."""
    lowered, reason = try_to_lower(module, mode)
    if lowered is None:
        assert any(limit in reason for limit in WIDTHS)
        return None
    assert certified(lowered) == largest_difference(lowered, module, *inputs)
    return certified(lowered)


@pytest.mark.parametrize("mode", ["sima", "tflite", "auto"])
@pytest.mark.parametrize("rounding", ADD_ROUNDINGS)
@pytest.mark.parametrize("operation", [qnn.AddOp, qnn.MulOp])
def test_certificate_of_two_operands_is_the_largest_difference_of_all_pairs_of_codes(
    operation: Callable[..., Operation], rounding: Rounding, mode: str
):
    lhs, rhs = (np.ascontiguousarray(m) for m in np.meshgrid(CODES, CODES))
    bounds: set[int | None] = set()
    for seed in range(8):
        rng = np.random.default_rng(seed)
        encodings, clip = [random_encoding(rng) for _ in range(3)], choose_clip(rng)
        module = make_module(
            lambda a, b, e=encodings, c=clip: clipped(operation(a, b, *e, rounding), c), lhs, rhs
        )
        bounds.add(check_certificate(module, mode, lhs, rhs))
    bounds.discard(None)
    assert {"sima": max(bounds) >= 1, "tflite": bounds == {0}, "auto": bounds == {0, 1}}[mode]


def all_sums(zero_point: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns whose products are all the integers between their extremes.

    A column has its largest and its least step from `zero_point`, and ends in a step of one.
    """
    rng = np.random.default_rng(count)
    steps = np.array([127, -128]) - zero_point
    column = np.append(np.resize(steps, count - 1), 1 if zero_point < 127 else -1)
    rows = np.sort(rng.integers(-128, 128, (500, count)), 0)
    extremes = np.where(column > 0, [[-128], [127]], [[127], [-128]])
    near = np.repeat(rows[::100], 256, 0)
    near[:, -1] = np.resize(CODES, len(near))
    return (
        np.concatenate([rows, extremes, near]).astype(np.int8),
        (column + zero_point)[:, None].astype(np.int8),
    )


@pytest.mark.parametrize("mode", ["sima", "tflite", "auto"])
@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize("rounding", CONTRACTS)
def test_no_product_is_further_off_than_certified(rounding: Rounding, count: int, mode: str):
    bounds: set[int] = set()
    for seed in range(6):
        rng = np.random.default_rng(seed)
        lhs_zero, rhs_zero = (int(rng.choice([-128, 0, 127, 9])) for _ in range(2))
        output_q, clip = random_encoding(rng), choose_clip(rng)
        ratio = np.exp2(rng.uniform(-3, -1)) / count * (1 / 64 if count > 1 else 1)
        input_q = QuantizationAttr.of(output_q.per_tensor().scale * ratio, int(rng.integers(9)))
        lhs, rhs = all_sums(rhs_zero, count)
        zero_points = {"lhs_zero_point": lhs_zero, "rhs_zero_point": rhs_zero}
        module = make_module(
            lambda a, b, z=zero_points, q=(input_q, output_q, rounding), c=clip: [
                product := qnn.BatchMatmulOp(a, b, **z),
                *clipped(qnn.RequantizeOp(product.result, *q), c),
            ],
            *(lhs, rhs),
        )
        lowered, reason = try_to_lower(module, mode)
        if lowered is None:
            assert any(limit in reason for limit in WIDTHS)
            continue
        assert largest_difference(lowered, module, lhs, rhs) <= certified(lowered)
        bounds.add(certified(lowered))
    assert bounds <= ({0} if mode == "tflite" else {0, 1})


TYPES = [(i8, i8), (ui8, i8), (i8, i16), (i16, i8), (i16, i16), (i8, i32)]


@pytest.mark.parametrize("mode", ["sima", "tflite", "auto"])
@pytest.mark.parametrize(("data_type", "result_type"), TYPES)
@pytest.mark.parametrize("rounding", CONTRACTS)
def test_certificate_of_a_requantization_is_the_largest_difference_of_all_codes(
    rounding: Rounding, data_type: Attribute, result_type: Attribute, mode: str
):
    low, high = code_range(dtype_of(data_type))
    data = np.arange(low, high + 1).astype(dtype_of(data_type))[:, None]
    for seed in range(3):
        rng = np.random.default_rng(seed)
        input_q, output_q = (random_encoding(rng, t) for t in (data_type, result_type))

        def build(x: SSAValue, encodings=(input_q, output_q)) -> list[Operation]:
            return [qnn.RequantizeOp(x, *encodings, rounding, result_type)]

        module = make_module(build, data)
        bound = check_certificate(module, mode, data)
        assert bound in {"sima": (0, 1, None), "tflite": (0, None), "auto": (0, 1, None)}[mode]


@pytest.mark.parametrize("mode", ["sima", "tflite", "auto"])
@pytest.mark.parametrize(("type", "count"), [(i8, 1), (i8, 49), (ui8, 6), (i16, 2)])
@pytest.mark.parametrize("rounding", CONTRACTS)
def test_certificate_of_a_mean_is_the_largest_difference_of_all_sums(
    rounding: Rounding, type: Attribute, count: int, mode: str
):
    low, high = code_range(dtype_of(type))
    sums = np.arange(count * low, count * high + 1)[:, None]
    data = ((sums + np.arange(count)) // count).astype(dtype_of(type))
    np.testing.assert_array_equal(data.sum(axis=1, keepdims=True, dtype=np.int64), sums)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        encodings, clip = [random_encoding(rng, type) for _ in range(2)], choose_clip(rng)
        if type == ui8:
            clip = None

        def build(x: SSAValue, e=encodings, c=clip) -> list[Operation]:
            return clipped(qnn.MeanOp(x, [1], *e, rounding), c)

        module = make_module(build, data)
        bound = check_certificate(module, mode, data)
        assert bound in {"sima": (0, 1, None), "tflite": (0, None), "auto": (0, 1, None)}[mode]


@pytest.mark.parametrize("clip", [(-128, 127), (-128, -100), (3, 9), (20, 20)])
def test_codes_that_are_clipped_away_do_not_count(clip: tuple[int, int]):
    """The second requantization is certified for what the first leaves of its codes."""
    first_q, second_q = QuantizationAttr.of(0.7, 3), QuantizationAttr.of(0.9, -20)
    last_q = QuantizationAttr.of(0.61, 5)

    def build(x: SSAValue) -> list[Operation]:
        first = clipped(qnn.RequantizeOp(x, first_q, second_q, Rounding.TFLITE), clip)
        return [*first, qnn.RequantizeOp(first[-1].results[0], second_q, last_q, Rounding.AWAY)]

    def build_last(x: SSAValue) -> list[Operation]:
        return [qnn.RequantizeOp(x, second_q, last_q, Rounding.AWAY)]

    both = lower(make_module(build, CODES), certify=True)
    _, last = (op for op in both.walk() if isinstance(op, sima.RequantizeOp))
    alone = make_module(build_last, codes := np.arange(clip[0], clip[1] + 1, dtype=np.int8))
    measured = largest_difference(lower(alone), alone, codes)
    assert last.certificate.max_error.value.data == measured


def test_an_accumulator_that_wraps_before_it_is_centred_is_not_certified_to_be_exact():
    """`input_q` takes off what makes the source leave 32 bits, but after it has left them."""
    layer = Layer(
        data=np.arange(-128, 128, dtype=np.int8)[:, None],
        weight=np.ones((1, 1), np.int8),
        bias=np.array([2**31 - 50], np.int32),
        product_scale=np.array([1e-5]),
        output_scale=1.0,
        zero_point=0,
        output_zero_point=-3,
        rounding=Rounding.UPWARD,
        window=None,
        product_zero_point=2**31 - 100,
    )
    module = layer.module()
    assert set(run(module, layer.data).ravel()) == {-128, -3}
    for mode in ("sima", "tflite"):
        lowered, _ = try_to_lower(module, mode)
        if lowered is not None:
            assert largest_difference(lowered, module, layer.data) <= certified(lowered)
