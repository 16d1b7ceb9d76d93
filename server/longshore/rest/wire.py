"""The wire formats of inference: how bytes become a request and an answer becomes bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from longshore.protocol import codec, v1
from longshore.protocol.messages import EncodedResponse, InferenceRequest, InferenceResponse
from longshore.protocol.steps import Body
from longshore.tensors import Signature

HEADER_LENGTH = b"inference-header-content-length"

Decode = Callable[[Body, dict[bytes, bytes], Signature], InferenceRequest]
Encode = Callable[[InferenceResponse, InferenceRequest], EncodedResponse]


@dataclass(frozen=True, slots=True)
class Wire:
    """One protocol; `label` names it in the metrics."""

    label: Callable[[dict[bytes, bytes]], str]
    decode: Decode
    encode: Encode


def _v2_label(headers: dict[bytes, bytes]) -> str:
    return "v2_binary" if HEADER_LENGTH in headers else "v2_json"


def _decode_v2(body: Body, headers: dict[bytes, bytes], signature: Signature) -> InferenceRequest:
    """The header decides, not the content type: clients send JSON under any or none."""
    declared = headers.get(HEADER_LENGTH)
    length = None if declared is None else codec.parse_header_length(declared, len(body))
    return codec.decode_request(body, header_length=length, signature=signature)


def _decode_v1(body: Body, headers: dict[bytes, bytes], signature: Signature) -> InferenceRequest:
    return v1.decode_request(body, signature=signature)


V2 = Wire(_v2_label, _decode_v2, codec.encode_response)
V1 = Wire(lambda headers: "v1", _decode_v1, v1.encode_response)
