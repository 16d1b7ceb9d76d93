"""Reads what pods have counted from their own management ports; no Prometheus is needed for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from longshore_k8s.api import Json
from longshore_k8s.controller.judging.look import Counts, Look, PodLook
from longshore_k8s.controller.judging.page import Page
from longshore_k8s.controller.pod_http import exchange
from longshore_k8s.controller.server_pod import MANAGEMENT, ServerPod

ANSWER_SECONDS = 2.0
MOST_BYTES = 1 << 20
_AT_ONCE = 16


def look_at(
    stable: Iterable[Json], canary: Iterable[Json], slow_seconds: float | None = None
) -> Look:
    """What each of these pods, as the API server lists them, has counted; a request that took
    longer than `slow_seconds` is slow.
    """
    stable_pods, canary_pods = _read(stable), _read(canary)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="look") as pool:
        look = partial(_look, slow_seconds=slow_seconds)
        looks = tuple(pool.map(look, [*stable_pods, *canary_pods]))
    return Look(looks[: len(stable_pods)], looks[len(stable_pods) :], slow_seconds)


def _read(documents: Iterable[Json]) -> Sequence[ServerPod]:
    return [ServerPod.read(document) for document in documents]


def _look(pod: ServerPod, *, slow_seconds: float | None) -> PodLook:
    try:
        counts = _counts(pod, slow_seconds)
    except (OSError, ValueError) as error:
        return PodLook(pod.name, pod.restarts, pod.is_ready, None, str(error))
    return PodLook(pod.name, pod.restarts, pod.is_ready, counts)


def _counts(pod: ServerPod, slow_seconds: float | None) -> Counts:
    if not pod.address or MANAGEMENT not in pod.ports:
        raise OSError(f"no port {MANAGEMENT}" if pod.address else "it does not run")
    place = pod.address, pod.ports[MANAGEMENT]
    reply = exchange(place, "/metrics", seconds=ANSWER_SECONDS, most_bytes=MOST_BYTES)
    if reply.status != 200:
        raise OSError(f"{place[0]}:{place[1]}/metrics: status {reply.status}")
    return Page.read(reply.body.decode(errors="replace")).counts(slow_seconds)
