"""Stabilization: what was recommended within a window holds a change back."""

from __future__ import annotations

import numpy as np

from longshore_k8s.replay.pods import Counts, Flags

_NEVER = np.iinfo(np.int64).min


class History:
    """Numbers with their times, a list for each row; the newest takes the place of one that is too
    old to matter, where there is one.
    """

    def __init__(self, rows: int, places: int = 8) -> None:
        self.numbers = np.zeros((rows, places), np.int64)
        self.times = np.full((rows, places), _NEVER)
        self.lengths = np.zeros(rows, np.int64)

    @property
    def used(self) -> Flags:
        used: Flags = np.arange(self.numbers.shape[1]) < self.lengths[:, None]
        return used

    def record(self, rows: Flags, numbers: Counts, times: Counts, outdated: Flags) -> None:
        """Put one number into each of `rows`; `outdated` marks entries that may be overwritten."""
        outdated = outdated & self.used
        last = outdated.shape[1] - 1 - np.argmax(outdated[:, ::-1], axis=1)
        place = np.where(outdated.any(axis=1), last, self.lengths)
        if (place[rows] >= self.numbers.shape[1]).any():
            self._grow()
        chosen = np.flatnonzero(rows)
        self.numbers[chosen, place[chosen]] = numbers[chosen]
        self.times[chosen, place[chosen]] = times[chosen]
        self.lengths[chosen] = np.maximum(self.lengths[chosen], place[chosen] + 1)

    def _grow(self) -> None:
        self.numbers = np.concatenate([self.numbers, np.zeros_like(self.numbers)], axis=1)
        self.times = np.concatenate([self.times, np.full_like(self.times, _NEVER)], axis=1)


def stabilize(
    history: History, rows: Flags, now: Counts, current: Counts, wanted: Counts,
    up_window: Counts, down_window: Counts,
) -> tuple[Counts, Counts, Counts]:  # fmt: skip
    """Bring the current count between the lowest recommendation of one window and the highest of
    the other; remembers `wanted` as it is, without any bound.

    Returns the result, that lowest and that highest.
    """
    up_cutoff = (now - up_window)[:, None]
    down_cutoff = (now - down_window)[:, None]
    times, numbers, used = history.times, history.numbers, history.used
    candidates = np.where(used & (times > up_cutoff), numbers, wanted[:, None])
    lowest = np.minimum(candidates.min(axis=1), wanted)
    candidates = np.where(used & (times > down_cutoff), numbers, wanted[:, None])
    highest = np.maximum(candidates.max(axis=1), wanted)
    result = np.minimum(np.maximum(current, lowest), highest)
    history.record(rows, wanted, now, (times < up_cutoff) & (times < down_cutoff))
    return result, lowest, highest


def hold_highest(
    history: History, rows: Flags, now: Counts, wanted: Counts, window: Counts
) -> Counts:
    """Without a `behavior`: the highest of the window, its first instant included."""
    cutoff = (now - window)[:, None]
    recent = history.used & (history.times >= cutoff)
    result: Counts = np.maximum(
        np.where(recent, history.numbers, wanted[:, None]).max(axis=1), wanted
    )
    history.record(rows, wanted, now, history.times < cutoff)
    return result
