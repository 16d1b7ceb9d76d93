"""An instance survives the failures of its model."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from longshore.batching.cost import CostLine
from longshore.batching.request_groups import BatchingPolicy
from longshore.batching.request_queue import RequestQueue
from longshore.errors import InferenceFailed
from longshore.execution import model_instance
from longshore.execution.batch_execution import Execution
from longshore.execution.lone_executions import LoneExecutions
from longshore.execution.model import Model
from longshore.execution.model_instance import ModelInstance
from tests.batching.queues import batched_queue
from tests.execution.queued import put
from tests.execution.test_delivery import fail_once


@pytest.fixture
async def model(load_identity, metrics, monkeypatch):
    monkeypatch.setattr(model_instance, "RESTART_PAUSE_SECONDS", 0.0)
    model = Model(load_identity("delay_seconds: 0.003"), metrics, max_queue_seconds=30.0)
    model.start()
    yield model
    assert await model.close(5.0)


async def ask(model: Model):
    inputs = {"INPUT0": np.ones((1, 2), dtype=np.float32)}
    now = asyncio.get_running_loop().time()
    names = model.signature.output_names
    return await model.infer(inputs, names, rows=1, arrived=now, deadline=now + 20.0).future


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), MemoryError()])
async def test_a_model_that_ends_its_thread_fails_one_request(model, monkeypatch, error):
    def execute(inputs, output_names):
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(model.backend, "execute", execute)
        with pytest.raises(InferenceFailed, match=type(error).__name__):
            await ask(model)

    assert (await ask(model))["OUTPUT0"].shape == (1, 2)
    assert model.fault is None


async def test_an_instance_that_fails_itself_starts_anew(model, monkeypatch, caplog):
    finish = model_instance.BegunBatch.finish

    def fail_once(begun, **options):
        monkeypatch.setattr(model_instance.BegunBatch, "finish", finish)
        raise MemoryError

    monkeypatch.setattr(model_instance.BegunBatch, "finish", fail_once)
    with pytest.raises(InferenceFailed, match="the instance that ran the model failed"):
        await ask(model)

    assert (await ask(model))["OUTPUT0"].shape == (1, 2)
    assert "instance failed, starting anew" in caplog.text
    assert "MemoryError" in caplog.text


async def test_one_that_failed_pauses_before_it_begins_anew(load_identity, clock, monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr(model_instance, "time", SimpleNamespace(sleep=pauses.append))
    queue = batched_queue(clock)
    queue.close()
    fail_once(monkeypatch, RequestQueue, "take", MemoryError())
    (backend,) = load_identity("").backends
    loop = asyncio.get_running_loop()

    instance = ModelInstance("failing", backend, queue, loop=loop, observe=lambda done: None)
    instance.start()

    assert instance.join(5.0)
    assert pauses == [0.1]


@pytest.mark.parametrize(("depth", "order"), [(1, "bfbfbf"), (2, "bbfbff")])
async def test_as_many_batches_are_begun_as_the_backend_takes_before_their_end(
    load_identity, clock, monkeypatch, depth, order
):
    happened: list[str] = []

    def begin(inputs, output_names):
        happened.append("b")
        return lambda: happened.append("f") or dict.fromkeys(output_names, inputs["INPUT0"])

    (backend,) = load_identity("").backends
    monkeypatch.setattr(backend, "begin", begin)
    monkeypatch.setattr(backend, "pipeline_depth", depth)
    queue = batched_queue(clock, max_rows=1)
    futures = [put(queue, clock) for _ in range(3)]
    queue.close()
    loop = asyncio.get_running_loop()

    instance = ModelInstance("deep", backend, queue, loop=loop, observe=lambda done: None)
    instance.start()

    await asyncio.gather(*futures)
    assert instance.join(5.0)
    assert "".join(happened) == order


async def test_a_model_whose_thread_is_gone_says_so(model, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(model_instance.ModelInstance, "is_alive", False)
        await asyncio.sleep(0.3)

    assert model.fault == "an instance has ended"


@pytest.mark.parametrize(("instance_count", "runs_on"), [(1, "wide"), (2, "narrow")])
async def test_a_batch_that_is_alone_runs_on_the_wide_backend(
    load_identity, clock, monkeypatch, instance_count, runs_on
):
    ran: list[str] = []
    narrow, wide = load_identity("").backends[0], load_identity("").backends[0]
    for name, backend in (("narrow", narrow), ("wide", wide)):
        execute = backend.execute
        monkeypatch.setattr(
            backend, "execute",
            lambda *given, name=name, execute=execute: ran.append(name) or execute(*given),
        )  # fmt: skip
    lone = LoneExecutions(wide, CostLine(((1, 1.0),)), CostLine(((1, 2.0),)))
    done: list[Execution] = []
    queue = RequestQueue(BatchingPolicy(max_rows=1), instance_count=instance_count, clock=clock)
    future = put(queue, clock)
    queue.close()
    loop = asyncio.get_running_loop()

    instance = ModelInstance("any", narrow, queue, loop=loop, observe=done.append, lone=lone)
    instance.start()

    await future
    await asyncio.sleep(0)
    assert instance.join(5.0)
    assert ran == [runs_on]
    assert [execution.is_wide for execution in done] == [runs_on == "wide"]


@pytest.mark.parametrize("is_joined", [True, False])
async def test_an_execution_that_another_joins_does_not_tell_what_a_lone_one_takes(
    load_identity, clock, monkeypatch, is_joined
):
    (backend,) = load_identity("").backends
    lone = LoneExecutions(backend, CostLine(((1, 1.0),)), CostLine(((1, 2.0),)))
    learned: list[Execution] = []
    monkeypatch.setattr(lone, "learn", learned.append)
    queue = RequestQueue(BatchingPolicy(max_rows=1), clock=clock)
    loop = asyncio.get_running_loop()
    execute = backend.execute

    def execute_beside_another(*given):
        if is_joined:
            asyncio.run_coroutine_threadsafe(take_another(), loop).result(5.0)
        return execute(*given)

    async def take_another():
        put(queue, clock)
        queue.take_now()

    monkeypatch.setattr(backend, "execute", execute_beside_another)
    future = put(queue, clock)
    instance = ModelInstance("any", backend, queue, loop=loop, observe=lambda done: None, lone=lone)
    instance.start()

    await future
    queue.close()
    assert instance.join(5.0)
    assert len(learned) == (0 if is_joined else 1)
