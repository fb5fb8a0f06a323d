"""What layers see, which inputs are made up, and what is said of inputs that are no good."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.layers import Layer, only
from xdsl.context import Context
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

import sima_mlir
from sima_mlir.dialects import qnn
from sima_mlir.passes.calibration import PATCHES, POSITIONS, observe, read_inputs, synthetic_inputs
from sima_mlir.quantization import Rounding

DENSE = """
func.func @main(%x: tensor<2x3xi8>) -> tensor<2x1xi8> {
  %w = arith.constant dense<[[40, -30, 7]]> : tensor<1x3xi8>
  %0 = qnn.dense %x, %w : (tensor<2x3xi8>, tensor<1x3xi8>) -> tensor<2x1xi32>
  %1 = qnn.requantize %0 input_q = <scale = 0.0117> output_q = <scale = 1.0>
    : (tensor<2x1xi32>) -> tensor<2x1xi8>
  func.return %1 : tensor<2x1xi8>
}
"""
PASS = "convert-qnn-to-sima"


def make_layer(data: np.ndarray, weight: np.ndarray, window: dict[str, list[int]] | None) -> Layer:
    return Layer(data, weight, None, np.array([0.01]), 1.0, -3, 4, Rounding.UPWARD, window)


def seen(layer: Layer, *runs: np.ndarray) -> np.ndarray:
    module = layer.module()
    main = only(module, FuncOp)
    (patches,) = observe(Context(), main, module, [[run] for run in runs or (layer.data,)]).values()
    return patches


def brute_force(layer: Layer) -> list[list[list[int]]]:
    """Each window of the padded data, cut out on its own: (N, K, groups) in lists."""
    window, (*kernel, inputs, groups, _) = layer.window, layer.weight.shape
    rank = len(kernel)
    before, after = window["padding"][:rank], window["padding"][rank:]
    widths = [(0, 0), *zip(before, after, strict=True), (0, 0)]
    centred = np.pad(layer.data.astype(int) - layer.zero_point, widths)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, window["dilations"], strict=True)]
    counts = [
        (size - r) // s + 1
        for size, r, s in zip(centred.shape[1:], reach, window["strides"], strict=False)
    ]
    found: list[list[list[int]]] = []
    for sample in centred:
        for place in np.ndindex(*counts):
            corner = [p * s for p, s in zip(place, window["strides"], strict=True)]
            patch = sample[
                tuple(
                    slice(c, c + r, d)
                    for c, r, d in zip(corner, reach, window["dilations"], strict=True)
                )
            ]
            found.append(
                [
                    [patch[tap][g * inputs + i] for g in range(groups)]
                    for tap in np.ndindex(*kernel)
                    for i in range(inputs)
                ]
            )
    return found


@st.composite
def convolutions(draw: st.DrawFn) -> Layer:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rank, groups, inputs, outputs = (draw(st.integers(1, 3)) for _ in range(4))
    kernel = [draw(st.integers(1, 3)) for _ in range(rank)]
    window = {
        "strides": [draw(st.integers(1, 3)) for _ in range(rank)],
        "padding": [draw(st.integers(0, 2)) for _ in range(2 * rank)],
        "dilations": [draw(st.integers(1, 2)) for _ in range(rank)],
    }
    shape = (draw(st.integers(1, 2)), *(draw(st.integers(5, 6)) for _ in range(rank)))
    data = rng.integers(-128, 128, (*shape, groups * inputs), dtype=np.int8)
    weight = rng.integers(-128, 128, (*kernel, inputs, groups, outputs), dtype=np.int8)
    return make_layer(data, weight, window)


@settings(max_examples=100, deadline=None)
@given(convolutions())
def test_patches_are_the_windows_of_the_padded_data(layer: Layer):
    wanted, found = brute_force(layer), seen(layer).tolist()
    if len(wanted) <= POSITIONS:
        assert found == wanted
        return
    assert len(found) == POSITIONS
    place = 0
    for patch in found:
        place = wanted.index(patch, place) + 1


def test_patches_of_a_dense_operator_are_rows_of_all_runs():
    rng = np.random.default_rng(0)
    first, second = rng.integers(-128, 128, (2, 5, 7), dtype=np.int8)
    layer = make_layer(first, rng.integers(-128, 128, (3, 7), dtype=np.int8), None)
    found = seen(layer, first, second)
    assert found.shape == (10, 7, 1)
    assert found[..., 0].tolist() == (np.concatenate([first, second]).astype(int) + 3).tolist()


def test_many_runs_take_no_more_memory():
    layer = make_layer(np.zeros((64, 2), np.int8), np.ones((1, 2), np.int8), None)
    runs = [np.full((64, 2), code, np.int8) for code in range(-128, 128)]
    found = seen(layer, *runs)
    assert len(found) == PATCHES == 256 * 32
    codes, counts = np.unique(found, return_counts=True)
    assert (codes - 3).tolist() == list(range(-128, 128))
    assert set(counts) == {2 * 32}


def test_the_same_runs_give_the_same_patches():
    rng = np.random.default_rng(0)
    data = rng.integers(-128, 128, (2, 40, 40, 3), dtype=np.int8)
    window = {"strides": [1, 1], "padding": [1, 1, 1, 1], "dilations": [1, 1]}
    weight = np.ones((3, 3, 3, 1, 2), np.int8)
    first, second = (seen(make_layer(data, weight, window)) for _ in range(2))
    assert len(first) == POSITIONS
    assert np.array_equal(first, second)


def function_of(*types: str, body: str = "") -> FuncOp:
    arguments = ", ".join(f"%a{n}: {t}" for n, t in enumerate(types))
    text = f"func.func @main({arguments}) {{\n{body}\nfunc.return\n}}"
    return only(sima_mlir.parse(sima_mlir.make_context(), text, "types.mlir"), FuncOp)


@pytest.mark.parametrize(("type", "dtype"), [("i8", np.int8), ("ui8", np.uint8), ("i16", np.int16)])
def test_made_up_codes_are_spread_over_their_type(type: str, dtype: type[np.generic]):
    main = function_of(f"tensor<1x200x{type}>", f"tensor<1x48x64x3x{type}>")
    runs, again = synthetic_inputs(main), synthetic_inputs(main)
    assert runs is not None
    assert again is not None
    assert len(runs) == 8
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    for run, same in zip(runs, again, strict=True):
        assert [a.shape for a in run] == [(1, 200), (1, 48, 64, 3)]
        assert all(a.dtype == dtype for a in run)
        assert all(np.array_equal(a, b) for a, b in zip(run, same, strict=True))
    for number in range(2):
        values = np.concatenate([run[number].ravel() for run in runs]).astype(float)
        assert values.min() < low + (high - low) * 0.1
        assert values.max() > high - (high - low) * 0.1
        assert abs(values.mean() - (low + high) / 2) < (high - low) * 0.05
    assert not np.array_equal(runs[0][0], runs[1][0])


def neighbours(image: np.ndarray, axis: int) -> float:
    """The mean step from one place to the next, as a part of that of white noise."""
    values = image.astype(float)
    return float(np.abs(np.diff(values, axis=axis)).mean() / (256 / 3))


def test_only_images_are_smooth():
    main = function_of("tensor<1x48x64x3xi8>", "tensor<1x3x48x64xi8>", "tensor<1x9x64x3xi8>")
    runs = synthetic_inputs(main)
    assert runs is not None
    channels_last, channels_first, narrow = runs[0]
    assert neighbours(channels_last, 1) < 0.2 > neighbours(channels_last, 2)
    assert neighbours(channels_last, 3) > 0.5
    assert neighbours(channels_first, 2) < 0.2 > neighbours(channels_first, 3)
    assert neighbours(channels_first, 1) > 0.5
    assert neighbours(narrow, 1) > 0.8 < neighbours(narrow, 2)


def test_made_up_real_numbers_are_what_codes_stand_for():
    quantize = (
        "%0 = qnn.quantize %a0 output_q = <scale = 0.02, zero_point = -100>"
        " : (tensor<1x300xf32>) -> tensor<1x300xi8>"
    )
    runs = synthetic_inputs(function_of("tensor<1x300xf32>", body=quantize))
    assert runs is not None
    values = np.concatenate([run[0] for run in runs])
    assert values.dtype == np.float32
    low, high = 0.02 * (-128 + 100), 0.02 * (127 + 100)
    assert low - 1e-6 <= values.min() < low + 0.1
    assert high - 0.1 < values.max() <= high + 1e-6


@pytest.mark.parametrize(
    "types",
    [
        ("tensor<1x3xf32>",),
        ("tensor<1x3xi8>", "tensor<1x3xi32>"),
        ("tensor<1x3xi1>",),
        ("tensor<1x3xf16>",),
        ("tensor<?x3xi8>",),
        ("tensor<*xi8>",),
        ("i8",),
    ],
)
def test_of_other_arguments_none_are_made_up(types: tuple[str, ...]):
    assert synthetic_inputs(function_of(*types)) is None


def test_a_function_without_arguments_is_run_without():
    assert synthetic_inputs(function_of())[0] == []


DIGITS = Path(__file__).parents[2] / "examples/digits/digits_int8.tflite"


def saved(folder: Path, **arrays: np.ndarray) -> str:
    np.savez(folder / "inputs.npz", **arrays)
    return str(folder / "inputs.npz")


def refused(path: str, text: str = DENSE, pass_name: str = PASS) -> str:
    """What is said of inputs for a program."""
    ctx = sima_mlir.make_context()
    module = sima_mlir.parse(ctx, text, "dense.mlir")
    pipeline = f'{pass_name}{{weight-rounding=second-moment calibration="{path}"}}'
    with pytest.raises(sima_mlir.SimaError) as caught:
        sima_mlir.run_pipeline(ctx, module, pipeline)
    message, start = caught.value.diagnostics[0].message, f"pass '{PASS}' failed: "
    assert message.startswith(start)
    return message.removeprefix(start)


def test_inputs_are_those_of_all_runs(tmp_path: Path):
    main = function_of("tensor<2x3xi8>", "tensor<1x2xf32>")
    first = np.arange(24, dtype=np.int8).reshape(8, 3)
    second = np.arange(8, dtype=np.float32).reshape(4, 2)
    runs = read_inputs(saved(tmp_path, in0=first, in1=second, other=second), main)
    assert [[a.tolist() for a in run] for run in runs] == [
        [first[2 * n : 2 * n + 2].tolist(), second[n : n + 1].tolist()] for n in range(4)
    ]
    assert read_inputs(saved(tmp_path), function_of()) == [[]]


@pytest.mark.parametrize("pass_name", [PASS, "qnn-to-sima-pipeline"])
def test_a_file_that_is_not_there(pass_name: str, tmp_path: Path):
    path = str(tmp_path / "none.npz")
    assert refused(path, pass_name=pass_name) == (
        f"calibration '{path}' cannot be read: No such file or directory"
    )


def test_files_that_are_no_archive(tmp_path: Path):
    path = tmp_path / "inputs.npz"
    for content in (b"", b"text", b"PK\x03\x04text", b"\x93NUMPY\x01\x00\x10\x00"):
        path.write_bytes(content)
        assert refused(str(path)) == f"calibration '{path}' must be an .npz"
    with path.open("wb") as file:
        np.save(file, np.zeros((2, 3), np.int8))
    assert refused(str(path)) == f"calibration '{path}' must be an .npz"


def test_archives_that_are_something_else(tmp_path: Path):
    path = tmp_path / "inputs.npz"
    start = f"calibration '{path}' cannot be read: "
    np.savez(path, in0=np.array([None], dtype=object))
    assert refused(str(path)).startswith(f"{start}Object arrays cannot be loaded")
    np.savez(path, other=np.zeros((2, 3), np.int8))
    assert refused(str(path)) == f"{start}'in0 is not a file in the archive'"
    np.savez(path, in0=np.zeros((200, 3), np.int8))
    whole = bytearray(path.read_bytes())
    whole[300] ^= 1
    path.write_bytes(whole)
    assert refused(str(path)) == f"{start}Bad CRC-32 for file 'in0.npy'"
    with ZipFile(path, "w") as archive:
        archive.writestr("in0", b"text")
    assert refused(str(path)).endswith("along the first axis, got () |S4")


@pytest.mark.parametrize(
    ("array", "given"),
    [
        (np.zeros((2, 3), np.int16), "2x3 int16"),
        (np.zeros((2, 3), np.float32), "2x3 float32"),
        (np.zeros((2, 4), np.int8), "2x4 int8"),
        (np.zeros((3, 3), np.int8), "3x3 int8"),
        (np.zeros((0, 3), np.int8), "0x3 int8"),
        (np.zeros((2, 3, 1), np.int8), "2x3x1 int8"),
    ],
)
def test_arrays_that_are_not_the_functions(array: np.ndarray, given: str, tmp_path: Path):
    path = saved(tmp_path, in0=array)
    assert refused(path) == (
        f"calibration '{path}' must have in0 of 2x3 int8, or N times as much along the first axis, "
        f"got {given}"
    )


def test_as_many_of_each(tmp_path: Path):
    text = DENSE.replace("%x: tensor<2x3xi8>", "%x: tensor<2x3xi8>, %y: tensor<1xi8>")
    path = saved(tmp_path, in0=np.zeros((4, 3), np.int8), in1=np.zeros(3, np.int8))
    assert refused(path, text) == f"calibration '{path}' has inputs for [2, 3] runs"


def test_arguments_that_are_no_arrays(tmp_path: Path):
    path = saved(tmp_path, in0=np.zeros((4, 3), np.int8), in1=np.zeros(3, np.int8))
    text = DENSE.replace("%x: tensor<2x3xi8>", "%x: tensor<2x3xi8>, %y: i8")
    assert refused(path, text) == (
        f"calibration '{path}' must be for arguments that are arrays, argument 1 is i8"
    )


def test_a_network_that_cannot_be_computed(tmp_path: Path):
    text = DENSE.replace("func.return", '"other.op"() : () -> ()\n  func.return')
    ctx = sima_mlir.make_context(allow_unregistered=True)
    path = saved(tmp_path, in0=np.zeros((4, 3), np.int8))
    module = sima_mlir.parse(ctx, text, "dense.mlir")
    pipeline = f'{PASS}{{partial=true weight-rounding=second-moment calibration="{path}"}}'
    with pytest.raises(sima_mlir.SimaError, match="the network cannot be computed: "):
        sima_mlir.run_pipeline(ctx, module, pipeline)


def test_the_command_line_says_it_without_a_traceback(tmp_path: Path):
    (tmp_path / "dense.mlir").write_text(DENSE)
    tool = Path(sys.executable).parent / "sima-opt"
    path = saved(tmp_path, in0=np.zeros((2, 3), np.int16))
    pipeline = f'{PASS}{{weight-rounding=second-moment calibration="{path}"}}'
    command = [str(tool), str(tmp_path / "dense.mlir"), "-p", pipeline]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "error: " in result.stderr
    assert f"calibration '{path}' must have in0 of 2x3 int8" in result.stderr
    assert "Traceback" not in result.stderr


def test_16_bit_codes_are_not_looked_at():
    text = DENSE.replace("%x: tensor<2x3xi8>", "%x: tensor<2x3xi16>").replace(
        "(tensor<2x3xi8>,", "(tensor<2x3xi16>,"
    )
    ctx = sima_mlir.make_context()
    module = sima_mlir.parse(ctx, text, "dense.mlir")
    found: dict[Operation, np.ndarray] = observe(
        ctx, only(module, FuncOp), module, [[np.zeros((2, 3), np.int16)]]
    )
    assert found == {}
    assert only(module, qnn.DenseOp) not in found


def test_a_network_without_end_is_remarked_on():
    text = """
    func.func @main(%x: tensor<1x4xi8>) -> tensor<1x2xi8> {
      %w = arith.constant dense<3> : tensor<2x4xi8>
      %0 = qnn.dense %x, %w : (tensor<1x4xi8>, tensor<2x4xi8>) -> tensor<1x2xi32>
      %1 = qnn.requantize %0 input_q = <scale = 0.1, zero_point = 0>
        output_q = <scale = 1.0, zero_point = 0> : (tensor<1x2xi32>) -> tensor<1x2xi8>
      %2 = func.call @main(%x) : (tensor<1x4xi8>) -> tensor<1x2xi8>
      func.return %1 : tensor<1x2xi8>
    }"""
    ctx = sima_mlir.make_context()
    module = sima_mlir.parse(ctx, text, "f.mlir")
    remarks = sima_mlir.run_pipeline(
        ctx, module, "convert-qnn-to-sima{weight-rounding=second-moment}"
    )
    assert any("the network cannot be computed: calls go too deep" in str(r) for r in remarks)


def test_each_run_and_each_layer_is_counted():
    told: list[tuple[int, int]] = []
    ctx = sima_mlir.make_context(progress=lambda done, total: told.append((done, total)))
    module = sima_mlir.load(ctx, DIGITS)
    sima_mlir.run_pipeline(ctx, module, "convert-qnn-to-sima{weight-rounding=second-moment}")
    layers = 5
    assert told == [(done, 64 + layers) for done in range(1, 64 + layers + 1)]
