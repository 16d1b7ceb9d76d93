"""A process that is told to stop, at any stage, stops in time and logs what was left undone."""

from __future__ import annotations

import http.client
import signal
import threading
import time

import pytest

from tests.attacks.served_process import ServedProcess, identity_model, infer_body
from tests.integration.test_lifecycle import INFER, QUICK, ask, wait_for

SLOW = "delay_per_row_seconds: 0.05\n"
VOUCHED = "parameters: {batching: vouched}\n"
"""Spares a slow model the executions of the proof, for which its budget may not be enough."""
SECONDS_OF_WORK = infer_body(rows=80)


def ask_in_background(server: ServedProcess) -> list[tuple[int, dict]]:
    """Returns once the request is queued; the list gets its answer."""
    answers: list[tuple[int, dict]] = []
    before = server.metric("longshore_pending_requests")
    threading.Thread(
        target=lambda: answers.append(ask(server, body=SECONDS_OF_WORK)[::2]), daemon=True
    ).start()  # fmt: skip
    wait_for(lambda: server.metric("longshore_pending_requests") > before)
    return answers


@pytest.mark.parametrize("is_first_process", [False, True])
def test_a_signal_during_the_start_ends_it(tmp_path, is_first_process):
    server = ServedProcess(identity_model(tmp_path), is_first_process=is_first_process, **QUICK)
    wait_for(server.has_started)
    server.terminate()

    server.wait(10)
    assert server.stop() == 0


@pytest.mark.parametrize("is_first_process", [False, True])
def test_a_signal_while_a_model_is_loaded_does_not_wait_for_it(tmp_path, is_first_process):
    model = identity_model(tmp_path, "delay_seconds: 60\n")
    server = ServedProcess(model, is_first_process=is_first_process, **QUICK)
    wait_for(server.health)
    time.sleep(0.3)
    server.terminate()

    server.wait(10)
    assert "stopped while a model was being loaded" in server.log
    assert server.stop() == 0


def test_a_drain_that_overruns_says_what_it_waited_for_and_answers_it(tmp_path):
    model = identity_model(tmp_path, SLOW, config=VOUCHED)
    options = {"instances": 1, "max_batch_size": 1, "drain_timeout_seconds": 1}
    with ServedProcess(model, **options, **QUICK) as server:
        answers = [ask_in_background(server) for _ in range(3)]
        server.terminate()

        assert server.wait(15) == 1
        assert "not waiting any longer for work to end" in server.log
        assert "requests=3" in server.log
        assert "version_1_queued=3 version_1_admitted_rows=240" in server.log
    assert [answer[0][0] for answer in answers] == [503, 503, 503]
    assert "the server stopped" in answers[0][0][1]["error"]


def test_signals_hasten_first_the_delay_and_then_the_wait_for_requests(tmp_path):
    model = identity_model(tmp_path, SLOW, config=VOUCHED)
    options = {"instances": 1, "max_batch_size": 1, "drain_delay_seconds": 60}
    with ServedProcess(model, **options, **QUICK) as server:
        answer = ask_in_background(server)
        server.terminate()
        wait_for(lambda: server.metric("longshore_draining") == 1)
        server.terminate()
        wait_for(lambda: "another stop signal" in server.log)
        time.sleep(0.5)
        assert answer == [], "still waited for"
        server.terminate()

        server.wait(10)
        wait_for(lambda: len(answer) == 1)
        assert answer[0][0] == 503


def test_a_client_that_sends_its_body_slowly_does_not_hold_up_the_end(tmp_path):
    with ServedProcess(identity_model(tmp_path), drain_timeout_seconds=1, **QUICK) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.putrequest("POST", INFER)
        connection.putheader("Content-Length", "1000")
        connection.endheaders(infer_body())
        wait_for(lambda: server.metric("longshore_inflight_requests") == 1)
        server.terminate()

        assert server.wait(10) == 1
        assert connection.getresponse().status == 503


def test_ctrl_c_drains_too(tmp_path):
    with ServedProcess(identity_model(tmp_path), **QUICK) as server:
        server.signal(signal.SIGINT.name)

        assert server.wait(10) == 0


def test_a_model_that_could_not_be_served_shows_in_the_exit_code(tmp_path):
    model = identity_model(tmp_path, "no_such_key: 1\n")
    server = ServedProcess(model, **QUICK)
    wait_for(server.health)
    wait_for(lambda: server.metric("longshore_model_load_failures_total") == 1)
    server.terminate()

    server.wait(10)
    assert server.stop() == 1


def test_an_event_loop_that_turns_is_live_until_the_process_ends(tmp_path):
    program = ("-c", QUICK_TO_CALL_A_LOOP_STUCK)
    options = {"program": program, "drain_delay_seconds": 60, **QUICK}
    with ServedProcess(identity_model(tmp_path), **options) as server:
        server.terminate()
        wait_for(lambda: server.metric("longshore_draining") == 1)
        time.sleep(2.0)

        assert server.management("/v2/health/live")[0] == 200
        server.terminate()
        assert server.wait(10) == 0


QUICK_TO_CALL_A_LOOP_STUCK = """
import sys
from longshore import cli, server
from longshore.rest import health

server.TICK_SECONDS, health.STUCK_AFTER_SECONDS = 0.1, 1.0
sys.exit(cli.main(sys.argv[1:]))
"""
