"""The wire formats of inference: how bytes become a request and an answer becomes bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct

from longshore.protocol import codec, v1
from longshore.protocol.json_codec import decode_json_request
from longshore.protocol.large_json import LARGE_BODY_BYTES, Convert
from longshore.protocol.messages import EncodedResponse, InferenceRequest, InferenceResponse
from longshore.protocol.steps import Body
from longshore.rest.request_head import RequestHead
from longshore.tensors import Datatype, Signature

LARGE_BINARY_BYTES = 2 * 1024 * 1024
"""Smaller tensors are copied in half a millisecond when they are not aligned."""

Decode = Callable[[Body, RequestHead, Signature, Convert], InferenceRequest]
"""The last converts long lists of numbers, where the format has them."""
Encode = Callable[[InferenceResponse, InferenceRequest], EncodedResponse]


class Wire(Struct, frozen=True):
    """One format of requests; `label` names it in the metrics."""

    label: str
    is_light: Callable[[Body, RequestHead, Signature], bool]
    """Whether decoding takes less than waking a thread for it."""
    decode: Decode
    encode: Encode


class Protocol(NamedTuple):
    """The wire formats of one family of paths.

    The header `Inference-Header-Content-Length` decides, not the content type: clients send JSON
    under any type or none.
    """

    json: Wire
    binary: Wire
    """With that header."""


def _is_light_json(body: Body, head: RequestHead, signature: Signature) -> bool:
    return len(body) < LARGE_BODY_BYTES


def _is_light_binary(body: Body, head: RequestHead, signature: Signature) -> bool:
    """Binary tensors are views of the body; only BYTES elements are decoded one by one."""
    if len(body) < LARGE_BODY_BYTES:
        return True
    return (
        _json_length(body, head) < LARGE_BODY_BYTES
        and len(body) < LARGE_BINARY_BYTES
        and all(spec.datatype is not Datatype.BYTES for spec in signature.inputs)
    )


def _decode_json(
    body: Body, head: RequestHead, signature: Signature, convert: Convert
) -> InferenceRequest:
    return decode_json_request(body, signature=signature, convert=convert)


def _decode_binary(
    body: Body, head: RequestHead, signature: Signature, _: Convert
) -> InferenceRequest:
    return codec.decode_request(body, header_length=_json_length(body, head), signature=signature)


def _json_length(body: Body, head: RequestHead) -> int:
    assert head.json_length is not None
    return codec.parse_header_length(head.json_length, len(body))


def _decode_v1(body: Body, head: RequestHead, signature: Signature, _: Convert) -> InferenceRequest:
    return v1.decode_request(body, signature=signature)


_V1 = Wire("v1", _is_light_json, _decode_v1, v1.encode_response)
V1 = Protocol(_V1, _V1)
V2 = Protocol(
    Wire("v2_json", _is_light_json, _decode_json, codec.encode_response),
    Wire("v2_binary", _is_light_binary, _decode_binary, codec.encode_response),
)
