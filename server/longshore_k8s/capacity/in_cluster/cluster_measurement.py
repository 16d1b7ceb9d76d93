"""A release measured in its cluster, under one limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from longshore_k8s.api import ClusterUnreachable, Json
from longshore_k8s.capacity.in_cluster.client_job import ClientJob
from longshore_k8s.capacity.in_cluster.cluster_pod import ClusterPod, cluster_pod
from longshore_k8s.capacity.in_cluster.namespace import Changes, Namespace
from longshore_k8s.capacity.in_cluster.place import Place
from longshore_k8s.capacity.in_cluster.rendered import Rendered, render
from longshore_k8s.capacity.in_cluster.rights import require_rights
from longshore_k8s.capacity.in_cluster.task import ClientTask
from longshore_k8s.capacity.measured import Measured
from longshore_k8s.capacity.unsound import UnsoundError
from longshore_k8s.capacity.wanted import Wanted
from longshore_k8s.doctor.objects import MissingRight, Objects
from longshore_k8s.doctor.release import NoRelease


def measure_in_cluster(
    api: Changes,
    place: Place,
    cpus: float,
    wanted: Wanted,
    *,
    tell: Callable[[str], None],
    record: Callable[[dict[str, Any]], None],
    learn: Callable[[dict[str, Any]], None],
    warn: Callable[[str], None],
) -> Measured:
    """By a throw-away release and a client beside it; `learn` is told where and of what.

    Raises:
        SettingsError: there is no such release, or the chart refuses its values.
        UnsoundError: there is no number that could be trusted.
    """
    namespace = Namespace(api, place.namespace)
    try:
        rendered = render(place, cpus, Objects(namespace, place.namespace))
        require_rights(namespace, has_policy=rendered.has_policy)
        learn(_origin(place, rendered))
        with cluster_pod(
            namespace, rendered, wait_seconds=place.wait_seconds, tell=tell, warn=warn
        ) as server:
            cold = _start_ups(server, wanted.starts, tell)
            learn({"node": server.node, "image": _image(server.pod)})
            client = ClientJob(
                namespace, server, wait_seconds=place.wait_seconds, tell=tell, record=record
            )
            found = _measure(client, server, wanted, tell, learn)
    except MissingRight as error:
        raise UnsoundError(f"could not be told without the right to {error}") from error
    except NoRelease as error:
        raise UnsoundError("the throw-away release was deleted by another") from error
    except ClusterUnreachable as error:
        raise UnsoundError(f"no answer from {error}") from error
    return replace(found, cold_seconds=cold)


def _measure(
    client: ClientJob,
    server: ClusterPod,
    wanted: Wanted,
    tell: Callable[[str], None],
    learn: Callable[[dict[str, Any]], None],
) -> Measured:
    task = ClientTask(server.address, server.management, server.rendered.model, wanted)
    payload = None if wanted.payload is None else wanted.payload.read_bytes()
    try:
        client.begin(task.document(), payload)
        where = f"on node {client.node}" if client.is_apart else (
            f"on the server's own node {client.node}, since no other takes it"
        )  # fmt: skip
        tell(f"the client runs {where}")
        learn({"client": where})
        found = client.measured()
    except UnsoundError:
        server.require_unchanged()  # which is why, where it is not
        raise
    server.require_unchanged()
    learn({"versions": client.told.versions})
    return found


def _start_ups(server: ClusterPod, count: int, tell: Callable[[str], None]) -> tuple[float, ...]:
    """Seconds of each; a new pod has no calibration kept, unless one came with the model."""
    found = []
    for number in range(count):
        if number:
            server.stop()
        tell(f"start {number + 1} of {count}")
        found.append(server.start())
    return tuple(found)


def _origin(place: Place, rendered: Rendered) -> dict[str, Any]:
    return {
        "release": place.release, "namespace": place.namespace, "model": rendered.model,
        "volume": rendered.source,
    }  # fmt: skip


def _image(pod: Json) -> str:
    [server] = [one for one in pod["status"]["containerStatuses"] if one["name"] == "server"]
    return str(server.get("imageID") or server["image"])
