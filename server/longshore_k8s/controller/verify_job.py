"""The Job that looks at a version before any pod serves it: its digest and `longshore inspect`."""

from __future__ import annotations

from typing import Any

from longshore_k8s.api import Json
from longshore_k8s.controller import kinds
from longshore_k8s.controller.aim import Aim
from longshore_k8s.controller.resource import Resource

NAME_LABEL, INSTANCE_LABEL = "app.kubernetes.io/name", "app.kubernetes.io/instance"
COMPONENT_LABEL = "app.kubernetes.io/component"
_ONCE_AGAIN = 1
"""A node may be lost; a version that is refused twice is refused."""
_SERVERS_OWN = "/etc/longshore"
"""Its config, certificates and tokens: not there yet, or nothing that the Job has to see."""
_OF_A_SERVER = ("ports", "startupProbe", "readinessProbe", "livenessProbe", "lifecycle")


def job_name(resource: Resource) -> str:
    return f"{resource.name}-verify-{resource.aim_hash[:8]}"


def verify_job(deployment: Json, aim: Aim, resource: Resource) -> Json:
    """With the image, the volumes and the place of the pods that `deployment` would have; the model
    is mounted read-only. Its pod has no label by which a Service finds the model's."""
    pod = deployment["spec"]["template"]["spec"]
    labels = {
        NAME_LABEL: "longshore-verify",
        INSTANCE_LABEL: resource.name,
        COMPONENT_LABEL: "verify",
    }
    container = _container(pod, aim)
    containers = [container, *(pod.get("initContainers") or ())]
    mounted = {mount["name"] for one in containers for mount in one.get("volumeMounts") or ()}
    spec = {
        **pod,
        "containers": [container],
        "restartPolicy": "Never",
        "volumes": [volume for volume in pod["volumes"] if volume["name"] in mounted],
    }
    return {
        "apiVersion": kinds.JOB.api_version,
        "kind": kinds.JOB.name,
        "metadata": {"name": job_name(resource), "labels": labels},
        "spec": {
            "backoffLimit": _ONCE_AGAIN,
            "activeDeadlineSeconds": int(resource.rollout_spec.objective.deadline_seconds),
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _container(pod: Json, aim: Aim) -> Json:
    (server,) = (one for one in pod["containers"] if one["name"] == "server")
    digest = [f"--digest={aim.digest}"] if aim.digest else []
    return {
        **{key: value for key, value in server.items() if key not in _OF_A_SERVER},
        "name": "verify",
        "args": ["inspect", aim.model_path, f"--version={aim.version}", *digest],
        "resources": _without_devices(server.get("resources") or {}),
        "volumeMounts": [
            mount
            for mount in server["volumeMounts"]
            if not mount["mountPath"].startswith(_SERVERS_OWN)
        ],
    }


def _without_devices(resources: Json) -> Json:
    """`inspect` runs on the CPU."""

    def plain(amounts: dict[str, Any]) -> dict[str, Any]:
        return {name: amount for name, amount in amounts.items() if "/" not in name}

    return {
        key: plain(value) if key in ("requests", "limits") else value
        for key, value in resources.items()
    }
