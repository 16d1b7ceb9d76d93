from __future__ import annotations

import pytest

from longshore_k8s.controller.wanted import Refusal, wanted_objects
from tests.controller.world import NAME, NAMESPACE, UID, World, rendered

RESOURCE = World([]).resource


def test_objects_are_marked_as_the_resources_own_and_the_claim_outlives_it():
    service, claim = wanted_objects(
        [rendered("PersistentVolumeClaim"), rendered("Service")], RESOURCE
    )[::-1]
    owner = service.document["metadata"]["ownerReferences"][0]

    assert (owner["uid"], owner["controller"]) == (UID, True)
    assert "ownerReferences" not in claim.document["metadata"]
    for item in (service, claim):
        labels = item.document["metadata"]["labels"]
        assert labels["longshore.dev/model"] == NAME
        assert labels["app.kubernetes.io/managed-by"] == "longshore-controller"


def test_the_pods_have_no_label_that_helm_would_not_give_them():
    pod = {"metadata": {"labels": {"app": NAME}}, "spec": {}}
    (item,) = wanted_objects([rendered("Deployment", template=pod)], RESOURCE)

    assert item.document["spec"]["template"] == pod


def test_tests_of_helm_are_no_objects_of_a_resource():
    test = rendered("Service")
    test["metadata"]["annotations"] = {"helm.sh/hook": "test"}

    assert wanted_objects([test], RESOURCE) == ()


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({**rendered("Service"), "kind": "Secret"}, ["Secret text", "no objects of this kind"]),
        ({**rendered("Service"), "kind": "ClusterRole"}, ["ClusterRole text"]),
        ({**rendered("Service"), "apiVersion": "serving.knative.dev/v1"}, ["no objects of this"]),
        ({**rendered("Service"), "metadata": {"name": NAME, "namespace": "kube-system"}},
         ["namespace kube-system", f"its own alone, {NAMESPACE}"]),
        (rendered("Deployment", template={"spec": {"volumes": [{"hostPath": {"path": "/"}}]}}),
         ["hostPath", "use a claim"]),
    ],
)  # fmt: skip
def test_what_a_resource_must_not_have_is_refused_by_name(document, words):
    with pytest.raises(Refusal) as refusal:
        wanted_objects([document], RESOURCE)

    assert refusal.value.reason == "Forbidden"
    assert [word for word in words if word not in refusal.value.sentence] == []


def test_a_key_called_host_path_is_no_volume():
    (item,) = wanted_objects([rendered("ConfigMap", hostPath="/v2")], RESOURCE)

    assert item.name == NAME
