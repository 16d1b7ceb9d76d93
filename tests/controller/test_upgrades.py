"""Another chart's pods: to one model first, then to ever more, and to none after a failure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from longshore_k8s.controller.resource import Resource
from longshore_k8s.controller.upgrades import Upgrades
from tests.clock import FakeClock
from tests.controller.life_world import (
    ENOUGH,
    STABLE,
    LifeWorld,
    assert_stable_alone,
    installed,
    spec,
)
from tests.controller.world import NAMESPACE

NEW = "0.2.0"
ROLLING = {"type": "Progressing", "status": "True", "reason": "RollingOut"}
THROUGH = {"type": "Progressing", "status": "False", "reason": "RolledOut"}
LATE = {"type": "Degraded", "status": "True", "reason": "DeadlineExceeded"}


class Fleet:
    """Models by their number, and their statuses."""

    def __init__(self, count: int) -> None:
        self.clock = FakeClock()
        self.statuses: dict[int, dict[str, Any]] = {number: {} for number in range(count)}
        self.upgrades = Upgrades(self._resources, self.clock)

    def ask(self, number: int) -> str:
        return self.upgrades.held(self._resources()[number], NEW)

    def show(self, number: int, *conditions: dict[str, str], by: str = NEW) -> None:
        self.statuses[number] = {"stable": {"madeBy": by}, "conditions": list(conditions)}

    def allowed(self) -> list[int]:
        """Those of the others that get their turn now, asked in order."""
        waiting = [number for number, status in self.statuses.items() if not status]
        return [number for number in waiting if not self.ask(number)]

    def _resources(self) -> list[Resource]:
        return [
            Resource({"metadata": {"namespace": NAMESPACE, "name": f"m{number}"}, "status": status})
            for number, status in self.statuses.items()
        ]


def test_one_model_is_the_first_and_then_as_many_at_once_as_have_come_through():
    fleet = Fleet(20)
    waves = []
    while any(not status for status in fleet.statuses.values()):
        wave = fleet.allowed()
        assert fleet.ask(19) or 19 in wave
        waves.append(len(wave))
        for number in wave:
            fleet.show(number, ROLLING)
        assert fleet.allowed() == []
        for number in wave:
            fleet.show(number, THROUGH)

    assert waves == [1, 1, 2, 4, 8, 4]


def test_after_one_that_does_not_come_up_no_other_has_its_turn_until_that_is_mended():
    fleet = Fleet(5)
    assert fleet.allowed() == [0]
    fleet.show(0, ROLLING, LATE)

    assert fleet.ask(1) == "models/m0 has not come up by the newest chart; no other gets it."
    fleet.show(0, THROUGH)
    assert fleet.allowed() == [1]


def test_one_that_was_ill_before_and_its_own_candidate_hold_nobody_up():
    fleet = Fleet(5)
    fleet.show(0, LATE, by="0.1.0")
    fleet.show(1, ROLLING)
    fleet.statuses[1]["rollout"] = {"stage": "Step"}

    assert fleet.allowed() == [2]


def test_one_that_a_chart_has_brought_down_gets_the_one_before_at_once():
    fleet = Fleet(3)
    fleet.show(1, ROLLING)
    fleet.show(2, LATE, by="0.3.0")

    assert fleet.ask(0)
    assert fleet.ask(2) == ""


def test_one_whose_writes_are_refused_gives_its_place_to_the_next():
    fleet = Fleet(3)
    assert fleet.allowed() == [0]
    fleet.clock.advance(61)

    assert fleet.ask(1) == ""


def test_while_it_is_held_a_model_keeps_its_pods_and_drift_is_restored():
    for guarded in (True, False):
        world = installed() if guarded else unguarded()
        before = dict(world.documents)
        world.chart, world.held = NEW, "One other model is given it."
        live = world.live["Service", STABLE]
        world.live["Service", STABLE] = replace(live, fields="edited")
        decision = world.turn()

        assert world.documents == before
        assert world.live["Service", STABLE].fields != "edited"
        assert world.condition("Reconciling")["reason"] == "AwaitingUpgrade"
        assert world.status["message"] == "One other model is given it."
        assert world.condition("Ready")["status"] == "True"
        assert decision.requeue_seconds == 60.0
        world.held = ""
        world.ticks(3)
        template = world.documents["Deployment", STABLE]["spec"]["template"]
        assert template["metadata"]["annotations"]["chart"] == NEW
        assert world.status["stable"]["madeBy"] == NEW
        assert world.condition("Reconciling")["status"] == "False"


def test_a_version_that_waits_with_its_model_proves_itself_afterwards():
    world = installed()
    world.chart, world.held = NEW, "One other model is given it."
    world.tick()
    world.change(version=2)
    world.ticks(5)
    assert {number for _, number in world.pods_with_traffic()} == {1}
    world.held = ""
    world.ticks(ENOUGH)

    assert_stable_alone(world, 2)
    assert "madeBy" not in world.status["stable"]


def unguarded() -> LifeWorld:
    world = LifeWorld(spec(version=None))
    world.ticks(3)
    return world
