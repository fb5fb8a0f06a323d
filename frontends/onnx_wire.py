"""Takes the large tensors out of an ONNX file before it is parsed.

Protobuf copies what it parses, and copies it again when it is asked for. What is taken out stays
where it is in the bytes of the file.

Source: the encoding of protocol buffers, https://protobuf.dev/programming-guides/encoding/, with
the numbers of fields from `onnx.proto`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_GRAPH = 7
"""The field of a model that is its graph."""

_INITIALIZER = 5
"""The field of a graph that is one of its tensors."""

_RAW_DATA = 9
"""The field of a tensor that holds its bytes."""

_LARGE = 1 << 14
"""How many bytes a tensor has that is worth the trouble."""

_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5


class _Field(NamedTuple):
    """A field of a message: where it begins, where its contents do, and where it ends."""

    number: int
    kind: int
    start: int
    contents: int
    end: int

    def is_message(self, number: int) -> bool:
        """Whether it is a field of a number that holds bytes."""
        return self.number == number and self.kind == _DELIMITED


def outlined(data: bytes) -> tuple[bytes, dict[int, memoryview]]:
    """Returns a model without the bytes of its large tensors, and those by the tensor's place.

    What is no proper model is returned as it is, for the parser to complain of.
    """
    large: dict[int, memoryview] = {}
    view = memoryview(data)
    try:
        parts = list(_without_large(view, large))
    except (ValueError, IndexError):
        return data, {}
    return (b"".join(parts), large) if large else (data, {})


def _without_large(view: memoryview, large: dict[int, memoryview]) -> Iterator[memoryview | bytes]:
    """Yields the parts of a model that are left."""
    place = 0
    for field in _fields(view, 0, len(view)):
        if not field.is_message(_GRAPH):
            yield view[field.start : field.end]
            continue
        parts: list[memoryview | bytes] = []
        kept = field.contents
        for inner in _fields(view, field.contents, field.end):
            if not inner.is_message(_INITIALIZER):
                continue
            raw = _raw_data(view, inner)
            if raw is not None:
                large[place] = view[raw.contents : raw.end]
                rest = (view[inner.contents : raw.start], view[raw.end : inner.end])
                size = sum(map(len, rest))
                parts += [view[kept : inner.start], _header(_INITIALIZER, size), *rest]
                kept = inner.end
            place += 1
        parts.append(view[kept : field.end])
        yield _header(_GRAPH, sum(map(len, parts)))
        yield from parts


def _raw_data(view: memoryview, tensor: _Field) -> _Field | None:
    """Returns the bytes of a large tensor, if it has them once."""
    if tensor.end - tensor.contents < _LARGE:
        return None
    fields = [f for f in _fields(view, tensor.contents, tensor.end) if f.number == _RAW_DATA]
    return fields[0] if len(fields) == 1 and fields[0].is_message(_RAW_DATA) else None


def _fields(view: memoryview, start: int, end: int) -> Iterator[_Field]:
    """Yields the fields of a message; raises `ValueError` or `IndexError` if it is damaged."""
    while start < end:
        tag, at = _varint(view, start)
        number, kind = tag >> 3, tag & 7
        if kind == _DELIMITED:
            size, at = _varint(view, at)
        elif kind == _VARINT:
            size = _varint(view, at)[1] - at
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"kind {kind}")
        if at + size > end:
            raise ValueError("a field ends after its message")
        yield _Field(number, kind, start, at, at + size)
        start = at + size


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    """Returns a number of 7 bits a byte, and where it ends."""
    value, shift = 0, 0
    while (byte := view[at]) & 0x80:
        value |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
    return value | byte << shift, at + 1


def _header(number: int, size: int) -> bytes:
    """Returns the beginning of a field that holds so many bytes."""
    header = bytearray([number << 3 | _DELIMITED])
    while size > 0x7F:
        header.append(size & 0x7F | 0x80)
        size >>= 7
    header.append(size)
    return bytes(header)
