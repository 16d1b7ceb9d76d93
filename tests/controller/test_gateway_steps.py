"""Steps of a rollout by the weights of an HTTPRoute, in a cluster with a Gateway."""

from __future__ import annotations

import pytest

from tests.controller.gateway_world import (
    ENOUGH,
    NARROW,
    ROUTE,
    VALUES,
    GatewayWorld,
    assert_stable_alone,
    installed,
)
from tests.controller.life_world import CANARY, STABLE, Version
from tests.controller.world import EVERY_KIND


def until(world: GatewayWorld, stage: str, step: int = 0) -> None:
    for _ in range(ENOUGH):
        if world.stage == stage and step in (0, world.status["rollout"]["step"]):
            return
        world.tick()
    raise AssertionError(f"{stage} was not reached: {world.status['rollout']}")


def test_a_good_version_gets_the_percents_of_its_steps_and_no_request_is_lost():
    world = installed()
    world.change(version=2)
    seen, selectors = set(), set()
    for _ in range(ENOUGH):
        world.tick()
        share = round(world.asked_share(), 3)
        canary = world.live.get(("Deployment", CANARY))
        if share:
            assert world.status["rollout"]["share"] == 100 * share
            seen.add((share, canary.pods.wanted))
        selectors.add(world.selector["app.kubernetes.io/name"])

    assert_stable_alone(world, 2)
    assert seen == {(0.1, 1), (0.3, 2)}
    assert selectors == {NARROW}
    assert world.lost == 0
    reasons = [event.reason for event in world.events if event.reason.startswith("Rollout")]
    assert reasons[-5:] == [
        "RolloutValidate", "RolloutStep1", "RolloutStep2", "RolloutPromote", "RolloutRetire",
    ]  # fmt: skip


def test_a_step_tells_its_share_and_that_clients_of_the_service_bypass_it():
    world = installed()
    world.change(version=2)
    until(world, "Step", 1)
    world.ticks(2)
    (event,) = [one for one in world.events if one.reason == "RolloutStep1"]
    said = "10 % of its requests are to go to the canary; clients of the Service itself bypass it"

    assert said in event.message
    assert said in world.status["rollout"]["message"]
    assert said in world.condition("Progressing")["message"]


def test_clients_of_the_service_itself_reach_stable_alone():
    world = installed()
    world.direct_rate, world.rate = world.rate, 0.0
    world.change(version=2)
    until(world, "Step", 1)
    world.ticks(ENOUGH)

    assert not world.served[2]
    assert world.status["rejected"]["reason"] == "NotRouted"
    assert_stable_alone(world, 1)


def test_a_step_begins_when_the_gateway_has_taken_its_weights():
    world = installed()
    world.change(version=2)
    until(world, "Validate")
    world.is_up = False
    world.ticks(20)

    assert (world.stage, world.status["rollout"]["step"]) == ("Step", 1)
    assert world.status["rollout"]["reason"] == "AwaitingRoute"
    assert "Gateway front has not seen the newest weights." in world.status["rollout"]["message"]
    assert world.condition("Progressing")["reason"] == "AwaitingRoute"
    assert 2 not in world.served
    world.is_up = True
    world.ticks(2)
    assert world.status["rollout"]["reason"] != "AwaitingRoute"
    world.ticks(ENOUGH)
    assert_stable_alone(world, 2)


def test_weights_that_no_gateway_takes_by_the_deadline_are_taken_back():
    world = installed(rollout={"bakeSeconds": 10, "deadlineSeconds": 60})
    world.change(version=2)
    until(world, "Validate")
    world.is_up = False
    world.ticks(ENOUGH)

    assert world.stage == ""
    assert world.status["rejected"]["reason"] == "DeadlineExceeded"
    assert "has not seen the newest weights" in world.status["rejected"]["message"]
    assert world.weights == {STABLE: 1}
    assert not any(name == CANARY for _, name in world.live)


def test_no_weight_is_set_on_a_route_that_its_gateway_has_not_taken():
    world = installed(rollout={"bakeSeconds": 10, "deadlineSeconds": 300})
    world.refusal = "NotAllowedByListeners"
    world.change(version=2)
    world.ticks(20)

    assert world.stage == "Validate"
    said = "HTTPRoute text-longshore: Gateway front: Accepted is False: NotAllowedByListeners."
    assert (world.status["rollout"]["reason"], world.status["rollout"]["message"]) == (
        "AwaitingRoute", said,
    )  # fmt: skip
    assert world.weights == {STABLE: 1}
    world.refusal = ""
    world.ticks(ENOUGH)
    assert_stable_alone(world, 2)


def test_weights_that_a_gateway_refuses_are_taken_back_at_once():
    world = installed()
    world.change(version=2)
    until(world, "Step", 1)
    world.refusal = "NotAllowedByListeners"
    world.ticks(5)

    assert world.weights == {STABLE: 1}
    assert world.status["rejected"]["reason"] == "RouteRefused"
    assert world.status["rejected"]["message"].endswith("Accepted is False: NotAllowedByListeners.")


@pytest.mark.parametrize("lag", [1, 3])
@pytest.mark.parametrize("bad", [1.0, 0.1])
def test_a_bad_version_loses_its_weight_at_once_and_its_pods_when_the_gateway_has_followed(
    bad, lag
):
    world = installed()
    world.lag = lag
    world.versions[2] = Version(bad_ratio=bad)
    world.change(version=2)
    until(world, "Abort")

    assert world.weights == {STABLE: 1}
    assert ("Deployment", CANARY) in world.live
    assert ("Service", CANARY) in world.live
    assert world.condition("Reconciling")["reason"] == "AwaitingRoute"
    world.ticks(lag + 2)
    assert_stable_alone(world, 1)
    assert world.status["rejected"]["reason"] == "ErrorsAboveStable"
    assert world.lost == 0


def test_a_gateway_that_is_silent_does_not_hold_a_rejected_canary_for_ever():
    world = installed(rollout={"bakeSeconds": 10, "deadlineSeconds": 60})
    world.versions[2] = Version(bad_ratio=1.0)
    world.change(version=2)
    until(world, "Step", 1)
    world.tick()
    world.is_up = False
    world.ticks(ENOUGH)

    assert world.stage == ""
    assert world.weights == {STABLE: 1}
    assert not any(name == CANARY for _, name in world.live)


def test_a_canary_without_a_ready_pod_has_no_weight_until_it_has_one():
    world = installed()
    world.change(version=2)
    until(world, "Step", 1)
    world.ticks(2)
    assert world.taken[CANARY] == 10
    world.versions[2] = Version(starts=False)
    world.ticks(3)

    lost = world.lost
    assert (world.weights, world.status["rollout"]["share"]) == ({STABLE: 1}, 0.0)
    assert world.status["rollout"]["reason"] == "PodsNotReady"
    assert ("Service", CANARY) in world.live
    world.ticks(10)
    assert world.lost == lost
    world.versions[2] = Version()
    world.ticks(ENOUGH)
    assert_stable_alone(world, 2)


@pytest.mark.parametrize("on_no_data", ["Hold", "Abort"])
def test_a_canary_whose_pods_do_not_come_back_is_held_or_taken_back_at_the_deadline(on_no_data):
    known = {"bakeSeconds": 10, "deadlineSeconds": 60, "onNoData": on_no_data}
    world = installed(rollout=known)
    world.change(version=2)
    until(world, "Step", 1)
    world.ticks(2)
    world.versions[2] = Version(starts=False)
    world.ticks(3)
    lost = world.lost
    world.ticks(ENOUGH)

    assert world.lost == lost
    assert world.weights == {STABLE: 1}
    if on_no_data == "Hold":
        assert (world.stage, world.status["rollout"]["reason"]) == ("Step", "DeadlineExceeded")
        assert "(PodsNotReady)" in world.status["rollout"]["message"]
        return
    assert_stable_alone(world, 1)
    assert world.status["rejected"]["reason"] == "DeadlineExceeded"
    assert "No pod of the canary is ready." in world.status["rejected"]["message"]


def test_a_controller_that_is_away_in_a_step_leaves_the_weights():
    world = installed()
    world.change(version=2)
    until(world, "Step", 1)
    world.tick()
    for _ in range(20):
        world.tick(turns=0)
        assert world.taken == {STABLE: 90, CANARY: 10}

    world.ticks(ENOUGH)
    assert_stable_alone(world, 2)
    assert world.lost == 0


def test_a_pause_in_a_step_leaves_the_weights_and_the_step_begins_again_afterwards():
    world = installed()
    world.change(version=2)
    until(world, "Step", 1)
    world.tick()
    world.change(paused=True)
    world.ticks(20)
    assert world.taken == {STABLE: 90, CANARY: 10}
    assert (world.stage, world.status["rollout"]["step"]) == ("Step", 1)
    assert "with 10 % of the requests" in world.condition("Reconciling")["message"]
    world.change(paused=False)
    world.ticks(2 * ENOUGH)

    assert_stable_alone(world, 2)
    assert world.lost == 0


def test_a_pause_tells_the_share_that_a_canary_keeps_though_none_of_its_pods_is_ready():
    world = installed()
    world.change(version=2)
    until(world, "Step", 1)
    world.tick()
    world.change(paused=True)
    world.versions[2] = Version(starts=False)
    world.ticks(3)
    assert world.weights == {STABLE: 90, CANARY: 10}
    assert "with 10 % of the requests" in world.condition("Reconciling")["message"]
    world.change(paused=False)
    world.ticks(2)

    assert world.weights == {STABLE: 1}
    assert world.status["rollout"]["share"] == 0.0


def test_the_address_in_the_status_stays_that_of_the_models_own_service():
    world = installed()
    before = world.status["url"]
    world.change(version=2)
    until(world, "Step", 1)
    world.tick()

    assert world.status["url"] == before


def test_without_the_kind_steps_are_by_the_services_pods_and_the_route_is_said_to_be_left_out():
    world = GatewayWorld(
        {"values": VALUES, "version": 1, "rollout": {"bakeSeconds": 10, "steps": [20]}},
        served_kinds=EVERY_KIND - {"HTTPRoute"},
        direct_rate=200.0,
    )
    world.ticks(14)
    world.change(version=2)
    until(world, "Step", 1)
    world.ticks(2)

    assert ROUTE not in world.live
    assert ("Service", CANARY) not in world.live
    assert "app.kubernetes.io/name" not in world.selector
    assert world.status["rollout"]["share"] == 20.0
    assert world.condition("Degraded")["message"] == (
        "The cluster has no HTTPRoute of gateway.networking.k8s.io/v1; the object is left out."
    )
