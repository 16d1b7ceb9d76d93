"""Blocks of Kubernetes over the chart's fields, and what they may not break; on both majors."""

from __future__ import annotations

import kubernetes_validate
import pytest

from tests.chart.engines import Engine, RefusedError
from tests.chart.rendering import SELECTOR, Object, Values

CLAIM: Values = {"name": "gpu", "resourceClaimTemplateName": "one-gpu"}


def deployment(engine: Engine, values: Values) -> Object:
    (found,) = [entry for entry in engine(values, "") if entry["kind"] == "Deployment"]
    kubernetes_validate.validate(found, kubernetes_validate.latest_version(), strict=True)
    spec: Object = found["spec"]
    return spec


def pod(engine: Engine, values: Values) -> Object:
    found: Object = deployment(engine, values)["template"]["spec"]
    return found


def test_fields_of_the_deployment_stand_over_ours(engine: Engine):
    spec = deployment(engine, {"deploymentSpec": {"minReadySeconds": 700, "paused": True}})

    assert spec["minReadySeconds"] == 700
    assert spec["paused"] is True
    assert spec["progressDeadlineSeconds"] > 700  # the API server asks for more
    assert spec["selector"]["matchLabels"] == SELECTOR


def test_fields_of_the_pod_stand_over_ours(engine: Engine):
    fields: Values = {
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["192.0.2.1"], "options": [{"name": "ndots", "value": "1"}]},
        "hostAliases": [{"ip": "192.0.2.7", "hostnames": ["collector.example"]}],
        "enableServiceLinks": True,
        "shareProcessNamespace": True,
    }
    found = pod(engine, {"podSpec": fields})

    assert found.items() >= fields.items()
    assert found["automountServiceAccountToken"] is False


def test_on_the_network_of_its_node_a_pod_has_its_ports_alone(engine: Engine):
    """A pod beside the old one on its node would wait for the ports for ever."""
    spec = deployment(engine, {"podSpec": {"hostNetwork": True}})
    found = spec["template"]["spec"]
    ports = found["containers"][0]["ports"]

    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert found["dnsPolicy"] == "ClusterFirstWithHostNet"
    assert [port["hostPort"] for port in ports] == [port["containerPort"] for port in ports]
    own = pod(engine, {"podSpec": {"hostNetwork": True, "dnsPolicy": "Default"}})
    assert own["dnsPolicy"] == "Default"


def test_numbers_are_texts_where_kubernetes_wants_texts(engine: Engine):
    alias: Values = {"ip": "192.0.2.7", "hostnames": [20261128]}
    options: Values = {"options": [{"name": "ndots", "value": 2}]}
    values = {"podSpec": {"dnsConfig": options, "hostAliases": [alias]}}
    found = pod(engine, values)

    assert found["dnsConfig"]["options"] == [{"name": "ndots", "value": "2"}]
    assert found["hostAliases"][0]["hostnames"] == ["20261128"]


def test_a_device_may_come_by_a_claim_in_place_of_a_resource(engine: Engine):
    values = {"device": "gpu", "podSpec": {"resourceClaims": [CLAIM]},
              "resources": {"claims": [{"name": "gpu"}], "limits": {"memory": "8Gi"}}}  # fmt: skip
    found = pod(engine, values)
    resources = found["containers"][0]["resources"]

    assert found["resourceClaims"] == [CLAIM]
    assert resources["claims"] == [{"name": "gpu"}]
    assert "nvidia.com/gpu" not in resources["limits"]
    assert resources["limits"]["memory"] == resources["requests"]["memory"] == "8Gi"


def test_hooks_join_the_one_that_sleeps(engine: Engine):
    start = {"exec": {"command": ["/bin/true"]}}
    (server,) = pod(engine, {"containerSpec": {"lifecycle": {"postStart": start}}})["containers"]

    assert server["lifecycle"] == {"postStart": start, "preStop": {"sleep": {"seconds": 2}}}
    assert server["terminationMessagePolicy"] == "FallbackToLogsOnError"


def test_a_hook_in_place_of_the_one_that_sleeps_is_counted_by_the_drain(engine: Engine):
    stop = {"exec": {"command": ["/deregister"]}}
    hook: Values = {"containerSpec": {"lifecycle": {"preStop": stop}}}
    usual = pod(engine, {})["terminationGracePeriodSeconds"]
    found = pod(engine, {**hook, "preStopSeconds": 12})

    assert found["containers"][0]["lifecycle"] == {"preStop": stop}
    assert found["terminationGracePeriodSeconds"] == usual + 10


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"deploymentSpec": {"replicas": 2}}, ["deploymentSpec.replicas", "autoscaling"]),
        ({"deploymentSpec": {"selector": {}}}, ["deploymentSpec.selector"]),
        ({"deploymentSpec": {"progressDeadlineSeconds": 60}},
         ["deploymentSpec.progressDeadlineSeconds: 60", "raise it"]),
        ({"deploymentSpec": {"minReady": 1}}, ["deploymentSpec", "minReady"]),
        ({"podSpec": {"terminationGracePeriodSeconds": 5}}, ["podSpec.terminationGrace"]),
        ({"podSpec": {"volumes": []}}, ["podSpec.volumes", "extraVolumes"]),
        ({"podSpec": {"containers": []}}, ["podSpec.containers", "extraContainers"]),
        ({"podSpec": {"nodeName": "a"}}, ["podSpec.nodeName", "nodeSelector"]),
        ({"podSpec": {"dnsPollicy": "None"}}, ["podSpec", "dnsPollicy"]),
        ({"containerSpec": {"livenessProbe": {}}}, ["containerSpec.livenessProbe", "probes"]),
        ({"containerSpec": {"command": ["sh"]}}, ["containerSpec.command", "extraArgs"]),
        ({"containerSpec": {"lifecycle": {"preStop": {"sleep": {"seconds": 9}}}}},
         ["preStop.sleep", "preStopSeconds"]),
        ({"preStopSeconds": 0, "containerSpec": {"lifecycle": {"preStop": {"exec": {}}}}},
         ["lifecycle.preStop: set preStopSeconds"]),
        ({"resources": {"claims": [{"name": "gpu"}]}}, ["no claim gpu", "podSpec.resourceClaims"]),
        ({"podSpec": {"resourceClaims": [CLAIM]}}, ["no container uses them", "resources.claims"]),
        ({"deploymentSpec": {"minReadySeconds": "ten"}}, ["minReadySeconds"]),
        ({"podSpec": {"dnsPolicy": "none"}}, ["dnsPolicy", "ClusterFirst"]),
        ({"podSpec": {"dnsConfig": {"servers": []}}}, ["dnsConfig", "servers"]),
        ({"podSpec": {"hostAliases": [{"hostnames": ["a"]}]}}, ["hostAliases", "ip"]),
        ({"podSpec": {"hostNetwork": "yes"}}, ["hostNetwork"]),
        ({"containerSpec": {"tty": 1}}, ["tty"]),
        ({"containerSpec": {"lifecycle": {"preStart": {}}}}, ["lifecycle"]),
        ({"dnsConfig": {}}, ["dnsConfig: the key is podSpec.dnsConfig"]),
        ({"lifecycle": {}}, ["lifecycle: the key is containerSpec.lifecycle"]),
    ],
)  # fmt: skip
def test_a_field_that_a_promise_hangs_on_is_refused(
    engine: Engine, values: Values, words: list[str]
):
    with pytest.raises(RefusedError) as refused:
        engine(values, "")

    assert all(word in str(refused.value) for word in words), refused.value
