"""The first version of a model, and the first one that is guarded."""

from __future__ import annotations

from tests.controller.life_world import (
    ENOUGH,
    OTHER,
    STABLE,
    LifeWorld,
    Version,
    assert_stable_alone,
    spec,
)


def test_the_first_version_is_asked_by_nobody_and_not_ready_before_it_has_proved_itself():
    world = LifeWorld(spec())
    for _ in range(12):
        world.tick()
        if world.stage in ("Verify", "Candidate", "Validate"):
            assert ("Service", STABLE) not in world.live
            assert world.condition("Ready")["status"] == "False"

    assert_stable_alone(world, 1)
    assert world.condition("Ready")["status"] == "True"
    assert not any(event.reason.startswith("RolloutStep") for event in world.events)


def test_a_first_version_that_is_bad_leaves_nothing_that_runs():
    world = LifeWorld(spec(), {1: Version(metadata=OTHER, is_whole=False)})
    world.ticks(12)

    assert world.live == {}
    assert world.status["rejected"]["reason"] == "VerifyFailed"
    assert world.condition("Stalled")["message"].endswith("digest of model.onnx differs")


def test_a_version_that_is_given_for_a_model_that_serves_without_one_proves_itself():
    world = LifeWorld(spec(None))
    world.ticks(3)
    assert world.status["stable"]["values"] == {"replicas": 4}
    world.change(version=2)
    world.ticks(2)
    assert world.stage in ("Verify", "Candidate")
    world.ticks(ENOUGH)
    assert_stable_alone(world, 2)


def test_a_version_that_the_values_pinned_already_is_only_recorded():
    world = LifeWorld(spec(None, values={"replicas": 4, "model": {"version": 2}}))
    world.ticks(3)
    written = world.documents
    world.change(values={"replicas": 4}, version=2)
    world.ticks(2)

    assert_stable_alone(world, 2)
    assert "history" not in world.status
    assert world.documents == written
