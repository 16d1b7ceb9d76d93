"""Pods that are not what their calibration says: each fault is named, each time."""

from __future__ import annotations

import pytest

from longshore_k8s.capacity.unsound import UnreachableError, UnsoundError
from tests.capacity.pods import KNOWN

TIMES = 20


def stalls(share: float, seconds: float):
    """Now and then an execution takes `seconds` longer."""

    def disturb(now, execution, random):
        return execution + (seconds if random.random() < share else 0.0)

    return disturb


def quota(share: float, period: float = 0.1):
    """An execution goes on in the first `share` of each period alone (CFS quota)."""

    def disturb(now, execution, random):
        number, at = divmod(now, period)
        used = min(at, share * period)
        periods, rest = divmod(used + execution, share * period)
        return (number + periods) * period + rest - now

    return disturb


def test_stalls_that_spoil_the_tail_are_named_with_their_length():
    known = KNOWN["cnn"]
    for seed in range(TIMES):
        pod = known.pod(seed, disturb=stalls(0.003, 0.1))
        told: list[str] = []

        knee = known.search(pod, tell=told.append).find()

        assert knee.doubts, seed
        assert any("stalls of about" in text for text in told), told


def test_stalls_at_a_quarter_of_the_load_put_the_objective_out_of_reach():
    known = KNOWN["cnn"]
    for seed in range(TIMES):
        pod = known.pod(seed, disturb=stalls(0.05, 0.3))

        with pytest.raises(UnreachableError, match=r"quarter of the load .*stalls of about \d+ ms"):
            known.search(pod).find()


def test_a_quota_that_holds_the_pod_back_is_no_smooth_slowdown():
    known = KNOWN["cnn"]
    for seed in range(TIMES):
        pod = known.pod(seed, disturb=quota(0.3))

        try:
            knee = known.search(pod).find()
        except UnreachableError:
            continue
        assert knee.doubts or knee.scale > 1.25, seed
        assert knee.rate < known.knee


def test_a_client_that_sends_late_gives_no_number():
    known = KNOWN["cnn"]
    for seed in range(TIMES):
        pod = known.pod(seed, lag=0.001)

        with pytest.raises(UnsoundError, match=r"the client cannot keep up .* CPU of its own"):
            known.search(pod).find()


def test_on_a_noisy_machine_that_is_allowed_a_late_client_gives_a_number_and_is_named():
    known = KNOWN["cnn"]
    told: list[str] = []

    knee = known.search(known.pod(1, lag=0.001), is_noise_allowed=True, tell=told.append).find()

    assert knee.rate == pytest.approx(known.knee, rel=0.1)
    assert told.count("the last one counts all the same (--noisy)") >= 4
