"""A metric on its way from the pods to the count, with the values of this moment."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

from longshore_k8s.api import Json
from longshore_k8s.doctor import asked_count, prometheus
from longshore_k8s.doctor.autoscaler import GROUPS, Metric, autoscalers, metrics, triggers
from longshore_k8s.doctor.exported import exported
from longshore_k8s.doctor.metrics_api import api_path, external_sum, pods_values
from longshore_k8s.doctor.objects import MissingRight, Objects
from longshore_k8s.doctor.release import Release, name_of
from longshore_k8s.doctor.shipped_queries import SERIES, query

Values = dict[str, float]
"""By pod; by the name of the release where it is of all pods together."""
_SERIES = re.compile(r"longshore_\w+")


class _Unknown(Exception):
    """Says why a place is not known to have anything."""


@dataclass(frozen=True, slots=True)
class Known:
    """What one place has of a metric, or why that is not known."""

    values: Values
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric at each place."""

    metric: Metric
    series: str
    """What the pods export, of which the metric is made; empty where that is not known."""
    exported: Known
    stored: Known
    """In Prometheus."""
    answered: Known
    """By the metrics API."""
    count: int
    """Of pods, that the autoscaler saw."""
    asks: int | None
    """What follows from what it saw."""
    would_ask: int | None
    """What follows from what is answered now."""


def readings(release: Release, objects: Objects) -> list[Reading]:
    """Of each metric of the release's autoscaler.

    Raises:
        MissingRight: autoscalers may not be listed.
    """
    return [
        _reading(release, objects, autoscaler, metric)
        for autoscaler in autoscalers(release, objects)
        for metric in metrics(autoscaler)
    ]


def query_of(release: Release, objects: Objects, metric: Metric) -> str | None:
    """What Prometheus is asked for the metric; `None` where the doctor does not know.

    Raises:
        MissingRight: ScaledObjects may not be listed.
    """
    if metric.kind == "Pods":
        return query(metric.name, release.namespace, [name_of(pod) for pod in release.pods])
    found = (one for one in triggers(release, objects) if one["metric"] == metric.name)
    return next((str(one.get("query") or "") for one in found), None)


def _reading(release: Release, objects: Objects, autoscaler: Json, metric: Metric) -> Reading:
    count = (autoscaler.get("status") or {}).get("currentReplicas") or 0
    series = _series(release, objects, metric)
    answered = _known(lambda: _answered(release, objects, metric))
    return Reading(
        metric,
        series,
        _known(lambda: _exported(release, objects, series)),
        _known(lambda: stored(release, objects, metric)),
        answered,
        count,
        _asks(release, autoscaler, metric, answered.values, count),
        _would_ask(release, autoscaler, metric, answered.values, count),
    )


def _known(read: Callable[[], Values]) -> Known:
    try:
        return Known(read())
    except MissingRight as error:
        return Known({}, f"without the right to {error}")
    except _Unknown as error:
        return Known({}, str(error))


def _series(release: Release, objects: Objects, metric: Metric) -> str:
    if metric.kind == "Pods":
        return SERIES.get(metric.name, ("",))[0]
    try:
        found = _SERIES.findall(query_of(release, objects, metric) or "")
    except MissingRight:
        return ""
    return str(found[0]) if found else ""


def _exported(release: Release, objects: Objects, series: str) -> Values:
    if not series:
        raise _Unknown("it is not made of one counter of the pods")
    every = exported(release, objects)
    return {pod: found[series] for pod, found in every.items() if series in found}


def stored(release: Release, objects: Objects, metric: Metric) -> Values:
    """What Prometheus answers the query of the metric.

    Raises:
        MissingRight: it may not be asked.
    """
    service, asked = prometheus.find(release, objects), query_of(release, objects, metric)
    if not asked:
        raise _Unknown("its query is not one that the chart ships")
    if service is None:
        raise _Unknown(f"no object says where it is; {prometheus.OPTION}")
    series = prometheus.query(objects, service, asked)
    if series is None:
        raise _Unknown(f"{prometheus.shown(service)} does not answer")
    values = {
        one.get("metric", {}).get("pod", release.name): float(one["value"][1]) for one in series
    }
    return {name: value for name, value in values.items() if isfinite(value)}


def _answered(release: Release, objects: Objects, metric: Metric) -> Values:
    if api_path(objects, GROUPS[metric.kind]) is None:
        raise _Unknown(f"the cluster has no API {GROUPS[metric.kind]}")
    if metric.kind == "Pods":
        return pods_values(release, objects, metric.name)[1]
    total = external_sum(release, objects, metric)[1]
    return {} if total is None else {release.name: total}


def _asks(
    release: Release, autoscaler: Json, metric: Metric, answered: Values, count: int
) -> int | None:
    """Of what the autoscaler saw there is a mean alone: each pod that has a value has that."""
    if metric.seen is None:
        return None
    if metric.kind == "External":
        # Its status has the mean rounded up; the least sum that gives it is mostly the true one.
        least = metric.seen * count - (count - 1) / 1000
        total = least if metric.is_average else metric.seen
        return asked_count.of_sum(autoscaler, metric, release.pods, total, count)
    values = [
        metric.seen if not answered or name_of(pod) in answered else None for pod in release.pods
    ]
    return asked_count.of_pods(autoscaler, metric, release.pods, values, count)


def _would_ask(
    release: Release, autoscaler: Json, metric: Metric, answered: Values, count: int
) -> int | None:
    if not answered:
        return None
    if metric.kind == "External":
        total = sum(answered.values())
        return asked_count.of_sum(autoscaler, metric, release.pods, total, count)
    values = [answered.get(name_of(pod)) for pod in release.pods]
    return asked_count.of_pods(autoscaler, metric, release.pods, values, count)
