"""A model measured on this machine, under one limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from longshore_k8s.capacity.local_pod import LocalPod, local_pod
from longshore_k8s.capacity.measured import Measured
from longshore_k8s.capacity.memory_peak import MemoryPeak
from longshore_k8s.capacity.noise import require_quiet
from longshore_k8s.capacity.wanted import Wanted, measure_running


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
    with local_pod(directory, cpus, wanted.serve_options, wanted.headers) as pod:
        tell(f"the pod has {pod.limit}")
        if not wanted.is_noise_allowed:
            require_quiet(pod.cores.pod | pod.cores.client)
        with MemoryPeak(pod.working_set) as peak:
            cold, kept = _start_ups(pod, wanted.starts, tell)
            found = measure_running(
                pod, wanted, client_cpus=pod.cores.client, peak=peak, tell=tell, record=record
            )
    return replace(found, cold_seconds=cold, kept_seconds=kept)


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
