"""How many pods one metric asks for: the controller's ReplicaCalculator, for many rows at once.

Values and targets are integers in thousandths, as the API's quantities. A mean is floored before it
is compared, so that the last pod of a count can hang on a thousandth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from longshore_k8s.replay.pods import Counts, Flags, Groups, Pods, Ratios

LARGEST = 2**31 - 1
"""Counts are int32."""


@dataclass(frozen=True, slots=True)
class Tolerances:
    """Within which a ratio changes nothing, for each row."""

    down: Ratios
    up: Ratios

    def hold(self, ratio: Ratios) -> Flags:
        within: Flags = (1.0 - self.down <= ratio) & (ratio <= 1.0 + self.up)
        return within


@dataclass(frozen=True, slots=True)
class Proposal:
    """One metric's answer for each row."""

    count: Counts
    failed: Flags
    """The metric cannot be read: there is no count."""
    ratio: Ratios
    """Of usage to target, before pods without a value are filled in."""
    filled: Ratios
    """The same after."""
    usage: Counts
    """The mean that the ratio was made of."""


def average_value(
    current: Counts, target: Counts, values: Counts, groups: Groups, has_value: Flags, pods: Pods,
    tolerances: Tolerances,
) -> Proposal:  # fmt: skip
    """A Pods metric, or a resource's average value: the floor of the mean over the target."""

    def usage(total: Counts, entries: Counts) -> Counts:
        mean: Counts = total // np.maximum(entries, 1)
        return mean

    return _filled_in(current, target, target, usage, values, groups, has_value, pods, tolerances)


def utilization(
    current: Counts, percent: Counts, request: Counts, values: Counts, groups: Groups,
    has_value: Flags, pods: Pods, tolerances: Tolerances,
) -> Proposal:  # fmt: skip
    """CPU as a share of what the pods request, in whole percent."""

    def usage(total: Counts, entries: Counts) -> Counts:
        share: Counts = total * 100 // np.maximum(entries * request, 1)
        return share

    fill = request * np.maximum(100, percent) // 100
    return _filled_in(current, percent, fill, usage, values, groups, has_value, pods, tolerances)


def _filled_in(
    current: Counts, target: Counts, fill: Counts, usage: Callable[[Counts, Counts], Counts],
    values: Counts, groups: Groups, has_value: Flags, pods: Pods, tolerances: Tolerances,
) -> Proposal:  # fmt: skip
    """`calcPlainMetricReplicas`: a missing pod counts as `fill` on the way down, and as nothing on
    the way up, where an unready one does so too.
    """
    valued = has_value & ~groups.ignored & ~groups.unready
    entries = valued.sum(axis=1)
    total = np.where(valued, values, 0).sum(axis=1)
    failed = (entries == 0) | ~pods.exists.any(axis=1)
    mean = usage(total, entries)
    ratio = mean / target
    plain = np.where(tolerances.hold(ratio), current, np.ceil(ratio * groups.counted.sum(axis=1)))
    missing = groups.missing.sum(axis=1)
    unready = np.where(ratio > 1.0, groups.unready.sum(axis=1), 0)
    is_plain = (missing == 0) & (unready == 0)
    total = total + np.where(ratio < 1.0, missing * fill, 0)
    entries = entries + np.where(ratio == 1.0, 0, missing) + unready
    filled = usage(total, entries) / target
    padded = _same_direction(current, ratio, filled, np.ceil(filled * entries), tolerances)
    count = np.where(is_plain, plain, padded).astype(np.int64)
    return Proposal(count, failed, ratio, np.where(is_plain, ratio, filled), mean)


def _same_direction(
    current: Counts, ratio: Ratios, filled: Ratios, count: Ratios, tolerances: Tolerances
) -> Ratios:
    """The current count where filling in, or the number of pods, would turn the direction."""
    turned = ((ratio < 1.0) & (filled > 1.0)) | ((ratio > 1.0) & (filled < 1.0))
    against = ((filled < 1.0) & (count > current)) | ((filled > 1.0) & (count < current))
    kept: Ratios = np.where(tolerances.hold(filled) | turned | against, current, count)
    return kept


def external_average(
    status: Counts, target: Counts, usage: Counts, failed: Flags, tolerances: Tolerances
) -> Proposal:
    """An External metric's average value: the sum over the target, whatever the pods do."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = usage / (target.astype(np.float64) * status)
    wanted = np.minimum(np.ceil(usage / target), LARGEST)
    count = np.where(tolerances.hold(ratio), status, wanted).astype(np.int64)
    return Proposal(count, failed, ratio, ratio, usage)


def external_value(
    current: Counts, target: Counts, usage: Counts, failed: Flags, pods: Pods,
    tolerances: Tolerances,
) -> Proposal:  # fmt: skip
    """An External metric's value: the ratio times the pods that are Running and Ready; from zero,
    the ratio alone, whatever the tolerance.
    """
    ratio = usage / target
    is_zero = current == 0
    holds = tolerances.hold(ratio) & ~is_zero
    wanted = np.minimum(np.ceil(ratio * np.where(is_zero, 1, pods.serving)), LARGEST)
    count = np.where(holds, current, wanted).astype(np.int64)
    has_no_pods = ~holds & ~is_zero & ~pods.exists.any(axis=1)
    return Proposal(count, failed | has_no_pods, ratio, ratio, usage)


def largest(proposals: list[Proposal], current: Counts) -> tuple[Counts, Flags]:
    """Of several metrics the one that asks for most decides; and in which rows none may decide.

    One metric that cannot be read still lets the others add pods, but not remove any.
    """
    best = np.zeros_like(current)
    invalid = np.zeros_like(current)
    for proposal in proposals:
        takes = ~proposal.failed & ((best == 0) | (proposal.count > best))
        best = np.where(takes, proposal.count, best)
        invalid += proposal.failed
    stopped = (invalid >= len(proposals)) | ((invalid > 0) & (best < current))
    return best, stopped
