"""Any bytes are decoded, or refused by an error of the server; nothing else is ever raised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from longshore.errors import LongshoreError
from longshore.protocol import codec, v1
from longshore.protocol.messages import InferenceRequest, InferenceResponse
from longshore.tensors import Datatype, Signature, TensorSpec

SIGNATURES = [
    Signature(
        (TensorSpec("x", datatype, (-1, -1)), TensorSpec("b", Datatype.BYTES, (-1,))),
        (TensorSpec("x", datatype, (-1, -1)), TensorSpec("b", Datatype.BYTES, (-1,))),
    )
    for datatype in Datatype
] + [
    Signature((TensorSpec("x", datatype, (-1, 2)),), (TensorSpec("x", datatype, (-1, 2)),))
    for datatype in Datatype
]

WORDS = st.sampled_from(
    [
        *["x", "b", "y", "name", "shape", "datatype", "data", "parameters", "inputs", "outputs"],
        *["instances", "id", "b64", "binary_data", "binary_data_size", "binary_data_output"],
        *["timeout", "sequence_id", "classification", *map(str, Datatype)],
    ]
)
SCALARS = st.one_of(
    WORDS,
    st.text(max_size=5),
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.integers(-2, 9),
    st.floats(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=20,
)


@st.composite
def near_requests(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """A V2 request that is valid but for a few values put in place of others."""
    tail = draw(st.binary(max_size=40))
    datatype = draw(st.sampled_from(list(Datatype)))
    x: dict[str, Any] = {"name": "x", "shape": [1, 2], "datatype": datatype, "data": [1, 0]}
    size: dict[str, Any] = {"binary_data_size": len(tail)}
    b = {"name": "b", "shape": [1], "datatype": "BYTES", "parameters": size}
    document: dict[str, Any] = {"id": "1", "inputs": [x, b], "outputs": [{"name": "x"}]}
    for _ in range(draw(st.integers(0, 3))):
        holder = draw(st.sampled_from([document, x, b, size]))
        holder[draw(st.sampled_from(sorted(holder)) | WORDS)] = draw(VALUES)
    return document, tail


def survives(decode: Callable[[], InferenceRequest], signature: Signature) -> None:
    try:
        request = decode()
    except LongshoreError as error:
        message = str(error)
    else:
        check(request, signature)
        return
    assert 0 < len(message) < 1000


def check(request: InferenceRequest, signature: Signature) -> None:
    for spec in signature.inputs:
        array = request.inputs[spec.name]
        assert array.dtype == spec.datatype.numpy_dtype
        assert spec.accepts_shape(array.shape)
        if spec.datatype is Datatype.BOOL:
            assert np.all(np.ascontiguousarray(array).view(np.uint8) <= 1)


def every_codec(body: bytes, header_length: int | None, signature: Signature) -> None:
    survives(
        lambda: codec.decode_request(body, header_length=header_length, signature=signature),
        signature,
    )
    survives(lambda: v1.decode_request(body, signature=signature), signature)


@given(st.binary(max_size=64), st.integers(0, 80), st.sampled_from(SIGNATURES))
def test_random_bytes(body: bytes, header_length: int, signature: Signature) -> None:
    every_codec(body, None, signature)
    every_codec(body, min(header_length, len(body)), signature)


@given(VALUES, st.sampled_from(SIGNATURES))
def test_random_documents(value: Any, signature: Signature) -> None:
    every_codec(orjson.dumps(value), None, signature)
    every_codec(orjson.dumps({"inputs": value}), None, signature)
    every_codec(orjson.dumps({"instances": value}), None, signature)


@given(near_requests(), st.sampled_from(SIGNATURES))
def test_requests_with_a_few_wrong_values(
    near: tuple[dict[str, Any], bytes], signature: Signature
) -> None:
    document, tail = near
    header = orjson.dumps(document)
    every_codec(header + tail, len(header), signature)
    every_codec(header, None, signature)


@given(near_requests(), st.data())
def test_requests_with_a_few_wrong_bytes(
    near: tuple[dict[str, Any], bytes], data: st.DataObject
) -> None:
    document, tail = near
    header = orjson.dumps(document)
    body = bytearray(header + tail)
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(body)))
    signature = data.draw(st.sampled_from(SIGNATURES))
    every_codec(bytes(body[:cut]), min(len(header), cut), signature)


@given(st.sampled_from(SIGNATURES[13:]), VALUES)
def test_what_v1_takes_it_can_answer(signature: Signature, value: Any) -> None:
    for key in ("inputs", "instances"):
        try:
            request = v1.decode_request(orjson.dumps({key: value}), signature=signature)
        except LongshoreError:
            continue
        v1.encode_response(InferenceResponse("m", "1", request.inputs), request)
