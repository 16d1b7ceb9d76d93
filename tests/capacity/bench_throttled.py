"""Whether a pod that its quota holds back is named so: `python -m tests.capacity.bench_throttled`.

The server starts and calibrates with one CPU; then its quota is lowered from outside, as a changed
limit does. `--runs 20` takes 15 minutes on two cores.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from loadtests.bench.models import MODELS, model_directory
from longshore_k8s.capacity.cgroups import PERIOD_US, PodGroups
from longshore_k8s.capacity.local_pod import LocalPod, local_pod
from longshore_k8s.capacity.memory_peak import MemoryPeak
from longshore_k8s.capacity.objective import parse_objective
from longshore_k8s.capacity.pace import Pace
from longshore_k8s.capacity.unsound import UnsoundError
from longshore_k8s.capacity.wanted import Wanted, measure_running

SLO = "p99=300ms"
LEFT = 0.5
"""CPUs of the one that the server was started with."""
SHORT = Pace(
    step_requests=200,
    step_seconds=(2.0, 4.0),
    confirmed_requests=200,
    confirmed_seconds=(2.0, 5.0),
    verdict_seconds=(2.0, 5.0),
    burst_seconds=1.0,
    overload_seconds=1.0,
)
"""The knee is not what is asked here; the shorter, the harder to see what holds the pod back."""
NAMED = ("the CPU quota", "a throttled pod")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.capacity.bench_throttled", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    model = model_directory(MODELS["encoder"], Path("build/bench"))
    with local_pod(model, 1.0) as pod:
        if pod.groups is None:
            raise SystemExit("this machine gives no CPU cgroup, so no quota can be lowered")
        pod.start(str(pod.work / "calibrations"))
        _limit(pod.groups, LEFT)
        told = [_told(pod, seed) for seed in range(runs)]
    named = sum(any(name in text for name in NAMED) for text in told)
    print(f"named {named} of {runs}")


def _told(pod: LocalPod, seed: int) -> str:
    """What bounds the pod, or why there is no number."""
    wanted = Wanted(parse_objective(SLO, "1%"), seed=seed, pace=SHORT)
    silent: Callable[[object], None] = lambda said: None  # noqa: E731
    try:
        with MemoryPeak(pod.working_set) as peak:
            found = measure_running(
                pod, wanted, client_cpus=pod.cores.client, peak=peak, tell=silent, record=silent
            )
        told = (
            f"knee {found.knee:.1f}/s, bound by {found.bound_by}, throttled in "
            f"{100 * found.throttled_share:.0f} % of periods"
        )
    except UnsoundError as error:
        told = str(error)
    print(told, flush=True)
    return told


def _limit(groups: PodGroups, cpus: float) -> None:
    quota = round(cpus * PERIOD_US)
    if (groups.cpu / "cpu.max").exists():
        (groups.cpu / "cpu.max").write_text(f"{quota} {PERIOD_US}")
    else:
        (groups.cpu / "cpu.cfs_quota_us").write_text(str(quota))


if __name__ == "__main__":
    main()
