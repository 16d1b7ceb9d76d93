from __future__ import annotations

import pytest

from longshore.errors import InvalidRequest
from longshore.metrics import PROTOCOLS
from longshore.rest import wire
from longshore.rest.request_head import JSON_LENGTH, read_head
from longshore.rest.wire import V1, V2
from longshore.tensors import Datatype, Signature, TensorSpec

KIB = 1024


def signature(datatype=Datatype.FP32):
    return Signature((TensorSpec("x", datatype, (-1, 8)),), ())


FP32, BYTES = Datatype.FP32, Datatype.BYTES


@pytest.mark.parametrize(
    ("body_bytes", "json_bytes", "datatype", "is_light"),
    [
        (64 * KIB - 1, None, FP32, True),
        (64 * KIB, None, FP32, False),
        (64 * KIB, 64 * KIB - 1, FP32, True),
        (64 * KIB, 0, FP32, True),
        (64 * KIB, 64 * KIB, FP32, False),
        (64 * KIB, KIB, BYTES, False),
        (64 * KIB - 1, 64 * KIB - 1, BYTES, True),
        (2048 * KIB - 1, KIB, FP32, True),
        (2048 * KIB, KIB, FP32, False),
    ],
    ids=["JSON", "long JSON", "tensor", "raw tensor", "long JSON header", "texts", "few texts",
         "larger tensor", "long tensor"],
)  # fmt: skip
def test_only_what_is_quickly_decoded_is_light(body_bytes, json_bytes, datatype, is_light):
    form = V2.json if json_bytes is None else V2.binary
    head = read_head({} if json_bytes is None else {JSON_LENGTH: b"%d" % json_bytes})

    assert form.is_light(bytes(body_bytes), head, signature(datatype)) is is_light


def test_json_is_light_while_it_is_short():
    assert V1.json.is_light(bytes(64 * KIB - 1), read_head({}), signature())
    assert not V1.json.is_light(bytes(64 * KIB), read_head({}), signature())


def test_a_header_length_that_is_no_number_is_said_at_once():
    with pytest.raises(InvalidRequest, match="Inference-Header-Content-Length"):
        V2.binary.is_light(bytes(600 * KIB), read_head({JSON_LENGTH: b"9" * 30}), signature())


def test_every_protocol_has_a_label_that_is_exported_from_the_start():
    protocols = [value for value in vars(wire).values() if isinstance(value, wire.Protocol)]
    labels = {w.label for protocol in protocols for w in protocol}

    assert labels == set(PROTOCOLS)
