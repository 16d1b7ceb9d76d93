"""Requests that wait for an answer, without an event loop that runs."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from longshore.batching.pending_request import PendingRequest


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def make_request(loop, clock):
    def make(rows: int, *, group=(), deadline: float = 60.0) -> PendingRequest:
        return PendingRequest(
            {"x": np.arange(rows, dtype=np.float32)},
            rows,
            group,
            ("y",),
            arrived=clock(),
            admitted=clock(),
            deadline=clock() + deadline,
            future=loop.create_future(),
            on_release=lambda request: None,
        )

    return make
