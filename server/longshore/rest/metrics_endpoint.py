"""`/metrics`, as Prometheus scrapes it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import Scope

from longshore.rest.responses import Answer

OPENMETRICS = b"application/openmetrics-text"


class MetricsEndpoint:
    """Renders the registry; safe to call from the management thread."""

    def __init__(self, registry: CollectorRegistry, *, has_exemplars: bool = False) -> None:
        self._registry = registry
        self._has_exemplars = has_exemplars
        """Only OpenMetrics can show them; without any, every scraper gets Prometheus' own text."""

    async def scrape(self, scope: Scope) -> Answer:
        content_type, text = CONTENT_TYPE_LATEST, generate_latest
        if self._has_exemplars and takes_openmetrics(scope["header_map"].get(b"accept", b"")):
            from prometheus_client.openmetrics import exposition  # for those that trace

            content_type, text = exposition.CONTENT_TYPE_LATEST, exposition.generate_latest  # type: ignore[assignment]
        return Answer(text(self._registry), 200, ((b"content-type", content_type.encode()),))


def takes_openmetrics(accept: bytes) -> bool:
    """Whether an `Accept` header names OpenMetrics and does not refuse it (RFC 9110, section
    12.5.1). Prometheus names it first where it takes it.
    """
    for media_range in accept.lower().split(b","):
        name, *parameters = [part.strip() for part in media_range.split(b";")]
        if name == OPENMETRICS:
            return not any(p.startswith(b"q=0") and not p[3:].strip(b".0") for p in parameters)
    return False
