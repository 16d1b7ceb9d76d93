from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore_k8s.controller.judging import shares


@pytest.mark.parametrize(
    ("stable", "weight", "pods"),
    [(1, 10, 1), (2, 10, 1), (9, 10, 1), (18, 10, 2), (20, 10, 2), (7, 30, 3), (2, 30, 1),
     (5, 33, 2), (3, 50, 3), (0, 10, 0)],
)  # fmt: skip
def test_a_canary_has_as_many_pods_as_come_nearest_to_its_weight(stable, weight, pods):
    assert shares.canary_pods(stable, weight) == pods


@given(stable=st.integers(1, 500), weight=st.integers(1, 90))
def test_no_other_count_of_pods_but_one_comes_nearer_to_the_weight(stable, weight):
    def miss(pods: int) -> float:
        return abs(pods / stable - weight / (100 - weight))

    pods = shares.canary_pods(stable, weight)
    assert pods >= 1
    assert pods == 1 or miss(pods) <= min(miss(pods - 1), miss(pods + 1)) + 1e-12


def test_beside_one_pod_a_canary_has_half_whatever_was_asked():
    assert shares.true_share(1, shares.canary_pods(1, 10)) == 0.5
    assert shares.true_share(0, 0) == 0.0
    assert shares.true_share(9, 1) == 0.1


def test_stable_is_not_scaled_down_in_a_rollout():
    assert shares.least_pods(2, 5) == 5
    assert shares.least_pods(2, 1) == 2
