from __future__ import annotations

import math

import pytest

from loadtests.stages import STAGES, users_at


def _course(shape: str) -> list[int | None]:
    return [users_at(shape, second, peak=10, run_seconds=10) for second in range(11)]


def test_steps_rise_to_the_peak_in_five_equal_parts() -> None:
    assert _course("step") == [2, 2, 4, 4, 6, 6, 8, 8, 10, 10, None]


def test_a_spike_stands_in_the_middle_fifth() -> None:
    assert _course("spike") == [2, 2, 2, 2, 10, 10, 2, 2, 2, 2, None]


def test_a_soak_ramps_up_and_stays() -> None:
    course = [users_at("soak", second, peak=10, run_seconds=100) for second in (0, 5, 10, 99)]
    assert course == [1, 5, 10, 10]


@pytest.mark.parametrize("shape", STAGES)
@pytest.mark.parametrize("peak", [1, 3, 1000])
def test_every_shape_reaches_the_peak_and_never_leaves_1_to_peak(shape: str, peak: int) -> None:
    course = [users_at(shape, second, peak=peak, run_seconds=50) for second in range(50)]
    assert max(users for users in course if users) == peak
    assert min(users for users in course if users is not None) >= 1


def test_without_a_run_time_a_constant_load_never_ends() -> None:
    assert users_at("constant", 1e9, peak=7, run_seconds=math.inf) == 7
