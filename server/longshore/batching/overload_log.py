"""One line of log in ten seconds for all that was refused because there was no room."""

from __future__ import annotations

import logging
from collections.abc import Callable

from longshore.errors import QueueFull

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 10.0


class OverloadLog:
    """Counts refusals by their reason; a window begins with the first of them.

    Used on the event loop only. A line for each refusal would cost more than the refusal.
    """

    def __init__(self, label: str, clock: Callable[[], float]) -> None:
        """`label` names the model in the log."""
        self._label = label
        self._clock = clock
        self._began = clock()
        self._by_reason: dict[str, int] = {}
        self._longest_wait_seconds = 0.0

    def count(self, refusal: QueueFull) -> None:
        if not self._by_reason:
            self._began = self._clock()
        self._by_reason[refusal.reason] = self._by_reason.get(refusal.reason, 0) + 1
        self._longest_wait_seconds = max(self._longest_wait_seconds, refusal.expected_wait_seconds)

    def report(self) -> None:
        """Called every now and then; writes when the window is over."""
        if self._by_reason and self._clock() - self._began >= WINDOW_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what was counted, if anything, and begin anew."""
        if not self._by_reason:
            return
        reasons = sorted(self._by_reason.items())
        logger.warning(
            "refused for lack of room: %s requests=%d %s longest_expected_wait_s=%.3g seconds=%.1f",
            self._label,
            sum(self._by_reason.values()),
            " ".join(f"{reason}={count}" for reason, count in reasons),
            self._longest_wait_seconds,
            self._clock() - self._began,
        )
        self._by_reason = {}
        self._longest_wait_seconds = 0.0
