"""Real networks, tensor by tensor, against what LiteRT's reference kernels computed.

The networks and their recorded inputs and outputs are other people's and not part of this
repository; where they are not beside it, these tests are skipped. The digits network is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tflite
from support.litert import requires_litert, run_all
from xdsl.dialects.builtin import ModuleOp, NameLoc
from xdsl.interpreter import Interpreter
from xdsl.ir import BlockArgument, Operation, SSAValue

import sima_mlir
from sima_mlir.dialects import sima
from sima_mlir.interpreters import register_implementations

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
DIGITS = ROOT / "examples" / "digits"

MODELS = [
    "mlperf_tiny/ad01_int8",
    "mlperf_tiny/kws_ref_model",
    "mlperf_tiny/pretrainedResnet_quant",
    "tflite_micro/hello_world_int8",
    "tflite_micro/micro_speech_quantized",
]

LAYER_ERRORS = {
    "mlperf_tiny/ad01_int8": 1.32,
    "mlperf_tiny/kws_ref_model": 0.251,
    "mlperf_tiny/pretrainedResnet_quant": 0.144,
}
"""Mean error of folded layers in output steps, as it was measured with smooth images as inputs."""

SMOOTH_RUNS = slice(2, 4)
"""The recorded runs whose input is low-frequency noise; that of the others is white."""


@dataclass
class Recording:
    """A network and every tensor of some runs of it, by the tensor's name."""

    model: Path
    runs: list[dict[str, np.ndarray]]
    input: str
    output: str


@cache
def recording(name: str) -> Recording:
    model, golden = SHARED / f"models/{name}.tflite", SHARED / f"golden/{Path(name).name}.npz"
    if not model.exists() or not golden.exists():
        pytest.skip(f"{model.name} and its recorded tensors are not beside this checkout")
    with np.load(golden) as file:
        arrays = dict(file)
    names, edges = tensor_names(model), edge_tensors(model)
    seeds = sorted({key.split("/")[0] for key in arrays})
    runs = [
        {
            names[edges[end[:-1]] if end[0] in "io" else int(end[1:])]: value
            for key, value in arrays.items()
            for owner, end in [key.split("/")]
            if owner == seed and (end in ("in0", "out0") or end[1:].isdigit())
        }
        for seed in seeds
    ]
    return Recording(model, runs, names[edges["in"]], names[edges["out"]])


def subgraph(model: Path) -> tflite.SubGraph:
    return tflite.Model.GetRootAsModel(model.read_bytes(), 0).Subgraphs(0)


def tensor_names(model: Path) -> list[str]:
    graph = subgraph(model)
    return [graph.Tensors(i).Name().decode() for i in range(graph.TensorsLength())]


def edge_tensors(model: Path) -> dict[str, int]:
    graph = subgraph(model)
    return {"in": graph.Inputs(0), "out": graph.Outputs(0)}


@pytest.fixture(params=MODELS)
def network(request: pytest.FixtureRequest) -> tuple[str, Recording]:
    return request.param, recording(request.param)


def lowered(model: Path, requantization: str) -> tuple[sima_mlir.Context, ModuleOp]:
    ctx = sima_mlir.make_context()
    module = sima_mlir.load(ctx, model)
    sima_mlir.run_pipeline(ctx, module, f"convert-qnn-to-sima{{requantization={requantization}}}")
    return ctx, module


def name_of(value: SSAValue) -> str:
    """The name of the tensor that a value was imported from."""
    if isinstance(value, BlockArgument):
        return value.block.parent_op().arg_attrs.data[value.index].data["qnn.name"].data
    location = value.owner.location
    assert isinstance(location, NameLoc)
    return location.desc.data


def weighted(module: ModuleOp) -> list[Operation]:
    return [op for op in module.walk() if isinstance(op, sima.ConvOp | sima.DenseOp)]


def layer_results(
    ctx: sima_mlir.Context, module: ModuleOp, tensors: dict[str, np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each convolution and dense operator on its recorded input, with its recorded output."""
    interpreter = Interpreter(module)
    register_implementations(interpreter, ctx)
    for op in weighted(module):
        data = tensors[name_of(op.data)].reshape(op.data.type.get_shape())
        (result,) = interpreter.run_op(op, (data,))
        yield result, tensors[name_of(op.result)].reshape(result.shape)


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
