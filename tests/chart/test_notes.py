"""What Helm prints after an install."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart import rendering


def notes(**values: Any) -> str:
    return rendering.render_text({"model": {"existingClaim": "models"}, **values})["NOTES.txt"]


def test_they_say_how_to_ask_and_where_the_metrics_are():
    text = notes(model={"existingClaim": "m", "name": "digits"}, service={"port": 80})

    assert "port-forward service/release-longshore 8000:80" in text
    assert "http://localhost:8000/v2/models/digits/infer" in text
    assert "helm -n models test release" in text
    assert "http://localhost:8002/metrics" in text
    assert "http://localhost:8002/v2/health/ready" in text


def test_they_say_how_the_first_broken_link_is_found():
    assert "longshore doctor release -n models" in notes()


def test_tls_and_tokens_change_the_request():
    text = notes(tls={"existingSecret": "c"}, auth={"existingSecret": "t"})

    assert 'curl -sk -H "Authorization: Bearer $TOKEN" https://localhost:8000' in text


@pytest.mark.parametrize(
    ("values", "is_told"),
    [
        ({}, True),
        ({"config": {"console": "off"}}, False),
        ({"config": {"console": False}}, False),
        ({"auth": {"existingSecret": "t"}}, False),
        ({"auth": {"existingSecret": "t"}, "config": {"console": "on"}}, True),
        ({"auth": {"existingSecret": "t"}, "config": {"console": True}}, True),
    ],
)
def test_the_console_is_told_of_where_a_browser_gets_it(values: dict[str, Any], is_told: bool):
    assert ("in a browser" in notes(**values)) is is_told


def test_an_hpa_without_metrics_is_followed_link_by_link():
    text = notes(autoscaling={"mode": "hpa"})

    assert "<unknown>" in text
    assert "apiservice v1beta1.custom.metrics.k8s.io" in text
    assert "/namespaces/models/pods/*/longshore_" in text
    assert "<unknown>" not in notes()


def test_keda_is_asked_by_its_own_object():
    keda = {"mode": "keda", "keda": {"serverAddress": "http://p"}}

    assert "describe scaledobject release-longshore" in notes(autoscaling=keda)


@pytest.mark.parametrize(
    ("values", "warns"),
    [
        ({"replicas": 2}, False),
        ({"replicas": 2, "podDisruptionBudget": {"minAvailable": 1}}, False),
        ({"replicas": 2, "podDisruptionBudget": {"minAvailable": 2}}, True),
        ({"replicas": 2, "podDisruptionBudget": {"maxUnavailable": 0}}, True),
    ],
)
def test_a_budget_that_blocks_node_drains_is_pointed_out(values: dict[str, Any], warns: bool):
    assert ("cannot be drained" in notes(**values)) is warns


def test_one_replica_in_production_is_pointed_out():
    resources = {"requests": {"cpu": 1}, "limits": {"cpu": 1, "memory": "1Gi"}}

    assert "outage" in notes(profile="production", resources=resources)
    assert "outage" not in notes(profile="production", resources=resources, replicas=2)


def test_the_image_is_named_with_how_to_make_it():
    digest = "sha256:" + "0" * 64
    gpu = notes(device="gpu", image={"repository": "registry.example/longshore", "tag": "7"})

    assert "make image-cpu IMAGE=longshore:0.1.0-cpu" in notes()
    assert "make image-gpu IMAGE=registry.example/longshore:7" in gpu
    assert "buildah push registry.example/longshore:7" in gpu
    assert "make image" not in notes(image={"digest": digest})
    assert f"longshore@{digest}" in notes(image={"digest": digest})


def test_a_new_claim_has_to_be_filled():
    said = notes(model={"claim": {"create": True}})

    assert "release-longshore-model is empty at first" in said
    assert "longshore push MODEL_DIR release -n models" in said


def test_pods_that_are_scraped_by_annotations_may_be_scraped_seldom():
    said = notes(autoscaling={"mode": "hpa"})
    faster = {"annotations": {"interval": "15s"}}
    monitored = {"podMonitor": {"enabled": True}}

    assert "a minute by default" in said
    assert r"sed 's/\[1m\]/[4m]/' files/prometheus-adapter-values.yaml" in said
    assert "sed" not in notes(autoscaling={"mode": "hpa"}, metrics=faster)
    assert "a minute by default" not in notes(autoscaling={"mode": "hpa"}, metrics=monitored)
    assert "a minute by default" not in notes()
