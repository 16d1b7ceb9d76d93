"""Traces: what the server is told of the collector, and the way out to it."""

from __future__ import annotations

import pytest

from tests.chart.engines import Engine, RefusedError
from tests.chart.rendering import FULLNAME, NAMESPACE, Object, Values, server_config
from tests.chart.test_service import of_kind

ENDPOINT = "http://otel-collector.monitoring:4318"


def environment(engine: Engine, values: Values) -> dict[str, Object]:
    spec = of_kind(engine, "Deployment", values)["spec"]["template"]["spec"]
    (server,) = [c for c in spec["containers"] if c["name"] == "server"]
    return {entry["name"]: entry for entry in server["env"]}


def egress(engine: Engine, values: Values) -> list[Object]:
    rules: list[Object] = of_kind(engine, "NetworkPolicy", values)["spec"].get("egress", [])
    return rules


def test_without_a_collector_nothing_is_traced_and_nothing_is_let_out(engine: Engine):
    assert not [name for name in environment(engine, {}) if name.startswith("OTEL_")]
    assert egress(engine, {}) == []
    assert "tracing" not in server_config({})


def test_with_a_collector_the_server_traces_and_says_which_pod_it_is(engine: Engine):
    values = {"tracing": {"endpoint": ENDPOINT}}
    told = environment(engine, values)
    attributes = dict(
        pair.split("=") for pair in told["OTEL_RESOURCE_ATTRIBUTES"]["value"].split(",")
    )

    assert server_config(values)["tracing"] == "otlp"
    assert told["OTEL_EXPORTER_OTLP_ENDPOINT"]["value"] == ENDPOINT
    assert told["OTEL_SERVICE_NAME"]["value"] == FULLNAME
    assert told["OTEL_TRACES_SAMPLER"]["value"] == "parentbased_traceidratio"
    assert told["OTEL_TRACES_SAMPLER_ARG"]["value"] == "0.01"
    assert attributes["k8s.pod.name"] == "$(POD_NAME)"
    assert attributes["k8s.namespace.name"] == NAMESPACE
    # A variable that another refers to comes before it.
    assert list(told).index("POD_NAME") < list(told).index("OTEL_RESOURCE_ATTRIBUTES")


def test_a_variable_of_the_users_own_takes_the_place_of_ours(engine: Engine):
    own = {"name": "OTEL_TRACES_SAMPLER", "value": "always_on"}
    told = environment(engine, {"tracing": {"endpoint": ENDPOINT}, "extraEnv": [own]})

    assert told["OTEL_TRACES_SAMPLER"] == own


@pytest.mark.parametrize(
    ("endpoint", "port", "asks_dns"),
    [
        (ENDPOINT, 4318, True),
        ("https://otel.example/tenant/a", 443, True),
        ("http://otel", 80, True),
        ("http://192.0.2.7:4318", 4318, False),
        ("http://[2001:db8::7]:4318/", 4318, False),
    ],
)
def test_the_way_to_the_collector_is_open_and_no_other(
    engine: Engine, endpoint: str, port: int, asks_dns: bool
):
    *dns, out = egress(engine, {"tracing": {"endpoint": endpoint}})

    assert out == {"ports": [{"port": port, "protocol": "TCP"}]}
    assert [[entry["port"] for entry in rule["ports"]] for rule in dns] == [[53, 53]] * asks_dns


def test_the_way_out_may_be_narrowed_to_the_collectors_pods(engine: Engine):
    peers = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    sidecar = {"ports": [{"port": 15012, "protocol": "TCP"}]}
    values = {
        "tracing": {"endpoint": ENDPOINT, "to": peers},
        "networkPolicy": {"egress": [sidecar]},
    }
    _, out, other = egress(engine, values)

    assert out["to"] == peers
    assert other == sidecar


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"tracing": {"endpoint": "otel-collector:4318"}}, ["endpoint"]),
        ({"tracing": {"endpoint": ENDPOINT, "sampleRatio": 1.5}}, ["sampleRatio"]),
        ({"tracing": {"endpoint": ENDPOINT, "too": []}}, ["too"]),
        ({"config": {"tracing": "otlp"}}, ["config.tracing", "tracing.endpoint"]),
    ],
)
def test_what_cannot_be_is_refused(engine: Engine, values: Values, words: list[str]):
    with pytest.raises(RefusedError) as refused:
        engine(values, "")

    assert all(word in str(refused.value) for word in words), refused.value
