"""What breaks no link today, and is worth to change: memory limits, and models that do not last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from longshore_k8s.capacity.recommendation import BUFFER
from longshore_k8s.doctor.capacity_file import FAR_TOO_HIGH, Capacity, compare
from longshore_k8s.doctor.exported import exported
from longshore_k8s.doctor.objects import MissingRight, Objects
from longshore_k8s.doctor.quantities import shown
from longshore_k8s.doctor.release import Release

NEARLY_FULL = 0.9
_EPHEMERAL = ("emptyDir", "ephemeral")
_MODEL_VOLUME = "model"


def advise(release: Release, objects: Objects, capacity: Capacity | None = None) -> Iterator[str]:
    """A sentence for each.

    Raises:
        MissingRight: with a capacity, autoscalers may not be listed.
    """
    for volume in release.pod_spec.get("volumes") or []:
        if volume["name"] == _MODEL_VOLUME and any(kind in volume for kind in _EPHEMERAL):
            yield (
                "the model is on ephemeral storage, which ends with its pod: every pod and every "
                "restart copies it anew; --set model.existingClaim=NAME"
            )
    if not release.is_planned:
        yield from _memory(release, objects)
    if capacity is not None:
        yield from compare(release, objects, capacity)


def _memory(release: Release, objects: Objects) -> Iterator[str]:
    """Of the pods that may be asked."""
    try:
        found = exported(release, objects).values()
    except MissingRight:
        return
    limit = min(_all(found, "limit"), default=None)
    used = max(_all(found, "working_set"), default=0.0)
    peak = max(_all(found, "peak"), default=None)
    if limit is None:
        return
    if used > NEARLY_FULL * limit:
        yield (
            f"the memory limit of {shown('memory', limit)} is nearly used up: "
            f"{shown('memory', used)} that cannot be dropped; --set resources.limits.memory="
            f"{shown('memory', BUFFER * used)} or more"
        )
    elif peak is not None and limit > FAR_TOO_HIGH * peak:
        yield (
            f"the memory limit of {shown('memory', limit)} is far above what was ever used, "
            f"{shown('memory', peak)}; {BUFFER} x that is {shown('memory', BUFFER * peak)}"
        )


def _all(found: Iterable[dict[str, float]], name: str) -> list[float]:
    series = f"longshore_memory_{name}_bytes"
    return [one[series] for one in found if series in one]
