"""Searching, counting and joining megabytes in steps.

One call over 100 MB would hold the interpreter lock for a tenth of a second and delay every other
client, on whichever thread it runs; between the steps other threads run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
import orjson

from longshore.tensors import Array

STEP_BYTES = 1024 * 1024
STEP_NUMBERS = 32 * 1024
"""Numbers that are written as JSON at once: some milliseconds."""

Body: TypeAlias = bytes | bytearray


def find(body: Body, sought: bytes, start: int, stop: int) -> int:
    """As `body.find`."""
    overlap = len(sought) - 1
    while start < stop:
        found = body.find(sought, start, min(stop, start + STEP_BYTES + overlap))
        if found >= 0:
            return found
        start += STEP_BYTES
    return -1


def count(body: Body, sought: bytes, start: int, stop: int) -> int:
    """As `body.count`, of a single byte."""
    start = find(body, sought, start, stop)  # 15 times faster: most lists hold no other
    if start < 0:
        return 0
    if stop - start <= STEP_BYTES:
        return body.count(sought, start, stop)
    return sum(
        body.count(sought, begin, min(stop, begin + STEP_BYTES))
        for begin in range(start, stop, STEP_BYTES)
    )


def join(parts: Iterable[bytes | bytearray | memoryview]) -> Body:
    """As `b"".join`."""
    joined = bytearray()
    for part in parts:
        view = memoryview(part)
        if not view.nbytes:
            continue  # an empty array cannot be cast
        view = view.cast("B")
        for begin in range(0, len(view), STEP_BYTES):
            joined += view[begin : begin + STEP_BYTES]
    return joined


def is_long(array: Array) -> bool:
    return array.size > STEP_NUMBERS


def json_pieces(array: Array) -> Iterator[bytes]:
    """`array`, C-ordered and not 0-d, as nested JSON lists; the pieces follow one another."""
    if not is_long(array):
        yield orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY)
        return
    rows = max(1, STEP_NUMBERS * len(array) // array.size)
    for begin in range(0, len(array), rows):
        yield b"," if begin else b"["
        if rows == 1:
            yield from json_pieces(array[begin])
        else:
            yield _dumps_inside(array[begin : begin + rows])
    yield b"]"


def _dumps_inside(array: Any) -> bytes:
    return orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
