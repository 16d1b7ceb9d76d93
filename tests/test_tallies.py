from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from longshore.tallies import CountTally, DistributionTally

BOUNDS = (0.5, 1.0, 2.5)
OBSERVED = (0.1, 0.5, 0.6, 1.0, 2.0, 3.0, 100.0)


def scraped(registry: CollectorRegistry) -> list[str]:
    return [
        line for line in generate_latest(registry).decode().splitlines() if "_created" not in line
    ]


def test_a_count_is_exported_as_prometheus_own_counter_is():
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tally = CountTally("c_total", "What it is.", ("model",), ours)
    counter = Counter("c_total", "What it is.", ("model",), registry=theirs)

    for metric in (tally, counter):
        metric.labels("a").inc()
        metric.labels("a").inc(2.5)
        metric.labels("b")
    assert scraped(ours) == scraped(theirs)


def test_a_distribution_is_exported_as_prometheus_own_histogram_is():
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tally = DistributionTally("h", "What it is.", ("model",), ours, buckets=BOUNDS)
    histogram = Histogram("h", "What it is.", ("model",), buckets=BOUNDS, registry=theirs)

    for metric in (tally, histogram):
        metric.labels("b")
        for amount in OBSERVED:
            metric.labels("a").observe(amount)
    assert scraped(ours) == scraped(theirs)


@pytest.mark.parametrize("kind", [CountTally, lambda *a: DistributionTally(*a, buckets=BOUNDS)])
def test_a_name_is_taken_once(kind):
    registry = CollectorRegistry()
    kind("m", "What it is.", (), registry)

    with pytest.raises(ValueError, match="m"):
        kind("m", "What it is.", (), registry)
