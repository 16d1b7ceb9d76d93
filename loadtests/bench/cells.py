"""The grid of every target, encoding and number of connections, measured in rounds. Cells that are
compared are measured one after the other.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from loadtests.bench import floors, processes, wrk
from loadtests.bench.mean_batch import BatchCounters, read_counters
from loadtests.bench.models import ENCODINGS, BenchModel, artifact
from loadtests.bench.payloads import Array, random_rows
from loadtests.bench.servers import (
    RunningServer,
    Target,
    check_answers,
    running,
    wait_for_answer,
)
from loadtests.bench.targets import ONNXRUNTIME

CHECKED_ROWS = 12
WARMUP_CONNECTIONS = 32
IDLE_TIMEOUT_SECONDS = 15.0

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Grid:
    """What to measure and for how long."""

    concurrencies: tuple[int, ...] = (1, 8, 32, 64)
    encodings: tuple[str, ...] = ENCODINGS
    rounds: int = 3
    seconds_factor: float = 1.0
    """Of the model's own `cell_seconds`."""
    floor_seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement; the floor has no process to look at, and a latency at one connection."""

    model: str
    target: str
    encoding: str
    concurrency: int
    round: int
    rps: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    errors: int = 0
    cpu_ms_per_request: float | None = None
    pss_mb: float | None = None
    mean_batch: float | None = None
    """Rows per execution, where the server says."""

    def as_row(self) -> dict[str, Any]:
        return asdict(self)


def measure_model(
    model: BenchModel, directory: Path, targets: list[Target], grid: Grid, report: Report
) -> tuple[list[Cell], dict[str, float]]:
    """All cells of `model`, and the floor's sweep by split.

    Raises:
        ServerError: a target does not start or answers wrongly.
        WrkError: wrk failed.
    """
    sweep = floors.sweep(artifact(directory), grid.floor_seconds / 2)
    best = floors.best_splits(sweep)
    lone = floors.best_lone_splits(sweep)
    report(
        f"{model.name}: onnxruntime alone is best at {', '.join(map(str, best))}, for one row at "
        f"{', '.join(map(str, lone))}"
    )
    with tempfile.TemporaryDirectory() as work, ExitStack() as stack:
        runner = _Runner(model, Path(work), grid, report)
        servers = [stack.enter_context(runner.started(target)) for target in targets]
        cells = list(runner.cells(servers, artifact(directory), best, lone))
    return cells, {str(split): rate for split, rate in sweep.items()}


class _Runner:
    """Cells of one model; every server but the one under load is paused."""

    def __init__(self, model: BenchModel, work: Path, grid: Grid, report: Report) -> None:
        self._model = model
        self._work = work
        self._grid = grid
        self._report = report
        self._rows = random_rows(model, CHECKED_ROWS)

    @contextmanager
    def started(self, target: Target) -> Iterator[RunningServer]:
        """A server that has started, answered rightly and been warmed, paused."""
        with running(target, self._work / f"{target.name}.log") as server:
            wait_for_answer(server, self._rows[0])
            for encoding in target.wires:
                self._script(target, encoding)
                self._load(server, encoding, WARMUP_CONNECTIONS, self._cell_seconds / 2)
            processes.wait_until_idle(server.pid, IDLE_TIMEOUT_SECONDS)
            server.pause()
            yield server

    def cells(
        self,
        servers: list[RunningServer],
        model: Path,
        best: list[floors.Split],
        lone: list[floors.Split],
    ) -> Iterator[Cell]:
        expected = self._expected(model)
        for server in (server for server in servers if server.target.answers):
            self._check(server, expected)
        for number in range(1, self._grid.rounds + 1):
            for encoding in self._grid.encodings:
                for connections in self._grid.concurrencies:
                    splits = lone if connections == 1 else best
                    yield self._floor(model, splits, encoding, connections, number)
                    # Every other round backwards, so that no target is always the later one.
                    for server in servers[:: 1 if number % 2 else -1]:
                        if encoding in server.target.wires:
                            yield self._cell(server, encoding, connections, number)

    def _cell(self, server: RunningServer, encoding: str, connections: int, number: int) -> Cell:
        server.resume()
        wait_for_answer(server, self._rows[0], encoding)
        processes.wait_until_idle(server.pid, IDLE_TIMEOUT_SECONDS)
        batches = _batch_counters(server)
        before = processes.cpu_seconds(server.pid)
        result = self._load(server, encoding, connections, self._cell_seconds)
        cpu_seconds = processes.cpu_seconds(server.pid) - before
        memory = processes.memory(server.pid)
        processes.wait_until_idle(server.pid, IDLE_TIMEOUT_SECONDS)
        batches_after = _batch_counters(server)
        server.pause()
        cell = Cell(
            self._model.name, server.target.name, encoding, connections, number,
            result.requests_per_second, result.p50_ms, result.p99_ms, result.errors,
            1000 * cpu_seconds / max(1, result.requests), memory.pss,
            batches_after.mean_since(batches) if batches and batches_after else None,
        )  # fmt: skip
        self._report(
            f"{cell.model} round {number} {encoding:6} c={connections:<3} {cell.target:11} "
            f"{cell.rps:9.1f}/s p50 {result.p50_ms:8.2f} p99 {result.p99_ms:8.2f} ms "
            f"errors {cell.errors}"
        )
        return cell

    def _floor(
        self, model: Path, splits: list[floors.Split], encoding: str, connections: int, number: int
    ) -> Cell:
        rate = max(floors.measure(model, self._grid.floor_seconds, splits).values())
        mean_ms = 1000 / rate if connections == 1 else None
        return Cell(self._model.name, ONNXRUNTIME, encoding, connections, number, rate, mean_ms)

    def _check(self, server: RunningServer, expected: list[Array]) -> None:
        server.resume()
        for encoding in server.target.wires:
            check_answers(server, encoding, self._rows, expected, self._model.tolerance)
        server.pause()

    def _expected(self, model: Path) -> list[Array]:
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        return [np.asarray(session.run(None, {"x": row})[0]) for row in self._rows]

    def _load(
        self, server: RunningServer, encoding: str, connections: int, seconds: float
    ) -> wrk.LoadResult:
        script = self._work / f"{server.target.name}-{encoding}.lua"
        return wrk.run(server.url(encoding), script, connections=connections, seconds=seconds)

    def _script(self, target: Target, encoding: str) -> Path:
        path = self._work / f"{target.name}-{encoding}.lua"
        return wrk.write_script(path, target.wires[encoding].make(self._rows[0]))

    @property
    def _cell_seconds(self) -> float:
        return self._model.cell_seconds * self._grid.seconds_factor


def _batch_counters(server: RunningServer) -> BatchCounters | None:
    port = server.target.metrics_port
    return None if port is None else read_counters(port)
