"""`longshore doctor` by who asks, how often, and before there is a release."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from longshore.errors import SettingsError
from longshore_k8s.doctor.command import COMMAND
from longshore_k8s.doctor.examination import Verdict
from tests.cluster import chart_values
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.doctor_breaks import GPU
from tests.cluster.doctor_patient import installed
from tests.cluster.helm import CHART
from tests.cluster.node_agent.api import Json
from tests.cluster.serving import Serving
from tests.doctor.running import run_doctor

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

NODES, PODS_EACH = 100, 3
MOST_SECONDS, MOST_REQUESTS = 5.0, 40


def test_without_rights_in_the_cluster_nothing_false_is_said(
    cluster: Cluster, namespace: str
) -> None:
    patient = installed(cluster, namespace)
    plane = cluster.control_plane
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    allowed = [{"apiGroups": ["", "apps", "autoscaling"], "resources": ["*"], "verbs": ["list"]}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "viewer"}
    viewer = {"kind": "User", "name": "viewer"}
    bound = {"metadata": {"name": "viewer"}, "roleRef": role, "subjects": [viewer]}
    kubeconfig = str(plane.identity("viewer", "viewer", "people"))
    code, text = patient.seen_by(kubeconfig)
    assert (code, json.loads(text)["broken"]) == (Verdict.UNKNOWN, [])
    assert [one["code"] for one in json.loads(text)["unknown"]] == ["LS01"]

    patient.cluster.api.post(f"{rbac}/roles", {"metadata": {"name": "viewer"}, "rules": allowed})
    patient.cluster.api.post(f"{rbac}/rolebindings", bound)

    def may_see() -> bool:
        return "LS01" not in patient.seen_by(kubeconfig)[1]

    cluster.wait_until(may_see, "the rights to count")
    code, text = patient.seen_by(kubeconfig)
    document = json.loads(text)
    assert (code, document["broken"]) == (Verdict.UNKNOWN, [])
    assert "list apiservices" in {one["missing"] for one in document["unknown"]}


@pytest.fixture
def many_nodes(cluster: Cluster, namespace: str) -> Iterator[None]:
    """Nodes that nothing runs on, with pods that hold their GPUs."""
    names = [f"many-{number}" for number in range(NODES)]
    capacity = {"cpu": "8", "memory": "16Gi", "pods": "110", "nvidia.com/gpu": str(PODS_EACH)}
    pods = f"/api/v1/namespaces/{namespace}/pods"
    for name in names:
        status = {"capacity": capacity, "allocatable": capacity}
        cluster.api.post("/api/v1/nodes", {"metadata": {"name": name}, "status": status})
        for number in range(PODS_EACH):
            container = {"name": "trainer", "image": "none", **GPU}
            spec = {"nodeName": name, "containers": [container]}
            meta = {"name": f"{name}-{number}", "labels": {"holds": "many"}}
            cluster.api.post(pods, {"metadata": meta, "spec": spec})
    yield
    cluster.api.delete(f"{pods}?labelSelector=holds%3Dmany", {"gracePeriodSeconds": 0})
    for name in names:
        cluster.api.delete(f"/api/v1/nodes/{name}")


def test_a_hundred_nodes_take_few_requests_by_the_api_servers_own_record(
    cluster: Cluster, namespace: str, many_nodes: None
) -> None:
    patient = installed(cluster, namespace)
    kubeconfig = str(cluster.control_plane.identity("doctor", "doctor", "system:masters"))
    with patient.changed({"nodeSelector": {"kubernetes.io/os": "none"}}, container=GPU):
        cluster.wait_until(lambda: patient.first() == "LS08", "a node to be missed")
        before = len(cluster.control_plane.audited("doctor"))
        begun = time.monotonic()
        text = patient.seen_by(kubeconfig, "--all")[1]
        seconds = time.monotonic() - begun
    asked = cluster.control_plane.audited("doctor")[before:]
    print(f"{len(asked)} requests in {seconds:.1f} s at {NODES} nodes")
    assert "LS08" in {one["code"] for one in json.loads(text)["broken"]}
    assert len(asked) <= MOST_REQUESTS, [one["requestURI"] for one in asked]
    assert {one["verb"] for one in asked} <= {"get", "list"}
    assert seconds < MOST_SECONDS


def test_an_install_is_judged_before_it_is_made(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    serving = Serving(cluster, namespace, "new")
    serving.create_claim()

    def judge(values: Json) -> tuple[int, list[str]]:
        file = tmp_path / "values.yaml"
        file.write_text(yaml.safe_dump(values), encoding="utf-8")
        helm = ["-f", str(file), "--chart", str(CHART), "--helm", cluster.programs["helm"]]
        access = ["--kubeconfig", str(cluster.kubeconfig), "-n", namespace, "-o", "json", "--all"]
        code, text = run_doctor(COMMAND, ["new", *access, *helm])
        return code, [one["code"] for one in json.loads(text)["broken"]]

    assert judge(chart_values.autoscaled(requests_per_second=20.0)) == (Verdict.SOUND, [])
    assert judge(chart_values.gpu()) == (Verdict.BROKEN, ["LS05"])
    absent = {"model": {"existingClaim": "absent"}}
    assert judge({**chart_values.serving(), **absent}) == (Verdict.BROKEN, ["LS12"])
    with pytest.raises(SettingsError, match=r"the chart refuses these values \(LS02\)"):
        judge({"modle": {}})
    assert cluster.list(f"/apis/apps/v1/namespaces/{namespace}/deployments") == []
