"""Locust itself, against a real server."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.loadtests.conftest import RunLocust


def test_json_and_binary_users_find_the_model_and_are_answered(run_locust: RunLocust) -> None:
    run = run_locust("--max-error-rate", "0", "--max-p99-ms", "5000")
    assert run.exit_code == 0, run.output
    assert "model=digits encoding=json" in run.output
    assert "model=digits encoding=binary" in run.output


def test_a_p99_above_the_threshold_fails_the_run(run_locust: RunLocust) -> None:
    run = run_locust("--max-p99-ms", "0.001", "JsonUser")
    assert run.exit_code == 1, run.output
    assert "allowed are 0.001 ms" in run.output


def test_errors_above_the_threshold_fail_the_run_and_say_what_was_answered(
    run_locust: RunLocust,
) -> None:
    run = run_locust("--rows", "0", "JsonUser")
    assert run.exit_code == 1, run.output
    assert "requests failed: 100.00%" in run.output
    assert "400: " in run.output


def test_errors_within_the_threshold_pass(run_locust: RunLocust) -> None:
    run = run_locust("--rows", "0", "--max-error-rate", "1", "JsonUser")
    assert run.exit_code == 0, run.output


def test_an_open_load_keeps_to_its_rate(run_locust: RunLocust) -> None:
    run = run_locust(
        "--only-summary", "--arrivals-per-user", "20", "--shape", "spike", "--run-time", "2s",
        "BinaryUser",
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    row = next(line for line in run.output.splitlines() if "Aggregated" in line)
    requests = int(row.split()[1])
    # One user at 20 a second for 2 s, a second one for a fifth of it: 48 expected, closed load
    # would send thousands.
    assert 20 <= requests <= 90, run.output


def test_an_unknown_model_ends_the_run_with_a_sentence(run_locust: RunLocust) -> None:
    run = run_locust("--model", "no-such-model", "JsonUser")
    assert run.exit_code == 1, run.output
    assert "has no metadata of the model 'no-such-model'" in run.output


def test_a_server_out_of_reach_ends_the_run_with_a_sentence(run_locust: RunLocust) -> None:
    with socket.socket() as bound_only:
        bound_only.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{bound_only.getsockname()[1]}"
        run = run_locust(host=host)
    assert run.exit_code == 1, run.output
    assert "choose one with --model" in run.output


METADATA = {"name": "m", "inputs": [{"name": "x", "shape": [-1, 2], "datatype": "FP32"}]}


class BreakingServer(BaseHTTPRequestHandler):
    """Says what its model takes; every inference ends in one fault of the connection."""

    def do_GET(self) -> None:
        self._answer(json.dumps(METADATA).encode())

    def do_POST(self) -> None:
        self.close_connection = True
        self.rfile.read(int(self.headers["Content-Length"]))
        getattr(self, self.server.fault)()  # type: ignore[attr-defined]

    def listens_no_more(self) -> None:
        self.server.socket.close()

    def resets(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def closes(self) -> None:
        pass

    def breaks_off_the_answer(self) -> None:
        self._answer(b'{"outputs"', promised=100)

    def _answer(self, body: bytes, promised: int = 0) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(promised or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def breaking_host(request: pytest.FixtureRequest) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), BreakingServer) as server:
        server.fault = request.param  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("load", [(), ("--arrivals-per-user", "20")], ids=["closed", "open"])
@pytest.mark.parametrize(
    ("breaking_host", "sentence"),
    [
        ("listens_no_more", "no answer: [Errno 111] Connection refused"),
        ("resets", "no answer: [Errno 104] Connection reset by peer"),
        ("closes", "no answer: connection closed"),
        ("breaks_off_the_answer", "200, then the answer broke off: "),
    ],
    indirect=["breaking_host"],
)
def test_a_connection_that_fails_is_a_failure_that_says_how(
    run_locust: RunLocust, breaking_host: str, sentence: str, load: tuple[str, ...]
) -> None:
    run = run_locust("--model", "m", *load, "JsonUser", host=breaking_host)
    assert run.exit_code == 1, run.output
    assert sentence in run.output
    assert "Traceback" not in run.output
