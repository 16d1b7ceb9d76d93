"""What `LimitedProtocol` answers itself, before or beside the application."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from longshore.rest.responses import refusal as refusal_bytes


class Refusal(Struct, frozen=True):
    """A request that was malformed, too large, too late or one too many, as far as it arrived."""

    status: int
    reason: str
    bytes_out: int
    method: str | None = None
    path: str | None = None


def read_refusal(connection: Any, status: int, reason: str) -> Refusal | None:
    """`None` where the fault is in the body of a request that the application has begun with: its
    record takes the status.
    """
    size = len(refusal_bytes(reason).partition(b"\r\n\r\n")[2])
    cycle = connection.cycle
    if cycle is not None and cycle.more_body and not cycle.response_complete:
        record = cycle.scope.get("record")
        if record is not None:
            record.status, record.bytes_out, record.is_refused = status, size, True
            return None
    url: bytes = getattr(connection, "url", b"")
    if not url:
        return Refusal(status, reason, size)
    method = connection.parser.get_method().decode("ascii")
    return Refusal(status, reason, size, method, url.partition(b"?")[0].decode("latin-1"))
