"""Starting, changing versions, access and stopping, on a real process."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import threading
import time

import pytest

from tests.attacks.served_process import ServedProcess, identity_model, infer_body

INFER = "/v2/models/echo/infer"
UNPROVEN = "parameters: {batching: forbidden}\n"
"""Spares a slow model the many executions of the proof."""
QUICK = {"version_settle_seconds": 0, "model_poll_seconds": 0.1}


def ask(server: ServedProcess, method="POST", path=INFER, body=None, headers=None, context=None):
    """(status, headers, JSON) of one request on a connection of its own."""
    if context is None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=15)
    else:
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context)
    try:
        if method == "POST" and body is None:
            body = infer_body()
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, json.loads(answer.read() or b"null")
    finally:
        connection.close()


def wait_for(condition, timeout_seconds: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_both_ports_answer_while_the_model_loads_and_metrics_start_at_zero(tmp_path):
    model = identity_model(tmp_path, "delay_seconds: 0.15\n")
    server = ServedProcess(model, **QUICK)
    try:
        wait_for(server.health)
        status, _ = server.management("/v2/health/ready")
        assert status == 503
        assert server.management("/v2/health/live")[0] == 200
        status, headers, content = ask(server)
        assert (status, headers["retry-after"]) == (503, "1")
        assert "it is being loaded" in content["error"] or "is LOADING" in content["error"]
        server.wait_ready()
        assert server.metric("longshore_model_ready") == 1
        assert ask(server)[0] == 200
    finally:
        assert server.stop() == 0


def test_every_metric_is_there_before_the_first_request(tmp_path):
    with ServedProcess(identity_model(tmp_path), **QUICK) as server:
        text = server.management("/metrics")[1].decode()

    for sample in (
        'longshore_requests_total{model="echo",protocol="v2_json",version="1"} 0.0',
        'longshore_offered_work_seconds_total{model="echo"} 0.0',
        'longshore_inflight_request_seconds_total{model="echo"} 0.0',
        'longshore_request_duration_seconds_count{model="echo",outcome="rejected",version="1"} 0.0',
        "longshore_draining 0.0",
    ):
        assert sample in text
    assert "_created" not in text


def test_arrivals_are_counted_whatever_becomes_of_them(tmp_path):
    with ServedProcess(identity_model(tmp_path), **QUICK) as server:
        ask(server)
        ask(server, body=b"{")
        ask(server, path="/v2/models/other/infer")
        text = server.management("/metrics")[1].decode()

        assert server.metric("longshore_requests_total", protocol="v2_json") == 2
        assert server.metric("longshore_responses_total", outcome="success") == 1
        assert server.metric("longshore_responses_total", outcome="invalid") == 1
        assert server.metric("longshore_offered_work_seconds_total") > 0
        assert '"other"' not in text, "no label that a client can invent"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs Debian's prometheus package")
def test_promtool_finds_nothing_to_say_about_the_metrics(digits):
    result = subprocess.run(
        ["promtool", "check", "metrics"],
        input=digits.management("/metrics")[1],
        capture_output=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr


def test_the_management_port_never_serves_inference(echo):
    for path in (INFER, "/v2", "/v2/models/echo"):
        assert echo.management(path)[0] == 404


def test_a_new_version_takes_over_and_removing_it_rolls_back(tmp_path):
    model = identity_model(tmp_path)
    with ServedProcess(model, **QUICK) as server:
        assert ask(server)[2]["model_version"] == "1"
        shutil.copytree(model / "1", tmp_path / "2")
        os.rename(tmp_path / "2", model / "2")
        wait_for(lambda: ask(server)[2]["model_version"] == "2")
        wait_for(lambda: server.health()["versions"]["1"] == "UNLOADED")
        shutil.rmtree(model / "2")
        wait_for(lambda: ask(server)[2]["model_version"] == "1")


def test_a_broken_version_disturbs_nobody_and_is_reported(tmp_path):
    model = identity_model(tmp_path)
    with ServedProcess(model, **QUICK) as server:
        (tmp_path / "2").mkdir()
        (tmp_path / "2" / "model.identity").write_text("nonsense: [")
        os.rename(tmp_path / "2", model / "2")
        wait_for(lambda: "problems" in server.health())

        assert server.health()["ready"]
        assert "version 2" in server.health()["problems"][0]
        assert server.metric("longshore_model_load_failures_total") == 1
        assert ask(server)[2]["model_version"] == "1"
        assert "not served: name=echo version=2" in server.log


def test_a_swap_of_kubernetes_data_link_is_followed(tmp_path):
    volume = tmp_path / "echo"
    for name, factor in (("..first", 2.0), ("..second", 3.0)):
        (volume / name).mkdir(parents=True)
        dims = "[-1, 4]" if factor == 2.0 else "[-1, 5]"
        (volume / name / "model.identity").write_text(
            f"input:\n  - {{name: INPUT0, data_type: TYPE_FP32, dims: {dims}}}\n"
        )
    (volume / "..data").symlink_to("..first")
    (volume / "model.identity").symlink_to("..data/model.identity")
    with ServedProcess(volume, **QUICK) as server:

        def width() -> int:
            return ask(server, "GET", "/v2/models/echo")[2]["inputs"][0]["shape"][1]

        assert width() == 4
        (volume / "..new").symlink_to("..second")
        os.rename(volume / "..new", volume / "..data")
        wait_for(lambda: width() == 5)


def test_the_repository_extension_works_when_it_is_enabled(tmp_path):
    with ServedProcess(identity_model(tmp_path), repository_api="true", **QUICK) as server:
        index = ask(server, path="/v2/repository/index", body=b"{}")[2]
        assert index == [{"name": "echo", "version": "1", "state": "READY", "reason": ""}]
        assert ask(server, path="/v2/repository/models/echo/unload", body=b"{}")[0] == 200
        assert ask(server)[0] == 503
        assert ask(server, path="/v2/repository/models/echo/load", body=b"{}")[0] == 200
        assert ask(server)[0] == 200
        assert ask(server, path="/v2/repository/models/other/load", body=b"{}")[0] == 404


def test_a_deadline_is_kept(tmp_path):
    model = identity_model(tmp_path, "delay_seconds: 0.3\n", config=UNPROVEN)
    with ServedProcess(model, instances=1, **QUICK) as server:
        status, _, content = ask(server, headers={"X-Request-Timeout-Ms": "100"})

        assert status in (429, 504), content
        assert "s" in content["error"]


def test_more_than_can_be_answered_is_refused_at_once(tmp_path):
    model = identity_model(tmp_path, "delay_per_row_seconds: 0.05\n")
    options = {"max_queue_seconds": 0.3, "instances": 1, "max_batch_size": 1}
    with ServedProcess(model, **options, **QUICK) as server:
        answers: list[tuple[int, str | None]] = []

        def one() -> None:
            status, headers, _ = ask(server)
            answers.append((status, headers["retry-after"]))

        threads = [threading.Thread(target=one) for _ in range(25)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    refused = [retry_after for status, retry_after in answers if status == 429]
    assert 5 <= len(refused) <= 22
    assert all(retry_after is not None and int(retry_after) >= 1 for retry_after in refused)
    assert {status for status, _ in answers} == {200, 429}


def test_a_client_that_leaves_takes_its_work_along(tmp_path):
    model = identity_model(tmp_path, "delay_per_row_seconds: 0.6\n", config=UNPROVEN)
    with ServedProcess(model, instances=1, max_batch_size=1, **QUICK) as server:
        connections = []
        for _ in range(6):
            connection = http.client.HTTPConnection("127.0.0.1", server.port)
            connection.request("POST", INFER, infer_body())
            connections.append(connection)
        wait_for(lambda: server.metric("longshore_requests_total", protocol="v2_json") == 6)
        for connection in connections:
            connection.close()
        # After five cancelled requests the bound on the wait may refuse the sixth before it, too,
        # is cancelled.
        wait_for(lambda: server.metric("longshore_responses_total") == 6)
        assert server.metric("longshore_responses_total", outcome="cancelled") >= 5
        wait_for(lambda: server.metric("longshore_executions_total") == 1)
        time.sleep(0.5)

        assert server.metric("longshore_executions_total") == 1, "the others were not begun"


def test_a_drain_answers_everybody_and_asks_them_to_leave(tmp_path):
    model = identity_model(tmp_path, "delay_seconds: 0.2\n", config=UNPROVEN)
    with ServedProcess(model, drain_delay_seconds=60, **QUICK) as server:
        slow: list[int] = []
        thread = threading.Thread(target=lambda: slow.append(ask(server)[0]))
        thread.start()
        wait_for(lambda: server.metric("longshore_inflight_requests") == 1 or slow)
        server.terminate()
        wait_for(lambda: server.metric("longshore_draining") == 1)

        assert server.management("/v2/health/ready")[0] == 503
        assert server.management("/v2/health/live")[0] == 200
        status, headers, _ = ask(server)
        assert (status, headers["connection"]) == (200, "close")
        thread.join()
        assert slow == [200]
        server.terminate()
        assert server.wait() == 0


def test_a_second_signal_hastens_the_drain(tmp_path):
    with ServedProcess(identity_model(tmp_path), drain_delay_seconds=60, **QUICK) as server:
        server.terminate()
        wait_for(lambda: server.metric("longshore_draining") == 1)
        server.terminate()

        assert server.wait(10) == 0


def test_a_model_that_cannot_be_loaded_leaves_the_process_up_and_says_why(tmp_path):
    model = identity_model(tmp_path)
    (model / "1" / "model.identity").write_text("unknown_key: 1")
    server = ServedProcess(model, **QUICK)
    try:
        wait_for(lambda: server.health().get("state") == "FAILED")
        assert "unknown_key" in server.health()["problems"][0]
        assert ask(server)[0] == 503
        (model / "1" / "model.identity").write_text("")
        server.wait_ready()
    finally:
        assert server.stop() == 0


def test_the_log_tells_of_a_request_by_the_id_that_its_client_knows(tmp_path):
    model = identity_model(tmp_path, "break_when: 13\n")
    with ServedProcess(model, log_level="debug", **QUICK) as server:
        status, headers, _ = ask(server, body=infer_body(13), headers={"X-Request-Id": "mine-1"})
        assert (status, headers["x-request-id"]) == (500, "mine-1")
        own = ask(server)[1]["x-request-id"]
        lines = [json.loads(line) for line in server.log.splitlines()]

    told = [
        (line["level"], line["message"]) for line in lines if line.get("request_id") == "mine-1"
    ]
    assert told[0] == ("error", "input 'INPUT0' holds 13")
    assert told[1][0] == "debug"
    assert "outcome=error" in told[1][1]
    assert [line["level"] for line in lines if line.get("request_id") == own] == ["debug"]


def test_a_newest_version_that_cannot_be_loaded_leaves_its_place_at_the_start(tmp_path):
    model = identity_model(tmp_path)
    for version in ("2", "3"):
        (model / version).mkdir()
        (model / version / "model.identity").write_text("nonsense: [")
    with ServedProcess(model, **QUICK) as server:
        assert ask(server)[2]["model_version"] == "1"
        assert server.metric("longshore_model_load_failures_total") == 2
        assert [p[:9] for p in server.health()["problems"]] == ["version 3", "version 2"]
        (model / "3" / "model.identity").write_text("")
        wait_for(lambda: ask(server)[2]["model_version"] == "3")
        wait_for(lambda: "problems" not in server.health())


def test_a_version_is_not_closed_under_a_request_that_is_still_being_read(tmp_path):
    model = identity_model(tmp_path)
    with ServedProcess(model, **QUICK) as server:
        slow = http.client.HTTPConnection("127.0.0.1", server.port, timeout=15)
        body = infer_body()
        slow.putrequest("POST", INFER)
        slow.putheader("Content-Length", str(len(body)))
        slow.endheaders(body[:10])
        wait_for(lambda: server.metric("longshore_inflight_requests") == 1)
        shutil.copytree(model / "1", tmp_path / "2")
        os.rename(tmp_path / "2", model / "2")
        wait_for(lambda: ask(server)[2]["model_version"] == "2")
        time.sleep(0.3)
        assert server.health()["versions"]["1"] == "DRAINING"
        slow.send(body[10:])
        answer = slow.getresponse()
        content = answer.read()
        slow.close()

        assert answer.status == 200
        assert json.loads(content)["model_version"] == "1"
        wait_for(lambda: server.health()["versions"]["1"] == "UNLOADED")
