"""Collects the records of requests and executions, and tells of them after the answers."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.types import Scope

from longshore.execution.batch_execution import Execution
from longshore.execution.model import Model
from longshore.metrics import ServerMetrics
from longshore.rest.observation.access_log import AccessLog
from longshore.rest.observation.exemplars import set_exemplars
from longshore.rest.observation.record import (
    BatchRecord,
    RequestRecord,
    batch_record,
    records_of,
)
from longshore.rest.observation.refusal import read_refusal
from longshore.rest.target import Target

if TYPE_CHECKING:  # needs the extra otel
    from longshore.rest.tracing.tracer import Tracer

logger = logging.getLogger(__name__)

Finished: TypeAlias = tuple[RequestRecord, Scope]


class Observer:
    """Used on the event loop only.

    What a request costs before its answer is written is the making of its record, and whether it is
    sampled. All else is done in the next turn of the loop, or on threads.
    """

    def __init__(
        self,
        metrics: ServerMetrics,
        *,
        tracer: Tracer | None = None,
        access_log: AccessLog | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metrics = metrics
        self._tracer = tracer
        self._access_log = access_log
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._finished: list[Finished] = []
        self._batches: list[BatchRecord] = []
        self._is_scheduled = False

    def begin(self, scope: Scope, target: Target | None) -> RequestRecord:
        """The record of a request whose head has arrived."""
        record = RequestRecord(self._clock(), target)
        if self._tracer is not None and target is not None:
            record.trace = self._tracer.begin(scope)
        return record

    def note_execution(self, model: Model, execution: Execution) -> None:
        """Called for each execution, before its requests go on."""
        records = records_of(execution)
        is_traced = any(record.trace is not None for record in records)
        if self._access_log is None and not is_traced:
            return
        batch = batch_record(model, execution, len(records))
        for record in records:
            record.batches.append(batch)
        if self._tracer is not None and is_traced:
            self._tracer.join(batch, records)
            self._batches.append(batch)
            self._schedule()

    def finish(self, record: RequestRecord, scope: Scope) -> None:
        """The application is done with a request; its answer is on its way."""
        record.close(self._clock())
        self._finished.append((record, scope))
        self._schedule()

    def note_refusal(self, connection: Any, status: int, reason: str) -> None:
        """`LimitedProtocol` has answered `status` itself, and ends the connection."""
        refusal = read_refusal(connection, status, reason)
        if refusal is not None and self._access_log is not None:
            self._access_log.take_refusal(refusal)

    async def close(self) -> None:
        """Tell what is left, however long that takes: the caller bounds the time."""
        self._tell()
        closing = [part.close for part in (self._access_log, self._tracer) if part is not None]
        await asyncio.gather(*(_on_a_thread(close) for close in closing))

    def _schedule(self) -> None:
        """In the next turn: the event loop writes what was sent in this one at the end of it."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._tell)

    def _tell(self) -> None:
        self._is_scheduled = False
        finished, self._finished = self._finished, []
        batches, self._batches = self._batches, []
        if self._access_log is not None:
            self._access_log.take(finished)
        if self._tracer is not None:
            for record, _ in finished:
                set_exemplars(self._metrics, record)
            self._tracer.take(finished, batches)


async def _on_a_thread(work: Callable[[], None]) -> None:
    """Not one of the executor's, for which the end of the process would wait."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def run() -> None:
        try:
            work()
        except Exception:
            logger.exception("not all was told before the end")
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run, name="telling", daemon=True).start()
    await done.wait()
