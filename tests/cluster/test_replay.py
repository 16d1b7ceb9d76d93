"""Loads that a real autoscaler follows as `longshore replay` said, from the offered load alone.

Clocks are shortened as in test_autoscaling; test_capacity has a step with the shipped ones.
"""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import yaml

from longshore_k8s.replay.fleet import Life
from longshore_k8s.replay.pod_queue import PodCapacity
from longshore_k8s.replay.simulation import Conditions, simulate
from longshore_k8s.replay.trace import Trace
from longshore_k8s.replay.values_file import autoscaler, read_values
from tests.cluster import chart_values, example_models, pods
from tests.cluster.agreement import (
    AGREED_SHARE,
    Counts,
    agreement,
    median_counts,
    pod_seconds_ratio,
)
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.timings import SHORTENED
from tests.cluster.load_client import Summary
from tests.cluster.node_agent.api import Json
from tests.cluster.serving import Serving
from tests.cluster.timeline import Timeline

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(400)]

LOW, HIGH, TARGET = 19.0, 95.0, 20.0
WINDOW_SECONDS = 10.0
LEAD_SECONDS = 20.0
"""Of the low rate, before anything changes."""
CHANGE_SECONDS = 2.0
"""Between changes of the rate."""
CONNECTION_SECONDS = 4
PENDING_SECONDS, DRAIN_SECONDS = 1.0, 4.0
SEEDS = 100
CAPACITY = PodCapacity(500, 550, 1.0, 0.01, 0.01, 0.9, 10)
"""Of a model that costs nothing: no pod has a queue."""


def _rates(shape: str) -> list[float]:
    """One for each `CHANGE_SECONDS`."""
    lead = [LOW] * round(LEAD_SECONDS / CHANGE_SECONDS)
    if shape == "day":
        swing = [(1 - math.cos(2 * math.pi * part / 90)) / 2 for part in range(90)]
        return [*lead, *(LOW + (HIGH - LOW) * part for part in swing)]
    high = {"step": 25, "spike": 5}[shape]
    return [*lead, *[HIGH] * high, *[LOW] * 30]


@pytest.mark.parametrize("shape", ["step", "spike", "day"])
def test_a_load_is_followed_as_replay_said(
    cluster: Cluster, namespace: str, tmp_path: Path, closing: ExitStack, shape: str
) -> None:
    values = chart_values.autoscaled(
        requests_per_second=TARGET, config={"connection_max_age_seconds": CONNECTION_SECONDS}
    )
    serving = Serving(cluster, namespace, "scale")
    example_models.write_version(serving.create_claim() / example_models.NAME, 1)
    serving.release.install(values)
    serving.wait_until_ready(1)
    rates = _rates(shape)
    predicted = _predicted(values, rates, pods.start_seconds(serving.ready_pods()[0]), tmp_path)
    load = closing.enter_context(serving.load(LOW, fresh_share=0.2, kept_connections=32))
    watch = closing.enter_context(Timeline(serving, load))
    cluster.wait_until(lambda: chart_values.reads_metrics(serving), "its metrics", seconds=60)
    time.sleep(WINDOW_SECONDS)

    began = load.elapsed
    for number, rate in enumerate(rates):
        load.set_rate(rate)
        time.sleep(max(0.0, began + (number + 1) * CHANGE_SECONDS - load.elapsed))
    samples = [sample for sample in watch.stop() if sample.at >= began]
    summary = Summary.of(load.stop())

    share, shift = agreement(
        samples, began, predicted, sync_seconds=SHORTENED.autoscaler_sync_seconds
    )
    print(
        f"{shape}: within one pod for {100 * share:.1f} % of the seconds, shifted by {shift:+.1f} "
        f"s; pod-seconds {100 * (pod_seconds_ratio(samples, began, predicted) - 1):+.1f} % of the "
        f"real ones; {summary}"
    )
    assert summary.lost == 0, summary
    assert share >= AGREED_SHARE


def _predicted(values: Json, rates: list[float], start: float, folder: Path) -> Counts:
    """The median over seeds."""
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    conditions = Conditions(
        Trace(CHANGE_SECONDS * np.arange(len(rates)), np.array(rates)),
        CAPACITY,
        Life(round(1000 * PENDING_SECONDS), round(1000 * start), round(1000 * DRAIN_SECONDS)),
        is_keda=False,
        scrape_ms=1000 * SHORTENED.scrape_seconds,
        window_ms=round(1000 * WINDOW_SECONDS),
        connection_seconds=CONNECTION_SECONDS,
        sync_ms=1000 * SHORTENED.autoscaler_sync_seconds,
    )
    [outcome] = simulate(conditions, [autoscaler(read_values([file]))], SEEDS)
    return median_counts(outcome)
