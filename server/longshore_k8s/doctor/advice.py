"""What breaks no link today, and is worth to change: memory limits, and models that do not last."""

from __future__ import annotations

import re
from collections.abc import Iterator

from longshore_k8s.api import Json
from longshore_k8s.doctor.objects import MissingRight, Objects
from longshore_k8s.doctor.quantities import shown
from longshore_k8s.doctor.release import Release, condition, management_port, name_of

NEARLY_FULL = 0.9
FAR_TOO_HIGH = 2.0
"""Times the highest use, which counts pages of files that could be dropped."""
MARGIN = 1.15
_EPHEMERAL = ("emptyDir", "ephemeral")
_MODEL_VOLUME = "model"
_NUMBER = re.compile(r"^longshore_memory_(working_set|peak|limit)_bytes (\S+)$", re.MULTILINE)


def advise(release: Release, objects: Objects) -> Iterator[str]:
    """A sentence for each."""
    for volume in release.pod_spec.get("volumes") or []:
        if volume["name"] == _MODEL_VOLUME and any(kind in volume for kind in _EPHEMERAL):
            yield (
                "the model is on ephemeral storage, which ends with its pod: every pod and every "
                "restart copies it anew; --set model.existingClaim=NAME"
            )
    yield from _memory(release, objects)


def _memory(release: Release, objects: Objects) -> Iterator[str]:
    found = [numbers for pod in release.pods if (numbers := _numbers(release, pod, objects))]
    limits = [one["limit"] for one in found if "limit" in one]
    if not limits:
        return
    limit = min(limits)
    used = max(one.get("working_set", 0.0) for one in found)
    peak = max((one["peak"] for one in found if "peak" in one), default=None)
    if used > NEARLY_FULL * limit:
        yield (
            f"the memory limit of {shown('memory', limit)} is nearly used up: "
            f"{shown('memory', used)} that cannot be dropped; --set resources.limits.memory="
            f"{shown('memory', MARGIN * used)} or more"
        )
    elif peak is not None and limit > FAR_TOO_HIGH * peak:
        yield (
            f"the memory limit of {shown('memory', limit)} is far above what was ever used, "
            f"{shown('memory', peak)}; {MARGIN} x that is {shown('memory', MARGIN * peak)}"
        )


def _numbers(release: Release, pod: Json, objects: Objects) -> dict[str, float]:
    """What the pod exports of its memory; empty where it cannot be asked."""
    if condition(pod, "Ready").get("status") != "True":
        return {}
    port = management_port(release)
    path = f"/api/v1/namespaces/{release.namespace}/pods/{name_of(pod)}:{port}/proxy/metrics"
    try:
        reply = objects.ask(path, right=f"get pods/proxy in {release.namespace}")
    except MissingRight:
        return {}
    text = reply.body.decode(errors="replace") if reply.status == 200 else ""
    return {name: float(number) for name, number in _NUMBER.findall(text)}
