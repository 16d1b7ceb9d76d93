"""The search against pods of known truth, in virtual time: no clock, no sleep."""

from __future__ import annotations

import numpy as np
import pytest

from longshore_k8s.capacity.objective import Objective
from longshore_k8s.capacity.search import Knee, KneeSearch
from longshore_k8s.capacity.unsound import UnreachableError
from tests.capacity.pods import KNOWN, KnownPod

SEEDS = {"cnn": 94, "two": 2, "slow": 2, "tiny": 2}
"""Cheap to simulate, most of them; `python -m tests.capacity.seeds` does 100 of each."""
WITHIN = 0.05


def find(known: KnownPod, seed: int, *, error: float = 0.06, **options: object) -> Knee:
    """By a calibration that is wrong by a factor of its own."""
    scale = 1 + error * np.random.default_rng(seed).standard_normal()
    return known.search(known.pod(seed, **options), scale).find()


def test_of_100_searches_at_least_95_are_within_5_percent_of_the_truth():
    misses = [
        (name, seed, knee.rate / KNOWN[name].knee - 1)
        for name, count in SEEDS.items()
        for seed in range(count)
        if abs((knee := find(KNOWN[name], seed)).rate / KNOWN[name].knee - 1) > WITHIN
    ]

    assert sum(SEEDS.values()) == 100
    assert len(misses) <= 5, misses


@pytest.mark.parametrize("name", ["cnn", "two"])
def test_the_interval_holds_the_truth(name):
    known = KNOWN[name]

    knee = KneeSearch(known.pod(101), known.model(1.05), known.objective).find()

    assert knee.low <= known.knee <= knee.high


@pytest.mark.parametrize(("name", "most"), [("cnn", 120), ("two", 120), ("slow", 300)])
def test_the_load_takes_minutes_at_most(name, most):
    known = KNOWN[name]
    pod = known.pod(1)

    KneeSearch(pod, known.model(), known.objective).find()

    assert pod.spent <= most


def test_a_pod_dearer_by_the_row_than_its_calibration_is_still_found():
    known = KNOWN["cnn"]
    pod = known.pod(3)
    pod.per_request *= 1.15
    truth = pod.knee(0.01, known.objective.seconds, count=40_000)

    knee = known.search(pod).find()

    assert knee.rate == pytest.approx(truth, rel=WITHIN)


def test_a_knee_beyond_the_rate_that_confirmed_it_is_tried_as_well():
    """The machine becomes faster after the steps that the model was fitted to."""
    known = KNOWN["cnn"]
    pod = known.pod(1)
    pod.disturb = lambda now, seconds, random: seconds * (1.0 if len(pod.rates) < 4 else 0.9)

    knee = known.search(pod).find()

    assert max(pod.rates) > 0.95 * knee.rate


def test_an_objective_shorter_than_an_execution_is_out_of_reach():
    known = KNOWN["cnn"]
    objective = Objective(99, 0.004, 0.001)

    with pytest.raises(UnreachableError, match="% over at a quarter of the load"):
        KneeSearch(known.pod(1), known.model(), objective).find()
