"""The Service: fields of its spec, ports and labels, under both majors of Helm."""

from __future__ import annotations

import kubernetes_validate
import pytest

from tests.chart.engines import Engine, RefusedError
from tests.chart.rendering import SELECTOR, Object, Values

SIDECAR: Values = {
    "name": "proxy",
    "image": "proxy:1",
    "ports": [{"name": "p", "containerPort": 9}],
}
BALANCED: Values = {"type": "LoadBalancer"}


def of_kind(engine: Engine, kind: str, values: Values) -> Object:
    (found,) = [entry for entry in engine(values, "") if entry["kind"] == kind]
    kubernetes_validate.validate(found, kubernetes_validate.latest_version(), strict=True)
    return found


@pytest.mark.parametrize(
    "fields",
    [
        {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6", "IPv4"]},
        {"trafficDistribution": "PreferClose"},
        {"type": "NodePort", "externalTrafficPolicy": "Local"},
        {**BALANCED, "loadBalancerClass": "x/y", "loadBalancerSourceRanges": ["192.0.2.0/24"]},
        {**BALANCED, "allocateLoadBalancerNodePorts": False},
        {"sessionAffinity": "ClientIP",
         "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 9}}},
        {"clusterIP": "None"},
        {"internalTrafficPolicy": "Local"},
    ],
    ids=lambda fields: next(reversed(fields)),
)  # fmt: skip
def test_a_field_of_the_spec_is_passed(engine: Engine, fields: Values):
    spec = of_kind(engine, "Service", {"service": fields})["spec"]

    assert spec.items() >= fields.items()
    assert spec["selector"] == SELECTOR
    assert spec["ports"][0]["port"] == 8000


def test_azures_probe_finds_the_readiness_path_unless_told_otherwise(engine: Engine):
    """Its load balancer would ask for `/`, because the port says that it speaks HTTP."""
    name = "service.beta.kubernetes.io/azure-load-balancer-health-probe-request-path"
    own = {name: "/mine"}
    balanced = of_kind(engine, "Service", {"service": BALANCED})

    assert balanced["metadata"]["annotations"] == {name: "/v2/health/ready"}
    assert balanced["spec"]["ports"][0]["appProtocol"] == "http"
    chosen = of_kind(engine, "Service", {"service": {**BALANCED, "annotations": own}})
    assert chosen["metadata"]["annotations"] == own
    assert "annotations" not in of_kind(engine, "Service", {})["metadata"]


def test_the_port_may_have_a_number_on_the_nodes(engine: Engine):
    values = {"service": {"type": "NodePort", "nodePort": 30080}}
    (port,) = of_kind(engine, "Service", values)["spec"]["ports"]

    assert (port["name"], port["nodePort"]) == ("http", 30080)


def test_a_further_port_has_its_own_target_and_is_let_in(engine: Engine):
    extra = {"name": "proxy", "port": 9090, "targetPort": "p"}
    peers = [{"podSelector": {}}]
    values = {"service": {"extraPorts": [extra, {"name": "raw", "port": 7}]},
              "extraContainers": [SIDECAR], "networkPolicy": {"from": peers}}  # fmt: skip
    ports = of_kind(engine, "Service", values)["spec"]["ports"]
    ingress = of_kind(engine, "NetworkPolicy", values)["spec"]["ingress"]

    assert [(p["name"], p["targetPort"]) for p in ports] == [
        ("http", "http"), ("proxy", "p"), ("raw", 7)
    ]  # fmt: skip
    assert [port["port"] for port in ingress[0]["ports"]] == ["http", "p", 7]
    assert ingress[0]["from"][:1] == peers
    assert [port["port"] for port in ingress[1]["ports"]] == ["management"]


def test_labels_of_the_service_and_of_its_selector(engine: Engine):
    values = {"service": {"labels": {"a": "b"}, "selectorLabels": {"track": "stable"}},
              "podLabels": {"track": "stable"}}  # fmt: skip
    service = of_kind(engine, "Service", values)
    deployment = of_kind(engine, "Deployment", values)["spec"]

    assert service["metadata"]["labels"]["a"] == "b"
    assert service["spec"]["selector"] == {**SELECTOR, "track": "stable"}
    assert deployment["template"]["metadata"]["labels"]["track"] == "stable"
    assert deployment["selector"]["matchLabels"] == SELECTOR


def test_the_pods_may_ask_dns_and_a_mesh_may_come_in(engine: Engine):
    rule = {"ports": [{"port": 15008, "protocol": "TCP"}]}
    values = {"networkPolicy": {"dns": True, "ingress": [rule], "egress": [rule]}}
    spec = of_kind(engine, "NetworkPolicy", values)["spec"]
    dns, other = spec["egress"]

    assert [(p["port"], p["protocol"]) for p in dns["ports"]] == [(53, "UDP"), (53, "TCP")]
    assert other == spec["ingress"][-1] == rule


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ({"loadBalancerClass": "x/y"}, ["service.loadBalancerClass", "type: LoadBalancer"]),
        ({"type": "NodePort", "loadBalancerSourceRanges": []}, ["loadBalancerSourceRanges"]),
        ({"nodePort": 30080}, ["service.nodePort", "NodePort or LoadBalancer"]),
        ({"externalTrafficPolicy": "Local"}, ["service.externalTrafficPolicy"]),
        ({"extraPorts": [{"name": "a", "port": 9, "nodePort": 30000}]},
         ["extraPorts: a: nodePort"]),
        ({"extraPorts": [{"name": "http", "port": 9}]}, ["extraPorts: http", "already"]),
        ({"extraPorts": [{"name": "a", "port": 8000}]}, ["extraPorts: a, port 8000", "already"]),
        ({"extraPorts": [{"port": 9}]}, ["extraPorts", "name"]),
        ({"sessionAffinityConfig": {}}, ["sessionAffinity: ClientIP"]),
        ({"ipFamilies": ["IPv4", "IPv6"]}, ["service.ipFamilyPolicy"]),
        ({"selectorLabels": {"track": "stable"}}, ["no pod has track=stable", "podLabels"]),
        ({"selectorLabels": {"app.kubernetes.io/name": "x"}}, ["the chart's own label"]),
        ({"labels": {"helm.sh/chart": "x"}}, ["service.labels", "the chart's own label"]),
        ({"ipFamilyPolice": "x"}, ["ipFamilyPolice"]),
        ({"selector": {"a": "b"}}, ["selector"]),
    ],
)  # fmt: skip
def test_what_the_api_server_would_refuse_is_refused_first(
    engine: Engine, service: Values, words: list[str]
):
    with pytest.raises(RefusedError) as refused:
        engine({"service": service}, "")

    assert all(word in str(refused.value) for word in words), refused.value
