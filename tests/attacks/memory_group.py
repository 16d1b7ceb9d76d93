"""A memory cgroup for the server, of whichever version this machine has.

Sources: Linux Documentation/admin-guide/cgroup-v1/memory.rst (`memory.limit_in_bytes`) and
Documentation/admin-guide/cgroup-v2.rst (`memory.max`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.truth.cpu_groups import ENTER, CgroupError

V1_ROOT = Path("/sys/fs/cgroup/memory")
V2_ROOT = Path("/sys/fs/cgroup")
EMPTY_WITHIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class MemoryGroup:
    path: Path

    def inside(self, command: list[str]) -> list[str]:
        return ["/bin/sh", "-c", ENTER, str(self.path / "cgroup.procs"), *command]


@contextmanager
def memory_group(name: str, limit: int) -> Iterator[MemoryGroup]:
    """A group that may take `limit` bytes; removed at the end.

    Raises:
        CgroupError: no memory controller, or no right to make a group.
    """
    is_v1 = (V1_ROOT / "memory.limit_in_bytes").exists()
    group = MemoryGroup((V1_ROOT if is_v1 else V2_ROOT) / f"longshore-{os.getpid()}-{name}")
    try:
        if not is_v1:
            (V2_ROOT / "cgroup.subtree_control").write_text("+memory")
        group.path.mkdir()
        file = "memory.limit_in_bytes" if is_v1 else "memory.max"
        (group.path / file).write_text(str(limit))
    except OSError as error:
        raise CgroupError(f"cannot make {group.path}: {error}") from error
    try:
        yield group
    finally:
        deadline = time.monotonic() + EMPTY_WITHIN_SECONDS
        while (group.path / "cgroup.procs").read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        group.path.rmdir()
