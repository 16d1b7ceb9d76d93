"""From two looks at a server to what its signal said in between, and whether that was true.

The reading is what the shipped query gives an autoscaler: the rate of
`longshore_offered_work_seconds_total`. The truth is arriving requests per second over the capacity
C that a closed load found in the same run. Both rates have the same two instants, so their ratio
needs none of them: reading / truth = offered seconds per request x C. A scrape that a throttled
server answers late does not distort it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from loadtests.bench.processes import TICK_SECONDS
from tests.truth.cpu_groups import Throttling

RESOURCES = "longshore_offered_resource_seconds_total"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Counters at one instant."""

    at: float
    offered_seconds: float
    requests: float
    answers: float
    successes: float
    cpu_seconds: float
    """Of the server's processes."""
    machine_cpu_seconds: float
    """Of everything on this machine, and what the hypervisor took away from it."""
    throttling: Throttling
    resource_seconds: dict[str, float] = field(default_factory=dict)
    """Offered, by the resource that could be full."""


@dataclass(frozen=True, slots=True)
class Window:
    """What went on between two snapshots."""

    seconds: float
    rate: float
    """Requests that arrived, per second."""
    offered_per_request: float
    """Seconds of the pod's capacity that a request asked for, by its own count."""
    success_share: float
    cpus: float
    machine_cpus: float
    throttled_share: float
    resources_per_request: dict[str, float] = field(default_factory=dict)
    """What `offered_per_request` is the largest of."""

    @property
    def reading(self) -> float:
        return self.offered_per_request * self.rate

    def truth(self, capacity: float) -> float:
        """The share of `capacity` (requests per second) that arrived."""
        return self.rate / capacity

    def reading_to_truth(self, capacity: float) -> float:
        return self.offered_per_request * capacity


def snapshot(
    exposition: str, at: float, cpu_seconds: float, stat: str, throttling: Throttling
) -> Snapshot:
    """From `/metrics` in the Prometheus text format, and `/proc/stat` (proc(5))."""
    samples = list(_samples(exposition))

    def total(name: str, **labels: str) -> float:
        return sum(
            value
            for found, has, value in samples
            if found == name and labels.items() <= has.items()
        )

    return Snapshot(
        at=at,
        offered_seconds=total("longshore_offered_work_seconds_total"),
        requests=total("longshore_requests_total"),
        answers=total("longshore_responses_total"),
        successes=total("longshore_responses_total", outcome="success"),
        cpu_seconds=cpu_seconds,
        machine_cpu_seconds=_busy_seconds(stat),
        throttling=throttling,
        resource_seconds={
            labels["resource"]: value for name, labels, value in samples if name == RESOURCES
        },
    )


def between(before: Snapshot, after: Snapshot) -> Window:
    seconds = after.at - before.at
    requests = after.requests - before.requests
    answers = after.answers - before.answers
    return Window(
        seconds=seconds,
        rate=requests / seconds,
        offered_per_request=_ratio(after.offered_seconds - before.offered_seconds, requests),
        success_share=_ratio(after.successes - before.successes, answers),
        cpus=(after.cpu_seconds - before.cpu_seconds) / seconds,
        machine_cpus=(after.machine_cpu_seconds - before.machine_cpu_seconds) / seconds,
        throttled_share=after.throttling.share_since(before.throttling),
        resources_per_request={
            name: _ratio(seconds - before.resource_seconds.get(name, 0.0), requests)
            for name, seconds in after.resource_seconds.items()
        },
    )


def _busy_seconds(stat: str) -> float:
    """All but idle time, to which waiting for the disk belongs."""
    user, nice, system, _, _, irq, softirq, steal = map(int, stat.split("\n", 1)[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) * TICK_SECONDS


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _samples(exposition: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value
