"""A version ends: for whom it waits, and for how long."""

from __future__ import annotations

import asyncio
import threading

import pytest

from longshore.execution.instance_group import InstanceGroup
from longshore.execution.model import Model
from longshore.execution.model_instance import ModelInstance
from longshore.loading.loaded_model import LoadedModel
from tests.batching.queues import batched_queue

SLOW = "delay_seconds: 0.003"


@pytest.fixture
async def model(load_identity, metrics, clock):
    model = Model(load_identity(SLOW, instances=1), metrics, max_queue_seconds=30.0, clock=clock)
    model.start()
    yield model
    assert await model.close(5.0)


@pytest.fixture
def sleep(monkeypatch, clock, model):
    """Time passes as the model waits: a second each time, whatever it asks for."""
    naps: list[float] = []

    async def nap(seconds: float) -> None:
        naps.append(seconds)
        clock.advance(1.0)
        if len(naps) == 3:
            model.inflight_requests = 0

    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "sleep", nap)
        yield naps


async def test_a_version_is_not_closed_under_a_request_that_is_in_flight(model, sleep):
    model.inflight_requests = 1

    assert await model.close(10.0)
    assert sleep == [0.02] * 3


async def test_nobody_is_waited_for_from_the_deadline_on(model, sleep):
    model.inflight_requests = 1

    assert await model.close(2.0)
    assert len(sleep) == 2
    model.inflight_requests = 0


async def test_a_version_whose_instance_does_not_end_keeps_its_backends(model, monkeypatch):
    with monkeypatch.context() as stuck:
        stuck.setattr(ModelInstance, "join", lambda self, seconds: False)
        stuck.setattr(LoadedModel, "close", lambda loaded: pytest.fail("they may be in use"))

        assert not await model.close(5.0)


async def test_a_thread_that_hangs_does_not_keep_the_process(model):
    (thread,) = [found for found in threading.enumerate() if found.name == "identity-1-0"]

    assert thread.daemon


@pytest.mark.parametrize(("left_seconds", "given"), [(-1.0, 0.1), (0.0, 0.1), (3.0, 3.0)])
async def test_an_idle_instance_is_given_a_moment_though_no_time_is_left(
    load_identity, clock, monkeypatch, left_seconds, given
):
    seconds: list[float] = []

    def join(instance, timeout_seconds: float) -> bool:
        seconds.append(timeout_seconds)
        return True

    monkeypatch.setattr(ModelInstance, "join", join)
    loaded = load_identity(SLOW, instances=2)
    group = InstanceGroup(loaded, batched_queue(clock), lambda execution: None, clock=clock)

    assert await group.join(clock() + left_seconds)
    assert seconds == [given] * 2
