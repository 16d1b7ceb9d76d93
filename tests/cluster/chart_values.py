"""Values of the chart for the scenarios: the one place that knows the chart's keys."""

from __future__ import annotations

from typing import Any

from tests.cluster import example_models, image
from tests.cluster.control_plane.places import PROMETHEUS_URL
from tests.cluster.node_agent.api import Json
from tests.cluster.serving import CLAIM, INSTANCE_LABEL, Serving

FAST_CONFIG: Json = {
    "calibration_budget_seconds": 1,
    "drain_delay_seconds": 2,
    "version_settle_seconds": 0.5,
    "model_poll_seconds": 0.5,
}
"""Shorter than the defaults, so that a pod starts and stops within a few seconds."""
SCALE_DOWN_SECONDS = 8
"""The window over which an autoscaler looks back before it scales down."""


def serving(
    *,
    replicas: int | None = 1,
    path: str = example_models.NAME,
    config: Json | None = None,
    **values: Any,
) -> Json:
    """A CPU release that serves the model folder `path` of the claim, without an autoscaler."""
    shown: Json = {
        "image": image.chosen(),
        "model": {"name": example_models.NAME, "path": path, "existingClaim": CLAIM},
        "resources": {
            "requests": {"cpu": "100m"},
            "limits": {"cpu": "500m", "memory": "512Mi"},
        },
        "config": {**FAST_CONFIG, **(config or {})},
        "probes": {"periodSeconds": 1},
        "preStopSeconds": 1,
    }
    if replicas is not None:
        shown["replicas"] = replicas
    return {**shown, **values}


def autoscaled(
    *,
    mode: str = "hpa",
    requests_per_second: float | None = None,
    utilization: float | None = None,
    maximum: int = 5,
    scale_down_seconds: int = SCALE_DOWN_SECONDS,
    **values: Any,
) -> Json:
    """A release with an autoscaler on one of the two metrics, quick to scale down."""
    scaling: Json = {
        "mode": mode,
        "minReplicas": 1,
        "maxReplicas": maximum,
        "metrics": {"requestsPerSecond": requests_per_second, "utilization": utilization},
        "behavior": _quick_behavior(scale_down_seconds),
    }
    if mode == "keda":
        scaling["keda"] = {"serverAddress": PROMETHEUS_URL}
    return serving(replicas=None, autoscaling=scaling, **values)


def _quick_behavior(scale_down_seconds: int) -> Json:
    return {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "policies": [{"type": "Pods", "value": 4, "periodSeconds": 2}],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": scale_down_seconds,
            "policies": [{"type": "Percent", "value": 100, "periodSeconds": 2}],
        },
    }


def gpu(
    *,
    config: Json | None = None,
    node_selector: dict[str, str] | None = None,
    tolerations: list[Json] | None = None,
) -> Json:
    """A GPU release with no GPU to spare; the model itself is told to run on the CPU."""
    values = serving(config={"device": "cpu", **(config or {})}, device="gpu")
    if node_selector is not None:
        values["nodeSelector"] = node_selector
    if tolerations is not None:
        values["gpu"] = {"tolerations": tolerations}
    return values


def autoscaler(serving: Serving) -> Json:
    """The release's HorizontalPodAutoscaler; empty until KEDA has made it from the ScaledObject."""
    found = serving.cluster.list(
        f"/apis/autoscaling/v2/namespaces/{serving.namespace}/horizontalpodautoscalers",
        labelSelector=f"{INSTANCE_LABEL}={serving.name}",
    )
    return found[0] if found else {}


def reads_metrics(serving: Serving) -> bool:
    """Whether the release's autoscaler has its metrics."""
    conditions = autoscaler(serving).get("status", {}).get("conditions") or []
    return any(one["type"] == "ScalingActive" and one["status"] == "True" for one in conditions)
