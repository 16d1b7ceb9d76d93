"""Whole rollouts, in steps of 10 and 30 %, by simulated requests."""

from __future__ import annotations

import numpy as np
import pytest

from tests.controller.judging import simulation

COUNT = 60


@pytest.mark.parametrize("bad", [1.0, 0.1, 0.02])
def test_a_canary_beyond_the_tolerated_ratio_is_never_promoted(bad: float):
    rng = np.random.default_rng(25)
    ends = {simulation.lived(rng, bad)[0] for _ in range(COUNT)}

    assert ends == {"ErrorsAboveStable"}


@pytest.mark.parametrize("bad", [0.0, simulation.STABLE_BAD, 0.005])
def test_a_canary_like_stable_is_promoted_always(bad: float):
    rng = np.random.default_rng(26)
    ends = [simulation.lived(rng, bad, bad) for _ in range(COUNT)]

    assert {reason for reason, _ in ends} == {"Promoted"}
    assert min(requests for _, requests in ends) >= 600


def test_while_both_fail_more_than_is_tolerated_nothing_is_promoted_or_blamed():
    rng = np.random.default_rng(27)
    ends = {simulation.lived(rng, 0.05, 0.05)[0] for _ in range(3)}

    assert ends == {"DeadlineExceeded"}
