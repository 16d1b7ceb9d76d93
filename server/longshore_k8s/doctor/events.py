"""What was told of an object, by reason: the sentences differ between releases of Kubernetes."""

from __future__ import annotations

from collections.abc import Collection

from longshore_k8s.api import Json
from longshore_k8s.doctor.objects import Objects


def latest(objects: Objects, kind: str, name: str, reasons: Collection[str]) -> Json | None:
    """The last event of the object with one of `reasons`.

    Raises:
        MissingRight: events may not be listed.
    """
    found = [
        event
        for event in objects.listed("events")
        if event.get("reason") in reasons
        and event["involvedObject"].get("kind") == kind
        and event["involvedObject"].get("name") == name
    ]
    return max(found, key=_time, default=None)


def _time(event: Json) -> str:
    series = event.get("series") or {}
    return str(
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"].get("creationTimestamp", "")
    )
