"""The inference endpoint: raw ASGI, from the bytes of a request to the bytes of its answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from starlette.types import Receive, Scope, Send

from longshore.autoscaling.signal import ScalingSignal
from longshore.batching.pending_request import PendingRequest
from longshore.errors import (
    InferenceFailed,
    LongshoreError,
    MethodNotAllowed,
    QueueFull,
    RequestCancelled,
    ServerDraining,
)
from longshore.execution.model import Model
from longshore.lifecycle.served_versions import ServedVersions
from longshore.protocol.large_json import Convert, NumberList
from longshore.protocol.messages import InferenceRequest, InferenceResponse
from longshore.protocol.steps import Body
from longshore.rest.answer_encoding import encode_answer
from longshore.rest.body import BodyReader
from longshore.rest.request_head import JSON_LENGTH, RequestHead, read_head
from longshore.rest.responses import (
    Answer,
    error_answer,
    request_context,
    send_answer,
)
from longshore.rest.target import Target
from longshore.rest.wire import Wire
from longshore.tensors import Tensors

logger = logging.getLogger(__name__)


class InferenceEndpoint:
    """Answers inference requests of every wire format for the one model of this server."""

    def __init__(
        self,
        served: ServedVersions,
        signal: ScalingSignal,
        body_reader: BodyReader,
        *,
        default_timeout_seconds: float,
        is_observed: bool = False,
        convert: Convert = NumberList.to_array,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`is_observed` says that every request has a `RequestRecord` as `scope["record"]`;
        `convert` makes arrays of long lists in JSON.
        """
        self._served = served
        self._signal = signal
        self._body_reader = body_reader
        self._default_timeout_seconds = default_timeout_seconds
        self._is_observed = is_observed
        self._convert = convert
        self._clock = clock

    async def answer(self, target: Target, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and count it in metrics and statistics, whatever its outcome.

        Raises:
            MethodNotAllowed: anything but POST.
        """
        if scope["method"] != "POST":
            raise MethodNotAllowed(scope["method"], allowed=("POST",))
        protocol, name, version = target
        wire = protocol.binary if JSON_LENGTH in scope["header_map"] else protocol.json
        arrived = self._clock()
        try:
            model = self._served.get_ready(name, version)
        except LongshoreError as error:
            await send_answer(scope, send, self._refuse_unserved(error, wire, name))
            return
        self._signal.arrive(model.version, wire.label)
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
        except asyncio.CancelledError:  # the drain has timed out
            outcome = ServerDraining.outcome
            answer = error_answer(ServerDraining("the server stopped before the answer was ready"))
        finally:
            model.inflight_requests -= 1
            self._account(scope, model, outcome, self._clock() - arrived, computed)
        if logger.isEnabledFor(logging.DEBUG):
            seconds = self._clock() - arrived
            message = "answered: version=%s outcome=%s seconds=%.6f"
            logger.debug(message, model.version, outcome, seconds, extra=request_context(scope))
        if outcome != RequestCancelled.outcome:
            await send_answer(scope, send, answer)

    def _refuse_unserved(self, error: LongshoreError, wire: Wire, name: str) -> Answer:
        """The answer when no version is ready; the arrival is counted all the same."""
        if name == self._served.name:
            version = self._served.newest
            self._signal.arrive(version, wire.label)
            self._signal.depart(version, error.outcome, 0.0)
        return error_answer(error)

    async def _infer(
        self, model: Model, wire: Wire, scope: Scope, receive: Receive, arrived: float
    ) -> tuple[Answer, PendingRequest]:
        try:
            head = read_head(scope["header_map"])
            deadline = arrived + self._timeout_seconds(model, head)
            self._body_reader.refuse_if_too_large(head)
            model.refuse_if_full(deadline)
            body = self._body_reader.take_whole(scope, head)
            # Decoded without yielding to other requests: the queue is still as checked above.
            if body is not None and wire.is_light(body, head, model.signature):
                request = wire.decode(body, head, model.signature, self._convert)
            else:
                request = await self._read_request(
                    model, wire, scope, receive, head, body, deadline
                )
            del body
            rows = model.count_rows(request.inputs)
        except QueueFull:
            self._signal.offer_unread(model)
            raise
        except BaseException:
            self._signal.offer_refusal()
            raise
        self._signal.offer(model, rows)
        if request.timeout_seconds is not None:
            deadline = min(deadline, arrived + request.timeout_seconds)
            model.refuse_if_full(deadline)
        pending = model.infer(
            request.inputs, request.output_names, rows=rows, arrived=arrived, deadline=deadline
        )
        if self._is_observed:
            scope["record"].admit(pending)
        try:
            if model.plan.is_inline:
                outputs = await pending.future
            else:
                outputs = await self._wait(pending, receive)
        finally:
            pending.release()
        response = InferenceResponse(model.name, model.version, outputs, id=request.id)
        return await encode_answer(wire, response, request, head.answer_coding), pending

    async def _read_request(
        self,
        model: Model,
        wire: Wire,
        scope: Scope,
        receive: Receive,
        head: RequestHead,
        body: Body | None,
        deadline: float,
    ) -> InferenceRequest:
        """A request whose body has not arrived yet, or takes long to decode: that is done on a
        thread, so that other clients do not wait.
        """
        with self._body_reader.share() as share:
            if body is None:
                body = await self._body_reader.read(scope, receive, head, share)
                model.refuse_if_full(deadline)
            if wire.is_light(body, head, model.signature):
                return wire.decode(body, head, model.signature, self._convert)
            with model.expecting(self._signal.mean_rows):
                return await asyncio.to_thread(
                    wire.decode, body, head, model.signature, self._convert
                )

    async def _wait(self, pending: PendingRequest, receive: Receive) -> Tensors:
        """The outputs; a request whose client disconnects meanwhile is taken out of the queue."""
        watch = asyncio.get_running_loop().create_task(_until_disconnect(receive))
        watch.add_done_callback(lambda _: pending.abandon())
        try:
            return await pending.future
        except asyncio.CancelledError:
            if watch.done() and not watch.cancelled():
                raise RequestCancelled("the client disconnected") from None
            raise
        finally:
            watch.cancel()

    def _timeout_seconds(self, model: Model, head: RequestHead) -> float:
        """The client's, but at most the server's; without one the model's, else the server's."""
        if head.timeout_seconds is None:
            return model.default_timeout_seconds or self._default_timeout_seconds
        return min(head.timeout_seconds, self._default_timeout_seconds)

    def _account(
        self,
        scope: Scope,
        model: Model,
        outcome: str,
        seconds: float,
        computed: PendingRequest | None,
    ) -> None:
        self._signal.depart(model.version, outcome, seconds)
        if computed is None:
            model.statistics.record_failure(seconds)
        else:
            model.statistics.record_success(computed, seconds)
        if self._is_observed:
            scope["record"].settle(model.version, outcome, seconds)


async def _until_disconnect(receive: Receive) -> None:
    """Return once the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
