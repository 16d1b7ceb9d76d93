"""How many bytes of bodies that are not decoded yet the server holds, all clients together."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from longshore.errors import QueueFull, RequestCancelled


class ByteBudget:
    """Takes from any thread: bodies are decompressed and decoded on worker threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._lock = threading.Lock()

    def share(self) -> Share:
        """What one request takes of it."""
        return Share(self)

    @property
    def is_overdrawn(self) -> bool:
        return self._held > self._limit

    def change(self, size: int) -> None:
        with self._lock:
            self._held += size

    def check(self) -> None:
        """
        Raises:
            QueueFull: more is held than allowed.
        """
        if self.is_overdrawn:
            raise QueueFull(
                f"bodies of {self._held} bytes are being read; at most {self._limit} are allowed",
                reason="arriving_bodies",
            )


class Share:
    """The bytes held for one request; given back at the end of the `with` block."""

    def __init__(self, budget: ByteBudget) -> None:
        self.size = 0
        self._budget = budget
        self._is_returned = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_returned = True
        self._budget.change(-self.size)

    def fits(self, size: int) -> bool:
        """Take `size` bytes more; whether the budget allows it. They are held either way."""
        self._take(size)
        return not self._budget.is_overdrawn

    def take(self, size: int) -> None:
        """Take `size` bytes more.

        Raises:
            QueueFull: more is held than allowed.
            RequestCancelled: nobody waits for this body any more.
        """
        self._take(size)
        self._budget.check()

    def give_back(self, size: int) -> None:
        self._take(-size)

    def _take(self, size: int) -> None:
        if self._is_returned:
            raise RequestCancelled("the request ended while its body was being read")
        self.size += size
        self._budget.change(size)
