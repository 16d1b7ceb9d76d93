from __future__ import annotations

import numpy as np
import pytest

from longshore.backends.base import Backend, Device
from longshore.batching.cost import CostLine
from longshore.execution import calibration
from longshore.execution.calibration import Budget, Measurement, Split
from longshore.execution.sample_inputs import SampleMaker
from longshore.tensors import Datatype, Signature, TensorSpec
from tests.clock import FakeClock

SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 2)),), (TensorSpec("y", Datatype.FP32, (-1, 2)),)
)


class ClockedBackend(Backend):
    """Takes the time that `seconds(rows)` says, on a clock that it moves itself."""

    platform = "clocked"

    def __init__(self, seconds, clock: FakeClock) -> None:
        self.signature = SIGNATURE
        self.device = Device("cpu")
        self._seconds = seconds
        self._clock = clock

    @classmethod
    def load(cls, artifact, *, config, device, threads):
        raise NotImplementedError

    def execute(self, inputs, output_names):
        self._clock.advance(self._seconds(len(inputs["x"])))
        return {"y": inputs["x"]}


def measure(seconds_by_split, clock, *, budget_seconds=1000.0, largest_batch=64):
    maker = SampleMaker(SIGNATURE, 2, 100)
    return calibration.measure(
        lambda split: [ClockedBackend(seconds_by_split[split], clock)],
        seconds_by_split,
        maker,
        largest_batch=largest_batch,
        budget=Budget(budget_seconds, clock),
    )


ONE = Split(1, 1)


def test_a_fixed_price_per_execution_asks_for_large_batches(clock):
    (found,) = measure({ONE: lambda rows: 0.010 + rows * 0.0001}, clock)

    assert found.best_rows == 64


def test_a_price_per_row_alone_asks_for_no_batching(clock):
    (found,) = measure({ONE: lambda rows: rows * 0.010}, clock)

    assert found.best_rows == 1


def test_a_model_that_is_slower_in_large_batches_gets_small_ones(clock):
    (found,) = measure({ONE: lambda rows: rows * (0.008 if rows <= 4 else 0.011)}, clock)

    assert found.best_rows == 1
    assert max(rows for rows, _ in found.cost.points) < 64, "the search gave up in time"


def test_the_smallest_batch_within_three_percent_of_the_best_is_chosen():
    line = CostLine(((1, 0.010), (2, 0.012), (4, 0.0236), (8, 0.047)))

    assert Measurement(ONE, line).best_rows == 2


def test_the_split_with_the_best_throughput_wins(clock):
    measurements = measure(
        {Split(2, 1): lambda rows: rows * 0.010, Split(1, 2): lambda rows: rows * 0.007}, clock
    )

    assert calibration.choose(measurements).split == Split(2, 1)


def test_of_equal_splits_the_one_with_fewer_instances_wins(clock):
    measurements = measure(
        {Split(2, 1): lambda rows: rows * 0.010, Split(1, 2): lambda rows: rows * 0.005}, clock
    )

    assert calibration.choose(measurements).split == Split(1, 2)


def test_a_spent_budget_stops_the_measuring_with_what_is_known(clock):
    measurements = measure(
        {Split(2, 1): lambda rows: 1.0, Split(1, 2): lambda rows: 1.0}, clock, budget_seconds=5.0
    )

    assert len(measurements) == 1
    assert measurements[0].cost.points[0] == (1, pytest.approx(1.0))


def test_a_batch_that_the_memory_cannot_hold_ends_the_search(clock):
    def seconds(rows):
        if rows > 8:
            raise MemoryError
        return 0.010

    (found,) = measure({ONE: seconds}, clock)

    assert found.cost.points[-1][0] == 8


@pytest.mark.parametrize(
    ("cpus", "instances", "threads", "splits"),
    [
        (1, None, None, [Split(1, 1)]),
        (2, None, None, [Split(2, 1), Split(1, 2)]),
        (6, None, None, [Split(6, 1), Split(3, 2), Split(1, 4), Split(1, 6)]),
        (4, 2, None, [Split(2, 2)]),
        (4, None, 4, [Split(1, 4)]),
        (4, 3, 3, [Split(3, 3)]),
    ],
)
def test_the_quota_is_divided_and_pins_are_obeyed(cpus, instances, threads, splits):
    found = calibration.candidate_splits(cpus, instances=instances, threads=threads)

    assert found == splits


def test_only_a_model_cheaper_than_a_hand_over_runs_inline():
    assert calibration.runs_inline(CostLine(((1, 10e-6),)))
    assert not calibration.runs_inline(CostLine(((1, 1e-3),)))


def test_an_inline_batch_never_holds_the_loop_for_long():
    line = CostLine(((1, 50e-6), (64, 3.2e-3)))

    rows = calibration.largest_inline_batch(line, 64)

    assert line.seconds(rows) <= calibration.INLINE_BATCH_SECONDS
    assert rows == 16


def test_all_instances_are_measured_at_once():
    class Recording(ClockedBackend):
        def execute(self, inputs, output_names):
            seen.add(id(self))
            return super().execute(inputs, output_names)

    seen: set[int] = set()
    clock = FakeClock()
    calibration.measure(
        lambda split: [Recording(lambda rows: 0.01, clock) for _ in range(split.instances)],
        [Split(2, 1)],
        SampleMaker(SIGNATURE, 2, 100),
        largest_batch=1,
        budget=Budget(100.0, clock),
    )

    assert len(seen) == 2
    assert np.isfinite(clock())
