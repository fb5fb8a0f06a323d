"""Relay's quantized operations on plain integer tensors.

A tensor holds codes; how they stand for real numbers is written on the operations, as
`#qnn.quantization<scale = …, zero_point = …>` with `real = scale * (code - zero_point)`, and not
in the tensor's type. Activations are N…C (channels last), convolution weights HWIGO (spatial
axes, input channels of a group, groups, output channels of a group; output channel `g * O + o`),
dense weights OI. Constants are `arith.constant`. Convolutions and pools work over any number of
spatial axes.

`rounding` names a contract of `sima_mlir.quantization.Rounding`; `mul(x, m)` below is the product
of the integer `x` with the real number `m` under it, and `saturate` clamps to the result's type.

Source: Apache TVM v0.18 `python/tvm/relay/qnn/op/qnn.py` and `src/relay/qnn/op/`; TensorFlow Lite
Micro `tensorflow/lite/kernels/internal/reference/`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from xdsl.dialects.builtin import (
    DenseArrayBase,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    TensorType,
    UnitAttr,
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
)
from xdsl.ir import Attribute, Dialect, EnumAttribute, ParametrizedAttribute, SSAValue
from xdsl.ir import SpacedOpaqueSyntaxAttribute
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from sima_mlir.dialects import shapes
from sima_mlir.dialects.definitions import (
    DILATED_WINDOW_FORMAT,
    WINDOW_FORMAT,
    DilatedWindowOperation,
    WindowOperation,
    shape_of,
    tensor_of,
    verify_shape,
    window_properties,
)
