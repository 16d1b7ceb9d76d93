"""Whatever is raised after admission answers the request that it belongs to, and no other."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from msgspec.structs import replace

from longshore.batching.batch import Batch, BatchPart
from longshore.batching.cost import CostModel
from longshore.batching.pending_request import PendingRequest
from longshore.batching.request_queue import RequestQueue
from longshore.errors import InferenceFailed, LongshoreError
from longshore.execution import model_instance
from longshore.execution.batch_execution import BegunBatch, Execution, PartResult
from longshore.execution.delivery import deliver
from longshore.execution.model import Model
from longshore.execution.version_metrics import VersionMetrics

SLOW = "delay_seconds: 0.003"
SECONDS = 5.0
"""Far less than the deadline of the requests, and far more than any answer takes."""


@pytest.fixture(params=["", SLOW], ids=["inline", "threads"])
async def model(request, load_identity, metrics, monkeypatch):
    monkeypatch.setattr(model_instance, "RESTART_PAUSE_SECONDS", 0.0)
    loaded = load_identity(request.param, instances=None if not request.param else 1)
    model = Model(loaded, metrics, max_queue_seconds=30.0)
    assert model.plan.is_inline is (not request.param)
    model.start()
    yield model
    assert await model.close(5.0)


def submit(model: Model, array) -> PendingRequest:
    inputs = {"INPUT0": np.asarray(array, dtype=np.float32)}
    now = asyncio.get_running_loop().time()
    names = model.signature.output_names
    rows = model.count_rows(inputs)
    return model.infer(inputs, names, rows=rows, arrived=now, deadline=now + 60.0)


async def outcome(request: PendingRequest) -> object:
    """Its answer, or the error that it got."""
    try:
        return (await asyncio.wait_for(request.future, SECONDS))["OUTPUT0"].tolist()
    except LongshoreError as error:
        return type(error)


def fail_once(monkeypatch, owner: type, name: str, error: Exception) -> None:
    """Let the next call of `name` raise, and those after it work."""
    real = getattr(owner, name)
    is_broken = True

    def fail(*given, **named):
        nonlocal is_broken
        if is_broken:
            is_broken = False
            raise error
        return real(*given, **named)

    monkeypatch.setattr(owner, name, fail)


ANSWERED, FAILED = [[7.0]], InferenceFailed


@pytest.mark.parametrize(
    ("owner", "name", "wanted"),
    [
        (Batch, "concatenate", FAILED),
        (Batch, "output_names", FAILED),
        (Batch, "split", FAILED),
        (BegunBatch, "finish", FAILED),
        (PendingRequest, "add_part", FAILED),
        (CostModel, "observe", ANSWERED),
        (VersionMetrics, "observe", ANSWERED),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
@pytest.mark.parametrize("error", [ValueError("unforeseen"), MemoryError()], ids=repr)
async def test_an_error_on_the_way_is_the_answer_of_its_request(
    model, monkeypatch, owner, name, wanted, error
):
    fail_once(monkeypatch, owner, name, error)

    assert await outcome(submit(model, [[7]])) == wanted
    assert await outcome(submit(model, [[8]])) == [[8]]
    assert model.admitted_rows == 0
    assert model.fault is None


async def test_an_error_in_the_taking_costs_nobody_an_answer(model, monkeypatch):
    assert await outcome(submit(model, [[1]])) == [[1]]
    fail_once(
        monkeypatch, RequestQueue, "take_now" if model.plan.is_inline else "take", ValueError()
    )

    for value in range(3):
        assert await outcome(submit(model, [[value]])) == [[value]]


async def test_an_error_in_measuring_a_batch_is_the_answer_of_its_requests(model, monkeypatch):
    if not model.plan.is_inline:
        pytest.skip("instances on threads take batches of any size")
    fail_once(monkeypatch, Batch, "input_bytes", ZeroDivisionError())

    assert await outcome(submit(model, [[7]])) is InferenceFailed
    assert await outcome(submit(model, [[8]])) == [[8]]


@pytest.mark.parametrize("name", ["add_part", "finish"])
async def test_an_error_with_a_large_row_does_not_end_the_instance(model, monkeypatch, name):
    owner = PendingRequest if name == "add_part" else BegunBatch
    fail_once(monkeypatch, owner, name, ValueError())
    large = submit(model, np.ones((1, 2_000_000)))
    small = submit(model, [[8]])

    assert await outcome(large) is InferenceFailed
    assert await outcome(small) == [[8]]


async def test_a_worker_that_cannot_be_had_is_the_answer_of_a_large_row(model, monkeypatch):
    if not model.plan.is_inline:
        pytest.skip("instances on threads need no worker")

    def refuse(*given):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as broken:
        broken.setattr(asyncio.get_running_loop(), "run_in_executor", refuse)
        assert await outcome(submit(model, np.ones((1, 2_000_000)))) is InferenceFailed
    assert await outcome(submit(model, [[8]])) == [[8]]


async def test_neighbours_in_a_batch_are_answered_though_one_cannot_be(model, monkeypatch):
    add_part = PendingRequest.add_part

    def fail_for_thirteen(request, start, rows, outputs):
        if request.inputs["INPUT0"][0, 0] == 13:
            raise ValueError("unforeseen")
        return add_part(request, start, rows, outputs)

    monkeypatch.setattr(PendingRequest, "add_part", fail_for_thirteen)
    requests = [submit(model, [[value]]) for value in (1, 13, 2)]

    assert [await outcome(request) for request in requests] == [[[1]], InferenceFailed, [[2]]]


async def test_a_backend_that_cannot_lower_its_limit_costs_nobody_an_answer(model, monkeypatch):
    backend = model.backend
    backend._behaviour = replace(backend._behaviour, max_device_rows=1)
    fail_once(monkeypatch, type(backend), "limit_rows", ValueError())

    assert await outcome(submit(model, [[1], [2]])) == [[1], [2]]


async def test_a_request_that_cannot_be_queued_holds_no_place(model, monkeypatch):
    fail_once(monkeypatch, RequestQueue, "put", TypeError("unhashable"))

    with pytest.raises(TypeError):
        submit(model, [[7]])
    assert model.admitted_rows == 0


def half(request: PendingRequest, start: int, begun: float, ended: float) -> Execution:
    """An execution of one of the two rows of `request`; a tenth of it was output."""
    seconds = ended - begun
    done = PartResult(BatchPart(request, start, start + 1), {"OUTPUT0": np.zeros((1, 1))})
    return Execution([done], 1, begun, ended, seconds, 0.0, 0.9 * seconds, 0.1 * seconds, ())


@pytest.mark.parametrize(
    ("first", "second", "waited"),
    [((10.0, 14.0), (14.0, 18.0), 8.0), ((10.0, 14.0), (11.0, 15.0), 5.0),
     ((10.0, 14.0), (10.0, 14.0), 4.0), ((10.0, 14.0), (11.0, 13.0), 4.0)],
    ids=["one after the other", "partly at once", "at once", "within the other"],
)  # fmt: skip
async def test_a_divided_request_waited_once_for_what_was_computed_at_once(first, second, waited):
    request = PendingRequest(
        {"INPUT0": np.zeros((2, 1))}, 2, (), ("OUTPUT0",), arrived=9.0, admitted=9.0, deadline=99.0,
        future=asyncio.get_running_loop().create_future(), on_release=lambda request: None,
    )  # fmt: skip
    deliver(half(request, 0, *first), lambda execution: None)
    deliver(half(request, 1, *second), lambda execution: None)

    assert (await request.future)["OUTPUT0"].shape == (2, 1)
    assert request.infer_seconds == pytest.approx(0.9 * waited)
    assert request.output_seconds == pytest.approx(0.1 * waited)
