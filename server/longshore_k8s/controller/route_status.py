"""What the parents of an HTTPRoute, its Gateways, say of it in its status.

https://gateway-api.sigs.k8s.io/reference/spec/#routeparentstatus
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self, TypeGuard

from longshore_k8s.api import Json

_ASKED = ("Accepted", "ResolvedRefs")
_GROUP = "gateway.networking.k8s.io"


@dataclass(frozen=True, slots=True)
class RouteStatus:
    """Sentences, each empty where there is nothing to say; and where requests are to go."""

    untaken: str = ""
    """Why requests may not go as the newest specification says, by one of its parents."""
    refused: str = ""
    """The same where that parent has seen it, and answers requests by itself instead."""
    unseen: str = ""
    """Which parent has taken the route and not seen its newest specification."""
    backends: frozenset[str] = frozenset()
    """Names of those that have weight."""

    @classmethod
    def read(cls, document: Json) -> Self:
        """Of an HTTPRoute as the API server has it."""
        refused = next(_refused(document), "")
        return cls(
            refused or next(_awaited(document), ""),
            refused,
            next(_unseen(document), ""),
            frozenset(_backends(document)),
        )


NOTHING_SAID = RouteStatus()


def _refused(document: Json) -> Iterator[str]:
    for reference, found in _said(document):
        for kind in _ASKED:
            condition = found.get(kind)
            if _is_newest(condition, document) and condition["status"] == "False":
                yield f"{_shown(reference)}: {kind} is False: {_why(condition)}"
        # Some rules are left out then, or those before are kept.
        partial = found.get("PartiallyInvalid")
        if _is_newest(partial, document) and partial["status"] == "True":
            yield f"{_shown(reference)}: PartiallyInvalid: {_why(partial)}"


def _awaited(document: Json) -> Iterator[str]:
    """Every parent that is named has to say that the newest specification holds."""
    silent = [one for one in _parents(document) if not _entries(document, one)]
    for reference in silent:
        yield f"{_shown(reference)} has said nothing of the route."
    for reference, found in _said(document):
        for kind in _ASKED:
            condition = found.get(kind)
            if not _is_newest(condition, document) or condition["status"] != "True":
                yield f"{_shown(reference)} has not seen the newest weights."


def _unseen(document: Json) -> Iterator[str]:
    """A parent that has never said anything sends the route no requests."""
    for reference, found in _said(document):
        if not _is_newest(found.get("Accepted"), document):
            yield f"{_shown(reference)} has not seen the newest weights."


def _backends(document: Json) -> Iterator[str]:
    for rule in document["spec"].get("rules") or ():
        for one in rule.get("backendRefs") or ():
            if one.get("weight", 1):
                yield one["name"]


def _said(document: Json) -> Iterator[tuple[Json, dict[str, Json]]]:
    """Each parent that is named, with its conditions by type."""
    for reference in _parents(document):
        for entry in _entries(document, reference):
            yield reference, {one["type"]: one for one in entry.get("conditions") or ()}


def _parents(document: Json) -> list[Json]:
    return list(document["spec"].get("parentRefs") or ())


def _entries(document: Json, reference: Json) -> list[Json]:
    """What controllers say of that parent: one entry for each of them."""
    namespace = document["metadata"].get("namespace", "")
    wanted = _identity(reference, namespace)
    said = (document.get("status") or {}).get("parents") or ()
    return [one for one in said if _identity(one["parentRef"], namespace) == wanted]


def _identity(reference: Json, namespace: str) -> tuple[object, ...]:
    return (
        reference.get("group", _GROUP),
        reference.get("kind", "Gateway"),
        reference.get("namespace") or namespace,
        reference["name"],
        reference.get("sectionName") or "",
        reference.get("port") or 0,
    )


def _is_newest(condition: Json | None, document: Json) -> TypeGuard[Json]:
    generation = document["metadata"].get("generation", 0)
    return condition is not None and int(condition.get("observedGeneration", 0)) >= generation


def _why(condition: Json) -> str:
    said = ": ".join(filter(None, (condition.get("reason"), condition.get("message"))))
    return said if said.endswith(".") else f"{said}."


def _shown(reference: Json) -> str:
    section = reference.get("sectionName")
    return f"{reference.get('kind', 'Gateway')} {reference['name']}" + (
        f" ({section})" if section else ""
    )
