from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from longshore.errors import InvalidRequest
from longshore.protocol import bytes_tensor, json_codec, text_pieces
from longshore.protocol.codec import encode_response
from longshore.protocol.messages import InferenceRequest, InferenceResponse, RequestedOutput
from longshore.protocol.steps import join

STEP = 16
LINE = 'Grüße, 世界 🌍 "\\\n\x00'
TEXTS = {
    "none": [],
    "an empty one": [""],
    "short ones": ["a", "", "b\n", LINE],
    "a long one": [LINE * 50],
    "long ones among short ones": ["a", LINE * 5, "", "b", "c" * 100, LINE * 7],
    "as long as a step": ["a" * STEP, "é" * (STEP // 2), "世" * STEP],
}


@pytest.fixture(autouse=True)
def short_steps(monkeypatch):
    for module in (text_pieces, json_codec):
        monkeypatch.setattr(module, "STEP_BYTES", STEP)
    monkeypatch.setattr(text_pieces, "ELEMENT_BYTES", 1)


def array(elements, dtype=np.object_):
    made = np.empty(len(elements), dtype)
    made[:] = elements
    return made


def answer(elements, *, is_binary=False):
    request = InferenceRequest({}, (RequestedOutput("y", is_binary),))
    response = InferenceResponse("m", "1", {"y": array(elements)})
    return encode_response(response, request)


@pytest.mark.parametrize("texts", TEXTS)
@pytest.mark.parametrize("form", ["text", "bytes"])
def test_texts_in_pieces_are_what_they_were(texts, form):
    expected = TEXTS[texts]
    given = expected if form == "text" else [text.encode() for text in expected]

    output = json.loads(answer(given).body)["outputs"][0]

    assert output["data"] == expected
    assert output["shape"] == [len(expected)]


@pytest.mark.parametrize("texts", TEXTS)
def test_no_piece_is_longer_than_a_step(texts):
    elements = [text.encode() for text in TEXTS[texts]]

    pieces = list(text_pieces.LongTexts("y", elements).pieces())

    longest = len('"\\u0000"') * STEP  # what escaping makes of a step at most
    assert max(map(len, pieces)) <= longest
    assert json.loads(b"".join(pieces)) == TEXTS[texts]


@pytest.mark.parametrize("texts", TEXTS)
def test_binary_texts_in_parts_are_what_they_were(texts):
    elements = [text.encode() for text in TEXTS[texts]]
    whole = b"".join(struct.pack("<I", len(element)) + element for element in elements)

    parts = bytes_tensor.encode_bytes_tensor(elements)

    assert join(parts) == whole
    assert bytes(answer(TEXTS[texts], is_binary=True).body).endswith(whole)
    for element in elements:
        assert len(element) <= STEP or any(part is element for part in parts)


@pytest.mark.parametrize("at", [0, STEP - 1, STEP, 5 * STEP, -1])
@pytest.mark.parametrize("wrong", [b"\xff", b"\x80" * 9, b"\xe4\xb8"], ids=bytes.hex)
def test_bytes_that_are_no_text_have_no_json_form(at, wrong):
    text = b"a" * 6 * STEP
    at %= len(text)

    for elements in ([text[:at] + wrong + text[at:]], ["b", text[:at] + wrong + text[at:], "c"]):
        with pytest.raises(InvalidRequest, match="output 'y' holds bytes that are not UTF-8"):
            answer(elements)


def test_a_framework_s_text_may_stand_for_bytes_that_are_none():
    with pytest.raises(InvalidRequest, match="not UTF-8"):
        answer(["a" * 3 * STEP + "\udcff"])
    assert bytes(answer(["a" * 3 * STEP + "\udcff"], is_binary=True).body).endswith(b"a\xff")
