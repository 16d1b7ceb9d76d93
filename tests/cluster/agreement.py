"""How far the counts of a real autoscaler and of its replay agree, second by second."""

from __future__ import annotations

from bisect import bisect_right

from longshore_k8s.replay.outcome import Outcome
from tests.cluster.timeline import Sample

AGREED_SHARE = 0.95
"""Of the seconds, within one pod."""
Counts = list[tuple[float, int]]
"""Seconds, and the count from then on."""
SHIFT_STEPS = 15


def agreement(
    samples: list[Sample], since: float, predicted: Counts, *, sync_seconds: float
) -> tuple[float, float]:
    """The largest share of samples within one pod, and the shift, at most a sync, that gives it.

    `predicted` counts its seconds from `since`.
    """

    def share(shift: float) -> float:
        agreed = [
            abs(sample.desired - count_at(sample.at - since - shift, predicted)) <= 1
            for sample in samples
        ]
        return sum(agreed) / len(agreed)

    shifts = [sync_seconds * step / SHIFT_STEPS for step in range(-SHIFT_STEPS, SHIFT_STEPS + 1)]
    best = max(shifts, key=lambda shift: (share(shift), -abs(shift)))
    return share(best), best


def count_at(seconds: float, predicted: Counts) -> int:
    """The first count before the first second."""
    place = bisect_right(predicted, seconds, key=lambda one: one[0])
    return predicted[max(place - 1, 0)][1]


def median_counts(outcome: Outcome) -> Counts:
    """Of a replay, over its seeds."""
    middle = outcome.bands()[1]
    return [(float(at), round(count)) for at, count in zip(outcome.seconds, middle, strict=True)]


def pod_seconds_ratio(samples: list[Sample], since: float, predicted: Counts) -> float:
    """Those of the replay over the real ones."""
    ours = sum(count_at(sample.at - since, predicted) for sample in samples)
    return ours / sum(sample.desired for sample in samples)
