"""The pod on the claim: made, waited for, and deleted on every way out."""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from longshore_k8s.api import ClusterUnreachable, Json
from longshore_k8s.doctor.release import container_statuses, name_of
from longshore_k8s.push.cluster import Cluster
from longshore_k8s.push.errors import PushBroke, PushFailed
from longshore_k8s.push.pod_manifest import COMPONENT_LABELS, PodOptions, pod_manifest
from longshore_k8s.push.pod_trouble import ended, trouble
from longshore_k8s.push.refusals import RIGHTS, access_review, missing_rights, refused_pod
from longshore_k8s.push.target import Target

_POLL_SECONDS = 0.5
_GRACE_SECONDS = 2
_GONE_SECONDS = 60.0
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def check_rights(cluster: Cluster, namespace: str) -> None:
    """Before anything is made that could not be deleted.

    Raises:
        PushFailed: some are missing; names all of them.
    """
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    reviews = [(right, cluster.post(path, access_review(namespace, right))) for right in RIGHTS]
    missing = missing_rights(reviews)
    if missing:
        raise PushFailed(
            f"you lack rights in namespace {namespace}: {', '.join(missing)}; ask for the Role in "
            f"the chart's README, `A model onto the claim`"
        )


@contextmanager
def running_pod(
    cluster: Cluster,
    target: Target,
    options: PodOptions,
    *,
    writes: bool,
    wait_seconds: float,
    say: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """The path of a pod that runs, with the claim mounted.

    Raises:
        PushFailed: it is refused, or does not run in time; says why.
        PushBroke, ClusterUnreachable: the API server is gone.
    """
    name = f"longshore-push-{secrets.token_hex(4)}"
    pods = f"/api/v1/namespaces/{target.namespace}/pods"
    path = f"{pods}/{name}"
    _remove_ended(cluster, pods)
    try:
        reply = cluster.post(pods, pod_manifest(name, target, options, writes=writes))
        if reply.status not in (200, 201, 202):
            raise refused_pod(reply, target.namespace)
        _wait_until_it_runs(cluster, path, target, wait_seconds, say, sleep)
        yield path
    finally:
        with _uninterrupted():
            _remove(cluster, path, say, sleep)


def why_it_ended(cluster: Cluster, path: str) -> str | None:
    """In a sentence; `None` where the pod runs, or nobody knows."""
    try:
        reply = cluster.get(path)
    except ClusterUnreachable:
        return None
    if reply.status == 404:
        return "the pod was deleted"
    return ended(reply.json()) if reply.status == 200 else None


def _remove_ended(cluster: Cluster, pods: str) -> None:
    """The pods of pushes whose process was killed, once they have ended by themselves."""
    selector = ",".join(f"{key}={value}" for key, value in COMPONENT_LABELS.items())
    for pod in cluster.get(pods, labelSelector=selector).json().get("items") or []:
        if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            cluster.delete(f"{pods}/{name_of(pod)}", grace_seconds=0)


def _wait_until_it_runs(
    cluster: Cluster,
    path: str,
    target: Target,
    seconds: float,
    say: Callable[[str], None],
    sleep: Callable[[float], None],
) -> None:
    until, told = time.monotonic() + seconds, ""
    while True:
        reply = cluster.get(path)
        if reply.status == 404:
            raise PushBroke("the pod was deleted before it ran")
        pod = reply.json()
        if _runs(pod):
            return
        if reply.status == 200 and (reason := ended(pod)):
            raise PushFailed(reason)
        found = trouble(pod, target, cluster) if reply.status == 200 else None
        sentence = found.sentence if found else "the pod that copies does not run yet"
        if (found and found.is_final) or time.monotonic() > until:
            raise PushFailed(sentence if found else f"{sentence}, after {seconds:.0f} s")
        if found and sentence != told:
            say(f"waiting: {sentence}")
            told = sentence
        sleep(_POLL_SECONDS)


def _runs(pod: Json) -> bool:
    return any("running" in (one.get("state") or {}) for one in container_statuses(pod))


def _remove(
    cluster: Cluster, path: str, say: Callable[[str], None], sleep: Callable[[float], None]
) -> None:
    """Delete it and wait until it is gone, so that it has let go of the volume."""
    until = time.monotonic() + _GONE_SECONDS
    while time.monotonic() < until:
        try:
            if cluster.delete(path, grace_seconds=_GRACE_SECONDS).status == 404:
                return
        except ClusterUnreachable:
            pass  # perhaps it comes back
        sleep(_POLL_SECONDS)
    namespace, name = path.split("/")[4], path.rpartition("/")[2]
    say(
        f"pod {name} may still be there; it ends by itself within two minutes: "
        f"kubectl -n {namespace} delete pod {name}"
    )


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """A second Ctrl-C does not leave the pod behind."""
    try:
        before = {number: signal.signal(number, signal.SIG_IGN) for number in _ENDING_SIGNALS}
    except ValueError:  # not on the main thread, which gets them
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
