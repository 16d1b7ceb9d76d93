"""A device that is lost while its pod serves; the identity model simulates it."""

from __future__ import annotations

import http.client
import json
import time

from tests.attacks.served_process import ServedProcess, identity_model, infer_body

INFER = "/v2/models/echo/infer"


def infer(server: ServedProcess, value: float) -> tuple[int, str | None, str]:
    """Status, `Retry-After` and the error."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("POST", INFER, infer_body(value))
        answer = connection.getresponse()
        content = json.loads(answer.read())
        return answer.status, answer.headers["Retry-After"], content.get("error", "")
    finally:
        connection.close()


def test_a_lost_device_is_seen_at_once_and_ends_the_process_with_a_code_of_its_own(tmp_path):
    model = identity_model(tmp_path, "lose_device_when: 14\n")
    with ServedProcess(model, version_settle_seconds=0, drain_delay_seconds=3) as server:
        assert infer(server, 1.0)[0] == 200
        assert server.metric("longshore_device_lost") == 0

        status, retry_after, error = infer(server, 14.0)

        assert (status, retry_after) == (503, "1")
        assert error == "the device is lost: input 'INPUT0' holds 14"
        ready, detail = server.management("/v2/health/ready")
        assert ready == 503
        assert json.loads(detail)["problems"] == [error]
        assert server.management("/v2/health/live")[0] == 503
        assert server.metric("longshore_device_lost") == 1
        assert infer(server, 1.0)[0] == 503, "neighbours are refused, and may ask another pod"
        begun = time.monotonic()
        assert server.wait(timeout_seconds=20) == 3
        assert time.monotonic() - begun < 15
        assert "the device is lost, this process has to end" in server.log
