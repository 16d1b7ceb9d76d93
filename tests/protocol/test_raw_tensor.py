from __future__ import annotations

import numpy as np
import pytest

from longshore.errors import InvalidRequest
from longshore.protocol import codec
from longshore.protocol.messages import InferenceResponse
from longshore.tensors import Datatype, Signature, TensorSpec

OUTPUT = TensorSpec("y", Datatype.FP32, (-1,))


def model(datatype: Datatype, shape: tuple[int, ...]) -> Signature:
    return Signature((TensorSpec("x", datatype, shape),), (OUTPUT,))


@pytest.mark.parametrize(
    ("shape", "count", "wanted"),
    [
        ((-1, 3), 3, (1, 3)),
        ((-1, -1), 5, (1, 5)),
        ((-1, -1, 2), 6, (1, 3, 2)),
        ((4, 2), 8, (4, 2)),
        ((-1,), 1, (1,)),
        ((), 1, ()),
    ],
)
def test_the_body_is_one_row_of_the_one_input(
    shape: tuple[int, ...], count: int, wanted: tuple[int, ...]
) -> None:
    data = np.arange(count, dtype=np.int16)
    signature = model(Datatype.INT16, shape)
    request = codec.decode_request(data.tobytes(), header_length=0, signature=signature)
    assert request.inputs["x"].shape == wanted
    assert request.inputs["x"].ravel().tolist() == data.tolist()


def test_the_answer_is_binary() -> None:
    signature = model(Datatype.FP32, (-1, 2))
    request = codec.decode_request(bytes(8), header_length=0, signature=signature)
    output = np.array([2.5], dtype=np.float32)
    response = codec.encode_response(InferenceResponse("m", "1", {"y": output}), request)
    assert dict(response.headers)[b"content-type"] == b"application/octet-stream"
    assert response.body.endswith(output.tobytes())


def test_for_bytes_the_whole_body_is_one_element() -> None:
    signature = model(Datatype.BYTES, (-1, 1))
    request = codec.decode_request(b"\xff\x00 any", header_length=0, signature=signature)
    assert request.inputs["x"].tolist() == [[b"\xff\x00 any"]]


@pytest.mark.parametrize(
    ("datatype", "shape", "body", "words"),
    [
        (Datatype.FP32, (-1, 3), bytes(8), "takes 12 bytes as a raw tensor of one row, found 8"),
        (Datatype.FP32, (-1, 3), bytes(24), "takes 12 bytes as a raw tensor of one row, found 24"),
        (Datatype.FP32, (-1, -1), bytes(6), "takes a multiple of 4 bytes"),
        (Datatype.FP32, (-1, -1), b"", "found 0"),
        (Datatype.FP32, (-1, 0), b"", "takes 0 bytes"),
        (Datatype.FP32, (-1, -1, -1), bytes(4), "only one dimension besides the first"),
        (Datatype.BYTES, (-1, 2), b"ab", "this input takes more"),
    ],
)
def test_a_body_that_is_no_row_is_refused(
    datatype: Datatype, shape: tuple[int, ...], body: bytes, words: str
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        codec.decode_request(body, header_length=0, signature=model(datatype, shape))
    assert words in str(raised.value)


def test_a_model_with_two_inputs_takes_no_raw_request() -> None:
    specs = (TensorSpec("a", Datatype.FP32, (1,)), TensorSpec("b", Datatype.FP32, (1,)))
    with pytest.raises(InvalidRequest, match="needs a model with one input; this one has 'a', 'b'"):
        codec.decode_request(bytes(4), header_length=0, signature=Signature(specs, (OUTPUT,)))
