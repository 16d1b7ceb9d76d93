from __future__ import annotations

import os

import pytest

from longshore.cpu.available import AvailableCpus, idle_clock
from tests.clock import FakeClock


class Node:
    """CPUs of which some are idle and some are ours, second by second."""

    def __init__(self, limit: float, guaranteed: float | None = None) -> None:
        self.clock, self.idle, self.own = FakeClock(0.0), FakeClock(0.0), FakeClock(0.0)
        self.cpus = AvailableCpus(
            limit, guaranteed, idle_seconds=self.idle, own_seconds=self.own, clock=self.clock
        )

    def pass_seconds(self, seconds: int, *, idle: float, own: float) -> None:
        for _ in range(seconds):
            self.clock.advance(1.0)
            self.idle.advance(idle)
            self.own.advance(own)
            self.cpus.sample()


def test_on_an_idle_node_all_of_the_limit_is_available():
    node = Node(2.0)
    node.pass_seconds(60, idle=1.5, own=0.5)

    assert node.cpus.value == pytest.approx(2.0)


@pytest.mark.parametrize("own", [0.1, 0.5, 1.0])
def test_a_neighbour_takes_its_part_whatever_the_own_load_is(own):
    node = Node(2.0)
    node.pass_seconds(40, idle=1.0 - own, own=own)

    assert node.cpus.value == pytest.approx(1.0, rel=0.03)


def test_a_neighbour_that_goes_gives_it_back():
    node = Node(2.0)
    node.pass_seconds(60, idle=0.5, own=0.5)
    node.pass_seconds(40, idle=1.5, own=0.5)

    assert node.cpus.value == pytest.approx(2.0, rel=0.03)


def test_what_is_idle_beyond_the_limit_is_not_available():
    node = Node(0.5)
    node.pass_seconds(60, idle=60.0, own=0.1)

    assert node.cpus.value == 0.5


def test_neighbours_that_use_all_they_find_leave_what_is_guaranteed():
    node = Node(8.0, guaranteed=3.0)
    node.pass_seconds(90, idle=0.0, own=0.2)

    assert node.cpus.value == 3.0


def test_without_a_request_half_of_the_limit_is_taken_for_guaranteed():
    node = Node(8.0)
    node.pass_seconds(90, idle=0.0, own=0.2)

    assert node.cpus.value == 4.0


def test_more_than_the_limit_is_guaranteed_to_nobody():
    assert AvailableCpus(1.0, 4.0, idle_seconds=lambda: None).value == 1.0


def test_where_nobody_knows_what_is_idle_the_limit_counts():
    clock = FakeClock(0.0)
    cpus = AvailableCpus(2.0, idle_seconds=lambda: None, own_seconds=lambda: 0.0, clock=clock)
    clock.advance(1.0)
    cpus.sample()

    assert cpus.value == 2.0


STAT = """cpu  1 2 3 4 5 6 7 8 9 10
cpu0 10 0 10 300 50 0 0 0 0 0
cpu1 10 0 10 700 0 0 0 0 0 0
cpu10 10 0 10 9000 0 0 0 0 0 0
intr 1 2 3
"""


def test_idle_seconds_are_those_of_the_cpus_of_the_affinity_mask(tmp_path):
    (tmp_path / "stat").write_text(STAT)
    ticks = os.sysconf("SC_CLK_TCK")

    assert idle_clock({0, 1}, tmp_path / "stat")() == pytest.approx(1050 / ticks)
    assert idle_clock({1}, tmp_path / "stat")() == pytest.approx(700 / ticks)


def test_a_stat_file_that_is_missing_or_shows_none_of_the_cpus_tells_nothing(tmp_path):
    assert idle_clock({0}, tmp_path / "stat")() is None
    (tmp_path / "stat").write_text(STAT)
    assert idle_clock({7}, tmp_path / "stat")() is None
