"""Rows per execution during a cell, from the server's own counters."""

from __future__ import annotations

from dataclasses import dataclass

from loadtests.bench.servers import get_text

INFERENCES, EXECUTIONS = "longshore_inferences_total", "longshore_executions_total"


@dataclass(frozen=True, slots=True)
class BatchCounters:
    inferences: float
    executions: float

    def mean_since(self, before: BatchCounters) -> float | None:
        """Rows per execution between `before` and now; `None` without an execution."""
        executions = self.executions - before.executions
        return (self.inferences - before.inferences) / executions if executions else None


def read_counters(metrics_port: int) -> BatchCounters:
    """Both counters from `/metrics`."""
    exposition = get_text(metrics_port, "/metrics")
    return BatchCounters(total(exposition, INFERENCES), total(exposition, EXECUTIONS))


def total(exposition: str, name: str) -> float:
    """The sum over all series of `name` in the Prometheus text format."""
    return sum(
        float(line.rpartition(" ")[2])
        for line in exposition.splitlines()
        if line.startswith((name + "{", name + " "))
    )
