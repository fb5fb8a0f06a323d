"""Build ONNX models, quantize them and run them in ONNX Runtime, the reference of the tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter

from sima_mlir.interpreters import register_implementations

MICROSOFT = "com.microsoft"

ELEMENT_TYPES = {
    "float32": TensorProto.FLOAT,
    "int8": TensorProto.INT8,
    "uint8": TensorProto.UINT8,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
}

Port: TypeAlias = tuple[str, str, Sequence[int | str | None] | None]
"""Name, type and shape of an input or output."""

Constants: TypeAlias = Mapping[str, np.ndarray]


def node(code: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    """An operator; `code` may begin with a domain, names are separated by spaces, - is none."""
    domain, _, name = code.rpartition(".")
    names = [["" if n == "-" else n for n in text.split()] for text in (inputs, outputs)]
    return helper.make_node(name, *names, domain=domain, **attributes)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    constants: Constants | None = None,
    *,
    opset: int = 21,
) -> onnx.ModelProto:
    """A model of some operators."""
    graph = helper.make_graph(
        nodes,
        "test",
        [port(*given) for given in inputs],
        [port(*given) for given in outputs],
        [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def port(name: str, dtype: str, shape: Sequence[int | str | None] | None) -> onnx.ValueInfoProto:
    """An input or an output; an axis may have a name in place of a size."""
    return helper.make_tensor_value_info(name, ELEMENT_TYPES[dtype], shape)


def encoding(name: str, scale: Any, zero_point: Any, dtype: str) -> dict[str, np.ndarray]:
    """The two constants NAME_s and NAME_z that say how the codes of a tensor are encoded."""
    return {
        f"{name}_s": np.array(scale, np.float32),
        f"{name}_z": np.array(zero_point, dtype),
    }


def run(
    proto: onnx.ModelProto, inputs: Sequence[np.ndarray], *, integers: bool = True
) -> list[np.ndarray]:
    """The outputs of a model; with `integers` int8 too is computed in integers where it can be."""
    import onnxruntime

    options = _options()
    if integers:
        options.add_session_config_entry("session.qdqisint8allowed", "1")
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [port.name for port in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs, strict=True)))


def run_all(proto: onnx.ModelProto, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every tensor that the operators of a model compute, as they stand in the file, by name."""
    import onnxruntime

    options = _options()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    whole = onnx.ModelProto()
    whole.CopyFrom(proto)
    names = [name for operator in proto.graph.node for name in operator.output if name]
    del whole.graph.output[:]
    whole.graph.output.extend(map(helper.make_empty_tensor_value_info, names))
    session = onnxruntime.InferenceSession(
        whole.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


def quantized_at_once(proto: onnx.ModelProto) -> dict[str, str]:
    """The codes of each tensor of floats that is clamped, if anything, and then quantized."""
    found: dict[str, str] = {}
    for operator in reversed(proto.graph.node):
        if operator.op_type == "QuantizeLinear":
            found[operator.input[0]] = operator.output[0]
        elif operator.op_type in ("Relu", "Clip") and operator.output[0] in found:
            found[operator.input[0]] = found[operator.output[0]]
    return found


def _options() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return options


def execute(module: ModuleOp, inputs: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """The outputs of an imported model."""
    interpreter = Interpreter(module)
    register_implementations(interpreter, Context())
    return interpreter.call_op("main", tuple(inputs))


def small_cnn(seed: int = 0) -> onnx.ModelProto:
    """A float network: convolutions (one depthwise), relu, residual add, pools, a dense layer."""
    rng = np.random.default_rng(seed)

    def weight(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    constants = {
        "w1": weight(8, 3, 3, 3),
        "b1": weight(8, 1).ravel(),
        "w2": weight(8, 1, 3, 3),
        "b2": weight(8, 1).ravel(),
        "w3": weight(8, 8, 1, 1),
        "b3": weight(8, 1).ravel(),
        "w4": weight(10, 8),
        "b4": weight(10, 1).ravel(),
    }
    pads = {"pads": [1, 1, 1, 1]}
    nodes = [
        node("Conv", "x w1 b1", "c1", strides=[2, 2], **pads),
        node("Relu", "c1", "r1"),
        node("Conv", "r1 w2 b2", "c2", group=8, **pads),
        node("Relu", "c2", "r2"),
        node("Conv", "r2 w3 b3", "c3"),
        node("Add", "c3 r1", "a"),
        node("MaxPool", "a", "m", kernel_shape=[2, 2], strides=[2, 2]),
        node("GlobalAveragePool", "m", "g"),
        node("Flatten", "g", "f"),
        node("Gemm", "f w4 b4", "y", transB=1),
    ]
    return model(
        nodes,
        [("x", "float32", [1, 3, 16, 16])],
        [("y", "float32", [1, 10])],
        constants,
        opset=17,
    )


def quantize(
    proto: onnx.ModelProto,
    folder: Any,
    *,
    form: str,
    per_channel: bool,
    activations: str,
    weights: str,
    images: Sequence[np.ndarray] | None = None,
) -> onnx.ModelProto:
    """The model quantized by `onnxruntime.quantization`; images calibrate it, by default random."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Images(CalibrationDataReader):
        def __init__(self) -> None:
            rng = np.random.default_rng(1)
            given = [image(rng) for _ in range(4)] if images is None else images
            self.images = iter([{"x": x} for x in given])

        def get_next(self) -> Any:
            return next(self.images, None)

    source, target = folder / "float.onnx", folder / "quantized.onnx"
    onnx.save(proto, source)
    types = {"int8": QuantType.QInt8, "uint8": QuantType.QUInt8}
    quantize_static(
        source,
        target,
        Images(),
        quant_format=QuantFormat[form],
        per_channel=per_channel,
        activation_type=types[activations],
        weight_type=types[weights],
    )
    return onnx.load(target)


def image(rng: np.random.Generator) -> np.ndarray:
    """An input for `small_cnn`."""
    return rng.uniform(-1, 1, (1, 3, 16, 16)).astype(np.float32)
