from __future__ import annotations

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


def test_what_a_busy_event_loop_does_without_requests_is_no_price_of_wakeups(price):
    serve(price, 0, second(0.7, wakeups=20))
    serve(price, 0, second(0.004, wakeups=20))
    serve(price, 1000, second(0.3, wakeups=1000))

    assert price.seconds == pytest.approx((0.3 - 1000 * 0.0002) / 1000)


def test_the_wakeups_of_a_busy_event_loop_are_not_counted_because_a_full_pod_does_not_sleep(price):
    serve(price, 0, second(0.004, wakeups=20))
    serve(price, 1000, second(0.3, wakeups=1000))

    assert price.seconds == pytest.approx((0.3 - 1000 * 0.0002) / 1000)


def test_the_wakeups_of_an_event_loop_that_does_little_stay_when_the_pod_is_full(price):
    serve(price, 0, second(0.004, wakeups=20))
    serve(price, 100, second(0.05, process=0.5, wakeups=100))

    assert price.seconds == pytest.approx((0.05 - 0.1 * 100 * 0.0002) / 100)


def test_the_wakeups_never_take_most_of_the_price(price):
    serve(price, 0, second(0.010, wakeups=10))
    serve(price, 1000, second(0.3, wakeups=1000))

    assert price.seconds == pytest.approx(LEAST_SHARE * 0.3 / 1000)


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


def serve_in_turns(price: EventLoopPrice, cpu: FakeClock, companies: list[int], **learn) -> None:
    """A second in which so many requests were answered in each turn of the loop."""
    began = cpu.now
    for requests in companies:
        for _ in range(requests):
            price.count()
        cpu.advance(FIXED + EACH * requests)
        for _ in range(requests):
            price.count_answer()
    price.learn(second(cpu.now - began), **learn)


@pytest.mark.parametrize("companies", [[1] * 600 + [2] * 200, [8] * 100 + [30] * 10, [64] * 20])
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
