"""What a GPU answers, held against the CPU in float32."""

from __future__ import annotations

import asyncio
import os

import numpy as np
import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from loadtests.bench.models import MODELS
from longshore.execution.model import Model
from longshore.lifecycle.warmup import warm_up
from longshore.loading.load_options import LoadOptions
from longshore.loading.loaded_model import LoadedModel
from longshore.loading.model_loader import load_model
from longshore.metrics import ServerMetrics
from longshore.repository.layout import ModelRepository
from tests.gpu.forms import FORMS, random_batch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore:`torch:DeprecationWarning", "ignore::FutureWarning"),
]
TOLERANCE = 1e-3
"""Relative to the largest value of the answer."""
EVERY_MODEL = pytest.mark.parametrize("name", ["encoder", "cnn"])
EVERY_FORM = pytest.mark.parametrize("form", FORMS)


def load(directory, *, device="cuda", **options) -> LoadedModel:
    repository = ModelRepository(directory, settle_seconds=0)
    (artifact,) = repository.scan().artifacts
    cuda = options.pop("cuda", {})
    settings = LoadOptions(cpus=os.cpu_count() or 1, device=device, **options)
    settings = replace(settings, cuda=replace(settings.cuda, **cuda))
    return load_model(artifact, repository.config(), settings)


def on_cpu(directory, batch) -> np.ndarray:
    loaded = load(directory, device="cpu", max_batch_size=1, calibration_budget_seconds=0)
    answers = [loaded.backends[0].execute({"x": row[np.newaxis]}, ("y",))["y"] for row in batch]
    loaded.close()
    return np.concatenate(answers)


def assert_close(found, wanted, tolerance=TOLERANCE) -> None:
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= tolerance * np.abs(wanted).max()


@EVERY_MODEL
@EVERY_FORM
@pytest.mark.parametrize("graphs", ["on", "off"])
def test_answers_are_those_of_the_cpu_at_every_bucket_and_between(on_gpu, name, form, graphs):
    directory = on_gpu(name, form)
    loaded = load(directory, max_batch_size=16, cuda={"graphs": graphs})
    warm_up(loaded)
    backend = loaded.backends[0]
    batch = random_batch(MODELS[name], 16)
    wanted = on_cpu(directory, batch)

    assert loaded.plan.is_batched, loaded.plan.notes
    captured = backend.describe()["cuda_graph_rows"]
    assert set(captured) <= {1, 2, 4, 8, 16}
    if graphs == "on" and form != "onnx":
        assert 1 in captured, "launching one row costs more than computing it"
    for rows in (1, 2, 3, 7, 8, 11, 16):
        assert_close(backend.execute({"x": batch[:rows]}, ("y",))["y"], wanted[:rows])
    loaded.close()


@EVERY_MODEL
@EVERY_FORM
def test_executions_in_flight_get_their_own_answers(on_gpu, name, form):
    directory = on_gpu(name, form)
    loaded = load(directory, max_batch_size=8, calibration_budget_seconds=2)
    backend = loaded.backends[0]
    batch = random_batch(MODELS[name], 64)
    wanted = on_cpu(directory, batch)
    generator = np.random.default_rng(5)

    in_flight = []
    for _ in range(300):
        start = int(generator.integers(0, 56))
        rows = slice(start, start + int(generator.integers(1, 9)))
        in_flight.append((rows, backend.begin({"x": batch[rows]}, ("y",))))
        if len(in_flight) == backend.pipeline_depth:
            given, finish = in_flight.pop(0)
            assert_close(finish()["y"], wanted[given])
    loaded.close()


@EVERY_FORM
def test_requests_that_share_batches_get_their_own_answers(on_gpu, form):
    directory = on_gpu("encoder", form)
    batch = random_batch(MODELS["encoder"], 64)
    wanted = on_cpu(directory, batch)

    async def serve() -> list[dict[str, np.ndarray]]:
        loaded = await asyncio.to_thread(load, directory, calibration_budget_seconds=5)
        model = Model(loaded, ServerMetrics(CollectorRegistry()), max_queue_seconds=60.0)
        model.start()
        now = asyncio.get_running_loop().time()
        requests = [
            model.infer({"x": row[np.newaxis]}, ("y",), rows=1, arrived=now, deadline=now + 60)
            for row in np.concatenate([batch] * 20)
        ]
        answers = await asyncio.gather(*(request.future for request in requests))
        assert await model.close(30.0)
        return answers

    for answer, row in zip(asyncio.run(serve()), np.concatenate([wanted] * 20), strict=True):
        assert_close(answer["y"], row[np.newaxis])


@EVERY_FORM
def test_the_batch_is_measured_by_the_device_and_keeps_its_bound(on_gpu, form):
    loaded = load(on_gpu("cnn", form), max_execution_seconds=0.02, calibration_budget_seconds=30)

    assert loaded.plan.cost.seconds(loaded.plan.max_batch_size) <= 0.02
    memory = loaded.backends[0].device_memory()
    assert memory.has_headroom
    assert 0 < memory.used <= memory.reserved < memory.total
    assert loaded.backends[0].device_identity().name
    loaded.close()


@EVERY_MODEL
@pytest.mark.parametrize("precision", ["tf32", "fp16", "bf16"])
def test_a_lower_precision_is_kept_with_its_gain_or_dropped_with_its_reason(
    on_gpu, name, precision
):
    directory = on_gpu(name, "pt2")
    loaded = load(directory, max_batch_size=16, cuda={"precision": precision})
    batch = random_batch(MODELS[name], 16)
    kept = loaded.backends[0].device.options.precision

    assert kept == precision or any(
        n.startswith(f"not in {precision}: ") for n in loaded.plan.notes
    )
    tolerance = {"float32": 1e-3, "tf32": 5e-3, "fp16": 1e-2, "bf16": 5e-2}[kept]
    found = loaded.backends[0].execute({"x": batch}, ("y",))["y"]
    assert found.dtype == np.float32
    assert_close(found, on_cpu(directory, batch), tolerance)
    loaded.close()


def test_compilation_is_kept_with_its_gain_or_dropped_with_its_reason(on_gpu):
    directory = on_gpu("encoder", "pt2")
    loaded = load(directory, max_batch_size=16, cuda={"compiles": True})
    batch = random_batch(MODELS["encoder"], 16)

    is_kept = loaded.backends[0].device.options.compiles
    assert is_kept or any(note.startswith("not compiled: ") for note in loaded.plan.notes)
    found = loaded.backends[0].execute({"x": batch}, ("y",))["y"]
    assert_close(found, on_cpu(directory, batch))
    loaded.close()
