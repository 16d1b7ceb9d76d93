from __future__ import annotations

import numpy as np
import pytest

from longshore.protocol.large_json import LARGE_BODY_BYTES
from longshore.rest.answer_encoding import is_large


def texts(*elements):
    array = np.empty(len(elements), np.object_)
    array[:] = elements
    return array


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([], False),
        ([np.zeros(8, np.float32)], False),
        ([np.zeros(LARGE_BODY_BYTES, np.uint8)], True),
        ([np.zeros(LARGE_BODY_BYTES // 2, np.uint8)] * 2, True),
        ([texts("a", b"b")], False),
        ([texts("a" * LARGE_BODY_BYTES)], True),
        ([texts(b"a" * (LARGE_BODY_BYTES // 2)), texts("a" * (LARGE_BODY_BYTES // 2))], True),
        ([texts(*["a"] * LARGE_BODY_BYTES)], True),
        ([texts(None)], False),
    ],
    ids=["none", "numbers", "many numbers", "two of them", "texts", "a long text",
         "two of them", "many texts", "what is no text"],
)  # fmt: skip
def test_what_takes_long_to_encode_is_told_by_its_bytes(outputs, expected):
    assert is_large({str(index): array for index, array in enumerate(outputs)}) is expected
