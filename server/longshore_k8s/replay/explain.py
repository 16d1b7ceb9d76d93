"""One sync in the controller's own order: what it read, what it made of it, what held it back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from longshore_k8s.replay.autoscaler import Autoscaler, Policy
from longshore_k8s.replay.pods import SECOND, Groups, group
from longshore_k8s.replay.policies import changed_within
from longshore_k8s.replay.simulation import NANOSECONDS, Conditions, Sync, simulate


@dataclass(slots=True)
class Watcher:
    """Explains the sync nearest to `at` seconds of the trace, or that of the largest rescale."""

    plan: Autoscaler
    trace_seconds: float
    at: float | None = None
    lines: tuple[str, ...] = ()
    seconds: float = 0.0
    _nearest: float = float("inf")

    def __call__(self, sync: Sync) -> None:
        seconds = float(sync.seconds[0])
        change = abs(int(sync.decision.count[0]) - int(sync.current[0]))
        distance = -float(change) if self.at is None else abs(seconds - self.at)
        if 0 <= seconds < self.trace_seconds and distance < self._nearest:
            self._nearest = distance
            self.seconds = seconds
            self.lines = tuple(explain(sync, self.plan))


def explained(conditions: Conditions, plan: Autoscaler, at: float | None) -> Watcher:
    """One seed, replayed until the end of its trace."""
    watcher = Watcher(plan, conditions.trace.seconds, at)
    simulate(conditions, [plan], 1, watcher)
    return watcher


def explain(sync: Sync, plan: Autoscaler, row: int = 0) -> Iterator[str]:
    """A line for each step of `row`."""
    current, decision = int(sync.current[row]), sync.decision
    yield f"scale          {current} replicas, allowed {plan.minimum} to {plan.maximum}"
    for index, key in enumerate(sync.keys):
        yield from _metric(sync, plan, index, key, row)
    if not decision.is_read[row]:
        yield "decision       unchanged: the metrics allow none, and nothing is remembered"
        return
    yield f"wanted         {decision.wanted[row]}: the most that a metric asks for"
    yield from _stabilization(sync, plan, row)
    if decision.stabilized[row] != current:
        yield from _policies(sync, plan, row)
    yield f"decision       {current} -> {decision.count[row]} ({reason(sync, plan, row)})"


def _metric(sync: Sync, plan: Autoscaler, index: int, key: str, row: int) -> Iterator[str]:
    proposal, (values, has_value) = sync.proposals[index], sync.readings[index]
    target = plan.targets[key] / 1000
    name = f"{key:<14}"
    if values.ndim == 1:
        if proposal.failed[row]:
            yield f"{name} no value: the query has no series"
            return
        yield (
            f"{name} the sum is {values[row] / 1000:g} for a target of {target:g} a pod: ratio "
            f"{proposal.ratio[row]:.4f} of {_live(sync, row)} pods, {_tolerance(sync, row)}"
        )
        yield f"{'':14} asks for {proposal.count[row]}"
        return
    groups = group(sync.pods, has_value, None, np.full(len(sync.current), sync.now * NANOSECONDS))
    yield f"pods           {_groups(groups, row)}"
    if proposal.failed[row]:
        yield f"{name} no pod has a value"
        return
    yield (
        f"{name} the mean is {proposal.usage[row] / 1000:g} for a target of {target:g}: ratio "
        f"{proposal.ratio[row]:.4f}, {_tolerance(sync, row)}"
    )
    if proposal.filled[row] != proposal.ratio[row]:
        filler = "their target" if proposal.ratio[row] < 1 else "0"
        yield f"{'':14} with pods without a value as {filler}: ratio {proposal.filled[row]:.4f}"
    yield f"{'':14} asks for {proposal.count[row]}"


def _live(sync: Sync, row: int) -> int:
    return int((sync.pods.exists[row] & ~sync.pods.deleted[row]).sum())


def _tolerance(sync: Sync, row: int) -> str:
    held = sync.controller.tolerances
    return f"nothing changes from {1 - held.down[row]:g} to {1 + held.up[row]:g}"


def _groups(groups: Groups, row: int) -> str:
    counts = {
        "counted": groups.counted,
        "Pending": groups.unready,
        "Running without a value": groups.missing,
        "ignored (deleted)": groups.ignored,
    }
    return ", ".join(f"{int(flags[row].sum())} {name}" for name, flags in counts.items())


def _stabilization(sync: Sync, plan: Autoscaler, row: int) -> Iterator[str]:
    decision = sync.decision
    if not plan.has_behavior:
        yield f"stabilization  the highest of 300 s is {decision.stabilized[row]}"
        return
    yield (
        f"stabilization  at least {decision.lowest[row]} (lowest of {plan.up.window_seconds} s), "
        f"at most {decision.highest[row]} (highest of {plan.down.window_seconds} s): "
        f"{decision.stabilized[row]}"
    )


def _policies(sync: Sync, plan: Autoscaler, row: int) -> Iterator[str]:
    decision, current = sync.decision, int(sync.current[row])
    if not plan.has_behavior:
        yield f"limit          {decision.limit[row]}: twice the count, at least 4"
        return
    is_up = decision.stabilized[row] > current
    rules = plan.up if is_up else plan.down
    limits = ", ".join(
        f"{_name(policy)} allows {_allows(sync, policy, row, is_up=is_up)}"
        for policy in rules.policies
    )
    yield f"policies       {limits}; {rules.select} of them: {decision.limit[row]}"


def _name(policy: Policy) -> str:
    return f"{'Percent' if policy.is_percent else 'Pods'} {policy.value}/{policy.period_seconds} s"


def _allows(sync: Sync, policy: Policy, row: int, *, is_up: bool) -> int:
    """As `policies` counts it, from the rescales before this one."""
    now = np.full(len(sync.current), sync.now * NANOSECONDS)
    period = np.full((len(now), 1), policy.period_seconds * SECOND)
    change = sync.decision.count - sync.current
    own = int(change[row])  # remembered already by the time of this call
    added = int(changed_within(sync.controller.ups, now, period)[row, 0]) - max(own, 0)
    removed = int(changed_within(sync.controller.downs, now, period)[row, 0]) - max(-own, 0)
    start = int(sync.current[row]) - added + removed
    if not policy.is_percent:
        return start + policy.value if is_up else start - policy.value
    share = policy.value / 100
    return int(np.ceil(start * (1 + share))) if is_up else int(start * (1 - share))


def reason(sync: Sync, plan: Autoscaler, row: int = 0) -> str:
    """The reason of the condition ScalingLimited, as the controller sets it."""
    decision, current = sync.decision, int(sync.current[row])
    return limited_by(
        int(decision.stabilized[row]), int(decision.limit[row]), current,
        int(decision.count[row]), plan,
    )  # fmt: skip


def limited_by(stabilized: int, limit: int, current: int, count: int, plan: Autoscaler) -> str:
    """`DesiredWithinRange`, or the bound that the count was brought to."""
    if count == stabilized:
        return "DesiredWithinRange"
    if not plan.has_behavior:
        if stabilized < count:
            return "TooFewReplicas"
        return "ScaleUpLimit" if plan.maximum > limit else "TooManyReplicas"
    if stabilized > current:
        return "ScaleUpLimit" if plan.maximum > limit else "TooManyReplicas"
    return "ScaleDownLimit" if plan.minimum < limit else "TooFewReplicas"
