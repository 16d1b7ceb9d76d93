"""Changes under steady load, from keep-alive and fresh connections: no request is lost."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cluster import chart_values, example_models
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.load_client import Outcome, assert_none_lost
from tests.cluster.node_agent import commands
from tests.cluster.serving import Serving

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

RATE = 50.0
BEFORE_SECONDS, AFTER_SECONDS = 2.0, 2.0


def _installed(cluster: Cluster, namespace: str) -> tuple[Serving, Path]:
    """Two ready pods, and the folder behind the claim that they serve from."""
    serving = Serving(cluster, namespace, "scale")
    claim = serving.create_claim()
    example_models.write_version(claim / example_models.NAME, 1)
    serving.release.install(chart_values.serving(replicas=2))
    serving.wait_until_ready(2)
    return serving, claim


def _assert_all_served(outcomes: list[Outcome]) -> None:
    summary = assert_none_lost(outcomes)
    assert summary.refused == 0, summary
    assert summary.sent > RATE
    assert {outcome.was_kept_alive for outcome in outcomes} == {True, False}


def test_new_settings_and_a_new_model_roll_out_without_a_lost_request(
    cluster: Cluster, namespace: str, closing: ExitStack
) -> None:
    serving, claim = _installed(cluster, namespace)
    example_models.write_version(claim / "retrained", 2)
    old = {pod["metadata"]["uid"] for pod in serving.pods()}
    load = closing.enter_context(serving.load(RATE))
    time.sleep(BEFORE_SECONDS)
    settings = {"log_level": "warning"}
    serving.release.upgrade(chart_values.serving(replicas=2, path="retrained", config=settings))
    serving.wait_until_ready(2)
    time.sleep(AFTER_SECONDS)
    _assert_all_served(load.stop())
    assert not old & {pod["metadata"]["uid"] for pod in serving.pods()}
    assert serving.predicted_version() == 2


def test_a_new_version_on_the_volume_is_swapped_in_and_a_bad_one_is_not(
    cluster: Cluster, namespace: str, closing: ExitStack
) -> None:
    serving, claim = _installed(cluster, namespace)
    model = claim / example_models.NAME
    load = closing.enter_context(serving.load(RATE))
    time.sleep(BEFORE_SECONDS)
    example_models.write_version(model, 2)
    serving.wait_until_every_pod_serves(2)
    example_models.write_broken_version(model, 3)
    serving.wait_until_every_pod_tells({3: ""})
    serving.wait_until_every_pod_serves(2)
    assert len(serving.ready_pods()) == 2
    _assert_all_served(load.stop())


def test_scaling_up_and_down_loses_no_request(
    cluster: Cluster, namespace: str, closing: ExitStack
) -> None:
    serving, _ = _installed(cluster, namespace)
    load = closing.enter_context(serving.load(RATE))
    time.sleep(BEFORE_SECONDS)
    for count in (4, 1):
        serving.release.upgrade(chart_values.serving(replicas=count))
        serving.wait_until_ready(count)
    time.sleep(AFTER_SECONDS)
    _assert_all_served(load.stop())


def test_a_bad_version_never_becomes_ready_and_traffic_is_untouched(
    cluster: Cluster, namespace: str, closing: ExitStack
) -> None:
    serving, claim = _installed(cluster, namespace)
    example_models.write_broken_version(claim / "broken", 1)
    good = {pod["metadata"]["uid"] for pod in serving.pods()}
    load = closing.enter_context(serving.load(RATE))
    bad = chart_values.serving(replicas=2, path="broken")
    with pytest.raises(commands.CommandFailed):
        serving.release.upgrade(bad, seconds=15)
    assert good <= {pod["metadata"]["uid"] for pod in serving.ready_pods()}
    serving.release.rollback(1)
    serving.wait_until_ready(2)
    _assert_all_served(load.stop())
    assert serving.predicted_version() == 1
