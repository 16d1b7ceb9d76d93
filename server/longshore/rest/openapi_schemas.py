"""JSON Schemas of the requests and responses of a model, from its signature.

https://json-schema.org/draft/2020-12, the dialect of OpenAPI 3.1
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from longshore.execution.model import Model
from longshore.tensors import Datatype, Signature, TensorSpec

Schema = dict[str, Any]

_ELEMENTS: dict[Datatype, Schema] = {
    Datatype.BOOL: {"type": "boolean"},
    Datatype.BYTES: {
        "anyOf": [
            {"type": "string"},
            {
                "type": "object",
                "required": ["b64"],
                "properties": {"b64": {"type": "string", "contentEncoding": "base64"}},
                "additionalProperties": False,
            },
        ]
    },
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


def components(model: Model, shapes: Mapping[str, tuple[int, ...]]) -> Schema:
    """Every schema that the paths refer to, by name; `shapes` are of an example, by input."""
    signature = model.signature
    datatypes = sorted({spec.datatype for spec in (*signature.inputs, *signature.outputs)})
    return {
        "Error": _object({"error": {"type": "string"}}, required=["error"]),
        "InferenceRequest": _inference_request(signature, shapes),
        "InferenceResponse": _inference_response(model),
        "PredictionRequest": _prediction_request(signature),
        "Predictions": _object({"predictions": {}, "outputs": {}}),
        **{f"{datatype}Data": _nested(datatype) for datatype in datatypes},
    }


def _inference_request(signature: Signature, shapes: Mapping[str, tuple[int, ...]]) -> Schema:
    requested = _object(
        {"name": {"enum": list(signature.output_names)}, "parameters": {"type": "object"}},
        required=["name"],
    )
    return _object(
        {
            "id": {"type": ["string", "null"]},
            "parameters": {"type": ["object", "null"]},
            "inputs": {
                "type": "array",
                "minItems": len(signature.inputs),
                "maxItems": len(signature.inputs),
                "items": {"oneOf": [_input(spec, shapes[spec.name]) for spec in signature.inputs]},
            },
            "outputs": {"type": ["array", "null"], "items": requested},
        },
        required=["inputs"],
    )


def _inference_response(model: Model) -> Schema:
    return _object(
        {
            "model_name": {"const": model.name},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "parameters": {"type": "object"},
            "outputs": {
                "type": "array",
                "items": {"oneOf": [_output(spec) for spec in model.signature.outputs]},
            },
        },
        required=["model_name", "model_version", "outputs"],
    )


def _prediction_request(signature: Signature) -> Schema:
    """Rows by input name, or whole tensors; bare values where the model has one input."""
    rows = {spec.name: _row(spec) for spec in signature.inputs}
    columns = {spec.name: _column(spec) for spec in signature.inputs}
    row: list[Schema] = [_object(rows, required=list(rows))]
    column: list[Schema] = [_object(columns, required=list(columns))]
    if len(signature.inputs) == 1:
        row += rows.values()
        column += columns.values()
    instances = {"type": "array", "minItems": 1, "items": {"anyOf": row}}
    return {
        "oneOf": [
            _object({"instances": instances}, required=["instances"]),
            _object({"inputs": {"anyOf": column}}, required=["inputs"]),
        ]
    }


def _input(spec: TensorSpec, example: tuple[int, ...]) -> Schema:
    tensor = _tensor(spec)
    tensor["shape"]["examples"] = [list(example)]
    return _object(
        {**tensor, "parameters": {"type": ["object", "null"]}, "data": _data(spec.datatype)},
        required=["name", "shape", "datatype", "data"],
    )


def _output(spec: TensorSpec) -> Schema:
    """Flat; NaN and infinities, which JSON cannot represent, are null."""
    items = _ELEMENTS[spec.datatype]
    if spec.datatype.numpy_dtype.kind == "f":
        items = {"type": ["number", "null"]}
    return _object(
        {**_tensor(spec), "data": {"type": "array", "items": items}},
        required=["name", "shape", "datatype", "data"],
    )


def _tensor(spec: TensorSpec) -> Schema:
    sizes = [
        {"type": "integer", "minimum": 0 if axis else 1} if size == -1 else {"const": size}
        for axis, size in enumerate(spec.shape)
    ]
    rank = len(sizes)
    shape: Schema = {"type": "array", "minItems": rank, "maxItems": rank}
    if sizes:
        shape["prefixItems"] = sizes
    return {
        "name": {"const": spec.name},
        "datatype": {"const": str(spec.datatype)},
        "shape": shape,
    }


def _row(spec: TensorSpec) -> Schema:
    return _of_shape(spec.shape[1:], spec.datatype)


def _column(spec: TensorSpec) -> Schema:
    return _of_shape(spec.shape, spec.datatype)


def _of_shape(shape: tuple[int, ...], datatype: Datatype) -> Schema:
    """Lists nested as `shape` says; -1 allows any length."""
    schema = _ELEMENTS[datatype]
    for size in reversed(shape):
        limits = {} if size == -1 else {"minItems": size, "maxItems": size}
        schema = {"type": "array", "items": schema, **limits}
    return schema


def _data(datatype: Datatype) -> Schema:
    return {"$ref": f"#/components/schemas/{datatype}Data"}


def _nested(datatype: Datatype) -> Schema:
    return {
        "type": "array",
        "description": "Flat in row-major order, or nested as `shape` says.",
        "items": {"anyOf": [_ELEMENTS[datatype], _data(datatype)]},
    }


def _object(properties: Schema, *, required: list[str] | None = None) -> Schema:
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return schema
