"""Looking at the volume again and again, so that a new version is served without a restart."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from longshore.errors import ModelConfigError, ModelLoadError
from longshore.lifecycle.manager import ModelManager
from longshore.lifecycle.volume_events import VolumeEvents

logger = logging.getLogger(__name__)

SETTLING_POLL_SECONDS = 1.0
"""While files are being written, the next look comes sooner."""
GATHER_SECONDS = 0.1
"""After an event, for those that come with it: a copy is hundreds of them."""


class VersionWatcher:
    """Polls, which works on every volume, and looks sooner where the volume tells of changes."""

    def __init__(self, manager: ModelManager, root: Path, *, poll_seconds: float) -> None:
        self._manager = manager
        self._root = root
        self._poll_seconds = poll_seconds
        self._last_problems: tuple[str, ...] = ()

    async def run(self) -> None:
        """Load what is there, then look again every `poll_seconds`; once only when that is 0."""
        events = VolumeEvents()
        try:
            events.watch(self._root)
            await self.look()
            while self._poll_seconds > 0 or self._manager.is_settling:
                events.watch(self._root)
                if await events.wait(self._pause()):
                    await asyncio.sleep(GATHER_SECONDS)
                await self.look()
        finally:
            events.close()

    def _pause(self) -> float:
        if not self._manager.is_settling:
            return self._poll_seconds
        return min(self._poll_seconds or SETTLING_POLL_SECONDS, SETTLING_POLL_SECONDS)

    async def look(self) -> None:
        """One look; what is wrong is reported once, and never disturbs what is served."""
        try:
            await self._manager.refresh()
        except (ModelLoadError, ModelConfigError, OSError) as error:
            self._manager.problems = (str(error),)
            self._manager.is_settling = False
        problems = self._manager.problems
        if problems != self._last_problems:
            for problem in problems:
                logger.warning("not served: %s", problem)
            self._last_problems = problems
