from __future__ import annotations

from tests.truth.cpu_groups import Throttling, parse_throttling

V1 = "nr_periods 120\nnr_throttled 30\nthrottled_time 1500000\nnr_bursts 0\nburst_time 0\n"
V2 = "usage_usec 100\nuser_usec 60\nsystem_usec 40\nnr_periods 8\nnr_throttled 2\n"


def test_both_versions_count_periods_and_throttled_ones() -> None:
    assert parse_throttling(V1) == Throttling(120, 30)
    assert parse_throttling(V2) == Throttling(8, 2)


def test_a_group_that_was_never_limited_counts_none() -> None:
    assert parse_throttling("usage_usec 100\n") == Throttling(0, 0)


def test_the_throttled_share_is_that_of_the_periods_in_between() -> None:
    assert Throttling(120, 30).share_since(Throttling(100, 25)) == 0.25


def test_without_a_quota_nothing_is_throttled() -> None:
    assert Throttling(0, 0).share_since(Throttling(0, 0)) == 0.0
