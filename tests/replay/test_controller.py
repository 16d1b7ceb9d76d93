from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from longshore_k8s.replay.autoscaler import DOWN_DEFAULTS, UP_DEFAULTS, Autoscaler, rules
from longshore_k8s.replay.controller import PERIOD, first_sync
from longshore_k8s.replay.explain import limited_by
from tests.replay.oracle.playing import MINORS, families, play, read_lines

RECORDINGS = Path(__file__).parent / "oracle/recordings"
FAMILIES = dict(families())


@pytest.fixture(scope="module", params=MINORS)
def minor(request):
    return request.param


@pytest.fixture(scope="module")
def recorded(minor):
    """What the controller of one minor of Kubernetes decided, by the scenario's name."""
    lines = read_lines(f"kubernetes-1.{minor}.jsonl.gz")
    return {line["name"]: line["decisions"] for line in lines}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_decision_is_that_of_the_real_controller(family, minor, recorded):
    scenarios = FAMILIES[family]
    decisions = [recorded[scenario["name"]] for scenario in scenarios]
    times = [[decision["time"] for decision in row] for row in decisions]

    differences = []
    reasons = [""] * len(scenarios)
    for index, played in enumerate(play(scenarios, times, minor)):
        found = played.decision
        for row, scenario in enumerate(scenarios):
            theirs = decisions[row][index]
            ours = int(found.count[row]) if found.is_rescale[row] else None
            if ours != theirs["count"]:
                differences.append((scenario["name"], index, ours, theirs["count"]))
            reasons[row] = theirs["limited"] or reasons[row]
            plan = replace(autoscaler(scenario), minimum=int(played.minimum[row]))
            is_raised = played.spec[row] == 0 and plan.minimum > 0  # after it was limited
            if found.is_read[row] and not is_raised:
                said = limited_by(
                    int(found.stabilized[row]),
                    int(found.limit[row]),
                    int(played.spec[row]),
                    int(found.count[row]),
                    plan,
                )
                if said != reasons[row]:
                    differences.append((scenario["name"], index, said, reasons[row]))

    assert differences[:20] == []


def autoscaler(scenario):
    told = scenario["behavior"] or {}
    return Autoscaler(
        scenario["min"],
        scenario["max"],
        rules(told.get("scaleUp"), UP_DEFAULTS),
        rules(told.get("scaleDown"), DOWN_DEFAULTS),
        has_behavior=scenario["behavior"] is not None,
    )


def test_syncs_are_a_period_apart_and_the_first_is_as_the_minor_has_it(minor, recorded):
    for decisions in recorded.values():
        times = [decision["time"] for decision in decisions]
        assert times[0] // PERIOD * PERIOD == first_sync(minor)
        assert {after - before for before, after in pairwise(times)} == {PERIOD}


def test_what_was_scaled_to_zero_wakes_up_in_the_minor_that_can(minor, recorded):
    """From zero, the controller alone adds pods."""
    woken = 0
    for scenario in FAMILIES["from zero"]:
        spec = scenario["start"]
        for step, decided in zip(scenario["steps"], recorded[scenario["name"]], strict=True):
            before = spec if step["spec"] is None else step["spec"]
            spec = before if decided["count"] is None else decided["count"]
            woken += before == 0 < spec

    assert (woken > 50) == (minor >= 37)


def test_the_recordings_hold_thousands_of_rescales_and_stay_small(recorded):
    counts = [one["count"] for decisions in recorded.values() for one in decisions]

    assert len(counts) > 20_000
    assert sum(count is not None for count in counts) > 3_000
    assert sum(path.stat().st_size for path in RECORDINGS.iterdir()) < 340_000
