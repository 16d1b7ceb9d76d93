"""A real Prometheus that scrapes servers on this machine as if they were pods."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from longshore_k8s.capacity.local_ports import unused_port
from tests.chart.rendering import NAMESPACE
from tests.cluster.control_plane.program import Program

SCRAPE_SECONDS = 0.5
START_SECONDS = 60.0
Vector = dict[frozenset[tuple[str, str]], float]
"""Value by the labels of its series."""


def program(name: str) -> str:
    """The path of `prometheus` or `promtool`; skips the test where it is missing."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name}: apt-get install prometheus")
    return found


def promtool(*arguments: str, text: str | None = None) -> str:
    """Its output; fails the test when it reports a problem."""
    command = [program("promtool"), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@dataclass(frozen=True, slots=True)
class Pod:
    """What Prometheus is told about a server; `job` stands for the way in which it was found."""

    name: str
    management_port: int
    job: str = "pods"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running one."""

    url: str

    def query(self, expression: str, *, at: float | None = None) -> Vector:
        """An instant query; raises OSError, with what Prometheus said, when it is wrong."""
        parameters = {"query": expression} | ({} if at is None else {"time": str(at)})
        data = self.get(f"query?{urllib.parse.urlencode(parameters)}")
        if data["resultType"] == "scalar":
            return {frozenset(): float(data["result"][1])}
        return {
            frozenset((k, v) for k, v in entry["metric"].items() if k != "__name__"): float(
                entry["value"][1]
            )
            for entry in data["result"]
        }

    def get(self, path: str) -> Any:
        """The `data` of an answer of the HTTP API."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise OSError(f"{path}: {error.read().decode()}") from error

    def wait_until_scraped(self, targets: int) -> None:
        """Prometheus takes some seconds to begin; raises AssertionError after `START_SECONDS`."""
        deadline = time.monotonic() + START_SECONDS
        while len(self.query("up == 1")) < targets:
            assert time.monotonic() < deadline, self.query("up")
            time.sleep(0.1)

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def scraping(
    pods: list[Pod], rules: list[Path], directory: Path, *, features: tuple[str, ...] = ()
) -> Iterator[Prometheus]:
    """Scrape the pods every `SCRAPE_SECONDS` until the end of the block, with `features` on."""
    jobs: dict[str, list[dict[str, Any]]] = {}
    for pod in pods:
        labels = {"namespace": NAMESPACE, "pod": pod.name}
        address = f"127.0.0.1:{pod.management_port}"
        jobs.setdefault(pod.job, []).append({"targets": [address], "labels": labels})
    every = f"{SCRAPE_SECONDS * 1000:.0f}ms"
    config = {
        "global": {
            "scrape_interval": every,
            "scrape_timeout": every,
            "evaluation_interval": "1s",
        },
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [{"job_name": j, "static_configs": found} for j, found in jobs.items()],
    }
    file = directory / "prometheus.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    address = f"127.0.0.1:{unused_port()}"
    command = [
        program("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={address}",
        *(f"--enable-feature={feature}" for feature in features),
    ]
    prometheus = Prometheus(f"http://{address}")
    running = Program.start("prometheus", command, directory / "prometheus.log")
    try:
        running.wait_until(prometheus.is_ready, "/-/ready")
        yield prometheus
    finally:
        running.stop()
