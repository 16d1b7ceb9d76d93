"""Metadata of the server and of its model, states of the versions, and statistics."""

from __future__ import annotations

from typing import Any

from longshore.execution.model import Model
from longshore.lifecycle.served_versions import ServedVersions, VersionStatus
from longshore.protocol import metadata
from longshore.rest.responses import Answer, json_answer

Params = dict[str, Any]


class Endpoints:
    """The metadata endpoints of the one model of this server."""

    def __init__(
        self, served: ServedVersions, *, shows_version: bool, has_repository: bool
    ) -> None:
        self._served = served
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
                versions=self._served.ready,
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
            name = self._served.name
            models = [self._served.get_ready(name, v) for v in self._served.ready]
        return json_answer(metadata.model_statistics([_statistics(model) for model in models]))

    async def v1_models(self, params: Params) -> Answer:
        return json_answer({"models": [self._served.name]})

    async def v1_model(self, params: Params) -> Answer:
        """KServe's `ready` beside TensorFlow Serving's `model_version_status`."""
        name, version = params["name"], params.get("version")
        rows = [row for row in self._served.statuses() if version in (None, row.version)]
        if name != self._served.name or (version is not None and not rows):
            self._model(params)  # raises, and names what is served
        ready = self._served.is_ready if version is None else rows[0].is_ready
        states = [_v1_status(row) for row in rows]
        content = {"name": name, "ready": ready, "model_version_status": states}
        return json_answer(content, 200 if ready else 503)

    async def openapi(self, params: Params) -> Answer:
        from longshore.rest.openapi import openapi_document  # not imported before it is needed

        model = self._served.get_ready(self._served.name)
        return json_answer(openapi_document(model, has_repository=self._has_repository))

    def _model(self, params: Params) -> Model:
        return self._served.get_ready(params["name"], params.get("version"))


def _v1_status(row: VersionStatus) -> dict[str, Any]:
    """https://www.tensorflow.org/tfx/serving/api_rest#model_status_api"""
    code = "UNKNOWN" if row.reason else "OK"
    return {
        "version": row.version,
        "state": "AVAILABLE" if row.is_ready else "UNAVAILABLE",
        "status": {"error_code": code, "error_message": row.reason},
    }


def _statistics(model: Model) -> metadata.VersionStatistics:
    totals = model.statistics

    def of_requests(seconds: float) -> metadata.Duration:
        return totals.successes, _nanoseconds(seconds)

    return metadata.VersionStatistics(
        name=model.name,
        version=model.version,
        last_inference_milliseconds=totals.last_inference_milliseconds,
        inference_count=totals.inference_count,
        execution_count=totals.execution_count,
        success=of_requests(totals.success_seconds),
        fail=(totals.failures, _nanoseconds(totals.failure_seconds)),
        queue=of_requests(totals.queue_seconds),
        compute_input=of_requests(totals.input_seconds),
        compute_infer=of_requests(totals.infer_seconds),
        compute_output=of_requests(totals.output_seconds),
        batches=[
            metadata.BatchStatistics(
                rows=rows,
                compute_input=(batch.executions, _nanoseconds(batch.input_seconds)),
                compute_infer=(batch.executions, _nanoseconds(batch.infer_seconds)),
                compute_output=(batch.executions, _nanoseconds(batch.output_seconds)),
            )
            for rows, batch in sorted(totals.by_rows.items())
        ],
    )


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)
