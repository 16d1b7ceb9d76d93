"""What the user asks to be measured, wherever the pod is; and how one that runs is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from longshore_k8s.capacity import payloads
from longshore_k8s.capacity.client_process import ClientProcess
from longshore_k8s.capacity.measured import Measured
from longshore_k8s.capacity.measurement import PodMeasurement, Task
from longshore_k8s.capacity.memory_peak import MemoryPeak
from longshore_k8s.capacity.objective import Objective
from longshore_k8s.capacity.pace import Pace
from longshore_k8s.capacity.payloads import Payload
from longshore_k8s.capacity.served_model import ServedModel
from longshore_k8s.capacity.watched_load import Pod


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of a measurement."""

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


def measure_running(
    pod: Pod,
    wanted: Wanted,
    *,
    client_cpus: frozenset[int] | None = None,
    peak: MemoryPeak,
    tell: Callable[[str], None],
    record: Callable[[dict[str, Any]], None],
) -> Measured:
    """A pod that is ready, by a client on `client_cpus`; its starts are measured elsewhere.

    Raises:
        UnsoundError: there is no number that could be trusted.
    """
    task = task_of(wanted, pod.model)
    requests = pod.model.requests(task.payloads)
    with ClientProcess(pod.address, requests, cpus=client_cpus) as client:
        return PodMeasurement(pod, client, task, peak=peak, tell=tell, record=record).run()


def task_of(wanted: Wanted, model: ServedModel) -> Task:
    return Task(
        wanted.objective, _payloads(wanted, model), wanted.rows, wanted.seed,
        wanted.is_noise_allowed, wanted.pace,
    )  # fmt: skip


def _payloads(wanted: Wanted, model: ServedModel) -> Sequence[Payload]:
    if wanted.payload is not None:
        return payloads.recorded(wanted.payload)
    return payloads.generated(model.metadata(), rows=wanted.rows, encoding=wanted.encoding)
