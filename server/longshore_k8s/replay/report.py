"""A replay in lines for a person, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from longshore_k8s.replay.autoscaler import Autoscaler
from longshore_k8s.replay.explain import Watcher
from longshore_k8s.replay.outcome import PERCENTILES, Outcome
from longshore_k8s.replay.pods import Ratios
from longshore_k8s.replay.simulation import Conditions
from longshore_k8s.replay.suggest import Candidate, as_values, chosen, describe


@dataclass(frozen=True, slots=True)
class Replay:
    """Everything that a replay found."""

    conditions: Conditions
    plan: Autoscaler
    outcome: Outcome
    why: Watcher
    candidates: list[Candidate]
    cost: float | None
    """Of a pod for an hour."""

    @property
    def best(self) -> Candidate | None:
        """What is suggested; `None` where nothing was searched."""
        if not self.candidates:
            return None
        return chosen(self.candidates, self.conditions.capacity.late_share)


def lines(replay: Replay) -> Iterator[str]:
    """The report."""
    yield f"as written    {describe(replay.plan)}"
    yield f"              {summary(replay.outcome, replay.cost)}"
    yield f"              {spread(replay.outcome)}"
    best = replay.best
    for candidate in replay.candidates:
        name = "suggested" if candidate is best else "or"
        yield f"{name:<13} {candidate.name}"
        yield f"              {summary(candidate.outcome, replay.cost)}"
    if best is not None and best.missed > replay.conditions.capacity.late_share:
        yield "              none of those tried keeps the objective over the whole trace"
    yield f"why {replay.conditions.trace.label(replay.why.seconds)}"
    yield from (f"  {line}" for line in replay.why.lines)
    yield from notes(replay.conditions)


def summary(outcome: Outcome, cost: float | None) -> str:
    """Medians of the hours and rescales, means of the requests."""
    hours = float(np.median(outcome.pod_hours))
    price = f" ({hours * cost:.2f})" if cost is not None else ""
    requests = outcome.requests.sum()
    return (
        f"{hours:.2f} pod-hours{price}, {hours / outcome.perfect_hours:.2f} x perfect; "
        f"{_percent(outcome.late.sum() / requests)} over the SLO, "
        f"{_percent(outcome.refused.sum() / requests)} refused; "
        f"{np.median(outcome.rescales):.0f} rescales, {np.median(outcome.reversals):.0f} reversals"
    )


def spread(outcome: Outcome) -> str:
    """p5 to p95 over the seeds."""
    hours = np.percentile(outcome.pod_hours, (5, 95))
    missed = np.percentile(outcome.missed_share, (5, 95))
    peak = np.percentile(outcome.replicas.max(axis=0), (5, 95))
    return (
        f"{len(outcome.pod_hours)} seeds, p5 to p95: {hours[0]:.2f} to {hours[1]:.2f} pod-hours, "
        f"{_percent(missed[0])} to {_percent(missed[1])} missed, {peak[0]:.0f} to {peak[1]:.0f} "
        "pods at the peak"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def notes(conditions: Conditions) -> Iterator[str]:
    """What the numbers rest on."""
    capacity, life = conditions.capacity, conditions.life
    yield (
        f"assumed       a pod carries {capacity.knee:g} requests/s (at most {capacity.highest:g}), "
        f"is Pending for {life.pending / 1000:g} s and Ready {life.starting / 1000:g} s later; "
        f"scraped every {conditions.scrape_ms / 1000:g} s, "
        f"rates over {conditions.window_ms / 1000:g} s"
    )
    if conditions.polling_seconds is not None:
        yield (
            f"note          the pollingInterval of {conditions.polling_seconds} s is KEDA's own: "
            "of the chart's triggers, KEDA asks Prometheus at each sync of the HPA"
        )
    interval = conditions.trace.interval
    if interval > conditions.window_ms / 1000:
        yield (
            f"note          the trace's points are {interval:g} s apart: shorter bursts are not "
            "in it, and so not in this replay"
        )


def document(replay: Replay) -> dict[str, Any]:
    """The same, with the bands of the replicas."""
    best = replay.best
    return {
        "as_written": _numbers(replay.outcome, replay.cost) | {"plan": as_values(replay.plan)},
        "candidates": [
            _numbers(candidate.outcome, replay.cost)
            | {
                "name": candidate.name,
                "plan": as_values(candidate.plan),
                "suggested": candidate is best,
            }
            for candidate in replay.candidates
        ],
        "why": {"seconds": replay.why.seconds, "lines": list(replay.why.lines)},
        "replicas": {
            "seconds": replay.outcome.seconds.tolist(),
            **{
                f"p{percentile}": band.tolist()
                for percentile, band in zip(PERCENTILES, replay.outcome.bands(), strict=True)
            },
        },
        "notes": list(notes(replay.conditions)),
    }


def _numbers(outcome: Outcome, cost: float | None) -> dict[str, Any]:
    def band(values: Ratios) -> dict[str, float]:
        found = np.percentile(values, PERCENTILES)
        return {f"p{name}": float(value) for name, value in zip(PERCENTILES, found, strict=True)}

    hours = band(outcome.pod_hours)
    return {
        "pod_hours": hours,
        "perfect_pod_hours": outcome.perfect_hours,
        "cost": None if cost is None else {name: cost * value for name, value in hours.items()},
        "late_share": float(outcome.late.sum() / outcome.requests.sum()),
        "refused_share": float(outcome.refused.sum() / outcome.requests.sum()),
        "missed_share": band(outcome.missed_share),
        "rescales": band(outcome.rescales.astype(float)),
        "reversals": band(outcome.reversals.astype(float)),
    }
