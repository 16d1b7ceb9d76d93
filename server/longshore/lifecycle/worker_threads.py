"""Threads for what may take long or hang: reading the volume, loading a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class WorkerThreads:
    """Knows how many are at work, those included that nobody waits for any more: a thread cannot be
    interrupted, and the interpreter would wait for it at its end.
    """

    def __init__(self) -> None:
        self._running: set[object] = set()

    @property
    def running(self) -> int:
        return len(self._running)

    async def run(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        token = object()

        def run() -> T:
            try:
                return step(*args, **kwargs)
            finally:
                self._running.discard(token)

        self._running.add(token)
        return await asyncio.to_thread(run)
