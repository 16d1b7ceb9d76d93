"""A straight line learned at work: a fixed part, and a part for each of what was counted."""

from __future__ import annotations

from math import exp

from longshore.autoscaling.decayed_ratio import MEMORY_SECONDS

PRIOR_POINTS = 10.0
"""For so many points counts the expectation that everything is in proportion to the count."""


class DecayedLine:
    """Least squares over points that are forgotten by the time that passes; both parts are never
    below 0.
    """

    def __init__(self) -> None:
        self._points = self._x = self._y = self._xx = self._xy = 0.0

    def add(self, x: float, y: float) -> None:
        """A point: `y` for a count of `x`, which is above 0."""
        self._points += 1.0
        self._x += x
        self._y += y
        self._xx += x * x
        self._xy += x * y

    def forget(self, wall_seconds: float) -> None:
        """As much as this time makes."""
        keep = exp(-wall_seconds / MEMORY_SECONDS)
        self._points *= keep
        self._x *= keep
        self._y *= keep
        self._xx *= keep
        self._xy *= keep

    def parts(self) -> tuple[float, float]:
        """The fixed part and the part for each; zeros before there is a point."""
        if not self._points:
            return 0.0, 0.0
        x, y = self._x / self._points, self._y / self._points
        variance = self._xx - self._points * x * x
        covariance = self._xy - self._points * x * y
        slope = (covariance + PRIOR_POINTS * x * y) / (variance + PRIOR_POINTS * x * x)
        slope = min(max(0.0, slope), y / x)
        return y - slope * x, slope
