"""The commands of loadtests/README.md, from its text, for seconds."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.request

import pytest

from longshore_k8s.capacity.local_ports import unused_port
from tests.guides.document import commands
from tests.loadtests.conftest import BIN, LOCUST_SECONDS, ROOT

DOCUMENTED_HOST = "http://localhost:8000"
RUN_TIME = "3s"
PAGE_SECONDS = 30.0


def given(host: str) -> list[list[str]]:
    """The words of each command of locust, in the order of the document."""
    found = [one.words for one in commands(ROOT / "loadtests/README.md")]
    return [
        [_shorter(words, place).replace(DOCUMENTED_HOST, host) for place in range(len(words))]
        for words in found
        if words[0] == "locust"
    ]


def _shorter(words: list[str], place: int) -> str:
    return RUN_TIME if words[place - 1] == "--run-time" else words[place]


def started(words: list[str]) -> subprocess.Popen[str]:
    """Locust, as whoever reads the document starts it."""
    environ = {key: value for key, value in os.environ.items() if "LONGSHORE" not in key}
    return subprocess.Popen(
        [str(BIN / words[0]), *words[1:]], cwd=ROOT, env=environ,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def test_the_first_offers_its_page(digits_host: str) -> None:
    port = unused_port()
    with started([*given(digits_host)[0], "--web-port", str(port)]) as locust:
        try:
            assert "<title>Locust</title>" in _page(port)
        finally:
            locust.terminate()


@pytest.mark.parametrize("number", [1, 2])
def test_those_without_a_page_end_with_a_verdict(digits_host: str, number: int) -> None:
    with started(given(digits_host)[number]) as locust:
        output, _ = locust.communicate(timeout=LOCUST_SECONDS)

    assert "model=digits" in output
    # On a busy machine the latency may be above what the first allows: that is its verdict.
    assert locust.returncode == 0 or "allowed are 200 ms" in output, output


def _page(port: int) -> str:
    deadline = time.monotonic() + PAGE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://localhost:{port}", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
