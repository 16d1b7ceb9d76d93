"""LS28: a monitor that no Prometheus selects."""

from __future__ import annotations

import json

from longshore_k8s.api import Json
from longshore_k8s.doctor.metrics_api import has_values
from longshore_k8s.doctor.monitors import FIELDS, monitors, scrapers, selecting
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, labels, name_of
from longshore_k8s.doctor.rule import Finding, Rule


def check(release: Release, objects: Objects) -> Finding | None:
    for kind, monitor in monitors(release, objects):
        found = scrapers(objects)
        if not found or has_values(release, objects):
            continue
        if not selecting(kind, monitor, release, objects):
            return _finding(kind, monitor, found)
    return None


def _finding(kind: str, monitor: Json, found: list[Json]) -> Finding:
    first, field = found[0], FIELDS[kind]
    wanted = ((first["spec"].get(f"{field}Selector") or {}).get("matchLabels")) or {}
    fix = (
        f"--set-json 'metrics.{field}.labels={json.dumps(wanted)}'"
        if wanted
        else f"let spec.{field}Selector and spec.{field}NamespaceSelector of "
        f"{name_of(first)} take it in"
    )
    names = ", ".join(f"{one['metadata'].get('namespace', '')}/{name_of(one)}" for one in found)
    return Finding(
        f"no Prometheus selects the {kind.lower()} {name_of(monitor)} ({names})",
        fix,
        (f"{kind.lower()} {name_of(monitor)}: labels {labels(monitor)}",
         f"prometheus {name_of(first)}: spec.{field}Selector {wanted or 'selects nothing'}"),
    )  # fmt: skip


RULE = Rule(
    "LS28", "monitoring", "a Prometheus selects the monitor",
    "A Prometheus of the operator takes the monitors that its selectors name; without a "
    "selector of namespaces, those of its own namespace alone.",
    "The release's PodMonitor or ServiceMonitor against the selectors of every Prometheus and "
    "PrometheusAgent, where the pods have no values by another way.",
    "Give the monitor the label that is asked for (`metrics.podMonitor.labels`).",
    check,
    before_install=True,
)  # fmt: skip
