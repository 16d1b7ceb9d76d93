"""Values of a file as the tensor that the model takes: its datatype, and its shape."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from longshore.errors import InvalidRequest, SettingsError
from longshore.protocol.json_data import array_from_elements, flatten
from longshore.protocol.validation import check_shape
from longshore.tensors import Array, Datatype, TensorSpec

Shape = tuple[int, ...]


def from_nested(values: Any, spec: TensorSpec, source: str) -> Array:
    """Of a JSON value: a number, a text, or lists of them; `source` is what errors call it.

    Raises:
        SettingsError: ragged lists, an element of another type or out of range, another shape.
    """
    shape = _nested_shape(values)
    try:
        elements = flatten([values], (1, *shape), name=spec.name)
        array = array_from_elements(
            elements, datatype=spec.datatype, name=spec.name, may_hold_booleans=True
        )
    except InvalidRequest as error:
        raise SettingsError(f"{source}: {error}") from error
    return with_shape(array.reshape(shape), spec, source)


def from_array(array: Array, spec: TensorSpec, source: str) -> Array:
    """Of a numpy array. Floats may lose precision; nothing else may change.

    Raises:
        SettingsError: another kind of numbers, a value out of range, another shape.
    """
    wanted = spec.datatype.numpy_dtype
    if spec.datatype is Datatype.BYTES:
        return from_nested(_texts(array, spec, source), spec, source)
    if not np.can_cast(array.dtype, wanted, "same_kind") and not _is_safe(array, wanted):
        raise SettingsError(
            f"{source}: has elements of numpy's {array.dtype}; input '{spec.name}' takes "
            f"{spec.datatype}"
        )
    with np.errstate(over="ignore"):
        cast = array.astype(wanted)
    changed = cast != array if wanted.kind in "iu" else np.isinf(cast) & np.isfinite(array)
    if wanted.kind != "b" and changed.any():
        value = array[changed][0]
        raise SettingsError(
            f"{source}: the value {value} does not fit into input '{spec.name}', which takes "
            f"{spec.datatype}"
        )
    return with_shape(cast, spec, source)


def with_shape(array: Array, spec: TensorSpec, source: str) -> Array:
    """`array` in the model's shape: as it is, as the one row of a batch, or with the elements of
    each row in another arrangement.

    Raises:
        SettingsError: none of them fits.
    """
    for shape in _shapes(array.shape, spec.shape):
        if spec.accepts_shape(shape):
            array = np.ascontiguousarray(array).reshape(shape)
            break
    try:
        check_shape(array.shape, spec)
    except InvalidRequest as error:
        raise SettingsError(f"{source}: {error}") from error
    return array


def _shapes(found: Shape, wanted: Shape) -> list[Shape]:
    shapes = [found, (1, *found)]
    if wanted and -1 not in wanted[1:]:
        row, size = prod(wanted[1:]), prod(found)
        if found and prod(found[1:]) == row:
            shapes.append((found[0], *wanted[1:]))
        if row and size % row == 0 and (len(found) < 2 or size == row):
            shapes.append((size // row, *wanted[1:]))
    return shapes


def _nested_shape(values: Any) -> Shape:
    """By the first element of each level; `flatten` compares the others."""
    shape = []
    while isinstance(values, list):
        shape.append(len(values))
        if not values:
            break
        values = values[0]
    return tuple(shape)


def _is_safe(array: Array, wanted: np.dtype[Any]) -> bool:
    """Signed integers for unsigned ones are: their values are compared. 0 and 1 may be BOOL."""
    if wanted.kind == "b":
        return array.dtype.kind in "iu" and bool(np.isin(array, (0, 1)).all())
    return array.dtype.kind in "iub" and wanted.kind in "iuf"


def _texts(array: Array, spec: TensorSpec, source: str) -> Any:
    if array.dtype.kind not in "SU":
        raise SettingsError(
            f"{source}: has elements of numpy's {array.dtype}; input '{spec.name}' takes texts"
        )
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    return array.tolist()
