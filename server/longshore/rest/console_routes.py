"""The console's paths on the inference port. What answers them is imported for the first request to
one of them: most pods are never looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.types import Receive, Scope

from longshore.autoscaling.signal import ScalingSignal
from longshore.lifecycle.served_versions import ServedVersions
from longshore.metrics import ServerMetrics
from longshore.rest.body import BodyReader
from longshore.rest.responses import Answer, json_answer
from longshore.rest.routes import answer_route, body_route

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

PREFIX = "/console/"
PAGES = {"/": "console.html", "/docs": "docs.html"}
FILES = {
    "console.css": "text/css", "console.js": "text/javascript", "api.js": "text/javascript",
    "answer.js": "text/javascript", "dom.js": "text/javascript", "field.js": "text/javascript",
    "image.js": "text/javascript", "load.js": "text/javascript", "docs.js": "text/javascript",
}  # fmt: skip
"""What the pages load, with its content type."""
STATIC_PATHS = frozenset({*PAGES, *(PREFIX + name for name in FILES)})
"""The same for every server: they tell nothing of this one."""


class ConsoleRoutes:
    """The console of the one model of this server."""

    def __init__(
        self,
        served: ServedVersions,
        metrics: ServerMetrics,
        signal: ScalingSignal,
        body_reader: BodyReader,
        *,
        needs_token: bool,
    ) -> None:
        self._served = served
        self._metrics = metrics
        self._signal = signal
        self._body_reader = body_reader
        self._needs_token = needs_token

    def routes(self) -> list[BaseRoute]:
        return [
            answer_route("/", self._console),
            answer_route("/docs", self._docs),
            answer_route(f"{PREFIX}model", self._model),
            answer_route(f"{PREFIX}load", self._load),
            body_route(f"{PREFIX}examples", self._examples),
            *(answer_route(PREFIX + name, self._file(name)) for name in FILES),
        ]

    async def _console(self, params: dict[str, Any]) -> Answer:
        return _static(PAGES["/"], "text/html")

    async def _docs(self, params: dict[str, Any]) -> Answer:
        return _static(PAGES["/docs"], "text/html")

    def _file(self, name: str) -> Any:
        async def answer(params: dict[str, Any]) -> Answer:
            return _static(name, FILES[name])

        return answer

    async def _model(self, params: dict[str, Any]) -> Answer:
        """What the form is made of; 503 while nothing is ready, as for a request."""
        from longshore.rest.console.documents import model_document

        model = self._served.get_ready(self._served.name)
        return json_answer(model_document(model))

    async def _load(self, params: dict[str, Any]) -> Answer:
        from longshore.rest.console.documents import load_document

        return json_answer(load_document(self._served, self._metrics, self._signal))

    async def _examples(self, scope: Scope, receive: Receive) -> Answer:
        """The request in the body, in the forms that are offered for copying."""
        from longshore.rest.console.example_texts import example_texts

        model = self._served.get_ready(self._served.name)
        texts = await example_texts(
            model, scope, receive, self._body_reader, needs_token=self._needs_token
        )
        return json_answer(texts)


def _static(name: str, content_type: str) -> Answer:
    from longshore.rest.console.static_files import static_file

    return static_file(name, content_type)
