"""The bound on the wait that follows from how long clients wait before they abandon a request.

A client that gives up after 0.3 s does not say so beforehand. Served first come, first served from
a queue of 0.3 s, every request is computed at the moment when its client gives up: the device is
busy, and nobody gets an answer. While many abandon, the queue is held shorter than what they were
seen to wait; when they stop, the bound grows again, slowly. Only an abandonment after a longer wait
than an answer usually takes counts: a client that ends, or a connection that breaks, is gone
sooner, and says nothing about the queue. Nor does one that ends with many requests under way, which
gives them all up in one moment. Queueing theory calls this abandonment or reneging.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import median

WINDOW_SECONDS = 1.0
MIN_ABANDONED = 5
MIN_MOMENTS = 3
MOMENT_SECONDS = 0.05
"""Abandonments within so long of the first of them are of one moment."""
MIN_SHARE = 0.2
"""Of a window's requests: a few clients that give up early must not shorten everybody's queue."""
WAIT_SHARE = 0.5
"""Of the time after which clients gave up: what they may be expected to wait."""
MIN_WAIT_SECONDS = 0.02
GROWTH = 1.05
"""Of the bound, for each window without many abandonments."""
UNBOUNDED_SECONDS = 60.0
"""A bound that has grown beyond this is dropped."""
ANSWER_WEIGHT = 0.05
"""Of the newest answer in what an answer usually takes (about the last 20 count)."""
MUCH_LOWER = 0.8


class AbandonmentBound:
    """The longest wait to ask of a client; used on the event loop only."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._window_ends = clock() + WINDOW_SECONDS
        self._answered = 0
        self._usual_seconds = 0.0
        self._abandoned_ages: list[float] = []
        self._moments = 0
        self._moment_ends = -math.inf
        self.max_wait_seconds = math.inf

    def note_answered(self, age_seconds: float) -> None:
        self._answered += 1
        self._usual_seconds += ANSWER_WEIGHT * (age_seconds - self._usual_seconds)

    def note_abandoned(self, age_seconds: float) -> bool:
        """A client gave up after `age_seconds`; true when that made the bound much lower."""
        now = self._clock()
        self._turn_window(now)
        if age_seconds < self._usual_seconds:
            return False
        self._abandoned_ages.append(age_seconds)
        if now >= self._moment_ends:
            self._moments += 1
            self._moment_ends = now + MOMENT_SECONDS
        before = self.max_wait_seconds
        if self._many_abandon():
            wait_seconds = WAIT_SHARE * median(self._abandoned_ages)
            self.max_wait_seconds = max(MIN_WAIT_SECONDS, wait_seconds)
        return self.max_wait_seconds < MUCH_LOWER * before

    def relax(self) -> None:
        """Called every now and then, so that the bound grows when nobody gives up any more."""
        self._turn_window(self._clock())

    def _turn_window(self, now: float) -> None:
        if now < self._window_ends:
            return
        if not self._many_abandon():
            self.max_wait_seconds *= GROWTH
            if self.max_wait_seconds > UNBOUNDED_SECONDS:
                self.max_wait_seconds = math.inf
        self._window_ends = now + WINDOW_SECONDS
        self._answered = 0
        self._abandoned_ages.clear()
        self._moments = 0

    def _many_abandon(self) -> bool:
        if self._moments < MIN_MOMENTS:
            return False
        abandoned = len(self._abandoned_ages)
        return abandoned >= MIN_ABANDONED and abandoned >= MIN_SHARE * (abandoned + self._answered)
