"""Objects as they are: what the controller keeps of each, which is little."""

from __future__ import annotations

from dataclasses import dataclass

from longshore_k8s.api import Json
from longshore_k8s.controller import kinds
from longshore_k8s.controller.aim import digest_of
from longshore_k8s.controller.resource import KIND, MODEL_LABEL, Resource
from longshore_k8s.controller.route_status import NOTHING_SAID, RouteStatus
from longshore_k8s.controller.wanted import MANAGED_BY

MANAGER = MANAGED_BY
"""The field manager of every server-side apply."""

_OURS = MANAGER, "Apply", None
HELM = "helm"
"""Its field manager, in both majors."""
_HELM_RELEASE = "meta.helm.sh/release-name"
_HELM_NAMESPACE = "meta.helm.sh/release-namespace"


@dataclass(frozen=True, slots=True)
class Pods:
    """What a Deployment says of its pods."""

    wanted: int = 0
    total: int = 0
    updated: int = 0
    ready: int = 0
    is_seen: bool = False
    """Whether its controller has seen the newest spec."""
    late: str = ""
    """Why its controller gave a rollout up, if it did."""
    refused: str = ""
    """Why pods cannot be created, such as a quota."""

    @property
    def is_rolled_out(self) -> bool:
        """Whether all of them are of the newest specification, and ready."""
        counts = {self.total, self.updated, self.ready}
        return self.is_seen and counts == {self.wanted}


@dataclass(frozen=True, slots=True)
class LiveObject:
    """One object in the cluster."""

    uid: str
    version: str
    """Its resourceVersion."""
    model: str
    """The resource that its label names, or nothing."""
    owners: tuple[str, ...]
    """UIDs."""
    model_owner: str
    """The LongshoreModel that owns it, by name, or nothing."""
    fields: str
    """A digest of the set of fields that are the controller's; empty where none is."""
    is_deleting: bool
    helm_release: tuple[str, str]
    """Namespace and name of the Helm release that it is of, or two empty texts."""
    owns_replicas: bool = False
    """Whether `spec.replicas` is the controller's."""
    is_managed_by_helm: bool = False
    """Whether Helm owns a field."""
    pods: Pods | None = None
    """Of a Deployment."""
    job: tuple[str, str] = ("", "")
    """Of a Job that has ended: `Complete` or `Failed`, and why."""
    route: RouteStatus = NOTHING_SAID
    """Of an HTTPRoute."""

    @classmethod
    def read(cls, document: Json) -> LiveObject:
        metadata = document["metadata"]
        annotations = metadata.get("annotations") or {}
        owners = metadata.get("ownerReferences") or ()
        fields = _own_fields(metadata)
        return cls(
            uid=metadata["uid"],
            version=metadata["resourceVersion"],
            model=(metadata.get("labels") or {}).get(MODEL_LABEL, ""),
            owners=tuple(owner["uid"] for owner in owners),
            model_owner=next((owner["name"] for owner in owners if owner["kind"] == KIND), ""),
            fields=digest_of(fields) if fields else "",
            is_deleting="deletionTimestamp" in metadata,
            helm_release=(
                annotations.get(_HELM_NAMESPACE, ""),
                annotations.get(_HELM_RELEASE, ""),
            ),
            owns_replicas="f:replicas" in fields.get("f:spec", {}),
            is_managed_by_helm=any(
                entry["manager"] == HELM for entry in metadata.get("managedFields") or ()
            ),
            pods=_pods(document) if document.get("kind") == kinds.DEPLOYMENT.name else None,
            job=_ended(document) if document.get("kind") == kinds.JOB.name else ("", ""),
            route=_route(document),
        )

    def is_of(self, resource: Resource) -> bool:
        """Whether it is the resource's own: by its owner, or, where it has none, as a claim and
        what an orphaning deletion left, by what the controller wrote."""
        if resource.uid in self.owners:
            return True
        return not self.owners and self.model == resource.name and self.fields != ""

    def is_of_release(self, resource: Resource) -> bool:
        """Whether Helm made it for the release with the name of the resource."""
        return self.helm_release == resource.key and not self.owners

    def is_going(self, resource: Resource) -> bool:
        """Whether it is about to be gone: it, or an earlier resource of that name, was."""
        return self.is_deleting or self.model_owner == resource.name


def _own_fields(metadata: Json) -> Json:
    for entry in metadata.get("managedFields") or ():
        if (entry["manager"], entry["operation"], entry.get("subresource")) == _OURS:
            fields: Json = entry.get("fieldsV1") or {}
            return fields
    return {}


def _ended(document: Json) -> tuple[str, str]:
    for entry in (document.get("status") or {}).get("conditions") or ():
        if entry["type"] in ("Complete", "Failed") and entry["status"] == "True":
            return entry["type"], entry.get("message", "")
    return "", ""


def _route(document: Json) -> RouteStatus:
    is_route = document.get("kind") == kinds.HTTP_ROUTE.name
    return RouteStatus.read(document) if is_route else NOTHING_SAID


def _pods(document: Json) -> Pods:
    status = document.get("status") or {}
    conditions = {entry["type"]: entry for entry in status.get("conditions") or ()}
    progress, failure = conditions.get("Progressing", {}), conditions.get("ReplicaFailure", {})
    generation = document["metadata"].get("generation", 0)
    return Pods(
        wanted=document["spec"].get("replicas", 1),
        total=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        is_seen=status.get("observedGeneration", -1) >= generation,
        late=progress.get("message", "") if progress.get("status") == "False" else "",
        refused=failure.get("message", "") if failure.get("status") == "True" else "",
    )
