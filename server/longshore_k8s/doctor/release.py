"""One release of the chart in a cluster, or one that is still to be installed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from longshore_k8s.api import Json
from longshore_k8s.doctor.objects import Objects

INSTANCE, COMPONENT = "app.kubernetes.io/instance", "app.kubernetes.io/component"
SERVER = "server"


class NoRelease(Exception):
    """The namespace holds none of that name; says which it holds."""


@dataclass(frozen=True, slots=True)
class Release:
    """Its Deployment and what belongs to it."""

    name: str
    namespace: str
    deployment: Json
    pods: tuple[Json, ...] = ()
    """Those that are not being deleted."""
    objects: tuple[Json, ...] = ()
    """What an install would create; empty for one that is installed."""

    @classmethod
    def find(cls, name: str, objects: Objects) -> Release:
        """Raises:
        NoRelease: no Deployment of it.
        MissingRight: deployments or pods may not be listed.
        """
        servers = [d for d in objects.listed("deployments") if labels(d).get(COMPONENT) == SERVER]
        found = [d for d in servers if labels(d).get(INSTANCE) == name]
        if not found:
            others = sorted({labels(d).get(INSTANCE, "") for d in servers} - {""})
            hint = f"it holds {', '.join(others)}" if others else "it holds no release of the chart"
            raise NoRelease(f"no release {name!r} in namespace {objects.namespace}; {hint}")
        deployment = found[0]
        wanted = deployment["spec"]["selector"].get("matchLabels") or {}
        pods = tuple(
            pod
            for pod in objects.listed("pods")
            if wanted.items() <= labels(pod).items() and "deletionTimestamp" not in pod["metadata"]
        )
        return cls(name, objects.namespace, deployment, pods)

    @property
    def is_planned(self) -> bool:
        """Whether it is still to be installed."""
        return bool(self.objects)

    @property
    def pod_spec(self) -> Json:
        spec: Json = self.deployment["spec"]["template"]["spec"]
        return spec

    @property
    def server(self) -> Json:
        """The container of the server; others may stand beside it."""
        found: list[Json] = self.pod_spec["containers"]
        return next((one for one in found if one["name"] == SERVER), found[0])

    def unscheduled(self) -> Iterator[tuple[Json, Json]]:
        """The pods that no node was found for, with the condition that says so."""
        for pod in self.pods:
            found = condition(pod, "PodScheduled")
            if found.get("status") == "False" and found.get("reason") == "Unschedulable":
                yield pod, found

    @property
    def wants_a_node(self) -> bool:
        """Whether it is worth to ask where its pods could go."""
        return self.is_planned or any(self.unscheduled())

    @property
    def ready(self) -> list[str]:
        """The names of its pods that are ready."""
        return [name_of(p) for p in self.pods if condition(p, "Ready").get("status") == "True"]

    def claims(self) -> tuple[str, ...]:
        """The names of the claims that its pods mount."""
        volumes = self.pod_spec.get("volumes") or []
        return tuple(
            volume["persistentVolumeClaim"]["claimName"]
            for volume in volumes
            if "persistentVolumeClaim" in volume
        )

    def created(self, kind: str) -> list[Json]:
        """What an install would create of `kind`, such as `PersistentVolumeClaim`."""
        return [one for one in self.objects if one.get("kind") == kind]


def labels(item: Json) -> dict[str, str]:
    found: dict[str, str] = item["metadata"].get("labels") or {}
    return found


def name_of(item: Json) -> str:
    return str(item["metadata"]["name"])


def condition(item: Json, kind: str) -> Json:
    """The condition of that type; empty where there is none."""
    found: list[Json] = (item.get("status") or {}).get("conditions") or []
    return next((one for one in found if one.get("type") == kind), {})


def container_statuses(pod: Json) -> list[Json]:
    """Of its init containers too, in their order."""
    status: dict[str, Any] = pod.get("status") or {}
    return [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]


def shown_condition(item: Json, found: Json) -> str:
    """`pod a: PodScheduled=False Unschedulable`."""
    kind = str(item.get("kind") or "pod").lower()
    return f"{kind} {name_of(item)}: {found['type']}={found['status']} {found.get('reason', '')}"


def management_port(release: Release) -> int:
    """Of metrics and health."""
    ports = release.server.get("ports") or []
    return next((p["containerPort"] for p in ports if p.get("name") == "management"), 8002)
