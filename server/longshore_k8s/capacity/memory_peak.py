"""The most memory that a pod took, by looking often."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

LOCAL_SECONDS = 0.1
"""Between two looks at a cgroup."""


class MemoryPeak:
    """For a `with` statement; looks on a thread of its own."""

    def __init__(self, read: Callable[[], int | None], interval: float = LOCAL_SECONDS) -> None:
        self._read = read
        self._interval = interval
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.bytes = 0
        """Most so far; 0 where nobody knows."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(self._interval):
            with suppress(OSError):  # no server at this moment
                self.bytes = max(self.bytes, self._read() or 0)
