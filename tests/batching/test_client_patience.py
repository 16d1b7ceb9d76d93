from __future__ import annotations

import math

import pytest

from longshore.batching.client_patience import ClientPatience


@pytest.fixture
def patience(clock) -> ClientPatience:
    return ClientPatience(clock)


def test_nothing_is_learnt_from_a_few_that_leave(patience):
    for _ in range(100):
        patience.note_answered(0.001)
    for _ in range(10):
        assert not patience.note_left(0.001)

    assert patience.seconds == math.inf


def test_many_that_leave_shorten_the_wait_to_what_they_would_have_stayed_for(patience):
    lowered = [patience.note_left(0.3) for _ in range(6)]

    assert lowered == [False, False, False, False, True, False]
    assert patience.seconds == pytest.approx(0.15)


def test_the_wait_is_never_nothing(patience):
    for _ in range(10):
        patience.note_left(0.0)

    assert patience.seconds == 0.02


def test_the_wait_grows_again_when_nobody_leaves(patience, clock):
    for _ in range(5):
        patience.note_left(0.3)
    clock.advance(1.1)
    patience.relax()
    assert patience.seconds == pytest.approx(0.15)  # the window in which they left

    for _ in range(200):
        clock.advance(1.1)
        patience.relax()
    assert patience.seconds == math.inf


def test_clients_that_end_in_the_middle_of_a_usual_wait_say_nothing_about_it(patience):
    for _ in range(100):
        patience.note_answered(0.4)
    for age in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35) * 20:
        assert not patience.note_left(age)

    assert patience.seconds == math.inf


def test_clients_that_leave_where_others_were_answered_sooner_have_lost_patience(patience):
    for _ in range(20):
        patience.note_answered(0.25)
    for _ in range(6):
        patience.note_left(0.3)

    assert patience.seconds == pytest.approx(0.15)
