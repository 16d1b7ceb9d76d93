"""The rights that the controller's chart gives: enough for all that it does, and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.models import DEPLOYMENT, Models, installed_by_chart, model
from tests.cluster.node_agent.api import Json
from tests.cluster.node_agent.commands import CommandFailed

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

VALUES: Json = {
    "image": {"repository": "registry.example/longshore"},
    "model": {"claim": {"create": True, "size": "1Gi"}},
    "replicas": 2,
    "ingress": {"enabled": True, "hosts": ["models.example.com"]},
}


@pytest.fixture
def keeper(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[Models]:
    """The controller's chart installed in the namespace, its pod in a process of ours."""
    image = ("--set", "image.repository=registry.example/longshore")
    with installed_by_chart(cluster, namespace, *image):
        models = Models(cluster, namespace, kubeconfig=_as_account(cluster, namespace, tmp_path))
        try:
            yield models
        finally:
            models.kill()


def test_installed_by_its_chart_it_does_all_its_work_and_can_do_nothing_else(
    keeper: Models,
) -> None:
    cluster = keeper.cluster
    keeper.start()
    keeper.apply(VALUES)
    keeper.wait_until_applied("text")
    assert {"Deployment", "Ingress", "PodDisruptionBudget"} <= {k for k, _ in keeper.objects()}
    keeper.apply({**VALUES, "replicas": 0, "ingress": {"enabled": False}})
    cluster.wait_until(
        lambda: "Ingress" not in {k for k, _ in keeper.objects()}, "the Ingress to go"
    )
    keeper.wait_for_event("Pruned")
    for refused in (
        ("get", "secrets"), ("create", "pods"), ("get", "pods/exec"), ("get", "pods/log"),
        ("create", "roles"), ("get", "pods"), ("watch", "pods"),
        ("delete", "persistentvolumeclaims"), ("impersonate", "serviceaccounts"),
        ("create", "longshoremodels.longshore.dev"), ("get", "nodes"),
    ):  # fmt: skip
        assert not _may(keeper, *refused), refused
    assert not _may(keeper, "create", "deployments", "default")
    assert _may(keeper, "create", "deployments")


NO_RIGHTS = "must be allowed to create deployments.apps"
PLAIN: Json = {"image": VALUES["image"], "model": {"existingClaim": "models"}}
EDIT = "--clusterrole=edit"
DEPLOYER, NAMELESS = "--role=deployer", "--role=nameless"
"""Who may create what every model has, and the same without ServiceAccounts."""
OF_EVERY_MODEL = (
    "deployments.apps", "services", "configmaps", "persistentvolumeclaims",
    "networkpolicies.networking.k8s.io", "ingresses.networking.k8s.io",
    "poddisruptionbudgets.policy", "horizontalpodautoscalers.autoscaling",
)  # fmt: skip
SAMPLES: Json = {"samplesFrom": {"name": "samples"}}
ANNOTATED: Json = {**PLAIN, "serviceAccount": {"annotations": {"example.com/role": "admin"}}}
ADMITTED = "serverside-applied"


@pytest.mark.parametrize(
    ("role", "document", "words"),
    [
        ("", model(PLAIN), NO_RIGHTS),
        (EDIT, model(PLAIN), ADMITTED),
        (EDIT, model({**PLAIN, "ingress": {"enabled": True, "hosts": ["a"]}}), ADMITTED),
        (EDIT, model({**PLAIN, "httpRoute": {"enabled": False}}), "create httproutes"),
        (EDIT, model({**PLAIN, "metrics": {"podMonitor": {"enabled": True}}}), "podmonitors"),
        (
            EDIT,
            model({**PLAIN, "autoscaling": {"keda": {"serverAddress": "http://x"}}}),
            "scaledobjects",
        ),
        (EDIT, model({**PLAIN, "autoscaling": {"mode": "hpa"}}), ADMITTED),
        (EDIT, model(PLAIN, version=2, validation=SAMPLES), ADMITTED),
        (DEPLOYER, model(ANNOTATED), ADMITTED),
        (NAMELESS, model(ANNOTATED), "create serviceaccounts"),
        (DEPLOYER, model(PLAIN, version=2), "create jobs in its namespace"),
        (DEPLOYER, model(PLAIN, validation=SAMPLES), "get configmaps"),
    ],
)
def test_the_author_of_a_model_needs_the_rights_of_the_author_of_its_objects(
    keeper: Models, role: str, document: Json, words: str
) -> None:
    cluster, place = keeper.cluster, ("-n", keeper.namespace)
    for name, more in (("deployer", ["serviceaccounts"]), ("nameless", [])):
        kinds = f"--resource={','.join([*OF_EVERY_MODEL, *more])}"
        cluster.kubectl("create", "role", name, "--verb=create", kinds, *place)

    wait_for_the_policy(keeper)
    if role:
        cluster.kubectl("create", "rolebinding", "more", role, "--user=author", *place)
    cluster.wait_until(
        lambda: words in said(keeper, document),
        f"{words!r}, not {said(keeper, document)}",
        seconds=15,
    )


def test_who_leaves_the_spec_as_it_is_needs_no_rights_to_its_objects(keeper: Models) -> None:
    cluster, place = keeper.cluster, ("-n", keeper.namespace)
    keeper.apply(PLAIN)
    wait_for_the_policy(keeper)

    cluster.kubectl("label", "lsm", "text", "team=ours", "--as=author", *place)
    for cascade in ("orphan", "foreground"):  # the garbage collector takes their finalizers away
        keeper.apply(PLAIN)
        cluster.kubectl("delete", "lsm", "text", f"--cascade={cascade}", "--timeout=60s", *place)


def wait_for_the_policy(keeper: Models) -> None:
    """An author who may write models, and nothing else, is refused."""
    cluster, place = keeper.cluster, ("-n", keeper.namespace)
    rights = ("--verb=create,get,patch", "--resource=longshoremodels.longshore.dev")
    cluster.kubectl("create", "role", "author", *rights, *place)
    cluster.kubectl("create", "rolebinding", "author", "--role=author", "--user=author", *place)
    # A policy is in force a moment after it is created, and roles are cached.
    cluster.wait_until(
        lambda: NO_RIGHTS in said(keeper, model(ANNOTATED)), "the policy to be in force", seconds=15
    )


def said(keeper: Models, asked: Json) -> str:
    """To the author who would apply that model."""
    place = ("-n", keeper.namespace)
    apply = ("apply", "--server-side", "--dry-run=server", "--as=author", *place, "-f", "-")
    try:
        return keeper.cluster.kubectl(*apply, stdin=json.dumps(asked))
    except CommandFailed as refusal:
        return str(refusal)


def _may(models: Models, verb: str, resource: str, namespace: str = "") -> bool:
    """What the API server's authorizer says to the account, by default in its namespace."""
    place = {"namespace": namespace or models.namespace, "verb": verb, **_group(resource)}
    user = f"system:serviceaccount:{models.namespace}:{DEPLOYMENT}"
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    review = {"spec": {"user": user, "resourceAttributes": place}}
    return bool(models.cluster.api.post(path, review)["status"]["allowed"])


def _group(resource: str) -> Json:
    name, _, group = resource.partition(".")
    known = {"deployments": "apps", "roles": "rbac.authorization.k8s.io"}
    return {"resource": name, "group": group or known.get(name, "")}


def _as_account(cluster: Cluster, namespace: str, folder: Path) -> Path:
    """A kubeconfig of the chart's ServiceAccount, in that namespace."""
    token = cluster.kubectl("create", "token", DEPLOYMENT, "-n", namespace)
    document = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    document["users"][0]["user"] = {"token": token}
    path = folder / "controller.kubeconfig"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
