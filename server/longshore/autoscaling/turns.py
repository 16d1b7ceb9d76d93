"""What requests cost the event loop in company: many of them share one turn of it.

A turn of the loop (a system call for events, an execution of a model that runs on the loop, cold
caches) costs several times what one more request in it does. How many come in one turn differs from
turn to turn at any load, so both costs are seen at a steady load too (`TurnOverhead`).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct

from longshore.autoscaling.turn_overhead import TurnOverhead

MOST_COMPARED = 512
"""Turns between two looks: comparing so many takes less than a millisecond."""


class TurnCosts(Struct, frozen=True):
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

    A turn that answers others than those that came in it (a batch was under way) is counted, but
    its company is not known well enough to compare it.
    """

    def __init__(self, cpu_clock: Callable[[], float] = time.thread_time) -> None:
        self._cpu_clock = cpu_clock
        self._began = cpu_clock()
        self._arrivals = self._answers = 0
        self._overhead = TurnOverhead()
        self._forget()

    def arrive(self) -> None:
        """A request came in: with the first one after an answer a new turn begins."""
        if self._answers:
            self._end_turn()
        self._arrivals += 1

    def depart(self) -> None:
        """A request was answered."""
        self._answers += 1

    def look(self, wall_seconds: float) -> TurnCosts:
        """At what turns cost since the last look, `wall_seconds` ago."""
        count, requests, seconds = self._count, self._requests, self._seconds
        self._overhead.learn(self._compared, wall_seconds)
        self._forget()
        if not count:
            return TurnCosts(0, 0.0, 0.0)
        overhead = self._overhead.requests(requests / count)
        each = seconds / (overhead * count + requests)
        return TurnCosts(count, overhead * each, each)

    def _forget(self) -> None:
        self._count = 0
        self._requests = self._seconds = 0.0
        self._compared: list[tuple[int, float]] = []

    def _end_turn(self) -> None:
        now, arrivals, answers = self._cpu_clock(), self._arrivals, self._answers
        seconds = now - self._began
        self._count += 1
        self._requests += (arrivals + answers) / 2
        self._seconds += seconds
        if len(self._compared) < MOST_COMPARED:
            self._compared.append((arrivals if arrivals == answers else 0, seconds))
        self._began = now
        self._arrivals = self._answers = 0
