"""Models that are damaged, or meant to do damage: a line for each fault, in little time and memory.

What is said of operators and constants is in `test_onnx`; here it is what the tool does.
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from support import onnx_models as om
from support.onnx_models import encoding, model, node

import sima_mlir
from sima_mlir import SimaError

TOOL = Path(sys.executable).parent / "sima-opt"

SECONDS = 60
MEMORY = 2**30


def network(*operators: onnx.NodeProto, **constants: np.ndarray) -> onnx.ModelProto:
    """A convolution of 1x1, or other operators, from the codes x to the codes y."""
    stated = {"w": np.ones((4, 4, 1, 1), np.int8)}
    for name in "xwy":
        stated |= encoding(name, 0.1, 0, "int8")
    ports = [("x", "int8", [1, 4, 5, 6])], [("y", "int8", None)]
    return model(operators or [conv()], *ports, stated | constants)


def conv(weight: str = "w") -> onnx.NodeProto:
    return node("QLinearConv", f"x x_s x_z {weight} w_s w_z y_s y_z", "y")


def weight_of(proto: onnx.ModelProto) -> onnx.TensorProto:
    (weight,) = (c for c in proto.graph.initializer if c.name == "w")
    return weight


def with_dims(*dims: int) -> bytes:
    proto = network()
    weight = weight_of(proto)
    del weight.dims[:]
    weight.dims.extend(dims)
    return proto.SerializeToString()


def external(location: str, length: str = "16", offset: str = "0") -> bytes:
    proto = network()
    weight = weight_of(proto)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("length", length), ("offset", offset)):
        entry = weight.external_data.add()
        entry.key, entry.value = key, value
    return proto.SerializeToString()


def dynamic_weights() -> bytes:
    proto = network(conv("v"))
    proto.graph.input.append(om.port("v", "int8", [4, 4, 1, 1]))
    return proto.SerializeToString()


def with_opset(version: int, domain: str = "") -> bytes:
    proto = network()
    proto.opset_import[0].version = version
    proto.opset_import[0].domain = domain
    return proto.SerializeToString()


def cycle() -> bytes:
    nodes = [node("Relu", "b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")]
    return network(*nodes).SerializeToString()


def claim_of_gigabytes() -> bytes:
    """A tensor whose bytes are said to be 3 GB, in the last field of the file."""
    tensor = b"\x08\x04\x10\x03\x42\x01w\x4a" + varint(3 << 30)
    graph = b"\x2a" + varint(len(tensor) + (3 << 30)) + tensor
    return network().SerializeToString() + b"\x3a" + varint(len(graph) + (3 << 30)) + graph


def varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def wide_scales(**arrays: np.ndarray) -> bytes:
    return network(**arrays).SerializeToString()


DAMAGED = "the file is no ONNX model, truncated or damaged: "
AT = "operator 'QLinearConv' at 'y': "
FOUR = np.ones(4, np.float32)

MODELS: dict[str, tuple[Callable[[], bytes], str]] = {
    "operator": (
        lambda: network(node("NonMaxSuppression", "x x", "v"), conv("v")).SerializeToString(),
        "operator 'NonMaxSuppression' is not supported (1 time, first at 'v')",
    ),
    "domain": (
        lambda: network(node("acme.Thing", "x", "v"), conv("v")).SerializeToString(),
        "operator 'acme.Thing' is not supported (1 time, first at 'v')",
    ),
    "weights": (dynamic_weights, AT + "weight 'v' must be constant"),
    "activation": (
        lambda: wide_scales(x_s=FOUR, x_z=np.zeros(4, np.int8)),
        AT + "scale 'x_s' of an activation must have 1 value, got 4",
    ),
    "zero point": (
        lambda: wide_scales(w_s=FOUR, w_z=np.array([0, 1, 2, 3], np.int8)),
        AT + "'w' must have 1 zero point, got 0, 1, 2, 3",
    ),
    "missing file": (
        lambda: external("weights.bin"),
        "tensor 'w': its data is in 'weights.bin', which is no file in the model's folder",
    ),
    "parent": (
        lambda: external("../secret"),
        "tensor 'w': its data is in '../secret', which is outside the model's folder",
    ),
    "absolute": (
        lambda: external("/etc/hostname"),
        "tensor 'w': its data is in '/etc/hostname', which is outside the model's folder",
    ),
    "link": (
        lambda: external("link"),
        "tensor 'w': its data is in 'link', which is outside the model's folder",
    ),
    "folder behind a link": (
        lambda: external("up/secret"),
        "tensor 'w': its data is in 'up/secret', which is outside the model's folder",
    ),
    "no name": (
        lambda: external("a\0b"),
        "tensor 'w': its data is in 'a\\x00b', which is no file in the model's folder",
    ),
    "short file": (
        lambda: external("short", offset="4"),
        "tensor 'w': 'short' must have 20 bytes, got 3",
    ),
    "long file": (
        lambda: external("short", length=str(3 << 30)),
        "tensor 'w': data must have 16 bytes, got 3221225472",
    ),
    "truncated": (lambda: network().SerializeToString()[:-40], DAMAGED + ".*"),
    "empty": (lambda: b"", DAMAGED + "it does not say its opset"),
    "text": (lambda: b"func.func @f() {}", DAMAGED + ".*"),
    "gigabytes of bytes": (claim_of_gigabytes, DAMAGED + ".*"),
    "gigabytes of elements": (
        lambda: with_dims(65536, 65536),
        "tensor 'w': data must have 4294967296 bytes, got 16",
    ),
    "more than can be": (
        lambda: with_dims(2**62, 2**62),
        f"tensor 'w': data must have {2**124} bytes, got 16",
    ),
    "nothing of much": (
        lambda: with_dims(0, 2**62, 2**62),
        "tensor 'w': data must have 0 bytes, got 16",
    ),
    "negative": (
        lambda: with_dims(-4, -4),
        "tensor 'w': shape must be one of a tensor, got -4x-4",
    ),
    "dims": (lambda: with_dims(4, 5), "tensor 'w': data must have 20 bytes, got 16"),
    "cycle": (
        cycle,
        "tensor 'b' is used by operator 'Relu' at 'a' before it is computed: the operators are "
        "out of order or form a cycle",
    ),
    "old": (lambda: with_opset(9), r"opset must be in 13..\d+, got 9"),
    "future": (lambda: with_opset(2**40), rf"opset must be in 13..\d+, got {2**40}"),
    "no opset": (lambda: with_opset(17, "acme"), DAMAGED + "it does not say its opset"),
}

PATTERNS = {"truncated", "text", "gigabytes of bytes", "old", "future"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for a model, with links that lead out of it and a file beside it."""
    (tmp_path / "secret").write_bytes(bytes(16))
    (folder := tmp_path / "model").mkdir()
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to(tmp_path)
    (folder / "short").write_bytes(bytes(3))
    return folder


def fits(name: str, said: str) -> bool:
    wanted = MODELS[name][1]
    return bool(re.fullmatch(wanted, said)) if name in PATTERNS else said == wanted


@pytest.mark.parametrize("name", MODELS)
def test_bad_model_is_refused_with_a_line(name: str, folder: Path):
    (path := folder / "m.onnx").write_bytes(MODELS[name][0]())
    with pytest.raises(SimaError) as error:
        sima_mlir.load(sima_mlir.make_context(), path)
    (diagnostic,) = error.value.diagnostics
    assert diagnostic.severity == "error"
    assert fits(name, diagnostic.message), diagnostic.message
    assert str(diagnostic).startswith(f"{path}:")


def limited(arguments: Sequence[str], data: bytes | None, folder: Path) -> tuple[int, str, str]:
    """What the tool returns and prints, with little memory and time."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    done = subprocess.run(
        [TOOL, *arguments],
        input=data or b"",
        capture_output=True,
        cwd=folder,
        preexec_fn=limit,
        env={"OPENBLAS_NUM_THREADS": "1"},
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize(
    "name",
    ["weights", "missing file", "link", "truncated", "gigabytes of bytes", "gigabytes of elements"],
)
def test_tool_refuses_bad_model_in_little_memory(name: str, folder: Path):
    (folder / "m.onnx").write_bytes(MODELS[name][0]())
    code, out, err = limited(["m.onnx"], None, folder)
    assert (code, out) == (1, "")
    place, said = err.removesuffix("\n").split(" error: ")
    assert place == "m.onnx:"
    assert fits(name, said)


@pytest.mark.parametrize("name", ["weights", "truncated", "gigabytes of bytes", "cycle"])
def test_tool_refuses_bad_model_from_stdin(name: str, folder: Path):
    code, out, err = limited(["-f", "onnx"], MODELS[name][0](), folder)
    assert (code, out) == (1, "")
    place, said = err.removesuffix("\n").split(" error: ")
    assert place == "<stdin>:"
    assert fits(name, said)


def test_model_from_stdin_has_no_folder(folder: Path):
    code, _, err = limited(["-f", "onnx"], external("short"), folder)
    assert (code, err.count("\n")) == (1, 1)
    assert err.endswith("its data is in 'short', and the model has no folder\n")


def broadcasts(count: int) -> onnx.ModelProto:
    """Sums with a number of a tensor that is large, in a file that is small."""
    names = ["x", *(f"t{index}" for index in range(count - 1)), "y"]
    nodes = [
        node("com.microsoft.QLinearAdd", f"{a} x_s x_z one x_s x_z x_s x_z", b)
        for a, b in pairwise(names)
    ]
    proto = network(*nodes, one=np.ones((), np.int8))
    proto.graph.input[0].CopyFrom(om.port("x", "int8", [1, 64, 256, 1024]))
    return proto


def deep(count: int) -> onnx.ModelProto:
    """Operators each of which adds axes."""
    names = ["x", *(f"t{index}" for index in range(count))]
    nodes = [node("Unsqueeze", f"{a} axes", b) for a, b in pairwise(names)]
    return network(*nodes, conv(), axes=np.arange(60))


def many(count: int) -> onnx.ModelProto:
    """As many inputs as operators, which are all wrong."""
    nodes = [node("QLinearConv", f"x{i} x_s x_z q w_s w_z y_s y_z", f"y{i}") for i in range(count)]
    proto = network(*nodes, conv())
    proto.graph.input.extend(om.port(f"x{i}", "int8", [1, 4, 5, 6]) for i in range(count))
    proto.graph.input.append(om.port("q", "int8", [4, 4, 1, 1]))
    return proto


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: broadcasts(2000),
            "operator 'com.microsoft.QLinearAdd' at 't4': constants can be broadcast to at most "
            "67108864 elements, got 83886080",
        ),
        (
            lambda: deep(3000),
            "operator 'Unsqueeze' at 't1': shape must have at most 64 axes, got 124",
        ),
        (lambda: many(5_000), "operator 'QLinearConv' at 'y0': weight 'q' must be constant"),
    ],
)
def test_small_file_takes_little_time_and_memory(
    make: Callable[[], onnx.ModelProto], said: str, folder: Path
):
    (folder / "m.onnx").write_bytes(make().SerializeToString())
    code, out, err = limited(["m.onnx"], None, folder)
    assert (code, out) == (1, "")
    assert f"m.onnx: error: {said}" in err.splitlines()
