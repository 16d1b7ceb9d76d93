"""One sync of the HPA controller, for many autoscalers at once: each has a row.

The order of the steps, and every rounding, is that of `reconcileAutoscaler` in Kubernetes 1.36 and
1.37, which differ in when they sync (`first_sync`), and in that 1.37 wakes what it has itself
scaled to zero (feature HPAScaleToZero). `tests/replay/oracle` holds it to both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longshore_k8s.replay.autoscaler import DEFAULT_DOWN_WINDOW, DEFAULT_TOLERANCE, Autoscaler
from longshore_k8s.replay.pods import SECOND, Counts, Flags
from longshore_k8s.replay.policies import down_limit, policy_table, up_limit
from longshore_k8s.replay.proposals import Proposal, Tolerances, largest
from longshore_k8s.replay.recommendations import History, hold_highest, stabilize

PERIOD = 15 * SECOND
"""`--horizontal-pod-autoscaler-sync-period`."""
NEWEST_MINOR = 37


def first_sync(minor: int) -> int:
    """Nanoseconds from an autoscaler's creation to its first sync: 1.37 does not wait a period."""
    return 0 if minor >= 37 else PERIOD


@dataclass(frozen=True, slots=True)
class Decision:
    """What one sync ended with, for each row."""

    count: Counts
    """To be set; the current count where nothing changes."""
    is_rescale: Flags
    is_read: Flags
    """The metrics were asked, and could be read: else nothing was recorded."""
    wanted: Counts
    """The largest proposal."""
    lowest: Counts
    highest: Counts
    stabilized: Counts
    limit: Counts
    """What the policies allow in the direction of the change."""


class Controller:
    """Recommendations and rescales of each row, and the rules that they are held to."""

    def __init__(self, autoscalers: list[Autoscaler], minor: int = NEWEST_MINOR) -> None:
        rows = len(autoscalers)
        self._wakes_up = minor >= 37
        self._has_external = np.array([one.has_external_metric for one in autoscalers], bool)
        self._slept = np.zeros(rows, bool)
        """The condition ScaledToZero: the last rescale was to zero, ours, and can be taken back."""
        self.minimum = np.array([one.minimum for one in autoscalers], np.int64)
        self.maximum = np.array([one.maximum for one in autoscalers], np.int64)
        self.up = policy_table([one.up for one in autoscalers])
        self.down = policy_table([one.down for one in autoscalers])
        self._has_behavior = np.array([one.has_behavior for one in autoscalers], bool)
        self.tolerances = Tolerances(
            np.array([_tolerance(one.down.tolerance, one) for one in autoscalers]),
            np.array([_tolerance(one.up.tolerance, one) for one in autoscalers]),
        )
        self.recommendations = History(rows, 32)
        self.ups = History(rows)
        self.downs = History(rows)

    def sync(
        self, rows: Flags, now: Counts, current: Counts, proposals: list[Proposal]
    ) -> Decision:
        """Decide for `rows`; the others are left as they are.

        `now` is in nanoseconds and `current` is `spec.replicas`, one for each row.
        """
        self._remember_the_first(rows, now, current)
        bounded = np.clip(current, self.minimum, self.maximum)
        is_outside = rows & (current != 0) & (bounded != current)
        wanted, stopped = largest(proposals, current)
        is_read = rows & ((current != 0) | self._slept) & ~is_outside & ~stopped
        stabilized, lowest, highest, limit, count = self._normalize(is_read, now, current, wanted)
        count = np.where(is_read & (current == 0), np.maximum(count, self.minimum), count)
        count = np.where(is_read, count, np.where(is_outside, bounded, current))
        is_rescale = count != current
        self._remember_zero(is_rescale, count)
        self._remember_rescales(is_rescale, now, count - current)
        return Decision(count, is_rescale, is_read, wanted, lowest, highest, stabilized, limit)

    def _remember_the_first(self, rows: Flags, now: Counts, current: Counts) -> None:
        """The count that a controller finds is its first recommendation, also after a restart."""
        fresh = rows & (self.recommendations.lengths == 0)
        if fresh.any():
            nothing = np.zeros_like(self.recommendations.used)
            self.recommendations.record(fresh, current, now, nothing)

    def _normalize(
        self, rows: Flags, now: Counts, current: Counts, wanted: Counts
    ) -> tuple[Counts, Counts, Counts, Counts, Counts]:
        behaves, plain = rows & self._has_behavior, rows & ~self._has_behavior
        stabilized = lowest = highest = limit = count = wanted
        if behaves.any():
            stabilized, lowest, highest = stabilize(
                self.recommendations, behaves, now, current, wanted,
                self.up.window, self.down.window,
            )  # fmt: skip
            limit, count = self._limit(now, current, stabilized)
        if plain.any():
            window = np.full_like(now, DEFAULT_DOWN_WINDOW * SECOND)
            held = hold_highest(self.recommendations, plain, now, wanted, window)
            stabilized = np.where(plain, held, stabilized)
            highest = np.where(plain, held, highest)
            limit = np.where(plain, np.maximum(2 * current, 4), limit)
            most = np.minimum(limit, self.maximum)
            clamped = np.where(held < self.minimum, self.minimum, np.minimum(held, most))
            count = np.where(plain, clamped, count)
        return stabilized, lowest, highest, limit, count

    def _limit(self, now: Counts, current: Counts, stabilized: Counts) -> tuple[Counts, Counts]:
        """The policies' limit, and the count within it and the bounds."""
        up, down = stabilized > current, stabilized < current
        limit = count = stabilized
        if up.any():
            most = np.maximum(up_limit(self.up, now, current, self.ups, self.downs), current)
            limit = np.where(up, most, limit)
            count = np.where(up, np.minimum(stabilized, np.minimum(most, self.maximum)), count)
        if down.any():
            least = np.minimum(down_limit(self.down, now, current, self.ups, self.downs), current)
            limit = np.where(down, least, limit)
            count = np.where(down, np.maximum(stabilized, np.maximum(least, self.minimum)), count)
        return limit, count

    def _remember_zero(self, rows: Flags, count: Counts) -> None:
        self._slept = np.where(
            rows, self._wakes_up & self._has_external & (count == 0), self._slept
        )

    def _remember_rescales(self, rows: Flags, now: Counts, change: Counts) -> None:
        for events, table, chosen in (
            (self.ups, self.up, rows & (change > 0)),
            (self.downs, self.down, rows & (change < 0)),
        ):
            if chosen.any():
                outdated = events.times < (now - table.longest)[:, None]
                events.record(chosen, np.abs(change), now, outdated)


def _tolerance(own: float, autoscaler: Autoscaler) -> float:
    return own if autoscaler.has_behavior else DEFAULT_TOLERANCE
