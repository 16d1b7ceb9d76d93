"""The custom resource on the real API server: what it admits, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.chart import rendering
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.models import model
from tests.cluster.node_agent.api import Json
from tests.cluster.node_agent.commands import CommandFailed
from tests.contracts.crd import NOT_IN_A_RESOURCE

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]


def apply(cluster: Cluster, namespace: str, document: Json, *options: str) -> str:
    words = ("apply", "-n", namespace, *options, "-f", "-")
    return cluster.kubectl(*words, stdin=json.dumps(document))


def test_the_definition_is_structural_and_its_names_are_accepted(definition: Json) -> None:
    conditions = {c["type"]: c["status"] for c in definition["status"]["conditions"]}

    assert conditions["NamesAccepted"] == "True"
    assert conditions.get("NonStructuralSchema", "False") == "False"


@pytest.mark.parametrize("file", rendering.CI_VALUES, ids=lambda path: path.stem)
def test_every_example_of_values_is_admitted_and_kept_as_it_is(
    cluster: Cluster, namespace: str, definition: Json, file: Path
) -> None:
    values = {
        k: v
        for k, v in rendering.ci_values(file).items()
        if k not in {*NOT_IN_A_RESOURCE, "global"}
    }
    apply(cluster, namespace, model(values), "--server-side", "--validate=strict")
    text = cluster.kubectl("get", "longshoremodel", "text", "-n", namespace, "-o", "json")

    assert json.loads(text)["spec"]["values"] == values


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (model({"replicaCount": 2}), ["spec.values.replicaCount"]),
        (model({"extraObjects": []}), ["spec.values.extraObjects"]),
        (model({"fullnameOverride": "x"}), ["spec.values.fullnameOverride"]),
        (model({"model": {"volume": {"hostPath": {"path": "/"}}}}), ["hostPath"]),
        (model({"extraVolumes": [{"name": "x", "hostPath": {"path": "/"}}]}), ["hostPath"]),
        (model({"replicas": -1}), ["spec.values.replicas", "greater than or equal to 0"]),
        (model({"device": "tpu"}), ["spec.values.device", "cpu", "gpu"]),
        (model({"autoscaling": {"minReplicas": 3, "maxReplicas": 2}}), ["minReplicas is more"]),
        (model({}, name="n" * 40), ["at most 39 characters"]),
        (model({}, name="text-canary"), ["-canary are kept"]),
        (model({"model": {"version": 3}}, version=3), ["values.model.version: give one"]),
        (model({}, version=0), ["spec.version", "greater than or equal to 1"]),
        (model({}, digest="a" * 64), ["digest needs version"]),
        (model({}, version=1, digest="abc"), ["spec.digest"]),
        (model({}, rollout={"steps": [30, 10]}), ["steps have to rise"]),
        (model({}, rollout={"steps": [95]}), ["less than or equal to 90"]),
        (model({}, rollout={"onNoData": "Guess"}), ["Hold", "Abort"]),
        (model({}, validation={"samplesFrom": {}}), ["samplesFrom.name"]),
    ],
)  # fmt: skip
def test_what_a_resource_cannot_be_is_refused_by_name(
    cluster: Cluster, namespace: str, definition: Json, document: Json, words: list[str]
) -> None:
    with pytest.raises(CommandFailed) as refusal:
        apply(cluster, namespace, document, "--server-side", "--validate=strict")

    assert [word for word in words if word not in str(refusal.value)] == []


def test_a_patch_leaves_no_volume_of_the_node_in_a_resource(
    cluster: Cluster, namespace: str, definition: Json
) -> None:
    """Patches are not refused for what the definition does not know."""
    apply(cluster, namespace, model({"replicas": 0}))
    volumes = {"extraVolumes": [{"name": "node", "hostPath": {"path": "/"}}]}
    patch = ("--type=merge", "-p", json.dumps({"spec": {"values": volumes}}))
    cluster.kubectl("patch", "lsm", "text", "-n", namespace, *patch)

    text = cluster.kubectl("get", "lsm", "text", "-n", namespace, "-o", "json")
    assert json.loads(text)["spec"]["values"]["extraVolumes"] == [{"name": "node"}]


def test_it_is_listed_by_its_short_name_and_scaled(
    cluster: Cluster, namespace: str, definition: Json
) -> None:
    apply(cluster, namespace, model({"replicas": 1, "model": {"version": 3}}))
    shown = {"servedVersion": 3, "candidateVersion": 4, "rollout": {"share": 33.3}}
    status = ("--subresource=status", "--type=merge", "-p", json.dumps({"status": shown}))
    cluster.kubectl("patch", "lsm", "text", "-n", namespace, *status)
    cluster.kubectl("scale", "lsm/text", "--replicas=2", "-n", namespace)
    heading, row = cluster.kubectl("get", "lsm", "-n", namespace).splitlines()

    assert heading.split() == [
        "NAME", "READY", "VERSION", "CANDIDATE", "SHARE", "REPLICAS", "REASON", "AGE",
    ]  # fmt: skip
    assert row.split()[:4] == ["text", "3", "4", "33.3"]
    values = json.loads(cluster.kubectl("get", "lsm", "text", "-n", namespace, "-o", "json"))[
        "spec"
    ]["values"]
    assert values == {"replicas": 2, "model": {"version": 3}}
