"""ONNX's own tests of the operators that read and write codes: each is computed or refused.

The package `onnx` holds a model, inputs and outputs for each. What is not said to be refused here
must be computed exactly, so that no case is passed over, not even one that a newer package adds.
"""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support import onnx_models as om

from sima_mlir.frontends import ModelError
from sima_mlir.frontends.onnx import import_onnx

OPERATORS = (
    "qlinearconv",
    "qlinearmatmul",
    "convinteger",
    "matmulinteger",
    "quantizelinear",
    "dequantizelinear",
    "dynamicquantizelinear",
)

_TYPES = r"(FLOAT8E4M3FN|FLOAT8E5M2|FLOAT4E2M1|U?INT(2|4|16))"

REFUSED = {
    r"matmul.*float16$": r"tensor '\w+': type must be one of .*, got FLOAT16",
    r"_quantizelinear_(e4m3fn|e5m2|float4e2m1|u?int(2|4|16))": r"tensor 'y_zero_point': type must "
    rf"be one of FLOAT, INT8, UINT8, INT32, INT64, got {_TYPES}",
    r"_dequantizelinear_(e4m3fn|e5m2|float4e2m1|u?int(2|4|16))": r"input 'x' must have type FLOAT, "
    rf"INT8, UINT8, INT32, got {_TYPES}",
    r"_axis$": r"operator '\w+' at 'y': scale '\w_scale' of an activation must have 1 value, got 3",
    r"_blocked": r"operator '\w+' at 'y': blocks are not supported",
    r"convinteger_with_padding$": r"operator 'ConvInteger' at 'y': 'w' must have 1 zero point, "
    r"got 0, 1",
    r"dynamicquantizelinear(_m.._adjusted)?$": r"operator 'DynamicQuantizeLinear' is not "
    r"supported \(1 time, first at 'y'\)",
    r"dynamicquantizelinear.*expanded$": r"operator 'ReduceMin' is not supported \(1 time, .*\)",
}
"""Tests, by the end of their names or a part, with a line of what is said of each."""


DYNAMIC = (
    r"must be constant|must have type|is not supported|blocks are"
    r"|input '\w+' must have a shape .*, got no axes"
)
"""What may be said where a scale, a zero point or a weight is an input: such often have no axes."""


def node_tests() -> Iterator[Any]:
    package = "onnx.backend.test.case.node"
    for name in OPERATORS:
        importlib.import_module(f"{package}.{name}")
    cases = importlib.import_module(package)._NodeTestCases
    yield from {case.name: case for case in cases}.values()


CASES = [pytest.param(case, id=case.name) for case in node_tests()]


def reason(name: str) -> str | None:
    return next((said for part, said in REFUSED.items() if re.search(part, name)), None)


def frozen(case: Any) -> onnx.ModelProto:
    """The model with all inputs but the first as constants, in the oldest opset that is read.

    The operators are the same in that and in the opset of their test.
    """
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    names = [port.name for port in model.graph.input]
    del model.graph.input[1:]
    ((inputs, _),) = case.data_sets
    for name, given in zip(names[1:], inputs[1:], strict=True):
        constant = model.graph.initializer.add()
        is_proto = isinstance(given, onnx.TensorProto)
        constant.CopyFrom(given if is_proto else numpy_helper.from_array(given))
        constant.name = name
    model.opset_import[0].version = max(13, model.opset_import[0].version)
    return model


@pytest.mark.parametrize("case", CASES)
def test_node_test_is_computed_or_refused(case: Any):
    data = frozen(case).SerializeToString()
    if (said := reason(case.name)) is not None:
        with pytest.raises(ModelError) as error:
            import_onnx(data)
        assert any(re.fullmatch(said, message) for message in error.value.messages)
        return
    module = import_onnx(data)
    module.verify()
    ((inputs, expected),) = case.data_sets
    for given, wanted in zip(om.execute(module, inputs[:1]), expected, strict=True):
        np.testing.assert_array_equal(given, wanted)
        assert given.dtype == wanted.dtype


@pytest.mark.parametrize("case", CASES)
def test_node_test_with_nothing_constant_is_refused(case: Any):
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    model.opset_import[0].version = max(13, model.opset_import[0].version)
    if case.name == "test_matmulinteger":
        del model.graph.input[2:]
        del model.graph.node[0].input[2:]  # its factors may be computed, its zero points not
        import_onnx(model.SerializeToString()).verify()
        return
    with pytest.raises(ModelError) as error:
        import_onnx(model.SerializeToString())
    assert re.search(DYNAMIC, str(error.value))


def test_documentation_counts_the_node_tests():
    if not onnx.__version__.startswith("1.23."):
        pytest.skip(f"the page counts the tests of onnx 1.23, installed is {onnx.__version__}")
    page = (Path(__file__).parents[2] / "docs/frontends/onnx.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \| ", page, re.MULTILINE)
    counted = {name: Counter[bool]() for name in OPERATORS}
    for (case,) in (parameters.values for parameters in CASES):
        counted[case.name.split("_")[1]][reason(case.name) is None] += 1
    stated = {
        name: Counter({True: int(done), False: int(not_done)}) for name, done, not_done in rows
    }
    assert stated == counted
