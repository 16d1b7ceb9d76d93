"""A watch over a transport without a socket, whose buffer the test fills and drains."""

from __future__ import annotations

import pytest

from longshore.rest.write_watch import WriteWatch, read_progress
from tests.rest.connection import WRITE_SECONDS, Timers


class Buffer:
    """A transport that holds `size` bytes, and may have a socket."""

    def __init__(self, size: int, connection=None) -> None:
        self.size = size
        self.is_aborted = False
        self._connection = connection

    def get_write_buffer_size(self) -> int:
        return self.size

    def get_extra_info(self, name: str):
        return self._connection

    def abort(self) -> None:
        self.is_aborted = True


@pytest.fixture
async def timers() -> Timers:
    return Timers()


@pytest.fixture
def buffer() -> Buffer:
    return Buffer(10)


@pytest.fixture
def watch(buffer, timers) -> WriteWatch:
    return WriteWatch(buffer, timers, WRITE_SECONDS)


async def test_a_client_is_cut_off_when_its_time_is_over(watch, buffer, timers):
    watch.start()
    timers.pass_seconds(WRITE_SECONDS - 0.1)
    assert not buffer.is_aborted
    timers.pass_seconds(0.1)

    assert buffer.is_aborted
    assert not timers.waiting


async def test_a_look_that_came_late_leaves_the_rest_of_the_time(watch, buffer, timers):
    watch.start()
    timers.now = WRITE_SECONDS - 0.5
    timers.pass_seconds(0.0)
    assert not buffer.is_aborted
    timers.pass_seconds(0.5)

    assert buffer.is_aborted


async def test_progress_is_seen_at_the_next_of_eight_looks(watch, buffer, timers):
    watch.start()
    timers.pass_seconds(0.1)
    buffer.size = 9
    timers.pass_seconds(WRITE_SECONDS + WRITE_SECONDS / 8 - 0.2)
    assert not buffer.is_aborted
    timers.pass_seconds(0.1)

    assert buffer.is_aborted


async def test_what_is_taken_in_time_goes_on(watch, buffer, timers):
    watch.start()
    for size in range(9, 0, -1):
        buffer.size = size
        timers.pass_seconds(WRITE_SECONDS - 4)

    assert not buffer.is_aborted


@pytest.mark.parametrize(("size", "is_watched"), [(0, False), (1, True)])
async def test_the_watch_ends_when_nothing_is_pending(watch, buffer, timers, size, is_watched):
    watch.start()
    buffer.size = size
    timers.pass_seconds(WRITE_SECONDS / 2)

    assert bool(timers.waiting) is is_watched
    assert (watch.timer is not None) is is_watched


async def test_a_stopped_watch_looks_no_more(watch, timers):
    watch.stop()
    watch.start()
    watch.stop()

    assert not timers.waiting
    assert watch.timer is None


class Socket:
    """Says what `getsockopt` and `setsockopt` are to say."""

    def __init__(self, told: bytes | OSError) -> None:
        self._told = told

    def getsockopt(self, *given) -> bytes:
        if isinstance(self._told, OSError):
            raise self._told
        return self._told

    def setsockopt(self, *given) -> None:
        raise OSError("closed")


@pytest.mark.parametrize(
    "told", [b"", b"\0" * 100, OSError("no TCP")], ids=["nothing", "less", "error"]
)
def test_a_kernel_that_tells_nothing_leaves_the_buffer(told):
    assert read_progress(Buffer(3, Socket(told))) == (True, -3)
    assert read_progress(Buffer(0, Socket(told))) == (False, 0)


async def test_a_socket_that_is_gone_is_aborted_all_the_same(timers):
    buffer = Buffer(3, Socket(b""))
    WriteWatch(buffer, timers, WRITE_SECONDS).start()
    timers.pass_seconds(WRITE_SECONDS)

    assert buffer.is_aborted
