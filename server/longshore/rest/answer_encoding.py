"""Encoding and compression of answers, on a thread where it would delay other clients."""

from __future__ import annotations

import asyncio

from longshore.protocol.large_json import LARGE_BODY_BYTES
from longshore.protocol.messages import InferenceRequest, InferenceResponse
from longshore.rest.compression import compress
from longshore.rest.responses import Answer, encoded_answer
from longshore.rest.wire import Wire
from longshore.tensors import Array, Tensors

COMPRESSED_BYTES = 1024
"""Shorter answers are sent as they are: compressing them costs more than it saves."""
LARGE_COMPRESSED_BYTES = 64 * 1024
"""Shorter answers are compressed on the event loop, within a millisecond or two."""


async def encode_answer(
    wire: Wire, response: InferenceResponse, request: InferenceRequest, coding: bytes | None
) -> Answer:
    """`coding` is the content coding that the client accepts; `None` sends it uncompressed.

    Raises:
        InvalidRequest: an output cannot be encoded as the request asks.
    """
    if is_large(response.outputs):
        encoded = await asyncio.to_thread(wire.encode, response, request)
    else:
        encoded = wire.encode(response, request)
    if coding is not None and len(encoded.body) >= COMPRESSED_BYTES:
        if len(encoded.body) < LARGE_COMPRESSED_BYTES:
            encoded.body = compress(encoded.body, coding)
        else:
            encoded.body = await asyncio.to_thread(compress, encoded.body, coding)
        encoded.headers.append((b"content-encoding", coding))
        encoded.headers.append((b"vary", b"accept-encoding"))
    return encoded_answer(encoded)


def is_large(outputs: Tensors) -> bool:
    """Whether encoding takes longer than waking a thread for it."""
    size = 0
    for array in outputs.values():
        size += array.nbytes
        if array.dtype.hasobject and size < LARGE_BODY_BYTES:
            size += _text_bytes(array)
    return size >= LARGE_BODY_BYTES


def _text_bytes(array: Array) -> int:
    """Of BYTES elements, whose array holds nothing but pointers."""
    return sum(len(element) for element in array.flat if isinstance(element, str | bytes))
