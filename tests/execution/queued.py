"""Requests to the identity model, in a queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np

from longshore.batching.pending_request import PendingRequest
from longshore.batching.request_queue import RequestQueue


def put(queue: RequestQueue, clock: Callable[[], float], elements: int = 2) -> asyncio.Future:
    """Of one row; requests of as many elements share a batch."""
    now = clock()
    request = PendingRequest(
        {"INPUT0": np.ones((1, elements), np.float32)}, 1, elements, ("OUTPUT0",), arrived=now,
        admitted=now, deadline=now + 60.0, future=asyncio.get_running_loop().create_future(),
        on_release=lambda request: None,
    )  # fmt: skip
    queue.put(request)
    return request.future
