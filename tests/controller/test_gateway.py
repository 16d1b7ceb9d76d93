"""The Service and the route of a step by weights, made of what the real chart renders."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from longshore_k8s.controller.aim import Aim
from longshore_k8s.controller.facts import ClusterFacts, with_facts
from longshore_k8s.controller.judging import shares
from longshore_k8s.controller.plan import Plan
from longshore_k8s.controller.release_objects import objects_of
from longshore_k8s.controller.renderer import Renderer
from longshore_k8s.controller.resource import Resource
from tests.chart import rendering
from tests.controller.world import EVERY_KIND

RESOURCE = Resource.read({"metadata": {"name": "text", "namespace": "models", "uid": "u"}})
FACTS = ClusterFacts("1.36.0", EVERY_KIND)
FRONT, CANARY = "text-longshore", "text-canary"
OTHER = {"name": "other", "port": 80, "weight": 1}


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with contextlib.closing(Renderer(rendering.CHART)) as running:
        yield running


def step(renderer, weight=10, *, plan=None, **values):
    """The objects of a step, by kind and name."""
    whole = {
        "image": {"repository": "registry.example/longshore"},
        "model": {"existingClaim": "models"},
        **values,
    }
    whole["httpRoute"] = {
        "enabled": True,
        "parentRefs": [{"name": "front"}],
        **values.get("httpRoute", {}),
    }
    asked = {"is_wide": True, "has_routes": True, "weight": weight, "bearing_pods": 3}
    plan = Plan(Aim(whole, 1), Aim(whole, 2), 1, **{**asked, **(plan or {})})

    def render(values):
        return renderer.render(
            RESOURCE.key, with_facts(values, FACTS, lambda claim: ["ReadWriteMany"])
        )

    found = objects_of(plan, RESOURCE, render)
    return {(one["kind"], one["metadata"]["name"]): one for one in found}


def backends(objects):
    rules = objects["HTTPRoute", FRONT]["spec"]["rules"]
    return [[(one["name"], one["weight"]) for one in rule.get("backendRefs", ())] for rule in rules]


def test_the_route_has_both_services_with_the_percents_of_the_step(renderer):
    objects = step(renderer)
    labels = objects["Deployment", CANARY]["spec"]["template"]["metadata"]["labels"]
    canary, front = objects["Service", CANARY]["spec"], objects["Service", FRONT]["spec"]

    assert backends(objects) == [[(FRONT, 90), (CANARY, 10)]]
    assert canary["selector"].items() <= labels.items()
    assert not front["selector"].items() <= labels.items()
    assert canary["ports"] == front["ports"]
    assert objects["Deployment", CANARY]["spec"]["replicas"] == 3


def test_without_weight_the_route_is_the_charts_and_the_service_is_there_to_be_known(renderer):
    objects = step(renderer, weight=0)

    assert backends(objects) == [[(FRONT, 1)]]
    assert ("Service", CANARY) in objects


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        (
            {"weight": 3, "backendRefs": [OTHER]},
            [[(FRONT, 270), (CANARY, 30), ("other", 100)]],
        ),
        ({"weight": 0, "backendRefs": [OTHER]}, [[(FRONT, 0), (CANARY, 0), ("other", 100)]]),
        (
            {"weight": 200_000, "backendRefs": [{**OTHER, "weight": 800_000}]},
            [[(FRONT, 225_000), (CANARY, 25_000), ("other", 1_000_000)]],
        ),
        (
            {"rules": [{}, {"backendRefs": [OTHER]}, {"backendRefs": [{**OTHER, "name": FRONT}]}]},
            [[(FRONT, 90), (CANARY, 10)], [("other", 1)], [(FRONT, 90), (CANARY, 10)]],
        ),
    ],
    ids=["others", "none", "large", "rules"],
)
def test_other_backends_keep_their_part_of_the_whole(renderer, route, expected):
    assert backends(step(renderer, httpRoute=route)) == expected


def test_filters_and_ports_of_a_backend_are_those_of_its_canary(renderer):
    header = {"add": [{"name": "x", "value": "1"}]}
    filters = [{"type": "RequestHeaderModifier", "requestHeaderModifier": header}]
    backend = {"name": FRONT, "port": 9000, "filters": filters}
    objects = step(renderer, httpRoute={"rules": [{"backendRefs": [backend]}]})
    (rule,) = objects["HTTPRoute", FRONT]["spec"]["rules"]

    assert [(one["port"], one["filters"]) for one in rule["backendRefs"]] == [(9000, filters)] * 2


def test_the_canarys_service_is_no_load_balancer_and_has_no_port_of_the_nodes(renderer):
    service = {"type": "LoadBalancer", "nodePort": 30080, "externalTrafficPolicy": "Local"}
    objects = step(renderer, service={**service, "annotations": {"dns": "models.example.com"}})
    found = objects["Service", CANARY]

    assert found["spec"].keys() == {"type", "selector", "ports"}
    assert found["spec"]["type"] == "ClusterIP"
    assert all("nodePort" not in port for port in found["spec"]["ports"])
    assert "annotations" not in found["metadata"]


@pytest.mark.parametrize(
    ("plan", "values"),
    [
        ({"has_routes": False}, {}),
        ({}, {"httpRoute": {"enabled": False}}),
        ({}, {"httpRoute": {"rules": [{"backendRefs": [OTHER]}]}}),
    ],
    ids=["no kind", "no route", "a route to others"],
)
def test_where_no_route_can_divide_the_requests_the_services_selector_does(renderer, plan, values):
    objects = step(renderer, plan=plan, **values)

    assert ("Service", CANARY) not in objects
    assert "app.kubernetes.io/name" not in objects["Service", FRONT]["spec"]["selector"]
    assert objects["Deployment", CANARY]["spec"]["replicas"] == 1


@pytest.mark.parametrize(
    ("stable", "weight", "expected"),
    [(0, 10, 0), (1, 10, 1), (1, 30, 1), (2, 30, 1), (9, 10, 1), (10, 10, 2), (4, 30, 2)],
)
def test_no_pod_of_the_canary_bears_more_than_one_of_stable(stable, weight, expected):
    assert shares.bearing_pods(stable, weight) == expected
