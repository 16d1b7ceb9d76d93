"""Events of the volume, where the kernel tells of them: inotify(7).

Network file systems tell nothing of what other machines write, and a kernel may refuse; the watcher
therefore polls all the same, and an event only makes it look sooner.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
from contextlib import suppress
from itertools import islice
from pathlib import Path

logger = logging.getLogger(__name__)

# linux/inotify.h
IN_ATTRIB, IN_CLOSE_WRITE = 0x4, 0x8
IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE = 0x40, 0x80, 0x100, 0x200
CHANGES = IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE
READ_BYTES, MAX_READS = 65536, 64
"""At once: more than the kernel keeps by default (16,384 events of 32 bytes with short names)."""
MAX_WATCHES, MAX_ENTRIES = 1000, 10_000
"""More directories than this are left to polling: the kernel's limit is shared by all of a user;
and what lies behind more entries of any kind."""


class VolumeEvents:
    """Watches directories; lives on the event loop, `watch` apart, and is closed with `close`."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._open()

    def watch(self, root: Path) -> None:
        """Watch `root` and the directories in it, those behind links too; again after each look,
        for new ones. A directory that is watched already stays so. Takes as long as the volume
        does to answer: called on a worker thread.
        """
        if self._descriptor < 0:
            return
        with suppress(OSError):
            top = root if root.is_dir() else root.parent
            self._add(top)
            with os.scandir(top) as entries:
                looked_at = islice(entries, MAX_ENTRIES)
                directories = (entry.path for entry in looked_at if entry.is_dir())
                for directory in islice(directories, MAX_WATCHES - 1):
                    self._add(directory)

    def _add(self, directory: str | Path) -> None:
        self._libc.inotify_add_watch(self._descriptor, os.fsencode(directory), CHANGES)

    async def wait(self, timeout_seconds: float, *, gather_seconds: float = 0.0) -> bool:
        """Whether something changed within `timeout_seconds`, or since the last time. Others that
        come within `gather_seconds` of it are part of it; however many, the event loop wakes once.
        """
        self._listen()
        try:
            await asyncio.wait_for(self._changed.wait(), timeout_seconds)
        except TimeoutError:
            return False
        finally:
            self._listen_no_more()
        await asyncio.sleep(gather_seconds)
        self._forget()
        return True

    def close(self) -> None:
        if self._descriptor >= 0:
            self._listen_no_more()
            os.close(self._descriptor)
            self._descriptor = -1

    def _listen(self) -> None:
        self._changed.clear()
        if self._descriptor >= 0:
            asyncio.get_running_loop().add_reader(self._descriptor, self._note)

    def _listen_no_more(self) -> None:
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)

    def _note(self) -> None:
        self._listen_no_more()
        self._changed.set()

    def _forget(self) -> None:
        """What happened does not matter: the volume is looked at as a whole. What the kernel could
        not keep (`max_queued_events`) does not either.
        """
        with suppress(BlockingIOError):
            for _ in range(MAX_READS):
                os.read(self._descriptor, READ_BYTES)

    def _open(self) -> int:
        try:
            descriptor: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        except AttributeError:  # not Linux
            return -1
        if descriptor < 0:
            reason = os.strerror(ctypes.get_errno())
            logger.info("no events from the volume, polling alone: reason=%s", reason)
        return descriptor
