"""The outermost ASGI callable: request ids, and nothing unanswered."""

from __future__ import annotations

import itertools
import logging
import math
import os
import re
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from longshore.errors import InferenceFailed, LongshoreError, MethodNotAllowed, ModelNotFound
from longshore.rest.access import TokenFile
from longshore.rest.responses import error_answer, send_answer

logger = logging.getLogger(__name__)

REQUEST_ID = b"x-request-id"
VALID_REQUEST_ID = re.compile(rb"[!-~]{1,128}")


class ErrorBoundary:
    """Turns whatever an endpoint raises into an answer.

    An exception that left the application would make uvicorn drop the connection unannounced, and
    the client's next request on it would fail.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        must_close: Callable[[float], bool],
        tokens: TokenFile | None = None,
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._must_close = must_close
        self._prefix = os.urandom(6).hex()
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        scope.setdefault("closes_at", math.inf)
        scope["request_id"] = self._request_id(scope)
        scope["must_close"] = self._must_close
        try:
            if self._tokens is not None:
                self._tokens.check(scope["path"], scope["headers"])
            await self._app(scope, receive, send)
        except LongshoreError as error:
            await send_answer(scope, send, error_answer(error))
        except HTTPException as error:
            await send_answer(scope, send, error_answer(_from_router(error, scope)))
        except Exception:
            logger.exception("unexpected error", extra={"request_id": scope["request_id"].decode()})
            failure = InferenceFailed("internal error; the log has the details")
            await send_answer(scope, send, error_answer(failure))

    def _request_id(self, scope: Scope) -> bytes:
        """The client's `X-Request-Id` when it is printable, else one of our own."""
        for name, value in scope["headers"]:
            if name == REQUEST_ID and VALID_REQUEST_ID.fullmatch(value):
                return bytes(value)
        return f"{self._prefix}-{next(self._numbers):x}".encode()


def _from_router(error: HTTPException, scope: Scope) -> LongshoreError:
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        return MethodNotAllowed(
            f"{scope['method']} is not allowed here; allowed: {allowed}",
            allowed=tuple(allowed.split(", ")),
        )
    return ModelNotFound(f"no such path: {scope['path']}")
