"""Loads by formula: a step, a spike, a day."""

from __future__ import annotations

import numpy as np

from longshore_k8s.replay.trace import Trace

SHAPES = ("step", "spike", "diurnal")


def synthetic(shape: str, *, low: float, high: float) -> Trace:
    """A load between `low` and `high` requests/s; 40 minutes, or 24 hours for `diurnal`."""
    if shape == "diurnal":
        times = np.arange(0, 86_400, 60.0)
        swing = (1 - np.cos(2 * np.pi * times / 86_400)) / 2
        return Trace(times, low + (high - low) * swing)
    times = np.arange(0, 2_400, 5.0)
    until = 1_500 if shape == "step" else 660
    return Trace(times, np.where((times >= 600) & (times < until), high, low))
