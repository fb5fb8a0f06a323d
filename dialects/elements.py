"""Constants as NumPy arrays and back, never through a Python object per element."""

from __future__ import annotations

import math
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt
from xdsl.context import Context
from xdsl.dialect_interfaces.op_asm import OpAsmDialectInterface
from xdsl.dialects.builtin import (
    BytesAttr,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    Float32Type,
    Float64Type,
    IntegerAttr,
    IntegerType,
    Signedness,
    TensorType,
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
)
from xdsl.ir import Attribute

ElementsAttr: TypeAlias = "DenseIntOrFPElementsAttr | DenseResourceAttr"
Array: TypeAlias = npt.NDArray[Any]

NumberT = TypeVar("NumberT", bound=IntegerType | Float64Type)

ui8 = IntegerType(8, Signedness.UNSIGNED)

_DTYPES: dict[Attribute, np.dtype[Any]] = {
    i8: np.dtype("<i1"),
    ui8: np.dtype("<u1"),
    i16: np.dtype("<i2"),
    i32: np.dtype("<i4"),
    i64: np.dtype("<i8"),
    f32: np.dtype("<f4"),
    f64: np.dtype("<f8"),
}

_ELEMENT_TYPES = {dtype: cast("IntegerType | Float32Type", t) for t, dtype in _DTYPES.items()}

_PACKED_AT_ONCE = 1 << 17
"""How many bytes fit into the cache whatever their order."""

_PACKED_ROWS = 64

_RESOURCE_HEADER = 4
"""A blob begins with its alignment, a little-endian u32."""


def dtype_of(element_type: Attribute) -> np.dtype[Any]:
    """Returns the NumPy dtype that stores an element type.

    Raises `ValueError` for a type without one.
    """
    if (dtype := _DTYPES.get(element_type)) is None:
        raise ValueError(f"element type {element_type} is not supported")
    return dtype


def element_type_of(dtype: npt.DTypeLike) -> IntegerType | Float32Type | Float64Type:
    """Returns the MLIR element type of a NumPy dtype; signed integers are signless.

    Raises `ValueError` for a dtype without one.
    """
    wanted = np.dtype(dtype).newbyteorder("<")
    if wanted not in _ELEMENT_TYPES:
        raise ValueError(f"dtype {wanted} is not supported")
    return _ELEMENT_TYPES[wanted]


def tensor_type(shape: tuple[int, ...], element_type: Attribute) -> TensorType[Any]:
    """Returns the ranked tensor type of a shape."""
    return TensorType(element_type, shape)


def dense(array: Array) -> DenseIntOrFPElementsAttr[Any]:
    """Returns `dense<…>` holding the bytes of an array."""
    element_type = element_type_of(array.dtype)
    data = _packed(array.astype(dtype_of(element_type), copy=False)).tobytes()
    return DenseIntOrFPElementsAttr(TensorType(element_type, array.shape), BytesAttr(data))


def _packed(array: Array) -> Array:
    """Returns an array in C order; a large one is brought there in parts that fit the cache."""
    if array.flags.c_contiguous or array.nbytes < _PACKED_AT_ONCE:
        return array
    result = np.empty(array.shape, array.dtype)
    strides = np.abs(array.strides) * (np.array(array.shape) > 1)
    axis = int(np.argmax(strides))
    source, target = np.moveaxis(array, axis, 0), np.moveaxis(result, axis, 0)
    for start in range(0, len(source), _PACKED_ROWS):
        target[start : start + _PACKED_ROWS] = source[start : start + _PACKED_ROWS]
    return result


def dense_array(values: npt.ArrayLike, element_type: NumberT) -> DenseArrayBase[NumberT]:
    """Returns `array<…>` of a list of numbers."""
    data = np.asarray(values, dtype=dtype_of(element_type)).tobytes()
    return DenseArrayBase(element_type, BytesAttr(data))


def array_values(attribute: IntegerAttr[Any] | DenseArrayBase) -> Array:
    """Returns the numbers of a scalar attribute (one) or an `array<…>`, as a flat array."""
    if isinstance(attribute, IntegerAttr):
        return np.array([attribute.value.data], dtype=np.int64)
    element_type = cast(Attribute, attribute.elt_type)
    return np.frombuffer(attribute.data.data, dtype=dtype_of(element_type))


def elements_type(attribute: ElementsAttr) -> TensorType[Attribute]:
    """Returns the tensor type of a constant."""
    return cast("TensorType[Attribute]", attribute.get_type())


def elements(attribute: ElementsAttr, ctx: Context | None = None) -> Array:
    """Returns a constant as a read-only array that shares the attribute's bytes.

    A `dense_resource` is looked up in the builtin dialect of `ctx`.

    Raises `ValueError` when its element type is not supported, or when the resource is not
    there or has the wrong size.
    """
    attribute_type = elements_type(attribute)
    shape, dtype = attribute_type.get_shape(), dtype_of(attribute_type.element_type)
    if isinstance(attribute, DenseIntOrFPElementsAttr):
        data = cast("DenseIntOrFPElementsAttr[Any]", attribute).data.data
    else:
        data = _resource(attribute.resource_handle.data, ctx)
    size = math.prod(shape) * dtype.itemsize
    if len(data) != size:
        raise ValueError(f"constant holds {len(data)} bytes, its type {attribute_type} {size}")
    return np.frombuffer(data, dtype=dtype).reshape(shape)


def _resource(key: str, ctx: Context | None) -> bytes:
    builtin = None if ctx is None else ctx.get_optional_dialect("builtin")
    interface = None if builtin is None else builtin.get_interface(OpAsmDialectInterface)
    blob = None if interface is None else interface.lookup(key)
    if not blob:
        raise ValueError(f"resource '{key}' is not defined")
    return bytes.fromhex(blob[2:])[_RESOURCE_HEADER:]
