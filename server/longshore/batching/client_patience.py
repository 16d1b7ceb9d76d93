"""How long clients wait before they leave, learnt from those who do.

A client that gives up after 0.3 s does not say so. Served first come, first served from a queue of
0.3 s, everyone is computed in the moment of leaving: the device is busy, and nobody gets an answer.
When many leave, the queue is held as short as would have kept them; when they stop leaving, it
grows again, slowly. Only who leaves after a longer wait than an answer takes has lost patience: a
client that ends, or a connection that breaks, leaves sooner, and says nothing about the queue.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import median

WINDOW_SECONDS = 1.0
LEAST_LEAVERS = 5
LEAST_SHARE = 0.2
"""Of a window's requests: a few clients that leave early must not shorten everybody's queue."""
KEPT_SHARE = 0.5
"""Of the time after which clients left: what they may be expected to wait."""
SHORTEST_SECONDS = 0.02
GROWTH = 1.05
"""Of the bound, for each window without many leavers."""
FORGOTTEN_SECONDS = 60.0
ANSWER_WEIGHT = 0.05
"""Of the newest answer in what an answer usually takes (about the last 20 count)."""
MUCH_LOWER = 0.8


class ClientPatience:
    """Lives on the event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._window_ends = clock() + WINDOW_SECONDS
        self._answered = 0
        self._usual_seconds = 0.0
        self._ages: list[float] = []
        self.seconds = math.inf
        """The longest wait to ask of a client."""

    def note_answered(self, age_seconds: float) -> None:
        self._answered += 1
        self._usual_seconds += ANSWER_WEIGHT * (age_seconds - self._usual_seconds)

    def note_left(self, age_seconds: float) -> bool:
        """A client left that had waited `age_seconds`; true when that made the bound much lower."""
        self._turn_window()
        if age_seconds < self._usual_seconds:
            return False
        self._ages.append(age_seconds)
        before = self.seconds
        if self._many_leave():
            self.seconds = max(SHORTEST_SECONDS, KEPT_SHARE * median(self._ages))
        return self.seconds < MUCH_LOWER * before

    def relax(self) -> None:
        """Called every now and then, so that the bound grows when nobody leaves any more."""
        self._turn_window()

    def _turn_window(self) -> None:
        now = self._clock()
        if now < self._window_ends:
            return
        if not self._many_leave():
            self.seconds *= GROWTH
            if self.seconds > FORGOTTEN_SECONDS:
                self.seconds = math.inf
        self._window_ends = now + WINDOW_SECONDS
        self._answered = 0
        self._ages.clear()

    def _many_leave(self) -> bool:
        left = len(self._ages)
        return left >= LEAST_LEAVERS and left >= LEAST_SHARE * (left + self._answered)
