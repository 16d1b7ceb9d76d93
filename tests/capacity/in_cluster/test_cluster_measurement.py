"""A measurement in a cluster of written objects: what is made, what is told, and what is left."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from longshore.errors import SettingsError
from longshore_k8s.api import ClusterUnreachable
from longshore_k8s.capacity.in_cluster.cluster_measurement import measure_in_cluster
from longshore_k8s.capacity.in_cluster.place import Place
from longshore_k8s.capacity.in_cluster.task import ERROR, MEASURED, STEP, TELL, VERSIONS, line_of
from longshore_k8s.capacity.objective import parse_objective
from longshore_k8s.capacity.unsound import UnsoundError
from longshore_k8s.capacity.wanted import Wanted
from tests.capacity.in_cluster.fake_cluster import NAMESPACE, FakeCluster, leave_unscheduled
from tests.capacity.results import measured

PLACE = Place("cnn", NAMESPACE, wait_seconds=20.0)
WANTED = Wanted(parse_objective("p99=100ms", "0.1%"), starts=2)
STEPS = [{"purpose": "fit", "rate": 10.0}, {"purpose": "confirm", "rate": 20.0}]
DONE = [
    line_of(VERSIONS, "longshore 0.1.0") + "\n",
    line_of(TELL, "fit: 10 requests/s for 5 s") + "\n",
    *(line_of(STEP, step) + "\n" for step in STEPS),
    line_of(MEASURED, replace(measured(), steps=(), cold_seconds=(), kept_seconds=()).document())
    + "\n",
]


class Run:
    """One measurement, and all that it said."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster
        self.told: list[str] = []
        self.steps: list[dict[str, Any]] = []
        self.learned: dict[str, Any] = {}
        self.warnings: list[str] = []

    def __call__(self, wanted: Wanted = WANTED, place: Place = PLACE, cpus: float = 1.0):
        return measure_in_cluster(
            self._cluster, place, cpus, wanted, tell=self.told.append, record=self.steps.append,
            learn=self.learned.update, warn=self.warnings.append,
        )  # fmt: skip


@pytest.fixture
def run(cluster) -> Run:
    cluster.logs = [DONE[:2], DONE[:3], DONE]
    return Run(cluster)


def test_a_release_is_measured_beside_the_real_one_and_nothing_is_left(cluster, run):
    found = run()

    assert found.knee == measured().knee
    assert found.cold_seconds == (4.0, 4.0)
    assert found.kept_seconds == ()
    assert list(found.steps) == run.steps == STEPS
    assert "fit: 10 requests/s for 5 s" in run.told
    assert run.learned == {
        "release": "cnn", "namespace": NAMESPACE, "model": "cnn", "volume": "models:/models/cnn",
        "node": "n1", "image": "longshore@sha256:12", "client": "on node n2",
        "versions": "longshore 0.1.0",
    }  # fmt: skip
    assert cluster.left == ["cnn-longshore"]
    assert not run.warnings


def test_the_throw_away_pod_is_the_real_one_outside_its_service_and_its_autoscaler(cluster, run):
    seen = {}
    cluster.change_server = lambda pod: seen.setdefault("server", pod)
    cluster.change_client = lambda pod, job: seen.setdefault("client", pod)
    run(cpus=1.5)

    assert cluster.made == [
        "Deployment", "ConfigMap", "NetworkPolicy", "NetworkPolicy", "Secret", "Job",
    ]  # fmt: skip
    [server] = seen["server"]["spec"]["containers"]
    assert server["resources"]["limits"] == {"cpu": "1500m", "memory": "1Gi"}
    assert seen["server"]["metadata"]["labels"]["app.kubernetes.io/instance"] == "cnn-capacity"
    [volume] = [v for v in seen["server"]["spec"]["volumes"] if v["name"] == "model"]
    assert volume["persistentVolumeClaim"]["claimName"] == "models"
    [client] = seen["client"]["spec"]["containers"]
    assert client["image"] == server["image"]
    assert client["securityContext"] == server["securityContext"]


def test_the_client_is_told_the_pods_own_address_and_a_token_only_in_a_secret(cluster, run):
    told = []
    cluster.change_client = lambda pod, job: told.append(dict(cluster.objects["Secret"]))
    run(replace(WANTED, headers=("Authorization: Bearer letmein",)))

    import base64

    [secret] = told[0].values()
    task = json.loads(base64.b64decode(secret["data"]["task.json"]))
    assert task["address"] == {"host": "10.0.0.7", "port": 8000}
    assert task["management"]["port"] == 8002
    assert task["wanted"]["headers"] == ["Authorization: Bearer letmein"]


def test_where_no_other_node_takes_the_client_that_is_said(cluster, run):
    cluster.has_other_node = False
    run()

    assert run.learned["client"] == "on the server's own node n1, since no other takes it"
    assert cluster.made.count("Job") == 2
    assert cluster.left == ["cnn-longshore"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), UnsoundError("x"), RuntimeError("x")])
def test_however_it_ends_nothing_is_left_and_what_was_measured_is_kept(cluster, run, error):
    looks = []

    def fail(path: str, **query: str):
        looks.append(path)
        if path.endswith("/log") and sum(one.endswith("/log") for one in looks) > 2:
            raise error
        return FakeCluster.get(cluster, path, **query)

    cluster.get = fail

    with pytest.raises(type(error)):
        run()
    assert run.steps == STEPS[:1]
    assert cluster.left == ["cnn-longshore"]


@pytest.mark.parametrize("kind", ["Deployment", "ConfigMap", "NetworkPolicy", "Secret", "Job"])
def test_what_the_api_server_refuses_is_told_in_its_words_and_nothing_is_left(cluster, run, kind):
    cluster.refused[kind] = (403, "exceeded quota: small")

    with pytest.raises(UnsoundError, match=rf"may not create the {kind} .*exceeded quota: small"):
        run()
    assert cluster.left == ["cnn-longshore"]


def test_every_right_that_is_missing_is_named_before_anything_is_made(cluster, run):
    cluster.forbidden = {"jobs", "pods/log"}

    with pytest.raises(
        UnsoundError, match=r"may not create jobs\.batch, delete jobs\.batch, get pods/log in"
    ):
        run()
    assert cluster.made == []


def test_a_pod_that_stays_pending_is_explained_by_its_broken_link(cluster, run):
    cluster.change_server = leave_unscheduled

    with pytest.raises(UnsoundError, match=r"scheduler.*\(LS35\); fix: "):
        run()
    assert any("LS35" in text for text in run.told)
    assert cluster.left == ["cnn-longshore"]


def test_a_client_that_finds_no_node_at_all_is_explained_too(cluster, run):
    cluster.change_client = lambda pod, job: (
        leave_unscheduled(pod) if pod["spec"].get("nodeName") else None
    )

    with pytest.raises(UnsoundError, match=r"the client does not start: .*\(LS35\)"):
        run()
    assert cluster.left == ["cnn-longshore"]


def test_a_clients_pod_that_a_quota_refuses_is_told_by_the_jobs_event(cluster, run):
    def refuse(pod, job) -> None:
        del cluster.objects["Pod"][pod["metadata"]["name"]]
        cluster.objects["Event"]["e"] = {
            "metadata": {"uid": "e", "name": "e"}, "reason": "FailedCreate",
            "message": "exceeded quota: small",
            "involvedObject": {"kind": "Job", "name": job["metadata"]["name"]},
        }  # fmt: skip

    cluster.change_client = refuse

    with pytest.raises(UnsoundError, match="refuses the client's pod: exceeded quota: small"):
        run()


def kill_for_memory(cluster: FakeCluster) -> None:
    for pod in cluster.objects["Pod"].values():
        for status in pod["status"]["containerStatuses"]:
            if status["name"] == "server":
                ended = {"reason": "OOMKilled", "exitCode": 137}
                status |= {"restartCount": 1, "lastState": {"terminated": ended}}


@pytest.mark.parametrize(
    "end", [DONE, [line_of(ERROR, "ConnectionRefusedError") + "\n"], ["Traceback: no module\n"]]
)
def test_a_pod_that_was_killed_meanwhile_gives_no_number(cluster, run, end):
    cluster.change_client = lambda pod, job: kill_for_memory(cluster)
    cluster.logs = [end]

    def ended(pod, job) -> None:
        kill_for_memory(cluster)
        pod["status"]["phase"] = "Failed"

    cluster.change_client = ended

    with pytest.raises(UnsoundError, match=r"killed at its memory limit of 1Gi \(LS19\)"):
        run()
    assert cluster.left == ["cnn-longshore"]


def test_a_client_that_fails_is_quoted(cluster, run):
    cluster.logs = [["usage: longshore capacity\n", "error: unrecognized arguments: --task\n"]]
    cluster.change_client = lambda pod, job: pod["status"].update(phase="Failed")

    with pytest.raises(
        UnsoundError, match=r"ended without a result: usage.*unrecognized arguments"
    ):
        run()


def test_what_a_killed_run_left_is_removed_and_what_is_anothers_is_not(cluster, run):
    run_before = Run(cluster)
    cluster.logs = [DONE]
    original = cluster.delete
    cluster.delete = lambda path: (_ for _ in ()).throw(ClusterUnreachable("gone"))
    run_before_found = run_before()
    assert run_before_found.knee
    assert "kubectl -n models delete deployment cnn-capacity" in run_before.warnings[0]
    assert "cnn-capacity" in cluster.left

    cluster.delete = original
    run()
    assert cluster.left == ["cnn-longshore"]

    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    cluster.post(path, {"kind": "Deployment", "metadata": {"name": "cnn-capacity"}})
    with pytest.raises(UnsoundError, match="is not of a measurement"):
        run()
    assert "cnn-capacity" in cluster.left


def test_a_release_that_is_not_there_is_measured_by_its_values_alone(cluster, run, tmp_path):
    place = replace(PLACE, release="new")
    with pytest.raises(SettingsError, match=r"no release 'new' .* give its values by -f"):
        run(place=place)

    file = tmp_path / "values.yaml"
    file.write_text("model: {existingClaim: models, path: new}\n")
    run(place=replace(place, values=(file,)))
    assert run.learned["volume"] == "models:/models/new"

    file.write_text("model: {claim: {create: true}}\n")
    with pytest.raises(SettingsError, match=r"model\.claim\.create: the install makes the claim"):
        run(place=replace(place, values=(file,)))


@pytest.mark.parametrize(
    "values",
    [
        "tls: {existingSecret: certificate}",
        "config: {tls_cert_file: /certs/tls.crt, tls_key_file: /certs/tls.key}",
    ],
)
def test_the_throw_away_server_speaks_plain_http_as_its_client_does(cluster, run, tmp_path, values):
    file = tmp_path / "values.yaml"
    file.write_text(values)
    seen = []
    cluster.change_client = lambda pod, job: seen.extend(cluster.objects["ConfigMap"].values())

    run(place=replace(PLACE, values=(file,)))

    assert "tls" not in seen[0]["data"]["longshore.yaml"]


def test_recorded_requests_that_no_secret_holds_are_refused(cluster, run, tmp_path):
    file = tmp_path / "large.json"
    file.write_bytes(b"[" + b" " * 800_000 + b"]")

    with pytest.raises(SettingsError, match="--payload: 800,002 bytes, and at most 700,000"):
        run(replace(WANTED, payload=file))
    assert cluster.left == ["cnn-longshore"]
