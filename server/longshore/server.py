"""The process: both ports, the model between them, and a beginning, a middle and an end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from longshore import __version__
from longshore.autoscaling import ScalingSignal
from longshore.backends.base import CudaOptions, GraphUse, Precision
from longshore.lifecycle.drain import DrainController
from longshore.lifecycle.manager import ModelManager
from longshore.lifecycle.version_loader import ServingOptions
from longshore.lifecycle.watcher import VersionWatcher
from longshore.loading.cpu_quota import available_cpus
from longshore.loading.load_options import LoadOptions
from longshore.metrics import DEFAULT_LATENCY_BUCKETS_SECONDS, ServerMetrics
from longshore.repository.layout import ModelRepository
from longshore.repository.manifest import ManifestPolicy
from longshore.rest.access import Certificate, TokenFile
from longshore.rest.app import inference_app, management_app
from longshore.rest.body import BodyReader
from longshore.rest.endpoints import Endpoints
from longshore.rest.health import Health, Heartbeat
from longshore.rest.http_protocol import ConnectionLimits, limited_protocol
from longshore.rest.inference import InferenceEndpoint
from longshore.rest.listener import (
    BACKLOG,
    affordable_connections,
    listen,
    stop_new_connections,
)
from longshore.rest.metrics_endpoint import MetricsEndpoint
from longshore.rest.repository_extension import RepositoryExtension
from longshore.settings import CudaSettings, Settings

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
"""Between two beats of the heart, and two samples of what a request costs the event loop."""
ACCEPT_SECONDS = 0.1
"""From the last handshake to the closing of the listener."""
GC_THRESHOLD = 50_000
SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter while another waits; Python's default is ten times as
much, which the event loop would wait for each time while a worker decodes."""
CLEAN, WORK_UNDONE, DEVICE_LOST = 0, 1, 3
"""Exit codes of `longshore serve`; 2 is a mistake in its use."""


class HttpServer(uvicorn.Server):
    """uvicorn without its signal handlers: it would close the listener before anything else."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Server:
    """`run` is the whole life of the process: startup, serve, shutdown."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._metrics = ServerMetrics(
            latency_buckets_seconds=settings.metrics.latency_buckets_seconds
            or DEFAULT_LATENCY_BUCKETS_SECONDS
        )
        self._heartbeat = Heartbeat()
        self._secrets: list[TokenFile | Certificate] = []
        self._manager = ModelManager(
            _repository(settings),
            self._metrics,
            load_options=_load_options(settings),
            serving_options=_serving_options(settings),
        )

    async def run(self) -> int:
        """Serve until a stop signal, or until the device is lost; returns the exit code."""
        await self._startup()
        try:
            await self._serve()
        finally:
            is_clean = await self._shutdown()
        code = CLEAN if is_clean else WORK_UNDONE
        if self._manager.served.device_fault is not None:
            code = DEVICE_LOST
        if self._manager.workers.running:
            self._leave_at_once(code)
        return code

    def _leave_at_once(self, code: int) -> None:
        """A thread cannot be interrupted, and the interpreter would wait for it."""
        logger.info("stopped while a model was being loaded or looked for")
        logging.shutdown()
        os._exit(code)

    async def _startup(self) -> None:
        """Open both ports, then begin to load: probes and scrapes are answered meanwhile."""
        settings = self._settings
        self._drain = DrainController(
            self._metrics,
            delay_seconds=settings.lifecycle.drain_delay_seconds,
            timeout_seconds=settings.lifecycle.drain_timeout_seconds,
        )
        self._metrics.create_model(self._manager.served.name)
        self._signal = ScalingSignal(self._metrics, self._manager.served.name)
        health = Health(self._manager.served, self._drain, self._heartbeat)
        self._http = HttpServer(self._http_config(self._inference_app(health)))
        self._listener = listen(settings.http.host, settings.http.port)
        self._http_task = asyncio.create_task(self._http.serve([self._listener]))
        self._management = ManagementThread(
            management_app(health, MetricsEndpoint(self._metrics.registry)),
            listen(settings.metrics.management_host, settings.metrics.management_port),
        )
        self._management.start()
        _tune_interpreter()
        self._metrics.build_info.labels(__version__).set(1)
        served = self._manager.served
        self._metrics.device_lost.set_function(lambda: float(served.device_fault is not None))
        if settings.model.device != "cpu":
            from longshore.lifecycle.device_sampler import DeviceSampler

            DeviceSampler(served, self._metrics).start()
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(signal_number, self._drain.request)

    async def _serve(self) -> None:
        ticking = asyncio.create_task(self._tick())
        watcher = VersionWatcher(
            self._manager,
            Path(self._settings.model.model_path),
            poll_seconds=self._settings.lifecycle.model_poll_seconds,
        )
        watching = asyncio.create_task(watcher.run())
        try:
            await self._drain.wait_until_requested()
        finally:
            ticking.cancel()
            watching.cancel()

    async def _shutdown(self) -> bool:
        """Accept for the drain delay, close the listener, finish what is queued."""
        timeout = self._settings.lifecycle.drain_timeout_seconds
        await self._drain.wait_delay()
        started = time.monotonic()
        stop_new_connections(self._listener)
        await asyncio.sleep(ACCEPT_SECONDS)
        self._http.should_exit = True
        is_clean = await self._drain.wait_for(self._http_task, timeout)
        if not is_clean:
            await self._cut_short(time.monotonic() - started)
        left = max(0.0, timeout - (time.monotonic() - started))
        is_clean &= await self._manager.close(left)
        self._management.stop()
        logger.info("stopped")
        return is_clean

    async def _cut_short(self, waited_seconds: float) -> None:
        """Say what was waited for in vain, and answer 503: better than a broken connection."""
        state = self._http.server_state
        logger.error(
            "not waiting any longer for work to end: waited_s=%.1f requests=%d connections=%d %s",
            waited_seconds,
            self._signal.inflight,
            len(state.connections),
            self._manager.served.describe_work(),
        )
        for task in list(state.tasks):
            task.cancel()
        await asyncio.sleep(ACCEPT_SECONDS)
        self._http.force_exit = True
        await asyncio.wait({self._http_task}, timeout=1.0)

    async def _tick(self) -> None:
        while True:
            self._heartbeat.beat()
            self._signal.overhead.sample()
            self._give_up_a_lost_device()
            for secret in self._secrets:
                secret.refresh()
            await asyncio.sleep(TICK_SECONDS)

    def _give_up_a_lost_device(self) -> None:
        """Only a new process gets a working device: drain, and let the kubelet start one."""
        if self._manager.served.device_fault is not None and not self._drain.is_draining:
            self._drain.request()

    def _inference_app(self, health: Health) -> ASGIApp:
        http = self._settings.http
        inference = InferenceEndpoint(
            self._manager.served,
            self._signal,
            BodyReader(max_bytes=http.max_body_bytes, timeout_seconds=http.body_timeout_seconds),
            default_timeout_seconds=self._settings.batching.request_timeout_seconds,
        )
        has_repository = self._settings.lifecycle.repository_api
        endpoints = Endpoints(
            self._manager.served, shows_version=http.show_version, has_repository=has_repository
        )
        loop = asyncio.get_running_loop()

        def must_close(closes_at: float) -> bool:
            return self._drain.is_draining or loop.time() >= closes_at

        return inference_app(
            inference,
            endpoints,
            health,
            must_close=must_close,
            repository=RepositoryExtension(self._manager) if has_repository else None,
            tokens=self._tokens(),
        )

    def _tokens(self) -> TokenFile | None:
        if not self._settings.http.auth_token_file:
            return None
        tokens = TokenFile(Path(self._settings.http.auth_token_file))
        self._secrets.append(tokens)
        return tokens

    def _http_config(self, app: ASGIApp) -> uvicorn.Config:
        http = self._settings.http
        limits = ConnectionLimits(
            max_connections=affordable_connections(http.max_connections),
            max_header_bytes=http.max_header_bytes,
            header_timeout_seconds=http.header_timeout_seconds,
            write_timeout_seconds=http.write_timeout_seconds,
            max_age_seconds=http.connection_max_age_seconds,
        )
        config = _uvicorn_config(
            app,
            http=limited_protocol(limits),
            timeout_keep_alive=http.keep_alive_seconds,
            ssl_certfile=http.tls_cert_file or None,
            ssl_keyfile=http.tls_key_file or None,
        )
        config.load()
        if config.ssl is not None:
            certificate, key = Path(http.tls_cert_file), Path(http.tls_key_file)
            self._secrets.append(Certificate(certificate, key, config.ssl))
        return config


class ManagementThread:
    """The management port on a thread and an event loop of its own."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._listener = listener
        self._server = HttpServer(_uvicorn_config(app, http="httptools", loop="asyncio"))
        self._thread = threading.Thread(target=self._run, name="management", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        asyncio.run(self._server.serve([self._listener]))


def _tune_interpreter() -> None:
    """Let threads take turns sooner, leave the modules out of every garbage collection, and collect
    after many more allocations.

    A request allocates some hundred objects and none of them in a cycle; with the default of 700
    the collector runs every few requests, for nothing. `longshore.cli` stops it for the imports,
    which make nothing but what stays.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)
    gc.enable()


def _uvicorn_config(app: ASGIApp, **options: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        interface="asgi3",
        lifespan="off",
        ws="none",
        access_log=False,
        server_header=False,
        log_config=None,
        proxy_headers=False,
        backlog=BACKLOG,
        **options,
    )


def _repository(settings: Settings) -> ModelRepository:
    lifecycle = settings.lifecycle
    return ModelRepository(
        Path(settings.model.model_path),
        name=settings.model.name,
        settle_seconds=lifecycle.version_settle_seconds,
        manifest=cast(ManifestPolicy, lifecycle.manifest),
    )


def _load_options(settings: Settings) -> LoadOptions:
    model = settings.model
    cache = settings.calibration.calibration_cache
    return LoadOptions(
        cpus=available_cpus(),
        device=model.device,
        cuda=_cuda_options(settings.cuda),
        instances=model.instances,
        threads=model.threads,
        max_batch_size=settings.batching.max_batch_size,
        calibration_budget_seconds=settings.calibration.calibration_budget_seconds,
        max_execution_seconds=settings.calibration.max_execution_seconds,
        calibration_cache=Path(cache).expanduser() if cache else None,
        waits_for_batches=bool(settings.batching.max_queue_delay_microseconds),
    )


def _cuda_options(settings: CudaSettings) -> CudaOptions:
    return CudaOptions(
        precision=cast(Precision, settings.cuda_precision),
        graphs=cast(GraphUse, settings.cuda_graphs),
        compiles=settings.torch_compile,
        memory_limit_bytes=settings.cuda_memory_limit_bytes,
    )


def _serving_options(settings: Settings) -> ServingOptions:
    delay = settings.batching.max_queue_delay_microseconds
    return ServingOptions(
        max_queue_seconds=settings.batching.max_queue_seconds,
        max_queue_delay_seconds=None if delay is None else delay / 1e6,
        unload_timeout_seconds=settings.lifecycle.drain_timeout_seconds,
    )
