"""Learning what an execution costs, and choosing batch size, instances and threads from it.

On CPUs a bigger batch is often slower per row, and one wide execution slower than several narrow
ones: both depend on the model and the machine, so both are measured. A GPU is measured by its own
clock, with the pipeline kept full, as long as its memory allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import floor

from longshore.backends.base import Backend
from longshore.batching.cost import CostLine
from longshore.cpu.quantity import whole_cpus
from longshore.loading.budget import Budget
from longshore.loading.measurement.split_series import (
    Bounds,
    Measurement,
    SplitSeries,
    least_seconds,
)
from longshore.loading.measurement.timing import Stopwatch
from longshore.loading.plan import Split
from longshore.loading.proof.sample_inputs import Maker
from longshore.progress import Progress

AS_GOOD = 0.9
"""Splits within 10 % of the best throughput are as good: two measurements of one differ by so much.
Executions on few threads waste the least CPU, so a wide one has to be better by more than chance.
"""
LARGEST_BATCH = 1024
HANDOVER_SECONDS = 100e-6
"""Price of waking a thread and of answering from it, under load; a cheaper model runs inline."""
INLINE_BATCH_SECONDS = 1e-3
"""Longest execution that may hold the event loop."""


def candidate_splits(cpus: float, *, instances: int | None, threads: int | None) -> list[Split]:
    """Ways to divide `cpus` CPUs, narrow executions first; what is pinned stays as it is.

    Of a fraction the whole CPUs above and below are divided: one thread more uses it up, and is
    held back by the quota for the rest of each period, which may cost more than it brings.
    """
    if instances is not None and threads is not None:
        return [Split(instances, threads)]
    wholes = {whole_cpus(cpus), whole_cpus(floor(cpus))}
    splits = {split for whole in wholes for split in _divide(whole, instances, threads)}
    return sorted(splits, key=lambda split: (split.threads, -split.instances))


def _divide(cpus: int, instances: int | None, threads: int | None) -> list[Split]:
    if instances is not None:
        return [Split(instances, max(1, cpus // instances))]
    if threads is not None:
        return [Split(max(1, cpus // threads), threads)]
    widths = [width for width in (1, 2, 4, 8, 16, 32, 64) if width < cpus] + [cpus]
    return [Split(cpus // width, width) for width in widths]


def measure(
    load: Callable[[Split], list[Backend]],
    splits: Iterable[Split],
    maker: Maker,
    *,
    cpus: float,
    bounds: Bounds,
    budget: Budget,
    stopwatch: Stopwatch,
    progress: Progress | None = None,
    is_beside_work: bool = False,
) -> list[Measurement]:
    """Every split that the budget allows; the first point of the first split is always measured.
    What `cpus` CPUs can sustain counts. Beside the work of others one instance stands for all.

    All splits are measured before the first is measured again: a machine that is slower for a while
    is slower for several.
    """
    progress = progress or Progress()
    series: list[SplitSeries] = []
    for split in splits:
        if series and not budget.allows(least_seconds(series[0].seconds(1))):
            break
        progress.begin(f"measuring {split} instances x threads")
        backends = load(split)[:1] if is_beside_work else load(split)
        found = SplitSeries(split, backends, maker, stopwatch, cpus)
        found.search(bounds, budget)
        series.append(found)
    for found in series:
        found.repeat(budget)
    return [found.measurement for found in series]


def choose(measurements: list[Measurement]) -> Measurement:
    """The best throughput; within what measurements vary by the split with more instances, so that
    every start chooses the same.
    """
    best = max(m.best_throughput for m in measurements)
    good = [m for m in measurements if m.best_throughput >= AS_GOOD * best]
    return max(good, key=lambda m: m.split.instances)


def runs_inline(cost: CostLine, cpus: float) -> bool:
    """Whether a request costs less CPU to compute than to hand over."""
    return _unthrottled(cost.seconds(1), cpus) < HANDOVER_SECONDS


def largest_inline_batch(cost: CostLine, cpus: float, rows: int) -> int:
    """The largest batch up to `rows` that does not hold the event loop for too long."""
    while rows > 1 and _unthrottled(cost.seconds(rows), cpus) > INLINE_BATCH_SECONDS:
        rows //= 2
    return rows


def _unthrottled(seconds: float, cpus: float) -> float:
    """Of an execution on one thread that takes `seconds` where less than one CPU is sustained."""
    return seconds * min(1.0, cpus)
