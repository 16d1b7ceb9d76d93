"""What a served model needs at a steady interval, whether or not requests come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

INTERVAL_SECONDS = 0.1


class Housekeeping:
    """Runs its tasks one after the other on the event loop until it is stopped."""

    def __init__(self, tasks: Sequence[Callable[[], object]]) -> None:
        self._tasks = tasks
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._run()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _run(self) -> None:
        for task in self._tasks:
            task()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(INTERVAL_SECONDS, self._run)
