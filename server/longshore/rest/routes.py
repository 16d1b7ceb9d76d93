"""Routes whose handlers return a whole `Answer`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Receive, Scope, Send

from longshore.rest.responses import Answer, send_answer

if TYPE_CHECKING:
    from starlette.routing import BaseRoute, Route

Handler = Callable[[dict[str, Any]], Awaitable[Answer]]
"""From the parameters of the path to the answer."""
ScopeHandler = Callable[[Scope], Awaitable[Answer]]
"""From the whole head."""
BodyHandler = Callable[[Scope, Receive], Awaitable[Answer]]


def answer_route(path: str, handler: Handler, method: str = "GET") -> Route:
    """A Starlette route; imported here, so that a cold start does not wait for it."""
    from starlette.routing import Route

    return Route(path, _answering(handler), methods=[method])


def scope_route(path: str, handler: ScopeHandler) -> Route:
    """A route whose handler looks at more than the path."""
    from starlette.routing import Route

    class AnswerApp:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await send_answer(scope, send, await handler(scope))

    return Route(path, AnswerApp(), methods=["GET"])


def body_route(path: str, handler: BodyHandler) -> Route:
    """A route for POST, whose handler reads the body itself."""
    from starlette.routing import Route

    class AnswerApp:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await send_answer(scope, send, await handler(scope, receive))

    return Route(path, AnswerApp(), methods=["POST"])


class RouteTable:
    """A router that is imported and built for its first request: inference does not use it, and a
    cold start does not wait for it.
    """

    def __init__(self, make_routes: Callable[[], Sequence[BaseRoute]]) -> None:
        self._make_routes = make_routes
        self._router: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._router is None:
            from starlette.routing import Router

            self._router = Router(self._make_routes(), redirect_slashes=False)
        await self._router(scope, receive, send)


def _answering(handler: Handler) -> ASGIApp:
    class AnswerApp:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await send_answer(scope, send, await handler(scope["path_params"]))

    return AnswerApp()
