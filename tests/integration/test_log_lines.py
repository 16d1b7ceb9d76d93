"""Every line that a served process writes is the server's own, none a framework's."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from onnx import TensorProto, helper

from tests.attacks.http_client import Answer, ask, post
from tests.attacks.served_process import ServedProcess
from tests.backends.conftest import onnx_bytes


def graph(first: str) -> bytes:
    """`y` are rows of a table of three, two by two; `first` is the operator that picks them."""
    table = helper.make_tensor("table", TensorProto.FLOAT, [3, 2], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    wide = helper.make_tensor("wide", TensorProto.INT64, [2], [-1, 4])
    nodes = [
        helper.make_node(first, ["table", "i"], ["rows"]),
        helper.make_node("Reshape", ["rows", "wide"], ["y"]),
    ]
    i = helper.make_tensor_value_info("i", TensorProto.INT64, ["n"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["m", 4])
    return onnx_bytes(helper.make_graph(nodes, "pairs", [i], [y], [table, wide]))


def place(directory: Path, content: bytes) -> Path:
    version = directory / "pairs" / "1"
    version.mkdir(parents=True)
    (version / "model.onnx").write_bytes(content)
    return version.parent


def lines(server: ServedProcess) -> list[dict]:
    return [json.loads(line) for line in server.log.splitlines()]


def served(model: Path) -> ServedProcess:
    return ServedProcess(model, log_format="json", version_settle_seconds=0)


@pytest.mark.parametrize("rows", [[0, 9], [0]], ids=["no such row", "an odd number of rows"])
async def test_an_input_that_fails_inside_the_graph_writes_no_line_of_the_framework(tmp_path, rows):
    with served(place(tmp_path, graph("Gather"))) as server:
        tensor = {"name": "i", "datatype": "INT64", "shape": [len(rows)], "data": rows}
        body = json.dumps({"inputs": [tensor]}).encode()
        answer = await ask(server.port, post("/v2/models/pairs/infer", body))
        assert isinstance(answer, Answer)
        assert answer.status in (400, 500)

    assert lines(server)


@pytest.mark.parametrize(
    "content",
    [graph("NoSuchOperator"), graph("Gather")[:-20], b""],
    ids=["operator", "cut", "empty"],
)
def test_a_model_that_cannot_be_loaded_writes_no_line_of_the_framework(tmp_path, content):
    server = served(place(tmp_path, content))
    try:
        deadline = time.monotonic() + 60
        while "model.onnx" not in server.log and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        server.stop()

    assert any("model.onnx" in line["message"] for line in lines(server))
