"""A cluster as `decide` sees one: objects that come and go by its writes, without an API server."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from longshore_k8s.controller import kinds
from longshore_k8s.controller.decide import decide
from longshore_k8s.controller.decision import (
    Apply,
    Decision,
    Delete,
    HandOverReplicas,
    ObjectKey,
    Observed,
    StripHelm,
    Write,
)
from longshore_k8s.controller.live import LiveObject, Pods
from longshore_k8s.controller.resource import Record, Resource
from longshore_k8s.controller.wanted import Refusal, WantedObject, wanted_objects

NAME, NAMESPACE, UID = "text", "models", "uid-of-text"
NOW = "2026-11-28T20:00:00Z"
EVERY_KIND = frozenset(kind.name for kind in kinds.OWNED)


def rendered(kind: str, name: str = NAME, **spec: Any) -> dict[str, Any]:
    """An object as the chart might print it."""
    known = {"selector": {"matchLabels": {"app": NAME}}} if kind == "Deployment" else {}
    known |= {"ports": [{"name": "http", "port": 8000}]} if kind == "Service" else {}
    return {
        "apiVersion": kinds.BY_NAME[kind].api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": NAME}},
        "spec": {**known, **spec},
    }


def resource_of(spec: dict[str, Any], status: dict[str, Any], generation: int) -> Resource:
    """The one resource of a world here."""
    metadata = {
        "name": NAME, "namespace": NAMESPACE, "uid": UID,
        "generation": generation, "resourceVersion": "1",
    }  # fmt: skip
    return Resource.read({"metadata": metadata, "spec": spec, "status": status})


@dataclass
class World:
    """One resource and its surroundings."""

    wanted: list[dict[str, Any]]
    spec: dict[str, Any] = field(default_factory=dict)
    served: frozenset[str] = EVERY_KIND
    objects: dict[ObjectKey, LiveObject] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)
    refuses: Refusal | None = None
    generation: int = 1

    @property
    def resource(self) -> Resource:
        return resource_of(self.spec, self.status, self.generation)

    def observed(self) -> Observed:
        wanted: tuple[WantedObject, ...] | Refusal
        wanted = self.refuses or wanted_objects(self.wanted, self.resource)
        return Observed(
            self.resource, wanted, dict(self.objects), self.served, "0.1.0", "source", NOW
        )

    def turn(self, *, dies_after: int | None = None) -> Decision | None:
        """One turn as the reconciler makes it; `None` if it died after that many writes."""
        observed, made = self.observed(), 0
        while (decision := decide(observed)).writes:
            applied = dict(observed.applied)
            for write in decision.writes:
                if made == dies_after:
                    return None
                made += 1
                self.writes.append(write)
                self._make(write, applied)
            observed = replace(observed, live=dict(self.objects), applied=applied)
        if made == dies_after:
            return None
        self.status = decision.status
        return decision

    def _make(self, write: Write, applied: dict[ObjectKey, Record]) -> None:
        match write:
            case Apply(wanted):
                before = self.objects.get(wanted.key)
                live = self.objects[wanted.key] = _as_applied(wanted, before)
                applied[wanted.key] = Record(wanted.digest, live.fields)
            case Delete(kind, name):
                del self.objects[kind.name, name]
            case StripHelm(kind, name):
                live = self.objects[kind.name, name]
                self.objects[kind.name, name] = replace(live, is_managed_by_helm=False)
            case HandOverReplicas():
                pass

    def edit(self, key: ObjectKey) -> None:
        """Somebody gives a field of ours another value."""
        self.objects[key] = replace(self.objects[key], fields=self.objects[key].fields + "-less")

    def condition(self, kind: str) -> dict[str, Any]:
        (found,) = [entry for entry in self.status["conditions"] if entry["type"] == kind]
        return found


def stranger(**known: Any) -> LiveObject:
    """An object that something else made."""
    fields: dict[str, Any] = {
        "uid": "uid-of-another", "version": "1", "model": "", "owners": (), "fields": "",
        "model_owner": "", "is_deleting": False, "helm_release": ("", ""),
    }  # fmt: skip
    return LiveObject(**{**fields, **known})


def of_release(release: str = NAME, namespace: str = NAMESPACE) -> LiveObject:
    """An object that Helm made."""
    return stranger(helm_release=(namespace, release), is_managed_by_helm=True)


def keys(writes: Iterable[Write]) -> list[str]:
    return [str(write) for write in writes]


def _as_applied(wanted: WantedObject, before: LiveObject | None) -> LiveObject:
    is_deployment = wanted.kind is kinds.DEPLOYMENT
    replicas = wanted.document["spec"].get("replicas")
    pods = (before.pods if before else None) or Pods(1, 1, 1, 1, is_seen=True)
    if replicas is not None:
        pods = Pods(replicas, replicas, replicas, replicas, is_seen=True)
    return LiveObject(
        uid=before.uid if before else f"uid-of-{wanted.key}",
        version="2",
        model=NAME,
        owners=() if wanted.kind is kinds.CLAIM else (UID,),
        model_owner="" if wanted.kind is kinds.CLAIM else NAME,
        fields=wanted.digest,
        is_deleting=False,
        helm_release=before.helm_release if before else ("", ""),
        owns_replicas=replicas is not None,
        is_managed_by_helm=before.is_managed_by_helm if before else False,
        pods=pods if is_deployment else None,
    )
