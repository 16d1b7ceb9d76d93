"""LS21: a startup probe that ends a server before it is ready."""

from __future__ import annotations

from datetime import datetime

from longshore_k8s.api import Json
from longshore_k8s.doctor.containers import ended, shown_state
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.probes import startup_seconds
from longshore_k8s.doctor.release import Release, name_of
from longshore_k8s.doctor.rule import Finding, Rule

_RESOLUTION = 1
"""Seconds: times in the API have no fractions."""
_ROOM_SECONDS = 10


def check(release: Release, objects: Objects) -> Finding | None:
    grace = release.pod_spec.get("terminationGracePeriodSeconds", 30)
    for pod, status, state in ended(release):
        budget, lasted = startup_seconds(release.pod_spec, status["name"]), _seconds(state)
        if budget is None or lasted is None or state.get("exitCode") not in (0, 137, 143):
            continue
        # One that lasted much longer was ready, and ended by another probe.
        if budget - _RESOLUTION <= lasted <= budget + grace + _ROOM_SECONDS:
            return Finding(
                f"the container {status['name']} of pod {name_of(pod)} was ended after "
                f"{lasted:.0f} s, before it was ready; its startup probe allows {budget:.0f} s",
                f"--set probes.startup.seconds={2 * budget:.0f}; the server logs what takes so "
                f"long",
                (shown_state(pod, status, state), f"startedAt {state['startedAt']}"),
            )
    return None


def _seconds(state: Json) -> float | None:
    try:
        started, finished = (
            datetime.fromisoformat(state[key]) for key in ("startedAt", "finishedAt")
        )
    except (KeyError, TypeError, ValueError):
        return None
    return (finished - started).total_seconds()


RULE = Rule(
    "LS21", "container", "the startup probe waits long enough",
    "The kubelet ends a container that is not ready within the startup probe's time: the "
    "model is larger or the volume slower than the values say.",
    "A container that is not ready and whose last run took what its startup probe allows and "
    "the grace period at most, and ended by a signal or with 0: with 1 it had a reason of its "
    "own.",
    "Raise `probes.startup.seconds`, or say `modelMebibytes` and `volumeMebibytesPerSecond`.",
    check,
)  # fmt: skip
