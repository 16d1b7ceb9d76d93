"""Structured logs: text on a terminal, one JSON object a line otherwise."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import TextIO

_encode = json.JSONEncoder(ensure_ascii=False).encode
TEXT_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class TextFormatter(logging.Formatter):
    """For people; the request's id and other fields stand at the end of the first line."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        line = super().formatMessage(record)
        return "".join([line, *(f" {n}={_on_one_line(v)}" for n, v in _fields(record).items())])


class JsonFormatter(logging.Formatter):
    """One JSON object a line, with the keys that log collectors look for."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": f"{_stamp(int(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(_fields(record))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line)


@lru_cache(maxsize=4)
def _stamp(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _on_one_line(value: object) -> str:
    """What a client may have made up cannot pretend to be another line."""
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """Of the `extra` of a line: `request_id`, or all of `fields`."""
    fields: dict[str, object] | None = getattr(record, "fields", None)
    if fields is not None:
        return fields
    request_id = getattr(record, "request_id", None)
    return {} if request_id is None else {"request_id": request_id}


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes lines to a stream, one by one or many at once."""

    def write_all(self, records: Sequence[logging.LogRecord]) -> None:
        """In one write; what goes wrong is treated as it is for a single line."""
        try:
            text = "".join([f"{self.format(record)}{self.terminator}" for record in records])
            self.acquire()
            try:
                self.stream.write(text)
                self.flush()
            finally:
                self.release()
        except Exception:
            self.handleError(records[0])


def write_records(records: Sequence[logging.LogRecord]) -> None:
    """To all handlers of this process, whatever the level is; called from any thread."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LineHandler):
            handler.write_all(records)
        else:
            for record in records:
                handler.handle(record)


def configure_logging(level: str, log_format: str, stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream`, by default stderr; `log_format` as the
    setting of that name.
    """
    stream = stream or sys.stderr
    is_text = log_format == "text" or (log_format == "auto" and stream.isatty())
    handler = LineHandler(stream)
    handler.setFormatter(TextFormatter(TEXT_FORMAT) if is_text else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("uvicorn").setLevel(max(root.level, logging.WARNING))
