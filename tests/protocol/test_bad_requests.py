"""Every mistake of a client gets an error that names the place, the value and what is allowed."""

from __future__ import annotations

import struct
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from longshore.errors import InvalidRequest, LongshoreError, UnsupportedFeature
from longshore.protocol import codec
from longshore.tensors import Datatype, LeftOut, Signature, TensorSpec

X = TensorSpec("x", Datatype.FP32, (-1, 2))
Y = TensorSpec("y", Datatype.FP32, (-1, 2))
ONE = Signature((X,), (Y, TensorSpec("z", Datatype.INT64, (-1,))))


def of(datatype: str, shape: tuple[int, ...] = (-1, 2)) -> Signature:
    return Signature((TensorSpec("x", Datatype(datatype), shape),), ONE.outputs)


def entry(**changes: Any) -> dict[str, Any]:
    """A valid input with `changes`; a change to `...` leaves the key out."""
    base = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1.0, 2.0]}
    return {key: value for key, value in {**base, **changes}.items() if value is not ...}


def request(*inputs: Any, **keys: Any) -> bytes:
    return orjson.dumps({"inputs": list(inputs or [entry()]), **keys})


def refusal(
    body: bytes, signature: Signature = ONE, *, header_length: int | None = None
) -> LongshoreError:
    with pytest.raises(LongshoreError) as raised:
        codec.decode_request(body, header_length=header_length, signature=signature)
    return raised.value


def binary(tail: bytes, *inputs: Any, **keys: Any) -> tuple[bytes, int]:
    header = request(*inputs, **keys)
    return header + tail, len(header)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"{", "line 1 column"),
        (b"\xff{}", "not JSON"),
        (b"[" * 100_000, "depth"),
        (b"[]", "must be a JSON object"),
        (b"3", "found 3"),
        (b"null", "found null"),
        (b'{"inputs": NaN}', "NaN and infinities have no JSON form (line 1 column 12)"),
        (b'{"inputs": [1, -Infinity]}', "send the tensor as binary data"),
        (b'{"inputs": 1e400}', "infinity"),
        (b'{"id": "\\ud800"}', "surrogate"),
        (b"{}", "`inputs` must be a list of objects, found none"),
        (b'{"inputs": {"x": 1}}', "`inputs` must be a list of objects, found {'x': 1}"),
        (b'{"inputs": [3]}', "every entry of `inputs` must be an object, found 3"),
        (b'{"inputs": []}', "the model also needs 'x'"),
        (request(entry(name="q")), "unknown input 'q'; the model has 'x'"),
        (request(entry(name=3)), "must have a `name`, one of 'x'; found 3"),
        (request(entry(name=...)), "found null"),
        (request(entry(), entry()), "input 'x' is given more than once"),
        (request(entry(), id=3), "`id` must be a string, found 3"),
        (
            request(entry(), parameters=[1]),
            "the request: `parameters` must be an object, found [1]",
        ),
        (request(entry(parameters="p")), "input 'x': `parameters` must be an object, found 'p'"),
        (request(entry(), parameters={"timeout": 0}), "from 1, found 0"),
        (request(entry(), parameters={"timeout": "9"}), "microseconds from 1, found '9'"),
        (request(entry(), parameters={"timeout": True}), "found true"),
        (
            request(entry(), parameters={"binary_data_output": 1}),
            "`binary_data_output` must be true or false, found 1",
        ),
        (request(entry(parameters={"binary_data_size": 8})), "needs the header"),
    ],
)
def test_a_request_that_is_wrong_as_a_whole(body: bytes, words: str) -> None:
    error = refusal(body)
    assert isinstance(error, InvalidRequest)
    assert words in str(error)


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({"name": "y"}, "`outputs` must be a list of objects"),
        (["y"], "every entry of `outputs` must be an object, found 'y'"),
        ([{"name": "q"}], "unknown output 'q'; the model has 'y', 'z'"),
        ([{"name": ["y"]}], "found ['y']"),
        ([{"name": "y"}, {"name": "z"}, {"name": "y"}], "output 'y' is requested more than once"),
        ([{"name": "y", "parameters": 1}], "output 'y': `parameters` must be an object"),
        (
            [{"name": "y", "parameters": {"binary_data": "yes"}}],
            "output 'y': `binary_data` must be true or false, found 'yes'",
        ),
    ],
)
def test_outputs_that_cannot_be_given(outputs: Any, words: str) -> None:
    error = refusal(request(outputs=outputs))
    assert isinstance(error, InvalidRequest)
    assert words in str(error)


def test_a_part_of_the_model_that_is_not_served_is_no_unknown_name() -> None:
    parts = (LeftOut("output", "p", "is a map"), LeftOut("input", "m", "is a mask"))
    signature = replace(ONE, left_out=parts)

    output = refusal(request(outputs=[{"name": "p"}]), signature)
    assert str(output) == "output 'p' is not served: it is a map; the model has 'y', 'z'"
    given = refusal(request(entry(name="m")), signature)
    assert str(given) == "input 'm' is not served: it is a mask; the model has 'x'"
    assert "unknown input 'p'" in str(refusal(request(entry(name="p")), signature))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"outputs": [{"name": "y", "parameters": {"classification": 3}}]}, "classification"),
        ({"outputs": [{"name": "y", "parameters": {"shared_memory_region": "r"}}]}, "memory"),
        ({"inputs": [entry(parameters={"shared_memory_region": "r"})]}, "memory"),
        ({"parameters": {"sequence_id": 7}}, "`sequence_id` is 7"),
        ({"parameters": {"sequence_start": True}}, "`sequence_start` is true"),
    ],
)
def test_extensions_that_are_not_offered_say_so(keys: dict[str, Any], words: str) -> None:
    error = refusal(orjson.dumps({"inputs": [entry()], **keys}))
    assert isinstance(error, UnsupportedFeature)
    assert words in str(error)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (..., "found none"),
        (None, "found null"),
        (2, "found 2"),
        ([1.0, 2], "found [1.0, 2]"),
        ([True, 2], "found [True, 2]"),
        (["1", 2], "whole numbers from 0"),
        ([-1, 2], "found [-1, 2]"),
        ([2], "shape [2] does not fit; the model wants [-1, 2], where -1 is any size"),
        ([1, 3], "shape [1, 3] does not fit"),
        ([1] * 100_000, "does not fit"),
        ([0, 2], "shape [0, 2] has no rows; the first dimension must be at least 1"),
        ([2, 2], "`data` has 2 elements, shape [2, 2] needs 4"),
        ([2**63, 2], "needs 18446744073709551616"),
        ([2**62, 2], "needs 9223372036854775808"),
    ],
)
def test_a_shape_that_is_absurd_or_does_not_fit(shape: Any, words: str) -> None:
    error = refusal(request(entry(shape=shape)))
    assert isinstance(error, InvalidRequest)
    assert words in str(error)


def test_a_number_where_a_list_was_wanted() -> None:
    error = refusal(request(entry(shape=[2, 2], data=[[1.0, 2.0], 3.0])))
    assert "shape [2, 2] says: found 3.0 where a list of 2 was wanted" in str(error)


def test_a_zero_hides_no_absurd_size() -> None:
    signature = of("FP32", (-1, -1, -1))
    assert "too large to exist" in str(
        refusal(request(entry(shape=[2**62, 0, 2**62], data=[])), signature)
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (..., "input 'x' has no `data`"),
        (None, "`data` must be a list, found null"),
        ("12", "`data` must be a list, found '12'"),
        ([1.0], "`data` has 1 elements, shape [1, 2] needs 2"),
        ([[1.0, 2.0, 3.0]], "a list of 3 on axis 1, which has 2"),
        ([[1.0], [2.0]], "a list of 2 on axis 0, which has 1"),
        ([[[1.0, 2.0]]], "a list of 1 on axis 1, which has 2"),
        ([[[1.0], [2.0]]], "element 0 of `data` is [1.0]"),
        ([[1.0, 2.0], 3.0], "a list of 2 on axis 0, which has 1"),
        ([[1.0, 2.0, "x"]], "a list of 3 on axis 1"),
        ([1.0, [2.0]], "element 1 of `data` is [2.0]"),
        ([1.0, "2"], "element 1 of `data` is '2'"),
        ([1.0, None], "element 1 of `data` is null"),
        ([1.0, True], "element 1 of `data` is true"),
        ([False, 1.0], "element 0 of `data` is false"),
        ([1.0, {}], "element 1 of `data` is {}"),
        ([1.0, 1e39], "element 1 of `data` is 1e+39; FP32 takes numbers from -3.4"),
    ],
)
def test_data_that_is_ragged_or_of_another_type(data: Any, words: str) -> None:
    error = refusal(request(entry(data=data)))
    assert isinstance(error, InvalidRequest)
    assert "input 'x'" in str(error)
    assert words in str(error)


@pytest.mark.parametrize(
    ("datatype", "element", "words"),
    [
        ("UINT8", "300", "is 300; UINT8 takes whole numbers from 0 to 255"),
        ("UINT8", "-1", "is -1; UINT8 takes"),
        ("INT8", "128", "from -128 to 127"),
        ("UINT64", "18446744073709551616", "UINT64 takes whole numbers"),
        ("INT64", "9223372036854775808", "is 9223372036854775808; INT64 takes"),
        ("INT32", "1.5", "is 1.5; INT32 takes whole numbers"),
        ("INT32", "1.0", "is 1.0; INT32 takes whole numbers"),
        ("INT32", "true", "is true; INT32 takes"),
        ("FP16", "65520", "is 65520; FP16 takes numbers from -65504.0 to 65504.0"),
        ("FP64", '"1"', "is '1'; FP64 takes numbers"),
        ("BOOL", "1", "is 1; BOOL takes true and false"),
        ("BOOL", "null", "is null; BOOL takes"),
        ("BYTES", "1", "is 1; BYTES takes strings"),
        ("BYTES", '{"b64": "*"}', "is {'b64': '*'}"),
        ("BYTES", '{"b64": 3}', "is {'b64': 3}"),
        ("BYTES", '{"b64": "\u00e9"}', "BYTES takes strings"),
        ("BYTES", "{}", "is {}"),
    ],
)
def test_elements_that_the_datatype_does_not_take(datatype: str, element: str, words: str) -> None:
    head = orjson.dumps(entry(datatype=datatype, shape=[1], data=...))[:-1].decode()
    body = f'{{"inputs": [{head}, "data": [{element}]}}]}}'.encode()
    error = refusal(body, of(datatype, (-1,)))
    assert isinstance(error, InvalidRequest)
    assert "element 0 of `data`" in str(error)
    assert words in str(error)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (..., "no `datatype`; the model wants FP32"),
        ("INT32", "datatype 'INT32' does not fit; the model wants FP32"),
        ("fp32", "the protocol's datatypes are BOOL, UINT8"),
        ("BF16", "the protocol's datatypes are"),
        (["FP32"], "datatype ['FP32'] does not fit"),
    ],
)
def test_a_datatype_that_is_not_the_models(found: Any, words: str) -> None:
    error = refusal(request(entry(datatype=found)))
    assert isinstance(error, InvalidRequest)
    assert words in str(error)


@pytest.mark.parametrize(
    ("tail", "changes", "words"),
    [
        (b"", {}, "neither `data` nor the parameter `binary_data_size`"),
        (b"", {"parameters": {"binary_data_size": 8}, "data": [1.0, 2.0]}, "has both"),
        (bytes(8), {"parameters": {"binary_data_size": "8"}}, "found '8'"),
        (bytes(8), {"parameters": {"binary_data_size": -8}}, "found -8"),
        (bytes(8), {"parameters": {"binary_data_size": True}}, "found true"),
        (bytes(8), {"parameters": {"binary_data_size": None}}, "found null"),
        (bytes(8), {"parameters": {"binary_data_size": 4}}, "FP32 of shape [1, 2] takes 8 bytes"),
        (bytes(7), {"parameters": {"binary_data_size": 8}}, "only 7 bytes of the body are left"),
        (bytes(9), {"parameters": {"binary_data_size": 8}}, "1 bytes of the body are left over"),
        (
            bytes(8),
            {"shape": [2**62, 2], "parameters": {"binary_data_size": 8}},
            "takes 36893488147419103232 bytes",
        ),
    ],
)
def test_binary_tensors_of_the_wrong_length(
    tail: bytes, changes: dict[str, Any], words: str
) -> None:
    body, length = binary(tail, entry(**{"data": ..., **changes}))
    error = refusal(body, header_length=length)
    assert isinstance(error, InvalidRequest)
    assert words in str(error)


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        (b"", "0 bytes cannot hold 2 BYTES elements"),
        (struct.pack("<I", 9) + b"abcdefghi" + b"\1\0\0", "before the length of BYTES element 1"),
        (struct.pack("<II", 0, 2**32 - 1), "element 1 says it has 4294967295 bytes, 0 are left"),
        (struct.pack("<II", 0, 0) + b"!", "1 bytes follow the last of 2 BYTES elements"),
    ],
)
def test_bytes_elements_that_do_not_add_up(tail: bytes, words: str) -> None:
    size = {"binary_data_size": len(tail)}
    body, length = binary(tail, entry(datatype="BYTES", data=..., parameters=size))
    error = refusal(body, of("BYTES"), header_length=length)
    assert isinstance(error, InvalidRequest)
    assert words in str(error)


def test_a_huge_bytes_shape_is_refused_before_anything_is_allocated() -> None:
    size = {"binary_data_size": 0}
    body, length = binary(b"", entry(datatype="BYTES", shape=[2**62, 2], data=..., parameters=size))
    assert "cannot hold 9223372036854775808" in str(
        refusal(body, of("BYTES"), header_length=length)
    )


def test_a_header_that_is_cut_off_is_not_json() -> None:
    body, length = binary(b"", entry())
    assert "the JSON header is not JSON" in str(refusal(body, header_length=length - 1))


@pytest.mark.parametrize(
    "value", [b"abc", b"-1", b"", b"1.0", b"0x1", b" 1", b"11", b"9" * 5000, b"\xb2", b"+1"]
)
def test_a_header_length_that_is_no_length(value: bytes) -> None:
    with pytest.raises(InvalidRequest, match="is not a whole number from 0 to 10"):
        codec.parse_header_length(value, 10)


@pytest.mark.parametrize("value", [b"0", b"10", b"007"])
def test_a_header_length_within_the_body_is_taken(value: bytes) -> None:
    assert codec.parse_header_length(value, 10) == int(value)
