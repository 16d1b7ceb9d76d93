"""LS11 and LS17 to LS22: whether the pods' containers start, stay and become ready."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from longshore_k8s.api import Json
from longshore_k8s.doctor.objects import MissingRight, Objects
from longshore_k8s.doctor.quantities import parse_quantity, shown
from longshore_k8s.doctor.release import (
    Release,
    condition,
    container_statuses,
    management_port,
    name_of,
    shown_condition,
)
from longshore_k8s.doctor.rule import Finding, Rule

_IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
_CONFIG = {"CreateContainerConfigError", "CreateContainerError"}
_MOST_SHOWN = 400
_RESOLUTION = 1
"""Seconds: times in the API have no fractions."""
_ROOM_SECONDS = 10


def _waiting(release: Release, reasons: set[str]) -> Iterator[tuple[Json, Json, Json]]:
    """Pod, container status and waiting state, of containers that wait for one of `reasons`."""
    for pod in release.pods:
        for status in container_statuses(pod):
            waiting = (status.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") in reasons:
                yield pod, status, waiting


def _ended(release: Release) -> Iterator[tuple[Json, Json, Json]]:
    """Pod, container status and terminated state, of containers that ended and are not ready."""
    for pod in release.pods:
        for status in container_statuses(pod):
            state, last = status.get("state") or {}, status.get("lastState") or {}
            ended = state.get("terminated") or last.get("terminated")
            if ended and not status.get("ready"):
                yield pod, status, ended


def _seen(pod: Json, status: Json, state: Json) -> str:
    code = f" exit code {state['exitCode']}" if "exitCode" in state else ""
    restarts = f", {status['restartCount']} restarts" if status.get("restartCount") else ""
    return f"pod {name_of(pod)}, {status['name']}: {state.get('reason', '')}{code}{restarts}"


def check_admitted(release: Release, objects: Objects) -> Finding | None:
    for pod in release.pods:
        status = pod.get("status") or {}
        if status.get("phase") == "Failed" and status.get("reason") == "UnexpectedAdmissionError":
            return Finding(
                f"the kubelet of {pod['spec'].get('nodeName')} refuses pod {name_of(pod)}: the "
                f"device plugin cannot give what the scheduler counted on",
                "restart the device plugin of the node, and delete the pod",
                (
                    f"pod {name_of(pod)}: Failed UnexpectedAdmissionError",
                    str(status.get("message")),
                ),
            )
    return None


def check_image(release: Release, objects: Objects) -> Finding | None:
    for pod, status, waiting in _waiting(release, _IMAGE):
        secrets = [one["name"] for one in release.pod_spec.get("imagePullSecrets") or []]
        by = f"with the Secrets {', '.join(secrets)}" if secrets else "without a Secret"
        return Finding(
            f"the image {status['image']} cannot be pulled ({by})",
            "--set image.repository=... image.tag=... of one that is there; for a private registry "
            "--set 'imagePullSecrets[0]=NAME'",
            (_seen(pod, status, waiting), str(waiting.get("message", ""))[:_MOST_SHOWN]),
        )
    return None


def check_container_config(release: Release, objects: Objects) -> Finding | None:
    for pod, status, waiting in _waiting(release, _CONFIG):
        return Finding(
            f"the container {status['name']} of pod {name_of(pod)} cannot "
            f"be made of what it names: "
            f"a Secret, a ConfigMap or a key in one",
            "see the proof, which names it",
            (_seen(pod, status, waiting), str(waiting.get("message", ""))[:_MOST_SHOWN]),
        )
    return None


def check_memory(release: Release, objects: Objects) -> Finding | None:
    for pod in release.pods:
        for status in container_statuses(pod):
            ends = ((status.get(key) or {}).get("terminated") for key in ("state", "lastState"))
            ended = next((e for e in ends if e and e.get("reason") == "OOMKilled"), None)
            if ended is None:
                continue
            limit = _memory_limit(release, status["name"])
            known = f" of {shown('memory', limit)}" if limit else ""
            more = shown("memory", 1.5 * limit) if limit else "MORE"
            return Finding(
                f"the container {status['name']} of pod {name_of(pod)} was killed at its memory "
                f"limit{known}",
                f"--set resources.limits.memory={more}, then 1.15 x the highest "
                f"longshore_memory_working_set_bytes of the pod's port 8002",
                (_seen(pod, status, ended),),
            )
    return None


def _memory_limit(release: Release, container: str) -> float:
    found = [c for c in release.pod_spec["containers"] if c["name"] == container]
    limits = (found[0].get("resources") or {}).get("limits") or {} if found else {}
    return parse_quantity(limits.get("memory", "0"))


def check_startup_time(release: Release, objects: Objects) -> Finding | None:
    grace = release.pod_spec.get("terminationGracePeriodSeconds", 30)
    for pod, status, ended in _ended(release):
        budget, lasted = _startup_seconds(release, status["name"]), _seconds(ended)
        if budget is None or lasted is None or ended.get("exitCode") not in (0, 137, 143):
            continue
        # One that lasted much longer was ready, and ended by another probe.
        if budget - _RESOLUTION <= lasted <= budget + grace + _ROOM_SECONDS:
            return Finding(
                f"the container {status['name']} of pod {name_of(pod)} was ended after "
                f"{lasted:.0f} s, before it was ready; its startup probe allows {budget:.0f} s",
                f"--set probes.startup.seconds={2 * budget:.0f}; the server logs what takes so "
                f"long",
                (_seen(pod, status, ended), f"startedAt {ended['startedAt']}"),
            )
    return None


def _startup_seconds(release: Release, container: str) -> float | None:
    for one in release.pod_spec["containers"]:
        probe = one.get("startupProbe")
        if one["name"] == container and probe:
            period, failures = probe.get("periodSeconds", 10), probe.get("failureThreshold", 3)
            return float(probe.get("initialDelaySeconds", 0) + period * failures)
    return None


def _seconds(ended: Json) -> float | None:
    try:
        started, finished = (
            datetime.fromisoformat(ended[key]) for key in ("startedAt", "finishedAt")
        )
    except (KeyError, TypeError, ValueError):
        return None
    return (finished - started).total_seconds()


def check_running(release: Release, objects: Objects) -> Finding | None:
    for pod, status, ended in _ended(release):
        last = [line for line in str(ended.get("message") or "").splitlines() if line.strip()]
        said = last[-1].strip()[:_MOST_SHOWN] if last else "it left no words"
        return Finding(
            f"the container {status['name']} of pod {name_of(pod)} ends with code "
            f"{ended.get('exitCode')}: {said}",
            f"kubectl -n {release.namespace} logs {name_of(pod)} -c {status['name']} --previous",
            (_seen(pod, status, ended),),
        )
    return None


def check_ready(release: Release, objects: Objects) -> Finding | None:
    for pod in release.pods:
        found = condition(pod, "Ready")
        statuses = container_statuses(pod)
        if found.get("status") != "False" or not all(
            "running" in s["state"] for s in statuses[-1:]
        ):
            continue
        is_starting = any(status.get("started") is False for status in statuses)
        seen = shown_condition(pod, found)
        try:
            state, said = _readiness(release, pod, objects)
        except MissingRight as error:
            if is_starting:
                raise
            return Finding(
                f"pod {name_of(pod)} runs and is not ready; why is not known without the right to "
                f"{error}",
                f"kubectl -n {release.namespace} port-forward {name_of(pod)} 8002, then "
                f"curl localhost:8002/v2/health/ready",
                (seen,),
            )
        if is_starting and state != "FAILED":
            continue  # the startup probe has the word
        return Finding(
            f"pod {name_of(pod)} runs and is not ready: {said}",
            f"what it says is what to mend; kubectl -n {release.namespace} logs {name_of(pod)} has "
            f"more",
            (seen, f"its answer to /v2/health/ready: {said}"),
        )
    return None


def _readiness(release: Release, pod: Json, objects: Objects) -> tuple[str, str]:
    """What the server says of itself: its state, and in words."""
    port = management_port(release)
    path = (
        f"/api/v1/namespaces/{release.namespace}/pods/{name_of(pod)}:{port}/proxy/v2/health/ready"
    )
    reply = objects.ask(path, right=f"get pods/proxy in {release.namespace}")
    document = reply.json()
    state = str(document.get("state", ""))
    told = [*(document.get("problems") or []), *_list(document.get("progress"))]
    if told:
        return state, "; ".join(map(str, told))
    return state, f"state {state}" if state else f"status {reply.status}"


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value] if value else []


def check_count(release: Release, objects: Objects) -> Finding | None:
    """What no link before this one explains: a release is not called sound for nothing."""
    if release.is_planned:
        return None
    wanted = release.deployment["spec"].get("replicas", 1)
    status = release.deployment.get("status") or {}
    ready = status.get("readyReplicas") or 0
    if ready >= wanted:
        return None
    return Finding(
        f"{ready} of {wanted} pods are ready, and no link before this one says why",
        f"kubectl -n {release.namespace} rollout status deployment/{name_of(release.deployment)}; "
        f"a rollout that is under way takes its time (--wait)",
        (f"deployment {name_of(release.deployment)}: status.readyReplicas",),
    )


RULES = (
    Rule(
        "LS11", "node", "the kubelet gives the devices",
        "The scheduler counts devices; the kubelet and its device plugin hand them out, and may "
        "disagree after a restart.",
        "A pod's phase Failed with the reason UnexpectedAdmissionError.",
        "Restart the device plugin of that node, and delete the pod.",
        check_admitted,
    ),
    Rule(
        "LS17", "container", "the image is pulled",
        "A tag that is not there, a registry that does not answer, or one that wants a Secret.",
        "A container that waits for ErrImagePull, ImagePullBackOff, InvalidImageName or "
        "ErrImageNeverPull.",
        "Name an image that is there (`image`), and a Secret for it (`imagePullSecrets`).",
        check_image,
    ),
    Rule(
        "LS18", "container", "the container can be made of what it names",
        "Variables from a Secret or ConfigMap need it, and the key in it.",
        "A container that waits for CreateContainerConfigError or CreateContainerError.",
        "Create it, or mend the name in `extraEnv`, `auth` or `tls`.",
        check_container_config,
    ),
    Rule(
        "LS19", "container", "the memory limit is enough",
        "The kernel kills a container at its limit, mostly while a model is loaded, or a second "
        "version beside the first.",
        "A container's state or last state terminated with the reason OOMKilled.",
        "Raise the limit; 1.15 x the highest `longshore_memory_working_set_bytes` is a good one.",
        check_memory,
    ),
    Rule(
        "LS21", "container", "the startup probe waits long enough",
        "The kubelet ends a container that is not ready within the startup probe's time: "
        "the model is larger or the volume slower than the values say.",
        "A container that is not ready and whose last run took what its startup probe allows and "
        "the grace period at most, and ended by a signal or with 0: with 1 it had a reason of its "
        "own.",
        "Raise `probes.startup.seconds`, or say `modelMebibytes` and `volumeMebibytesPerSecond`.",
        check_startup_time,
    ),
    Rule(
        "LS20", "container", "the server stays",
        "The server ends with 1 where the model cannot be served, 2 for a mistake in its settings, "
        "3 when its device is lost.",
        "A container that is not ready and whose state or last state is terminated.",
        "The last words of the server are in the cause; its log has the rest.",
        check_running,
    ),
    Rule(
        "LS22", "container", "the pods are ready",
        "A pod is ready when a version of the model has been loaded, tried and warmed up.",
        "The pods' condition Ready, and what the server answers to `/v2/health/ready` (with the "
        "right to get pods/proxy). While the startup probe goes on, only a model that was refused "
        "counts.",
        "What the server says is what to mend.",
        check_ready,
    ),
)  # fmt: skip
COUNT = Rule(
    "LS36", "container", "as many pods are ready as are asked for",
    "The last link before traffic: it breaks when a pod is not there for a reason that no other "
    "link knows, and for a while during every rollout.",
    "The Deployment's `spec.replicas` and `status.readyReplicas`.",
    "Wait for the rollout (`--wait`); then look at the ReplicaSet's events.",
    check_count,
    is_rest=True,
)  # fmt: skip
