from __future__ import annotations

import asyncio
import gzip
import threading

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
from longshore.rest.compression import decompress
from longshore.rest.request_head import read_head

PLAIN = read_head({})
MIB = 1024 * 1024
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


async def test_a_body_may_be_as_long_as_is_allowed():
    reader = BodyReader(max_bytes=6, timeout_seconds=5)

    reader.refuse_if_too_large(read_head({b"content-length": b"6"}))
    with pytest.raises(PayloadTooLarge, match="7 bytes; at most 6"):
        reader.refuse_if_too_large(read_head({b"content-length": b"7"}))


class Connection:
    """Has `body`, or collects its `pieces` while it may; notes what it was told of each."""

    def __init__(self, body: bytes | None = None, pieces: tuple[int, ...] = ()) -> None:
        self._body = body
        self._pieces = pieces
        self.may_go_on: list[bool] = []

    async def collect_body(self, scope, admit) -> None:
        self.may_go_on += [admit(size) for size in self._pieces]

    def take_body(self, scope) -> bytearray | None:
        return None if self._body is None else bytearray(self._body)


def test_a_body_that_is_there_is_taken_whole():
    reader = BodyReader(max_bytes=6, timeout_seconds=5)

    assert reader.take_whole({"connection": Connection(b"123456")}, PLAIN) == b"123456"
    assert reader.take_whole({"connection": Connection()}, PLAIN) is None
    assert reader.take_whole({}, PLAIN) is None
    with pytest.raises(PayloadTooLarge, match="7 bytes; at most 6"):
        reader.take_whole({"connection": Connection(b"1234567")}, PLAIN)


def test_a_compressed_body_is_not_taken_as_it_is():
    reader = BodyReader(max_bytes=6, timeout_seconds=5)

    assert reader.take_whole({"connection": Connection(b"123456")}, GZIP) is None


@pytest.mark.parametrize(
    ("max_bytes", "pieces", "may_go_on"),
    [
        (10 * MIB, (4 * MIB - 1, 1, 1), [True, True, False]),
        (6, (6, 1), [True, False]),
    ],
    ids=["4 MiB", "what a body may have"],
)
async def test_a_connection_collects_so_much_before_the_rest_comes_piece_by_piece(
    max_bytes, pieces, may_go_on
):
    reader = BodyReader(max_bytes=max_bytes, timeout_seconds=5)
    connection = Connection(pieces=pieces)
    with reader.share() as share:
        assert await reader.read({"connection": connection}, arriving(b"ab"), PLAIN, share) == b"ab"

    assert connection.may_go_on == may_go_on


async def test_a_body_that_was_collected_is_not_received_again():
    reader = BodyReader(max_bytes=6, timeout_seconds=5)
    with reader.share() as share:
        scope = {"connection": Connection(b"abc", pieces=(3,))}

        assert await reader.read(scope, arriving(b"x"), PLAIN, share) == b"abc"
        assert share.size == 3


async def test_each_byte_is_held_once():
    reader = BodyReader(max_bytes=100, timeout_seconds=5)
    with reader.share() as share:
        await reader.read({}, arriving(b"abc", b"def"), PLAIN, share)
        assert share.size == 6

    with reader.share() as share:
        compressed = gzip.compress(bytes(50))
        await reader.read({}, arriving(compressed), GZIP, share)
        assert share.size == len(compressed) + 50


@pytest.mark.parametrize(("is_one_more", "fits"), [(False, True), (True, False)])
async def test_a_body_counts_twice_while_it_is_decompressed(is_one_more, fits):
    reader = BodyReader(max_bytes=100, timeout_seconds=5)
    compressed = gzip.compress(bytes(100))
    with reader.share() as others:
        others.fits(MOST_LARGEST_BODIES * 100 - len(compressed) - 2 * 100 + is_one_more)
        reading = read(reader, arriving(compressed), GZIP)
        if fits:
            assert await reading == bytes(100)
        else:
            with pytest.raises(QueueFull):
                await reading


def stored(size: int) -> bytes:
    """A gzip body of `size` bytes: RFC 1952 adds 18 to the data, and RFC 1951 adds 5."""
    body = gzip.compress(bytes(size - 23), compresslevel=0)
    assert len(body) == size
    return body


@pytest.mark.parametrize(("size", "is_on_a_thread"), [(4095, False), (4096, True)])
async def test_short_bodies_are_decompressed_on_the_loop(monkeypatch, size, is_on_a_thread):
    threads = []

    def note_thread(body, coding, take):
        threads.append(threading.current_thread())
        return decompress(body, coding, take)

    monkeypatch.setattr("longshore.rest.body.decompress", note_thread)
    reader = BodyReader(max_bytes=5000, timeout_seconds=5)

    assert await read(reader, arriving(stored(size)), GZIP) == bytes(size - 23)
    assert [thread is not threading.main_thread() for thread in threads] == [is_on_a_thread]


async def test_two_long_bodies_are_decompressed_at_once(monkeypatch):
    running, most = 0, 0

    async def to_thread(work, *given):
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(10):
            await asyncio.sleep(0)
        running -= 1
        return work(*given)

    monkeypatch.setattr("longshore.rest.body.asyncio.to_thread", to_thread)
    reader = BodyReader(max_bytes=50_000, timeout_seconds=5)
    await asyncio.gather(*(read(reader, arriving(stored(4096)), GZIP) for _ in range(4)))

    assert most == 2
