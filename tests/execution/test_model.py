from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest
from msgspec.structs import replace

from longshore.backends.base import Device
from longshore.batching.pending_request import PendingRequest
from longshore.errors import (
    InvalidRequest,
    ModelNotReady,
    OutOfDeviceMemory,
    RequestTimeout,
)
from longshore.execution.model import Model
from longshore.repository.model_config import DynamicBatching, ModelConfig, ModelInput, Padding
from longshore.tensors import Datatype

SLOW = "delay_seconds: 0.003"
PADDED = ModelConfig(
    input=(ModelInput("INPUT0", Datatype.FP32, (-1,), {0: Padding(buckets=(4, 8))}),)
)


@pytest.fixture
async def serve(load_identity, metrics):
    models: list[Model] = []

    def start(content: str = "", config: ModelConfig | None = None, **options) -> Model:
        model = Model(load_identity(content, config, **options), metrics, max_queue_seconds=30.0)
        model.start()
        models.append(model)
        return model

    yield start
    for model in models:
        assert await model.close(5.0)


def infer(model: Model, array) -> asyncio.Future:
    return submit(model, array).future


def submit(model: Model, array) -> PendingRequest:
    inputs = {"INPUT0": np.asarray(array, dtype=np.float32)}
    now = asyncio.get_running_loop().time()
    return model.infer(
        inputs,
        model.signature.output_names,
        rows=model.count_rows(inputs),
        arrived=now,
        deadline=now + 20.0,
    )


@pytest.mark.parametrize("content", ["", SLOW], ids=["inline", "threads"])
async def test_concurrent_requests_get_their_own_answers(serve, content):
    model = serve(content)
    arrays = [np.full((1 + i % 3, 2), i) for i in range(40)]

    answers = await asyncio.gather(*(infer(model, array) for array in arrays))

    for array, answer in zip(arrays, answers, strict=True):
        assert np.array_equal(answer["OUTPUT0"], array)
    assert model.statistics.execution_count < len(arrays)


async def test_a_model_has_worked_from_its_first_execution_on(serve):
    model = serve()
    assert not model.has_worked()
    await infer(model, [[1.0]])
    assert model.has_worked()


async def test_a_request_larger_than_a_batch_is_split_and_joined(serve):
    model = serve(SLOW, max_batch_size=4)
    array = np.arange(22).reshape(11, 2)

    answer = await infer(model, array)

    assert np.array_equal(answer["OUTPUT0"], array)
    assert model.statistics.execution_count == 3


async def test_two_batches_of_one_request_are_computed_at_once(serve, monkeypatch):
    model = serve(SLOW, instances=2, max_batch_size=4)
    backend = type(model.backend)
    execute, both = backend.execute, threading.Barrier(2)

    def execute_together(self, inputs, output_names):
        both.wait(timeout=5)
        return execute(self, inputs, output_names)

    monkeypatch.setattr(backend, "execute", execute_together)
    array = np.arange(16).reshape(8, 2)

    assert np.array_equal((await infer(model, array))["OUTPUT0"], array)


async def test_what_was_abandoned_is_dropped_while_the_instance_is_busy(serve, monkeypatch):
    model = serve(SLOW, instances=1, max_batch_size=1)
    execute, release = model.backend.execute, threading.Event()

    def execute_late(inputs, output_names):
        release.wait(5)
        return execute(inputs, output_names)

    monkeypatch.setattr(model.backend, "execute", execute_late)
    busy, abandoned = submit(model, [[0]]), submit(model, [[1]])
    abandoned.abandon()
    while model.queued_requests:
        await asyncio.sleep(0.01)

    assert not busy.future.done()
    release.set()
    await busy.future


async def test_requests_of_different_width_are_answered_apart(serve):
    model = serve(SLOW)

    narrow, wide = await asyncio.gather(infer(model, [[1, 2]]), infer(model, [[1, 2, 3]]))

    assert narrow["OUTPUT0"].shape == (1, 2)
    assert wide["OUTPUT0"].shape == (1, 3)
    assert model.statistics.execution_count == 2


async def test_padded_requests_share_an_execution_and_get_their_length_back(serve):
    model = serve(SLOW, PADDED, instances=1)
    blocker = infer(model, [[0, 0, 0, 0, 0]])
    await asyncio.sleep(0.001)
    arrays = [[[1, 2]], [[3, 4, 5]], [[6, 7, 8, 9]]]

    answers = await asyncio.gather(*(infer(model, array) for array in arrays))
    await blocker

    assert [answer["OUTPUT0"].tolist() for answer in answers] == arrays
    assert model.statistics.execution_count == 2


async def test_a_poison_request_fails_alone(serve):
    model = serve("delay_seconds: 0.003\nfail_when: 13", instances=1)
    blocker = infer(model, [[0]])
    await asyncio.sleep(0.001)
    futures = [infer(model, [[value]]) for value in (1, 13, 2)]

    answers = await asyncio.gather(*futures, return_exceptions=True)
    await blocker

    assert isinstance(answers[1], InvalidRequest)
    assert [answers[0]["OUTPUT0"].tolist(), answers[2]["OUTPUT0"].tolist()] == [[[1]], [[2]]]


async def test_a_request_whose_client_left_is_not_computed(serve):
    model = serve(SLOW, instances=1, max_batch_size=1)
    requests = [submit(model, [[value]]) for value in range(6)]
    for request in requests[2:]:
        request.abandon()
    await asyncio.gather(*(request.future for request in requests[:2]))
    await asyncio.sleep(0.02)

    assert model.statistics.execution_count == 2


async def test_inputs_that_disagree_on_the_batch_are_the_clients_mistake(serve):
    model = serve(
        "input:\n"
        "  - {name: INPUT0, data_type: TYPE_FP32, dims: [-1, 1]}\n"
        "  - {name: INPUT1, data_type: TYPE_FP32, dims: [-1, 1]}\n"
    )

    with pytest.raises(InvalidRequest, match=r"same number of rows on axis 0: 'INPUT0' \[1, 1\]"):
        model.count_rows({"INPUT0": np.zeros((1, 1)), "INPUT1": np.zeros((2, 1))})


async def test_a_request_to_an_unbatched_model_is_one_row(serve):
    model = serve("input:\n  - {name: INPUT0, data_type: TYPE_FP32, dims: [3]}\n")
    assert not model.plan.is_batched

    assert model.count_rows({"INPUT0": np.zeros(3)}) == 1
    assert (await infer(model, [1, 2, 3]))["OUTPUT0"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(("setting", "delay"), [(None, 0.25), (0.0, 0.0), (0.5, 0.5)])
async def test_a_setting_of_the_delay_goes_before_the_models_own(
    load_identity, metrics, setting, delay
):
    config = ModelConfig(dynamic_batching=DynamicBatching(max_queue_delay_seconds=0.25))
    model = Model(
        load_identity("", config), metrics, max_queue_seconds=30.0, max_queue_delay_seconds=setting
    )

    assert model._queue.policy.max_delay_seconds == delay


async def test_closing_finishes_what_is_queued(serve):
    model = serve(SLOW, instances=1, max_batch_size=1)
    futures = [infer(model, [[value]]) for value in range(5)]

    assert await model.close(5.0)

    assert all(future.done() and future.exception() is None for future in futures)


async def test_the_description_tells_what_was_decided(serve):
    described = serve(SLOW, instances=2, calibration_cache=None).describe()

    assert described["instances"] == 2
    assert described["batched"] is True
    assert described["calibration"] == "measured"
    assert set(described["cost_seconds_by_rows"]) >= {"1", "2"}


@pytest.mark.parametrize(
    ("delay_seconds", "device", "are_shared"),
    [(0.0, Device("cpu"), True), (0.1, Device("cpu"), False), (0.0, Device("cuda"), False)],
    ids=["cpu", "a delay asks for batches", "one device for all instances"],
)
async def test_rows_are_divided_among_idle_instances_where_that_is_faster(
    load_identity, metrics, delay_seconds, device, are_shared
):
    loaded = load_identity(SLOW)
    for backend in loaded.different_backends():
        backend.device = device
    model = Model(loaded, metrics, max_queue_seconds=30.0, max_queue_delay_seconds=delay_seconds)

    assert (model._queue.policy.sharing is not None) is are_shared


async def test_executions_are_counted_in_the_metrics(serve, metrics):
    model = serve(SLOW, instances=1)
    await infer(model, [[1], [2]])
    labels = {"model": "identity", "version": "1"}

    sample = metrics.registry.get_sample_value
    assert sample("longshore_inferences_total", labels) == 2
    assert sample("longshore_executions_total", labels) == 1
    assert sample("longshore_batch_size_sum", labels) == 2
    assert sample("longshore_compute_duration_seconds_sum", labels) >= 0.003


@pytest.mark.parametrize(
    ("content", "options"), [("", {}), (SLOW, {"instances": 1})], ids=["inline", "thread"]
)
async def test_a_batch_without_memory_is_halved_until_it_fits_and_the_limit_stays_low(
    serve, metrics, content, options, caplog
):
    model = serve(content, max_batch_size=16, **options)
    backend = model.backend
    backend._behaviour = replace(backend._behaviour, max_device_rows=3)
    array = np.arange(32).reshape(16, 2)

    answer = await infer(model, array)

    assert np.array_equal(answer["OUTPUT0"], array)
    described = model.describe()
    assert described["max_batch_size"] == 2
    assert "batches have at most 2 rows: the device had no memory for 4" in described["notes"]
    assert "batch limit lowered" in caplog.text
    labels = {"model": model.name, "version": model.version}
    value = metrics.registry.get_sample_value
    assert value("longshore_max_batch_size", labels) == 2
    failed = value("longshore_out_of_memory_batches_total", labels)
    assert failed == 1 + 2 + 4, "one of 16 rows, two of 8, four of 4"

    assert np.array_equal((await infer(model, array))["OUTPUT0"], array)
    assert value("longshore_out_of_memory_batches_total", labels) == failed


async def test_a_row_for_which_there_is_no_memory_is_refused_and_the_server_goes_on(serve):
    model = serve(SLOW, max_batch_size=4)
    backend = model.backend
    whole = backend._behaviour
    backend._behaviour = replace(whole, max_device_rows=0)

    with pytest.raises(OutOfDeviceMemory, match="no memory for 1 rows"):
        await infer(model, [[1, 2]])

    backend._behaviour = whole
    assert (await infer(model, [[1, 2]]))["OUTPUT0"].tolist() == [[1, 2]]


async def test_a_request_that_expires_before_its_turn_on_the_loop_is_answered(serve):
    model = serve()
    assert model.plan.is_inline
    inputs = {"INPUT0": np.ones((1, 2), dtype=np.float32)}
    now = time.monotonic()
    pending = model.infer(
        inputs, model.signature.output_names, rows=1, arrived=now, deadline=now + 0.02
    )
    time.sleep(0.05)  # noqa: ASYNC251 (the loop is busy with something else)

    with pytest.raises(RequestTimeout, match="while the request was queued"):
        await asyncio.wait_for(pending.future, 5)
    assert model.admitted_rows == 0


async def test_a_row_far_larger_than_those_measured_does_not_hold_the_loop(serve, monkeypatch):
    model = serve()
    assert model.plan.is_inline
    threads = []
    execute = model.backend.execute

    def note_thread(inputs, output_names):
        threads.append(threading.current_thread())
        return execute(inputs, output_names)

    monkeypatch.setattr(model.backend, "execute", note_thread)
    large, small = np.ones((1, 2_000_000)), np.ones((1, 2))
    answers = await asyncio.gather(infer(model, large), infer(model, small))

    assert [answer["OUTPUT0"].shape for answer in answers] == [large.shape, small.shape]
    assert [thread is threading.main_thread() for thread in threads] == [False, True]


async def test_a_version_that_was_closed_says_so_instead_of_failing(load_identity, metrics):
    model = Model(load_identity(""), metrics, max_queue_seconds=30.0)
    model.start()
    assert await model.close(5.0)

    with pytest.raises(ModelNotReady, match="was unloaded while the request was read"):
        await infer(model, [[1, 2]])
