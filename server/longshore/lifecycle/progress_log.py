"""A line in the log now and then about work that takes long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from longshore.progress import WORTH_TELLING_SECONDS, Progress

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 10.0
TICK_SECONDS = 0.5


class ProgressLog:
    """Tells of `progress` after 5 s, then every 10 s, as long as the same work goes on."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._told_at = 0.0
        """Seconds of the work at the last line."""

    def tick(self) -> None:
        seconds = self._progress.seconds
        if seconds < self._told_at:  # other work has begun
            self._told_at = 0.0
        due = self._told_at + INTERVAL_SECONDS if self._told_at else WORTH_TELLING_SECONDS
        if seconds >= due:
            self._told_at = due
            logger.info("still at work: %s", self._progress.describe())

    @asynccontextmanager
    async def ticking(self) -> AsyncIterator[None]:
        """Ticks on the event loop within this context."""
        task = asyncio.create_task(self._tick_for_ever())
        try:
            yield
        finally:
            task.cancel()

    async def _tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.tick()
