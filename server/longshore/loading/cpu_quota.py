"""How many CPUs this process may use: the cgroup's quota, not the node's cores.

Sources: cgroup v2 `cpu.max` ("$MAX $PERIOD", Linux Documentation/admin-guide/cgroup-v2.rst) and
v1 `cpu.cfs_quota_us` / `cpu.cfs_period_us`; sizing thread pools from the node's cores is
onnxruntime#29510 and kserve#1031.
"""

from __future__ import annotations

import os
from pathlib import Path

CGROUP_ROOT = Path("/sys/fs/cgroup")


def available_cpus(cgroup_root: Path = CGROUP_ROOT) -> int:
    """Whole CPUs: the smaller of the affinity mask and the quota rounded up, at least 1."""
    affinity = len(os.sched_getaffinity(0))
    quota = _quota_v2(cgroup_root) or _quota_v1(cgroup_root)
    if quota is None:
        return affinity
    return max(1, min(affinity, -int(-quota // 1)))


def _quota_v2(root: Path) -> float | None:
    words = _read(root / "cpu.max").split()
    if len(words) != 2 or words[0] == "max":
        return None
    return _ratio(words[0], words[1])


def _quota_v1(root: Path) -> float | None:
    quota = _read(root / "cpu" / "cpu.cfs_quota_us")
    period = _read(root / "cpu" / "cpu.cfs_period_us")
    if not quota or not period or quota.startswith("-"):
        return None
    return _ratio(quota, period)


def _ratio(quota: str, period: str) -> float | None:
    try:
        return int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
