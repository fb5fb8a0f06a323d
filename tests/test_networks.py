"""ResNet-50, MobileNetV2 and a detector from random weights, layer by layer beside ONNX Runtime.

Small ones, of full depth; `bench/networks.py` has them in full size. ONNX Runtime computes them as
they stand in the file. Every operation is given what ONNX Runtime's operator was, and its result
compared with that operator's:

- QLinearConv and QGemm compute in integers, and so do operators that move codes or look them up:
  nothing may differ.
- The other operators compute in float32: what is computed here in integers and rounded once may
  differ by one code, where the real result lies between two codes. So does a Conv between
  DequantizeLinear and QuantizeLinear, whose partial sums are rounded to 24 bits each. Few elements
  may.
- Softmax here has steps of 1/256, as TFLite's, which are then brought to the steps that the model
  wants: one of those, and one code.
- Folded weights (`requantization=sima`) may differ by what is proven of each operation in
  addition.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support import networks
from support import onnx_models as om
from support.comparison import Difference, differences
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

import sima_mlir
from sima_mlir.dialects import sima

FEW = 0.01
"""The share of elements that may differ where ONNX Runtime computes in float32."""

FEW_MEANS = 0.05
"""That of means of few elements, which often lie in the middle of two codes."""

INTEGER = {
    "Concat",
    "DequantizeLinear",
    "Flatten",
    "MaxPool",
    "QGemm",
    "QLinearConcat",
    "QLinearConv",
    "QuantizeLinear",
    "Reshape",
    "Resize",
    "Slice",
    "Split",
    "Transpose",
}
"""The operators of which ONNX Runtime computes every code in integers, or rounds it once."""

LEAST_SIGNAL = 30
"""How much larger, in dB, the output of a program must be than its distance from ONNX Runtime's."""

SIZES = {"resnet50": 32, "mobilenetv2": 32, "yolo": 64}

NETWORKS: dict[str, Callable[[int], onnx.ModelProto]] = {
    "resnet50": partial(networks.resnet50, width=8, classes=10),
    "mobilenetv2": partial(networks.mobilenetv2, width=0.25, classes=10),
    "yolo": partial(networks.yolo, width=8, classes=5),
}

QUANTIZED = [
    (name, form, per_channel, activations)
    for name in NETWORKS
    for form in ("QDQ", "QOperator")
    for per_channel in (False, True)
    for activations in ("int8", "uint8")
]


@pytest.fixture(autouse=True)
def _quiet_quantizer(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.ERROR)


def images(name: str, seed: int, count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [networks.image(rng, SIZES[name]) for _ in range(count)]


def imported(proto: onnx.ModelProto, folder: Path) -> tuple[sima_mlir.Context, ModuleOp]:
    onnx.save(proto, folder / "model.onnx")
    ctx = sima_mlir.make_context()
    module = sima_mlir.load(ctx, folder / "model.onnx")
    sima_mlir.verify(module)
    return ctx, module


def lowered(ctx: sima_mlir.Context, module: ModuleOp, options: str) -> ModuleOp:
    """The program with every operation lowered, or an error."""
    module = module.clone()
    sima_mlir.run_pipeline(ctx, module, f"convert-qnn-to-sima{{{options}}}")
    assert not any(op.name.startswith("qnn.") for op in module.walk())
    return module


class Graph:
    """What ONNX Runtime computes for one image, and with which operator."""

    def __init__(self, proto: onnx.ModelProto, image: np.ndarray):
        self.tensors = om.run_all(proto, {"x": image})
        self.codes = om.quantized_at_once(proto)
        self.operators = {name: node for node in proto.graph.node for name in node.output}
        self.operators |= {
            codes: self.operators[name]
            for name, codes in self.codes.items()
            if name in self.operators
        }
        self.constants = {c.name: numpy_helper.to_array(c) for c in proto.graph.initializer}

    def bound(self, name: str) -> tuple[float, float]:
        """By how many codes an element of a tensor may differ, and which share of them may."""
        node = self.operators[name]
        if node.op_type in INTEGER:
            return 0, 0
        if "GlobalAveragePool" in node.op_type:
            return 1, FEW_MEANS
        if "Softmax" not in node.op_type:
            return 1, FEW
        scale = f"{name.removesuffix('_QuantizeLinear_Output').removesuffix('_quantized')}_scale"
        return 1 + 1 / 256 / float(self.constants[scale]), 1


def check_layers(graph: Graph, found: list[Difference]) -> None:
    """Every code is compared, but for those that only get another shape or order of axes."""
    compared = {difference.tensor for difference in found}
    codes = {n for n, tensor in graph.tensors.items() if tensor.dtype in (np.int8, np.uint8)}
    left = {graph.operators[name].op_type for name in codes - compared}
    assert left <= {"Flatten", "Reshape", "Transpose"}
    operations = {difference.operation for difference in found}
    for difference in found:
        most, share = graph.bound(difference.tensor)
        at = f"{graph.operators[difference.tensor].op_type} '{difference.tensor}'"
        if allowed := proven(difference.operation, operations):
            most, share = most + allowed, 1
        assert difference.largest <= most, at
        assert np.mean(difference.error != 0) <= share, at


def proven(op: Operation, compared: Collection[Operation]) -> int:
    """How far off an operation may be, with those before it whose results are not compared."""
    certificate = op.certificate if isinstance(op, sima.RequantizingOperation) else None
    before = {operand.owner for operand in op.operands if isinstance(operand.owner, Operation)}
    own = 0 if certificate is None else certificate.max_error.value.data
    return own + sum(proven(other, compared) for other in before if other not in compared)


@pytest.mark.parametrize(("name", "form", "per_channel", "activations"), QUANTIZED)
def test_every_layer_is_as_near_to_ort_as_stated(
    name: str, form: str, per_channel: bool, activations: str, tmp_path: Path
):
    proto = om.quantize(
        NETWORKS[name](SIZES[name]),
        tmp_path,
        form=form,
        per_channel=per_channel,
        activations=activations,
        weights="int8",
        images=images(name, 1, 2),
    )
    ctx, module = imported(proto, tmp_path)
    (image,) = images(name, 2, 1)
    graph = Graph(proto, image)
    exact = lowered(ctx, module, "requantization=tflite")
    folded = lowered(ctx, module, "requantization=sima certify=true")
    for program in (module, exact, folded):
        check_layers(graph, list(differences(ctx, program, [image], graph.tensors, graph.codes)))
    source, result = (sima_mlir.interpret(ctx, program, [image])[0] for program in (module, exact))
    np.testing.assert_array_equal(result, source)
    assert signal_to_noise(result, graph.tensors[proto.graph.output[0].name]) > LEAST_SIGNAL


def signal_to_noise(result: np.ndarray, wanted: np.ndarray) -> float:
    """How much larger a signal is than its error, in dB."""
    noise = np.mean(np.square(result - wanted, dtype=np.float64))
    return float("inf") if not noise else float(10 * np.log10(np.var(wanted) / noise))


@pytest.mark.parametrize("name", NETWORKS)
def test_no_layer_of_the_networks_dies_or_explodes(name: str):
    tensors = om.run_all(NETWORKS[name](SIZES[name]), {"x": images(name, 3, 1)[0]})
    assert len(tensors) > 90
    for tensor, array in tensors.items():
        assert 0.02 < array.std() < 200, tensor
