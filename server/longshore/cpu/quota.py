"""How many CPUs this process may use: the quotas of its cgroups, not the node's cores.

A quota on any ancestor binds as well as one's own, so every level that can be seen counts.

Sources: cgroups(7) for `/proc/PID/cgroup`, proc_pid_mountinfo(5) for where a hierarchy is mounted;
cgroup v2 `cpu.max` ("$MAX $PERIOD", Linux Documentation/admin-guide/cgroup-v2.rst) and v1
`cpu.cfs_quota_us` / `cpu.cfs_period_us`; sizing thread pools from the node's cores is
onnxruntime#29510 and kserve#1031.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

PROCESS = Path("/proc/self")


@dataclass(frozen=True, slots=True)
class _Mount:
    """Where the part of a hierarchy below `root` is seen."""

    is_v2: bool
    root: PurePosixPath
    point: Path

    def levels(self, own: PurePosixPath) -> list[Path]:
        """The directory of the cgroup `own` and of its ancestors, up to the mount point.

        Only the mount point where `own` is not found below it: a mount of another namespace.
        """
        if own.is_relative_to(self.root):
            inside = own.relative_to(self.root)
        else:
            inside = self._find(own) or PurePosixPath()
        return [self.point / level for level in dict.fromkeys((inside, *inside.parents))]

    def _find(self, own: PurePosixPath) -> PurePosixPath | None:
        """`own` below a mount that is older than the cgroup namespace: as `root` the kernel then
        writes how many levels up it is (`/../..`), not how those are called.
        """
        above = self.root.parts[1:]
        if set(above) != {".."}:
            return None
        for top in sorted(self.point.glob("/".join("*" * len(above)))):
            group = top / str(own).lstrip("/")
            if str(os.getpid()) in read_text(group / "cgroup.procs").split():
                return PurePosixPath(group.relative_to(self.point))
        return None


def cpu_quantity(process: Path = PROCESS) -> float:
    """CPUs, in parts too: the smallest of the affinity mask and the quotas of the cgroups of the
    process whose `/proc` directory is `process`.
    """
    return min([float(len(os.sched_getaffinity(0))), *_quotas(process)])


def cgroup_levels(process: Path = PROCESS) -> Iterator[tuple[Path, bool]]:
    """The directories of the cgroups that limit the CPUs of the process, its own and their
    ancestors, as far as they can be seen; with whether they are of version 2.
    """
    own = _own_cgroups(process)
    for mount in _mounts(process):
        if mount.is_v2 in own:
            for level in mount.levels(own[mount.is_v2]):
                yield level, mount.is_v2


def _quotas(process: Path) -> Iterator[float]:
    for level, is_v2 in cgroup_levels(process):
        quota = _quota_v2(level) if is_v2 else _quota_v1(level)
        if quota is not None:
            yield quota


def _own_cgroups(process: Path) -> dict[bool, PurePosixPath]:
    """The path in the v2 hierarchy by `True`, in the v1 hierarchy of the CPU by `False`."""
    found = {}
    for line in read_text(process / "cgroup").splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        is_v2 = hierarchy == "0" and not controllers
        if is_v2 or "cpu" in controllers.split(","):
            found[is_v2] = PurePosixPath(path)
    return found


def _mounts(process: Path) -> Iterator[_Mount]:
    for line in read_text(process / "mountinfo").splitlines():
        place, _, system = line.partition(" - ")
        places, systems = place.split(" "), system.split(" ")
        if len(places) < 5 or len(systems) < 3:
            continue
        root, point = map(_unescape, places[3:5])
        is_v2 = systems[0] == "cgroup2"
        if is_v2 or (systems[0] == "cgroup" and "cpu" in systems[2].split(",")):
            yield _Mount(is_v2, PurePosixPath(root), Path(point))


def _unescape(text: str) -> str:
    """The kernel writes a blank as `\\040`."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


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


def read_text(path: Path) -> str:
    """Empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
