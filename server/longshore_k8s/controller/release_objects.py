"""The objects of a plan: one or two renders of the chart, and what no chart could know.

Of the canary only what its pods need is kept. It is a release of the same name, so its pods answer
for the same model, and of another `app.kubernetes.io/name`: a Service that selects without that
label finds the pods of both. Where a route divides the requests it has a Service besides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import replace
from typing import TypeAlias

from longshore_k8s.api import Json
from longshore_k8s.controller import gateway, kinds
from longshore_k8s.controller.aim import Aim, digest_of
from longshore_k8s.controller.plan import CANARY_CHART_NAME, Plan, canary_name
from longshore_k8s.controller.resource import Resource
from longshore_k8s.controller.verify_job import NAME_LABEL, verify_job
from longshore_k8s.controller.wanted import Refusal

Render: TypeAlias = Callable[[Json], list[Json]]
"""The objects of the release by these values; may raise Refusal."""

_OF_A_CANARY = frozenset({"ConfigMap", "NetworkPolicy", kinds.DEPLOYMENT.name})
_FRONT = frozenset({kinds.SERVICE.name, "Ingress", kinds.HTTP_ROUTE.name})
_MINIMUM = {"HorizontalPodAutoscaler": "minReplicas", "ScaledObject": "minReplicaCount"}
_MAXIMUM = {"HorizontalPodAutoscaler": "maxReplicas", "ScaledObject": "maxReplicaCount"}


def objects_of(plan: Plan, resource: Resource, render: Render) -> list[Json]:
    """All that is to be there.

    Raises:
        Refusal: the chart refuses values.
    """
    rendered = render(plan.stable.chart_values) if plan.stable else []
    front = gateway.front_of(rendered) if plan.canary and plan.has_routes else None
    plan = _by_weights(plan) if front else plan
    documents = _stable(plan, rendered)
    if plan.verified:
        documents += _verification(plan, resource, render)
    if plan.canary:
        values = _canary_values(plan, plan.canary, resource, documents)
        documents += [one for one in render(values) if one["kind"] in _OF_A_CANARY]
    if front:
        return gateway.by_weights(documents, front, canary_name(resource), plan.weight)
    return documents


def asked_pods(resource: Resource, render: Render) -> tuple[str | Refusal, str]:
    """Digests of the pods that the spec asks for, and of those that its values make with the
    version that serves; both empty where nothing is open about the spec."""
    aim, stable = resource.aim, resource.stable
    decided = {resource.rollout.get("hash"), resource.rejected.get("hash")}
    if not resource.is_guarded or stable == aim or resource.aim_hash in decided:
        return "", ""
    try:
        aimed, kept = pods_digest(aim, render), ""
        if stable is not None and stable.values != aim.values:
            kept = pods_digest(replace(stable, values=aim.values), render)
    except Refusal as refusal:
        return refusal, ""
    return aimed, kept


def pods_digest(aim: Aim, render: Render) -> str:
    """Of all that a change of makes other pods."""
    return digest_of(_deployment(render(aim.chart_values))["spec"]["template"])


def _by_weights(plan: Plan) -> Plan:
    """The route divides the requests, and the Service stays narrow."""
    return replace(plan, is_wide=False, canary_pods=plan.bearing_pods)


def _stable(plan: Plan, documents: list[Json]) -> list[Json]:
    if plan.is_unserved:
        documents = [one for one in documents if one["kind"] not in _FRONT]
    return [_in_a_rollout(plan, one) for one in documents]


def _in_a_rollout(plan: Plan, document: Json) -> Json:
    kind, spec = document["kind"], document.get("spec") or {}
    if kind in _MINIMUM and plan.least_pods:
        most = spec.get(_MAXIMUM[kind], plan.least_pods)
        least = max(spec.get(_MINIMUM[kind], 0), min(plan.least_pods, most))
        return {**document, "spec": {**spec, _MINIMUM[kind]: least}}
    if kind == kinds.SERVICE.name and plan.is_wide and spec.get("clusterIP") != "None":
        selector = {key: value for key, value in spec["selector"].items() if key != NAME_LABEL}
        return {**document, "spec": {**spec, "selector": selector}}
    return document


def _verification(plan: Plan, resource: Resource, render: Render) -> list[Json]:
    """The Job, and before anything is served the claim that it reads."""
    assert plan.verified is not None
    documents = render(plan.verified.chart_values)
    claims = [one for one in documents if one["kind"] == kinds.CLAIM.name]
    needed = claims + [one for one in documents if one["kind"] == "ServiceAccount"]
    job = verify_job(_deployment(documents), plan.verified, resource)
    return [*([] if plan.stable else needed), job]


def _canary_values(plan: Plan, canary: Aim, resource: Resource, stable: Iterable[Json]) -> Json:
    """Those of the candidate, with the identity and the claim of stable."""
    values = deepcopy(canary.chart_values)
    values |= {
        "nameOverride": CANARY_CHART_NAME,
        "fullnameOverride": canary_name(resource),
        "replicas": plan.canary_pods,
        "autoscaling": {"mode": "none"},
    }
    stable = list(stable)
    account = _deployment(stable)["spec"]["template"]["spec"]["serviceAccountName"]
    values["serviceAccount"] = {"create": False, "name": account}
    claims = [one["metadata"]["name"] for one in stable if one["kind"] == kinds.CLAIM.name]
    model = values.get("model") or {}
    if claims and not model.get("existingClaim"):
        modes = (model.get("claim") or {}).get("accessModes")
        more = {"existingClaimAccessModes": modes} if modes else {}
        kept = {key: value for key, value in model.items() if key != "claim"}
        values["model"] = {**kept, "existingClaim": claims[0], **more}
    return values


def _deployment(documents: Iterable[Json]) -> Json:
    return next(one for one in documents if one["kind"] == kinds.DEPLOYMENT.name)
