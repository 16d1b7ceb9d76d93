"""What lies on a claim, and what each pod serves of it."""

from __future__ import annotations

import json
import shutil

import pytest

from longshore.progress import Progress
from longshore.repository.integrity import write_manifest
from longshore_k8s.doctor.objects import MissingRight, Objects
from longshore_k8s.push.in_pod.listing import listing
from longshore_k8s.push.serving_pods import restarting_pods, serving_pods
from longshore_k8s.push.target import Target
from longshore_k8s.push.versions_report import to_json, to_text
from tests.doctor.cluster import NAMESPACE, FakeCluster


@pytest.fixture
def root(tmp_path):
    """Two whole versions, one without a manifest; one that is broken; one that was interrupted."""
    for version in ("1", "2", "10"):
        (tmp_path / version).mkdir()
        shutil.copy("models/digits/1/model.onnx", tmp_path / version / "model.onnx")
    write_manifest(tmp_path / "1")
    write_manifest(tmp_path / "10")
    (tmp_path / "10/model.onnx").write_bytes(b"x")
    (tmp_path / ".push-3-0123456789abcdef").mkdir()
    (tmp_path / ".push-3-0123456789abcdef/model.onnx").write_bytes(b"x" * 2048)
    (tmp_path / "v4").mkdir()
    return tmp_path


def look(root, *, verifies=False):
    return listing(root, verifies=verifies, progress=Progress())


def test_each_version_is_listed_with_its_state(root):
    found = look(root)

    rows = {row["version"]: row for row in found["versions"]}
    assert list(rows) == ["1", "2", "10"], "in the order of their numbers"
    assert rows["1"]["state"] == "complete"
    assert rows["1"]["bytes"] == (root / "1/model.onnx").stat().st_size
    assert len(rows["1"]["manifest"]) == 12
    assert (rows["2"]["state"], rows["2"]["manifest"]) == ("no manifest.json", None)
    assert rows["10"]["state"].startswith("model.onnx: 1 bytes, manifest.json says")
    assert found["interrupted"] == [
        {"version": "3", "bytes": 2048, "name": ".push-3-0123456789abcdef"}
    ]
    assert found["odd"] == ["v4"]


def test_digests_are_compared_on_request(root):
    write_manifest(root / "10")
    (root / "10/model.onnx").write_bytes(b"y")

    assert [row["state"] for row in look(root)["versions"]][-1] == "complete"
    states = [row["state"] for row in look(root, verifies=True)["versions"]]

    assert states[0] == "verified"
    assert states[-1] == "model.onnx: another SHA-256 than manifest.json says"


def test_a_lone_artifact_and_no_directory_are_told(tmp_path):
    shutil.copy("models/digits/1/model.onnx", tmp_path / "model.onnx")
    target = Target("prod", {"metadata": {"name": "models"}, "spec": {}}, "digits", None)

    assert look(tmp_path)["lone"] == "model.onnx"
    assert "served as version 1" in to_text(target, look(tmp_path), [])
    assert "no such directory" in to_text(target, look(tmp_path / "none"), [])


@pytest.fixture
def cluster():
    found = FakeCluster()
    found.pod["spec"]["volumes"] = [
        {"name": "model", "persistentVolumeClaim": {"claimName": "models"}}
    ]
    found.pod["spec"]["containers"] = [
        {"name": "server", "ports": [{"name": "management", "containerPort": 9002}]}
    ]
    found.pod["status"]["containerStatuses"] = [{"name": "server", "state": {"running": {}}}]
    return found


READY = f"/api/v1/namespaces/{NAMESPACE}/pods/sentiment-1:9002/proxy/v2/health/ready"


def asked(cluster):
    target = Target(NAMESPACE, cluster.claim, "", "sentiment")
    return serving_pods(target, Objects(cluster, NAMESPACE), cluster)


@pytest.mark.parametrize("status", [200, 503])
def test_a_pod_tells_its_versions_whether_it_is_ready_or_not(cluster, status):
    body = {"ready": status == 200, "versions": {"2": "READY"}, "problems": ["version 3: broken"]}
    cluster.answers[READY] = (status, body)

    (pod,) = asked(cluster)

    assert (pod.versions, pod.problems) == ({"2": "READY"}, ("version 3: broken",))


def test_a_pod_that_does_not_answer_or_run_is_told(cluster):
    cluster.answers[READY] = (503, {"kind": "Status", "message": "connection refused"})
    assert asked(cluster)[0].problems == ("it does not answer the API server: connection refused",)
    cluster.pod["status"] = {"phase": "Pending"}
    assert asked(cluster)[0].problems == ("it does not run (Pending)",)


def test_pods_that_gave_up_waiting_for_a_model_are_named(cluster):
    target = Target(NAMESPACE, cluster.claim, "", "sentiment")
    assert restarting_pods(target, Objects(cluster, NAMESPACE)) == []
    cluster.pod["status"]["containerStatuses"] = [
        {"name": "server", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    ]

    assert restarting_pods(target, Objects(cluster, NAMESPACE)) == ["sentiment-1"]


def test_a_missing_right_to_ask_pods_is_told(cluster):
    cluster.forbidden.add(READY)

    with pytest.raises(MissingRight, match="get pods/proxy in prod"):
        asked(cluster)


def test_the_report_says_it_all_in_text_and_in_json(cluster, root):
    cluster.answers[READY] = (200, {"versions": {"1": "READY"}, "problems": ["version 10: bad"]})
    target = Target(NAMESPACE, cluster.claim, "digits", "sentiment")

    text = to_text(target, look(root), asked(cluster))
    document = json.loads(to_json(target, look(root), asked(cluster)))

    for part in (
        "claim models of release sentiment, digits",
        "no manifest.json",
        "an interrupted push of version 3 holds 2.0 KiB",
        "v4: not a version number",
        "pod sentiment-1 (sentiment): 1 READY\n  version 10: bad",
    ):
        assert part in text
    assert document["pods"][0]["versions"] == {"1": "READY"}
    assert document["versions"][0]["version"] == "1"
