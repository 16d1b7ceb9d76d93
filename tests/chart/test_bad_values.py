"""A wrong value is refused with its name and the remedy."""

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


@pytest.mark.parametrize("device", ["cpu", "gpu"])
@pytest.mark.parametrize("image", [{}, {"tag": "1"}, None])
def test_an_image_that_was_never_named_is_refused_with_how_to_make_it(device, image):
    values = {
        "model": CLAIM,
        "device": device,
        "image": image,
        "global": {"imageRegistry": "m.example"},
    }
    with pytest.raises(helm_python.HelmRenderError) as refused:
        rendering.chart().render(values, name="release")

    for words in (
        "image.repository: not set, and no public registry has the image",
        f"make image-{device} IMAGE=registry.example/longshore:",
        "--set image.repository=registry.example/longshore",
    ):
        assert words in str(refused.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model": {}}, ["exactly one of existingClaim", "found none"]),
        ({"model": {**CLAIM, "volume": {"emptyDir": {}}}}, ["found existingClaim and volume"]),
        ({"replicas": 3, "model": {"claim": {"create": True, "accessModes": ["ReadWriteOnce"]}}},
         ["(ReadWriteOnce)", "3 replicas", "ReadWriteMany"]),
        ({"replicas": 2, "model": {**CLAIM, "existingClaimAccessModes": ["ReadWriteOnce"]}},
         ["(ReadWriteOnce)", "2 replicas"]),
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
        ({"autoscaling": {**HPA, "minReplicas": 0}}, ["minReplicas 0", "use 1 or more"]),
        ({"autoscaling": {"mode": "keda", "metrics": {"utilization": None, "cpu": 80},
         "custom": [{"type": "memory", "metadata": {"value": "80"}}],
         "keda": {"fallback": {"replicas": 2}, "serverAddress": "http://p"}}}, ["fallback"]),
        ({"hpa": {"enabled": True}, "keda": {"enabled": True}},
         ["hpa: the key is autoscaling.mode: hpa", "keda: the key is autoscaling.mode: keda"]),
        ({"env": []}, ["config", "extraEnv"]),
        ({"gpu": {"count": 0.5}}, ["gpu.count: 0.5", "whole devices", "mig-1g.10gb"]),
        ({"gpu": {"count": 0}}, ["gpu.count: 0", "use 1"]),
        ({"gpu": {"count": 2}}, ["gpu.count: 2", "the server uses one", "replicas"]),
        ({"device": "gpu", "gpu": {"resourceName": "amd.com/gpu"}},
         ["gpu.resourceName: amd.com/gpu", "CUDA", "config.device: cuda"]),
        ({"gpu": {"count": "one"}}, ["/gpu/count", "does not match pattern"]),
        ({"gpu": {"resourceName": "gpu"}}, ["/gpu/resourceName"]),
        ({"device": "gpu", "resources": {"limits": {"nvidia.com/gpu": 0.5}}}, ["gpu.count"]),
        ({"resources": {"requests": {"nvidia.com/gpu": 1}}}, ["nvidia.com/gpu", "device: gpu"]),
        ({"device": "gpu", "gpu": {"resourceName": "amd.com/gpu"},
         "resources": {"limits": {"amd.com/gpu": 1}}}, ["amd.com/gpu", "gpu.count"]),
        ({"device": "tpu"}, ["/device", "'cpu'", "'gpu'"]),
        ({"podDisruptionBudget": {"minAvailable": 0, "maxUnavailable": 0}},
         ["minAvailable 0 and maxUnavailable 0", "set one"]),
        ({"terminationGracePeriodSeconds": 0}, ["0 is less", "leave it to the chart"]),
        ({"terminationGracePeriodSeconds": 46}, ["46 is less", "47 s"]),
        ({"config": {"port": 80}}, ["config.port", "ports.http"]),
        ({"config": {"drain_timeout_seconds": 1}}, ["config.request_timeout_seconds"]),
        ({"config": {"drain_dealy_seconds": 1}}, ["/config", "'drain_dealy_seconds' not allowed"]),
        ({"config": {"drain_delay_seconds": -1}}, ["/config/drain_delay_seconds", "minimum"]),
        ({"config": {"log_level": "loud"}}, ["/config/log_level", "'warning'"]),
        ({"extraArgs": ["--request-timeout-seconds=90"]}, ["config.request_timeout_seconds"]),
        ({"extraArgs": ["--port", "80"]}, ["--port", "ports.http"]),
        ({"extraEnv": [{"name": "LONGSHORE_DRAIN_DELAY_SECONDS", "value": "9"}]},
         ["LONGSHORE_DRAIN_DELAY_SECONDS", "config.drain_delay_seconds"]),
        ({"commonLabels": {"app.kubernetes.io/name": "x"}}, ["commonLabels", "another name"]),
        ({"podLabels": {"app.kubernetes.io/version": "x"}}, ["podLabels", "another name"]),
        ({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}},
         ["maxSurge 0", "raise one"]),
        ({"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}},
         ["1Gi", "2Gi", "differ"]),
        ({"profile": "production"}, ["resources.requests.cpu, resources.limits.cpu"]),
        ({"profile": "production", "resources": {"requests": {"cpu": 1, "memory": "1Gi"}}},
         ["production: resources.limits.cpu: set"]),
        ({"image": {"tag": "latest"}}, ["image.tag", "image.digest"]),
        ({"image": {"digest": "sha1:0"}}, ["/image/digest"]),
        ({"model": {**CLAIM, "path": "a/../../b"}}, ["model.path: a/../../b", "on it"]),
        ({"unknown": 1}, ["'unknown' not allowed"]),
        ({"probes": {"initialDelaySeconds": 1}}, ["'initialDelaySeconds' not allowed"]),
        ({"ingress": {"enabled": True}}, ["/ingress/hosts"]),
        ({"httpRoute": {"enabled": True}}, ["/httpRoute/parentRefs"]),
        ({"preStopSeconds": -1}, ["/preStopSeconds"]),
        ({"preStopSeconds": None}, ["missing property 'preStopSeconds'"]),
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
