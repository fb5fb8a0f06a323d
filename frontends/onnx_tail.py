"""Which operators at the end of an ONNX graph are left to the host, and what they read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from sima_mlir.frontends.onnx_file import Graph, Node

_CODED = ("Linear", "Integer", "QGemm")
"""What the names of operators have that read or write codes."""


class Tail(NamedTuple):
    """The operators that are left out, and the tensors that they read of what is not."""

    nodes: list[Node]
    crossing: list[str]


def find_tail(
    graph: Graph, failed: Collection[int], can_cross: Callable[[str], bool]
) -> Tail | None:
    """Returns the end of a graph that has no form in integers.

    `failed` are the places of operators that could not be taken over, with all that read their
    results. An operator before them is left out with them when its result can't cross, for want of
    an encoding.

    Returns `None` when an operator that reads or writes codes would be left out: what is left
    is then no end of floats.
    """
    makers = {name: place for place, node in enumerate(graph.nodes) for name in node.outputs}
    left, crossing = set(failed), dict[str, None]()
    wanted = [port.name for port in graph.outputs]
    wanted += _read_by(graph.nodes[place] for place in sorted(failed))
    while wanted:
        name = wanted.pop()
        place = makers.get(name)
        if name in graph.constants or place in left or name in crossing:
            continue
        if can_cross(name):
            crossing[name] = None
        elif place is None:
            return None
        else:
            left.add(place)
            wanted += _read_by([graph.nodes[place]])
    nodes = [graph.nodes[place] for place in sorted(left)]
    if any(is_coded(node) for node in nodes):
        return None
    read = set(_read_by(nodes))
    return Tail(nodes, [name for name in _in_order(graph) if name in read and name in crossing])


def is_coded(node: Node) -> bool:
    """Whether an operator reads or writes codes."""
    return any(part in node.code for part in _CODED)


def _read_by(nodes: Iterable[Node]) -> list[str]:
    return [name for node in nodes for name in node.inputs if name]


def _in_order(graph: Graph) -> list[str]:
    """Returns the names of all that is computed, inputs first."""
    return [
        *(port.name for port in graph.inputs),
        *(name for node in graph.nodes for name in node.outputs),
    ]
