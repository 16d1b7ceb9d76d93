"""Objects as they are to be: what the chart rendered, checked, and marked as the resource's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from longshore_k8s.api import Json
from longshore_k8s.controller import kinds
from longshore_k8s.controller.aim import digest_of
from longshore_k8s.controller.resource import MODEL_LABEL, Resource

MANAGED_BY = "longshore-controller"


class Refusal(Exception):
    """Why nothing is applied for a resource: a reason in CamelCase, and a sentence."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class WantedObject:
    """One object as it is to be applied."""

    kind: kinds.Kind
    name: str
    document: Json
    """Empty where it is only remembered: nothing of it is to be written then."""
    digest: str

    @property
    def key(self) -> tuple[str, str]:
        return self.kind.name, self.name


def wanted_objects(rendered: Iterable[Json], resource: Resource) -> tuple[WantedObject, ...]:
    """What is to be applied of `rendered`, in order; tests of Helm's are left out.

    Raises:
        Refusal: it holds what a resource must not have.
    """
    documents = [document for document in rendered if not _is_hook(document)]
    for document in documents:
        _check(document, resource)
    order = {kind.name: place for place, kind in enumerate(kinds.OWNED)}
    documents.sort(key=lambda document: order[document["kind"]])
    return tuple(_wanted(document, resource) for document in documents)


def remembered(resource: Resource, source: str) -> tuple[WantedObject, ...]:
    """What was rendered from the same `source` before, as the inventory has it: rendering takes
    50 ms, and a controller that starts has every resource to look at. Empty if it was another.
    """
    if resource.status.get("renderedFrom") != source:
        return ()
    return tuple(
        WantedObject(kinds.BY_NAME[kind], name, {}, record.digest)
        for (kind, name), record in resource.inventory.items()
    )


def _check(document: Json, resource: Resource) -> None:
    name = f"{document['kind']} {document['metadata']['name']}"
    kind = kinds.BY_NAME.get(document["kind"])
    if kind is None or kind.api_version != document["apiVersion"]:
        raise Refusal("Forbidden", f"{name}: a LongshoreModel has no objects of this kind")
    namespace = document["metadata"].get("namespace", resource.namespace)
    if namespace != resource.namespace:
        raise Refusal(
            "Forbidden",
            f"{name}: it would be in the namespace {namespace}, and a LongshoreModel has objects "
            f"in its own alone, {resource.namespace}",
        )
    if any(_host_paths(document)):
        raise Refusal(
            "Forbidden",
            f"{name}: a LongshoreModel has no volumes of the type hostPath; use a claim",
        )


def _host_paths(value: Any) -> Iterator[Any]:
    """Every `hostPath` with a block below it, wherever it stands."""
    if isinstance(value, dict):
        if isinstance(value.get("hostPath"), dict):
            yield value["hostPath"]
        for below in value.values():
            yield from _host_paths(below)
    elif isinstance(value, list):
        for below in value:
            yield from _host_paths(below)


def _wanted(document: Json, resource: Resource) -> WantedObject:
    metadata = {**document["metadata"], "namespace": resource.namespace}
    metadata["labels"] = {
        **(metadata.get("labels") or {}),
        "app.kubernetes.io/managed-by": MANAGED_BY,
        MODEL_LABEL: resource.name,
    }
    kind = kinds.BY_NAME[document["kind"]]
    # The claim outlives the resource: what is on it is not the controller's to delete.
    if kind is not kinds.CLAIM:
        metadata["ownerReferences"] = [resource.owner_reference]
    whole = {**document, "metadata": metadata}
    return WantedObject(kind, metadata["name"], whole, digest_of(whole))


def _is_hook(document: Json) -> bool:
    return "helm.sh/hook" in (document["metadata"].get("annotations") or {})
