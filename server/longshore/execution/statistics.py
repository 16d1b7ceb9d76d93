"""Running totals of one model version, as Triton's statistics extension counts them.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_statistics.md
"""

from __future__ import annotations

from msgspec import Struct, field

from longshore.batching.pending_request import PendingRequest
from longshore.execution.batch_execution import Execution


class BatchTotals(Struct):
    """Of the executions of one number of rows; seconds."""

    executions: int = 0
    input_seconds: float = 0.0
    infer_seconds: float = 0.0
    output_seconds: float = 0.0


class ModelStatistics(Struct):
    """Written and read on the event loop only.

    The seconds in the queue and of the three phases of computing are those of answered requests,
    so that all are told with the count of `successes`. Each request of a batch counts the whole
    execution, because it waited for all of it; what several instances computed of it at once counts
    once.
    """

    last_inference_milliseconds: int = 0
    """Since the epoch; 0 before the first execution."""
    inference_count: int = 0
    """Rows of the requests that were answered."""
    execution_count: int = 0
    """Of executions that gave at least one request its rows."""
    successes: int = 0
    success_seconds: float = 0.0
    failures: int = 0
    failure_seconds: float = 0.0
    queue_seconds: float = 0.0
    input_seconds: float = 0.0
    infer_seconds: float = 0.0
    output_seconds: float = 0.0
    by_rows: dict[int, BatchTotals] = field(default_factory=dict)
    """Executions by their rows."""

    def record_success(self, request: PendingRequest, seconds: float) -> None:
        """A request was answered `seconds` after it arrived."""
        self.successes += 1
        self.success_seconds += seconds
        self.inference_count += request.rows
        self.queue_seconds += request.queue_seconds
        self.input_seconds += request.input_seconds
        self.infer_seconds += request.infer_seconds
        self.output_seconds += request.output_seconds

    def record_failure(self, seconds: float) -> None:
        """A request was refused, failed, or given up by its client."""
        self.failures += 1
        self.failure_seconds += seconds

    def record_execution(self, execution: Execution, now_milliseconds: int) -> None:
        self.last_inference_milliseconds = now_milliseconds
        if all(isinstance(done.result, Exception) for done in execution.results):
            return
        self.execution_count += 1
        totals = self.by_rows.get(execution.rows)
        if totals is None:
            totals = self.by_rows[execution.rows] = BatchTotals()
        totals.executions += 1
        totals.input_seconds += execution.input_seconds
        totals.infer_seconds += execution.infer_seconds
        totals.output_seconds += execution.output_seconds
