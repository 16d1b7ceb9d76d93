"""Between a rate that keeps an objective and one that does not, with a verdict on each in between.

What disturbs a machine for a moment makes one step late, and near the knee a queue makes much of
it. So a verdict is what two steps agree on, of three at most, at both ends of the last bracket;
one that was run for another reason is one of them. A step begins without a queue, and the shorter
it is, the more that flatters it: those that confirm another are long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import log, sqrt

from longshore_k8s.capacity.objective import Objective
from longshore_k8s.capacity.step import Step, joined

PRECISION = 1.04
AGREEING = 2
"""Steps that make a verdict."""
RAISE = 1.12
"""Between a rate and the next, where the other end of the bracket is far off or not known."""
MOST_STEPS = 24
CLIFF = 10.0
"""Late requests past this multiple of what is allowed, at the end of so narrow a bracket."""


def keeps(step: Step, objective: Objective) -> bool:
    return (
        step.late(objective).share <= objective.late_share
        and step.errors().share <= objective.error_share
    )


@dataclass
class Look:
    """The steps of one rate, by what became of the objective."""

    kept: list[Step] = field(default_factory=list)
    missed: list[Step] = field(default_factory=list)

    def add(self, step: Step, objective: Objective) -> None:
        (self.kept if keeps(step, objective) else self.missed).append(step)

    @property
    def is_kept(self) -> bool:
        return len(self.kept) > len(self.missed)

    @property
    def is_decided(self) -> bool:
        return max(len(self.kept), len(self.missed)) >= AGREEING

    @property
    def outvoted(self) -> list[Step]:
        return self.missed if self.is_kept else self.kept

    @property
    def step(self) -> Step:
        """Those that agree, as one."""
        return joined(self.kept if self.is_kept else self.missed)


@dataclass(frozen=True)
class Bracket:
    """The highest rate that was seen to keep the objective, and the lowest above that did not."""

    low: Look
    high: Look | None = None

    @property
    def ends(self) -> list[Look]:
        return [self.low] if self.high is None else [self.low, self.high]

    @property
    def low_rate(self) -> float:
        return self.low.step.rate

    @property
    def high_rate(self) -> float:
        return self.high.step.rate if self.high is not None else self.low_rate

    def knee(self, objective: Objective) -> float:
        """Where the late share, growing by a factor from rate to rate, is what is allowed."""
        if self.high is None:
            return self.low_rate
        least = 0.5 / self.low.step.count
        low = max(self.low.step.late(objective).share, least)
        high = self.high.step.late(objective).share
        wanted = max(objective.late_share, least)
        if not low < wanted < high:
            return sqrt(self.low_rate * self.high_rate)
        part = log(wanted / low) / log(high / low)
        return self.low_rate * float((self.high_rate / self.low_rate) ** part)

    def shape(self, objective: Objective) -> str:
        if self.high is None:
            return "smooth"
        is_steep = self.high.step.late(objective).share > CLIFF * objective.late_share
        return "cliff" if is_steep else "smooth"


class Bisection:
    """Goes on from `steps`, in any order; the slowest is known to keep the objective.

    `run` is told the rate of a step, and whether it is to confirm another.
    """

    def __init__(
        self, run: Callable[[float, bool], Step], objective: Objective, steps: Sequence[Step]
    ) -> None:
        self._run = run
        self._objective = objective
        self._looks: dict[float, Look] = {}
        for step in steps:
            self._add(step)
        self._floor = min(self._looks)

    def narrow(self) -> Bracket:
        fall = RAISE
        for _ in range(MOST_STEPS):
            rate = self._next_rate(fall)
            if rate is None:
                break
            self._add(self._run(rate, rate in self._looks).settled())
            fall = RAISE if self._looks[rate].is_kept else fall * RAISE
        return self._bracket()

    def _bracket(self) -> Bracket:
        """A disturbance makes requests late, and none early: a rate that was kept tells more."""
        low = max(rate for rate, look in self._looks.items() if look.is_kept or rate == self._floor)
        above = [rate for rate in self._looks if rate > low]
        return Bracket(self._looks[low], self._looks[min(above)] if above else None)

    def _next_rate(self, fall: float) -> float | None:
        """One inside of the bracket, until it is narrow; then an end that has no verdict yet."""
        bracket = self._bracket()
        low, high = bracket.low_rate, bracket.high_rate
        if bracket.high is None:
            return low * RAISE
        if high / low > PRECISION:
            return max(sqrt(low * high), high / fall)
        if not bracket.high.is_decided:
            return high
        return None if bracket.low.is_decided else low

    def _add(self, step: Step) -> None:
        self._looks.setdefault(step.rate, Look()).add(step, self._objective)
