from __future__ import annotations

import pytest

from longshore.errors import InvalidRequest
from longshore.metrics import PROTOCOLS
from longshore.rest import wire
from longshore.rest.wire import HEADER_LENGTH, V1, V2
from longshore.tensors import Datatype, Signature, TensorSpec

KIB = 1024


def signature(datatype=Datatype.FP32):
    return Signature((TensorSpec("x", datatype, (-1, 8)),), ())


@pytest.mark.parametrize(
    ("body_kib", "json_kib", "datatype", "is_light"),
    [
        (1, None, Datatype.FP32, True),
        (600, None, Datatype.FP32, False),
        (600, 1, Datatype.FP32, True),
        (600, 0, Datatype.FP32, True),
        (600, 600, Datatype.FP32, False),
        (600, 1, Datatype.BYTES, False),
        (1, 1, Datatype.BYTES, True),
        (4 * KIB, 1, Datatype.FP32, False),
    ],
    ids=["JSON", "long JSON", "tensor", "raw tensor", "long JSON header", "texts", "few texts",
         "long tensor"],
)  # fmt: skip
def test_only_what_is_quickly_decoded_is_light(body_kib, json_kib, datatype, is_light):
    headers = {} if json_kib is None else {HEADER_LENGTH: b"%d" % (json_kib * KIB)}

    assert V2.is_light(bytes(body_kib * KIB), headers, signature(datatype)) is is_light


def test_json_is_light_while_it_is_short():
    assert V1.is_light(bytes(KIB), {}, signature())
    assert not V1.is_light(bytes(600 * KIB), {}, signature())


def test_a_header_length_that_is_no_number_is_said_at_once():
    with pytest.raises(InvalidRequest, match="Inference-Header-Content-Length"):
        V2.is_light(bytes(600 * KIB), {HEADER_LENGTH: b"9" * 30}, signature())


def test_every_protocol_has_a_label_that_is_exported_from_the_start():
    wires = [value for value in vars(wire).values() if isinstance(value, wire.Wire)]
    labels = {w.label(headers) for w in wires for headers in ({}, {HEADER_LENGTH: b"0"})}

    assert labels == set(PROTOCOLS)
