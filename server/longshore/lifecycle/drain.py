"""The end of a pod, told in the order that loses no request.

On SIGTERM readiness fails, but the port stays open while the Service forgets the pod; answers ask
their clients to reconnect elsewhere. Only then the listener closes and queued work finishes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from longshore.metrics import ServerMetrics

logger = logging.getLogger(__name__)


class DrainController:
    """Whether the server is draining, and how long it still accepts; lives on the event loop."""

    def __init__(
        self,
        metrics: ServerMetrics,
        *,
        delay_seconds: float,
        timeout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.is_draining = False
        """Read from any thread."""
        self.timeout_seconds = timeout_seconds
        """After the delay, how long requests in flight are waited for."""
        self._delay_seconds = delay_seconds
        self._budget_seconds = delay_seconds + timeout_seconds
        self._clock = clock
        self._begun_at = 0.0
        self._draining_gauge = metrics.draining
        metrics.drain_used_ratio.set_function(self._used_ratio)
        self._begun = asyncio.Event()
        self._hastened = asyncio.Event()
        """Set by every signal after the first; cleared when a wait begins that it may cut short."""

    def request(self) -> None:
        """Begin to drain; asked again, cut short what is waited for: first the delay, then the
        requests in flight.
        """
        if self.is_draining:
            logger.info("another stop signal: not waiting any longer")
            self._hastened.set()
            return
        logger.info("draining: accepting for another %g s", self._delay_seconds)
        self._begun_at = self._clock()
        self.is_draining = True
        self._draining_gauge.set(1)
        self._begun.set()

    async def wait_until_requested(self) -> None:
        await self._begun.wait()

    async def wait_delay(self) -> None:
        """Return after the drain delay, or at once when hastened."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hastened.wait(), self._delay_seconds)
        self._hastened.clear()

    async def wait_for(self, task: asyncio.Task[None], timeout_seconds: float) -> bool:
        """Whether `task` has ended, within the time given and before another signal."""
        hastened = asyncio.create_task(self._hastened.wait())
        await asyncio.wait(
            {task, hastened}, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        hastened.cancel()
        return task.done()

    def _used_ratio(self) -> float:
        if not self.is_draining:
            return 0.0
        used = self._clock() - self._begun_at
        return used / self._budget_seconds if self._budget_seconds else 1.0
