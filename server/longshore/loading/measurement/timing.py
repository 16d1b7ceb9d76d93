"""What an execution takes, told apart from what others on the machine take at the same time.

On a CPU the wall clock goes on while a quota or a neighbour keeps a thread from running. An
execution on one thread is therefore timed without what that thread waited for a CPU. One on several
threads ends with the slowest of them, which nobody sees waiting: its fastest execution counts, and
the CPU clock of the process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import inf
from operator import attrgetter
from statistics import fmean
from typing import Self

from msgspec import Struct

from longshore.backends.base import Backend
from longshore.cpu.run_delay import thread_run_delay
from longshore.loading.budget import Budget
from longshore.loading.measurement.disturbance import Disturbance
from longshore.tensors import Tensors

SAMPLE_SECONDS = 0.005
"""Executions that are shorter are timed several at once."""
MOST_EXECUTIONS = 10_000
"""In one sample."""


class Timing(Struct, frozen=True):
    """Of one execution, with all instances of its split at work."""

    seconds: float
    """Without what was waited for a CPU."""
    cpu_seconds: float = 0.0
    """Of all threads; 0 where nothing is known of them, as on a GPU."""

    def least(self, other: Timing) -> Timing:
        return Timing(min(self.seconds, other.seconds), min(self.cpu_seconds, other.cpu_seconds))

    def sustained(self, instances: int, cpus: float) -> float:
        """Seconds of an execution while `instances` at once never pause and share `cpus` CPUs: a
        quota lets shorter bursts go faster.
        """
        return max(self.seconds, instances * self.cpu_seconds / cpus)


class Clocks(Struct, frozen=True):
    """In seconds, but for the wall clock, which is the budget's."""

    thread: Callable[[], float] = time.thread_time
    process: Callable[[], float] = time.process_time
    run_delay: Callable[[], float | None] = thread_run_delay


class Sample(Struct, frozen=True):
    """Executions one after the other on one thread."""

    executions: int
    fastest: float
    """Seconds of one of them."""
    seconds: float
    """Of all, as the two below."""
    cpu_seconds: float
    waited_seconds: float

    @classmethod
    def take(
        cls,
        execute: Callable[[], object],
        wall: Callable[[], float],
        clocks: Clocks,
        least_seconds: float,
    ) -> Self:
        """One execution, or as many as take `least_seconds`."""
        waited, cpu, begun = clocks.run_delay(), clocks.thread(), wall()
        executions, fastest, before = 0, inf, begun
        while executions == 0 or (before - begun < least_seconds and executions < MOST_EXECUTIONS):
            execute()
            after = wall()
            executions, fastest, before = executions + 1, min(fastest, after - before), after
        cpu_seconds = clocks.thread() - cpu
        waited_since = (clocks.run_delay() or 0.0) - (waited or 0.0)
        seconds = before - begun
        return cls(executions, fastest, seconds, cpu_seconds, min(waited_since, seconds))

    @property
    def running(self) -> float:
        """Seconds of one execution without what was waited for a CPU; a short one that was fast did
        not wait, for the interpreter's lock neither.
        """
        running = max(self.seconds - self.waited_seconds, self.cpu_seconds)
        return min(self.fastest, running / self.executions)

    @property
    def cpu(self) -> float:
        """CPU seconds of one execution on this thread."""
        return min(self.running, self.cpu_seconds / self.executions)


class Stopwatch:
    """Times executions within `budget`; `disturbance` learns how calm the machine was."""

    def __init__(
        self, budget: Budget, disturbance: Disturbance, clocks: Clocks | None = None
    ) -> None:
        self._budget = budget
        self._disturbance = disturbance
        self._clocks = clocks or Clocks()

    def time(
        self,
        backends: list[Backend],
        inputs: Tensors,
        *,
        samples: int,
        is_wide: bool,
        known: Timing | None = None,
    ) -> Timing:
        """The fastest of `samples` samples, the mean of all instances, each on a thread. They run
        once before, unless it is `known` what an execution takes. `is_wide` says that an execution
        has several threads.
        """
        clocks, marks = self._clocks, [0.0]

        def mark() -> None:
            marks[0] = clocks.process()

        start = threading.Barrier(len(backends), action=mark)

        def work(backend: Backend) -> tuple[float, list[Sample]]:
            names = backend.signature.output_names
            try:
                first = known.seconds if known else self._first(backend, inputs)
            except Exception:
                start.abort()
                raise
            start.wait()
            seconds = backend.device_seconds(inputs, names)
            if seconds is not None:
                return seconds, []
            return first, self._samples(lambda: backend.execute(inputs, names), first, samples)

        with ThreadPoolExecutor(len(backends)) as pool:
            results = list(pool.map(work, backends))
        process_seconds = clocks.process() - marks[0]
        return self._timing(results, process_seconds if is_wide else None)

    def _first(self, backend: Backend, inputs: Tensors) -> float:
        clock = self._budget.clock
        backend.prepare(inputs)
        before = clock()
        backend.execute(inputs, backend.signature.output_names)
        return clock() - before

    def _samples(self, execute: Callable[[], object], first: float, count: int) -> list[Sample]:
        """None where the budget does not allow one more execution."""
        samples: list[Sample] = []
        expected = first
        while len(samples) < count and self._budget.allows(expected):
            sample = Sample.take(execute, self._budget.clock, self._clocks, SAMPLE_SECONDS)
            samples.append(sample)
            expected = min(expected, sample.fastest)
        return samples

    def _timing(
        self, results: list[tuple[float, list[Sample]]], process_seconds: float | None
    ) -> Timing:
        """`process_seconds` of CPU went into all samples, where the threads do not say it."""
        every = [sample for _, samples in results for sample in samples]
        if not every:
            return Timing(fmean(first for first, _ in results))
        self._disturbance.add(
            sum(sample.seconds for sample in every), sum(sample.waited_seconds for sample in every)
        )
        if process_seconds is not None:
            executions = sum(sample.executions for sample in every)
            return Timing(
                _mean_of_fastest(results, attrgetter("fastest")), process_seconds / executions
            )
        return Timing(
            _mean_of_fastest(results, attrgetter("running")),
            _mean_of_fastest(results, attrgetter("cpu")),
        )


def _mean_of_fastest(
    results: list[tuple[float, list[Sample]]], of: Callable[[Sample], float]
) -> float:
    return fmean(min(map(of, samples)) for _, samples in results if samples)
