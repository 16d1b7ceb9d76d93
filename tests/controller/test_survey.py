"""What is asked of a candidate, and of the pods of both versions, of servers of ours."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from longshore_k8s.api import Json
from longshore_k8s.capacity.local_ports import unused_port
from longshore_k8s.controller.connection import Connection
from longshore_k8s.controller.decision import Findings
from longshore_k8s.controller.endpoint import Endpoint
from longshore_k8s.controller.judging import rollout
from longshore_k8s.controller.judging.verdict import Objective, StepFacts
from longshore_k8s.controller.plan import CANARY_CHART_NAME
from longshore_k8s.controller.pod_counters import look_at
from longshore_k8s.controller.resource import Resource
from longshore_k8s.controller.survey import Surveyor
from tests.attacks.served_process import ServedProcess, identity_model, infer_body
from tests.controller.pods import pod, serving

NAME, NAMESPACE = "echo", "n"


def reached(stage: str, *, paused: bool = False, **status: object) -> Resource:
    """Version 2 beside version 1, in that stage."""
    validation = {"samplesFrom": {"name": "samples"}}
    document: Json = {
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"version": 2, "validation": validation, "paused": paused},
        "status": {"stable": {"values": {}, "version": 1}, **status},
    }
    aimed = Resource.read(document).aim_hash
    rollout_status = {"stage": stage, "hash": aimed, "version": 2}
    return Resource.read({**document, "status": {**document["status"], "rollout": rollout_status}})


PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
SAMPLES = f"/api/v1/namespaces/{NAMESPACE}/configmaps/samples"


@contextmanager
def surveyed(asked: list[str] | None = None, **answers: Json) -> Iterator[Surveyor]:
    """Of a cluster that has these `pods` and `samples`."""
    paths = {"pods": PODS, "samples": SAMPLES}
    bodies = {paths[name]: json.dumps(one).encode() for name, one in answers.items()}
    with serving(bodies, asked) as port:
        endpoint = Endpoint(
            f"http://127.0.0.1:{port}", ssl.create_default_context(), str, NAMESPACE
        )
        yield Surveyor(Connection(endpoint))


def pods(*documents: Json) -> Json:
    return {"metadata": {}, "items": documents}


def test_what_samples_asked_of_the_candidate_is_not_taken_for_traffic(tmp_path: Path):
    sample = {
        **json.loads(infer_body()),
        "outputs": [{"name": "OUTPUT0", "data": [1.0, 2.0, 3.0, 4.0]}],
    }
    samples = {"data": {"samples.json": json.dumps([sample] * 5)}}
    with ServedProcess(identity_model(tmp_path), max_batch_size=0) as server:
        candidate = pod("c", server.management_port, chart_name=CANARY_CHART_NAME)
        candidate["spec"]["containers"][1]["ports"].append(
            {"name": "http", "containerPort": server.port}
        )
        with surveyed(pods=pods(candidate), samples=samples) as surveyor:
            found = surveyor.findings(reached("Validate"), Findings())
        later = look_at([], [candidate])

    assert found.probe is not None
    assert found.look is not None
    assert len(found.probe.samples) == 5
    assert later.canary[0].counts is not None
    assert later.canary[0].counts.requests >= 5
    _, kept = rollout.judge(rollout.begin(found.look), later, Objective(), StepFacts(0.0, 0.5))
    assert rollout.figures(kept)["requests"] == 0


@pytest.mark.parametrize("stage", ["Candidate", "Validate", "Step"])
def test_the_pods_of_both_versions_are_listed_once_in_a_look(stage: str):
    asked: list[str] = []
    closed = unused_port()
    both = pods(pod("s", closed), pod("c", closed, chart_name=CANARY_CHART_NAME, ready="False"))
    with surveyed(asked, pods=both) as surveyor:
        found = surveyor.findings(reached(stage), Findings())

    assert asked == [PODS]
    assert found.look is not None
    assert [[one.name for one in side] for side in (found.look.stable, found.look.canary)] == [
        ["s"], ["c"],
    ]  # fmt: skip


def test_while_stable_rolls_its_pods_that_do_not_start_say_why():
    def ended(reason: str) -> Json:
        return {"restartCount": 2, "lastState": {"terminated": {"exitCode": 1, "reason": reason}}}

    waiting = {"state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}}}
    port = unused_port()
    serves = pod("old", port, containerStatuses=[ended("OOMKilled")])
    starts = pod("new", port, ready="False", containerStatuses=[{**ended("Error"), **waiting}])
    with surveyed(pods=pods(serves, starts)) as surveyor:
        found = surveyor.findings(reached("Promote"), Findings())

    assert found.said == "CrashLoopBackOff: back-off 20s. Error"
    assert found.look is None


def test_before_anything_serves_the_pods_of_the_release_are_the_candidates():
    first = reached("Candidate", stable={})
    with surveyed(pods=pods(pod("s", unused_port(), restarts=2))) as surveyor:
        found = surveyor.findings(first, Findings())

    assert found.look is not None
    assert [(one.name, one.restarts) for one in found.look.canary] == [("s", 2)]


@pytest.mark.parametrize(("stage", "paths"), [("Validate", []), ("Step", [PODS])])
def test_in_a_pause_only_a_candidate_with_traffic_is_looked_at(stage: str, paths: list[str]):
    asked: list[str] = []
    with surveyed(asked, pods=pods()) as surveyor:
        surveyor.findings(reached(stage, paused=True), Findings())

    assert asked == paths
