"""LS28: whether a Prometheus of the operator selects the release's monitor."""

from __future__ import annotations

import json

from longshore_k8s.api import Json
from longshore_k8s.doctor.autoscaler import autoscalers, metrics, pods_values
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.placement import holds
from longshore_k8s.doctor.release import INSTANCE, Release, labels, name_of
from longshore_k8s.doctor.rule import Finding, Rule

_MONITORS = {"podmonitors": "podMonitor", "servicemonitors": "serviceMonitor"}
"""Kinds, and how fields of a Prometheus begin that select them."""
_SCRAPERS = ("prometheuses", "prometheusagents")


def check_selected(release: Release, objects: Objects) -> Finding | None:
    for kind, field in _MONITORS.items():
        for monitor in objects.listed(kind):
            if labels(monitor).get(INSTANCE) != release.name:
                continue
            scrapers = [one for scraper in _SCRAPERS for one in objects.listed(scraper)]
            if not scrapers or _is_scraped(release, objects):
                continue
            own = _namespace_labels(release, objects)
            if not any(_selects(one, field, monitor, own, release.namespace) for one in scrapers):
                return _finding(kind, field, monitor, scrapers)
    return None


def _finding(kind: str, field: str, monitor: Json, scrapers: list[Json]) -> Finding:
    first = scrapers[0]
    wanted = ((first["spec"].get(f"{field}Selector") or {}).get("matchLabels")) or {}
    fix = (
        f"--set-json 'metrics.{field}.labels={json.dumps(wanted)}'"
        if wanted
        else f"let spec.{field}Selector and spec.{field}NamespaceSelector of "
        f"{name_of(first)} take it in"
    )
    names = ", ".join(f"{one['metadata'].get('namespace', '')}/{name_of(one)}" for one in scrapers)
    return Finding(
        f"no Prometheus selects the {kind[:-1]} {name_of(monitor)} ({names})",
        fix,
        (f"{kind[:-1]} {name_of(monitor)}: labels {labels(monitor)}",
         f"prometheus {name_of(first)}: spec.{field}Selector {wanted or 'selects nothing'}"),
    )  # fmt: skip


def _is_scraped(release: Release, objects: Objects) -> bool:
    """Whether the pods have values all the same, by another way."""
    return any(
        metric.kind == "Pods" and pods_values(release, objects, metric.name)[1]
        for autoscaler in autoscalers(release, objects)
        for metric in metrics(autoscaler)
    )


def _namespace_labels(release: Release, objects: Objects) -> dict[str, str]:
    found = [n for n in objects.listed("namespaces") if name_of(n) == release.namespace]
    return {"kubernetes.io/metadata.name": release.namespace, **(labels(found[0]) if found else {})}


def _selects(scraper: Json, field: str, monitor: Json, namespace: dict[str, str], own: str) -> bool:
    """A selector of labels that is absent selects nothing; of namespaces, its own alone."""
    spec = scraper["spec"]
    by_namespace = spec.get(f"{field}NamespaceSelector")
    if by_namespace is None:
        is_there = scraper["metadata"].get("namespace") == own
    else:
        is_there = _matches(namespace, by_namespace)
    selector = spec.get(f"{field}Selector")
    return is_there and selector is not None and _matches(labels(monitor), selector)


def _matches(found: dict[str, str], selector: Json) -> bool:
    wanted = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or []
    return wanted.items() <= found.items() and all(holds(found, one) for one in expressions)


RULES = (
    Rule(
        "LS28", "monitoring", "a Prometheus selects the monitor",
        "A Prometheus of the operator takes the monitors that its selectors name; without a "
        "selector of namespaces, those of its own namespace alone.",
        "The release's PodMonitor or ServiceMonitor against the selectors of every Prometheus and "
        "PrometheusAgent, where the pods have no values by another way.",
        "Give the monitor the label that is asked for (`metrics.podMonitor.labels`).",
        check_selected,
    ),
)  # fmt: skip
