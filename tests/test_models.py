"""Real networks, tensor by tensor, against what LiteRT's reference kernels computed.

The networks and their recorded inputs and outputs are other people's and not part of this
repository; where they are not beside it, these tests are skipped. The digits network is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from math import prod
from pathlib import Path

import numpy as np
import onnx
import pytest
from support import onnx_models as om
from support.comparison import differences
from support.litert import requires_litert, run_all
from support.recordings import (
    ROOT,
    SHARED,
    Recording,
    edge_tensors,
    golden_of,
    model_files,
    operators_of,
    read_recording,
)
from xdsl.dialects.builtin import ModuleOp, NameLoc
from xdsl.interpreter import Interpreter
from xdsl.ir import BlockArgument, Operation, SSAValue

import sima_mlir
from sima_mlir.dialects import sima
from sima_mlir.dialects.elements import array_values, elements
from sima_mlir.interpreters import register_implementations
from sima_mlir.quantization import (
    Layer,
    Rounding,
    code_range,
    fixed_point_multiply,
    quantize_multiplier,
)
from sima_mlir.quantization.error_bounds import (
    EmittedLayer,
    InputDistribution,
    layer_error,
    layer_rms,
)

DIGITS = ROOT / "examples" / "digits"

MODELS = [
    "mlperf_tiny/ad01_int8",
    "mlperf_tiny/kws_ref_model",
    "mlperf_tiny/pretrainedResnet_quant",
    "tflite_micro/hello_world_int8",
    "tflite_micro/micro_speech_quantized",
]

LARGE_MODELS = ["mobilenet/tf2_mobilenet_v2_1.0_224_ptq"]
"""Networks of which one run is recorded tensor by tensor."""

WHOLE = [
    "keras/small_int8.tflite",
    *(f"{name}.tflite" for name in MODELS + LARGE_MODELS),
    *(f"seanet_16x8/conv{number}.tflite" for number in range(6)),
    "onnx/mobilenetv2_qdq_s8s8_pc.onnx",
    "onnx/mobilenetv2_qop_u8s8_pc.onnx",
]
"""Networks of which the accelerator takes every operation."""

DIVIDED = {
    "keras/small_16x8.tflite": {"qnn.add": 1},
    "mobilenet/mobilenet_v1_0.25_128_quant.tflite": {
        "qnn.conv": 28,
        "qnn.bias_add": 28,
        "qnn.requantize": 28,
    },
}
"""Networks of which it does not, and what stays: sums of i16, weights with a zero point."""

FUSED = {"SPACE_TO_BATCH_ND", "CONV_2D"}
"""The operators that become one with the BATCH_TO_SPACE_ND after them: a dilated convolution."""

LAYER_ERRORS = {
    "mlperf_tiny/ad01_int8": 1.32,
    "mlperf_tiny/kws_ref_model": 0.251,
    "mlperf_tiny/pretrainedResnet_quant": 0.144,
}
"""Mean error of folded layers in output steps, as it was measured with smooth images as inputs."""

SMOOTH_RUNS = slice(2, 4)
"""The recorded runs whose input is low-frequency noise; that of the others is white."""


@cache
def recording(name: str) -> Recording:
    model = SHARED / f"models/{name}.tflite"
    if not model.exists() or not golden_of(model).exists():
        pytest.skip(f"{model.name} and its recorded tensors are not beside this checkout")
    return read_recording(model)


@pytest.fixture(params=MODELS)
def network(request: pytest.FixtureRequest) -> tuple[str, Recording]:
    return request.param, recording(request.param)


def lowered(
    model: Path, requantization: str, options: str = ""
) -> tuple[sima_mlir.Context, ModuleOp]:
    ctx = sima_mlir.make_context()
    module = sima_mlir.load(ctx, model)
    pipeline = f"convert-qnn-to-sima{{requantization={requantization} {options}}}"
    sima_mlir.run_pipeline(ctx, module, pipeline)
    return ctx, module


NEAREST = "sima weight-rounding=nearest"
"""The API page's own arithmetic, as options of the lowering."""


@cache
def certified(name: str, requantization: str) -> tuple[sima_mlir.Context, ModuleOp]:
    return lowered(recording(name).model, requantization, "certify=true")


def name_of(value: SSAValue) -> str:
    """The name of the tensor that a value was imported from."""
    if isinstance(value, BlockArgument):
        return value.block.parent_op().arg_attrs.data[value.index].data["qnn.name"].data
    location = value.owner.location
    assert isinstance(location, NameLoc)
    return location.desc.data


def weighted(module: ModuleOp) -> list[Operation]:
    return [op for op in module.walk() if isinstance(op, sima.ConvOp | sima.DenseOp)]


def recorded_input(op: sima.WeightedOperation, tensors: dict[str, np.ndarray]) -> np.ndarray:
    """The recorded codes that an operator reads; a reshape has no tensor of its own."""
    value = op.data
    while isinstance(value.owner, sima.ReshapeOp):
        value = value.owner.data
    return tensors[name_of(value)].reshape(op.data.type.get_shape())


def layer_results(
    ctx: sima_mlir.Context, module: ModuleOp, tensors: dict[str, np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each convolution and dense operator on its recorded input, with its recorded output."""
    interpreter = Interpreter(module)
    register_implementations(interpreter, ctx)
    for op in weighted(module):
        (result,) = interpreter.run_op(op, (recorded_input(op, tensors),))
        yield result, tensors[name_of(op.result)].reshape(result.shape)


def inner_runs(name: str) -> list[dict[str, np.ndarray]]:
    """The runs of a network that are recorded tensor by tensor."""
    runs = recording(name).runs[: 1 if name in LARGE_MODELS else None]
    assert all(len(tensors) > 2 for tensors in runs)
    return runs


def layer_errors(name: str, requantization: str) -> list[np.ndarray]:
    """How far each operator is from its recorded output: (positions of all runs, channels)."""
    ctx, module = certified(name, requantization)
    runs = [layer_results(ctx, module, tensors) for tensors in inner_runs(name)]
    return [
        np.concatenate(
            [
                (result.astype(int) - expected).reshape(-1, expected.shape[-1])
                for result, expected in results
            ]
        )
        for results in zip(*runs, strict=True)
    ]


def layers_of(op: sima.WeightedOperation, ctx: sima_mlir.Context) -> tuple[Layer, EmittedLayer]:
    """What an operator's certificate says of its source, and what the operator computes."""
    source = op.certificate.source.data
    weight, bias = elements(op.weight, ctx), elements(op.bias, ctx)
    layer = Layer(
        elements(source["weight"], ctx) if "weight" in source else weight,
        elements(source["bias"], ctx) if "bias" in source else None,
        source["input_zero_point"].value.data,
        source["input_q"].scale,
        np.array([source["input_q"].zero_point.value.data]),
        source["output_q"].per_tensor(),
        isinstance(op, sima.DenseOp),
    )
    shift = array_values(op.shift)
    if not op.is_tflite:
        return layer, EmittedLayer.folded(weight, bias, shift)
    scale, zero_point = array_values(op.scale_correction), op.zero_point_correction.value.data
    return layer, EmittedLayer(weight, bias, scale, shift, zero_point, op.rounding.data)


def codes_of(op: sima.WeightedOperation) -> dict[str, tuple[int, int]]:
    """The codes that an operator's certificate holds for, and those of its result."""
    given = op.certificate.source.data.get("input_codes")
    all_codes = code_range(np.int8)
    return {
        "input_codes": all_codes if given is None else tuple(array_values(given).tolist()),
        "output_codes": op.clamp_range() or all_codes,
    }


def for_accelerator_and_host(name: str, requantization: str) -> tuple[sima_mlir.Context, ModuleOp]:
    ctx = sima_mlir.make_context()
    module = sima_mlir.load(ctx, file_of(name))
    pipeline = f"qnn-to-sima-pipeline{{requantization={requantization} partial=true}}"
    sima_mlir.run_pipeline(ctx, module, pipeline)
    return ctx, module


def file_of(name: str) -> Path:
    if not (SHARED / "models" / name).exists():
        pytest.skip(f"{name} is not beside this checkout")
    return SHARED / "models" / name


@pytest.mark.parametrize("requantization", ["sima", "tflite"])
@pytest.mark.parametrize("name", [*WHOLE, *DIVIDED])
def test_every_operation_is_lowered_but_those_that_are_known(name: str, requantization: str):
    _, module = for_accelerator_and_host(name, requantization)
    operations = Counter(op.name for op in module.walk())
    assert sum(times for op, times in operations.items() if op.startswith("sima.")) > 0
    left = {op: times for op, times in operations.items() if op.startswith("qnn.")}
    assert left == DIVIDED.get(name, {})


def test_every_network_beside_the_checkout_is_known_and_on_the_page():
    on_the_host = {name: sum(left.values()) for name, left in DIVIDED.items()}
    known = dict.fromkeys(WHOLE, 0) | on_the_host
    page = (ROOT / "docs/models.md").read_text()
    shown = re.findall(r"^\| (\w+/\w[\w.]*) \| \d+ \| \d+ \| (\d+) \|", page, re.MULTILINE)
    assert {name: int(left) for name, left in shown if "examples/" not in name} == known
    assert {str(file.relative_to(SHARED / "models")) for file in model_files()} <= known.keys()


@pytest.mark.parametrize("name", [n for n in [*WHOLE, *DIVIDED] if n.endswith(".tflite")])
def test_every_recorded_tensor_is_exact_in_tflite_mode(name: str):
    """Convolutions and all else, on the recorded operands; and the whole network."""
    recorded = recording(name.removesuffix(".tflite"))
    ctx, module = for_accelerator_and_host(name, "tflite")
    tensors, operators = recorded.runs[0], operators_of(recorded.model)
    found = list(differences(ctx, module, [tensors[recorded.input]], tensors))
    assert [d.tensor for d in found if np.any(d.error)] == []
    not_compared = (tensors.keys() & operators.keys()) - {d.tensor for d in found}
    left = {operators[tensor] for tensor in not_compared}
    assert left <= (FUSED if "BATCH_TO_SPACE_ND" in operators.values() else set())
    for tensors in recorded.runs[: 1 if name.removesuffix(".tflite") in LARGE_MODELS else None]:
        (result,) = sima_mlir.interpret(ctx, module, [tensors[recorded.input]])
        np.testing.assert_array_equal(result, tensors[recorded.output])


def test_tflite_mode_is_exact_on_every_layer(network: tuple[str, Recording]):
    name, recorded = network
    ctx, module = lowered(recorded.model, "tflite")
    assert len(weighted(module)) > 0
    for tensors in recorded.runs:
        seen: dict[str, np.ndarray] = {}
        (result,) = sima_mlir.interpret(
            ctx,
            module,
            [tensors[recorded.input]],
            observe=lambda op, results, seen=seen: seen.update({op: results}),
        )
        for op in weighted(module):
            name = name_of(op.result)
            np.testing.assert_array_equal(seen[op][0].ravel(), tensors[name].ravel(), name)
        np.testing.assert_array_equal(result, tensors[recorded.output])


@pytest.mark.parametrize("name", LAYER_ERRORS)
def test_sima_mode_has_no_larger_layer_error_than_the_fold_was_measured_with(name: str):
    recorded = recording(name)
    ctx, module = lowered(recorded.model, "sima")
    errors = [
        np.abs(result.astype(int) - expected)
        for tensors in recorded.runs[SMOOTH_RUNS]
        for result, expected in layer_results(ctx, module, tensors)
    ]
    assert np.concatenate([e.ravel() for e in errors]).mean() <= LAYER_ERRORS[name]


@pytest.mark.parametrize("name", [*MODELS, *LARGE_MODELS])
def test_no_recorded_tensor_is_further_off_than_certified(name: str):
    """Every element of every layer's output, by channel, with the recorded input."""
    ctx, module = certified(name, "sima")
    errors = layer_errors(name, "sima")
    assert any(np.any(error) for error in errors)
    for op, error in zip(weighted(module), errors, strict=True):
        layer, emitted = layers_of(op, ctx)
        rounding = op.certificate.source.data["rounding"].data
        bound = layer_error(layer, rounding, emitted, **codes_of(op))
        assert np.all(np.abs(error) <= bound), name_of(op.result)
        assert bound.max() == op.certificate.max_error.value.data


@pytest.mark.parametrize("name", [*MODELS, *LARGE_MODELS])
def test_tflite_mode_is_certified_to_be_exact(name: str):
    _, module = certified(name, "tflite")
    assert {op.certificate.max_error.value.data for op in weighted(module)} == {0}
    assert not any(np.any(error) for error in layer_errors(name, "tflite"))


@pytest.mark.parametrize("name", [*MODELS, *LARGE_MODELS])
def test_expected_error_is_near_the_measured_one(name: str):
    """Within 25 % for 90 % of the layers, from mean and variance of each input channel.

    That is for errors of weights that know nothing of one another: rounded to nearest.
    """
    ctx, module = certified(name, NEAREST)
    near: list[bool] = []
    for op, error in zip(weighted(module), layer_errors(name, NEAREST), strict=True):
        data = np.concatenate([recorded_input(op, tensors) for tensors in inner_runs(name)])
        distribution, codes = InputDistribution.measured(data), codes_of(op)["output_codes"]
        channels = layer_rms(*layers_of(op, ctx), distribution, output_codes=codes)
        expected, measured = (
            np.sqrt(np.mean(np.square(e, dtype=float))) for e in (channels, error)
        )
        near.append(abs(expected - measured) <= 0.25 * measured)
    assert np.mean(near) >= 0.9


MANY_SUMS = 1 << 20
"""More sums of products than are tried of an operator."""


def fewest_sums(layer: Layer) -> tuple[int, range]:
    """A channel, the one with the fewest sums of products, and all sums that it reaches.

    Only a channel of which one weight divides the others counts: with 256 codes that weight fills
    the gaps which they leave. Without one the range is empty.
    """
    weight = layer.weight
    rows = weight if layer.is_dense else weight.reshape(-1, prod(weight.shape[-2:])).T
    low, high = (code - layer.data_zero_point for code in code_range(np.int8))
    least, found = 0, range(0)
    for channel, weights in enumerate(rows.astype(int)):
        divisor = int(np.gcd.reduce(weights))
        if divisor == 0 or divisor not in np.abs(weights):
            continue
        ends = np.sort([low * weights, high * weights], axis=0).sum(axis=1).tolist()
        sums = range(ends[0], ends[1] + 1, divisor)
        if not found or len(sums) < len(found):
            least, found = channel, sums
    return least, found


def largest_difference(
    layer: Layer,
    rounding: Rounding,
    emitted: EmittedLayer,
    channel: int,
    sums: range,
    codes: tuple[int, int],
) -> int:
    """How far the results of a channel are apart at most, over sums of products."""

    def at(values: np.ndarray) -> np.ndarray:
        return values if len(values) == 1 else values[channel]

    constants = quantize_multiplier(at(layer.product_scale / layer.output_q.scale), rounding)
    found = 0
    for start in range(0, len(sums), 1 << 15):
        acc = np.array(sums[start : start + (1 << 15)])
        acc += 0 if layer.bias is None else layer.bias[channel]
        wanted = fixed_point_multiply(acc, *constants, rounding)
        given = fixed_point_multiply(acc, at(emitted.scale), at(emitted.shift), emitted.rounding)
        ends = [np.clip(r + layer.output_q.zero_point, *codes) for r in (given, wanted)]
        found = max(found, int(np.abs(np.subtract(*ends)).max()))
    return found


@pytest.mark.parametrize("name", MODELS)
def test_bound_of_another_contract_is_the_largest_difference_of_all_accumulators(name: str):
    """What is emitted multiplies as LiteRT does; the source is taken to multiply otherwise."""
    ctx, module = certified(name, "tflite")
    found: list[int] = []
    for op in weighted(module):
        layer, emitted = layers_of(op, ctx)
        channel, sums = fewest_sums(layer)
        if not 0 < len(sums) < MANY_SUMS:
            continue
        other = Rounding.UPWARD if emitted.rounding is Rounding.TFLITE else Rounding.TFLITE
        for rounding in (other, Rounding.TFLITE16):
            codes = codes_of(op)["output_codes"]
            bound = layer_error(layer, rounding, emitted, output_codes=codes)[channel]
            assert bound == largest_difference(layer, rounding, emitted, channel, sums, codes)
            found.append(bound)
    assert len(found) >= len(weighted(module))
    assert any(found)


def test_auto_mode_keeps_every_layer_of_an_autoencoder_within_a_step():
    name = "mlperf_tiny/ad01_int8"
    ctx, module = lowered(recording(name).model, "auto", "certify=true max-error=1")
    assert len(weighted(module)) == 10
    assert all(op.certificate.max_error.value.data <= 1 for op in weighted(module))
    for tensors in recording(name).runs:
        for result, expected in layer_results(ctx, module, tensors):
            np.testing.assert_allclose(result.astype(int), expected, rtol=0, atol=1)


@requires_litert
@pytest.mark.parametrize("requantization", ["sima", "tflite"])
def test_digits(requantization: str):
    """Exact in one mode on every image; within half a point of the source's accuracy in both."""
    model = DIGITS / "digits_int8.tflite"
    with np.load(DIGITS / "digits_test.npz") as file:
        images, labels = file["in0"], file["labels"]
    ctx, module = lowered(model, requantization)
    output = edge_tensors(model)["out"]
    scores, expected = [], []
    for image in images:
        (result,) = sima_mlir.interpret(ctx, module, [image[None]])
        scores.append(result)
        expected.append(run_all(model.read_bytes(), [image[None]])[output])
    scores, expected = np.concatenate(scores), np.concatenate(expected)
    if requantization == "tflite":
        np.testing.assert_array_equal(scores, expected)
    accuracy, reference = (np.mean(s.argmax(axis=-1) == labels) for s in (scores, expected))
    assert abs(accuracy - reference) <= 0.005


@cache
def qdq_digits() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Images, their labels and the classes that ONNX Runtime gives them."""
    with np.load(DIGITS / "digits_test.npz") as file:
        pixels, labels = (file["in0"].astype(np.float32) + 128) / 255, file["labels"]
    images = [image[None] for image in pixels.transpose(0, 3, 1, 2)]
    proto = onnx.load(DIGITS / "digits_qdq.onnx")
    scores = np.concatenate([om.run(proto, [image])[0] for image in images])
    return images, labels, scores.argmax(axis=-1)


@pytest.mark.parametrize("requantization", ["sima", "tflite"])
def test_digits_in_qdq_form(requantization: str):
    """Within half a point of ONNX Runtime's accuracy."""
    images, labels, expected = qdq_digits()
    ctx, module = lowered(DIGITS / "digits_qdq.onnx", requantization)
    scores = [sima_mlir.interpret(ctx, module, [image])[0] for image in images]
    classes = np.concatenate(scores).argmax(axis=-1)
    assert np.mean(expected == labels) > 0.98
    assert abs(np.mean(classes == labels) - np.mean(expected == labels)) <= 0.005
