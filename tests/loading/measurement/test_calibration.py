from __future__ import annotations

import numpy as np
import pytest

from longshore.backends.base import Device
from longshore.backends.devices.memory import DeviceMemory
from longshore.batching.cost import CostLine
from longshore.errors import DeviceLost, OutOfDeviceMemory
from longshore.loading.budget import Budget
from longshore.loading.measurement import calibration, split_series
from longshore.loading.measurement.split_series import Bounds, Measurement
from longshore.loading.plan import Split
from longshore.loading.proof.sample_inputs import SampleMaker
from tests.loading.measurement.machine import SIGNATURE, Machine, MachineBackend


class ClockedBackend(MachineBackend):
    """Computes for the time that `seconds(rows)` says."""

    def __init__(self, seconds, clock: Machine, threads: int = 1) -> None:
        super().__init__(lambda rows: clock.compute(seconds(rows), threads=threads))
        self._seconds = seconds


def measure(
    seconds_by_split, clock, *, cpus=64, budget_seconds=1000.0, largest_batch=64, bound=None
):
    return measure_backends(
        lambda split: [ClockedBackend(seconds_by_split[split], clock, split.threads)],
        seconds_by_split,
        clock,
        cpus=cpus,
        budget_seconds=budget_seconds,
        bounds=Bounds(largest_batch, bound),
    )


def measure_backends(load, splits, clock, *, bounds, cpus=64, budget_seconds=1000.0):
    watch = clock.stopwatch(seconds=budget_seconds)
    return calibration.measure(
        load,
        splits,
        SampleMaker(SIGNATURE, 2, 100),
        cpus=cpus,
        bounds=bounds,
        budget=Budget(budget_seconds, clock),
        stopwatch=watch,
    )


class GpuBackend(ClockedBackend):
    """Its memory is enough for ten rows; its own clock measures half of what the host waits."""

    def __init__(self, clock: Machine, *, error: Exception | None = None) -> None:
        super().__init__(lambda rows: 0.010 + rows * 0.0001, clock)
        self.device = Device("cuda")
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


def measure_gpu(backend: GpuBackend, clock: Machine) -> Measurement:
    (found,) = measure_backends(lambda split: [backend], [ONE], clock, bounds=Bounds(64))
    return found


ONE = Split(1, 1)


@pytest.fixture
def clock() -> Machine:
    return Machine()


def test_a_fixed_price_per_execution_asks_for_large_batches(clock):
    (found,) = measure({ONE: lambda rows: 0.010 + rows * 0.0001}, clock)

    assert found.best_rows == 64


def test_a_price_per_row_alone_asks_for_no_batching(clock):
    (found,) = measure({ONE: lambda rows: rows * 0.050}, clock)

    assert found.best_rows == 1


def test_what_the_server_takes_for_each_execution_of_a_cheaper_one_asks_for_some(clock):
    (found,) = measure({ONE: lambda rows: rows * 0.010}, clock)

    assert found.best_rows == 2
    assert found.throughput(2) == pytest.approx(100), "what the model can do is said without it"


def test_a_model_that_is_slower_in_large_batches_gets_small_ones(clock):
    (found,) = measure({ONE: lambda rows: rows * (0.040 if rows <= 4 else 0.055)}, clock)

    assert found.best_rows == 1
    assert max(rows for rows, _ in found.cost.points) < 64, "the search gave up in time"


@pytest.mark.parametrize(("gain", "largest"), [(0.98, 4), (0.96, 64)])
def test_a_gain_that_may_be_chance_does_not_go_on_and_small_ones_add_up(clock, gain, largest):
    (found,) = measure({ONE: lambda rows: rows * 0.010 * gain ** (rows.bit_length() - 1)}, clock)

    assert found.cost.points[-1][0] == largest


def test_the_smallest_batch_within_three_percent_of_the_best_is_chosen():
    line = CostLine(((1, 0.010), (2, 0.012), (4, 0.0236), (8, 0.047)))

    assert Measurement(ONE, line).best_rows == 2


@pytest.mark.parametrize(("gain", "rows"), [(0.98, 1), (0.96, 2)])
def test_on_a_cpu_a_batch_is_chosen_for_three_percent(clock, gain, rows):
    (found,) = measure({ONE: lambda n: 0.100 * (1 if n == 1 else gain) * n}, clock)

    assert found.best_rows == rows


def test_on_the_event_loop_the_largest_batch_that_is_hardly_worse_is_chosen():
    line = CostLine(((1, 0.010), (2, 0.012), (4, 0.026), (8, 0.054)))

    assert Measurement(ONE, line).most_rows == 4


def test_the_split_with_the_best_throughput_wins(clock):
    measurements = measure(
        {Split(2, 1): lambda rows: rows * 0.010, Split(1, 2): lambda rows: rows * 0.007}, clock
    )

    assert calibration.choose(measurements).split == Split(2, 1)


@pytest.mark.parametrize("wide_seconds", [0.0046, 0.005, 0.007])
def test_of_splits_that_are_as_good_the_one_with_more_instances_wins(clock, wide_seconds):
    measurements = measure(
        {Split(2, 1): lambda rows: rows * 0.010, Split(1, 2): lambda rows: rows * wide_seconds},
        clock,
    )

    assert calibration.choose(measurements).split == Split(2, 1)


def test_a_wide_split_that_is_better_by_more_than_chance_wins(clock):
    measurements = measure(
        {Split(2, 1): lambda rows: rows * 0.010, Split(1, 2): lambda rows: rows * 0.0044}, clock
    )

    assert calibration.choose(measurements).split == Split(1, 2)


@pytest.mark.parametrize(("cpus", "seconds"), [(0.25, 0.040), (0.5, 0.020), (1.0, 0.010)])
def test_below_a_whole_cpu_the_quota_says_what_an_execution_costs(clock, cpus, seconds):
    (found,) = measure({ONE: lambda rows: 0.010 * rows}, clock, cpus=cpus)

    assert found.cost.seconds(1) == pytest.approx(seconds)


def test_a_wide_split_pays_for_all_its_threads(clock):
    """Two threads that go on for 10 ms are 20 ms of CPU, of which 1.5 CPUs give 15 in 10 ms."""
    (found,) = measure({Split(1, 2): lambda rows: 0.010 * rows}, clock, cpus=1.5)

    assert found.cost.seconds(1) == pytest.approx(0.010 * 2 / 1.5)


def test_every_split_is_measured_again_once_all_were_measured(clock):
    """What was slow for a while, while one split was measured, does not decide."""
    executions = []

    def slow_at_first(rows):
        executions.append(rows)
        return rows * (0.020 if len(executions) <= 9 else 0.010)

    measurements = measure(
        {Split(2, 1): slow_at_first, Split(1, 2): lambda rows: rows * 0.007}, clock
    )

    assert measurements[0].cost.seconds(1) == pytest.approx(0.010)
    assert calibration.choose(measurements).split == Split(2, 1)


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
    assert calibration.runs_inline(CostLine(((1, 10e-6),)), cpus=1)
    assert not calibration.runs_inline(CostLine(((1, 1e-3),)), cpus=1)


def test_a_quota_makes_no_model_dearer_than_a_hand_over():
    line = CostLine(((1, 80e-6 / 0.25), (64, 1e-3 / 0.25)))

    assert calibration.runs_inline(line, cpus=0.25)
    assert calibration.largest_inline_batch(line, 0.25, 64) == 64


def test_an_inline_batch_never_holds_the_loop_for_long():
    line = CostLine(((1, 50e-6), (64, 3.2e-3)))

    rows = calibration.largest_inline_batch(line, 2, 64)

    assert line.seconds(rows) <= calibration.INLINE_BATCH_SECONDS
    assert rows == 16


def test_all_instances_are_measured_at_once():
    class Recording(ClockedBackend):
        def execute(self, inputs, output_names):
            seen.add(id(self))
            return super().execute(inputs, output_names)

    seen: set[int] = set()
    clock = Machine()
    measure_backends(
        lambda split: [Recording(lambda rows: 0.01, clock) for _ in range(split.instances)],
        [Split(2, 1)],
        clock,
        bounds=Bounds(1),
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
    assert not found.serving_seconds, "the server computes beside it"
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
    monkeypatch.setattr(split_series, "MOST_BATCH_BYTES", 100)  # a row has 8

    (measurement,) = measure({Split(1, 1): lambda rows: 0.01}, clock)

    assert [rows for rows, _ in measurement.cost.points] == [1, 2, 4, 8]
    assert measurement.limit.startswith("a batch of 16 was not measured: its inputs exceed ")
