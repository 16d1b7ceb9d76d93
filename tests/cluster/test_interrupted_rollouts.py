"""Rollouts that are cut off from something: their controller, requests, the pods' counters, and
the API server.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cluster import example_models, pods
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.places import API_PORT
from tests.cluster.load_client import assert_none_lost
from tests.cluster.models import Models, metric, running_models
from tests.cluster.node_agent import commands
from tests.cluster.node_agent.api import Json
from tests.cluster.rollouts import (
    NAME,
    RATE,
    ROLLOUT,
    apply,
    assert_as_before,
    installed,
    is_promoted,
    wait_until_ended,
)
from tests.cluster.serving import MANAGEMENT_PORT, Serving

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(500)]

LIFE_SECONDS = 90
GROUP = 4711
"""Of the controller's process."""
WRITTEN = {
    "PATCH jobs", "DELETE jobs", "PATCH configmaps", "PATCH deployments", "DELETE deployments",
    "PATCH services", "PUT longshoremodels",
}  # fmt: skip


def test_a_controller_that_is_killed_after_every_write_promotes_without_a_lost_request(
    models: Models, claim: Path, closing: ExitStack, tmp_path: Path
) -> None:
    for version in (1, 2):
        example_models.write_version(claim / NAME, version)
    serving = installed(models)
    load = closing.enter_context(serving.load(RATE, fresh_share=1.0))
    models.kill()
    apply(models, 2)
    changes, deaths = tmp_path / "changes", 0
    while not is_promoted(models):
        program = models.start_without_waiting(changes=changes)
        models.cluster.wait_until(
            lambda dying=program: dying.process.poll() is not None or is_promoted(models),
            "a death or the promotion",
            seconds=LIFE_SECONDS,
        )
        assert program.process.poll() in (None, -signal.SIGKILL)
        deaths += program.process.poll() is not None
        models.kill()
    models.start()
    models.wait_for("Progressing", "RolledOut", NAME)
    assert_none_lost(load.stop())

    written = [line.split() for line in changes.read_text(encoding="utf-8").splitlines()]
    print(f"killed after each of {deaths} writes")
    # The promotion may be seen between the last write and the death that follows it.
    assert len(written) - deaths in (0, 1)
    assert {f"{verb} {plural_of(path)}" for verb, path, _ in written} >= WRITTEN
    assert serving.predicted_version() == 2
    assert not any(name == f"{NAME}-canary" or kind == "Job" for kind, name in models.objects())
    models.cluster.wait_until(lambda: len(serving.pods()) == 2, "the pods of stable alone")


def plural_of(path: str) -> str:
    """Of the kind of the object at `path`."""
    return path.removesuffix("/status").split("/")[-2]


@pytest.fixture
def watched(cluster: Cluster, definition: Json, namespace: str) -> Iterator[Models]:
    """Models whose controller can be kept from the pods' counters."""
    with running_models(cluster, namespace, group=GROUP) as models:
        yield models


@contextlib.contextmanager
def closed(port: int) -> Iterator[None]:
    """To the controller alone, also on the connections that it has."""
    rule = f"meta skgid {GROUP} tcp dport {port} reject with tcp reset"
    chain = f"chain output {{ type filter hook output priority 0; {rule}; }}"
    commands.run("nft", f"table inet closed_{port} {{ {chain}; }}")
    try:
        yield
    finally:
        commands.run("nft", "delete", "table", "inet", f"closed_{port}")


def test_what_cannot_be_judged_is_held_until_it_can_and_what_ends_again_and_again_is_not(
    watched: Models, closing: ExitStack
) -> None:
    serving = Serving(watched.cluster, watched.namespace, NAME)
    folder = serving.create_claim() / NAME
    for version in (1, 2, 3):
        example_models.write_version(folder, version)
    installed(watched)

    apply(watched, 2)
    wait_for_hold(watched, "AwaitingTraffic")
    for restarts in range(3):
        pods.exhaust_memory(watched.cluster, canary_pod(watched, restarts=restarts))
    ended = wait_until_ended(watched, 2)
    assert ended["reason"] == "CrashLoop"
    assert "OOMKilled" in watched.get(NAME)["status"]["rejected"]["message"]
    assert_as_before(watched, serving)

    apply(watched, 3)
    wait_for_hold(watched, "AwaitingTraffic")
    load = closing.enter_context(serving.load(RATE, fresh_share=1.0))
    with closed(MANAGEMENT_PORT):
        wait_for_hold(watched, "MetricsUnavailable")
        with closed(API_PORT):
            apply(watched, 3, paused=True)
            before = failed_turns()
            watched.cluster.wait_until(lambda: failed_turns() > before, "a turn that failed")
        watched.wait_for("Reconciling", "Paused", NAME)
        assert "33.3 % of the requests" in watched.condition("Reconciling", NAME)["message"]
    watched.cluster.wait_until(
        lambda: rollout(watched).get("requests", 0) > 60, "requests that are counted in the pause"
    )
    assert rollout(watched)["stage"] == "Step"
    apply(watched, 3)
    assert wait_until_ended(watched, 3)["outcome"] == "Promoted"
    assert_none_lost(load.stop())
    assert serving.predicted_version() == 3


@pytest.fixture
def patient_nodes(cluster: Cluster) -> Iterator[None]:
    """Nodes that may be silent for as long as an API server takes to come back."""
    plane = cluster.control_plane
    before = plane.timings
    plane.restart_controller_manager(replace(before, node_grace_seconds=60))
    yield
    plane.restart_controller_manager(before)


def test_an_api_server_that_is_killed_in_a_step_costs_no_request_and_the_rollout_goes_on(
    models: Models, claim: Path, closing: ExitStack, patient_nodes: None
) -> None:
    for version in (1, 2):
        example_models.write_version(claim / NAME, version)
    serving = installed(models)
    load = closing.enter_context(serving.load(RATE, fresh_share=1.0))
    apply(models, 2, rollout={**ROLLOUT, "bakeSeconds": 20})
    models.cluster.wait_until(
        lambda: rollout(models).get("requests", 0) > 0, "requests to the candidate", seconds=120
    )
    with models.cluster.control_plane.without_api_server(models.cluster.api):
        before = failed_turns()
        models.cluster.wait_until(lambda: failed_turns() > before, "a turn that failed")

    assert wait_until_ended(models, 2)["outcome"] == "Promoted"
    assert_none_lost(load.stop())
    assert serving.predicted_version() == 2
    assert len(models.running) == 1
    assert not models.running[0].has_ended()


def failed_turns() -> float:
    return metric("longshore_controller_reconciliations_total", outcome="failed")


def rollout(models: Models) -> Json:
    found: Json = models.get(NAME).get("status", {}).get("rollout", {})
    return found


def wait_for_hold(models: Models, reason: str) -> None:
    """Until a step waits for that."""

    def is_held() -> bool:
        shown = rollout(models)
        return (shown.get("stage"), shown.get("reason")) == ("Step", reason)

    models.cluster.wait_until(is_held, f"a step to be held by {reason}", seconds=120)


def canary_pod(models: Models, *, restarts: int) -> Json:
    """The one pod of the canary, ready, after that many restarts."""
    found: list[Json] = []
    path = f"/api/v1/namespaces/{models.namespace}/pods"

    def is_there() -> bool:
        listed = models.cluster.list(path, labelSelector="app.kubernetes.io/name=longshore-canary")
        counts = [one["status"]["containerStatuses"][0]["restartCount"] for one in listed]
        found[:] = [one for one in listed if pods.is_ready(one) and counts == [restarts]]
        return bool(found)

    models.cluster.wait_until(is_there, f"the canary's pod after {restarts} restarts", seconds=120)
    return found[0]
