"""What to do with a canary by what was counted: on to the next step, wait, or take it back.

Missing data never goes on: each step has to show as many requests as bound the ratio of bad ones,
or, where both versions have some that are bad, as many as would have shown a difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from longshore_k8s.controller.judging import evidence
from longshore_k8s.controller.judging.look import Look, PodLook
from longshore_k8s.controller.judging.tally import Tally

_EXPECTED = 30
"""Requests that a canary should have got by its share: none of them is no chance."""
_FAILING = 3
"""Bad requests of stable: fewer say nothing."""
_MANY = 10.0
"""By the tolerated ratio: requests after which a ratio that is twice the tolerated one has been
taken back."""
_QUANTILE = 1.6449
"""Of the normal distribution, for 95 %."""


class Action(StrEnum):
    ADVANCE = "Advance"
    HOLD = "Hold"
    ROLL_BACK = "RollBack"


@dataclass(frozen=True, slots=True)
class Objective:
    """What a canary has to show; of `spec.rollout`."""

    tolerated_bad_ratio: float = 0.01
    bake_seconds: float = 60.0
    """The least time of a step."""
    deadline_seconds: float = 3600.0
    """Of one step; from then on a hold is said to be one too long."""
    aborts_without_data: bool = False
    """Whether a canary that could not be judged by then is taken back."""

    @property
    def least_requests(self) -> int:
        """With no bad one among them they bound its ratio with a confidence of 95 % (the rule of
        three)."""
        return math.ceil(3.0 / self.tolerated_bad_ratio - 1e-9)


@dataclass(frozen=True, slots=True)
class StepFacts:
    """Of the step that is judged."""

    age_seconds: float
    share: float
    """Of the requests, as the route asks or by the pods that are ready; from 0 to 1."""


@dataclass(frozen=True, slots=True)
class StepVerdict:
    """What to do, why in a word, and why in a sentence with figures."""

    action: Action
    reason: str
    message: str


_Hold = tuple[str, str]
"""A reason and a sentence."""
_WITHOUT_DATA = frozenset(
    {"PodsNotReady", "MetricsUnavailable", "NotRouted", "AwaitingTraffic", "MoreRequestsNeeded",
     "ErrorsUnclear"}
)  # fmt: skip


def verdict(tally: Tally, look: Look, objective: Objective, step: StepFacts) -> StepVerdict:
    """Evidence against the canary first: no hold keeps a bad one in traffic."""
    if worse := next(_worse(tally, look), None):
        return StepVerdict(Action.ROLL_BACK, *worse)
    hold = next(_holds(tally, look, objective, step), None)
    if hold is None:
        return StepVerdict(Action.ADVANCE, "Healthy", _figures(tally))
    if hold[0] == "NotRouted" and step.age_seconds >= objective.bake_seconds:
        return StepVerdict(Action.ROLL_BACK, *hold)
    if step.age_seconds < objective.deadline_seconds:
        return StepVerdict(Action.HOLD, *hold)
    gives_up = objective.aborts_without_data and hold[0] in _WITHOUT_DATA
    message = f"Not decided within {objective.deadline_seconds:g} s ({hold[0]}): {hold[1]}"
    action = Action.ROLL_BACK if gives_up else Action.HOLD
    return StepVerdict(action, "DeadlineExceeded", message)


def fails_alike(tally: Tally, objective: Objective) -> bool:
    """Whether lately more of the requests to each version were bad than is tolerated. A canary that
    is well while stable fails may be what mends it."""
    stable, canary = tally.recent.stable, tally.recent.canary
    tolerated = objective.tolerated_bad_ratio
    return (
        stable.bad >= _FAILING
        and stable.bad > tolerated * stable.requests
        and canary.bad > tolerated * canary.requests
    )


def _worse(tally: Tally, look: Look) -> Iterator[_Hold]:
    """What is certain to be the canary's fault."""
    canary = tally.total.canary
    if tally.bad_evidence >= evidence.ROLL_BACK:
        if canary.slow > canary.errors:
            bound = f"longer than {look.slow_seconds:g} s" if look.slow_seconds else "too long"
            yield "SlowerThanStable", f"Requests took {bound}: {_figures(tally)}"
        else:
            yield "ErrorsAboveStable", _figures(tally)
    if tally.invalid_evidence >= evidence.ROLL_BACK:
        stable = tally.total.stable
        yield (
            "InvalidRose",
            f"The canary refused {canary.invalid} requests as invalid beside {canary.requests} "
            f"that it took, stable {stable.invalid} beside {stable.requests}: what clients send "
            "does not fit it.",
        )


def _holds(tally: Tally, look: Look, objective: Objective, step: StepFacts) -> Iterator[_Hold]:
    """What keeps the canary from going on, the most fundamental first."""
    yield from _unseen("stable", look.stable, at_least_one=True)
    yield from _unseen("the canary", look.canary, at_least_one=False)
    if fails_alike(tally, objective):
        stable, canary = tally.recent.stable, tally.recent.canary
        yield (
            "BothFail",
            f"Of the last requests {stable.bad} of {stable.requests} to stable were bad and "
            f"{canary.bad} of {canary.requests} to the canary, more than "
            f"{objective.tolerated_bad_ratio:.3g}: not the canary's fault.",
        )
    yield from _unproven(tally, objective, step)
    if step.age_seconds < objective.bake_seconds:
        yield (
            "BakeTime",
            f"{step.age_seconds:.0f} of {objective.bake_seconds:g} s. {_figures(tally)}",
        )


def _unseen(version: str, pods: tuple[PodLook, ...], *, at_least_one: bool) -> Iterator[_Hold]:
    """One pod of stable stands for the others; each of the canary's has to tell."""
    ready = [pod for pod in pods if pod.is_ready]
    unread = [pod for pod in ready if pod.counts is None]
    if not ready:
        yield "PodsNotReady", f"No pod of {version} is ready."
    elif len(unread) == len(ready) or (unread and not at_least_one):
        yield (
            "MetricsUnavailable",
            f"{len(unread)} of {len(ready)} pods of {version} did not tell what they counted; "
            f"{unread[0].name}: {unread[0].unread}. networkPolicy.managementFrom has to let the "
            "controller in.",
        )


def _unproven(tally: Tally, objective: Objective, step: StepFacts) -> Iterator[_Hold]:
    """What the requests of this step do not show yet."""
    stable, canary = tally.step.stable, tally.step.canary
    if stable.requests + canary.requests == 0:
        yield "AwaitingTraffic", "Neither version was asked anything in this step."
    elif not canary.requests and stable.requests * step.share >= _EXPECTED * (1.0 - step.share):
        yield (
            "NotRouted",
            f"Stable was asked {stable.requests} times in this step, and the canary, whose "
            f"share is {step.share:.0%}, not once.",
        )
    elif not _is_proven(tally, objective):
        yield _more_needed(tally, objective, step)


def _is_proven(tally: Tally, objective: Objective) -> bool:
    canary, tolerated = tally.step.canary, objective.tolerated_bad_ratio
    if canary.requests < objective.least_requests:
        return False
    is_tolerable = canary.bad <= tolerated * canary.requests
    is_alike = canary.requests >= _MANY / tolerated and tally.bad_evidence < evidence.DOUBT
    return canary.requests >= most_bad(canary.bad) / tolerated or (is_tolerable and is_alike)


def _more_needed(tally: Tally, objective: Objective, step: StepFacts) -> _Hold:
    canary, tolerated = tally.step.canary, objective.tolerated_bad_ratio
    least = max(objective.least_requests, math.ceil(most_bad(canary.bad) / tolerated))
    is_many = canary.requests >= objective.least_requests
    is_bad = tally.bad_evidence >= evidence.DOUBT or canary.bad > tolerated * canary.requests
    if is_many and is_bad:
        return (
            "ErrorsUnclear",
            f"More bad requests than tolerated, by chance or not: {_figures(tally)}",
        )
    return (
        "MoreRequestsNeeded",
        f"{canary.requests} of {least} requests were counted at the canary in this step, "
        f"{tally.step.stable.requests} at stable.{_remaining(canary.requests, least, step)}",
    )


def most_bad(bad: int) -> float:
    """So many bad requests were to be expected at most, with a confidence of 95 %, where `bad` were
    counted: 3.0 for none. The bound of a Poisson count by Wilson and Hilferty (1931), within 1 %.
    """
    k = bad + 1.0
    return k * (1.0 - 1.0 / (9.0 * k) + _QUANTILE / (3.0 * math.sqrt(k))) ** 3


def _remaining(canary: int, least: int, step: StepFacts) -> str:
    if not canary or step.age_seconds <= 0:
        return ""
    return f" At this rate {(least - canary) * step.age_seconds / canary:.0f} s more."


def _figures(tally: Tally) -> str:
    stable, canary = tally.total.stable, tally.total.canary
    return (
        f"{canary.bad} of {canary.requests} requests to the canary were bad, {stable.bad} of "
        f"{stable.requests} to stable; evidence {tally.bad_evidence:.3g} of "
        f"{evidence.ROLL_BACK:g}."
    )
