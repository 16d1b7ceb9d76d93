"""Counters and histograms that one thread writes and any thread reads.

prometheus_client takes a lock for every addition, twice and more for an observation. The event loop
is the only writer of what a request moves, so these take none, and cost a fifth.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString


class Count:
    """The running total of one label set."""

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value = 0.0

    def inc(self, amount: float = 1.0) -> None:
        self._value += amount

    def read(self) -> float:
        return self._value


class Distribution:
    """The observations of one label set, by bucket."""

    __slots__ = ("_bounds", "counts", "exemplars", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """By bucket, not cumulated; the last one is for what exceeds every bound."""
        self.total = 0.0
        self.exemplars: dict[int, Exemplar] = {}
        """The newest of each bucket that has one."""

    def observe(self, amount: float) -> None:
        self.counts[bisect_left(self._bounds, amount)] += 1
        self.total += amount

    def exemplify(self, amount: float, labels: dict[str, str]) -> None:
        """Say what an amount that was observed belongs to; only OpenMetrics shows it."""
        exemplar = Exemplar(labels, amount, time.time())
        self.exemplars[bisect_left(self._bounds, amount)] = exemplar


class _Sampled(Collector):
    """A metric whose value is computed when it is read."""

    _family: type[CounterMetricFamily | GaugeMetricFamily]

    def __init__(
        self, name: str, help: str, labels: tuple[str, ...], registry: CollectorRegistry
    ) -> None:
        self._name = name
        self._help = help
        self._labels = labels
        self._readers: dict[tuple[str, ...], Callable[[], float | None]] = {}
        registry.register(self)

    def set_function(self, labels: tuple[str, ...], read: Callable[[], float | None]) -> None:
        """`read` returns the value for `labels`, `None` for no series; it is called from the thread
        that serves `/metrics`.
        """
        self._readers[labels] = read

    def describe(self) -> Iterable[Metric]:
        return [self._family(self._name, self._help, labels=self._labels)]

    def collect(self) -> Iterator[Metric]:
        family = self._family(self._name, self._help, labels=self._labels)
        for labels, read in list(self._readers.items()):
            value = read()
            if value is not None:
                family.add_metric(labels, value)
        yield family


class SampledCounter(_Sampled):
    """A running total, such as the time integral of a level that seldom changes."""

    _family = CounterMetricFamily


class SampledGauge(_Sampled):
    """A level that others keep, such as the kernel."""

    _family = GaugeMetricFamily


class CountTally(SampledCounter):
    """A counter by labels."""

    def __init__(
        self, name: str, help: str, labels: tuple[str, ...], registry: CollectorRegistry
    ) -> None:
        super().__init__(name, help, labels, registry)
        self._counts: dict[tuple[str, ...], Count] = {}

    def labels(self, *values: str) -> Count:
        count = self._counts.get(values)
        if count is None:
            count = self._counts[values] = Count()
            self.set_function(values, count.read)
        return count

    def total(self) -> float:
        """Of all labels."""
        return sum(count.read() for count in self._counts.values())


class DistributionTally(Collector):
    """A histogram by labels; `buckets` are upper bounds, ascending, without infinity."""

    def __init__(
        self,
        name: str,
        help: str,
        labels: tuple[str, ...],
        registry: CollectorRegistry,
        *,
        buckets: Sequence[float],
    ) -> None:
        self._name = name
        self._help = help
        self._labels = labels
        self.buckets = buckets
        self._names = [
            floatToGoString(bound)  # type: ignore[no-untyped-call]
            for bound in (*buckets, float("inf"))
        ]
        self._distributions: dict[tuple[str, ...], Distribution] = {}
        registry.register(self)

    def labels(self, *values: str) -> Distribution:
        return self._distributions.setdefault(values, Distribution(self.buckets))

    def describe(self) -> Iterable[Metric]:
        return [HistogramMetricFamily(self._name, self._help, labels=self._labels)]

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(self._name, self._help, labels=self._labels)
        for values, found in list(self._distributions.items()):
            cumulated = accumulate(found.counts[:])
            buckets = [
                (name, count, exemplar) if exemplar else (name, count)
                for name, count, exemplar in zip(
                    self._names,
                    cumulated,
                    map(found.exemplars.get, range(len(self._names))),
                    strict=True,
                )
            ]
            family.add_metric(values, buckets, found.total)
        yield family
