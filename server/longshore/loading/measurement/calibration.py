"""Learning what an execution costs, and choosing batch size, instances and threads from it.

On CPUs a bigger batch is often slower per row, and one wide execution slower than several narrow
ones: both depend on the model and the machine, so both are measured. A GPU is measured by its own
clock, with the pipeline kept full, as long as its memory allows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import floor
from statistics import fmean

from longshore.backends.base import Backend
from longshore.batching.cost import CostLine
from longshore.cpu.quantity import whole_cpus
from longshore.errors import DeviceLost
from longshore.loading.budget import Budget
from longshore.loading.plan import Split
from longshore.loading.proof.sample_inputs import Maker
from longshore.progress import Progress

GOOD_ENOUGH = 0.97
"""The smallest batch within 3 % of the best throughput is chosen: it has the lower latency."""
PATIENCE = 2
"""Doublings of the batch without a better throughput before the search stops."""
LARGEST_BATCH = 1024
MOST_BATCH_BYTES = 512 * 2**20
"""Of the inputs of a batch that is made to be measured; the outputs and what is between them come
on top.
"""
SAMPLE_SECONDS = 0.015
"""Least time spent on one point, so that a cheap model is measured over many executions."""
LEAST_SAMPLES = 3
MOST_SAMPLES = 10_000
HANDOVER_SECONDS = 100e-6
"""Price of waking a thread and of answering from it, under load; a cheaper model runs inline."""
INLINE_BATCH_SECONDS = 1e-3
"""Longest execution that may hold the event loop."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One split, measured at ascending batch sizes with all its instances at work."""

    split: Split
    cost: CostLine
    limit: str = ""
    """What kept larger batches from being measured, in a sentence, when it was not their speed."""

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
    largest_batch: int,
    budget: Budget,
    max_execution_seconds: float | None = None,
    progress: Progress | None = None,
) -> list[Measurement]:
    """Every split that the budget allows; the first point of the first split is always measured.

    Batches that take longer than `max_execution_seconds` are left out, one row excepted.
    """
    progress = progress or Progress()
    bounds = Bounds(largest_batch, max_execution_seconds)
    measurements: list[Measurement] = []
    for split in splits:
        if measurements and not budget.allows(least_seconds(measurements[0].cost.points[0][1])):
            break
        backends = load(split)
        progress.begin(f"measuring {split} instances x threads")
        points, limit = _measure_split(backends, maker, bounds, budget)
        measurements.append(Measurement(split, CostLine(tuple(points)), limit))
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


def least_seconds(execution_seconds: float) -> float:
    """What measuring an execution takes at least: one to warm up, and the samples."""
    return (1 + LEAST_SAMPLES) * execution_seconds


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a batch may not exceed."""

    rows: int
    seconds: float | None

    def objection(self, rows: int, seconds: float, backends: list[Backend]) -> str:
        """Why a measured batch may not be used, as a sentence; empty when it may."""
        if self.seconds is not None and seconds > self.seconds:
            return f"a batch of {rows} takes {seconds:.3g} s, above the bound of {self.seconds:g} s"
        memory = backends[0].device_memory()
        if memory is not None and not memory.has_headroom:
            return f"a batch of {rows} leaves too little device memory: {memory}"
        return ""


def _measure_split(
    backends: list[Backend], maker: Maker, bounds: Bounds, budget: Budget
) -> tuple[list[tuple[int, float]], str]:
    """(rows, seconds) of the batches that may be used, and what ended the search but speed."""
    points: list[tuple[int, float]] = []
    best = 0.0
    rows, disappointments = 1, 0
    row_bytes = sum(array.nbytes for array in maker.make(1, seed=0).values())
    while rows <= bounds.rows and disappointments < PATIENCE:
        if points and not budget.allows(least_seconds(2 * points[-1][1])):
            break
        if points and rows * row_bytes > MOST_BATCH_BYTES:
            largest = f"{MOST_BATCH_BYTES // 2**20} MiB"
            return points, f"a batch of {rows} was not measured: its inputs exceed {largest}"
        try:
            seconds = _seconds_per_execution(backends, maker, rows, budget)
        except DeviceLost:
            raise
        except Exception as error:
            if not points:
                raise
            return points, f"a batch of {rows} does not run: {error}"
        objection = bounds.objection(rows, seconds, backends)
        if objection and points:
            return points, objection
        points.append((rows, seconds))
        throughput = rows / seconds
        disappointments = 0 if throughput > best / GOOD_ENOUGH else disappointments + 1
        best = max(best, throughput)
        rows *= 2
    return points, ""


def _seconds_per_execution(
    backends: list[Backend], maker: Maker, rows: int, budget: Budget
) -> float:
    """Of each instance, all at work at once, the mean of their fastest executions, or of what the
    device's clock says with its pipeline full.
    """
    inputs = maker.make(rows, seed=rows)
    start = threading.Barrier(len(backends))

    def fastest(backend: Backend) -> float:
        names = backend.signature.output_names
        try:
            backend.prepare(inputs)
            before = budget.clock()
            backend.execute(inputs, names)
            first = budget.clock() - before
        except Exception:
            start.abort()
            raise
        start.wait()
        seconds = backend.device_seconds(inputs, names)
        if seconds is not None:
            return seconds
        return _fastest_execution(lambda: backend.execute(inputs, names), budget, first)

    with ThreadPoolExecutor(len(backends)) as pool:
        return fmean(pool.map(fastest, backends))


def _fastest_execution(execute: Callable[[], object], budget: Budget, first: float) -> float:
    """`first` is what an execution took before, which counts where the budget allows no other."""
    clock = budget.clock
    begun = clock()
    fastest = float("inf")
    for sample in range(1, MOST_SAMPLES + 1):
        if not budget.allows(min(first, fastest)):
            return min(first, fastest)
        before = clock()
        execute()
        after = clock()
        fastest = min(fastest, after - before)
        if sample >= LEAST_SAMPLES and after - begun >= SAMPLE_SECONDS:
            break
    return fastest
