"""The limits of a pod for a process of ours: cgroups with a CPU quota, and what it took.

Sources: Linux Documentation/admin-guide/cgroup-v2.rst (`cpu.max`) and, for version 1,
Documentation/scheduler/sched-bwc.rst.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from longshore.cgroups.memory import group_memory

ROOT = Path("/sys/fs/cgroup")
PERIOD_US = 100_000
"""As the kubelet sets it."""
EMPTY_WITHIN_SECONDS = 5.0
NAME = "longshore-{purpose}-{pid}"


class CgroupError(Exception):
    """This machine gives no cgroup; says why."""


@dataclass(frozen=True, slots=True)
class PodGroups:
    """A cgroup of version 2, or one for each controller of version 1."""

    cpu: Path
    memory: Path | None
    """`None` where its memory is not counted apart."""

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple({self.cpu, *([self.memory] if self.memory else [])})

    def working_set(self) -> int | None:
        """Bytes that the kernel cannot drop at once."""
        found = None if self.memory is None else group_memory(self.memory)
        return None if found is None else found.working_set


@contextmanager
def pod_groups(
    cpus: float | None, root: Path = ROOT, *, purpose: str = "capacity"
) -> Iterator[PodGroups]:
    """With a quota of `cpus` CPUs, or none; removed at the end, by when its processes have ended.
    A process has one for each `purpose`.

    Raises:
        CgroupError: no CPU controller, or no right to make a group.
    """
    made: list[Path] = []
    try:
        try:
            groups = _make(root, purpose, cpus, made)
        except OSError as error:
            raise CgroupError(f"no CPU cgroup below {root}: {error}") from error
        yield groups
    finally:
        for path in made:
            _remove(path)


def _make(root: Path, purpose: str, cpus: float | None, made: list[Path]) -> PodGroups:
    quota = -1 if cpus is None else round(cpus * PERIOD_US)
    if (root / "cpu" / "cpu.cfs_period_us").exists():
        cpu = _directory(root / "cpu", purpose, made)
        (cpu / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (cpu / "cpu.cfs_quota_us").write_text(str(quota))
        has_memory = (root / "memory" / "memory.usage_in_bytes").exists()
        return PodGroups(cpu, _directory(root / "memory", purpose, made) if has_memory else None)
    controllers = root / "cgroup.controllers"
    if not controllers.exists() or "cpu" not in controllers.read_text().split():
        raise CgroupError(f"no CPU controller below {root}")
    (root / "cgroup.subtree_control").write_text("+cpu +memory")
    group = _directory(root, purpose, made)
    (group / "cpu.max").write_text(f"{'max' if cpus is None else quota} {PERIOD_US}")
    return PodGroups(group, group)


def _directory(parent: Path, purpose: str, made: list[Path]) -> Path:
    _remove_stale(parent, purpose)
    path = parent / NAME.format(purpose=purpose, pid=os.getpid())
    path.mkdir(exist_ok=True)
    made.append(path)
    return path


def _remove_stale(parent: Path, purpose: str) -> None:
    """Those of a run that was killed."""
    for path in parent.glob(NAME.format(purpose=purpose, pid="*")):
        found = re.fullmatch(NAME.format(purpose=re.escape(purpose), pid=r"(\d+)"), path.name)
        if found and not Path(f"/proc/{found[1]}").exists():
            with suppress(OSError):
                path.rmdir()


def _remove(path: Path) -> None:
    """The kernel lets go of a process some moments after it was waited for."""
    deadline = time.monotonic() + EMPTY_WITHIN_SECONDS
    while time.monotonic() < deadline:
        try:
            path.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
