from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from longshore.errors import InvalidRequest, UnsupportedFeature
from longshore.protocol import v1
from longshore.protocol.messages import InferenceRequest, InferenceResponse
from longshore.tensors import Array, Datatype, Signature, Tensors, TensorSpec

X = TensorSpec("x", Datatype.FP32, (-1, 2))
TEXT = TensorSpec("text", Datatype.BYTES, (-1,))
ONE = Signature((X,), (TensorSpec("y", Datatype.FP32, (-1,)),))
TWO = Signature((X, TEXT), (X, TEXT))


def decode(signature: Signature = ONE, **keys: Any) -> InferenceRequest:
    return v1.decode_request(orjson.dumps(keys), signature=signature)


def encode(request: InferenceRequest, **outputs: Array) -> Any:
    response = v1.encode_response(InferenceResponse("m", "1", dict(outputs)), request)
    assert response.headers == [(b"content-type", b"application/json")]
    return orjson.loads(response.body)


def as_lists(tensors: Tensors) -> dict[str, Any]:
    return {name: array.tolist() for name, array in tensors.items()}


@pytest.mark.parametrize("key", ["instances", "inputs"])
def test_one_input_needs_no_name(key: str) -> None:
    request = decode(**{key: [[1, 2], [3, 4]]})
    assert as_lists(request.inputs) == {"x": [[1, 2], [3, 4]]}


def test_rows_and_columns_by_name() -> None:
    wanted = {"x": [[1, 2], [3, 4]], "text": [b"a", b"\xff"]}
    rows = [{"x": [1, 2], "text": "a"}, {"x": [3, 4], "text": {"b64": "/w=="}}]
    columns = {"x": [[1, 2], [3, 4]], "text": ["a", {"b64": "/w=="}]}
    assert as_lists(decode(TWO, instances=rows).inputs) == wanted
    assert as_lists(decode(TWO, inputs=columns).inputs) == wanted
    assert as_lists(decode(ONE, instances=[{"x": [1, 2]}]).inputs) == {"x": [[1, 2]]}


def test_a_b64_object_is_a_value_of_a_lone_bytes_input() -> None:
    signature = Signature((TEXT,), ONE.outputs)
    request = decode(signature, instances=[{"b64": "aGk="}, "plain"], signature_name="s")
    assert request.inputs["text"].tolist() == [b"hi", b"plain"]


def test_rows_are_answered_with_predictions() -> None:
    request = decode(instances=[[1, 2], [3, 4]])
    output = np.array([0.5, np.nan], np.float32)
    assert encode(request, y=output) == {"predictions": [0.5, None]}


def test_columns_are_answered_with_outputs() -> None:
    request = decode(inputs=[[1, 2]])
    assert encode(request, y=np.array(0.5, np.float32)) == {"outputs": 0.5}


def test_several_outputs_are_answered_by_name() -> None:
    outputs: Tensors = {"x": np.eye(2), "text": np.array([b"a", b"\xff"], dtype=object)}
    text = ["a", {"b64": "/w=="}]
    request = decode(TWO, inputs={"x": [[1, 2], [3, 4]], "text": ["a", "b"]})
    assert encode(request, **outputs) == {"outputs": {"x": [[1, 0], [0, 1]], "text": text}}
    request = decode(TWO, instances=[{"x": [1, 2], "text": "a"}, {"x": [3, 4], "text": "b"}])
    assert encode(request, **outputs) == {
        "predictions": [{"x": [1, 0], "text": text[0]}, {"x": [0, 1], "text": text[1]}]
    }


@pytest.mark.parametrize(("shape", "wanted"), [((2, 0), [[], []]), ((1, 1), [["é"]]), ((), "é")])
def test_bytes_outputs_keep_their_shape(shape: tuple[int, ...], wanted: Any) -> None:
    output = np.full(shape, "é".encode(), dtype=object)
    assert encode(decode(inputs=[[1, 2]]), y=output) == {"outputs": wanted}


def test_several_outputs_without_a_row_for_each_instance_need_columns() -> None:
    request = decode(TWO, instances=[{"x": [1, 2], "text": "a"}])
    with pytest.raises(UnsupportedFeature, match=r"'text' has shape \[\].*send `inputs`"):
        encode(request, x=np.eye(1), text=np.array("a", dtype=object))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "found neither"),
        ({"inputs": [[1, 2]], "instances": [[1, 2]]}, "found both"),
        ({"instances": []}, "`instances` must be a list of rows, found []"),
        ({"instances": {"x": 1}}, "`instances` must be a list of rows"),
        ({"instances": [[1, 2, 3]]}, "shape [1, 3] does not fit; the model wants [-1, 2]"),
        ({"instances": [[1, 2], [3]]}, "a list of 1 on axis 1, which has 2"),
        ({"instances": [[1, "2"]]}, "element 1 of `data` is '2'"),
        ({"instances": [[1, True]]}, "element 1 of `data` is true"),
        ({"instances": [{"q": 1}]}, "instance 0: unknown input 'q'; the model has 'x'"),
        ({"instances": [{}]}, "instance 0: the model also needs 'x'"),
        ({"inputs": {"x": [[1, 2]], "q": 1}}, "`inputs`: unknown input 'q'"),
        ({"inputs": []}, "shape [0] does not fit"),
        ({"inputs": 3}, "shape [] does not fit"),
    ],
)
def test_a_wrong_request_is_refused_in_words(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        decode(**keys)
    assert words in str(raised.value)


def test_several_inputs_need_names() -> None:
    with pytest.raises(InvalidRequest, match="instance 0 must be an object with 'x', 'text'"):
        decode(TWO, instances=[[1, 2]])


def test_rows_of_an_input_without_dimensions_need_columns() -> None:
    signature = Signature((TensorSpec("s", Datatype.FP32, ()),), ONE.outputs)
    with pytest.raises(InvalidRequest, match="'s' has no dimensions"):
        decode(signature, instances=[1])
    assert decode(signature, inputs=1).inputs["s"] == 1
