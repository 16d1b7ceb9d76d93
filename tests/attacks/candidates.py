"""New versions beside one that serves half of what it can: good ones, and files that harm.

`python -m tests.attacks.candidates`, alone on the machine, as root (it makes cgroups). For each row
the 99th percentile of the latency from when the files appear until the version serves or is
refused, over that of the seconds before; what was lost; what was said, and how soon. Then the same
files at a cold start. `nothing` is a row too, in which no version appears.

A round of everything takes 18 minutes: 20 s for each version that harms its process, 30 s for
a good one, 70 s for one under half a CPU, and as long for `nothing` there, 45 s for one on a busy
pod, 80 s for files that are no model, 105 s for a growing one, 90 s for the swaps, 5 s for each
cold start and 20 s for one that hangs. The verdict is on the medians of three rounds. `--keep` adds
to the figures of an earlier run, so that it may be done in pieces.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from loadtests.bench.models import MODELS, SEQUENCE, VOCABULARY, model_directory
from loadtests.bench.payloads import v2_json
from loadtests.bench.report import MIN_ROUNDS, machine
from tests.attacks.candidate_rows import COLD, FAULTS, ROWS, SWAPS, Row, make_good
from tests.attacks.candidate_starts import measure_cold
from tests.attacks.http_client import post
from tests.attacks.open_load import OpenLoad, capacity
from tests.attacks.served_process import ServedProcess
from tests.truth.cpu_groups import CgroupError
from tests.truth.figures import INFORMATION, Figure, Key, Verdict, verdicts
from tests.truth.report import read_figures, write_json

AFTER_SECONDS = 2.0
"""In which a version that serves executes for the first time."""
MOST_SECONDS = 120.0
ASK_SECONDS = 0.25
"""Twenty questions a second would take 3 % of a quota of half a CPU while the version is tried."""
QUICK = {
    "version_settle_seconds": 1,
    "model_poll_seconds": 0.5,
    "trial_timeout_seconds": 20,
    "calibration_budget_seconds": 10,
}
SWAP_COUNT, STAY_SECONDS = 20, 0.5


def main() -> int:
    """Returns 0 when every bar was met, 1 when one was not, 2 when a row could not run."""
    options = _parser().parse_args()
    figures = read_figures(options.output) if options.keep else []
    before, left_out = machine(), []
    capacities: dict[str, float] = {}
    for name in [name for _ in range(options.rounds) for name in options.rows]:
        try:
            measured = _measure(name, capacities)
        except CgroupError as error:
            left_out.append(f"left out: {name}: {error}")
            continue
        figures += figures_of(name, measured)
        write_json(figures, before, options.output)
        print(name, measured, flush=True)
    print("\n".join([*table(figures), *left_out, f"wrote {options.output}"]))
    met = all(verdict.passed for verdict in verdicts(figures))
    return 2 if left_out else 0 if met else 1


def _measure(name: str, capacities: dict[str, float]) -> dict[str, Any]:
    """`capacities` are those that were found so far, by limit."""
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        model = Path(directory) / "encoder"
        shutil.copytree(model_directory(MODELS["encoder"], Path("build/bench")), model)
        row = ROWS[name]
        inside = list(row.groups(stack))
        if name in COLD:
            return measure_cold(row, model, inside, QUICK)
        if row.make is not None:
            row.make(model)
            os.sync()  # what is still written to the disk later would disturb
        served = ServedProcess(
            model, **QUICK, inside=inside, environment={"PYTHONPATH": str(FAULTS)}
        )
        with served:
            step = _many_swaps if name == SWAPS else _under_load
            return asyncio.run(step(row, model, served, capacities))


def figures_of(name: str, measured: dict[str, Any]) -> list[Figure]:
    """One for each bar of the row; what else was measured explains the first of them."""
    row = ROWS[name]
    details = {key: value for key, value in measured.items() if key not in row.bars}
    return [
        Figure(
            Key("candidates", name, row.limit, what), float(measured[what]), bounds,
            details if what == next(iter(row.bars)) else {},
        )
        for what, bounds in row.bars.items()
    ]  # fmt: skip


def table(figures: list[Figure]) -> Iterator[str]:
    """A line for each figure: the median over its rounds, and the bar."""
    found = verdicts(figures)
    yield from map(_line, found)
    judged = [verdict for verdict in found if verdict.bounds != INFORMATION]
    missed = sum(not verdict.passed for verdict in judged)
    yield f"{missed} of {len(judged)} bars missed"
    if any(len(verdict.values) < MIN_ROUNDS for verdict in found):
        yield f"fewer than {MIN_ROUNDS} rounds: an indication, not a result"


def _line(verdict: Verdict) -> str:
    mark = "" if verdict.bounds == INFORMATION else "pass" if verdict.passed else "MISS"
    _, name, limit, what = verdict.key
    values = " ".join(f"{value:.2f}" for value in verdict.values)
    return f"{mark:6}{name:22}{limit:10}{what:28}{verdict.value:8.2f}  {verdict.bounds!s:8}{values}"


async def _load_of(
    row: Row, served: ServedProcess, capacities: dict[str, float]
) -> tuple[OpenLoad, asyncio.Task[None]]:
    """From now on."""
    rows = np.random.default_rng(1).integers(0, VOCABULARY, (1, SEQUENCE))
    request = post("/v2/models/encoder/infer", v2_json(rows).body)
    if row.limit not in capacities:
        capacities[row.limit] = await capacity(served.port, request)
    load = OpenLoad(served.port, request, row.load * capacities[row.limit], row.window_seconds)
    return load, asyncio.create_task(load.run())


async def _under_load(
    row: Row, model: Path, served: ServedProcess, capacities: dict[str, float]
) -> dict[str, Any]:
    pid = served.pid
    load, task = await _load_of(row, served, capacities)
    await asyncio.sleep(row.window_seconds + 2)
    begun = time.monotonic()
    if row.put is not None:
        await asyncio.to_thread(row.put, model)
    still = time.monotonic()
    reason = await asyncio.to_thread(_wait, row, served) if row.put is not None else "nothing"
    told = time.monotonic()
    least = begun + row.window_seconds - told
    await asyncio.sleep(max(least, 0.0 if row.said else AFTER_SECONDS))
    end = time.monotonic()
    load.is_over = True
    await task
    calm = begun - row.window_seconds
    before, during = load.percentile(calm, begun), load.percentile(begun, end)
    return {
        "p99 during / before": round(during / before, 2),
        "lost": load.lost,
        "serves": reason == "serves",
        "reason names it": "version 2 " in reason and row.said in reason,
        "told after being still, s": round(told - still, 1),
        "same process": served.is_running and served.pid == pid,
        "p99 before, during, ms": [before, during],
        "p50 before, during, ms": [
            load.percentile(calm, begun, 50), load.percentile(begun, end, 50)
        ],
        "worst second, ms": load.worst_second(begun, end),
        "outcomes": dict(load.outcomes),
        "rate": round(load.rate, 1),
        "reason": reason,
    }  # fmt: skip


async def _many_swaps(
    row: Row, model: Path, served: ServedProcess, capacities: dict[str, float]
) -> dict[str, Any]:
    """Good versions one after the other; every answer is that of the first, which they equal."""
    load, task = await _load_of(row, served, capacities)
    resident = []
    for number in range(2, 2 + SWAP_COUNT):
        await asyncio.to_thread(_publish_equal, model, number)
        await asyncio.to_thread(served.wait_ready, str(number))
        await asyncio.sleep(STAY_SECONDS)
        resident.append(served.resident_bytes)
    load.is_over = True
    await task
    early, late = float(np.median(resident[2:7])), float(np.median(resident[-5:]))
    return {
        "growth of memory": round(late / early - 1, 4),
        "lost": load.lost,
        "wrong answers": load.wrong,
        "resident after 3 to 7, after the last 5, MiB": [
            round(early / 2**20, 1), round(late / 2**20, 1)
        ],
        "outcomes": dict(load.outcomes),
    }  # fmt: skip


def _publish_equal(model: Path, number: int) -> None:
    make_good(model)
    (model / ".2").rename(model / str(number))


def _wait(row: Row, served: ServedProcess) -> str:
    """What is said of version 2, once it serves or is refused."""
    deadline = time.monotonic() + MOST_SECONDS
    while time.monotonic() < deadline and served.is_running:
        health = served.health()
        problems = [text for text in health.get("problems", ()) if "version 2" in text]
        if not row.said and health.get("versions", {}).get("2") == "READY":
            return "serves"
        if problems:
            return str(problems[0])
        time.sleep(ASK_SECONDS)
    return f"nothing was said within {MOST_SECONDS:g} s"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.attacks.candidates", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW",
        help=f"of {'; '.join(ROWS)}",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=3, help="medians are taken over these")
    parser.add_argument("--keep", action="store_true", help="add to the figures in the output")
    parser.add_argument("--output", type=Path, default=Path("build/candidates.json"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
