"""Long lists converted by real processes, and what becomes of a request without one."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import orjson
import pytest

from longshore.errors import InvalidRequest
from longshore.protocol.large_json import NumberList
from longshore.protocol.processes import pool
from longshore.protocol.processes.pool import ConverterPool, default_count
from longshore.tensors import Datatype
from tests.clock import FakeClock

NUMBERS = np.linspace(-3.0, 3.0, 70_000, dtype=np.float32).reshape(100, 700)


def text_of(array: np.ndarray) -> bytes:
    return orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY)


def convert(converters, text, shape, datatype=Datatype.FP32):
    return converters.convert(NumberList(text, 0, len(text)), shape, datatype=datatype, name="x")


def in_company(converters: ConverterPool) -> ConverterPool:
    """As while another thread converts a list."""
    converters._converting = 1
    return converters


@contextmanager
def running(count: int = 1, **options):
    """A pool whose processes are there."""
    converters = in_company(ConverterPool(count, **options))
    try:
        convert(converters, text_of(NUMBERS.ravel()), NUMBERS.shape)
        converters._starting.join()
        assert len(converters._all) == count
        yield converters
    finally:
        converters.close()


@pytest.fixture(scope="module")
def converters():
    with running() as found:
        yield found


@pytest.fixture
def only_elsewhere(monkeypatch):
    """A list that a process refuses, or that is not given to one, fails the test."""

    def here(*_: object, **__: object) -> None:
        raise AssertionError("converted in this process")

    monkeypatch.setattr(NumberList, "to_array", here)


def cpu_seconds_while(converters, run) -> float:
    before = converters.cpu_seconds()
    run()
    return converters.cpu_seconds() - before


@pytest.mark.parametrize(
    "datatype", [datatype for datatype in Datatype if datatype is not Datatype.BYTES]
)
@pytest.mark.parametrize("is_nested", [False, True])
@pytest.mark.usefixtures("converters", "only_elsewhere")
def test_numbers_of_each_datatype_come_back_as_they_were(converters, datatype, is_nested):
    wanted = (np.arange(400_000) % 101).astype(datatype.numpy_dtype).reshape(400, 1000)
    text = text_of(wanted.astype(np.float32) if datatype is Datatype.FP16 else wanted)
    if not is_nested:
        text = b"[%b]" % text.replace(b"[", b"").replace(b"]", b"")

    found = convert(converters, text, wanted.shape, datatype)

    assert found.dtype == datatype.numpy_dtype
    np.testing.assert_array_equal(found, wanted)


def test_what_a_process_converted_took_its_cpu(converters):
    text = text_of(NUMBERS.ravel())

    taken = cpu_seconds_while(converters, lambda: convert(converters, text, NUMBERS.shape))

    assert taken > 0


@pytest.mark.usefixtures("converters", "only_elsewhere")
def test_an_array_is_not_touched_by_the_next_list(converters):
    first = convert(converters, text_of(NUMBERS.ravel()), NUMBERS.shape)
    convert(converters, text_of(-NUMBERS.ravel()), NUMBERS.shape)

    np.testing.assert_array_equal(first, NUMBERS)


@pytest.mark.parametrize(
    ("change", "shape", "said"),
    [
        ((b"-3.0", b"nul!"), NUMBERS.shape, "input 'x'"),
        ((b"-3.0", b"1e99"), NUMBERS.shape, "element 0 of `data` is 1e\\+99; FP32 takes numbers"),
        ((b"", b""), (100, 701), "`data` has 70000 elements, shape \\[100, 701\\] needs 70100"),
        ((b"", b""), (100, 699), "`data` has more elements, shape \\[100, 699\\] needs 69900"),
    ],
)
def test_a_list_that_is_wrong_is_refused_in_the_words_of_the_server(
    converters, change, shape, said
):
    text = text_of(NUMBERS.ravel()).replace(*change, 1) if change[0] else text_of(NUMBERS.ravel())

    with pytest.raises(InvalidRequest, match=said):
        convert(converters, text, shape)

    assert len(converters._all) == 1


def test_a_list_that_comes_alone_needs_no_process():
    converters = ConverterPool(1)

    found = convert(converters, text_of(NUMBERS.ravel()), NUMBERS.shape)

    np.testing.assert_array_equal(found, NUMBERS)
    assert converters._starting is None
    assert converters._converting == 0


@pytest.mark.parametrize(("size", "is_elsewhere"), [(1_000, False), (70_000, True)])
def test_a_short_list_is_converted_here(converters, size, is_elsewhere):
    text, shape = text_of(NUMBERS.ravel()[:size]), (size,)

    taken = cpu_seconds_while(converters, lambda: convert(converters, text, shape))

    assert (taken > 0) == is_elsewhere


def test_a_list_for_which_too_much_memory_would_be_shared_is_converted_here(
    converters, monkeypatch
):
    monkeypatch.setattr(pool, "MOST_BYTES", 900 * 1024)
    text = text_of(NUMBERS.ravel())

    taken = cpu_seconds_while(converters, lambda: convert(converters, text, NUMBERS.shape))

    assert taken == 0


def test_lists_of_many_threads_are_all_converted_by_two_processes(request):
    texts = [text_of(NUMBERS.ravel() + number) for number in range(16)]
    with running(2) as converters, ThreadPoolExecutor(8) as threads:
        request.getfixturevalue("only_elsewhere")
        found = list(threads.map(lambda text: convert(converters, text, NUMBERS.shape), texts))

    for number, array in enumerate(found):
        np.testing.assert_array_equal(array, NUMBERS + np.float32(number))


def test_a_process_that_is_killed_costs_no_request_and_is_replaced_after_a_while(caplog):
    clock, text = FakeClock(), text_of(NUMBERS.ravel())
    with running(clock=clock) as converters:
        (lost,) = converters._all
        used = converters.cpu_seconds()
        os.kill(lost.pid, signal.SIGKILL)

        np.testing.assert_array_equal(convert(converters, text, NUMBERS.shape), NUMBERS)
        assert converters._all == []
        assert converters.cpu_seconds() >= used
        convert(converters, text, NUMBERS.shape)
        assert not converters._starting.is_alive()

        clock.advance(pool.RETRY_SECONDS)
        convert(converters, text, NUMBERS.shape)
        converters._starting.join()
        (new,) = converters._all
        assert new.pid != lost.pid
    assert f"a process that decodes JSON is lost: pid={lost.pid}" in caplog.text


def test_a_process_that_does_not_answer_is_given_up():
    with running() as converters:
        (stuck,) = converters._all
        stuck._socket.settimeout(0.01)
        os.kill(stuck.pid, signal.SIGSTOP)

        found = convert(converters, text_of(NUMBERS.ravel()), NUMBERS.shape)

        np.testing.assert_array_equal(found, NUMBERS)
        assert converters._all == []


def test_a_pause_of_both_processes_is_no_failure():
    text = text_of(NUMBERS.ravel())
    with running() as converters, ThreadPoolExecutor(1) as threads:
        (paused,) = converters._all
        os.kill(paused.pid, signal.SIGSTOP)
        paused._socket.settimeout(0.1)  # as if all of a wait went by meanwhile
        found = threads.submit(convert, converters, text, NUMBERS.shape)
        with pytest.raises(TimeoutError):
            found.result(0.3)
        os.kill(paused.pid, signal.SIGCONT)

        np.testing.assert_array_equal(found.result(10), NUMBERS)
        assert converters._all == [paused]


def test_without_free_memory_no_process_is_started(caplog):
    caplog.set_level("INFO")
    converters = in_company(ConverterPool(2, free_bytes=lambda: pool.PROCESS_BYTES - 1))

    found = convert(converters, text_of(NUMBERS.ravel()), NUMBERS.shape)
    converters._starting.join()

    np.testing.assert_array_equal(found, NUMBERS)
    assert converters._all == []
    assert "JSON is decoded by 0 of 2 processes: free_mib=63 needed_mib=64" in caplog.text


def test_a_process_that_cannot_be_started_is_said_and_missed_by_no_request(caplog, monkeypatch):
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    converters = in_company(ConverterPool(1))

    found = convert(converters, text_of(NUMBERS.ravel()), NUMBERS.shape)
    converters._starting.join()

    np.testing.assert_array_equal(found, NUMBERS)
    assert "no process that decodes JSON" in caplog.text


def test_processes_end_with_the_pool_and_ignore_a_signal_to_the_group():
    with running() as converters:
        (converter,) = converters._all
        os.kill(converter.pid, signal.SIGINT)
        os.kill(converter.pid, signal.SIGTERM)
        found = convert(converters, text_of(NUMBERS.ravel()), NUMBERS.shape)
        assert converters._all == [converter]

    np.testing.assert_array_equal(found, NUMBERS)
    assert converter._process.returncode == 0


def test_closing_does_not_wait_for_a_process_that_does_not_start(monkeypatch):
    monkeypatch.setattr(pool, "CLOSE_SECONDS", 0.01)
    is_closed = threading.Event()
    converters = in_company(ConverterPool(1))
    monkeypatch.setattr(converters, "_start", is_closed.wait)
    convert(converters, text_of(NUMBERS.ravel()), NUMBERS.shape)

    converters.close()

    assert converters._starting.is_alive()
    is_closed.set()
    converters._starting.join()


@pytest.mark.parametrize(
    ("cpus", "count"), [(0.5, 0), (1.0, 0), (1.9, 0), (2.0, 2), (3.5, 3), (64.0, 4)]
)
def test_there_is_a_process_for_each_cpu_within_bounds(cpus, count):
    assert default_count(cpus) == count
