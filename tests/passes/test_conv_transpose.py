"""Lowering a transposed convolution: exact by multiplication, within its certificate by folding."""

from __future__ import annotations

import numpy as np
import pytest
from support.layers import lower, make_module, only, run
from support.transposed import spread
from xdsl.dialects import arith
from xdsl.dialects.builtin import DictionaryAttr, ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.elements import array_values, dense, elements
from sima_mlir.dialects.qnn import QuantizationAttr
from sima_mlir.quantization import Rounding

SEEDS = pytest.mark.parametrize("seed", range(30))
Window = dict[str, list[int]]


class Problem:
    """A random transposed convolution with a bias and its requantization."""

    def __init__(self, seed: int, ratio: float | None = None):
        rng = np.random.default_rng(seed)
        rank, depthwise = int(rng.integers(1, 3)), bool(rng.integers(0, 2))
        inputs, groups, outputs = (1, 3, 1) if depthwise else (3, 1, 2)
        strides = [1, 2] if depthwise else [1, 2, 4]
        self.window: Window = {
            "strides": rng.choice(strides, rank).tolist(),
            "padding": rng.integers(0, 2, 2 * rank).tolist(),
            "output_padding": rng.integers(0, 2, rank).tolist(),
        }
        kernel, spatial = rng.integers(1, 4, rank), rng.integers(3, 5, rank)
        self.zero_point, self.output_zero_point = rng.integers(-128, 128, 2).tolist()
        self.weight = rng.integers(-127, 128, (*kernel, inputs, groups, outputs), np.int8)
        self.data = rng.integers(-128, 128, (6, *spatial, inputs * groups), np.int8)
        self.channels = groups * outputs
        self.bias = rng.integers(-3000, 3000, self.channels, np.int32)
        drawn = np.exp2(rng.uniform(-9, -5, self.channels))
        self.ratio = drawn if ratio is None else np.full(self.channels, ratio)
        self.rounding = list(Rounding)[seed % len(Rounding)]

    def module(self) -> ModuleOp:
        def build(x: SSAValue) -> list[Operation]:
            weight, bias = (arith.ConstantOp(dense(c)) for c in (self.weight, self.bias))
            conv = qnn.ConvTransposeOp(
                x, weight.result, **self.window, input_zero_point=self.zero_point
            )
            total = qnn.BiasAddOp(conv.result, bias.result)
            output_q = QuantizationAttr.of(1.0, self.output_zero_point)
            product_q = QuantizationAttr.of(self.ratio)
            codes = qnn.RequantizeOp(total.result, product_q, output_q, self.rounding)
            return [weight, bias, conv, total, codes]

        return make_module(build, self.data)

    def worst(self, op: sima.ConvTransposeOp) -> np.ndarray:
        """Codes that make what the folded weights are off add up in one result or another."""
        factor = np.exp2(-array_values(op.shift).astype(np.float64))
        slopes = elements(op.weight).reshape(-1, self.channels) * factor
        slopes -= self.weight.reshape(-1, self.channels) * self.ratio
        error = slopes.reshape(self.weight.shape)
        count = int(np.prod(self.data.shape[1:]))
        basis = np.eye(count).reshape(count, *self.data.shape[1:])
        jacobian = spread(basis, error, **self.window).reshape(count, -1)
        order = np.argsort(-np.abs(jacobian).sum(axis=0))[:8]
        signs = np.concatenate([jacobian[:, order] > 0, jacobian[:, order] < 0], axis=1).T
        return np.where(signs, 127, -128).astype(np.int8).reshape(-1, *self.data.shape[1:])


def with_batch(module: ModuleOp, data: np.ndarray) -> np.ndarray:
    return np.concatenate([run(module, data[i : i + 6]) for i in range(0, len(data) - 5, 6)])


@SEEDS
def test_multiplication_equals_its_source(seed: int):
    problem = Problem(seed)
    module = problem.module()
    lowered = lower(module, requantization="tflite", certify=True)
    op = only(lowered, sima.ConvTransposeOp)
    assert op.certificate.max_error.value.data == 0
    assert np.array_equal(run(lowered, problem.data), run(module, problem.data))


@pytest.mark.parametrize("mode", ["sima", "auto"])
@SEEDS
def test_no_codes_are_further_off_than_certified(seed: int, mode: str):
    problem = Problem(seed)
    module = problem.module()
    lowered = lower(module, requantization=mode, certify=True)
    op = only(lowered, sima.ConvTransposeOp)
    bound = op.certificate.max_error.value.data
    data = problem.data if op.is_tflite else np.concatenate([problem.data, problem.worst(op)])
    error = np.abs(np.subtract(with_batch(lowered, data), with_batch(module, data), dtype=int))
    assert error.max() <= bound
    assert mode == "sima" or bound <= 1


def test_bound_is_nearly_reached_where_few_taps_meet_codes():
    """With stride 4 and 3 taps no two taps meet in a result: the bound is that of one tap."""
    problem = Problem(0, ratio=0.7 * 2**-9)
    rng = np.random.default_rng(0)
    problem.window = {"strides": [4], "padding": [0, 0], "output_padding": [0]}
    problem.data = rng.integers(-128, 128, (6, 4, 40), np.int8)
    problem.weight = rng.integers(-127, 128, (3, 40, 1, 2), np.int8)
    problem.channels, problem.ratio = 2, problem.ratio[:2]
    problem.bias, problem.rounding = problem.bias[:2], Rounding.UPWARD
    problem.output_zero_point = 0
    module = problem.module()
    lowered = lower(module, certify=True)
    op = only(lowered, sima.ConvTransposeOp)
    worst = problem.worst(op)[:12]
    error = np.subtract(with_batch(lowered, worst), with_batch(module, worst), dtype=int)
    bound = op.certificate.max_error.value.data
    assert np.abs(error).max() <= bound <= np.abs(error).max() + 1
    assert bound > 3


def test_power_of_two_ratio_loses_nothing():
    problem = Problem(3, ratio=2.0**-6)
    problem.rounding = Rounding.UPWARD
    module = problem.module()
    lowered = lower(module, certify=True)
    op = only(lowered, sima.ConvTransposeOp)
    assert not op.is_tflite
    assert op.certificate.max_error.value.data == 0
    assert np.array_equal(elements(op.weight), problem.weight)
    assert np.array_equal(run(lowered, problem.data), run(module, problem.data))


def test_certificate_quotes_the_output_padding():
    problem = Problem(0)
    problem.window["output_padding"] = [1] * len(problem.window["strides"])
    op = only(lower(problem.module(), certify=True), sima.ConvTransposeOp)
    kept = {k: v for k, v in op.certificate.source.data.items() if k != "output_padding"}
    op.certificate = sima.CertificateAttr(op.certificate.max_error, DictionaryAttr(kept))
    with pytest.raises(VerifyException, match=r"output_padding must be array<i64: .*>, got none"):
        op.verify()
