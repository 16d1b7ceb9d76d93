"""Content codings (RFC 9110, section 8.4.1), both ways, in steps.

zlib releases the interpreter inside a call, so on a worker thread only what is done between the
calls holds up other clients.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache

from longshore.errors import InvalidRequest
from longshore.protocol.steps import STEP_BYTES, Body

GZIP, ZLIB = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS
"""Window bits that also name the container."""
CODINGS = {b"gzip": GZIP, b"x-gzip": GZIP, b"deflate": ZLIB}
FED_BYTES = 64 * 1024
"""Compressed bytes given to zlib at once: what it has not used yet it copies with each step."""


def decompress(body: Body, coding: bytes, take: Callable[[int], None]) -> bytearray:
    """All of `body`, which is coded as a key of `CODINGS`; `take` is told of every step's bytes and
    raises where they are too many.

    Raises:
        InvalidRequest: broken, truncated, or followed by anything.
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
    if rest:  # a second member, or anything: dropping it would be silent
        raise InvalidRequest(f"{rest} bytes follow the end of the {coding.decode()} data")
    return data


def _steps(decompressor: zlib._Decompress, fed: Body | memoryview) -> Iterator[bytes]:
    """What `fed` adds, with what zlib held back because a step was full."""
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
    """The first coding of an `Accept-Encoding` that answers may have; `None` to send them as they
    are.

    Only gzip and deflate, and only when they are named: `*` is no wish for compression.
    """
    for item in accepted.split(b","):
        coding, _, weight = item.partition(b";")
        coding = coding.strip().lower()
        if coding in (b"gzip", b"deflate") and not _REFUSED.match(weight):
            return coding
    return None


_REFUSED = re.compile(rb"\s*q=0(\.0*)?\s*$")
"""A weight of 0 (RFC 9110, section 12.4.2)."""
