"""Dilated convolutions that come as three operators, judged by LiteRT's reference kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import tflite_builder as tb
from support.litert import requires_litert, run
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter

from sima_mlir.dialects import qnn
from sima_mlir.frontends import ModelError
from sima_mlir.frontends.tflite import import_tflite
from sima_mlir.interpreters import register_implementations
from sima_mlir.passes.convert_qnn_to_sima import ConvertQnnToSimaPass

KERAS = Path(__file__).parents[3] / "shared/models/keras/small_int8.tflite"


def execute(module: ModuleOp, data: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(module)
    register_implementations(interpreter, Context())
    return interpreter.call_op("main", (data,))[0]


def convolutions(module: ModuleOp) -> list[qnn.ConvOp]:
    return [op for op in module.walk() if isinstance(op, qnn.ConvOp)]


def names(module: ModuleOp) -> set[str]:
    return {op.name for op in module.walk()}


def chain(
    *,
    size: tuple[int, int] = (9, 11),
    block: tuple[int, int] = (2, 3),
    margins: Any = ((2, 3), (3, 4)),
    crops: Any = ((0, 1), (0, 1)),
    kernel: tuple[int, int] = (3, 2),
    depthwise: bool = False,
    dtype: str = "int8",
    stride: int = 1,
    padding: str = "VALID",
    dilation: int = 1,
    last_block: tuple[int, int] | None = None,
    shown: tuple[int, ...] = (6,),
    last_q: tuple[float, int] | None = None,
    block_data: bool = True,
) -> bytes:
    """Makes a model of the three operators; all of the shapes follow from the first one's."""
    rng = np.random.default_rng(1)
    channels, outputs = 3, 3 if depthwise else 4
    zero = 0 if dtype == "int8" else 128
    x_q, y_q = (0.05, zero - 9), (0.2, zero + 3)
    parts = block[0] * block[1]
    inner = [(s + sum(m)) // b for s, m, b in zip(size, margins, block, strict=True)]
    reach = [(k - 1) * dilation if padding == "VALID" else 0 for k in kernel]
    out = [(s - r + stride - 1) // stride for s, r in zip(inner, reach, strict=True)]
    back = last_block or block
    whole = [s * b - sum(c) for s, b, c in zip(out, back, crops, strict=True)]
    shape = (1, *kernel, channels) if depthwise else (outputs, *kernel, channels)
    info = np.iinfo(dtype)
    weight = rng.integers(info.min + 1, info.max, shape).astype(dtype)
    bias = rng.integers(-500, 500, outputs).astype(np.int32)
    w_q = (0.01, 0 if dtype == "int8" else 131)

    def ints(name: str, values: Any) -> tb.Tensor:
        array = np.asarray(values, np.int32)
        return tb.Tensor(name, array.shape, "int32", data=array)

    tensors = [
        tb.Tensor("x", (1, *size, channels), dtype, *x_q),
        ints("block", block),
        ints("margins", margins),
        tb.Tensor("apart", (parts, *inner, channels), dtype, *x_q),
        tb.Tensor("weight", shape, dtype, *w_q, data=weight),
        tb.Tensor("bias", (outputs,), "int32", 0.0005, data=bias),
        tb.Tensor("y", (parts // (back[0] * back[1]), *whole, outputs), dtype, *(last_q or y_q)),
        tb.Tensor("convolved", (parts, *out, outputs), dtype, *y_q),
        ints("last block", back),
        ints("crops", crops),
    ]
    options = {"padding": padding, "stride_h": stride, "stride_w": stride}
    options |= {"dilation_h_factor": dilation, "dilation_w_factor": dilation}
    options |= {"fused_activation_function": "RELU6"}
    if depthwise:
        options["depth_multiplier"] = 1
    code = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    operators = [
        tb.Operator("SPACE_TO_BATCH_ND", [0, 1, 2], [3], version=2),
        tb.Operator(code, [3, 4, 5], [7], options, 3),
        tb.Operator("BATCH_TO_SPACE_ND", [7, 8, 9], [6], version=2),
    ]
    return tb.build_model(tensors, operators, [0], shown)


def judged(model: bytes, dtype: str = "int8") -> ModuleOp:
    """Returns the module, once it has given what LiteRT gives."""
    module = import_tflite(model)
    module.verify()
    info = np.iinfo(dtype)
    rng = np.random.default_rng(2)
    shape = module.body.block.first_op.body.block.args[0].type.get_shape()
    data = rng.integers(info.min, info.max, shape, dtype, endpoint=True)
    np.testing.assert_array_equal(execute(module, data), run(model, [data])[0], strict=True)
    return module


@requires_litert
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize(
    ("changes", "padding", "dilations"),
    [
        ({}, [2, 3, 2, 3], [2, 3]),
        ({"crops": ((2, 3), (1, 4))}, [0, 2, 0, 0], [2, 3]),
        (
            {"block": (3, 3), "margins": ((0, 0), (1, 0)), "crops": ((0, 0), (1, 0))},
            [0] * 4,
            [3, 3],
        ),
        ({"block": (1, 2), "margins": ((1, 1), (2, 3)), "dilation": 2}, [1, 2, 0, 2], [2, 4]),
    ],
)
def test_chain_folds_into_a_dilated_convolution(
    changes: dict[str, Any], padding: list[int], dilations: list[int], depthwise: bool, dtype: str
):
    module = judged(chain(**changes, depthwise=depthwise, dtype=dtype), dtype)
    (conv,) = convolutions(module)
    window = conv.conv_window()
    assert list(window.padding) == padding
    assert list(window.dilations) == dilations
    assert "qnn.transpose" not in names(module)


@requires_litert
@pytest.mark.parametrize(
    "changes",
    [
        {"stride": 2},
        {"padding": "SAME"},
        {"last_block": (3, 2)},
        {"last_block": (1, 2), "crops": ((0, 0), (1, 0))},
        {"margins": ((2, 3), (0, 1)), "crops": ((0, 1), (1, 0))},
        {"shown": (6, 3)},
        {"shown": (6, 7)},
    ],
    ids=str,
)
def test_chain_that_is_no_dilated_convolution_is_computed_as_it_is(changes: dict[str, Any]):
    module = judged(chain(**changes))
    (conv,) = convolutions(module)
    assert list(conv.conv_window().dilations) == [1, 1]
    assert "qnn.transpose" in names(module)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"last_q": (0.25, 3)},
            "operator 'BATCH_TO_SPACE_ND' at 'y': output must have quantization",
        ),
        (
            {"margins": ((2, 2), (3, 4))},
            "operator 'SPACE_TO_BATCH_ND' at 'apart': padded size must be a multiple of 2, got 13",
        ),
        (
            {"margins": ((-1, 2), (3, 4)), "crops": ((-1, 1), (0, 1))},
            "operator 'SPACE_TO_BATCH_ND' at 'apart': 'margins' must be at least 0, got -1",
        ),
        (
            {"crops": ((-2, 1), (0, 1))},
            "operator 'BATCH_TO_SPACE_ND' at 'y': 'crops' must be at least 0, got -2",
        ),
    ],
)
def test_faulty_chain_is_refused_at_the_operator_at_fault(changes: dict[str, Any], message: str):
    with pytest.raises(ModelError) as error:
        import_tflite(chain(**changes))
    assert message in str(error.value)


@requires_litert
@pytest.mark.skipif(not KERAS.exists(), reason="shared/models is not there")
def test_network_of_keras_is_lowered_whole():
    module = judged(KERAS.read_bytes())
    assert [list(c.conv_window().dilations) for c in convolutions(module)].count([2, 2]) == 1
    ConvertQnnToSimaPass(requantization="tflite").apply(Context(), module)
    assert not any(name.startswith("qnn.") for name in names(module))
