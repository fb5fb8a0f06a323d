"""Builds well-known networks from random weights, as float ONNX models.

Widths and image sizes can be made small for tests. Weights are drawn so that every layer gives
about as much as it takes: filters have no mean (which would add up, as no batch normalization takes
it out) and the gain that the activation before them takes, residual branches are small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx
from support import onnx_models as om

RELU_GAIN = 1.7
"""The variance of relu(x) is 1 / 1.7^2 of that of a normal x."""

SILU_GAIN = 1.8
"""That of silu(x) is 1 / 1.8^2 to 1 / 2^2, the smaller x is."""

RESIDUAL_GAIN = 0.5


class Builder:
    """Operators and weights so far; every method appends operators and returns what they compute.

    A tensor has the name of the operator's place in the list.
    """

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.channels: dict[str, int] = {"x": 3}

    def op(self, code: str, *inputs: str, channels: int | None = None, **attributes: object) -> str:
        name = f"{code.lower()}_{len(self.nodes)}"
        self.nodes.append(om.node(code, " ".join(inputs), name, **attributes))
        self.channels[name] = self.channels[inputs[0]] if channels is None else channels
        return name

    def constant(self, values: object, dtype: type = np.int64) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants[name] = np.array(values, dtype)
        return name

    def conv(
        self,
        x: str,
        channels: int,
        size: int = 1,
        stride: int = 1,
        groups: int = 1,
        gain: float = 1,
    ) -> str:
        fan_in = self.channels[x] // groups * size**2
        weight = self.rng.standard_normal((channels, self.channels[x] // groups, size, size))
        if groups == 1 and fan_in > 1:
            weight -= weight.mean(axis=(1, 2, 3), keepdims=True)
        w = self.constant(gain / math.sqrt(fan_in) * weight, np.float32)
        b = self.constant(0.1 * self.rng.standard_normal(channels), np.float32)
        pads = [(size - 1) // 2] * 4
        shape = {"kernel_shape": [size, size], "strides": [stride, stride], "pads": pads}
        return self.op("Conv", x, w, b, channels=channels, group=groups, **shape)

    def relu(self, x: str) -> str:
        return self.op("Relu", x)

    def relu6(self, x: str) -> str:
        return self.op("Clip", x, self.constant(0, np.float32), self.constant(6, np.float32))

    def silu(self, x: str) -> str:
        return self.op("Mul", x, self.op("Sigmoid", x))

    def concat(self, *parts: str, axis: int = 1) -> str:
        channels = sum(self.channels[part] for part in parts)
        return self.op("Concat", *parts, axis=axis, channels=channels)

    def max_pool(self, x: str, size: int, stride: int) -> str:
        pads = [(size - 1) // 2] * 4
        strides = [stride, stride]
        return self.op("MaxPool", x, kernel_shape=[size, size], strides=strides, pads=pads)

    def reshape(self, x: str, *shape: int) -> str:
        return self.op("Reshape", x, self.constant(shape))

    def classes(self, x: str, count: int) -> str:
        """Scores from the mean of an image."""
        flat = self.op("Flatten", self.op("GlobalAveragePool", x))
        weight = self.rng.standard_normal((count, self.channels[x])) / math.sqrt(self.channels[x])
        w = self.constant(4 * (weight - weight.mean(axis=1, keepdims=True)), np.float32)
        b = self.constant(0.1 * self.rng.standard_normal(count), np.float32)
        return self.op("Gemm", flat, w, b, transB=1)

    def model(self, size: int, output: str, shape: Sequence[int]) -> onnx.ModelProto:
        ports = [("x", "float32", [1, 3, size, size])], [(output, "float32", shape)]
        return om.model(self.nodes, *ports, self.constants, opset=17)


def resnet50(
    size: int = 224,
    width: int = 64,
    depths: Sequence[int] = (3, 4, 6, 3),
    classes: int = 1000,
    seed: int = 0,
) -> onnx.ModelProto:
    """ResNet-50 (He et al., 2015), with the stride in the 3x3 convolutions."""
    net = Builder(seed)
    x = net.max_pool(net.relu(net.conv("x", width, 7, 2, gain=RELU_GAIN)), 3, 2)
    for stage, depth in enumerate(depths):
        for block in range(depth):
            inner, stride = width << stage, 2 if stage and not block else 1
            shortcut = x if block else net.conv(x, 4 * inner, 1, stride)
            y = net.relu(net.conv(x, inner, 1, gain=RELU_GAIN))
            y = net.relu(net.conv(y, inner, 3, stride, gain=RELU_GAIN))
            y = net.conv(y, 4 * inner, gain=RESIDUAL_GAIN)
            x = net.relu(net.op("Add", y, shortcut))
    return net.model(size, net.classes(x, classes), [1, classes])


MOBILENETV2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, output channels, blocks and first stride of each stage."""


def mobilenetv2(
    size: int = 224,
    width: float = 1.0,
    stages: Sequence[tuple[int, int, int, int]] = MOBILENETV2,
    classes: int = 1000,
    seed: int = 0,
) -> onnx.ModelProto:
    """MobileNetV2 (Sandler et al., 2018)."""
    net = Builder(seed)

    def scaled(channels: int) -> int:
        return max(4, round(width * channels / 4) * 4)

    x = net.relu6(net.conv("x", scaled(32), 3, 2, gain=RELU_GAIN))
    for expansion, channels, blocks, first_stride in stages:
        for block in range(blocks):
            inner, stride = expansion * net.channels[x], 1 if block else first_stride
            y = x if expansion == 1 else net.relu6(net.conv(x, inner, gain=RELU_GAIN))
            y = net.relu6(net.conv(y, inner, 3, stride, groups=inner, gain=RELU_GAIN))
            residual = stride == 1 and scaled(channels) == net.channels[x]
            y = net.conv(y, scaled(channels), gain=RESIDUAL_GAIN if residual else RELU_GAIN)
            x = net.op("Add", x, y) if residual else y
    x = net.relu6(net.conv(x, scaled(1280), gain=RELU_GAIN))
    return net.model(size, net.classes(x, classes), [1, classes])


def yolo(size: int = 320, width: int = 16, classes: int = 80, seed: int = 0) -> onnx.ModelProto:
    """A detector in the manner of YOLOv8, with two of its three scales.

    Its result is 4 + `classes` numbers for each cell: the corners of a box and the scores.
    """
    net = Builder(seed)
    x = _silu_conv(net, _silu_conv(net, "x", width, 3, 2), 2 * width, 3, 2)
    x = _silu_conv(net, _c2f(net, x), 4 * width, 3, 2)
    fine = _c2f(net, x)
    coarse = _sppf(net, _c2f(net, _silu_conv(net, fine, 8 * width, 3, 2)))
    scales = net.constant([1, 1, 2, 2], np.float32)
    nearest = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    larger = net.op("Resize", coarse, "-", scales, mode="nearest", **nearest)
    fine = _c2f(net, _silu_conv(net, net.concat(larger, fine), 4 * width))
    smaller = _silu_conv(net, fine, 4 * width, 3, 2)
    coarse = _c2f(net, net.concat(smaller, coarse))
    boxes, scores = [], []
    for image, stride in ((fine, 8), (coarse, 16)):
        cells = size // stride
        boxes.append(_boxes(net, image, cells, stride))
        score = net.conv(_silu_conv(net, image, 4 * width, 3), classes, gain=4 * SILU_GAIN)
        scores.append(net.op("Sigmoid", net.reshape(score, 1, classes, cells**2)))
    parts = [net.concat(*boxes, axis=2), net.concat(*scores, axis=2)]
    cells = sum((size // stride) ** 2 for stride in (8, 16))
    return net.model(size, net.concat(*parts), [1, 4 + classes, cells])


def _silu_conv(net: Builder, x: str, channels: int, size: int = 1, stride: int = 1) -> str:
    return net.silu(net.conv(x, channels, size, stride, gain=SILU_GAIN))


def _c2f(net: Builder, x: str) -> str:
    """Splits the channels, and takes half of them through a residual block."""
    channels = net.channels[x]
    y = _silu_conv(net, x, channels)
    left, right = f"left_{len(net.nodes)}", f"right_{len(net.nodes)}"
    halves = net.constant([channels // 2, channels // 2])
    net.nodes.append(om.node("Split", f"{y} {halves}", f"{left} {right}", axis=1))
    net.channels |= {left: channels // 2, right: channels // 2}
    inner = _silu_conv(net, right, channels // 2, 3)
    inner = net.silu(net.conv(inner, channels // 2, 3, gain=SILU_GAIN))
    return _silu_conv(net, net.concat(left, right, net.op("Add", right, inner)), channels)


def _sppf(net: Builder, x: str) -> str:
    """Pools over larger and larger windows."""
    pools = [_silu_conv(net, x, net.channels[x] // 2)]
    for _ in range(3):
        pools.append(net.max_pool(pools[-1], 5, 1))
    return _silu_conv(net, net.concat(*pools), net.channels[x])


BINS = 16


def _boxes(net: Builder, image: str, cells: int, stride: int) -> str:
    """The corners of a box at each cell: distances are expectations over `BINS` bins."""
    x = net.conv(_silu_conv(net, image, 4 * BINS, 3), 4 * BINS, gain=4 * SILU_GAIN)
    x = net.op("Transpose", net.reshape(x, 1, 4, BINS, cells**2), perm=[0, 2, 1, 3])
    x = net.op("Softmax", x, axis=1, channels=BINS)
    w = net.constant(np.arange(BINS).reshape(1, BINS, 1, 1), np.float32)
    x = net.reshape(net.op("Conv", x, w, kernel_shape=[1, 1], channels=1), 1, 4, cells**2)
    first, second = (
        net.op("Slice", x, *(net.constant([number]) for number in (start, start + 2, 1)))
        for start in (0, 2)
    )
    grid = np.stack(np.meshgrid(*[np.arange(cells) + 0.5] * 2)).reshape(1, 2, -1)
    anchors = net.constant(grid, np.float32)
    negated = net.op("Mul", first, net.constant([[[-1]]], np.float32))
    corners = [net.op("Add", anchors, part, channels=4) for part in (negated, second)]
    scale = net.constant([[[stride]]], np.float32)
    return net.op("Mul", net.op("Concat", *corners, axis=1), scale, channels=4)


def image(rng: np.random.Generator, size: int) -> np.ndarray:
    """A random image of patches, with noise on it, in -1..1."""
    patches = rng.uniform(-0.8, 0.8, (1, 3, -(-size // 8), -(-size // 8)))
    image = patches.repeat(8, axis=2).repeat(8, axis=3)[:, :, :size, :size]
    return (image + rng.uniform(-0.2, 0.2, image.shape)).astype(np.float32)
