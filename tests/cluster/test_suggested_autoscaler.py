"""What `longshore replay --suggest` finds on one load, beside the chart's own on another load.

Two releases of the same model have the same load at the same time, with the shipped clocks. A pod
is one instance that sleeps for each request: what it carries is known, and no core is short.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path

import numpy as np
import pytest
import yaml

from longshore_k8s.replay.autoscaler import Autoscaler
from longshore_k8s.replay.fleet import Life
from longshore_k8s.replay.outcome import Outcome
from longshore_k8s.replay.pod_queue import PodCapacity
from longshore_k8s.replay.simulation import Conditions, simulate
from longshore_k8s.replay.suggest import as_values, chosen, describe, suggest
from longshore_k8s.replay.trace import Trace
from longshore_k8s.replay.values_file import autoscaler, read_values
from tests.chart.engines import merged
from tests.cluster import chart_values, pods
from tests.cluster.agreement import AGREED_SHARE, agreement, median_counts, pod_seconds_ratio
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.timings import SHIPPED
from tests.cluster.load_client import LoadClient
from tests.cluster.node_agent.api import Json
from tests.cluster.rollouts import load_of, publish_identity, wait_until_it_answers
from tests.cluster.serving import Serving
from tests.cluster.timeline import Sample, Timeline

pytestmark = [pytest.mark.cluster, pytest.mark.shipped_clocks, pytest.mark.timeout(3000)]

REQUEST_SECONDS, SLO_SECONDS, QUEUE_SECONDS = 0.04, 0.5, 2.0
CAPACITY = PodCapacity(20.0, 24.5, SLO_SECONDS, 0.01, REQUEST_SECONDS, 0.8, QUEUE_SECONDS)
"""Of one request at a time, each of which takes `REQUEST_SECONDS`."""
TARGET = 14.0
LOW, HIGH = 9.0, 80.0
CHANGE_SECONDS = 30.0
LEAD_SECONDS = 90.0
"""A rate's window and a scrape."""
CONNECTION_SECONDS = 20
WINDOW_SECONDS = 60
SEEDS = 100
VALUES: Json = {
    "autoscaling": {"mode": "hpa", "maxReplicas": 7, "metrics": {"requestsPerSecond": TARGET}},
}


def _load(seed: int) -> list[float]:
    """A rate for each `CHANGE_SECONDS`: bursts after calm times, and a day of eight minutes."""
    random = np.random.default_rng(seed)
    rates: list[float] = []
    for _ in range(3):
        rates += [LOW] * int(random.integers(4, 11))
        rates += [float(random.uniform(0.5, 1.0)) * HIGH] * int(random.integers(2, 7))
    swing = [(1 - cos(2 * pi * part / 16)) / 2 for part in range(17)]
    return [*rates, *(LOW + (HIGH - LOW) * part for part in swing)]


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one release under the load."""

    samples: list[Sample]
    began: float
    missed_share: float
    """Late, refused or lost."""

    @property
    def mean_pods(self) -> float:
        return float(np.mean([sample.desired for sample in self.samples]))


def test_what_is_suggested_of_one_load_does_better_under_another(
    cluster: Cluster, namespace: str, tmp_path: Path, shipped_clocks: None, closing: ExitStack
) -> None:
    releases = {name: _install(cluster, namespace, name) for name in ("own", "suggested")}
    life = Life(1000, round(1000 * pods.start_seconds(releases["own"].ready_pods()[0])), 4000)
    plan = _plan(VALUES, tmp_path)
    best = chosen(suggest(_conditions(1, life), plan, SEEDS), CAPACITY.late_share).plan
    print(f"suggested: {describe(best)}, {as_values(best)['autoscaling']['behavior']}")
    releases["suggested"].release.upgrade(_values(as_values(best)))
    releases["suggested"].wait_until_ready(best.minimum)

    seen = _under_load(list(releases.values()), _load(2), closing)
    said = simulate(_conditions(2, life), [plan, best], SEEDS)

    own, ours = (_compared(*pair) for pair in zip(releases, seen, said, strict=True))
    assert own >= AGREED_SHARE
    assert ours >= AGREED_SHARE
    costs, misses = ([getattr(one, what) for one in seen] for what in ("mean_pods", "missed_share"))
    assert costs[1] < costs[0] or misses[1] < misses[0], "it is better at one"
    assert (costs[1] - costs[0]) * (said[1].pod_hours - said[0].pod_hours).mean() > 0, "as was said"


def _install(cluster: Cluster, namespace: str, name: str) -> Serving:
    serving = Serving(cluster, namespace, name)
    if name == "own":
        claim = serving.create_claim()
        publish_identity(claim, 1, f"delay_seconds: {REQUEST_SECONDS}\n")
    serving.release.install(_values({}))
    serving.wait_until_ready(1)
    wait_until_it_answers(serving)
    return serving


def _values(more: Json) -> Json:
    config: Json = {
        "max_batch_size": 0,
        "instances": 1,
        "max_queue_seconds": QUEUE_SECONDS,
        "connection_max_age_seconds": CONNECTION_SECONDS,
    }
    return merged(merged(chart_values.serving(replicas=None, config=config), VALUES), more)


def _plan(values: Json, folder: Path) -> Autoscaler:
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    return autoscaler(read_values([file]))


def _conditions(seed: int, life: Life) -> Conditions:
    rates = _load(seed)
    return Conditions(
        Trace(CHANGE_SECONDS * np.arange(len(rates)), np.array(rates)),
        CAPACITY,
        life,
        is_keda=False,
        scrape_ms=1000 * SHIPPED.scrape_seconds,
        window_ms=1000 * WINDOW_SECONDS,
        connection_seconds=CONNECTION_SECONDS,
    )


def _under_load(releases: list[Serving], rates: list[float], closing: ExitStack) -> list[Seen]:
    loads = [
        closing.enter_context(load_of(one, 1.0, LOW, fresh_share=0.2, kept_connections=32))
        for one in releases
    ]
    watches = [
        closing.enter_context(Timeline(one, load))
        for one, load in zip(releases, loads, strict=True)
    ]
    time.sleep(LEAD_SECONDS)
    assert all(map(chart_values.reads_metrics, releases))
    begins = [load.elapsed for load in loads]
    for number, rate in enumerate(rates):
        for load in loads:
            load.set_rate(rate)
        time.sleep(max(0.0, begins[0] + (number + 1) * CHANGE_SECONDS - loads[0].elapsed))
    return [
        Seen([one for one in watch.stop() if one.at >= began], began, _missed(load, began))
        for watch, load, began in zip(watches, loads, begins, strict=True)
    ]


def _missed(load: LoadClient, since: float) -> float:
    outcomes = [outcome for outcome in load.stop() if outcome.at >= since]
    late = [one for one in outcomes if not one.is_served or one.seconds > SLO_SECONDS]
    return len(late) / len(outcomes)


def _compared(name: str, seen: Seen, said: Outcome) -> float:
    """Print a release beside its replay; the share of seconds within one pod."""
    counts = median_counts(said)
    share, shift = agreement(seen.samples, seen.began, counts, sync_seconds=15)
    print(
        f"{name}: {seen.mean_pods:.2f} pods, {100 * seen.missed_share:.2f} % missed; "
        f"by the replay {100 * float(said.missed_share.mean()):.2f} %, pods "
        f"{100 * (pod_seconds_ratio(seen.samples, seen.began, counts) - 1):+.1f} %; within one pod "
        f"for {100 * share:.1f} % of the seconds, shifted by {shift:+.1f} s"
    )
    return share
