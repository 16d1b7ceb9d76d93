"""What a decision rests on, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from longshore_k8s.api import Json
from longshore_k8s.controller.judging.look import Look
from longshore_k8s.controller.kinds import DEPLOYMENT, Kind
from longshore_k8s.controller.live import LiveObject
from longshore_k8s.controller.resource import Record, Resource
from longshore_k8s.controller.validation import Probe
from longshore_k8s.controller.wanted import Refusal, WantedObject

ObjectKey: TypeAlias = tuple[str, str]
"""Kind and name."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What was asked besides, where the stage of a candidate needs it."""

    aimed: str | Refusal = ""
    """A digest of the pods that the spec asks for, where it is not known to be decided."""
    kept: str = ""
    """One of the pods that its values make with the version that serves."""
    said: str = ""
    """By the candidate's pods: why they do not run, or the last words of a Job."""
    look: Look | None = None
    """What the pods of both versions have counted."""
    probe: Probe | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """All that a decision rests on."""

    resource: Resource
    wanted: tuple[WantedObject, ...] | Refusal
    live: Mapping[ObjectKey, LiveObject]
    """Those of `wanted` that exist, whoever made them, and all with the label of the resource."""
    served: frozenset[str]
    """Names of the kinds that the cluster has."""
    chart_version: str
    source: str
    """A digest of all that `wanted` follows from."""
    now: str
    """RFC 3339."""
    findings: Findings = Findings()
    made_by: str = ""
    """A digest of what makes objects of a spec: the chart, this code and the cluster's kinds."""
    held: str = ""
    """Why another chart's pods have to wait; empty: they need not."""
    applied: Mapping[ObjectKey, Record] = field(default_factory=dict)
    """What was applied in this turn, and is not in the status yet."""
    refused: Mapping[ObjectKey, str] = field(default_factory=dict)
    """What the API server said to objects of this turn that it will not take."""

    def record(self, key: ObjectKey) -> Record | None:
        """What was applied last, as far as it is known."""
        return self.applied.get(key) or self.resource.inventory.get(key)


@dataclass(frozen=True, slots=True)
class Apply:
    """Apply one object server-side."""

    object: WantedObject
    forces: bool
    """Whether fields of other managers are taken: of an object that exists and is ours."""

    def __str__(self) -> str:
        return f"{self.object.kind.name} {self.object.name}"


@dataclass(frozen=True, slots=True)
class HandOverReplicas:
    """Keep the Deployment's count as it is when the apply that follows no longer states it."""

    name: str
    replicas: int

    def __str__(self) -> str:
        return f"{DEPLOYMENT.name} {self.name}"


@dataclass(frozen=True, slots=True)
class StripHelm:
    """Take from Helm the ownership of an adopted object's fields: what both own never goes."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.name} {self.name}"


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete an object that the chart no longer renders."""

    kind: Kind
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.kind.name} {self.name}"


Write: TypeAlias = Apply | HandOverReplicas | StripHelm | Delete


@dataclass(frozen=True, slots=True)
class Event:
    """What a person is told."""

    reason: str
    message: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Writes, in their order; or, where there are none left, the status that holds."""

    writes: tuple[Write, ...]
    events: tuple[Event, ...]
    """Of the writes, or of the status."""
    status: Json
    """Empty where there are writes."""
    requeue_seconds: float | None = None
    """When to look again though nothing was reported; `None`: not at all."""
