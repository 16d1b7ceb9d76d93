"""How long the quotas of its cgroups have held this process back.

Sources: cgroup v2 `cpu.stat` (`throttled_usec`, Linux Documentation/admin-guide/cgroup-v2.rst) and
v1 `cpu.stat` (`throttled_time` in nanoseconds, Documentation/scheduler/sched-bwc.rst). Both add up
the CPUs that were held back: two for a second are two seconds.
"""

from __future__ import annotations

from pathlib import Path

from longshore.cpu.quota import PROCESS, cgroup_levels, read_text

_SECONDS = {"throttled_usec": 1e-6, "throttled_time": 1e-9}


def throttled_seconds(process: Path = PROCESS) -> float:
    """CPU seconds since the cgroups were made, of the one that was held back the longest: where an
    ancestor is throttled, its children's own quotas rarely bind at the same time.
    """
    return max((_throttled(level) for level, _ in cgroup_levels(process)), default=0.0)


def _throttled(group: Path) -> float:
    for line in read_text(group / "cpu.stat").splitlines():
        name, _, value = line.partition(" ")
        if name in _SECONDS and value.isdecimal():
            return int(value) * _SECONDS[name]
    return 0.0
