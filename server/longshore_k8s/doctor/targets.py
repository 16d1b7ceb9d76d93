"""What Prometheus scrapes of a release's pods: its targets, by the pods they were found for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from longshore_k8s.api import Json
from longshore_k8s.doctor import prometheus
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import Release, condition, management_port, name_of

DISCOVERY_SECONDS = 10.0
"""Prometheus takes up what it finds every 5 s (its discovery manager)."""
_OF_PODS = "__meta_kubernetes_"
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Target:
    """One URL that is scraped."""

    pod: str
    url: str
    health: str
    """`up`, `down`, or `unknown` before the first scrape."""
    error: str
    """Of the last scrape."""
    interval: float
    """Seconds from scrape to scrape; 0 where it is not told."""
    labels: dict[str, str]
    """Which every series of it gets."""


def targets(release: Release, objects: Objects) -> list[Target] | None:
    """Of the release's pods; `None` where no Prometheus is known, it does not answer, or it has no
    target of anything: in its first seconds it has found none yet.

    Raises:
        MissingRight: it may not be asked, or what tells where it is may not be listed.
    """
    active = _active(release, objects)
    if not active:
        return None
    every = (_target(one, release.namespace) for one in active)
    names = set(release.ready)
    return [one for one in every if one is not None and one.pod in names]


def not_found_yet(release: Release, objects: Objects, found: list[Target]) -> set[str]:
    """The pods that have just become ready: Prometheus, by its own newest scrape of anything, had
    no time yet to find them, or to scrape again those of `found` that did not listen before.

    Raises:
        MissingRight: see `targets`.
    """
    active = _active(release, objects)
    newest = max((_instant(one.get("lastScrape")) for one in active), default=0.0)
    if newest <= 0.0:
        return set()
    intervals = {one.pod: one.interval for one in found}
    ready = {name_of(pod): condition(pod, "Ready") for pod in release.pods}
    return {
        name
        for name in release.ready
        if newest - _instant(ready[name].get("lastTransitionTime"))
        < DISCOVERY_SECONDS + intervals.get(name, 0.0)
    }


def _active(release: Release, objects: Objects) -> list[Json]:
    found = prometheus.find(release, objects)
    data = None if found is None else prometheus.ask(objects, found, "targets", state="active")
    active: list[Json] = (data or {}).get("activeTargets") or []
    return active


def _instant(time: str | None) -> float:
    """Unix time; long ago where there is none, as `0001-01-01T00:00:00Z` is."""
    return datetime.fromisoformat(time).timestamp() if time else 0.0


def of_management_port(release: Release, found: list[Target], pod: str) -> list[Target]:
    """Those of the port that has the metrics."""
    port = management_port(release)
    return [one for one in found if one.pod == pod and urlsplit(one.url).port == port]


def seconds(duration: str) -> float:
    """Of `1m30s`; 0 where it is none."""
    return sum(int(number) * _SECONDS[unit] for number, unit in _DURATION.findall(duration))


def _target(one: Json, namespace: str) -> Target | None:
    """By what the discovery said of it, which no relabeling changes."""
    discovered = one.get("discoveredLabels") or {}
    if discovered.get(f"{_OF_PODS}namespace") != namespace:
        return None
    return Target(
        str(discovered.get(f"{_OF_PODS}pod_name", "")),
        str(one.get("scrapeUrl", "")),
        str(one.get("health", "")),
        str(one.get("lastError", "")),
        seconds(str(one.get("scrapeInterval", ""))),
        one.get("labels") or {},
    )
