"""Whatever arrives together, each answer is what the framework, called directly, gives to that
request alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from prometheus_client import CollectorRegistry

from longshore.execution.model import Model
from longshore.loading.load_options import LoadOptions
from longshore.loading.loaded_model import LoadedModel
from longshore.loading.model_loader import load_model
from longshore.metrics import ServerMetrics
from longshore.repository.layout import ModelRepository
from longshore.tensors import Tensors

pytestmark = pytest.mark.filterwarnings("ignore:`torch:DeprecationWarning", "ignore::FutureWarning")
MODELS = Path(__file__).parents[2] / "models"
Direct = Callable[[Tensors], Tensors]
THREADS = {"instances": 2, "max_batch_size": 6}
"""Batches so small that requests are split, on instances that take from one queue."""
INLINE: dict[str, int] = {}


@dataclass(frozen=True)
class Arrival:
    """One request: `size` is its length where the model takes several."""

    rows: int
    size: int
    seed: int
    pause_seconds: float


ARRIVALS = st.lists(
    st.builds(
        Arrival,
        rows=st.integers(1, 14),
        size=st.integers(1, 20),
        seed=st.integers(0, 2**32 - 1),
        pause_seconds=st.sampled_from([0.0, 0.0, 0.0, 0.0003, 0.002]),
    ),
    min_size=1,
    max_size=25,
)


class Served:
    """A model on an event loop of its own, so that examples find it warm and busy."""

    def __init__(self, loaded: LoadedModel, direct: Direct) -> None:
        self.loaded = loaded
        self.direct = direct
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.model = self.run(self._start())

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    async def _start(self) -> Model:
        model = Model(self.loaded, ServerMetrics(CollectorRegistry()), max_queue_seconds=60.0)
        model.start()
        return model

    async def ask(self, arrivals: list[tuple[float, Tensors]]) -> list[Tensors]:
        futures = []
        for pause, inputs in arrivals:
            if pause:
                await asyncio.sleep(pause)
            now = self._loop.time()
            pending = self.model.infer(
                inputs,
                self.model.signature.output_names,
                rows=self.model.count_rows(inputs),
                arrived=now,
                deadline=now + 60,
            )
            futures.append(pending.future)
        return await asyncio.gather(*futures)

    def close(self) -> None:
        assert self.run(self.model.close(10.0))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def load(directory: Path, options: dict[str, int]) -> LoadedModel:
    repository = ModelRepository(directory, settle_seconds=0)
    (artifact,) = repository.scan().artifacts
    # More than it takes: what a busy machine leaves of less may be no batches at all.
    given = LoadOptions(cpus=2, calibration_budget_seconds=30, **options)
    loaded = load_model(artifact, repository.config(), given)
    assert loaded.plan.is_batched
    assert loaded.plan.is_inline is (not options)
    return loaded


def onnx_directly(path: Path) -> Direct:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


def torch_directly(module: Callable[[torch.Tensor], torch.Tensor]) -> Direct:
    def run(inputs: Tensors) -> Tensors:
        with torch.inference_mode():
            return {"logits": module(torch.from_numpy(inputs["image"])).numpy()}

    return run


def digits_directly(name: str) -> Direct:
    path = MODELS / name / "1"
    if name == "digits":
        return onnx_directly(path / "model.onnx")
    if name == "digits-torchscript":
        return torch_directly(torch.jit.load(str(path / "model.pt")).eval())
    return torch_directly(torch.export.load(str(path / "model.pt2")).module())


def images(arrival: Arrival) -> Tensors:
    shape = (arrival.rows, 1, 8, 8)
    return {"image": np.random.default_rng(arrival.seed).random(shape, dtype=np.float32)}


def sequences(arrival: Arrival) -> Tensors:
    shape = (arrival.rows, arrival.size)
    return {"x": np.random.default_rng(arrival.seed).random(shape, dtype=np.float32)}


def assert_answered_as_alone(
    served: Served, arrivals: list[Arrival], make: Callable[[Arrival], Tensors]
) -> None:
    requests = [(arrival.pause_seconds, make(arrival)) for arrival in arrivals]

    answers = served.run(served.ask(requests))

    for (_, inputs), answer in zip(requests, answers, strict=True):
        wanted = served.direct(inputs)
        assert answer.keys() == wanted.keys()
        for name, array in wanted.items():
            assert answer[name].dtype == array.dtype
            np.testing.assert_allclose(answer[name], array, rtol=1e-4, atol=1e-4)


def opened(served: Served) -> Iterator[Served]:
    yield served
    served.close()


@pytest.fixture(
    scope="module",
    params=[
        ("digits", INLINE),
        ("digits", THREADS),
        ("digits-torchscript", THREADS),
        ("digits-pt2", THREADS),
    ],
    ids=["onnx-inline", "onnx-threads", "torchscript", "pt2"],
)
def digits(request) -> Iterator[Served]:
    name, options = request.param
    yield from opened(Served(load(MODELS / name, options), digits_directly(name)))


PADDED = """\
max_batch_size: 6
input:
  - name: x
    data_type: TYPE_FP32
    dims: [-1]
    padding: {0: {buckets: [4, 8, 16]}}
"""


@pytest.fixture(scope="module", params=["", PADDED], ids=["grouped-by-shape", "padded"])
def sums(request, tmp_path_factory) -> Iterator[Served]:
    """`y` is as long as `x`; `total` has one number a row, which zeros do not change."""
    directory = tmp_path_factory.mktemp("sums")
    (directory / "1").mkdir()
    path = directory / "1" / "model.onnx"
    onnx.save(sums_model(), str(path))
    if request.param:
        (directory / "config.yaml").write_text(request.param)
    loaded = load(directory, THREADS)
    assert (loaded.padding is not None) is bool(request.param), loaded.plan.notes
    yield from opened(Served(loaded, onnx_directly(path)))


def sums_model() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Relu", ["x"], ["y"]),
        helper.make_node("ReduceSum", ["y", "axes"], ["total"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "sums",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "length"])],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "length"]),
            helper.make_tensor_value_info("total", TensorProto.FLOAT, ["n"]),
        ],
        [helper.make_tensor("axes", TensorProto.INT64, [1], [1])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def after(event: threading.Event, execute: Callable[..., Tensors]) -> Callable[..., Tensors]:
    """`execute`, which waits for the event."""

    def execute_then(*given) -> Tensors:
        assert event.wait(30)
        return execute(*given)

    return execute_then


EXAMPLES = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@EXAMPLES
@given(arrivals=ARRIVALS)
def test_images_in_any_company_are_answered_as_alone(digits, arrivals):
    assert_answered_as_alone(digits, arrivals, images)


@EXAMPLES
@given(arrivals=ARRIVALS)
def test_sequences_of_any_length_are_answered_as_alone(sums, arrivals):
    assert_answered_as_alone(sums, arrivals, sequences)


def test_requests_did_share_executions(digits, monkeypatch):
    are_asked = threading.Event()
    for backend in digits.loaded.backends:
        monkeypatch.setattr(backend, "execute", after(are_asked, backend.execute))

    async def ask_at_once() -> None:
        """No execution ends before all requests wait."""
        requests = [(0.0, images(Arrival(1, 1, seed, 0.0))) for seed in range(60)]
        answers = asyncio.ensure_future(digits.ask(requests))
        await asyncio.sleep(0)
        are_asked.set()
        await answers

    statistics = digits.model.statistics
    before = sum(rows * of.executions for rows, of in statistics.by_rows.items())
    executions = statistics.execution_count
    digits.run(ask_at_once())

    assert sum(rows * of.executions for rows, of in statistics.by_rows.items()) - before == 60
    assert statistics.execution_count - executions <= 40
