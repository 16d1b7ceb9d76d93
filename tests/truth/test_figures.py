from __future__ import annotations

from pathlib import Path

import pytest

from tests.truth import report
from tests.truth.calm import spread
from tests.truth.figures import INFORMATION, Bounds, Figure, Key, verdicts

KEY = Key("readings", "tiny-json", "500m", "full")
BAR = Bounds(0.9, 1.1)


def figures(*values: float, bounds: Bounds = BAR) -> list[Figure]:
    return [Figure(KEY, value, bounds, {"capacity": 100.0}) for value in values]


@pytest.mark.parametrize("value", [0.9, 1.0, 1.1])
def test_a_bar_includes_its_bounds(value: float) -> None:
    assert BAR.hold(value)


@pytest.mark.parametrize("value", [0.89, 1.11, float("nan")])
def test_what_is_outside_of_the_bounds_is_missed(value: float) -> None:
    assert not BAR.hold(value)


def test_a_bar_may_have_one_bound() -> None:
    assert Bounds(least=0.9).hold(7.0)
    assert Bounds(most=0.05).hold(-1.0)
    assert not Bounds(most=0.05).hold(0.06)


def test_the_verdict_is_on_the_median_of_the_rounds() -> None:
    (verdict,) = verdicts(figures(0.5, 1.0, 1.05))

    assert verdict.value == 1.0
    assert verdict.passed


def test_figures_of_other_cells_are_verdicts_of_their_own() -> None:
    other = Figure(KEY._replace(limit="1"), 0.5, BAR)

    found = verdicts([*figures(1.0), other, *figures(1.0)])

    assert [(verdict.key.limit, len(verdict.values)) for verdict in found] == [
        ("500m", 2),
        ("1", 1),
    ]
    assert [verdict.passed for verdict in found] == [True, False]


def test_a_figure_for_information_is_never_missed() -> None:
    assert all(verdict.passed for verdict in verdicts(figures(9.0, bounds=INFORMATION)))


def test_a_run_in_pieces_goes_on_with_the_figures_of_the_pieces_before(tmp_path: Path) -> None:
    path = tmp_path / "build" / "truth.json"
    report.write_json(figures(1.0, 0.4), {"cpus": 2}, path)

    assert report.read_figures(path) == figures(1.0, 0.4)


def test_a_run_begins_with_nothing(tmp_path: Path) -> None:
    assert report.read_figures(tmp_path / "truth.json") == []


def test_the_table_counts_the_bars_that_were_missed() -> None:
    text = report.text([*figures(0.5, 0.5, 0.5), *figures(9.0, bounds=INFORMATION)[:0]])

    assert "1 of 1 bars missed" in text
    assert "MISS  readings" in text
    assert "indication" not in text


def test_few_rounds_are_called_an_indication() -> None:
    assert "fewer than 3 rounds: an indication, not a result" in report.text(figures(1.0))


def test_the_spread_of_minutes_is_relative_to_their_mean() -> None:
    assert spread([0.49, 0.5, 0.51]) == pytest.approx(0.04)
