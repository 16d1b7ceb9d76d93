"""The throw-away release in the cluster: made, started, stopped, and gone in the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from longshore_k8s.api import ClusterUnreachable, Json
from longshore_k8s.capacity.client_process import Address
from longshore_k8s.capacity.in_cluster.manifests import client_policy, owned
from longshore_k8s.capacity.in_cluster.namespace import Namespace
from longshore_k8s.capacity.in_cluster.rendered import MARK, Rendered
from longshore_k8s.capacity.in_cluster.why import broken
from longshore_k8s.capacity.signals import undisturbed
from longshore_k8s.capacity.unsound import UnsoundError
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import (
    Release,
    condition,
    container_statuses,
    labels,
    name_of,
)

POLL_SECONDS = 1.0
START_SECONDS = 900.0
GONE_SECONDS = 120.0
LEAST_START = 1.0
"""Times in the API have no fractions."""


class ClusterPod:
    """One pod at most, of a Deployment that owns everything else."""

    def __init__(
        self,
        namespace: Namespace,
        rendered: Rendered,
        *,
        wait_seconds: float,
        tell: Callable[[str], None],
    ) -> None:
        self.rendered = rendered
        self.owner: Json = {}
        self.pod: Json = {}
        """Since the last start."""
        self._namespace = namespace
        self._wait_seconds = wait_seconds
        self._tell = tell

    def create(self) -> None:
        """Everything but the pod.

        Raises:
            UnsoundError: something of it is refused.
        """
        rendered = self.rendered
        self.owner = self._namespace.create(rendered.deployment)
        policy = [client_policy(rendered)] if rendered.has_policy else []
        for one in (*rendered.others, *policy):
            self._namespace.create(owned(one, self.owner))

    def start(self) -> float:
        """Seconds from the start of the container until the pod was ready.

        Raises:
            UnsoundError: it does not become ready; says which link is broken, and its fix.
        """
        self._namespace.scale(self.rendered.name, 1)
        self.pod = self._wait_until_ready()
        return max(LEAST_START, _seconds_to_ready(self.pod))

    def stop(self) -> None:
        self._namespace.scale(self.rendered.name, 0)
        self._wait_until_gone()

    @property
    def address(self) -> Address:
        return Address(self.pod["status"]["podIP"], self.rendered.port)

    @property
    def management(self) -> Address:
        return Address(self.pod["status"]["podIP"], self.rendered.management_port)

    @property
    def node(self) -> str:
        return str(self.pod["spec"].get("nodeName", ""))

    def require_unchanged(self) -> None:
        """A server that was started again has lost what it served.

        Raises:
            UnsoundError: the pod is another, or a container of it has ended; says why.
        """
        pods = [
            one for one in self._namespace.pods(labels(self.pod)) if _uid(one) == _uid(self.pod)
        ]
        if not pods or any(one.get("restartCount") for one in container_statuses(pods[0])):
            raise UnsoundError(
                f"the pod did not stay as it was: {self._broken() or 'it was ended'}"
            )

    def _broken(self) -> str:
        """Which link of the pod is broken, and its fix; empty where none is."""
        objects = Objects(self._namespace, self._namespace.name)
        return broken(Release.find(self.rendered.release, objects), objects)

    def remove(self) -> None:
        """Also what a run left that was killed.

        Raises:
            UnsoundError: there is something of that name which is not ours, or it stays.
        """
        name = self.rendered.name
        there = self._namespace.find("Deployment", name)
        if there is not None and MARK not in labels(there):
            raise UnsoundError(
                f"the Deployment {name} is there, and is not of a measurement: rename it, or "
                "measure in another namespace"
            )
        if there is not None:
            self._namespace.delete("Deployment", name)
        self._wait_until_gone()

    def _wait_until_ready(self) -> Json:
        begin = held_since = time.monotonic()
        while True:
            objects = Objects(self._namespace, self._namespace.name)
            release = Release.find(self.rendered.release, objects)
            for pod in release.pods:
                if condition(pod, "Ready").get("status") == "True":
                    return pod
            why, now = broken(release, objects), time.monotonic()
            if not why:
                held_since = now
            elif now - held_since > self._wait_seconds:
                raise UnsoundError(why)
            else:
                self._tell(why)
            if now - begin > START_SECONDS:
                raise UnsoundError(f"the pod was not ready within {START_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)

    def _wait_until_gone(self) -> None:
        """The pods, of the client too."""
        until = time.monotonic() + GONE_SECONDS
        while pods := self._namespace.pods(self.rendered.instance):
            if time.monotonic() > until:
                raise UnsoundError(f"the pod {name_of(pods[0])} does not end")
            time.sleep(POLL_SECONDS)


@contextmanager
def cluster_pod(
    namespace: Namespace,
    rendered: Rendered,
    *,
    wait_seconds: float,
    tell: Callable[[str], None],
    warn: Callable[[str], None],
) -> Iterator[ClusterPod]:
    """Nothing of it is left behind; where that cannot be done, `warn` is told how to."""
    pod = ClusterPod(namespace, rendered, wait_seconds=wait_seconds, tell=tell)
    pod.remove()
    try:
        pod.create()
        yield pod
    finally:
        tell("removing the throw-away release")
        try:
            with undisturbed():
                pod.remove()
        except (UnsoundError, ClusterUnreachable) as error:
            warn(
                f"the throw-away release could not be removed ({error}): kubectl -n "
                f"{namespace.name} delete deployment {rendered.name}"
            )


def _uid(pod: Json) -> str:
    return str(pod["metadata"]["uid"])


def _seconds_to_ready(pod: Json) -> float:
    ready = condition(pod, "Ready")["lastTransitionTime"]
    [server] = [one for one in pod["status"]["containerStatuses"] if one["name"] == "server"]
    began = server["state"]["running"]["startedAt"]
    return (datetime.fromisoformat(ready) - datetime.fromisoformat(began)).total_seconds()
