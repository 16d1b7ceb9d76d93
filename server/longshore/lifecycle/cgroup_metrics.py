"""The process's own cgroups among its metrics, read when they are scraped.

The kubelet exports the same on a path of its own, which not every Prometheus scrapes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from longshore.cgroups.levels import PROCESS
from longshore.cgroups.memory import CgroupMemory, own_memory
from longshore.cpu.throttling import QuotaPeriods, quota_periods, throttled_seconds
from longshore.metrics import ServerMetrics


def export_cgroups(metrics: ServerMetrics, process: Path = PROCESS) -> None:
    """What the kernel does not tell has no series."""

    def memory(read: Callable[[CgroupMemory], int | None]) -> Callable[[], float | None]:
        return lambda: None if (found := own_memory(process)) is None else read(found)

    def periods(read: Callable[[QuotaPeriods], int]) -> Callable[[], float | None]:
        return lambda: None if (found := quota_periods(process)) is None else read(found)

    metrics.memory_working_set.set_function((), memory(lambda found: found.working_set))
    metrics.memory_peak.set_function((), memory(lambda found: found.peak))
    metrics.memory_limit.set_function((), memory(lambda found: found.limit))
    metrics.quota_periods.set_function((), periods(lambda found: found.total))
    metrics.throttled_periods.set_function((), periods(lambda found: found.throttled))
    metrics.throttled_seconds.set_function((), lambda: throttled_seconds(process))
