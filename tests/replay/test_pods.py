"""Pods as a Deployment makes and removes them, their share of the load, and their queues."""

from __future__ import annotations

import numpy as np
import pytest

from longshore_k8s.replay.balance import Balance
from longshore_k8s.replay.fleet import Fleet, Life
from longshore_k8s.replay.pod_queue import PodCapacity, Queues

CAPACITY = PodCapacity(
    knee=90, highest=100, slo_seconds=1.0, late_share=0.01, idle_seconds=0.1, utilization=0.9,
    queue_seconds=2.0,
)  # fmt: skip


@pytest.fixture
def fleet() -> Fleet:
    return Fleet(1, 8, Life(pending=2_000, starting=5_000, drain=10_000), kept_ms=60_000)


def test_a_pod_is_pending_then_running_then_ready(fleet):
    fleet.create(0, 1, 1_000)

    assert [fleet.pods(at).phase[0, 0] for at in (2_999, 3_000)] == [0, 1]
    assert [bool(fleet.ready(at)[0, 0]) for at in (7_999, 8_000)] == [False, True]


def test_pods_that_serve_least_are_deleted_first_and_drain(fleet):
    [old] = fleet.create(0, 1, 0, is_old=True)
    [young] = fleet.create(0, 1, 1_000, is_old=True)
    [starting] = fleet.create(0, 1, 2_000)
    [pending] = fleet.create(0, 1, 9_000)
    now = 9_500  # the third has become Ready, and is younger than the second

    assert fleet.delete(0, 3, now) == [pending, starting, young]
    assert fleet.live.tolist() == [1]
    assert np.flatnonzero(fleet.ready(now)[0]).tolist() == [old]
    fleet.remove_gone(now + 1)
    assert fleet.exists[0].sum() == 3
    fleet.remove_gone(now + 10_000)
    assert fleet.exists[0].sum() == 1


def test_a_slot_is_free_again_once_its_samples_have_left_the_window(fleet):
    [slot] = fleet.create(0, 1, 0, is_old=True)
    fleet.delete(0, 1, 1_000)
    fleet.remove_gone(11_000)

    assert fleet.create(0, 1, 70_999) != [slot]
    assert fleet.create(0, 1, 71_000) == [slot]


def test_kept_connections_move_slowly_and_those_of_a_lost_pod_at_once():
    balance = Balance(1, 2, connection_seconds=100)
    alone, both = np.array([[True, False]]), np.array([[True, True]])
    none = np.zeros(1)

    assert balance.step(alone, none, 3).tolist() == [[1.0, 0.0]]
    share = balance.step(both, none, 10)[0, 1]
    assert share == pytest.approx(0.5 * (1 - np.exp(-0.1)))
    assert balance.step(both, np.array([0.5]), 1e-9)[0, 1] == pytest.approx((share + 0.5) / 2)
    assert balance.step(np.array([[False, True]]), none, 3).tolist() == [[0.0, 1.0]]
    assert balance.step(np.array([[False, False]]), none, 3).tolist() == [[0.0, 0.0]]


def test_requests_are_balanced_anew_where_no_connection_is_kept():
    balance = Balance(1, 2, connection_seconds=0)
    balance.step(np.array([[True, False]]), np.zeros(1), 3)

    assert balance.step(np.array([[True, True]]), np.zeros(1), 3).tolist() == [[0.5, 0.5]]


def test_at_the_knee_as_many_are_late_as_the_objective_allows():
    rates = np.array([0.0, 80.0, 90.0, 95.0, 100.0, 150.0])

    assert CAPACITY.late_at(rates) == pytest.approx([0.01**10, 1e-4, 0.01, 0.1, 1, 1])


def test_a_queue_fills_makes_late_and_then_refuses():
    queues = Queues(1, 1, CAPACITY)
    waiting, refused, late = [], [], []
    for _ in range(5):
        away, tardy = queues.step(np.array([[150.0]]), 1.0)
        waiting.append(float(queues.waiting[0, 0]))
        refused.append(float(away[0, 0]))
        late.append(float(tardy[0, 0]))

    assert waiting == [50, 100, 150, 200, 200]
    assert refused == [0, 0, 0, 0, 50]
    assert late == [150, 150, 150, 150, 100]
    assert queues.step(np.array([[0.0]]), 1.0)[1].tolist() == [[0.0]]
    assert queues.waiting.tolist() == [[100.0]]
