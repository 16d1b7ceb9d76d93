"""Admission: which requests may wait, for how long, and what becomes of those that cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from msgspec import Struct

from longshore.batching.abandonment import AbandonmentBound
from longshore.batching.cost import CostModel
from longshore.batching.pending_request import PendingRequest
from longshore.batching.request_queue import RequestQueue
from longshore.errors import QueueFull, RequestTimeout
from longshore.tensors import Tensors

WAIT_SHARE = 0.5
"""Share of the time to its deadline that a request may be expected to wait. The rest is for its
execution, its answer and the error of the estimate: what is answered after the deadline was
computed in vain, and under overload that would be every request."""


class QueueBounds(Struct, frozen=True):
    """How much may wait; the bound in time is what matters, the one in number is the user's own."""

    max_wait_seconds: float
    max_requests: int
    """0 means no bound in number."""


class DynamicBatcher:
    """Puts admitted requests into the queue, from which the instances take batches.

    Natural batching: nothing waits while an instance is idle; what arrives while all are busy is
    taken together by the next one that finishes. Used on the event loop only.
    """

    def __init__(
        self,
        queue: RequestQueue,
        cost: CostModel,
        *,
        bounds: QueueBounds,
        instance_count: int,
        clock: Callable[[], float],
        on_put: Callable[[], None] | None = None,
    ) -> None:
        self.queue = queue
        self.cost = cost
        self._bounds = bounds
        self._instance_count = instance_count
        self._clock = clock
        self._on_put = on_put
        self._admitted_rows = 0
        self._expected_rows = 0.0
        self._expected_requests = 0
        self.abandonment = AbandonmentBound(clock)
        self._loop = asyncio.get_running_loop()
        self._idle_waiters: list[asyncio.Event] = []

    @property
    def admitted_rows(self) -> int:
        """Rows admitted and not yet answered, waiting or running."""
        return self._admitted_rows

    async def wait_idle(self, timeout_seconds: float) -> bool:
        """Wait until every admitted request is answered; false when time ran out."""
        if self._admitted_rows == 0:
            return True
        idle = asyncio.Event()
        self._idle_waiters.append(idle)
        try:
            await asyncio.wait_for(idle.wait(), timeout_seconds)
        except TimeoutError:
            return False
        finally:
            self._idle_waiters.remove(idle)
        return True

    def expected_wait_seconds(self) -> float:
        """Until everything admitted so far is computed, with all instances at work."""
        rows = self._admitted_rows + self._expected_rows
        return rows * self.cost.seconds_per_row / self._instance_count

    @contextmanager
    def expecting(self, rows: float) -> Iterator[None]:
        """While a request that `refuse_if_full` let through is decoded, which takes time: its
        `rows` are counted as admitted, so that what arrives meanwhile is refused before that time
        is spent on it too.
        """
        self._expected_rows += rows
        self._expected_requests += 1
        try:
            yield
        finally:
            self._expected_requests -= 1
            self._expected_rows -= rows

    def refuse_if_full(self, deadline: float) -> None:
        """Raise before any work is spent on a request that could not be answered in time.

        Raises:
            QueueFull: the expected wait exceeds the bound of the queue, the deadline, or what
                clients were seen to wait.
        """
        if not self._admitted_rows and not self._expected_requests:
            return
        wait = self.expected_wait_seconds()
        allowed = min(
            self._bounds.max_wait_seconds,
            self.abandonment.max_wait_seconds,
            WAIT_SHARE * (deadline - self._clock()),
        )
        if wait > allowed > 0:
            raise QueueFull(
                f"the expected wait of {wait:.3g} s exceeds the {allowed:.3g} s allowed",
                reason=self._reason(allowed),
                expected_wait_seconds=wait,
                retry_after_seconds=wait - allowed / 2,
            )
        waiting = len(self.queue) + self._expected_requests
        if self._bounds.max_requests and waiting >= self._bounds.max_requests:
            raise QueueFull(
                f"{self._bounds.max_requests} requests wait already",
                reason="queue_length",
                expected_wait_seconds=wait,
                retry_after_seconds=max(wait, 1.0),
            )

    def _reason(self, allowed_seconds: float) -> str:
        """Which of the bounds in time it is that allows no more than `allowed_seconds`."""
        if allowed_seconds == self._bounds.max_wait_seconds:
            return "queue_time"
        if allowed_seconds == self.abandonment.max_wait_seconds:
            return "abandonment"
        return "deadline"

    def submit(
        self,
        inputs: Tensors,
        output_names: tuple[str, ...],
        *,
        rows: int,
        group: Hashable,
        arrived: float,
        deadline: float,
    ) -> PendingRequest:
        """Admit a request that `refuse_if_full` let through; its future gives its outputs, or an
        error of the family.

        Raises:
            RequestTimeout: the deadline has passed already.
        """
        now = self._clock()
        if deadline <= now:
            raise RequestTimeout("the deadline passed before the request was read")
        request = PendingRequest(
            inputs,
            rows,
            group,
            output_names,
            arrived=arrived,
            admitted=now,
            deadline=deadline,
            future=self._loop.create_future(),
            on_release=self._release,
        )
        self._admitted_rows += rows
        if self._on_put is None:
            request.timer = self._loop.call_later(deadline - now, request.expire)
        try:
            self.queue.put(request)
            if self._on_put is not None:
                self._on_put()  # taken on the loop, in its next turns: the queue sees to deadlines
        except BaseException:
            request.abandon()
            raise
        return request

    def _release(self, request: PendingRequest) -> None:
        self._admitted_rows -= request.rows
        age_seconds = self._clock() - request.arrived
        if not request.future.cancelled():
            self.abandonment.note_answered(age_seconds)
        elif self.abandonment.note_abandoned(age_seconds):
            self._loop.call_soon(self._refuse_stale)
        if self._admitted_rows == 0:
            for waiter in self._idle_waiters:
                waiter.set()

    def _refuse_stale(self) -> None:
        """Refuse requests that have waited as long as clients do: they are about to be given up."""
        oldest = self._clock() - self.abandonment.max_wait_seconds
        for request in self.queue.waiting():
            if request.arrived < oldest:
                request.fail(
                    QueueFull(
                        "it would have waited longer than clients do",
                        reason="abandonment",
                        expected_wait_seconds=self.expected_wait_seconds(),
                    )
                )
