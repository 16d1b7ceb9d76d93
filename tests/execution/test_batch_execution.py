from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from longshore.backends.base import Backend, Device
from longshore.batching.batch import Batch, BatchPart
from longshore.batching.pending_request import PendingRequest
from longshore.errors import (
    DeviceLost,
    ExecutionFailed,
    InferenceFailed,
    InvalidRequest,
    ModelDefect,
    OutOfDeviceMemory,
)
from longshore.execution.batch_execution import execute_batch
from longshore.tensors import Array, Datatype, Signature, Tensors, TensorSpec

SPEC = TensorSpec("x", Datatype.FP32, (-1,))


class FussyBackend(Backend):
    """Doubles `x`, after `check` has looked at it."""

    platform = "fussy"

    def __init__(self, check: Callable[[Array], None]) -> None:
        self.signature = Signature((SPEC,), (TensorSpec("y", Datatype.FP32, (-1,)),))
        self.device = Device("cpu")
        self.executed: list[list[float]] = []
        self.limit: int | None = None
        self._check = check

    @classmethod
    def load(cls, artifact, *, config, device, threads):
        raise NotImplementedError

    def execute(self, inputs, output_names) -> Tensors:
        self.executed.append(inputs["x"].tolist())
        self._check(inputs["x"])
        return {"y": inputs["x"] * 2}

    def limit_rows(self, rows: int) -> None:
        self.limit = rows


@pytest.fixture
def batch_of():
    loop = asyncio.new_event_loop()

    def make(*rows: list[float]) -> Batch:
        requests = [
            PendingRequest(
                {"x": np.array(values, np.float32)}, len(values), (), ("y",), arrived=0.0,
                admitted=0.0, deadline=9.0, future=loop.create_future(),
                on_release=lambda request: None,
            )
            for values in rows
        ]  # fmt: skip
        return Batch([BatchPart(request, 0, request.rows) for request in requests])

    yield make
    loop.close()


def answers(execution) -> list[object]:
    """Rows by part, or the type of the error that it got."""
    return [
        type(done.result) if isinstance(done.result, Exception) else done.result["y"].tolist()
        for done in execution.results
    ]


def refusing(error: Exception, when: Callable[[Array], bool]) -> FussyBackend:
    def check(x: Array) -> None:
        if when(x):
            raise error

    return FussyBackend(check)


def test_a_batch_is_one_execution(batch_of):
    backend = refusing(AssertionError(), lambda x: False)
    execution = execute_batch(backend, batch_of([1], [2, 3]))

    assert answers(execution) == [[2], [4, 6]]
    assert backend.executed == [[1, 2, 3]]
    assert execution.rows == 3


def test_a_batch_that_fails_is_tried_request_by_request(batch_of):
    backend = refusing(InferenceFailed("13"), lambda x: 13 in x)

    assert answers(execute_batch(backend, batch_of([1], [13, 2], [3]))) == [
        [2],
        InferenceFailed,
        [6],
    ]


def test_a_batch_that_the_memory_cannot_hold_is_halved_until_it_can(batch_of):
    backend = refusing(OutOfDeviceMemory("full"), lambda x: len(x) > 2)
    execution = execute_batch(backend, batch_of([1, 2, 3], [4, 5]))

    rows = {}
    for done in execution.results:
        key = done.part.request.rows
        rows[key] = rows.get(key, []) + done.result["y"].tolist()
    assert rows == {3: [2, 4, 6], 2: [8, 10]}
    assert execution.out_of_memory_rows == (5, 3)
    assert backend.limit == 1, "half of the smallest batch that was too large"


def test_a_lone_row_that_the_memory_cannot_hold_is_refused(batch_of):
    backend = refusing(OutOfDeviceMemory("full"), lambda x: True)

    assert answers(execute_batch(backend, batch_of([1], [2]))) == [OutOfDeviceMemory] * 2


def test_a_lost_device_is_not_tried_again(batch_of):
    backend = refusing(DeviceLost("gone"), lambda x: True)

    assert answers(execute_batch(backend, batch_of([1], [2]))) == [DeviceLost, DeviceLost]
    assert len(backend.executed) == 1


def test_an_unforeseen_error_is_logged_in_full_and_told_in_brief(batch_of, caplog):
    backend = refusing(ZeroDivisionError("secret path"), lambda x: True)
    (done,) = execute_batch(backend, batch_of([1])).results

    assert str(done.result) == "the model failed: ZeroDivisionError"
    assert "secret path" in caplog.text


def test_the_time_of_an_execution_is_told_by_its_phases(batch_of, clock):
    backend = FussyBackend(lambda x: clock.advance(2.0))

    execution = execute_batch(backend, batch_of([1], [2]), clock=clock)

    assert (execution.seconds, execution.infer_seconds) == (2.0, 2.0)
    assert (execution.input_seconds, execution.output_seconds) == (0.0, 0.0)


def test_a_batch_of_two_rows_for_which_there_is_no_memory_is_halved_too(batch_of):
    backend = refusing(OutOfDeviceMemory("full"), lambda x: len(x) > 1)

    assert answers(execute_batch(backend, batch_of([1], [2]))) == [[2], [4]]


def test_of_two_requests_that_fail_together_each_is_tried_alone(batch_of):
    backend = refusing(InferenceFailed("13"), lambda x: 13 in x)

    assert answers(execute_batch(backend, batch_of([1], [13]))) == [[2], InferenceFailed]
    assert backend.executed == [[1, 13], [1], [13]]


def sampled(backend: FussyBackend, value: float = 1.0) -> FussyBackend:
    """With an input that it was seen to run on."""
    backend.sample = lambda: {"x": np.array([value], np.float32)}
    return backend


def has_13(x: Array) -> bool:
    return 13 in x


def test_an_input_that_fails_again_while_the_sample_runs_is_the_clients(batch_of):
    backend = sampled(refusing(ExecutionFailed("torch: no 13"), has_13))

    good, bad = execute_batch(backend, batch_of([1], [13, 2])).results

    assert good.result["y"].tolist() == [2]
    assert type(bad.result) is InvalidRequest
    assert str(bad.result) == ("the model cannot compute its inputs: torch: no 13; given: 'x' [2]")
    assert backend.executed == [[1, 13, 2], [1], [13, 2], [13, 2], [1]]


def test_a_model_that_fails_on_its_own_sample_too_is_broken(batch_of):
    backend = sampled(refusing(ExecutionFailed("broken"), lambda x: True))

    assert answers(execute_batch(backend, batch_of([1]))) == [ExecutionFailed]


def test_a_failure_that_does_not_come_again_is_none(batch_of):
    failures = [ExecutionFailed("once")]

    def check(x: Array) -> None:
        if failures:
            raise failures.pop()

    assert answers(execute_batch(sampled(FussyBackend(check)), batch_of([3]))) == [[6.0]]


@pytest.mark.parametrize(
    "error", [ModelDefect("no output"), DeviceLost("gone"), OutOfDeviceMemory("full")]
)
def test_what_no_input_is_to_blame_for_is_not_tried_again(batch_of, error):
    backend = sampled(refusing(error, has_13))

    assert answers(execute_batch(backend, batch_of([13]))) == [type(error)]
    assert backend.executed == [[13]]


def test_a_model_without_a_known_sample_is_not_judged(batch_of):
    backend = refusing(ExecutionFailed("no 13"), has_13)

    assert answers(execute_batch(backend, batch_of([13]))) == [ExecutionFailed]


def test_inputs_that_a_backend_refuses_itself_are_shown_with_their_shapes(batch_of):
    backend = sampled(refusing(InvalidRequest("index out of range"), has_13))

    (done,) = execute_batch(backend, batch_of([13, 1])).results

    assert str(done.result) == "index out of range; given: 'x' [2]"
    assert backend.executed == [[13, 1]]
