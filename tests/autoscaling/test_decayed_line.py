from __future__ import annotations

import math

import pytest

from longshore.autoscaling.decayed_line import DecayedLine
from longshore.autoscaling.decayed_ratio import MEMORY_SECONDS


@pytest.fixture
def line():
    return DecayedLine()


def test_before_there_is_a_point_nothing_is_known(line):
    assert line.parts() == (0.0, 0.0)


def test_points_on_a_line_give_its_two_parts(line):
    for count in (1, 8, 64) * 10:
        line.add(count, 0.3 + 0.05 * count)

    fixed, each = line.parts()
    assert fixed == pytest.approx(0.3, rel=0.3)
    assert each == pytest.approx(0.05, rel=0.1)


def test_a_few_points_are_not_believed_against_proportion(line):
    for count in (1, 8):
        line.add(count, 0.3 + 0.05 * count)

    fixed, each = line.parts()
    assert 0.05 < each < (0.35 + 0.7) / 9
    assert 0.0 < fixed < 0.3


def test_counts_that_do_not_vary_are_in_proportion(line):
    for cost in (0.9, 1.1):
        line.add(4, cost)

    fixed, each = line.parts()
    assert fixed == pytest.approx(0.0)
    assert each == pytest.approx(0.25)


@pytest.mark.parametrize("costs", [(1.0, 0.1), (0.1, 5.0)])
def test_neither_part_is_below_zero(line, costs):
    for count, cost in zip((1, 8), costs, strict=True):
        line.add(count, cost)

    assert min(line.parts()) >= 0.0


def test_the_line_goes_through_the_means(line):
    for count, cost in ((1, 0.5), (2, 0.4), (9, 1.2)):
        line.add(count, cost)

    fixed, each = line.parts()
    assert fixed + each * 4 == pytest.approx(0.7)


def test_what_is_forgotten_counts_less(line):
    line.add(1, 1.0)
    line.forget(MEMORY_SECONDS)
    line.add(1, 2.0)

    kept = math.exp(-1)
    assert sum(line.parts()) == pytest.approx((kept + 2.0) / (kept + 1.0))
