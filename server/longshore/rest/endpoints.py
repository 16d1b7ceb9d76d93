"""Everything that is not inference: metadata, states, statistics."""

from __future__ import annotations

from typing import Any

from longshore.execution.model import Model
from longshore.lifecycle.manager import ModelManager
from longshore.lifecycle.served_version import ServedVersion
from longshore.protocol import metadata
from longshore.rest.responses import Answer, json_answer

Params = dict[str, Any]


class Endpoints:
    """The metadata endpoints of the one model of this server."""

    def __init__(self, manager: ModelManager, *, shows_version: bool, has_repository: bool) -> None:
        self._manager = manager
        self._shows_version = shows_version
        self._has_repository = has_repository
        """Whether Triton's repository extension is served."""

    async def server_metadata(self, params: Params) -> Answer:
        return json_answer(
            metadata.server_metadata(
                shows_version=self._shows_version, has_repository=self._has_repository
            )
        )

    async def model_metadata(self, params: Params) -> Answer:
        model = self._model(params)
        return json_answer(
            metadata.model_metadata(
                name=model.name,
                versions=self._manager.ready_versions,
                platform=model.platform,
                signature=model.signature,
                parameters=model.describe(),
            )
        )

    async def model_ready(self, params: Params) -> Answer:
        """Open Inference Protocol "Model Ready"; not ready is 503, as a probe expects."""
        model = self._model(params)
        return json_answer({"name": model.name, "ready": True})

    async def model_config(self, params: Params) -> Answer:
        """Triton's model configuration extension."""
        model = self._model(params)
        return json_answer(
            metadata.model_config(
                name=model.name,
                platform=model.platform,
                signature=model.signature,
                max_batch_size=model.plan.max_batch_size if model.plan.is_batched else 0,
                instance_count=model.plan.instances,
                device=model.backend.device.kind,
                config=model.config,
            )
        )

    async def model_statistics(self, params: Params) -> Answer:
        """Triton's statistics extension; without a name, for every ready version."""
        if "name" in params:
            models = [self._model(params)]
        else:
            name = self._manager.name
            models = [self._manager.get_ready(name, v) for v in self._manager.ready_versions]
        return json_answer(metadata.model_statistics([_statistics(model) for model in models]))

    async def v1_models(self, params: Params) -> Answer:
        return json_answer({"models": [self._manager.name]})

    async def v1_model(self, params: Params) -> Answer:
        """KServe's `ready` beside TensorFlow Serving's `model_version_status`."""
        name, version = params["name"], params.get("version")
        versions = self._manager.versions
        if name != self._manager.name or (version is not None and version not in versions):
            self._model(params)  # says what is unknown, and what is there
        states = [
            _v1_status(served) for number, served in versions.items() if version in (None, number)
        ]
        ready = self._manager.is_ready if version is None else versions[version].is_ready
        content = {"name": name, "ready": ready, "model_version_status": states}
        return json_answer(content, 200 if ready else 503)

    async def openapi(self, params: Params) -> Answer:
        from longshore.rest.openapi import openapi_document  # few ask for it

        model = self._manager.get_ready(self._manager.name)
        return json_answer(openapi_document(model, has_repository=self._has_repository))

    def _model(self, params: Params) -> Model:
        return self._manager.get_ready(params["name"], params.get("version"))


def _v1_status(served: ServedVersion) -> dict[str, Any]:
    """https://www.tensorflow.org/tfx/serving/api_rest#model_status_api"""
    code = "UNKNOWN" if served.reason else "OK"
    return {
        "version": served.version,
        "state": "AVAILABLE" if served.is_ready else "UNAVAILABLE",
        "status": {"error_code": code, "error_message": served.reason},
    }


def _statistics(model: Model) -> metadata.VersionStatistics:
    totals = model.statistics
    return metadata.VersionStatistics(
        name=model.name,
        version=model.version,
        last_inference_milliseconds=totals.last_inference_milliseconds,
        inference_count=totals.inference_count,
        execution_count=totals.execution_count,
        success=(totals.success.count, totals.success.nanoseconds),
        fail=(totals.fail.count, totals.fail.nanoseconds),
        queue=(totals.queue.count, totals.queue.nanoseconds),
        compute_infer=(totals.compute_infer.count, totals.compute_infer.nanoseconds),
    )
