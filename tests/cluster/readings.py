"""What the HPA read and what it made of it, sync by sync, and the replay's arithmetic on the same.

Its status has the mean of each metric; which pods had a value is what the adapter answers at that
time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from tests.cluster import chart_values
from tests.cluster.node_agent import quantities
from tests.cluster.node_agent.api import ApiError, Json
from tests.cluster.serving import Serving
from tests.replay.oracle.playing import play

POLL_SECONDS = 1.0
MINOR = 36
SECOND = 1_000_000_000
Values = dict[str, int]
"""Of one metric, in thousandths, by the pod's name."""


@dataclass(frozen=True, slots=True)
class Look:
    """The pods and their values, and then the HPA."""

    pods: list[Json]
    values: list[Values]
    """In the order of the HPA's metrics."""
    autoscaler: Json


@dataclass(frozen=True, slots=True)
class Compared:
    """One sync."""

    current: int
    valued: list[int]
    """Pods with a value, of each metric."""
    means: list[int]
    theirs: int
    ours: int


@dataclass(slots=True)
class Readings:
    """Looks at a release, taken on a thread of its own, for a `with` statement."""

    serving: Serving
    looks: list[Look] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Readings:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        assert self._thread is not None
        self._thread.join()

    def compared(self) -> Iterator[Compared]:
        """Of each sync that changed the HPA's status, where the pods and those with a value were
        the same before and after it.
        """
        for before, after in pairwise(self.looks):
            hpa = after.autoscaler
            is_new = _version(hpa) != _version(before.autoscaler)
            if is_new and _valued(before) == _valued(after) and _read(hpa):
                ours, theirs = _decided(after, hpa), hpa["status"]["desiredReplicas"]
                valued = [len(values) for values in after.values]
                yield Compared(hpa["status"]["currentReplicas"], valued, _read(hpa), theirs, ours)

    def _watch(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            hpa = chart_values.autoscaler(self.serving)
            names = [metric["pods"]["metric"]["name"] for metric in _metrics(hpa)]
            try:
                values = [self._values(name) for name in names]
            except ApiError:
                continue  # the adapter has no value yet
            path = f"/api/v1/namespaces/{self.serving.namespace}/pods"
            pods = self.serving.cluster.list(path, labelSelector=self.serving.selector)
            self.looks.append(Look(pods, values, chart_values.autoscaler(self.serving)))

    def _values(self, name: str) -> Values:
        found = self.serving.cluster.metrics.pod_metric(self.serving.namespace, name)
        return {pod: _milli(text) for pod, text in found.items()}


def _decided(look: Look, hpa: Json) -> int:
    """By the replay's arithmetic. It remembers nothing: a load that only grows meets no window, and
    five pods no policy.
    """
    spec, status = hpa["spec"], hpa["status"]
    step = {
        "spec": None,
        "status": len(look.pods),
        "pods": [_pod(pod) for pod in look.pods],
        "readings": [
            {"pods": dict.fromkeys(values, mean)} if values else None
            for values, mean in zip(look.values, _read(hpa), strict=True)
        ],
    }
    scenario = {
        "name": "recorded",
        "min": spec["minReplicas"],
        "max": spec["maxReplicas"],
        "start": status["currentReplicas"],
        "request": 0,
        "behavior": spec.get("behavior"),
        "metrics": [
            {"source": "Pods", "kind": "AverageValue", "target": _target(metric)}
            for metric in _metrics(hpa)
        ],
        "steps": [step],
    }
    [played] = play([scenario], [[100_000 * SECOND]], MINOR)
    return int(played.decision.count[0])


def _pod(pod: Json) -> Json:
    conditions = pod["status"].get("conditions") or []
    return {
        "name": pod["metadata"]["name"],
        "phase": pod["status"]["phase"],
        "deleted": "deletionTimestamp" in pod["metadata"],
        "ready": any(one["type"] == "Ready" and one["status"] == "True" for one in conditions),
        "started": 0,
        "transition": 0,
    }


def _valued(look: Look) -> tuple[list[Json], list[set[str]]]:
    """All that the arithmetic asks for but the means."""
    return [_pod(pod) for pod in look.pods], [set(values) for values in look.values]


def _read(hpa: Json) -> list[int]:
    """The means in the status; none where one is missing."""
    shown = {
        one["pods"]["metric"]["name"]: _milli(one["pods"]["current"]["averageValue"])
        for one in hpa["status"].get("currentMetrics") or []
        if "pods" in one
    }
    names = [metric["pods"]["metric"]["name"] for metric in _metrics(hpa)]
    return [shown[name] for name in names] if names and set(names) <= set(shown) else []


def _metrics(hpa: Json) -> list[Json]:
    found: list[Json] = hpa.get("spec", {}).get("metrics") or []
    return found


def _target(metric: Json) -> int:
    return _milli(metric["pods"]["target"]["averageValue"])


def _milli(text: str) -> int:
    return round(1000 * quantities.parse(text))


def _version(hpa: Json) -> str:
    return str(hpa.get("metadata", {}).get("resourceVersion"))
