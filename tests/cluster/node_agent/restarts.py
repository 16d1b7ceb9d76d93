"""When a container that ended is started again: the back-off of crash loops."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.cluster.node_agent.container import Container

LONGEST_SECONDS = 300.0
FORGIVEN_AFTER_SECONDS = 600.0
"""A container that ran this long starts again with the first delay."""


@dataclass(slots=True)
class BackOff:
    """The back-off of one container."""

    first_seconds: float
    _seconds: float = 0.0
    _until: float = 0.0

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    def begin(self, container: Container) -> float:
        """Start the next, longer wait; the answer is its length in seconds."""
        has_run_long = time.monotonic() - container.started_at >= FORGIVEN_AFTER_SECONDS
        if self._seconds == 0.0 or has_run_long:
            self._seconds = self.first_seconds
        else:
            self._seconds = min(LONGEST_SECONDS, 2 * self._seconds)
        self._until = time.monotonic() + self._seconds
        return self._seconds


def shall_restart(policy: str, exit_code: int) -> bool:
    """Whether restartPolicy starts a container again that ended with this code."""
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)
