"""What the probes are told, by the state of the server."""

from __future__ import annotations

from types import SimpleNamespace

import orjson
import pytest

from longshore.lifecycle.state import ModelState
from longshore.rest.health import Health, Heartbeat


@pytest.fixture
def served():
    """A server in the best of states."""
    row = SimpleNamespace(version="1", state=ModelState.READY)
    return SimpleNamespace(
        device_fault=None,
        is_ready=True,
        is_loading=False,
        statuses=lambda: [row],
        describe_problems=lambda: [],
        describe_progress=lambda: None,
    )


@pytest.fixture
def drain():
    return SimpleNamespace(is_draining=False)


@pytest.fixture
def health(served, drain, clock) -> Health:
    return Health(served, drain, Heartbeat(clock))


async def live(health: Health) -> tuple[int, dict]:
    answer = await health.server_live({})
    return answer.status, orjson.loads(answer.body)


async def ready(health: Health) -> tuple[int, dict]:
    answer = await health.server_ready({})
    return answer.status, orjson.loads(answer.body)


async def test_a_server_that_answers_is_live_and_ready(health):
    assert await live(health) == (200, {"live": True})
    expected = {"ready": True, "state": "READY", "versions": {"1": "READY"}}
    assert await ready(health) == (200, expected)


async def test_a_loop_that_has_not_turned_for_more_than_ten_seconds_is_stuck(health, clock):
    clock.advance(10.0)
    assert (await live(health))[0] == 200

    clock.advance(0.5)
    problem = "the event loop has not run for 10 s"
    assert await live(health) == (503, {"live": False, "problems": [problem]})
    assert (await ready(health))[0] == 503


async def test_each_beat_counts_anew(served, drain, clock):
    heartbeat = Heartbeat(clock)
    health = Health(served, drain, heartbeat)
    for _ in range(3):
        clock.advance(9.0)
        heartbeat.beat()
    clock.advance(9.0)

    assert health.is_live


async def test_a_lost_device_is_cured_by_a_new_process_alone(health, served):
    served.device_fault = "an illegal address"

    problem = "the device is lost: an illegal address"
    assert await live(health) == (503, {"live": False, "problems": [problem]})
    assert (await ready(health))[0] == 503


@pytest.mark.parametrize(
    ("is_draining", "is_ready", "is_loading", "state"),
    [
        (True, True, False, "DRAINING"),
        (False, False, True, "LOADING"),
        (False, False, False, "FAILED"),
    ],
)
async def test_what_is_not_ready_says_so_and_stays_live(
    health, served, drain, is_draining, is_ready, is_loading, state
):
    drain.is_draining, served.is_ready, served.is_loading = is_draining, is_ready, is_loading
    served.describe_problems = lambda: ["one"]
    served.describe_progress = lambda: "another"

    status, told = await ready(health)

    assert (status, told["ready"], told["state"]) == (503, False, state)
    assert (told["problems"], told["progress"]) == (["one"], "another")
    assert "longshore doctor" in told["help"]
    assert (await live(health))[0] == 200
