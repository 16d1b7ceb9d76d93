"""The one factor by which executions differ from their calibration, from latencies under load.

The model is given the very arrivals that were sent. What they have in common with chance then
cancels, and a step of some hundred requests tells as much as minutes of others would.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np

from longshore_k8s.capacity.pod_model import PodModel
from longshore_k8s.capacity.share import Z_95, part_means
from longshore_k8s.capacity.step import SETTLING_SHARE, Step

LEAST_SCALE, MOST_SCALE = 0.3, 3.0
PRECISION = 5e-4
"""Relative, of the scale and of the latency."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A factor, and the bounds between which it is, at 95 %."""

    low: float
    scale: float
    high: float


def fit_scale(model: PodModel, steps: Sequence[Step]) -> float:
    """The factor with which the model's mean latencies are those of `steps`, over all of them."""
    return _root(_distance(model, steps), 0.0)


def fit_bounds(model: PodModel, steps: Sequence[Step]) -> Fit:
    """The same with the bounds that chance leaves."""
    distance = _distance(model, steps)
    scale = _root(distance, 0.0)
    errors = [_relative_error(model, step, scale) for step in steps]
    half = Z_95 * sqrt(sum(error * error for error in errors)) / len(steps)
    return Fit(_root(distance, -half), scale, _root(distance, half))


def settled_latencies(model: PodModel, step: Step, scale: float) -> np.ndarray:
    """The model's, of the requests that `step.settled()` has."""
    first = int(SETTLING_SHARE * step.count)
    return model.latencies(step.due, scale)[first:]


def _distance(model: PodModel, steps: Sequence[Step]) -> Callable[[float], float]:
    """By how much the model is slower at a scale: the mean logarithm of the ratio, over steps."""
    measured = [_mean(step) for step in steps]

    def distance(scale: float) -> float:
        simulated = [_simulated_mean(model, step, scale) for step in steps]
        return sum(log(s / m) for s, m in zip(simulated, measured, strict=True)) / len(steps)

    return distance


def _mean(step: Step) -> float:
    settled = step.settled()
    return float(settled.latency[settled.is_answered].mean())


def _simulated_mean(model: PodModel, step: Step, scale: float) -> float:
    return float(settled_latencies(model, step, scale)[step.settled().is_answered].mean())


def _relative_error(model: PodModel, step: Step, scale: float) -> float:
    """Of the mean: what is left of the latencies after those of the model."""
    settled = step.settled()
    chosen = settled.is_answered
    left = settled.latency[chosen] - settled_latencies(model, step, scale)[chosen]
    means = part_means(left)
    return float(means.std(ddof=1)) / sqrt(len(means)) / _mean(step)


def _root(distance: Callable[[float], float], wanted: float) -> float:
    """By regula falsi (Illinois) on the logarithm: `distance` grows with the scale."""
    low, high = log(LEAST_SCALE), log(MOST_SCALE)
    at_low, at_high = distance(LEAST_SCALE) - wanted, distance(MOST_SCALE) - wanted
    if at_low >= 0 or at_high <= 0:
        return LEAST_SCALE if at_low >= 0 else MOST_SCALE
    side = 0
    while True:
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        found = distance(exp(middle)) - wanted
        if abs(found) < PRECISION or high - low < PRECISION:
            return exp(middle)
        if found < 0:
            low, at_low = middle, found
            at_high = at_high / 2 if side < 0 else at_high
            side = -1
        else:
            high, at_high = middle, found
            at_low = at_low / 2 if side > 0 else at_low
            side = 1
