from __future__ import annotations

import pytest

from longshore.batching.cost import CostLine
from longshore.batching.sharing import Sharing

BY_ROW = CostLine(((1, 0.010), (2, 0.020), (4, 0.040)))
BY_EXECUTION = CostLine(((1, 0.010), (2, 0.0105), (4, 0.011)))


@pytest.mark.parametrize(
    ("rows", "instances", "each"), [(1, 2, 1), (2, 2, 1), (3, 2, 2), (4, 2, 2), (2, 4, 1)]
)
def test_idle_instances_divide_rows_that_cost_one_by_one(rows, instances, each):
    assert Sharing(BY_ROW).rows_each(rows, instances, most=4) == each


@pytest.mark.parametrize("rows", [2, 3, 4])
def test_rows_that_cost_little_together_stay_together(rows):
    assert Sharing(BY_EXECUTION).rows_each(rows, 2, most=4) == rows


@pytest.mark.parametrize(("wide_seconds", "each"), [(0.012, 1), (0.009, 2)])
def test_one_wide_execution_takes_them_where_that_is_faster(wide_seconds, each):
    assert Sharing(BY_ROW, CostLine(((2, wide_seconds),))).rows_each(2, 2, most=4) == each


@pytest.mark.parametrize(("line", "each"), [(BY_ROW, 3), (BY_EXECUTION, 4)])
def test_more_rows_than_one_may_take_are_divided_evenly_where_that_is_faster(line, each):
    assert Sharing(line, wide=CostLine(((6, 0.001),))).rows_each(6, 2, most=4) == each


def test_no_instance_takes_more_than_it_may():
    assert Sharing(BY_ROW).rows_each(100, 2, most=4) == 4
