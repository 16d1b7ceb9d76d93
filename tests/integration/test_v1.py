"""V1 `:predict` of real models with several outputs, one of which has a single dimension."""

from __future__ import annotations

import http.client
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from tests.attacks.served_process import ServedProcess
from tests.backends.conftest import onnx_bytes

ROWS = load_iris().data[::50].astype(np.float32)


def classifier(version: Path) -> None:
    """Integer labels and a tensor of probabilities, as scikit-learn's converter writes them."""
    flowers = load_iris()
    model = LogisticRegression(max_iter=1000).fit(flowers.data, flowers.target)
    converted = to_onnx(model, ROWS[:1], options={id(model): {"zipmap": False}})
    (version / "model.onnx").write_bytes(converted.SerializeToString())


def row_sums(version: Path) -> None:
    """`ReduceSum` to [batch] of integers beside another output."""
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["x"], ["whole"], to=TensorProto.INT64),
            helper.make_node("ReduceSum", ["whole", "axes"], ["sum"], keepdims=0),
            helper.make_node("Neg", ["x"], ["negative"]),
        ],
        "sums",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        [
            helper.make_tensor_value_info("sum", TensorProto.INT64, ["batch"]),
            helper.make_tensor_value_info("negative", TensorProto.FLOAT, ["batch", 4]),
        ],
        [helper.make_tensor("axes", TensorProto.INT64, [1], [1])],
    )
    (version / "model.onnx").write_bytes(onnx_bytes(graph))


def torch_sums(version: Path) -> None:
    """The same, exported by torch."""
    import torch

    class Sums(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"sum": x.long().sum(1), "negative": -x}

    buffer = io.BytesIO()
    shapes = {"x": {0: torch.export.Dim("batch")}}
    program = torch.export.export(Sums(), (torch.ones(2, 4),), dynamic_shapes=shapes)
    torch.export.save(program, buffer)
    (version / "model.pt2").write_bytes(buffer.getvalue())


def identity(version: Path) -> None:
    """Four numbers and a label in, the same out."""
    specs = ("{name: x, data_type: TYPE_FP32, dims: [-1, 4]}",
             "{name: label, data_type: TYPE_INT64, dims: [-1]}")  # fmt: skip
    (version / "model.identity").write_text("input:\n" + "".join(f"  - {s}\n" for s in specs))


@pytest.fixture(scope="module", params=[classifier, row_sums, torch_sums, identity])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedProcess]:
    write: Callable[[Path], None] = request.param
    version = tmp_path_factory.mktemp("models") / "m" / "1"
    version.mkdir(parents=True)
    write(version)
    with ServedProcess(version.parent, version_settle_seconds=0) as server:
        yield server


def ask(server: ServedProcess, path: str, document: Any = None) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        body = None if document is None else json.dumps(document)
        connection.request("POST" if body else "GET", path, body)
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert response.status == 200, answer
        return answer
    finally:
        connection.close()


def test_rows_and_columns_hold_the_numbers_of_the_v2_answer(server: ServedProcess) -> None:
    specs = ask(server, "/v2/models/m")["inputs"]
    columns = {
        spec["name"]: [7, -8, 9] if spec["datatype"] == "INT64" else ROWS.tolist() for spec in specs
    }
    entries = [
        {**spec, "shape": np.shape(columns[spec["name"]]), "data": columns[spec["name"]]}
        for spec in specs
    ]
    wanted = {
        output["name"]: np.reshape(output["data"], output["shape"]).tolist()
        for output in ask(server, "/v2/models/m/infer", {"inputs": entries})["outputs"]
    }
    rows = [{name: column[row] for name, column in columns.items()} for row in range(len(ROWS))]

    predictions = ask(server, "/v1/models/m:predict", {"instances": rows})["predictions"]

    assert any(np.ndim(column) == 1 for column in wanted.values())
    assert {name: [row[name] for row in predictions] for name in predictions[0]} == wanted
    assert ask(server, "/v1/models/m:predict", {"inputs": columns})["outputs"] == wanted
