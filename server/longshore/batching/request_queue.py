"""The queue between the event loop and the instances.

The event loop puts, the instances take from their own threads: an instance that has finished picks
its next rows itself and never waits for a busy loop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from msgspec.structs import replace

from longshore.batching.batch import Batch
from longshore.batching.pending_request import PendingRequest
from longshore.batching.request_groups import BatchingPolicy, RequestGroups


class RequestQueue:
    """Thread-safe; what is taken next is decided by `batching.request_groups`."""

    def __init__(
        self,
        policy: BatchingPolicy,
        *,
        instance_count: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`instance_count` threads take from it."""
        self._clock = clock
        self._instance_count = instance_count
        self._groups = RequestGroups(policy)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting_instances = 0
        self._taken = 0
        self._is_closed = False

    def __len__(self) -> int:
        """Requests that wait for an instance; asked for from any thread, without the lock."""
        return self._groups.length

    @property
    def policy(self) -> BatchingPolicy:
        return self._groups.policy

    def put(self, request: PendingRequest) -> None:
        with self._lock:
            self._groups.put(request)
            if self._waiting_instances:
                self._changed.notify()

    def take(self) -> Batch | None:
        """Wait for rows to compute; `None` once the queue is closed and empty."""
        with self._lock:
            while True:
                batch, wait_seconds = self._next_batch()
                if batch is not None:
                    others_wait = self._waiting_instances == self._instance_count - 1
                    batch.is_alone = others_wait and not self._groups.length
                    return batch
                if self._is_closed and not self._groups.length:
                    return None
                self._waiting_instances += 1
                try:
                    self._changed.wait(wait_seconds)
                finally:
                    self._waiting_instances -= 1

    def was_alone(self, batch: Batch) -> bool:
        """Whether `batch` was alone when it was taken, and none was taken since."""
        return batch.is_alone and batch.number == self._taken

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
            return self._next_batch(only_full=True)[0]

    def limit_rows(self, rows: int) -> None:
        """Hand out at most `rows` rows from now on; more that a request has is cut."""
        with self._lock:
            self._groups.policy = replace(self._groups.policy, max_rows=rows)

    def close(self) -> None:
        """Let the instances end once everything that waits has been taken."""
        with self._lock:
            self._is_closed = True
            self._changed.notify_all()

    def waiting(self) -> list[PendingRequest]:
        """Requests of which nothing was handed to an instance yet."""
        with self._lock:
            return self._groups.untouched()

    def drop_unwanted(self) -> int:
        """Forget requests that nobody waits for; returns how many.

        They are skipped anyway when their turn comes: this frees their tensors, and answers what
        has expired, while the instances are busy.
        """
        with self._lock:
            return self._groups.drop_unwanted(self._clock())

    def _next_batch(
        self, *, may_wait: bool = True, only_full: bool = False
    ) -> tuple[Batch | None, float | None]:
        """A batch, or how long to wait for one (`None`: until something is put)."""
        groups = self._groups
        while True:
            now = self._clock()
            group, wait_seconds = groups.due(now, may_wait=may_wait and not self._is_closed)
            if group is None or (only_full and not groups.is_full(group, now)):
                return None, wait_seconds
            batch = groups.take(group, now, idle_instances=1 + self._waiting_instances)
            if batch is not None:
                self._taken += 1
                batch.number = self._taken
                if self._waiting_instances and groups.length:
                    self._changed.notify()  # what is left is another instance's
                return batch, None
