"""CPU cgroups for the server and its neighbours, and how often their quota was used up.

Sources: Linux Documentation/scheduler/sched-bwc.rst and Documentation/admin-guide/cgroup-v2.rst:
`cpu.stat` of both versions counts `nr_periods` and `nr_throttled`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from longshore_k8s.capacity.cgroups import CgroupError, pod_groups

__all__ = ["ENTER", "CgroupError", "CpuGroup", "Throttling", "cpu_group", "parse_throttling"]

ENTER = 'echo $$ > "$0" && exec "$@"'


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
    with pod_groups(cpus, purpose=f"truth-{name}") as groups:
        yield CpuGroup(groups.cpu)


def parse_throttling(text: str) -> Throttling:
    """From `cpu.stat`; without a quota the kernel counts nothing."""
    counts = dict(line.split() for line in text.splitlines())
    return Throttling(int(counts.get("nr_periods", 0)), int(counts.get("nr_throttled", 0)))
