"""The run as a table and as JSON; a run may be done in pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loadtests.bench.report import MIN_ROUNDS
from tests.truth.figures import INFORMATION, Bounds, Figure, Key, Verdict, verdicts

HEAD = (
    f"{'':6}{'cell':10} {'workload':15}{'limit':6} {'what':22}{'median':>7}  {'bar':12}"
    f"{'rounds':24}{'C/s':>9}{'truth':>6}{'CPUs':>6}{'thr.':>5}{'p50 ms':>8}"
    f"{'gen':>6}{'other':>6}{'drift':>6}"
)
DETAILS = (
    ("capacity", 9, 1), ("truth", 6, 2), ("cpus", 6, 2), ("throttled", 5, 2), ("p50_ms", 8, 1),
    ("generator_cpus", 6, 2), ("other_cpus", 6, 2), ("drift", 6, 2),
)  # fmt: skip


def text(figures: list[Figure]) -> str:
    """A line for each figure: the median over its rounds, the bar, and what explains it."""
    found = verdicts(figures)
    lines = [HEAD, *map(_line, found)]
    lines += [f"  {line}" for line in _explanations(found)]
    missed = sum(not verdict.passed for verdict in found)
    lines.append(f"{missed} of {sum(v.bounds != INFORMATION for v in found)} bars missed")
    if any(len(verdict.values) < MIN_ROUNDS for verdict in found):
        lines.append(f"fewer than {MIN_ROUNDS} rounds: an indication, not a result")
    return "\n".join(lines)


def write_json(figures: list[Figure], machine: dict[str, Any], path: Path) -> None:
    document = {
        "machine": machine,
        "bars": [verdict.as_row() for verdict in verdicts(figures)],
        "figures": [figure.as_row() for figure in figures],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def read_figures(path: Path) -> list[Figure]:
    """What an earlier piece of the run has written; nothing where there is no file."""
    if not path.exists():
        return []
    return [
        Figure(
            Key(row["cell"], row["workload"], row["limit"], row["what"]), row["value"],
            Bounds(*row["bounds"]), row["details"],
        )
        for row in json.loads(path.read_text(encoding="utf-8"))["figures"]
    ]  # fmt: skip


def line(figure: Figure) -> str:
    """One figure as it comes."""
    return _line(verdicts([figure])[0])


def _line(verdict: Verdict) -> str:
    mark = "" if verdict.bounds == INFORMATION else "pass" if verdict.passed else "MISS"
    cell, workload, limit, what = verdict.key
    values = " ".join(f"{value:.2f}" for value in verdict.values)
    figures = "".join(_detail(verdict.details, *column) for column in DETAILS)
    return (
        f"{mark:6}{cell:10} {workload:15}{limit:6} {what:22}{verdict.value:7.2f}  "
        f"{verdict.bounds!s:12}{values:24}{figures}"
    )


def _detail(details: dict[str, Any], name: str, width: int, digits: int) -> str:
    value = details.get(name)
    return f"{'-':>{width}}" if value is None else f"{value:{width}.{digits}f}"


def _explanations(found: list[Verdict]) -> Iterator[str]:
    """What each server chose and, over the truth, counted of each resource, in its last round."""
    for verdict in found:
        plan, resources = verdict.details.get("plan", ""), verdict.details.get("resources", "")
        if plan or resources:
            yield f"{' '.join(verdict.key)}: {resources} {plan}"
