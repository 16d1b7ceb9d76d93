from __future__ import annotations

import pytest

from longshore.cpu.quantity import parse_cpus, whole_cpus


@pytest.mark.parametrize(
    ("written", "cpus"),
    [
        ("500m", 0.5),
        ("1500m", 1.5),
        ("0.5m", 0.001),
        ("1.5", 1.5),
        (".5", 0.5),
        ("2.", 2),
        ("2", 2),
        ("007", 7),
        ("0.0001", 0.001),
        (0.25, 0.25),
        (3, 3),
        (1e-300, 0.001),
    ],
)
def test_a_quantity_is_written_as_kubernetes_does_or_as_a_number(written, cpus):
    assert parse_cpus(written) == cpus


@pytest.mark.parametrize(
    "written",
    [
        *(
            "",
            "m",
            ".",
            "0",
            "0m",
            "0.0",
            "-1",
            "+1",
            "1,5",
            "2 ",
            "2\n",
            "500M",
            "2k",
            "1e3",
            "two",
        ),
        *("nan", "9" * 400, 0, -0.5, float("inf"), float("nan")),
    ],
)
def test_what_is_no_quantity_above_zero_is_refused(written):
    with pytest.raises(ValueError, match="is not a number of CPUs above 0"):
        parse_cpus(written)


@pytest.mark.parametrize(("cpus", "whole"), [(0.1, 1), (1, 1), (1.01, 2), (2.5, 3), (8, 8)])
def test_threads_are_whole_and_enough_to_use_what_there_is(cpus, whole):
    assert whole_cpus(cpus) == whole
