"""An OpenAPI 3.1 document built from the served model's own signature.

https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

from typing import Any

from longshore.examples.request import example_tensors, is_short
from longshore.examples.sample import sample_inputs, shapes_of
from longshore.execution.model import Model
from longshore.rest import openapi_schemas as schemas
from longshore.rest.openapi_schemas import Schema
from longshore.tensors import Tensors

ERROR_STATUSES = {
    "400": "The request does not fit the protocol or the model's signature.",
    "401": "The bearer token is missing or not one of those allowed.",
    "404": "No such model or version.",
    "408": "The body did not arrive in time.",
    "413": "The body is larger than the server accepts.",
    "415": "The content type is neither JSON nor octets, or the content encoding is unknown.",
    "429": "The expected wait exceeds the deadline; retry after `Retry-After` seconds.",
    "500": "The model failed on a valid request.",
    "501": "This part of the protocol is not implemented.",
    "503": "The model is not ready; retry after `Retry-After` seconds.",
    "504": "The deadline passed.",
}
READ_STATUSES = ("401", "404", "503")
"""Errors of requests without a tensor; inference can be answered with any error."""
VERSION = {"name": "version", "in": "path", "required": True, "schema": {"type": "string"}}
HEADERS = [
    {
        "name": "X-Request-Id",
        "in": "header",
        "description": "Returned with the response and written to the log; replaced when it is "
        "longer than 128 characters or not printable.",
        "schema": {"type": "string"},
    },
    {
        "name": "X-Request-Timeout-Ms",
        "in": "header",
        "description": "Deadline of the request, in milliseconds.",
        "schema": {"type": "number", "exclusiveMinimum": 0},
    },
]
LENGTH_HEADER = {
    "name": "Inference-Header-Content-Length",
    "in": "header",
    "description": "Bytes of JSON before binary tensors; 0 when the body is a raw tensor.",
    "schema": {"type": "integer", "minimum": 0},
}


def openapi_document(model: Model, *, has_repository: bool) -> Schema:
    """Paths and schemas of the inference port, with a schema for each tensor of `model`."""
    sample = sample_inputs(model.loaded)
    paths = {**_server_paths(), **_model_paths(model.name)}
    if all(map(is_short, sample.values())):
        _show_example(paths[f"/v2/models/{model.name}/infer"], model, sample)
    if has_repository:
        paths |= _repository_paths(model.name)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{model.name} on Longshore",
            "version": model.version,
            "description": "Open Inference Protocol v2 and V1 for one model.",
        },
        "paths": paths,
        "components": {"schemas": schemas.components(model, shapes_of(model.signature, sample))},
    }


def _server_paths() -> Schema:
    return {
        "/openapi.json": _read("This document"),
        "/v2": _read("Metadata of the server"),
        "/v2/health/live": _read("Liveness", has_body_when_unready=True),
        "/v2/health/ready": _read("Readiness", has_body_when_unready=True),
        "/v2/models/stats": _read("Statistics of every ready version"),
        "/v1/models": _read("Names of the models"),
    }


def _model_paths(name: str) -> Schema:
    paths = {}
    for base in _with_versions(f"/v2/models/{name}"):
        paths[base] = _read("Metadata of the model")
        paths[f"{base}/ready"] = _read("Readiness of the model")
        paths[f"{base}/config"] = _read("Triton's model configuration")
        paths[f"{base}/stats"] = _read("Triton's statistics")
        paths[f"{base}/infer"] = {"post": _inference()}
    for base in _with_versions(f"/v1/models/{name}"):
        paths[base] = _read("Readiness in the V1 protocol", has_body_when_unready=True)
        paths[f"{base}:predict"] = {"post": _prediction()}
    for path, item in paths.items():
        if "{version}" in path:
            item["parameters"] = [VERSION]
    return paths


def _repository_paths(name: str) -> Schema:
    model = f"/v2/repository/models/{name}"
    summaries = {
        "/v2/repository/index": "Versions and their states",
        f"{model}/load": "Look for new versions now",
        f"{model}/unload": "Stop serving until `load`",
    }
    return {
        path: {"post": _operation(summary, {}, *READ_STATUSES)}
        for path, summary in summaries.items()
    }


def _with_versions(base: str) -> tuple[str, str]:
    return base, f"{base}/versions/{{version}}"


def _inference() -> Schema:
    operation = _operation("Inference", _reference("InferenceResponse"), *ERROR_STATUSES)
    operation["parameters"] = [*HEADERS, LENGTH_HEADER]
    operation["requestBody"] = _body("InferenceRequest")
    binary = {"description": "JSON, then the data of its binary tensors, in the order of the JSON."}
    for content in (operation["requestBody"], operation["responses"]["200"]):
        content["content"]["application/octet-stream"] = {"schema": binary}
    return operation


def _show_example(item: Schema, model: Model, sample: Tensors) -> None:
    """A request that can be sent as it is."""
    entries = [
        {
            "name": tensor.name,
            "shape": tensor.shape,
            "datatype": tensor.datatype,
            "data": tensor.json_elements,
        }
        for tensor in example_tensors(model.signature, sample)
    ]
    content = item["post"]["requestBody"]["content"]
    content["application/json"]["example"] = {"inputs": entries}


def _prediction() -> Schema:
    operation = _operation("Prediction (V1)", _reference("Predictions"), *ERROR_STATUSES)
    operation["parameters"] = HEADERS
    operation["requestBody"] = _body("PredictionRequest")
    return operation


def _read(summary: str, *, has_body_when_unready: bool = False) -> Schema:
    operation = _operation(summary, {"type": ["object", "array"]}, *READ_STATUSES)
    responses = operation["responses"]
    if has_body_when_unready:
        responses["503"] = {**responses["200"], "description": "Not live, or not ready."}
    return {"get": operation}


def _operation(summary: str, response: Schema, *errors: str) -> Schema:
    error = {"application/json": {"schema": _reference("Error")}}
    responses: dict[str, Any] = {
        "200": {"description": "OK", "content": {"application/json": {"schema": response}}}
    }
    for status in errors:
        responses[status] = {"description": ERROR_STATUSES[status], "content": error}
    return {"summary": summary, "responses": responses}


def _body(name: str) -> Schema:
    return {"required": True, "content": {"application/json": {"schema": _reference(name)}}}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
