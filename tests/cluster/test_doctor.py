"""`longshore doctor` names each link that is broken on the cluster, first and alone.

One release is broken in one way after the other. What cannot be broken here (real attachment of
disks, device plugins, enforced network policies) is tested with written objects in tests/doctor.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from longshore.errors import SettingsError
from longshore_k8s.doctor.command import COMMAND
from longshore_k8s.doctor.examination import Verdict
from tests.cluster import chart_values, example_models, pods, rules
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.keda import Keda
from tests.cluster.helm import CHART
from tests.cluster.node_agent.api import Json
from tests.cluster.serving import Serving
from tests.doctor.running import run_doctor

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(420)]

ROOM_SECONDS = 45.0
NOTICE_SECONDS = 90.0
"""KEDA asks once in a while, and tries again before it says so."""


@dataclass(frozen=True, slots=True)
class Patient:
    """A release that is examined."""

    serving: Serving

    @property
    def cluster(self) -> Cluster:
        return self.serving.cluster

    @property
    def path(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.serving.namespace}/deployments"

    def examine(self) -> tuple[int, Json]:
        code, text = self.seen_by(str(self.cluster.kubeconfig))
        return code, json.loads(text)

    def seen_by(self, kubeconfig: str) -> tuple[int, str]:
        """Exit code and output for somebody else."""
        options = ["-n", self.serving.namespace, "-o", "json", "--kubeconfig", kubeconfig]
        return run_doctor(COMMAND, [self.serving.name, *options])

    def first(self) -> str:
        """The code of the first broken link; empty for a sound release."""
        broken = self.examine()[1]["broken"]
        return str(broken[0]["code"]) if broken else ""

    @contextmanager
    def changed(self, spec: Json, *, container: Json | None = None) -> Iterator[None]:
        """With other fields of the pod's spec and of its server; as before afterwards."""
        name = self.serving.deployment()["metadata"]["name"]
        if container is not None:
            spec = {**spec, "containers": [{"name": "server", **container}]}
        body = {"spec": {"template": {"spec": spec}}}
        before = self.serving.deployment()["spec"]["template"]["spec"]
        self.cluster.api.patch(f"{self.path}/{name}", body)
        yield
        body = [{"op": "replace", "path": "/spec/template/spec", "value": before}]
        self.cluster.kubectl(
            "-n", self.serving.namespace, "patch", "deployment", name,
            "--type", "json", "-p", json.dumps(body),
        )  # fmt: skip

    @contextmanager
    def beside(self, path: str, body: Json) -> Iterator[None]:
        """With another object in the cluster."""
        self.cluster.api.post(path, body)
        yield
        self.cluster.api.delete(f"{path}/{body['metadata']['name']}")


@pytest.fixture
def patient(cluster: Cluster, namespace: str) -> Patient:
    serving = Serving(cluster, namespace, "sick")
    example_models.write_version(serving.create_claim() / example_models.NAME, 1)
    serving.release.install(chart_values.autoscaled(requests_per_second=20.0))
    serving.wait_until_ready(1)
    return Patient(serving)


Break = Callable[[Patient], AbstractContextManager[Any]]


def with_spec(container: Json | None = None, **spec: Any) -> Break:
    return lambda patient: patient.changed(spec, container=container)


def volume(**source: Any) -> Break:
    return with_spec(volumes=[{"name": "more", **source}])


@contextmanager
def quota(patient: Patient) -> Iterator[None]:
    path = f"/api/v1/namespaces/{patient.serving.namespace}/resourcequotas"
    body = {"metadata": {"name": "small"}, "spec": {"hard": {"pods": "1"}}}
    with patient.beside(path, body), patient.changed({"hostname": "another"}):
        yield


@contextmanager
def cordoned(patient: Patient) -> Iterator[None]:
    nodes = [node["metadata"]["name"] for node in patient.cluster.list("/api/v1/nodes")]
    patient.cluster.kubectl("cordon", *nodes)
    with patient.changed({"hostname": "another"}):
        yield
    patient.cluster.kubectl("uncordon", *nodes)


@contextmanager
def tainted(patient: Patient) -> Iterator[None]:
    nodes = [node["metadata"]["name"] for node in patient.cluster.list("/api/v1/nodes")]
    patient.cluster.kubectl("taint", "nodes", *nodes, "gpu=only:NoSchedule")
    with patient.changed({"hostname": "another"}):
        yield
    patient.cluster.kubectl("taint", "nodes", *nodes, "gpu-")


@contextmanager
def unbound(patient: Patient) -> Iterator[None]:
    path = f"/api/v1/namespaces/{patient.serving.namespace}/persistentvolumeclaims"
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "fast",
    }
    mounted = volume(persistentVolumeClaim={"claimName": "new"})
    with patient.beside(path, {"metadata": {"name": "new"}, "spec": spec}), mounted(patient):
        yield


def second_autoscaler(patient: Patient) -> AbstractContextManager[None]:
    path = f"/apis/autoscaling/v2/namespaces/{patient.serving.namespace}/horizontalpodautoscalers"
    target = chart_values.autoscaler(patient.serving)["spec"]["scaleTargetRef"]
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 2}
    return patient.beside(path, {"metadata": {"name": "second"}, "spec": spec})


@contextmanager
def other_metric(patient: Patient) -> Iterator[None]:
    """The autoscaler asks for a metric that no rule of the adapter makes."""
    found = chart_values.autoscaler(patient.serving)
    name, namespace = found["metadata"]["name"], patient.serving.namespace
    path = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers/{name}"
    target = {"type": "AverageValue", "averageValue": "1"}
    metric = {"type": "Pods", "pods": {"metric": {"name": "longshore_tides"}, "target": target}}
    patient.cluster.api.patch(path, {"spec": {"metrics": [metric]}}, kind="merge")
    yield
    patient.cluster.api.patch(path, {"spec": {"metrics": found["spec"]["metrics"]}}, kind="merge")


@contextmanager
def without_adapter(patient: Patient) -> Iterator[None]:
    patient.cluster.metrics.stop("adapter")
    yield
    file = rules.adapter_rules(patient.cluster.folders.root)
    assert file is not None
    patient.cluster.metrics.start_adapter(file)


@contextmanager
def without_prometheus(patient: Patient) -> Iterator[None]:
    patient.cluster.metrics.stop("prometheus")
    yield
    patient.cluster.metrics.start_prometheus(rules.scrape_configs())


@contextmanager
def taken(patient: Patient) -> Iterator[None]:
    """The only GPU is another's."""
    nodes, namespace = patient.cluster.nodes, patient.serving.namespace
    nodes.start("node-gpu", capacity={"cpu": "8", "memory": "16Gi", "nvidia.com/gpu": "1"})
    patient.cluster.wait_until_node_is("node-gpu", "True")
    pods.create(patient.cluster, namespace, "trainer", "sleep 600", container=GPU)
    pods.wait_until_ready(patient.cluster, namespace, "trainer")
    with patient.changed({}, container=GPU):
        yield
    path = f"/api/v1/namespaces/{namespace}/pods"
    patient.cluster.api.delete(f"{path}/trainer", {"gracePeriodSeconds": 1})

    def is_gone() -> bool:
        return not patient.cluster.list(path, fieldSelector="spec.nodeName=node-gpu")

    patient.cluster.wait_until(is_gone, "the node to be empty", seconds=ROOM_SECONDS)
    nodes.stop("node-gpu")
    patient.cluster.api.delete("/api/v1/nodes/node-gpu")


@contextmanager
def restricted(patient: Patient) -> Iterator[None]:
    namespace, key = patient.serving.namespace, "pod-security.kubernetes.io/enforce"
    patient.cluster.kubectl("label", "namespace", namespace, f"{key}=restricted")
    with patient.changed({"hostIPC": True}):
        yield
    patient.cluster.kubectl("label", "namespace", namespace, f"{key}-")


@contextmanager
def in_another_zone(patient: Patient) -> Iterator[None]:
    namespace = patient.serving.namespace
    term = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a"]}
    common = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
    pv = {
        **common,
        "capacity": {"storage": "1Gi"},
        "hostPath": {"path": "/tmp"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [term]}]}},
    }
    pvc = {**common, "resources": {"requests": {"storage": "1Gi"}}, "volumeName": "far"}
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    mounted = volume(persistentVolumeClaim={"claimName": "far"})
    with (
        patient.beside("/api/v1/persistentvolumes", {"metadata": {"name": "far"}, "spec": pv}),
        patient.beside(claims, {"metadata": {"name": "far"}, "spec": pvc}),
        mounted(patient),
    ):
        yield


GPU = {"resources": {"limits": {"nvidia.com/gpu": "1"}}}
ABSENT = {"configMapKeyRef": {"name": "absent", "key": "a"}}
NOBODY = {
    "requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"a": "b"}}, "topologyKey": "kubernetes.io/hostname"}
    ]
}
SMALL = {"requests": {"memory": "24Mi"}, "limits": {"memory": "24Mi"}}
LARGE = {"requests": {"memory": "64Gi"}, "limits": {"memory": "64Gi"}}
BREAKS: dict[str, Break] = {
    "LS03": quota,
    "LS04": restricted,
    "LS05": with_spec(container=GPU),
    "LS07": tainted,
    "LS08": with_spec(nodeSelector={"kubernetes.io/hostname": "node-c"}),
    "LS09": cordoned,
    "LS10": with_spec(container={"resources": LARGE}),
    "LS12": volume(persistentVolumeClaim={"claimName": "absent"}),
    "LS13": unbound,
    "LS14": in_another_zone,
    "LS16": volume(secret={"secretName": "absent"}),
    "LS17": with_spec(container={"image": "localhost/absent:1", "imagePullPolicy": "Never"}),
    "LS18": with_spec(container={"env": [{"name": "A", "valueFrom": ABSENT}]}),
    "LS19": with_spec(container={"resources": SMALL}),
    "LS20": with_spec(container={"args": ["serve", "--port=none"]}),
    "LS21": with_spec(container={"startupProbe": {"failureThreshold": 1, "periodSeconds": 1}}),
    "LS22": with_spec(container={"args": ["serve", "/etc", "--model-poll-seconds=1"]}),
    "LS23": second_autoscaler,
    "LS24": without_adapter,
    "LS25": other_metric,
    "LS26": without_prometheus,
    "LS35": with_spec(affinity={"podAffinity": NOBODY}),
    "LS06": taken,
}


def test_each_link_that_is_broken_alone_is_the_first_that_is_named(patient: Patient) -> None:
    def is_sound() -> bool:
        return patient.examine()[0] == Verdict.SOUND

    patient.cluster.wait_until(is_sound, "a sound release", seconds=ROOM_SECONDS)
    named: dict[str, list[str]] = {}
    for code, make_break in BREAKS.items():
        codes = named[code] = []

        def is_named(codes: list[str] = codes, code: str = code) -> bool:
            codes.append(patient.first())
            return codes[-1] == code

        with make_break(patient):
            patient.cluster.wait_until(is_named, f"{code} to be named", seconds=ROOM_SECONDS)
        patient.cluster.wait_until(is_sound, f"a release that has no {code}", seconds=ROOM_SECONDS)
    # Right after a change nothing is broken yet, or a rollout is under way.
    wrong = {code: codes for code, codes in named.items() if {*codes} - {code, "", "LS36"}}
    assert not {code: [*dict.fromkeys(codes)] for code, codes in wrong.items()}


def test_a_trigger_of_keda_without_values_is_named(
    cluster: Cluster, keda: Keda, namespace: str
) -> None:
    patient = Patient(Serving(cluster, namespace, "sick"))
    example_models.write_version(patient.serving.create_claim() / example_models.NAME, 1)
    values = chart_values.autoscaled(mode="keda", requests_per_second=20.0)
    values["autoscaling"]["keda"]["serverAddress"] = "http://10.240.0.1:1"
    patient.serving.release.install(values)
    named: list[str] = []

    def is_named() -> bool:
        named.append(patient.first())
        return named[-1] == "LS33"

    cluster.wait_until(is_named, "LS33 to be named", seconds=NOTICE_SECONDS)
    assert {*named} <= {"", "LS33"}


def test_without_rights_in_the_cluster_nothing_false_is_said(patient: Patient) -> None:
    namespace, plane = patient.serving.namespace, patient.cluster.control_plane
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    may_see = [{"apiGroups": ["", "apps", "autoscaling"], "resources": ["*"], "verbs": ["list"]}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "viewer"}
    viewer = {"kind": "User", "name": "viewer"}
    bound = {"metadata": {"name": "viewer"}, "roleRef": role, "subjects": [viewer]}
    kubeconfig = str(plane.identity("viewer", "viewer", "people"))
    seen = patient.seen_by(kubeconfig)
    assert seen == (Verdict.UNKNOWN, "")

    patient.cluster.api.post(f"{rbac}/roles", {"metadata": {"name": "viewer"}, "rules": may_see})
    patient.cluster.api.post(f"{rbac}/rolebindings", bound)
    patient.cluster.wait_until(lambda: patient.seen_by(kubeconfig)[1], "the rights to count")
    code, text = patient.seen_by(kubeconfig)
    document = json.loads(text)
    assert (code, document["broken"]) == (Verdict.UNKNOWN, [])
    assert "list apiservices" in {one["missing"] for one in document["unknown"]}


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
