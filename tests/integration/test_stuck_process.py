"""A process that cannot serve any more says so to its probes."""

from __future__ import annotations

import json
import threading

import pytest

from tests.attacks.served_process import ServedProcess, identity_model, infer_body
from tests.integration.test_lifecycle import QUICK, ask, wait_for

STUCK_ON_SIGNAL = """
import asyncio, signal, sys, threading, time
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})  # in the threads of the imports too
from longshore import cli, server
from longshore.rest import health

health.STUCK_AFTER_SECONDS = 1.0
loops = []
run = server.Server.run
server.Server.run = lambda self: (loops.append(asyncio.get_running_loop()), run(self))[1]

def stick():
    signal.sigwait({signal.SIGUSR1})
    loops[0].call_soon_threadsafe(time.sleep, 4.0)

threading.Thread(target=stick, daemon=True).start()
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture
def stuck(tmp_path):
    """A server whose event loop sticks for 4 s on SIGUSR1."""
    program = ("-c", STUCK_ON_SIGNAL)
    model = identity_model(tmp_path, "delay_seconds: 0.002\n")
    with ServedProcess(model, program=program, **QUICK) as server:
        yield server


def live(server: ServedProcess) -> tuple[int, dict]:
    status, body = server.management("/v2/health/live")
    return status, json.loads(body)


def test_a_stuck_event_loop_is_not_live_until_it_turns_again(stuck):
    assert live(stuck) == (200, {"live": True})
    stuck.signal("SIGUSR1")
    wait_for(lambda: live(stuck)[0] == 503)

    assert "the event loop has not run" in live(stuck)[1]["problems"][0]
    assert stuck.metric("longshore_model_ready") == 1, "metrics are served all the while"
    wait_for(lambda: live(stuck)[0] == 200)


def test_a_poisoned_request_fails_alone(tmp_path):
    model = identity_model(tmp_path, "delay_seconds: 0.05\nbreak_when: 13\n")
    statuses: dict[int, int] = {}
    with ServedProcess(model, instances=1, max_batch_size=64, **QUICK) as server:

        def one(index: int) -> None:
            statuses[index] = ask(server, body=infer_body(13.0 if index == 7 else 1.0))[0]

        threads = [threading.Thread(target=one, args=(index,)) for index in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        batches = server.metric("longshore_executions_total")

    assert statuses == {index: 500 if index == 7 else 200 for index in range(20)}
    assert batches < 20, "they were computed together"
