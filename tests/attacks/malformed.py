"""Malformed requests: each is a client's mistake, to be answered 4xx.

After each a well-formed request has to be answered, so that the one which breaks the server is
named.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.attacks.http_client import Answer, Outcome, ask, post
from tests.attacks.served_process import ServedProcess, identity_model, infer_body

INFER, PREDICT = "/v2/models/echo/infer", "/v1/models/echo:predict"
LENGTH = "Inference-Header-Content-Length"
NO_NUMBERS = ("1", None, True, {}, [], [1], -1, 1.5, 2**63, 2**64, 1e400, float("nan"))


def tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "INPUT0", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4], **changes}


def document(*, inputs: Any = None, **more: Any) -> bytes:
    return json.dumps({"inputs": [tensor()] if inputs is None else inputs, **more}).encode()


def every_request() -> Iterator[tuple[str, bytes]]:
    """What is wrong, and the request as bytes."""
    for name, body in [*_json_bodies(), *_tensor_bodies()]:
        yield name, post(INFER, body)
    for name, body in _predict_bodies():
        yield f"V1: {name}", post(PREDICT, body)
    yield from _binary_requests()
    yield from _headers()
    yield from _raw_requests()


def _json_bodies() -> Iterator[tuple[str, bytes]]:
    good = infer_body()
    yield from {
        "empty": b"", "a space": b" ", "null": b"null", "a number": b"1", "a text": b'"x"',
        "a list": b"[]", "an empty object": b"{}", "cut": good[:-1], "half": good[: len(good) // 2],
        "twice": good + good, "a tail": good + b"x", "NUL bytes": bytes(100), "no UTF-8": b"\xff",
        "UTF-16": good.decode().encode("utf-16"), "BOM": b"\xef\xbb\xbf" + good,
        "single quotes": good.replace(b'"', b"'"), "a comment": b"// x\n" + good,
        "a comma more": good.replace(b"]}", b",]}"), "NaN": good.replace(b"1.0", b"NaN"),
        "infinity": good.replace(b"1.0", b"Infinity"), "hexadecimal": good.replace(b"1.0", b"0x1"),
        "a leading zero": good.replace(b"1.0", b"01"), "a plus": good.replace(b"1.0", b"+1"),
        "1e999": good.replace(b"1.0", b"1e999"), "deep lists": b"[" * 100_000,
        "deep objects": b'{"a":' * 100_000, "a lone surrogate": b'{"inputs": "\\ud800"}',
        "deep data": document(inputs=[tensor(data=None)]).replace(b"null", b"[" * 900 + b"]" * 900),
        "pickle": b"\x80\x04\x95\x0b\x00\x00\x00", "gzip unannounced": gzip.compress(good),
    }.items()  # fmt: skip
    for key, value in (
        ("inputs", {}), ("inputs", "INPUT0"), ("inputs", None), ("inputs", [1]), ("inputs", []),
        ("inputs", [[]]), ("inputs", [{}]), ("inputs", [tensor(), tensor()]), ("id", 5),
        ("id", []), ("outputs", {}), ("outputs", "OUTPUT0"), ("outputs", [1]), ("outputs", [{}]),
        ("outputs", [{"name": "nope"}]), ("outputs", [{"name": 5}]), ("parameters", []),
        ("outputs", [{"name": "OUTPUT0", "parameters": {"binary_data": "yes"}}]),
        ("parameters", "x"), ("parameters", {"binary_data_output": "true"}),
        ("parameters", {"timeout": "soon"}),
        ("parameters", {"timeout": -1}), ("parameters", {"timeout": []}),
    ):  # fmt: skip
        yield f"{key} is {value}", json.dumps({"inputs": [tensor()], key: value}).encode()


def _tensor_bodies() -> Iterator[tuple[str, bytes]]:
    for shape in (
        [4], [1, 5], [4, 1], [1, 4, 1], [2, 4], [0, 4], [-1, 4], [1, -4], [1.0, 4], ["1", 4],
        [True, 4], [None, 4], [[1], 4], [2**62, 4], [2**32, 2**32], [2**64, 4], [1, 2**63], [],
        "1,4", 4, None, {"0": 1}, [1] * 1000, [2**31 - 1] * 8,
    ):  # fmt: skip
        yield f"shape {str(shape)[:40]}", document(inputs=[tensor(shape=shape)])
    for data in (
        [1, 2, 3], [1, 2, 3, 4, 5], [], None, {}, "1234", 1, [[1, 2], [3, 4]], [[1], [2, 3, 4]],
        [[1, 2, 3, "4"]], [1, 2, 3, "4"], [1, 2, 3, None], [1, 2, 3, True], [1, 2, 3, {}],
        [1, 2, 3, [4]], [1, 2, 3, 1e39], [1, 2, 3, -1e39], [[[1, 2, 3, 4]]], [[]], ["AAAA"] * 4,
    ):  # fmt: skip
        yield f"data {data}", document(inputs=[tensor(data=data)])
    for datatype in ("FP64", "INT32", "BYTES", "fp32", "FP128", "", None, 5, ["FP32"], {}):
        yield f"datatype {datatype}", document(inputs=[tensor(datatype=datatype)])
    for name in ("input0", "", None, 5, ["INPUT0"], "INPUT0\0", "x" * 10_000):
        yield f"name {str(name)[:20]}", document(inputs=[tensor(name=name)])
    for key in ("name", "shape", "datatype", "data"):
        entry = tensor()
        del entry[key]
        yield f"no {key}", document(inputs=[entry])
    for value in NO_NUMBERS:
        parameters = {"binary_data_size": value}
        yield f"binary_data_size {value}", document(inputs=[tensor(parameters=parameters)])


def _predict_bodies() -> Iterator[tuple[str, bytes]]:
    for body in (
        {}, {"instances": []}, {"instances": {}}, {"instances": "x"}, {"instances": [1, 2, 3, 4]},
        {"instances": [[1, 2, 3]]}, {"instances": [[1, 2, 3, 4], [1]]}, {"instances": [[]]},
        {"instances": [["1", 2, 3, 4]]}, {"instances": [[None, 2, 3, 4]]}, {"instances": None},
        {"instances": [{"x": [1, 2, 3, 4]}]}, {"instances": [{}]}, {"inputs": {}}, {"inputs": 1},
        {"instances": [[1, 2, 3, 4]], "inputs": [[1, 2, 3, 4]]}, {"inputs": {"x": [[1, 2, 3, 4]]}},
        {"instances": [[[1, 2, 3, 4]]]}, {"instances": [{"b64": "AA=="}]}, {"predictions": []},
    ):  # fmt: skip
        yield str(body), json.dumps(body).encode()


def _binary_requests() -> Iterator[tuple[str, bytes]]:
    def head(size: Any = 16, **changes: Any) -> bytes:
        parameters = {"binary_data_size": size}
        entry = tensor(**{"parameters": parameters, "data": None, **changes})
        return json.dumps({"inputs": [{k: v for k, v in entry.items() if v is not None}]}).encode()

    def binary(header: bytes, tail: bytes, length: object = None) -> bytes:
        declared = len(header) if length is None else length
        return post(INFER, header + tail, f"{LENGTH}: {declared}\r\n")

    for size in (0, 15, 17, -16, 2**31, 2**63, 2**64, "16", 16.0, None, True, [16]):
        yield f"binary size {size}", binary(head(size if size is not None else "null"), bytes(16))
    for tail in (0, 1, 15, 17, 64):
        yield f"{tail} bytes behind the header", binary(head(), bytes(tail))
    for length in ("", "-1", "1", "99999", "2e1", "0x10", "1_0", "٣", "1" * 30, "12, 12", "+5"):
        yield f"header length {length}", binary(head(), bytes(16), length)
    yield "both data and bytes", binary(head(data=[1, 2, 3, 4]), bytes(16))
    for shape in ([2**62, 4], [0, 4], [-1, 4], [1, 2**60]):
        yield f"binary shape {shape}", binary(head(shape=shape), bytes(16))
    for raw in (0, 1, 15, 17, 32):
        yield f"a raw tensor of {raw} bytes", binary(b"", bytes(raw), 0)


def _headers() -> Iterator[tuple[str, bytes]]:
    good = infer_body()
    for timeout in ("soon", "-1", "0", "nan", "inf", "-inf", "", "1e999", "5,5", "\xb2"):
        yield f"timeout {timeout!r}", post(INFER, good, f"X-Request-Timeout-Ms: {timeout}\r\n")
    for coding in ("br", "zstd", "gzip, gzip", "gzip;q=1", "none", "compress"):
        yield f"coding {coding}", post(INFER, good, f"Content-Encoding: {coding}\r\n")
    for coding, body in (
        ("gzip", good), ("gzip", gzip.compress(good)[:-4]), ("gzip", gzip.compress(good)[:20]),
        ("gzip", b""), ("deflate", zlib.compress(good)[2:]), ("deflate", b"\x78\x9c"),
        ("gzip", gzip.compress(bytes(300_000_000), 9)),
        ("gzip", gzip.compress(good)[:-8] + bytes(8)),
    ):  # fmt: skip
        yield f"{coding} of {len(body)} bytes", post(INFER, body, f"Content-Encoding: {coding}\r\n")
    for path in (
        "/v2/models/nope/infer", "/v2/models/echo/versions/9/infer", "/v2/models//infer",
        "/v2/models/echo/versions/-1/infer", "/v2/models/echo/versions/1e0/infer",
        "/v2/models/%2e%2e/infer", "/v2/models/echo%00/infer", "/v2/models/..%2f..%2fetc/infer",
        "/v1/models/nope:predict", "/v2/models/" + "a" * 8000 + "/infer", "/v2/models/%ff/infer",
        "/v2/repository/models/echo/unload", "/v2/models/echo/infer/", "//v2/models/echo/infer",
        "/V2/models/echo/infer", "/metrics", "/", "/v2/models/echo/generate",
    ):  # fmt: skip
        yield f"path {path[:50]}", post(path, good)


def _raw_requests() -> Iterator[tuple[str, bytes]]:
    """Broken at the level of HTTP/1.1 (RFC 9112), request smuggling among it."""
    line, host = f"POST {INFER} HTTP/1.1\r\n", "Host: x\r\n"
    good = infer_body().decode()
    size = f"Content-Length: {len(good)}\r\n"
    for name, request in {
        "no Host": line + size + "\r\n" + good,
        "two lengths": line + host + size + "Content-Length: 5\r\n\r\n" + good,
        "a list of lengths": line + host + "Content-Length: 5, 6\r\n\r\n" + good,
        "a negative length": line + host + "Content-Length: -5\r\n\r\n" + good,
        "a length with a sign": line + host + f"Content-Length: +{len(good)}\r\n\r\n" + good,
        "an overflowing length": line + host + "Content-Length: 99999999999999999999\r\n\r\n",
        "a huge length": line + host + "Content-Length: 999999999999\r\n\r\n",
        "a length in hex": line + host + "Content-Length: 0x10\r\n\r\n" + good,
        "length and chunks": line + host + size + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "an unknown transfer coding": line + host + "Transfer-Encoding: gzip\r\n\r\n" + good,
        "chunked twice": line + host + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "chunked not last": line + host + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "no chunk size": line + host + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "a negative chunk": line + host + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        "a huge chunk": line + host + "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
        "an empty chunked body": line + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "a space before the colon": line + host + "Content-Length : 5\r\n\r\n" + good,
        "a folded header": line + host + "X-A: b\r\n c\r\n" + size + "\r\n" + good,
        "a header without colon": line + host + "nonsense\r\n" + size + "\r\n" + good,
        "NUL in a header": line + host + "X-A: a\0b\r\n" + size + "\r\n" + good,
        "a bare CR in a header": line + host + "X-A: a\rb\r\n" + size + "\r\n" + good,
        "an empty header name": line + host + ": x\r\n" + size + "\r\n" + good,
        "a huge header": line + host + "X-A: " + "a" * 100_000 + "\r\n" + size + "\r\n" + good,
        "many headers": line + host + "X-A: b\r\n" * 20_000 + size + "\r\n" + good,
        "no version": f"POST {INFER}\r\n\r\n",
        "HTTP/3.0": f"POST {INFER} HTTP/3.0\r\n" + host + size + "\r\n" + good,
        "HTTP/1.12": f"POST {INFER} HTTP/1.12\r\n" + host + size + "\r\n" + good,
        "an unknown method": f"BREW {INFER} HTTP/1.1\r\n" + host + "\r\n",
        "a lower-case method": f"post {INFER} HTTP/1.1\r\n" + host + size + "\r\n" + good,
        "a space in the target": "POST /v2/models/ echo/infer HTTP/1.1\r\n" + host + "\r\n",
        "CONNECT": "CONNECT x:1 HTTP/1.1\r\n" + host + "\r\n",
        "TRACE": f"TRACE {INFER} HTTP/1.1\r\n" + host + "\r\n",
        "GET on infer": f"GET {INFER} HTTP/1.1\r\n" + host + "\r\n",
        "PUT on infer": f"PUT {INFER} HTTP/1.1\r\n" + host + size + "\r\n" + good,
        "DELETE of the model": "DELETE /v2/models/echo HTTP/1.1\r\n" + host + "\r\n",
        "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "a" * 40,
        "nothing but line ends": "\r\n" * 5 + "x\r\n\r\n",
        "a body that never comes": line + host + "Content-Length: 500\r\n\r\nshort",
        "not a byte of the body": line + host + "Content-Length: 500\r\n\r\n",
        "not a byte of the chunks": line + host + "Transfer-Encoding: chunked\r\n\r\n",
        "a head that never ends": line + "X-Slow: ",
    }.items():
        yield f"HTTP: {name}", request.encode("latin-1")


async def measure(directory: Path, *, timeout_seconds: float = 1.0) -> dict[str, object]:
    """A head or a body that does not arrive is given `timeout_seconds`."""
    statuses: Counter[str] = Counter()
    wrong: list[str] = []
    with ServedProcess(
        identity_model(directory), version_settle_seconds=0,
        header_timeout_seconds=timeout_seconds, body_timeout_seconds=timeout_seconds,
    ) as served:  # fmt: skip
        for name, request in every_request():
            answer = await ask(served.port, request, timeout_seconds=10)
            status = answer.value if isinstance(answer, Outcome) else str(answer.status)
            statuses[status] += 1
            if not status.startswith("4"):
                wrong.append(f"{name}: {status}")
            after = await ask(served.port, post(INFER, infer_body()))
            if not isinstance(after, Answer) or after.status != 200:
                wrong.append(f"after {name}: {after}")
        is_alive, errors = served.is_running, served.log.count("Traceback")
    return {
        "malformed requests": statuses.total(),
        "answers": dict(statuses),
        "answered 2xx, 5xx or not at all": wrong,
        "tracebacks in the log": errors,
        "still running": is_alive,
    }
