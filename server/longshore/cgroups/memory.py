"""How much memory the cgroups of this process may take, take, and took at most.

The working set is what the kernel cannot drop at once: the use less the file pages that were not
read lately. The kubelet evicts by it, and the kernel kills when nothing more can be dropped.

Sources: Linux Documentation/admin-guide/cgroup-v2.rst (`memory.max`, `memory.current`,
`memory.peak` from 5.19 on, `memory.stat`), Documentation/admin-guide/cgroup-v1/memory.rst
(`memory.limit_in_bytes`, ...), proc_meminfo(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from longshore.cgroups.levels import PROCESS, cgroup_levels, read_numbers, read_text

MEMINFO = Path("/proc/meminfo")
_NO_LIMIT = 2**62
"""Version 1 writes the largest number of pages in bytes where there is none."""


class _Files(Struct, frozen=True):
    limit: str
    current: str
    peak: str
    inactive_file: str
    """In `memory.stat`, the cgroups below included, as those that follow."""
    active_file: str
    mapped_file: str


_V2 = _Files(
    "memory.max", "memory.current", "memory.peak", "inactive_file", "active_file", "file_mapped"
)
_V1 = _Files(
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "memory.max_usage_in_bytes",
    "total_inactive_file",
    "total_active_file",
    "total_mapped_file",
)


class CgroupMemory(Struct, frozen=True):
    """In bytes."""

    current: int
    """With the file pages that it read (page cache)."""
    inactive_file: int
    limit: int | None
    peak: int | None
    """The most that `current` ever was; `None` where the kernel does not keep it."""
    active_file: int = 0
    mapped_file: int = 0
    """Of all file pages, those that processes have mapped: libraries, and weights that are used."""

    @property
    def working_set(self) -> int:
        return max(0, self.current - self.inactive_file)

    @property
    def free(self) -> int | None:
        """What is left of the limit once the file pages that nobody has mapped are dropped;
        `None` without a limit. More than the limit less the working set: a model file that was
        hashed and then loaded was read twice, so that its pages count as active.
        """
        droppable = max(
            self.inactive_file, self.inactive_file + self.active_file - self.mapped_file
        )
        return None if self.limit is None else max(0, self.limit - self.current + droppable)


def own_memory(process: Path = PROCESS) -> CgroupMemory | None:
    """Of the nearest cgroup of the process that counts memory, with the smallest limit of it and
    its ancestors; `None` where none counts.
    """
    levels = list(_levels(process))
    limits = [level.limit for level in levels if level.limit is not None]
    return replace(levels[0], limit=min(limits, default=None)) if levels else None


def group_memory(level: Path) -> CgroupMemory | None:
    """Of the cgroup whose directory is `level`, of either version; `None` where it counts none."""
    return _read(level, _V2) or _read(level, _V1)


def free_memory(process: Path = PROCESS, meminfo: Path = MEMINFO) -> int | None:
    """Bytes that this process can still take before it, or another, is killed: the least of what
    the limits of its cgroups and the machine have left. `None` where nobody says.
    """
    left = [level.free for level in _levels(process)]
    known = [free for free in (*left, available_memory(meminfo)) if free is not None]
    return min(known, default=None)


def available_memory(meminfo: Path = MEMINFO) -> int | None:
    """Bytes that the machine has for new work (`MemAvailable`); `None` where it does not say."""
    found = re.search(r"^MemAvailable: +([0-9]+) kB$", read_text(meminfo), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _levels(process: Path) -> Iterator[CgroupMemory]:
    for level, is_v2 in cgroup_levels("memory", process):
        found = _read(level, _V2 if is_v2 else _V1)
        if found is not None:
            yield found


def _read(level: Path, files: _Files) -> CgroupMemory | None:
    """`None` where it is not counted: the root, or the controller is not enabled."""
    current = _number(level / files.current)
    if current is None:
        return None
    stat = read_numbers(level / "memory.stat")
    limit = _number(level / files.limit)
    if limit is not None and limit >= _NO_LIMIT:
        limit = None
    return CgroupMemory(
        current,
        stat.get(files.inactive_file, 0),
        limit,
        _number(level / files.peak),
        stat.get(files.active_file, 0),
        stat.get(files.mapped_file, 0),
    )


def _number(path: Path) -> int | None:
    """`None` for `max`, and for what the kernel would not write."""
    text = read_text(path).strip()
    return int(text) if re.fullmatch(r"[0-9]{1,20}", text) else None
