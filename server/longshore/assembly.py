"""From settings to the parts of a server: what each room is told, and who knows whom."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from starlette.types import ASGIApp

from longshore.autoscaling.clocks import Clocks
from longshore.autoscaling.signal import ScalingSignal
from longshore.cpu.available import AvailableCpus
from longshore.cpu.quota import binding_quota
from longshore.errors import SettingsError
from longshore.lifecycle.candidate_spread import CandidateSpread
from longshore.lifecycle.cgroup_metrics import export_cgroups
from longshore.lifecycle.crash_marks import CrashMarks
from longshore.lifecycle.drain import DrainController
from longshore.lifecycle.manager import ModelManager
from longshore.lifecycle.trial.room import room_left
from longshore.lifecycle.trial.trials import Trials
from longshore.lifecycle.version_loader import ServingOptions
from longshore.lifecycle.watcher import VersionWatcher
from longshore.load_assembly import load_options, planned_cpus, repository
from longshore.loading.load_options import LoadOptions
from longshore.metrics import DEFAULT_LATENCY_BUCKETS_SECONDS, ServerMetrics
from longshore.protocol.large_json import Convert
from longshore.protocol.processes.pool import ConverterPool, default_count
from longshore.rest.access import TokenFile
from longshore.rest.app import inference_app, management_app
from longshore.rest.body import BodyReader
from longshore.rest.endpoints import Endpoints
from longshore.rest.health import Health, Heartbeat
from longshore.rest.http_protocol import ConnectionLimits, limited_protocol
from longshore.rest.inference import InferenceEndpoint
from longshore.rest.listener import affordable_connections
from longshore.rest.metrics_endpoint import MetricsEndpoint
from longshore.rest.ports import HttpServer, InferencePort, ManagementPort, uvicorn_config
from longshore.rest.repository_extension import RepositoryExtension
from longshore.settings.groups import Settings
from longshore.settings.server_groups import HttpSettings

if TYPE_CHECKING:
    from longshore.lifecycle.device_sampler import DeviceSampler
    from longshore.rest.certificate import Certificate
    from longshore.rest.console_routes import ConsoleRoutes
    from longshore.rest.observation.observer import Observer


class Parts(Struct, frozen=True):
    """Everything that `Server` starts, runs and ends."""

    metrics: ServerMetrics
    manager: ModelManager
    watcher: VersionWatcher
    signal: ScalingSignal
    drain: DrainController
    heartbeat: Heartbeat
    secrets: tuple[TokenFile | Certificate, ...]
    """Files that are read again when they change."""
    inference_port: InferencePort
    management_port: ManagementPort
    device_sampler: DeviceSampler | None
    """With a GPU alone."""
    observer: Observer | None
    """Where requests are logged or traced."""
    converters: ConverterPool


def assemble(settings: Settings) -> Parts:
    """Build the parts; called on the event loop that will run them.

    Raises:
        SettingsError: a file that a setting names cannot be used.
    """
    metrics = ServerMetrics(
        latency_buckets_seconds=settings.metrics.latency_buckets_seconds
        or DEFAULT_LATENCY_BUCKETS_SECONDS
    )
    cpus = planned_cpus(settings.model)
    metrics.cpus.set(cpus)
    export_cgroups(metrics)
    options = load_options(settings, cpus)
    observer = _observer(settings, metrics)
    trials = _trials(settings, options)
    manager = ModelManager(
        repository(settings),
        metrics,
        load_options=options,
        serving_options=_serving_options(settings, observer),
        trials=trials,
        marks=CrashMarks(options.calibration_cache),
        spread=CandidateSpread(settings.lifecycle.candidate_spread_seconds),
    )
    metrics.create_model(manager.served.name)
    converters = _converters(settings.http, cpus)

    def serving_seconds() -> float:
        return time.process_time() + converters.cpu_seconds()

    available_cpus = AvailableCpus(
        cpus,
        settings.model.cpu_request,
        own_seconds=lambda: serving_seconds() + trials.cpu_seconds(),
    )
    clocks = Clocks(metrics.predicted_compute_seconds.total, process_cpu=serving_seconds)
    signal = ScalingSignal(metrics, manager.served.name, available_cpus, clocks=clocks)
    drain = DrainController(
        metrics,
        delay_seconds=settings.lifecycle.drain_delay_seconds,
        timeout_seconds=settings.lifecycle.drain_timeout_seconds,
    )
    heartbeat = Heartbeat()
    health = Health(manager.served, drain, heartbeat)
    tokens = _tokens(settings.http)
    app = _inference_app(
        settings, manager, metrics, signal, drain, health, tokens, observer, converters.convert
    )
    certificate = _certificate(settings.http)
    return Parts(
        metrics,
        manager,
        _watcher(settings, manager),
        signal,
        drain,
        heartbeat,
        tuple(secret for secret in (tokens, certificate) if secret is not None),
        InferencePort(
            _http_server(settings.http, app, certificate, observer),
            settings.http.host,
            settings.http.port,
        ),
        ManagementPort(
            management_app(
                health,
                MetricsEndpoint(metrics.registry, has_exemplars=settings.log.tracing != "none"),
            ),
            settings.metrics.management_host,
            settings.metrics.management_port,
        ),
        _device_sampler(settings, manager, metrics),
        observer,
        converters,
    )


def _converters(http: HttpSettings, cpus: float) -> ConverterPool:
    count = http.json_processes
    return ConverterPool(default_count(cpus) if count is None else count)


def _observer(settings: Settings, metrics: ServerMetrics) -> Observer | None:
    log = settings.log
    if not log.access_log and log.tracing == "none":
        return None
    from longshore.rest.observation.start import start_observer

    return start_observer(metrics, access_log=log.access_log, tracing=log.tracing)


def _inference_app(
    settings: Settings,
    manager: ModelManager,
    metrics: ServerMetrics,
    signal: ScalingSignal,
    drain: DrainController,
    health: Health,
    tokens: TokenFile | None,
    observer: Observer | None,
    convert: Convert,
) -> ASGIApp:
    http, has_repository = settings.http, settings.lifecycle.repository_api
    served, loop = manager.served, asyncio.get_running_loop()
    bodies = BodyReader(max_bytes=http.max_body_bytes, timeout_seconds=http.body_timeout_seconds)

    def must_close(closes_at: float) -> bool:
        return drain.is_draining or loop.time() >= closes_at

    def console() -> ConsoleRoutes:
        from longshore.rest.console_routes import ConsoleRoutes  # not for a request's sake

        return ConsoleRoutes(served, metrics, signal, bodies, needs_token=tokens is not None)

    app = inference_app(
        InferenceEndpoint(
            served,
            signal,
            bodies,
            default_timeout_seconds=settings.batching.request_timeout_seconds,
            is_observed=observer is not None,
            convert=convert,
        ),
        Endpoints(served, shows_version=http.show_version, has_repository=has_repository),
        health,
        must_close=must_close,
        repository=RepositoryExtension(manager) if has_repository else None,
        console=None if http.console == "off" else console,
        tokens=tokens,
    )
    if observer is None:
        return app
    from longshore.rest.observation.observed_app import ObservedApp

    return ObservedApp(app, observer)


def _tokens(http: HttpSettings) -> TokenFile | None:
    if not http.auth_token_file:
        return None
    if http.console != "on":
        return TokenFile(Path(http.auth_token_file))
    from longshore.rest.console_routes import STATIC_PATHS

    return TokenFile(Path(http.auth_token_file), open_paths=STATIC_PATHS)


def _certificate(http: HttpSettings) -> Certificate | None:
    if not http.tls_cert_file:
        if http.tls_key_file:
            raise SettingsError("tls_key_file: needs tls_cert_file, the certificate of this key")
        return None
    from longshore.rest.certificate import Certificate  # few serve TLS themselves

    certificate = Path(http.tls_cert_file)
    return Certificate(certificate, Path(http.tls_key_file) if http.tls_key_file else certificate)


def _http_server(
    http: HttpSettings,
    app: ASGIApp,
    certificate: Certificate | None,
    observer: Observer | None,
) -> HttpServer:
    limits = ConnectionLimits(
        max_connections=affordable_connections(http.max_connections),
        max_header_bytes=http.max_header_bytes,
        header_timeout_seconds=http.header_timeout_seconds,
        write_timeout_seconds=http.write_timeout_seconds,
        max_age_seconds=http.connection_max_age_seconds,
    )
    protocol = limited_protocol(limits, None if observer is None else observer.note_refusal)
    config = uvicorn_config(app, http=protocol, timeout_keep_alive=http.keep_alive_seconds)
    if certificate is None:
        return HttpServer(config)
    from longshore.rest.tls import TlsServer

    return TlsServer(config, certificate, limits)


def _device_sampler(
    settings: Settings, manager: ModelManager, metrics: ServerMetrics
) -> DeviceSampler | None:
    if settings.model.device == "cpu":
        return None
    from longshore.lifecycle.device_sampler import DeviceSampler

    return DeviceSampler(manager.served, metrics)


def _trials(settings: Settings, options: LoadOptions) -> Trials:
    return Trials(
        options,
        seconds=settings.lifecycle.trial_timeout_seconds,
        quota=binding_quota,
        room=room_left,
    )


def _watcher(settings: Settings, manager: ModelManager) -> VersionWatcher:
    return VersionWatcher(
        manager,
        Path(settings.model.model_path),
        poll_seconds=settings.lifecycle.model_poll_seconds,
    )


def _serving_options(settings: Settings, observer: Observer | None) -> ServingOptions:
    delay = settings.batching.max_queue_delay_microseconds
    return ServingOptions(
        max_queue_seconds=settings.batching.max_queue_seconds,
        max_queue_delay_seconds=None if delay is None else delay / 1e6,
        unload_timeout_seconds=settings.lifecycle.drain_timeout_seconds,
        may_replace=settings.lifecycle.swap == "replace",
        on_execution=None if observer is None else observer.note_execution,
    )
