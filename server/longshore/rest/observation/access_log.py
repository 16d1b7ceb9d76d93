"""The access log: one line for each request, written by a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from starlette.types import Scope

from longshore.logs import write_records
from longshore.rest.observation.record import CLIENT_LEFT, RequestRecord
from longshore.rest.observation.refusal import Refusal

logger = logging.getLogger(__name__)

LOGGER_NAME = "longshore.access"
MOST_LINES = 10_000
"""That wait to be written, some MB: where nobody reads the log, further ones are lost."""
MOST_CHARACTERS = 1000
"""Of a path, and of the name in it, which a client may make as long as its head."""
LINES_AT_ONCE = 500
GATHER_SECONDS = 0.1
"""Between two writes: each takes the interpreter from the event loop for a moment."""

Line = tuple[float, str, dict[str, Any]]
"""Unix time, message and fields."""
Write = Callable[[Sequence[logging.LogRecord]], None]


class AccessLog:
    """`take` on the event loop; `close` on a thread, which waits until all is written.

    Its lines are written whatever the log's level is: they were asked for.
    """

    def __init__(
        self,
        write: Write = write_records,
        *,
        most_lines: int = MOST_LINES,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._write = write
        self._most_lines = most_lines
        self._wall_clock = wall_clock
        self._lines: deque[Line] = deque()
        self._lost = 0
        """So far; written on the event loop."""
        self._told_lost = 0
        self._has_lines = threading.Event()
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def take(self, finished: Iterable[tuple[RequestRecord, Scope]]) -> None:
        now = self._wall_clock()
        for record, scope in finished:
            fields = request_fields(record, scope)
            self._put((now, f"{fields['method']} {fields['path']} {record.status}", fields))

    def take_refusal(self, refusal: Refusal) -> None:
        fields = {
            "method": refusal.method,
            "path": None if refusal.path is None else refusal.path[:MOST_CHARACTERS],
            "status": refusal.status,
            "bytes_out": refusal.bytes_out,
        }
        told = {name: value for name, value in fields.items() if value is not None}
        self._put((self._wall_clock(), f"{refusal.status} {refusal.reason}", told))

    def close(self) -> None:
        self._is_closing.set()
        self._has_lines.set()
        self._thread.join()

    def _put(self, line: Line) -> None:
        if len(self._lines) >= self._most_lines:
            self._lost += 1
            return
        self._lines.append(line)
        if not self._has_lines.is_set():
            self._has_lines.set()

    def _run(self) -> None:
        while not self._is_closing.is_set():
            self._has_lines.wait()
            self._has_lines.clear()
            self._is_closing.wait(GATHER_SECONDS)
            self._write_all()
        self._write_all()

    def _write_all(self) -> None:
        lines = self._lines
        while lines:
            some = [lines.popleft() for _ in range(min(LINES_AT_ONCE, len(lines)))]
            self._write([_log_record(*line) for line in some])
        lost = self._lost - self._told_lost
        if lost:
            self._told_lost += lost
            logger.warning("access log: nobody reads it fast enough: lines_lost=%d", lost)


def request_fields(record: RequestRecord, scope: Scope) -> dict[str, Any]:
    """What a line says of a request; what does not apply to it is left out."""
    raw_path = scope.get("raw_path")
    path = scope["path"] if raw_path is None else raw_path.decode("latin-1")
    fields = {
        "method": scope["method"],
        "path": path[:MOST_CHARACTERS],
        "status": record.status,
        "bytes_in": record.bytes_in,
        "total_ms": _milliseconds(record.ended - record.started),
    }
    request_id = scope.get("request_id")
    if request_id is not None:
        fields["request_id"] = request_id.decode("latin-1")
    if record.trace is not None:
        fields["trace_id"] = record.trace.trace_id
    if record.status != CLIENT_LEFT:
        fields["bytes_out"] = record.bytes_out
    if record.target is not None:
        fields["model"] = record.target.name[:MOST_CHARACTERS]
    if record.version is not None:
        fields["version"] = record.version
    if record.queue_seconds is not None:
        fields["rows"] = record.rows
        fields["queue_ms"] = _milliseconds(record.queue_seconds)
    if record.batches:
        fields["batch_rows"] = record.batch_rows
        fields["compute_ms"] = _milliseconds(record.compute_seconds)
    return fields


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1e3, 3)


_BLANK = vars(
    logging.makeLogRecord(
        {
            "name": LOGGER_NAME,
            "levelno": logging.INFO,
            "levelname": logging.getLevelName(logging.INFO),
        }
    )
)
"""Made once: a record asks for its thread, its task and more."""


def _log_record(at: float, message: str, fields: dict[str, Any]) -> logging.LogRecord:
    record = logging.LogRecord.__new__(logging.LogRecord)
    vars(record).update(_BLANK, created=at, msecs=at % 1 * 1000, msg=message, fields=fields)
    return record
