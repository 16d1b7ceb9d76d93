from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from longshore.errors import SettingsError
from longshore_k8s.replay.prometheus import query_range
from longshore_k8s.replay.synthetic import SHAPES, synthetic
from longshore_k8s.replay.trace import Trace, check_against, read_trace

GOOD = ["time,requests_per_second", *(f"{60 * index},{10 + index}" for index in range(10))]


@pytest.fixture
def trace_of(tmp_path):
    def write_and_read(lines: list[str]) -> Trace:
        path = tmp_path / "load.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return read_trace(path)

    return write_and_read


def with_line(number: int, text: str) -> list[str]:
    return [text if index == number else line for index, line in enumerate(GOOD, start=1)]


def test_a_rate_holds_until_the_next(trace_of):
    trace = trace_of(GOOD)

    edges, sums = trace.cumulative()
    assert trace.seconds == 600
    assert np.interp([0, 60, 90, 600], edges, sums).tolist() == [0, 600, 930, 8700]


def test_times_may_be_dates(trace_of):
    dated = ["time,requests_per_second", *(f"2026-03-01T11:{m:02}:00Z,5" for m in range(20, 32))]

    trace = trace_of(dated)

    assert trace.seconds == 720
    assert trace.label(615) == "11:30:15"
    assert trace_of(GOOD).label(615) == "00:10:15"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "is empty"),
        (GOOD[1:], "line 1: the header is '0,10'"),
        (["time,rps", *GOOD[1:]], "line 1: the header is 'time,rps'"),
        (with_line(4, "120,-3"), "line 4: the rate is -3"),
        (with_line(4, "120,nan"), "line 4: the rate is nan"),
        (with_line(4, "120,"), "line 4: the rate is ''"),
        (with_line(4, "120,12 rps"), "line 4: the rate is '12 rps'"),
        (with_line(4, "yesterday,12"), "line 4: the time is 'yesterday'"),
        (with_line(4, "120"), "line 4: 1 values"),
        (with_line(4, "50,12"), "line 4: the time 50 is before 60"),
        (with_line(4, "60,12"), "line 4: the time 60 is the same as 60"),
        ([*GOOD[:4], *GOOD[6:]], "line 5: 180 s after the point before, .* 60 s apart: a gap"),
        (with_line(2, "1772366400000,12"), "line 2: the time is 1772366400000, .* milliseconds"),
        (GOOD[:2], "has 1 points"),
        (GOOD[:4], "lasts 180 s"),
        ([GOOD[0], *(f"{60 * index},0" for index in range(10))], "every rate is 0"),
    ],
)
def test_what_is_no_load_is_refused_by_line_and_value(trace_of, lines, says):
    with pytest.raises(SettingsError, match=says):
        trace_of(lines)


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        read_trace(tmp_path / "absent.csv")
    (tmp_path / "model.onnx").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_trace(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("rates", "says"),
    [
        (np.full(40, 9000.0), "the peak of 9000 requests/s needs 300 pods .* per minute"),
        (np.arange(40) * 20.0, "never falls in 40 points and ends at 780: .* counter"),
        (np.full(40, 0.02), "the peak of 0.02 requests/s is 0.00067 of one pod's 30"),
    ],
)
def test_a_load_far_from_what_the_pods_carry_is_in_another_unit(rates, says):
    trace = Trace(np.arange(40) * 60.0, rates)

    with pytest.raises(SettingsError, match=says):
        check_against(trace, "load.csv", knee=30, most_pods=10)


def test_a_load_that_needs_a_few_pods_too_many_is_no_other_unit():
    check_against(synthetic("spike", low=10, high=600), "load.csv", knee=30, most_pods=10)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_synthetic_load_stays_between_its_bounds(shape):
    trace = synthetic(shape, low=10, high=50)

    assert (trace.rates.min(), trace.rates.max()) == (10, pytest.approx(50))


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """An HTTP server on loopback that always answers the same; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def matrix(*series: list[list[object]]) -> bytes:
    result = [{"metric": {}, "values": values} for values in series]
    return json.dumps({"data": {"resultType": "matrix", "result": result}}).encode()


POINTS: list[list[object]] = [[1_770_000_000 + 15 * index, str(index)] for index in range(40)]


def test_a_range_query_is_a_trace():
    with answering(200, matrix(POINTS)) as url:
        trace = query_range(url, "sum(rate(x[1m]))", hours=1)

    assert trace.seconds == 600
    assert trace.rates.tolist() == list(range(40))


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (200, matrix(), "gives 0 series"),
        (200, matrix(POINTS, POINTS), "gives 2 series; .* sum\\(\\)"),
        (200, matrix(POINTS[:10] + POINTS[20:]), "at 1770000300: 165 s after .* a gap"),
        (400, b"parse error: unexpected end", "answers 400: parse error"),
        (200, b"<html>", "cannot be asked"),
        (200, b"[]", "is it a Prometheus"),
    ],
)
def test_what_prometheus_cannot_answer_is_said(status, body, says):
    with answering(status, body) as url, pytest.raises(SettingsError, match=says):
        query_range(url, "x", hours=1)


def test_an_address_that_is_none_is_said():
    with pytest.raises(SettingsError, match="no http or https address"):
        query_range("prometheus:9090", "x", hours=1)
    with pytest.raises(SettingsError, match="cannot be asked"):
        query_range("http://127.0.0.1:1", "x", hours=1)
