"""Other values, another count and another chart: at once, or as a candidate."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.controller.life_world import (
    CANARY,
    ENOUGH,
    STABLE,
    LifeWorld,
    Version,
    assert_stable_alone,
    installed,
)


def test_values_that_change_no_pod_are_applied_at_once_and_others_prove_themselves():
    world = installed(values={"replicas": 4, "autoscaling": {"mode": "hpa"}})
    world.change(values={"replicas": 4, "autoscaling": {"mode": "hpa", "maxReplicas": 5}})
    world.tick()
    assert world.documents["HorizontalPodAutoscaler", STABLE]["spec"]["maxReplicas"] == 5
    assert world.stage == ""

    world.change(values={"replicas": 4, "image": "another"})
    world.tick()
    assert world.stage == "Verify"


@settings(deadline=None, max_examples=40)
@given(ticks=st.integers(0, ENOUGH), bad=st.sampled_from([0.0, 1.0]))
def test_another_count_in_a_rollout_is_applied_at_once_and_the_candidate_stays(ticks, bad):
    world = installed()
    world.versions[2] = Version(bad_ratio=bad)
    world.change(version=2)
    world.ticks(ticks)
    world.change(values={"replicas": 6})
    world.ticks(2)
    assert world.documents["Deployment", STABLE]["spec"]["replicas"] == 6
    world.ticks(ENOUGH)

    assert_stable_alone(world, 1 if bad else 2)
    assert [one["version"] for one in world.status["history"]] == [2, 1]
    assert bool(world.status.get("rejected")) == bool(bad)


def test_the_canary_follows_stable_and_the_autoscaler_does_not_scale_down_in_a_rollout():
    values = {"replicas": None, "autoscaling": {"mode": "hpa"}}
    world = installed(values=values, rollout={"steps": [20], "bakeSeconds": 60})
    assert world.documents["HorizontalPodAutoscaler", STABLE]["spec"]["minReplicas"] == 2
    scale(world, 4)
    world.change(version=2)
    world.ticks(6)
    assert world.stage == "Step"
    assert world.documents["Deployment", CANARY]["spec"]["replicas"] == 1
    scale(world, 8)
    world.ticks(2)

    assert world.documents["Deployment", CANARY]["spec"]["replicas"] == 2
    assert world.documents["HorizontalPodAutoscaler", STABLE]["spec"]["minReplicas"] == 8
    assert world.status["rollout"]["share"] == 20.0
    world.ticks(ENOUGH)
    assert_stable_alone(world, 2)
    assert world.documents["HorizontalPodAutoscaler", STABLE]["spec"]["minReplicas"] == 2


def test_what_the_chart_refuses_begins_no_rollout():
    world = installed()
    before = dict(world.documents)
    world.change(values={"refused": True})
    world.tick()

    assert world.documents == before
    assert world.condition("Stalled")["message"] == "refused: it is"


def test_another_chart_rolls_stable_and_values_that_change_no_pod_are_known_as_such():
    world = installed()
    world.chart = "0.2.0"
    world.tick()
    template = world.documents["Deployment", STABLE]["spec"]["template"]
    assert template["metadata"]["annotations"]["chart"] == "0.2.0"
    world.change(values={"replicas": 5})
    world.ticks(2)

    assert world.documents["Deployment", STABLE]["spec"]["replicas"] == 5
    assert world.stage == ""
    assert len(world.status["history"]) == 1


def scale(world: LifeWorld, count: int) -> None:
    """As an autoscaler does."""
    key = "Deployment", STABLE
    live = world.live[key]
    assert live.pods
    world.live[key] = replace(live, pods=replace(live.pods, wanted=count))
