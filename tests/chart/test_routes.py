"""Ways from outside to the Service: hosts that releases share, rules, weights; on both majors."""

from __future__ import annotations

import kubernetes_validate
import pytest

from tests.chart.engines import Engine, RefusedError
from tests.chart.rendering import FULLNAME, Object, Values

GATEWAY: Values = {"enabled": True, "parentRefs": [{"name": "edge"}]}
TEXT: Values = {"model": {"existingClaim": "models", "name": "text"}}
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

    assert rule["backendRefs"][0].items() >= OURS.items()
    assert {match["path"]["value"] for match in rule.get("matches", [])} <= {"/"}


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

    assert first["matches"] == [match]
    assert "backendRefs" not in first  # the API server takes none beside a redirect
    assert second["filters"] == [rewrite]
    assert second["backendRefs"][0].items() >= other.items()


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
    ],
)  # fmt: skip
def test_what_no_controller_would_take_is_refused(engine: Engine, values: Values, words: list[str]):
    with pytest.raises(RefusedError) as refused:
        engine(values, "")

    assert all(word in str(refused.value) for word in words), refused.value
