"""Requests that wait for an instance.

The event loop puts, the instances take from their own threads: an instance that has finished picks
its next rows itself and never waits for a busy loop.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

from longshore.batching.batch import Batch, BatchPart
from longshore.batching.padding import PaddingPlan
from longshore.batching.pending_request import PendingRequest


@dataclass(frozen=True, slots=True)
class BatchingPolicy:
    """What may share an execution, and how long an idle instance waits for it to fill."""

    max_rows: int = 1
    """Most rows in one execution; 1 with `is_batched` false hands on each request whole."""
    is_batched: bool = False
    max_delay_seconds: float = 0.0
    preferred_rows: tuple[int, ...] = ()
    """With a delay, a batch that reaches one of these is sent without waiting further."""
    padding: PaddingPlan | None = None


class RequestQueue:
    """First come, first served over groups of requests that may share a batch; thread-safe."""

    def __init__(
        self, policy: BatchingPolicy, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.policy = policy
        self._clock = clock
        self._groups: dict[Hashable, deque[PendingRequest]] = {}
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting_instances = 0
        self._is_closed = False
        self._length = 0
        self.pending_rows = 0
        """Rows that wait, those of requests nobody waits for any more included until dropped."""

    def __len__(self) -> int:
        """Requests that wait for an instance; asked for from any thread, without the lock."""
        return self._length

    def put(self, request: PendingRequest) -> None:
        with self._lock:
            group = self._groups.get(request.group)
            if group is None:
                group = self._groups[request.group] = deque()
            group.append(request)
            self.pending_rows += request.rows
            self._length += 1
            if self._waiting_instances:
                self._changed.notify()

    def take(self) -> Batch | None:
        """Wait for rows to compute; `None` once the queue is closed and empty."""
        with self._lock:
            while True:
                batch, wait_seconds = self._next_batch()
                if batch is not None:
                    return batch
                if self._is_closed and not self._groups:
                    return None
                self._waiting_instances += 1
                try:
                    self._changed.wait(wait_seconds)
                finally:
                    self._waiting_instances -= 1

    def take_now(self) -> Batch | None:
        """The next batch, or `None` when nothing waits."""
        with self._lock:
            return self._next_batch(may_wait=False)[0]

    def take_full(self) -> Batch | None:
        """The next batch if waiting cannot make it larger, else `None`.

        For an instance that already has one in flight: a batch that is not full gains more from
        growing while the device is busy than from being begun early.
        """
        with self._lock:
            while True:
                now = self._clock()
                group, _ = self._due_group(now)
                if group is None or not self._is_full(group, now):
                    return None
                batch = self._take_from(group, now)
                if batch is not None:
                    return batch

    def limit_rows(self, rows: int) -> None:
        """Hand out at most `rows` rows from now on; more that a request has is cut."""
        with self._lock:
            self.policy = replace(self.policy, max_rows=rows)

    def close(self) -> None:
        """Let the instances end once everything that waits has been taken."""
        with self._lock:
            self._is_closed = True
            self._changed.notify_all()

    def waiting(self) -> list[PendingRequest]:
        """Requests of which nothing was handed to an instance yet."""
        with self._lock:
            return [r for group in self._groups.values() for r in group if r.started is None]

    def drop_unwanted(self) -> int:
        """Forget requests that nobody waits for; returns how many.

        They are skipped anyway when their turn comes: this frees their tensors, and keeps the
        estimate of the wait true, while the instances are busy.
        """
        dropped = 0
        with self._lock:
            now = self._clock()
            for key, group in list(self._groups.items()):
                kept: deque[PendingRequest] = deque()
                for request in group:
                    if request.is_wanted(now):
                        kept.append(request)
                    else:
                        self._drop(request)
                        dropped += 1
                if kept:
                    self._groups[key] = kept
                else:
                    del self._groups[key]
        return dropped

    def _next_batch(self, *, may_wait: bool = True) -> tuple[Batch | None, float | None]:
        """A batch, or how long to wait for one (`None`: until something is put)."""
        while True:
            now = self._clock()
            group, wait_seconds = self._due_group(now, may_wait=may_wait)
            if group is None:
                return None, wait_seconds
            batch = self._take_from(group, now)
            if batch is not None:
                return batch, None

    def _due_group(
        self, now: float, *, may_wait: bool = True
    ) -> tuple[deque[PendingRequest] | None, float | None]:
        """Of the groups that need not wait for more rows, the one whose first request came
        earliest; without any, the seconds until the first need not. Drops what nobody waits for.
        """
        policy = self.policy
        is_delayed = may_wait and policy.max_delay_seconds > 0 and policy.is_batched
        due: deque[PendingRequest] | None = None
        wait_seconds: float | None = None
        for key, group in list(self._groups.items()):
            while group and not group[0].is_wanted(now):
                self._drop(group.popleft())
            if not group:
                del self._groups[key]
                continue
            if is_delayed and not self._is_closed:
                delay_left = self._delay_left(group, now)
                if delay_left > 0:
                    if wait_seconds is None or delay_left < wait_seconds:
                        wait_seconds = delay_left
                    continue
            if due is None or group[0].arrived < due[0].arrived:
                due = group
        return due, wait_seconds

    def _drop(self, request: PendingRequest) -> None:
        """Forget a request that was taken out of its group because it is not wanted."""
        self._length -= 1
        self.pending_rows -= request.rows_left
        if request.timer is None and not request.is_abandoned:
            request.expire()  # taken on the event loop: nothing else would answer it

    def _delay_left(self, group: deque[PendingRequest], now: float) -> float:
        """Seconds for which an idle instance waits for more rows; 0 or less when it need not."""
        seconds = group[0].arrived + self.policy.max_delay_seconds - now
        if seconds > 0:
            rows = self._wanted_rows(group, now)
            if rows >= self.policy.max_rows or rows in self.policy.preferred_rows:
                return 0.0
        return seconds

    def _is_full(self, group: deque[PendingRequest], now: float) -> bool:
        return not self.policy.is_batched or self._wanted_rows(group, now) >= self.policy.max_rows

    def _wanted_rows(self, group: deque[PendingRequest], now: float) -> int:
        """Rows that somebody waits for, counted until they fill a batch."""
        rows = 0
        for request in group:
            if rows >= self.policy.max_rows:
                break
            if request.is_wanted(now):
                rows += request.rows_left
        return rows

    def _take_from(self, group: deque[PendingRequest], now: float) -> Batch | None:
        """`None` when every client of the group gave up since it was chosen."""
        policy = self.policy
        key = group[0].group
        parts: list[BatchPart] = []
        room = policy.max_rows
        while group and room > 0:
            request = group[0]
            if not request.is_wanted(now):
                self._drop(group.popleft())
                continue
            start = request.rows_taken
            stop = min(request.rows, start + room)
            parts.append(BatchPart(request, start, stop))
            request.rows_taken = stop
            request.started = request.started or now
            room -= stop - start
            self.pending_rows -= stop - start
            if stop == request.rows:
                group.popleft()
                self._length -= 1
            if not policy.is_batched:
                break
        if not group:
            del self._groups[key]
        if self._waiting_instances and self._groups:
            self._changed.notify()  # what is left is another instance's
        return Batch(parts, policy.padding) if parts else None
