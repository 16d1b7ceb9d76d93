"""The node agent does a kubelet's work, and says so where it cannot."""

from __future__ import annotations

import time

import pytest

from tests.cluster import pods
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.node_agent import commands
from tests.cluster.tools import base_image

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

IMAGE = "localhost/longshore-node-agent-test:1"
SECURE = {
    "runAsUser": 1000,
    "runAsNonRoot": True,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}


def test_what_it_cannot_do_it_refuses_with_a_reason(cluster: Cluster, namespace: str) -> None:
    volumes = [{"name": "shared", "nfs": {"server": "nowhere", "path": "/"}}]
    pods.create(cluster, namespace, "odd", "true", volumes=volumes, hostNetwork=True)
    cluster.wait_until(
        lambda: pods.get(cluster, namespace, "odd")["status"]["phase"] == "Failed", "the refusal"
    )
    status = pods.get(cluster, namespace, "odd")["status"]
    assert status["reason"] == "NodeAgentCannot"
    assert "hostNetwork is not supported" in status["message"]
    assert "volume shared: type nfs is not supported" in status["message"]


def test_the_security_context_is_what_the_process_finds(cluster: Cluster, namespace: str) -> None:
    script = "id -u; touch /file && echo writable; grep -E 'CapEff|NoNewPrivs' /proc/self/status"
    said = pods.output(cluster, namespace, "locked", script, container={"securityContext": SECURE})
    lines = said.split("\n")
    assert lines[0] == "1000"
    assert "writable" not in said
    assert "CapEff:\t0000000000000000" in lines
    assert "NoNewPrivs:\t1" in lines


def test_a_root_image_is_refused_where_the_pod_must_not_run_as_root(
    cluster: Cluster, namespace: str
) -> None:
    pods.create(cluster, namespace, "root", "true", securityContext={"runAsNonRoot": True})
    cluster.wait_until(
        lambda: "waiting" in pods.state(pods.get(cluster, namespace, "root")), "a state"
    )

    def reason() -> str | None:
        waiting = pods.state(pods.get(cluster, namespace, "root")).get("waiting") or {}
        return waiting.get("reason")

    cluster.wait_until(lambda: reason() == "CreateContainerConfigError", "the refusal")


def test_a_container_beyond_its_memory_limit_is_oom_killed(
    cluster: Cluster, namespace: str
) -> None:
    script = "python3 -c 'x = bytearray(200_000_000)'"
    limits = {"resources": {"limits": {"memory": "64Mi"}}}
    pods.create(cluster, namespace, "greedy", script, container=limits)
    ended = pods.wait_until_ended(cluster, namespace, "greedy")
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


def test_a_failing_liveness_probe_restarts_the_container(cluster: Cluster, namespace: str) -> None:
    probe = {"exec": {"command": ["test", "-e", "/tmp/alive"]}, "periodSeconds": 1}
    container = {"livenessProbe": {**probe, "failureThreshold": 1}}
    pods.create(
        cluster,
        namespace,
        "sick",
        "trap 'exit 0' TERM; while true; do sleep 0.1; done",
        container=container,
        restartPolicy="Always",
        terminationGracePeriodSeconds=2,
    )

    def restarts() -> int:
        statuses = pods.get(cluster, namespace, "sick")["status"].get("containerStatuses")
        return int(statuses[0]["restartCount"]) if statuses else 0

    cluster.wait_until(lambda: restarts() >= 1, "a restart", seconds=20)


def test_readiness_waits_for_startup(cluster: Cluster, namespace: str) -> None:
    started = {"exec": {"command": ["test", "-e", "/tmp/started"]}, "periodSeconds": 1}
    ready = {"exec": {"command": ["true"]}, "periodSeconds": 1}
    container = {"startupProbe": {**started, "failureThreshold": 30}, "readinessProbe": ready}
    script = "sleep 2; touch /tmp/started; sleep 60"
    begun = time.monotonic()
    pods.create(cluster, namespace, "slow", script, container=container)
    cluster.wait_until(lambda: pods.is_ready(pods.get(cluster, namespace, "slow")), "readiness")
    assert time.monotonic() - begun >= 2


def test_deletion_is_pre_stop_then_sigterm_then_the_grace_period(
    cluster: Cluster, namespace: str
) -> None:
    script = "trap 'echo deaf' TERM; echo up; while true; do sleep 0.1; done"
    hook = {"preStop": {"sleep": {"seconds": 1}}}
    pods.create(
        cluster,
        namespace,
        "deaf",
        script,
        container={"lifecycle": hook},
        terminationGracePeriodSeconds=3,
    )
    cluster.wait_until(lambda: pods.is_ready(pods.get(cluster, namespace, "deaf")), "readiness")
    begun = time.monotonic()
    cluster.kubectl("delete", "pod", "deaf", "-n", namespace, "--wait=true")
    assert 2.5 <= time.monotonic() - begun <= 8


def test_environment_and_files_come_from_the_api(cluster: Cluster, namespace: str) -> None:
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    cluster.api.post(maps, {"metadata": {"name": "settings"}, "data": {"colour": "blue"}})
    environment = [
        {
            "name": "COLOUR",
            "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}},
        },
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    mount = {"name": "files", "mountPath": "/etc/settings", "readOnly": True}
    said = pods.output(
        cluster,
        namespace,
        "reader",
        "echo $COLOUR $POD; cat /etc/settings/colour; echo; touch /etc/settings/x || echo refused",
        container={"env": environment, "volumeMounts": [mount]},
        volumes=[{"name": "files", "configMap": {"name": "settings"}}],
    )
    assert said.split("\n")[:2] == ["blue reader", "blue"]
    assert "refused" in said


def test_an_image_from_the_store_brings_its_entrypoint_user_and_environment(
    cluster: Cluster, namespace: str
) -> None:
    if not base_image.ARCHIVE.exists():
        pytest.skip("Run `make cluster-tools` for a base image to test images with.")
    base_image.import_as(IMAGE)
    container = commands.run("buildah", "from", "--pull-never", IMAGE)
    options = ("--entrypoint", '["sh", "-c"]', "--cmd", "'id -u; echo $COLOUR; pwd'")
    commands.run("buildah", "config", *options, "--user", "1234", container)
    commands.run("buildah", "config", "--env", "COLOUR=red", "--workingdir", "/srv", container)
    commands.run("buildah", "commit", "--rm", container, IMAGE)
    body = {
        "metadata": {"name": "stored"},
        "spec": {"containers": [{"name": "main", "image": IMAGE}], "restartPolicy": "Never"},
    }
    cluster.api.post(f"/api/v1/namespaces/{namespace}/pods", body)
    pods.wait_until_ended(cluster, namespace, "stored")
    said = cluster.kubectl("logs", "stored", "-n", namespace)
    assert said.split("\n") == ["1234", "red", "/srv"]


def test_an_image_that_is_nowhere_is_never_pulled(cluster: Cluster, namespace: str) -> None:
    body = {
        "metadata": {"name": "absent"},
        "spec": {"containers": [{"name": "main", "image": "localhost/absent:1"}]},
    }
    cluster.api.post(f"/api/v1/namespaces/{namespace}/pods", body)

    def reason() -> str | None:
        waiting = pods.state(pods.get(cluster, namespace, "absent")).get("waiting") or {}
        return waiting.get("reason")

    cluster.wait_until(lambda: reason() == "ErrImageNeverPull", "the refusal")


def test_a_claim_outlives_its_pods_and_read_only_is_honoured(
    cluster: Cluster, namespace: str
) -> None:
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    asked = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    cluster.api.post(claims, {"metadata": {"name": "data"}, "spec": asked})
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    mount = {"name": "data", "mountPath": "/data"}
    pods.output(
        cluster,
        namespace,
        "writer",
        "echo kept > /data/file",
        container={"volumeMounts": [mount]},
        volumes=volumes,
    )
    said = pods.output(
        cluster,
        namespace,
        "reader",
        "cat /data/file; touch /data/x || echo refused",
        container={"volumeMounts": [{**mount, "readOnly": True}]},
        volumes=volumes,
    )
    assert said.startswith("kept")
    assert said.endswith("refused")
