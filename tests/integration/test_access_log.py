"""The access log of a served process: one line for each request, in the log's own form."""

from __future__ import annotations

import json
import socket

from tests.attacks.served_process import ServedProcess, identity_model, infer_body
from tests.integration.test_lifecycle import INFER, QUICK, ask


def lines(server: ServedProcess) -> list[dict]:
    return [
        line
        for line in map(json.loads, server.log.splitlines())
        if line["logger"] == "longshore.access"
    ]


def send(server: ServedProcess, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received


def test_every_request_but_a_probe_has_one_line_however_it_ended(tmp_path):
    model = identity_model(tmp_path, "break_when: 13\n")
    with ServedProcess(model, access_log="true", log_level="warning", **QUICK) as server:
        assert ask(server, headers={"X-Request-Id": "r-1"})[0] == 200
        assert ask(server, body=infer_body(13.0))[0] == 500
        assert ask(server, body=b"{")[0] == 400
        assert ask(server, path="/v2/models/other/infer")[0] == 404
        assert ask(server, "GET", "/v2/models/echo")[0] == 200
        assert ask(server, "GET", "/no/such/path")[0] == 404
        assert ask(server, "GET", "/v2/health/ready")[0] == 200
        assert server.management("/metrics")[0] == 200
        assert send(server, b"rubbish\r\n\r\n").startswith(b"HTTP/1.1 400")
        server.terminate()
        assert server.wait() == 0

    told = [(line.get("method"), line.get("path"), line["status"]) for line in lines(server)]
    assert sorted(told, key=str) == sorted(
        [
            ("POST", INFER, 200),
            ("POST", INFER, 500),
            ("POST", INFER, 400),
            ("POST", "/v2/models/other/infer", 404),
            ("GET", "/v2/models/echo", 200),
            ("GET", "/no/such/path", 404),
            (None, None, 400),
        ],
        key=str,
    )
    (first,) = [line for line in lines(server) if line.get("request_id") == "r-1"]
    assert (first["model"], first["version"], first["rows"], first["batch_rows"]) == (
        "echo", "1", 1, 1
    )  # fmt: skip
    assert first["bytes_in"] == len(infer_body())
    assert 0 < first["compute_ms"] <= first["total_ms"]
    assert first["queue_ms"] >= 0
    assert "trace_id" not in first


def test_a_client_that_leaves_has_its_line(tmp_path):
    model = identity_model(tmp_path, "delay_seconds: 0.5\n")
    with ServedProcess(model, access_log="true", **QUICK) as server:
        body = infer_body()
        head = f"POST {INFER} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head + body)
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head + body[:10])
        server.terminate()
        assert server.wait() == 0

    assert [(line["status"], line["path"]) for line in lines(server)] == [(499, INFER)] * 2


def test_without_the_setting_no_request_is_told(tmp_path):
    with ServedProcess(identity_model(tmp_path), **QUICK) as server:
        assert ask(server)[0] == 200
        server.terminate()
        assert server.wait() == 0

    assert lines(server) == []


def test_lines_for_people_name_their_fields(tmp_path):
    options = {"access_log": "true", "log_format": "text", **QUICK}
    with ServedProcess(identity_model(tmp_path), **options) as server:
        assert ask(server)[0] == 200
        assert ask(server, path="/v2/models/a%0Ab/infer")[0] == 404
        server.terminate()
        assert server.wait() == 0

    line, forged = [line for line in server.log.splitlines() if "longshore.access" in line]
    assert "/v2/models/a%0Ab/infer 404 " in forged
    assert r" model=a\nb" in forged
    assert f"POST {INFER} 200 " in line
    assert " status=200 " in line
    assert " batch_rows=1 " in line
