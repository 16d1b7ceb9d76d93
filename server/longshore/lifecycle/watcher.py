"""Looking at the volume again and again, so that a new version is served without a restart."""

from __future__ import annotations

from pathlib import Path

from longshore.lifecycle.manager import ModelManager
from longshore.lifecycle.volume_events import VolumeEvents

SETTLING_POLL_SECONDS = 1.0
"""While files are being written, the next look comes sooner."""
GATHER_SECONDS = 0.1
"""After an event, for those that come with it: a copy is hundreds of them. While one is seen to go
on, as long as between two polls."""


class VersionWatcher:
    """Polls, which works on every volume, and looks sooner where the volume tells of changes."""

    def __init__(self, manager: ModelManager, root: Path, *, poll_seconds: float) -> None:
        self._manager = manager
        self._root = root
        self._poll_seconds = poll_seconds

    async def run(self) -> None:
        """Load what is there, then look again every `poll_seconds`; once only when that is 0."""
        events = VolumeEvents()
        watch = self._manager.workers.run
        try:
            while True:
                # First: what is written after the look has to raise an event, in new folders too.
                await watch(events.watch, self._root)
                await self._manager.refresh()
                if not (self._poll_seconds > 0 or self._manager.served.settling):
                    return
                await events.wait(self._pause(), gather_seconds=self._gathering())
        finally:
            events.close()

    def _pause(self) -> float:
        if not self._manager.served.settling:
            return self._poll_seconds
        return min(self._poll_seconds or SETTLING_POLL_SECONDS, SETTLING_POLL_SECONDS)

    def _gathering(self) -> float:
        return self._pause() if self._manager.served.settling else GATHER_SECONDS
