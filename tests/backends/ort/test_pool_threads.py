from __future__ import annotations

import errno
import os
from collections.abc import Iterable

import numpy as np
import pytest

from longshore.backends.ort.pool_threads import PoolThreads, thread_ids
from tests.backends.conftest import Place, load, onnx_identity


class Machine:
    """CPUs that may be used, one that the caller is on, and those of each thread of a pool."""

    def __init__(self, cpus: int) -> None:
        self.cpus = set(range(cpus))
        self.current = 0
        self.allowed: dict[int, set[int]] = {}
        self.calls = 0
        self.refusal: OSError | None = None

    def current_cpu(self) -> int:
        return self.current

    def allow(self, thread_id: int, cpus: Iterable[int]) -> None:
        self.calls += 1
        if self.refusal is not None:
            raise self.refusal
        self.allowed[thread_id] = set(cpus)

    def pool(self, *ids: int) -> PoolThreads:
        return PoolThreads(ids, current_cpu=self.current_cpu)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(cpus=8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(machine.cpus))
    monkeypatch.setattr(os, "sched_setaffinity", machine.allow)
    return machine


def test_threads_of_a_pool_share_neither_the_cpu_of_their_caller_nor_each_others(
    machine: Machine,
) -> None:
    machine.current = 3
    machine.pool(11, 12, 13).leave_caller_alone()
    assert sorted(machine.allowed) == [11, 12, 13]
    assert sorted(cpu for cpus in machine.allowed.values() for cpu in cpus) == [0, 1, 2, 4, 5, 6, 7]


def test_they_are_moved_when_their_caller_was_and_not_before(machine: Machine) -> None:
    pool = machine.pool(11)
    for _ in range(3):
        pool.leave_caller_alone()
    assert machine.calls == 1
    machine.current = 7
    pool.leave_caller_alone()
    assert machine.allowed == {11: set(range(7))}


def test_cpus_that_were_given_later_are_used(machine: Machine) -> None:
    pool = machine.pool(11)
    pool.leave_caller_alone()
    machine.cpus, machine.current = {1, 8, 9}, 1
    pool.leave_caller_alone()
    assert machine.allowed == {11: {8, 9}}


def test_they_stay_where_they_are_without_a_cpu_for_each(machine: Machine) -> None:
    machine.cpus = {0, 1}
    machine.pool(11, 12).leave_caller_alone()
    assert not machine.allowed


def test_a_system_that_moves_no_threads_is_not_asked_again(machine: Machine) -> None:
    pool = machine.pool(11, 12)
    machine.refusal = PermissionError(errno.EPERM, "Operation not permitted")
    for machine.current in range(4):
        pool.leave_caller_alone()
    assert machine.calls == 1


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs a CPU beside the caller's")
def test_the_thread_of_a_session_leaves_its_caller_alone(place: Place) -> None:
    others = thread_ids()
    backend = load(place(onnx_identity(), "model.onnx"), threads=2)
    (started,) = thread_ids() - others
    assert os.sched_getaffinity(started) == os.sched_getaffinity(0)
    backend.execute({"x": np.zeros((1, 2), np.float32)}, ("y",))
    assert len(os.sched_getaffinity(started)) == len(os.sched_getaffinity(0)) - 1
