"""The client as a Job beside the throw-away release: placed, followed, heard to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from longshore_k8s.api import Json
from longshore_k8s.capacity.in_cluster.cluster_pod import ClusterPod
from longshore_k8s.capacity.in_cluster.manifests import (
    Placement,
    client_job,
    client_labels,
    owned,
    task_secret,
)
from longshore_k8s.capacity.in_cluster.namespace import Namespace
from longshore_k8s.capacity.in_cluster.task import Told
from longshore_k8s.capacity.in_cluster.why import is_unschedulable, job_broken
from longshore_k8s.capacity.measured import Measured
from longshore_k8s.capacity.unsound import UnsoundError
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.release import name_of

POLL_SECONDS = 1.0
UNPLACED_SECONDS = 5.0
"""For which no other node takes the client, before it may run beside the server."""
ENDED = ("Succeeded", "Failed")
RUNS = ("Running", *ENDED)


class ClientJob:
    """One run of the client against a pod that is ready."""

    def __init__(
        self,
        namespace: Namespace,
        server: ClusterPod,
        *,
        wait_seconds: float,
        tell: Callable[[str], None],
        record: Callable[[dict[str, Any]], None],
    ) -> None:
        self.told = Told(tell, record)
        self.node = ""
        """Where the client runs."""
        self._namespace = namespace
        self._server = server
        self._rendered = server.rendered
        self._wait_seconds = wait_seconds
        self._tell = tell

    @property
    def is_apart(self) -> bool:
        return self.node != self._server.node

    def begin(self, task: dict[str, Any], payload: bytes | None) -> None:
        """Returns once the client runs, on another node than the server where one admits it.

        Raises:
            UnsoundError: it cannot run; says why.
        """
        secret = task_secret(self._rendered, task, payload)
        self._namespace.create(owned(secret, self._server.owner))
        for placement in Placement:
            job = self._create(placement)
            pod = self._wait_until_it_runs(job, placement)
            if pod is not None:
                self.node = str(pod["spec"].get("nodeName", ""))
                return
            self._tell("no other node takes the client: it may run on the server's own")
            self._namespace.delete("Job", name_of(job))
            self._wait_until_gone()

    def measured(self) -> Measured:
        """What the client found in the end.

        Raises:
            UnsoundError: there is no number that could be trusted.
        """
        while True:
            pod = self._pod()  # before its log: of one that has ended, that is whole
            self.told.take("" if pod is None else self._namespace.log(name_of(pod)))
            if self.told.measured is not None:
                return self.told.measured
            if pod is None or pod["status"].get("phase") in ENDED:
                raise UnsoundError(f"the client ended without a result: {self.told.last_words}")
            time.sleep(POLL_SECONDS)

    def _create(self, placement: Placement) -> Json:
        return self._namespace.create(
            owned(client_job(self._rendered, placement), self._server.owner)
        )

    def _wait_until_it_runs(self, job: Json, placement: Placement) -> Json | None:
        """`None` where the placement is what keeps it from that."""
        begin = time.monotonic()
        while True:
            pod = self._pod()
            if pod is not None and pod["status"].get("phase") in RUNS:
                return pod
            waited = time.monotonic() - begin
            is_unplaced = pod is not None and is_unschedulable(pod)
            if is_unplaced and placement is Placement.APART and waited > UNPLACED_SECONDS:
                return None
            objects = Objects(self._namespace, self._namespace.name)
            why = job_broken(job, [pod] if pod is not None else [], objects)
            if waited > self._wait_seconds:
                raise UnsoundError(f"the client does not start: {why or 'its pod is Pending'}")
            if why:
                self._tell(f"the client waits: {why}")
            time.sleep(POLL_SECONDS)

    def _pod(self) -> Json | None:
        pods = self._namespace.pods(client_labels(self._rendered))
        return pods[0] if pods else None

    def _wait_until_gone(self) -> None:
        until = time.monotonic() + self._wait_seconds
        while (pod := self._pod()) is not None:
            if time.monotonic() > until:
                raise UnsoundError(f"the pod {name_of(pod)} does not end")
            time.sleep(POLL_SECONDS)
