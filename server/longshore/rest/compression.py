"""Content codings (RFC 9110, section 8.4.1), both ways, in steps.

zlib releases the interpreter lock during a call, so a worker thread delays other clients only
between the calls.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache

from longshore.errors import InvalidRequest
from longshore.protocol.steps import STEP_BYTES, Body

GZIP, ZLIB = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS
"""Window bits that also select the container format."""
CODINGS = {b"gzip": GZIP, b"x-gzip": GZIP, b"deflate": ZLIB}
FED_BYTES = 64 * 1024
"""Compressed bytes given to zlib at once: it copies the unused rest at each step."""


def decompress(body: Body, coding: bytes, take: Callable[[int], None]) -> bytearray:
    """All of `body`, whose content coding is a key of `CODINGS`. `take` is called with the size of
    each step, and raises when that is too much.

    Raises:
        InvalidRequest: broken, truncated, or followed by other data.
    """
    decompressor = zlib.decompressobj(CODINGS[coding])
    data = bytearray()
    view = memoryview(body)
    try:
        for begin in range(0, len(view), FED_BYTES):
            for step in _steps(decompressor, view[begin : begin + FED_BYTES]):
                take(len(step))
                data += step
            if decompressor.eof:
                rest = len(decompressor.unused_data) + max(0, len(view) - begin - FED_BYTES)
                break
        else:
            raise InvalidRequest(f"the {coding.decode()} body is truncated")
    except zlib.error as error:
        raise InvalidRequest(f"the {coding.decode()} body is broken: {error}") from None
    if rest:  # a second member, or other data: not to be dropped silently
        raise InvalidRequest(f"{rest} bytes follow the end of the {coding.decode()} data")
    return data


def _steps(decompressor: zlib._Decompress, fed: Body | memoryview) -> Iterator[bytes]:
    """The decompressed data of `fed`, in steps of at most `STEP_BYTES`."""
    step = b""
    while (fed or len(step) == STEP_BYTES) and not decompressor.eof:
        step = decompressor.decompress(fed, STEP_BYTES)
        yield step
        fed = decompressor.unconsumed_tail


def compress(body: Body, coding: bytes) -> bytearray:
    """`body` in a coding of `CODINGS`."""
    compressor = zlib.compressobj(level=1, wbits=CODINGS[coding])
    compressed = bytearray()
    view = memoryview(body)
    for begin in range(0, len(view), STEP_BYTES):
        compressed += compressor.compress(view[begin : begin + STEP_BYTES])
    compressed += compressor.flush()
    return compressed


@lru_cache(maxsize=64)
def answer_coding(accepted: bytes) -> bytes | None:
    """The first supported coding of an `Accept-Encoding`; `None` for an uncompressed answer.

    Only gzip and deflate, and only when they are named: `*` does not ask for compression.
    """
    for item in accepted.split(b","):
        coding, _, weight = item.partition(b";")
        coding = coding.strip().lower()
        if coding in (b"gzip", b"deflate") and not _REFUSED.match(weight):
            return coding
    return None


_REFUSED = re.compile(rb"\s*q=0(\.0*)?\s*$")
"""A weight of 0 (RFC 9110, section 12.4.2)."""
