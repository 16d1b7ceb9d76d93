from __future__ import annotations

import pytest

from longshore.batching.cost import CostLine, CostModel

LINE = CostLine(((1, 0.010), (2, 0.012), (4, 0.020)))


@pytest.mark.parametrize(
    ("rows", "seconds"), [(1, 0.010), (2, 0.012), (3, 0.016), (4, 0.020), (8, 0.040)]
)
def test_the_cost_lies_on_the_line_through_what_was_measured(rows, seconds):
    assert LINE.seconds(rows) == pytest.approx(seconds)


def test_the_cost_of_a_row_is_that_of_a_full_batch():
    assert CostModel(LINE, max_rows=4).seconds_per_row == pytest.approx(0.005)


def test_expectations_follow_what_is_seen_but_the_autoscalers_unit_stays():
    cost = CostModel(LINE, max_rows=4)
    for _ in range(200):
        cost.observe(4, 0.060)

    assert cost.seconds(4) == pytest.approx(0.060, rel=0.01)
    assert cost.calibrated_seconds_per_row == pytest.approx(0.005)


def test_without_a_calibration_the_cost_is_learned():
    cost = CostModel(None, max_rows=4)
    assert cost.seconds_per_row == 0.0

    cost.observe(2, 0.010)

    assert cost.seconds_per_row == pytest.approx(0.005)


def test_one_hiccup_does_not_move_the_expectation_beyond_its_bounds():
    cost = CostModel(LINE, max_rows=4)
    cost.observe(1, 1e6)

    assert cost.seconds(1) <= 0.010 * 20


def test_a_lower_limit_of_rows_raises_the_cost_of_a_row():
    cost = CostModel(LINE, max_rows=4)
    cost.limit_rows(1)

    assert cost.seconds_per_row == pytest.approx(0.010)


def test_the_newest_execution_weighs_a_twentieth():
    cost = CostModel(LINE, max_rows=4)
    cost.observe(4, 0.040)
    assert cost.seconds(4) == pytest.approx(0.021)

    learned = CostModel(None, max_rows=4)
    for seconds in (0.010, 0.030):
        learned.observe(1, seconds)
    assert learned.seconds(1) == pytest.approx(0.011)


def test_the_expectation_never_falls_below_a_quarter_of_what_was_measured():
    cost = CostModel(LINE, max_rows=4)
    for _ in range(200):
        cost.observe(4, 0.0)

    assert cost.seconds(4) == pytest.approx(0.005)


def test_fewer_rows_than_were_measured_cost_what_the_first_point_does():
    assert CostLine(((2, 0.012), (4, 0.020))).seconds(1) == 0.012


def test_a_model_that_was_measured_to_cost_nothing_is_no_error():
    cost = CostModel(CostLine(((1, 0.0),)), max_rows=1)
    cost.observe(1, 0.010)

    assert cost.seconds(1) == 0.0
