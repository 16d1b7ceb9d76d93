"""The instances of one model version, as a whole: they start, run and end together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from longshore.batching.request_queue import RequestQueue
from longshore.execution.batch_execution import Observer
from longshore.execution.lone_executions import LoneExecutions
from longshore.execution.model_instance import Executor, InlineInstance, ModelInstance
from longshore.loading.loaded_model import LoadedModel

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
        kind: Callable[..., Executor] = InlineInstance
        if not is_inline:
            kind = partial(ModelInstance, lone=_lone_executions(loaded))
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


def _lone_executions(loaded: LoadedModel) -> LoneExecutions | None:
    plan = loaded.plan
    if loaded.wide is None or plan.wide is None or plan.cost is None:
        return None
    return LoneExecutions(loaded.wide, plan.wide.cost, plan.cost)
