"""Cold start and memory of a small model, compared with what onnxruntime alone needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadtests.bench import processes, wrk
from loadtests.bench.models import BenchModel, artifact
from loadtests.bench.payloads import random_rows
from loadtests.bench.servers import ServerError, running, wait_for_answer
from loadtests.bench.targets import longshore_target

WARM_CONNECTIONS = 32
MOST_STARTS = 20
CALIBRATIONS = "calibrations"
FLOOR_SCRIPT = Path(__file__).with_name("first_answer.py")


@dataclass(frozen=True, slots=True)
class StartUp:
    """One round; seconds from the start of the process to the first answer, memory in MiB."""

    floor_seconds: float
    cached_seconds: float
    uncached_seconds: float
    floor_pss_mb: float
    floor_rss_mb: float
    warm_pss_mb: float
    warm_rss_mb: float

    def as_row(self) -> dict[str, Any]:
        return asdict(self)


def measure_start_up(
    model: BenchModel, directory: Path, *, rounds: int, warm_seconds: float
) -> list[StartUp]:
    """Rounds of: the floor, a start without a calibration, a start with one, warm memory."""
    with tempfile.TemporaryDirectory() as work:
        # One start that does not count: files come off the disk, bytecode is compiled.
        with _floor(directory), _longshore(model, directory, Path(work)):
            pass
        return [_round(model, directory, Path(work), warm_seconds) for _ in range(rounds)]


def _round(model: BenchModel, directory: Path, work: Path, warm_seconds: float) -> StartUp:
    with _floor(directory) as (floor_seconds, floor_memory):
        pass
    uncached_seconds = _start_until_kept(model, directory, work)
    with _longshore(model, directory, work) as (cached_seconds, pid, url):
        payload = next(iter(longshore_target(model, directory, work).wires.values()))
        script = wrk.write_script(work / "warm.lua", payload.make(random_rows(model, 1)[0]))
        wrk.run(url, script, connections=WARM_CONNECTIONS, seconds=warm_seconds)
        memory = processes.memory(pid)
    return StartUp(
        floor_seconds, cached_seconds, uncached_seconds, floor_memory.pss, floor_memory.rss,
        memory.pss, memory.rss,
    )  # fmt: skip


def _start_until_kept(model: BenchModel, directory: Path, work: Path) -> float:
    """Seconds of the last start without a calibration. A measurement that was disturbed is not
    kept, and the start after it would measure too.

    Raises:
        ServerError: none was kept.
    """
    calibrations = work / CALIBRATIONS
    shutil.rmtree(calibrations, ignore_errors=True)
    for _ in range(MOST_STARTS):
        with _longshore(model, directory, work) as (seconds, _, _):
            pass
        if calibrations.exists() and any(calibrations.iterdir()):
            return seconds
    raise ServerError(f"of {MOST_STARTS} starts no calibration was kept: the machine is busy")


@contextmanager
def _floor(directory: Path) -> Iterator[tuple[float, processes.Memory]]:
    command = [sys.executable, str(FLOOR_SCRIPT), str(artifact(directory))]
    started = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        seconds = time.monotonic() - started
        yield seconds, processes.memory(process.pid)


@contextmanager
def _longshore(model: BenchModel, directory: Path, work: Path) -> Iterator[tuple[float, int, str]]:
    target = longshore_target(model, directory, work / CALIBRATIONS)
    row = random_rows(model, 1)[0]
    started = time.monotonic()
    with running(target, work / "longshore.log") as server:
        seconds = wait_for_answer(server, row) - started
        yield seconds, server.pid, server.url("json")
