"""How the operations of `qnn` say what codes stand for, and how they round."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import I32, DenseArrayBase, Float64Type, IntegerAttr, f64, i32
from xdsl.ir import Attribute, ParametrizedAttribute, SSAValue
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from sima_mlir.dialects.definitions import ChoiceAttribute, element_type, parse_i32, verify_code
from sima_mlir.dialects.elements import array_values, dense_array
from sima_mlir.quantization import Quantization, Rounding

SCALE_TOLERANCE = 1e-6
"""How far apart TFLite lets two scales be that must be equal."""


@irdl_attr_definition
class QuantizationAttr(ParametrizedAttribute):
    """How codes stand for real numbers: `real = scale * (code - zero_point)`.

    One scale for the tensor, or a list with one for each channel (the last axis).

        #qnn.quantization<scale = 0.05, zero_point = -5>
        #qnn.quantization<scale = [0.05, 0.025], zero_point = 0>
    """

    name = "qnn.quantization"

    scales: DenseArrayBase[Float64Type]
    zero_point: IntegerAttr[I32]

    @staticmethod
    def of(scale: npt.ArrayLike, zero_point: int = 0) -> QuantizationAttr:
        """Builds the attribute from one scale or a list of them."""
        scales = dense_array(np.atleast_1d(np.asarray(scale, dtype=np.float64)), f64)
        return QuantizationAttr(scales, IntegerAttr(zero_point, i32))

    @property
    def scale(self) -> npt.NDArray[np.float64]:
        """The scales, one or one per channel."""
        return array_values(self.scales)

    @property
    def channels(self) -> int:
        """The number of scales."""
        return len(self.scales)

    def per_tensor(self) -> Quantization:
        """Returns the only encoding; the operations that call this verify that there is one."""
        return Quantization(float(self.scale[0]), self.zero_point.value.data)

    def matches(self, other: QuantizationAttr) -> bool:
        """Whether two encodings are one to TFLite, which lets scales be 1e-6 apart.

        Scales that are small themselves must be within a hundredth of each other too.
        """
        if self.zero_point != other.zero_point or self.channels != other.channels:
            return False
        tolerance = np.minimum(SCALE_TOLERANCE, 0.01 * self.scale)
        return bool(np.all(np.abs(self.scale - other.scale) <= tolerance))

    def verify(self) -> None:
        """(C1) every scale is positive and finite; (C2) there is at least one."""
        scales = self.scale
        if not len(scales):
            raise VerifyException("scale must have at least 1 value, got 0")
        bad = scales[~(np.isfinite(scales) & (scales > 0))]
        if len(bad):
            raise VerifyException(f"scale must be positive and finite, got {bad[0]}")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        """Parses `<scale = 0.5, zero_point = 0>`; the zero point may be left out."""
        with parser.in_angle_brackets():
            parser.parse_keyword("scale")
            parser.parse_punctuation("=")
            scales = parser.parse_optional_comma_separated_list(
                parser.Delimiter.SQUARE, lambda: _parse_scale(parser)
            )
            if scales is None:
                scales = [_parse_scale(parser)]
            zero_point = 0
            if parser.parse_optional_punctuation(",") is not None:
                parser.parse_keyword("zero_point")
                parser.parse_punctuation("=")
                zero_point = parse_i32(parser)
        return dense_array(scales, f64), IntegerAttr(zero_point, i32)

    def print_parameters(self, printer: Printer) -> None:
        """Prints `<scale = …, zero_point = …>`."""
        with printer.in_angle_brackets():
            printer.print_string("scale = ")
            if self.channels == 1:
                printer.print_string(_float_text(float(self.scale[0])))
            else:
                with printer.in_square_brackets():
                    printer.print_list(map(_float_text, self.scale.tolist()), printer.print_string)
            printer.print_string(f", zero_point = {self.zero_point.value.data}")


def _parse_scale(parser: AttrParser) -> float:
    """Parses a number; a hexadecimal one is the bit pattern of an f64, as in MLIR."""
    position = parser.pos
    is_bits = parser.lexer.input.slice(position, position + 2) == "0x"
    value = parser.parse_number()
    try:
        return struct.unpack("<d", struct.pack("<Q", value))[0] if is_bits else float(value)
    except (OverflowError, struct.error):
        parser.raise_error("scale does not fit into an f64", position, parser.pos)


def _float_text(value: float) -> str:
    """Writes the shortest decimal that reads back as `value`, with the point that MLIR wants."""
    text = repr(value)
    return text if "." in text else text.replace("e", ".0e")


@irdl_attr_definition
class RoundingAttr(ChoiceAttribute[Rounding]):
    """The contract by which an integer is multiplied by a real number: `#qnn<rounding tflite>`."""

    name = "qnn.rounding"
    choices = Rounding


def verify_encoding(value: SSAValue, name: str, quantization: QuantizationAttr) -> None:
    """Checks that an encoding has one scale, and a zero point that is a code of the value."""
    if quantization.channels != 1:
        raise VerifyException(f"{name} must have 1 scale, got {quantization.channels}")
    verify_code(f"{name} zero point", quantization.zero_point.value.data, element_type(value))


def verify_rounding(attribute: RoundingAttr, allowed: Sequence[Rounding]) -> None:
    """Checks that a contract is one of those that define an operation."""
    if attribute.data not in allowed:
        names = ", ".join(allowed)
        raise VerifyException(f"rounding must be one of {names}, got {attribute.data}")
