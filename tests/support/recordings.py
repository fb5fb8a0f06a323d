"""Other people's networks with recorded inputs and outputs, beside the checkout or not there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tflite

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
MODELS = SHARED / "models"


@dataclass
class Recording:
    """A network and the tensors of some runs of it, by the tensor's name.

    Every run has the input and the output; those of small TFLite models have all tensors, that of
    a large one only the first has.
    """

    model: Path
    runs: list[dict[str, np.ndarray]]
    input: str
    output: str


def golden_of(model: Path) -> Path:
    return SHARED / f"golden/{model.stem}.npz"


def model_files() -> list[Path]:
    return sorted(path for path in MODELS.rglob("*") if path.suffix in (".tflite", ".onnx"))


def read_recording(model: Path) -> Recording:
    names, edges = tensor_names(model), edge_tensors(model)
    with np.load(golden_of(model)) as file:
        arrays = dict(file)
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


def operators_of(model: Path) -> dict[str, str]:
    """The operator that computes each tensor."""
    table = tflite.Model.GetRootAsModel(model.read_bytes(), 0)
    codes = {number: name for name, number in vars(tflite.BuiltinOperator).items()}
    graph, names, found = table.Subgraphs(0), tensor_names(model), {}
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        code = table.OperatorCodes(operator.OpcodeIndex())
        name = codes[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        found |= {names[tensor]: name for tensor in operator.OutputsAsNumpy().tolist()}
    return found
