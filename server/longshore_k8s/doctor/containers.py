"""The containers of a release's pods: which wait, and which ended."""

from __future__ import annotations

from collections.abc import Iterator

from longshore_k8s.api import Json
from longshore_k8s.doctor.release import Release, container_statuses, name_of

MOST_CHARACTERS = 400


def waiting(release: Release, reasons: set[str]) -> Iterator[tuple[Json, Json, Json]]:
    """Pod, container status and waiting state, of containers that wait for one of `reasons`."""
    for pod in release.pods:
        for status in container_statuses(pod):
            waiting = (status.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") in reasons:
                yield pod, status, waiting


def ended(release: Release) -> Iterator[tuple[Json, Json, Json]]:
    """Pod, container status and terminated state, of containers that ended and are not ready."""
    for pod in release.pods:
        for status in container_statuses(pod):
            state, last = status.get("state") or {}, status.get("lastState") or {}
            ended = state.get("terminated") or last.get("terminated")
            if ended and not status.get("ready"):
                yield pod, status, ended


def shown_state(pod: Json, status: Json, state: Json) -> str:
    code = f" exit code {state['exitCode']}" if "exitCode" in state else ""
    restarts = f", {status['restartCount']} restarts" if status.get("restartCount") else ""
    return f"pod {name_of(pod)}, {status['name']}: {state.get('reason', '')}{code}{restarts}"
