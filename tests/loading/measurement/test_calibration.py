from __future__ import annotations

import numpy as np
import pytest

from longshore.backends.base import Backend, Device
from longshore.backends.devices.memory import DeviceMemory
from longshore.batching.cost import CostLine
from longshore.errors import DeviceLost, OutOfDeviceMemory
from longshore.loading.budget import Budget
from longshore.loading.measurement import calibration
from longshore.loading.measurement.calibration import Measurement
from longshore.loading.plan import Split
from longshore.loading.proof.sample_inputs import SampleMaker
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


def measure(seconds_by_split, clock, *, budget_seconds=1000.0, largest_batch=64, bound=None):
    maker = SampleMaker(SIGNATURE, 2, 100)
    return calibration.measure(
        lambda split: [ClockedBackend(seconds_by_split[split], clock)],
        seconds_by_split,
        maker,
        largest_batch=largest_batch,
        budget=Budget(budget_seconds, clock),
        max_execution_seconds=bound,
    )


class GpuBackend(ClockedBackend):
    """Its memory is enough for ten rows; its own clock measures half of what the host waits."""

    def __init__(self, clock: FakeClock, *, error: Exception | None = None) -> None:
        super().__init__(lambda rows: 0.010 + rows * 0.0001, clock)
        self.prepared: list[int] = []
        self._most = 0
        self._error = error

    def prepare(self, inputs):
        self.prepared.append(len(inputs["x"]))

    def execute(self, inputs, output_names):
        rows = len(inputs["x"])
        self._most = max(self._most, rows)
        if self._error is not None and rows > 4:
            raise self._error
        return super().execute(inputs, output_names)

    def device_seconds(self, inputs, output_names):
        return self._seconds(len(inputs["x"])) / 2

    def device_memory(self):
        return DeviceMemory(used=0, reserved=self._most, free=max(0, 10 - self._most), total=10)


def measure_gpu(backend: GpuBackend, clock: FakeClock) -> Measurement:
    maker = SampleMaker(SIGNATURE, 2, 100)
    budget = Budget(1000.0, clock)
    (found,) = calibration.measure(
        lambda split: [backend], [ONE], maker, largest_batch=64, budget=budget
    )
    return found


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
        (0.25, None, None, [Split(1, 1)]),
        (1.5, None, None, [Split(2, 1), Split(1, 1), Split(1, 2)]),
        (2.5, None, None, [Split(3, 1), Split(2, 1), Split(1, 2), Split(1, 3)]),
        (1.5, 1, None, [Split(1, 1), Split(1, 2)]),
        (1.5, None, 1, [Split(2, 1), Split(1, 1)]),
        (0.5, 2, 2, [Split(2, 2)]),
    ],
)
def test_the_cpus_are_divided_and_pins_are_obeyed(cpus, instances, threads, splits):
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


def test_no_batch_takes_longer_than_the_bound_but_one_row_may(clock):
    (found,) = measure({ONE: lambda rows: 0.010 + rows * 0.001}, clock, bound=0.020)
    assert found.best_rows == 8
    assert found.limit == "a batch of 16 takes 0.026 s, above the bound of 0.02 s"

    (found,) = measure({ONE: lambda rows: 0.010 + rows * 0.001}, clock, bound=0.005)
    assert found.best_rows == 1


def test_a_gpu_is_measured_by_its_own_clock_on_batches_that_it_was_prepared_for(clock):
    backend = GpuBackend(clock)

    found = measure_gpu(backend, clock)

    assert found.cost.points[0] == (1, pytest.approx(0.0101 / 2))
    assert backend.prepared == [1, 2, 4, 8, 16]


def test_a_batch_that_leaves_too_little_memory_is_not_chosen_and_it_is_said(clock):
    found = measure_gpu(GpuBackend(clock), clock)

    assert found.best_rows == 8
    assert found.limit.startswith("a batch of 16 leaves too little device memory: 0 MiB used")


def test_a_batch_that_does_not_run_ends_the_search_and_a_lost_device_everything(clock):
    found = measure_gpu(GpuBackend(clock, error=OutOfDeviceMemory("out of memory")), clock)
    assert found.best_rows == 4
    assert found.limit == "a batch of 8 does not run: out of memory"

    with pytest.raises(DeviceLost):
        measure_gpu(GpuBackend(clock, error=DeviceLost("gone")), clock)


def test_batches_that_are_made_to_be_measured_are_bounded_in_bytes(clock, monkeypatch):
    monkeypatch.setattr(calibration, "MOST_BATCH_BYTES", 100)  # a row has 8

    (measurement,) = measure({Split(1, 1): lambda rows: 0.01}, clock)

    assert [rows for rows, _ in measurement.cost.points] == [1, 2, 4, 8]
    assert measurement.limit.startswith("a batch of 16 was not measured: its inputs exceed ")
