"""Ways to break a release's pods on the cluster: each a context, sound again behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tests.cluster import pods
from tests.cluster.doctor_patient import ROOM_SECONDS, Patient
from tests.cluster.node_agent.api import Json

Break = Callable[[Patient], AbstractContextManager[Any]]


def with_spec(container: Json | None = None, **spec: Any) -> Break:
    return lambda patient: patient.changed(spec, container=container)


def volume(**source: Any) -> Break:
    """Another volume, of a name of its own, so that two of them are two."""
    ((kind, fields),) = source.items()
    name = "-".join((kind, *fields.values())).lower()
    return with_spec(volumes=[{"name": name, **source}])


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
    try:
        with patient.changed({"hostname": "another"}):
            yield
    finally:
        patient.cluster.kubectl("uncordon", *nodes)


@contextmanager
def tainted(patient: Patient) -> Iterator[None]:
    nodes = [node["metadata"]["name"] for node in patient.cluster.list("/api/v1/nodes")]
    patient.cluster.kubectl("taint", "nodes", *nodes, "gpu=only:NoSchedule")
    try:
        with patient.changed({"hostname": "another"}):
            yield
    finally:
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


@contextmanager
def taken(patient: Patient) -> Iterator[None]:
    """The only GPU is another's."""
    nodes, namespace = patient.cluster.nodes, patient.serving.namespace
    nodes.start("node-gpu", capacity={"cpu": "8", "memory": "16Gi", "nvidia.com/gpu": "1"})
    patient.cluster.wait_until_node_is("node-gpu", "True")
    pods.create(patient.cluster, namespace, "trainer", "sleep 600", container=GPU)
    pods.wait_until_ready(patient.cluster, namespace, "trainer")
    path = f"/api/v1/namespaces/{namespace}/pods"

    def is_gone() -> bool:
        return not patient.cluster.list(path, fieldSelector="spec.nodeName=node-gpu")

    try:
        with patient.changed({}, container=GPU):
            yield
        patient.cluster.api.delete(f"{path}/trainer", {"gracePeriodSeconds": 1})
        patient.cluster.wait_until(is_gone, "the node to be empty", seconds=ROOM_SECONDS)
    finally:
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
    "LS35": with_spec(affinity={"podAffinity": NOBODY}),
    "LS06": taken,
}
ONE_FIELD = (
    {"LS03", "LS06"}, {"LS04", "LS06"}, {"LS05", "LS06"}, {"LS06", "LS08"}, {"LS10", "LS19"},
    {"LS19", "LS20"}, {"LS19", "LS21"}, {"LS20", "LS21"}, {"LS20", "LS22"},
)  # fmt: skip
"""Pairs that are not two faults: they change the same field, or the one does not let the other
show, or even be made.
"""
