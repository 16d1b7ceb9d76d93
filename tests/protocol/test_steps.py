"""What is done in steps gives what one call would."""

from __future__ import annotations

import json

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore.errors import PayloadTooLarge
from longshore.protocol import codec, json_document, steps, v1
from longshore.protocol.messages import InferenceRequest, InferenceResponse, RequestedOutput
from longshore.tensors import Datatype, Signature, TensorSpec

SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, -1)),), (TensorSpec("x", Datatype.FP32, (-1, -1)),)
)
TEXT = st.text("ab", max_size=40).map(str.encode)


@pytest.fixture(params=[1, 2, 7], autouse=True)
def short_steps(request, monkeypatch):
    monkeypatch.setattr(steps, "STEP_BYTES", request.param)
    monkeypatch.setattr(steps, "STEP_NUMBERS", request.param)


def test_searching_counting_and_joining():
    @given(TEXT, st.sampled_from([b"a", b"ab", b"bab"]), st.integers(0, 9), st.integers(0, 60))
    def agree(text: bytes, sought: bytes, start: int, stop: int) -> None:
        stop = min(stop, len(text))
        assert steps.find(text, sought, start, stop) == text.find(sought, start, stop)
        assert steps.count(text, b"a", start, stop) == text.count(b"a", start, stop)
        assert steps.join([text, bytearray(sought), memoryview(text)]) == text + sought + text

    agree()


@pytest.mark.parametrize("shape", [(1,), (9,), (3, 5), (1, 13), (2, 1, 9), (4, 3, 2), (0, 4)])
def test_arrays_as_json(shape):
    array = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)

    assert json.loads(b"".join(steps.json_pieces(array))) == array.tolist()


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("protocol", [codec, v1])
def test_long_answers(protocol, binary):
    array = np.arange(40, dtype=np.float32).reshape(10, 4)
    response = InferenceResponse("m", "1", {"x": array, "y": array[:1] * 2}, id="7")
    for names in (("x",), ("y", "x")):
        outputs = tuple(RequestedOutput(name, binary and name == "x") for name in names)
        request = InferenceRequest({"x": array}, outputs, by_column=True)

        encoded = protocol.encode_response(response, request)

        header = dict(encoded.headers).get(b"inference-header-content-length", len(encoded.body))
        document = orjson.loads(bytes(encoded.body)[: int(header)])
        if protocol is v1:
            found = document["outputs"]
            assert (found["x"] if len(names) == 2 else found) == array.tolist()
            continue
        assert document["id"] == "7"
        assert [output["name"] for output in document["outputs"]] == list(names)
        if binary:
            assert bytes(encoded.body).endswith(array.tobytes())
        else:
            assert document["outputs"][-1]["data"] == array.ravel().tolist()


def test_json_that_would_take_too_long_is_refused_by_every_codec(monkeypatch):
    monkeypatch.setattr(json_document, "MAX_WHOLE_VALUES", 100)
    rows = orjson.dumps({"instances": [[1.0, 2.0]] * 60})
    header = orjson.dumps({"inputs": [{"name": "x", "shape": [60, 2], "data": [1.0] * 120}]})

    with pytest.raises(PayloadTooLarge, match="120 values or more"):
        v1.decode_request(rows, signature=SIGNATURE)
    with pytest.raises(PayloadTooLarge, match="the JSON header is too much"):
        codec.decode_request(header, header_length=len(header), signature=SIGNATURE)
