from __future__ import annotations

import pytest

from longshore.client.latency import as_text, percentile, summary


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (90, 90), (99, 99), (100, 100)])
def test_a_percentile_is_a_value_that_was_measured(percent, value):
    assert percentile(list(range(1, 101)), percent) == value


def test_one_value_is_every_percentile():
    assert summary([0.2]) == {"p50": 0.2, "p90": 0.2, "p99": 0.2, "max": 0.2}


def test_times_are_told_in_milliseconds():
    assert as_text([0.003, 0.001, 0.002]) == (
        "3 requests, one after the other: p50 2.00 ms, p90 3.00 ms, p99 3.00 ms, max 3.00 ms"
    )
