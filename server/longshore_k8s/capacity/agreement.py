"""Whether a pod behaves as its model says, and what it does where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np

from longshore_k8s.capacity.fit import settled_latencies
from longshore_k8s.capacity.objective import Objective
from longshore_k8s.capacity.pod_model import PodModel
from longshore_k8s.capacity.rate_text import rate_text
from longshore_k8s.capacity.share import inflation
from longshore_k8s.capacity.step import Step

DEVIATIONS = 3.0
"""Standard deviations of the number of late requests that chance is granted."""
TOLERATED_SHARE = 0.25
"""Of the late requests that the objective allows, beside that."""
STALL_PERCENTILE = 95
PROMINENT_STALL = 0.25
"""Of the objective: shorter ones make few requests late."""


def disagreements(
    model: PodModel, scale: float, steps: Sequence[Step], objective: Objective
) -> list[str]:
    """A sentence for each step with more, or fewer, late requests than the model has on the same
    arrivals.
    """
    return [
        sentence for step in steps if (sentence := _disagreement(model, scale, step, objective))
    ]


def _disagreement(model: PodModel, scale: float, step: Step, objective: Objective) -> str:
    settled = step.settled()
    late = settled.is_late(objective)
    expected = settled_latencies(model, step, scale) > objective.seconds
    share = max(float(expected.mean()), 1 / len(expected))
    variance = len(expected) * share * inflation(expected.astype(float), share * (1 - share))
    granted = DEVIATIONS * sqrt(variance) + TOLERATED_SHARE * objective.late_share * len(late)
    if abs(int(late.sum()) - int(expected.sum())) <= granted:
        return ""
    return (
        f"at {rate_text(step.rate)} requests/s {int(late.sum())} of {len(late)} were late, where "
        f"{int(expected.sum())} should have been{stall_sentence(settled, objective)}"
    )


def stall_sentence(step: Step, objective: Objective) -> str:
    """`, stalls of about 50 ms`; empty where no late request waited for one."""
    seconds = stall_seconds(step, objective)
    if seconds < PROMINENT_STALL * objective.seconds:
        return ""
    return f", stalls of about {max(1, round(1000 * seconds))} ms"


def stall_seconds(step: Step, objective: Objective) -> float:
    """By how much late requests took longer than most; 0 where there are none with an answer."""
    late = step.is_late(objective) & step.is_answered
    if not late.any():
        return 0.0
    usual = float(np.median(step.latency[step.is_answered]))
    return float(np.percentile(step.latency[late] - usual, STALL_PERCENTILE))
