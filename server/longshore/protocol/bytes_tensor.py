"""BYTES tensors on the binary wire: every element behind its length, 4 bytes little-endian.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from longshore.errors import InvalidRequest
from longshore.protocol.steps import Body
from longshore.protocol.text_pieces import grouped
from longshore.tensors import Array

_LENGTH = struct.Struct("<I")


def decode_bytes_tensor(data: memoryview, count: int, *, name: str) -> Array:
    """A 1-d object array of `count` elements; elements are copies.

    Raises:
        InvalidRequest: an element overruns `data`, or `data` holds more or fewer than `count`.
    """
    if count * _LENGTH.size > len(data):  # before anything of that size is allocated
        raise InvalidRequest(
            f"input '{name}': {len(data)} bytes cannot hold {count} BYTES elements, "
            f"each at least its {_LENGTH.size}-byte length"
        )
    array = np.empty(count, dtype=np.object_)
    offset = 0
    for index in range(count):
        offset, array[index] = _element(data, offset, index, name)
    if offset != len(data):
        raise InvalidRequest(
            f"input '{name}': {len(data) - offset} bytes follow the last of {count} BYTES elements"
        )
    return array


def encode_bytes_tensor(elements: list[Body]) -> list[Body]:
    """The parts of the tensor, in their order: a long element is one, and is not copied."""
    parts: list[Body] = []
    for group in grouped(elements):
        if len(group) == 1:
            parts += (_LENGTH.pack(len(group[0])), group[0])
        else:
            parts.append(b"".join([part for e in group for part in (_LENGTH.pack(len(e)), e)]))
    return parts


def _element(data: memoryview, offset: int, index: int, name: str) -> tuple[int, Any]:
    start = offset + _LENGTH.size
    if start > len(data):
        raise InvalidRequest(
            f"input '{name}': the data ends before the length of BYTES element {index}"
        )
    end = start + _LENGTH.unpack_from(data, offset)[0]
    if end > len(data):
        raise InvalidRequest(
            f"input '{name}': BYTES element {index} says it has {end - start} bytes, "
            f"{len(data) - start} are left"
        )
    return end, bytes(data[start:end])
