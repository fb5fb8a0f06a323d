"""Writes docs/models.md: how much of each network is lowered, and how exactly.

Usage: python bench/models.py [--print]

The networks are those of ../shared/models, if that is there, the digits example, and ResNet-50,
MobileNetV2 and a detector in full size, from random weights, which `onnxruntime.quantization`
quantizes here. Each is lowered by `qnn-to-sima-pipeline` with `partial=true` in both modes and run
over the recorded inputs, or two random images. With --print the page goes to stdout.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from rich.console import Console
from rich.progress import track
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

import sima_mlir
from sima_mlir.dialects.elements import Array
from sima_mlir.dialects.sima import DequantizeOp

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support import networks  # noqa: E402
from support import onnx_models as om  # noqa: E402
from support.comparison import Difference, differences  # noqa: E402
from support.litert import run_all  # noqa: E402
from support.recordings import (  # noqa: E402
    golden_of,
    model_files,
    operators_of,
    read_recording,
    subgraph,
    tensor_names,
)

PAGE = ROOT / "docs/models.md"

MODES = {"exact": "tflite", "folded": "sima"}
"""The names of the two ways of requantization in the tables."""


class Run(NamedTuple):
    """Inputs, every tensor that is recorded, by its name, and the output."""

    inputs: Sequence[Array]
    tensors: Mapping[str, Array]
    output: Array


@dataclass
class Case:
    """A network and some runs of it elsewhere."""

    name: str
    file: Path
    runs: list[Run]
    executor: str
    size: int
    """How many operators it has."""
    operators: Mapping[str, str]
    """The operator that computes each tensor."""
    codes: Mapping[str, str] = field(default_factory=dict[str, str])

    def operator(self, tensor: str) -> str:
        """Returns the operator that computes a tensor, or the numbers that are quantized to it."""
        sources = {codes: name for name, codes in self.codes.items() if name in self.operators}
        return self.operators[sources.get(tensor, tensor)]


class Layer(NamedTuple):
    """How far an operation that was given what was recorded is off, in codes."""

    operator: str
    largest: float
    differing: int
    elements: int

    @staticmethod
    def of(case: Case, difference: Difference) -> Layer:
        """Measures a difference."""
        error, operator = difference.error, case.operator(difference.tensor)
        return Layer(operator, difference.largest, int(np.count_nonzero(error)), error.size)


class Outcome(NamedTuple):
    """What became of a network in one mode."""

    lowered: int
    host: dict[str, list[str]]
    """The operations that stay on the host, each with its reasons."""
    layers: list[Layer]
    errors: Array
    """How far each element of the outputs is off, in codes."""
    agreement: str
    """In how many of the runs the largest element is the same."""


def tflite_case(name: str, file: Path) -> Case:
    """Returns a network with its recorded runs."""
    recording = read_recording(file)
    runs = [Run([run[recording.input]], run, run[recording.output]) for run in recording.runs]
    return Case(name, file, runs, "LiteRT", subgraph(file).OperatorsLength(), operators_of(file))


def digits_case(file: Path, images: Array) -> Case:
    """Returns the digits example with some of its images."""
    recorded = [run_all(file.read_bytes(), [image[None]]) for image in images]
    names, output = tensor_names(file), subgraph(file).Outputs(0)
    runs = [
        Run([image[None]], {names[index]: array for index, array in run.items()}, run[output])
        for image, run in zip(images, recorded, strict=True)
    ]
    return Case(
        f"examples/{file.name}",
        file,
        runs,
        "LiteRT",
        subgraph(file).OperatorsLength(),
        operators_of(file),
    )


def onnx_case(name: str, file: Path, images: Sequence[Array], outputs: Sequence[Array]) -> Case:
    """Returns a network with what ONNX Runtime computes; outputs that are recorded are kept."""
    proto = onnx.load(file)
    source, target = proto.graph.input[0].name, proto.graph.output[0].name
    recorded = [om.run_all(proto, {source: image}) for image in images]
    ends = outputs or [tensors[target] for tensors in recorded]
    runs = [Run([x], t, y) for x, t, y in zip(images, recorded, ends, strict=True)]
    operators = {tensor: node.op_type for node in proto.graph.node for tensor in node.output}
    form = "QOperator" if "QLinearConv" in operators.values() else "QDQ"
    executor = f"ONNX Runtime, {form}"
    size, codes = len(proto.graph.node), om.quantized_at_once(proto)
    return Case(name, file, runs, executor, size, operators, codes)


def shared_cases() -> Iterator[Callable[[], Case]]:
    """Yields the networks of others."""
    for file in model_files():
        name = str(file.relative_to(file.parents[1]))
        if file.suffix == ".tflite":
            yield partial(tflite_case, name, file)
            continue
        with np.load(golden_of(file)) as golden:
            images, outputs = ([golden[f"s{s}/{end}0"] for s in range(4)] for end in ("in", "out"))
        yield partial(onnx_case, name, file, images, outputs)


def example_cases() -> Iterator[Callable[[], Case]]:
    """Yields the digits example in both forms, with ten images."""
    folder = ROOT / "examples/digits"
    with np.load(folder / "digits_test.npz") as test:
        codes = test["in0"][:10]
    yield partial(digits_case, folder / "digits_int8.tflite", codes)
    pixels = (codes.astype(np.float32) + 128).transpose(0, 3, 1, 2) / 255
    file = folder / "digits_qdq.onnx"
    yield partial(onnx_case, f"examples/{file.name}", file, [image[None] for image in pixels], [])


FULL_SIZE = {
    "resnet50": (networks.resnet50, 224),
    "mobilenetv2": (networks.mobilenetv2, 224),
    "yolo": (networks.yolo, 320),
}

FORMS = [
    (form, granularity, codes)
    for form in ("QDQ", "QOperator")
    for granularity, codes in (("per tensor", "uint8"), ("per channel", "int8"))
]


def random_cases(folder: Path) -> Iterator[Callable[[], Case]]:
    """Yields networks of random weights, quantized."""
    for name, (build, size) in FULL_SIZE.items():
        for form in FORMS:
            yield partial(random_case, folder, name, build(size), size, *form)


def random_case(
    folder: Path,
    name: str,
    proto: onnx.ModelProto,
    size: int,
    form: str,
    granularity: str,
    codes: str,
) -> Case:
    """Returns a network, quantized, over two images; two others calibrate it."""
    rng = np.random.default_rng(1)
    images = [networks.image(rng, size) for _ in range(4)]
    quantized = om.quantize(
        proto,
        folder,
        form=form,
        per_channel=granularity == "per channel",
        activations=codes,
        weights="int8",
        images=images[:2],
    )
    file = folder / "model.onnx"
    onnx.save(quantized, file)
    return onnx_case(f"{name}, {form}, {granularity}, {codes}", file, images[2:], [])


def outcome(case: Case, mode: str) -> Outcome:
    """Lowers a network and runs it, each operation alone and all together."""
    ctx = sima_mlir.make_context()
    module = sima_mlir.load(ctx, case.file)
    pipeline = f"qnn-to-sima-pipeline{{requantization={mode} partial=true}}"
    remarks = sima_mlir.run_pipeline(ctx, module, pipeline)
    lowered = sum(op.dialect_name() == "sima" for op in main_of(module).body.block.ops)
    layers, errors, same = [], [], 0
    all_tensors = max(len(run.tensors) for run in case.runs)
    for run in case.runs:
        if len(run.tensors) == all_tensors:
            found = differences(ctx, module, run.inputs, run.tensors, case.codes)
            layers += [Layer.of(case, layer) for layer in found if layer.error.dtype.kind == "i"]
        (result,) = sima_mlir.interpret(ctx, module, run.inputs)
        errors.append((result.astype(np.float64) - run.output).ravel() / output_scale(module))
        same += int(result.argmax() == run.output.argmax())
    agreement = f"{same} of {len(case.runs)}"
    return Outcome(lowered, left(remarks), layers, np.abs(np.concatenate(errors)), agreement)


def main_of(module: ModuleOp) -> FuncOp:
    """Returns the function that computes the network."""
    return next(op for op in module.ops if isinstance(op, FuncOp))


def left(remarks: Sequence[sima_mlir.Remark]) -> dict[str, list[str]]:
    """Returns the operations that stay on the host, each with the reasons that the pass gave."""
    found: dict[str, list[str]] = {}
    for remark in remarks:
        if "op left in qnn: " in remark.message:
            found.setdefault(remark.operation, []).append(str(remark.details["reason"]))
    return found


def output_scale(module: ModuleOp) -> float:
    """Returns how much a code of the output is in the units that it has."""
    producer = main_of(module).body.block.last_op.operands[0].owner
    return producer.scale.value.data if isinstance(producer, DequantizeOp) else 1.0


NETWORKS = ["network", "operators", "lowered", "on the host"] + [
    f"{name}: {what}" for name in MODES for what in ("layers", "output", "same class")
]
OPERATORS = ["executor", "operator", "codes", "differing", "worst"]


class Measured(NamedTuple):
    """The networks that were run, the rows of their table, and what stays on the host."""

    rows: list[list[str]]
    hosts: dict[str, dict[str, list[str]]]
    layers: list[tuple[str, Layer]]
    """Every layer where nothing is folded, with the executor that it is compared with."""


def row(case: Case, outcomes: Sequence[Outcome]) -> list[str]:
    """Returns the cells of a network."""
    first = outcomes[0]
    host = sum(map(len, first.host.values()))
    cells = [case.name, str(case.size), str(first.lowered), str(host)]
    for found in outcomes:
        differing = sum(layer.differing for layer in found.layers)
        elements = sum(layer.elements for layer in found.layers)
        cells.append(f"{max(layer.largest for layer in found.layers):.0f}")
        cells[-1] += f" ({share(differing, elements)})"
        cells += [f"{found.errors.max():.0f} ({found.errors.mean():.2g})", found.agreement]
    return cells


def share(part: int, whole: int) -> str:
    """Returns a share in percent, which is 0 for nothing only."""
    if not part:
        return "0"
    return f"{part / whole:.2%}" if part / whole >= 5e-5 else "<0.01%"


def operator_rows(layers: Sequence[tuple[str, Layer]]) -> list[list[str]]:
    """Returns a row for each operator of each executor."""
    found: dict[tuple[str, str], list[Layer]] = {}
    for executor, layer in layers:
        found.setdefault((executor, layer.operator), []).append(layer)
    return [
        [
            *key,
            str(sum(layer.elements for layer in group)),
            str(sum(layer.differing for layer in group)),
            f"{max(layer.largest for layer in group):.0f}",
        ]
        for key, group in sorted(found.items())
    ]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table in Markdown."""
    padded = [[*cells, *[""] * (len(head) - len(cells))] for cells in rows]
    lines = [head, ["---"] * len(head), *padded]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


PAGE_TEXT = """# Networks

How much of real networks is lowered, and how exactly. `python bench/models.py` writes this page.

Each network is lowered by `qnn-to-sima-pipeline{{partial=true}}`, once *exact*
(`requantization=tflite`) and once *folded* (`requantization=sima`), and compared with LiteRT
{litert}'s reference kernels or with ONNX Runtime {onnxruntime}, whose operators compute as they
stand in the file. All differences are in codes.

- *layers*: every operation is given what the other executor's was given; the largest difference of
  any result (and the share of all codes that differ).
- *output*: the whole network; the largest difference (and the mean one).
- *same class*: in how many of the runs the largest element of the output is the same.

## Files

The digits example, and networks of others with recorded inputs: half of them are white noise, half
low-frequency noise, so that *same class* is about numbers and not about accuracy.

{files}
{host}
## Random weights

ResNet-50 and MobileNetV2 at 224 x 224 and a detector in the manner of YOLOv8 at 320 x 320, built by
`tests/support/networks.py`, quantized by `onnxruntime.quantization` and run over two images. A
network that nobody trained has no margins: that all of its layers are folded shows in the output
more than in a trained one. An element of the detector's output is a coordinate or a score, with one
scale for both; *same class* is the largest coordinate.

{random}
## Operators

All layers of the networks above where nothing is folded. Nothing may differ where LiteRT or ONNX
Runtime compute in integers (QLinearConv, QGemm), or move codes. Where ONNX Runtime computes in
float32, as it does a Conv between DequantizeLinear and QuantizeLinear, what is computed here in
integers and rounded once may differ by a code, where the real result lies between two. A Softmax
has TFLite's steps of 1/256 here, which are then brought to the steps that the model wants.

{operators}"""


def host_text(hosts: Mapping[str, Mapping[str, Sequence[str]]]) -> str:
    """Returns what stays on the host of each network, and why."""
    lines = [
        f"- {name}: {len(reasons)} x `{operation}`, {reasons[0]}\n"
        for name, host in hosts.items()
        for operation, reasons in host.items()
    ]
    first = "On the host stay, with the reason for the first of each:\n\n"
    return first + "".join(lines) if lines else "Nothing stays on the host.\n"


def measured(makers: Sequence[Callable[[], Case]]) -> Measured:
    """Lowers and runs networks."""
    found = Measured([], {}, [])
    for make in track(makers, "networks", console=Console(stderr=True)):
        case = make()
        try:
            outcomes = [outcome(case, mode) for mode in MODES.values()]
        except sima_mlir.SimaError as error:
            reason = error.diagnostics[0].message
            found.rows.append([case.name, str(case.size), f"refused: {reason}"])
            continue
        found.rows.append(row(case, outcomes))
        found.hosts[case.name] = outcomes[0].host
        found.layers.extend((case.executor, layer) for layer in outcomes[0].layers)
    return found


def main() -> None:
    """Writes the page."""
    logging.disable(logging.WARNING)
    files = measured([*example_cases(), *shared_cases()])
    with tempfile.TemporaryDirectory() as folder:
        random = measured(list(random_cases(Path(folder))))
    page = PAGE_TEXT.format(
        litert=version("ai-edge-litert"),
        onnxruntime=version("onnxruntime"),
        files=table(NETWORKS, files.rows),
        host=host_text(files.hosts),
        random=table(NETWORKS, random.rows),
        operators=table(OPERATORS, operator_rows(files.layers + random.layers)),
    )
    if "--print" in sys.argv:
        print(page, end="")
    else:
        PAGE.write_text(page)


if __name__ == "__main__":
    main()
