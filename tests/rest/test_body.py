from __future__ import annotations

import asyncio
import gzip

import pytest

from longshore.errors import (
    BodyTimeout,
    InvalidRequest,
    LongshoreError,
    PayloadTooLarge,
    QueueFull,
    RequestCancelled,
)
from longshore.rest.body import MOST_LARGEST_BODIES, BodyReader
from longshore.rest.request_head import read_head

PLAIN = read_head({})
GZIP = read_head({b"content-encoding": b"gzip"})


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


async def read(reader: BodyReader, receive, head=PLAIN):
    with reader.share() as share:
        return await reader.read({}, receive, head, share)


async def test_a_body_in_pieces_is_put_together():
    reader = BodyReader(max_bytes=6, timeout_seconds=5)

    assert await read(reader, arriving(b"ab", b"cd", b"ef")) == b"abcdef"
    with pytest.raises(PayloadTooLarge):
        await read(reader, arriving(b"ab", b"cd", b"efg"))


@pytest.mark.parametrize("pieces", [(), (b"a",)], ids=["never begins", "never ends"])
async def test_a_body_has_to_arrive_in_time(pieces):
    with pytest.raises(BodyTimeout):
        await read(BodyReader(max_bytes=6, timeout_seconds=0.01), arriving(*pieces, ends=False))


async def test_all_that_is_read_together_is_bounded():
    reader = BodyReader(max_bytes=10, timeout_seconds=0.2)
    slow = [
        asyncio.create_task(read(reader, arriving(b"1234567890", ends=False))) for _ in range(4)
    ]
    await asyncio.sleep(0.01)

    with pytest.raises(QueueFull, match="41 bytes"):
        await read(reader, arriving(b"1"))
    results = await asyncio.gather(*slow, return_exceptions=True)
    assert [type(result) for result in results] == [BodyTimeout] * 4
    assert await read(reader, arriving(b"1")) == b"1"


@pytest.mark.parametrize("size", [1000, 5_000_000], ids=["on the loop", "on a thread"])
async def test_what_a_body_decompresses_to_counts_until_it_is_decoded(size):
    reader = BodyReader(max_bytes=size, timeout_seconds=5)
    bomb = gzip.compress(bytes(size))
    shares = [reader.share().__enter__() for _ in range(2 * MOST_LARGEST_BODIES)]

    results = await asyncio.gather(
        *(reader.read({}, arriving(bomb), GZIP, share) for share in shares),
        return_exceptions=True,
    )
    refused = [result for result in results if isinstance(result, LongshoreError)]
    whole = [result for result in results if not isinstance(result, LongshoreError)]
    assert {type(error) for error in refused} == {QueueFull}
    assert sum(map(len, whole)) + len(whole) * len(bomb) <= MOST_LARGEST_BODIES * size

    for share in shares:
        share.__exit__(None, None, None)
    assert await read(reader, arriving(bomb), GZIP) == bytes(size)


async def test_decompressing_stops_when_the_request_has_ended():
    reader = BodyReader(max_bytes=1000, timeout_seconds=5)
    with reader.share() as share:
        pass

    with pytest.raises(RequestCancelled, match="ended"):
        share.take(1)
    with reader.share() as share:
        assert share.fits(MOST_LARGEST_BODIES * 1000)


async def test_a_body_is_no_larger_than_allowed_when_decompressed():
    reader = BodyReader(max_bytes=100_000, timeout_seconds=5)

    assert await read(reader, arriving(gzip.compress(bytes(100_000))), GZIP) == bytes(100_000)
    with pytest.raises(PayloadTooLarge, match="decompression"):
        await read(reader, arriving(gzip.compress(bytes(100_001))), GZIP)


async def test_a_body_that_is_no_gzip_is_the_clients_fault():
    with pytest.raises(InvalidRequest, match="gzip body is broken"):
        await read(BodyReader(max_bytes=100, timeout_seconds=5), arriving(b"abc"), GZIP)
