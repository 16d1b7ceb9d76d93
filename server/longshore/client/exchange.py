"""One request and its answer, whichever way they go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import orjson
from msgspec import Struct

from longshore.errors import RequestRefused
from longshore.protocol.steps import Body

MOST_SHOWN = 300
"""Characters of an answer that is no JSON."""


class Reply(Struct, frozen=True):
    """An answer of HTTP; the names of its headers are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def problem(self) -> str:
        """What the answer says is wrong: `{"error": ...}`, or its text."""
        try:
            document = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            document = self.body.decode("utf-8", "replace")
        if isinstance(document, dict):
            document = document.get("error", document)
        return " ".join(str(document).split())[:MOST_SHOWN] or "an empty answer"


class Server(Protocol):
    """A server that can be asked."""

    base_url: str
    """Without a slash at its end."""
    needs_token: bool

    def where(self, path: str) -> str:
        """What errors about a request to `path` begin with."""

    def exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: Body = b""
    ) -> Reply:
        """Raises:
        RequestRefused: there is no answer.
        """

    def close(self) -> None: ...


def refused(where: str, reply: Reply) -> RequestRefused:
    """Of an answer that is no result."""
    remedy = "; --token-file gives one" if reply.status == 401 else ""
    return RequestRefused(
        f"{where}: {reply.status}: {reply.problem()}{remedy}", status=reply.status
    )


def read_json(server: Server, path: str) -> dict[str, Any]:
    """The JSON object at `path`.

    Raises:
        RequestRefused: there is none.
    """
    reply = server.exchange("GET", path, {})
    where = server.where(path)
    if reply.status != 200:
        raise refused(where, reply)
    try:
        document = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise RequestRefused(f"{where}: answers no JSON object: {reply.problem()}")
    return document
