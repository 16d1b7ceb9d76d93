"""What is said of a collector that is away or slow: once, and once more when it is back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

QUIET_SECONDS = 60.0
"""Without trouble for as long, it is over."""


class ExportTrouble:
    """Called on the event loop and on the thread that exports."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last: float | None = None
        """`None` without trouble."""
        self._lost = 0

    def note(self, reason: str, lost: int = 0) -> None:
        """Spans are lost, or are about to be."""
        with self._lock:
            is_new = self._last is None
            self._last = self._clock()
            self._lost += lost
        if is_new:
            logger.warning("traces are not exported; requests are answered all the same: %s",
                           reason)  # fmt: skip

    def note_success(self) -> None:
        with self._lock:
            if self._last is None or self._clock() - self._last < QUIET_SECONDS:
                return
            lost, self._lost, self._last = self._lost, 0, None
        logger.info("traces are exported again: spans_lost=%d", lost)


class TroubleHandler(logging.Handler):
    """Takes what the exporter would log at every attempt."""

    def __init__(self, trouble: ExportTrouble) -> None:
        super().__init__(logging.WARNING)
        self._trouble = trouble

    def emit(self, record: logging.LogRecord) -> None:
        self._trouble.note(record.getMessage())
