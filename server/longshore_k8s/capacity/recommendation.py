"""From what a pod was measured to do, to values of the chart."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import Any

from longshore_k8s.capacity.measured import Measured

BUFFER = 1.15
"""Of memory, over the peak."""
MIB = 2**20
MEMORY_STEP_MIB = 4
"""A coarser one would be more than 25 % over the peak of a small server."""
TOLERANCE = 1.1
"""The HPA does nothing up to this multiple of its target."""
UNKNOWN_GROWTH_SHARE = 0.7
"""Of the knee, as a target where nobody says how fast the load grows."""
SCRAPE_SECONDS, WINDOW_SECONDS, SYNC_SECONDS = 15.0, 60.0, 15.0
"""The shipped clocks: a step in the load is measured in full after their sum."""
SCHEDULING_SECONDS = 5.0
STARTUP_FACTOR = 1.5
VOLUME_MIB_PER_SECOND = 50.0
"""What the chart takes for the slowest volume; starts here read from the page cache."""
LEAST_PROBE_SECONDS = 2
CPU_STEP = 1000


@dataclass(frozen=True, slots=True)
class Expected:
    """What only the user knows of the load."""

    growth: float | None = None
    """The fastest, as a share per second."""
    peak_rate: float | None = None
    """Requests per second of all pods together."""
    model_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Recommendation:
    requests_per_second: float
    """The target for a pod."""
    target_share: float
    """Of the knee."""
    reason: str
    """Of that share."""
    values: dict[str, Any]


def recommend(measured: Measured, cpus: float, expected: Expected) -> Recommendation:
    share, reason = _target_share(measured, expected)
    target = round(share * measured.knee, 1 if measured.knee < 100 else 0)
    memory = f"{_memory_mib(measured)}Mi"
    cpu = _cpu_text(cpus)
    scaling: dict[str, Any] = {
        "mode": "hpa",
        "metrics": {
            "requestsPerSecond": int(target) if target == int(target) else target,
            "utilization": max(0.01, round(share * measured.utilization, 2)),
        },
    }
    if expected.peak_rate is not None:
        scaling["maxReplicas"] = max(2, ceil(expected.peak_rate / target))
    values = {
        "resources": {
            "requests": {"cpu": cpu, "memory": memory},
            "limits": {"cpu": cpu, "memory": memory},
        },
        "probes": {
            "timeoutSeconds": max(LEAST_PROBE_SECONDS, ceil(2 * measured.probe_seconds)),
            "startup": {"seconds": _startup_seconds(measured, expected)},
        },
        "longestBatchSeconds": max(1, ceil(2 * measured.longest_batch_seconds)),
        "autoscaling": scaling,
        "metrics": {"dashboard": {"kneeUtilization": max(0.001, round(measured.utilization, 3))}},
    }
    return Recommendation(target, share, reason, values)


def _target_share(measured: Measured, expected: Expected) -> tuple[float, str]:
    """Of the knee: while new pods come, the load of the old ones grows on."""
    if expected.growth is None:
        return UNKNOWN_GROWTH_SHARE, "0.7 of the knee, since nothing says how fast the load grows"
    start = max(measured.cold_seconds, default=0.0) + SCHEDULING_SECONDS
    lag = SCRAPE_SECONDS + WINDOW_SECONDS + SYNC_SECONDS + start
    share = 1 / (TOLERANCE * (1 + expected.growth * lag))
    waits = f"{expected.growth:g}/s x {lag:.0f} s of scrape, window, sync and start"
    return share, f"knee / ({TOLERANCE} x (1 + {waits}))"


def _memory_mib(measured: Measured) -> int:
    return MEMORY_STEP_MIB * ceil(BUFFER * measured.memory_peak / MIB / MEMORY_STEP_MIB)


def _startup_seconds(measured: Measured, expected: Expected) -> int:
    reading = expected.model_bytes / MIB / VOLUME_MIB_PER_SECOND
    slowest = max((*measured.cold_seconds, *measured.kept_seconds), default=0.0)
    return ceil(STARTUP_FACTOR * (slowest + reading)) + 3


def _cpu_text(cpus: float) -> str:
    """As Kubernetes writes it: `2`, `500m`."""
    milli = floor(cpus * CPU_STEP + 0.5)
    return f"{milli}m" if milli % CPU_STEP else str(milli // CPU_STEP)
