"""The memory limit that a measurement writes, kept for ten minutes of 1.5 times the knee:
`python -m tests.capacity.bench_memory [MODEL_DIR [SLO]]`.

A quarter of an hour, as root: the measurement, and a server in a cgroup with that limit and one
CPU. The machine may be a busy one, since memory does not depend on it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from longshore_k8s.capacity.client_process import ClientProcess
from longshore_k8s.capacity.local_measurement import measure_locally
from longshore_k8s.capacity.local_pod import LocalPod, local_pod
from longshore_k8s.capacity.measurement import OVERLOAD
from longshore_k8s.capacity.memory_peak import MemoryPeak
from longshore_k8s.capacity.objective import parse_objective
from longshore_k8s.capacity.recommendation import MIB, Expected, recommend
from longshore_k8s.capacity.wanted import Wanted, task_of

MODEL = Path(__file__).parents[2] / "models/digits"
CPUS = 1.0
MINUTES = 10
LIMIT_FILES = ("memory.limit_in_bytes", "memory.max")
"""Of cgroups of version 1, and 2."""
EVENT_FILES = ("memory.oom_control", "memory.events")


def main() -> None:
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else MODEL
    objective = parse_objective(sys.argv[2] if len(sys.argv) > 2 else "p99=50ms", "1%")
    wanted = Wanted(objective, starts=1, is_noise_allowed=True)
    found = measure_locally(directory, CPUS, wanted, tell=_tell, record=lambda step: None)
    text = recommend(found, CPUS, Expected()).values["resources"]["limits"]["memory"]
    limit = int(text.removesuffix("Mi")) * MIB
    print(f"knee {found.knee:.0f}/s, peak {found.memory_peak / MIB:.0f} MiB, limit {text}")
    with local_pod(directory, CPUS) as pod:
        _limit(pod, limit)
        pod.start(str(pod.work / "calibrations"))
        with MemoryPeak(pod.working_set) as peak:
            _overload(pod, wanted, OVERLOAD * found.knee)
        print(
            f"after {MINUTES} minutes: peak {peak.bytes / MIB:.0f} MiB, the limit is "
            f"{limit / peak.bytes:.2f} of it; {_kills(pod)} killed for memory; "
            f"the server {'serves' if pod.model.is_ready() else 'is gone'}"
        )


def _overload(pod: LocalPod, wanted: Wanted, rate: float) -> None:
    """A minute at a time, so that something can be told."""
    task = task_of(wanted, pod.model)
    requests = pod.model.requests(task.payloads)
    with ClientProcess(pod.address, requests, cpus=pod.cores.client) as client:
        for minute in range(MINUTES):
            step = client.open_load(rate, round(60 * rate), seed=minute, patience=35.0)
            print(
                f"minute {minute + 1} at {rate:.0f}/s: {int(step.is_answered.sum())} answered, "
                f"{step.refused} refused, {step.lost} lost; {(pod.working_set() or 0) / MIB:.0f} "
                "MiB",
                flush=True,
            )


def _limit(pod: LocalPod, limit: int) -> None:
    assert pod.groups is not None, "no cgroup: run it as root"
    assert pod.groups.memory is not None
    [file] = [name for name in LIMIT_FILES if (pod.groups.memory / name).exists()]
    (pod.groups.memory / file).write_text(str(limit))


def _kills(pod: LocalPod) -> int:
    assert pod.groups is not None
    assert pod.groups.memory is not None
    [file] = [name for name in EVENT_FILES if (pod.groups.memory / name).exists()]
    counts = dict(line.split() for line in (pod.groups.memory / file).read_text().splitlines())
    return int(counts.get("oom_kill", 0))


def _tell(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
