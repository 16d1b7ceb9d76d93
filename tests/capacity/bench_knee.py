"""The knee of a real server, beside a bisection of it: `python -m tests.capacity.bench_knee`.

On an idle machine of two cores: for each model, measurements of it, and nine looks at the same
server in their midst, each with arrivals of its own. `--runs 5 --minutes 30` takes 80 minutes for
two models; `--runs 2 --minutes 3 --models tiny` seven for one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from math import sqrt
from pathlib import Path

from loadtests.bench.models import MODELS, model_directory
from longshore_k8s.capacity.client_process import ClientProcess
from longshore_k8s.capacity.local_pod import LocalPod, local_pod
from longshore_k8s.capacity.memory_peak import MemoryPeak
from longshore_k8s.capacity.noise import require_quiet
from longshore_k8s.capacity.objective import Objective, parse_objective
from longshore_k8s.capacity.pace import Pace
from longshore_k8s.capacity.wanted import Wanted, measure_running, task_of

SLOS = {"tiny": "p99=100ms", "encoder": "p99=300ms"}
"""Longer than what a shared machine's pauses make of a latency near the knee."""
LOOKS = 9
WIDE = 1.4
"""The bisection begins between the knee by this and the knee times this."""


def main() -> None:
    options = _parser().parse_args()
    for name in options.models:
        model = model_directory(MODELS[name], Path("build/bench"))
        objective = parse_objective(SLOS[name], "1%")
        with local_pod(model, 1.0) as pod:
            require_quiet(pod.cores.pod | pod.cores.client)
            pod.start(str(pod.work / "calibrations"))
            half = options.runs // 2
            knees = [_measured(pod, objective, seed) for seed in range(half)]
            seconds = 60 * options.minutes / LOOKS
            truth = _bisected(pod, objective, sum(knees) / len(knees), seconds)
            knees += [_measured(pod, objective, seed) for seed in range(half, options.runs)]
        errors = ", ".join(f"{100 * (knee / truth - 1):+.1f} %" for knee in knees)
        print(f"{name}, {SLOS[name]}: knee by bisection {truth:.1f}/s; measured {errors} of it")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.capacity.bench_knee", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--models", nargs="+", choices=SLOS, default=list(SLOS), metavar="MODEL")
    parser.add_argument("--runs", type=int, default=5, help="of each model, at least 2")
    parser.add_argument("--minutes", type=float, default=30.0, help="of load for a bisection")
    return parser


def _measured(pod: LocalPod, objective: Objective, seed: int) -> float:
    wanted = Wanted(objective, seed=seed, pace=Pace(overload_seconds=1.0))
    spent: list[float] = []
    with MemoryPeak(pod.working_set) as peak:
        found = measure_running(
            pod, wanted, client_cpus=pod.cores.client, peak=peak, tell=_tell,
            record=lambda step: spent.append(step["seconds"]),
        )  # fmt: skip
    print(
        f"knee {found.knee:.1f}/s ({found.knee_low:.1f} to {found.knee_high:.1f}) after "
        f"{sum(spent):.0f} s of load{'; bisected' if found.doubts else ''}",
        *found.drift.sentences,
        sep="\n  ",
        flush=True,
    )
    return found.knee


def _bisected(pod: LocalPod, objective: Objective, near: float, look_seconds: float) -> float:
    task = task_of(Wanted(objective), pod.model)
    with ClientProcess(
        pod.address, pod.model.requests(task.payloads), cpus=pod.cores.client
    ) as client:

        def keeps(rate: float, seed: int) -> bool:
            step = client.open_load(rate, round(look_seconds * rate), seed=seed, patience=35.0)
            late = step.settled().late(objective)
            print(f"{rate:.1f}/s: {100 * late.share:.2f} % late", flush=True)
            return late.share <= objective.late_share

        return _between(near / WIDE, near * WIDE, keeps)


def _between(low: float, high: float, keeps: Callable[[float, int], bool]) -> float:
    for look in range(LOOKS):
        middle = sqrt(low * high)
        low, high = (middle, high) if keeps(middle, 7000 + look) else (low, middle)
    return sqrt(low * high)


def _tell(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
