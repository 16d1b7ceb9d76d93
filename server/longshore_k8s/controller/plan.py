"""What is to be there in each stage of a model's life.

The stage is in the status of the resource, and is written there before what it asks for is made. So
whatever a turn finds half made, the next one makes whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from longshore_k8s.controller import kinds
from longshore_k8s.controller.aim import Aim
from longshore_k8s.controller.judging import shares
from longshore_k8s.controller.live import LiveObject, Pods
from longshore_k8s.controller.resource import Resource

CANARY_CHART_NAME = "longshore-canary"
"""The chart's name as a canary has it, in `app.kubernetes.io/name`."""


class Stage(StrEnum):
    """Where a candidate is; the values are those of `status.rollout.stage`."""

    STEADY = ""
    VERIFY = "Verify"
    CANDIDATE = "Candidate"
    VALIDATE = "Validate"
    STEP = "Step"
    PROMOTE = "Promote"
    RETIRE = "Retire"
    ABORT = "Abort"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is rendered."""

    stable: Aim | None
    """What serves; `None`: nothing is to."""
    canary: Aim | None = None
    canary_pods: int = 0
    verified: Aim | None = None
    """What a Job looks at."""
    is_wide: bool = False
    """Whether requests go to both, by the Service where no route can divide them."""
    has_routes: bool = False
    """Whether the cluster has HTTPRoutes, whose weights divide requests where stable has one."""
    weight: int = 0
    """Percent that a route sends to the canary; 0 where none of its pods is ready, because a route
    sends them their share all the same."""
    bearing_pods: int = 0
    """Of the canary where a route divides the requests, in place of `canary_pods`."""
    is_unserved: bool = False
    """Whether nothing sends requests to stable yet."""
    least_pods: int = 0
    """That the autoscaler of stable may go down to, where it is more than its own minimum."""


def plan_of(
    resource: Resource, live: Mapping[tuple[str, str], LiveObject], served: frozenset[str]
) -> Plan:
    """By the objects of the resource, and the names of the kinds that the cluster has."""
    aim, stable = resource.aim, resource.stable
    pods = _pods_of(resource, live)
    stage = stage_of(resource)
    if not resource.is_guarded:
        return Plan(aim)
    if stable is None:
        return _first(aim, stage, is_taken=is_taken(resource, pods))
    if stage is Stage.VERIFY:
        return Plan(stable, verified=aim)
    has_routes = kinds.HTTP_ROUTE.name in served
    count = pods.wanted if pods else 0
    beside = Plan(
        stable, aim, canary_pods=1, bearing_pods=1, least_pods=count, has_routes=has_routes
    )
    if stage in (Stage.CANDIDATE, Stage.VALIDATE):
        return beside
    if stage is Stage.STEP or (stage is Stage.PROMOTE and "previous" in resource.rollout):
        weight = resource.rollout_spec.weight(resource.rollout["step"])
        canary = _pods_of(resource, live, is_canary=True)
        return _with_traffic(beside, weight, canary) if weight else beside
    return Plan(stable)


def _with_traffic(beside: Plan, weight: int, canary: Pods | None) -> Plan:
    return replace(
        beside,
        canary_pods=shares.canary_pods(beside.least_pods, weight),
        bearing_pods=shares.bearing_pods(beside.least_pods, weight),
        is_wide=True,
        weight=weight if canary is not None and canary.ready else 0,
    )


def stage_of(resource: Resource) -> Stage:
    """Steady too where the stage was reached by another candidate than the spec now asks for."""
    rollout = resource.rollout
    is_same = rollout.get("hash") == resource.aim_hash
    return Stage(rollout["stage"]) if is_same else Stage.STEADY


def is_taken(resource: Resource, pods: Pods | None) -> bool:
    """Whether a model serves of which nothing is recorded, such as a release that is adopted: what
    its spec asks for is rolled out as it is, and the next candidate is the first to be guarded."""
    status = resource.status
    is_recorded = any(status.get(key) for key in ("stable", "history", "rejected"))
    return not is_recorded and (pods is not None or resource.adopts_release)


def _first(aim: Aim, stage: Stage, *, is_taken: bool) -> Plan:
    """Before anything has served: the pods of the release itself are the candidate."""
    if stage is Stage.VERIFY:
        return Plan(None, verified=aim)
    if stage in (Stage.CANDIDATE, Stage.VALIDATE):
        return Plan(aim, is_unserved=True)
    return Plan(aim if stage is Stage.STEADY and is_taken else None)


def canary_name(resource: Resource) -> str:
    """Of the canary's objects."""
    return f"{resource.name}-canary"


def deployment_of(
    resource: Resource, live: Mapping[tuple[str, str], LiveObject], *, is_canary: bool = False
) -> LiveObject | None:
    """The Deployment of stable, or of the canary."""
    for (kind, name), found in live.items():
        is_asked = (name == canary_name(resource)) == is_canary
        if kind == kinds.DEPLOYMENT.name and is_asked and found.is_of(resource):
            return found
    return None


def _pods_of(
    resource: Resource, live: Mapping[tuple[str, str], LiveObject], *, is_canary: bool = False
) -> Pods | None:
    found = deployment_of(resource, live, is_canary=is_canary)
    return found.pods if found else None
