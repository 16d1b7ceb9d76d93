"""The judging of one rollout, over what of it is kept in the status: JSON in, JSON out."""

from __future__ import annotations

from longshore_k8s.api import Json
from longshore_k8s.controller.judging.look import Look
from longshore_k8s.controller.judging.tally import Tally
from longshore_k8s.controller.judging.verdict import (
    Objective,
    StepFacts,
    StepVerdict,
    fails_alike,
    verdict,
)

LOOK_SECONDS = 5.0
"""Between two looks at the pods."""
_LARGEST = 1e9
"""Shown of E: a number that people can compare with 1000."""


def begin(look: Look) -> Json:
    """Before the canary gets traffic: what pods have counted until now is not the rollout's."""
    return Tally.begun(look).to_json()


def next_step(kept: Json) -> Json:
    """The step's own counts begin at nothing; totals and evidence go on."""
    return Tally.from_json(kept).next_step().to_json()


def judge(
    kept: Json, look: Look, objective: Objective, step: StepFacts
) -> tuple[StepVerdict, Json]:
    """The verdict after one more look, and what is to be kept then. The same look again gives the
    same."""
    before = Tally.from_json(kept) if kept else Tally.begun(look)
    tally = before.counted(look)
    going_on = tally.unproven() if fails_alike(tally, objective) else tally
    return verdict(tally, look, objective, step), going_on.to_json()


def figures(kept: Json) -> Json:
    """What the status shows of `kept`: the canary's `requests` and `bad` ones, and `evidence`."""
    tally = Tally.from_json(kept)
    canary = tally.total.canary
    shown = float(f"{min(tally.bad_evidence, _LARGEST):.3g}")
    return {"requests": canary.requests, "bad": canary.bad, "evidence": shown}
