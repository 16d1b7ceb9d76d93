"""The load beside a candidate: the same arrivals before it and while it is tried."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.attacks.open_load import departures


def test_any_two_stretches_as_long_as_a_period_hold_the_same_arrivals():
    found = list(islice(departures(80.0, 5.0), 2000))

    first = [at % 5.0 for at in found if 2.0 <= at < 7.0]
    later = [at % 5.0 for at in found if 13.5 <= at < 18.5]

    assert sorted(first) == pytest.approx(sorted(later))


def test_arrivals_come_at_their_rate_and_in_order():
    found = list(islice(departures(80.0, 20.0), 8000))

    assert found == sorted(found)
    assert len(found) / found[-1] == pytest.approx(80.0, rel=0.05)
