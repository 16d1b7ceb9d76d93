"""Whether executions that have all CPUs to themselves run wide, on as many threads.

What is best for a pod in a crowd, several executions of few threads each, leaves a lone request on
one CPU while the others idle. A second backend of one wide execution costs its memory, and the
frameworks offer nothing less: a pool of threads that several executions share is in their way in
a crowd (docs/decisions, 144).
"""

from __future__ import annotations

from longshore.batching.cost import CostLine
from longshore.cgroups.memory import free_memory
from longshore.loading.plan import WidePlan
from longshore.repository.artifact import Artifact

WORTHWHILE = 0.9
"""Seconds of a wide execution over those of a narrow one, for one row, at most. What is found is
kept, and beside others models were found at 0.80 and 0.87 that are at 0.52 and 0.63 alone."""
MEMORY_SHARE = 0.25
"""Of what is free, at most, for the artifact once more."""


def widen(narrow: CostLine, wide: CostLine, threads: int) -> tuple[WidePlan | None, str]:
    """How a lone execution runs, and why, in a sentence."""
    share = wide.seconds(1) / narrow.seconds(1)
    if share > WORTHWHILE:
        return None, f"a lone execution on {threads} threads would take {share:.2f} times as long"
    found = f"a lone execution runs on {threads} threads, {share:.2f} times as long"
    return WidePlan(threads, wide), found


def objection(artifact: Artifact) -> str:
    """Why there is no room for the model once more, in a sentence; empty when there is."""
    free, needed = free_memory(), _bytes(artifact)
    if free is None or needed <= MEMORY_SHARE * free:
        return ""
    return (
        f"lone executions do not run wide: the model once more takes {needed >> 20} MiB, and "
        f"{free >> 20} MiB are free"
    )


def _bytes(artifact: Artifact) -> int:
    files = [artifact.directory / name for name in artifact.files] or [artifact.path]
    return sum(file.stat().st_size for file in files)
