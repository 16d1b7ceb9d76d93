"""Between a rate that keeps an objective and one that does not, with a verdict on each in between.

A verdict ends as soon as the interval of the late share leaves what is allowed on one side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import log, sqrt

from longshore_k8s.capacity.objective import Objective
from longshore_k8s.capacity.step import Step, joined

PRECISION = 1.04
CHUNKS = 3
"""Of one verdict, at most; then the share decides."""
RAISE = 1.12
MOST_LOOKS = 12
CLIFF = 10.0
"""Late requests past this multiple of what is allowed, at the end of so narrow a bracket."""


@dataclass(frozen=True)
class Bracket:
    """The highest rate that was seen to keep the objective, and the lowest that was not."""

    low: Step
    high: Step | None = None

    @classmethod
    def of(cls, steps: Sequence[Step], objective: Objective) -> Bracket:
        """Steps in any order; the slowest is known to keep the objective."""
        by_rate = sorted(steps, key=lambda step: step.rate)
        low = by_rate[0]
        for step in by_rate[1:]:
            if not keeps(step, objective):
                return cls(low, step)
            low = step
        return cls(low)

    @property
    def low_rate(self) -> float:
        return self.low.rate

    @property
    def high_rate(self) -> float:
        return self.high.rate if self.high is not None else self.low.rate

    def knee(self, objective: Objective) -> float:
        """Where the late share, growing by a factor from rate to rate, is what is allowed."""
        if self.high is None:
            return self.low.rate
        least = 0.5 / self.low.count
        low = max(self.low.late(objective).share, least)
        high = self.high.late(objective).share
        wanted = max(objective.late_share, least)
        if not low < wanted < high:
            return sqrt(self.low_rate * self.high_rate)
        part = log(wanted / low) / log(high / low)
        return self.low_rate * float((self.high_rate / self.low_rate) ** part)

    def shape(self, objective: Objective) -> str:
        if self.high is None:
            return "smooth"
        is_steep = self.high.late(objective).share > CLIFF * objective.late_share
        return "cliff" if is_steep else "smooth"


class Bisection:
    def __init__(self, run: Callable[[float], Step], objective: Objective) -> None:
        self._run = run
        self._objective = objective

    def narrow(self, bracket: Bracket) -> Bracket:
        for _ in range(MOST_LOOKS):
            if bracket.high is None:
                rate = bracket.low_rate * RAISE
            elif bracket.high_rate / bracket.low_rate <= PRECISION:
                break
            else:
                rate = sqrt(bracket.low_rate * bracket.high_rate)
            step = self._verdict(rate)
            if keeps(step, self._objective):
                bracket = replace(bracket, low=step)
            else:
                bracket = replace(bracket, high=step)
        return bracket

    def _verdict(self, rate: float) -> Step:
        """As many steps of `rate` as it takes, as one."""
        chunks: list[Step] = []
        while True:
            chunks.append(self._run(rate).settled())
            step = joined(chunks)
            if len(chunks) == CHUNKS or _is_certain(step, self._objective):
                return step


def keeps(step: Step, objective: Objective) -> bool:
    return (
        step.late(objective).share <= objective.late_share
        and step.errors().share <= objective.error_share
    )


def _is_certain(step: Step, objective: Objective) -> bool:
    late = step.late(objective)
    return late.high <= objective.late_share or late.low > objective.late_share
