"""The process: both ports, the model between them, and a beginning, a middle and an end."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from longshore import __version__
from longshore.assembly import Parts
from longshore.exit_code import ExitCode

if TYPE_CHECKING:
    from longshore.rest.observation.observer import Observer

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
"""Between two heartbeats, and two samples of what requests cost."""
GC_THRESHOLD = 50_000
SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter while another waits; Python's default is ten times as
much, which the event loop would wait for each time while a worker decodes."""


class Server:
    """`run` is the whole life of the process: startup, serve, shutdown."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._served = parts.manager.served
        self._was_refused = False
        """What lay on the volume could not be served when the stop signal came."""

    async def run(self) -> ExitCode:
        """Serve until a stop signal, or until the device is lost."""
        ticking = asyncio.create_task(self._tick())
        self._startup()
        try:
            await self._serve()
        finally:
            is_clean = await self._shutdown()
            ticking.cancel()
        code = self._exit_code(is_clean)
        if self._parts.manager.workers.running:
            self._leave_at_once(code)
        return code

    def _exit_code(self, is_clean: bool) -> ExitCode:
        if self._served.device_fault is not None:
            return ExitCode.DEVICE_LOST
        return ExitCode.OK if is_clean and not self._was_refused else ExitCode.FAILED

    def _leave_at_once(self, code: ExitCode) -> None:
        """A thread cannot be interrupted, and the interpreter would wait for it."""
        logger.info("stopped while a model was being loaded or looked for")
        logging.shutdown()
        os._exit(code)

    def _startup(self) -> None:
        """Open both ports; they answer probes and scrapes while the model is loaded."""
        parts = self._parts
        parts.inference_port.open()
        parts.management_port.open()
        _tune_interpreter()
        parts.metrics.build_info.labels(__version__).set(1)
        parts.metrics.device_lost.set_function(lambda: float(self._served.device_fault is not None))
        if parts.device_sampler is not None:
            parts.device_sampler.start()
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(signal_number, parts.drain.request)

    async def _serve(self) -> None:
        watching = asyncio.create_task(self._parts.watcher.run())
        try:
            await self._parts.drain.wait_until_requested()
        finally:
            watching.cancel()

    async def _shutdown(self) -> bool:
        """Accept for the drain delay, close the listener, finish what is queued; false when time
        ran out.
        """
        parts = self._parts
        self._was_refused = not self._served.is_ready and bool(self._served.describe_problems())
        await parts.drain.wait_delay()
        started = time.monotonic()
        timeout = parts.drain.timeout_seconds
        await parts.inference_port.close_listener()
        is_clean = await parts.drain.wait_for(parts.inference_port.serving, timeout)
        if not is_clean:
            self._say_what_is_left(time.monotonic() - started)
            await parts.inference_port.cut_short()
        left = max(0.0, timeout - (time.monotonic() - started))
        is_clean &= await parts.manager.close(left)
        if parts.observer is not None:
            await self._tell_what_is_left(parts.observer, started + timeout)
        parts.management_port.close()
        parts.converters.close()
        logger.info("stopped")
        return is_clean

    async def _tell_what_is_left(self, observer: Observer, deadline: float) -> None:
        """Lines and spans of the last requests, within the drain's time."""
        telling = asyncio.create_task(observer.close())
        left = max(0.0, deadline - time.monotonic())
        if not await self._parts.drain.wait_for(telling, left):
            logger.warning("not waiting any longer for traces and log lines to be taken")

    def _say_what_is_left(self, waited_seconds: float) -> None:
        logger.error(
            "not waiting any longer for work to end: waited_s=%.1f requests=%d connections=%d %s",
            waited_seconds,
            self._parts.signal.inflight,
            self._parts.inference_port.connections,
            self._served.describe_work(),
        )

    async def _tick(self) -> None:
        """From the first moment to the last, the drain included: probes go on all the while."""
        while True:
            self._parts.heartbeat.beat()
            self._parts.signal.sample(
                self._served.models,
                connections=self._parts.inference_port.connections,
                is_disturbed=self._parts.manager.workers.running > 0,
            )
            self._give_up_a_lost_device()
            for secret in self._parts.secrets:
                secret.refresh()
            await asyncio.sleep(TICK_SECONDS)

    def _give_up_a_lost_device(self) -> None:
        """Only a new process gets a working device: drain, and let the kubelet start one."""
        drain = self._parts.drain
        if self._served.device_fault is not None and not drain.is_draining:
            drain.request()


def _tune_interpreter() -> None:
    """Let threads take turns sooner, leave the modules out of every garbage collection, and collect
    after many more allocations.

    A request allocates some hundred objects and none of them in a cycle; with the default of 700
    the collector runs every few requests, for nothing. `commands.serve` stops it for the imports,
    which make nothing but what stays.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)
    gc.enable()
