"""What Linux says about a process and its descendants (proc(5))."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
IDLE_SHARE = 0.05
IDLE_WINDOW_SECONDS = 0.2
MIB_IN_KIB = 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """Of a whole process tree, in MiB."""

    pss: float
    """Shared pages counted in parts: the sum over processes is what they take together."""
    rss: float


def tree(pid: int) -> Iterator[int]:
    """`pid` and its descendants that are alive."""
    yield pid
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = path.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from tree(int(child))


def cpu_seconds(pid: int) -> float:
    """User and system time of the tree so far."""
    return sum(_cpu_ticks(member) for member in tree(pid)) * TICK_SECONDS


def memory(pid: int) -> Memory:
    rows = [_memory_rows(member) for member in tree(pid)]
    totals = {name: sum(row.get(name, 0) for row in rows) / MIB_IN_KIB for name in ("Pss", "Rss")}
    return Memory(totals["Pss"], totals["Rss"])


def wait_until_idle(pid: int, timeout_seconds: float) -> bool:
    """Wait until the tree has stopped computing: the server still has the last requests of wrk.

    Returns whether it did; some servers poll and are never idle.
    """
    deadline = time.monotonic() + timeout_seconds
    before = cpu_seconds(pid)
    while time.monotonic() < deadline:
        time.sleep(IDLE_WINDOW_SECONDS)
        now = cpu_seconds(pid)
        if now - before <= IDLE_SHARE * IDLE_WINDOW_SECONDS:
            return True
        before = now
    return False


def _cpu_ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def _memory_rows(pid: int) -> dict[str, int]:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}
