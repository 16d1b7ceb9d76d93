"""The client's Job, what it is told, and what it may reach."""

from __future__ import annotations

import base64
import json
from enum import Enum
from typing import Any

from longshore.errors import SettingsError
from longshore_k8s.api import Json
from longshore_k8s.capacity.in_cluster.rendered import CLIENT, Rendered
from longshore_k8s.doctor.release import COMPONENT

FOLDER = "/etc/longshore/task"
TASK, PAYLOAD = "task.json", "payload.json"
MOST_BYTES = 700_000
"""Of recorded requests: a Secret holds 1 MiB, in base64."""
DEADLINE_SECONDS = 3600
KEPT_SECONDS = 60
RESOURCES = {
    "requests": {"cpu": "1", "memory": "512Mi"},
    "limits": {"cpu": "2", "memory": "512Mi"},
}
"""A core for the load, and room for the simulation between loads."""


class Placement(Enum):
    """Where the client may run."""

    APART = "requiredDuringSchedulingIgnoredDuringExecution"
    ANYWHERE = "preferredDuringSchedulingIgnoredDuringExecution"


def client_name(rendered: Rendered) -> str:
    return f"{rendered.name}-client"


def client_labels(rendered: Rendered) -> Json:
    return {**rendered.instance, COMPONENT: CLIENT}


def task_secret(rendered: Rendered, task: dict[str, Any], payload: bytes | None) -> Json:
    """A Secret: headers may hold a token.

    Raises:
        SettingsError: the recorded requests are too large for one.
    """
    if payload is not None and len(payload) > MOST_BYTES:
        raise SettingsError(
            f"--payload: {len(payload):,} bytes, and at most {MOST_BYTES:,} go to the cluster"
        )
    files = {TASK: json.dumps(task).encode()} | ({PAYLOAD: payload} if payload is not None else {})
    data = {name: base64.b64encode(content).decode() for name, content in files.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": _metadata(rendered), "data": data}


def client_policy(rendered: Rendered) -> Json:
    """Where a namespace lets nothing out by itself, the client may reach the server."""
    servers = rendered.deployment["spec"]["selector"]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(rendered),
        "spec": {
            "podSelector": {"matchLabels": client_labels(rendered)},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [{"to": [{"podSelector": servers}]}],
        },
    }


def client_job(rendered: Rendered, placement: Placement) -> Json:
    """One pod, once; it is gone with its Job even where nobody deletes it."""
    spec = rendered.pod_spec
    [server] = [one for one in spec["containers"] if one["name"] == "server"]
    taken = ("tolerations", "imagePullSecrets", "securityContext", "serviceAccountName",
             "priorityClassName", "schedulerName")  # fmt: skip
    container = {
        "name": "client",
        "image": server["image"],
        "imagePullPolicy": server.get("imagePullPolicy", "IfNotPresent"),
        "args": ["capacity", f"--task={FOLDER}/{TASK}"],
        "securityContext": server.get("securityContext") or {},
        "resources": RESOURCES,
        "volumeMounts": [
            {"name": "task", "mountPath": FOLDER, "readOnly": True},
            {"name": "scratch", "mountPath": "/tmp"},
        ],
    }
    volumes = [
        {"name": "task", "secret": {"secretName": client_name(rendered)}},
        {"name": "scratch", "emptyDir": {}},
    ]
    pod = {
        **{key: spec[key] for key in taken if key in spec},
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "affinity": {"podAntiAffinity": _apart(rendered, placement)},
        "containers": [container],
        "volumes": volumes,
    }
    template = {"metadata": {"labels": client_labels(rendered)}, "spec": pod}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(rendered),
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": template,
        },
    }


def owned(item: Json, owner: Json) -> Json:
    """Deleted with `owner`, by the cluster itself."""
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    return {**item, "metadata": {**item["metadata"], "ownerReferences": [reference]}}


def _metadata(rendered: Rendered) -> Json:
    namespace = rendered.deployment["metadata"]["namespace"]
    return {
        "name": client_name(rendered), "namespace": namespace, "labels": client_labels(rendered),
    }  # fmt: skip


def _apart(rendered: Rendered, placement: Placement) -> Json:
    """From the server, by node."""
    term = {
        "labelSelector": rendered.deployment["spec"]["selector"],
        "topologyKey": "kubernetes.io/hostname",
    }
    wanted = term if placement is Placement.APART else {"weight": 100, "podAffinityTerm": term}
    return {placement.value: [wanted]}
