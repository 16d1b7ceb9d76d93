"""Health as Kubernetes asks for it; the same on the inference port and on the management port."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from longshore.lifecycle.drain import DrainController
from longshore.lifecycle.served_versions import ServedVersions
from longshore.rest.responses import Answer, json_answer
from longshore.rest.routes import answer_route

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

STUCK_AFTER_SECONDS = 10.0
"""An event loop that has not turned for this long is stuck, not busy."""


class Heartbeat:
    """Written by the event loop at a steady interval, read by the management thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()

    def beat(self) -> None:
        self._last = self._clock()

    @property
    def is_stuck(self) -> bool:
        return self._clock() - self._last > STUCK_AFTER_SECONDS


class Health:
    """What the probes read; safe to ask from any thread."""

    def __init__(
        self, served: ServedVersions, drain: DrainController, heartbeat: Heartbeat
    ) -> None:
        self._served = served
        self._drain = drain
        self._heartbeat = heartbeat

    @property
    def is_live(self) -> bool:
        return self.sickness is None

    @property
    def sickness(self) -> str | None:
        """What only a new process cures."""
        if self._heartbeat.is_stuck:
            return f"the event loop has not turned for {STUCK_AFTER_SECONDS:g} s"
        fault = self._served.device_fault
        return None if fault is None else f"the device is lost: {fault}"

    @property
    def is_ready(self) -> bool:
        return self.is_live and not self._drain.is_draining and self._served.is_ready

    def routes(self) -> list[BaseRoute]:
        return [
            answer_route("/v2/health/live", self.server_live),
            answer_route("/v2/health/ready", self.server_ready),
        ]

    async def server_live(self, params: dict[str, Any]) -> Answer:
        sickness = self.sickness
        if sickness is None:
            return json_answer({"live": True})
        return json_answer({"live": False, "problems": [sickness]}, 503)

    async def server_ready(self, params: dict[str, Any]) -> Answer:
        """The body says why not, and which versions are there; a probe reads the status alone."""
        detail: dict[str, Any] = {
            "ready": self.is_ready,
            "state": self.state,
            "versions": {row.version: str(row.state) for row in self._served.statuses()},
        }
        problems = self._served.describe_problems()
        if problems:
            detail["problems"] = problems
        progress = self._served.describe_progress()
        if progress:
            detail["progress"] = progress
        return json_answer(detail, 200 if self.is_ready else 503)

    @property
    def state(self) -> str:
        """The server's state in one word."""
        if self._drain.is_draining:
            return "DRAINING"
        if self._served.is_ready:
            return "READY"
        return "LOADING" if self._served.is_loading else "FAILED"
