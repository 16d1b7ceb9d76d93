"""The variables that the node agent gives a container; needs no cluster."""

from __future__ import annotations

import pytest

from tests.cluster import bare_node
from tests.cluster.node_agent.api import Json


def build(environment: list[Json], resources: Json | None = None) -> dict[str, str]:
    return bare_node.variables({"env": environment, "resources": resources or {}})


def reference(resource: str, divisor: str | None = None) -> Json:
    field = {"resource": resource, **({"divisor": divisor} if divisor else {})}
    return {"name": "FOUND", "valueFrom": {"resourceFieldRef": field}}


@pytest.mark.parametrize(
    ("resource", "divisor", "found"),
    [
        ("limits.cpu", "1m", "1500"),
        ("limits.cpu", "1", "2"),
        ("limits.cpu", None, "2"),
        ("limits.cpu", "0", "2"),
        ("requests.cpu", "1m", "250"),
        ("requests.memory", "1Mi", "512"),
        ("limits.memory", "1Gi", "8"),
        ("requests.ephemeral-storage", None, "0"),
    ],
)
def test_a_resource_is_counted_in_whole_divisors_rounded_up(
    resource: str, divisor: str | None, found: str
) -> None:
    resources = {"limits": {"cpu": "1500m"}, "requests": {"cpu": "250m", "memory": "512Mi"}}

    assert build([reference(resource, divisor)], resources)["FOUND"] == found


def test_without_resources_a_limit_is_what_the_node_has_and_a_request_is_0() -> None:
    assert build([reference("limits.cpu", "1m")])["FOUND"] == "64000"
    assert build([reference("requests.cpu", "1m")])["FOUND"] == "0"


def test_a_variable_is_expanded_from_those_before_it_and_no_others() -> None:
    environment = [
        {"name": "EARLY", "value": "$(FOUND)m"},
        reference("limits.cpu", "1m"),
        {"name": "LATE", "value": "$(FOUND)m"},
        {"name": "ESCAPED", "value": "$$(FOUND)m"},
    ]

    found = build(environment, {"limits": {"cpu": "500m"}})

    assert (found["EARLY"], found["LATE"], found["ESCAPED"]) == ("$(FOUND)m", "500m", "$(FOUND)m")
