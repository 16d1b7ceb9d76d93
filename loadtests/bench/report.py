"""The run as text and as JSON."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from loadtests.bench.bars import Bar, idle_bars, start_up_bars, throughput_bars
from loadtests.bench.cells import Cell
from loadtests.bench.idle_connections import IdleRound
from loadtests.bench.ratios import Table
from loadtests.bench.start_up import StartUp
from loadtests.bench.targets import ECHO, ONNXRUNTIME

PACKAGES = ("longshore", "onnxruntime", "numpy", "uvicorn", "uvloop", "httptools", "orjson")
MIN_ROUNDS = 3


@dataclass(slots=True)
class Run:
    """Everything that one call of the bench has measured."""

    rounds: int
    idle_count: int
    cells: list[Cell] = field(default_factory=list)
    floor_sweeps: dict[str, dict[str, float]] = field(default_factory=dict)
    """By model and split: rows per second of onnxruntime alone."""
    calibrations: dict[str, Any] = field(default_factory=dict)
    """By model: what Longshore says it found."""
    start_ups: list[StartUp] = field(default_factory=list)
    idle_rounds: list[IdleRound] = field(default_factory=list)
    peers_left_out: dict[str, str] = field(default_factory=dict)

    def bars(self) -> list[Bar]:
        return [
            *throughput_bars(Table(self.cells)),
            *start_up_bars(self.start_ups),
            *idle_bars(self.idle_rounds, self.idle_count),
        ]


def machine() -> dict[str, Any]:
    """Where and with what the figures were taken."""
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0],
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "packages": {name: version(name) for name in PACKAGES},
    }


def write_json(run: Run, before: dict[str, Any], path: Path) -> None:
    document = {
        "machine": before,
        "load_average_after": os.getloadavg()[0],
        "rounds": run.rounds,
        "bars": [bar.as_row() for bar in run.bars()],
        "cells": [cell.as_row() for cell in run.cells],
        "floor_sweeps_rows_per_second": run.floor_sweeps,
        "calibrations": run.calibrations,
        "start_up": [each.as_row() for each in run.start_ups],
        "idle_connections": [each.as_row() for each in run.idle_rounds],
        "peers_left_out": run.peers_left_out,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def text(run: Run) -> str:
    """Tables of medians, then the bars."""
    return "\n".join([*_cell_lines(run.cells), *_start_up_lines(run.start_ups), *_bar_lines(run)])


def _cell_lines(cells: list[Cell]) -> Iterator[str]:
    table = Table(cells)
    head = f"{'':12}{'rps':>10}{'p50 ms':>9}{'p99 ms':>9}{'/ echo':>8}{'/ ort':>8}"
    for model in table.values("model"):
        for encoding in table.values("encoding"):
            for connections in sorted({cell.concurrency for cell in cells}):
                yield f"\n{model}, {encoding}, c={connections}"
                yield f"{head}{'CPU ms':>9}{'PSS MiB':>9}{'batch':>7}{'errors':>8}"
                for target in table.values("target"):
                    rows = table.rounds(model, target, encoding, connections)
                    if rows:
                        yield _row(table, rows)


def _row(table: Table, rows: list[Cell]) -> str:
    first = rows[0]
    to_echo, to_floor = (
        table.throughput_ratio(
            first.model, over, first.encoding, first.concurrency, target=first.target
        )
        for over in (ECHO, ONNXRUNTIME)
    )
    figures = (
        _figure(median(row.rps for row in rows), 10, 1),
        _figure(_median(row.p50_ms for row in rows), 9, 2),
        _figure(_median(row.p99_ms for row in rows), 9, 2),
        _figure(to_echo, 8, 2),
        _figure(to_floor, 8, 2),
        _figure(_median(row.cpu_ms_per_request for row in rows), 9, 3),
        _figure(_median(row.pss_mb for row in rows), 9, 0),
        _figure(_median(row.mean_batch for row in rows), 7, 1),
        f"{sum(row.errors for row in rows):8}",
    )
    return f"{first.target:12}" + "".join(figures)


def _start_up_lines(rounds: list[StartUp]) -> Iterator[str]:
    if not rounds:
        return
    yield "\nprocess start to first answer, and memory (PSS / RSS)"
    floor, cached, uncached = (
        median(getattr(each, f"{name}_seconds") for each in rounds)
        for name in ("floor", "cached", "uncached")
    )
    pss, rss, floor_pss, floor_rss = (
        median(getattr(each, f"{name}_mb") for each in rounds)
        for name in ("warm_pss", "warm_rss", "floor_pss", "floor_rss")
    )
    yield f"import, load, run           {floor:6.3f} s   {floor_pss:6.1f} / {floor_rss:.1f} MiB"
    yield f"longshore, calibration kept {cached:6.3f} s   {pss:6.1f} / {rss:.1f} MiB warm"
    yield f"longshore, calibrating      {uncached:6.3f} s"


def _bar_lines(run: Run) -> Iterator[str]:
    yield f"\nbars (medians of {run.rounds} rounds)"
    yield from map(str, run.bars())
    if run.rounds < MIN_ROUNDS:
        yield f"fewer than {MIN_ROUNDS} rounds: an indication, not a result"
    for peer, reason in run.peers_left_out.items():
        yield f"left out: {peer}: {reason}"


def _median(values: Iterator[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _figure(value: float | None, width: int, digits: int) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:{width}.{digits}f}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
