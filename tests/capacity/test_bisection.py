"""The knee by bisection, on pods in virtual time whose knee is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from longshore_k8s.capacity.bisection import Bisection
from longshore_k8s.capacity.pace import Pace
from tests.capacity.pods import KNOWN

PACE = Pace()
SHARES = (0.25, 0.8, 0.96, 1.05)
"""Of the knee: the steps that a search made before it gave the model up."""


class OneStall:
    """The machine holds one execution up, two seconds after the begin of step `number`."""

    def __init__(self, number: int, seconds: float) -> None:
        self.number = number
        self.seconds = seconds
        self.pod = None

    def __call__(self, now: float, execution: float, random: np.random.Generator) -> float:
        if len(self.pod.rates) != self.number or now < 2.0 or not self.seconds:
            return execution
        seconds, self.seconds = self.seconds, 0.0
        return execution + seconds


def bisected(
    name: str, seed: int, disturb: OneStall | None = None, shares: Sequence[float] = SHARES
) -> tuple[float, list[float]]:
    """The knee over the true one, and the rates of all steps; those of `shares` were before."""
    known = KNOWN[name]
    pod = known.pod(seed, **({"disturb": disturb} if disturb else {}))
    if disturb:
        disturb.pod = pod

    def run(rate: float, confirms: bool):
        return pod.run("", rate, PACE.verdict(rate) if confirms else PACE.step(rate))

    steps = [run(share * known.knee, False) for share in shares]
    found = Bisection(run, known.objective, steps).narrow()
    return found.knee(known.objective) / known.knee, pod.rates


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
def test_a_machine_that_stalls_in_one_step_does_not_move_the_knee(number):
    for seed in range(3):
        ratio, _ = bisected("cnn", seed, OneStall(number, 0.3))

        assert ratio == pytest.approx(1.0, abs=0.06), seed


def test_both_ends_of_the_last_bracket_were_seen_at_least_twice():
    for seed in range(3):
        ratio, rates = bisected("cnn", seed)
        truth = ratio * KNOWN["cnn"].knee

        below = max(rate for rate in rates if rate <= truth and rates.count(rate) > 1)
        above = min(rate for rate in rates if rate >= truth and rates.count(rate) > 1)
        assert above / below <= 1.04 + 1e-9


@pytest.mark.parametrize("shares", [(0.05, 0.1), (0.1, 3.0, 2.5)])
def test_a_knee_that_is_far_from_the_steps_is_still_found(shares):
    ratio, _ = bisected("cnn", 1, shares=shares)

    assert ratio == pytest.approx(1.0, rel=0.06)
