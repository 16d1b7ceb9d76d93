"""Policies: how far one rescale may go, given what was added and removed within each period."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longshore_k8s.replay.autoscaler import Rules, Select
from longshore_k8s.replay.pods import SECOND, Counts, Flags
from longshore_k8s.replay.recommendations import History

_SMALLEST, _LARGEST = -(2**31), 2**31 - 1


@dataclass(frozen=True, slots=True)
class PolicyTable:
    """The rules of one direction for each row; policies are rows x policies."""

    window: Counts
    """Of stabilization, in nanoseconds."""
    is_disabled: Flags
    is_least: Flags
    """`selectPolicy: Min`: the policy that changes least decides."""
    is_used: Flags
    is_percent: Flags
    value: Counts
    period: Counts
    longest: Counts
    """The longest period: older rescales are forgotten."""


def policy_table(rules: list[Rules]) -> PolicyTable:
    """One row for each of `rules`."""
    places = max((len(rule.policies) for rule in rules), default=0)
    shape = (len(rules), places)
    used, percent = np.zeros(shape, bool), np.zeros(shape, bool)
    value, period = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, rule in enumerate(rules):
        for place, policy in enumerate(rule.policies):
            used[row, place] = True
            percent[row, place] = policy.is_percent
            value[row, place] = policy.value
            period[row, place] = policy.period_seconds * SECOND
    return PolicyTable(
        window=np.array([rule.window_seconds * SECOND for rule in rules]),
        is_disabled=np.array([rule.select is Select.DISABLED for rule in rules]),
        is_least=np.array([rule.select is Select.MIN for rule in rules]),
        is_used=used,
        is_percent=percent,
        value=value,
        period=period,
        longest=period.max(axis=1, initial=0),
    )


def changed_within(events: History, now: Counts, period: Counts) -> Counts:
    """Pods in rescales strictly younger than each period: rows x policies."""
    cutoff = now[:, None] - period
    recent = events.used[:, None, :] & (events.times[:, None, :] > cutoff[:, :, None])
    changed: Counts = np.where(recent, events.numbers[:, None, :], 0).sum(axis=2)
    return changed


def up_limit(
    table: PolicyTable, now: Counts, current: Counts, ups: History, downs: History
) -> Counts:
    """The largest count that the policies allow on the way up; it may lie below the current one."""
    start = _at_start(table, now, current, ups, downs)
    percent = np.ceil(start * (1 + table.value / 100)).astype(np.int64)
    limits = np.where(table.is_percent, percent, start + table.value)
    most = np.where(table.is_used, limits, _SMALLEST).max(axis=1, initial=_SMALLEST)
    least = np.where(table.is_used, limits, _LARGEST).min(axis=1, initial=_LARGEST)
    return np.where(table.is_disabled, current, np.where(table.is_least, least, most))


def down_limit(
    table: PolicyTable, now: Counts, current: Counts, ups: History, downs: History
) -> Counts:
    """The smallest count that the policies allow on the way down."""
    start = _at_start(table, now, current, ups, downs)
    percent = np.trunc(start * (1 - table.value / 100)).astype(np.int64)
    limits = np.where(table.is_percent, percent, start - table.value)
    most = np.where(table.is_used, limits, _LARGEST).min(axis=1, initial=_LARGEST)
    least = np.where(table.is_used, limits, _SMALLEST).max(axis=1, initial=_SMALLEST)
    return np.where(table.is_disabled, current, np.where(table.is_least, least, most))


def _at_start(
    table: PolicyTable, now: Counts, current: Counts, ups: History, downs: History
) -> Counts:
    """The count at the begin of each policy's period."""
    added = changed_within(ups, now, table.period)
    removed = changed_within(downs, now, table.period)
    return current[:, None] - added + removed
