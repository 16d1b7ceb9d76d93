"""The evidence is what its docstring claims, and finds bad canaries as fast as was simulated."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from longshore_k8s.controller.judging import evidence
from tests.controller.judging import simulation

TABLE = {1.0: (10, 14), 0.1: (42, 85), 0.02: (217, 519), 0.005: (1424, 3247)}
"""Canary requests until a rollback, p50 and p95, at a share of 10 % and 0.05 % bad of stable's."""


@pytest.mark.parametrize(("canary", "stable"), [*product((1, 2, 5, 9), (0, 1, 3, 12))])
def test_while_both_are_alike_its_expectation_is_at_most_one(canary: int, stable: int):
    """Over every way in which the bad requests may fall on the two versions."""
    whole = canary + stable
    for bad in range(whole + 1):
        expectation = sum(
            math.comb(canary, mine)
            * math.comb(stable, bad - mine)
            / math.comb(whole, bad)
            * evidence.value(evidence.block((canary, mine), (stable, bad - mine)))
            for mine in range(max(0, bad - stable), min(canary, bad) + 1)
        )
        assert expectation <= 1.0 + 1e-9


def test_what_only_one_version_was_asked_says_nothing():
    assert evidence.value(evidence.block((50, 50), (0, 0))) == pytest.approx(1.0)
    assert evidence.value(evidence.block((0, 0), (50, 50))) == pytest.approx(1.0)
    assert evidence.value(evidence.block((0, 0), (0, 0))) == 1.0


def test_a_million_bad_requests_are_no_overflow():
    assert evidence.value(evidence.block((10**6, 10**6), (10**7, 0))) > evidence.ROLL_BACK
    assert 0.0 <= evidence.value(evidence.block((10**6, 0), (10**6, 10**6))) < 1e-9


def test_it_grows_with_the_canarys_failures_and_falls_with_those_of_stable():
    def value(mine: int, stable: int) -> float:
        return evidence.value(evidence.block((100, mine), (900, stable)))

    assert value(1, 0) < value(2, 0) < value(3, 0)
    assert value(3, 0) > value(3, 1) > value(3, 2)


def test_four_failures_at_the_canary_alone_are_enough_at_a_share_of_a_tenth():
    values = [evidence.value(evidence.block((100, bad), (900, 0))) for bad in (3, 4)]

    assert values[0] < evidence.ROLL_BACK <= values[1]


@pytest.mark.parametrize("bad", TABLE)
def test_a_bad_canary_is_rolled_back_within_the_simulated_requests(bad: float):
    rng = np.random.default_rng(22)
    found = [simulation.rolled_back_after(rng, bad, requests=100_000) for _ in range(100)]
    median, late = np.quantile([one for one in found if one is not None], (0.5, 0.95))

    assert None not in found
    assert median <= 1.3 * TABLE[bad][0]
    assert late <= 1.3 * TABLE[bad][1]


@pytest.mark.parametrize("bad", [0.0, simulation.STABLE_BAD, 0.005, 0.1])
def test_a_canary_like_stable_is_kept(bad: float):
    rng = np.random.default_rng(23)
    found = [simulation.rolled_back_after(rng, bad, bad, requests=20_000) for _ in range(40)]

    assert found == [None] * 40


def test_the_rule_of_failed_checks_takes_such_a_canary_back_for_want_of_traffic():
    rng = np.random.default_rng(24)
    week = 7 * 24 * 60

    assert all(simulation.naively_rolled_back(rng, 0.005, minutes=week) for _ in range(100))
