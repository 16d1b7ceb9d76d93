"""The verdict on harmful versions: every row of a run has its bars."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.attacks import candidates
from tests.attacks.candidate_rows import BESIDE, COLD, ROWS, SWAPS
from tests.truth.cpu_groups import CgroupError

GOOD: dict[str, Any] = {
    "p99 during / before": 1.1,
    "lost": 0,
    "serves": True,
    "reason names it": True,
    "same process": True,
    "told after being still, s": 0.7,
    "growth of memory": 0.01,
    "wrong answers": 0,
    "s beyond its own start": 0.4,
    "starts": 1,
    "reason": "as expected",
}


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """The exit status of a run whose rows measured `GOOD` and what is given; and what it said."""

    def run(*arguments: str, **measured: Any) -> tuple[int, str]:
        output = ["--output", str(tmp_path / "candidates.json")]
        monkeypatch.setattr(sys, "argv", ["candidates", *output, *arguments])
        found = {name.replace("_", " "): value for name, value in measured.items()}
        monkeypatch.setattr(candidates, "_measure", lambda name, capacities: {**GOOD, **found})
        return candidates.main(), capsys.readouterr().out

    return run


def test_a_run_whose_bars_are_met_says_so_of_every_row(run):
    status, text = run()

    assert status == 0
    assert "0 of " in text
    assert "MISS" not in text
    assert all(f"pass  {name} " in text for name in ROWS)


@pytest.mark.parametrize(
    ("row", "measured"),
    [
        ("good", {"lost": 1}),
        ("good, 500m", {"serves": False}),
        ("zeros", {"reason names it": False}),
        ("growing", {"told after being still, s": 5.1}),
        ("tiny files", {"p99 during / before": 1.21}),
        ("load SIGSEGV", {"same process": False}),
        (SWAPS, {"wrong answers": 1}),
        (SWAPS, {"growth of memory": 0.03}),
        ("cold load hang", {"starts": 3}),
        ("cold zeros", {"s beyond its own start": 5.5}),
    ],
)
def test_a_bar_that_is_missed_ends_the_run_with_1(run, row, measured):
    status, text = run("--rows", row, **measured)

    assert status == 1
    assert "1 of " in text


def test_an_outlier_is_no_verdict(run):
    run("--rows", "good", "--rounds", "1", **{"p99 during / before": 9.0})
    status, text = run("--rows", "good", "--rounds", "2", "--keep")

    assert status == 0
    assert "9.00 1.10 1.10" in text


def test_fewer_rounds_are_told(run):
    assert "an indication, not a result" in run("--rows", "good", "--rounds", "1")[1]


def test_a_row_that_cannot_run_here_is_told_and_no_success(monkeypatch, tmp_path, capsys):
    def refuse(name, capacities):
        raise CgroupError("no right to make a group")

    monkeypatch.setattr(candidates, "_measure", refuse)
    output = str(tmp_path / "candidates.json")
    monkeypatch.setattr(sys, "argv", ["candidates", "--output", output, "--rows", "good, 500m"])

    assert candidates.main() == 2
    assert "left out: good, 500m: no right to make a group" in capsys.readouterr().out


def test_each_file_that_harms_is_the_newest_version_of_a_cold_start_too():
    harmful = [name for name, row in BESIDE.items() if row.said]

    assert len(harmful) == len(COLD) == 12
