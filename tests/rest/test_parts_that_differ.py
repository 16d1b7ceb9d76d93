"""A vouched model whose output is as wide as its largest value: parts of a request do not join."""

from __future__ import annotations

import asyncio

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from longshore.loading.load_options import LoadOptions
from longshore.loading.model_loader import load_model
from longshore.repository.layout import ModelRepository
from tests.rest.endpoint_client import EndpointClient, infer_body

SECONDS = 5.0


def one_hot_model() -> onnx.ModelProto:
    """`y` has a column for each number up to the largest of the batch."""
    nodes = [
        helper.make_node("Relu", ["INPUT0"], ["positive"]),
        helper.make_node("Cast", ["positive"], ["ids"], to=TensorProto.INT64),
        helper.make_node("ReduceMax", ["ids"], ["largest"], keepdims=0),
        helper.make_node("Add", ["largest", "one"], ["depth"]),
        helper.make_node("Squeeze", ["ids", "axis"], ["flat"]),
        helper.make_node("OneHot", ["flat", "depth", "values"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "one_hot",
        [helper.make_tensor_value_info("INPUT0", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "width"])],
        [
            helper.make_tensor("one", TensorProto.INT64, [], [1]),
            helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
            helper.make_tensor("values", TensorProto.FLOAT, [2], [0.0, 1.0]),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.fixture(params=[{}, {"instances": 2}], ids=["inline", "threads"])
async def client(request, tmp_path, metrics):
    directory = tmp_path / "onehot"
    (directory / "1").mkdir(parents=True)
    onnx.save(one_hot_model(), str(directory / "1" / "model.onnx"))
    (directory / "config.yaml").write_text("parameters: {batching: vouched}\nmax_batch_size: 2\n")
    repository = ModelRepository(directory, settle_seconds=0)
    (artifact,) = repository.scan().artifacts
    options = LoadOptions(cpus=2, calibration_budget_seconds=0.5, **request.param)
    loaded = load_model(artifact, repository.config(), options)
    assert loaded.plan.is_inline is (not request.param)
    client = EndpointClient(loaded, metrics)
    yield client
    assert await client.model.close(5.0)


async def test_the_request_is_answered_at_once_with_what_does_not_join(client):
    got = await asyncio.wait_for(client.post(infer_body([[1.0], [1.0], [5.0], [5.0]])), SECONDS)

    assert got.status == 500
    assert "output 'y' cannot be joined" in got.document["error"]
    assert "[2, 2], [2, 6]" in got.document["error"]


async def test_it_costs_nobody_else_and_nothing_stays_in_flight(client):
    wide = asyncio.create_task(client.post(infer_body([[1.0], [1.0], [5.0], [5.0]])))
    good = await asyncio.wait_for(client.post(infer_body([[1.0], [1.0], [1.0], [1.0]])), SECONDS)
    assert (await asyncio.wait_for(wide, SECONDS)).status == 500

    assert np.reshape(good.document["outputs"][0]["data"], (4, 2)).tolist() == [[0, 1]] * 4
    assert client.model.admitted_rows == client.signal.inflight == 0
