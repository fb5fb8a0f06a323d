"""Run `.tflite` models in LiteRT, the reference the tests compare with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Literal, TypeAlias

import numpy as np
import pytest
import tflite

Kernels: TypeAlias = Literal["reference", "optimized"]

requires_litert = pytest.mark.skipif(
    find_spec("ai_edge_litert") is None, reason="ai-edge-litert is not installed"
)


def run(
    model: bytes, inputs: Sequence[np.ndarray], kernels: Kernels = "reference"
) -> list[np.ndarray]:
    """Give the outputs of a model."""
    interpreter = _invoke(model, inputs, kernels, preserve_all_tensors=False)
    return [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]


def run_all(
    model: bytes, inputs: Sequence[np.ndarray], kernels: Kernels = "reference"
) -> dict[int, np.ndarray]:
    """Give every tensor of a model, constants and intermediate results included, by index."""
    interpreter = _invoke(model, inputs, kernels, preserve_all_tensors=True)
    count = tflite.Model.GetRootAs(model).Subgraphs(0).TensorsLength()  # the kernels add some
    return {index: interpreter.get_tensor(index) for index in range(count)}


def _invoke(
    model: bytes, inputs: Sequence[np.ndarray], kernels: Kernels, preserve_all_tensors: bool
) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = {
        "reference": OpResolverType.BUILTIN_REF,
        "optimized": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    }[kernels]
    with _silent_stderr():
        interpreter = Interpreter(
            model_content=model,
            num_threads=1,
            experimental_op_resolver_type=resolver,
            experimental_preserve_all_tensors=preserve_all_tensors,
        )
        interpreter.allocate_tensors()
        for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
            interpreter.set_tensor(detail["index"], value)
        interpreter.invoke()
    return interpreter


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Discard what native code writes to the standard error; exceptions carry the messages."""
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
