"""How long a resource is left alone after something of it was restored.

Once is at once. Whoever changes the same again and again is another controller, and restoring at
the speed of both would load the API server for nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from longshore_k8s.controller.resource import Key

_FORGOTTEN_SECONDS = 600.0
_SECOND_SECONDS, _MOST_SECONDS = 1.0, 60.0


class DriftPace:
    """Counts restorations by resource; each resource is one worker's at a time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._restored: dict[Key, tuple[int, float]] = {}

    def restored(self, key: Key) -> float:
        """Note one; the seconds until the next may be made."""
        count, last = self._restored.get(key, (0, float("-inf")))
        count = count + 1 if self._clock() - last < _FORGOTTEN_SECONDS else 1
        self._restored[key] = (count, self._clock())
        if count == 1:
            return 0.0
        return float(min(_SECOND_SECONDS * 2.0 ** min(count - 2, 16), _MOST_SECONDS))

    def forget(self, key: Key) -> None:
        self._restored.pop(key, None)
