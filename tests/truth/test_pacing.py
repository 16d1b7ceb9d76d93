from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from loadtests.bench.payloads import Payload
from loadtests.bench.wrk import WrkError
from tests.truth import pacing
from tests.truth.pacing import Pace

OUTPUT = """
longshore-bench {"requests":900,"microseconds":10000000,"p50_us":1500,"p99_us":4250,\
"connect":0,"read":0,"write":0,"status":3,"timeout":0}
longshore-pace {"first":100.5,"last":108.5,"answers":640,"late":7}
"""


class Accepting(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answered: threading.Semaphore
    """One for each answer."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.answered.release()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def answered() -> threading.Semaphore:
    return threading.Semaphore(0)


@pytest.fixture
def url(answered: threading.Semaphore) -> Iterator[str]:
    handler = type("Handler", (Accepting,), {"answered": answered})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_the_rate_is_that_of_the_window_and_not_of_the_whole_run() -> None:
    paced = pacing.parse(OUTPUT)

    assert paced.rate == pytest.approx(80.0)
    assert (paced.p50_ms, paced.errors, paced.late) == (1.5, 3, 7)


def test_a_run_in_which_nothing_was_answered_has_the_rate_0() -> None:
    silent = OUTPUT.replace(
        '"first":100.5,"last":108.5,"answers":640', '"first":0,"last":0,"answers":0'
    )

    assert pacing.parse(silent).rate == 0.0


def test_an_output_without_a_report_is_an_error_that_shows_it() -> None:
    with pytest.raises(WrkError, match="unable to connect"):
        pacing.parse("unable to connect to 127.0.0.1:1")


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
@pytest.mark.parametrize(
    "pace",
    [
        Pace(connections=2, seconds=1, warm_up_seconds=0),
        Pace(connections=2, seconds=1, warm_up_seconds=0, rate=50.0),
        Pace(connections=2, seconds=1, warm_up_seconds=0, rate=50.0, is_poisson=True),
    ],
    ids=["closed", "steady", "poisson"],
)
def test_wrk_keeps_the_timetable_and_reports(tmp_path: Path, url: str, pace: Pace) -> None:
    script = pacing.write_script(tmp_path / "load.lua", Payload(b"{}", {}), pace)

    process = pacing.start(url, script, pace)
    process.wait()
    paced = pacing.finish(process)

    assert paced.errors == 0
    assert paced.rate > 1
    if pace.rate:
        assert paced.rate < 4 * pace.rate


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_a_load_that_is_ended_early_reports_too(
    tmp_path: Path, url: str, answered: threading.Semaphore
) -> None:
    pace = Pace(connections=2, seconds=60, warm_up_seconds=0)
    script = pacing.write_script(tmp_path / "load.lua", Payload(b"{}", {}), pace)
    process = pacing.start(url, script, pace)
    for _ in range(10):
        answered.acquire()

    paced = pacing.finish(process)

    assert paced.rate > 1
