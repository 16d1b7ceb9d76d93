"""Kinds of routes: the hot one, matched without a regular expression, and plain answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from longshore.errors import MethodNotAllowed
from longshore.rest.inference import InferenceEndpoint
from longshore.rest.responses import Answer, send_answer
from longshore.rest.wire import V1, V2, Wire

Handler = Callable[[dict[str, Any]], Awaitable[Answer]]
"""From the parameters of the path to an answer."""


class InferenceRoute(BaseRoute):
    """`/v2/models/{name}[/versions/{version}]/infer` and `/v1/models/{name}[...]:predict`.

    Every request tries this route first, so it splits the path instead of searching it.
    """

    def __init__(self, endpoint: InferenceEndpoint) -> None:
        self._endpoint = endpoint

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        target = _parse(scope["path"])
        return (Match.NONE, {}) if target is None else (Match.FULL, {"target": target})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            raise MethodNotAllowed(f"{scope['method']} is not POST", allowed=("POST",))
        wire, name, version = scope["target"]
        await self._endpoint.answer(wire, name, version, scope, receive, send)


def _parse(path: str) -> tuple[Wire, str, str | None] | None:
    parts = path.split("/")
    if len(parts) < 4 or parts[2] != "models":
        return None
    wire = V2
    if parts[1] == "v1":
        wire = V1
        parts[-1], verb, _ = parts[-1].rpartition(":predict")
        if not verb or _:
            return None
    elif parts[1] != "v2" or parts.pop() != "infer":
        return None
    if len(parts) == 4:
        return wire, parts[3], None
    if len(parts) == 6 and parts[4] == "versions":
        return wire, parts[3], parts[5]
    return None


def answer_route(path: str, handler: Handler, method: str = "GET") -> Route:
    """A route whose handler returns its answer whole."""
    return Route(path, _answering(handler), methods=[method])


def _answering(handler: Handler) -> ASGIApp:
    class AnswerApp:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await send_answer(scope, send, await handler(scope["path_params"]))

    return AnswerApp()
