"""Ways from outside to the Service: hosts that releases share, rules, weights; on both majors."""

from __future__ import annotations

import kubernetes_validate
import pytest

from tests.chart.engines import Engine, RefusedError
from tests.chart.rendering import FULLNAME, Object, Values

GATEWAY: Values = {"enabled": True, "parentRefs": [{"name": "edge"}]}
TEXT: Values = {"model": {"existingClaim": "models", "name": "text"}}
WHOLE: Values = {"type": "PathPrefix", "value": "/"}
SERVICE: Values = {"group": "", "kind": "Service", "weight": 1}
OURS: Values = {"name": FULLNAME, "port": 8000}


def ingress_rules(engine: Engine, hosts: list[object]) -> list[Object]:
    objects = engine({**TEXT, "ingress": {"enabled": True, "hosts": hosts}}, "")
    (ingress,) = [entry for entry in objects if entry["kind"] == "Ingress"]
    kubernetes_validate.validate(ingress, kubernetes_validate.latest_version(), strict=True)
    rules: list[Object] = ingress["spec"]["rules"]
    return rules


def route_rules(engine: Engine, **route: object) -> list[Object]:
    objects = engine({**TEXT, "httpRoute": {**GATEWAY, **route}}, "")
    (found,) = [entry for entry in objects if entry["kind"] == "HTTPRoute"]
    rules: list[Object] = found["spec"]["rules"]
    return rules


def paths(rule: Object) -> list[tuple[str, str]]:
    return [(path["path"], path["pathType"]) for path in rule["http"]["paths"]]


@pytest.mark.parametrize(
    ("host", "routed"),
    [
        ("a.example", [("/", "Prefix")]),
        ({"host": "a.example"}, [("/v2/models/text", "Prefix")]),
        ({"host": "a.example", "paths": ["/v2/models/text", "/text"]},
         [("/v2/models/text", "Prefix"), ("/text", "Prefix")]),
        ({"host": "a.example", "paths": [{"path": "/", "pathType": "ImplementationSpecific"}]},
         [("/", "ImplementationSpecific")]),
        ({"host": "a.example", "paths": [{"path": "/x"}]}, [("/x", "Prefix")]),
    ],
)  # fmt: skip
def test_a_host_is_routed_as_a_whole_or_by_paths(
    engine: Engine, host: object, routed: list[tuple[str, str]]
):
    (rule,) = ingress_rules(engine, [host])

    assert rule["host"] == "a.example"
    assert paths(rule) == routed
    assert all(p["backend"]["service"]["name"] == FULLNAME for p in rule["http"]["paths"])


def test_two_models_of_a_host_have_paths_of_their_own(engine: Engine):
    host: Values = {"ingress": {"enabled": True, "hosts": [{"host": "a.example"}]}}
    found = set()
    for name in ("text", "text-large"):
        objects = engine({**host, "model": {"existingClaim": "m", "name": name}}, "")
        (ingress,) = [entry for entry in objects if entry["kind"] == "Ingress"]
        found.add(paths(ingress["spec"]["rules"][0])[0])

    assert found == {("/v2/models/text", "Prefix"), ("/v2/models/text-large", "Prefix")}


def test_a_route_takes_the_whole_host_unless_it_has_rules(engine: Engine):
    (rule,) = route_rules(engine)

    assert rule == {"matches": [{"path": WHOLE}], "backendRefs": [{**SERVICE, **OURS}]}


def test_a_rule_is_completed_by_the_models_path_and_the_release(engine: Engine):
    timeouts = {"request": "30s", "backendRequest": "30s"}
    (rule,) = route_rules(engine, rules=[{"timeouts": timeouts}])

    assert rule["timeouts"] == timeouts
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/v2/models/text"}}]
    assert rule["backendRefs"][0].items() >= OURS.items()


def test_what_a_rule_says_stands(engine: Engine):
    match = {"path": {"type": "Exact", "value": "/x"}, "headers": [{"name": "a", "value": "b"}]}
    redirect = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}
    rewrite = {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplaceFullPath"}}}
    other = {"name": "other", "port": 80}
    rules = [{"matches": [match], "filters": [redirect]},
             {"matches": [match], "filters": [rewrite], "backendRefs": [other]}]  # fmt: skip
    first, second = route_rules(engine, rules=rules)

    match["headers"][0]["type"] = "Exact"
    redirect["requestRedirect"]["statusCode"] = 302
    assert first["matches"] == [match]
    assert first["filters"] == [redirect]
    assert "backendRefs" not in first  # the API server takes none beside a redirect
    assert second["filters"] == [rewrite]
    assert second["backendRefs"][0].items() >= other.items()


def test_what_the_api_server_would_fill_in_is_written_out(engine: Engine):
    """A tool that compares lists as they are rendered would show a difference for ever."""
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "b", "port": 80},
                                                         "fraction": {"numerator": 0}}}  # fmt: skip
    query = {"queryParams": [{"name": "a", "value": 1}]}
    backend = {"name": "b", "port": 80, "weight": 0, "filters": [mirror]}
    rules = [{"matches": [query, {"path": {"value": "/x"}}], "filters": [{"type": "CORS", "cors": {
        "allowOrigins": ["*"]}}], "backendRefs": [backend]}]  # fmt: skip
    objects = engine({**TEXT, "httpRoute": {**GATEWAY, "rules": rules}}, "")
    (route,) = [entry["spec"] for entry in objects if entry["kind"] == "HTTPRoute"]
    (rule,) = route["rules"]
    (found,) = rule["backendRefs"]

    assert route["parentRefs"] == [
        {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge"}
    ]
    assert rule["matches"] == [
        {"path": WHOLE, "queryParams": [{"type": "Exact", "name": "a", "value": "1"}]},
        {"path": {"type": "PathPrefix", "value": "/x"}},
    ]
    assert rule["filters"][0]["cors"] == {"allowOrigins": ["*"], "maxAge": 5}
    assert (found["group"], found["kind"], found["weight"]) == ("", "Service", 0)
    assert found["filters"][0]["requestMirror"] == {
        "backendRef": {"group": "", "kind": "Service", "name": "b", "port": 80},
        "fraction": {"numerator": 0, "denominator": 100},
    }


def test_requests_are_divided_by_weight(engine: Engine):
    other = {"name": "text-next", "port": 8000, "weight": 10}
    (rule,) = route_rules(engine, weight=0, backendRefs=[other])

    ours, theirs = rule["backendRefs"]
    assert ours.items() >= {**OURS, "weight": 0}.items()
    assert theirs.items() >= other.items()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ingress": {"enabled": True, "hosts": ["a", {"host": "a", "paths": ["/"]}]}},
         ["ingress.hosts: a/ is there twice"]),
        ({"ingress": {"enabled": True, "hosts": [{"host": "a", "paths": ["v2"]}]}},
         ["ingress.hosts: a", "begins with /: v2"]),
        ({"ingress": {"enabled": True, "hosts": [{"paths": ["/"]}]}}, ["host"]),
        ({"ingress": {"enabled": True, "hosts": [{"host": "a", "path": "/"}]}}, ["path"]),
        ({"httpRoute": {**GATEWAY, "backendRefs": [{"name": "b", "port": 80, "weight": 1}]}},
         ["httpRoute.backendRefs", "set httpRoute.weight"]),
        ({"httpRoute": {**GATEWAY, "weight": 1, "backendRefs": [{"name": "b", "port": 80}]}},
         ["backendRefs", "weight"]),
        ({"httpRoute": {**GATEWAY, "rules": [{"match": []}]}}, ["rules", "match"]),
        ({"httpRoute": {**GATEWAY, "rules": [{"timeouts": {"request": "30"}}]}},
         ["request"]),
        ({"httpRoute": {**GATEWAY, "rules": [{"filters": [{"type": "Rewrite"}]}]}},
         ["rules", "URLRewrite"]),
        ({"httpRoute": {**GATEWAY, "rules": [{"matches": [{"path": {"type": "Prefix"}}]}]}},
         ["matches", "PathPrefix"]),
        ({"httpRoute": {"enabled": True, "parentRefs": [{"name": "edge", "ports": 80}]}},
         ["parentRefs", "ports"]),
    ],
)  # fmt: skip
def test_what_no_controller_would_take_is_refused(engine: Engine, values: Values, words: list[str]):
    with pytest.raises(RefusedError) as refused:
        engine(values, "")

    assert all(word in str(refused.value) for word in words), refused.value
