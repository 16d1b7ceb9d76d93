"""Learning what an execution costs, and choosing batch size, instances and threads from it.

On CPUs a bigger batch is often slower per row, and one wide execution slower than several narrow
ones: both depend on the model and the machine, so both are measured.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import fmean

from longshore.backends.base import Backend
from longshore.batching.cost import CostLine
from longshore.execution.sample_inputs import SampleMaker

GOOD_ENOUGH = 0.97
"""The smallest batch within 3 % of the best throughput is chosen: it has the lower latency."""
PATIENCE = 2
"""Doublings of the batch without a better throughput before the search stops."""
LARGEST_BATCH = 1024
SAMPLE_SECONDS = 0.015
"""Least time spent on one point, so that a cheap model is measured over many executions."""
LEAST_SAMPLES = 3
MOST_SAMPLES = 10_000
HANDOVER_SECONDS = 100e-6
"""Price of waking a thread and of answering from it, under load; a cheaper model runs inline."""
INLINE_BATCH_SECONDS = 1e-3
"""Longest execution that may hold the event loop."""


@dataclass(frozen=True, slots=True)
class Split:
    """CPUs divided among executions at once."""

    instances: int
    threads: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """One split, measured at ascending batch sizes with all its instances at work."""

    split: Split
    cost: CostLine

    def throughput(self, rows: int) -> float:
        """Rows per second of all instances together."""
        return self.split.instances * rows / self.cost.seconds(rows)

    @property
    def best_throughput(self) -> float:
        return max(self.throughput(rows) for rows, _ in self.cost.points)

    @property
    def best_rows(self) -> int:
        """The smallest batch that is good enough."""
        wanted = GOOD_ENOUGH * self.best_throughput
        return next(rows for rows, _ in self.cost.points if self.throughput(rows) >= wanted)


class Budget:
    """The time that a calibration may take; it stops where it is when that is spent."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self.seconds = seconds
        self.has_stopped = False
        """Something was left unmeasured for want of time."""
        self._end = clock() + seconds

    def allows(self, seconds: float) -> bool:
        """Whether `seconds` more fit into what is left."""
        fits = self.clock() + seconds < self._end
        self.has_stopped = self.has_stopped or not fits
        return fits


def candidate_splits(cpus: int, *, instances: int | None, threads: int | None) -> list[Split]:
    """Ways to divide `cpus` CPUs, narrow executions first; what is pinned stays as it is."""
    if instances is not None and threads is not None:
        return [Split(instances, threads)]
    if instances is not None:
        return [Split(instances, max(1, cpus // instances))]
    if threads is not None:
        return [Split(max(1, cpus // threads), threads)]
    widths = [width for width in (1, 2, 4, 8, 16, 32, 64) if width < cpus] + [cpus]
    return [Split(cpus // width, width) for width in widths]


def measure(
    load: Callable[[Split], list[Backend]],
    splits: Iterable[Split],
    maker: SampleMaker,
    *,
    largest_batch: int,
    budget: Budget,
) -> list[Measurement]:
    """Every split that the budget allows; the first point of the first split is always measured."""
    measurements: list[Measurement] = []
    for split in splits:
        if measurements and not budget.allows(_least_seconds(measurements[0].cost.points[0][1])):
            break
        points = _measure_split(load(split), maker, largest_batch, budget)
        measurements.append(Measurement(split, CostLine(tuple(points))))
    return measurements


def choose(measurements: list[Measurement]) -> Measurement:
    """The best throughput; within 3 % of it the split with fewer instances, for its latency."""
    best = max(m.best_throughput for m in measurements)
    good = [m for m in measurements if m.best_throughput >= GOOD_ENOUGH * best]
    return min(good, key=lambda m: m.split.instances)


def runs_inline(cost: CostLine) -> bool:
    """Whether a request costs less to compute than to hand over."""
    return cost.seconds(1) < HANDOVER_SECONDS


def largest_inline_batch(cost: CostLine, rows: int) -> int:
    """The largest batch up to `rows` that does not hold the event loop for too long."""
    while rows > 1 and cost.seconds(rows) > INLINE_BATCH_SECONDS:
        rows //= 2
    return rows


def _least_seconds(execution_seconds: float) -> float:
    """What measuring an execution takes at least: one to warm up, and the samples."""
    return (1 + LEAST_SAMPLES) * execution_seconds


def _measure_split(
    backends: list[Backend], maker: SampleMaker, largest_batch: int, budget: Budget
) -> list[tuple[int, float]]:
    points: list[tuple[int, float]] = []
    best = 0.0
    rows, disappointments = 1, 0
    while rows <= largest_batch and disappointments < PATIENCE:
        if points and not budget.allows(_least_seconds(2 * points[-1][1])):
            break
        try:
            seconds = _seconds_per_execution(backends, maker, rows, budget)
        except Exception:
            if not points:
                raise
            break  # this batch is too large for the model or the memory
        points.append((rows, seconds))
        throughput = rows / seconds
        disappointments = 0 if throughput > best / GOOD_ENOUGH else disappointments + 1
        best = max(best, throughput)
        rows *= 2
    return points


def _seconds_per_execution(
    backends: list[Backend], maker: SampleMaker, rows: int, budget: Budget
) -> float:
    """The fastest execution of each instance, all at work at once; their mean."""
    inputs = maker.make(rows, seed=rows)
    start = threading.Barrier(len(backends))

    def fastest(backend: Backend) -> float:
        names = backend.signature.output_names
        try:
            backend.execute(inputs, names)
        except Exception:
            start.abort()
            raise
        start.wait()
        return _fastest_execution(lambda: backend.execute(inputs, names), budget.clock)

    with ThreadPoolExecutor(len(backends)) as pool:
        return fmean(pool.map(fastest, backends))


def _fastest_execution(execute: Callable[[], object], clock: Callable[[], float]) -> float:
    begun = clock()
    fastest = float("inf")
    for sample in range(1, MOST_SAMPLES + 1):
        before = clock()
        execute()
        after = clock()
        fastest = min(fastest, after - before)
        if sample >= LEAST_SAMPLES and after - begun >= SAMPLE_SECONDS:
            break
    return fastest
