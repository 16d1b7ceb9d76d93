"""A cluster of written objects, as an API server would answer for it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from typing import Any
from urllib.parse import urlencode

from longshore_k8s.api import Json, Reply
from longshore_k8s.doctor.examination import Examination, examine
from longshore_k8s.doctor.links import LINKS
from longshore_k8s.doctor.objects import KINDS, Objects, Service
from longshore_k8s.doctor.release import Release

NAMESPACE = "prod"
LABELS = {"app.kubernetes.io/instance": "sentiment", "app.kubernetes.io/component": "server"}
OF_A_NODE = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
METRIC = "longshore_requests_per_second"
PROMETHEUS = Service("monitoring", "prometheus", "9090")
PROMETHEUS_API = "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1"
OF_A_TARGET = {"job": "pods", "instance": "10.1.0.1:8002"}
CUSTOM = "/apis/custom.metrics.k8s.io/v1beta1"


class FakeCluster:
    """A sound release `sentiment` with one pod; a test changes what it is about."""

    def __init__(self) -> None:
        self.lists: dict[str, list[Json]] = {kind: [] for kind in KINDS}
        self.answers: dict[str, tuple[int, Json]] = {}
        self.texts: dict[str, str] = {}
        """Answers that are no JSON, by path."""
        self.forbidden: set[str] = set()
        """Kinds and paths that may not be read."""
        self.asked: list[str] = []
        self.prometheus: Service | None = None
        """The one that the user names."""
        self.deployment = deployment()
        self.pod = pod("sentiment-1")
        self.node = node("n1")
        self.lists["deployments"] = [self.deployment]
        self.lists["pods"] = self.lists["pods of all namespaces"] = [self.pod]
        self.lists["nodes"] = [self.node]
        self.claim = claim("models")
        self.lists["persistentvolumeclaims"] = [self.claim]
        self.lists["persistentvolumes"] = [
            {"metadata": {"name": "pv-1"}, "spec": {"capacity": {"storage": "1Gi"}}}
        ]
        self.lists["namespaces"] = [{"metadata": {"name": NAMESPACE, "labels": {}}}]

    @property
    def spec(self) -> Json:
        found: Json = self.deployment["spec"]["template"]["spec"]
        return found

    def get(self, path: str, **query: str) -> Reply:
        assert path.startswith("/"), path
        self.asked.append(f"{path}?{urlencode(query)}")
        kinds = {KINDS[kind].format(namespace=NAMESPACE): kind for kind in KINDS}
        if path in self.forbidden or kinds.get(path) in self.forbidden:
            return Reply(403, b"{}")
        if path in kinds:
            return Reply(200, json.dumps({"items": self.lists[kinds[path]]}).encode())
        if path in self.texts:
            return Reply(200, self.texts[path].encode())
        asked = f"{path}?{query['query']}" if "query" in query else path
        status, body = self.answers.get(asked, (404, {}))
        return Reply(status, json.dumps(body).encode())

    def examine(self, rules: Iterable[Any] = LINKS, *, asks_all: bool = False) -> Examination:
        objects = Objects(self, NAMESPACE, self.prometheus)
        return examine(Release.find("sentiment", objects), objects, rules, asks_all=asks_all)

    def codes(self) -> list[str]:
        """Of every broken link."""
        return [rule.code for rule, _ in self.examine(asks_all=True).broken]

    def leave_unscheduled(self, message: str = "0/1 nodes are available") -> None:
        """The pod waits for a node, in the words of some release of the scheduler."""
        del self.pod["spec"]["nodeName"]
        self.pod["spec"] |= deepcopy(
            {key: value for key, value in self.spec.items() if key != "nodeName"}
        )
        self.pod["status"] = {
            "phase": "Pending",
            "conditions": [
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                 "message": message},
            ],
        }  # fmt: skip
        self.deployment["status"]["readyReplicas"] = 0

    def wait_for(self, reason: str, message: str = "") -> None:
        """The pod's container waits."""
        self._not_ready()
        self.pod["status"]["containerStatuses"][0] |= {
            "ready": False, "state": {"waiting": {"reason": reason, "message": message}},
        }  # fmt: skip

    def end(
        self, *, reason: str = "Error", code: int = 1, seconds: int = 1, message: str = ""
    ) -> None:
        """The pod's container ended and was started again."""
        self._not_ready()
        self.pod["status"]["phase"] = "Running"
        ended = {
            "reason": reason, "exitCode": code, "message": message,
            "startedAt": "2026-01-01T00:00:00Z",
            "finishedAt": f"2026-01-01T00:{seconds // 60:02}:{seconds % 60:02}Z",
        }  # fmt: skip
        self.pod["status"]["containerStatuses"][0] |= {
            "ready": False, "restartCount": 2, "lastState": {"terminated": ended},
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        }  # fmt: skip

    def _not_ready(self) -> None:
        self.deployment["status"]["readyReplicas"] = 0
        self.pod["status"]["phase"] = "Pending"
        for one in self.pod["status"]["conditions"]:
            if one["type"] == "Ready":
                one |= {"status": "False", "reason": "ContainersNotReady"}

    def event(self, reason: str, kind: str = "Pod", name: str = "sentiment-1", at: int = 0) -> None:
        self.lists["events"].append({
            "metadata": {"creationTimestamp": f"2026-01-01T00:00:{at:02}Z"},
            "reason": reason, "message": f"{reason} of {name}",
            "involvedObject": {"kind": kind, "name": name},
        })  # fmt: skip

    def autoscale(self, *, seen: str | None = "15", **status: Any) -> Json:
        """An HPA on the requests per second of pods, with everything that it needs."""
        metric = {"name": METRIC}
        current = [] if seen is None else [
            {"type": "Pods", "pods": {"metric": metric, "current": {"averageValue": seen}}}
        ]  # fmt: skip
        autoscaler: Json = {
            "metadata": {"name": "sentiment", "labels": LABELS},
            "spec": {
                "scaleTargetRef": {"kind": "Deployment", "name": "sentiment"},
                "minReplicas": 1, "maxReplicas": 3,
                "metrics": [{"type": "Pods", "pods": {
                    "metric": metric, "target": {"type": "AverageValue", "averageValue": "20"}}}],
            },
            "status": {
                "currentReplicas": 1, "desiredReplicas": 1, "currentMetrics": current,
                "conditions": [
                    {"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"},
                    {"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound"},
                    {"type": "ScalingLimited", "status": "False", "reason": "DesiredWithinRange"},
                ],
                **status,
            },
        }  # fmt: skip
        self.lists["horizontalpodautoscalers"] = [autoscaler]
        self.lists["apiservices"] = [api_service("custom.metrics.k8s.io")]
        self.answers[CUSTOM] = (200, {"resources": [{"name": f"pods/{METRIC}"}]})
        self.answer_values({"sentiment-1": "15"})
        return autoscaler

    def scrape(self, *targets: Json) -> None:
        """There is a Prometheus, which the user names, with these targets."""
        self.prometheus = PROMETHEUS
        self.answers[f"{PROMETHEUS_API}/targets"] = (200, {"data": {"activeTargets": targets}})

    def store(self, query: str, *series: Json) -> None:
        """What Prometheus answers an instant query."""
        self.answers[f"{PROMETHEUS_API}/query?{query}"] = (200, {"data": {"result": series}})

    def answer_values(self, values: dict[str, str], status: int = 200, **body: Any) -> None:
        """What the metrics API says for the pods of the namespace."""
        items = [{"describedObject": {"name": n}, "value": v} for n, v in values.items()]
        path = f"{CUSTOM}/namespaces/{NAMESPACE}/pods/*/{METRIC}"
        self.answers[path] = (status, {"items": items, **body})


def deployment() -> Json:
    return {
        "kind": "Deployment",
        "metadata": {"name": "sentiment", "labels": LABELS},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": LABELS},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {
                    "containers": [
                        {
                            "name": "server",
                            "image": "longshore:1",
                            "ports": [{"name": "management", "containerPort": 8002}],
                            "resources": {
                                "requests": {"cpu": "1", "memory": "1Gi"},
                                "limits": {"cpu": "1", "memory": "1Gi"},
                            },
                            "startupProbe": {"periodSeconds": 5, "failureThreshold": 12},
                        }
                    ],
                    "volumes": [{"name": "m", "persistentVolumeClaim": {"claimName": "models"}}],
                },
            },
        },
        "status": {"readyReplicas": 1, "conditions": []},
    }


def pod(name: str, *, node: str = "n1", namespace: str = NAMESPACE, **requests: str) -> Json:
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": LABELS},
        "spec": {
            "nodeName": node,
            "containers": [{"name": "server", "resources": {"requests": requests}}],
        },
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Ready", "status": "True"},
            ],
            "containerStatuses": [
                {"name": "server", "image": "longshore:1", "ready": True, "restartCount": 0,
                 "state": {"running": {}}, "lastState": {}},
            ],
        },
    }  # fmt: skip


def node(
    name: str, *, labels: dict[str, str] | None = None, taints: Iterable[str] = (), **more: str
) -> Json:
    """A node; taints as `key=value:effect`, more of what it has to give by name."""
    parsed = [taint.replace(":", "=").split("=") for taint in taints]
    return {
        "metadata": {
            "name": name,
            "labels": {**OF_A_NODE, "kubernetes.io/hostname": name, **(labels or {})},
        },
        "spec": {
            "taints": [{"key": k, "value": v, "effect": effect} for k, v, effect in parsed],
        },
        "status": {
            "allocatable": {"cpu": "8", "memory": "16Gi", "pods": "110", **more},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def claim(name: str, **spec: Any) -> Json:
    return {
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteMany"], "volumeName": "pv-1", **spec},
        "status": {"phase": "Bound"},
    }


def target(pod: str = "sentiment-1", *, health: str = "up", port: int = 8002, **more: Any) -> Json:
    """As Prometheus tells of it."""
    return {
        "discoveredLabels": {
            "__meta_kubernetes_namespace": NAMESPACE, "__meta_kubernetes_pod_name": pod,
        },
        "scrapeUrl": f"http://10.1.0.1:{port}/metrics", "health": health, "lastError": "",
        "scrapeInterval": "15s",
        "labels": {**OF_A_TARGET, "namespace": NAMESPACE, "pod": pod},
        **more,
    }  # fmt: skip


def api_service(group: str, *, available: str = "True", reason: str = "Passed") -> Json:
    return {
        "metadata": {"name": f"v1beta1.{group}"},
        "spec": {"group": group, "version": "v1beta1", "versionPriority": 100},
        "status": {"conditions": [{"type": "Available", "status": available, "reason": reason}]},
    }
