"""Large tensors that are taken out of a file before it is parsed, judged by the package `onnx`."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from support.onnx_models import model, node

from sima_mlir.frontends import ModelError
from sima_mlir.frontends.onnx_file import read_graph
from sima_mlir.frontends.onnx_wire import outlined

LARGE = 1 << 14


def network(sizes: list[int], *, seed: int = 0) -> onnx.ModelProto:
    """A model with tensors of some sizes, and some without bytes."""
    rng = np.random.default_rng(seed)
    constants = {f"c{i}": rng.integers(-128, 128, n, np.int8) for i, n in enumerate(sizes)}
    proto = model([node("Relu", "x", "y")], [("x", "int8", [4])], [("y", "int8", [4])], constants)
    listed = onnx.helper.make_tensor("listed", onnx.TensorProto.INT64, [3], [1, -2, 300])
    proto.graph.initializer.insert(int(rng.integers(len(sizes) + 1)), listed)
    proto.metadata_props.add(key="a", value="b" * 200)
    return proto


def arrays(proto: onnx.ModelProto) -> dict[str, list[int]]:
    return {c.name: numpy_helper.to_array(c).tolist() for c in proto.graph.initializer}


def read(data: bytes) -> dict[str, list[int]]:
    return {name: c.array.tolist() for name, c in read_graph(data, None).constants.items()}


@pytest.mark.parametrize(
    "sizes", [[], [5], [LARGE + 100], [3, 20_000, 0, 70_000], [LARGE * 200], [LARGE] * 30]
)
def test_tensors_are_read_as_onnx_reads_them(sizes: list[int]):
    proto = network(sizes)
    data = proto.SerializeToString()
    small, large = outlined(data)
    assert sorted(len(view) for view in large.values()) == sorted(n for n in sizes if n >= LARGE)
    assert len(small) <= len(data) - sum(len(view) for view in large.values())
    assert read(data) == arrays(proto)


def test_model_without_large_tensors_is_not_copied():
    data = network([5, 1000]).SerializeToString()
    assert outlined(data)[0] is data


def test_rest_of_the_model_is_as_it_was():
    proto = network([20_000, 7, 30_000])
    data = proto.SerializeToString()
    rest, places = onnx.load_from_string(outlined(data)[0]), outlined(data)[1]
    assert sorted(places) == [i for i, c in enumerate(proto.graph.initializer) if "c0" <= c.name
                              and len(c.raw_data) > 1000]  # fmt: skip
    for place in places:
        proto.graph.initializer[place].ClearField("raw_data")
    assert rest == proto


def test_model_in_two_parts_is_one():
    """Protobuf joins the fields of messages that are there more than once."""
    first, second = network([20_000, 3], seed=1), onnx.ModelProto()
    (second.graph.initializer.add()).CopyFrom(
        numpy_helper.from_array(np.arange(30_000, dtype=np.int32), "more")
    )
    data = first.SerializeToString() + second.SerializeToString()
    joined = onnx.load_from_string(data)
    assert len(joined.graph.initializer) == 4
    assert len(outlined(data)[1]) == 2
    assert read(data) == arrays(joined)


def test_last_of_two_values_counts():
    """A tensor whose bytes are there twice is left to protobuf, which takes the last."""
    proto = network([20_000])
    (tensor,) = (c for c in proto.graph.initializer if c.name == "c0")
    other = bytes(20_000)
    twice = tensor.SerializeToString() + b"\x4a" + b"\xa0\x9c\x01" + other
    graph = b"\x2a" + length(len(twice)) + twice
    del proto.graph.initializer[:]
    data = proto.SerializeToString() + b"\x3a" + length(len(graph)) + graph
    assert outlined(data) == (data, {})
    assert read(data) == {"c0": [0] * 20_000}


def length(size: int) -> bytes:
    parts = []
    while size > 127:
        parts.append(size & 127 | 128)
        size >>= 7
    return bytes([*parts, size])


def test_damaged_model_is_read_or_refused_as_onnx_does():
    data, rng = network([20_000, 5, 17_000]).SerializeToString(), np.random.default_rng(0)
    inside = [(data.index(bytes(view[:50])), len(view)) for view in outlined(data)[1].values()]
    outcomes = {True: 0, False: 0}
    for _ in range(3000):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data) - sum(n for _, n in inside), rng.choice([1, 1, 3])):
            for start, size in sorted(inside):
                place += size if place >= start else 0
            damaged[place] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
        if rng.random() < 0.1:
            del damaged[rng.integers(len(damaged)) :]
        outcomes[agree(bytes(damaged))] += 1
    assert min(outcomes.values()) > 100


def agree(data: bytes) -> bool:
    """Whether both can read a model, or neither; what both read has to be the same."""
    small, large = outlined(data)
    try:
        wanted = onnx.load_from_string(data)
    except (DecodeError, ValueError):
        with pytest.raises((DecodeError, ValueError)):
            onnx.load_from_string(small)
        return False
    given = onnx.load_from_string(small)
    for place, view in large.items():
        given.graph.initializer[place].raw_data = bytes(view)
    assert given.SerializeToString(deterministic=True) == wanted.SerializeToString(
        deterministic=True
    )
    return True


def test_truncated_model_is_refused():
    data = network([20_000]).SerializeToString()
    for size in [*range(0, 200), *range(200, len(data), 997)]:
        with pytest.raises(ModelError):
            read(data[:size])
