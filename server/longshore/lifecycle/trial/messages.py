"""What a trial tells: a JSON object a line, `{"<kind>": <content>}`.

The child runs what lies on the volume, so that nothing in a message is believed before it is
checked, and none is longer than `MOST_BYTES`.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from typing import Any

from longshore.progress import Progress

STEP, BYTES, LOG, BEGUN, PASSED, FAILED = "step", "bytes", "log", "begun", "passed", "failed"
MOST_BYTES = 8 * 2**20
"""A manifest of 10,000 files fits in."""
ADVANCE_SECONDS = 0.2
"""Between two messages of how far a step is."""


class Messenger:
    """Writes to the file descriptor `pipe`; a parent that reads no more ends the process."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def send(self, kind: str, content: Any) -> None:
        rest = memoryview(json.dumps({kind: content}).encode() + b"\n")
        while rest:
            rest = rest[os.write(self._pipe, rest) :]


class ToldProgress(Progress):
    """Tells each step before it begins, so that a crash is known by what was being done."""

    def __init__(self, messenger: Messenger, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._messenger = messenger
        self._bytes = 0
        self._told_at = 0.0

    def begin(self, doing: str, *, total_bytes: int = 0) -> None:
        super().begin(doing, total_bytes=total_bytes)
        self._bytes = 0
        self._messenger.send(STEP, [doing, total_bytes])

    def advance(self, count: int) -> None:
        super().advance(count)
        self._bytes += count
        now = self._clock()
        if now - self._told_at >= ADVANCE_SECONDS:
            self._messenger.send(BYTES, self._bytes)
            self._told_at, self._bytes = now, 0


class ToldLog(logging.Handler):
    """Passes log records on, so that they appear among those of the server."""

    def __init__(self, messenger: Messenger) -> None:
        super().__init__(logging.INFO)
        self._messenger = messenger

    def emit(self, record: logging.LogRecord) -> None:
        self._messenger.send(LOG, [record.levelno, self.format(record)])


class Lines:
    """Takes what was read from the pipe apart.

    Raises:
        ValueError: what came is no message.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[str, Any]]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MOST_BYTES:
            raise ValueError(f"a message is longer than {MOST_BYTES} bytes")
        return [_message(line) for line in lines]


def _message(line: bytes) -> tuple[str, Any]:
    try:
        document = json.loads(line)
    except RecursionError as error:
        raise ValueError("a message is nested too deeply") from error
    if not isinstance(document, dict) or len(document) != 1:
        raise ValueError("not an object with one key")
    return next(iter(document.items()))
