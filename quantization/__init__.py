"""The arithmetic of quantized networks: pure NumPy functions on integers, no IR.

`sima_mlir.quantization.error_bounds`, which not every program needs, is imported by its name.
"""

from sima_mlir.quantization.convolution import (
    FixedPointConstants,
    Layer,
    channel_multipliers,
    check_accumulator,
    correction_factors,
    fixed_point_constants,
    fold_requantization,
    requantize_qnn_convolution_dense,
    tflite_requantization_constants,
)
from sima_mlir.quantization.elementwise import (
    ADD_ROUNDINGS,
    FixedPointAdd,
    FoldedAdd,
    add_fixed_point,
    add_folded,
    check_fixed_point_add,
    check_folded_add,
    check_folded_scale,
    fixed_point_add,
    fold_add,
    fold_requantize,
    product_ratio,
    product_sum_range,
)
from sima_mlir.quantization.fixed_point import (
    MAX_SHIFT,
    WIDE_ROUNDINGS,
    Rounding,
    code_range,
    fixed_point_multiply,
    largest_significand,
    mean_multiplier,
    quantize_multiplier,
    saturate,
    scale_ratio,
    wrap_int32,
)
from sima_mlir.quantization.lut import TABLE_ROUNDINGS, Function, lookup_table, prelu_table
from sima_mlir.quantization.parameters import Quantization
from sima_mlir.quantization.rescaling import requantize, rescale
from sima_mlir.quantization.softmax import SoftmaxConstants, softmax, softmax_constants
from sima_mlir.quantization.target import DEFAULT_TARGET, WIDE_TARGET, Target

__all__ = [
    "ADD_ROUNDINGS",
    "DEFAULT_TARGET",
    "MAX_SHIFT",
    "TABLE_ROUNDINGS",
    "WIDE_ROUNDINGS",
    "WIDE_TARGET",
    "FixedPointAdd",
    "FixedPointConstants",
    "FoldedAdd",
    "Function",
    "Layer",
    "Quantization",
    "Rounding",
    "SoftmaxConstants",
    "Target",
    "add_fixed_point",
    "add_folded",
    "channel_multipliers",
    "check_accumulator",
    "check_fixed_point_add",
    "check_folded_add",
    "check_folded_scale",
    "code_range",
    "correction_factors",
    "fixed_point_add",
    "fixed_point_constants",
    "fixed_point_multiply",
    "fold_add",
    "fold_requantization",
    "fold_requantize",
    "largest_significand",
    "lookup_table",
    "mean_multiplier",
    "prelu_table",
    "product_ratio",
    "product_sum_range",
    "quantize_multiplier",
    "requantize",
    "requantize_qnn_convolution_dense",
    "rescale",
    "saturate",
    "scale_ratio",
    "softmax",
    "softmax_constants",
    "tflite_requantization_constants",
    "wrap_int32",
]
