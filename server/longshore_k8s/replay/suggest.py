"""Other targets, minima and behaviors on the same load, and what each costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from longshore_k8s.replay.autoscaler import DOWN_DEFAULTS, UP_DEFAULTS, Autoscaler, Policy, Rules
from longshore_k8s.replay.outcome import Outcome
from longshore_k8s.replay.simulation import Conditions, simulate

SEARCH_SEEDS = 5
TARGET_FACTORS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3)
MORE_PODS = (0, 1, 2)
DOWNS = {
    "down after 1 min": Rules(60, (Policy(True, 100, 15),)),
    "down after 2 min, by half a minute": Rules(120, (Policy(True, 50, 60),)),
    "down after 10 min": Rules(600, (Policy(True, 100, 15),)),
    "Kubernetes' down": DOWN_DEFAULTS,
}
UPS = {
    "up at once without limit": Rules(0, (Policy(True, 900, 15), Policy(False, 100, 15))),
    "up after 30 s": Rules(30, UP_DEFAULTS.policies),
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plan that was tried, and what came of it."""

    name: str
    plan: Autoscaler
    outcome: Outcome

    @property
    def hours(self) -> float:
        return float(np.median(self.outcome.pod_hours))

    @property
    def missed(self) -> float:
        """The mean share of requests late or refused."""
        return float(self.outcome.missed_share.mean())


def suggest(conditions: Conditions, plan: Autoscaler, seeds: int) -> list[Candidate]:
    """Those that no other beats in both pod-hours and misses, the cheapest first, with all seeds.

    Targets and minima are searched first, then behaviors on the best of them.
    """
    few = min(seeds, SEARCH_SEEDS)
    sized = _try(conditions, _sizes(plan, conditions), few)
    allowed = conditions.capacity.late_share
    best = chosen(sized, allowed)
    found = sized + _try(conditions, _behaviors(best), few)
    front = unbeaten(found)
    few_of_front = {candidate.name: candidate.plan for candidate in _around(front, allowed)}
    return unbeaten(_try(conditions, few_of_front, seeds))


def chosen(candidates: list[Candidate], allowed: float) -> Candidate:
    """The cheapest that misses no more than `allowed`, else the one that misses least."""
    good = [candidate for candidate in candidates if candidate.missed <= allowed]
    if good:
        return min(good, key=lambda candidate: (candidate.hours, candidate.missed))
    return min(candidates, key=lambda candidate: (candidate.missed, candidate.hours))


def unbeaten(candidates: list[Candidate]) -> list[Candidate]:
    """In the order of their cost, each with fewer misses than all that are cheaper."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda one: (one.hours, one.missed)):
        if not kept or candidate.missed < kept[-1].missed:
            kept.append(candidate)
    return kept


def _around(front: list[Candidate], allowed: float, most: int = 5) -> list[Candidate]:
    """The best and its neighbours on both sides."""
    place = front.index(chosen(front, allowed))
    begin = max(0, min(place - most // 2, len(front) - most))
    return front[begin : begin + most]


def _try(conditions: Conditions, plans: dict[str, Autoscaler], seeds: int) -> list[Candidate]:
    outcomes = simulate(conditions, list(plans.values()), seeds)
    return [
        Candidate(name, plan, outcome)
        for (name, plan), outcome in zip(plans.items(), outcomes, strict=True)
    ]


def _sizes(plan: Autoscaler, conditions: Conditions) -> dict[str, Autoscaler]:
    plans = {}
    for factor in TARGET_FACTORS:
        targets = {key: max(1, round(target * factor)) for key, target in plan.targets.items()}
        for more in MORE_PODS:
            minimum = plan.minimum + more
            if minimum <= plan.maximum:
                tried = replace(plan, targets=targets, minimum=minimum)
                plans[describe(tried)] = tried
    return plans


def _behaviors(best: Candidate) -> dict[str, Autoscaler]:
    plan = best.plan if best.plan.has_behavior else replace(best.plan, has_behavior=True)
    downs = {name: replace(plan, down=rules) for name, rules in DOWNS.items()}
    ups = {name: replace(plan, up=rules) for name, rules in UPS.items()}
    return {f"{describe(plan)}, {name}": one for name, one in (downs | ups).items()}


def describe(plan: Autoscaler) -> str:
    """`requestsPerSecond 240, minReplicas 2`."""
    targets = [f"{key} {target / 1000:g}" for key, target in plan.targets.items()]
    return ", ".join([*targets, f"minReplicas {plan.minimum}"])


def as_values(plan: Autoscaler) -> dict[str, Any]:
    """Keys of the chart's values."""
    behavior = {"scaleUp": _block(plan.up), "scaleDown": _block(plan.down)}
    return {
        "autoscaling": {
            "minReplicas": plan.minimum,
            "maxReplicas": plan.maximum,
            "metrics": {key: target / 1000 for key, target in plan.targets.items()},
            "behavior": behavior if plan.has_behavior else None,
        }
    }


def _block(rules: Rules) -> dict[str, Any]:
    return {
        "stabilizationWindowSeconds": rules.window_seconds,
        "selectPolicy": str(rules.select),
        "policies": [
            {
                "type": "Percent" if policy.is_percent else "Pods",
                "value": policy.value,
                "periodSeconds": policy.period_seconds,
            }
            for policy in rules.policies
        ],
    }
