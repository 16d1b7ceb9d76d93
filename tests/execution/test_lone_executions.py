"""A lone execution runs on all CPUs while that is faster than on few."""

from __future__ import annotations

from typing import cast

import pytest

from longshore.backends.base import Backend
from longshore.batching.cost import CostLine
from longshore.execution.batch_execution import Execution
from longshore.execution.lone_executions import TRY_AGAIN, LoneExecutions

WIDE = cast("Backend", object())
WIDE_SECONDS, NARROW_SECONDS = 0.006, 0.010


@pytest.fixture
def lone():
    return LoneExecutions(WIDE, CostLine(((1, WIDE_SECONDS),)), CostLine(((1, NARROW_SECONDS),)))


def run(lone, times, *, wide_seconds, narrow_seconds=NARROW_SECONDS) -> list[bool]:
    """Whether each of `times` lone executions ran wide."""
    ran = []
    for _ in range(times):
        is_wide = lone.backend(1) is WIDE
        seconds = wide_seconds if is_wide else narrow_seconds
        lone.learn(Execution([], 1, 0.0, seconds, seconds, 0.0, seconds, 0.0, (), is_wide))
        ran.append(is_wide)
    return ran


def test_it_runs_wide_where_that_was_measured_to_be_faster(lone):
    assert all(run(lone, 200, wide_seconds=WIDE_SECONDS))


def test_beside_a_neighbour_that_makes_it_wait_it_runs_narrow_but_for_a_trial(lone):
    run(lone, 20, wide_seconds=0.030)

    assert run(lone, 200, wide_seconds=0.030).count(True) == 200 // TRY_AGAIN


def test_it_runs_wide_again_once_the_neighbour_is_gone(lone):
    run(lone, 100, wide_seconds=0.030)
    run(lone, 20 * TRY_AGAIN, wide_seconds=WIDE_SECONDS)

    assert all(run(lone, 100, wide_seconds=WIDE_SECONDS))


def test_a_machine_that_slows_both_down_alike_changes_nothing(lone):
    ran = run(lone, 400, wide_seconds=3 * WIDE_SECONDS, narrow_seconds=3 * NARROW_SECONDS)

    assert all(ran[-100:])


def test_one_stall_is_forgotten_with_the_first_trial(lone):
    run(lone, 1, wide_seconds=60.0)

    ran = run(lone, 2 * TRY_AGAIN, wide_seconds=WIDE_SECONDS)
    assert ran.index(True) < TRY_AGAIN
    assert all(ran[ran.index(True) :])
