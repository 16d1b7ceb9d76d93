from __future__ import annotations

import asyncio
import gzip
import zlib

import pytest

from longshore.errors import BodyTimeout, PayloadTooLarge, QueueFull
from longshore.rest.body import BodyReader, compress

BODY = b'{"outputs": []}' * 100


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (b"gzip", b"gzip"),
        (b"deflate, gzip", b"deflate"),
        (b"br, GZIP;q=0.5", b"gzip"),
        (b"gzip;q=0, deflate", b"deflate"),
        (b"gzip; q=0.0", None),
        (b"gzip;q=0.01", b"gzip"),
        (b"identity", None),
        (b"*", None),
        (b"", None),
    ],
)
def test_an_answer_is_compressed_as_the_client_names_it_and_never_otherwise(accepted, coding):
    compressed = compress(BODY, accepted)

    if coding is None:
        assert compressed is None
        return
    body, found = compressed
    assert found == coding
    assert (gzip.decompress if coding == b"gzip" else zlib.decompress)(body) == BODY


def arriving(*pieces: bytes, ends: bool = True):
    """An ASGI `receive` that gives these pieces; without an end, nothing more ever comes."""
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if ends:
        messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive():
        if messages:
            return messages.pop(0)
        return await asyncio.get_running_loop().create_future()

    return receive


async def test_a_body_in_pieces_is_put_together():
    reader = BodyReader(max_bytes=6, timeout_seconds=5)

    assert await reader.read({"header_map": {}}, arriving(b"ab", b"cd", b"ef")) == b"abcdef"
    with pytest.raises(PayloadTooLarge):
        await reader.read({"header_map": {}}, arriving(b"ab", b"cd", b"efg"))


@pytest.mark.parametrize("pieces", [(), (b"a",)], ids=["never begins", "never ends"])
async def test_a_body_has_to_arrive_in_time(pieces):
    with pytest.raises(BodyTimeout):
        await BodyReader(max_bytes=6, timeout_seconds=0.01).read(
            {"header_map": {}}, arriving(*pieces, ends=False)
        )


async def test_all_that_is_arriving_together_is_bounded():
    reader = BodyReader(max_bytes=10, timeout_seconds=0.2)
    slow = [
        asyncio.create_task(reader.read({"header_map": {}}, arriving(b"1234567890", ends=False)))
        for _ in range(4)
    ]
    await asyncio.sleep(0.01)

    with pytest.raises(QueueFull, match="41 bytes"):
        await reader.read({"header_map": {}}, arriving(b"1"))
    results = await asyncio.gather(*slow, return_exceptions=True)
    assert [type(result) for result in results] == [BodyTimeout] * 4
    assert await reader.read({"header_map": {}}, arriving(b"1")) == b"1"
