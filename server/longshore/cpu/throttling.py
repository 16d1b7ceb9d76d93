"""How often and how long the quotas of its cgroups have held this process back.

Sources: cgroup v2 `cpu.stat` (`throttled_usec`, Linux Documentation/admin-guide/cgroup-v2.rst) and
v1 `cpu.stat` (`throttled_time` in nanoseconds, Documentation/scheduler/sched-bwc.rst). Both add up
the CPUs that were held back: two for a second are two seconds.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from longshore.cgroups.levels import PROCESS, cgroup_levels, read_numbers
from longshore.cpu.quota import quota_of

_SECONDS = {"throttled_usec": 1e-6, "throttled_time": 1e-9}


class QuotaPeriods(Struct, frozen=True):
    """Periods (100 ms each, unless configured) of one cgroup since it was made."""

    total: int
    """In which it had work."""
    throttled: int
    """In which it used its quota up and was held back."""


def throttled_seconds(process: Path = PROCESS) -> float:
    """CPU seconds since the cgroups were made, of the one that was held back the longest: where an
    ancestor is throttled, its children's own quotas rarely bind at the same time.
    """
    levels = cgroup_levels("cpu", process)
    return max((_throttled(level) for level, _ in levels), default=0.0)


def quota_periods(process: Path = PROCESS) -> QuotaPeriods | None:
    """Of the nearest cgroup that has a quota; `None` where none has, or the kernel does not say."""
    for level, is_v2 in cgroup_levels("cpu", process):
        if quota_of(level, is_v2=is_v2) is None:
            continue
        stat = read_numbers(level / "cpu.stat")
        if "nr_periods" in stat and "nr_throttled" in stat:
            return QuotaPeriods(stat["nr_periods"], stat["nr_throttled"])
    return None


def _throttled(group: Path) -> float:
    stat = read_numbers(group / "cpu.stat")
    return max((stat[name] * unit for name, unit in _SECONDS.items() if name in stat), default=0.0)
