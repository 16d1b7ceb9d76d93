"""What of a CPU quota nobody can use any more before its period ends.

What is left of a quota at the end of a period is lost, and work that uses no more than that costs
nobody anything. Periods end at a steady phase of the kernel's clock, which is seen by when their
count changes (kernel/sched/fair.c: `start_cfs_bandwidth` moves the timer on by whole periods, also
after the cgroup was idle).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import floor, inf

from longshore.cpu.quota import Quota

RESERVED_SHARE, MOST_RESERVED_SECONDS = 0.1, 0.005
"""Of the quota: the kernel gives it to CPUs in slices of 5 ms, some of which lies unused there."""

WORTH_SECONDS = 0.001
"""Of CPU, below which it is not worth to begin."""


class PeriodClock:
    """Of periods of `seconds`; `count` returns how many there were, `None` where nobody knows."""

    def __init__(
        self, seconds: float, count: Callable[[], int | None], clock: Callable[[], float]
    ) -> None:
        self._seconds = seconds
        self._count = count
        self._clock = clock
        self._seen: tuple[float, int] | None = None
        """A moment before it was counted last, and the count then."""
        self._end: tuple[float, float] | None = None
        """Between which moments one period ended."""

    def look(self, now: float) -> tuple[float, float] | None:
        """When the period began, and the seconds of it that are left at least; `None` until the
        count was seen to change.
        """
        count = self._count()
        if count is None:
            return None
        seen, self._seen = self._seen, (now, count)
        counted_by = self._clock()  # the quota may have held this thread back meanwhile
        if seen is not None and count != seen[1] and counted_by - seen[0] < self._seconds:
            self._narrow(seen[0], counted_by)
        if self._end is None:
            return None
        periods = floor((now - self._end[0]) / self._seconds)
        begun_at = self._end[0] + periods * self._seconds
        return begun_at, begun_at + self._seconds - now

    def _narrow(self, since: float, until: float) -> None:
        """A period has ended between the two."""
        early, late = self._end or (since, until)
        later = floor((until - early) / self._seconds) * self._seconds
        early, late = max(since, early + later), min(until, late + later)
        self._end = (early, late) if early <= late else (since, until)


class SpareQuota:
    """`most_cpus` is what all others can use at once."""

    def __init__(
        self,
        quota: Quota,
        most_cpus: float,
        *,
        count: Callable[[], int | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = quota.quota_us / 1e6
        self._reserved = min(RESERVED_SHARE * self._seconds, MOST_RESERVED_SECONDS)
        self._most_cpus = most_cpus
        self._period_seconds = quota.period_us / 1e6
        self._clock = PeriodClock(self._period_seconds, count or quota.periods, clock)
        self._begun_at = -inf
        self._used_before = self._used_last = 0.0
        """Of all periods before this one, and at the last look."""

    def look(self, now: float, used: float) -> tuple[float, float] | None:
        """CPU seconds that are to spare, negative where none are, and the seconds until that has
        to be looked at again; `used` are the CPU seconds that all have used since any moment.
        `None` while the end of the period is not known.
        """
        found = self._clock.look(now)
        last, self._used_last = self._used_last, used
        if found is None:
            return None
        begun_at, left = found
        if begun_at - self._begun_at > self._period_seconds / 2:  # less is better known now
            self._used_before = last  # what was used since may have been in this period
        self._begun_at = begun_at
        unused = self._seconds - self._reserved - (used - self._used_before)
        spare = unused - self._most_cpus * left
        if spare > WORTH_SECONDS:
            return spare, left
        return spare, min(left, left - (unused - WORTH_SECONDS) / self._most_cpus)
