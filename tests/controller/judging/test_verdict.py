"""What is decided by which counts; a sentence says why, with figures."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore_k8s.controller.judging import rollout
from longshore_k8s.controller.judging.look import Counts, Look, PodLook
from longshore_k8s.controller.judging.tally import Tally
from longshore_k8s.controller.judging.verdict import (
    Action,
    Objective,
    StepFacts,
    StepVerdict,
    most_bad,
    verdict,
)

OBJECTIVE = Objective(tolerated_bad_ratio=0.01, bake_seconds=60.0, deadline_seconds=600.0)
BAKED = StepFacts(age_seconds=100.0, share=0.1)
YOUNG = replace(BAKED, age_seconds=10.0)
LATE = replace(BAKED, age_seconds=601.0)
ABORTS = replace(OBJECTIVE, aborts_without_data=True)


def pod(name: str, counts: Counts | None, *, is_ready: bool = True, restarts: int = 0) -> PodLook:
    why = "" if counts is not None else "10.0.0.7:8002/metrics: no answer within 2 s"
    return PodLook(name, restarts, is_ready, counts, why)


def look(stable: Counts | None, canary: Counts | None, *, is_ready: bool = True) -> Look:
    return Look((pod("s", stable),), (pod("c", canary, is_ready=is_ready),), 0.25)


def judged(
    stable: Counts | None,
    canary: Counts | None,
    *,
    objective: Objective = OBJECTIVE,
    step: StepFacts = BAKED,
    is_ready: bool = True,
) -> StepVerdict:
    """After a rollout in which so much was counted."""
    kept = rollout.begin(look(Counts(), Counts()))
    seen = look(stable, canary, is_ready=is_ready)
    found, _ = rollout.judge(kept, seen, objective, step)
    return found


def good(requests: int) -> Counts:
    return Counts(requests=requests)


def test_a_good_canary_goes_on_once_baked_and_asked_often_enough():
    assert judged(good(2700), good(300)) == StepVerdict(
        Action.ADVANCE,
        "Healthy",
        "0 of 300 requests to the canary were bad, 0 of 2700 to stable; evidence 1 of 1000.",
    )


@pytest.mark.parametrize(
    ("stable", "canary", "step", "reason", "words"),
    [
        (good(2700), good(300), YOUNG, "BakeTime", "10 of 60 s"),
        (good(2700), good(299), BAKED, "MoreRequestsNeeded", "299 of 300 requests"),
        (good(270), good(30), BAKED, "MoreRequestsNeeded", "At this rate 900 s more."),
        (good(100), good(0), BAKED, "MoreRequestsNeeded", "0 of 300 requests"),
        (good(0), good(0), BAKED, "AwaitingTraffic", "Neither version"),
        (good(1000), good(0), YOUNG, "NotRouted", "whose share is 10%, not once"),
        (None, good(300), BAKED, "MetricsUnavailable", "no answer within 2 s"),
        (good(2700), None, BAKED, "MetricsUnavailable", "networkPolicy.managementFrom"),
        (
            Counts(2700, errors=270),
            Counts(300, errors=30),
            BAKED,
            "BothFail",
            "270 of 2700 to stable",
        ),
        (good(2700), Counts(300, errors=2), BAKED, "ErrorsUnclear", "2 of 300 requests"),
    ],
)
def test_a_hold_says_what_it_waits_for(
    stable: Counts | None, canary: Counts | None, step: StepFacts, reason: str, words: str
):
    found = judged(stable, canary, step=step)

    assert (found.action, found.reason) == (Action.HOLD, reason)
    assert words in found.message


def test_a_canary_without_a_ready_pod_is_waited_for():
    assert judged(good(100), None, is_ready=False).reason == "PodsNotReady"


@pytest.mark.parametrize(
    ("stable", "canary", "reason", "words"),
    [
        (good(900), Counts(100, errors=10), "ErrorsAboveStable", "10 of 100 requests"),
        (good(900), Counts(100, slow=10), "SlowerThanStable", "longer than 0.25 s"),
        (Counts(900, invalid=1), Counts(60, invalid=40), "InvalidRose", "refused 40 requests"),
    ],
)
def test_a_worse_canary_is_taken_back_however_young_the_step_is(
    stable: Counts, canary: Counts, reason: str, words: str
):
    for step in (YOUNG, BAKED, LATE):
        found = judged(stable, canary, step=step)

        assert (found.action, found.reason) == (Action.ROLL_BACK, reason)
        assert words in found.message


def test_invalid_requests_alike_at_both_are_not_the_canarys():
    assert judged(Counts(2700, invalid=900), Counts(300, invalid=100)).action is Action.ADVANCE


def test_a_canary_that_is_not_routed_is_taken_back_once_baked():
    assert judged(good(1000), good(0)).action is Action.ROLL_BACK
    assert judged(good(1000), good(0)).reason == "NotRouted"


def test_where_nobody_asks_anything_there_is_no_rollback_however_late_it_is():
    found = judged(good(0), good(0), step=LATE)

    assert (found.action, found.reason) == (Action.HOLD, "DeadlineExceeded")
    assert found.message.startswith("Not decided within 600 s (AwaitingTraffic): ")
    gives_up = judged(good(0), good(0), step=LATE, objective=ABORTS)
    assert (gives_up.action, gives_up.reason) == (Action.ROLL_BACK, "DeadlineExceeded")


def test_what_fails_at_both_is_held_and_never_blamed_on_the_canary():
    stable, canary = Counts(2700, errors=270), Counts(300, errors=30)

    assert judged(stable, canary, step=LATE, objective=ABORTS).action is Action.HOLD


def test_a_failure_of_both_that_is_over_does_not_hold_for_ever():
    kept = rollout.begin(look(Counts(), Counts()))
    stable, canary = Counts(), Counts()
    found = []
    for bad in (0.5, 0.5, 0.0, 0.0):
        stable = stable.plus(Counts(2700, errors=int(2700 * bad)))
        canary = canary.plus(Counts(300, errors=int(300 * bad)))
        one, kept = rollout.judge(kept, look(stable, canary), OBJECTIVE, BAKED)
        found.append(one.reason)

    assert found == ["BothFail", "BothFail", "Healthy", "Healthy"]


def test_a_canary_that_mends_what_fails_at_stable_goes_on():
    assert judged(Counts(2700, errors=270), good(300)).action is Action.ADVANCE


def test_what_was_counted_while_both_failed_proves_nothing():
    kept = rollout.begin(look(Counts(), Counts()))
    failing = look(Counts(2700, errors=270), Counts(300, errors=30))
    _, kept = rollout.judge(kept, failing, OBJECTIVE, BAKED)
    again, kept = rollout.judge(kept, failing, OBJECTIVE, BAKED)
    over = look(Counts(4500, errors=270), Counts(500, errors=30))
    found, kept = rollout.judge(kept, over, OBJECTIVE, BAKED)

    assert again.reason == "BothFail"
    assert "200 of 300 requests" in found.message
    assert rollout.figures(kept)["requests"] == 500


def test_a_few_bad_requests_need_more_good_ones_until_the_ratio_is_bounded():
    """2 bad ones at both: by the evidence alike, and a ratio of 2 % would show as few by chance."""
    alike = judged(Counts(2700, errors=9), Counts(300, errors=2))
    assert (alike.reason, "300 of 629 requests" in alike.message) == ("MoreRequestsNeeded", True)
    assert judged(Counts(5700, errors=19), Counts(640, errors=2)).action is Action.ADVANCE


def test_a_ratio_below_the_tolerated_at_both_does_not_hold_for_ever():
    """It is too near to be bounded in short time; but worse than stable would have shown."""
    assert judged(Counts(8100, errors=65), Counts(900, errors=7)).reason == "MoreRequestsNeeded"
    assert judged(Counts(9900, errors=79), Counts(1100, errors=9)).action is Action.ADVANCE


@pytest.mark.parametrize(("bad", "most"), [(0, 2.996), (1, 4.744), (3, 7.754), (10, 16.96)])
def test_the_bound_is_that_of_a_poisson_count(bad: int, most: float):
    assert most_bad(bad) == pytest.approx(most, rel=0.01)


def test_a_doubt_ends_once_the_ratio_is_tolerable_for_certain():
    """Two bad ones of the canary and none of stable's, and never one again."""
    assert judged(good(2700), Counts(300, errors=2)).reason == "ErrorsUnclear"
    assert judged(good(6300), Counts(700, errors=2)).reason == "Healthy"


def test_each_step_has_to_show_its_own_requests():
    first = look(good(2700), good(300))
    found, kept = rollout.judge(rollout.begin(look(Counts(), Counts())), first, OBJECTIVE, BAKED)
    assert found.action is Action.ADVANCE
    found, kept = rollout.judge(rollout.next_step(kept), first, OBJECTIVE, BAKED)

    assert found.reason == "AwaitingTraffic"
    assert rollout.figures(kept) == {"requests": 300, "bad": 0, "evidence": 1.0}


def test_what_is_shown_of_the_evidence_is_a_number_to_compare_with_1000():
    kept = rollout.begin(look(Counts(), Counts()))
    bad = look(good(10**6), Counts(10**5, errors=10**5))
    _, kept = rollout.judge(kept, bad, OBJECTIVE, BAKED)

    assert rollout.figures(kept) == {"requests": 10**5, "bad": 10**5, "evidence": 1e9}


def test_without_what_was_kept_the_rollout_begins_with_this_look():
    found, kept = rollout.judge({}, look(good(10**6), good(10**6)), OBJECTIVE, BAKED)

    assert found.reason == "AwaitingTraffic"
    assert rollout.figures(kept)["requests"] == 0


PODS = st.lists(
    st.builds(
        PodLook,
        name=st.uuids().map(str),
        restarts=st.integers(0, 2),
        is_ready=st.booleans(),
        counts=st.none()
        | st.builds(Counts, requests=st.integers(0, 5000), invalid=st.integers(0, 50)),
    ),
    max_size=4,
).map(tuple)


@given(
    stable=PODS,
    canary=PODS,
    age=st.floats(0, 1000),
    share=st.floats(0.01, 0.99),
    aborts=st.booleans(),
    tolerated=st.sampled_from([0.001, 0.01, 0.1]),
)
def test_missing_data_never_goes_on(stable, canary, age, share, aborts, tolerated):
    objective = replace(OBJECTIVE, aborts_without_data=aborts, tolerated_bad_ratio=tolerated)
    seen = Look(stable, canary)
    tally = Tally().counted(seen)
    found = verdict(tally, seen, objective, StepFacts(age, share))
    ready = [one for one in canary if one.is_ready]
    is_seen = bool(ready) and all(one.counts is not None for one in ready)
    is_compared = any(one.is_ready and one.counts is not None for one in stable)
    requests = sum(one.counts.requests for one in canary if one.counts is not None)

    if found.action is Action.ADVANCE:
        assert is_seen
        assert is_compared
        assert requests + sum(one.restarts for one in canary) >= 3 / tolerated
        assert age >= objective.bake_seconds


def test_the_least_requests_bound_the_tolerated_ratio_at_95_percent():
    for ratio in (0.001, 0.01, 0.05):
        least = Objective(tolerated_bad_ratio=ratio).least_requests

        assert (1 - ratio) ** least <= 0.05
    assert Objective(tolerated_bad_ratio=0.01).least_requests == 300
