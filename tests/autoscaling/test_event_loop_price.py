from __future__ import annotations

from typing import Any

import pytest

from longshore.autoscaling.clocks import Elapsed
from longshore.autoscaling.event_loop_price import LEAST_SHARE, EventLoopPrice
from longshore.autoscaling.turns import Turns
from tests.clock import FakeClock


def second(
    loop: float, *, process: float | None = None, wakeups: int = 0, waited: float = 0.0
) -> Elapsed:
    return Elapsed(1.0, loop, loop if process is None else process, waited, wakeups, 0.0)


def serve(price: EventLoopPrice, requests: int, elapsed: Elapsed, refusals: int = 0) -> None:
    for _ in range(requests):
        price.count()
    for _ in range(refusals):
        price.count_refusal()
    price.learn(elapsed)


@pytest.fixture
def price():
    return EventLoopPrice()


def test_a_request_costs_its_share_of_the_event_loops_cpu_time(price):
    serve(price, 100, second(0.01))

    assert price.seconds == pytest.approx(100e-6)


@pytest.mark.parametrize(("requests", "loop", "learned"), [
    (19, 0.049, 0.0), (20, 0.049, 0.049 / 20), (19, 0.05, 0.05 / 19), (1, 0.5, 0.5),
])  # fmt: skip
def test_few_requests_teach_something_only_when_the_event_loop_was_busy(
    price, requests, loop, learned
):
    serve(price, requests, second(loop))

    assert price.seconds == pytest.approx(learned)


def test_the_price_follows_within_half_a_minute(price):
    serve(price, 100, second(0.01))
    for _ in range(30):
        serve(price, 100, second(0.02))

    assert price.seconds == pytest.approx(200e-6, rel=0.05)


def test_a_first_request_in_a_second_of_starting_up_is_soon_outweighed(price):
    serve(price, 1, second(0.2))
    serve(price, 10_000, second(0.8))

    assert price.seconds == pytest.approx(80e-6, rel=0.25)


def test_a_second_full_of_refusals_teaches_nothing_where_a_price_is_known(price):
    serve(price, 100, second(0.1))
    serve(price, 100, second(0.02), refusals=6)
    assert price.seconds == pytest.approx(0.001)

    serve(price, 100, second(0.1), refusals=5)
    assert price.seconds == pytest.approx(0.001)


def test_under_overload_from_the_start_a_rough_price_is_better_than_none(price):
    serve(price, 100, second(0.02), refusals=60)

    assert price.seconds == pytest.approx(0.0002)


def test_beside_a_neighbour_a_request_takes_more_of_the_core_and_no_more_cpu_time(price):
    serve(price, 1000, second(0.4, waited=0.1))

    assert price.seconds == pytest.approx(0.0004)
    assert price.seconds_of_core == pytest.approx(0.0005)


FIXED, EACH = 300e-6, 60e-6


def served_alone(
    *idle: Elapsed, wakeups: int = 1000, process: float | None = None
) -> EventLoopPrice:
    """After idle seconds, one of 1,000 turns that hold a request each."""
    cpu = FakeClock(0.0)
    price = EventLoopPrice(Turns(cpu))
    for elapsed in idle:
        price.learn(elapsed)
    serve_in_turns(price, cpu, [1] * 1000, wakeups=wakeups, process=process)
    return price


def serve_in_turns(
    price: EventLoopPrice,
    cpu: FakeClock,
    companies: list[int],
    *,
    company: float = 1.0,
    **passed: Any,
) -> None:
    """A second in which so many requests were answered in each turn of the loop. The last turn
    ends with the next arrival.
    """
    began = cpu.now
    for requests in companies:
        for _ in range(requests):
            price.count()
        cpu.advance(FIXED + EACH * requests)
        for _ in range(requests):
            price.count_answer()
    price.learn(second(cpu.now - began, **passed), company)


IDLE = second(0.004, wakeups=20)
WAKEUP = 0.0002


def test_the_wakeups_of_a_busy_event_loop_are_not_counted_because_a_full_pod_does_not_sleep():
    price = served_alone(IDLE, IDLE, IDLE)

    assert price.seconds == pytest.approx(FIXED + EACH - WAKEUP, rel=0.01)


@pytest.mark.parametrize("more", [second(0.7, wakeups=20), second(0.04, wakeups=10), second(0.0)])
def test_what_an_idle_event_loop_does_beside_waking_up_is_no_price_of_a_wakeup(more):
    """It starts up, or is asked for metrics."""
    price = served_alone(more, IDLE, IDLE, more, IDLE)

    assert price.seconds == pytest.approx(FIXED + EACH - WAKEUP, rel=0.01)


def test_one_idle_second_does_not_tell_what_a_wakeup_costs():
    price = served_alone(IDLE, IDLE)

    assert price.seconds == pytest.approx(FIXED + EACH, rel=0.01)


def test_a_turn_begins_with_one_wakeup_at_most():
    price = served_alone(IDLE, IDLE, IDLE, wakeups=5000)

    assert price.seconds == pytest.approx(FIXED + EACH - WAKEUP, rel=0.01)


def test_the_wakeups_of_an_event_loop_that_does_little_stay_when_the_pod_is_full():
    price = served_alone(IDLE, IDLE, IDLE, process=3.6)

    assert price.seconds == pytest.approx(FIXED + EACH - 0.1 * WAKEUP, rel=0.01)


def test_the_wakeups_never_take_most_of_the_price():
    price = served_alone(*[second(0.04, wakeups=10)] * 3)

    assert price.seconds == pytest.approx(LEAST_SHARE * (FIXED + EACH))


@pytest.mark.parametrize(("waited", "share"), [(0.0, 0.5), (0.4, 0.5), (0.55, 0.75), (0.6, 1.0)])
def test_less_is_taken_off_the_nearer_the_event_loop_is_to_never_sleeping(
    price, monkeypatch, waited, share
):
    """A throttled loop waits for its quota where it does not compute: both is no sleep."""
    monkeypatch.setattr(price, "_share_when_full", lambda *seen: 0.5)
    serve(price, 1000, second(0.4, waited=waited))

    assert price.seconds == pytest.approx(share * 0.4 / 1000)


@pytest.mark.parametrize("companies", [[1, 1, 1, 2] * 200, [8] * 10 + [30] + [8] * 10, [64] * 20])
def test_the_price_of_a_full_pod_is_seen_at_any_load(companies):
    """On a full pod a request waits on each of 64 connections."""
    cpu = FakeClock(0.0)
    price = EventLoopPrice(Turns(cpu))
    for _ in range(30):
        serve_in_turns(price, cpu, companies, company=64)

    assert price.seconds == pytest.approx(EACH + FIXED / 64, rel=0.1)


def test_more_requests_in_a_turn_than_connections_are_believed():
    cpu = FakeClock(0.0)
    price = EventLoopPrice(Turns(cpu))
    for _ in range(30):
        serve_in_turns(price, cpu, [4, 16] * 50, company=1)

    assert price.seconds == pytest.approx(EACH + FIXED / 10, rel=0.05)
