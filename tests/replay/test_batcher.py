from __future__ import annotations

from math import exp, factorial

import numpy as np
import pytest

from longshore.batching.cost import CostLine
from longshore_k8s.replay.batcher import Batcher, batcher

TWO = Batcher((1.0, 1.5), instances=1)


def test_what_waits_is_taken_together():
    due = np.array([0.0, 0.2, 0.4, 0.6])

    assert TWO.latencies(due) == pytest.approx([1.0, 2.3, 2.1, 2.9])
    assert Batcher((1.0, 1.5), instances=2).latencies(due) == pytest.approx([1.0, 1.0, 2.1, 1.9])


def test_single_requests_wait_as_in_an_md1_queue():
    load, at = 0.5, 2.5
    waits_less = (1 - load) * sum(
        (load * (k - at)) ** k / factorial(k) * exp(-load * (k - at)) for k in range(3)
    )  # Erlang, 1909
    single = Batcher((1.0,), instances=1)

    taken = single.latencies(np.cumsum(np.random.default_rng(1).exponential(1 / load, 200_000)))

    assert (taken - 1 <= at).mean() == pytest.approx(waits_less, abs=0.003)
    assert single.knee(1 + at, 1 - waits_less) == pytest.approx(load, rel=0.06)


def test_a_knee_lies_below_the_highest_rate_and_grows_with_instances():
    cost = CostLine(((1, 0.01), (8, 0.02)))
    one, two = (batcher(cost, 8, count) for count in (1, 2))

    assert one.highest == pytest.approx(400)
    assert 0.5 * one.highest < one.knee(0.05, 0.01) < one.highest
    assert two.knee(0.05, 0.01) > 1.8 * one.knee(0.05, 0.01)
