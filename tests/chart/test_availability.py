from __future__ import annotations

import pytest

from tests.chart import rendering
from tests.chart.rendering import kinds, only, pod_spec

LABEL = "app.kubernetes.io/component"


def test_a_budget_exists_only_where_two_pods_can():
    assert "PodDisruptionBudget" not in kinds({})
    assert "PodDisruptionBudget" in kinds({"replicas": 2})
    assert "PodDisruptionBudget" in kinds({"autoscaling": {"mode": "hpa"}})
    assert "PodDisruptionBudget" not in kinds(
        {"replicas": 2, "podDisruptionBudget": {"enabled": False}}
    )


@pytest.mark.parametrize(
    ("budget", "field", "value"),
    [
        ({}, "maxUnavailable", 1),
        ({"maxUnavailable": 0}, "maxUnavailable", 0),
        ({"minAvailable": 0}, "minAvailable", 0),
        ({"minAvailable": "50%"}, "minAvailable", "50%"),
    ],
)
def test_a_budget_says_one_thing_and_zero_is_a_number(
    budget: dict[str, object], field: str, value: object
):
    spec = only("PodDisruptionBudget", {"replicas": 2, "podDisruptionBudget": budget})["spec"]

    assert spec.pop("unhealthyPodEvictionPolicy") == "AlwaysAllow"  # A broken model is drained.
    assert {key: spec[key] for key in spec if key != "selector"} == {field: value}


def test_pods_spread_softly_unless_told_otherwise():
    spread = pod_spec({})["topologySpreadConstraints"]

    assert [s["whenUnsatisfiable"] for s in spread] == ["ScheduleAnyway", "ScheduleAnyway"]
    assert [s["labelSelector"]["matchLabels"] for s in spread] == [rendering.SELECTOR] * 2
    assert "topologySpreadConstraints" not in pod_spec({"topologySpreadConstraints": []})


def test_a_spread_of_ones_own_gets_the_releases_selector_where_it_has_none():
    own = {"topologyKey": "rack", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    chosen = {**own, "labelSelector": {"matchLabels": {"a": "b"}}}
    first, second = pod_spec({"topologySpreadConstraints": [own, chosen]})[
        "topologySpreadConstraints"
    ]

    assert first == {**own, "labelSelector": {"matchLabels": rendering.SELECTOR}}
    assert second == chosen


def test_nothing_leaves_the_pod_and_two_ports_let_in():
    spec = only("NetworkPolicy", {})["spec"]

    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in spec
    ports = [port["port"] for rule in spec["ingress"] for port in rule["ports"]]
    assert ports == ["http", "management"]
    assert all("from" not in rule for rule in spec["ingress"])
    assert "NetworkPolicy" not in kinds({"networkPolicy": {"enabled": False}})


def test_peers_are_let_in_by_port():
    peer = {"podSelector": {"matchLabels": {"app": "shop"}}}
    http, management = only("NetworkPolicy", {"networkPolicy": {"from": [peer]}})["spec"]["ingress"]

    own = {"podSelector": {"matchLabels": {**rendering.SELECTOR, LABEL: "test"}}}
    assert http["from"] == [peer, own]
    assert "from" not in management
    shut = {"networkPolicy": {"from": [peer]}, "test": {"enabled": False}}
    assert only("NetworkPolicy", shut)["spec"]["ingress"][0]["from"] == [peer]


def test_the_pod_carries_no_token():
    assert pod_spec({})["automountServiceAccountToken"] is False
    assert only("ServiceAccount", {})["automountServiceAccountToken"] is False
    assert "ServiceAccount" not in kinds({"serviceAccount": {"create": False}})
    named = {"serviceAccount": {"create": False, "name": "mine"}}
    assert pod_spec(named)["serviceAccountName"] == "mine"


def test_what_the_server_writes_goes_to_volumes_of_the_pod():
    server = rendering.server({})
    writable = {m["mountPath"] for m in server["volumeMounts"] if not m.get("readOnly")}

    assert server["securityContext"]["readOnlyRootFilesystem"] is True
    assert writable == {"/tmp", "/dev/shm", "/var/cache/longshore"}
    assert rendering.server_config({})["calibration_cache"] == "/var/cache/longshore"
    assert {"name": "HOME", "value": "/tmp"} in server["env"]
