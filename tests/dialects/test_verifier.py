"""Whatever an operation is given: it verifies and round-trips, or a `VerifyException` says why."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xdsl.dialects import test
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    ModuleOp,
    StringAttr,
    TensorType,
    UnitAttr,
    UnrankedTensorType,
    VectorType,
    bf16,
    f16,
    f32,
    f64,
    i1,
    i8,
    i16,
    i32,
    i64,
)
from xdsl.ir import Attribute, Operation
from xdsl.irdl import IRDLOperation
from xdsl.utils.exceptions import VerifyException

from sima_mlir.dialects import qnn, sima
from sima_mlir.dialects.elements import dense, dense_array, ui8
from sima_mlir.dialects.qnn import QNN, QuantizationAttr
from sima_mlir.dialects.sima import SIMA, Requantization, RequantizationAttr
from sima_mlir.quantization import Rounding

OPERATIONS = [*QNN.operations, *SIMA.operations]

EDGES = {
    integer: st.sampled_from([-(1 << bits - 1), -1, 0, 1, 2, 7, (1 << bits - 1) - 1])
    for integer, bits in ((i8, 8), (i16, 16), (i32, 32), (i64, 64))
}
FLOAT_TYPES = [f16, bf16, f32, f64]
INTEGER_TYPES = [i1, IntegerType(4), i8, ui8, i16, i32, i64, IndexType()]
ELEMENT_TYPES = st.sampled_from([*INTEGER_TYPES, *FLOAT_TYPES])
SIZES = st.sampled_from([0, 1, 2, 3, 4, 8, 2**40, 2**63 - 1])
SHAPES = st.lists(SIZES, max_size=6)
DYNAMIC_SHAPES = st.lists(SIZES | st.just(-(2**63)), max_size=6)
FLOATS = st.floats() | st.sampled_from([0.0, -0.0, 5e-324, 1e-320, 1e308, float("nan")])
SCALES = st.lists(st.floats(5e-324, 1.7e308), min_size=1, max_size=5)


@st.composite
def lists(draw: st.DrawFn) -> Attribute:
    type = draw(st.sampled_from([i32, i64]))
    return dense_array(draw(st.lists(EDGES[type], max_size=10)), type)


@st.composite
def constants(draw: st.DrawFn) -> Attribute:
    shape = draw(st.lists(st.integers(0, 3), max_size=5))
    attribute = dense(np.zeros(shape, draw(st.sampled_from(["i1", "i4", "i8", "f4"]))))
    if 0 in shape or not shape or draw(st.booleans()):
        return attribute
    type = VectorType(attribute.type.element_type, shape)
    return DenseIntOrFPElementsAttr(type, attribute.data)


BYTES = st.builds(TensorType, st.just(i8), DYNAMIC_SHAPES)
RANKED = st.builds(TensorType, ELEMENT_TYPES, SHAPES)
TYPES = st.one_of(
    RANKED,
    st.builds(TensorType, ELEMENT_TYPES, DYNAMIC_SHAPES),
    st.builds(TensorType, st.just(i8), SHAPES, st.just(StringAttr("encoding"))),
    st.builds(UnrankedTensorType, ELEMENT_TYPES),
    st.builds(MemRefType, st.just(i8), SHAPES),
    ELEMENT_TYPES,
)
ATTRIBUTES = st.one_of(
    *(st.builds(IntegerAttr, numbers, st.just(type)) for type, numbers in EDGES.items()),
    st.builds(FloatAttr, FLOATS, st.just(f64)),
    st.builds(FloatAttr, st.floats(width=32), st.just(f32)),
    lists(),
    st.builds(lambda v: dense_array(v, f64), st.lists(FLOATS, max_size=4)),
    constants(),
    st.builds(DenseResourceAttr, st.just(StringAttr("blob")), BYTES),
    st.builds(QuantizationAttr.of, SCALES, EDGES[i32]),
    st.builds(qnn.RoundingAttr, st.sampled_from(Rounding)),
    st.builds(sima.RoundingAttr, st.sampled_from(Rounding)),
    st.builds(RequantizationAttr, st.sampled_from(Requantization)),
    st.just(UnitAttr()),
    st.just(StringAttr("text")),
    st.just(ArrayAttr([])),
    TYPES,
)


def rebuilt(op: Operation, properties: dict[str, Attribute], types: list[Attribute]) -> ModuleOp:
    """Returns the operation with other properties and other types, operands first."""
    count = len(op.operands)
    sources = test.TestOp(result_types=types[:count])
    other = type(op).create(
        operands=sources.results, result_types=types[count:], properties=properties
    )
    return ModuleOp([sources, other])


def verifies(module: ModuleOp) -> bool:
    try:
        module.verify()
    except VerifyException:
        return False
    return True


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda op: op.name)
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_other_attributes_and_types_are_refused_or_round_trip(
    operation: type[IRDLOperation],
    data: st.DataObject,
    example: Callable[[type[IRDLOperation]], str],
    parse: Callable[[str], ModuleOp],
    assert_fixed_point: Callable[[ModuleOp], None],
):
    op = parse(example(operation)).body.block.first_op.body.block.first_op
    names = st.sampled_from([*operation.get_irdl_definition().properties, "other"])
    changes = data.draw(st.dictionaries(names, st.none() | ATTRIBUTES, max_size=2))
    properties = {n: a for n, a in (op.properties | changes).items() if a is not None}
    types = [value.type for value in (*op.operands, *op.results)]
    for index in data.draw(st.sets(st.sampled_from(range(len(types))), max_size=1)):
        types[index] = data.draw(TYPES)
    module = rebuilt(op, properties, types)
    if verifies(module):
        assert_fixed_point(module)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda op: op.name)
@pytest.mark.parametrize("count", [0, 3])
def test_the_number_of_operands_is_checked_before_they_are_read(
    operation: type[IRDLOperation],
    count: int,
    example: Callable[[type[IRDLOperation]], str],
    parse: Callable[[str], ModuleOp],
):
    op = parse(example(operation)).body.block.first_op.body.block.first_op
    result = op.results[0].type
    sources = test.TestOp(result_types=[result] * count)
    other = operation.create(
        operands=sources.results, result_types=[result], properties=op.properties
    )
    assert not verifies(ModuleOp([sources, other]))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda op: op.name)
def test_every_property_is_required_or_has_a_default(
    operation: type[IRDLOperation],
    example: Callable[[type[IRDLOperation]], str],
    parse: Callable[[str], ModuleOp],
    show: Callable[..., str],
):
    """What is left out of the generic form means the default that the custom form leaves out."""
    module = parse(example(operation))
    op = module.body.block.first_op.body.block.first_op
    for name, definition in operation.get_irdl_definition().properties.items():
        default = getattr(definition, "default_value", None)
        if default is not None and op.properties[name] == default:
            text = show(module, generic=True)
            shorter = text.replace(f", {name} = {default}", "").replace(f"{name} = {default}", "")
            assert shorter != text
            assert parse(shorter).is_structurally_equivalent(module)
