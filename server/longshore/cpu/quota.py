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

from longshore.cgroups.levels import PROCESS, cgroup_levels, read_text


def cpu_quantity(process: Path = PROCESS) -> float:
    """CPUs, in parts too: the smallest of the affinity mask and the quotas of the cgroups of the
    process whose `/proc` directory is `process`.
    """
    return min([float(len(os.sched_getaffinity(0))), *_quotas(process)])


def binding_quota(process: Path = PROCESS) -> float | None:
    """The smallest quota of the process's cgroups, in CPUs; `None` where its threads cannot use it
    up, on the CPUs that they may run on.
    """
    quota = min(_quotas(process), default=None)
    return quota if quota is not None and quota < len(os.sched_getaffinity(0)) else None


def _quotas(process: Path) -> Iterator[float]:
    for level, is_v2 in cgroup_levels("cpu", process):
        quota = quota_of(level, is_v2=is_v2)
        if quota is not None:
            yield quota


def quota_of(level: Path, *, is_v2: bool) -> float | None:
    """CPUs that the cgroup may use; `None` without a limit."""
    return _quota_v2(level) if is_v2 else _quota_v1(level)


def _quota_v2(group: Path) -> float | None:
    words = read_text(group / "cpu.max").split()
    return _ratio(words[0], words[1]) if len(words) == 2 else None


def _quota_v1(group: Path) -> float | None:
    return _ratio(
        read_text(group / "cpu.cfs_quota_us").strip(),
        read_text(group / "cpu.cfs_period_us").strip(),
    )


def _ratio(quota: str, period: str) -> float | None:
    """`None` without a limit (`max`, -1), and for what the kernel would not write."""
    if not (re.fullmatch(r"[0-9]{1,20}", quota) and re.fullmatch(r"[0-9]{1,20}", period)):
        return None
    return int(quota) / int(period) if int(quota) and int(period) else None
