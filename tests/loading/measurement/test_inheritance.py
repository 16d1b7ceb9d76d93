"""What a version is taken to cost that is loaded while another one serves."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from longshore.batching.cost import CostLine
from longshore.loading.budget import Budget
from longshore.loading.load_options import LoadOptions
from longshore.loading.measurement.inheritance import SHARE, KnownVersion, inherit
from longshore.loading.plan import ExecutionPlan, Split, WidePlan
from longshore.loading.proof.sample_inputs import SampleMaker
from longshore.repository.model_config import InstanceGroup, ModelConfig
from tests.loading.measurement.machine import SIGNATURE, Machine, MachineBackend

PLAN = ExecutionPlan(
    is_batched=True,
    max_batch_size=2,
    instances=4,
    threads=2,
    is_inline=False,
    cost=CostLine(((1, 0.010), (2, 0.020))),
)
MAKER = SampleMaker(SIGNATURE, 2, 100)
SLOW = "delay_seconds: 0.002"


class SharedBackend(MachineBackend):
    @property
    def shares_instances(self) -> bool:
        return True


@pytest.fixture
def machine() -> Machine:
    return Machine()


def inherited(machine, work, *, plan=PLAN, known=None, budget_seconds=100.0, cpus=8, **options):
    """For a version that does `work` beside one that computes for 10 ms a row."""
    known = known or SharedBackend(lambda rows: machine.compute(0.010 * rows))
    settings = LoadOptions(cpus=cpus, **options)
    version = KnownVersion("1", SIGNATURE, plan, known, MAKER, settings, lambda: True)
    return inherit(
        version,
        SharedBackend(work),
        MAKER,
        first_split=Split(8, 1),
        budget=Budget(budget_seconds, machine),
        clocks=machine.clocks,
        sleep=machine.sleep,
    )


def test_an_equal_version_gets_the_same_plan_whatever_both_wait(machine):
    waits = iter(range(1, 100))

    def work(rows):
        machine.compute(0.010 * rows)
        machine.wait(0.001 * next(waits))

    plan = inherited(machine, work, known=SharedBackend(work))

    assert plan.split == PLAN.split
    assert plan.max_batch_size == PLAN.max_batch_size
    assert plan.cost.seconds(2) == pytest.approx(0.020)
    assert plan.source == "inherited"


def test_the_cost_is_that_of_the_known_one_times_what_the_new_one_takes_more(machine):
    plan = inherited(machine, lambda rows: machine.compute(0.015 * rows))

    assert plan.cost.points == ((1, pytest.approx(0.015)), (2, pytest.approx(0.030)))
    assert any("costs 1.5 times as much" in note for note in plan.notes)


def test_an_outlier_does_not_move_the_ratio(machine):
    times = iter([1.0, 30.0, 1.0, 1.0, 30.0, 1.0, 1.0, 1.0])

    plan = inherited(machine, lambda rows: machine.compute(0.010 * rows * next(times)))

    assert plan.cost.seconds(1) == pytest.approx(0.010)


@pytest.mark.parametrize(("factor", "counted"), [(0.001, 0.1), (1000.0, 10.0)])
def test_what_is_no_comparison_is_clipped_and_said(machine, factor, counted):
    plan = inherited(machine, lambda rows: machine.compute(0.010 * rows * factor))

    assert plan.cost.seconds(1) == pytest.approx(0.010 * counted)
    assert any(f"counted as {counted:g}" in note for note in plan.notes)


@pytest.mark.parametrize(("cpus", "share"), [(8, SHARE), (0.5, 0.5 * SHARE)])
def test_others_have_the_cpu_or_the_quota_most_of_the_time(machine, cpus, share):
    computing = []

    def work(rows):
        machine.compute(0.010 * rows)
        computing.append(0.010 * rows)

    begun = machine.now
    inherited(machine, work, known=SharedBackend(work), cpus=cpus)

    assert sum(computing) <= 1.4 * share * (machine.now - begun), "the last turn needs no pause"


def test_a_version_that_cannot_run_beside_its_own_work_is_compared_with_what_it_was_measured_at(
    machine,
):
    plan = inherited(
        machine,
        lambda rows: machine.compute(0.020 * rows),
        known=MachineBackend(lambda rows: pytest.fail("it serves")),
    )

    assert plan.cost.seconds(1) == pytest.approx(0.020)


def test_without_time_to_compare_the_cost_is_taken_for_equal_and_said(machine):
    plan = inherited(machine, lambda rows: machine.compute(1.0), budget_seconds=0.0)

    assert plan.cost == PLAN.cost
    assert any("taken for equal: calibration stopped" in note for note in plan.notes)


def test_a_version_that_is_too_expensive_for_the_event_loop_leaves_it(machine):
    cheap = replace(
        PLAN, instances=1, threads=1, is_inline=True, cost=CostLine(((1, 50e-6), (2, 60e-6)))
    )
    known = SharedBackend(lambda rows: machine.compute(50e-6))

    same = inherited(machine, lambda rows: machine.compute(50e-6), plan=cheap, known=known)
    dear = inherited(machine, lambda rows: machine.compute(400e-6), plan=cheap, known=known)

    assert (same.is_inline, same.split) == (True, Split(1, 1))
    assert (dear.is_inline, dear.split) == (False, Split(8, 1))


def test_batches_stay_below_the_longest_execution(machine):
    work = lambda rows: machine.compute(0.020 * rows)  # noqa: E731

    assert inherited(machine, work, max_execution_seconds=0.03).max_batch_size == 1
    assert inherited(machine, work, max_execution_seconds=0.05).max_batch_size == 2


def test_an_equal_version_that_is_loaded_beside_one_that_serves_runs_as_that_one(load_identity):
    first = load_identity(SLOW, cpus=4)

    second = load_identity(SLOW, cpus=4, beside=first)

    assert second.plan.source == "inherited"
    assert second.plan.split == first.plan.split
    assert second.plan.max_batch_size == first.plan.max_batch_size
    assert len(second.backends) == first.plan.instances


def test_a_slower_version_costs_more_than_the_one_that_serves(load_identity):
    first = load_identity(SLOW)

    second = load_identity("delay_seconds: 0.008", beside=first)

    assert 2 < second.plan.cost.seconds(1) / first.plan.cost.seconds(1) < 8


@pytest.mark.parametrize(
    ("content", "config", "objection"),
    [
        (f"input: [{{name: A, data_type: TYPE_FP32, dims: [-1, -1]}}]\n{SLOW}", None, "differ"),
        (SLOW, ModelConfig(batching="forbidden"), "one of the two is batched"),
        (SLOW, ModelConfig(instance_group=InstanceGroup(count=3)), "pin different things"),
    ],
)
def test_a_version_of_another_kind_is_measured_and_said_to_be_disturbed(
    load_identity, content, config, objection
):
    plan = load_identity(content, config, beside=load_identity(SLOW)).plan

    assert plan.source == "measured"
    assert any("not measured against version 1" in n and objection in n for n in plan.notes)
    assert "the measurement was disturbed, and is not kept: version 1 served meanwhile" in (
        plan.notes
    )


@pytest.mark.parametrize("content", [SLOW, "delay_seconds: 0.003"])
def test_what_was_learned_beside_a_version_that_serves_is_not_kept(
    load_identity, tmp_path, content
):
    first = load_identity(SLOW)
    cache = tmp_path / "cache"

    assert load_identity(content, calibration_cache=cache, beside=first).plan.source == "inherited"
    assert load_identity(content, calibration_cache=cache).plan.source == "measured"


def test_a_record_that_fits_comes_before_what_could_be_taken_over(load_identity, tmp_path):
    cache = tmp_path / "cache"
    first = load_identity(SLOW, calibration_cache=cache)

    assert load_identity(SLOW, calibration_cache=cache, beside=first).plan.source == "cached"


def test_beside_a_version_that_has_done_nothing_yet_is_measured_and_kept(load_identity, tmp_path):
    """As at a start that loads several."""
    cache = tmp_path / "cache"
    first = load_identity(SLOW)
    options = {"calibration_cache": cache, "beside": first, "has_worked": False}

    assert load_identity(SLOW, **options).plan.source == "measured"
    assert load_identity(SLOW, **options).plan.source == "cached"


def test_what_costs_twice_as_much_costs_twice_as_much_on_all_cpus_too(machine):
    wide = replace(PLAN, wide=WidePlan(8, CostLine(((1, 0.004),))))

    plan = inherited(machine, lambda rows: machine.compute(0.020 * rows), plan=wide)

    assert plan.wide.threads == 8
    assert plan.wide.cost.seconds(1) == pytest.approx(0.008)
