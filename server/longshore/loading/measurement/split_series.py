"""One way to divide the CPUs, measured at ascending batch sizes."""

from __future__ import annotations

from msgspec import Struct

from longshore.backends.base import Backend
from longshore.batching.cost import CostLine
from longshore.errors import DeviceLost
from longshore.loading.budget import Budget
from longshore.loading.measurement.timing import Stopwatch, Timing
from longshore.loading.plan import Split
from longshore.loading.proof.sample_inputs import Maker

GOOD_ENOUGH = 0.97
"""The smallest batch within 3 % of the best throughput is chosen: it has the lower latency."""
SERVING_SECONDS = 0.5e-3
"""CPU time that the server spends on each execution of a thread, beside what each request costs: it
runs with cold caches there (docs/decisions, 219)."""
GAIN_ON_CPU = 0.95
"""A larger batch is tried on a CPU while the last was better by 5 %: by less it may be chance."""
HARDLY_WORSE = 0.9
"""Of the best throughput, for a model on the event loop, whose turns cost more than its rows."""
PATIENCE = 2
"""Doublings of the batch that together bring no better throughput before the search stops."""
MOST_BATCH_BYTES = 512 * 2**20
"""Of the inputs of a batch that is made to be measured; the outputs and what is between them come
on top.
"""
FIRST_SAMPLES, MORE_SAMPLES = 2, 1
"""Of each batch while the largest is searched, and once all splits were searched."""


class Measurement(Struct, frozen=True):
    """What a split can sustain, by the number of rows in an execution."""

    split: Split
    cost: CostLine
    limit: str = ""
    """What kept larger batches from being measured, in a sentence, when it was not their speed."""
    serving_seconds: float = 0.0
    """What the server takes of the same CPUs for each execution."""

    def throughput(self, rows: int) -> float:
        """Rows per second of all instances together."""
        return self.split.instances * rows / self.cost.seconds(rows)

    def served_throughput(self, rows: int) -> float:
        """The same, with what the server takes."""
        seconds = self.cost.seconds(rows) + self.serving_seconds
        return self.split.instances * rows / seconds

    @property
    def best_throughput(self) -> float:
        return max(self.throughput(rows) for rows, _ in self.cost.points)

    @property
    def best_rows(self) -> int:
        """The smallest batch that is good enough."""
        served = {rows: self.served_throughput(rows) for rows, _ in self.cost.points}
        wanted = GOOD_ENOUGH * max(served.values())
        return next(rows for rows in served if served[rows] >= wanted)

    @property
    def most_rows(self) -> int:
        """The largest batch that is hardly worse than the best."""
        wanted = HARDLY_WORSE * self.best_throughput
        return max(rows for rows, _ in self.cost.points if self.throughput(rows) >= wanted)


class Bounds(Struct, frozen=True):
    """What a batch may not exceed."""

    rows: int
    seconds: float | None = None
    """One row excepted."""

    def objection(self, rows: int, seconds: float, backends: list[Backend]) -> str:
        """Why a measured batch may not be used, as a sentence; empty when it may."""
        if self.seconds is not None and seconds > self.seconds:
            return f"a batch of {rows} takes {seconds:.3g} s, above the bound of {self.seconds:g} s"
        memory = backends[0].device_memory()
        if memory is not None and not memory.has_headroom:
            return f"a batch of {rows} leaves too little device memory: {memory}"
        return ""


def least_seconds(execution_seconds: float) -> float:
    """What measuring an execution takes at least: one to warm up, and the samples."""
    return (1 + FIRST_SAMPLES + MORE_SAMPLES) * execution_seconds


class SplitSeries:
    """The timings of `split`, whose instances are `backends`, where `cpus` CPUs are to be had."""

    def __init__(
        self, split: Split, backends: list[Backend], maker: Maker, watch: Stopwatch, cpus: float
    ) -> None:
        self._split = split
        self._backends = backends
        self._maker = maker
        self._watch = watch
        self._cpus = cpus
        self._timings: dict[int, Timing] = {}
        """By rows, ascending."""
        self._limit = ""

    def seconds(self, rows: int) -> float:
        """That an execution of `rows` rows can be sustained in."""
        return self._timings[rows].sustained(self._split.instances, self._cpus)

    @property
    def measurement(self) -> Measurement:
        points = tuple((rows, self.seconds(rows)) for rows in self._timings)
        serving_seconds = SERVING_SECONDS if self._is_on_cpu else 0.0
        return Measurement(self._split, CostLine(points), self._limit, serving_seconds)

    @property
    def _is_on_cpu(self) -> bool:
        return self._backends[0].device.kind == "cpu"

    def search(self, bounds: Bounds, budget: Budget) -> None:
        """Time one row, and larger batches while they are better."""
        best, rows, disappointments = 0.0, 1, 0
        gain = GAIN_ON_CPU if self._is_on_cpu else GOOD_ENOUGH
        while rows <= bounds.rows and disappointments < PATIENCE:
            if self._timings and not self._may_try(rows, budget):
                return
            if not self._time(rows, bounds):
                return
            throughput = rows / self.seconds(rows)
            disappointments += 1
            if throughput > best / gain:
                best, disappointments = throughput, 0
            rows *= 2

    def repeat(self, budget: Budget) -> None:
        """Time each batch once more, as far as the budget allows; a GPU's own clock is not
        disturbed by others.
        """
        if not self._is_on_cpu:
            return
        for rows, timing in list(self._timings.items()):
            if not budget.allows(MORE_SAMPLES * self.seconds(rows)):
                return
            again = self._timed(rows, samples=MORE_SAMPLES, known=timing)
            self._timings[rows] = timing.least(again)

    def _may_try(self, rows: int, budget: Budget) -> bool:
        row_bytes = sum(array.nbytes for array in self._maker.make(1, seed=0).values())
        if not budget.allows(least_seconds(2 * self.seconds(rows // 2))):
            return False
        if rows * row_bytes > MOST_BATCH_BYTES:
            largest = f"{MOST_BATCH_BYTES // 2**20} MiB"
            self._limit = f"a batch of {rows} was not measured: its inputs exceed {largest}"
            return False
        return True

    def _time(self, rows: int, bounds: Bounds) -> bool:
        """Whether a batch of `rows` rows may be used."""
        try:
            timing = self._timed(rows, samples=FIRST_SAMPLES)
        except DeviceLost:
            raise
        except Exception as error:
            if not self._timings:
                raise
            self._limit = f"a batch of {rows} does not run: {error}"
            return False
        seconds = timing.sustained(self._split.instances, self._cpus)
        objection = bounds.objection(rows, seconds, self._backends)
        if objection and self._timings:
            self._limit = objection
            return False
        self._timings[rows] = timing
        return True

    def _timed(self, rows: int, *, samples: int, known: Timing | None = None) -> Timing:
        inputs = self._maker.make(rows, seed=rows)
        is_wide = self._split.threads > 1
        return self._watch.time(
            self._backends, inputs, samples=samples, is_wide=is_wide, known=known
        )
