"""A release of Helm's becomes a resource's, and a release again: nothing is made anew."""

from __future__ import annotations

import json

import pytest

from tests.cluster.models import Models
from tests.cluster.node_agent.api import Json
from tests.cluster.node_agent.commands import CommandFailed
from tests.cluster.serving import Serving

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

VALUES: Json = {
    "image": {"repository": "registry.example/longshore"},
    "model": {"existingClaim": "models"},
    "replicas": 0,
    "revisionHistoryLimit": 3,
    "networkPolicy": {"enabled": True},
}
NAME = "text-longshore"


def test_a_release_is_adopted_when_asked_and_helm_can_no_longer_remove_it(
    models: Models, helm_program: str
) -> None:
    release = Serving(models.cluster, models.namespace, "text").release_by(helm_program)
    release.install(VALUES, wait=False)
    before = models.objects()
    models.apply(VALUES)
    stalled = models.wait_for("Stalled", "NotOurs")
    assert "Helm release text, set spec.adoptRelease" in stalled["message"]
    assert models.objects() == before

    models.apply(VALUES, adoptRelease=True)
    models.wait_until_applied("text")
    after = models.objects()
    assert _uids(after) == _uids(before)
    assert {m for one in after.values() for m in _managers(one)} & {"helm"} == set()
    deployment = after["Deployment", NAME]
    assert deployment["spec"]["template"] == before["Deployment", NAME]["spec"]["template"]
    secrets = ("secret", "-l", "owner=helm,name=text", "-n", models.namespace)
    models.cluster.kubectl("delete", *secrets)
    with pytest.raises(CommandFailed, match="not found"):
        release.uninstall()
    assert _uids(models.objects()) == _uids(before)


def test_a_resource_is_handed_to_helm_which_then_owns_every_field(models: Models) -> None:
    models.apply(VALUES)
    models.wait_until_applied("text")
    before = models.objects()
    kubectl, place = models.cluster.kubectl, ("-n", models.namespace)
    kubectl("delete", "lsm", "text", "--cascade=orphan", *place)
    release = Serving(models.cluster, models.namespace, "text").release
    release.helm(
        "install", "text", str(release.chart), *place, "--take-ownership", "--force-conflicts",
        "-f", "-", stdin=json.dumps(VALUES),
    )  # fmt: skip
    given_up = [
        {"apiVersion": one["apiVersion"], "kind": kind, "metadata": {"name": name}}
        for (kind, name), one in _whole(models).items()
    ]
    text = "\n---\n".join(json.dumps(one) for one in given_up)
    manager = ("--server-side", "--field-manager=longshore-controller")
    kubectl("apply", *manager, *place, "-f", "-", stdin=text)
    after = models.objects()
    assert _uids(after) == _uids(before)
    assert {m for one in after.values() for m in _managers(one)} & {"longshore-controller"} == set()
    assert "ownerReferences" not in after["Deployment", NAME]["metadata"]

    release.upgrade({**VALUES, "networkPolicy": {"enabled": False}}, wait=False)
    assert ("NetworkPolicy", NAME) not in models.objects()
    release.uninstall()
    models.cluster.wait_until(lambda: not models.objects(), "everything to go")


def _whole(models: Models) -> dict[tuple[str, str], Json]:
    """The objects with their apiVersion, which items of a list have not."""
    kinds = "deploy,svc,cm,sa,netpol,pdb,hpa,ingress,pvc"
    label = ("-l", "longshore.dev/model=text", "-n", models.namespace, "-o", "json")
    items = json.loads(models.cluster.kubectl("get", kinds, *label))["items"]
    return {(one["kind"], one["metadata"]["name"]): one for one in items}


def _uids(objects: dict[tuple[str, str], Json]) -> dict[tuple[str, str], str]:
    return {key: one["metadata"]["uid"] for key, one in objects.items()}


def _managers(document: Json) -> set[str]:
    return {entry["manager"] for entry in document["metadata"].get("managedFields") or ()}
