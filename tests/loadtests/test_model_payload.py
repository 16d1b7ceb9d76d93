from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from loadtests.model_payload import LENGTH_HEADER, InputSizes, PayloadMaker, concrete_shape

METADATA: dict[str, Any] = {
    "inputs": [
        {"name": "ids", "datatype": "INT64", "shape": [-1, -1]},
        {"name": "mask", "datatype": "BOOL", "shape": [-1, 4]},
        {"name": "image", "datatype": "FP32", "shape": [-1, 3, 2]},
        {"name": "text", "datatype": "BYTES", "shape": [2]},
    ]
}
SIZES = InputSizes(rows=3, dynamic_size=5, max_integer=7)


def test_open_dimensions_take_the_rows_and_the_dynamic_size() -> None:
    assert concrete_shape([-1, 8, -1], SIZES) == [3, 8, 5]


def test_json_holds_as_many_values_as_the_shape_says() -> None:
    request = json.loads(PayloadMaker(METADATA, SIZES, seed=1).json_body().content)
    assert [len(tensor["data"]) for tensor in request["inputs"]] == [15, 12, 18, 2]
    ids, mask, _, text = (tensor["data"] for tensor in request["inputs"])
    assert all(0 <= value <= 7 for value in ids)
    assert all(isinstance(value, bool) for value in mask)
    assert all(isinstance(value, str) for value in text)


def test_binary_tensors_hold_the_same_values_as_json() -> None:
    as_json = json.loads(PayloadMaker(METADATA, SIZES, seed=1).json_body().content)["inputs"]
    body = PayloadMaker(METADATA, SIZES, seed=1).binary_body()
    length = int(body.headers[LENGTH_HEADER])
    head, tail = json.loads(body.content[:length]), body.content[length:]
    sizes = [tensor["parameters"]["binary_data_size"] for tensor in head["inputs"]]
    assert sum(sizes) == len(tail)
    assert sizes[:3] == [15 * 8, 12, 18 * 4]
    assert np.frombuffer(tail[:120], "<i8").tolist() == as_json[0]["data"]
    assert np.frombuffer(tail[132:204], "<f4") == pytest.approx(as_json[2]["data"])
    first = as_json[3]["data"][0].encode()
    assert tail[204:].startswith(len(first).to_bytes(4, "little") + first)


def test_the_same_seed_makes_the_same_requests_and_another_does_not() -> None:
    bodies = [PayloadMaker(METADATA, SIZES, seed=seed).json_body() for seed in (1, 1, 2)]
    assert bodies[0] == bodies[1]
    assert bodies[0] != bodies[2]


def test_a_datatype_without_a_form_is_refused_by_name() -> None:
    metadata = {"inputs": [{"name": "x", "datatype": "BF16", "shape": [-1]}]}
    with pytest.raises(ValueError, match="input 'x' has the datatype 'BF16'"):
        PayloadMaker(metadata, SIZES, seed=0)
