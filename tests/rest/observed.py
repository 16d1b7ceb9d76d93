"""An observer whose access log is kept in a list."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from longshore.metrics import ServerMetrics
from longshore.rest.observation.access_log import AccessLog
from longshore.rest.observation.observer import Observer

NOON = 1_800_000_000.25


@dataclass
class LoggedRequests:
    """What an observer would write."""

    metrics: ServerMetrics
    clock: object
    records: list[logging.LogRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log = AccessLog(self.records.extend, wall_clock=lambda: NOON)
        self.observer = Observer(self.metrics, access_log=self.log, clock=self.clock)  # type: ignore[arg-type]

    async def lines(self) -> list[dict]:
        """The fields of every line so far; called once."""
        await asyncio.sleep(0)
        await self.observer.close()
        return [record.fields for record in self.records]
