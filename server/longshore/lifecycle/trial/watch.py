"""What a trial may not exceed: time without progress, time in all, memory."""

from __future__ import annotations

import time
from collections.abc import Callable

from longshore.lifecycle.trial.activity import Activity, activity_of
from longshore.lifecycle.trial.process_memory import anonymous_bytes
from longshore.lifecycle.trial.room import Room
from longshore.lifecycle.trial.verdict import FailureKind, TrialFailed

SILENT_SHARE = 0.1
"""Of the time in all that may pass without progress."""
SLOWEST_BYTES_PER_SECOND = 10 * 2**20
"""A volume that is slower than that is no reason to wait longer."""
MOST_STARVED = 5.0
"""Times the time in all that a child may wait for a CPU besides."""
STARVED_SECONDS, STARVED_SHARE = 10.0, 0.05
"""A child at the lowest priority that waits longer, and has less of a CPU, has to get another."""


class Watch:
    """Over one child; `seconds` in all, and more for `artifact_bytes` to be read. What it waits for
    a CPU, or is kept stopped, is not its time; unless `is_patient`, it is told early that it waits.
    """

    def __init__(
        self,
        pid: int,
        room: Room | None,
        *,
        seconds: float,
        artifact_bytes: int = 0,
        is_patient: bool = True,
        clock: Callable[[], float] = time.monotonic,
        memory: Callable[[int], int] = anonymous_bytes,
        activity: Callable[[int], Activity] = activity_of,
    ) -> None:
        reading = artifact_bytes / SLOWEST_BYTES_PER_SECOND
        self._silent_seconds = SILENT_SHARE * seconds + reading
        self._seconds = seconds + reading
        self._pid = pid
        self._room = room
        self._clock = clock
        self._memory = memory
        self._activity = activity
        self._last = (clock(), 0.0)
        self._own_seconds = self._heard_at = 0.0
        """That the child had to itself: in all, and when it was last heard."""
        self._is_patient = is_patient
        self._kept_seconds = self._waited_seconds = 0.0
        """That it did not have: in all, and for want of a CPU."""
        self.doing = "starting"
        self.base_bytes = 0
        """Of the child before it opened the version."""
        self.peak_bytes = 0

    def hear(self) -> None:
        """There is progress."""
        self._heard_at = self._own_seconds

    def check(self) -> None:
        """Raises `TrialFailed` when a bound is exceeded; called every some milliseconds."""
        self._count()
        if self._own_seconds - self._heard_at > self._silent_seconds:
            raise TrialFailed(
                f"no progress for {self._silent_seconds:.0f} s while {self.doing}",
                FailureKind.HUNG,
            )
        if self._own_seconds > self._seconds:
            raise TrialFailed(
                f"its trial did not end within {self._seconds:.0f} s, and was {self.doing}",
                FailureKind.HUNG,
            )
        if self._is_starved:
            raise TrialFailed(
                f"its trial waited {self._kept_seconds:.0f} s for a CPU, and was {self.doing}",
                FailureKind.STARVED,
            )
        self.peak_bytes = max(self.peak_bytes, self._memory(self._pid))
        if self._room is not None and self.peak_bytes > self._room.free_bytes:
            raise self.no_memory()

    def _count(self) -> None:
        """A thread that could run and did not have a CPU has not lived meanwhile."""
        (then, cpu_then), now = self._last, self._clock()
        activity = self._activity(self._pid)
        passed, own = now - then, now - then
        if activity.is_stopped:
            own = 0.0
        elif activity.can_run:
            own = min(passed, max(0.0, activity.cpu_seconds - cpu_then))
        self._last = (now, activity.cpu_seconds)
        self._own_seconds += own
        self._kept_seconds += passed - own
        self._waited_seconds += 0.0 if activity.is_stopped else passed - own

    @property
    def _is_starved(self) -> bool:
        if self._kept_seconds > MOST_STARVED * self._seconds:
            return True
        bearable = STARVED_SECONDS + self._own_seconds / STARVED_SHARE
        return not self._is_patient and self._waited_seconds > bearable

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
