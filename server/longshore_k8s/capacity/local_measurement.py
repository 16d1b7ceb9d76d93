"""A model measured on this machine, under one limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from longshore_k8s.capacity import payloads
from longshore_k8s.capacity.client_process import ClientProcess
from longshore_k8s.capacity.local_pod import LocalPod, local_pod
from longshore_k8s.capacity.measured import Measured
from longshore_k8s.capacity.measurement import PodMeasurement, Task
from longshore_k8s.capacity.memory_peak import MemoryPeak
from longshore_k8s.capacity.noise import require_quiet
from longshore_k8s.capacity.objective import Objective
from longshore_k8s.capacity.pace import Pace
from longshore_k8s.capacity.payloads import Payload
from longshore_k8s.capacity.served_model import ServedModel


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asks for."""

    objective: Objective
    rows: int = 1
    encoding: str = "json"
    payload: Path | None = None
    seed: int = 1
    starts: int = 3
    is_noise_allowed: bool = False
    pace: Pace = field(default_factory=Pace)
    serve_options: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


def measure_locally(
    directory: Path,
    cpus: float,
    wanted: Wanted,
    *,
    tell: Callable[[str], None],
    record: Callable[[dict[str, Any]], None],
) -> Measured:
    """
    Raises:
        UnsoundError: there is no number that could be trusted.
    """
    with local_pod(directory, cpus, wanted.serve_options) as pod:
        tell(f"the pod has {pod.limit}")
        if not wanted.is_noise_allowed:
            require_quiet(pod.cores.pod | pod.cores.client)
        with MemoryPeak(pod.working_set) as peak:
            cold, kept = _start_ups(pod, wanted.starts, tell)
            task = task_of(wanted, pod.model)
            requests = pod.model.requests(task.payloads)
            with ClientProcess(pod.address, requests, cpus=pod.cores.client) as client:
                measurement = PodMeasurement(pod, client, task, peak=peak, tell=tell, record=record)
                found = measurement.run()
    return replace(found, cold_seconds=cold, kept_seconds=kept)


def task_of(wanted: Wanted, model: ServedModel) -> Task:
    return Task(
        wanted.objective, _payloads(wanted, model), wanted.rows, wanted.seed,
        wanted.is_noise_allowed, wanted.pace,
    )  # fmt: skip


def _payloads(wanted: Wanted, model: ServedModel) -> Sequence[Payload]:
    if wanted.payload is not None:
        return payloads.recorded(wanted.payload)
    return payloads.generated(model.metadata(), rows=wanted.rows, encoding=wanted.encoding)


def _start_ups(
    pod: LocalPod, count: int, tell: Callable[[str], None]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Seconds of `count` starts each without and with a kept calibration; the last one is on."""
    cold, kept = [], []
    for number in range(count):
        tell(f"cold start {number + 1} of {count}")
        cold.append(pod.start(str(pod.work / f"calibrations-{number}")))
        pod.stop()
    for number in range(count):
        tell(f"start with a kept calibration {number + 1} of {count}")
        kept.append(pod.start(str(pod.work / f"calibrations-{count - 1}")))
        if number + 1 < count:
            pod.stop()
    return tuple(cold), tuple(kept)
