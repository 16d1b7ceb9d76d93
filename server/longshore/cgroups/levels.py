"""Where the cgroups of a process are: its own and every ancestor that can be seen.

Sources: cgroups(7) for `/proc/PID/cgroup`, proc_pid_mountinfo(5) for where a hierarchy is mounted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from msgspec import Struct

PROCESS = Path("/proc/self")


class _Mount(Struct, frozen=True):
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


def cgroup_levels(controller: str, process: Path = PROCESS) -> Iterator[tuple[Path, bool]]:
    """The directories of the cgroups that limit what `controller` (`cpu`, `memory`) governs for the
    process whose `/proc` directory is `process`: its own first, then their ancestors, as far as
    they can be seen; with whether they are of version 2.
    """
    own = _own_cgroups(controller, process)
    for mount in _mounts(controller, process):
        if mount.is_v2 in own:
            for level in mount.levels(own[mount.is_v2]):
                yield level, mount.is_v2


def _own_cgroups(controller: str, process: Path) -> dict[bool, PurePosixPath]:
    """The path in the v2 hierarchy by `True`, in the v1 hierarchy of `controller` by `False`."""
    found = {}
    for line in read_text(process / "cgroup").splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        is_v2 = hierarchy == "0" and not controllers
        if is_v2 or controller in controllers.split(","):
            found[is_v2] = PurePosixPath(path)
    return found


def _mounts(controller: str, process: Path) -> Iterator[_Mount]:
    for line in read_text(process / "mountinfo").splitlines():
        place, _, system = line.partition(" - ")
        places, systems = place.split(" "), system.split(" ")
        if len(places) < 5 or len(systems) < 3:
            continue
        root, point = map(_unescape, places[3:5])
        is_v2 = systems[0] == "cgroup2"
        if is_v2 or (systems[0] == "cgroup" and controller in systems[2].split(",")):
            yield _Mount(is_v2, PurePosixPath(root), Path(point))


def _unescape(text: str) -> str:
    """The kernel writes a blank as `\\040`."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def read_text(path: Path) -> str:
    """Empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def read_numbers(path: Path) -> dict[str, int]:
    """The lines `name number` of a file such as `cpu.stat` by their names; others are left out."""
    pairs = (line.split(" ") for line in read_text(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}
