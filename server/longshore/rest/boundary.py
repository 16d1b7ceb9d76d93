"""The outermost ASGI callable: assigns request ids, and answers every request."""

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
from longshore.rest.inference import InferenceEndpoint
from longshore.rest.responses import error_answer, request_context, send_answer
from longshore.rest.target import parse_target

logger = logging.getLogger(__name__)

REQUEST_ID = b"x-request-id"
VALID_REQUEST_ID = re.compile(rb"[!-~]{1,128}")


class ErrorBoundary:
    """Turns every exception of an endpoint into an answer; tries the inference paths first.

    If one left the application, uvicorn would close the connection without notice, and the
    client's next request on it would fail.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        must_close: Callable[[float], bool],
        tokens: TokenFile | None = None,
        inference: InferenceEndpoint | None = None,
    ) -> None:
        self._app = app
        self._inference = inference
        self._tokens = tokens
        self._must_close = must_close
        self._prefix = os.urandom(6).hex().encode()
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = scope.get("header_map")
        if headers is None:  # not over LimitedProtocol
            headers = scope["header_map"] = dict(scope["headers"])
            scope["closes_at"] = math.inf
        scope["request_id"] = self._request_id(headers)
        scope["must_close"] = self._must_close
        try:
            if self._tokens is not None:
                self._tokens.check(scope["path"], scope["headers"])
            target = None if self._inference is None else parse_target(scope["path"])
            if target is None:
                scope["app"] = self
                await self._app(scope, receive, send)
            else:
                await self._inference.answer(target, scope, receive, send)  # type: ignore[union-attr]
        except LongshoreError as error:
            await send_answer(scope, send, error_answer(error))
        except HTTPException as error:
            await send_answer(scope, send, error_answer(_from_router(error, scope)))
        except Exception:
            logger.exception("unexpected error", extra=request_context(scope))
            failure = InferenceFailed("internal error; the log has the details")
            await send_answer(scope, send, error_answer(failure))

    def _request_id(self, headers: dict[bytes, bytes]) -> bytes:
        """The client's `X-Request-Id` when it is printable, else a generated one."""
        given = headers.get(REQUEST_ID)
        if given is not None and VALID_REQUEST_ID.fullmatch(given):
            return given
        return b"%b-%x" % (self._prefix, next(self._numbers))


def _from_router(error: HTTPException, scope: Scope) -> LongshoreError:
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        return MethodNotAllowed(scope["method"], allowed=tuple(sorted(allowed.split(", "))))
    return ModelNotFound(f"no such path: {scope['path']}")
