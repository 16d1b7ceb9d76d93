"""How many mutants the tests kill: `python -m tests.mutants.measure batching execution rest`."""

from __future__ import annotations

import argparse
import importlib
import random
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from tests.mutants.mutations import mutants
from tests.mutants.stages import HELD_BY, OFF_THE_WAY, stages
from tests.mutants.trials import Trial, Worker, run

ROOT = Path(__file__).parents[2]
PACKAGES = ("batching", "execution", "rest")
"""The way of a request."""
STAGE_SECONDS = 40.0
"""Enough on an idle machine: a stage that takes longer hangs, and is a kill."""
LIBRARIES = (
    "httptools",
    "numpy",
    "onnx",
    "orjson",
    "pytest",
    "starlette.routing",
    "uvicorn",
    "uvloop",
    "yaml",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "packages",
        nargs="*",
        default=PACKAGES,
        help="or modules: rest/body.py, longshore_k8s/replay",
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--wide", action="store_true", help="try survivors on whole servers too")
    parser.add_argument("--sample", type=int, help="try this many, chosen at random")
    parser.add_argument("--stage-seconds", type=float, default=STAGE_SECONDS)
    options = parser.parse_args()
    for library in LIBRARIES:
        importlib.import_module(library)
    trials = [trial for package in options.packages for trial in _trials(package, options.wide)]
    if options.sample is not None:
        trials = random.Random(0).sample(trials, min(options.sample, len(trials)))
    print(f"{len(trials)} mutants", flush=True)
    survivors = 0
    with tempfile.TemporaryDirectory() as scratch:
        places = [Path(scratch) / str(index) for index in range(options.workers)]
        workers = [Worker(ROOT, place, options.stage_seconds) for place in places]
        for trial in run(trials, workers):
            if trial.killed_by is None:
                survivors += 1
                print(f"survived  {trial.name}", flush=True)
    killed = len(trials) - survivors
    print(f"{killed} of {len(trials)} killed ({killed / len(trials):.1%})")


def _trials(package: str, is_wide: bool) -> Iterator[Trial]:
    server = ROOT / "server"
    place = server / (package if package.startswith("longshore_k8s/") else f"longshore/{package}")
    for module in sorted(place.glob("*.py")) if place.is_dir() else [place]:
        name = f"{module.parent.name}/{module.name}"
        if name in OFF_THE_WAY:
            continue
        chosen = tuple(stages(module.parent.name, module.name, ROOT, is_wide=is_wide))
        source = module.read_text(encoding="utf-8")
        for mutant in mutants(source, is_arithmetic=name in HELD_BY):
            yield Trial(module.relative_to(server), mutant, deque(chosen))


if __name__ == "__main__":
    main()
