"""An OpenAPI 3.1 document built from the served model's own signature."""

from __future__ import annotations

from typing import Any

from longshore import __version__
from longshore.execution.model import Model
from longshore.tensors import Datatype, TensorSpec

Schema = dict[str, Any]

JSON_TYPES: dict[Datatype, Schema] = {
    Datatype.BOOL: {"type": "boolean"},
    Datatype.BYTES: {"type": "string"},
    **{
        Datatype(f"{sign}INT{bits}"): {
            "type": "integer",
            "minimum": 0 if sign else -(2 ** (bits - 1)),
            "maximum": 2**bits - 1 if sign else 2 ** (bits - 1) - 1,
        }
        for sign in ("", "U")
        for bits in (8, 16, 32, 64)
    },
    **{Datatype(f"FP{bits}"): {"type": "number"} for bits in (16, 32, 64)},
}
ERROR_STATUSES = {
    "400": "The request does not fit the protocol or the model's signature.",
    "404": "No such model or version.",
    "408": "The body did not arrive in time.",
    "413": "The body is larger than the server accepts.",
    "415": "A content encoding that the server cannot decode.",
    "429": "The expected wait exceeds the deadline; retry after `Retry-After` seconds.",
    "500": "The model failed on a valid request.",
    "501": "A part of the protocol that the server does not offer.",
    "503": "The model is not ready; retry after `Retry-After` seconds.",
    "504": "The deadline passed.",
}


def openapi_document(model: Model) -> Schema:
    """Paths and schemas of the inference port, with the tensors of `model` spelled out."""
    base = f"/v2/models/{model.name}"
    get = {"get": _operation("Metadata of the model", {"type": "object"})}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{model.name} on Longshore",
            "version": __version__,
            "description": "Open Inference Protocol v2 and V1 for one model.",
        },
        "paths": {
            "/v2": {"get": _operation("Metadata of the server", {"type": "object"})},
            "/v2/health/live": {"get": _operation("Liveness", {"type": "object"})},
            "/v2/health/ready": {"get": _operation("Readiness", {"type": "object"})},
            base: get,
            f"{base}/ready": {"get": _operation("Readiness of the model", {"type": "object"})},
            f"{base}/infer": {"post": _inference(model)},
            f"/v1/models/{model.name}:predict": {"post": _prediction()},
        },
        "components": {"schemas": {"Error": _error_schema()}},
    }


def _inference(model: Model) -> Schema:
    request = {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "parameters": {"type": "object"},
            "inputs": {
                "type": "array",
                "minItems": len(model.signature.inputs),
                "maxItems": len(model.signature.inputs),
                "items": {"oneOf": [_tensor(spec) for spec in model.signature.inputs]},
            },
            "outputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"enum": list(model.signature.output_names)},
                        "parameters": {"type": "object"},
                    },
                },
            },
        },
    }
    response = {
        "type": "object",
        "required": ["model_name", "outputs"],
        "properties": {
            "model_name": {"const": model.name},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "parameters": {"type": "object"},
            "outputs": {
                "type": "array",
                "items": {"anyOf": [_tensor(spec) for spec in model.signature.outputs]},
            },
        },
    }
    operation = _operation("Inference", response)
    operation["requestBody"] = _json_body(request)
    return operation


def _prediction() -> Schema:
    request = {
        "type": "object",
        "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
        "properties": {"instances": {"type": "array", "minItems": 1}, "inputs": {}},
    }
    operation = _operation("Prediction in the V1 protocol", {"type": "object"})
    operation["requestBody"] = _json_body(request)
    return operation


def _tensor(spec: TensorSpec) -> Schema:
    return {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"const": spec.name},
            "datatype": {"const": str(spec.datatype)},
            "shape": {
                "type": "array",
                "prefixItems": [
                    {"type": "integer", "minimum": 1} if size == -1 else {"const": size}
                    for size in spec.shape
                ],
                "minItems": len(spec.shape),
                "maxItems": len(spec.shape),
            },
            "parameters": {"type": "object"},
            "data": {
                "type": "array",
                "description": "Flat in row-major order, or nested as `shape` says.",
                "items": {"anyOf": [JSON_TYPES[spec.datatype], {"type": ["array", "null"]}]},
            },
        },
    }


def _operation(summary: str, response: Schema) -> Schema:
    content = {"application/json": {"schema": response}}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        "summary": summary,
        "responses": {
            "200": {"description": "OK", "content": content},
            **{
                status: {"description": description, "content": error}
                for status, description in ERROR_STATUSES.items()
            },
        },
    }


def _json_body(schema: Schema) -> Schema:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _error_schema() -> Schema:
    return {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "string"}},
    }
