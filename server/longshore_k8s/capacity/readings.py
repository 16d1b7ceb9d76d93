"""What the pod says of itself on its management port, at one moment."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass

from longshore_k8s.capacity.client_process import Address

TIMEOUT_SECONDS = 30.0
RESOURCES = {"cpu": "the CPUs", "event_loop": "the event loop", "instances": "the model"}
THROTTLED_SHARE = 0.05
"""Of the periods: a pod that is held back more often is bound by its quota."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Counters since the start, and a gauge; `None` is what the kernel does not tell."""

    at: float
    answer_seconds: float
    """How long the management port took to answer."""
    working_set: int | None
    periods: float
    throttled: float
    offered_seconds: float
    resource_seconds: dict[str, float]
    executions: float
    compute_seconds: float
    cost_factor: float
    missing_cpus: float
    """By how much the CPUs that it can have are fewer than those of its limit."""

    @classmethod
    def of(cls, address: Address) -> Readings:
        """Raises OSError where it does not answer."""
        begin = time.monotonic()
        text = get_text(address, "/metrics")
        seconds = time.monotonic() - begin
        rows = list(_samples(text))

        def total(name: str) -> float:
            return sum(value for found, _, value in rows if found == name)

        working_set = total("longshore_memory_working_set_bytes")
        return cls(
            at=time.monotonic(),
            answer_seconds=seconds,
            working_set=int(working_set) or None,
            periods=total("longshore_cpu_quota_periods_total"),
            throttled=total("longshore_cpu_throttled_periods_total"),
            offered_seconds=total("longshore_offered_work_seconds_total"),
            resource_seconds={
                labels["resource"]: value
                for found, labels, value in rows
                if found == "longshore_offered_resource_seconds_total"
            },
            executions=total("longshore_compute_duration_seconds_count"),
            compute_seconds=total("longshore_compute_duration_seconds_sum"),
            cost_factor=max(
                (value for found, _, value in rows if found == "longshore_cost_factor"), default=0.0
            ),
            missing_cpus=max(0.0, total("longshore_cpus") - total("longshore_available_cpus")),
        )


@dataclass(frozen=True, slots=True)
class Change:
    """Between two readings."""

    before: Readings
    after: Readings

    @property
    def seconds(self) -> float:
        return self.after.at - self.before.at

    @property
    def throttled_share(self) -> float:
        """Of the periods of the CPU quota in which the pod had work."""
        periods = self.after.periods - self.before.periods
        return (self.after.throttled - self.before.throttled) / periods if periods > 0 else 0.0

    @property
    def utilization(self) -> float:
        """What an autoscaler would have read."""
        return (self.after.offered_seconds - self.before.offered_seconds) / self.seconds

    @property
    def bound_by(self) -> str:
        """What was asked for most."""
        if self.throttled_share > THROTTLED_SHARE:
            return "the CPU quota"
        asked = {
            name: value - self.before.resource_seconds.get(name, 0.0)
            for name, value in self.after.resource_seconds.items()
        }
        if not any(asked.values()):
            return "nothing that it counts"
        most = max(asked, key=lambda name: asked[name])
        return RESOURCES.get(most, most)


def get_text(address: Address, path: str) -> str:
    """The body of a GET; raises OSError."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    except http.client.HTTPException as error:
        raise OSError(f"{address.host}:{address.port} answers no HTTP: {error}") from error
    finally:
        connection.close()


def _samples(text: str) -> list[tuple[str, dict[str, str], float]]:
    from prometheus_client.parser import text_string_to_metric_families

    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
