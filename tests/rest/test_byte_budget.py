"""Bytes that are held: for one request, and for all together."""

from __future__ import annotations

import pytest

from longshore.errors import QueueFull, RequestCancelled
from longshore.rest.byte_budget import ByteBudget


@pytest.fixture
def budget() -> ByteBudget:
    return ByteBudget(10)


def test_all_that_is_allowed_may_be_held(budget):
    first, second = budget.share(), budget.share()

    assert first.fits(7)
    second.take(3)
    assert not first.fits(1)
    with pytest.raises(QueueFull, match="bodies of 12 bytes are being read; at most 10"):
        second.take(1)


def test_what_is_given_back_may_be_taken_again(budget):
    with budget.share() as share:
        share.take(10)
        share.give_back(4)
        assert share.size == 6
        share.take(4)
    with budget.share() as another:
        assert another.fits(10)


def test_a_request_that_has_ended_takes_nothing(budget):
    with budget.share() as share:
        share.take(1)

    with pytest.raises(RequestCancelled, match="ended while its body was being read"):
        share.take(1)
    assert budget.share().fits(10)
