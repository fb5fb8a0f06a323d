"""Quantize the digit classifier that `train.py` trains with ONNX Runtime instead of TFLite.

Install the requirements first::

    pip install tensorflow-cpu scikit-learn onnx onnxruntime

Then ``python quantize_onnx.py`` trains the network anew, with the same seeds, and re-creates, next
to this script, ``digits_qdq.onnx``: the network in QDQ form, with the training images as
calibration. It prints the accuracy of the float network and of the quantized one, in ONNX Runtime,
on the test images.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from train import SEED, build_model, load_data, train

HERE = Path(__file__).resolve().parent
MODEL_FILE = HERE / "digits_qdq.onnx"

OPSET = 17


class Exporter:
    """Operators and weights of a float ONNX model so far, with the channels first."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, code: str, name: str, *inputs: str, **attributes: object) -> str:
        """Append an operator and return the name of what it computes."""
        self.nodes.append(helper.make_node(code, inputs, [name], **attributes))
        return name

    def constant(self, name: str, array: np.ndarray) -> str:
        """Append weights and return their name."""
        self.constants.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    def conv(
        self, name: str, data: str, kernel: tf.keras.layers.Layer, norm: tf.keras.layers.Layer
    ) -> str:
        """Append a convolution with the batch normalization after it as scale and bias."""
        gamma, beta, mean, variance = (array.astype(np.float64) for array in norm.get_weights())
        scale = gamma / np.sqrt(variance + norm.epsilon)
        (weight,) = kernel.get_weights()
        depthwise = isinstance(kernel, tf.keras.layers.DepthwiseConv2D)
        weight = weight.transpose(2, 3, 0, 1) if depthwise else weight.transpose(3, 2, 0, 1)
        return self.add(
            "Conv",
            name,
            data,
            self.constant(f"{name}_weight", weight * scale.reshape(-1, 1, 1, 1)),
            self.constant(f"{name}_bias", beta - mean * scale),
            group=len(weight) if depthwise else 1,
            kernel_shape=list(weight.shape[2:]),
            pads=[weight.shape[2] // 2] * 4,
        )

    def conv_relu(
        self, name: str, data: str, kernel: tf.keras.layers.Layer, norm: tf.keras.layers.Layer
    ) -> str:
        """Append a normalized convolution and a relu."""
        return self.add("Relu", name, self.conv(f"{name}_conv", data, kernel, norm))


def export(model: tf.keras.Model) -> onnx.ModelProto:
    """Return the network as a float ONNX model with a fixed batch size of one."""
    layers, net = tf.keras.layers, Exporter()
    convolutions = layers.Conv2D, layers.DepthwiseConv2D
    kernels = [layer for layer in model.layers if isinstance(layer, convolutions)]
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    dense = next(layer for layer in model.layers if isinstance(layer, layers.Dense))
    (first, depthwise, pointwise, last), window = (
        kernels,
        {"kernel_shape": [2, 2], "strides": [2, 2]},
    )

    stem = net.conv_relu("stem", "image", first, norms[0])
    x = net.conv_relu("depthwise", stem, depthwise, norms[1])
    x = net.conv("pointwise", x, pointwise, norms[2])
    x = net.add("Relu", "residual", net.add("Add", "sum", stem, x))
    x = net.add("MaxPool", "pooled", x, **window)
    x = net.conv_relu("last", x, last, norms[3])
    x = net.add("AveragePool", "averaged", x, **window)
    # Keras flattens with the channels last, and so are the rows of the dense layer's weights.
    x = net.add("Transpose", "channels_last", x, perm=[0, 2, 3, 1])
    x = net.add("Flatten", "flat", x)
    weight, bias = dense.get_weights()
    rows = net.constant("dense_weight", weight.T)
    x = net.add("Gemm", "logits", x, rows, net.constant("dense_bias", bias), transB=1)
    net.add("Softmax", "scores", x, axis=-1)

    graph = helper.make_graph(
        net.nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 10])],
        net.constants,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    result = helper.make_model(graph, producer_name="sima-mlir", opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(result, full_check=True)
    return result


def channels_first(images: np.ndarray) -> list[np.ndarray]:
    """Return images one by one, as the ONNX model takes them."""
    return [image.transpose(2, 0, 1)[np.newaxis] for image in images]


class Calibration(CalibrationDataReader):
    """The images whose activations say what the scales are."""

    def __init__(self, images: np.ndarray) -> None:
        self.images: Iterator[np.ndarray] = iter(channels_first(images))

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next image, or nothing after the last."""
        image = next(self.images, None)
        return None if image is None else {"image": image}


def predict(model: bytes, images: np.ndarray) -> np.ndarray:
    """Return the class that ONNX Runtime predicts for each image."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    scores = [session.run(None, {"image": image})[0] for image in channels_first(images)]
    return np.concatenate(scores).argmax(axis=1)


def main() -> None:
    """Train, quantize, evaluate and write the file."""
    tf.keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    train_images, test_images, train_labels, test_labels = load_data()
    model = build_model()
    train(model, train_images, train_labels)

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "digits.onnx"
        onnx.save(export(model), source)
        quantize_static(
            source,
            MODEL_FILE,
            Calibration(train_images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
        )
        float_classes = predict(source.read_bytes(), test_images)
    keras_classes = model.predict(test_images, verbose=0).argmax(axis=1)
    print(f"float accuracy in Keras:        {np.mean(keras_classes == test_labels):.4f}")
    print(f"float accuracy in ONNX Runtime: {np.mean(float_classes == test_labels):.4f}")
    quantized = predict(MODEL_FILE.read_bytes(), test_images)
    print(f"int8 accuracy in ONNX Runtime:  {np.mean(quantized == test_labels):.4f}")


if __name__ == "__main__":
    main()
