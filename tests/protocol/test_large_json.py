from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from longshore.errors import InvalidRequest, PayloadTooLarge
from longshore.protocol import json_document, large_json, number_pieces
from longshore.protocol.json_codec import decode_json_request
from longshore.tensors import Datatype, Signature, TensorSpec

NUMERIC = [datatype for datatype in Datatype if datatype not in (Datatype.BYTES, Datatype.BOOL)]


@pytest.fixture(params=["simdjson", "orjson"])
def parser(request, monkeypatch):
    if request.param == "orjson":
        monkeypatch.setattr(number_pieces, "simdjson", None)


@pytest.fixture
def small_pieces(monkeypatch):
    """Bodies of a few bytes are decoded as large ones are, in pieces of a few numbers."""
    monkeypatch.setattr("longshore.protocol.json_codec.LARGE_BODY_BYTES", 0)
    monkeypatch.setattr(large_json, "PIECE_BYTES", 24)


def body(data, shape, datatype=Datatype.FP32) -> bytes:
    tensor = {"name": "x", "shape": shape, "datatype": datatype, "data": data}
    return json.dumps({"id": "a", "inputs": [tensor]}).encode()


def decode(content: bytes, datatype=Datatype.FP32, rank=1):
    signature = Signature((TensorSpec("x", datatype, (-1,) * rank),), ())
    return decode_json_request(content, signature=signature).inputs["x"]


@pytest.mark.usefixtures("parser", "small_pieces")
@pytest.mark.parametrize("datatype", NUMERIC)
def test_numbers_are_the_same_in_pieces(datatype):
    @settings(max_examples=30)  # of each of twenty
    @given(
        arrays.arrays(
            datatype.numpy_dtype,
            arrays.array_shapes(min_dims=1, max_dims=3, max_side=9),
            elements={"allow_nan": False, "allow_infinity": False}
            if datatype.numpy_dtype.kind == "f"
            else None,
        ),
        st.booleans(),
    )
    def check(array, nested):
        data = array.tolist() if nested else array.ravel().tolist()
        decoded = decode(body(data, array.shape, datatype), datatype, array.ndim)
        assert decoded.dtype == array.dtype
        assert np.array_equal(decoded, array)

    check()


@pytest.mark.usefixtures("parser", "small_pieces")
@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([1.0] * 29 + ["a"], "element 29"),
        ([1.0] * 29 + [True], "element 29 of `data` is true"),
        ([1.0] * 29 + [None], "element 29 of `data` is null"),
        ([1.0] * 29 + [1e39], "element 29 of `data` is 1e\\+39"),
        ([1.0] * 29, "has fewer elements|has 29 elements"),
        ([1.0] * 31, "has more elements|has 31 elements"),
        ([[1.0] * 15] * 2, "not nested as shape"),
        ([1.0] * 29 + [[1.0]], "nested"),
    ],
)
def test_what_is_wrong_is_named_as_in_small_bodies(data, message):
    with pytest.raises(InvalidRequest, match=message):
        decode(body(data, [30]))


@pytest.mark.usefixtures("parser", "small_pieces")
@pytest.mark.parametrize(
    "numbers", ["1,2,", ",1,2", "1,,2", "1 2", "01,2", "NaN,1", "1,-", "1;2", "0x1,2"]
)
@pytest.mark.parametrize("padding", [0, 40])
def test_broken_lists_are_refused_wherever_they_are_cut(numbers, padding):
    text = "1.5," * padding + numbers + ",1.5" * (padding if not numbers.endswith(",") else 0)
    content = body([], [30]).replace(b"[]", f"[{text}]".encode(), 1)

    with pytest.raises(InvalidRequest):
        decode(content)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(
    "nested",
    ["[[1,2,3],[4]]", "[[1,2],[3,4]", "[[[1,2],[3,4]]]", "[1,2,[3,4]]", "[[1,2][3,4]]"],
)
def test_another_nesting_of_the_right_count_is_refused(nested):
    content = body([], [2, 2]).replace(b"[]", nested.encode(), 1)

    with pytest.raises(InvalidRequest):
        decode(content, rank=2)


@pytest.mark.usefixtures("small_pieces")
def test_a_text_that_looks_like_a_list_stays_a_text():
    identifier = '"data": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]'
    tensor = {"name": "x", "shape": [1], "datatype": "FP32", "data": [1.0]}
    content = json.dumps({"id": identifier, "inputs": [tensor]}).encode()
    signature = Signature((TensorSpec("x", Datatype.FP32, (-1,)),), ())

    assert decode_json_request(content, signature=signature).id == identifier


def test_a_large_body_of_texts_is_parsed_whole():
    texts = ["a" * 50] * 2000
    decoded = decode(body(texts, [2000], Datatype.BYTES), Datatype.BYTES)

    assert decoded.tolist() == [b"a" * 50] * 2000


def test_more_texts_than_are_parsed_at_once_are_refused(monkeypatch):
    monkeypatch.setattr(json_document, "MAX_WHOLE_VALUES", 1_000)

    with pytest.raises(PayloadTooLarge, match="send the tensors as binary data"):
        decode(body(["a" * 50] * 2000, [2000], Datatype.BYTES), Datatype.BYTES)


def test_a_large_list_keeps_every_digit():
    numbers = np.random.default_rng(0).standard_normal(50_000).astype(np.float32)

    assert np.array_equal(decode(body([float(n) for n in numbers], [50_000])), numbers)


@pytest.mark.parametrize(
    "unit",
    [b'"data": [', b'"data": [{: [{"b64": "AAEC"}, ', b'"data": [' * 300 + b"]" * 300],
    ids=["without end", "unbalanced", "nested"],
)
def test_the_search_for_lists_is_bounded_whatever_the_body_is(monkeypatch, unit):
    monkeypatch.setattr(large_json, "MAX_ROWS", 1000)
    searches = 0
    find = large_json.find

    def counted(*arguments):
        nonlocal searches
        searches += 1
        return find(*arguments)

    monkeypatch.setattr(large_json, "find", counted)
    content = b'{"inputs": [' + unit * (200_000 // len(unit))
    keys = content.count(large_json.KEY)

    with pytest.raises(InvalidRequest, match="not JSON"):
        large_json.take_apart(content)
    assert searches <= 2 * 1000 + keys + 100
