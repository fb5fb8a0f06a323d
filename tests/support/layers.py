"""A convolution or dense operator as `qnn` operations, and what runs and lowers modules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith, func
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Block, Operation, Region, SSAValue

from sima_mlir.dialects import qnn
from sima_mlir.dialects.elements import dense, element_type_of, tensor_type
from sima_mlir.dialects.qnn import QuantizationAttr
from sima_mlir.interpreters import register_implementations
from sima_mlir.passes.convert_qnn_to_sima import ConvertQnnToSimaPass
from sima_mlir.quantization import Rounding


@dataclass
class Layer:
    """A random convolution or dense operator, with everything around it that can be fused."""

    data: np.ndarray
    weight: np.ndarray
    bias: np.ndarray | None
    product_scale: np.ndarray
    output_scale: float
    zero_point: int
    output_zero_point: int
    rounding: Rounding
    window: dict[str, list[int]] | None
    """Strides, padding and dilations of a convolution; a dense operator has none."""
    clip: tuple[int, int] | None = None
    pad: int = 0
    input_clip: tuple[int, int] | None = None
    product_zero_point: int = 0
    ops: list[Operation] = field(default_factory=list)

    @property
    def channels(self) -> int:
        return len(self.weight) if self.window is None else prod(self.weight.shape[-2:])

    def add(self, op: Operation) -> SSAValue:
        self.ops.append(op)
        return op.results[0]

    def module(self) -> ModuleOp:
        def build(value: SSAValue) -> list[Operation]:
            self.add_chain(value)
            return self.ops

        return make_module(build, self.data)

    def add_chain(self, value: SSAValue) -> SSAValue:
        weight = self.add(arith.ConstantOp(dense(self.weight)))
        if self.input_clip:
            value = self.add(qnn.ClipOp(value, *self.input_clip))
        if self.pad:
            width = [0, *[self.pad] * (self.data.ndim - 2), 0]
            value = self.add(qnn.PadOp(value, width * 2, self.zero_point))
        if self.window is None:
            value = self.add(qnn.DenseOp(value, weight, input_zero_point=self.zero_point))
        else:
            conv = qnn.ConvOp(value, weight, input_zero_point=self.zero_point, **self.window)
            value = self.add(conv)
        if self.bias is not None:
            value = self.add(qnn.BiasAddOp(value, self.add(arith.ConstantOp(dense(self.bias)))))
        product_q = QuantizationAttr.of(self.product_scale, self.product_zero_point)
        output_q = QuantizationAttr.of(self.output_scale, self.output_zero_point)
        value = self.add(qnn.RequantizeOp(value, product_q, output_q, self.rounding))
        return self.add(qnn.ClipOp(value, *self.clip)) if self.clip else value


def make_module(build: Callable[..., list[Operation]], *inputs: np.ndarray) -> ModuleOp:
    """A function of arguments like some arrays that returns the result of its last operation."""
    types = [tensor_type(array.shape, element_type_of(array.dtype)) for array in inputs]
    block = Block(arg_types=types)
    ops = build(*block.args)
    result = ops[-1].results[0]
    block.add_ops([*ops, func.ReturnOp(result)])
    return ModuleOp([func.FuncOp("main", (types, [result.type]), Region(block))])


def run(module: ModuleOp, *inputs: np.ndarray, ctx: Context | None = None) -> np.ndarray:
    interpreter = Interpreter(module)
    register_implementations(interpreter, ctx or Context())
    return interpreter.call_op("main", inputs)[0]


def lower(module: ModuleOp, **options: object) -> ModuleOp:
    lowered = module.clone()
    ConvertQnnToSimaPass(**options).apply(Context(), lowered)
    lowered.verify()
    return lowered


def only(module: ModuleOp, kind: type[Operation]) -> Operation:
    (found,) = (op for op in module.walk() if isinstance(op, kind))
    return found
