"""What CLAIM_OR_RELEASE[:PATH] means."""

from __future__ import annotations

import pytest

from longshore.errors import SettingsError
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.push.claim_faults import check_claim
from longshore_k8s.push.errors import PushFailed
from longshore_k8s.push.pod_manifest import PodOptions, pod_manifest
from longshore_k8s.push.target import find_target
from tests.doctor.cluster import NAMESPACE, FakeCluster

CLAIMS = f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims"
CONFIG = f"/api/v1/namespaces/{NAMESPACE}/configmaps/sentiment-longshore"
OPTIONS = PodOptions("longshore:1", "1", "256Mi")


@pytest.fixture
def cluster():
    """A release `sentiment` that serves text/sentiment of the claim `models`."""
    found = FakeCluster()
    found.spec["volumes"] = [
        {"name": "model", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}},
        {"name": "config", "configMap": {"name": "sentiment-longshore"}},
    ]
    found.spec["containers"] = [
        {"name": "proxy", "image": "envoy:1"},
        {
            "name": "server", "image": "registry/longshore:1-cpu", "imagePullPolicy": "Always",
            "securityContext": {"readOnlyRootFilesystem": True},
            "volumeMounts": [{"name": "model", "mountPath": "/models"}],
        },
    ]  # fmt: skip
    found.answers[f"{CLAIMS}/models"] = (200, found.claim)
    settings = "model_path: /models/text/sentiment\nport: 8000\n"
    found.answers[CONFIG] = (200, {"data": {"longshore.yaml": settings}})
    return found


def target(cluster, word):
    return find_target(word, Objects(cluster, NAMESPACE))


@pytest.mark.parametrize("word", ["sentiment", "release/sentiment", "models", "claim/models"])
def test_a_release_and_its_claim_lead_to_the_same_place(cluster, word):
    found = target(cluster, word)

    assert (found.claim_name, found.path, found.release) == (
        "models",
        "text/sentiment",
        "sentiment",
    )
    assert found.image == "registry/longshore:1-cpu"
    assert str(found) == "claim models of release sentiment, text/sentiment"


@pytest.mark.parametrize(
    ("word", "path"), [("models:a/b/", "a/b"), ("sentiment:", ""), ("models:/", "")]
)
def test_a_path_of_ones_own_comes_first(cluster, word, path):
    assert target(cluster, word).path == path


def test_a_claim_that_nobody_serves_from_is_taken_at_its_root(cluster):
    cluster.lists["deployments"] = []

    found = target(cluster, "models")

    assert (found.path, found.release, found.image) == ("", None, None)


@pytest.mark.parametrize("word", ["", "Models", "models:a/../b", "pod/models"])
def test_what_is_no_claim_and_no_release_is_a_mistake_of_the_caller(cluster, word):
    with pytest.raises(SettingsError, match="allowed: "):
        target(cluster, word)


def test_neither_there_is_told_with_what_is_there(cluster):
    with pytest.raises(PushFailed) as failed:
        target(cluster, "model")

    for part in ("no claim 'model'", "the namespace has models", "it holds sentiment"):
        assert part in str(failed.value)


def test_a_release_without_a_claim_is_told(cluster):
    cluster.spec["volumes"][0] = {"name": "model", "nfs": {"server": "s", "path": "/"}}

    with pytest.raises(PushFailed, match="serves from no claim"):
        target(cluster, "sentiment")


def test_two_releases_at_two_places_of_a_claim_have_to_be_told_apart(cluster):
    other = {**cluster.deployment, "metadata": {**cluster.deployment["metadata"], "name": "other"}}
    spec = {
        **cluster.spec,
        "volumes": [cluster.spec["volumes"][0], {"name": "config", "configMap": {"name": "other"}}],
    }
    other["spec"] = {**other["spec"], "template": {"spec": spec}}
    cluster.lists["deployments"].append(other)
    path = CONFIG.replace("sentiment-longshore", "other")
    cluster.answers[path] = (200, {"data": {"longshore.yaml": "model_path: /models"}})

    with pytest.raises(
        PushFailed, match="its root, text/sentiment of claim models: push to models:PATH"
    ):
        target(cluster, "models")


def modes(cluster, *names):
    cluster.claim["spec"]["accessModes"] = list(names)
    cluster.claim["status"]["accessModes"] = list(names)


def serving(cluster):
    """The release's pod has the volume, on node n1."""
    cluster.pod["spec"]["volumes"] = cluster.spec["volumes"]
    cluster.pod["spec"]["tolerations"] = [{"key": "gpu", "operator": "Exists"}]


@pytest.mark.parametrize("names", [["ReadWriteOnce"], ["ReadWriteOnce", "ReadOnlyMany"]])
def test_a_pod_for_a_volume_of_one_node_goes_to_that_node(cluster, names):
    modes(cluster, *names)
    serving(cluster)

    spec = pod_manifest("p", target(cluster, "sentiment"), OPTIONS, writes=True)["spec"]

    terms = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    field = {"key": "metadata.name", "operator": "In", "values": ["n1"]}
    assert terms == {"nodeSelectorTerms": [{"matchFields": [field]}]}
    assert {"key": "gpu", "operator": "Exists"} in spec["tolerations"]


def test_a_pod_for_a_volume_of_many_nodes_goes_where_the_release_may(cluster):
    serving(cluster)
    modes(cluster, "ReadWriteMany")
    cluster.spec["nodeSelector"] = {"pool": "models"}

    spec = pod_manifest("p", target(cluster, "sentiment"), OPTIONS, writes=True)["spec"]

    assert (spec["affinity"], spec["nodeSelector"]) == ({}, {"pool": "models"})


@pytest.mark.parametrize("writes", [True, False])
def test_the_pod_is_as_the_releases_and_has_nothing_else(cluster, writes):
    cluster.spec.update(securityContext={"runAsUser": 7}, imagePullSecrets=[{"name": "s"}])

    pod = pod_manifest("p", target(cluster, "sentiment"), OPTIONS, writes=writes)

    (container,) = pod["spec"]["containers"]
    assert pod["spec"]["securityContext"] == {"runAsUser": 7}
    assert pod["spec"]["imagePullSecrets"] == [{"name": "s"}]
    assert container["imagePullPolicy"] == "Always"
    assert container["securityContext"] == {"readOnlyRootFilesystem": True}
    assert container["volumeMounts"][0]["readOnly"] is not writes
    assert "app.kubernetes.io/instance" not in pod["metadata"]["labels"], "no Service finds it"


@pytest.mark.parametrize(("cpu", "asked"), [("1", "100m"), ("50m", "50m"), ("0.05", "0.05")])
def test_a_pod_asks_for_no_more_than_its_limit(cluster, cpu, asked):
    options = PodOptions("longshore:1", cpu, "64Mi")

    (container,) = pod_manifest("p", target(cluster, "models"), options, writes=True)["spec"][
        "containers"
    ]

    assert container["resources"]["requests"]["cpu"] == asked


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda c: modes(c, "ReadOnlyMany"), "is ReadOnlyMany"),
        (lambda c: modes(c, "ReadWriteOncePod"), "pod sentiment-1 has it: scale that to 0"),
        (lambda c: c.claim["metadata"].update(deletionTimestamp="now"), "is being deleted"),
        (lambda c: c.claim["status"].update(phase="Lost"), "has lost its volume"),
    ],
)
def test_a_claim_that_cannot_be_pushed_to_is_told_before_a_pod_is_made(cluster, change, sentence):
    serving(cluster)
    change(cluster)

    with pytest.raises(PushFailed, match=sentence):
        check_claim(target(cluster, "sentiment"), writes=True)
