"""Until the pods serve what was pushed."""

from __future__ import annotations

import time
from collections.abc import Callable

from longshore_k8s.doctor.objects import Asks, Objects
from longshore_k8s.push.errors import PushFailed
from longshore_k8s.push.serving_pods import ServingPod, serving_pods
from longshore_k8s.push.target import Target

_READY = "READY"
_POLL_SECONDS = 1.0


def wait_until_served(
    target: Target,
    version: str,
    asks: Asks,
    *,
    seconds: float,
    say: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Until every pod that serves from the claim says that it serves `version`, and the Service
    sends requests to it.

    Raises:
        PushFailed: some do not in time; says what each says instead.
        MissingRight: pods may not be listed, or not be asked.
    """
    until, told = clock() + seconds, ""
    while True:
        pods = serving_pods(target, Objects(asks, target.namespace), asks)
        waiting = [
            pod for pod in pods if not (pod.is_ready and pod.versions.get(version) == _READY)
        ]
        if pods and not waiting:
            say(f"served by {', '.join(pod.name for pod in pods)}")
            return
        sentence = "; ".join(map(_described, waiting)) or "no pod serves from the claim"
        if clock() >= until:
            raise PushFailed(
                f"version {version} is published, and not served after {seconds:g} s: {sentence}; "
                f"`longshore doctor` may say why"
            )
        if sentence != told:
            say(f"waiting: {sentence}")
            told = sentence
        sleep(_POLL_SECONDS)


def _described(pod: ServingPod) -> str:
    states = [f"{version} {state}" for version, state in pod.versions.items()]
    ready = [] if pod.is_ready else ["not ready"]
    return f"pod {pod.name}: {', '.join([*states, *pod.problems, *ready])}"
