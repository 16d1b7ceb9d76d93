"""Liveness and readiness for the probes of Kubernetes, the same on both ports."""

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
"""An event loop that has not run for this long is blocked, not busy."""
NOT_READY_HELP = (
    "in a cluster, `longshore doctor RELEASE -n NAMESPACE` names the first link that is broken"
)


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
    """What the probes report; safe to use from any thread."""

    def __init__(
        self, served: ServedVersions, drain: DrainController, heartbeat: Heartbeat
    ) -> None:
        self._served = served
        self._drain = drain
        self._heartbeat = heartbeat

    @property
    def is_live(self) -> bool:
        return self.fatal_problem is None

    @property
    def fatal_problem(self) -> str | None:
        """Why only a new process can serve again; `None` while this one can."""
        if self._heartbeat.is_stuck:
            return f"the event loop has not run for {STUCK_AFTER_SECONDS:g} s"
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
        problem = self.fatal_problem
        if problem is None:
            return json_answer({"live": True})
        return json_answer({"live": False, "problems": [problem]}, 503)

    async def server_ready(self, params: dict[str, Any]) -> Answer:
        """The body lists the versions and what is wrong; probes read only the status."""
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
        if not self.is_ready:
            detail["help"] = NOT_READY_HELP
        return json_answer(detail, 200 if self.is_ready else 503)

    @property
    def state(self) -> str:
        """The server's state in one word."""
        if self._drain.is_draining:
            return "DRAINING"
        if self._served.is_ready:
            return "READY"
        return "LOADING" if self._served.is_loading else "FAILED"
