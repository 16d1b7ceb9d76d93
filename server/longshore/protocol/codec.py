"""Open Inference Protocol v2: which form a request has, and the same forms for its answer."""

from __future__ import annotations

from longshore.errors import InvalidRequest
from longshore.protocol.binary_codec import decode_binary_request, encode_binary_response
from longshore.protocol.json_codec import decode_json_request, encode_json_response
from longshore.protocol.json_document import shown
from longshore.protocol.messages import EncodedResponse, InferenceRequest, InferenceResponse
from longshore.protocol.raw_tensor import decode_raw_request
from longshore.protocol.steps import Body
from longshore.tensors import Signature

_MAX_DIGITS = 20


def parse_header_length(value: bytes, body_length: int) -> int:
    """The header `Inference-Header-Content-Length`.

    Raises:
        InvalidRequest: not plain digits, or more than the body has.
    """
    if value.isdigit() and len(value) <= _MAX_DIGITS:
        length = int(value)
        if length <= body_length:
            return length
    raise InvalidRequest(
        f"Inference-Header-Content-Length: {shown(value.decode('latin-1'))} is not a whole number "
        f"from 0 to {body_length}, the length of the body"
    )


def decode_request(
    body: Body, *, header_length: int | None, signature: Signature
) -> InferenceRequest:
    """`header_length` is the length of the JSON before binary tensors: `None` where all of `body`
    is JSON, 0 where it is a raw tensor.

    Raises:
        InvalidRequest: anything that is wrong with the request.
        UnsupportedFeature: an extension that this server does not offer.
    """
    if header_length is None:
        return decode_json_request(body, signature=signature)
    if header_length == 0:
        return decode_raw_request(body, signature=signature)
    return decode_binary_request(body, header_length=header_length, signature=signature)


def encode_response(response: InferenceResponse, request: InferenceRequest) -> EncodedResponse:
    """Each output in the form and the order that `request` asks for; JSON and binary may be mixed.

    Raises:
        InvalidRequest: a BYTES output that was requested as JSON is not UTF-8.
    """
    for output in request.outputs:
        if output.binary_data:
            body, header_length = encode_binary_response(response, request)
            return EncodedResponse(
                body,
                [
                    (b"content-type", b"application/octet-stream"),
                    (b"inference-header-content-length", b"%d" % header_length),
                ],
            )
    return EncodedResponse(
        encode_json_response(response, request), [(b"content-type", b"application/json")]
    )
