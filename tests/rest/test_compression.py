from __future__ import annotations

import gzip
import random
import zlib

import pytest

from longshore.errors import InvalidRequest
from longshore.protocol.steps import STEP_BYTES
from longshore.rest.compression import FED_BYTES, answer_coding, compress, decompress

DECOMPRESS = {b"gzip": gzip.decompress, b"deflate": zlib.decompress}
CODINGS = [b"gzip", b"deflate"]
CONTENTS = {
    "nothing": b"",
    "a line": b'{"outputs": []}',
    "one step": bytes(STEP_BYTES),
    "zeros, in several steps": bytes(3 * STEP_BYTES + 1),
    "noise, fed in several parts": random.Random(0).randbytes(5 * FED_BYTES + 7),
    "both": random.Random(1).randbytes(FED_BYTES) + bytes(2 * STEP_BYTES),
}


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (b"gzip", b"gzip"),
        (b"deflate, gzip", b"deflate"),
        (b"br, GZIP;q=0.5", b"gzip"),
        (b"gzip;q=0, deflate", b"deflate"),
        (b"gzip; q=0.0", None),
        (b"gzip;q=0.01", b"gzip"),
        (b"identity", None),
        (b"*", None),
        (b"", None),
    ],
)
def test_an_answer_is_compressed_as_the_client_names_it_and_never_otherwise(accepted, coding):
    assert answer_coding(accepted) == coding


@pytest.mark.parametrize("coding", CODINGS, ids=bytes.decode)
@pytest.mark.parametrize("content", CONTENTS)
def test_what_is_compressed_in_steps_is_what_was_there(content, coding):
    data = CONTENTS[content]
    compressed = compress(data, coding)
    taken = []

    assert DECOMPRESS[coding](compressed) == data
    assert decompress(compressed, coding, taken.append) == data
    assert sum(taken) == len(data)
    assert max([0, *taken]) <= STEP_BYTES


def test_what_does_not_grow_is_fed_in_parts_of_64_kib():
    taken = []
    decompress(zlib.compress(bytes(300_000), level=0), b"deflate", lambda n: taken.append(n))

    assert 64_000 < max(taken) <= 64 * 1024


def test_answers_are_compressed_as_fast_as_zlib_can():
    fastest = b"\x78\x01"  # RFC 1950, section 2.2: FLEVEL 0

    assert compress(b"an answer", b"deflate")[:2] == fastest


@pytest.mark.parametrize("coding", CODINGS, ids=bytes.decode)
@pytest.mark.parametrize("content", CONTENTS)
def test_what_is_cut_short_or_goes_on_is_refused(content, coding):
    compressed = bytes(compress(CONTENTS[content], coding))

    with pytest.raises(InvalidRequest, match="truncated"):
        decompress(compressed[:-1], coding, lambda size: None)
    for rest in (b"x", compressed, bytes(2 * FED_BYTES)):
        with pytest.raises(InvalidRequest, match=f"^{len(rest)} bytes follow the end"):
            decompress(compressed + rest, coding, lambda size: None)
