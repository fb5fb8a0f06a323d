"""Dilated convolutions, which TensorFlow Lite's converter writes as three operators.

It takes the pixels of an image apart into the batch, so that those which are `block` apart become
neighbours, convolves, and puts them together again. With stride 1 that is a convolution whose taps
lie `block` apart: the padding of the first operator and the crop of the last are its padding.

Source: LiteRT 2.3 `tflite/kernels/internal/reference/{space_to_batch_nd,batch_to_space_nd}.h`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sima_mlir.frontends.tflite_file import Graph, Operator, Tensor

EXPLICIT_PADDING = "ExplicitPadding"
"""The option that stands for a folded padding: the taps before each axis, then those after each."""

Int64Array: TypeAlias = npt.NDArray[np.int64]

_NO_MARGINS: Int64Array = np.zeros((2, 2), np.int64)

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def fold_dilations(graph: Graph) -> Graph:
    """Makes one convolution of SPACE_TO_BATCH_ND → convolution → BATCH_TO_SPACE_ND.

    What does not fold stays as it is: another stride than 1, differing blocks or encodings, a crop
    of more than the padding, or an intermediate tensor that something else uses too.
    """
    readers = Counter(t.number for o in graph.operators for t in o.operands)
    readers.update(tensor.number for tensor in graph.outputs)
    writers = {t.number: o for o in graph.operators for t in o.outputs}
    folded: dict[int, Operator] = {}
    gone: set[int] = set()
    for index, last in enumerate(graph.operators):
        chain = _chain(last, writers)
        if chain is None or any(readers[o.outputs[0].number] != 1 for o in chain[:2]):
            continue
        if (operator := _folded(*chain)) is not None:
            folded[index] = operator
            gone |= {id(o) for o in chain[:2]}
    operators = (folded.get(i, o) for i, o in enumerate(graph.operators) if id(o) not in gone)
    return graph._replace(operators=tuple(operators))


def _chain(
    last: Operator, writers: dict[int, Operator]
) -> tuple[Operator, Operator, Operator] | None:
    """Returns the operators that end in one that puts pixels together."""
    if last.code != "BATCH_TO_SPACE_ND" or len(last.operands) != 3 or not last.outputs:
        return None
    convolution = writers.get(last.operands[0].number)
    if convolution is None or convolution.code not in _CONVOLUTIONS or not convolution.operands:
        return None
    first = writers.get(convolution.operands[0].number)
    if first is None or first.code != "SPACE_TO_BATCH_ND" or len(first.operands) != 3:
        return None
    return first, convolution, last


def _folded(first: Operator, convolution: Operator, last: Operator) -> Operator | None:
    """Returns the dilated convolution that three operators compute, if it is one."""
    source, *apart = first.operands
    image, *together = last.operands
    options = convolution.options
    if (options["StrideH"], options["StrideW"]) != (1, 1) or options["Padding"] != "VALID":
        return None
    if not _matches(source, first.outputs[0]) or not _matches(image, last.outputs[0]):
        return None
    block, margins = _blocks(apart)
    other, crops = _blocks(together)
    if len(source.shape) != 4 or block is None or block != other:
        return None
    sizes = np.array(source.shape[1:3]) + margins.sum(axis=1)
    padding = (margins - crops).T.ravel().tolist()
    if np.any(sizes % block) or min(*crops.flat, *margins.flat, *padding) < 0:
        return None
    dilated = {
        "DilationHFactor": options["DilationHFactor"] * block[0],
        "DilationWFactor": options["DilationWFactor"] * block[1],
        EXPLICIT_PADDING: padding,
    }
    inputs = (source, *convolution.inputs[1:])
    return Operator(convolution.code, inputs, last.outputs, options | dilated)


def _matches(tensor: Tensor, other: Tensor) -> bool:
    """Whether two tensors have one encoding."""
    return tensor.type == other.type and tensor.encoding.matches(other.encoding)


def _blocks(tensors: Sequence[Tensor]) -> tuple[list[int] | None, Int64Array]:
    """Returns the sizes of a block, and what is added or cropped before and after each axis.

    There is no block where the two are not constants for two axes.
    """
    size, margins = tensors
    if size.data is None or margins.data is None:
        return None, _NO_MARGINS
    if size.shape != (2,) or margins.shape != (2, 2) or size.constant().min() < 1:
        return None, _NO_MARGINS
    return size.constant().tolist(), margins.constant().astype(np.int64)
