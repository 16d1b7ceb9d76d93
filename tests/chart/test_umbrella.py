"""The chart as a part of another: a condition, aliases, names of objects and of models."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.chart import umbrella
from tests.chart.engines import Engine, RefusedError
from tests.chart.rendering import Object, Values
from tests.chart.umbrella import Umbrella
from tests.cluster.tools import helm3

ON: Values = {
    "enabled": True,
    "image": {"repository": "longshore"},
    "model": {"existingClaim": "models"},
}
UNALIASED = """
apiVersion: v2
name: shop
version: 0.1.0
dependencies:
  - {name: longshore, version: 0.1.0, condition: longshore.enabled}
"""
MIXED = UNALIASED + "  - {name: longshore, version: 0.1.0, alias: text, condition: text.enabled}\n"


@pytest.fixture(params=["helm 4", "helm 3"])
def render(request: pytest.FixtureRequest) -> Umbrella:
    if request.param == "helm 4":
        return umbrella.helm_4
    if helm3.find() is None:
        pytest.skip("needs Helm 3: `make cluster-tools`, or python -m tests.cluster.tools.helm3")
    return umbrella.helm_3


def named(objects: list[Object]) -> list[tuple[str, str]]:
    return [(entry["kind"], entry["metadata"]["name"]) for entry in objects]


def models(objects: list[Object]) -> dict[str, str]:
    """The names of the models by those of their ConfigMaps."""
    maps = [entry for entry in objects if entry["kind"] == "ConfigMap"]
    return {
        m["metadata"]["name"]: yaml.safe_load(m["data"]["longshore.yaml"])["name"] for m in maps
    }


@pytest.mark.parametrize("release", ["text-image", "text", "image-text-x", "shop"])
def test_two_aliases_share_no_object_no_pod_and_no_model(
    render: Umbrella, release: str, tmp_path: Path
):
    objects = render(umbrella.assembled(tmp_path), release, {})
    names = named(objects)
    selectors = [o["spec"]["selector"] for o in objects if o["kind"] == "Service"]

    assert len(names) == len(set(names))
    assert models(objects) == {f"{release}-text": "text", f"{release}-image": "image"}
    assert len({tuple(sorted(selector.items())) for selector in selectors}) == 2


def test_a_condition_switches_a_part_on_and_off(render: Umbrella, tmp_path: Path):
    objects = render(umbrella.assembled(tmp_path), "shop", {"image": {"enabled": False}})

    assert models(objects) == {"shop-text": "text"}


def test_a_part_without_an_alias_is_named_as_a_release_of_its_own(render: Umbrella, tmp_path: Path):
    parent = umbrella.assembled(tmp_path, UNALIASED)

    assert models(render(parent, "shop", {"longshore": ON})) == {"shop-longshore": "shop"}
    assert models(render(parent, "longshore-a", {"longshore": ON})) == {
        "longshore-a": "longshore-a"
    }
    assert render(parent, "shop", {"longshore": {"enabled": False}}) == []


def test_an_alias_beside_none_shares_nothing(render: Umbrella, tmp_path: Path):
    parent = umbrella.assembled(tmp_path, MIXED)
    objects = render(parent, "longshore-text", {"longshore": ON, "text": ON})

    assert len(set(named(objects))) == len(objects)
    assert models(objects) == {
        "longshore-text": "longshore-text",
        "longshore-text-text": "text",
    }


def test_names_that_are_given_stand(render: Umbrella, tmp_path: Path):
    given = {"fullnameOverride": "reader", "model": {"name": "sentiment"}}
    objects = render(umbrella.assembled(tmp_path), "shop", {"text": given})

    assert models(objects) == {"reader": "sentiment", "shop-image": "image"}


def test_a_condition_that_no_parent_reads_is_refused(engine: Engine):
    assert engine({}, "enabled=true")
    with pytest.raises(RefusedError, match="enabled: it only has an effect as the condition"):
        engine({}, "enabled=false")
