from __future__ import annotations

import pytest

from longshore.autoscaling.clocks import Elapsed
from longshore.autoscaling.model_price import ModelPrice


def second(model_cpu: float, predicted: float) -> Elapsed:
    return Elapsed(1.0, 0.1, 0.1 + model_cpu, 0.0, 0, predicted)


def learn(price, elapsed, *, times=100, is_working=True, is_disturbed=False):
    for _ in range(times):
        price.learn(elapsed, is_working=is_working, is_disturbed=is_disturbed)


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_before_the_first_execution_each_of_its_threads_is_expected_to_be_busy(threads):
    assert ModelPrice().seconds(0.5, threads) == pytest.approx(0.5 * threads)


def test_cpu_time_counts_however_long_the_executions_were_kept_waiting():
    price = ModelPrice()
    learn(price, second(model_cpu=0.45, predicted=0.5))

    assert price.seconds(1.0, 1) == pytest.approx(0.9, rel=0.01)


def test_a_neighbour_that_makes_executions_dearer_is_seen_within_half_a_minute():
    price = ModelPrice()
    learn(price, second(0.5, 0.5))
    learn(price, second(0.7, 0.5), times=30)

    assert price.seconds(1.0, 1) == pytest.approx(1.4, rel=0.05)


def test_an_execution_of_seconds_counts_with_what_it_took_before_it_ended():
    price = ModelPrice()
    for _ in range(100):
        learn(price, second(1.0, 0.0), times=3)
        learn(price, second(1.0, 4.0), times=1)

    assert price.seconds(1.0, 1) == pytest.approx(1.0, rel=0.1)


def test_what_an_idle_process_does_is_no_price_of_the_model():
    price = ModelPrice()
    learn(price, second(0.01, 0.0), is_working=False)

    assert price.seconds(1.0, 1) == 1.0


def test_loading_a_version_teaches_nothing_until_a_second_without_it_has_passed():
    price = ModelPrice()
    learn(price, second(2.0, 0.5), is_disturbed=True)
    learn(price, second(2.0, 0.5), times=1)
    assert price.seconds(1.0, 1) == 1.0

    learn(price, second(0.5, 0.25))
    assert price.seconds(1.0, 1) == pytest.approx(2.0, rel=0.05)


def test_clocks_that_run_apart_never_make_a_negative_price():
    price = ModelPrice()
    learn(price, Elapsed(1.0, 0.5, 0.4, 0.0, 0, 0.5))

    assert price.seconds(1.0, 1) >= 0.0
