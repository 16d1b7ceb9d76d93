"""Queues as the tests of the queue and of its groups need them."""

from __future__ import annotations

from longshore.batching.batch import Batch
from longshore.batching.request_groups import BatchingPolicy
from longshore.batching.request_queue import RequestQueue
from tests.clock import FakeClock


def batched_queue(clock: FakeClock, max_rows: int = 8, **policy) -> RequestQueue:
    return RequestQueue(BatchingPolicy(max_rows, is_batched=True, **policy), clock=clock)


def parts_of(batch: Batch | None) -> list[tuple[int, int]]:
    assert batch is not None
    return [(part.start, part.stop) for part in batch.parts]
