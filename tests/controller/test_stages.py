"""How a candidate goes from stage to stage, to the pods that serve it or back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.controller.life_world import (
    CANARY,
    ENOUGH,
    NARROW,
    OTHER,
    STABLE,
    LifeWorld,
    Version,
    assert_stable_alone,
    installed,
    spec,
    verify_job_key,
)

BAD = {
    "VerifyFailed": Version(is_whole=False),
    "DeadlineExceeded": Version(starts=False),
    "SignatureChanged": Version(metadata=OTHER),
    "ErrorsAboveStable": Version(bad_ratio=1.0),
}


def test_a_good_version_goes_through_every_stage_and_serves():
    world = installed()
    world.change(version=2)
    stages = []
    for _ in range(ENOUGH):
        world.tick()
        stages.append((world.stage, world.status.get("rollout", {}).get("step", 0)))

    assert_stable_alone(world, 2)
    reasons = [event.reason for event in world.events if event.reason.startswith("Rollout")]
    assert reasons[-7:] == [
        "RolloutVerify", "RolloutCandidate", "RolloutValidate", "RolloutStep1", "RolloutStep2",
        "RolloutPromote", "RolloutRetire",
    ]  # fmt: skip
    assert [(one["version"], one["outcome"]) for one in world.status["history"]] == [
        (2, "Promoted"), (1, "Promoted"),
    ]  # fmt: skip
    assert "candidateVersion" not in world.status
    assert world.condition("Stalled")["status"] == "False"


def test_the_status_says_what_a_pod_of_the_version_that_serves_computes():
    world = installed()
    assert world.status["capacityPerPod"] == 100.0
    world.versions[2] = Version(capacity=81.23456, bad_ratio=1.0)
    world.change(version=2)
    world.ticks(ENOUGH)
    assert_stable_alone(world, 1)
    assert world.status["capacityPerPod"] == 100.0

    world.versions[3] = Version(capacity=81.23456)
    world.change(version=3)
    world.ticks(ENOUGH)
    assert_stable_alone(world, 3)
    assert world.status["capacityPerPod"] == 81.23
    world.change(values={"replicas": 5})
    world.ticks(2)
    assert world.status["capacityPerPod"] == 81.23


def test_a_pod_that_does_not_tell_what_it_computes_leaves_no_figure_of_another_version():
    world = installed()
    world.versions[2] = Version(capacity=None)
    world.change(version=2)
    world.ticks(ENOUGH)

    assert_stable_alone(world, 2)
    assert "capacityPerPod" not in world.status


def test_what_an_adopted_model_computes_is_known_from_its_first_comparison_on():
    world = LifeWorld(spec(adoptRelease=True))
    world.ticks(3)
    assert world.status["servedVersion"] == 1
    assert "capacityPerPod" not in world.status
    world.versions[2] = Version(bad_ratio=1.0, capacity=90.0)
    world.change(version=2)
    world.ticks(ENOUGH)

    assert_stable_alone(world, 1)
    assert world.status["capacityPerPod"] == 100.0


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_version_is_taken_back_and_not_tried_again_until_the_spec_changes(reason):
    world = installed(rollout={"bakeSeconds": 10, "deadlineSeconds": 60})
    world.versions[2] = BAD[reason]
    world.change(version=2)
    world.ticks(ENOUGH)

    assert_stable_alone(world, 1)
    assert world.status["rejected"]["reason"] == reason
    assert world.condition("Stalled")["reason"] == "Rejected"
    assert world.condition("Ready")["status"] == "True"
    assert reason == "ErrorsAboveStable" or 2 not in world.served
    written = world.written
    world.ticks(10)
    assert world.written == written

    world.change(version=3)
    world.ticks(ENOUGH)
    assert_stable_alone(world, 3)
    assert "rejected" not in world.status


def test_of_a_version_that_fails_always_few_requests_are_seen():
    world = installed()
    world.versions[2] = Version(bad_ratio=1.0)
    world.change(version=2)
    world.ticks(ENOUGH)

    assert world.served[2] <= 2 * world.rate * 5.0


def test_ready_stays_true_in_a_rollout_and_the_stage_is_the_reason_of_progressing():
    world = installed()
    world.change(version=2)
    seen = set()
    for _ in range(ENOUGH):
        world.tick()
        assert world.condition("Ready")["status"] == "True"
        if world.stage:
            assert world.condition("Progressing")["status"] == "True"
            assert world.status["candidateVersion"] == 2
            seen.add(world.condition("Progressing")["reason"])

    assert {"BakeTime", "RollingOut"} & seen


@settings(deadline=None, max_examples=30)
@given(ticks=st.integers(0, ENOUGH))
def test_what_has_not_been_validated_is_asked_by_nobody(ticks):
    world = installed()
    world.change(version=2)
    for _ in range(ticks):
        world.tick()
        is_validated = any(event.reason == "RolloutStep1" for event in world.events)
        assert is_validated or {number for _, number in world.pods_with_traffic()} == {1}


def test_no_step_is_taken_without_requests():
    world = installed()
    world.rate = 0.0
    world.change(version=2)
    world.ticks(ENOUGH)

    assert (world.stage, world.status["rollout"]["step"]) == ("Step", 1)
    assert world.status["rollout"]["reason"] == "AwaitingTraffic"
    world.rate = 200.0
    world.ticks(ENOUGH)
    assert_stable_alone(world, 2)


def test_without_steps_a_valid_version_is_promoted_at_once():
    world = installed(rollout={"steps": []})
    world.change(version=2)
    world.ticks(10)

    assert_stable_alone(world, 2)
    assert not any(event.reason.startswith("RolloutStep") for event in world.events)


def test_a_rollout_whose_steps_are_taken_out_of_the_spec_is_promoted():
    world = installed()
    world.change(version=2)
    while world.stage != "Step":
        world.tick()
    world.change(rollout={"steps": [], "bakeSeconds": 10})
    world.ticks(10)

    assert_stable_alone(world, 2)
    assert "rejected" not in world.status


def test_a_promotion_that_does_not_come_to_an_end_goes_back_to_the_version_before():
    world = installed()
    world.change(version=2)
    while world.stage != "Promote":
        world.tick()
    world.versions[2] = Version(starts=False)
    world.turn()
    assert world.status["rollout"]["message"].endswith("have the version. CrashLoopBackOff")
    be_late(world, STABLE)
    world.turn()
    world.ticks(2)

    assert_stable_alone(world, 1)
    assert world.status["rejected"]["message"] == "timed out progressing CrashLoopBackOff"


def test_the_job_has_no_label_by_which_a_service_finds_it():
    world = installed()
    world.change(version=2)
    world.tick()
    job = world.documents[verify_job_key(world)]
    labels = job["spec"]["template"]["metadata"]["labels"]

    assert not {key: NARROW[key] for key in list(NARROW)[1:]}.items() <= labels.items()
    assert job["spec"]["template"]["spec"]["containers"][0]["args"][:3] == [
        "inspect", "/models", "--version=2",
    ]  # fmt: skip


def test_a_candidate_is_waited_for_by_the_deadline_of_its_spec_and_not_of_its_deployment():
    world = installed(rollout={"bakeSeconds": 10, "deadlineSeconds": 600})
    world.versions[2] = Version(starts=False)
    world.change(version=2)
    world.ticks(4)
    be_late(world, CANARY)
    world.turn()
    assert world.stage == "Candidate"

    world.versions[2] = Version()
    world.ticks(ENOUGH)
    assert_stable_alone(world, 2)


def test_a_first_version_that_is_late_is_degraded_and_not_stalled_before_its_deadline():
    world = LifeWorld(spec(), {1: Version(starts=False)})
    world.ticks(4)
    be_late(world, STABLE)
    world.turn()

    assert world.stage == "Candidate"
    assert world.condition("Degraded")["reason"] == "DeadlineExceeded"
    assert world.condition("Stalled")["status"] == "False"


def be_late(world: LifeWorld, name: str) -> None:
    """The Deployment of that name gives its rollout up."""
    live = world.live["Deployment", name]
    assert live.pods
    late = replace(live.pods, is_seen=True, late="timed out progressing")
    world.live["Deployment", name] = replace(live, pods=late)
