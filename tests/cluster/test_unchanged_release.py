"""Applying again what has not changed changes nothing, for the API server and for Argo CD.

The objects of every example are there at once; their pods wait for claims that do not exist.
"""

from __future__ import annotations

import json

import pytest

from tests.chart import rendering
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.node_agent import commands
from tests.cluster.node_agent.api import Json

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("every_kind"),
]

SERVER_SIDE = ("--server-side", "--validate=strict")


@pytest.fixture
def objects(namespace: str) -> list[Json]:
    """Of every example, each under a name of its own, in one namespace."""
    rendered = [
        entry
        for values in rendering.CI_VALUES
        for entry in rendering.render(rendering.ci_values(values), name=values.stem)
    ]
    found = [entry for entry in rendered if not rendering.is_hook(entry)]
    for entry in found:
        entry["metadata"]["namespace"] = namespace
    return found


def test_applying_it_again_changes_no_resource_version(
    cluster: Cluster, objects: list[Json]
) -> None:
    assert {"HTTPRoute", "PodMonitor", "ScaledObject", "ServiceMonitor"} <= _kinds(objects)
    _apply(cluster, objects, *SERVER_SIDE)
    changed: set[str] = set()

    def is_the_same() -> bool:
        """Statuses change too, until all controllers have seen the objects."""
        before = _resource_versions(cluster, objects)
        _apply(cluster, objects, *SERVER_SIDE)
        changed.clear()
        changed.update(dict(_resource_versions(cluster, objects).items() - before.items()))
        return not changed

    try:
        cluster.wait_until(is_the_same, "an application without a change", seconds=30)
    finally:
        print(f"changed by the last application: {sorted(changed)}")


def test_argo_cd_shows_no_difference(cluster: Cluster, objects: list[Json]) -> None:
    _apply(cluster, objects)
    assert _differences(cluster, objects) == []
    (route,) = [entry for entry in objects if entry["kind"] == "HTTPRoute"][:1]
    del route["spec"]["parentRefs"][0]["kind"]  # The definition has a default for it.
    assert _differences(cluster, objects) == [f"HTTPRoute/{route['metadata']['name']}"]


def _kinds(objects: list[Json]) -> set[str]:
    return {entry["kind"] for entry in objects}


def _apply(cluster: Cluster, objects: list[Json], *options: str) -> None:
    cluster.kubectl("apply", *options, "-f", "-", stdin=_manifest(objects))


def _live(cluster: Cluster, objects: list[Json]) -> list[Json]:
    text = cluster.kubectl("get", "-o", "json", "-f", "-", stdin=_manifest(objects))
    found: list[Json] = json.loads(text)["items"]
    return found


def _resource_versions(cluster: Cluster, objects: list[Json]) -> dict[str, str]:
    return {
        f"{entry['kind']}/{entry['metadata']['name']}": entry["metadata"]["resourceVersion"]
        for entry in _live(cluster, objects)
    }


def _differences(cluster: Cluster, objects: list[Json]) -> list[str]:
    """Kind and name of what Argo CD would show as out of sync."""
    live = _live(cluster, objects)
    pairs = [{"target": t, "live": seen} for t, seen in zip(objects, live, strict=True)]
    said = commands.run(cluster.programs["argo-diff"], stdin=json.dumps(pairs))
    found: list[Json] = json.loads(said)
    print("\n".join(f"{d['object']}: {d['is']} would be {d['wanted']}" for d in found))
    return [difference["object"] for difference in found]


def _manifest(objects: list[Json]) -> str:
    """As JSON, which quotes every text: PyYAML leaves 1e5 bare, and Kubernetes reads a number."""
    return "\n---\n".join(json.dumps(entry) for entry in objects)
