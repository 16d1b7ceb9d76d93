from __future__ import annotations

import math

import pytest

from longshore.batching.abandonment import MOMENT_SECONDS, AbandonmentBound


@pytest.fixture
def bound(clock) -> AbandonmentBound:
    return AbandonmentBound(clock)


@pytest.fixture
def give_up(bound, clock):
    """Lets as many clients as there are `ages` give up, each in a moment of its own."""

    def give_up(*ages: float) -> list[bool]:
        lowered = []
        for age in ages:
            lowered.append(bound.note_abandoned(age))
            clock.advance(MOMENT_SECONDS)
        return lowered

    return give_up


def test_a_few_that_give_up_do_not_bound_the_wait(bound, give_up):
    for _ in range(100):
        bound.note_answered(0.001)

    assert give_up(*[0.001] * 10) == [False] * 10
    assert bound.max_wait_seconds == math.inf


def test_many_that_give_up_bound_the_wait_to_half_of_theirs(bound, give_up):
    assert give_up(*[0.3] * 6) == [False, False, False, False, True, False]
    assert bound.max_wait_seconds == pytest.approx(0.15)


def test_the_bound_is_never_zero(bound, give_up):
    give_up(*[0.0] * 10)

    assert bound.max_wait_seconds == 0.02


def test_the_bound_grows_again_when_nobody_gives_up(bound, clock, give_up):
    give_up(*[0.3] * 5)
    clock.advance(1.1)
    bound.relax()
    assert bound.max_wait_seconds == pytest.approx(0.15)  # from the window in which clients gave up

    for _ in range(200):
        clock.advance(1.1)
        bound.relax()
    assert bound.max_wait_seconds == math.inf


def test_clients_that_end_in_the_middle_of_a_usual_wait_say_nothing_about_it(bound, give_up):
    for _ in range(100):
        bound.note_answered(0.4)

    assert not any(give_up(*(0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35) * 20))
    assert bound.max_wait_seconds == math.inf


def test_a_client_that_ends_with_many_requests_under_way_says_nothing_about_the_wait(bound, clock):
    bound.note_answered(0.1)
    for _ in range(64):
        assert not bound.note_abandoned(0.3)
        clock.advance(MOMENT_SECONDS / 64)
    clock.advance(1.0)
    bound.relax()

    assert bound.max_wait_seconds == math.inf


def test_clients_that_give_up_together_again_and_again_bound_the_wait(bound, clock):
    for _ in range(3):
        for _ in range(20):
            bound.note_abandoned(0.3)
        clock.advance(0.3)

    assert bound.max_wait_seconds == pytest.approx(0.15)


def test_clients_that_end_one_after_the_other_say_nothing_about_the_wait(bound, clock):
    for _ in range(10):
        for _ in range(64):
            bound.note_abandoned(0.3)
        clock.advance(1.0)

    assert bound.max_wait_seconds == math.inf


def test_clients_that_give_up_where_others_were_answered_sooner_count(bound, give_up):
    for _ in range(20):
        bound.note_answered(0.25)
    give_up(*[0.3] * 6)

    assert bound.max_wait_seconds == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("age_seconds", "after_a_quiet_window"),
    [(0.4, 0.21), (114.0, 59.85), (2 * 60.0 / 1.05, 60.0), (116.0, math.inf)],
)
def test_the_bound_grows_by_a_twentieth_and_is_dropped_beyond_a_minute(
    bound, clock, give_up, age_seconds, after_a_quiet_window
):
    give_up(*[age_seconds] * 5)
    for _ in range(2):
        clock.advance(1.0)
        bound.relax()

    assert bound.max_wait_seconds == pytest.approx(after_a_quiet_window)


@pytest.mark.parametrize(("answered", "is_bounded"), [(20, True), (21, False)])
def test_a_fifth_of_the_requests_of_a_window_is_many(bound, clock, give_up, answered, is_bounded):
    for _ in range(1000):
        bound.note_answered(0.001)
    clock.advance(1.0)
    bound.relax()

    for _ in range(answered):
        bound.note_answered(0.001)
    give_up(*[0.3] * 5)

    assert (bound.max_wait_seconds < math.inf) is is_bounded


def test_a_fifth_is_counted_from_the_first_window_on(bound, give_up):
    for _ in range(20):
        bound.note_answered(0.001)
    give_up(*[0.3] * 5)

    assert bound.max_wait_seconds == pytest.approx(0.15)


def test_one_slow_answer_moves_the_usual_wait_by_a_twentieth(bound, give_up):
    bound.note_answered(4.0)
    give_up(*[0.3] * 5)

    assert bound.max_wait_seconds == pytest.approx(0.15), "0.2 s are usual"
