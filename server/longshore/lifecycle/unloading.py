"""The end of a version: requests that chose it are answered, then its memory is given back."""

from __future__ import annotations

import asyncio
import logging

from longshore.lifecycle.memory import give_back_memory
from longshore.lifecycle.served_version import ServedVersion
from longshore.lifecycle.state import ModelState
from longshore.lifecycle.worker_threads import WorkerThreads

logger = logging.getLogger(__name__)


class Unloading:
    """The versions that are on their way out; lives on the event loop."""

    def __init__(self, workers: WorkerThreads) -> None:
        self._workers = workers
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, served: ServedVersion, timeout_seconds: float) -> None:
        """`served` is ready, and takes no new requests from now on."""
        served.move(ModelState.DRAINING)
        task = asyncio.get_running_loop().create_task(self._unload(served, timeout_seconds))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait(self, timeout_seconds: float) -> bool:
        """False when one did not end in time."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_seconds)
        return not self._tasks

    async def _unload(self, served: ServedVersion, timeout_seconds: float) -> None:
        model = served.model
        assert model is not None
        ended = await model.close(timeout_seconds)
        served.model = None
        served.move(ModelState.UNLOADED)
        name, version = served.artifact.model_name, served.version
        del model
        await self._workers.run(give_back_memory)
        event = "model unloaded" if ended else "model unloaded with work unfinished"
        logger.info("%s: name=%s version=%s", event, name, version)
