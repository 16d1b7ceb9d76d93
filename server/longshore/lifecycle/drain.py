"""The end of a pod, told in the order that loses no request.

On SIGTERM readiness fails, but the port stays open while the Service forgets the pod; answers ask
their clients to reconnect elsewhere. Only then the listener closes and queued work finishes.
"""

from __future__ import annotations

import asyncio
import logging

from longshore.metrics import ServerMetrics

logger = logging.getLogger(__name__)


class DrainController:
    """Whether the server is draining, and how long it still accepts; lives on the event loop."""

    def __init__(self, metrics: ServerMetrics, *, delay_seconds: float) -> None:
        self.is_draining = False
        """Read from any thread."""
        self._delay_seconds = delay_seconds
        self._draining_gauge = metrics.draining
        self._begun = asyncio.Event()
        self._hastened = asyncio.Event()

    def request(self) -> None:
        """Begin to drain; asked a second time, skip what is left of the delay."""
        if self.is_draining:
            logger.info("second stop signal: the drain delay is cut short")
            self._hastened.set()
            return
        logger.info("draining: accepting for another %g s", self._delay_seconds)
        self.is_draining = True
        self._draining_gauge.set(1)
        self._begun.set()

    async def wait_until_requested(self) -> None:
        await self._begun.wait()

    async def wait_delay(self) -> None:
        """Return after the drain delay, or at once when hastened."""
        try:
            await asyncio.wait_for(self._hastened.wait(), self._delay_seconds)
        except TimeoutError:
            return
