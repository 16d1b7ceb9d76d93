"""Rollouts of a version as scenarios have them: what is applied, asked for and left at the end."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from longshore_k8s.controller.judging.rollout import LOOK_SECONDS
from tests.cluster import chart_values, example_models
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.http_exchange import ConnectionBroke, post
from tests.cluster.load_client import LoadClient, Target
from tests.cluster.models import Models
from tests.cluster.node_agent.api import Json
from tests.cluster.serving import Serving, ask

NAME = example_models.NAME
ROLLOUT: Json = {"steps": [30], "bakeSeconds": 3, "toleratedBadRatio": 0.05, "deadlineSeconds": 240}
VALIDATION: Json = {"minCapacityRatio": 0}
"""What a pod computes is calibrated on two cores that everything here shares."""
RATE = 40.0
ROLLOUT_SECONDS = 240
AFTER_SECONDS = 4.0
IDENTITY = "input:\n  - {name: input, data_type: TYPE_FP32, dims: [-1, 256]}\n"
SHARE = 1 / 3
"""Of one canary beside two pods of stable, where each request has a connection of its own."""
MOST_REQUESTS = {1.0: 50, 0.1: 195, 0.02: 915}
"""To a canary with a third of the requests that fails this share of them: one in a thousand is
taken back later, by `make simulate-rollouts`."""
MARKED = 15.0
"""In a request that versions with `break_when` fail on."""


def apply(models: Models, version: int, **spec: object) -> None:
    values = chart_values.serving(replicas=2)
    known = {"rollout": ROLLOUT, "validation": VALIDATION}
    models.apply(values, NAME, version=version, **{**known, **spec})


def installed(models: Models, **spec: object) -> Serving:
    """Version 1 has proved itself and serves."""
    serving = Serving(models.cluster, models.namespace, NAME)
    apply(models, 1, **spec)
    wait_until_ended(models, 1)
    assert models.get(NAME)["status"]["servedVersion"] == 1
    return serving


def wait_until_ended(models: Models, version: int, name: str = NAME) -> Json:
    """The entry of the history about the rollout of `version`, once it has ended."""

    def has_ended() -> bool:
        status = models.get(name).get("status", {})
        (last, *_) = status.get("history") or [{}]
        return last.get("version") == version and not status.get("rollout")

    try:
        models.cluster.wait_until(
            has_ended, f"the rollout of {version} to end", seconds=ROLLOUT_SECONDS
        )
    finally:
        status = models.get(name).get("status", {})
        shown = ("rollout", "rejected", "history", "message")
        print(json.dumps({key: status.get(key) for key in shown}))
    return dict(status["history"][0])


def is_promoted(models: Models) -> bool:
    """Whether version 2 serves, and nothing is left to do for it."""
    status = models.get(NAME)["status"]
    return status.get("servedVersion") == 2 and not status.get("rollout")


@contextlib.contextmanager
def no_place(cluster: Cluster) -> Iterator[None]:
    """No node takes another pod."""
    nodes = [node["metadata"]["name"] for node in cluster.list("/api/v1/nodes")]
    cluster.kubectl("cordon", *nodes)
    try:
        yield
    finally:
        cluster.kubectl("uncordon", *nodes)


def publish_identity(claim: Path, version: int, extra: str = "") -> None:
    folder = claim / NAME / str(version)
    folder.mkdir(parents=True)
    (folder / "model.identity").write_text(f"{IDENTITY}{extra}")


def load_of(serving: Serving, value: float, rate: float, **options: Any) -> LoadClient:
    """Requests whose every element is `value`; the options are LoadClient's."""
    target = serving.target()
    row = {"name": "input", "datatype": "FP32", "shape": [1, 256], "data": [value] * 256}
    body = json.dumps({"inputs": [row]}).encode()
    return LoadClient(Target(target.host, target.port, target.path, body), rate, **options)


def wait_until_it_answers(serving: Serving) -> None:
    def answers() -> bool:
        target = serving.target()
        request = post(target.path, target.body, host=target.host, is_kept_alive=False)
        try:
            return ask(target.host, target.port, request).status == 200
        except (OSError, ConnectionBroke):
            return False

    serving.cluster.wait_until(answers, "the first answer")


def assert_taken_back_in_time(
    models: Models, bad_ratio: float, rate: float, name: str = NAME
) -> None:
    """That the canary which was rejected, and failed so many of its requests, got no more of them
    than by the simulation, and those of two looks."""
    said = models.get(name)["status"]["rejected"]["message"]
    found = re.search(r"(\d+) of (\d+) requests to the canary were bad", said)
    assert found is not None, said
    bad, requests = int(found[1]), int(found[2])
    print(f"taken back after {requests} requests to the canary, {bad} of them bad")
    assert requests <= MOST_REQUESTS[round(bad_ratio, 2)] + 2 * LOOK_SECONDS * rate * SHARE


def assert_as_before(models: Models, serving: Serving) -> None:
    """Stable alone, of version 1, and nothing of a candidate."""
    status = models.get(NAME)["status"]
    assert status["servedVersion"] == 1
    assert models.condition("Ready", NAME)["status"] == "True"
    assert models.condition("Stalled", NAME)["reason"] == "Rejected"
    assert serving.service()["spec"]["selector"]["app.kubernetes.io/name"] == "longshore"
    assert not any(name == f"{NAME}-canary" for _, name in models.objects())
    pods = f"/api/v1/namespaces/{models.namespace}/pods"

    def are_gone() -> bool:
        """The canary's, which answer on the connections that they have until they end."""
        return len(models.cluster.list(pods, labelSelector=serving.selector)) == 2

    models.cluster.wait_until(are_gone, "the pods of stable alone")
