"""Prometheus' `rate()` of a counter without resets.

As `extrapolatedRate` in promql/functions.go of Prometheus 3: the window leaves out its begin and
holds its end, timestamps are integers in milliseconds, and floats are combined in the same order.
"""

from __future__ import annotations

import numpy as np

from longshore_k8s.replay.pods import Counts, Flags, Ratios

CLOSE_ENOUGH = 1.1
"""Mean intervals between samples: from a sample that is nearer, the rate is taken to the edge."""


def extrapolated_rate(
    times: Counts, values: Ratios, used: Flags, end: int, window: int
) -> tuple[Ratios, Flags]:
    """Rates per second at `end`, and where there is one: two samples within the window.

    The last axis of the arrays is the samples of a series, in any order; `window` is in
    milliseconds as `times` and `end` are.
    """
    start = end - window
    within = used & (times > start) & (times <= end)
    count = within.sum(axis=-1)
    has_rate = count >= 2
    first_time = np.where(within, times, end).min(axis=-1)
    last_time = np.where(within, times, start).max(axis=-1)
    first = np.where(within, values, np.inf).min(axis=-1)
    last = np.where(within, values, -np.inf).max(axis=-1)
    sampled = np.where(has_rate, last_time - first_time, 1000) / 1000
    increase = np.where(has_rate, last - np.where(has_rate, first, 0.0), 0.0)
    mean_interval = sampled / np.maximum(count - 1, 1)
    threshold = mean_interval * CLOSE_ENOUGH
    to_start = (first_time - start) / 1000
    to_start = np.where(to_start >= threshold, mean_interval / 2, to_start)
    to_zero = sampled * (np.where(has_rate, first, 0.0) / np.where(increase > 0, increase, 1.0))
    to_start = np.where(increase > 0, np.minimum(to_start, to_zero), to_start)
    to_end = (end - last_time) / 1000
    to_end = np.where(to_end >= threshold, mean_interval / 2, to_end)
    factor = (sampled + to_start + to_end) / sampled
    factor = factor / (window / 1000)
    return np.where(has_rate, increase * factor, 0.0), has_rate
