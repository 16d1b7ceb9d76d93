"""What is known of a request, and of an execution, once it is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct, field

from longshore.batching.pending_request import PendingRequest
from longshore.execution.batch_execution import Execution
from longshore.execution.model import Model
from longshore.rest.target import Target

CLIENT_LEFT = 499
"""No answer was sent: the client had left. nginx's status, which is never sent."""


class RequestTrace(Struct, eq=False):
    """The ids of a request that is sampled; the contexts are OpenTelemetry's `SpanContext`."""

    context: Any
    parent: Any
    """The client's span; `None` where the trace begins here."""
    trace_id: str
    """32 hexadecimal digits."""
    answer_header: tuple[bytes, bytes]
    """Tells the client the ids."""


class BatchRecord(Struct, eq=False):
    """One execution, without its tensors; times are monotonic seconds."""

    model: str
    version: str
    device: str
    rows: int
    requests: int
    started: float
    ended: float
    seconds: float
    """Less than from start to end where the device was still busy with the batch before it."""
    input_seconds: float
    infer_seconds: float
    output_seconds: float
    is_failed: bool
    """Not one request got an output."""
    links: Sequence[Any] = ()
    """`SpanContext` of each sampled request in it."""
    context: Any = None
    """Of its own span; `None` without a sampled request."""


class RequestRecord(Struct, eq=False):
    """One request on the inference port; times are monotonic seconds."""

    started: float
    target: Target | None
    """`None` for what is no inference."""
    trace: RequestTrace | None = None
    """`None` for a request that is not sampled."""
    status: int = 0
    bytes_in: int = 0
    """Of its body, as it was sent, as far as it was read."""
    bytes_out: int = 0
    """Of the answer's body."""
    is_refused: bool = False
    """The connection answered itself, because the body is malformed."""
    version: str | None = None
    outcome: str | None = None
    """As the metrics count it; `None` where no version was ready, and for what is no inference."""
    seconds: float = 0.0
    """As `longshore_request_duration_seconds` observed it."""
    pending: PendingRequest | None = None
    rows: int | None = None
    admitted: float | None = None
    taken: float | None = None
    """When its first row was taken out of the queue."""
    batches: list[BatchRecord] = field(default_factory=list)
    """The executions of its rows: several where it has more rows than a batch."""
    ended: float = 0.0

    def admit(self, pending: PendingRequest) -> None:
        """It waits to be computed; `pending` leads its executions back to this record."""
        self.pending = pending
        pending.record = self

    def settle(self, version: str, outcome: str, seconds: float) -> None:
        """Its outcome is counted, and its answer is about to be sent."""
        self.version, self.outcome, self.seconds = version, outcome, seconds

    def close(self, now: float) -> None:
        """It is over. What it held is let go: `pending` refers to this record."""
        self.ended = now
        self.status = self.status or CLIENT_LEFT
        pending, self.pending = self.pending, None
        if pending is not None:
            self.rows, self.admitted, self.taken = pending.rows, pending.admitted, pending.started

    @property
    def left_queue(self) -> float | None:
        """When its first row began to be computed, or it was given up waiting."""
        if self.admitted is None:
            return None
        if self.batches:
            return self.batches[0].started
        return self.ended if self.taken is None else self.taken

    @property
    def queue_seconds(self) -> float | None:
        left = self.left_queue
        return None if left is None or self.admitted is None else left - self.admitted

    @property
    def compute_seconds(self) -> float:
        """Of the executions of its rows; each counts whole, because it waited for all of it."""
        return sum([batch.seconds for batch in self.batches])

    @property
    def batch_rows(self) -> int:
        """Rows that were executed together with its own, those included."""
        return sum([batch.rows for batch in self.batches])


def records_of(execution: Execution) -> list[RequestRecord]:
    """Of the requests in it, each once, those that are over already included."""
    found = dict.fromkeys([done.part.request.record for done in execution.results])
    return [record for record in found if isinstance(record, RequestRecord)]


def batch_record(model: Model, execution: Execution, requests: int) -> BatchRecord:
    return BatchRecord(
        model=model.name,
        version=model.version,
        device=model.backend.device.kind,
        rows=execution.rows,
        requests=requests,
        started=execution.started,
        ended=execution.ended,
        seconds=execution.seconds,
        input_seconds=execution.input_seconds,
        infer_seconds=execution.infer_seconds,
        output_seconds=execution.output_seconds,
        is_failed=all(isinstance(done.result, Exception) for done in execution.results),
    )
