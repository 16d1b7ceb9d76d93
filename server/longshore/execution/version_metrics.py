"""The metrics of one model version, bound to its labels."""

from __future__ import annotations

from collections.abc import Sequence

from longshore.batching.cost import CostModel
from longshore.execution.batch_execution import Execution
from longshore.loading.plan import ExecutionPlan
from longshore.metrics import ServerMetrics


class VersionMetrics:
    """The children that every execution moves, looked up once."""

    def __init__(self, metrics: ServerMetrics, name: str, version: str) -> None:
        self._executions = metrics.executions.labels(name, version)
        self._inferences = metrics.inferences.labels(name, version)
        self._compute = metrics.compute_duration_seconds.labels(name, version)
        self._predicted = metrics.predicted_compute_seconds.labels(name, version)
        self._cost_factor = metrics.cost_factor.labels(name, version)
        self._queue = metrics.queue_duration_seconds.labels(name, version)
        self._batch_size = metrics.batch_size.labels(name, version)
        self._out_of_memory = metrics.out_of_memory.labels(name, version)
        self._max_batch_size = metrics.max_batch_size.labels(name, version)
        self._instances = metrics.instances.labels(name, version)
        self._threads = metrics.threads.labels(name, version)
        self._seconds_per_row = metrics.seconds_per_row.labels(name, version)

    def show_plan(self, plan: ExecutionPlan, cost: CostModel) -> None:
        self._instances.set(plan.instances)
        self._threads.set(plan.threads)
        self._seconds_per_row.set(cost.calibrated_seconds_per_row)
        self.show_max_rows(plan.max_batch_size)

    def show_max_rows(self, rows: int) -> None:
        self._max_batch_size.set(rows)

    def show_cost_factor(self, factor: float) -> None:
        self._cost_factor.set(factor)

    def observe(
        self, execution: Execution, waits: Sequence[float], predicted_seconds: float
    ) -> None:
        """Count one execution; `waits` are the seconds that its requests were queued."""
        self._executions.inc()
        self._inferences.inc(execution.rows)
        self._compute.observe(execution.seconds)
        self._predicted.inc(predicted_seconds)
        self._batch_size.observe(execution.rows)
        if execution.out_of_memory_rows:
            self._out_of_memory.inc(len(execution.out_of_memory_rows))
        for wait in waits:
            self._queue.observe(wait)
