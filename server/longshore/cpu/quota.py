"""How many CPUs this process may use: the quotas of its cgroups, not the node's cores.

A quota on any ancestor binds as well as one's own, so every level that can be seen counts.

Sources: cgroup v2 `cpu.max` ("$MAX $PERIOD", Linux Documentation/admin-guide/cgroup-v2.rst) and v1
`cpu.cfs_quota_us` / `cpu.cfs_period_us`; sizing thread pools from the node's cores is
onnxruntime#29510 and kserve#1031.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from longshore.cgroups.levels import PROCESS, cgroup_levels, read_numbers, read_text


class Quota(Struct, frozen=True):
    """CPU time that the threads of a cgroup may use in each period; the kernel holds them back for
    the rest of one in which it is used up.
    """

    quota_us: int
    period_us: int
    level: Path
    """The directory of the cgroup."""

    @property
    def cpus(self) -> float:
        return self.quota_us / self.period_us

    def periods(self) -> int | None:
        """Those in which the cgroup had work; `None` where the kernel does not say."""
        return read_numbers(self.level / "cpu.stat").get("nr_periods")


def cpu_quantity(process: Path = PROCESS) -> float:
    """CPUs, in parts too: the smallest of the affinity mask and the quotas of the cgroups of the
    process whose `/proc` directory is `process`.
    """
    quotas = (quota.cpus for quota in _quotas(process))
    return min([float(len(os.sched_getaffinity(0))), *quotas])


def binding_quota(process: Path = PROCESS) -> Quota | None:
    """The smallest quota of the process's cgroups; `None` where its threads cannot use it up, on
    the CPUs that they may run on.
    """
    quota = min(_quotas(process), key=lambda quota: quota.cpus, default=None)
    return quota if quota is not None and quota.cpus < len(os.sched_getaffinity(0)) else None


def _quotas(process: Path) -> Iterator[Quota]:
    for level, is_v2 in cgroup_levels("cpu", process):
        quota = quota_of(level, is_v2=is_v2)
        if quota is not None:
            yield quota


def quota_of(level: Path, *, is_v2: bool) -> Quota | None:
    """Of the cgroup whose directory is `level`; `None` without a limit (`max`, -1), and for what
    the kernel would not write.
    """
    quota, period = _quota_v2(level) if is_v2 else _quota_v1(level)
    if not (re.fullmatch(r"[0-9]{1,20}", quota) and re.fullmatch(r"[0-9]{1,20}", period)):
        return None
    return Quota(int(quota), int(period), level) if int(quota) and int(period) else None


def _quota_v2(level: Path) -> tuple[str, str]:
    words = read_text(level / "cpu.max").split()
    return (words[0], words[1]) if len(words) == 2 else ("", "")


def _quota_v1(level: Path) -> tuple[str, str]:
    return (
        read_text(level / "cpu.cfs_quota_us").strip(),
        read_text(level / "cpu.cfs_period_us").strip(),
    )
