"""The instances of one model version, as a whole: they start, run and end together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from longshore.batching.request_queue import RequestQueue
from longshore.execution.batch_execution import Observer
from longshore.execution.model_instance import Executor, InlineInstance, ModelInstance
from longshore.loading.model_loader import LoadedModel

MIN_JOIN_SECONDS = 0.1
"""Even where no time is left: an instance that is idle ends sooner."""


class InstanceGroup:
    """Used on the event loop only; an inline model has one instance, which runs there."""

    def __init__(
        self,
        loaded: LoadedModel,
        queue: RequestQueue,
        observe: Observer,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._clock = clock
        is_inline = loaded.plan.is_inline
        kind: type[Executor] = InlineInstance if is_inline else ModelInstance
        loop = asyncio.get_running_loop()
        prefix = f"{loaded.artifact.model_name}-{loaded.artifact.version}"
        self._instances = [
            kind(f"{prefix}-{index}", backend, queue, loop=loop, observe=observe, clock=clock)
            for index, backend in enumerate(loaded.backends)
        ]
        self.on_put = self._instances[0].notify if is_inline else None
        """What to call after each request that is queued; threads are woken by the queue."""

    @property
    def are_alive(self) -> bool:
        return all(instance.is_alive for instance in self._instances)

    def start(self) -> None:
        for instance in self._instances:
            instance.start()

    async def join(self, deadline: float) -> bool:
        """Wait for all to end, which they do once the queue is closed; false when one did not."""
        ended = [
            await asyncio.to_thread(instance.join, max(MIN_JOIN_SECONDS, deadline - self._clock()))
            for instance in self._instances
        ]
        return all(ended)
