from __future__ import annotations

from loadtests.thresholds import Outcome, Thresholds, violations


def test_a_run_within_both_thresholds_passes() -> None:
    assert violations(Outcome(1000, 10, 50.0), Thresholds(0.01, 50.0)) == []


def test_each_threshold_is_judged_apart() -> None:
    broken = violations(Outcome(1000, 11, 51.0), Thresholds(0.01, 50.0))
    assert [sentence.split()[0] for sentence in broken] == ["11", "p99"]


def test_a_run_without_an_answer_fails_whatever_is_allowed() -> None:
    assert violations(Outcome(0, 0, 0.0), Thresholds(1.0, None))
