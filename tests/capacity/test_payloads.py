from __future__ import annotations

import json

import pytest

from longshore.errors import SettingsError
from longshore_k8s.capacity.payloads import Payload, generated, recorded, rows_of

METADATA = {
    "inputs": [
        {"name": "image", "datatype": "FP32", "shape": [-1, 8]},
        {"name": "ids", "datatype": "INT64", "shape": [-1, -1]},
        {"name": "text", "datatype": "BYTES", "shape": [-1, 1]},
        {"name": "mask", "datatype": "BOOL", "shape": [-1, 2]},
    ]
}


def test_requests_from_metadata_have_the_rows_that_were_asked_for():
    payloads = generated(METADATA, rows=3, encoding="json")
    inputs = json.loads(payloads[0].content)["inputs"]

    assert [spec["shape"] for spec in inputs] == [[3, 8], [3, 16], [3, 1], [3, 2]]
    assert [len(spec["data"]) for spec in inputs] == [24, 48, 3, 6]
    assert len({payload.content for payload in payloads}) == len(payloads)
    assert payloads == generated(METADATA, rows=3, encoding="json")
    assert rows_of(payloads, 3) == 3


def test_binary_requests_say_how_long_their_head_and_their_tensors_are():
    payload = generated(METADATA, rows=2, encoding="binary")[0]
    length = int(payload.headers.split("Inference-Header-Content-Length: ")[1].split("\r\n")[0])
    inputs = json.loads(payload.content[:length])["inputs"]

    sizes = [spec["parameters"]["binary_data_size"] for spec in inputs]
    assert sizes[0] == 2 * 8 * 4
    assert length + sum(sizes) == len(payload.content)


def test_a_model_of_a_fixed_number_of_rows_refuses_another():
    fixed = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [4, 2]}]}

    with pytest.raises(SettingsError, match="--rows: the model takes 4 rows in 'x', not 1"):
        generated(fixed, rows=1, encoding="json")


def test_recorded_requests_are_sent_as_they_are(tmp_path):
    file = tmp_path / "samples.json"
    bodies = [
        {"inputs": [{"name": "x", "datatype": "FP32", "shape": [n, 1], "data": [0] * n}]}
        for n in (1, 3)
    ]
    file.write_text(json.dumps(bodies))

    payloads = recorded(file)

    assert [json.loads(payload.content) for payload in payloads] == bodies
    assert rows_of(payloads, 1) == 2


@pytest.mark.parametrize("content", ["{", "[]", "[3]", '{"instances": []}'])
def test_a_file_without_requests_is_named(tmp_path, content):
    file = tmp_path / "samples.json"
    file.write_text(content)

    with pytest.raises(SettingsError, match=r"--payload: .*samples\.json"):
        recorded(file)


def test_a_request_is_whole_with_its_length():
    request = Payload(b"{}").request("/v2/models/m/infer", "host:1", ["Authorization: Bearer t"])

    head, _, content = request.partition(b"\r\n\r\n")
    assert content == b"{}"
    assert head.split(b"\r\n") == [
        b"POST /v2/models/m/infer HTTP/1.1",
        b"Host: host:1",
        b"Content-Type: application/json",
        b"Authorization: Bearer t",
        b"Content-Length: 2",
    ]
