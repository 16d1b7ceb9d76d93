"""CPU cgroups for the server and its neighbours, of whichever version this machine has.

Sources: Linux Documentation/scheduler/sched-bwc.rst (v1 `cpu.cfs_quota_us`, `cpu.stat`) and
Documentation/admin-guide/cgroup-v2.rst (`cpu.max`, `cpu.stat`). Both count `nr_periods` and
`nr_throttled`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PERIOD_US = 100_000
"""As the kubelet sets it."""
V1_ROOT = Path("/sys/fs/cgroup/cpu")
V2_ROOT = Path("/sys/fs/cgroup")
EMPTY_WITHIN_SECONDS = 5.0
ENTER = 'echo $$ > "$0" && exec "$@"'


class CgroupError(Exception):
    """This machine gives no CPU cgroup; says why."""


@dataclass(frozen=True, slots=True)
class Throttling:
    """Counts since the cgroup was made."""

    periods: int
    throttled: int

    def share_since(self, before: Throttling) -> float:
        """The part of the periods in which the group ran out of its quota; 0 without a quota."""
        periods = self.periods - before.periods
        return (self.throttled - before.throttled) / periods if periods else 0.0


@dataclass(frozen=True, slots=True)
class CpuGroup:
    path: Path

    def inside(self, command: list[str]) -> list[str]:
        """`command` as a process of this group from its first instruction on."""
        return ["/bin/sh", "-c", ENTER, str(self.path / "cgroup.procs"), *command]

    def throttling(self) -> Throttling:
        return parse_throttling((self.path / "cpu.stat").read_text())


@contextmanager
def cpu_group(name: str, cpus: float | None) -> Iterator[CpuGroup]:
    """A group of its own with a quota of `cpus` CPUs, or none; removed at the end.

    The processes in it have to have ended by then.

    Raises:
        CgroupError: no CPU controller, or no right to make a group.
    """
    root, is_v2 = _hierarchy()
    group = CpuGroup(root / f"longshore-truth-{os.getpid()}-{name}")
    try:
        if is_v2:
            (root / "cgroup.subtree_control").write_text("+cpu")
        group.path.mkdir()
    except OSError as error:
        raise CgroupError(f"cannot make {group.path}: {error}") from error
    try:
        _set_quota(group.path, cpus, is_v2=is_v2)
        yield group
    finally:
        _remove(group.path)


def parse_throttling(text: str) -> Throttling:
    """From `cpu.stat`; without a quota the kernel counts nothing."""
    counts = dict(line.split() for line in text.splitlines())
    return Throttling(int(counts.get("nr_periods", 0)), int(counts.get("nr_throttled", 0)))


def _hierarchy() -> tuple[Path, bool]:
    """Where CPU groups are made, and whether that is cgroup v2."""
    if (V1_ROOT / "cpu.cfs_period_us").exists():
        return V1_ROOT, False
    controllers = V2_ROOT / "cgroup.controllers"
    if controllers.exists() and "cpu" in controllers.read_text().split():
        return V2_ROOT, True
    raise CgroupError(f"no CPU controller at {V1_ROOT} (v1) or {V2_ROOT} (v2)")


def _set_quota(group: Path, cpus: float | None, *, is_v2: bool) -> None:
    if cpus is None:
        return
    quota = round(cpus * PERIOD_US)
    if is_v2:
        (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
    else:
        (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(quota))


def _remove(group: Path) -> None:
    """The kernel lets go of a process some moments after it was waited for."""
    deadline = time.monotonic() + EMPTY_WITHIN_SECONDS
    while (group / "cgroup.procs").read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    group.rmdir()
