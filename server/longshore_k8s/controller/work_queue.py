"""Resources that have to be looked at: each once, by one worker at a time, at its time."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from longshore_k8s.controller.resource import Key

_FIRST_SECONDS, _MOST_SECONDS = 0.2, 60.0


class WorkQueue:
    """Keys with the time at which they are due; safe for threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._due: dict[Key, float] = {}
        self._held: dict[Key, float] = {}
        self._taken: set[Key] = set()
        self._failures: dict[Key, int] = {}

    def __len__(self) -> int:
        """Keys that are due, or taken by a worker."""
        with self._changed:
            now = self._clock()
            return len(self._taken) + sum(due <= now for due in self._due.values())

    def add(self, key: Key, seconds: float = 0.0) -> None:
        """Have `key` looked at in `seconds`, or earlier where that was asked for before."""
        with self._changed:
            due = self._clock() + seconds
            if due < self._due.get(key, float("inf")):
                self._due[key] = due
                self._changed.notify_all()

    def take(self, timeout_seconds: float) -> Key | None:
        """The key that is due first, now this worker's until `done`; `None`: none in time."""
        until = self._clock() + timeout_seconds
        with self._changed:
            while True:
                key, wait_seconds = self._first()
                if key is not None:
                    return key
                left = min(until - self._clock(), wait_seconds)
                if left <= 0:
                    return None
                self._changed.wait(left)

    def done(self, key: Key, hold_seconds: float = 0.0) -> None:
        """Give `key` back: all went well. Nobody gets it again within `hold_seconds`."""
        with self._changed:
            self._taken.discard(key)
            self._failures.pop(key, None)
            self._held[key] = self._clock() + hold_seconds
            if hold_seconds <= 0:
                del self._held[key]
            self._changed.notify_all()

    def failed(self, key: Key, retry_seconds: float | None = None) -> float:
        """Give `key` back to be looked at again: after `retry_seconds`, or after a time that
        doubles with each failure, spread so that many do not come back at once.

        Returns the seconds.
        """
        with self._changed:
            count = self._failures[key] = self._failures.get(key, 0) + 1
        doubled = min(_FIRST_SECONDS * 2.0 ** min(count - 1, 16), _MOST_SECONDS)
        seconds = max(retry_seconds or 0.0, doubled * random.uniform(0.5, 1.0))
        with self._changed:
            self._taken.discard(key)
        self.add(key, seconds)
        return seconds

    def _first(self) -> tuple[Key | None, float]:
        """A key that is due and not taken; else none, and the seconds until there may be one."""
        waiting = [
            (max(due, self._held.get(key, due)), key)
            for key, due in self._due.items()
            if key not in self._taken
        ]
        if not waiting:
            return None, float("inf")
        due, key = min(waiting)
        if (seconds := due - self._clock()) > 0:
            return None, seconds
        del self._due[key]
        self._held.pop(key, None)
        self._taken.add(key)
        return key, 0.0
