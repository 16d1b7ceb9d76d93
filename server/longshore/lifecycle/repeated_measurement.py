"""When what serves is measured again, because others disturbed its first measurement.

A version that is loaded beside clients' work takes over the plan of the one that serves; one that
was measured beside a busy neighbour has too small a capacity. Either would hold until the process
ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct

from longshore.execution.model import Model
from longshore.repository.artifact import Artifact

QUIET_SECONDS = 30.0
"""Without a request, so that the measurement disturbs nobody and nobody disturbs it."""
FIRST_PAUSE_SECONDS = 60.0
"""From when the version is first seen; twice as long after each attempt."""
MOST_ATTEMPTS = 5


class _Attempts(Struct):
    artifact: Artifact
    next_at: float
    count: int = 0


class RepeatedMeasurement:
    """Of the versions that serve; used on the event loop only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._attempts: dict[str, _Attempts] = {}
        """By version."""

    def is_due(self, model: Model) -> bool:
        """Whether to begin now; an attempt is counted with that."""
        if not model.loaded.is_provisional:
            self._attempts.pop(model.version, None)
            return False
        attempts = self._of(model)
        now = self._clock()
        if (
            attempts.count >= MOST_ATTEMPTS
            or now < attempts.next_at
            or not model.is_left_alone(QUIET_SECONDS)
        ):
            return False
        attempts.count += 1
        attempts.next_at = now + FIRST_PAUSE_SECONDS * 2**attempts.count
        return True

    def _of(self, model: Model) -> _Attempts:
        artifact = model.loaded.artifact
        attempts = self._attempts.get(model.version)
        if attempts is None or not attempts.artifact.is_same_version(artifact):
            attempts = _Attempts(artifact, self._clock() + FIRST_PAUSE_SECONDS)
            self._attempts[model.version] = attempts
        return attempts
