"""What is told of requests, as the settings say."""

from __future__ import annotations

import os

from longshore.metrics import ServerMetrics
from longshore.rest.observation.access_log import AccessLog
from longshore.rest.observation.observer import Observer


def start_observer(metrics: ServerMetrics, *, access_log: bool, tracing: str) -> Observer:
    """Called on the event loop; `tracing` is the setting of that name.

    Raises:
        SettingsError: tracing is not installed, or a variable of it cannot be used.
    """
    tracer = None
    if tracing == "otlp":
        from longshore.rest.tracing.setup import start_tracer

        tracer = start_tracer(os.environ)
    return Observer(metrics, tracer=tracer, access_log=AccessLog() if access_log else None)
