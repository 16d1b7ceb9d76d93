"""Triton's model repository extension; served only when a setting enables it.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_model_repository.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longshore.errors import ModelNotFound
from longshore.lifecycle.manager import ModelManager
from longshore.lifecycle.refusals import WHOLE_MODEL
from longshore.lifecycle.state import ModelState
from longshore.rest.responses import Answer, json_answer
from longshore.rest.routes import answer_route

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

INDEX_STATES = {
    ModelState.TRYING: "LOADING",
    ModelState.LOADING: "LOADING",
    ModelState.WARMING: "LOADING",
    ModelState.READY: "READY",
    ModelState.DRAINING: "UNLOADING",
    ModelState.UNLOADED: "UNAVAILABLE",
    ModelState.FAILED: "UNAVAILABLE",
    ModelState.HELD: "UNAVAILABLE",
}


class RepositoryExtension:
    """`index`, `load` and `unload` of the one model of this server."""

    def __init__(self, manager: ModelManager) -> None:
        self._manager = manager

    def routes(self) -> list[BaseRoute]:
        model = "/v2/repository/models/{name}"
        return [
            answer_route("/v2/repository/index", self.repository_index, "POST"),
            answer_route(f"{model}/load", self.repository_model_load, "POST"),
            answer_route(f"{model}/unload", self.repository_model_unload, "POST"),
        ]

    async def repository_index(self, params: dict[str, Any]) -> Answer:
        """An entry for each version, and one without a version where the whole model is refused."""
        served = self._manager.served
        versions = [
            {
                "name": served.name,
                "version": row.version,
                "state": INDEX_STATES[row.state],
                "reason": row.reason,
            }
            for row in served.statuses()
        ]
        whole = served.refusals.get(WHOLE_MODEL)
        if whole is not None:
            row = {"name": served.name, "state": INDEX_STATES[whole.state], "reason": whole.reason}
            versions.append(row)
        return json_answer(versions)

    async def repository_model_load(self, params: dict[str, Any]) -> Answer:
        """Look for new versions now; also reverses an `unload`."""
        self._check(params)
        await self._manager.load()
        self._manager.served.get_ready(self._manager.served.name)
        return json_answer({})

    async def repository_model_unload(self, params: dict[str, Any]) -> Answer:
        """Stop serving until `load`; requests in flight are finished."""
        self._check(params)
        await self._manager.unload()
        return json_answer({})

    def _check(self, params: dict[str, Any]) -> None:
        name = self._manager.served.name
        if params["name"] != name:
            raise ModelNotFound(f"unknown model '{params['name']}'; this server serves '{name}'")
