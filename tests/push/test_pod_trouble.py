"""Why a pod that was made does not run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from longshore_k8s.push.errors import PushFailed
from longshore_k8s.push.pod import running_pod
from longshore_k8s.push.target import Target
from tests.push.pods import CLAIM, OPTIONS, Cluster, Said

ONE_NODE = {**CLAIM, "status": {"phase": "Bound", "accessModes": ["ReadWriteOnce"]}}
USER = {"metadata": {"name": "sentiment-1"}, "spec": {"nodeName": "n1"}}
TARGET = Target("prod", CLAIM, "digits", None)
UNSCHEDULED = {
    "phase": "Pending",
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/3 nodes",
        }
    ],
}
EVENTS = "/api/v1/namespaces/prod/events"


def waiting(reason):
    state = {"waiting": {"reason": reason, "message": "the words of the kubelet"}}
    return {"phase": "Pending", "containerStatuses": [{"name": "push", "state": state}]}


def failure(cluster, target=TARGET):
    """What is said when the pod does not run within no time; and that none is left."""
    said = Said()
    pod = running_pod(
        cluster, target, OPTIONS,
        writes=True, wait_seconds=0, say=said.say, sleep=lambda seconds: None,
    )  # fmt: skip
    with pytest.raises(PushFailed) as failed, pod:
        pass
    assert cluster.pods == {}
    return str(failed.value)


@pytest.fixture
def cluster(tmp_path):
    return Cluster(tmp_path)


def event(cluster, kind, reason, message):
    def of_the_pod():
        name = "models" if kind == "PersistentVolumeClaim" else cluster.made[0]["metadata"]["name"]
        involved = {"kind": kind, "name": name}
        return {"metadata": {}, "reason": reason, "message": message, "involvedObject": involved}

    answered = cluster.get

    def get(path, **query):
        if path == EVENTS and cluster.made:
            cluster.answers[EVENTS] = (200, {"items": [of_the_pod()]})
        return answered(path, **query)

    cluster.get = get


def test_no_node_for_it_is_told_in_the_schedulers_words(cluster):
    cluster.status = UNSCHEDULED

    assert failure(cluster) == (
        "no node takes the pod that copies: make room, or --cpu and --memory [0/3 nodes]"
    )


def test_a_full_node_that_has_the_volume_is_named_with_the_pod_that_has_it(cluster):
    cluster.status = UNSCHEDULED
    target = replace(TARGET, claim=ONE_NODE, users=(USER,))

    said = failure(cluster, target)

    for part in ("models (ReadWriteOnce) is on node n1", "pod sentiment-1 has it", "0/3 nodes"):
        assert part in said


def test_a_claim_that_nothing_provides_for_is_told_with_the_reason(cluster):
    cluster.status = UNSCHEDULED
    event(cluster, "PersistentVolumeClaim", "ProvisioningFailed", 'storageclass "fast" not found')
    pending = {**CLAIM, "status": {"phase": "Pending"}}

    said = failure(cluster, replace(TARGET, claim=pending))

    assert 'storageclass "fast" not found' in said
    assert "less than ReadWriteMany" in said, "which few storage classes have"


def test_a_claim_that_waits_for_its_first_pod_is_not_called_broken(cluster):
    cluster.status = UNSCHEDULED
    pending = {**CLAIM, "status": {"phase": "Pending"}}

    said = failure(cluster, replace(TARGET, claim=pending))

    assert "has no volume yet, and no node takes the pod" in said
    assert "[0/3 nodes]" in said


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull"])
def test_an_image_that_cannot_be_had_is_named_with_what_to_do(cluster, reason):
    cluster.status = waiting(reason)

    said = failure(cluster)

    assert f"no image {OPTIONS.image}" in said
    assert "make image-cpu" in said
    assert f"[{reason}: the words of the kubelet]" in said


def test_a_volume_on_another_node_is_told(cluster):
    cluster.status = waiting("ContainerCreating")
    event(cluster, "Pod", "FailedAttachVolume", "Multi-Attach error")

    said = failure(cluster, replace(TARGET, claim=ONE_NODE))

    assert "is on another node: scale down what uses it there" in said
    assert "Multi-Attach error" in said


def test_a_volume_that_cannot_be_mounted_is_told(cluster):
    cluster.status = waiting("ContainerCreating")
    event(cluster, "Pod", "FailedMount", "no such export")

    assert "claim models cannot be mounted: see the reason [no such export]" in failure(cluster)


def test_a_pod_that_nothing_is_known_of_is_waited_for_and_no_longer(cluster):
    cluster.status = {"phase": "Pending"}

    assert failure(cluster) == "the pod that copies does not run yet, after 0 s"


def test_a_pod_that_ends_by_itself_is_told_with_its_last_words(cluster):
    ended = {"terminated": {"reason": "Error", "exitCode": 1, "message": "No module named x"}}
    cluster.status = {"phase": "Failed", "containerStatuses": [{"name": "push", "state": ended}]}

    assert "the pod ended with exit code 1: No module named x" in failure(cluster)
