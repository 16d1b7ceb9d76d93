"""The monitors of a release for the Prometheus operator, and who selects them."""

from __future__ import annotations

from longshore_k8s.api import Json
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import INSTANCE, Release, labels, name_of
from longshore_k8s.doctor.selectors import selects

FIELDS = {"PodMonitor": "podMonitor", "ServiceMonitor": "serviceMonitor"}
"""Kinds, and how fields of a Prometheus begin that select them."""
_SCRAPERS = ("prometheuses", "prometheusagents")


def monitors(release: Release, objects: Objects) -> list[tuple[str, Json]]:
    """Those of the release, with their kinds; of one that is still to be installed, what it would
    create.

    Raises:
        MissingRight: they may not be listed.
    """
    if release.is_planned:
        return [(kind, one) for kind in FIELDS for one in release.created(kind)]
    return [
        (kind, one)
        for kind in FIELDS
        for one in objects.listed(f"{kind.lower()}s")
        if labels(one).get(INSTANCE) == release.name
    ]


def scrapers(objects: Objects) -> list[Json]:
    """Every Prometheus and PrometheusAgent of the operator."""
    return [one for kind in _SCRAPERS for one in objects.listed(kind)]


def selecting(kind: str, monitor: Json, release: Release, objects: Objects) -> list[Json]:
    """The scrapers that take the monitor in.

    A selector of labels that is absent selects nothing; of namespaces, its own alone.
    """
    return [
        one
        for one in scrapers(objects)
        if _takes_in(one, FIELDS[kind], monitor, _namespace_labels(release, objects), release)
    ]


def scrapers_of_monitors(release: Release, objects: Objects) -> list[Json]:
    """The scrapers that take in a monitor of the release."""
    return [
        one
        for kind, monitor in monitors(release, objects)
        for one in selecting(kind, monitor, release, objects)
    ]


def _takes_in(
    scraper: Json, field: str, monitor: Json, namespace: dict[str, str], release: Release
) -> bool:
    spec = scraper["spec"]
    by_namespace = spec.get(f"{field}NamespaceSelector")
    if by_namespace is None:
        is_there = scraper["metadata"].get("namespace") == release.namespace
    else:
        is_there = selects(by_namespace, namespace)
    selector = spec.get(f"{field}Selector")
    return is_there and selector is not None and selects(selector, labels(monitor))


def _namespace_labels(release: Release, objects: Objects) -> dict[str, str]:
    found = [n for n in objects.listed("namespaces") if name_of(n) == release.namespace]
    return {"kubernetes.io/metadata.name": release.namespace, **(labels(found[0]) if found else {})}
