"""What onnxruntime can do alone: a sweep over splits and batch sizes, then the best of them again
beside every cell.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

BATCH_SIZES = (1, 2, 4, 8, 16, 32)
CANDIDATE_COUNT = 2
"""Measured again beside the cells: the sweep is too short to tell the best two apart."""


@dataclass(frozen=True, slots=True, order=True)
class Split:
    instances: int
    threads: int
    batch: int

    def __str__(self) -> str:
        return f"{self.instances}x{self.threads}x{self.batch}"


def candidate_splits(cpus: int) -> list[Split]:
    """Ways to spend `cpus` on instances x threads, for each batch size."""
    shapes = {(1, 1), (1, cpus), (cpus, 1)}
    shapes |= {(count, cpus // count) for count in range(1, cpus + 1) if cpus % count == 0}
    return [Split(*shape, batch) for shape in sorted(shapes) for batch in BATCH_SIZES]


def sweep(model: Path, seconds: float) -> dict[Split, float]:
    """Rows per second of every candidate, twice, the better one counted."""
    splits = candidate_splits(len(os.sched_getaffinity(0)))
    once, again = (measure(model, seconds, splits) for _ in range(2))
    return {split: max(once[split], again[split]) for split in splits}


def best_splits(rates: dict[Split, float]) -> list[Split]:
    return sorted(rates, key=lambda split: rates[split], reverse=True)[:CANDIDATE_COUNT]


def best_lone_splits(rates: dict[Split, float]) -> list[Split]:
    """Of those that execute one row, and nothing beside it: what a lone request could have."""
    return best_splits({s: rate for s, rate in rates.items() if (s.instances, s.batch) == (1, 1)})


def measure(model: Path, seconds: float, splits: list[Split]) -> dict[Split, float]:
    """Rows per second of each split, in a process of its own."""
    command = [
        sys.executable, "-m", "loadtests.bench.onnxruntime_loop", str(model), str(seconds),
        *map(str, splits),
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(zip(splits, json.loads(done.stdout), strict=True))
