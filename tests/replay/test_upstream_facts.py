"""Cases of the controller's own tests, whose answers are known from there."""

from __future__ import annotations

import numpy as np
import pytest

from longshore_k8s.replay.autoscaler import (
    DOWN_DEFAULTS,
    UP_DEFAULTS,
    Autoscaler,
    Policy,
    Rules,
    Select,
)
from longshore_k8s.replay.controller import PERIOD, Controller, first_sync
from longshore_k8s.replay.pods import SECOND, Phase, Pods, ReadyConditions, group
from longshore_k8s.replay.proposals import external_average, external_value, largest, utilization
from longshore_k8s.replay.recommendations import History
from tests.replay.arrays import (
    cpu_proposal,
    one,
    pods_proposal,
    row,
    running,
    tolerances,
)

NOW = 100_000 * SECOND


@pytest.mark.parametrize(
    ("current", "target", "values", "pods", "count"),
    [
        (3, 15_000, [20_000, 10_000, 30_000], running(3), 4),
        (3, 15_000, [50_000, 10_000, 30_000], running(3, ready=[True, True, False]), 6),
        (5, 20_000, [12_000] * 5, running(5), 3),
        (3, 20_000, [20_000, 21_000, 21_000], running(3), 3),
        (5, 20_000, [20_000, 19_000, 21_000], running(3), 5),
        (2, 17_000, [10_000, 10_000, None], running(3), 2),
    ],
)
def test_pods_metrics_ask_for_as_many_as_upstream(current, target, values, pods, count):
    assert pods_proposal(current, target, values, pods).count.tolist() == [count]


def test_a_tolerance_of_its_own_lets_a_small_excess_scale_up():
    held = tolerances(up=0.01)

    proposal = pods_proposal(3, 20_000, [20_000, 21_000, 21_000], held=held)

    assert proposal.count.tolist() == [4]


def test_the_mean_is_floored_before_it_is_compared():
    held = tolerances(up=0.0)

    assert pods_proposal(3, 10, [10, 10, 12], held=held).count.tolist() == [3]
    assert pods_proposal(3, 10, [10, 10, 13], held=held).count.tolist() == [4]


@pytest.mark.parametrize(("status", "count"), [(3, 4), (4, 4)])
def test_an_external_average_is_a_sum_over_its_target(status, count):
    proposal = external_average(
        one(status), one(2_150_000), one(8_600_000), np.array([False]), tolerances()
    )

    assert proposal.count.tolist() == [count]


def test_a_count_stays_within_32_bits():
    huge, one_milli, none = one(2**62), one(1), np.array([False])

    average = external_average(one(3), one_milli, huge, none, tolerances())
    value = external_value(one(3), one_milli, huge, none, running(3), tolerances())

    assert average.count.tolist() == value.count.tolist() == [2**31 - 1]


def test_cpu_of_a_pod_that_was_never_ready_is_left_out():
    values = [300, 500, 700]

    ready = cpu_proposal(3, 30, values, running(3), request=1000)
    cold = cpu_proposal(3, 30, values, running(3, ready=[False, True, True]), request=1000)

    assert ready.count.tolist() == [5]
    assert cold.count.tolist() == [4]


def test_a_deleted_pod_and_a_failed_one_count_for_nothing():
    pods = Pods(
        np.ones((1, 3), bool),
        np.array([[False, True, False]]),
        np.array([[Phase.RUNNING, Phase.RUNNING, Phase.FAILED]], np.int8),
        np.ones((1, 3), bool),
    )

    assert pods_proposal(1, 10_000, [20_000, 90_000, 90_000], pods).count.tolist() == [2]


def controller(
    up: Rules, down: Rules, *, recommended: tuple[int, ...] = (), ups: tuple[int, ...] = (),
    downs: tuple[int, ...] = (), maximum: int = 1000, minimum: int = 0,
) -> Controller:  # fmt: skip
    """One that remembers recommendations and rescales of a second ago."""
    made = Controller([Autoscaler(minimum, maximum, up, down)])
    for history, numbers in (
        (made.recommendations, recommended),
        (made.ups, ups),
        (made.downs, downs),
    ):
        for number in numbers:
            record(history, number)
    return made


def record(history: History, number: int) -> None:
    nothing = np.zeros_like(history.used)
    history.record(np.array([True]), one(number), one(NOW - SECOND), nothing)


def decide(made: Controller, current: int, wanted: int) -> int:
    proposal = external_average(
        one(0), one(1000), one(1000 * wanted), np.array([False]), tolerances()
    )
    decision = made.sync(np.array([True]), one(NOW), one(current), [proposal])
    return int(decision.count[0])


def up(*policies: Policy, window: int = 0, select: Select = Select.MAX) -> Rules:
    return Rules(window, policies or UP_DEFAULTS.policies, select)


@pytest.mark.parametrize(
    ("made", "current", "wanted", "count"),
    [
        (controller(UP_DEFAULTS, DOWN_DEFAULTS, recommended=(50,)), 10, 50, 20),
        (controller(up(Policy(False, 150, 120)), DOWN_DEFAULTS, ups=(1, 5, 9)), 100, 500, 235),
        (controller(up(Policy(True, 300, 300)), DOWN_DEFAULTS, ups=(4,), downs=(2,)), 6, 24, 16),
        (controller(UP_DEFAULTS, up(Policy(True, 50, 120)), downs=(2, 4, 6)), 100, 0, 56),
        (controller(UP_DEFAULTS, up(Policy(True, 10, 120)), downs=(10, 10, 10)), 100, 0, 100),
        (
            controller(UP_DEFAULTS, up(Policy(True, 100, 15), window=180), recommended=(4, 5)),
            100, 3, 5,
        ),
        (controller(up(window=300), DOWN_DEFAULTS, recommended=(4, 5)), 1, 7, 4),
    ],
)  # fmt: skip
def test_behaviors_hold_a_change_back_as_upstream(made, current, wanted, count):
    assert decide(made, current, wanted) == count


@pytest.mark.parametrize(
    ("made", "current", "wanted", "count"),
    [
        (controller(up(Policy(True, 100, 15)), DOWN_DEFAULTS), 200, 900, 400),
        (controller(UP_DEFAULTS, up(Policy(True, 50, 15))), 400, 0, 200),
    ],
)
def test_a_percentage_of_hundreds_of_pods_is_exact(made, current, wanted, count):
    assert decide(made, current, wanted) == count


def test_any_number_of_rescales_within_a_period_is_remembered():
    made = controller(up(Policy(False, 150, 120)), DOWN_DEFAULTS, ups=(1,) * 12)

    assert decide(made, 100, 500) == 238


@pytest.mark.parametrize(("other", "count"), [(4, 4), (2, 3)])
def test_a_metric_that_cannot_be_read_forbids_removing_pods_alone(other, count):
    read = pods_proposal(3, 10_000, [other * 10_000])
    broken = pods_proposal(3, 10_000, [None])

    best, stopped = largest([broken, read], one(3))

    assert (3 if stopped[0] else int(best[0])) == count


def test_after_a_restart_the_count_that_is_found_holds_for_the_whole_window():
    made = controller(UP_DEFAULTS, DOWN_DEFAULTS)

    assert decide(made, 7, 2) == 7


def test_no_replicas_disable_the_autoscaler_and_its_bounds_need_no_metrics():
    made = controller(UP_DEFAULTS, DOWN_DEFAULTS, minimum=2, maximum=5)

    assert [decide(made, current, 3) for current in (0, 1, 9)] == [0, 2, 5]


def test_the_minors_differ_in_when_they_sync_first():
    assert first_sync(36) == PERIOD
    assert first_sync(37) == 0


def test_rows_are_decided_apart():
    made = Controller([Autoscaler(1, 10), Autoscaler(1, 4)])
    proposal = external_average(row(1, 1)[0], row(1000, 1000)[0], row(9000, 9000)[0],
                                np.array([False, False]), made.tolerances)  # fmt: skip

    decision = made.sync(np.array([True, True]), row(NOW, NOW)[0], row(5, 3)[0], [proposal])

    assert decision.count.tolist() == [9, 4]


@pytest.mark.parametrize(
    ("percent", "request_milli", "used", "filled"),
    [
        (101, 333, 310, 96),  # 336.33 thousandths with the fraction, and 97 % then
        (50, 1000, 100, 55),
        (50, 1000, 90, 54),
    ],
)
def test_a_missing_pod_counts_as_its_request_or_as_the_target_where_that_is_more(
    percent, request_milli, used, filled
):
    """In whole thousandths, and the mean in whole percent."""
    has = np.array([[True, False]])
    known = np.ones((1, 2), bool)
    started = np.full((1, 2), NOW - 600 * SECOND)
    conditions = ReadyConditions(known, started, started + SECOND, started, started * 0)
    pods = running(2)
    groups = group(pods, has, conditions, one(NOW))

    proposal = utilization(
        one(2), one(percent), one(request_milli), row(used, 0), groups, has, pods,
        tolerances(0.0, 0.0),
    )  # fmt: skip

    assert proposal.filled.tolist() == [filled / percent]
