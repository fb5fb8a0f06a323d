"""Functions of one code and differences, lowered and run beside their sources."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, i8
from xdsl.interpreter import Interpreter
from xdsl.ir import Attribute, Block, Operation, Region

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.elements import array_values, elements, tensor_type
from sima_mlir.dialects.pointwise import POINTWISE, PointwiseOperation
from sima_mlir.dialects.qnn import QuantizationAttr
from sima_mlir.interpreters import register_implementations
from sima_mlir.passes.convert_qnn_to_sima import ConvertQnnToSimaPass
from sima_mlir.quantization import Rounding

CODES = np.arange(-128, 128).astype(np.int8)
PARAMETERS: dict[type[Operation], tuple[Any, ...]] = {
    qnn.EluOp: (1.0,),
    qnn.HardSigmoidOp: (0.2, 0.5),
    qnn.LeakyReluOp: (0.1,),
    qnn.PreluOp: (-20, QuantizationAttr.of(0.02, 3)),
}


def module(types: list[Attribute], *operations: Operation) -> ModuleOp:
    """A function whose arguments the operations were built on, and which returns the last."""
    block = Block(arg_types=types)
    for op in operations:
        for index, operand in enumerate(op.operands):
            if operand.owner not in operations:
                op.operands[index] = block.args[operand.index]
    block.add_ops([*operations, func.ReturnOp(operations[-1].results[0])])
    signature = (types, [operations[-1].results[0].type])
    return ModuleOp([func.FuncOp("main", signature, Region(block))])


def arguments(count: int, shape: tuple[int, ...]) -> tuple[list[Attribute], Any]:
    types: list[Attribute] = [tensor_type(shape, i8)] * count
    return types, Block(arg_types=types).args


def run(given: ModuleOp, *inputs: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(given)
    register_implementations(interpreter, Context())
    return interpreter.call_op("main", inputs)[0]


def lowered(given: ModuleOp, **options: Any) -> ModuleOp:
    given.verify()
    copy = given.clone()
    ConvertQnnToSimaPass(**options).apply(Context(), copy)
    copy.verify()
    return copy


def only(given: ModuleOp, kind: type[Operation]) -> Any:
    (op,) = [op for op in given.walk() if isinstance(op, kind)]
    return op


@pytest.mark.parametrize("mode", ["sima", "tflite", "auto"])
@pytest.mark.parametrize("operation", POINTWISE, ids=lambda op: op.name)
def test_table_gives_every_code_what_its_source_does(
    operation: type[PointwiseOperation], mode: str
):
    encodings = QuantizationAttr.of(0.05, 3), QuantizationAttr.of(0.03, -8)
    types, (x,) = arguments(1, (256,))
    for rounding in (Rounding.AWAY, Rounding.FLOAT32, Rounding.TFLITE):
        op = operation(x, *PARAMETERS.get(operation, ()), *encodings, rounding)
        try:
            op.table()
        except ValueError:
            assert rounding is Rounding.TFLITE
            continue
        source = module(types, op)
        result = lowered(source, requantization=mode, max_error=0)
        np.testing.assert_array_equal(run(result, CODES), run(source, CODES), strict=True)
        np.testing.assert_array_equal(elements(only(result, sima.LutOp).table), run(source, CODES))


@pytest.mark.parametrize("rounding", [Rounding.AWAY, Rounding.FLOAT32, Rounding.TFLITE])
def test_slopes_of_channels_are_those_of_one_each(rounding: Rounding):
    """Each channel of the result is what `qnn.prelu` with the slope of that channel gives."""
    slopes = [-128, -20, 3, 127]
    encodings = QuantizationAttr.of(0.05, 3), QuantizationAttr.of(0.03, -8)
    slope_q, data = QuantizationAttr.of(0.02, 3), np.repeat(CODES[:, None], 4, 1)
    types, (x,) = arguments(1, data.shape)
    source = module(types, qnn.PreluOp(x, slopes, slope_q, *encodings, rounding))
    result = lowered(source, max_error=0)
    types, (y,) = arguments(1, CODES.shape)
    alone = [module(types, qnn.PreluOp(y, s, slope_q, *encodings, rounding)) for s in slopes]
    expected = np.stack([run(one, CODES) for one in alone], 1)
    np.testing.assert_array_equal(run(source, data), expected, strict=True)
    np.testing.assert_array_equal(run(result, data), expected, strict=True)


@pytest.mark.parametrize("channels", [None, 3])
def test_clips_after_a_table_are_in_it(channels: int | None):
    encodings = QuantizationAttr.of(0.05, 3), QuantizationAttr.of(0.03, -8)
    data = np.repeat(CODES[:, None], channels or 1, 1)
    types, (x,) = arguments(1, data.shape)
    slopes = 40 if channels is None else [-100, 0, 90]
    table = qnn.PreluOp(x, slopes, QuantizationAttr.of(0.02, 3), *encodings, Rounding.TFLITE)
    first = qnn.ClipOp(table.result, -60, 50)
    source = module(types, table, first, qnn.ClipOp(first.result, -128, 20))
    result = lowered(source, certify=True)
    assert set(run(source, data).ravel().tolist()) >= {-60, 20}
    np.testing.assert_array_equal(run(result, data), run(source, data), strict=True)
    assert [op.name for op in result.walk() if op.name.startswith("sima.")] == ["sima.lut"]


def test_what_follows_a_table_knows_which_codes_it_has():
    """The bound of a folded requantization is over the codes of a sigmoid of nothing positive."""
    types, (x,) = arguments(1, (256,))
    half = QuantizationAttr.of(1 / 256, -128)
    sigmoid = qnn.SigmoidOp(x, QuantizationAttr.of(0.05, 127), half, Rounding.AWAY)
    requantize = qnn.RequantizeOp(
        sigmoid.result, half, QuantizationAttr.of(0.0123, -5), Rounding.TFLITE
    )
    source = module(types, sigmoid, requantize)
    result = lowered(source, certify=True)
    codes = only(result, sima.RequantizeOp).certificate.source.data["input_codes"]
    assert array_values(codes).tolist() == [-128, 0]
    assert run(source, CODES).max() < 127
    distance = np.subtract(run(result, CODES), run(source, CODES), dtype=int)
    bound = only(result, sima.RequantizeOp).certificate.max_error.value.data
    assert np.abs(distance).max() <= bound


@pytest.mark.parametrize("rounding", [Rounding.TFLITE, Rounding.AWAY, Rounding.UPWARD])
@pytest.mark.parametrize("mode", ["sima", "tflite", "auto"])
def test_difference_is_within_its_certificate_on_all_pairs(mode: str, rounding: Rounding):
    lhs, rhs = (np.ascontiguousarray(a) for a in np.broadcast_arrays(CODES[:, None], CODES))
    types, (a, b) = arguments(2, lhs.shape)
    rng = np.random.default_rng(4)
    for _ in range(5):
        encodings = [
            QuantizationAttr.of(2.0 ** rng.uniform(-6, -2), int(rng.integers(-128, 128)))
            for _ in range(3)
        ]
        source = module(types, qnn.SubtractOp(a, b, *encodings, rounding))
        result = lowered(source, requantization=mode, certify=True)
        bound = only(result, sima.SubtractOp).certificate.max_error.value.data
        distance = np.subtract(run(result, lhs, rhs), run(source, lhs, rhs), dtype=int)
        assert np.abs(distance).max() == bound
        assert bound == 0 if mode == "tflite" else bound <= 2
