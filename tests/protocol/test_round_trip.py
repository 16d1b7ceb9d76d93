"""tritonclient encodes the requests and reads the answers of a model that echoes."""

from __future__ import annotations

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.http import (
    InferenceServerClient,
    InferInput,
    InferRequestedOutput,
    InferResult,
)

from longshore.protocol import codec, v1
from longshore.protocol.messages import (
    EncodedResponse,
    InferenceRequest,
    InferenceResponse,
    RequestedOutput,
)
from longshore.tensors import Array, Datatype, Tensors
from tests.protocol.tensors import assert_same, echo, tensors


def request_body(
    inputs: Tensors, *, binary: dict[str, bool], outputs: dict[str, bool] | None
) -> tuple[bytes, int | None]:
    wanted = []
    for name, array in inputs.items():
        entry = InferInput(name, list(array.shape), Datatype.of(array).value)
        wanted.append(entry.set_data_from_numpy(array, binary_data=binary[name]))
    asked = outputs and [
        InferRequestedOutput(name, binary_data=binary) for name, binary in outputs.items()
    ]
    return InferenceServerClient.generate_request_body(wanted, outputs=asked)


def decode(body: bytes, header_length: int | None, inputs: Tensors) -> InferenceRequest:
    length = header_length and codec.parse_header_length(b"%d" % header_length, len(body))
    return codec.decode_request(body, header_length=length, signature=echo(inputs))


def answer(request: InferenceRequest) -> EncodedResponse:
    return codec.encode_response(InferenceResponse("echo", "1", request.inputs), request)


def parse(response: EncodedResponse) -> InferResult:
    headers = dict(response.headers)
    length = headers.get(b"inference-header-content-length")
    return InferenceServerClient.parse_response_body(
        response.body, header_length=None if length is None else int(length)
    )


def as_bytes(array: Array) -> Array:
    """The client reads JSON strings as `str`."""
    if array.dtype != object:
        return array
    encoded = np.empty(array.shape, dtype=object)
    encoded.ravel()[:] = [e.encode() if isinstance(e, str) else e for e in array.ravel()]
    return encoded


@given(tensors())
def test_binary_tensors_come_back_bit_for_bit(inputs: Tensors) -> None:
    body, length = request_body(inputs, binary=dict.fromkeys(inputs, True), outputs=None)
    request = decode(body, length, inputs)
    result = parse(answer(request))
    for name, array in inputs.items():
        assert_same(request.inputs[name], array)
        assert_same(result.as_numpy(name), array)


@given(tensors(text=True, finite=True))
def test_json_tensors_come_back_bit_for_bit(inputs: Tensors) -> None:
    everything = dict.fromkeys(inputs, False)
    body, length = request_body(inputs, binary=everything, outputs=everything)
    assert length is None
    request = decode(body, None, inputs)
    encoded = answer(request)
    assert encoded.headers == [(b"content-type", b"application/json")]
    result = parse(encoded)
    for name, array in inputs.items():
        assert_same(request.inputs[name], array)
        assert_same(as_bytes(result.as_numpy(name)), array)


@given(tensors(text=True, finite=True), st.data())
def test_json_and_binary_mix_in_requests_and_answers(inputs: Tensors, data: st.DataObject) -> None:
    flags = st.fixed_dictionaries(dict.fromkeys(inputs, st.booleans()))
    order = data.draw(st.permutations(list(inputs)))
    outputs = data.draw(flags)
    body, length = request_body(
        inputs, binary=data.draw(flags), outputs={name: outputs[name] for name in order}
    )
    request = decode(body, length, inputs)
    assert request.outputs == tuple(RequestedOutput(name, outputs[name]) for name in order)
    result = parse(answer(request))
    assert [output["name"] for output in result.get_response()["outputs"]] == order
    for name, array in inputs.items():
        assert_same(request.inputs[name], array)
        assert_same(as_bytes(result.as_numpy(name)), array)


@given(tensors(text=True, finite=True))
def test_nested_json_means_the_same_as_flat(inputs: Tensors) -> None:
    entries = [
        {
            "name": name,
            "shape": array.shape,
            "datatype": Datatype.of(array),
            "data": nested(array) if array.shape else [nested(array)],
        }
        for name, array in inputs.items()
    ]
    request = decode(orjson.dumps({"inputs": entries}), None, inputs)
    for name, array in inputs.items():
        assert_same(request.inputs[name], array)


@pytest.mark.parametrize("key", ["inputs", "instances"])
@given(inputs=tensors(text=True, finite=True))
def test_v1_tensors_come_back_in_columns_and_in_rows(key: str, inputs: Tensors) -> None:
    if key == "instances":
        rows = min((len(a) for a in inputs.values() if a.shape), default=0)
        inputs = {name: array[:rows] for name, array in inputs.items() if array.shape}
        if not inputs:
            return
        names = list(inputs)
        value = [{name: nested(inputs[name])[row] for name in names} for row in range(rows)]
    else:
        value = {name: nested(array) for name, array in inputs.items()}
    request = v1.decode_request(orjson.dumps({key: value}), signature=echo(inputs))
    for name, array in inputs.items():
        assert_same(request.inputs[name], array)
    response = v1.encode_response(InferenceResponse("echo", "1", request.inputs), request)
    again = {"inputs": "outputs", "instances": "predictions"}[key]
    assert_v1_values(orjson.loads(response.body)[again], inputs, by_column=key == "inputs")


def assert_v1_values(values: object, inputs: Tensors, *, by_column: bool) -> None:
    for name, array in inputs.items():
        found = values
        if len(inputs) > 1:
            found = values[name] if by_column else [row[name] for row in values]  # type: ignore[index,attr-defined]
        dtype = None if array.dtype == object else array.dtype
        assert_same(as_bytes(np.array(found, dtype=dtype or object)), array)


def nested(array: Array) -> object:
    """`array` as nested lists of what JSON has."""
    if array.dtype != object:
        return array.tolist()
    text = np.empty(array.shape, dtype=object)
    text.ravel()[:] = [element.decode() for element in array.ravel()]
    return text.tolist()
