"""A version's life under load: promoted without a lost request, or taken back by itself."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from longshore.repository.integrity import write_manifest
from tests.cluster import chart_values, example_models
from tests.cluster.load_client import assert_all_served, assert_none_lost
from tests.cluster.models import Models
from tests.cluster.node_agent.api import Json
from tests.cluster.rollouts import (
    AFTER_SECONDS,
    MARKED,
    NAME,
    RATE,
    ROLLOUT,
    ROLLOUT_SECONDS,
    VALIDATION,
    apply,
    assert_as_before,
    assert_taken_back_in_time,
    installed,
    is_promoted,
    load_of,
    no_place,
    publish_identity,
    wait_until_ended,
    wait_until_it_answers,
)
from tests.cluster.serving import Serving

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

MANIFEST = "manifest.json"
BREAKS = f"break_when: {MARKED}\n"
SLOW_RATE = RATE / 8
"""What a canary that takes 0.6 s can bear: it is to be slow, and not to refuse."""


def test_a_good_version_is_promoted_under_load_without_a_lost_request(
    models: Models, claim: Path, closing: ExitStack
) -> None:
    for version in (1, 2):
        example_models.write_version(claim / NAME, version)
    serving = installed(models)
    assert not any(event["reason"] == "RolloutStep1" for event in models.events("RolloutStep1"))
    load = closing.enter_context(serving.load(RATE))
    apply(models, 2)
    shares: set[float] = set()

    def has_ended() -> bool:
        status = models.get(NAME)["status"]
        assert models.condition("Ready", NAME).get("status", "True") == "True"
        shares.add(status.get("rollout", {}).get("share", 0))
        return is_promoted(models)

    models.cluster.wait_until(has_ended, "version 2 to serve", seconds=ROLLOUT_SECONDS)
    time.sleep(AFTER_SECONDS)
    assert_all_served(load.stop())

    assert serving.predicted_version() == 2
    assert 33.3 in shares
    assert {e["reason"] for e in models.events("RolloutStep1")} == {"RolloutStep1"}
    assert models.get(NAME)["status"]["history"][0]["outcome"] == "Promoted"
    assert not any(name == f"{NAME}-canary" or kind == "Job" for kind, name in models.objects())


@pytest.mark.parametrize(
    ("behaviour", "rates", "validation", "reason"),
    [
        pytest.param(BREAKS, {MARKED: RATE}, {}, "ErrorsAboveStable", id="all"),
        pytest.param(
            *(BREAKS, {1.0: 0.9 * RATE, MARKED: 0.1 * RATE}, {}, "ErrorsAboveStable"),
            id="a tenth",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *("delay_seconds: 0.6\n", {1.0: SLOW_RATE}, {"maxLatencySeconds": 0.5}),
            "SlowerThanStable",
            id="slow",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_version_that_is_worse_is_taken_back_by_itself(
    models: Models,
    claim: Path,
    closing: ExitStack,
    behaviour: str,
    rates: dict[float, float],
    validation: Json,
    reason: str,
) -> None:
    publish_identity(claim, 1)
    publish_identity(claim, 2, behaviour)
    rules = {**VALIDATION, **validation}
    serving = installed(models, validation=rules)
    wait_until_it_answers(serving)
    loads = [
        closing.enter_context(load_of(serving, value, rate, fresh_share=1.0))
        for value, rate in rates.items()
    ]
    apply(models, 2, validation=rules)

    assert wait_until_ended(models, 2)["reason"] == reason
    rate = sum(rates.values())
    assert_taken_back_in_time(models, rates.get(MARKED, rate) / rate, rate)
    assert_as_before(models, serving)
    taken_back = [load.elapsed for load in loads]
    time.sleep(AFTER_SECONDS)
    for load, moment in zip(loads, taken_back, strict=True):
        assert_all_served([one for one in load.stop() if one.at > moment])


def test_wrong_answers_digest_signature_and_cost_see_no_traffic(
    models: Models, claim: Path, closing: ExitStack
) -> None:
    for version in (1, 2, 3):
        example_models.write_version(claim / NAME, version)
        write_manifest(claim / NAME / str(version))
    publish_identity(
        claim, 4, "output:\n  - {name: other, data_type: TYPE_FP32, dims: [-1, 256]}\n"
    )
    # A row takes it a hundred times as long as stable, or longer.
    publish_identity(
        claim,
        5,
        "output:\n  - {name: output, data_type: TYPE_FP32, dims: [-1, 256]}\n"
        "delay_per_row_seconds: 0.05\n",
    )
    data = {"samples.json": json.dumps([samples_of(1)])}
    configmaps = f"/api/v1/namespaces/{models.namespace}/configmaps"
    models.cluster.api.post(configmaps, {"metadata": {"name": "samples"}, "data": data})
    rules = {**VALIDATION, "samplesFrom": {"name": "samples"}}
    digest = hashlib.sha256((claim / NAME / "1" / MANIFEST).read_bytes()).hexdigest()
    serving = installed(models, validation=rules, digest=digest)
    load = closing.enter_context(serving.load(RATE))
    reasons = []
    cost = {"minCapacityRatio": 0.1}
    for version, more in (
        (2, {}), (3, {"digest": digest}), (4, {"validation": VALIDATION}), (5, {"validation": cost})
    ):  # fmt: skip
        apply(models, version, **{"validation": rules, **more})
        reasons.append(wait_until_ended(models, version)["reason"])
        assert not models.events("RolloutStep1")

    assert reasons == ["SampleDiffers", "VerifyFailed", "SignatureChanged", "TooLittleCapacity"]
    assert_as_before(models, serving)
    assert_all_served(load.stop())


def samples_of(version: int) -> Json:
    """A request with what that version answers."""
    request = json.loads(example_models.request())
    width = example_models.WIDTH
    return {**request, "outputs": [{"name": "output", "data": [float(version)] * width}]}


def test_a_candidate_without_a_place_waits_with_the_schedulers_reason_and_may_be_withdrawn(
    models: Models, claim: Path
) -> None:
    example_models.write_version(claim / NAME, 1)
    serving = installed(models)
    before = {pod["metadata"]["uid"] for pod in serving.ready_pods()}
    values = chart_values.serving(replicas=2)
    resources = {"requests": {"cpu": "64"}, "limits": {"cpu": "64", "memory": "512Mi"}}
    known = {"rollout": ROLLOUT, "validation": VALIDATION, "version": 1}
    models.apply({**values, "resources": resources}, NAME, **known)

    def says_why() -> bool:
        rollout = models.get(NAME)["status"].get("rollout", {})
        return "Insufficient cpu" in rollout.get("message", "")

    # The Job takes the place that the pods would have, so it is the first to wait.
    models.cluster.wait_until(says_why, "the scheduler's reason", seconds=60)
    assert models.condition("Ready", NAME)["status"] == "True"
    apply(models, 1)
    models.cluster.wait_until(
        lambda: not models.get(NAME)["status"].get("rollout"), "the candidate to go", seconds=120
    )
    assert models.condition("Stalled", NAME)["status"] == "False"
    assert {pod["metadata"]["uid"] for pod in serving.ready_pods()} == before
    assert not any(kind == "Job" for kind, _ in models.objects())


@pytest.mark.slow
def test_a_promotion_whose_pods_do_not_start_says_why_goes_back_and_loses_no_request(
    models: Models, claim: Path, closing: ExitStack
) -> None:
    for version in (1, 2):
        example_models.write_version(claim / NAME, version)
    probes = {"periodSeconds": 1, "startup": {"seconds": 15}}
    late = {"progressDeadlineSeconds": 30}
    values = chart_values.serving(replicas=2, probes=probes, deploymentSpec=late)
    known = {"rollout": {**ROLLOUT, "bakeSeconds": 10}, "validation": VALIDATION}
    serving = Serving(models.cluster, models.namespace, NAME)
    models.apply(values, NAME, version=1, **known)
    wait_until_ended(models, 1)
    load = closing.enter_context(serving.load(RATE, fresh_share=1.0))
    models.apply(values, NAME, version=2, **known)
    wait_until_shown(models, stage="Step", share=33.3)
    with no_place(models.cluster):
        wait_until_shown(models, stage="Promote", reason="RollingOut")
        models.cluster.wait_until(
            lambda: "unschedulable" in models.get(NAME)["status"]["rollout"]["message"],
            "the scheduler's reason",
        )
        assert models.condition("Ready", NAME)["status"] == "True"
        assert wait_until_ended(models, 2)["reason"] == "DeadlineExceeded"

    said = models.get(NAME)["status"]["rejected"]["message"]
    assert "timed out progressing" in said
    assert "unschedulable" in said
    time.sleep(AFTER_SECONDS)
    assert_all_served(load.stop())
    assert_as_before(models, serving)


def wait_until_shown(models: Models, **said: object) -> None:
    """Until the status says that of the rollout."""

    def is_shown() -> bool:
        return said.items() <= models.get(NAME)["status"].get("rollout", {}).items()

    models.cluster.wait_until(is_shown, f"a rollout of {said}", seconds=120)


def test_an_autoscaler_that_scales_stable_in_a_step_is_followed(
    models: Models, claim: Path, closing: ExitStack
) -> None:
    for version in (1, 2):
        example_models.write_version(claim / NAME, version)
    values = chart_values.autoscaled(utilization=0.5, maximum=4)
    rollout = {**ROLLOUT, "steps": [50], "bakeSeconds": 60}
    known = {"rollout": rollout, "validation": VALIDATION}
    serving = Serving(models.cluster, models.namespace, NAME)
    models.apply(values, NAME, version=1, **known)
    wait_until_ended(models, 1)
    load = closing.enter_context(serving.load(RATE))
    models.apply(values, NAME, version=2, **known)
    models.cluster.wait_until(
        lambda: models.get(NAME)["status"].get("rollout", {}).get("stage") == "Step",
        "the step",
        seconds=120,
    )
    # As the HPA does, which may take one of them back before its minimum is raised.
    scale = ("scale", "deployment/scale-longshore", "--replicas=3", "-n", models.namespace)
    models.cluster.kubectl(*scale)
    canary, autoscaler = ("Deployment", f"{NAME}-canary"), "HorizontalPodAutoscaler"

    def is_followed() -> bool:
        objects = models.objects()
        count = objects["Deployment", "scale-longshore"]["spec"]["replicas"]
        least = objects[autoscaler, "scale-longshore"]["spec"]["minReplicas"]
        return bool(objects[canary]["spec"]["replicas"] == least == count > 1)

    models.cluster.wait_until(is_followed, "as many pods of the canary, and no fewer of stable")
    apply(models, 1)
    models.cluster.wait_until(
        lambda: not models.get(NAME)["status"].get("rollout"), "the candidate to go", seconds=120
    )
    time.sleep(AFTER_SECONDS)
    assert_none_lost(load.stop())
