"""One execution of a batch: concatenate, run, split, and find the request that caused an error."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence

from msgspec import Struct

from longshore.backends.base import Backend, Begun
from longshore.batching.batch import Batch, BatchPart
from longshore.errors import (
    DeviceLost,
    ExecutionFailed,
    InferenceFailed,
    InvalidRequest,
    LongshoreError,
    OutOfDeviceMemory,
)
from longshore.execution import input_fault
from longshore.tensors import Tensors

logger = logging.getLogger(__name__)


class PartResult(Struct, eq=False):
    """What one execution gave to one part of a batch."""

    part: BatchPart
    result: Tensors | Exception


class Execution(Struct, eq=False):
    """An executed batch, to be delivered on the event loop."""

    results: list[PartResult]
    rows: int
    started: float
    ended: float
    seconds: float
    """Duration of the whole execution, from its inputs to its outputs; from the end of the one
    before it where that was later than `started`."""
    input_seconds: float
    """Of it, joining and padding the inputs of the requests."""
    infer_seconds: float
    """Of it, the backend's work, copies to and from a device included; all of it where the batch
    had to be run again in pieces."""
    output_seconds: float
    """Of it, splitting the outputs by request."""
    out_of_memory_rows: tuple[int, ...]
    """Rows of each batch tried for which the device had no memory."""
    is_wide: bool = False
    """Whether it ran as the plan's `wide` says."""


Observer = Callable[[Execution], None]


class BegunBatch:
    """A batch that was given to the backend; `finish` once, on the same thread.

    When it fails and holds several requests, each is tried again alone: a request that makes the
    model fail thus fails alone, and its neighbours get their answers; whether its inputs or the
    model are at fault is found out by running it again, and the model's sample. When the device
    had no memory for it, its halves are tried.
    """

    def __init__(
        self,
        backend: Backend,
        batch: Batch,
        *,
        clock: Callable[[], float] = time.monotonic,
        is_wide: bool = False,
    ) -> None:
        self.batch = batch
        self._backend = backend
        self._is_wide = is_wide
        self._clock = clock
        self._begun: Begun | LongshoreError
        self.started = self._inputs_ready = clock()
        try:
            inputs = batch.concatenate()
            self._inputs_ready = clock()
            self._begun = backend.begin(inputs, batch.output_names())
        except BaseException as error:  # SystemExit too, which would end the thread unheard
            self._begun = public_error(error)

    def finish(self, *, idle_since: float = -math.inf) -> Execution:
        """Wait for the outputs. The device worked on this batch from `idle_since` (the end of the
        batch before it) when that was later than its own start.
        """
        oom_rows: list[int] = []
        outputs = _outputs(self._begun)
        computed = self._clock()
        answers = _answers(self.batch, outputs)
        if isinstance(answers, LongshoreError):
            results = _try_smaller(self._backend, self.batch, answers, oom_rows)
            computed = self._clock()
        else:
            results = _results(self.batch, answers)
        if oom_rows:
            self._lower_limit(rows_that_fit(oom_rows))
        ended = self._clock()
        return Execution(
            results,
            self.batch.rows,
            self.started,
            ended,
            ended - max(self.started, idle_since),
            self._inputs_ready - self.started,
            computed - max(self._inputs_ready, idle_since),
            ended - computed,
            tuple(oom_rows),
            self._is_wide,
        )

    def _lower_limit(self, rows: int) -> None:
        try:
            self._backend.limit_rows(rows)
        except Exception:  # the answers are there, and the queue hands out smaller batches anyway
            logger.exception("the backend keeps what it prepared for larger batches: rows=%d", rows)


def execute_batch(
    backend: Backend, batch: Batch, *, clock: Callable[[], float] = time.monotonic
) -> Execution:
    """Run `batch` from its beginning to its end."""
    return BegunBatch(backend, batch, clock=clock).finish()


def rows_that_fit(oom_rows: Sequence[int]) -> int:
    """The size of batches to continue with after these sizes were too large for the memory."""
    return max(1, min(oom_rows) // 2)


def _outputs(begun: Begun | LongshoreError) -> Tensors | LongshoreError:
    if isinstance(begun, LongshoreError):
        return begun
    try:
        return begun()
    except BaseException as error:
        return public_error(error)


def _answers(batch: Batch, outputs: Tensors | LongshoreError) -> list[Tensors] | LongshoreError:
    if isinstance(outputs, LongshoreError):
        return outputs
    try:
        return batch.split(outputs)
    except BaseException as error:
        return public_error(error)


def _results(batch: Batch, answers: list[Tensors]) -> list[PartResult]:
    return list(map(PartResult, batch.parts, answers))


def _try_smaller(
    backend: Backend, batch: Batch, error: LongshoreError, oom_rows: list[int]
) -> list[PartResult]:
    """What the parts get after the batch failed as a whole."""
    smaller: Sequence[Batch] = ()
    if isinstance(error, OutOfDeviceMemory):
        oom_rows.append(batch.rows)
        if batch.rows > 1:
            logger.warning("no device memory for a batch, running its halves: rows=%d", batch.rows)
            smaller = batch.halves()
    elif len(batch.parts) > 1 and not isinstance(error, DeviceLost):
        logger.warning("batch failed, running its requests alone: rows=%d", batch.rows)
        smaller = batch.alone()
    if not smaller and len(batch.parts) == 1:
        return [PartResult(batch.parts[0], _answer_alone(backend, batch, error))]
    if not smaller:
        return [PartResult(part, error) for part in batch.parts]
    return [result for piece in smaller for result in _run(backend, piece, oom_rows)]


def _answer_alone(
    backend: Backend, batch: Batch, error: LongshoreError
) -> Tensors | LongshoreError:
    """What a request gets that failed with `error` and nothing else beside it. One that fails again
    while the model's own sample still runs is an input that the model cannot compute.
    """
    if isinstance(error, InvalidRequest):
        return input_fault.with_shapes(str(error), batch)
    sample = backend.sample
    if not isinstance(error, ExecutionFailed) or sample is None:
        return error
    again = _outputs(_begin(backend, batch))
    if not isinstance(again, LongshoreError):
        answers = _answers(batch, again)
        return answers if isinstance(answers, LongshoreError) else answers[0]
    if not isinstance(again, ExecutionFailed) or not input_fault.runs_sample(
        backend, sample, batch.output_names()
    ):
        return again
    return input_fault.with_shapes(f"the model cannot compute its inputs: {again}", batch)


def _begin(backend: Backend, batch: Batch) -> Begun | LongshoreError:
    try:
        return backend.begin(batch.concatenate(), batch.output_names())
    except BaseException as error:
        return public_error(error)


def _run(backend: Backend, batch: Batch, oom_rows: list[int]) -> list[PartResult]:
    answers = _answers(batch, _outputs(_begin(backend, batch)))
    if isinstance(answers, LongshoreError):
        return _try_smaller(backend, batch, answers, oom_rows)
    return _results(batch, answers)


def public_error(error: BaseException) -> LongshoreError:
    """An error whose message may go to the client; anything unforeseen is logged in full."""
    if isinstance(error, LongshoreError):
        return error
    logger.error("the backend raised an unexpected error", exc_info=error)
    return InferenceFailed(f"the model failed: {type(error).__name__}")
