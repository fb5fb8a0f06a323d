"""TRANSPOSE_CONV of TFLite, judged by LiteRT's reference kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import layers
from support import tflite_builder as tb
from support.layers import only
from support.litert import requires_litert, run

from sima_mlir.dialects import qnn
from sima_mlir.dialects.elements import array_values
from sima_mlir.frontends import ModelError
from sima_mlir.frontends.tflite import import_tflite
from sima_mlir.quantization import Rounding

PADDINGS = pytest.mark.parametrize("padding", ["SAME", "VALID"])
STRIDES = pytest.mark.parametrize("strides", [(1, 1), (2, 2), (2, 1), (3, 4), (8, 8)])


def image(
    rng: np.random.Generator, kernel: tb.Pair, strides: tb.Pair, padding: tb.Padding
) -> tuple[list[int], tb.Pair]:
    """Sizes of data, and of one of the results that a convolution would bring to it."""
    data = rng.integers(1, 5, 2).tolist()
    rest = [int(rng.integers(0, s)) for s in strides]
    if padding == "SAME":
        height, width = (n * s - r for n, s, r in zip(data, strides, rest, strict=True))
    else:
        height, width = (
            (n - 1) * s + k + r for n, s, k, r in zip(data, strides, kernel, rest, strict=True)
        )
    return data, (height, width)


def model(
    rng: np.random.Generator, strides: tb.Pair, padding: tb.Padding, dtype: tb.QuantizedType
) -> tuple[bytes, np.ndarray]:
    (kh, kw), (inputs, outputs) = rng.integers(1, 6, 2).tolist(), rng.integers(1, 5, 2).tolist()
    data, size = image(rng, (kh, kw), strides, padding)
    info = np.iinfo(dtype)
    signed = dtype == "int8"
    x = rng.integers(info.min, info.max + 1, (2, *data, inputs), dtype)
    weight = rng.integers(-127 if signed else 0, info.max + 1, (outputs, kh, kw, inputs), dtype)
    scales = np.exp(rng.uniform(-7, -4, outputs)).astype(np.float32)
    keywords: dict[str, Any] = {
        "x_q": (float(rng.uniform(0.01, 0.1)), int(rng.integers(info.min, info.max + 1))),
        "y_q": (float(rng.uniform(0.05, 0.2)), int(rng.integers(info.min, info.max + 1))),
        "w_scales": scales if signed and rng.integers(0, 2) else float(scales[0]),
        "w_zero_point": 0 if signed else int(rng.integers(0, 256)),
        "activation": str(rng.choice(["NONE", "RELU", "RELU6"])),
    }
    bias = rng.integers(-3000, 3000, outputs).astype(np.int32) if rng.integers(0, 3) else None
    made = tb.transpose_conv(
        x.shape, weight, bias, y_hw=size, strides=strides, padding=padding, dtype=dtype, **keywords
    )
    return made, x


@requires_litert
@PADDINGS
@STRIDES
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_transpose_conv_computes_what_litert_does(
    dtype: tb.QuantizedType, strides: tb.Pair, padding: tb.Padding
):
    rng = np.random.default_rng(0)
    for _ in range(8):
        made, x = model(rng, strides, padding, dtype)
        module = import_tflite(made)
        module.verify()
        np.testing.assert_array_equal(layers.run(module, x), run(made, [x])[0])


@requires_litert
@PADDINGS
@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (4, 8)])
def test_lowered_by_multiplication_it_still_does(strides: tb.Pair, padding: tb.Padding):
    rng = np.random.default_rng(1)
    for _ in range(4):
        made, x = model(rng, strides, padding, "int8")
        lowered = layers.lower(import_tflite(made), requantization="tflite")
        np.testing.assert_array_equal(layers.run(lowered, x), run(made, [x])[0])


def small(**changed: Any) -> bytes:
    weight, bias = np.ones((2, 3, 3, 1), np.int8), np.zeros(2, np.int32)
    keywords: dict[str, Any] = {"x_q": (0.5, 3), "w_scales": [0.5, 0.25], "y_q": (0.5, -3)}
    keywords |= {"y_hw": (4, 4), "strides": (2, 2)} | changed
    return tb.transpose_conv([1, 2, 2, 1], weight, bias, **keywords)


def test_same_padding_cuts_the_odd_element_off_behind():
    conv = only(import_tflite(small()), qnn.ConvTransposeOp)
    assert array_values(conv.padding).tolist() == [0, 0, 1, 1]
    assert conv.output_padding is None
    assert conv.input_zero_point.value.data == 3


def test_what_a_valid_convolution_leaves_over_is_added():
    module = import_tflite(small(padding="VALID", y_hw=(6, 5)))
    conv = only(module, qnn.ConvTransposeOp)
    assert conv.padding is None
    assert array_values(conv.output_padding).tolist() == [1, 0]
    assert only(module, qnn.RequantizeOp).rounding.data is Rounding.TFLITE


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"y_hw": (5, 4)}, "data must have spatial size 3x2 for a result of 5x4, got 2x2"),
        (
            {"y_hw": (2, 9), "padding": "VALID"},
            "data must have spatial size 0x4 for a result of 2x9, got 2x2",
        ),
        ({"w_zero_point": 1, "w_scales": 0.5}, "zero point of weight must be 0, got 1"),
        ({"strides": (0, 2)}, "strides must be at least 1, got 0"),
    ],
)
def test_faulty_transpose_conv_is_refused(changed: dict[str, Any], message: str):
    with pytest.raises(ModelError, match=f"operator 'TRANSPOSE_CONV' at 'y': {message}$"):
        import_tflite(small(**changed))


def test_shape_that_is_computed_is_refused():
    tensors = [
        tb.Tensor("shape", [4], "int32"),
        tb.Tensor("weight", [2, 3, 3, 1], "int8", 0.5, data=np.ones((2, 3, 3, 1), np.int8)),
        tb.Tensor("x", [1, 2, 2, 1], "int8", 0.5),
        tb.Tensor("y", [1, 4, 4, 2], "int8", 0.5),
    ]
    options = {"stride_h": 2, "stride_w": 2, "padding": "SAME"}
    operator = tb.Operator("TRANSPOSE_CONV", [0, 1, 2], [3], options)
    with pytest.raises(ModelError, match="tensor 'shape' must be constant"):
        import_tflite(tb.build_model(tensors, [operator], [2], [3]))
