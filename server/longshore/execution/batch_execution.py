"""One execution of a batch: concatenate, run, split, and blame only the request at fault."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from longshore.backends.base import Backend
from longshore.batching.batch import Batch, BatchPart
from longshore.errors import InferenceFailed, LongshoreError
from longshore.tensors import Tensors

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class PartResult:
    """What one execution gave to one part of a batch."""

    part: BatchPart
    result: Tensors | Exception


@dataclass(slots=True, eq=False)
class Execution:
    """An executed batch, on its way back to the event loop."""

    results: list[PartResult]
    rows: int
    started: float
    seconds: float
    """Duration of the backend's work, copies in and out included."""


Observer = Callable[[Execution], None]


def execute_batch(
    backend: Backend, batch: Batch, *, clock: Callable[[], float] = time.monotonic
) -> Execution:
    """Run `batch`; when it fails and holds several requests, each is tried again alone.

    A request that makes the model fail thus fails alone, and its neighbours get their answers.
    """
    started = clock()
    try:
        answers = _run(backend, batch)
        results = [
            PartResult(part, answer) for part, answer in zip(batch.parts, answers, strict=True)
        ]
    except Exception as error:
        if len(batch.parts) > 1:
            logger.warning("batch failed, running its requests alone: rows=%d", batch.rows)
            results = [_run_alone(backend, single) for single in batch.alone()]
        else:
            results = [PartResult(batch.parts[0], _public(error))]
    return Execution(results, batch.rows, started, clock() - started)


def _run(backend: Backend, batch: Batch) -> list[Tensors]:
    return batch.split(backend.execute(batch.concatenate(), batch.output_names()))


def _run_alone(backend: Backend, batch: Batch) -> PartResult:
    try:
        return PartResult(batch.parts[0], _run(backend, batch)[0])
    except Exception as error:
        return PartResult(batch.parts[0], _public(error))


def _public(error: Exception) -> LongshoreError:
    """An error whose message may go to the client; anything unforeseen is logged in full."""
    if isinstance(error, LongshoreError):
        return error
    logger.error("the backend raised an unexpected error", exc_info=error)
    return InferenceFailed(f"the model failed: {type(error).__name__}")
