"""Queries where one Prometheus serves several clusters, and KEDA's way to it; on both majors."""

from __future__ import annotations

import json

import pytest

from tests.chart.engines import Engine, RefusedError
from tests.chart.rendering import Object, Values

ADDRESS = "http://prometheus:9090"
CLUSTER: Values = {"metrics": {"matchers": {"cluster": "eu-1"}}}


def scaled(engine: Engine, **keda: object) -> Object:
    scaling = {"mode": "keda", "keda": {"serverAddress": ADDRESS, **keda}}
    objects = engine({**CLUSTER, "autoscaling": scaling}, "")
    (found,) = [entry for entry in objects if entry["kind"] == "ScaledObject"]
    return found


def test_every_query_has_the_matchers(engine: Engine):
    metrics = {"matchers": {"cluster": "eu-1"}, "dashboard": {"enabled": True}}
    rules = {"prometheusRule": {"enabled": True}}
    objects = engine({"metrics": {**metrics, **rules}}, "")
    (rule,) = [entry for entry in objects if entry["kind"] == "PrometheusRule"]
    (dashboard,) = [o for o in objects if o["metadata"]["name"].endswith("-dashboard")]
    (text,) = dashboard["data"].values()
    panels = [t["expr"] for panel in json.loads(text)["panels"] for t in panel.get("targets", [])]
    alerts = [alert["expr"] for group in rule["spec"]["groups"] for alert in group["rules"]]

    assert panels
    for query in [*panels, *alerts]:
        assert query.count("namespace=") == query.count('cluster="eu-1"'), query


def test_the_dashboard_may_be_in_the_sidecars_namespace(engine: Engine):
    dashboard = {"enabled": True, "namespace": "monitoring"}
    objects = engine({"metrics": {"dashboard": dashboard}}, "")
    (found,) = [o for o in objects if o["metadata"]["name"].endswith("-dashboard")]

    assert found["metadata"]["namespace"] == "monitoring"


def test_kedas_triggers_take_metadata_and_a_reference_of_either_kind(engine: Engine):
    shared = {"kind": "ClusterTriggerAuthentication", "name": "prometheus"}
    found = scaled(
        engine,
        authenticationRef=shared,
        metadata={"authModes": "bearer"},
        annotations={"autoscaling.keda.sh/paused": "false"},
    )
    (trigger,) = found["spec"]["triggers"]
    (named,) = scaled(engine, authenticationRef="prometheus")["spec"]["triggers"]

    assert trigger["authenticationRef"] == shared
    assert trigger["metadata"]["authModes"] == "bearer"
    assert trigger["metadata"]["serverAddress"] == ADDRESS
    assert 'cluster="eu-1"' in trigger["metadata"]["query"]
    assert named["authenticationRef"] == {"name": "prometheus"}
    assert found["metadata"]["annotations"]["autoscaling.keda.sh/paused"] == "false"


def test_modes_without_credentials_are_refused(engine: Engine):
    with pytest.raises(RefusedError, match=r"authModes: set autoscaling\.keda\.authenticationRef"):
        scaled(engine, metadata={"authModes": "bearer"})
