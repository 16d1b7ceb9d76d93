"""Tracing from the variables that OpenTelemetry's specification defines
(https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from longshore import __version__
from longshore.errors import SettingsError

try:
    from opentelemetry import propagate
    from opentelemetry.exporter.otlp.proto.http import trace_exporter
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
    from opentelemetry.sdk.trace import TracerProvider
except ModuleNotFoundError as error:
    raise SettingsError(
        f"tracing: otlp needs the extra 'otel' (no module {error.name}): "
        "pip install 'longshore[otel]', or an image whose EXTRAS have it, as they do by default"
    ) from error
except ValueError as error:  # OTEL_PROPAGATORS names one that is not installed
    raise SettingsError(f"OTEL_PROPAGATORS: {error}") from error

from longshore.rest.tracing.pipeline import SpanPipeline
from longshore.rest.tracing.spans import SpanMaker
from longshore.rest.tracing.tracer import Tracer
from longshore.rest.tracing.trouble import ExportTrouble, TroubleHandler

logger = logging.getLogger(__name__)

PROTOCOL = "http/protobuf"
DEFAULT_ENDPOINT = "http://localhost:4318"
DEFAULT_MAX_QUEUE_SIZE = 2048


def start_tracer(environ: Mapping[str, str]) -> Tracer | None:
    """`None` where `OTEL_SDK_DISABLED` says so.

    Raises:
        SettingsError: a variable has a value that cannot be used.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        logger.warning("tracing is off: OTEL_SDK_DISABLED=true")
        return None
    _check_protocol(environ)
    queue_size = _max_queue_size(environ)
    exporter = trace_exporter.OTLPSpanExporter()
    trouble = ExportTrouble()
    _quieten(trace_exporter.__name__, trouble)
    resource = _resource()
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    try:
        pipeline = SpanPipeline(exporter, trouble, max_queue_size=queue_size)
    except ValueError as error:
        raise SettingsError(f"OTEL_BSP_*: {error}") from error
    logger.info("tracing: endpoint=%s service=%s sampler=%s", _endpoint(environ),
                resource.attributes[SERVICE_NAME],
                provider.sampler.get_description())  # fmt: skip
    return Tracer(provider.sampler, propagate.get_global_textmap(), SpanMaker(resource), pipeline)


def _check_protocol(environ: Mapping[str, str]) -> None:
    for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        value = environ.get(name, "").strip()
        if value:
            if value != PROTOCOL:
                raise SettingsError(f"{name}: {value!r} is not {PROTOCOL}, the one there is")
            return


def _max_queue_size(environ: Mapping[str, str]) -> int:
    value = environ.get("OTEL_BSP_MAX_QUEUE_SIZE", "").strip()
    if not value:
        return DEFAULT_MAX_QUEUE_SIZE
    try:
        return int(value)
    except ValueError:
        raise SettingsError(
            f"OTEL_BSP_MAX_QUEUE_SIZE: {value!r} is not a whole number of spans"
        ) from None


def _resource() -> Resource:
    """Of the process; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say more of it."""
    resource = Resource.create()
    own = {SERVICE_VERSION: __version__}
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        own[SERVICE_NAME] = "longshore"
    return resource.merge(Resource(own))


def _endpoint(environ: Mapping[str, str]) -> str:
    """As the exporter reads it."""
    traces = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    base = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", DEFAULT_ENDPOINT)
    return traces or f"{base.rstrip('/')}/v1/traces"


def _quieten(name: str, trouble: ExportTrouble) -> None:
    """What the exporter logs at each attempt goes to `trouble`, which says it once."""
    exporter_logger = logging.getLogger(name)
    exporter_logger.propagate = False
    exporter_logger.handlers[:] = [TroubleHandler(trouble)]
