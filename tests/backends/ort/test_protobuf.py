from __future__ import annotations

import mmap
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import AttributeProto, NodeProto

from longshore.backends.ort import protobuf
from longshore.backends.ort.protobuf import Malformed, ProtobufReader


def fields(content: bytes) -> list[tuple[int, bytes]]:
    """Of `content`, which is read from between bytes that do not belong to it."""
    with tempfile.TemporaryFile() as file:
        file.write(b"\x12\x00" + content + b"\x12\x00")
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
            return list(ProtobufReader(buffer).strings(2, 2 + len(content)))


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1)),
    st.lists(st.floats(width=32, allow_nan=False)),
    st.lists(st.binary(max_size=5)),
)
def test_texts_are_found_among_numbers_of_every_kind(ints, floats, texts):
    attribute = AttributeProto(name="a", type=AttributeProto.INTS, i=7, f=0.5)
    attribute.ints.extend(ints)
    attribute.floats.extend(floats)
    attribute.strings.extend(texts)

    found = fields(attribute.SerializeToString())

    assert [text for number, text in found if number == 9] == texts
    assert (1, b"a") in found


@pytest.mark.parametrize(
    "content",
    [b"\x00", b"\x08", b"\x0d\x01", b"\x09\x01", b"\x0a\x05", b"\x0b", b"\x08" + b"\xff" * 11],
    ids=["field 0", "no number", "half a float", "half a double", "too long", "a group", "endless"],
)
def test_what_is_no_message_is_refused(content):
    with pytest.raises(Malformed):
        fields(content)


@pytest.mark.parametrize(
    "content", [b"\x12\x00", b"\x08\x01" * 40, b"\x0d...." * 8], ids=["texts", "numbers", "floats"]
)
def test_the_work_is_bounded_whatever_the_fields_are(monkeypatch, content):
    monkeypatch.setattr(protobuf, "_MAX_STEPS", 100)

    assert fields(content) is not None
    with pytest.raises(Malformed, match="more fields than any model"):
        fields(content * 200)


def test_a_node_says_its_name_and_tensors():
    node = NodeProto(op_type="Gather", name="n", input=["x", "i"], output=["y"])

    assert fields(node.SerializeToString()) == [
        (1, b"x"), (1, b"i"), (2, b"y"), (3, b"n"), (4, b"Gather")
    ]  # fmt: skip


def test_the_work_is_bounded_by_the_size(monkeypatch):
    monkeypatch.setattr(protobuf, "_FREE_STEPS", 100)
    texts, empty = b"\x12\x10" + b"t" * 16, b"\x12\x00"

    assert len(fields(texts * 1000)) == 1000
    with pytest.raises(Malformed, match="more fields than any model"):
        fields(empty * 1000)


def test_the_bytes_that_were_passed_are_told(monkeypatch):
    monkeypatch.setattr(protobuf, "_TOLD_STEPS", 10)
    told = []
    with tempfile.TemporaryFile() as file:
        file.write(b"\x12\x02tt" * 1000)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
            list(ProtobufReader(buffer, told.append).fields(0, 4000))

    assert len(told) == 100
    assert 3900 < sum(told) <= 4000
