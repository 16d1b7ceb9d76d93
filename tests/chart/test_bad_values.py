"""A wrong value is refused by name, with the way out."""

from __future__ import annotations

from typing import Any

import helm_python
import pytest

from tests.chart import rendering

CLAIM = {"existingClaim": "models"}
HPA = {"mode": "hpa"}


def refusal(values: dict[str, Any]) -> str:
    with pytest.raises((helm_python.HelmValuesError, helm_python.HelmRenderError)) as caught:
        rendering.render(values)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model": {}}, ["exactly one of existingClaim", "0 are set"]),
        ({"model": {**CLAIM, "volume": {"nfs": {}}}}, ["exactly one", "2 are set"]),
        ({"replicas": 3, "model": {"claim": {"create": True, "accessModes": ["ReadWriteOnce"]}}},
         ["ReadWriteOnce", "3 replicas", "ReadWriteMany"]),
        ({"autoscaling": HPA, "model": {"claim": {"create": True,
         "accessModes": ["ReadWriteOncePod"]}}}, ["up to 5 replicas", "one replica"]),
        ({"autoscaling": {**HPA, "minReplicas": 6}}, ["minReplicas 6", "maxReplicas 5"]),
        ({"autoscaling": {**HPA, "metrics": {"utilization": None}}}, ["no metric"]),
        ({"autoscaling": {"mode": "keda"}}, ["serverAddress"]),
        ({"autoscaling": {"mode": "both"}}, ["/autoscaling/mode", "'hpa'", "'keda'"]),
        ({"autoscaling": {"enabled": True}}, ["autoscaling.mode"]),
        ({"autoscaling": {**HPA, "metrics": {"utilization": 0}}}, ["/autoscaling/metrics"]),
        ({"replicaCount": 2}, ["the key is replicas"]),
        ({"persistence": {}}, ["model.existingClaim"]),
        ({"autoscaling": {"targetCPUUtilizationPercentage": 80}}, ["autoscaling.metrics.cpu"]),
        ({"gpu": {"count": 0.5}}, ["/gpu/count", "integer"]),
        ({"gpu": {"count": "1"}}, ["/gpu/count", "integer"]),
        ({"gpu": {"resourceName": "gpu"}}, ["/gpu/resourceName"]),
        ({"device": "gpu", "resources": {"limits": {"nvidia.com/gpu": 1}}}, ["gpu.resourceName"]),
        ({"device": "tpu"}, ["/device", "'cpu'", "'gpu'"]),
        ({"podDisruptionBudget": {"minAvailable": 0, "maxUnavailable": 0}}, ["not both"]),
        ({"terminationGracePeriodSeconds": 0}, ["/terminationGracePeriodSeconds"]),
        ({"terminationGracePeriodSeconds": 46}, ["46 is less", "47 s"]),
        ({"config": {"port": 80}}, ["config.port", "ports"]),
        ({"config": {"drain_timeout_seconds": 1}}, ["config.drain_timeout_seconds"]),
        ({"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}},
         ["1Gi", "2Gi", "differ"]),
        ({"profile": "production", "replicas": 2}, ["resources.requests.cpu"]),
        ({"profile": "production", "resources": {"requests": {"cpu": 1, "memory": "1Gi"}}},
         ["one replica"]),
        ({"image": {"tag": "latest"}}, ["/image/tag"]),
        ({"image": {"digest": "sha1:0"}}, ["/image/digest"]),
        ({"model": {**CLAIM, "path": "a/../../b"}}, ["/model/path"]),
        ({"unknown": 1}, ["'unknown' not allowed"]),
        ({"probes": {"initialDelaySeconds": 1}}, ["'initialDelaySeconds' not allowed"]),
        ({"ingress": {"enabled": True}}, ["/ingress/hosts"]),
        ({"httpRoute": {"enabled": True}}, ["/httpRoute/parentRefs"]),
        ({"preStopSeconds": -1}, ["/preStopSeconds"]),
        ({"replicas": None}, ["missing property 'replicas'"]),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_by_name(values: dict[str, Any], words: list[str]):
    said = refusal(values)

    assert all(word in said for word in words), said


def test_all_faults_are_said_at_once():
    said = refusal({"model": {}, "autoscaling": {"mode": "keda", "minReplicas": 9}})

    assert said.count("\n- ") == 3


def test_a_parent_charts_globals_pass():
    assert rendering.render({"global": {"anything": {"at": "all"}}})
