"""Executors of batches: a thread of their own each, or the event loop for very cheap models."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial

from longshore.backends.base import Backend
from longshore.batching.batch import Batch
from longshore.batching.request_queue import RequestQueue
from longshore.errors import InferenceFailed
from longshore.execution.batch_execution import BegunBatch, Execution, Observer, execute_batch
from longshore.execution.delivery import deliver
from longshore.execution.lone_executions import LoneExecutions

logger = logging.getLogger(__name__)

LARGE_INPUT_BYTES = 4 * 1024 * 1024
"""Rows of an open shape may be a thousand times those that were measured."""
RESTART_PAUSE_SECONDS = 0.1
"""Before an instance that failed begins again, so that a lasting fault does not use up the CPU."""


@dataclass(eq=False)
class Executor(ABC):
    """Takes batches from the queue until it is closed."""

    name: str
    backend: Backend
    queue: RequestQueue
    _: KW_ONLY
    loop: asyncio.AbstractEventLoop
    observe: Observer
    clock: Callable[[], float] = time.monotonic

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def notify(self) -> None:
        """Something was put into the queue; called on the event loop."""

    @abstractmethod
    def join(self, timeout_seconds: float) -> bool:
        """Wait for the work to end; false when it did not."""

    @property
    @abstractmethod
    def is_alive(self) -> bool: ...


@dataclass(eq=False)
class ModelInstance(Executor):
    """Executes on a thread of its own and picks its next batch itself."""

    lone: LoneExecutions | None = None
    """Shared by all instances; `None` where every batch runs on `backend`."""

    def __post_init__(self) -> None:
        self._idle_since = -math.inf
        self._in_flight: deque[BegunBatch] = deque()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def notify(self) -> None:
        """The queue wakes the thread."""

    def join(self, timeout_seconds: float) -> bool:
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        """Work until the queue is closed. What escapes costs the batches in flight, and no more:
        the instance starts anew.
        """
        while True:
            try:
                return self._work()
            except BaseException:
                logger.critical("instance failed, starting anew: name=%s", self.name,
                                exc_info=True)  # fmt: skip
                self._give_up()
                time.sleep(RESTART_PAUSE_SECONDS)

    def _give_up(self) -> None:
        while self._in_flight:
            self.loop.call_soon_threadsafe(self._in_flight.popleft().batch.fail, _failed())

    def _work(self) -> None:
        """Keep up to `pipeline_depth` batches in flight; a second one only when it is full."""
        in_flight = self._in_flight
        while True:
            batch = self.queue.take_full() if in_flight else self.queue.take()
            if batch is not None:
                in_flight.append(self._begin(batch))
                if len(in_flight) < self.backend.pipeline_depth:
                    continue
            elif not in_flight:
                return
            del batch
            self._finish(in_flight[0])
            in_flight.popleft()

    def _begin(self, batch: Batch) -> BegunBatch:
        wide = self.lone.backend(batch.rows) if self.lone is not None and batch.is_alone else None
        backend = self.backend if wide is None else wide
        return BegunBatch(backend, batch, clock=self.clock, is_wide=wide is not None)

    def _finish(self, begun: BegunBatch) -> None:
        execution = begun.finish(idle_since=self._idle_since)
        if self.lone is not None and self.queue.was_alone(begun.batch):
            self.lone.learn(execution)
        self._idle_since = self.clock()
        self.loop.call_soon_threadsafe(deliver, execution, self.observe)


@dataclass(eq=False)
class InlineInstance(Executor):
    """Executes on the event loop, once all that arrived in the same turn is queued.

    For models that cost less than handing them to a thread. After each batch the loop gets a turn
    to read and write, so a long queue does not block it. A row that is far larger than those that
    were measured goes to a worker thread all the same.
    """

    def __post_init__(self) -> None:
        self._is_scheduled = False

    def start(self) -> None:
        """Nothing to start."""

    def notify(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self.loop.call_soon(self._work)

    def join(self, timeout_seconds: float) -> bool:
        return len(self.queue) == 0

    @property
    def is_alive(self) -> bool:
        return True

    def _work(self) -> None:
        """What escapes costs the batch at hand, and no more: the instance starts anew."""
        self._is_scheduled = False
        batch: Batch | None = None
        try:
            batch = self.queue.take_now()
            if batch is None:
                return
            if batch.input_bytes() >= LARGE_INPUT_BYTES:
                self._execute_elsewhere(batch)
                return
            execution = execute_batch(self.backend, batch, clock=self.clock)
        except Exception:
            self._begin_anew(batch)
            return
        deliver(execution, self.observe)
        if len(self.queue):
            self.notify()

    def _execute_elsewhere(self, batch: Batch) -> None:
        """On a worker thread, and nothing else meanwhile: one execution at a time."""
        self.loop.run_in_executor(
            None, partial(execute_batch, self.backend, batch, clock=self.clock)
        ).add_done_callback(partial(self._deliver_large, batch))
        self._is_scheduled = True

    def _deliver_large(self, batch: Batch, execution: asyncio.Future[Execution]) -> None:
        if execution.cancelled() or execution.exception() is not None:
            self._begin_anew(batch, None if execution.cancelled() else execution.exception())
            return
        deliver(execution.result(), self.observe)
        self._work()

    def _begin_anew(self, batch: Batch | None, error: BaseException | None = None) -> None:
        logger.critical("instance failed, starting anew: name=%s", self.name,
                        exc_info=error or True)  # fmt: skip
        if batch is not None:
            batch.fail(_failed())
        self._is_scheduled = True
        self.loop.call_later(RESTART_PAUSE_SECONDS, self._work)


def _failed() -> InferenceFailed:
    return InferenceFailed("the instance that ran the model failed")
