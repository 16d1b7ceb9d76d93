"""The chart's examples are sound in a cluster that has what each of them asks for."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from longshore_k8s.api import Json
from longshore_k8s.doctor import planned
from longshore_k8s.doctor.examination import Examination, examine
from longshore_k8s.doctor.links import LINKS
from longshore_k8s.doctor.objects import Objects
from tests.chart.rendering import CI_VALUES, render
from tests.doctor.cluster import NAMESPACE, FakeCluster, api_service, node

LACKING = {
    "cpu": set(), "default": set(), "everything": {"LS05", "LS13", "LS24"}, "gitops": {"LS24"},
    "gpu": {"LS05"}, "hardened": set(), "hpa": {"LS24"}, "keda": set(), "mig": {"LS05"},
    "rwo": {"LS13"},
}  # fmt: skip
"""What a cluster of one bare node has not: devices, storage classes, a metrics API."""


def before_install(cluster: FakeCluster, objects: list[Json]) -> Examination:
    for kind in ("deployments", "pods", "pods of all namespaces"):
        cluster.lists[kind] = []
    release = planned.of_documents("sentiment", NAMESPACE, objects)
    return examine(release, Objects(cluster, NAMESPACE, None), LINKS, asks_all=True)


def broken(found: Examination) -> dict[str, str]:
    return {rule.code: finding.cause for rule, finding in found.broken}


def give_what_is_asked(cluster: FakeCluster, objects: list[Json]) -> None:
    """A node with the devices, labels and memory, the storage class, and the metrics APIs."""
    (deployment,) = (one for one in objects if one["kind"] == "Deployment")
    spec = deployment["spec"]["template"]["spec"]
    limits = spec["containers"][0].get("resources", {}).get("limits", {})
    devices = {name: "8" for name in limits if "/" in name}
    room = {"memory": "64Gi", **devices}
    cluster.lists["nodes"] = [node("n1", labels=spec.get("nodeSelector"), **room)]
    cluster.lists["apiservices"] = [
        api_service("custom.metrics.k8s.io"), api_service("external.metrics.k8s.io"),
    ]  # fmt: skip
    cluster.lists["storageclasses"] = [
        {"metadata": {"name": one["spec"]["storageClassName"]}, "provisioner": "any"}
        for one in objects
        if one["kind"] == "PersistentVolumeClaim" and one["spec"].get("storageClassName")
    ]


@pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.name)
def test_an_example_is_silent_where_all_is_there(values: Path) -> None:
    objects = render(yaml.safe_load(values.read_text()))
    cluster = FakeCluster()
    give_what_is_asked(cluster, objects)

    found = before_install(cluster, objects)

    assert broken(found) == {}
    assert not found.unknown


@pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.name)
def test_what_an_example_lacks_is_named_and_nothing_else(values: Path) -> None:
    objects = render(yaml.safe_load(values.read_text()))

    found = before_install(FakeCluster(), objects)

    assert broken(found).keys() == LACKING[values.name.removesuffix("-values.yaml")]
