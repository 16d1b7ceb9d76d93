"""The commands of loadtests/README.md, from its text, for seconds."""

from __future__ import annotations

import subprocess
import time
import urllib.request

import pytest

from longshore_k8s.capacity.local_ports import unused_port
from tests.guides.document import commands
from tests.loadtests.conftest import BIN, LOCUST_SECONDS, ROOT, without_settings

DOCUMENTED_HOST = "http://localhost:8000"
RUN_TIME = "3s"
PAGE_SECONDS = 30.0


def given(host: str) -> list[list[str]]:
    """The words of each command of locust, in the order of the document."""
    found = [one.words for one in commands(ROOT / "loadtests/README.md")]
    return [_for_seconds(words, host) for words in found if words[0] == "locust"]


def _for_seconds(words: list[str], host: str) -> list[str]:
    return [
        RUN_TIME if before == "--run-time" else word.replace(DOCUMENTED_HOST, host)
        for before, word in zip(["", *words], words, strict=False)
    ]


def test_the_first_offers_its_page(digits_host: str) -> None:
    port = unused_port()
    command = [BIN / "locust", *given(digits_host)[0][1:], "--web-port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=without_settings()) as locust:
        try:
            assert "<title>Locust</title>" in _page(port)
        finally:
            locust.terminate()


@pytest.mark.parametrize("number", [1, 2])
def test_those_without_a_page_end_with_a_verdict(digits_host: str, number: int) -> None:
    done = subprocess.run(
        [BIN / "locust", *given(digits_host)[number][1:]], cwd=ROOT, env=without_settings(),
        capture_output=True, text=True, timeout=LOCUST_SECONDS,
    )  # fmt: skip
    output = done.stdout + done.stderr

    assert "model=digits" in output
    # On a busy machine the latency may be above what the first allows: that is its verdict.
    assert done.returncode == 0 or "allowed are 200 ms" in output, output


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
