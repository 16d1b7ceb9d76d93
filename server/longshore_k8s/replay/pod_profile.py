"""What one pod carries and how it lives: by options, else as `longshore capacity` wrote it."""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path
from statistics import median
from typing import Any

from longshore.errors import SettingsError
from longshore_k8s.replay.batcher import read_batcher
from longshore_k8s.replay.fleet import Life
from longshore_k8s.replay.pod_queue import PodCapacity

Json = dict[str, Any]
_SLO = re.compile(r"p(\d{1,2}(?:\.\d+)?)=(\d+(?:\.\d+)?)(us|ms|s)")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
HEADROOM = 1.1
"""Highest rate over knee where nobody has measured the first."""
READY_SECONDS = 10.0


def parse_slo(text: str) -> tuple[float, float]:
    """The share that may be late, and seconds; from `p99=100ms`.

    Raises:
        SettingsError: it is written otherwise.
    """
    found = _SLO.fullmatch(text)
    if found is None or not float(found[1]) or not float(found[2]):
        raise SettingsError(f"--slo: {text!r}; a percentile and a latency as in 'p99=100ms'")
    return 1 - float(found[1]) / 100, float(found[2]) * _SECONDS[found[3]]


def pod_capacity(options: Namespace, document: Json) -> PodCapacity:
    """Options go before the measured.

    Raises:
        SettingsError: the knee or the objective is unknown, or they contradict each other.
    """
    measured = document.get("measured", document)
    slo = options.slo or _objective(document)
    if slo is None:
        raise SettingsError("--slo: the objective is unknown; give one such as 'p99=100ms'")
    late_share, seconds = parse_slo(slo)
    if options.calibration is not None:
        measured = _calibrated(options.calibration, seconds, late_share)
    knee = _number(options.knee, measured, "knee")
    if knee is None:
        raise SettingsError(
            "--knee: what one pod carries is unknown: give its requests per second, a "
            "--calibration, or values that "
            "`longshore capacity` wrote, with the JSON beside them"
        )
    highest = _number(options.highest, measured, "burst_rate") or HEADROOM * knee
    idle = _number(options.idle_seconds, measured, "idle_seconds") or seconds / 10
    if not 0 < knee < highest:
        raise SettingsError(
            f"--knee {knee:g} and --highest {highest:g}: 0 < knee < highest is needed"
        )
    if not 0 < idle < seconds:
        raise SettingsError(
            f"--idle-seconds {idle:g}: above 0, and below the objective's {seconds:g} s"
        )
    utilization = measured.get("utilization")
    return PodCapacity(
        knee, highest, seconds, late_share, idle,
        knee / highest if utilization is None else float(utilization), options.queue_seconds,
    )  # fmt: skip


def _calibrated(path: Path, seconds: float, late_share: float) -> Json:
    found = read_batcher(path)
    return {
        "knee": found.knee(seconds, late_share),
        "burst_rate": found.highest,
        "idle_seconds": found.seconds[0],
    }


def life(options: Namespace, document: Json) -> Life:
    """The start that keeps its calibration is what a new pod on the same volume has."""
    measured = document.get("measured", document)
    starts = measured.get("kept_seconds") or measured.get("cold_seconds")
    ready = options.ready_seconds
    if ready is None:
        ready = median(starts) if starts else READY_SECONDS
    times = (options.pending_seconds, ready, options.drain_seconds)
    if min(times) < 0:
        raise SettingsError(
            f"--pending-seconds, --ready-seconds, --drain-seconds: {min(times):g} < 0"
        )
    pending, starting, drain = (round(1000 * seconds) for seconds in times)
    return Life(pending, starting, drain)


def _number(given: float | None, measured: Json, key: str) -> float | None:
    value = given if given is not None else measured.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SettingsError(f"{key} of the capacity file is {value!r}; a number is needed")
    return float(value)


def _objective(document: Json) -> str | None:
    """`slo` as text, or the objective's parts."""
    if isinstance(document.get("slo"), str):
        return str(document["slo"])
    parts = document.get("objective")
    if not isinstance(parts, dict) or "percentile" not in parts or "seconds" not in parts:
        return None
    return f"p{parts['percentile']:g}={parts['seconds']:g}s"
