from __future__ import annotations

import gzip
import zlib

import pytest

from longshore.rest.body import compress

BODY = b'{"outputs": []}' * 100


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
    compressed = compress(BODY, accepted)

    if coding is None:
        assert compressed is None
        return
    body, found = compressed
    assert found == coding
    assert (gzip.decompress if coding == b"gzip" else zlib.decompress)(body) == BODY
