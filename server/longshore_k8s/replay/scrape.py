"""What Prometheus knows of each pod's counters: samples at the pod's own scrape phase."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from longshore_k8s.replay.extrapolated_rate import extrapolated_rate
from longshore_k8s.replay.pods import Counts, Flags, Ratios

DISCOVERY_MS = 5_000
"""Prometheus takes up new targets at most this often."""
NEVER = np.iinfo(np.int64).max


class Scrapes:
    """The newest samples of `metrics` counters of rows x slots pods."""

    def __init__(
        self, rows: int, slots: int, metrics: int, *, interval_ms: int, window_ms: int
    ) -> None:
        self.interval_ms = interval_ms
        self.window_ms = window_ms
        places = window_ms // interval_ms + 2
        self.next = np.full((rows, slots), NEVER)
        self._times = np.zeros((rows, slots, places), np.int64)
        self._values = np.zeros((metrics, rows, slots, places))
        self._count = np.zeros((rows, slots), np.int64)

    def begin(self, row: int, slot: int, running_ms: int, random: NDArray[np.float64]) -> None:
        """A new pod in `slot` from `running_ms` on; `random` has two numbers below 1."""
        found = running_ms + int(random[0] * DISCOVERY_MS)
        phase = int(random[1] * self.interval_ms)
        self.next[row, slot] = found + (phase - found) % self.interval_ms
        self._count[row, slot] = 0

    def end(self, row: int, slot: int, gone_ms: int) -> None:
        """No scrape after `gone_ms`."""
        if self.next[row, slot] >= gone_ms:
            self.next[row, slot] = NEVER

    def take(self, start: int, end: int, before: Ratios, after: Ratios) -> None:
        """The samples of a step, during which counters (metrics x rows x pods) grow evenly."""
        width = before.shape[2]
        rows, slots = np.nonzero(self.next[:, :width] < end)
        if not rows.size:
            return
        at = self.next[rows, slots]
        part = (at - start) / (end - start)
        place = self._count[rows, slots] % self._times.shape[2]
        self._times[rows, slots, place] = at
        grown = before[:, rows, slots] * (1 - part) + after[:, rows, slots] * part
        self._values[:, rows, slots, place] = grown
        self._count[rows, slots] += 1
        self.next[rows, slots] = at + self.interval_ms

    def rates(self, metric: int, end: int, width: int) -> tuple[Ratios, Flags]:
        """Of one metric, by an instant query at `end` milliseconds."""
        places = self._times.shape[2]
        used = np.arange(places) < self._count[:, :width, None]
        times, values = self._times[:, :width], self._values[metric, :, :width]
        return extrapolated_rate(times, values, used, end, self.window_ms)

    def newest(self, width: int) -> Counts:
        """Milliseconds of each pod's newest sample; 0 where it has none."""
        newest: Counts = self._times[:, :width].max(axis=2)
        return newest
