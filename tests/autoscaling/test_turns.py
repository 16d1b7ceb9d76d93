from __future__ import annotations

import pytest

from longshore.autoscaling.turns import TurnCosts, Turns
from tests.clock import FakeClock

FIXED, EACH = 0.0003, 0.00005


@pytest.fixture
def cpu():
    return FakeClock(0.0)


@pytest.fixture
def turns(cpu):
    return Turns(cpu)


def take(turns, cpu, requests, *, fixed=FIXED, each=EACH):
    """One turn: requests arrive, the loop works, and all are answered."""
    for _ in range(requests):
        turns.arrive()
    cpu.advance(fixed + each * requests)
    for _ in range(requests):
        turns.depart()


def test_what_a_turn_costs_is_told_from_what_each_request_adds(turns, cpu):
    for requests in (1, 2, 1, 30, 1) * 40:
        take(turns, cpu, requests)
    turns.arrive()

    seen = turns.look(1.0)
    assert seen.count == 200
    assert seen.fixed == pytest.approx(FIXED, rel=0.1)
    assert seen.each == pytest.approx(EACH, rel=0.1)


def test_answers_that_overtake_arrivals_are_shared_by_the_turns(turns, cpu):
    """The next requests arrive before the last ones are answered."""
    turns.arrive()
    cpu.advance(FIXED)
    turns.arrive()
    turns.arrive()
    turns.depart()
    turns.arrive()

    seen = turns.look(1.0)
    assert seen.fixed + 2 * seen.each == pytest.approx(FIXED)


def test_turns_are_counted_from_look_to_look(turns, cpu):
    take(turns, cpu, 3)
    take(turns, cpu, 3)
    assert turns.look(1.0).count == 1

    turns.arrive()
    assert turns.look(1.0).count == 1
    assert turns.look(1.0).count == 0


def test_a_request_of_a_large_company_costs_little_more_than_its_own_part():
    costs = TurnCosts(1, fixed=FIXED, each=EACH)

    assert costs.of_request(1) == pytest.approx(FIXED + EACH)
    assert costs.of_request(100) == pytest.approx(EACH + FIXED / 100)


def test_what_is_taken_off_a_turn_leaves_each_request_its_own_part():
    costs = TurnCosts(1, fixed=FIXED, each=EACH)

    assert costs.less(0.0001).of_request(1) == pytest.approx(FIXED + EACH - 0.0001)
    assert costs.less(1.0).of_request(1) == pytest.approx(EACH)


def test_turns_that_answer_others_than_came_in_them_do_not_change_what_a_request_adds(turns, cpu):
    """Three groups of clients take turns: one arrives, one is computed, one is answered."""
    for arrivals, answers, seconds in [(34, 24, 0.0014), (6, 34, 0.0012), (24, 6, 0.0011)] * 100:
        for _ in range(arrivals):
            turns.arrive()
        cpu.advance(seconds)
        for _ in range(answers):
            turns.depart()

    seen = turns.look(1.0)
    assert seen.fixed == 0.0
    assert seen.each == pytest.approx((0.0014 + 0.0012 + 0.0011) / 64, rel=0.05)
