"""What a rollout by the weights of an HTTPRoute asks for, and what it waits for at its Gateways."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from longshore_k8s.controller import kinds
from longshore_k8s.controller.decision import Observed
from longshore_k8s.controller.judging.rollout import LOOK_SECONDS
from longshore_k8s.controller.life import Life
from longshore_k8s.controller.live import LiveObject
from longshore_k8s.controller.plan import Stage, canary_name, deployment_of
from longshore_k8s.controller.wanted import Refusal

AWAITING = "AwaitingRoute"
"""The reason of a step, or of an end, that waits for a Gateway."""
SETTLE_SECONDS = LOOK_SECONDS
"""No condition says when the proxies of a Gateway have what it has taken; they get this long."""


def is_by_weights(observed: Observed) -> bool:
    """Whether steps are weights: the canary has a Service of its own then, in every stage."""
    if isinstance(observed.wanted, Refusal):
        return False
    own = kinds.SERVICE.name, canary_name(observed.resource)
    return any(item.key == own for item in observed.wanted)


def asked_percent(observed: Observed, life: Life) -> int:
    """Of the route's requests, that are to go to the canary; in a pause by the route as it is."""
    is_asked = life.stage in (Stage.STEP, Stage.PROMOTE) and life.rollout.get("step")
    is_given = _has_weight if observed.resource.is_paused else _has_ready_pod
    if not is_asked or not is_given(observed):
        return 0
    return observed.resource.rollout_spec.weight(life.rollout["step"])


def _has_ready_pod(observed: Observed) -> bool:
    canary = deployment_of(observed.resource, observed.live, is_canary=True)
    return canary is not None and canary.pods is not None and canary.pods.ready > 0


def _has_weight(observed: Observed) -> bool:
    name = canary_name(observed.resource)
    return any(name in one.route.backends for _, one in _routes(observed))


def said(observed: Observed, step: int) -> str:
    """For people: the share of that step and who has no part in it; empty for steps by pods."""
    if not is_by_weights(observed):
        return ""
    names = ", ".join(name for name, _ in _routes(observed)) or "is not there yet"
    percent = observed.resource.rollout_spec.weight(step)
    return (
        f" HTTPRoute {names}: {percent} % of its requests are to go to the canary; clients of the "
        "Service itself bypass it and reach stable."
    )


def unready(observed: Observed, age_seconds: float) -> str:
    """What weights have to wait for, where the canary has been valid for so long; empty for steps
    by pods. A Gateway answers the share of a Service that it knows no pod of with errors."""
    if sentence := untaken(observed):
        return sentence
    if age_seconds >= SETTLE_SECONDS or not is_by_weights(observed):
        return ""
    return "The Gateway is given time to find the pods of the canary's own Service."


def untaken(observed: Observed) -> str:
    """Why a Gateway may not divide the requests as the route says; empty for steps by pods."""
    if not is_by_weights(observed):
        return ""
    routes = _routes(observed)
    if not routes:
        return "The HTTPRoute is not there."
    return _first((name, one.route.untaken) for name, one in routes)


def refused(observed: Observed) -> str:
    """Why a Gateway, which has seen the route, answers the canary's share by itself, with errors;
    empty for steps by pods."""
    routes = _routes(observed) if is_by_weights(observed) else []
    return _first((name, one.route.refused) for name, one in routes)


def undrained(observed: Observed) -> str:
    """Why the pods and the Service of a canary that has had weight must stay a while; empty where
    they may go. A Gateway that says nothing for as long as a stage may last holds them no longer.
    """
    resource, rollout = observed.resource, observed.resource.rollout
    has_ended = rollout.get("stage") in (Stage.ABORT, Stage.RETIRE) and rollout.get("step")
    own = observed.live.get((kinds.SERVICE.name, canary_name(resource)))
    routes = _routes(observed)
    if not has_ended or own is None or not own.is_of(resource) or not routes:
        return ""
    age = _seconds(rollout["since"], observed.now) if rollout.get("isBegun") else 0.0
    if age < SETTLE_SECONDS:
        return "All requests of the HTTPRoute go to stable; its Gateway is given time to follow."
    if age >= resource.rollout_spec.objective.deadline_seconds:
        return ""
    return _first((name, one.route.unseen) for name, one in routes)


def _routes(observed: Observed) -> list[tuple[str, LiveObject]]:
    return [
        (name, found)
        for (kind, name), found in sorted(observed.live.items())
        if kind == kinds.HTTP_ROUTE.name and found.is_of(observed.resource)
    ]


def _first(said: Iterable[tuple[str, str]]) -> str:
    """Of routes' names and sentences, the first that says something."""
    return next((f"HTTPRoute {name}: {sentence}" for name, sentence in said if sentence), "")


def _seconds(since: str, now: str) -> float:
    return (datetime.fromisoformat(now) - datetime.fromisoformat(since)).total_seconds()
