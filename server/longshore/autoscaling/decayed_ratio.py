"""A ratio learned at work, in which a short time with little in it counts for little."""

from __future__ import annotations

from math import exp

MEMORY_SECONDS = 10.0
"""Time constant of forgetting."""


class DecayedRatio:
    """Of two sums that forget by the time that passes."""

    def __init__(self) -> None:
        self._above = self._below = 0.0

    @property
    def value(self) -> float:
        """0 while nothing was added."""
        return self._above / self._below if self._below > 0 else 0.0

    def beside_prior(self, above: float, below: float) -> float:
        """As if `above` and `below` had been seen too, and are never forgotten."""
        return (self._above + above) / (self._below + below)

    def add(self, above: float, below: float, wall_seconds: float) -> None:
        """What was seen in the last `wall_seconds`."""
        keep = exp(-wall_seconds / MEMORY_SECONDS)
        self._above = keep * self._above + above
        self._below = keep * self._below + below
