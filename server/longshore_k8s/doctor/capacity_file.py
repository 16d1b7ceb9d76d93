"""What `longshore capacity` measured of a pod, beside what a release has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from longshore.errors import SettingsError
from longshore_k8s.capacity.files import record_file
from longshore_k8s.capacity.recommendation import BUFFER
from longshore_k8s.doctor.autoscaler import autoscalers, metrics
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.probes import startup_seconds
from longshore_k8s.doctor.quantities import parse_quantity, shown
from longshore_k8s.doctor.release import Release

FAR_TOO_HIGH = 2.0
"""Times what was measured, with its buffer."""
NEARLY_SAME = 0.02
_REQUESTS = "longshore_requests_per_second"


@dataclass(frozen=True, slots=True)
class Capacity:
    """Of one pod."""

    cpus: float
    knee: float
    """Requests per second."""
    utilization: float
    """At the knee."""
    memory_peak: float
    """Bytes."""
    slowest_start: float
    """Seconds."""


def read_capacity(path: Path) -> Capacity:
    """From the record beside the values file, or that record itself.

    Raises:
        SettingsError: it cannot be read, or is no record of a measurement that was finished.
    """
    record = record_file(path)
    try:
        document = json.loads(record.read_text(encoding="utf-8"))
        starts = (*document["cold_seconds"], *document["kept_seconds"])
        return Capacity(
            float(document["cpus_limit"]),
            float(document["knee"]),
            float(document["utilization"]),
            float(document["memory_peak"]),
            max(map(float, starts), default=0.0),
        )
    except (OSError, ValueError) as error:
        raise SettingsError(f"--capacity: {record} cannot be read: {error}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            f"--capacity: {record} is no record of a finished `longshore capacity`: {error!r}"
        ) from error


def compare(release: Release, objects: Objects, capacity: Capacity) -> Iterator[str]:
    """A sentence for each difference that matters.

    Raises:
        MissingRight: autoscalers may not be listed.
    """
    container = release.server
    limits = (container.get("resources") or {}).get("limits") or {}
    yield from _memory(parse_quantity(limits.get("memory", "0")), capacity)
    cpus = parse_quantity(limits.get("cpu", "0"))
    if abs(cpus - capacity.cpus) > NEARLY_SAME * capacity.cpus:
        has = f"has {shown('cpu', cpus)}" if cpus else "has no CPU limit"
        yield (
            f"the pod {has}, and the measurement was made with {shown('cpu', capacity.cpus)} CPUs: "
            f"what follows from it holds for that many"
        )
    budget = startup_seconds(release.pod_spec, container["name"])
    if budget is not None and budget < capacity.slowest_start:
        yield (
            f"the startup probe allows {budget:g} s, and the slowest start that was measured took "
            f"{capacity.slowest_start:.1f} s; --set probes.startup.seconds="
            f"{2 * capacity.slowest_start:.0f}"
        )
    yield from _targets(release, objects, capacity)


def _memory(limit: float, capacity: Capacity) -> Iterator[str]:
    wanted = BUFFER * capacity.memory_peak
    peak, fitting = shown("memory", capacity.memory_peak), shown("memory", wanted)
    fix = f"--set resources.limits.memory={fitting}"
    if not limit:
        yield f"the pod has no memory limit; {peak} were measured at the peak: {fix}"
    elif limit < capacity.memory_peak:
        yield (
            f"the memory limit of {shown('memory', limit)} is below the peak that was measured, "
            f"{peak}: the pod will be killed under load; {fix}"
        )
    elif limit > FAR_TOO_HIGH * wanted:
        yield (
            f"the memory limit of {shown('memory', limit)} is far above the peak that was "
            f"measured, {peak}; {fix}"
        )


def _targets(release: Release, objects: Objects, capacity: Capacity) -> Iterator[str]:
    knees = {
        _REQUESTS: capacity.knee,
        "longshore_utilization": capacity.utilization,
    }
    for autoscaler in autoscalers(release, objects):
        for metric in metrics(autoscaler):
            knee = knees.get(metric.name)
            if knee and metric.is_average and metric.target > knee:
                yield (
                    f"the autoscaler's target of {metric.target:g} for {metric.name} is above the "
                    f"knee that was measured, {knee:g}: pods are late before more of them come"
                )
