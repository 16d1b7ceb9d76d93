"""Whole replays: what must hold whatever the seeds are."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from longshore_k8s.replay.autoscaler import Autoscaler
from longshore_k8s.replay.fleet import Life
from longshore_k8s.replay.outcome import REVERSAL_MS, Tally, perfect_hours
from longshore_k8s.replay.pod_queue import PodCapacity
from longshore_k8s.replay.simulation import Conditions, Sync, simulate
from longshore_k8s.replay.suggest import Candidate, chosen, suggest, unbeaten
from longshore_k8s.replay.synthetic import synthetic
from longshore_k8s.replay.trace import Trace

CAPACITY = PodCapacity(30, 33, 0.3, 0.01, 0.05, 0.9, 10)
STEP = Conditions(
    synthetic("step", low=19, high=95), CAPACITY, Life(2_000, 4_000, 10_000),
    is_keda=False, scrape_ms=15_000, window_ms=60_000, connection_seconds=0,
)  # fmt: skip
PLAN = Autoscaler(1, 10, targets={"requestsPerSecond": 20_000})
WAYS = pytest.mark.parametrize("is_keda", [False, True], ids=["hpa", "keda"])
METRICS = pytest.mark.parametrize("targets", [{"requestsPerSecond": 20_000}, {"utilization": 600}])


@WAYS
@METRICS
def test_a_step_is_followed_up_and_down(is_keda, targets):
    [outcome] = simulate(replace(STEP, is_keda=is_keda), [replace(PLAN, targets=targets)], 10)
    low, middle, high = outcome.bands()

    def at(second: int) -> int:
        return int(np.searchsorted(outcome.seconds, second))

    assert low[at(500)] == high[at(500)] == 1
    assert low[at(720)] == high[at(720)] == 5
    assert middle[at(1700)] == 5, "the window for scaling down has not passed"
    assert high[at(2350)] <= 2
    assert (outcome.reversals <= 1).all()


@WAYS
def test_requests_in_flight_ask_for_more_while_a_queue_is_worked_off(is_keda):
    plan = replace(PLAN, targets={"concurrency": 1_000})

    [outcome] = simulate(replace(STEP, is_keda=is_keda), [plan], 5)

    assert (outcome.replicas.max(axis=0) > 5).all()
    assert (outcome.replicas[-1] < outcome.replicas.max(axis=0)).all()


def test_a_step_is_followed_as_fast_as_on_a_cluster():
    """There 5 pods were ready after 48 and 49 s, within scrape, window and sync: 15 + 60 + 15 s."""
    start = STEP.life.pending + STEP.life.starting
    ready = np.full(100, np.inf)

    def watch(sync: Sync) -> None:
        has_five = (sync.decision.count >= 5) & np.isinf(ready)
        ready[has_five] = sync.seconds[has_five] - 600 + start / 1000

    simulate(replace(STEP, connection_seconds=300), [PLAN], 100, watch)

    assert (ready <= 15 + 60 + 15 + start / 1000).all()
    assert np.percentile(ready, 5) <= 48.5 <= np.percentile(ready, 95)


def test_short_clocks_follow_a_step_within_their_own_sum():
    short = replace(STEP, sync_ms=2_000, scrape_ms=1_000, window_ms=10_000, connection_seconds=0)
    five = np.full(20, np.inf)
    syncs: list[int] = []

    def watch(sync: Sync) -> None:
        syncs.append(sync.now)
        has_five = (sync.decision.count >= 5) & np.isinf(five)
        five[has_five] = sync.seconds[has_five] - 600

    simulate(short, [PLAN], 20, watch)

    assert {later - now for now, later in pairwise(syncs)} == {2_000}
    start = (STEP.life.pending + STEP.life.starting) / 1000
    assert (five <= 1 + 10 + 2 + start).all()


def test_the_same_seeds_give_the_same_numbers_whatever_else_is_tried():
    other = replace(PLAN, minimum=4)

    [alone] = simulate(STEP, [PLAN], 3)
    [first, _] = simulate(STEP, [PLAN, other], 3)

    assert alone.requests.tolist() == first.requests.tolist()
    assert simulate(STEP, [PLAN], 3)[0].replicas.tolist() == alone.replicas.tolist()


def test_more_pods_cost_more_and_miss_less():
    few, many = simulate(STEP, [PLAN, replace(PLAN, minimum=5)], 5)

    assert (many.pod_hours > few.pod_hours).all()
    assert (many.missed_share < few.missed_share).all()
    assert few.perfect_hours == many.perfect_hours == pytest.approx((15 * 4 + 25) / 60)


def test_without_enough_pods_requests_are_late_and_then_refused():
    [outcome] = simulate(STEP, [replace(PLAN, maximum=1)], 3)

    assert (outcome.replicas == 1).all()
    load = 900 * (95 - 33)
    assert outcome.refused.mean() == pytest.approx(load - 330, rel=0.05)
    assert outcome.late.mean() > 0.9 * 900 * 33


def test_slow_pods_are_missed():
    fast, slow = (
        simulate(replace(STEP, life=Life(2_000, ready, 10_000)), [PLAN], 5)[0]
        for ready in (4_000, 120_000)
    )

    assert slow.missed_share.mean() > 2 * fast.missed_share.mean()


def test_a_sync_tells_all_that_the_controller_was_given():
    syncs: list[Sync] = []
    simulate(STEP, [PLAN], 1, syncs.append)

    assert {sync.now % 15_000 for sync in syncs} == {0}
    counted = [sync.decision.count[0] for sync in syncs]
    assert [sync.current[0] for sync in syncs[1:]] == counted[:-1]


def test_a_perfect_autoscaler_has_just_enough_pods():
    assert perfect_hours(np.array([0.0, 30, 31, 90]), np.full(4, 900.0), 30) == 0.25 * (
        1 + 1 + 2 + 3
    )


def test_a_reversal_takes_a_rescale_back_soon():
    tally = Tally(2)
    both = np.array([True, True])
    tally.rescaled(both, np.array([3, 3]), 0)
    tally.rescaled(both, np.array([1, -1]), REVERSAL_MS)
    tally.rescaled(both, np.array([-1, 1]), 2 * REVERSAL_MS + 1)

    assert tally.rescales.tolist() == [3, 3]
    assert tally.reversals.tolist() == [0, 1]


def test_suggestions_are_unbeaten_and_the_cheapest_good_one_is_chosen():
    front = suggest(STEP, PLAN, 3)
    hours = [candidate.hours for candidate in front]
    missed = [candidate.missed for candidate in front]

    assert hours == sorted(hours)
    assert missed == sorted(missed, reverse=True)
    best = chosen(front, allowed=0.01)
    assert best.missed <= 0.01 or best is front[-1]
    [written] = simulate(STEP, [PLAN], 3)
    assert best.missed < written.missed_share.mean()


def test_a_plan_that_another_beats_in_both_is_left_out():
    [outcome] = simulate(
        replace(STEP, trace=Trace(np.arange(20) * 30.0, np.full(20, 5.0))), [PLAN], 1
    )

    def made(name: str, hours: float, late: float) -> Candidate:
        changed = replace(outcome, pod_hours=np.array([hours]), late=late * outcome.requests)
        return Candidate(name, PLAN, replace(changed, refused=np.zeros(1)))

    given = [
        made("dear", 3, 0.02),
        made("cheap", 1, 0.2),
        made("beaten", 2, 0.3),
        made("mid", 2, 0.1),
    ]

    assert [one.name for one in unbeaten(given)] == ["cheap", "mid", "dear"]
    assert chosen(given, 0.15).name == "mid"
    assert chosen(given, 0.001).name == "dear"
