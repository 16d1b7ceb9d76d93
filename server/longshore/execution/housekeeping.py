"""What a served model needs at a steady interval, whether or not requests come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

logger = logging.getLogger(__name__)

Task = Callable[[], object]

INTERVAL_SECONDS = 0.1


class Housekeeping:
    """Runs its tasks one after the other on the event loop until it is stopped.

    A task that raises holds up neither the others nor its own next run; each kind of error is
    logged once.
    """

    def __init__(
        self, tasks: Sequence[Task], *, interval_seconds: float = INTERVAL_SECONDS
    ) -> None:
        self._tasks = tasks
        self._interval_seconds = interval_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._logged: set[tuple[Task, type[Exception]]] = set()

    def start(self) -> None:
        self._run()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _run(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._interval_seconds, self._run)
        for task in self._tasks:
            try:
                task()
            except Exception as error:
                self._log(task, error)

    def _log(self, task: Task, error: Exception) -> None:
        kind = (task, type(error))
        if kind not in self._logged:
            self._logged.add(kind)
            name = getattr(task, "__qualname__", task)
            logger.error("housekeeping failed, and goes on: task=%s", name, exc_info=error)
