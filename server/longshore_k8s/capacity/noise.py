"""What else the machine does, from its own count of busy CPUs (proc_stat(5))."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from longshore_k8s.capacity.unsound import UnsoundError

STAT = Path("/proc/stat")
IDLE_SECONDS = 2.0
BUSY_CORES = 0.2
"""CPUs that others may have before a load: more, and the knee is partly theirs."""


def busy_seconds(cores: Iterable[int]) -> float:
    """CPU seconds so far that `cores` were not idle; what a hypervisor took counts."""
    names = {f"cpu{number}" for number in cores}
    ticks = 0
    for line in STAT.read_text().splitlines():
        words = line.split()
        if words and words[0] in names:
            user, nice, system, _, _, irq, softirq, steal = map(int, words[1:9])
            ticks += user + nice + system + irq + softirq + steal
    return ticks / os.sysconf("SC_CLK_TCK")


def require_quiet(cores: frozenset[int], seconds: float = IDLE_SECONDS) -> None:
    """
    Raises:
        UnsoundError: others use the cores.
    """
    before = busy_seconds(cores)
    time.sleep(seconds)
    others = (busy_seconds(cores) - before) / seconds
    if others > BUSY_CORES:
        raise UnsoundError(noise_sentence(others))


def noise_sentence(others: float) -> str:
    return (
        f"a noisy machine: others use {others:.1f} of its CPUs, so the knee would be theirs too; "
        "measure on an idle one, or say --noisy to be told the number all the same"
    )
