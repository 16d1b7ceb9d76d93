"""A real server with the example model, and locust as its users run it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from loadtests.bench.models import MODELS
from loadtests.bench.payloads import random_rows
from loadtests.bench.servers import running, wait_for_answer
from loadtests.bench.targets import echo_target
from longshore_k8s.capacity.local_ports import unused_port

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
READY_SECONDS = 60.0
LOCUST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class LocustRun:
    exit_code: int
    output: str


RunLocust = Callable[..., LocustRun]


@pytest.fixture(scope="session")
def digits_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `longshore serve models/digits`."""
    port, management_port = unused_port(), unused_port()
    log = tmp_path_factory.mktemp("server") / "log"
    command = [
        str(BIN / "longshore"), "serve", str(ROOT / "models" / "digits"), "--host", "127.0.0.1",
        "--port", str(port), "--management-host", "127.0.0.1",
        "--management-port", str(management_port), "--calibration-cache", str(log.parent),
        "--drain-delay-seconds", "0",
    ]  # fmt: skip
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    host = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(host, process, log)
        yield host
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def run_locust(digits_host: str) -> RunLocust:
    """`locust --headless` with the arguments given, against the example server unless told."""

    def run(*arguments: str, host: str = digits_host) -> LocustRun:
        # Locust replaces the sockets of the process it runs in: never in this one.
        command = [
            str(BIN / "locust"), "-f", str(ROOT / "loadtests" / "locustfile.py"), "--headless",
            "--host", host, "--users", "2", "--spawn-rate", "2", "--run-time", "1s", *arguments,
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LOCUST_SECONDS, env=without_settings()
        )
        return LocustRun(done.returncode, done.stdout + done.stderr)

    return run


def without_settings() -> dict[str, str]:
    """The environment, with nothing of it that locust's file or a server would read."""
    return {key: value for key, value in os.environ.items() if "LONGSHORE" not in key}


def _wait_until_ready(host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{host}/v2/health/ready", timeout=5):
                return
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            pass
        time.sleep(0.05)
    process.kill()
    pytest.fail(f"the server was not ready within {READY_SECONDS:.0f} s:\n{log.read_text()}")


@pytest.fixture
def echo_url(tmp_path: Path) -> Iterator[str]:
    """The bench's echo, as the bench starts it."""
    model = MODELS["tiny"]
    with running(echo_target(model), tmp_path / "echo.log") as server:
        wait_for_answer(server, random_rows(model, 1)[0])
        yield server.url("json")
