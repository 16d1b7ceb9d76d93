"""Servers under a known load, one for each condition that the metrics have to show.

| release | what happens to it |
|---|---|
| `steady` | two pods, 20 and 10 requests/s of 0.8 s, 32 instances; of the first pod's, 4/s fail |
| `busy` | one pod that is asked for twice what it can do |
| `unloadable` | its model cannot be loaded |
| `harmed` | a version that crashes its process appears beside the one that serves |
| `draining` | is told to stop while a request still takes long |
| `idle` | gets no request |
"""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

import yaml

from tests.attacks.bad_versions import make_fault
from tests.attacks.candidate_rows import FAULTS
from tests.attacks.served_process import ServedProcess, identity_model, infer_body
from tests.cluster.load_client import LoadClient, Outcome, Target
from tests.monitoring import shipped_queries
from tests.monitoring.prometheus import SCRAPE_SECONDS, Pod, Prometheus, scraping

SECONDS, INSTANCES = 0.8, 32
GOOD, BAD, OTHER = 16.0, 4.0, 10.0
BUSY_SECONDS, BUSY_RATE = 0.05, 40.0
FAILING = 13.0
DRAIN_DELAY, DRAIN_TIMEOUT, LONG_REQUEST = 0.5, 5.5, 5.3
A, B, BUSY, UNLOADABLE, HARMED, DRAINING, IDLE = (
    shipped_queries.pod_name(release, suffix)
    for release, suffix in (
        ("steady", "aaaaa"), ("steady", "bbbbb"), ("busy", "aaaaa"),
        ("unloadable", "aaaaa"), ("harmed", "aaaaa"), ("draining", "aaaaa"), ("idle", "aaaaa"),
    )
)  # fmt: skip
BUCKETS = "0.1,0.2,0.4,0.6,0.78,0.8,0.81,0.82,0.83,0.84,0.86,1,2"


@dataclass(slots=True)
class Scene:
    """The running scene; `at` is the Unix time at which to query everything."""

    prometheus: Prometheus
    servers: dict[str, ServedProcess]
    at: float = 0.0
    began: float = 0.0
    drain_seconds: float = 0.0
    outcomes: list[tuple[str, Outcome]] = field(default_factory=list)
    """Each request of a load, and the pod that it went to."""

    def ask(self, query: str) -> dict[frozenset[tuple[str, str]], float]:
        return self.prometheus.query(query, at=self.at)

    def by_pod(self, query: str) -> dict[str, float]:
        """The answer's values by pod; fails if any other label is left, as an HPA would."""
        answer = self.ask(query)
        assert all({name for name, _ in labels} == {"pod"} for labels in answer), answer
        return {dict(labels)["pod"]: value for labels, value in answer.items()}

    def seen(self, pod: str) -> list[Outcome]:
        """The outcomes of the requests that clients sent to the pod within the window."""
        last = self.at - self.began
        first = last - shipped_queries.WINDOW_SECONDS
        return [
            outcome for to, outcome in self.outcomes if to == pod and first <= outcome.at <= last
        ]

    def seen_p95(self, pod: str) -> float:
        """In seconds; more than the server's own where the machine keeps the client waiting."""
        return quantiles((outcome.seconds for outcome in self.seen(pod)), n=20)[-1]

    def number(self, query: str) -> float:
        """The one value of an answer with one element."""
        (value,) = self.ask(query).values()
        return value


@contextmanager
def playing(directory: Path) -> Iterator[Scene]:
    """Start the scene, wait until it can be queried, and keep it running meanwhile."""
    with ExitStack() as stack:
        servers = dict(_servers(directory))
        for server in servers.values():
            stack.callback(server.stop)
        pods = [Pod(name, server.management_port) for name, server in servers.items()]
        twice = Pod(A, servers[A].management_port, job="annotated-pods")
        rules = [_rule_file(release, directory) for release in ("steady", "busy")]
        prometheus = stack.enter_context(scraping([*pods, twice], rules, directory))
        for pod, server in servers.items():
            if pod != UNLOADABLE:
                server.wait_ready()
        prometheus.wait_until_scraped(len(pods) + 1)
        _publish_harmful(directory / HARMED / "echo")
        scene = Scene(prometheus, servers, began=time.time())
        asked = ((A, GOOD, 1.0), (A, BAD, FAILING), (B, OTHER, 1.0), (BUSY, BUSY_RATE, 1.0))
        loads = [stack.enter_context(_load(servers[pod], *rest)) for pod, *rest in asked]
        scene.drain_seconds = _drain(servers[DRAINING])
        time.sleep(max(0.0, scene.began + shipped_queries.WINDOW_SECONDS + 2 - time.time()))
        # The last scrape before it is in the store.
        scene.at = time.time() - 2 * SCRAPE_SECONDS
        for (pod, *_), load in zip(asked, loads, strict=True):
            scene.outcomes += [(pod, outcome) for outcome in load.stop()]
        yield scene


def _servers(directory: Path) -> Iterator[tuple[str, ServedProcess]]:
    fixed = {"max_batch_size": 0, "threads": 1, "latency_buckets_seconds": BUCKETS}
    steady = f"delay_seconds: {SECONDS}\nbreak_when: {FAILING}\n"
    for pod in (A, B):
        model = identity_model(directory / pod, steady)
        yield pod, ServedProcess(model, instances=INSTANCES, **fixed)
    busy = identity_model(directory / BUSY, f"delay_seconds: {BUSY_SECONDS}\n")
    yield BUSY, ServedProcess(busy, instances=1, max_queue_seconds=0.5, **fixed)
    unloadable = identity_model(directory / UNLOADABLE, "delay_seconds: [no, number]\n")
    yield UNLOADABLE, ServedProcess(unloadable)
    yield (
        HARMED,
        ServedProcess(
            identity_model(directory / HARMED),
            version_settle_seconds=0,
            model_poll_seconds=0.5,
            environment={"PYTHONPATH": str(FAULTS)},
        ),
    )
    yield (
        DRAINING,
        ServedProcess(
            identity_model(directory / DRAINING, f"delay_per_row_seconds: {LONG_REQUEST / 4}\n"),
            instances=1,
            max_batch_size=0,
            drain_delay_seconds=DRAIN_DELAY,
            drain_timeout_seconds=DRAIN_TIMEOUT,
            calibration_budget_seconds=0.1,
        ),
    )
    yield IDLE, ServedProcess(identity_model(directory / IDLE))


def _publish_harmful(model: Path) -> None:
    make_fault("load", "SIGSEGV")(model)
    (model / ".2").rename(model / "2")


def _load(server: ServedProcess, rate: float, value: float) -> LoadClient:
    target = Target("127.0.0.1", server.port, "/v2/models/echo/infer", infer_body(value))
    return LoadClient(target, rate, fresh_share=0.0, kept_connections=64)


def _drain(server: ServedProcess) -> float:
    """Tell it to stop while it works; the seconds until its process has ended."""
    url = f"http://127.0.0.1:{server.port}/v2/models/echo/infer"
    body = infer_body(rows=4)

    def ask() -> None:
        with urllib.request.urlopen(url, body, timeout=20) as answer:
            answer.read()

    client = threading.Thread(target=ask)
    client.start()
    time.sleep(0.2)
    told = time.monotonic()
    server.terminate()
    server.wait()
    seconds = time.monotonic() - told
    client.join()
    return seconds


def _rule_file(release: str, directory: Path) -> Path:
    path = directory / f"{release}-rules.yaml"
    groups = shipped_queries.alert_groups(release, autoscaling={"mode": "hpa"})
    path.write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
    return path
