"""An instance on an event loop whose turns the test takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from longshore.execution import model_instance
from longshore.execution.batch_execution import Execution
from longshore.execution.model_instance import InlineInstance
from tests.batching.queues import batched_queue
from tests.execution.queued import put

LARGE = 2**20
"""Elements of FP32 that are 4 MiB."""


class Turns:
    """What was asked of the loop; nothing of it happens until the test lets it."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.elsewhere: list[asyncio.Future[Execution]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        self.later.append((seconds, callback))

    def run_in_executor(self, executor: None, work: Callable[[], Execution]):
        self.elsewhere.append(asyncio.get_running_loop().create_future())
        return self.elsewhere[-1]

    def turn(self) -> None:
        soon, self.soon = self.soon, []
        for callback in soon:
            callback()


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
async def instance(load_identity, clock, turns):
    (backend,) = load_identity("").backends
    queue = batched_queue(clock, max_rows=1)
    return InlineInstance(
        "inline", backend, queue, loop=turns, observe=lambda execution: None, clock=clock
    )


def put_one(instance: InlineInstance, elements: int = 2) -> asyncio.Future:
    future = put(instance.queue, instance.clock, elements)
    instance.notify()
    return future


async def test_the_loop_has_a_turn_after_each_batch(instance, turns):
    futures = [put_one(instance) for _ in range(3)]

    for done in range(3):
        assert [future.done() for future in futures] == [True] * done + [False] * (3 - done)
        assert len(turns.soon) == 1
        turns.turn()
    assert not turns.soon


async def test_it_has_ended_once_nothing_waits(instance, turns):
    assert instance.join(0.0)
    put_one(instance)

    assert not instance.join(0.0)
    turns.turn()
    assert instance.join(0.0)
    assert instance.is_alive


@pytest.mark.parametrize(("elements", "is_elsewhere"), [(LARGE, True), (LARGE - 1, False)])
async def test_what_has_four_mebibytes_is_computed_elsewhere(
    instance, turns, elements, is_elsewhere
):
    future = put_one(instance, elements)
    turns.turn()

    assert bool(turns.elsewhere) is is_elsewhere
    assert future.done() is not is_elsewhere


async def test_nothing_else_is_computed_meanwhile(instance, turns):
    put_one(instance, LARGE)
    turns.turn()
    put_one(instance)

    assert not turns.soon


async def test_one_that_failed_pauses_before_it_begins_anew(instance, turns, monkeypatch, caplog):
    def fail():
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(instance.queue, "take_now", fail)
        lost = put_one(instance)
        turns.turn()
    put_one(instance)

    ((seconds, begin_anew),) = turns.later
    assert seconds == 0.1 == model_instance.RESTART_PAUSE_SECONDS
    assert not turns.soon
    begin_anew()
    assert lost.done()
    assert "MemoryError" in caplog.text
