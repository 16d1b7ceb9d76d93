"""What a refused request costs beside a served one, in CPU time of the whole process.

The model is a matrix product of two milliseconds or so, with requests of some kilobytes, as
small real models are; a second model does nothing, so that only the wire is compared.
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.attacks.http_client import Answer, Connection, post
from tests.attacks.overload import OpenClients
from tests.attacks.served_process import ServedProcess, identity_model, infer_body

WIDTH = 768
LAYERS = 4


def dense_model(directory: Path) -> Path:
    """Four dense layers of 768: an ordinary small model."""
    rng = np.random.default_rng(0)
    nodes, weights, last = [], [], "x"
    for layer in range(LAYERS):
        name = f"w{layer}"
        values = rng.standard_normal((WIDTH, WIDTH)).astype(np.float32) / WIDTH**0.5
        weights.append(numpy_helper.from_array(values, name))
        nodes.append(helper.make_node("MatMul", [last, name], [f"h{layer}"]))
        nodes.append(helper.make_node("Tanh", [f"h{layer}"], [f"t{layer}"]))
        last = f"t{layer}"
    nodes.append(helper.make_node("Identity", [last], ["y"]))
    shape = ["batch", WIDTH]
    graph = helper.make_graph(
        nodes, "dense",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        weights,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (directory / "dense" / "1").mkdir(parents=True)
    onnx.save(model, str(directory / "dense" / "1" / "model.onnx"))
    return directory / "dense"


def dense_request() -> bytes:
    values = np.random.default_rng(1).standard_normal(WIDTH).astype(np.float32).tolist()
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, WIDTH], "data": values}
    return post("/v2/models/dense/infer", json.dumps({"inputs": [tensor]}).encode())


async def cpu_per_request(served: ServedProcess, request: bytes, *, seconds: float) -> float:
    """CPU seconds of one served request, one client at a time."""
    connection = await Connection.open(served.port)
    assert isinstance(connection, Connection)
    for _ in range(50):
        await connection.exchange(request, timeout_seconds=10)
    before, count = served.cpu_seconds, 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answer = await connection.exchange(request, timeout_seconds=10)
        assert isinstance(answer, Answer)
        assert answer.status == 200, answer.body
        count += 1
    return (served.cpu_seconds - before) / count


async def cpu_per_refusal(directory: Path, body: bytes, *, seconds: float) -> float:
    """CPU seconds of one 429, with a queue that others keep filled."""
    model = identity_model(directory, "delay_seconds: 1.0\n", name="full")
    url = "/v2/models/full/infer"
    urgent = post(url, body, "X-Request-Timeout-Ms: 1000\r\n")
    with ServedProcess(
        model, max_batch_size=0, instances=1, max_queue_seconds=1.5, version_settle_seconds=0
    ) as served:
        filler = OpenClients(served.port, post(url, infer_body()))
        connection = await Connection.open(served.port)
        assert isinstance(connection, Connection)
        filling = asyncio.create_task(filler.send(20, seconds + 1.5))
        await asyncio.sleep(1.0)
        before, refused = served.cpu_seconds, 0
        filled_before = filler.load.outcomes.total()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            answer = await connection.exchange(urgent, timeout_seconds=10)
            assert isinstance(answer, Answer)
            refused += answer.status == 429
        cpu = served.cpu_seconds - before
        refused += filler.load.outcomes.total() - filled_before
        await filling
        await filler.settle()
    return cpu / refused


async def measure(directory: Path, *, seconds: float = 4.0) -> dict[str, object]:
    request = dense_request()
    with ServedProcess(dense_model(directory), version_settle_seconds=0) as served:
        dense = await cpu_per_request(served, request, seconds=seconds)
    echo = identity_model(directory)
    small = post("/v2/models/echo/infer", infer_body())
    with ServedProcess(echo, version_settle_seconds=0) as served:
        trivial = await cpu_per_request(served, small, seconds=seconds)
    refusal = await cpu_per_refusal(directory, request.partition(b"\r\n\r\n")[2], seconds=seconds)
    small_refusal = await cpu_per_refusal(directory, infer_body(), seconds=seconds)
    return {
        "served, dense model and 16 kB of JSON, us of CPU": round(1e6 * dense),
        "served, a model that does nothing, us": round(1e6 * trivial),
        "refused, 16 kB of JSON, us": round(1e6 * refusal),
        "refused, 100 bytes of JSON, us": round(1e6 * small_refusal),
        "refusing is cheaper by, dense": round(dense / refusal, 1),
        "refusing is cheaper by, model that does nothing": round(trivial / small_refusal, 1),
    }
