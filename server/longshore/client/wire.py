"""Requests and answers with binary tensors, as a client writes and reads them."""

from __future__ import annotations

import math
from typing import Any

import orjson

from longshore.client.exchange import Reply
from longshore.protocol.binary_codec import array_from_bytes, binary_tensor
from longshore.protocol.json_data import array_from_list
from longshore.protocol.steps import Body, join
from longshore.tensors import Array, Datatype, Tensors, TensorSpec

JSON_LENGTH = "Inference-Header-Content-Length"


def encode_request(inputs: Tensors) -> tuple[Body, dict[str, str]]:
    """Body and headers of a request that asks for binary outputs, so that NaN and infinities come
    back.
    """
    entries: list[dict[str, Any]] = []
    blobs: list[Body | memoryview] = []
    for name, array in inputs.items():
        entry, parts = binary_tensor(name, array)
        entries.append(entry)
        blobs += parts
    document = {"parameters": {"binary_data_output": True}, "inputs": entries}
    head = orjson.dumps(document)
    headers = {"Content-Type": "application/octet-stream", JSON_LENGTH: str(len(head))}
    return join([head, *blobs]), headers


def decode_answer(reply: Reply) -> tuple[str, Tensors]:
    """The version that answered, and its outputs.

    Raises:
        KeyError, TypeError, ValueError, LongshoreError: it is no answer of the protocol.
    """
    length = int(reply.headers.get(JSON_LENGTH.lower(), len(reply.body)))
    document = orjson.loads(reply.body[:length])
    data = memoryview(reply.body)[length:]
    outputs: Tensors = {}
    for entry in document["outputs"]:
        spec = TensorSpec(entry["name"], Datatype(entry["datatype"]), tuple(entry["shape"]))
        size = (entry.get("parameters") or {}).get("binary_data_size")
        if size is None:
            outputs[spec.name] = _from_json(entry["data"], spec)
        else:
            outputs[spec.name] = array_from_bytes(data[:size], spec.shape, spec)
            data = data[size:]
    return str(document.get("model_version", "")), outputs


def _from_json(data: Any, spec: TensorSpec) -> Array:
    """Null, which stands for NaN and infinities, becomes NaN."""
    if spec.datatype.numpy_dtype.kind == "f":
        data = [math.nan if element is None else element for element in data]
    return array_from_list(
        data, spec.shape, datatype=spec.datatype, name=spec.name, may_hold_booleans=True
    )
