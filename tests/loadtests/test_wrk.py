from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from loadtests.bench import wrk
from loadtests.bench.payloads import Payload

OUTPUT = """Running 4s test @ http://127.0.0.1:8000/
  1 threads and 32 connections
  9100 requests in 2.00s, 1.2MB read

longshore-bench {"requests":9100,"microseconds":2000000,"p50_us":1500,"p99_us":4250,\
"connect":1,"read":2,"write":3,"status":100,"timeout":4}
"""


def test_rates_count_only_answers_that_were_not_errors() -> None:
    result = wrk.parse(OUTPUT)
    assert result.requests_per_second == pytest.approx(4500)
    assert (result.p50_ms, result.p99_ms) == (1.5, 4.25)
    assert result.errors == 110


def test_an_output_without_a_report_is_an_error_that_shows_it() -> None:
    with pytest.raises(wrk.WrkError, match="unable to connect"):
        wrk.parse("unable to connect to 127.0.0.1:1")


def test_without_wrk_the_package_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(wrk.WrkError, match="apt-get install wrk"):
        wrk.require_wrk()


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_wrk_sends_the_payload_and_reports(tmp_path: Path, echo_url: str) -> None:
    payload = Payload(bytes(range(256)), {"X-Quoted": 'a "quoted" \\ value'})
    script = wrk.write_script(tmp_path / "load.lua", payload)
    result = wrk.run(echo_url, script, connections=2, seconds=1)
    assert result.errors == 0
    assert result.requests > 10
    assert 0 < result.p50_ms <= result.p99_ms
