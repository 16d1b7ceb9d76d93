"""What requests cost the event loop in company: many of them share one turn of it.

A turn of the loop (a system call for events, an execution of a model that runs on the loop, cold
caches) costs several times what one more request in it does. How many come in one turn differs from
turn to turn at any load, so both costs are seen at a steady load too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from longshore.autoscaling.decayed_line import DecayedLine


@dataclass(frozen=True, slots=True)
class TurnCosts:
    """CPU seconds of the event loop."""

    count: int
    """Of turns since the last look."""
    fixed: float
    """For a turn, whatever it holds."""
    each: float
    """For each request in it."""

    def less(self, seconds: float) -> TurnCosts:
        """For turns that cost `seconds` less, whatever they hold."""
        return TurnCosts(self.count, max(0.0, self.fixed - seconds), self.each)

    def of_request(self, company: float) -> float:
        """Of one request in a turn that holds `company` of them."""
        return self.each + self.fixed / company


class Turns:
    """Counts requests between the answers of one turn and the arrivals of the next; used on the
    event loop only, whose thread `cpu_clock` is of.
    """

    def __init__(self, cpu_clock: Callable[[], float] = time.thread_time) -> None:
        self._cpu_clock = cpu_clock
        self._began = cpu_clock()
        self._arrivals = self._answers = self._turns = 0
        self._costs = DecayedLine()

    def arrive(self) -> None:
        """A request came in: with the first one after an answer a new turn begins."""
        if self._answers:
            self._end_turn()
        self._arrivals += 1

    def depart(self) -> None:
        """A request was answered."""
        self._answers += 1

    def look(self, wall_seconds: float) -> TurnCosts:
        """At what turns cost lately; the last look was `wall_seconds` ago."""
        turns, self._turns = self._turns, 0
        fixed, each = self._costs.parts()
        self._costs.forget(wall_seconds)
        return TurnCosts(turns, fixed, each)

    def _end_turn(self) -> None:
        now = self._cpu_clock()
        self._costs.add((self._arrivals + self._answers) / 2, now - self._began)
        self._turns += 1
        self._began = now
        self._arrivals = self._answers = 0
