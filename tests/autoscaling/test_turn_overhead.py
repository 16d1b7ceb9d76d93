from __future__ import annotations

import random

import pytest

from longshore.autoscaling.turn_overhead import MEMORY_SECONDS, OVERHEADS, TurnOverhead

EACH = 50e-6
STEP = OVERHEADS[2] / OVERHEADS[1] - 1


@pytest.fixture
def overhead():
    return TurnOverhead()


def cost(requests, of_turn, speed=1.0):
    return (of_turn + requests) * EACH / speed


def turns_of(companies, of_turn):
    return [(requests, cost(requests, of_turn)) for requests in companies]


@pytest.mark.parametrize("of_turn", [0.5, 1, 4, 20])
def test_what_a_turn_costs_by_itself_is_told_from_turns_that_hold_more_and_fewer(overhead, of_turn):
    overhead.learn(turns_of([1, 5, 2, 9, 64, 3] * 50, of_turn), 1.0)

    assert overhead.requests(5) == pytest.approx(of_turn, rel=STEP)


def test_turns_that_are_all_alike_say_that_cost_is_in_proportion(overhead):
    overhead.learn(turns_of([4] * 500, 4), 1.0)

    assert overhead.requests(4) == 0.0


def test_nothing_is_known_before_there_are_two_turns(overhead):
    overhead.learn([], 1.0)
    overhead.learn(turns_of([1], 4), 1.0)

    assert overhead.requests(1) == 0.0


def test_a_few_turns_are_not_believed_against_proportion(overhead):
    overhead.learn(turns_of([1, 8, 1], 4), 1.0)

    assert 0.0 < overhead.requests(4) < 4


def test_a_machine_that_is_slow_while_turns_are_large_does_not_change_it(overhead):
    """A line through the same turns says 0.8."""
    fast = [(requests, cost(requests, 4)) for requests in [1, 5, 3, 2, 6] * 160]
    slow = [(requests, cost(requests, 4, speed=0.5)) for requests in [64, 30, 50, 64] * 5]

    for _ in range(60):
        overhead.learn(fast + slow, 1.0)

    assert overhead.requests(5) == pytest.approx(4, rel=STEP)


def test_interruptions_of_single_turns_hardly_change_it(overhead):
    chance = random.Random(5)
    for _ in range(30):
        turns = turns_of([chance.choice([1, 2, 3, 5, 9, 20]) for _ in range(500)], 4)
        hit = [(n, 3 * seconds if chance.random() < 0.05 else seconds) for n, seconds in turns]
        overhead.learn(hit, 1.0)

    assert overhead.requests(5) == pytest.approx(4, rel=0.2)


def test_turns_of_unknown_company_are_not_compared(overhead):
    known = turns_of([1, 9] * 40, 4)
    unknown = [(0, 1.0)] * 3
    overhead.learn(known[:20] + unknown + known[20:], 1.0)

    assert overhead.requests(5) == pytest.approx(4, rel=0.5)


def test_a_clock_that_shows_nothing_breaks_nothing(overhead):
    overhead.learn([(1, 0.0), (2, 0.0), (1, 0.0)] * 10, 1.0)

    assert overhead.requests(1) >= 0.0


def test_another_model_is_learned_within_minutes(overhead):
    for of_turn, looks in ((16, 60), (1, round(4 * MEMORY_SECONDS))):
        for _ in range(looks):
            overhead.learn(turns_of([1, 5, 2, 9] * 30, of_turn), 1.0)

    assert overhead.requests(5) == pytest.approx(1, rel=0.3)
