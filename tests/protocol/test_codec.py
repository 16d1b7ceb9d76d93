from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from longshore.errors import InferenceFailed, InvalidRequest
from longshore.protocol import codec
from longshore.protocol.messages import InferenceRequest, InferenceResponse, RequestedOutput
from longshore.tensors import Array, Datatype, Signature, TensorSpec

SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 2)),),
    (TensorSpec("y", Datatype.FP32, (-1,)), TensorSpec("z", Datatype.FP32, (-1,))),
)
X = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}


def decode(**keys: Any) -> InferenceRequest:
    body = orjson.dumps({"inputs": [X], **keys})
    return codec.decode_request(body, header_length=None, signature=SIGNATURE)


def encode(array: Array, *, binary: bool = False, **keys: Any) -> tuple[dict[str, Any], bytes]:
    """The JSON of an answer with the one output y, and the bytes behind it."""
    request = InferenceRequest(inputs={}, outputs=(RequestedOutput("y", binary),))
    response = codec.encode_response(InferenceResponse("m", "3", {"y": array}, **keys), request)
    length = int(dict(response.headers).get(b"inference-header-content-length", 0))
    length = length or len(response.body)
    return orjson.loads(response.body[:length]), response.body[length:]


def test_whatever_the_protocol_does_not_know_is_tolerated() -> None:
    request = decode(
        id="7", extra=1, parameters={"priority": 3, "custom": "c", "sequence_id": 0}, outputs=None
    )
    assert request.id == "7"
    assert request.parameters["custom"] == "c"
    assert request.timeout_seconds is None


def test_null_stands_for_absent() -> None:
    request = decode(id=None, parameters=None, outputs=None)
    assert (request.id, request.parameters) == (None, {})


def test_without_outputs_every_output_is_asked_for_in_the_models_order() -> None:
    for outputs in ({}, {"outputs": []}):
        assert decode(**outputs).output_names == ("y", "z")


def test_outputs_are_asked_for_in_the_clients_order() -> None:
    assert decode(outputs=[{"name": "z"}, {"name": "y"}]).output_names == ("z", "y")


def test_binary_data_of_an_output_goes_before_binary_data_output() -> None:
    request = decode(
        parameters={"binary_data_output": True},
        outputs=[{"name": "y"}, {"name": "z", "parameters": {"binary_data": False}}],
    )
    assert request.outputs == (RequestedOutput("y", True), RequestedOutput("z", False))


def test_timeout_is_microseconds_on_the_wire() -> None:
    assert decode(parameters={"timeout": 1_500_000}).timeout_seconds == 1.5


def test_an_answer_names_model_and_version_and_echoes_the_id() -> None:
    document, _ = encode(np.array([1.5], np.float32), id="7", parameters={"p": 1})
    assert document == {
        "model_name": "m",
        "model_version": "3",
        "id": "7",
        "parameters": {"p": 1},
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [1], "data": [1.5]}],
    }


def test_floats_are_written_as_short_as_they_can_be_read_back() -> None:
    document, _ = encode(np.array([0.1, 1 / 3], np.float32))
    assert document["outputs"][0]["data"] == [0.1, 0.33333334]


def test_nan_and_infinities_are_null_in_json_and_exact_in_binary() -> None:
    array = np.array([np.nan, np.inf, -np.inf, 1], np.float32)
    document, _ = encode(array)
    assert document["outputs"][0]["data"] == [None, None, None, 1.0]
    document, tail = encode(array, binary=True)
    assert "data" not in document["outputs"][0]
    assert tail == array.tobytes()


@pytest.mark.parametrize("binary", [False, True])
def test_arrays_of_any_layout_are_written_in_row_major_order(binary: bool) -> None:
    array = np.arange(6, dtype=">i4").reshape(2, 3).T
    document, tail = encode(array, binary=binary)
    output = document["outputs"][0]
    assert (output["datatype"], output["shape"]) == ("INT32", [3, 2])
    data = np.frombuffer(tail, "<i4").tolist() if binary else output["data"]
    assert data == [0, 3, 1, 4, 2, 5]


def test_text_outputs_are_bytes_on_the_wire() -> None:
    document, tail = encode(np.array(["a", "é"]), binary=True)
    assert document["outputs"][0]["parameters"] == {"binary_data_size": 11}
    assert tail == b"\x01\0\0\0a\x02\0\0\0\xc3\xa9"


def test_bytes_that_are_no_text_need_binary_data() -> None:
    array = np.array([b"\xff"], dtype=object)
    with pytest.raises(InvalidRequest, match=r"'y' holds bytes that are not UTF-8.*`binary_data`"):
        encode(array)
    assert encode(array, binary=True)[1] == b"\x01\0\0\0\xff"


@pytest.mark.parametrize("array", [np.array([1j]), np.array([{"a": 1}], dtype=object)])
@pytest.mark.parametrize("binary", [False, True])
def test_outputs_that_are_no_tensor_fail_in_words(array: Array, binary: bool) -> None:
    with pytest.raises(InferenceFailed, match="output 'y'"):
        encode(array, binary=binary)


def test_aligned_binary_tensors_are_views_of_the_body() -> None:
    base = orjson.dumps(
        {
            "inputs": [
                {
                    **{k: X[k] for k in ("name", "shape", "datatype")},
                    "parameters": {"binary_data_size": 8},
                }
            ]
        }
    )
    for padding in range(4):
        header = base + b" " * padding
        body = header + np.array([3, 4], np.float32).tobytes()
        request = codec.decode_request(body, header_length=len(header), signature=SIGNATURE)
        array = request.inputs["x"]
        assert array.tolist() == [[3, 4]]
        assert array.flags.aligned
        # A view cannot be written to, a copy can.
        assert array.flags.writeable == (len(header) % 4 != 0)


def test_any_nonzero_byte_of_a_bool_is_true_and_stored_as_one() -> None:
    signature = Signature((TensorSpec("x", Datatype.BOOL, (-1,)),), SIGNATURE.outputs)
    header = orjson.dumps(
        {
            "inputs": [
                {
                    "name": "x",
                    "shape": [3],
                    "datatype": "BOOL",
                    "parameters": {"binary_data_size": 3},
                }
            ]
        }
    )
    request = codec.decode_request(
        header + b"\x00\x01\xff", header_length=len(header), signature=signature
    )
    assert request.inputs["x"].view(np.uint8).tolist() == [0, 1, 1]


def test_zero_sized_dimensions_other_than_the_first_are_taken() -> None:
    signature = Signature((TensorSpec("x", Datatype.FP32, (-1, -1, 2)),), SIGNATURE.outputs)
    for data in ([], [[]]):
        body = orjson.dumps({"inputs": [{**X, "shape": [1, 0, 2], "data": data}]})
        request = codec.decode_request(body, header_length=None, signature=signature)
        assert request.inputs["x"].shape == (1, 0, 2)


def test_booleans_elsewhere_do_not_disturb_numbers() -> None:
    assert decode(parameters={"binary_data_output": False}).inputs["x"].tolist() == [[1, 2]]
