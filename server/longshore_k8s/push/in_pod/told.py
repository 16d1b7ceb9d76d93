"""How far the work in the pod is, told to the other end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

from longshore.progress import Progress
from longshore_k8s.push.in_pod.lines import Json

_TELL_SECONDS = 0.5

Tell: TypeAlias = Callable[[Json], None]


class Told(Progress):
    """Tells how many bytes there are in all, every half second."""

    def __init__(self, tell: Tell, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._tell, self._now = tell, clock
        self._doing, self._done, self._told_at = "", 0, clock()

    def count(self, doing: str, done: int) -> None:
        self._doing, self._done = doing, done

    def advance(self, count: int) -> None:
        super().advance(count)
        self._done += count
        if self._now() - self._told_at >= _TELL_SECONDS:
            self.say()

    def say(self) -> None:
        self._told_at = self._now()
        self._tell({self._doing: self._done})
