"""The inference endpoint of one loaded model, called by ASGI, without a socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import orjson
from starlette.types import ASGIApp

from longshore.autoscaling.signal import ScalingSignal
from longshore.backends.devices.health import DeviceHealth
from longshore.cpu.available import AvailableCpus
from longshore.execution.model import Model
from longshore.lifecycle.served_version import ServedVersion
from longshore.lifecycle.served_versions import ServedVersions
from longshore.lifecycle.state import ModelState
from longshore.loading.loaded_model import LoadedModel
from longshore.metrics import ServerMetrics
from longshore.rest.body import BodyReader
from longshore.rest.boundary import ErrorBoundary
from longshore.rest.inference import InferenceEndpoint
from longshore.rest.observation.observed_app import ObservedApp
from longshore.rest.observation.observer import Observer

MAX_BODY_BYTES = 100_000
CPUS = 64.0
"""More than the model can use: its instances are full first."""


@dataclass(frozen=True)
class Got:
    status: int
    body: bytes
    headers: dict[bytes, bytes]

    @property
    def document(self):
        return orjson.loads(self.body)


class EndpointClient:
    """Posts to the endpoint; a request costs the event loop what `signal.event_loop_price` says."""

    def __init__(
        self,
        loaded: LoadedModel,
        metrics: ServerMetrics,
        *,
        clock: Callable[[], float] = time.monotonic,
        max_queue_seconds: float = 30.0,
        observer: Observer | None = None,
    ) -> None:
        self.model = Model(
            loaded,
            metrics,
            max_queue_seconds=max_queue_seconds,
            on_execution=None if observer is None else observer.note_execution,
            clock=clock,
        )
        self.metrics = metrics
        name, version = self.model.name, self.model.version
        metrics.create_version(name, version)
        self.signal = ScalingSignal(metrics, name, AvailableCpus(CPUS))
        self.served = served = ServedVersions(name, metrics, DeviceHealth())
        served.by_number[version] = served.default = ServedVersion(
            loaded.artifact, ModelState.READY, self.model
        )
        endpoint = InferenceEndpoint(
            served,
            self.signal,
            BodyReader(max_bytes=MAX_BODY_BYTES, timeout_seconds=5.0),
            default_timeout_seconds=20.0,
            is_observed=observer is not None,
            clock=clock,
        )
        self.app: ASGIApp = ErrorBoundary(
            no_router, must_close=lambda at: False, inference=endpoint
        )
        if observer is not None:
            self.app = ObservedApp(self.app, observer)
        self.model.start()

    async def post(
        self,
        body: bytes,
        *,
        headers: dict[bytes, bytes] | None = None,
        ends: bool = True,
        method: str = "POST",
        model: str | None = None,
    ) -> Got:
        """To `model`, by default the one that is served. Without `ends` the client disconnects
        before the end of the body.
        """
        messages = [{"type": "http.request", "body": body, "more_body": not ends}]
        if not ends:
            messages.append({"type": "http.disconnect"})
        sent: list[dict] = []

        async def receive():
            return messages.pop(0) if messages else await asyncio.get_running_loop().create_future()

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": f"/v2/models/{model or self.model.name}/infer",
            "headers": list({b"content-length": b"%d" % len(body), **(headers or {})}.items()),
        }
        await self.app(scope, receive, send)
        if not sent:
            return Got(0, b"", {})
        body = b"".join(message["body"] for message in sent[1:])
        return Got(sent[0]["status"], body, dict(sent[0]["headers"]))

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"model": self.model.name, **labels})


async def no_router(scope, receive, send) -> None:
    raise AssertionError(f"not for the hot endpoint: {scope['path']}")


def infer_body(values: list[list[float]], **extra: object) -> bytes:
    """V2 JSON for the input of the identity model."""
    shape = [len(values), len(values[0])]
    data = [value for row in values for value in row]
    tensor = {"name": "INPUT0", "datatype": "FP32", "shape": shape, "data": data}
    return orjson.dumps({"inputs": [tensor], **extra})
