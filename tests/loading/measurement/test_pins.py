from __future__ import annotations

from longshore.batching.cost import CostLine
from longshore.loading.measurement import pins
from longshore.loading.measurement.calibration import Measurement
from longshore.loading.plan import Split

FLAT = CostLine(((1, 0.1), (2, 0.2), (4, 0.4)))
"""A row costs the same in every batch."""
SHARED = CostLine(((1, 0.1), (2, 0.1), (4, 0.1)))
"""An execution costs the same with every number of rows."""
DEARER = CostLine(((1, 0.1), (2, 0.3), (4, 0.8)))


def measured(instances: int, threads: int, cost: CostLine = FLAT) -> Measurement:
    return Measurement(Split(instances, threads), cost)


def test_a_split_is_compared_with_the_best_of_those_that_were_left_open():
    notes = pins.split_notes(measured(1, 2), [measured(2, 1), measured(4, 1)])

    assert notes == ["instances x threads are pinned to 1x2, 75% slower than 4x1"]


def test_the_best_split_and_one_without_others_need_no_words():
    assert pins.split_notes(measured(2, 1), [measured(1, 2)]) == []
    assert pins.split_notes(measured(1, 2), []) == []


def test_a_batch_that_makes_rows_dearer_is_said_to():
    assert pins.batch_notes(measured(1, 1, DEARER), 1, 4) == [
        "max_batch_size is pinned to 4, 50% slower per row than the measured 1"
    ]


def test_a_batch_that_stops_where_throughput_still_rises_is_said_to():
    (note,) = pins.batch_notes(measured(1, 1, SHARED), 4, 4)

    assert "the last doubling still made rows 100% faster" in note


def test_a_batch_as_good_as_the_others_needs_no_words():
    assert pins.batch_notes(measured(1, 1), 1, 4) == []
