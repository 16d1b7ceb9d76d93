"""`/metrics`, as Prometheus scrapes it."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from longshore.rest.responses import Answer


class MetricsEndpoint:
    """Renders the registry; safe to call from the management thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    async def scrape(self, params: dict[str, Any]) -> Answer:
        headers = ((b"content-type", CONTENT_TYPE_LATEST.encode()),)
        return Answer(generate_latest(self._registry), 200, headers)
