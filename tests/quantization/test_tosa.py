"""The `upward` and `tflite` contracts against the reference model of TOSA.

TOSA's SINGLE_ROUND and DOUBLE_ROUND are defined for accumulators in -2**(shift-1)..2**(shift-1)-1.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import pytest
from support.tosa import constant, requires_tosa, run, tensor_type

from sima_mlir import interpret, make_context, parse, run_pipeline
from sima_mlir.quantization import (
    Rounding,
    fixed_point_multiply,
    quantize_multiplier,
    requantize,
)

pytestmark = requires_tosa

Mode = Literal["SINGLE_ROUND", "DOUBLE_ROUND"]
CONTRACTS: dict[Mode, Rounding] = {
    "SINGLE_ROUND": Rounding.UPWARD,
    "DOUBLE_ROUND": Rounding.TFLITE,
}
MODES = pytest.mark.parametrize("mode", CONTRACTS)
SEEDS = pytest.mark.parametrize("seed", range(3))


class Rescale(NamedTuple):
    """A `tosa.rescale` of an array, by one multiplier or by one for each channel."""

    data: np.ndarray
    ratio: np.ndarray
    input_zero_point: int = 0
    output_zero_point: int = 0
    dtype: type[np.integer] = np.int32

    def operations(self, name: str, data: str, mode: Mode) -> str:
        """Give the definition of `%name`."""
        scale, shift = quantize_multiplier(self.ratio, CONTRACTS[mode])
        zero_points = (
            np.array([self.input_zero_point], self.data.dtype),
            np.array([self.output_zero_point], self.dtype),
        )
        constants = {
            f"{name}m": scale,
            f"{name}s": shift.astype(np.int8),
            f"{name}zi": zero_points[0],
            f"{name}zo": zero_points[1],
        }
        types = ", ".join(tensor_type(c.shape, c.dtype) for c in constants.values())
        per_channel = "true" if len(self.ratio) > 1 else "false"
        return "\n".join(constant(*c) for c in constants.items()) + (
            f"\n%{name} = tosa.rescale %{data}, %{', %'.join(constants)} {{scale32 = true, "
            f"rounding_mode = {mode}, per_channel = {per_channel}, "
            "input_unsigned = false, output_unsigned = false} : "
            f"({tensor_type(self.data.shape, self.data.dtype)}, {types}) -> {self.result_type}\n"
        )

    @property
    def result_type(self) -> str:
        return tensor_type(self.data.shape, np.dtype(self.dtype))


def rescaled(mode: Mode, cases: list[Rescale]) -> list[np.ndarray]:
    """Give what the reference model makes of each array, in one run."""
    arguments = (f"%a{i}: {tensor_type(c.data.shape, c.data.dtype)}" for i, c in enumerate(cases))
    body = "".join(case.operations(f"r{i}", f"a{i}", mode) for i, case in enumerate(cases))
    types = ", ".join(case.result_type for case in cases)
    results = ", ".join(f"%r{i}" for i in range(len(cases)))
    return run(
        f"func.func @main({', '.join(arguments)}) -> ({types}) {{\n{body}"
        f"return {results} : {types}\n}}",
        [case.data for case in cases],
    )


def ratios(count: int, rng: np.random.Generator) -> np.ndarray:
    """Powers of two, ones whose significand is nearly 2**31, and others, in 2**-30..2."""
    powers = 2.0 ** np.arange(-30, 1)
    others = np.exp2(rng.uniform(-30, 1, count - 2 * len(powers)))
    return np.concatenate([powers, powers * (1 - 2.0**-32), others])


def accumulators(ratio: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Ends of the domain, small numbers, ties and their neighbours, others: one row for each."""
    limit = 2.0 ** (quantize_multiplier(ratio, Rounding.UPWARD)[1] - 1)
    low, high = np.maximum(-limit, -(2.0**31)), np.minimum(limit, 2.0**31) - 1
    ties = np.rint((rng.integers(-200, 200, (count, 1)) + 0.5) / ratio)
    spread = np.exp2(rng.uniform(0, 31, (count, 1))) * rng.choice([-1, 1], (count, len(ratio)))
    edges = [low, low + 1, high - 1, high, *(np.full_like(ratio, v) for v in range(-5, 6))]
    rows = np.vstack([edges, ties - 1, ties, ties + 1, spread])
    return np.clip(rows, low, high).astype(np.int32)


@MODES
def test_rescale_per_channel_is_the_contract(mode: Mode):
    rng = np.random.default_rng(1)
    ratio = ratios(400, rng)
    data = accumulators(ratio, 40, rng)
    (got,) = rescaled(mode, [Rescale(data, ratio)])
    scale, shift = quantize_multiplier(ratio, CONTRACTS[mode])
    np.testing.assert_array_equal(got, fixed_point_multiply(data, scale, shift, CONTRACTS[mode]))


@MODES
def test_rescale_by_one_multiplier_is_the_contract(mode: Mode):
    rng = np.random.default_rng(2)
    choice = ratios(80, rng)[:, None]
    cases = [Rescale(accumulators(ratio, 50, rng), ratio) for ratio in choice]
    for case, got in zip(cases, rescaled(mode, cases), strict=True):
        scale, shift = quantize_multiplier(case.ratio, CONTRACTS[mode])
        expected = fixed_point_multiply(case.data, scale, shift, CONTRACTS[mode])
        np.testing.assert_array_equal(got, expected, f"ratio {case.ratio[0]}")


@MODES
def test_rescale_to_codes_is_requantize(mode: Mode):
    rng = np.random.default_rng(3)
    ratio = ratios(400, rng)
    accumulator = Rescale(accumulators(ratio, 20, rng), ratio, 0, -37, np.int8)
    codes = np.repeat(np.arange(-128, 128, dtype=np.int8)[:, None], 60, axis=1)
    narrow = [
        Rescale(codes, np.exp2(rng.uniform(-6, 5, 60)), zi, zo, dtype)
        for zi, zo, dtype in ((-128, -100, np.int8), (127, 90, np.int8), (-5, 0, np.int16))
    ]
    cases = [accumulator, *narrow]
    for case, got in zip(cases, rescaled(mode, cases), strict=True):
        data, ratio, zi, zo, dtype = case
        expected = requantize(data, ratio, zi, zo, CONTRACTS[mode], dtype)
        np.testing.assert_array_equal(got, expected, strict=True)
        assert len(np.unique(got)) > 100


def test_the_reference_model_tells_the_contracts_apart():
    rng = np.random.default_rng(4)
    ratio = 2.0 ** -np.arange(2.0, 31)  # a half has a shift of 31 and is rounded once
    data = accumulators(ratio, 100, rng)
    (single,), (double,) = (rescaled(mode, [Rescale(data, ratio)]) for mode in CONTRACTS)
    scale, shift = quantize_multiplier(ratio, Rounding.AWAY)
    assert np.any(single != double, axis=0).all()
    assert (fixed_point_multiply(data, scale, shift, Rounding.AWAY) != single).any()
    assert (fixed_point_multiply(data, scale, shift, Rounding.RUY) != double).any()


def test_an_accumulator_out_of_tosas_domain_is_refused():
    data = np.array([[2**30]], np.int32)
    with pytest.raises(ValueError, match="results must be defined, got TOSA_UNPREDICTABLE"):
        rescaled("SINGLE_ROUND", [Rescale(data, np.array([0.5]))])


def test_a_module_that_is_not_tosa_is_refused():
    with pytest.raises(ValueError, match="tosa-opt must take the module, got"):
        run("func.func @main() { nothing.known }", [])


class Layer:
    """A convolution as a TOSA and as a qnn module, with a scale for each output channel."""

    def __init__(self, seed: int, depthwise: bool):
        rng = np.random.default_rng(seed)
        self.zero_point, self.output_zero_point = int(rng.integers(-128, 128)), -11
        self.x = rng.integers(-128, 128, (2, 8, 9, 3), np.int8)
        # HWIGO; the groups of a depthwise convolution are TOSA's channels.
        inputs, groups, outputs = (1, 3, 4) if depthwise else (3, 1, 12)
        self.weight = rng.integers(-128, 128, (3, 2, inputs, groups, outputs), np.int8)
        self.bias = rng.integers(-20000, 20000, 12, np.int32)
        self.ratio = np.exp2(rng.uniform(-10, -8, 12))
        self.ratio[:4] = 2.0**-9
        self.depthwise = depthwise

    def tosa(self, mode: Mode) -> str:
        name, axes = ("depthwise_conv2d", (0, 1, 3, 4, 2)) if self.depthwise else ("conv2d", None)
        if axes is None:
            weight = np.moveaxis(self.weight[..., 0, :], -1, 0)
        else:
            weight = self.weight.transpose(axes)[..., 0]
        weight = np.ascontiguousarray(weight)
        accumulator = np.empty((2, 4, 9, 12), np.int32)
        rescale = Rescale(accumulator, self.ratio, 0, self.output_zero_point, np.int8)
        zero_point, bias = np.array([self.zero_point], np.int8), self.bias
        x, w = (tensor_type(a.shape, a.dtype) for a in (self.x, weight))
        return f"""
func.func @main(%x: {x}) -> {rescale.result_type} {{
  {constant("w", weight)}
  {constant("b", bias)}
  {constant("xz", zero_point)}
  {constant("wz", np.zeros(1, np.int8))}
  %acc = tosa.{name} %x, %w, %b, %xz, %wz {{acc_type = i32, pad = array<i64: 1, 0, 2, 0>,
      stride = array<i64: 2, 1>, dilation = array<i64: 1, 2>}}
    : ({x}, {w}, tensor<12xi32>, tensor<1xi8>, tensor<1xi8>) -> tensor<2x4x9x12xi32>
  {rescale.operations("r", "acc", mode)}
  return %r : {rescale.result_type}
}}"""

    def qnn(self, rounding: Rounding) -> str:
        w = tensor_type(self.weight.shape, self.weight.dtype)
        scales = ", ".join(repr(float(ratio)) for ratio in self.ratio)
        return f"""
func.func @main(%x: tensor<2x8x9x3xi8>) -> tensor<2x4x9x12xi8> {{
  %w = arith.constant dense<"0x{self.weight.tobytes().hex()}"> : {w}
  %b = arith.constant dense<"0x{self.bias.tobytes().hex()}"> : tensor<12xi32>
  %0 = qnn.conv %x, %w strides = [2, 1] padding = [1, 2, 0, 0] dilations = [1, 2]
    input_zero_point = {self.zero_point}
    : (tensor<2x8x9x3xi8>, {w}) -> tensor<2x4x9x12xi32>
  %1 = qnn.bias_add %0, %b : (tensor<2x4x9x12xi32>, tensor<12xi32>) -> tensor<2x4x9x12xi32>
  %2 = qnn.requantize %1 input_q = <scale = [{scales}], zero_point = 0>
    output_q = <scale = 1.0, zero_point = {self.output_zero_point}> rounding = {rounding}
    : (tensor<2x4x9x12xi32>) -> tensor<2x4x9x12xi8>
  func.return %2 : tensor<2x4x9x12xi8>
}}"""


@MODES
@SEEDS
@pytest.mark.parametrize("depthwise", [False, True])
def test_convolution_and_its_lowering_are_tosas(mode: Mode, seed: int, depthwise: bool):
    layer = Layer(seed, depthwise)
    (expected,) = run(layer.tosa(mode), [layer.x])
    ctx = make_context()
    module = parse(ctx, layer.qnn(CONTRACTS[mode]))
    (source,) = interpret(ctx, module, [layer.x])
    np.testing.assert_array_equal(source, expected, strict=True)
    run_pipeline(ctx, module, "convert-qnn-to-sima{requantization=tflite}")
    (lowered,) = interpret(ctx, module, [layer.x])
    np.testing.assert_array_equal(lowered, expected, strict=True)
    assert len(np.unique(expected)) > 100
