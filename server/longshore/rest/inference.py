"""The hot endpoint: raw ASGI, from the bytes of a request to the bytes of its answer."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from starlette.types import Receive, Scope, Send

from longshore.autoscaling import ScalingSignal
from longshore.batching.pending_request import PendingRequest
from longshore.errors import (
    InferenceFailed,
    InvalidRequest,
    LongshoreError,
    MethodNotAllowed,
    QueueFull,
    RequestCancelled,
    ServerDraining,
)
from longshore.execution.model import Model
from longshore.lifecycle.served_versions import ServedVersions
from longshore.protocol.large_json import LARGE_BODY_BYTES
from longshore.protocol.messages import InferenceRequest, InferenceResponse
from longshore.rest.body import BodyReader, compress
from longshore.rest.responses import (
    Answer,
    encoded_answer,
    error_answer,
    request_context,
    send_answer,
)
from longshore.rest.wire import V1, V2, Wire
from longshore.tensors import Tensors

logger = logging.getLogger(__name__)

Target: TypeAlias = tuple[Wire, str, str | None]
"""Wire format, model name, and version when the path names one."""
PREDICT = ":predict"
TIMEOUT_HEADER = b"x-request-timeout-ms"
COMPRESS_FROM_BYTES = 1024
"""Shorter answers are sent as they are: compressing them costs more than it saves."""


class InferenceEndpoint:
    """Answers inference requests of every wire format for the one model of this server."""

    def __init__(
        self,
        served: ServedVersions,
        signal: ScalingSignal,
        body_reader: BodyReader,
        *,
        default_timeout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._served = served
        self._signal = signal
        self._body_reader = body_reader
        self._default_timeout_seconds = default_timeout_seconds
        self._clock = clock

    async def answer(self, target: Target, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, whatever becomes of it, and account for it.

        Raises:
            MethodNotAllowed: anything but POST.
        """
        if scope["method"] != "POST":
            raise MethodNotAllowed(scope["method"], allowed=("POST",))
        wire, name, version = target
        arrived = self._clock()
        headers: dict[bytes, bytes] = scope["header_map"]
        try:
            model = self._served.get_ready(name, version)
        except LongshoreError as error:
            await send_answer(scope, send, self._refuse_unserved(error, wire, headers, name))
            return
        self._signal.arrive(model.version, wire.label(headers))
        model.inflight_requests += 1
        outcome = "cancelled"
        computed: PendingRequest | None = None
        try:
            answer, computed = await self._infer(model, wire, scope, receive, arrived)
            outcome = "success"
        except LongshoreError as error:
            outcome = error.outcome
            answer = error_answer(error)
            if isinstance(error, QueueFull):
                model.overload_log.count(error)
            if outcome == InferenceFailed.outcome:
                logger.error("%s", error, extra=request_context(scope))
        except Exception:
            logger.exception("unexpected error", extra=request_context(scope))
            outcome = InferenceFailed.outcome
            answer = error_answer(InferenceFailed("internal error; the log has the details"))
        except asyncio.CancelledError:  # by the end of the drain, which waits no longer
            outcome = ServerDraining.outcome
            answer = error_answer(ServerDraining("the server stopped before the answer was ready"))
        finally:
            model.inflight_requests -= 1
            self._account(model, outcome, self._clock() - arrived, computed)
        if logger.isEnabledFor(logging.DEBUG):
            seconds = self._clock() - arrived
            message = "answered: version=%s outcome=%s seconds=%.6f"
            logger.debug(message, model.version, outcome, seconds, extra=request_context(scope))
        if outcome != RequestCancelled.outcome:
            await send_answer(scope, send, answer)

    def _refuse_unserved(
        self, error: LongshoreError, wire: Wire, headers: dict[bytes, bytes], name: str
    ) -> Answer:
        """A request that no ready version could take; those for our model still ask for it."""
        if name == self._served.name:
            version = self._served.newest
            self._signal.arrive(version, wire.label(headers))
            self._signal.depart(version, error.outcome, 0.0)
        return error_answer(error)

    async def _infer(
        self,
        model: Model,
        wire: Wire,
        scope: Scope,
        receive: Receive,
        arrived: float,
    ) -> tuple[Answer, PendingRequest]:
        headers: dict[bytes, bytes] = scope["header_map"]
        try:
            deadline = arrived + self._timeout_seconds(model, headers)
            self._body_reader.refuse_if_too_large(headers)
            model.refuse_if_full(deadline)
            body = self._body_reader.take_whole(scope)
            is_admitted = body is not None  # nothing else ran since the queue was asked
            if body is None:
                body = await self._body_reader.read(scope, receive)
            if wire.is_light(body, headers, model.signature):
                request = wire.decode(body, headers, model.signature)
            else:  # elsewhere, so that other clients are not kept waiting
                request = await asyncio.to_thread(wire.decode, body, headers, model.signature)
                is_admitted = False
            del body
            rows = model.count_rows(request.inputs)
        except QueueFull:
            self._signal.offer(model, None)  # unread, and refused for what the others ask for
            raise
        except BaseException:
            self._signal.offer_refusal()
            raise
        self._signal.offer(model, rows)
        if request.timeout_seconds is not None:
            deadline = min(deadline, arrived + request.timeout_seconds)
            is_admitted = False
        if not is_admitted:
            model.refuse_if_full(deadline)
        pending = model.infer(
            request.inputs, request.output_names, rows=rows, arrived=arrived, deadline=deadline
        )
        try:
            if model.plan.is_inline:
                outputs = await pending.future
            else:
                outputs = await self._wait(pending, receive)
        finally:
            pending.release()
        if sum([array.nbytes for array in outputs.values()]) < LARGE_BODY_BYTES:
            return self._encode(outputs, model, request, wire, headers), pending
        answer = await asyncio.to_thread(self._encode, outputs, model, request, wire, headers)
        return answer, pending

    async def _wait(self, pending: PendingRequest, receive: Receive) -> Tensors:
        """The answer; a client that leaves meanwhile takes its request out of the queue."""
        watch = asyncio.get_running_loop().create_task(_until_disconnect(receive))
        watch.add_done_callback(lambda _: pending.abandon())
        try:
            return await pending.future
        except asyncio.CancelledError:
            if watch.done() and not watch.cancelled():
                raise RequestCancelled("the client left") from None
            raise
        finally:
            watch.cancel()

    def _encode(
        self,
        outputs: Tensors,
        model: Model,
        request: InferenceRequest,
        wire: Wire,
        headers: dict[bytes, bytes],
    ) -> Answer:
        response = InferenceResponse(model.name, model.version, outputs, id=request.id)
        encoded = wire.encode(response, request)
        accepted = headers.get(b"accept-encoding")
        if accepted is not None and len(encoded.body) >= COMPRESS_FROM_BYTES:
            compressed = compress(encoded.body, accepted)
            if compressed is not None:
                encoded.body, coding = compressed
                encoded.headers.append((b"content-encoding", coding))
                encoded.headers.append((b"vary", b"accept-encoding"))
        return encoded_answer(encoded)

    def _timeout_seconds(self, model: Model, headers: dict[bytes, bytes]) -> float:
        """The client's `X-Request-Timeout-Ms`, else the model's deadline, else the server's."""
        value = headers.get(TIMEOUT_HEADER)
        default = model.default_timeout_seconds or self._default_timeout_seconds
        if value is None:
            return default
        try:
            milliseconds = float(value)
        except ValueError:
            milliseconds = math.nan
        if not 0 < milliseconds < math.inf:
            raise InvalidRequest(
                f"X-Request-Timeout-Ms: {value.decode('latin-1')!r} is not a number above 0"
            )
        return min(milliseconds / 1000, self._default_timeout_seconds)

    def _account(
        self, model: Model, outcome: str, seconds: float, computed: PendingRequest | None
    ) -> None:
        self._signal.depart(model.version, outcome, seconds)
        if computed is None:
            model.statistics.record_failure(seconds)
        else:
            model.statistics.record_success(computed, seconds)


@lru_cache(maxsize=128)
def parse_target(path: str) -> Target | None:
    """`/v2/models/{name}[/versions/{version}]/infer` or `/v1/models/{name}[...]:predict`.

    Remembered: every request comes through here, and nearly all ask for the same.
    """
    parts = path.split("/")
    if len(parts) < 4 or parts[2] != "models":
        return None
    wire = V2
    if parts[1] == "v1":
        wire = V1
        if not parts[-1].endswith(PREDICT):
            return None
        parts[-1] = parts[-1].removesuffix(PREDICT)
    elif parts[1] != "v2" or parts.pop() != "infer":
        return None
    if len(parts) == 4:
        return wire, parts[3], None
    if len(parts) == 6 and parts[4] == "versions":
        return wire, parts[3], parts[5]
    return None


async def _until_disconnect(receive: Receive) -> None:
    """Return once the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
