"""When a pod begins to try a new version: not all pods of a release at once.

Each waits for a time of its own, drawn at random within the spread, from when it saw the version;
and again before a version whose trial got no CPU is tried once more.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from msgspec import Struct

from longshore.repository.artifact import Artifact

PEERS = "after other pods of its release"
STARVED_PAUSE_SECONDS = 60.0
"""After a trial that got no CPU: what kept it from one may have passed by then."""


class _Turn(Struct, frozen=True):
    """Of a version with these files."""

    state: str
    begins_at: float
    why: str


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
        self._turns: dict[str, _Turn] = {}
        """By version."""

    def postpone(self, artifact: Artifact, why: str) -> None:
        """It was its turn, and its trial got no CPU."""
        begins_at = self._clock() + STARVED_PAUSE_SECONDS
        self._turns[artifact.version] = _Turn(artifact.state, begins_at, why)

    def waiting(self, artifact: Artifact) -> str:
        """For how long it waits, and why; empty when it is its turn, and from then on."""
        turn = self._turns.get(artifact.version)
        if turn is None or turn.state != artifact.state:
            begins_at = self._clock() + self._spread_seconds * self._draw()
            turn = self._turns[artifact.version] = _Turn(artifact.state, begins_at, PEERS)
        left = turn.begins_at - self._clock()
        return f"is tried in {left:.0f} s, {turn.why}" if left > 0 else ""
