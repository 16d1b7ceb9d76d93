"""The requests by which a client learns about a model before it sends a tensor."""

from __future__ import annotations

import http.client
import json

import pytest


def get(server, path):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_v1_tells_the_models_and_whether_they_are_ready(digits):
    available = {
        "version": "1",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    ready = {"name": "digits", "ready": True, "model_version_status": [available]}

    assert get(digits, "/v1/models") == (200, {"models": ["digits"]})
    assert get(digits, "/v1/models/digits") == (200, ready)
    assert get(digits, "/v1/models/digits/versions/1") == (200, ready)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v1/models/letters", "unknown model 'letters'; this server serves 'digits'"),
        ("/v1/models/digits/versions/2", "unknown version '2' of model 'digits'"),
        ("/v2/models/digits/versions/2/config", "ready versions: 1"),
        ("/v2/models/letters/stats", "unknown model 'letters'"),
    ],
)
def test_what_is_unknown_is_named_beside_what_is_there(digits, path, message):
    status, answer = get(digits, path)

    assert status == 404
    assert message in answer["error"]


@pytest.mark.parametrize("base", ["/v2/models/digits", "/v2/models/digits/versions/1"])
def test_a_version_in_the_path_is_answered_as_the_model(digits, base):
    assert get(digits, f"{base}/ready") == (200, {"name": "digits", "ready": True})
    assert get(digits, base)[1]["versions"] == ["1"]
    assert get(digits, f"{base}/config")[1]["input"][0]["dims"] == [1, 8, 8]
    (statistics,) = get(digits, f"{base}/stats")[1]["model_stats"]
    assert (statistics["name"], statistics["version"]) == ("digits", "1")
