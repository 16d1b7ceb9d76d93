"""The knee of a real server, beside a bisection of it: `python -m tests.capacity.bench_knee`.

Seven minutes on an idle machine of two cores: two measurements of the example model, and nine looks
of 20 seconds at the same server, each with arrivals of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import sqrt
from pathlib import Path

from longshore_k8s.capacity.client_process import ClientProcess
from longshore_k8s.capacity.local_pod import LocalPod, local_pod
from longshore_k8s.capacity.memory_peak import MemoryPeak
from longshore_k8s.capacity.noise import require_quiet
from longshore_k8s.capacity.objective import Objective, parse_objective
from longshore_k8s.capacity.pace import Pace
from longshore_k8s.capacity.wanted import Wanted, measure_running, task_of

MODEL = Path(__file__).parents[2] / "models/digits"
RUNS, LOOKS, LOOK_SECONDS = 2, 9, 20.0
WIDE = 1.4
"""The bisection begins between the knee by this and the knee times this."""


def main() -> None:
    objective = parse_objective(sys.argv[1] if len(sys.argv) > 1 else "p99=20ms", "1%")
    with local_pod(MODEL, 1.0) as pod:
        require_quiet(pod.cores.pod | pod.cores.client)
        pod.start(str(pod.work / "calibrations"))
        knees = [_measured(pod, objective, seed) for seed in range(1, RUNS + 1)]
        truth = _bisected(pod, objective, sum(knees) / len(knees))
    errors = ", ".join(f"{100 * (knee / truth - 1):+.1f} %" for knee in knees)
    print(f"knee by bisection {truth:.0f}/s; measured {errors} of it")


def _measured(pod: LocalPod, objective: Objective, seed: int) -> float:
    wanted = Wanted(objective, seed=seed, pace=Pace(overload_seconds=1.0))
    spent: list[float] = []
    with MemoryPeak(pod.working_set) as peak:
        found = measure_running(
            pod, wanted, client_cpus=pod.cores.client, peak=peak, tell=_tell,
            record=lambda step: spent.append(step["seconds"]),
        )  # fmt: skip
    print(
        f"knee {found.knee:.0f}/s ({found.knee_low:.0f} to {found.knee_high:.0f}) after "
        f"{sum(spent):.0f} s of load{'; bisected' if found.doubts else ''}",
        flush=True,
    )
    return found.knee


def _bisected(pod: LocalPod, objective: Objective, near: float) -> float:
    task = task_of(Wanted(objective), pod.model)
    with ClientProcess(
        pod.address, pod.model.requests(task.payloads), cpus=pod.cores.client
    ) as client:

        def keeps(rate: float, seed: int) -> bool:
            step = client.open_load(rate, round(LOOK_SECONDS * rate), seed=seed, patience=35.0)
            late = step.settled().late(objective)
            print(f"{rate:.0f}/s: {100 * late.share:.2f} % late", flush=True)
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
