"""Which of the requests that wait make the next batch.

First come, first served over groups of requests that may share an execution.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import TypeAlias

from msgspec import Struct

from longshore.batching.batch import Batch, BatchPart
from longshore.batching.padding import PaddingPlan
from longshore.batching.pending_request import PendingRequest
from longshore.batching.sharing import Sharing

Group: TypeAlias = deque[PendingRequest]
"""Requests of one group, in order of arrival."""


class BatchingPolicy(Struct, frozen=True):
    """What may share an execution, and how long an idle instance waits for it to fill."""

    max_rows: int
    """Most rows in one execution; 1 with `is_batched` false hands on each request whole."""
    is_batched: bool = False
    max_delay_seconds: float = 0.0
    preferred_rows: tuple[int, ...] = ()
    """With a delay, a batch that reaches one of these is sent without waiting further."""
    padding: PaddingPlan | None = None
    sharing: Sharing | None = None
    """Of rows among idle instances; without it the first takes as many as fit."""


class RequestGroups:
    """Not thread-safe: `batching.request_queue` holds its lock around every call.

    A client may give up at any moment all the same: whether a request is wanted is asked anew
    wherever it matters.
    """

    def __init__(self, policy: BatchingPolicy) -> None:
        self.policy = policy
        self._groups: dict[Hashable, Group] = {}
        self.length = 0
        """Requests that wait, those that nobody waits for any more included until dropped."""

    def put(self, request: PendingRequest) -> None:
        group = self._groups.get(request.group)
        if group is None:
            group = self._groups[request.group] = deque()
        group.append(request)
        self.length += 1

    def untouched(self) -> list[PendingRequest]:
        """Requests of which nothing was taken yet."""
        return [r for group in self._groups.values() for r in group if r.started is None]

    def drop_unwanted(self, now: float) -> int:
        """Forget requests that nobody waits for; returns how many."""
        before = self.length
        for key, group in list(self._groups.items()):
            kept: Group = deque()
            for request in group:
                if request.is_wanted(now):
                    kept.append(request)
                else:
                    self._drop(request)
            if kept:
                self._groups[key] = kept
            else:
                del self._groups[key]
        return before - self.length

    def due(self, now: float, *, may_wait: bool) -> tuple[Group | None, float | None]:
        """Of the groups that need not wait for more rows, the one whose first request came
        earliest; without any, the seconds until the first need not. Drops what nobody waits for.
        """
        policy = self.policy
        is_delayed = may_wait and policy.is_batched and policy.max_delay_seconds
        due: Group | None = None
        wait_seconds: float | None = None
        for key, group in list(self._groups.items()):
            while group and not group[0].is_wanted(now):
                self._drop(group.popleft())
            if not group:
                del self._groups[key]
                continue
            if is_delayed:
                left = group[0].arrived + policy.max_delay_seconds - now
                if left > 0 and not self._is_worth_sending(group, now):
                    wait_seconds = left if wait_seconds is None else min(wait_seconds, left)
                    continue
            if due is None or group[0].arrived < due[0].arrived:
                due = group
        return due, wait_seconds

    def _drop(self, request: PendingRequest) -> None:
        """Forget a request that was taken out of its group because it is not wanted."""
        self.length -= 1
        if request.timer is None and not request.is_abandoned:
            request.expire()  # taken on the event loop: nothing else would answer it

    def is_full(self, group: Group, now: float) -> bool:
        policy = self.policy
        return not policy.is_batched or self._rows_below(policy.max_rows, group, now) is None

    def _is_worth_sending(self, group: Group, now: float) -> bool:
        """Whether its rows fill a batch, or are as many as the model prefers."""
        rows = self._rows_below(self.policy.max_rows, group, now)
        return rows is None or rows in self.policy.preferred_rows

    def _rows_below(self, most: int, group: Group, now: float) -> int | None:
        """Rows that somebody waits for; `None` when they are `most` or more."""
        rows = 0
        for request in group:
            if request.is_wanted(now):
                rows += request.rows_left
                if rows >= most:
                    return None
        return rows

    def _share(self, group: Group, now: float, idle_instances: int) -> int:
        """Most rows that one of `idle_instances` takes."""
        policy = self.policy
        if idle_instances == 1 or policy.sharing is None:
            return policy.max_rows
        rows = self._rows_below(policy.max_rows * idle_instances, group, now)
        if not rows:
            return policy.max_rows
        return policy.sharing.rows_each(rows, idle_instances, most=policy.max_rows)

    def take(self, group: Group, now: float, *, idle_instances: int = 1) -> Batch | None:
        """For one of `idle_instances`; `None` when every client of the group gave up since it was
        chosen.
        """
        policy = self.policy
        key = group[0].group
        parts: list[BatchPart] = []
        room = self._share(group, now, idle_instances)
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
            if stop == request.rows:
                group.popleft()
                self.length -= 1
            if not policy.is_batched:
                break
        if not group:
            del self._groups[key]
        return Batch(parts, policy.padding) if parts else None
