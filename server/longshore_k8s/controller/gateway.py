"""Steps by the weights of an HTTPRoute: shares of requests, whatever the counts of pods.

Where the route names stable's Service it names two, and the canary has a Service of its own: that
of stable with another selector. Stable's own stays as it is, so its ClusterIP leads to stable
alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from longshore_k8s.api import Json
from longshore_k8s.controller import kinds
from longshore_k8s.controller.plan import CANARY_CHART_NAME
from longshore_k8s.controller.verify_job import NAME_LABEL

_LARGEST = 1_000_000
"""Weight that the Gateway API takes."""
_KEPT = frozenset({"internalTrafficPolicy", "ipFamilies", "ipFamilyPolicy", "trafficDistribution"})
"""Fields of stable's Service, beside ports and selector, that its canary's has too."""


def front_of(documents: Iterable[Json]) -> Json | None:
    """The Service of the release that one of its HTTPRoutes names as a backend, if any does."""
    documents = list(documents)
    named = {
        reference["name"]
        for route in _of_kind(documents, kinds.HTTP_ROUTE.name)
        for rule in route["spec"].get("rules") or ()
        for reference in rule.get("backendRefs") or ()
        if _is_service(reference, route)
    }
    services = _of_kind(documents, kinds.SERVICE.name)
    return next((one for one in services if one["metadata"]["name"] in named), None)


def by_weights(documents: Iterable[Json], front: Json, canary: str, weight: int) -> list[Json]:
    """`documents` with the Service `canary`, and with that percentage of the requests to it; with 0
    the routes are as they were."""
    name = front["metadata"]["name"]
    found = [
        _divided(one, name, canary, weight)
        if weight and one["kind"] == kinds.HTTP_ROUTE.name
        else one
        for one in documents
    ]
    return [*found, _canary_service(front, canary)]


def _canary_service(front: Json, name: str) -> Json:
    """A ClusterIP, whatever stable's is: neither a load balancer nor a port of the nodes is to
    lead to the canary."""
    spec, metadata = front["spec"], front["metadata"]
    ports = [{key: port[key] for key in port if key != "nodePort"} for port in spec["ports"]]
    labels = {**(metadata.get("labels") or {}), NAME_LABEL: CANARY_CHART_NAME}
    return {
        "apiVersion": kinds.SERVICE.api_version,
        "kind": kinds.SERVICE.name,
        "metadata": {"name": name, "namespace": metadata.get("namespace"), "labels": labels},
        "spec": {
            **{key: spec[key] for key in spec if key in _KEPT},
            "type": "ClusterIP",
            "selector": {**spec["selector"], NAME_LABEL: CANARY_CHART_NAME},
            "ports": ports,
        },
    }


def _divided(route: Json, front: str, canary: str, weight: int) -> Json:
    def is_front(reference: Json) -> bool:
        return _is_service(reference, route) and reference["name"] == front

    rules = [
        {**rule, "backendRefs": _weighted(rule["backendRefs"], is_front, canary, weight)}
        if any(map(is_front, rule.get("backendRefs") or ()))
        else rule
        for rule in route["spec"].get("rules") or ()
    ]
    return {**route, "spec": {**route["spec"], "rules": rules}}


def _weighted(
    references: list[Json], is_front: Callable[[Json], bool], canary: str, weight: int
) -> list[Json]:
    """Other backends keep their part of the whole."""
    found: list[Json] = []
    for one in references:
        known = one.get("weight", 1)
        if is_front(one):
            found.append({**one, "weight": known * (100 - weight)})
            found.append({**one, "name": canary, "weight": known * weight})
        else:
            found.append({**one, "weight": known * 100})
    return _bounded(found)


def _bounded(references: list[Json]) -> list[Json]:
    """Whole weights that the API takes; one that is not 0 stays so."""
    largest = max(one["weight"] for one in references)
    if largest <= _LARGEST:
        return references
    return [
        {**one, "weight": max(1, one["weight"] * _LARGEST // largest) if one["weight"] else 0}
        for one in references
    ]


def _is_service(reference: Json, route: Json) -> bool:
    """Of the route's own namespace."""
    is_core = (reference.get("group", ""), reference.get("kind", "Service")) == ("", "Service")
    return is_core and reference.get("namespace") in (None, route["metadata"].get("namespace"))


def _of_kind(documents: list[Json], kind: str) -> list[Json]:
    return [one for one in documents if one["kind"] == kind]
