from __future__ import annotations

import threading
import zlib
from types import SimpleNamespace

import numpy as np
import pytest

from longshore.protocol.large_json import LARGE_BODY_BYTES
from longshore.protocol.messages import EncodedResponse, InferenceResponse
from longshore.rest.answer_encoding import encode_answer, is_large
from longshore.rest.compression import compress


def texts(*elements):
    array = np.empty(len(elements), np.object_)
    array[:] = elements
    return array


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([], False),
        ([np.zeros(8, np.float32)], False),
        ([np.zeros(LARGE_BODY_BYTES - 1, np.uint8)], False),
        ([np.zeros(LARGE_BODY_BYTES, np.uint8)], True),
        ([np.zeros(LARGE_BODY_BYTES // 2, np.uint8)] * 2, True),
        ([texts("a", b"b")], False),
        ([texts("a" * LARGE_BODY_BYTES)], True),
        ([texts(b"a" * (LARGE_BODY_BYTES // 2)), texts("a" * (LARGE_BODY_BYTES // 2))], True),
        ([texts(*["a"] * LARGE_BODY_BYTES)], True),
        ([texts(None)], False),
    ],
    ids=["none", "numbers", "nearly many numbers", "many numbers", "two of them", "texts",
         "a long text", "two of them", "many texts", "what is no text"],
)  # fmt: skip
def test_what_takes_long_to_encode_is_told_by_its_bytes(outputs, expected):
    assert is_large({str(index): array for index, array in enumerate(outputs)}) is expected


def wire(size: int):
    """Encodes whatever it is given as `size` bytes."""
    return SimpleNamespace(encode=lambda response, request: EncodedResponse(bytes(size), []))


RESPONSE = InferenceResponse("m", "1", {})


@pytest.mark.parametrize(("size", "is_compressed"), [(1023, False), (1024, True)])
async def test_an_answer_of_a_kibibyte_is_compressed_for_who_takes_it(size, is_compressed):
    taken = await encode_answer(wire(size), RESPONSE, None, b"deflate")
    as_it_is = await encode_answer(wire(size), RESPONSE, None, None)

    headers = ((b"content-encoding", b"deflate"), (b"vary", b"accept-encoding"))
    assert taken.headers == (headers if is_compressed else ())
    assert (zlib.decompress(taken.body) if is_compressed else taken.body) == bytes(size)
    assert (as_it_is.body, as_it_is.headers) == (bytes(size), ())


@pytest.mark.parametrize(("size", "is_elsewhere"), [(65535, False), (65536, True)])
async def test_a_large_answer_is_compressed_on_a_thread(monkeypatch, size, is_elsewhere):
    threads = []

    def note_thread(body, coding):
        threads.append(threading.current_thread())
        return compress(body, coding)

    monkeypatch.setattr("longshore.rest.answer_encoding.compress", note_thread)
    answer = await encode_answer(wire(size), RESPONSE, None, b"deflate")

    assert zlib.decompress(answer.body) == bytes(size)
    assert [thread is not threading.main_thread() for thread in threads] == [is_elsewhere]
