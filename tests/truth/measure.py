"""Whether the scaling signal tells the truth: `python -m tests.truth.measure`.

Alone on the machine, as root (it makes CPU cgroups), with wrk. Seconds of each cell for one
workload, limit and round: readings 60 to 85, neighbour 180, equal 40, swap 90, goodput 50, calm
215. A round of everything takes 45 minutes; the verdict is on the medians of three. `--keep` adds
to the figures of an earlier run, so that one may be done in pieces.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench import wrk
from loadtests.bench.models import model_directory
from loadtests.bench.report import machine
from loadtests.bench.servers import ServerError
from tests.truth import calm, goodput, neighbours, readings, report, swap
from tests.truth.cpu_groups import CgroupError
from tests.truth.figures import Figure, verdicts
from tests.truth.workloads import LIMITS, WORKLOADS, Workload


@dataclass(frozen=True, slots=True)
class Cell:
    """What to measure, and for which workloads and limits where none is named."""

    measure: Callable[[Workload, Path, str], Iterator[Figure]]
    workloads: tuple[str, ...]
    limits: tuple[str, ...]


CELLS = {
    module.CELL: Cell(module.measure, module.WORKLOADS, module.DEFAULT_LIMITS)
    for module in (readings, neighbours, swap, goodput, calm)
}
CELLS[neighbours.EQUAL_CELL] = Cell(
    neighbours.measure_equal, neighbours.WORKLOADS, neighbours.DEFAULT_LIMITS
)


def main() -> int:
    """Returns 0 when every bar was met, 1 when one was not, 2 when it cannot run."""
    options = _parser().parse_args()
    figures = report.read_figures(options.output) if options.keep else []
    before = machine()
    try:
        wrk.require_wrk()
        for figure in _measure(options):
            print(report.line(figure), flush=True)
            figures.append(figure)
    except (wrk.WrkError, ServerError, CgroupError, OSError) as error:
        print(f"truth: {error}", file=sys.stderr)
        return 2
    report.write_json(figures, before, options.output)
    print(f"\n{report.text(figures)}\n\nwrote {options.output}")
    return 0 if all(verdict.passed for verdict in verdicts(figures)) else 1


def _measure(options: argparse.Namespace) -> Iterator[Figure]:
    for _ in range(1 if options.quick else options.rounds):
        for name in options.cells:
            cell = CELLS[name]
            for workload in (WORKLOADS[each] for each in options.models or cell.workloads):
                directory = model_directory(workload.model, options.cache)
                for limit in options.limits or cell.limits:
                    yield from cell.measure(workload, directory, limit)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.truth.measure", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip

    def several(option: str, names: list[str], help: str) -> None:
        parser.add_argument(option, nargs="+", choices=names, metavar="NAME", help=help)

    several("--cells", list(CELLS), f"of {', '.join(CELLS)}")
    several("--models", list(WORKLOADS), f"of {', '.join(WORKLOADS)}; else those of each cell")
    several("--limits", list(LIMITS), f"of {', '.join(LIMITS)}; else those of each cell")
    parser.set_defaults(cells=list(CELLS))
    parser.add_argument("--rounds", type=int, default=3, help="medians are taken over these")
    parser.add_argument("--quick", action="store_true", help="one round: an indication only")
    parser.add_argument("--keep", action="store_true", help="add to the figures in the output")
    parser.add_argument("--output", type=Path, default=Path("build/truth.json"))
    parser.add_argument("--cache", type=Path, default=_default_cache(), help="models")
    return parser


def _default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "longshore-bench"


if __name__ == "__main__":
    sys.exit(main())
