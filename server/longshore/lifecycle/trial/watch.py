"""What a trial may not exceed: time without progress, time in all, memory."""

from __future__ import annotations

import time
from collections.abc import Callable

from longshore.lifecycle.trial.process_memory import anonymous_bytes
from longshore.lifecycle.trial.room import Room
from longshore.lifecycle.trial.verdict import FailureKind, TrialFailed

SILENT_SHARE = 0.1
"""Of the time in all that may pass without progress."""
SLOWEST_BYTES_PER_SECOND = 10 * 2**20
"""A volume that is slower than that is no reason to wait longer."""


class Watch:
    """Over one child; `seconds` in all, and more for `artifact_bytes` to be read."""

    def __init__(
        self,
        pid: int,
        room: Room | None,
        *,
        seconds: float,
        artifact_bytes: int = 0,
        clock: Callable[[], float] = time.monotonic,
        memory: Callable[[int], int] = anonymous_bytes,
    ) -> None:
        reading = artifact_bytes / SLOWEST_BYTES_PER_SECOND
        self._silent_seconds = SILENT_SHARE * seconds + reading
        self._seconds = seconds + reading
        self._pid = pid
        self._room = room
        self._clock = clock
        self._memory = memory
        self._begun_at = self._heard_at = clock()
        self._stopped_before = 0.0
        self.doing = "starting"
        self.base_bytes = 0
        """Of the child before it opened the version."""
        self.peak_bytes = 0

    def hear(self, stopped_seconds: float = 0.0) -> None:
        """There is progress; the child was kept from running for so long up to now."""
        self._heard_at, self._stopped_before = self._clock(), stopped_seconds

    def check(self, stopped_seconds: float = 0.0) -> None:
        """Raises `TrialFailed` when a bound is exceeded."""
        now = self._clock()
        silent = now - self._heard_at - (stopped_seconds - self._stopped_before)
        if silent > self._silent_seconds:
            raise TrialFailed(
                f"no progress for {self._silent_seconds:.0f} s while {self.doing}",
                FailureKind.HUNG,
            )
        if now - self._begun_at - stopped_seconds > self._seconds:
            raise TrialFailed(
                f"its trial did not end within {self._seconds:.0f} s, and was {self.doing}",
                FailureKind.HUNG,
            )
        self.peak_bytes = max(self.peak_bytes, self._memory(self._pid))
        if self._room is not None and self.peak_bytes > self._room.free_bytes:
            raise self.no_memory()

    @property
    def needed_bytes(self) -> int:
        """By the version alone, at its peak so far."""
        return max(0, self.peak_bytes - self.base_bytes)

    def no_memory(self, message: str = "") -> TrialFailed:
        """Why it ended, where the bound kept the child from allocating."""
        if self._room is None:
            return TrialFailed(
                f"not enough memory while {self.doing}: {message}", FailureKind.MEMORY
            )
        needed = max(self.peak_bytes, self._room.free_bytes)
        return TrialFailed(
            f"{self._room.refusal(needed, is_all=False)}; it was {self.doing}", FailureKind.MEMORY
        )
