"""The wire formats of inference: how bytes become a request and an answer becomes bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from longshore.protocol import codec, v1
from longshore.protocol.large_json import LARGE_BODY_BYTES
from longshore.protocol.messages import EncodedResponse, InferenceRequest, InferenceResponse
from longshore.protocol.steps import Body
from longshore.tensors import Datatype, Signature

HEADER_LENGTH = b"inference-header-content-length"
LARGE_BINARY_BYTES = 2 * 1024 * 1024
"""Smaller tensors are copied in half a millisecond, should they be out of alignment."""

Decode = Callable[[Body, dict[bytes, bytes], Signature], InferenceRequest]
Encode = Callable[[InferenceResponse, InferenceRequest], EncodedResponse]


@dataclass(frozen=True, slots=True)
class Wire:
    """One protocol; `label` names it in the metrics."""

    label: Callable[[dict[bytes, bytes]], str]
    is_light: Callable[[Body, dict[bytes, bytes], Signature], bool]
    """Whether decoding takes less than waking a thread for it."""
    decode: Decode
    encode: Encode


def _v2_label(headers: dict[bytes, bytes]) -> str:
    return "v2_binary" if HEADER_LENGTH in headers else "v2_json"


def _is_light_json(body: Body, headers: dict[bytes, bytes], signature: Signature) -> bool:
    return len(body) < LARGE_BODY_BYTES


def _is_light_v2(body: Body, headers: dict[bytes, bytes], signature: Signature) -> bool:
    """Binary tensors stay where they are in the body; only texts are made one by one."""
    if len(body) < LARGE_BODY_BYTES:
        return True
    json_length = _json_length(body, headers)
    return (
        json_length is not None
        and json_length < LARGE_BODY_BYTES
        and len(body) < LARGE_BINARY_BYTES
        and all(spec.datatype is not Datatype.BYTES for spec in signature.inputs)
    )


def _decode_v2(body: Body, headers: dict[bytes, bytes], signature: Signature) -> InferenceRequest:
    return codec.decode_request(
        body, header_length=_json_length(body, headers), signature=signature
    )


def _json_length(body: Body, headers: dict[bytes, bytes]) -> int | None:
    """The header decides, not the content type: clients send JSON under any or none."""
    declared = headers.get(HEADER_LENGTH)
    return None if declared is None else codec.parse_header_length(declared, len(body))


def _decode_v1(body: Body, headers: dict[bytes, bytes], signature: Signature) -> InferenceRequest:
    return v1.decode_request(body, signature=signature)


V2 = Wire(_v2_label, _is_light_v2, _decode_v2, codec.encode_response)
V1 = Wire(lambda headers: "v1", _is_light_json, _decode_v1, v1.encode_response)
