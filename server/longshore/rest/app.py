"""The route tables of both ports."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.types import ASGIApp

from longshore.rest.access import TokenFile
from longshore.rest.boundary import ErrorBoundary
from longshore.rest.endpoints import Endpoints
from longshore.rest.health import Health
from longshore.rest.inference import InferenceEndpoint
from longshore.rest.metrics_endpoint import MetricsEndpoint
from longshore.rest.repository_extension import RepositoryExtension
from longshore.rest.routes import RouteTable, answer_route, scope_route

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from longshore.rest.console_routes import ConsoleRoutes


def inference_app(
    inference: InferenceEndpoint,
    endpoints: Endpoints,
    health: Health,
    *,
    must_close: Callable[[float], bool],
    repository: RepositoryExtension | None = None,
    console: Callable[[], ConsoleRoutes] | None = None,
    tokens: TokenFile | None = None,
) -> ASGIApp:
    """The application of the inference port. `console` makes its part of the table.

    Inference itself is not in the table: `ErrorBoundary` compares its paths first.
    """
    router = RouteTable(
        lambda: inference_routes(endpoints, health, repository, console and console())
    )
    return ErrorBoundary(router, must_close=must_close, tokens=tokens, inference=inference)


def inference_routes(
    endpoints: Endpoints,
    health: Health,
    repository: RepositoryExtension | None = None,
    console: ConsoleRoutes | None = None,
) -> list[BaseRoute]:
    """Everything that the inference port answers besides inference."""
    model, version = "/v2/models/{name}", "/v2/models/{name}/versions/{version}"
    return [
        *health.routes(),
        answer_route("/v2", endpoints.server_metadata),
        answer_route("/v2/models/stats", endpoints.model_statistics),
        answer_route(model, endpoints.model_metadata),
        answer_route(version, endpoints.model_metadata),
        answer_route(f"{model}/ready", endpoints.model_ready),
        answer_route(f"{version}/ready", endpoints.model_ready),
        answer_route(f"{model}/config", endpoints.model_config),
        answer_route(f"{version}/config", endpoints.model_config),
        answer_route(f"{model}/stats", endpoints.model_statistics),
        answer_route(f"{version}/stats", endpoints.model_statistics),
        answer_route("/v1/models", endpoints.v1_models),
        answer_route("/v1/models/{name}", endpoints.v1_model),
        answer_route("/v1/models/{name}/versions/{version}", endpoints.v1_model),
        answer_route("/openapi.json", endpoints.openapi),
        *(repository.routes() if repository else []),
        *(console.routes() if console else []),
    ]


def management_app(health: Health, metrics: MetricsEndpoint) -> ASGIApp:
    """The application of the management port; it never serves inference."""
    router = RouteTable(lambda: [*health.routes(), scope_route("/metrics", metrics.scrape)])
    return ErrorBoundary(router, must_close=lambda closes_at: False)
