"""The `data` of a tensor in JSON: lists of numbers, booleans or strings, flat or nested.

Elements are converted by `struct`, which is strict where numpy coerces (strings, fractions given
for integers, numbers out of range) and no slower at any size. Its native mode ("@") would turn
numbers beyond FP32 into infinities; the standard one ("=") refuses them.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from longshore.errors import InvalidRequest
from longshore.protocol.json_document import shown
from longshore.tensors import Array, Datatype, element_count

_FORMATS = {
    Datatype.UINT8: "B",
    Datatype.UINT16: "H",
    Datatype.UINT32: "I",
    Datatype.UINT64: "Q",
    Datatype.INT8: "b",
    Datatype.INT16: "h",
    Datatype.INT32: "i",
    Datatype.INT64: "q",
    Datatype.FP16: "e",
    Datatype.FP32: "f",
    Datatype.FP64: "d",
}
_NUMPY_DTYPES = {datatype: datatype.numpy_dtype for datatype in _FORMATS}


def array_from_list(
    data: Any, shape: tuple[int, ...], *, datatype: Datatype, name: str, may_hold_booleans: bool
) -> Array:
    """The array of `shape` that `data` holds, either flat in row-major order or nested exactly as
    `shape` says (Open Inference Protocol, "Tensor Data"); read-only unless it is BOOL or BYTES.

    FP16 is given as ordinary numbers and rounded to the nearest; BYTES as strings, kept as UTF-8.

    Raises:
        InvalidRequest: names the input, the value found and what is allowed.
    """
    if type(data) is not list:
        raise InvalidRequest(f"input '{name}': `data` must be a list, found {shown(data)}")
    if len(shape) > 1 and data and type(data[0]) is list:
        flat = flatten(data, shape, name=name)
    else:
        flat = data
        count = element_count(shape)
        if len(flat) != count:
            raise InvalidRequest(
                f"input '{name}': `data` has {len(flat)} elements, "
                f"shape {list(shape)} needs {count}"
            )
    return array_from_elements(
        flat, datatype=datatype, name=name, may_hold_booleans=may_hold_booleans
    ).reshape(shape)


def flatten(data: Any, shape: tuple[int, ...], *, name: str) -> list[Any]:
    """The elements of lists nested exactly as `shape` says, in row-major order.

    Raises:
        InvalidRequest: ragged, or of another shape.
    """
    level = [data]
    for axis, size in enumerate(shape):
        if level and (set(map(type, level)) != {list} or set(map(len, level)) != {size}):
            raise InvalidRequest(_nesting_error(level, axis, shape, name))
        level = list(chain.from_iterable(level))
    return level


def array_from_elements(
    flat: list[Any],
    *,
    datatype: Datatype,
    name: str,
    may_hold_booleans: bool,
    first_index: int = 0,
) -> Array:
    """A 1-d array of the JSON values in `flat`, the first of which is element `first_index`.

    Raises:
        InvalidRequest: names the first element that `datatype` does not take.
    """
    code = _FORMATS.get(datatype)
    if code is None:
        of_datatype = _bool_array if datatype is Datatype.BOOL else _bytes_array
        return of_datatype(flat, name, first_index)
    if may_hold_booleans and bool in set(map(type, flat)):
        raise InvalidRequest(_element_error(flat, datatype, name, first_index))
    try:
        packed = struct.pack(f"={len(flat)}{code}", *flat)
    except (struct.error, OverflowError) as error:
        raise InvalidRequest(_element_error(flat, datatype, name, first_index)) from error
    return np.frombuffer(packed, dtype=_NUMPY_DTYPES[datatype])


def _bool_array(flat: list[Any], name: str, first_index: int) -> Array:
    if flat and set(map(type, flat)) != {bool}:
        raise InvalidRequest(_element_error(flat, Datatype.BOOL, name, first_index))
    return np.array(flat, dtype=np.bool_)


def _bytes_array(flat: list[Any], name: str, first_index: int) -> Array:
    array = np.empty(len(flat), dtype=np.object_)
    try:
        array[:] = [_to_bytes(element) for element in flat]
    except (ValueError, TypeError) as error:
        raise InvalidRequest(_element_error(flat, Datatype.BYTES, name, first_index)) from error
    return array


def _to_bytes(element: Any) -> bytes:
    """A string, or `{"b64": "..."}` (TensorFlow Serving's REST API, "Encoding binary values")."""
    if type(element) is str:
        return element.encode()
    if type(element) is not dict or element.keys() != {"b64"}:
        raise TypeError("not a string")
    return base64.b64decode(element["b64"], validate=True)


def _element_error(flat: Sequence[Any], datatype: Datatype, name: str, first_index: int) -> str:
    index = next(index for index, element in enumerate(flat) if not _fits(element, datatype))
    return (
        f"input '{name}': element {first_index + index} of `data` is {shown(flat[index])}; "
        f"{datatype} takes {_allowed(datatype)}"
    )


def _fits(element: Any, datatype: Datatype) -> bool:
    if type(element) is bool or datatype is Datatype.BOOL:
        return type(element) is bool and datatype is Datatype.BOOL
    try:
        if datatype is Datatype.BYTES:
            _to_bytes(element)
        else:
            struct.pack(f"={_FORMATS[datatype]}", element)
    except (struct.error, OverflowError, ValueError, TypeError):
        return False
    return True


def _allowed(datatype: Datatype) -> str:
    if datatype is Datatype.BOOL:
        return "true and false"
    if datatype is Datatype.BYTES:
        return 'strings and {"b64": "<base64>"}'
    dtype = datatype.numpy_dtype
    if dtype.kind == "f":
        return f"numbers from {np.finfo(dtype).min} to {np.finfo(dtype).max}"
    return f"whole numbers from {np.iinfo(dtype).min} to {np.iinfo(dtype).max}"


def _nesting_error(level: list[Any], axis: int, shape: tuple[int, ...], name: str) -> str:
    size = shape[axis]
    item = next(item for item in level if type(item) is not list or len(item) != size)
    start = f"input '{name}': `data` is not nested as shape {list(shape)} says: "
    if type(item) is not list:
        return f"{start}found {shown(item)} where a list of {size} was wanted"
    return f"{start}a list of {len(item)} on axis {axis}, which has {size}"
