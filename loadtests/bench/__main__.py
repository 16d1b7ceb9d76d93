"""The command: measure, print, write `bench.json` and `bench.png`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from loadtests.bench import plot, report, wrk
from loadtests.bench.cells import Grid, measure_model
from loadtests.bench.idle_connections import measure_idle_connections
from loadtests.bench.models import ENCODINGS, MODELS, BenchModel, model_directory
from loadtests.bench.payloads import random_rows
from loadtests.bench.servers import ServerError, Target, get_text, running, wait_for_answer
from loadtests.bench.start_up import measure_start_up
from loadtests.bench.targets import echo_target, longshore_target

IDLE_CONNECTIONS = 2000
IDLE_MODEL = START_UP_MODEL = "tiny"
QUICK_GRID = Grid(concurrencies=(1, 32), rounds=1, seconds_factor=0.5, floor_seconds=1.0)
START_UPS_PER_ROUND = 2
BUSY_LOAD_AVERAGE = 1.0


def main() -> int:
    """Run the bench; returns 0 when every bar was met, 1 when one was not, 2 when it cannot run."""
    options = _parser().parse_args()
    try:
        wrk.require_wrk()
        run, before = _measure(options)
    except (wrk.WrkError, ServerError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    print(report.text(run))
    report.write_json(run, before, options.output / "bench.json")
    if run.cells:
        plot.draw(run.cells, options.output / "bench.png")
    print(f"\nwrote {options.output / 'bench.json'} and bench.png")
    return 0 if all(bar.passed for bar in run.bars()) else 1


def _measure(options: argparse.Namespace) -> tuple[report.Run, dict[str, object]]:
    before = report.machine()
    if os.getloadavg()[0] > BUSY_LOAD_AVERAGE:
        _say(f"the load average is {os.getloadavg()[0]:.1f}: other work will show in the figures")
    grid = _grid(options)
    run = report.Run(rounds=grid.rounds, idle_count=IDLE_CONNECTIONS)
    for model in (MODELS[name] for name in options.models):
        _measure_cells(model, grid, options, run)
    if START_UP_MODEL in options.models:
        tiny = MODELS[START_UP_MODEL]
        directory = model_directory(tiny, options.cache)
        seconds = tiny.cell_seconds * grid.seconds_factor
        _say("cold start and memory")
        run.start_ups = measure_start_up(
            tiny, directory, rounds=grid.rounds * START_UPS_PER_ROUND, warm_seconds=seconds
        )
        _say(f"{IDLE_CONNECTIONS} idle connections")
        run.idle_rounds = measure_idle_connections(
            tiny, directory, options.cache / "calibrations",
            count=IDLE_CONNECTIONS, rounds=grid.rounds, seconds=seconds,
        )  # fmt: skip
    return run, before


def _grid(options: argparse.Namespace) -> Grid:
    encodings = tuple(options.encodings)
    if options.quick:
        return replace(QUICK_GRID, encodings=encodings)
    return Grid(encodings=encodings, rounds=options.rounds, seconds_factor=options.seconds_factor)


def _measure_cells(
    model: BenchModel, grid: Grid, options: argparse.Namespace, run: report.Run
) -> None:
    grid = replace(grid, encodings=tuple(e for e in grid.encodings if e in model.encodings))
    if not grid.encodings:
        return
    directory = model_directory(model, options.cache)
    longshore = longshore_target(model, directory, options.cache / "calibrations")
    run.calibrations[model.name] = _calibration(model, longshore, options.cache)
    targets = [echo_target(model), longshore, *_peers(model, directory, options, run)]
    cells, run.floor_sweeps[model.name] = measure_model(model, directory, targets, grid, _say)
    run.cells.extend(cells)


def _calibration(model: BenchModel, target: Target, cache: Path) -> object:
    """What Longshore finds for `model`, from its own metadata; leaves it in the cache."""
    with running(target, cache / "longshore.log") as server:
        wait_for_answer(server, random_rows(model, 1)[0])
        metadata = json.loads(get_text(server.port, f"/v2/models/{model.name}"))
    found = metadata.get("parameters", {})
    keys = ("max_batch_size", "instances", "threads", "inline", "calibration")
    _say(f"{model.name}: longshore found { ({key: found.get(key) for key in keys}) }")
    return found


def _peers(
    model: BenchModel, directory: Path, options: argparse.Namespace, run: report.Run
) -> list[Target]:
    if not options.peers:
        return []
    from loadtests.bench.peers import install_peers

    targets, left_out = install_peers(model, directory, options.cache, _say)
    run.peers_left_out.update(left_out)
    return targets


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench", description=__doc__)
    parser.add_argument(
        "--models", nargs="+", choices=list(MODELS), default=list(MODELS), metavar="MODEL",
        help=f"only these of {', '.join(MODELS)}",
    )  # fmt: skip
    parser.add_argument(
        "--encodings", nargs="+", choices=ENCODINGS, default=ENCODINGS, metavar="ENCODING",
        help=f"only these of {', '.join(ENCODINGS)}",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=3, help="medians are taken over these")
    parser.add_argument(
        "--seconds-factor", type=float, default=1.0, metavar="FACTOR",
        help="of the seconds of each cell: 0.5 makes many peers bearable",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="one short round: an indication only")
    parser.add_argument("--peers", action="store_true", help="install and measure the peers too")
    parser.add_argument("--output", type=Path, default=Path("build/bench"))
    parser.add_argument("--cache", type=Path, default=_default_cache(), help="models, peers")
    return parser


def _default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "longshore-bench"


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
