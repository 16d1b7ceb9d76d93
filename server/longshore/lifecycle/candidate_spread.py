"""When a pod begins to try a new version: not all pods of a release at once.

Each waits for a time of its own, drawn at random within the spread, from when it saw the version.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from longshore.repository.artifact import Artifact


class CandidateSpread:
    """`draw` gives a number from 0 to 1."""

    def __init__(
        self,
        spread_seconds: float,
        *,
        draw: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spread_seconds = spread_seconds
        self._draw = draw
        self._clock = clock
        self._begins: dict[str, tuple[str, float]] = {}
        """By version, for these files."""

    def wait_seconds(self, artifact: Artifact) -> float:
        """That are left until it is the turn of `artifact`; 0 from then on."""
        state, begins_at = self._begins.get(artifact.version, ("", 0.0))
        if state != artifact.state:
            begins_at = self._clock() + self._spread_seconds * self._draw()
            self._begins[artifact.version] = (artifact.state, begins_at)
        return max(0.0, begins_at - self._clock())
