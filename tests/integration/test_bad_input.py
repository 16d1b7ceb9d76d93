"""Each mistake gets its own 4xx, and the next request on the same connection its answer."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import socket

import numpy as np
import pytest

from longshore import __version__
from tests.attacks.served_process import infer_body

INFER = "/v2/models/echo/infer"


def tensor(**changes: object) -> bytes:
    entry = {"name": "INPUT0", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}
    return json.dumps({"inputs": [{**entry, **changes}]}).encode()


BINARY = json.dumps(
    {
        "inputs": [
            {
                "name": "INPUT0",
                "shape": [1, 4],
                "datatype": "FP32",
                "parameters": {"binary_data_size": 16},
            }
        ]
    }
).encode()
LENGTH = "Inference-Header-Content-Length"

MISTAKES = {
    "malformed JSON": (b'{"inputs": [', {}, 400, "not JSON"),
    "not an object": (b"[1]", {}, 400, "JSON object"),
    "empty body": (b"", {}, 400, "JSON"),
    "no inputs": (b"{}", {}, 400, "inputs"),
    "missing tensor": (b'{"inputs": []}', {}, 400, "INPUT0"),
    "unknown tensor": (tensor(name="picture"), {}, 400, "picture"),
    "wrong datatype": (tensor(datatype="INT64"), {}, 400, "FP32"),
    "unknown datatype": (tensor(datatype="FP99"), {}, 400, "FP99"),
    "wrong shape": (tensor(shape=[1, 5]), {}, 400, r"\[1, 5\]"),
    "wrong rank": (tensor(shape=[4]), {}, 400, r"\[4\]"),
    "wrong count": (tensor(data=[1, 2, 3]), {}, 400, "3 elements"),
    "ragged": (tensor(data=[[1, 2], [3, 4]]), {}, 400, "nested"),
    "negative shape": (tensor(shape=[-1, 4]), {}, 400, "shape"),
    "zero rows": (tensor(shape=[0, 4], data=[]), {}, 400, "shape"),
    "overflowing shape": (tensor(shape=[2**62, 4]), {}, 400, "shape|elements"),
    "text for a number": (tensor(data=[1, 2, 3, "4"]), {}, 400, "element 3"),
    "boolean for a number": (tensor(data=[1, 2, 3, True]), {}, 400, "element 3"),
    "too large for FP32": (tensor(data=[1, 2, 3, 1e39]), {}, 400, "element 3"),
    "NaN": (tensor(data=[1, 2, 3, float("nan")]), {}, 400, "no JSON form"),
    "infinity": (tensor(data=[1, 2, 3, float("inf")]), {}, 400, "no JSON form"),
    "deep nesting": (b'{"inputs":' + b"[" * 5000, {}, 400, "JSON"),
    "header length is no number": (BINARY + bytes(16), {LENGTH: "many"}, 400, LENGTH),
    "header length beyond the body": (BINARY + bytes(16), {LENGTH: "99999"}, 400, LENGTH),
    "negative header length": (BINARY + bytes(16), {LENGTH: "-1"}, 400, LENGTH),
    "truncated binary": (BINARY + bytes(9), {LENGTH: str(len(BINARY))}, 400, "bytes"),
    "bytes left over": (BINARY + bytes(20), {LENGTH: str(len(BINARY))}, 400, "bytes"),
    "unknown output": (
        json.dumps({**json.loads(infer_body()), "outputs": [{"name": "nope"}]}).encode(),
        {},
        400,
        "nope",
    ),
    "body over the limit": (b"x" * 100_001, {}, 413, "100001 bytes"),
    "a bomb": (gzip.compress(bytes(200_000)), {"Content-Encoding": "gzip"}, 413, "decompression"),
    "broken gzip": (b"no gzip", {"Content-Encoding": "gzip"}, 400, "gzip"),
    "truncated gzip": (
        gzip.compress(infer_body())[:-9],
        {"Content-Encoding": "gzip"},
        400,
        "truncated",
    ),
    "two members of gzip": (
        gzip.compress(infer_body()) + gzip.compress(b"  "),
        {"Content-Encoding": "gzip"},
        400,
        "bytes follow the end",
    ),
    "unknown encoding": (infer_body(), {"Content-Encoding": "br"}, 415, "br"),
    "multipart whose bytes are JSON": (
        infer_body(),
        {"Content-Type": "multipart/form-data; boundary=x"},
        415,
        "'multipart/form-data; boundary=x' is not one of application/json",
    ),
    "a type that is neither JSON nor octets": (
        infer_body(),
        {"Content-Type": "text/plain"},
        415,
        "application/octet-stream",
    ),
    "bad timeout": (infer_body(), {"X-Request-Timeout-Ms": "soon"}, 400, "X-Request-Timeout-Ms"),
    "negative timeout": (infer_body(), {"X-Request-Timeout-Ms": "-5"}, 400, "above 0"),
    "timeout of NaN": (infer_body(), {"X-Request-Timeout-Ms": "nan"}, 400, "above 0"),
}


@pytest.fixture
def connection(echo):
    connection = http.client.HTTPConnection("127.0.0.1", echo.port, timeout=10)
    yield connection
    connection.close()


def ask(connection, method="POST", path=INFER, body=None, headers=None):
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    return answer, answer.read()


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "application/json; charset=utf-8", ""]
)
def test_a_body_is_taken_as_curl_and_others_send_it(connection, content_type):
    answer, content = ask(connection, body=infer_body(), headers={"Content-Type": content_type})

    assert answer.status == 200, content


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_named_and_the_next_request_unaffected(connection, mistake):
    body, headers, status, message = MISTAKES[mistake]

    answer, content = ask(connection, body=body, headers=headers)

    assert answer.status == status, content
    assert list(json.loads(content)) == ["error"]
    assert re.search(message, content.decode())
    answer, content = ask(connection, body=infer_body())
    assert answer.status == 200
    assert json.loads(content)["outputs"][0]["data"] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", INFER, 405),
        ("DELETE", "/v2/models/echo", 405),
        ("POST", "/v2/health/ready", 405),
        ("GET", "/v2/models/other", 404),
        ("POST", "/v2/models/other/infer", 404),
        ("POST", "/v2/models/echo/versions/9/infer", 404),
        ("POST", "/v2/models/echo/versions/1/infer/more", 404),
        ("GET", "/metrics", 404),
        ("GET", "/%2e%2e/etc/passwd", 404),
        ("POST", "/v2/repository/index", 404),
    ],
)
def test_wrong_paths_and_methods_are_told_apart(connection, method, path, status):
    answer, content = ask(connection, method, path, infer_body() if method == "POST" else None)

    assert answer.status == status
    assert "error" in json.loads(content)
    assert (answer.headers["allow"] is not None) is (status == 405)


def test_a_chunked_body_over_the_limit_is_refused_before_it_is_whole(echo):
    with socket.create_connection(("127.0.0.1", echo.port), timeout=10) as client:
        client.sendall(
            f"POST {INFER} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        chunk = b"8000\r\n" + bytes(0x8000) + b"\r\n"
        for _ in range(4):
            client.sendall(chunk)

        assert client.recv(4096).startswith(b"HTTP/1.1 413")


def exchange(echo, request: bytes, *pieces: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", echo.port), timeout=10) as client:
        client.sendall(request)
        for piece in pieces:
            client.sendall(piece)
        client.settimeout(10)
        received = b""
        while b"OUTPUT0" not in received and (more := client.recv(65536)):
            received += more
        return received


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.0"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_offer_to_upgrade_is_declined_without_losing_the_body(echo, protocol, framing):
    body = infer_body()
    if framing == "length":
        header = f"Content-Length: {len(body)}"
    else:
        header = "Transfer-Encoding: chunked"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    head = (
        f"POST {INFER} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        f"Upgrade: {protocol}\r\nHTTP2-Settings: AAMAAABk\r\n{header}\r\n\r\n"
    ).encode()

    assert exchange(echo, head + body).startswith(b"HTTP/1.1 200")
    assert exchange(echo, head, body[:5], body[5:]).startswith(b"HTTP/1.1 200")


def test_a_head_in_pieces_and_a_request_behind_it_are_both_answered(echo):
    body = infer_body()
    head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    answer = exchange(echo, head[:9], head[9:30], head[30:] + body + b"GET /v2 HTTP/1.1\r\n")

    assert answer.startswith(b"HTTP/1.1 200")


def test_a_client_that_waits_for_100_continue_is_told_to(echo):
    body = infer_body()
    head = (
        f"POST {INFER} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", echo.port), timeout=10) as client:
        client.sendall(head)
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        client.sendall(body)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /v2 HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", b"431"),
        (b"GET /v2 HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"408"),
        (b"nonsense\r\n\r\n", b"400"),
        (
            f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nshort".encode(),
            b"408",
        ),
    ],
    ids=["huge head", "slow head", "no HTTP", "slow body"],
)
def test_what_is_no_request_is_answered_and_ended(echo, request_bytes, status):
    with socket.create_connection(("127.0.0.1", echo.port), timeout=10) as client:
        client.sendall(request_bytes)
        answer = client.recv(4096)

        assert answer.startswith(b"HTTP/1.1 " + status)
        assert b"x-content-type-options: nosniff\r\ncache-control: no-store\r\n" in answer


@pytest.mark.parametrize("path", ["/v2", "/v2/models/echo", "/openapi.json", "/nothing", INFER])
def test_no_answer_tells_the_version_of_the_server(connection, path):
    answer, content = ask(connection, "GET", path)

    told = f"{answer.headers}{content.decode()}"
    assert answer.headers["server"] is None
    assert __version__ not in told
    assert "uvicorn" not in told.lower()


def test_a_head_request_has_no_body(connection):
    answer, content = ask(connection, "HEAD", "/v2")

    assert answer.status == 200
    assert content == b""


def test_the_request_id_comes_back_or_is_made(connection):
    given, _ = ask(connection, "GET", "/v2", headers={"X-Request-Id": "abc-1"})
    made, _ = ask(connection, "GET", "/v2", headers={"X-Request-Id": "bad\tid"})

    assert given.headers["x-request-id"] == "abc-1"
    assert made.headers["x-request-id"] not in (None, "bad\tid")


def test_v1_predicts(connection):
    answer, content = ask(
        connection, path="/v1/models/echo:predict", body=b'{"instances": [[1, 2, 3, 4]]}'
    )

    assert answer.status == 200, content
    assert json.loads(content) == {"predictions": [[1, 2, 3, 4]]}


def test_a_raw_request_is_one_row_of_bytes(connection):

    row = np.arange(4, dtype="<f4").tobytes()
    answer, content = ask(connection, body=row, headers={LENGTH: "0"})

    assert answer.status == 200, content
    assert content.endswith(row)
