"""What the autoscaler and its alert read of pods that Prometheus scrapes often or seldom."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.chart import rendering
from tests.chart.rendering import NAMESPACE
from tests.monitoring import shipped_queries
from tests.monitoring.prometheus import Prometheus, program, scraping

INTERVALS = {"5s": 5, "15s": 15, "30s": 30, "1m": 60, "1m30s": 90, "5m": 300}
COUNTERS = {
    "longshore_offered_work_seconds": "",
    "longshore_requests": ',version="1",protocol="v2"',
    "longshore_inflight_request_seconds": "",
}
"""Names without `_total`, and labels besides the pod's and the model's."""
RATE = 7.0
MINUTES = 120
POINTS = 33
SED = re.compile(r"^\$ (sed '.+') chart/files/prometheus-adapter-values.yaml", re.MULTILINE)


def release(interval: str) -> str:
    return f"every-{interval}"


def pod(interval: str) -> str:
    return shipped_queries.pod_name(release(interval), "aaaaa")


def history(began: float) -> str:
    """Samples of one pod for each interval in OpenMetrics' format: all counters grow by `RATE`."""
    lines = []
    for family, more in COUNTERS.items():
        lines.append(f"# TYPE {family} counter")
        for interval, step in INTERVALS.items():
            labels = f'namespace="{NAMESPACE}",pod="{pod(interval)}",model="m"{more}'
            lines += [
                f"{family}_total{{{labels}}} {RATE * at} {began + at}"
                for at in range(0, MINUTES * 60, step)
            ]
    lines.append("# TYPE longshore_build_info gauge")
    for interval, step in INTERVALS.items():
        labels = f'namespace="{NAMESPACE}",pod="{pod(interval)}"'
        lines += [
            f"longshore_build_info{{{labels}}} 1 {began + at}"
            for at in range(0, MINUTES * 60, step)
        ]
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, list[float]]]:
    """A Prometheus with two hours of samples, and the times at which it is asked."""
    promtool, directory = program("promtool"), tmp_path_factory.mktemp("past")
    began = float(int(time.time()) - (MINUTES + 1) * 60)
    file = directory / "history.txt"
    file.write_text(history(began), encoding="utf-8")
    make = ("tsdb", "create-blocks-from", "openmetrics", str(file), str(directory / "data"))
    subprocess.run([promtool, *make], check=True, capture_output=True)
    with scraping([], [], directory) as prometheus:
        yield prometheus, [began + 5430.1 + 37.25 * index for index in range(POINTS)]


def values(interval: str, mode: str) -> rendering.Values:
    keda = {"serverAddress": "http://prometheus"}
    targets = {"utilization": 1, "requestsPerSecond": 1, "concurrency": 1}
    return {
        "model": {"existingClaim": "models"},
        "autoscaling": {"mode": mode, "metrics": targets, "keda": keda},
        "metrics": {"annotations": {"interval": interval}, "prometheusRule": {"enabled": True}},
    }


def keda_queries(interval: str) -> list[str]:
    objects = rendering.render(values(interval, "keda"), name=release(interval))
    (scaled,) = [entry for entry in objects if entry["kind"] == "ScaledObject"]
    return [trigger["metadata"]["query"] for trigger in scaled["spec"]["triggers"]]


@pytest.mark.parametrize("interval", INTERVALS)
def test_keda_has_a_value_at_every_point(past: tuple[Prometheus, list[float]], interval: str):
    prometheus, points = past
    queries = keda_queries(interval)
    read = [prometheus.query(query, at=at) for query in queries for at in points]

    assert len(read) == 3 * POINTS
    assert [list(answer.values()) for answer in read] == [[pytest.approx(RATE)]] * len(read)


def test_a_window_of_one_scrape_has_none(past: tuple[Prometheus, list[float]]):
    prometheus, points = past
    queries = [re.sub(r"\[\w+\]", "[1m]", query) for query in keda_queries("1m")]

    assert [prometheus.query(query, at=at) for query in queries for at in points] == [{}] * 99


@pytest.mark.parametrize("interval", INTERVALS)
def test_the_alert_on_a_stuck_autoscaler_sees_the_load_at_every_point(
    past: tuple[Prometheus, list[float]], interval: str
):
    prometheus, points = past
    (group,) = shipped_queries.alert_groups(release(interval), **values(interval, "hpa"))
    stuck = [rule["expr"] for rule in group["rules"] if rule["alert"] == "LongshoreAutoscalerStuck"]
    read = [prometheus.query(query, at=at) for query in stuck for at in points]

    assert len(stuck) == 3
    assert [list(answer.values()) for answer in read] == [[pytest.approx(RATE)]] * len(read)


def test_the_adapters_rules_are_made_for_an_interval_as_the_readme_says(
    past: tuple[Prometheus, list[float]],
):
    prometheus, points = past
    readme = (rendering.CHART / "README.md").read_text("utf-8")
    (command,) = SED.findall(readme)
    made = subprocess.run(
        f"{command} {shipped_queries.ADAPTER_VALUES}",
        shell=True, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for metric in ("utilization", "requests_per_second", "concurrency"):
        query = shipped_queries.query_of_rules(made, f"longshore_{metric}", [pod("1m")])
        read = [prometheus.query(query, at=at) for at in points]

        assert [list(answer.values()) for answer in read] == [[pytest.approx(RATE)]] * POINTS
