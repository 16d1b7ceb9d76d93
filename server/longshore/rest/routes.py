"""Routes whose handler returns its answer whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from longshore.rest.responses import Answer, send_answer

Handler = Callable[[dict[str, Any]], Awaitable[Answer]]
"""From the parameters of the path to an answer."""


def answer_route(path: str, handler: Handler, method: str = "GET") -> Route:
    """A route whose handler returns its answer whole."""
    return Route(path, _answering(handler), methods=[method])


def _answering(handler: Handler) -> ASGIApp:
    class AnswerApp:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await send_answer(scope, send, await handler(scope["path_params"]))

    return AnswerApp()
