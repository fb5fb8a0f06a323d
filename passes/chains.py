"""What a requantization can be fused with: the operations before it, up to a convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from xdsl.dialects import arith
from xdsl.ir import Block, Operation, SSAValue

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.definitions import shape_of
from sima_mlir.dialects.elements import array_values
from sima_mlir.passes.diagnostics import Refusal

LARGEST_STRIDE = 31
"""The largest stride of a convolution."""

LARGEST_DILATION = 63
"""The largest distance between its taps."""

TRANSPOSED_STRIDES = (1, 2, 4, 8, 16)
"""The strides of a transposed convolution with one group."""

TRANSPOSED_DEPTHWISE_STRIDES = (1, 2)
"""The strides of one with a group for each channel."""


class Chain(NamedTuple):
    """A convolution or dense operator with what follows it, up to its requantization."""

    root: qnn.WeightedOperation
    bias: SSAValue | None
    links: Sequence[Operation]
    """The operations before the requantization, the root first."""
    requantize: qnn.RequantizeOp


def match_chain(requantize: qnn.RequantizeOp) -> Chain | None:
    """Returns the convolution or dense operator that a requantization ends, if there is one.

    Between the two there may be one `qnn.bias_add`, or an `arith.addi` with a constant on either
    side.
    """
    addition = requantize.data.owner
    if isinstance(addition, qnn.BiasAddOp):
        accumulator, bias = addition.data, addition.bias
    elif isinstance(addition, arith.AddiOp):
        accumulator, bias = addition.lhs, addition.rhs
        if isinstance(accumulator.owner, arith.ConstantOp):
            accumulator, bias = bias, accumulator
    else:
        accumulator, bias = requantize.data, None
    root = accumulator.owner
    if not isinstance(root, qnn.WeightedOperation):
        return None
    links = [root] if isinstance(addition, Block) or bias is None else [root, addition]
    return Chain(root, bias, links, requantize)


def check_conv(root: qnn.ConvOp) -> None:
    """Refuses a convolution with strides or dilations that the accelerator does not have.

    Source: SiMa's Model Compiler guide `supported-operators`.
    """
    window = root.conv_window()
    if (stride := max(window.strides)) > LARGEST_STRIDE:
        reason = f"its stride {stride} is larger than {LARGEST_STRIDE}"
        raise Refusal(reason, "keep it on the host, or train it with another stride")
    if (dilation := max(window.dilations)) > LARGEST_DILATION:
        reason = f"its dilation {dilation} is larger than {LARGEST_DILATION}"
        raise Refusal(reason, "keep it on the host, or train it with another dilation")


def check_conv_transpose(root: qnn.ConvTransposeOp) -> None:
    """Refuses a transposed convolution with groups or strides that the accelerator does not have.

    Source: SiMa's Model Compiler guide `supported-operators`.
    """
    inputs, groups, outputs = shape_of(root.weight)[-3:]
    if groups > 1 and (inputs, outputs) != (1, 1):
        given = f"{groups} groups of {inputs} inputs and {outputs} outputs"
        reason = f"its weight has {given}, the accelerator takes one group, or 1 and 1"
        raise Refusal(reason, "split it into one transposed convolution for each group")
    allowed = TRANSPOSED_DEPTHWISE_STRIDES if groups > 1 else TRANSPOSED_STRIDES
    for stride in root.window(len(shape_of(root.data)) - 2).strides:
        if stride not in allowed:
            reason = f"its stride {stride} is not one of {', '.join(map(str, allowed))}"
            raise Refusal(reason, "keep it on the host, or train it with another stride")


def absorb_pad(root: qnn.ConvOp) -> tuple[SSAValue, Sequence[int]]:
    """Returns the operand and the padding of a convolution with a pad before it folded in.

    Only a pad of the spatial axes with the input's zero point, the value that the convolution's
    own padding reads.
    """
    padding = root.conv_window().padding
    pad = root.data.owner
    if not isinstance(pad, sima.PadOp) or pad.value.value.data != root.input_zero_point.value.data:
        return root.data, padding
    before, after = np.split(array_values(pad.padding), 2)
    if before[0] or before[-1] or after[0] or after[-1]:
        return root.data, padding
    return pad.data, (np.concatenate([before[1:-1], after[1:-1]]) + padding).tolist()
