from __future__ import annotations

import pytest

from longshore.batching.cost import CostLine, CostModel

LINE = CostLine(((1, 0.010), (2, 0.012), (4, 0.020)))


@pytest.mark.parametrize(
    ("rows", "seconds"), [(1, 0.010), (2, 0.012), (3, 0.016), (4, 0.020), (8, 0.040)]
)
def test_the_cost_lies_on_the_line_through_what_was_measured(rows, seconds):
    assert LINE.seconds(rows) == pytest.approx(seconds)


def test_fewer_rows_than_were_measured_cost_what_the_first_point_does():
    assert CostLine(((2, 0.012), (4, 0.020))).seconds(1) == 0.012


@pytest.fixture
def cost(clock):
    return CostModel(LINE, max_rows=4, clock=clock)


def execute(cost, rows, seconds, times=1):
    for _ in range(times):
        cost.observe(cost.predict(rows), seconds)


def test_the_cost_of_a_row_is_that_of_a_full_batch(cost):
    assert cost.seconds_per_row == pytest.approx(0.005)


def test_the_cost_follows_what_is_seen_and_the_prediction_stays(cost):
    execute(cost, 4, 0.060, times=2000)

    assert cost.factor == pytest.approx(3.0, rel=0.01)
    assert cost.seconds_per_row == pytest.approx(0.015, rel=0.01)
    assert cost.predicted_seconds_per_row == pytest.approx(0.005)
    assert cost.calibrated_seconds_per_row == pytest.approx(0.005)


def test_executions_count_by_the_time_that_they_should_have_taken(cost):
    execute(cost, 1, 0.030, times=1000)
    execute(cost, 4, 0.020, times=1000)

    assert cost.factor == pytest.approx((30 + 20) / (10 + 20), rel=0.02)


def test_without_a_calibration_the_cost_of_a_row_is_learned(clock):
    cost = CostModel(None, max_rows=4, clock=clock)
    assert cost.seconds_per_row == cost.calibrated_seconds_per_row == 0.0

    execute(cost, 2, 0.010)
    assert cost.seconds_per_row == pytest.approx(0.005)
    execute(cost, 2, 0.030)
    assert cost.seconds_per_row == pytest.approx(0.010)
    assert cost.calibrated_seconds_per_row == 0.0


def test_a_stall_counts_for_what_it_cost_up_to_ten_executions(cost):
    execute(cost, 1, 1e6)

    assert cost.factor == pytest.approx((20 * 0.010 + 10 * 0.010) / (21 * 0.010))


def test_the_factor_stays_within_its_bounds(cost, clock):
    execute(cost, 4, 0.0, times=10_000)
    assert cost.factor == 0.25

    for _ in range(50):
        execute(cost, 4, 1e3, times=1000)
        clock.advance(1.0)
        cost.age()
    assert cost.factor == 20.0


def test_a_neighbour_that_stays_is_believed_within_half_a_minute(cost, clock):
    def serve(seconds, execution_seconds):
        for _ in range(seconds):
            execute(cost, 4, execution_seconds, times=20)
            clock.advance(1.0)
            cost.age()

    serve(300, 0.020)
    serve(30, 0.040)
    assert cost.factor == pytest.approx(2.0, rel=0.05)
    serve(30, 0.020)
    assert cost.factor == pytest.approx(1.0, rel=0.06)


def test_the_newest_executions_are_remembered_for_as_long_as_there_are_no_others(cost, clock):
    execute(cost, 4, 0.060, times=2000)
    clock.advance(3600.0)
    cost.age()
    assert cost.factor == pytest.approx(3.0, rel=0.01)

    execute(cost, 4, 0.020, times=20)
    assert cost.factor == pytest.approx(2.0, rel=0.01)


def test_a_lower_limit_of_rows_raises_the_cost_of_a_row(cost):
    cost.limit_rows(1)

    assert cost.seconds_per_row == pytest.approx(0.010)


def test_a_model_that_was_measured_to_cost_nothing_is_no_error(clock):
    cost = CostModel(CostLine(((1, 0.0),)), max_rows=1, clock=clock)
    execute(cost, 1, 0.010)

    assert cost.seconds_per_row == 0.0


def test_a_wide_execution_is_expected_to_take_what_wide_ones_do(clock):
    cost = CostModel(LINE, max_rows=4, clock=clock, wide_line=CostLine(((1, 0.006),)))

    for _ in range(2000):
        cost.observe(cost.predict(1, is_wide=True), 0.012)

    assert cost.predict(1) == LINE.seconds(1)
    assert cost.factor == pytest.approx(2.0, rel=0.01)
