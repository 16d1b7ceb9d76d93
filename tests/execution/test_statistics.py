"""What is counted, by the number and second."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from msgspec.structs import asdict

from longshore.batching.batch import BatchPart
from longshore.batching.pending_request import PendingRequest
from longshore.errors import InferenceFailed
from longshore.execution.batch_execution import Execution, PartResult
from longshore.execution.statistics import BatchTotals, ModelStatistics


@pytest.fixture
def statistics() -> ModelStatistics:
    return ModelStatistics()


@pytest.fixture
def request_of_two_rows():
    loop = asyncio.new_event_loop()
    request = PendingRequest(
        {"x": np.zeros((2, 1))}, 2, (), ("y",), arrived=1.0, admitted=2.0, deadline=9.0,
        future=loop.create_future(), on_release=lambda request: None,
    )  # fmt: skip
    request.started = 2.5
    request.input_seconds, request.infer_seconds, request.output_seconds = 0.25, 4.0, 0.125
    yield request
    loop.close()


def executed(request: PendingRequest, result) -> Execution:
    done = PartResult(BatchPart(request, 0, 2), result)
    return Execution([done], 2, 2.5, 6.875, 4.375, 0.25, 4.0, 0.125, ())


def test_nothing_is_counted_before_the_first_request(statistics):
    found = asdict(statistics)

    assert found.pop("by_rows") == {}
    assert set(found.values()) == {0}


def test_an_answered_request_counts_its_rows_and_phases_once(statistics, request_of_two_rows):
    statistics.record_success(request_of_two_rows, 8.0)

    assert statistics == ModelStatistics(
        inference_count=2, successes=1, success_seconds=8.0, queue_seconds=0.5,
        input_seconds=0.25, infer_seconds=4.0, output_seconds=0.125,
    )  # fmt: skip


def test_a_failure_is_nothing_else(statistics):
    statistics.record_failure(0.5)

    assert statistics == ModelStatistics(failures=1, failure_seconds=0.5)


def test_executions_are_added_up_by_their_rows(statistics, request_of_two_rows):
    for now in (1, 2):
        statistics.record_execution(executed(request_of_two_rows, {}), now)

    assert (statistics.last_inference_milliseconds, statistics.execution_count) == (2, 2)
    assert statistics.by_rows == {2: BatchTotals(2, 0.5, 8.0, 0.25)}


def test_an_execution_that_answered_nobody_is_only_the_last(statistics, request_of_two_rows):
    statistics.record_execution(executed(request_of_two_rows, InferenceFailed("no")), 7)

    assert statistics == ModelStatistics(last_inference_milliseconds=7)
