"""A request that a model takes: as its server says, else made from the signature."""

from __future__ import annotations

from typing import Any

import orjson

from longshore.client.exchange import read_json
from longshore.client.served_model import ServedModel
from longshore.errors import LongshoreError, RequestRefused
from longshore.examples.request import ExampleRequest, example_tensors, inputs_of_shapes
from longshore.protocol.json_codec import decode_json_request
from longshore.tensors import Tensors

OPENAPI = "/openapi.json"


def example_request(model: ServedModel) -> ExampleRequest:
    return ExampleRequest(
        model.server.base_url,
        model.name,
        model.version,
        example_tensors(model.signature, example_inputs(model)),
        needs_token=model.server.needs_token,
    )


def example_inputs(model: ServedModel) -> Tensors:
    """Raises:
    RequestRefused: the server cannot be asked.
    """
    try:
        document = read_json(model.server, OPENAPI)
    except RequestRefused as error:
        if error.status is None:
            raise
        return inputs_of_shapes(model.signature, {})  # another server: it has no such document
    given = _example(document, model)
    return given or inputs_of_shapes(model.signature, _shapes(document))


def _example(document: Any, model: ServedModel) -> Tensors | None:
    """Of the request's body; `None` where there is none that fits."""
    try:
        operation = document["paths"][f"/v2/models/{model.name}/infer"]["post"]
        example = operation["requestBody"]["content"]["application/json"]["example"]
        return decode_json_request(orjson.dumps(example), signature=model.signature).inputs
    except (KeyError, TypeError, LongshoreError):
        return None


def _shapes(document: Any) -> dict[str, tuple[int, ...]]:
    """Those that the schema of the request has as examples."""
    try:
        schema = document["components"]["schemas"]["InferenceRequest"]
        tensors = [t["properties"] for t in schema["properties"]["inputs"]["items"]["oneOf"]]
        return {t["name"]["const"]: tuple(t["shape"]["examples"][0]) for t in tensors}
    except (KeyError, TypeError, IndexError):
        return {}
