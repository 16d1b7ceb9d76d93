from __future__ import annotations

import pytest

from longshore_k8s.capacity.drift import STEADY, Drift


@pytest.mark.parametrize(("before", "after"), [(100.0, 100.0), (100.0, 109.0), (109.0, 100.0)])
def test_a_steady_machine_is_not_spoken_of(before, after):
    drift = Drift(before, after)

    assert drift.factor == 1.0
    assert drift.sentences == ()


@pytest.mark.parametrize(("before", "after"), [(12803.0, 9600.0), (9600.0, 12803.0)])
def test_a_machine_that_changed_its_speed_is_named_with_both_whichever_was_first(before, after):
    drift = Drift(before, after)

    assert drift.factor == pytest.approx(12803 / 9600)
    assert drift.factor > STEADY
    (sentence,) = drift.sentences
    assert f"{before:,.0f} results/s before the search and {after:,.0f} after it" in sentence
