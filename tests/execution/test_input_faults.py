"""A mistake of a client is no failure of the model, on any backend; a broken model is one."""

from __future__ import annotations

import asyncio
import io

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from longshore.backends.base import Backend
from longshore.batching.batch import Batch, BatchPart
from longshore.batching.pending_request import PendingRequest
from longshore.errors import ExecutionFailed, InferenceFailed, InvalidRequest
from longshore.execution.batch_execution import execute_batch
from longshore.loading.load_options import LoadOptions
from longshore.loading.model_loader import load_model
from longshore.repository.layout import ModelRepository
from tests.backends.conftest import onnx_bytes
from tests.loading.startup_models import Version, scripted

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
POSITIONS, WORDS = 40, 50


def onnx_encoder() -> bytes:
    """Embeds the tokens and adds positions, of which there are `POSITIONS`."""
    tables = [
        helper.make_tensor("words", TensorProto.FLOAT, [WORDS, 2], [0.5] * WORDS * 2),
        helper.make_tensor("positions", TensorProto.FLOAT, [POSITIONS, 2], [1.0] * POSITIONS * 2),
        helper.make_tensor("one", TensorProto.INT64, [1], [1]),
        helper.make_tensor("two", TensorProto.INT64, [1], [2]),
        helper.make_tensor("zero", TensorProto.INT64, [1], [0]),
        helper.make_tensor("most", TensorProto.INT64, [1], [POSITIONS]),
    ]
    nodes = [
        helper.make_node("Gather", ["words", "x"], ["embedded"]),
        helper.make_node("Shape", ["x"], ["sizes"]),
        helper.make_node("Slice", ["sizes", "one", "two"], ["length"]),
        helper.make_node("Slice", ["positions", "zero", "length"], ["own"]),
        helper.make_node("Add", ["embedded", "own"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info("x", TensorProto.INT64, ["batch", "length"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", "length", 2])],
        tables,
    )
    return onnx_bytes(graph)


class Encoder(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(50, 2)
        self.positions = torch.nn.Parameter(torch.ones(40, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.words(x) + self.positions[: x.size(1)]


def exported_encoder() -> bytes:
    buffer = io.BytesIO()
    shapes = {"x": {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", max=POSITIONS)}}
    example = (torch.zeros(2, 5, dtype=torch.int64),)
    torch.export.save(torch.export.export(Encoder(), example, dynamic_shapes=shapes), buffer)
    return buffer.getvalue()


VERSIONS = {
    "onnx": Version("model.onnx", onnx_encoder),
    "torchscript": Version(
        "model.pt",
        lambda: scripted(Encoder()),
        "max_batch_size: 8\ninput: [{name: x, data_type: INT64, dims: [-1]}]\n"
        "output: [{name: y, data_type: FP32, dims: [-1, 2]}]",
    ),
    "pt2": Version("model.pt2", exported_encoder),
    "identity": Version(
        "model.identity",
        lambda: (
            b"input: [{name: x, data_type: TYPE_INT64, dims: [-1, -1]}]\nfail_when: 77\n"
            b"output: [{name: y, data_type: TYPE_INT64, dims: [-1, -1]}]\n"
        ),
    ),
}


@pytest.fixture(scope="module", params=VERSIONS.values(), ids=VERSIONS)
def backend(request, tmp_path_factory) -> Backend:
    root = tmp_path_factory.mktemp("encoder")
    (root / "1").mkdir()
    (root / "1" / request.param.file).write_bytes(request.param.content())
    (root / "config.yaml").write_text(request.param.config)
    repository = ModelRepository(root, settle_seconds=0)
    (artifact,) = repository.scan().artifacts
    options = LoadOptions(cpus=1, calibration_budget_seconds=30, max_batch_size=4)
    loaded = load_model(artifact, repository.config(), options)
    assert loaded.has_run
    return loaded.backends[0]


def answer(backend: Backend, array):
    """What the one client of a batch gets."""
    loop, names = asyncio.new_event_loop(), backend.signature.output_names
    request = PendingRequest(
        {"x": array}, len(array), (), names, arrived=0.0, admitted=0.0, deadline=9.0,
        future=loop.create_future(), on_release=lambda request: None,
    )  # fmt: skip
    loop.close()
    (done,) = execute_batch(backend, Batch([BatchPart(request, 0, len(array))])).results
    return done.result


@given(
    rows=st.integers(1, 3),
    length=st.integers(1, 3 * POSITIONS),
    largest=st.sampled_from([0, WORDS - 1, 77, 10**6, -(10**6)]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_size_or_a_value_that_the_model_cannot_compute_is_the_clients_mistake(
    backend, rows, length, largest
):
    array = np.zeros((rows, length), np.int64)
    array[-1, -1] = largest

    found = answer(backend, array)

    fits = length <= POSITIONS and 0 <= largest < WORDS
    if type(backend).__name__ == "IdentityBackend":
        fits = largest != 77
    if fits:
        assert [len(array) for array in found.values()] == [rows]
    else:
        assert isinstance(found, InvalidRequest), found
        assert str(found).endswith(f"; given: 'x' [{rows}, {length}]")


def test_a_model_that_breaks_stays_a_failure(backend, monkeypatch):
    def broken(*arguments):
        raise ExecutionFailed("broken")

    monkeypatch.setattr(backend, "begin", broken)
    monkeypatch.setattr(backend, "execute", broken)

    found = answer(backend, np.zeros((1, 3), np.int64))

    assert isinstance(found, InferenceFailed)
    assert not isinstance(found, InvalidRequest)
