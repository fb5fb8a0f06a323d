"""Passes change no result: random networks computed before and after each of them.

The lowering multiplies exactly here, and leaves to the host what it refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from xdsl.builder import ImplicitBuilder
from xdsl.dialects import arith
from xdsl.dialects.builtin import ModuleOp, TensorType, i8
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue

from sima_mlir import interpret, make_context, parse_pipeline, run_pipeline
from sima_mlir.dialects import qnn
from sima_mlir.dialects.definitions import element_type, shape_of
from sima_mlir.dialects.elements import dense, dtype_of, ui8
from sima_mlir.dialects.encoding import QuantizationAttr
from sima_mlir.quantization import Rounding, code_range

PASSES = [
    "qnn-fold-constants",
    "qnn-fold-pad",
    "qnn-merge-clip",
    "qnn-merge-requantize",
    "qnn-propagate-layout",
    "qnn-unsigned-to-signed",
    "qnn-unsigned-to-signed,qnn-propagate-layout,qnn-fold-constants,qnn-merge-requantize,"
    "qnn-merge-clip,qnn-fold-pad",
    "convert-qnn-to-sima{partial=true requantization=tflite},sima-outline-host",
    "qnn-to-sima-pipeline{partial=true requantization=tflite}",
]
SEEDS = range(60)
SCALES = (0.25, 0.5, 0.3, 1.0)


class Network:
    """A random network of operations on 8-bit codes, with one encoding for each value."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.unsigned = bool(self.rng.integers(2))
        self.encodings: dict[SSAValue, QuantizationAttr] = {}
        code = ui8 if self.unsigned else i8
        block = Block(arg_types=[TensorType(code, [1, 3, 4, 2]), TensorType(code, [1, 3, 4, 2])])
        self.values: list[SSAValue] = list(block.args)
        for argument in block.args:
            self.encodings[argument] = self.encoding(argument)
        with ImplicitBuilder(block):
            for _ in range(14):
                self.step()
            results = self.values[-3:]
            ReturnOp(*results)
        types = [a.type for a in block.args], [v.type for v in results]
        main = FuncOp("main", types, Region(block))
        self.module = ModuleOp([main])

    def pick(self) -> SSAValue:
        """Returns one of the newer values."""
        return self.values[-int(self.rng.integers(1, min(4, len(self.values)) + 1))]

    def code(self, value: SSAValue) -> int:
        low, high = code_range(dtype_of(element_type(value)))
        edges = [low, high, self.encodings[value].zero_point.value.data]
        return int(self.rng.choice([*edges, self.rng.integers(low, high + 1)]))

    def encoding(self, value: SSAValue) -> QuantizationAttr:
        low, high = code_range(dtype_of(element_type(value)))
        zero_point = int(self.rng.integers(low + 100, high - 99))
        return QuantizationAttr.of(float(self.rng.choice(SCALES)), zero_point)

    def add(self, op: Operation, encoding: QuantizationAttr) -> None:
        self.values.append(op.results[0])
        self.encodings[op.results[0]] = encoding

    def step(self) -> None:
        x = self.pick()
        self.rng.choice(np.array(STEPS, dtype=object))(self, x)

    def transpose(self, x: SSAValue) -> None:
        axes = [int(a) for a in self.rng.permutation(len(shape_of(x)))]
        self.add(qnn.TransposeOp(x, axes), self.encodings[x])

    def transpose_twice(self, x: SSAValue) -> None:
        axes = [int(a) for a in self.rng.permutation(len(shape_of(x)))]
        first = qnn.TransposeOp(x, axes)
        clip = qnn.ClipOp(first.result, *sorted((self.code(x), self.code(x))))
        self.add(qnn.TransposeOp(clip.result, np.argsort(axes).tolist()), self.encodings[x])

    def reshape(self, x: SSAValue) -> None:
        a, b, c, d = shape_of(x)
        shapes = [(a, b, c, d), (a, c, b, d), (d, c, b, a), (a, b, d, c)]
        self.add(qnn.ReshapeOp(x, shapes[self.rng.integers(4)]), self.encodings[x])

    def clip(self, x: SSAValue) -> None:
        low, high = sorted((self.code(x), self.code(x)))
        self.add(qnn.ClipOp(x, low, high), self.encodings[x])

    def pad(self, x: SSAValue) -> None:
        widths = self.rng.integers(0, 2, 8)
        widths[[0, 4]] = 0
        if self.rng.integers(2):
            widths[[3, 7]] = 0
        self.add(qnn.PadOp(x, widths.tolist(), self.code(x)), self.encodings[x])

    def cut(self, x: SSAValue) -> None:
        sizes = [max(1, n - int(self.rng.integers(2))) for n in shape_of(x)]
        starts = [n - size for n, size in zip(shape_of(x), sizes, strict=True)]
        self.add(qnn.SliceOp(x, starts, sizes), self.encodings[x])

    def max_pool(self, x: SSAValue) -> None:
        self.add(qnn.MaxPoolOp(x, self.window(x), padding=self.padding(x)), self.encodings[x])

    def avg_pool(self, x: SSAValue) -> None:
        q = self.encodings[x]
        pool = qnn.AvgPoolOp(
            x,
            self.window(x),
            q,
            q,
            Rounding.UPWARD,
            padding=self.padding(x),
            count_include_pad=bool(self.rng.integers(2)),
        )
        self.add(pool, q)

    def padded_pool(self, x: SSAValue) -> None:
        low, _ = code_range(dtype_of(element_type(x)))
        value = int(self.rng.choice([low, self.code(x), self.encodings[x].zero_point.value.data]))
        begins, ends = (self.rng.integers(0, 2, 2).tolist() for _ in range(2))
        self.add(qnn.PadOp(x, [0, *begins, 0, 0, *ends, 0], value), self.encodings[x])
        self.rng.choice(np.array([Network.max_pool, Network.avg_pool]))(self, self.values[-1])

    def pad_twice(self, x: SSAValue) -> None:
        value = self.code(x)
        for data in (x, None):
            widths = [0, *self.rng.integers(0, 2, 3).tolist()] * 2
            self.add(qnn.PadOp(data or self.values[-1], widths, value), self.encodings[x])

    def window(self, x: SSAValue) -> tuple[int, int]:
        _, height, width, _ = shape_of(x)
        return min(2, height), min(2, width)

    def padding(self, x: SSAValue) -> list[int]:
        size = np.array(self.window(x))
        return [int(n) for n in self.rng.integers(0, np.tile(size, 2))]

    def requantize(self, x: SSAValue) -> None:
        to = self.encoding(x)
        rounding = Rounding(self.rng.choice(["upward", "away", "tflite"]))
        self.add(qnn.RequantizeOp(x, self.encodings[x], to, rounding, element_type(x)), to)

    def move_zero_point(self, x: SSAValue) -> None:
        q = self.encodings[x]
        is_unsigned = element_type(x) == ui8
        zero_point = q.zero_point.value.data + (-128 if is_unsigned else 128)
        to = QuantizationAttr.of(q.scale, zero_point)
        self.add(qnn.RequantizeOp(x, q, to, Rounding.UPWARD, i8 if is_unsigned else ui8), to)

    def requantize_behind_moves(self, x: SSAValue) -> None:
        Network.requantize(self, x)
        for step in (Network.pad, Network.max_pool, Network.move_zero_point):
            if self.rng.integers(3):
                step(self, self.values[-1])

    def pointwise(self, x: SSAValue) -> None:
        to = self.encoding(x)
        self.add(qnn.SigmoidOp(x, self.encodings[x], to, Rounding.AWAY), to)

    def prelu(self, x: SSAValue) -> None:
        to, slopes = self.encoding(x), [self.code(x) for _ in range(shape_of(x)[-1])]
        alpha = slopes if self.rng.integers(2) else slopes[0]
        encodings = self.encoding(x), self.encodings[x], to
        self.add(qnn.PreluOp(x, alpha, *encodings, Rounding.TFLITE), to)

    def matmul(self, x: SSAValue) -> None:
        to, q = self.encoding(x), self.encodings[x]
        zero_points = dict.fromkeys(("lhs_zero_point", "rhs_zero_point"), q.zero_point.value.data)
        product = qnn.BatchMatmulOp(x, x, transpose_rhs=True, **zero_points)
        product_q = QuantizationAttr.of(q.scale / 64)
        kind = element_type(x)
        self.add(qnn.RequantizeOp(product.result, product_q, to, Rounding.TFLITE, kind), to)

    def mean(self, x: SSAValue) -> None:
        to, axes = self.encoding(x), [int(self.rng.integers(1, 3)), 3]
        self.add(qnn.MeanOp(x, axes, self.encodings[x], to, Rounding.TFLITE), to)

    def constant(self, x: SSAValue) -> None:
        dtype = dtype_of(element_type(x))
        codes = self.rng.integers(*code_range(dtype), shape_of(x), dtype, endpoint=True)
        value = arith.ConstantOp(dense(codes)).result
        self.values.append(value)
        self.encodings[value] = self.encoding(value)
        self.binary(x, value)

    def with_any(self, x: SSAValue) -> None:
        same = [v for v in self.values if v.type == x.type]
        self.binary(x, same[self.rng.integers(len(same))])

    def binary(self, x: SSAValue, y: SSAValue) -> None:
        to, kind = self.encoding(x), [qnn.AddOp, qnn.MulOp, qnn.SubtractOp][self.rng.integers(3)]
        self.add(kind(x, y, self.encodings[x], self.encodings[y], to, Rounding.TFLITE), to)

    def concatenate(self, x: SSAValue) -> None:
        to = self.encoding(x)
        q = self.encodings[x]
        axis = int(self.rng.integers(1, 4))
        self.add(qnn.ConcatenateOp([x, x], axis, [q, q], to, Rounding.AWAY), to)


STEPS: Sequence[Callable[[Network, SSAValue], None]] = [
    Network.transpose,
    Network.transpose_twice,
    Network.reshape,
    Network.clip,
    Network.pad,
    Network.pad_twice,
    Network.padded_pool,
    Network.cut,
    Network.max_pool,
    Network.avg_pool,
    Network.requantize,
    Network.move_zero_point,
    Network.requantize_behind_moves,
    Network.pointwise,
    Network.prelu,
    Network.matmul,
    Network.mean,
    Network.constant,
    Network.with_any,
    Network.concatenate,
]


@pytest.mark.parametrize("pipeline", PASSES)
def test_passes_change_no_result(pipeline: str):
    passes = parse_pipeline(pipeline)
    changed = 0
    for seed in SEEDS:
        network = Network(seed)
        module, before = network.module, str(network.module)
        rng = np.random.default_rng(seed)
        dtype = np.uint8 if network.unsigned else np.int8
        inputs = [
            rng.integers(*code_range(dtype), (1, 3, 4, 2), dtype, endpoint=True) for _ in range(2)
        ]
        ctx = make_context()
        expected = interpret(ctx, module, inputs)
        run_pipeline(ctx, module, passes)
        for got, wanted in zip(interpret(ctx, module, inputs), expected, strict=True):
            assert got.dtype == wanted.dtype
            np.testing.assert_array_equal(got, wanted, err_msg=f"seed {seed}\n{before}\n{module}")
        after = str(module)
        changed += before != after
        if len(passes) == 1:
            run_pipeline(ctx, module, passes)
            assert str(module) == after, f"seed {seed}: not a fixed point"
    assert changed > len(SEEDS) // 5
